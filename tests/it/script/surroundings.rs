//! What scripts find around them: frozen built-ins that still let ordinary code work, and nothing that reaches outside.

use orrery::script::{Kind, ScriptErrorKind, Value};

use super::{error_of, job, output, pool, text};

#[tokio::test]
async fn ordinary_code_works_although_built_ins_are_frozen() {
    let pool = pool(1);
    let cases = [
        (
            "const o = {}; o.constructor = 1; o.toString = 2; o.valueOf = 3; o.hasOwnProperty = 4; o.name = 5; return JSON.stringify(o)",
            r#"{"constructor":1,"toString":2,"valueOf":3,"hasOwnProperty":4,"name":5}"#,
        ),
        (
            "const o = {}; for (const k of ['toString', 'isPrototypeOf', '__defineGetter__']) o[k] = k; return Object.keys(o).join()",
            "toString,isPrototypeOf,__defineGetter__",
        ),
        (
            "const e = new Error('a'); e.name = 'Mine'; e.message = 'b'; return String(e)",
            "Mine: b",
        ),
        (
            "class A extends Error { constructor(m) { super(m); this.name = 'A'; } toString() { return 'A!' + this.message } } return `${new A('x')}`",
            "A!x",
        ),
        (
            "function F() {} F.prototype = Object.create(Error.prototype); F.prototype.constructor = F; F.prototype.name = 'F'; F.prototype.toString = () => 'f'; return `${new F()}`",
            "f",
        ),
        (
            "function P() {} P.prototype.toString = function () { return 'p'; }; return '' + new P()",
            "p",
        ),
        (
            "const a = [3, 1, 2]; a.toString = () => 'mine'; a.name = 'n'; return a + a.name",
            "minen",
        ),
        ("const f = () => 1; f.toString = () => 'f'; return '' + f", "f"),
        (
            "class B { static name = 'own'; name = 'x'; constructor() { this.valueOf = () => 7; } } return B.name + new B().name + (new B() + 1)",
            "ownx8",
        ),
        (
            "const d = new Date(0); d.toJSON = () => 'j'; return JSON.stringify({d})",
            r#"{"d":"j"}"#,
        ),
        (
            "const o = Object.assign({}, {toString: 1, constructor: 2}); const {constructor, ...rest} = o; return constructor + JSON.stringify(rest)",
            r#"2{"toString":1}"#,
        ),
        (
            "const o = Object.create({get x() { return 1; }}); o.toLocaleString = 3; return String(o.x + o.toLocaleString)",
            "4",
        ),
        (
            "const m = new Map([['a', 1]]); m.set('b', 2); return [...m.keys()].join() + [...'xy'].length + [...new Set([1, 1])].length",
            "a,b21",
        ),
        ("return 'a-b-c'.replace(/-/g, '+') + /(\\d+)/.exec('x12')[1]", "a+b+c12"),
        (
            "return new Date(0).toString() + '|' + new Date(2026, 0, 1).toISOString()",
            "Thu Jan 01 1970 00:00:00 GMT+0000 (Coordinated Universal Time)|2026-01-01T00:00:00.000Z",
        ),
        (
            "return (1234.5).toLocaleString('en-US') + typeof Intl.DateTimeFormat",
            "1,234.5function",
        ),
        (
            "return String([1, 2, 3].map(x => x * 2).filter(x => x > 2).reduce((a, b) => a + b))",
            "10",
        ),
        (
            "return Object.prototype.toString.call([]) + ({}).constructor.name + (5).constructor.name",
            "[object Array]ObjectNumber",
        ),
        ("return String(this)", "undefined"),
    ];
    for (source, expected) in cases {
        assert_eq!(text(&pool, source).await, expected, "{source}");
    }
    pool.shutdown().await;
}

#[tokio::test]
async fn nothing_reaches_outside_or_makes_code() {
    let pool = pool(1);
    for name in [
        "WebAssembly",
        "SharedArrayBuffer",
        "Atomics",
        "setTimeout",
        "setInterval",
        "queueMicrotask",
        "setImmediate",
        "require",
        "process",
        "fetch",
        "XMLHttpRequest",
        "module",
        "global",
        "Deno",
        "WeakRef",
        "FinalizationRegistry",
        "__natives",
        "gc",
        "Worker",
        "performance",
        "structuredClone",
    ] {
        assert_eq!(
            text(&pool, &format!("return typeof {name} + ({name:?} in globalThis)")).await,
            "undefinedfalse",
            "{name}"
        );
    }
    for source in [
        "return eval('1 + 1')",
        "return (0, eval)('1 + 1')",
        "return new Function('return 1')()",
        "return Function('return 1')()",
        "return (() => {}).constructor('return 1')()",
        "return (async () => {}).constructor('return 1')()",
        "return (function* () {}).constructor('return 1')()",
        "return (async function* () {}).constructor('return 1')()",
        "return [].map.constructor('return globalThis')()",
        "return console.log.constructor('return 1')()",
        "return Reflect.construct(Function, ['return 1'])()",
    ] {
        let error = error_of(&pool, source).await;
        assert!(
            error.message.contains("code cannot be made from text here"),
            "{source}: {error}"
        );
    }
    let error = error_of(&pool, "return import('fs')").await;
    assert!(error.message.contains("a promise"), "{error}");
    let error = error_of(&pool, "import fs from 'fs'").await;
    assert_eq!(error.kind, ScriptErrorKind::Compile);
    // What it can see of our own functions gives it nothing.
    let seen = "return [typeof run, typeof prepare, typeof compile, typeof invoke, typeof log, typeof answer].join()";
    assert_eq!(
        text(&pool, seen).await,
        "undefined,undefined,undefined,undefined,undefined,undefined"
    );
    let error = error_of(&pool, "return console.log.caller").await;
    assert_eq!(error.kind, ScriptErrorKind::Thrown, "{error}");
    let error = error_of(
        &pool,
        "Error.prepareStackTrace = (e, frames) => frames; return new Error().stack",
    )
    .await;
    assert_eq!(error.kind, ScriptErrorKind::Thrown, "{error}");
    pool.shutdown().await;
}

