// After a test: the line at which a script failed is marked in its editor, and all other marks go.

import { markLine } from './editor.js';

/** Listens to all parts that are filled. */
export function marks() {
  document.addEventListener('filled', (event) => {
    const said = event.target.querySelector('[data-mark]');
    if (!said) return;
    document.querySelectorAll('textarea[data-editor]').forEach((area) => markLine(area, null));
    const area = said.dataset.mark && document.querySelector(said.dataset.mark);
    if (area) markLine(area, said.dataset.line);
  });
}
