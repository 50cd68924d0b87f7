//! Loops, memory eaters and recursion: each ends as an error of its own run, and the next run works.

use orrery::script::{Kind, PoolSettings, ScriptErrorKind, ScriptPool};

use super::{error_of, job, pool, script_error, settings, text};

#[tokio::test]
async fn an_endless_run_is_stopped_at_its_deadline() {
    let pool = pool(1);
    for source in [
        "console.log('here'); while (true) {}",
        "console.log('here'); for (;;) { try { while (true) {} } finally { continue; } }",
        "console.log('here'); Promise.resolve().then(() => { while (true) {} }); return []",
        "console.log('here'); return {toJSON() { while (true) {} }}",
        "console.log('here'); return new Proxy([], {get: (t, k) => k === 'length' ? 1e15 : k === 'toJSON' ? undefined : {}})",
        "console.log('here'); return /^(a+)+$/.test('a'.repeat(40) + 'b')",
    ] {
        let mut job = job(Kind::Response, source);
        job.wall_ms = Some(5_000);
        let error = script_error(&pool, job).await;
        let expected = if source.contains("Proxy") {
            [ScriptErrorKind::Deadline, ScriptErrorKind::TooLarge]
        } else {
            [ScriptErrorKind::Deadline; 2]
        };
        assert!(expected.contains(&error.kind), "{source}: {error}");
        assert_eq!(
            error.logs.first().map(|line| line.text.as_str()),
            Some("here"),
            "{source}"
        );
        assert_eq!(text(&pool, "return 'next'").await, "next");
    }
    assert!(pool.status().killed >= 5, "{:?}", pool.status());
    pool.shutdown().await;
}

#[tokio::test]
async fn memory_eaters_end_as_their_own_error() {
    let pool = ScriptPool::start(PoolSettings {
        wall_ms_max: 120_000,
        ..settings(1)
    })
    .unwrap();
    for source in [
        "console.log('here'); const a = []; while (true) a.push({x: [1, 2, 3]})",
        "console.log('here'); const a = []; while (true) a.push(new Array(100000).fill(1.5))",
        "console.log('here'); const a = []; while (true) a.push(new Uint8Array(1 << 20).fill(1))",
        "console.log('here'); return new ArrayBuffer(2 ** 33)",
        "console.log('here'); let s = 'x'; while (true) s += s",
        "console.log('here'); let s = 'x'; while (true) { s += s; s.charCodeAt(s.length - 1); /x$/.test(s); }",
        "console.log('here'); return {a: JSON.stringify('x'.repeat(2 ** 28)) }",
        "console.log('here'); const m = new Map(); for (let i = 0; ; i++) m.set(i, 'v' + i)",
    ] {
        let mut job = job(Kind::Response, source);
        job.wall_ms = Some(120_000);
        let error = script_error(&pool, job).await;
        assert!(
            matches!(error.kind, ScriptErrorKind::Memory | ScriptErrorKind::TooLarge),
            "{source}: {error}"
        );
        assert_eq!(
            error.logs.first().map(|line| line.text.as_str()),
            Some("here"),
            "{source}"
        );
        assert_eq!(text(&pool, "return 'next'").await, "next", "{source}");
    }
    pool.shutdown().await;
}

#[tokio::test]
async fn recursion_is_an_ordinary_error() {
    let pool = pool(1);
    for source in [
        "const f = () => f(); return f()",
        "const f = (n) => { try { return f(n + 1); } finally { n; } }; return f(0)",
        "let o = {}; for (let i = 0; i < 100000; i++) o = {o}; return o",
    ] {
        let error = error_of(&pool, source).await;
        assert_eq!(error.kind, ScriptErrorKind::Thrown, "{source}: {error}");
        assert!(
            error.message.contains("Maximum call stack size exceeded"),
            "{source}: {error}"
        );
        assert_eq!(text(&pool, "return 'next'").await, "next");
    }
    assert_eq!(pool.status().restarted, 0);
    pool.shutdown().await;
}

#[tokio::test]
async fn odd_thrown_values_do_no_harm() {
    let pool = pool(1);
    for source in [
        "throw null",
        "throw undefined",
        "throw {get message() { throw 1; }, toJSON() { throw 2; }, toString() { throw 3; }}",
        "const e = new Error('x'); Object.defineProperty(e, 'stack', {get() { throw 1; }}); throw e",
        "const e = new Error('x'); e.name = Symbol('s'); throw e",
        "const e = new Error('x'); e.message = {}; e.stack = 5; throw e",
        "throw Object.create(Error.prototype)",
        "throw new Proxy({}, {get() { throw 1; }, getPrototypeOf() { throw 2; }})",
        "throw Symbol('x')",
        "throw 10n",
        "throw 'x'.repeat(1000000)",
        "return {get a() { throw {} }}",
        "return new Proxy([], {get() { throw 5; }})",
        "return new Proxy({}, {ownKeys() { throw 5; }, getPrototypeOf() { return Promise.prototype; }})",
    ] {
        let error = error_of(&pool, source).await;
        assert!(
            matches!(error.kind, ScriptErrorKind::Thrown | ScriptErrorKind::Result),
            "{source}: {error}"
        );
        assert!(error.message.len() < 5_000, "{source}");
    }
    assert_eq!(pool.status().restarted, 0);
    pool.shutdown().await;
}
