// Runs once in each worker, before any user code: takes the natives, removes what scripts must not have, freezes the rest, and gives
// back [prepare, setLimits]. Everything that it calls later is frozen by then, so that no script can change how it works.
(function () {
  'use strict';

  const { compile, invoke, log } = globalThis.__natives;
  delete globalThis.__natives;

  const URL_SCRIPT = 1, BODY_SCRIPT = 2, RESPONSE_SCRIPT = 3, RECORD_SCRIPT = 4, ITEM_BODY_SCRIPT = 5, ITEM_RESULT_SCRIPT = 6;
  const INPUTS = ['call', 'lastRun', 'state', 'dueAt', 'now', 'console'];
  const INPUTS_WITH_RESPONSE = INPUTS.concat(['request', 'response']);
  const INPUTS_OF_RECORD = ['record', 'context', 'now', 'console'];
  const INPUTS_OF_ITEM = ['item', 'integration', 'clientIntegration', 'queueItem', 'now', 'console'];
  const INPUTS_OF_ITEM_RESULT = INPUTS_OF_ITEM.concat(['request', 'response']);
  const PREFIX = '"use strict";return (function(){', SUFFIX = '\n})';
  const MESSAGE_LENGTH_MAX = 4096, STACK_LENGTH_MAX = 8192, SHOWN_LENGTH_MAX = 80;
  const TRANSACTION_BYTES_MAX = 1048576;
  let logLengthMax = 0, outputBytesMax = 0;
  const KEPT = ['Infinity', 'NaN', 'undefined', 'globalThis', 'Object', 'Function', 'Array', 'Number', 'Boolean', 'String', 'Symbol',
    'BigInt', 'Date', 'Math', 'JSON', 'RegExp', 'Map', 'Set', 'WeakMap', 'WeakSet', 'Proxy', 'Reflect', 'Promise', 'Intl', 'Error',
    'AggregateError', 'EvalError', 'RangeError', 'ReferenceError', 'SyntaxError', 'TypeError', 'URIError', 'ArrayBuffer', 'DataView',
    'Uint8Array', 'Int8Array', 'Uint16Array', 'Int16Array', 'Uint32Array', 'Int32Array', 'Float32Array', 'Float64Array',
    'Uint8ClampedArray', 'BigUint64Array', 'BigInt64Array', 'eval', 'parseFloat', 'parseInt', 'isFinite', 'isNaN', 'decodeURI',
    'decodeURIComponent', 'encodeURI', 'encodeURIComponent', 'escape', 'unescape'];

  // --- What a script hands back ------------------------------------------------------------------------------------------------

  class Refusal {
    constructor(kind, message) { this.kind = kind; this.message = message; }
  }
  const refuse = (message) => { throw new Refusal('result', message); };

  const EXPECTED = {
    [URL_SCRIPT]: 'A URL script must return a string.',
    [BODY_SCRIPT]: 'A body script must return a string, or an object to be sent as JSON.',
    [RESPONSE_SCRIPT]: 'A response script must return a transaction object, an array of them, "Abort", or ' +
      '{"transactions": [...], "state": {...}}.',
    [RECORD_SCRIPT]: 'A record script must return the record (an object), nothing to keep it as it is, or null or "Skip" to leave it out.',
    [ITEM_BODY_SCRIPT]: 'A body script must return a string, or an object to be sent as JSON.',
    [ITEM_RESULT_SCRIPT]: 'A result script must return nothing, a text, an object, or an array of records.',
  };

  function show(value) {
    const text = JSON.stringify(value.length > SHOWN_LENGTH_MAX ? value.slice(0, SHOWN_LENGTH_MAX) + '...' : value);
    return `the string ${text}`;
  }

  // What a value is, in words, where it is not a plain object or an array; else null.
  function oddity(value) {
    if (value === undefined) return 'nothing (undefined)';
    if (value === null) return 'null';
    switch (typeof value) {
      case 'string': return show(value);
      case 'number': case 'boolean': return `the ${typeof value} ${value}`;
      case 'bigint': return 'a BigInt';
      case 'symbol': return 'a symbol';
      case 'function': return 'a function';
    }
    if (value instanceof Promise) return 'a promise';
    if (value instanceof String) return 'a String object (made with new String)';
    if (value instanceof Number || value instanceof Boolean) return 'an object made with new Number or new Boolean';
    if (value instanceof Error) return 'an Error object';
    for (const type of [Date, RegExp, Map, Set, WeakMap, WeakSet, ArrayBuffer]) {
      if (value instanceof type) return `a ${type.name}`;
    }
    return null;
  }

  const ADVICE = {
    'a promise': ' Scripts are synchronous: do not use async or await.',
    'a String object (made with new String)': ' Return the plain string instead.',
    'nothing (undefined)': ' Is there a return statement on every path?',
    'an Error object': ' To report an error, throw it.',
  };
  function refuseReturned(kind, what) {
    refuse(`The script returned ${what}. ${EXPECTED[kind]}${ADVICE[what] || ''}`);
  }

  function stringify(value, what) {
    let text;
    try {
      text = JSON.stringify(value);
    } catch (error) {
      if (error instanceof TypeError) {
        if (/BigInt/.test(error.message)) {
          refuse(`${what} holds a BigInt, which JSON cannot hold. Turn it into a string: String(value).`);
        }
        if (/circular/.test(error.message)) refuse(`${what} contains itself (a cycle), which JSON cannot hold.`);
      }
      throw error;
    }
    if (typeof text !== 'string') refuse(`${what} becomes nothing when written as JSON (its toJSON returned no value).`);
    return text;
  }

  function stringifyObject(value, what) {
    const text = stringify(value, what);
    if (text[0] !== '{') refuse(`${what} is not an object once written as JSON (see its toJSON).`);
    return text;
  }

  function requireSize(length, limit, what) {
    if (length > limit) throw new Refusal('tooLarge', `${what} is larger than the limit of ${limit} bytes.`);
  }

  function transaction(value, what) {
    const text = stringifyObject(value, what);
    requireSize(text.length, TRANSACTION_BYTES_MAX, what);
    return text;
  }

  function transactions(values) {
    const texts = [];
    let total = 0;
    for (let i = 0; i < values.length; i++) {
      const value = values[i], what = `Element ${i} of the transactions`;
      const odd = Array.isArray(value) ? 'an array' : oddity(value);
      if (odd !== null) refuse(`${what} is ${odd}. Each transaction must be an object.`);
      const text = transaction(value, what);
      total += text.length + 1;
      requireSize(total, outputBytesMax, 'The output of the script');
      texts.push(text);
    }
    return texts.join('\n');
  }

  // The envelope {"transactions", "state"} is told from a transaction by having no other members.
  function isEnvelope(value) {
    const keys = Object.keys(value);
    return keys.length > 0 && keys.length <= 2 && keys.every((key) => key === 'transactions' || key === 'state');
  }

  function envelope(value) {
    const list = value.transactions, state = value.state;
    if (list === undefined) {
      refuse('The script returned an object with only "state". Add "transactions": [...] to it; the array may be empty.');
    }
    if (!Array.isArray(list)) {
      const odd = oddity(list);
      refuse(`"transactions" is ${odd === null ? 'an object' : odd}. It must be an array of transaction objects; it may be empty.`);
    }
    let stateText = '';
    if (state !== undefined) {
      const odd = Array.isArray(state) ? 'an array' : oddity(state);
      if (odd !== null) refuse(`"state" is ${odd}. It must be an object.`);
      stateText = stringifyObject(state, '"state"');
      requireSize(stateText.length, outputBytesMax, '"state"');
    }
    return `X${stateText}\n${transactions(list)}`;
  }

  function recordAnswer(value) {
    if (value === undefined) return 'U';
    if (value === null || value === 'Skip') return 'S';
    const odd = Array.isArray(value) ? 'an array' : oddity(value);
    if (odd !== null) refuseReturned(RECORD_SCRIPT, odd);
    const text = stringifyObject(value, 'The returned record');
    requireSize(text.length, outputBytesMax, 'The output of the script');
    return 'J' + text;
  }

  function itemResult(value) {
    if (value === undefined || value === null) return 'U';
    if (typeof value === 'string') {
      requireSize(value.length, outputBytesMax, 'The output of the script');
      return 'T' + value;
    }
    const odd = Array.isArray(value) ? null : oddity(value);
    if (odd !== null) refuseReturned(ITEM_RESULT_SCRIPT, odd);
    const text = stringify(value, 'The returned value');
    requireSize(text.length, outputBytesMax, 'The output of the script');
    return 'J' + text;
  }

  // One letter (T text, J JSON, A abort, U unchanged, S skip, X transactions: state, then one line each), then the content.
  function answer(kind, value) {
    if (kind === RECORD_SCRIPT) return recordAnswer(value);
    if (kind === ITEM_RESULT_SCRIPT) return itemResult(value);
    if (kind !== RESPONSE_SCRIPT) {
      if (typeof value === 'string') {
        requireSize(value.length, outputBytesMax, 'The output of the script');
        return 'T' + value;
      }
      const odd = oddity(value);
      if (kind === URL_SCRIPT) refuseReturned(kind, odd === null ? (Array.isArray(value) ? 'an array' : 'an object') : odd);
      if (odd !== null) refuseReturned(kind, odd);
      const text = stringify(value, 'The returned object');
      requireSize(text.length, outputBytesMax, 'The output of the script');
      return 'J' + text;
    }
    if (value === 'Abort') return 'A';
    if (Array.isArray(value)) return `X\n${transactions(value)}`;
    const odd = oddity(value);
    if (odd !== null) refuseReturned(kind, odd);
    return isEnvelope(value) ? envelope(value) : `X\n${transaction(value, 'The transaction')}`;
  }

  // --- What went wrong, as JSON after the letter E -----------------------------------------------------------------------------

  function cut(text, length) { return text.length > length ? text.slice(0, length) + '...' : text; }

  function describe(thrown) {
    if (thrown instanceof Error) {
      const name = String(thrown.name), text = String(thrown.message), stack = thrown.stack;
      return {
        message: name === 'Error' || name === '' ? text || name : `${name}: ${text}`,
        stack: typeof stack === 'string' ? cut(stack, STACK_LENGTH_MAX) : null,
        memory: thrown instanceof RangeError && /^(Array buffer allocation failed|Invalid string length)$/.test(text),
      };
    }
    if (typeof thrown === 'string') return { message: thrown, stack: null, memory: false };
    let text = '';
    try { text = typeof thrown === 'object' ? JSON.stringify(thrown) : String(thrown); } catch { /* it stays unsaid */ }
    return { message: `The script threw a value that is not an Error: ${text}`, stack: null, memory: false };
  }

  function failure(kind, thrown, name, report) {
    if (thrown instanceof Refusal) return 'E' + JSON.stringify({ kind: thrown.kind, message: cut(thrown.message, MESSAGE_LENGTH_MAX) });
    let described;
    try { described = describe(thrown); } catch { described = { message: 'The script threw a value that cannot be read.', stack: null }; }
    const known = report[1] > 0 && report[3] === name;
    return 'E' + JSON.stringify({
      kind: described.memory ? 'memory' : kind,
      message: cut(described.message, MESSAGE_LENGTH_MAX),
      line: known ? report[1] : null,
      column: known ? report[2] : null,
      stack: described.stack,
    });
  }

  // --- The console ---------------------------------------------------------------------------------------------------------------

  function written(value) {
    if (typeof value === 'string') return value;
    try {
      if (value instanceof Error) return typeof value.stack === 'string' ? value.stack : String(value);
      if (typeof value === 'object' && value !== null) {
        const text = JSON.stringify(value);
        if (typeof text === 'string') return text;
      }
      return String(value);
    } catch {
      return '[a value that cannot be written]';
    }
  }
  const logger = (level) => (...values) => {
    let text = '';
    for (let i = 0; i < values.length && text.length <= logLengthMax; i++) {
      const part = written(values[i]);
      text += (i === 0 ? '' : ' ') + (part.length > logLengthMax ? part.slice(0, logLengthMax + 1) : part);
    }
    log(level, text);
  };
  const console = { log: logger(0), info: logger(1), warn: logger(2), error: logger(3), debug: logger(0) };

  // --- Entry points --------------------------------------------------------------------------------------------------------------

  function inputsOf(kind) {
    if (kind === RECORD_SCRIPT) return INPUTS_OF_RECORD;
    if (kind === ITEM_BODY_SCRIPT) return INPUTS_OF_ITEM;
    if (kind === ITEM_RESULT_SCRIPT) return INPUTS_OF_ITEM_RESULT;
    return kind === RESPONSE_SCRIPT ? INPUTS_WITH_RESPONSE : INPUTS;
  }

  // For a script: a function that runs it once, or a failure as text. Compiled twice: first as a whole function body, so that no text can close our
  // function early; then one level down, so that a script may declare names that its inputs have (const state = ...).
  function prepare(kind, name, source) {
    const report = [];
    let made = compile(report, name, '"use strict";', source, '');
    if (made !== undefined) {
      made = compile(report, name, PREFIX, source, SUFFIX, ...inputsOf(kind));
    }
    if (made === undefined) return failure('compile', report[0], name, report);
    return (contextText, stateText, body, bodyForJson) => run(made, kind, name, contextText, stateText, body, bodyForJson);
  }

  function makeResponse(head, body, bodyForJson) {
    let parsed, isParsed = false;
    return {
      statusCode: head.statusCode,
      headers: head.headers,
      body,
      get json() {
        if (!isParsed) {
          if (body.trim() === '') throw new SyntaxError('response.json: the body is empty');
          try {
            parsed = JSON.parse(bodyForJson === undefined ? body : bodyForJson);
          } catch (error) {
            throw new SyntaxError(`response.json: the body is not JSON: ${error.message}`);
          }
          isParsed = true;
        }
        return parsed;
      },
    };
  }

  function run(made, kind, name, contextText, stateText, body, bodyForJson) {
    const report = [];
    try {
      const context = JSON.parse(contextText);
      if (kind === RECORD_SCRIPT) {
        const record = JSON.parse(bodyForJson === undefined ? body : bodyForJson);
        const value = invoke(report, made(record, context, context.now, console));
        return report.length > 0 ? failure('thrown', report[0], name, report) : answer(kind, value);
      }
      if (kind === ITEM_BODY_SCRIPT || kind === ITEM_RESULT_SCRIPT) {
        const { item, integration, clientIntegration, queueItem } = JSON.parse(stateText);
        const response = kind === ITEM_RESULT_SCRIPT ? makeResponse(context.response, body, bodyForJson) : undefined;
        const inner = made(item, integration, clientIntegration, queueItem, context.now, console, context.request, response);
        const value = invoke(report, inner);
        return report.length > 0 ? failure('thrown', report[0], name, report) : answer(kind, value);
      }
      const state = stateText === undefined ? {} : JSON.parse(stateText);
      const response = kind === RESPONSE_SCRIPT ? makeResponse(context.response, body, bodyForJson) : undefined;
      const inner = made(context.call, context.lastRun, state, context.dueAt, context.now, console, context.request, response);
      const value = invoke(report, inner);
      if (report.length > 0) return failure('thrown', report[0], name, report);
      return answer(kind, value);
    } catch (error) {
      return failure('thrown', error, name, []);
    }
  }

  function setLimits(logBytes, outputBytes) { logLengthMax = logBytes; outputBytesMax = outputBytes; }

  // --- Removing and freezing -----------------------------------------------------------------------------------------------------

  for (const key of Reflect.ownKeys(globalThis)) {
    if (typeof key === 'string' && !KEPT.includes(key)) delete globalThis[key];
  }
  // The last match is process-wide: it would show one run's text to the next.
  for (const key of Reflect.ownKeys(RegExp)) {
    if (typeof key === 'string' && !['length', 'name', 'prototype'].includes(key)) delete RegExp[key];
  }
  globalThis.console = console;

  const seen = new Set();
  const found = [];
  function visit(value) {
    if (value === null || (typeof value !== 'object' && typeof value !== 'function') || seen.has(value)) return;
    seen.add(value);
    found.push(value);
  }
  visit(globalThis);
  const iteratorOf = (value, key = Symbol.iterator) => Object.getPrototypeOf(value[key]());
  for (const hidden of [
    function* () {}, async () => {}, async function* () {}, iteratorOf([]), iteratorOf(''), iteratorOf(new Map()), iteratorOf(new Set()),
    Object.getPrototypeOf(''.matchAll(/x/g)), (function* () {})(), (async function* () {})(),
    Object.getOwnPropertyDescriptor((function () { return arguments; })(), 'callee').get,
    typeof Intl === 'object' && Intl.Segmenter ? new Intl.Segmenter().segment('x') : null,
    typeof Intl === 'object' && Intl.Segmenter ? iteratorOf(new Intl.Segmenter().segment('x')) : null,
  ]) {
    visit(hidden);
  }
  for (let i = 0; i < found.length; i++) {
    visit(Object.getPrototypeOf(found[i]));
    for (const descriptor of Object.values(Object.getOwnPropertyDescriptors(found[i]))) {
      visit(descriptor.value);
      visit(descriptor.get);
      visit(descriptor.set);
    }
    for (const key of Object.getOwnPropertySymbols(found[i])) {
      const descriptor = Object.getOwnPropertyDescriptor(found[i], key);
      visit(descriptor.value);
      visit(descriptor.get);
      visit(descriptor.set);
    }
  }

  // A frozen inherited property cannot be assigned on an heir (`error.name = ...` throws), unless it is an accessor whose setter
  // defines an own property. All of Object.prototype and the error prototypes get that, elsewhere the names that people use;
  // `constructor` of arrays, promises and regular expressions stays plain, because V8's fast paths look at it.
  const ASSIGNED_NAMES = ['constructor', 'name', 'message', 'toString', 'toLocaleString', 'valueOf', 'toJSON'];
  const PLAIN_CONSTRUCTOR = [Array.prototype, Promise.prototype, RegExp.prototype, Object.getPrototypeOf(Uint8Array.prototype)];
  function letHeirsAssign(holder, key) {
    const descriptor = Object.getOwnPropertyDescriptor(holder, key);
    if (descriptor === undefined || !('value' in descriptor) || !descriptor.configurable) return;
    const value = descriptor.value;
    Object.defineProperty(holder, key, {
      configurable: false,
      enumerable: descriptor.enumerable,
      get: Object.freeze({ get() { return value; } }.get),
      set: Object.freeze({
        set(assigned) {
          if (this === holder || (typeof this !== 'object' && typeof this !== 'function') || this === null) {
            throw new TypeError(`Cannot assign to ${String(key)}: built-ins are frozen`);
          }
          Object.defineProperty(this, key, { value: assigned, writable: true, enumerable: true, configurable: true });
        },
      }.set),
    });
  }
  for (const value of found) {
    const isPrototype = Object.prototype.hasOwnProperty.call(value, 'constructor') && value.constructor?.prototype === value;
    if (!isPrototype) continue;
    const all = value === Object.prototype || value === Error.prototype || value instanceof Error;
    for (const key of all ? Object.getOwnPropertyNames(value) : ASSIGNED_NAMES) {
      if (key === '__proto__' || (key === 'constructor' && PLAIN_CONSTRUCTOR.includes(value))) continue;
      letHeirsAssign(value, key);
    }
  }
  for (const value of found) Object.freeze(value);

  return [prepare, setLimits];
})();
