// Rows that can be added and taken away. A button with data-add names the list; the list's first <template data-row> is the row,
// with __n__ where a number that no other row of this page has goes (lists within rows have __m__, and so on).

/** Listens to all buttons, also those that come later. */
export function rows(prepare) {
  let next = 1000;
  document.addEventListener('click', (event) => {
    const add = event.target.closest('button[data-add]');
    const take = event.target.closest('button[data-take]');
    if (add) {
      const list = document.querySelector(add.dataset.add);
      const template = list.querySelector(':scope > template[data-row]');
      const made = document.createElement('div');
      made.innerHTML = template.innerHTML.replaceAll(template.dataset.row, next);
      next += 1;
      const row = made.firstElementChild;
      list.append(row);
      prepare(row);
      row.querySelector('input, select, textarea')?.focus();
    } else if (take) {
      const row = take.closest('[data-item]');
      const list = row.parentElement;
      row.remove();
      const last = [...list.querySelectorAll(':scope > [data-item]')].pop();
      (last?.querySelector('button[data-take]') ?? document.querySelector(`button[data-add="#${list.id}"]`))?.focus();
    }
  });
}
