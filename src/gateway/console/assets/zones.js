// Times are entered in the viewer's zone: input[data-zone] comes in UTC, and the hidden field beside it gets the exact time.

import { minute } from './times.js';

/** Takes over all such fields in this piece of a page. */
export function zones(piece) {
  piece.querySelectorAll('input[data-zone]').forEach((input) => {
    const exact = input.parentElement.querySelector('input[type="hidden"]');
    const given = new Date(`${input.defaultValue}Z`);
    // What the browser has put back after a reload is in the viewer's zone already.
    if (input.value === input.defaultValue && !Number.isNaN(given.getTime())) input.value = minute(given);
    const write = () => {
      const at = new Date(input.value);
      exact.value = Number.isNaN(at.getTime()) ? '' : at.toISOString();
    };
    const name = input.parentElement.querySelector('[data-zone-name]');
    if (name) name.textContent = Intl.DateTimeFormat().resolvedOptions().timeZone || 'your zone';
    input.addEventListener('input', write);
    write();
  });
}