#[tokio::test]
async fn no_run_leaves_anything_for_the_next() {
    let pool = pool(1);
    for attack in [
        "Object.prototype.polluted = 1; return ''",
        "Array.prototype.map = () => ['stolen']; return ''",
        "Array.prototype[0] = 1; return ''",
        "globalThis.leak = 1; return ''",
        "leak = 1; return ''",
        "JSON.stringify = () => '\"stolen\"'; return ''",
        "JSON.parse = () => ({}); return ''",
        "({}).__proto__.polluted = 1; return ''",
        "Object.defineProperty(Object.prototype, 'polluted', {value: 1}); return ''",
        "Object.prototype.toString = 1; return ''",
        "Object.getPrototypeOf(function* () {}).leak = 1; return ''",
        "Object.getPrototypeOf([][Symbol.iterator]()).next = 1; return ''",
        "Object.getPrototypeOf(async () => {}).leak = 1; return ''",
        "console.log = 1; return ''",
        "console.log.leak = 1; return ''",
        "String.prototype.trim = 1; return ''",
        "Math.random = () => 4; return ''",
        "Object.setPrototypeOf(Object.prototype, {leak: 1}); return ''",
        "Object.setPrototypeOf(Array.prototype, null); return ''",
        "delete Object.prototype.hasOwnProperty; return ''",
        "Intl.DateTimeFormat.leak = 1; return ''",
        "RegExp.prototype.exec = 1; return ''",
        "Symbol.iterator.constructor.leak = 1; return ''",
        "Object.getOwnPropertyDescriptor(Object.prototype, '__proto__').set.leak = 1; return ''",
        "Object.getOwnPropertyDescriptor(Object.prototype, 'toString').set.leak = 1; return ''",
        "Object.getOwnPropertyDescriptor(Object.prototype, 'toString').get.leak = 1; return ''",
    ] {
        let error = super::script_error(&pool, job(Kind::Url, attack)).await;
        assert_eq!(error.kind, ScriptErrorKind::Thrown, "{attack}: {error}");
    }
    // Quietly kept: the last match of a regular expression, a declaration, a template's object, a cached input, a late promise.
    text(
        &pool,
        "/secret-(\\d+)/.exec('secret-42'); var leak = 1; function leaked() {} return ''",
    )
    .await;
    text(&pool, "call.leak = 1; state.leak = 1; Promise.resolve().then(() => { call.late = 1; console.log('late'); }); return ''").await;
    assert!(output(&pool, job(Kind::Url, "return ''")).await.logs.is_empty());
    let seen = "return [RegExp.$1, RegExp.lastMatch, RegExp['$&'], RegExp.input, typeof leak, typeof leaked, call.leak, state.leak, call.late, ({}).polluted].join()";
    assert_eq!(text(&pool, seen).await, ",,,,undefined,undefined,,,,");
    let mark = "const tag = s => s; const site = tag`x`; const known = Object.isFrozen(site); return String(known)";
    assert_eq!(text(&pool, mark).await, "true");
    assert_eq!(text(&pool, mark).await, "true");
    // Nothing closes our function early.
    for source in [
        "}); globalThis.x = 1; (function () {",
        "return 1 }}; let stay = 1; {{",
        "/*",
        "`",
        "*/ x",
    ] {
        assert_eq!(error_of(&pool, source).await.kind, ScriptErrorKind::Compile, "{source}");
    }
    assert_eq!(
        text(&pool, "return 'ends with a comment' // here").await,
        "ends with a comment"
    );
    pool.shutdown().await;
}

#[tokio::test]
async fn the_walls_stand() {
    let pool = pool(1);
    let confinement = pool.confinement().await;
    // Landlock and seccomp depend on the kernel; what does not must hold everywhere.
    let missing = confinement.missing();
    assert!(
        missing.iter().all(|wall| ["landlock", "seccomp"].contains(wall)),
        "{confinement:?}"
    );
    assert_eq!(
        output(&pool, job(Kind::Url, "return 'still works'")).await.value,
        Value::Text("still works".into())
    );
    pool.shutdown().await;
}
