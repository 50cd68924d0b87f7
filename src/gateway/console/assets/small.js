// Small things: copying, sending a choice at once, where the focus goes after a refusal.

/** A button with data-copy copies the text of the element that it names. */
export function copying() {
  document.addEventListener('click', async (event) => {
    const button = event.target.closest('button[data-copy]');
    if (!button) return;
    const words = button.textContent;
    try {
      await navigator.clipboard.writeText(document.querySelector(button.dataset.copy).textContent);
      button.textContent = 'Copied';
    } catch {
      button.textContent = 'Select it and copy by hand';
    }
    setTimeout(() => { button.textContent = words; }, 2000);
  });
}

/** A choice with data-submit sends its form; its button is for browsers without modules. */
export function submitOnChange() {
  document.querySelectorAll('select[data-submit]').forEach((select) => {
    select.form.querySelector('button[type="submit"]')?.setAttribute('hidden', '');
  });
  document.addEventListener('change', (event) => {
    if (event.target.matches('select[data-submit]')) event.target.form.requestSubmit();
  });
}

/** What was wrong is read first. */
export function focusRefusal() {
  document.querySelector('[data-focus]')?.focus();
}
