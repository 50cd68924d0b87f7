// Parts with data-live are made anew when something happens that they show. The server makes them: the page is asked for again,
// at most once a second, and only the parts whose kinds of events came are put in. What is being edited is left alone, and so is all
// as long as a question is open: what it is about must not go away.

import { patch } from './patch.js';

const PAUSE_MS = 1000;
/** Without the right to hear events, and for what only time changes. */
const POLL_MS = 10000;

/** Listens while the page can be seen: browsers allow few connections to one host. */
export function live(prepare) {
  if (!document.querySelector('[data-live]')) return;
  const base = document.body.dataset.base;
  const stale = new Set();
  let timer = null;
  let source = null;

  const soon = () => { if (!asks()) timer ??= setTimeout(refresh, PAUSE_MS); };
  const touch = (kind) => {
    document.querySelectorAll('[data-live]').forEach((part) => {
      if (kind === null || part.dataset.live.split(' ').includes(kind)) stale.add(part.id);
    });
    if (stale.size) soon();
  };

  async function refresh() {
    const ids = [...stale];
    stale.clear();
    try {
      const answer = await fetch(location.href, { headers: { accept: 'text/html' } });
      if (answer.redirected) return location.reload();
      if (answer.ok) {
        const page = new DOMParser().parseFromString(await answer.text(), 'text/html');
        ids.filter((id) => !renew(document.getElementById(id), page.getElementById(id), prepare)).forEach((id) => stale.add(id));
      }
    } catch {
      // The server is away for a moment; the next event or look tries again.
    } finally {
      timer = null;
      if (stale.size) soon();
    }
    return undefined;
  }

  const open = () => {
    if (!('events' in document.body.dataset)) return;
    source = new EventSource(`${base}/events`);
    source.onopen = () => { document.body.dataset.connected = 'yes'; touch(null); };
    source.onerror = () => {
      delete document.body.dataset.connected;
      // Refused for good (too many listeners): from then on the clock asks.
      if (source?.readyState === EventSource.CLOSED) source = null;
    };
    kinds().forEach((kind) => source.addEventListener(kind, () => touch(kind)));
    source.addEventListener('events.lost', () => touch(null));
  };
  const close = () => { source?.close(); source = null; };

  // A question was answered; this event does not bubble.
  document.addEventListener('close', () => { if (stale.size) soon(); }, true);
  document.addEventListener('visibilitychange', () => {
    if (document.hidden) close();
    else if (!source) { open(); touch(null); }
  });
  setInterval(() => { if (!document.hidden && (!source || document.querySelector('[data-live-clock]'))) touch(null); }, POLL_MS);
  open();
}

/** Whether a question is open. */
const asks = () => Boolean(document.querySelector('dialog[open]'));

/** Kinds of events that the parts of this page name; EventSource hears only those that it is told of. */
function kinds() {
  return new Set([...document.querySelectorAll('[data-live]')].flatMap((part) => part.dataset.live.split(' ')));
}

/** Says whether that is done: not as long as a question is open, or the part waits for an answer. */
function renew(old, fresh, prepare) {
  if (!old || !fresh) return true;
  if (asks() || old.getAttribute('aria-busy') === 'true') return false;
  const focused = old.contains(document.activeElement) ? document.activeElement : null;
  // Its listeners come along with what is taken out of it.
  prepare(fresh);
  patch(old, fresh);
  // What had to move has lost it.
  if (focused && document.activeElement !== focused) (focused.isConnected ? focused : at(old, focused))?.focus({ preventScroll: true });
  return true;
}

/** The focused thing is not there any more: another one that leads to the same. */
function at(part, gone) {
  const href = gone.getAttribute('href');
  return href && part.querySelector(`a[href="${CSS.escape(href)}"]`);
}
