// Finds things as people do: by words that can be seen.

const seen = (element) => element.checkVisibility({ visibilityProperty: true, opacityProperty: true });
const words = (element) => element.textContent.replace(/\*/g, '').replace(/\s+/g, ' ').trim();
/** An open dialog is all that can be used. */
const here = () => [...document.querySelectorAll('dialog[open]')].pop() ?? document;

/** Also by what a select offers: for words that are among its choices, look for the element. */
function shows(text) {
  return document.body.innerText.replace(/\s+/g, ' ').includes(text.replace(/\s+/g, ' '));
}

/** Of several the last: what was added last. */
function labelled(text) {
  const labels = [...here().querySelectorAll('label')].filter((label) => words(label) === text && label.control);
  const named = [...here().querySelectorAll('[aria-label]')].filter((control) => control.matches('input, select, textarea') && control.ariaLabel === text);
  return [...labels.map((label) => label.control), ...named].filter(seen).pop() ?? null;
}

function choose(label, text) {
  const select = labelled(label);
  const option = select && [...select.options].find((one) => words(one) === text);
  if (!option) return false;
  select.value = option.value;
  select.dispatchEvent(new Event('change', { bubbles: true }));
  return true;
}

function pressable(text) {
  const all = [...here().querySelectorAll('button, a[href], summary')].filter((one) => seen(one) && !one.disabled);
  return all.find((one) => words(one) === text || one.ariaLabel === text) ?? null;
}

/** Live parts wait with what is new, until thaw() or another page: what is being done to them is done in several steps. */
function still() {
  document.querySelectorAll('[data-live]').forEach((part) => part.setAttribute('aria-busy', 'true'));
}

function thaw() {
  document.querySelectorAll('[data-live]').forEach((part) => part.removeAttribute('aria-busy'));
}

/** What is found in a live part has to be there until it is pressed. */
function heldStill(found) {
  if (found?.closest('[data-live]')) still();
  return found;
}

/** What Tab should reach, in the order of the page. */
function tabbable() {
  const all = document.querySelectorAll('a[href], button, input, select, textarea, summary, [tabindex]');
  return [...all].filter((one) => seen(one) && !one.disabled && one.type !== 'hidden' && one.tabIndex >= 0);
}

function focused() {
  const at = document.activeElement;
  const style = getComputedStyle(at);
  const frame = at.closest('.editor');
  const outlined = (of) => of.outlineStyle !== 'none' && parseFloat(of.outlineWidth) > 0;
  return {
    place: tabbable().indexOf(at),
    what: at.outerHTML.slice(0, 200),
    visible: outlined(style) || Boolean(frame && outlined(getComputedStyle(frame))),
    editor: at.matches('textarea[data-editor]'),
  };
}
