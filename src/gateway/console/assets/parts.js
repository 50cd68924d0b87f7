// Buttons (or forms) with data-into send their form and put the answer into that element, instead of leaving the page.

/** Listens to all forms, also those that come later. */
export function intoParts(prepare) {
  document.addEventListener('submit', async (event) => {
    const button = event.submitter;
    const into = button?.dataset.into ?? event.target.dataset.into;
    const target = into && document.querySelector(into);
    if (!target || event.defaultPrevented) return;
    event.preventDefault();
    target.setAttribute('aria-busy', 'true');
    button?.setAttribute('aria-busy', 'true');
    if (button) button.disabled = true;
    try {
      const body = new URLSearchParams(new FormData(event.target, button?.name ? button : undefined));
      const action = button?.getAttribute('formaction') ?? event.target.action;
      const answer = await fetch(action, { method: 'POST', body, headers: { 'x-part': '1', accept: 'text/html' } });
      const page = new DOMParser().parseFromString(await answer.text(), 'text/html');
      const content = page.querySelector('main > .problem') ?? page.querySelector('main') ?? page.body;
      target.replaceChildren(...document.importNode(content, true).childNodes);
    } catch {
      const sorry = document.createElement('p');
      sorry.className = 'refusal';
      sorry.textContent = 'The server did not answer. Nothing may have been done; try again.';
      target.replaceChildren(sorry);
    } finally {
      target.removeAttribute('aria-busy');
      button?.removeAttribute('aria-busy');
      if (button) button.disabled = false;
    }
    prepare(target);
    target.dispatchEvent(new CustomEvent('filled', { bubbles: true }));
    target.scrollIntoView({ block: 'nearest' });
  });
}
