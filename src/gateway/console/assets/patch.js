// Makes a part of a page like one that was made anew, with as few changes as can be: what stays is the same element as before, so
// that it keeps the focus, what was typed and ticked, and a press that has begun on it.

/** Patches an element's attributes and all that is in it. The nodes of `fresh` that are new here are taken out of it. */
export function patch(old, fresh) {
  if (old.nodeType !== Node.ELEMENT_NODE) {
    if (old.data !== fresh.data) old.data = fresh.data;
    return;
  }
  if (isTheirs(old)) return;
  attributes(old, fresh);
  children(old, fresh);
}

/** Somebody is at it, has chosen there and not sent it yet, or waits for an answer; or it says what the person has seen. */
function isTheirs(element) {
  if (element.getAttribute('aria-busy') === 'true' || element.matches('input[type="hidden"][name="version"]')) return true;
  if (element.matches('select') && isChosen(element)) return true;
  return element === document.activeElement && element.matches('input, select, textarea');
}

/** Whether something else is chosen than the page came with. */
function isChosen(select) {
  const came = [...select.options].findLast((option) => option.defaultSelected) ?? select.options[0];
  return select.value !== (came?.value ?? '');
}

/** Whether a `details` is open is the viewer's choice; only modules write styles. */
const isKept = (element, name) => name === 'style' || (name === 'open' && element.localName === 'details');

function attributes(old, fresh) {
  [...old.attributes].forEach(({ name }) => {
    if (!fresh.hasAttribute(name) && !isKept(old, name)) old.removeAttribute(name);
  });
  [...fresh.attributes].forEach(({ name, value }) => {
    if (old.getAttribute(name) !== value && !isKept(old, name)) old.setAttribute(name, value);
  });
}

function children(old, fresh) {
  const known = new Map();
  old.childNodes.forEach((node) => {
    const name = key(node);
    if (!known.has(name)) known.set(name, []);
    known.get(name).push(node);
  });
  const wanted = [...fresh.childNodes].map((node) => [known.get(key(node))?.shift(), node]);
  const kept = new Set(wanted.map(([node]) => node));
  // What has gone goes first: then hardly anything that stays has to move, and what moves would lose the focus.
  [...old.childNodes].forEach((node) => { if (!kept.has(node)) node.remove(); });
  let place = old.firstChild;
  wanted.forEach(([node, like]) => {
    if (!node) old.insertBefore(document.adoptNode(like), place);
    else {
      if (node === place) place = node.nextSibling;
      else old.insertBefore(node, place);
      patch(node, like);
    }
  });
}

/** What is the same thing before and after. What does something else must not take the place of what a finger is on already. */
function key(node) {
  // Not `node.id`: of a form that is its control of that name.
  return node.nodeType === Node.ELEMENT_NODE ? `${node.localName} ${node.getAttribute('id') || does(node)}` : node.nodeName;
}

function does(node) {
  const attribute = (name) => node.getAttribute(name) ?? '';
  if (node.matches('tr, li')) return node.querySelector('a[href]')?.getAttribute('href') ?? '';
  if (node.matches('option')) return node.value;
  if (node.matches('input')) return `${node.type} ${node.name} ${node.matches('[type="checkbox"], [type="radio"]') ? node.value : ''}`;
  if (node.matches('button')) return node.dataset.copy ?? `${attribute('formaction')} ${node.value} ${node.textContent}`;
  return attribute('href') || attribute('action');
}
