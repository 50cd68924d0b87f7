// Starts what pages ask for by attributes. Without these modules all pages can be read and all forms sent.

import { askFirst } from './ask.js';
import { editors } from './editor.js';
import { lists, tickAll } from './lists.js';
import { live } from './live.js';
import { marks } from './marks.js';
import { intoParts } from './parts.js';
import { rows } from './rows.js';
import { copying, focusRefusal, submitOnChange } from './small.js';
import { times } from './times.js';
import { zones } from './zones.js';

askFirst();
intoParts(prepare);
marks();
rows(prepare);
copying();
submitOnChange();
tickAll();
live(prepare);
prepare(document);
focusRefusal();

/** What has to be done with every new piece of a page. */
function prepare(piece) {
  times(piece);
  editors(piece);
  zones(piece);
  lists(piece);
}
