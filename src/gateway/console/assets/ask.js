// Buttons with data-ask ask before they do what they say.

/** Listens to all forms, also those that come later. */
export function askFirst() {
  document.addEventListener('submit', (event) => {
    const button = event.submitter;
    const question = button?.dataset.ask;
    if (!question || button.dataset.asked) return;
    event.preventDefault();
    event.stopImmediatePropagation();
    ask(question, button.textContent).then((yes) => {
      if (!yes) {
        button.focus();
        return;
      }
      button.dataset.asked = 'yes';
      event.target.requestSubmit(button);
      delete button.dataset.asked;
    });
  }, true);
}

function ask(question, verb) {
  const dialog = document.createElement('dialog');
  const text = document.createElement('p');
  text.textContent = question;
  text.id = 'ask-text';
  dialog.setAttribute('aria-labelledby', text.id);
  const buttons = document.createElement('div');
  buttons.className = 'buttons';
  const no = document.createElement('button');
  no.textContent = 'Cancel';
  const yes = document.createElement('button');
  yes.textContent = verb;
  yes.className = 'danger';
  buttons.append(no, yes);
  dialog.append(text, buttons);
  document.body.append(dialog);
  return new Promise((resolve) => {
    let answer = false;
    no.addEventListener('click', () => dialog.close());
    yes.addEventListener('click', () => {
      answer = true;
      dialog.close();
    });
    dialog.addEventListener('close', () => {
      dialog.remove();
      resolve(answer);
    });
    dialog.showModal();
    no.focus();
  });
}
