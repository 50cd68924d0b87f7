// Lists in which several rows can be ticked, and filters by time.

import { minute } from './times.js';

/** A button with data-tick-all ticks all boxes of that name, or none where all are ticked. */
export function tickAll() {
  document.addEventListener('click', (event) => {
    const button = event.target.closest('button[data-tick-all]');
    if (!button) return;
    const boxes = [...document.querySelectorAll(`input[type="checkbox"][name="${CSS.escape(button.dataset.tickAll)}"]`)];
    const all = boxes.every((box) => box.checked);
    boxes.forEach((box) => { box.checked = !all; });
  });
}

/** Shows the buttons that only work with this module. Fields with data-moment hold a time in UTC; people choose it in their zone. */
export function lists(piece) {
  piece.querySelectorAll('button[data-tick-all][hidden]').forEach((button) => { button.hidden = false; });
  piece.querySelectorAll('input[data-moment]').forEach((field) => {
    const at = field.value ? new Date(field.value) : null;
    // What cannot be understood stays as it was entered, with what is wrong beside it.
    if (field.type === 'hidden' || (at && Number.isNaN(at.getTime()))) return;
    const local = document.createElement('input');
    local.type = 'datetime-local';
    local.id = field.id;
    if (field.hasAttribute('aria-describedby')) local.setAttribute('aria-describedby', field.getAttribute('aria-describedby'));
    if (at) local.value = minute(at);
    field.removeAttribute('id');
    field.type = 'hidden';
    field.before(local);
    local.addEventListener('input', () => { field.value = local.value ? new Date(local.value).toISOString() : ''; });
    document.querySelectorAll(`[data-moment-utc="${CSS.escape(field.name)}"]`).forEach((words) => words.remove());
  });
}
