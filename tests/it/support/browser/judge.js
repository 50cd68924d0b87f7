// What keeps a page from being used by everybody: a part of what WCAG 2.2 (level AA) asks, as far as a program can tell.

function judge() {
  const complaints = [];
  const complain = (element, why) => complaints.push(`${why}: ${element.outerHTML.slice(0, 160)}`);
  const all = (selector) => [...document.querySelectorAll(selector)];

  if (!document.documentElement.lang) complaints.push('the page has no language (3.1.1)');
  if (!document.title) complaints.push('the page has no title (2.4.2)');
  if (all('h1').filter(seen).length !== 1) complaints.push(`the page has ${all('h1').length} headings of the first level (1.3.1)`);
  if (all('main').length !== 1) complaints.push('the page has not one main part (1.3.1)');
  if (document.documentElement.scrollWidth > innerWidth) {
    const wide = all('main *').filter((one) => one.getBoundingClientRect().right > innerWidth + 1 && !one.parentElement.closest('.scroll, .code, pre, svg, textarea'));
    complaints.push(`the page scrolls sideways (1.4.10): ${wide.slice(0, 3).map((one) => one.outerHTML.slice(0, 120))}`);
  }

  const ids = all('[id]').map((one) => one.id);
  ids.filter((id, place) => ids.indexOf(id) !== place).forEach((id) => complaints.push(`the id ${id} is there twice (4.1.1)`));
  all('[aria-describedby], [aria-labelledby]').forEach((one) => {
    `${one.getAttribute('aria-describedby') ?? ''} ${one.getAttribute('aria-labelledby') ?? ''}`.split(/\s+/).filter(Boolean)
      .forEach((id) => { if (!document.getElementById(id)) complain(one, `names ${id}, which is not there (1.3.1)`); });
  });
  all('label[for]').forEach((label) => { if (!document.getElementById(label.htmlFor)) complain(label, 'labels nothing (1.3.1)'); });

  all('input:not([type="hidden"]), select, textarea').filter(seen).forEach((control) => {
    const name = control.ariaLabel || [...(control.labels ?? [])].map(words).join(' ') || control.getAttribute('aria-labelledby');
    if (!name) complain(control, 'has no label (3.3.2)');
  });
  all('button, a[href], summary').filter(seen).forEach((one) => {
    if (!words(one) && !one.ariaLabel && !one.querySelector('svg title')) complain(one, 'has no words (4.1.2)');
  });
  all('img, svg[role="img"]').forEach((one) => {
    if (!one.alt && !one.ariaLabel && !one.querySelector('title') && !one.getAttribute('aria-labelledby')) complain(one, 'has no text in its place (1.1.1)');
  });
  all('table').forEach((table) => {
    if (!table.caption) complain(table, 'has no caption (1.3.1)');
    if ([...table.querySelectorAll('th')].some((th) => !th.scope)) complain(table, 'has headings without scope (1.3.1)');
  });
  all('[tabindex]').forEach((one) => { if (one.tabIndex > 0) complain(one, 'goes before others with Tab (2.4.3)'); });
  let level = 1;
  all('h1, h2, h3, h4').filter((one) => seen(one) && one.closest('main')).forEach((heading) => {
    const next = Number(heading.localName[1]);
    if (next > level + 1) complain(heading, `follows a heading of level ${level} (1.3.1)`);
    level = next;
  });

  contrasts(complain);
  return complaints;
}

/** All text that can be seen stands out from its ground: 4.5, or 3 where it is large (1.4.3). */
function contrasts(complain) {
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  const done = new Set();
  while (walker.nextNode()) {
    const element = walker.currentNode.parentElement;
    if (!walker.currentNode.data.trim() || done.has(element) || element.closest('script, style, template, option, svg') || !seen(element)) continue;
    if (element.closest('.hidden, .skip, [disabled]')) continue;
    done.add(element);
    const style = getComputedStyle(element);
    const ground = groundOf(element);
    const ratio = contrast(over(parse(style.color), ground), ground);
    const size = parseFloat(style.fontSize);
    const large = size >= 24 || (size >= 18.66 && Number(style.fontWeight) >= 700);
    if (ratio < (large ? 3 : 4.5)) complain(element, `has a contrast of ${ratio.toFixed(2)}, ${style.color} on ${ground.slice(0, 3)}`);
  }
}

/** Colours of all notations as red, green, blue, alpha: the browser paints one point. */
function parse(colour) {
  const canvas = parse.canvas ??= new OffscreenCanvas(1, 1).getContext('2d', { willReadFrequently: true });
  canvas.clearRect(0, 0, 1, 1);
  canvas.fillStyle = colour;
  canvas.fillRect(0, 0, 1, 1);
  const [red, green, blue, alpha] = canvas.getImageData(0, 0, 1, 1).data;
  return [red, green, blue, alpha / 255];
}

function over(front, back) {
  const alpha = front[3];
  return [0, 1, 2].map((channel) => front[channel] * alpha + back[channel] * (1 - alpha)).concat(1);
}

function groundOf(element) {
  const layers = [];
  for (let at = element; at; at = at.parentElement) {
    const layer = parse(getComputedStyle(at).backgroundColor);
    layers.push(layer);
    if (layer[3] === 1) break;
  }
  return layers.reduceRight((ground, layer) => over(layer, ground), [255, 255, 255, 1]);
}

function contrast(one, other) {
  const [light, dark] = [luminance(one), luminance(other)].sort((a, b) => b - a);
  return (light + 0.05) / (dark + 0.05);
}

function luminance(colour) {
  const [red, green, blue] = colour.map((channel) => {
    const share = channel / 255;
    return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
}
