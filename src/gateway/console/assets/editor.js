// Line numbers for textarea[data-editor], Tab as indent (Escape first lets Tab leave), the line of an error marked.

/** Makes editors of all in this piece of a page. */
export function editors(piece) {
  piece.querySelectorAll('textarea[data-editor]').forEach((area) => {
    if (!area.closest('.editor')) edit(area);
  });
}

/** Marks a line (from 1) of an editor's text, or none. */
export function markLine(area, line) {
  if (line) area.dataset.errorLine = line;
  else delete area.dataset.errorLine;
  area.dispatchEvent(new Event('input'));
}

function edit(area) {
  const frame = document.createElement('div');
  frame.className = 'editor';
  const gutter = document.createElement('pre');
  gutter.className = 'gutter';
  gutter.setAttribute('aria-hidden', 'true');
  area.before(frame);
  frame.append(gutter, area);
  let shown = '';
  const number = () => {
    const lines = area.value.split('\n').length;
    const at = Number(area.dataset.errorLine || 0);
    if (shown === `${lines} ${at}`) return;
    shown = `${lines} ${at}`;
    gutter.replaceChildren(...Array.from({ length: lines }, (_, index) => {
      const line = document.createElement('span');
      line.textContent = index + 1;
      if (index + 1 === at) line.className = 'at';
      return line;
    }));
  };
  const follow = () => { gutter.scrollTop = area.scrollTop; };
  area.addEventListener('input', number);
  area.addEventListener('scroll', follow);
  new ResizeObserver(() => { gutter.style.height = `${area.offsetHeight}px`; }).observe(area);
  let leaving = false;
  area.addEventListener('keydown', (event) => {
    if (event.key === 'Escape') leaving = true;
    else if (event.key === 'Tab' && !leaving && !area.readOnly && !event.ctrlKey && !event.altKey && !event.metaKey) {
      event.preventDefault();
      indent(area, event.shiftKey);
    } else if (event.key !== 'Shift') leaving = false;
  });
  area.addEventListener('blur', () => { leaving = false; });
  number();
}

/** Indents what is selected, or puts two blanks; backwards takes them away. insertText keeps the browser's undo. */
function indent(area, back) {
  const { value, selectionStart: start, selectionEnd: end } = area;
  if (start === end && !back) {
    document.execCommand('insertText', false, '  ');
    return;
  }
  const from = value.lastIndexOf('\n', start - 1) + 1;
  const lines = value.slice(from, end).split('\n');
  const moved = lines.map((line) => (back ? line.replace(/^ {1,2}|^\t/, '') : `  ${line}`)).join('\n');
  area.setSelectionRange(from, end);
  document.execCommand('insertText', false, moved);
  area.setSelectionRange(from, from + moved.length);
}
