//! What each kind of script may return, and the words for what it may not.

use orrery::script::{Kind, LogLevel, ScriptErrorKind, Value};

use super::{error_of, job, output, pool, script_error, text, transactions, with_body};

#[tokio::test]
async fn good_values() {
    let pool = pool(1);
    let cases = [
        (
            Kind::Url,
            "return 'https://x/' + call.id + call.runCount + call.name;",
            Value::Text("https://x/c17RFQ import".into()),
        ),
        (Kind::Url, "return ''", Value::Text(String::new())),
        (Kind::Url, "return 'Abort'", Value::Text("Abort".into())),
        (
            Kind::Body,
            "return 'a\\nb\u{e9}\u{1f600}'",
            Value::Text("a\nb\u{e9}\u{1f600}".into()),
        ),
        (
            Kind::Body,
            "return {a: 1, b: [now, dueAt]}",
            Value::Json(r#"{"a":1,"b":["2026-01-01T00:00:01Z","2026-01-01T00:00:00Z"]}"#.into()),
        ),
        (Kind::Body, "return [1, 2]", Value::Json("[1,2]".into())),
        (Kind::Response, "return 'Abort'", Value::Abort),
        (
            Kind::Response,
            "return {identifier: 'a'}",
            transactions(&[r#"{"identifier":"a"}"#], None),
        ),
        (Kind::Response, "return []", transactions(&[], None)),
        (
            Kind::Response,
            "return response.json.items.map(i => ({n: i.id}))",
            transactions(&[r#"{"n":1}"#, r#"{"n":2}"#], None),
        ),
        (
            Kind::Response,
            "return {transactions: [{a: 'x\\ny'}], state: {at: 5}}",
            transactions(&[r#"{"a":"x\ny"}"#], Some(r#"{"at":5}"#)),
        ),
        (Kind::Response, "return {transactions: []}", transactions(&[], None)),
        (
            Kind::Response,
            "return {transactions: [], state: {}}",
            transactions(&[], Some("{}")),
        ),
        (
            Kind::Response,
            "return {transactions: [1], id: 3}",
            transactions(&[r#"{"transactions":[1],"id":3}"#], None),
        ),
        (
            Kind::Response,
            "return {s: response.statusCode, c: response.headers['content-type'], m: request.method, u: request.url}",
            transactions(
                &[r#"{"s":200,"c":"application/json","m":"GET","u":"https://example.com/rfq"}"#],
                None,
            ),
        ),
        (
            Kind::Response,
            "return {l: lastRun, s: state, same: response.json === response.json}",
            transactions(&[r#"{"l":null,"s":{},"same":true}"#], None),
        ),
        (
            Kind::Response,
            "const state = 1, now = 2, call = 3, response = 4, console = 5; return {state, now, call, response, console}",
            transactions(&[r#"{"state":1,"now":2,"call":3,"response":4,"console":5}"#], None),
        ),
    ];
    for (kind, source, expected) in cases {
        assert_eq!(output(&pool, job(kind, source)).await.value, expected, "{source}");
    }
    pool.shutdown().await;
}

#[tokio::test]
async fn state_and_last_run_arrive() {
    let pool = pool(1);
    let mut job = job(Kind::Url, "return state.cursor + lastRun.at + lastRun.outcome");
    job.context.state = Some(r#"{"cursor":"c9"}"#.into());
    job.context.last_run = Some(orrery::script::LastRun {
        at: "T".into(),
        outcome: "nothing_new".into(),
    });
    assert_eq!(output(&pool, job).await.value, Value::Text("c9Tnothing_new".into()));
    pool.shutdown().await;
}

#[tokio::test]
async fn bad_values_have_their_own_words() {
    let pool = pool(1);
    let cases = [
        (Kind::Response, "", "nothing (undefined)"),
        (Kind::Response, "return", "return statement"),
        (Kind::Response, "return null", "returned null"),
        (Kind::Response, "return 5", "the number 5"),
        (Kind::Response, "return true", "the boolean true"),
        (Kind::Response, "return 'abort'", r#"the string "abort""#),
        (Kind::Response, "return new String('Abort')", "plain string"),
        (Kind::Response, "return 10n", "a BigInt"),
        (Kind::Response, "return Symbol('x')", "a symbol"),
        (Kind::Response, "return () => 1", "a function"),
        (Kind::Response, "return Promise.resolve({})", "synchronous"),
        (Kind::Response, "return (async () => ({}))()", "synchronous"),
        (Kind::Response, "return new Map()", "a Map"),
        (Kind::Response, "return new Date()", "a Date"),
        (Kind::Response, "return new Error('x')", "throw it"),
        (Kind::Response, "return {a: 10n}", "holds a BigInt"),
        (Kind::Response, "const a = {}; a.a = a; return a", "a cycle"),
        (
            Kind::Response,
            "return [{}, 5]",
            "Element 1 of the transactions is the number 5",
        ),
        (
            Kind::Response,
            "return [{}, {}, [1]]",
            "Element 2 of the transactions is an array",
        ),
        (Kind::Response, "return [null]", "Element 0 of the transactions is null"),
        (Kind::Response, "return ['Abort']", "Element 0"),
        (
            Kind::Response,
            "return [{}, {b: 1n}]",
            "Element 1 of the transactions holds a BigInt",
        ),
        (
            Kind::Response,
            "return {toJSON() { return 5; }}",
            "not an object once written as JSON",
        ),
        (Kind::Response, "return {toJSON() {}}", "becomes nothing"),
        (
            Kind::Response,
            "return {transactions: {}, state: {}}",
            "must be an array",
        ),
        (Kind::Response, "return {transactions: 5}", "must be an array"),
        (Kind::Response, "return {state: {}}", "only \"state\""),
        (
            Kind::Response,
            "return {transactions: [], state: 5}",
            "\"state\" is the number 5",
        ),
        (
            Kind::Response,
            "return {transactions: [], state: []}",
            "\"state\" is an array",
        ),
        (
            Kind::Response,
            "return {transactions: [], state: null}",
            "\"state\" is null",
        ),
        (
            Kind::Response,
            "return {transactions: [], state: {a: 1n}}",
            "\"state\" holds a BigInt",
        ),
        (Kind::Url, "return 5", "A URL script must return a string"),
        (Kind::Url, "return {}", "an object"),
        (Kind::Url, "", "nothing"),
        (
            Kind::Body,
            "return null",
            "A body script must return a string, or an object",
        ),
        (Kind::Body, "return Promise.resolve('')", "synchronous"),
        (Kind::Body, "const a = []; a.push(a); return a", "a cycle"),
    ];
    for (kind, source, words) in cases {
        let error = script_error(&pool, job(kind, source)).await;
        assert_eq!(error.kind, ScriptErrorKind::Result, "{source}: {error}");
        assert!(error.message.contains(words), "{source}: {error}");
    }
    pool.shutdown().await;
}

#[tokio::test]
async fn too_large_is_said() {
    let mut settings = super::settings(1);
    settings.output_bytes_max = 3 << 20;
    settings.input_bytes_max = 1 << 20;
    let pool = orrery::script::ScriptPool::start(settings).unwrap();
    for source in [
        "return {a: 'x'.repeat(1100000)}",
        "return [{}, {a: '\u{20ac}'.repeat(400000)}]",
        "return Array.from({length: 10}, () => ({a: 'x'.repeat(400000)}))",
        "return {transactions: [], state: {a: 'x'.repeat(4000000)}}",
    ] {
        let error = error_of(&pool, source).await;
        assert_eq!(error.kind, ScriptErrorKind::TooLarge, "{source}: {error}");
    }
    let error = script_error(&pool, with_body("return []", &"x".repeat(2 << 20))).await;
    assert_eq!(error.kind, ScriptErrorKind::TooLarge);
    let error = script_error(&pool, job(Kind::Url, "return '\u{20ac}'.repeat(1500000)")).await;
    assert_eq!(error.kind, ScriptErrorKind::TooLarge);
    assert_eq!(text(&pool, "return 'x'.repeat(1500000)").await.len(), 1_500_000);
    pool.shutdown().await;
}

#[tokio::test]
async fn errors_name_line_and_column_of_the_authors_text() {
    let pool = pool(1);
    let cases = [
        ("throw new Error('no rows')", "no rows", 1, 1),
        (
            "const a = 1;\n  nothing.at(0);\nreturn []",
            "ReferenceError: nothing is not defined",
            2,
            3,
        ),
        (
            "function f() {\n  return null.x;\n}\nreturn f();",
            "TypeError: Cannot read properties of null (reading 'x')",
            2,
            15,
        ),
        ("return JSON.parse('{');", "SyntaxError", 1, 13),
        ("\n\nthrow 'plain text'", "plain text", 3, 1),
        ("throw {code: 5}", r#"not an Error: {"code":5}"#, 1, 1),
        (
            "return [{toJSON() {\n throw new RangeError('late'); }}]",
            "RangeError: late",
            2,
            8,
        ),
    ];
    for (source, words, line, column) in cases {
        let error = error_of(&pool, source).await;
        assert_eq!(error.kind, ScriptErrorKind::Thrown, "{source}: {error}");
        assert!(error.message.contains(words), "{source}: {error}");
        assert_eq!(
            (error.line, error.column),
            (Some(line), Some(column)),
            "{source}: {error:?}"
        );
        assert_eq!(error.script, "response script");
        assert!(!error.stack.unwrap_or_default().contains("orrery"), "{source}");
    }
    let cases = [
        ("return (1;", 1, 10),
        ("const a = 1;\n\n  const const = 2;", 3, 9),
        ("return 1 }); (function () {", 1, 10),
        ("let x; let x;", 1, 12),
    ];
    for (source, line, column) in cases {
        let error = error_of(&pool, source).await;
        assert_eq!(error.kind, ScriptErrorKind::Compile, "{source}: {error}");
        assert_eq!(
            (error.line, error.column),
            (Some(line), Some(column)),
            "{source}: {error}"
        );
        let checked = pool
            .compile(Kind::Response, "response script".into(), source.into())
            .await;
        assert_eq!(checked, Err(error), "{source}");
    }
    assert_eq!(
        pool.compile(Kind::Response, "response script".into(), "return boom()".into())
            .await,
        Ok(())
    );
    pool.shutdown().await;
}

#[tokio::test]
async fn json_keeps_all_digits_and_is_parsed_only_when_used() {
    let pool = pool(1);
    let body = r#"{"id":9223372036854775807,"small":12,"text":"9223372036854775807","list":[-9007199254740993, 1.5]}"#;
    let source = "const j = response.json; return {id: j.id, small: j.small, text: j.text, list: j.list, raw: response.body.includes(':922')}";
    let expected = r#"{"id":"9223372036854775807","small":12,"text":"9223372036854775807","list":["-9007199254740993",1.5],"raw":true}"#;
    assert_eq!(
        output(&pool, with_body(source, body)).await.value,
        transactions(&[expected], None)
    );
    assert_eq!(
        output(&pool, with_body("return {b: response.body}", "<xml/>"))
            .await
            .value,
        transactions(&[r#"{"b":"<xml/>"}"#], None)
    );
    assert_eq!(
        output(&pool, with_body("return response.json", "\u{feff}{\"a\":1}"))
            .await
            .value,
        transactions(&[r#"{"a":1}"#], None)
    );
    let error = script_error(&pool, with_body("return\tresponse.json", "<xml/>")).await;
    assert!(error.message.contains("response.json: the body is not JSON"), "{error}");
    assert_eq!(
        (error.kind, error.line, error.column),
        (ScriptErrorKind::Thrown, Some(1), Some(17))
    );
    let error = script_error(&pool, with_body("return response.json", "")).await;
    assert!(error.message.contains("the body is empty"), "{error}");
    pool.shutdown().await;
}

#[tokio::test]
async fn the_console_is_captured() {
    let mut settings = super::settings(1);
    settings.log_bytes_max = 1_000;
    let pool = orrery::script::ScriptPool::start(settings).unwrap();
    let source = "console.log('a', 1, {b: [2]}, null, undefined, 5n); console.info('i'); console.warn('w\u{e9}'); console.error('e'); return ''";
    let done = output(&pool, job(Kind::Url, source)).await;
    let lines: Vec<_> = done.logs.iter().map(|line| (line.level, line.text.as_str())).collect();
    let expected = [
        (LogLevel::Log, r#"a 1 {"b":[2]} null undefined 5"#),
        (LogLevel::Info, "i"),
        (LogLevel::Warn, "w\u{e9}"),
        (LogLevel::Error, "e"),
    ];
    assert_eq!(lines, expected);
    assert!(!done.log_truncated);
    let done = output(
        &pool,
        job(
            Kind::Url,
            "for (let i = 0; i < 1000; i++) console.log('line ' + i); return ''",
        ),
    )
    .await;
    assert!(done.log_truncated);
    assert!(
        done.logs.len() > 50 && done.logs.iter().map(|line| line.text.len()).sum::<usize>() < 1_000,
        "{}",
        done.logs.len()
    );
    let error = error_of(&pool, "console.log('before'); throw new Error('x')").await;
    assert_eq!(error.logs.first().map(|line| line.text.as_str()), Some("before"));
    assert!(output(&pool, job(Kind::Url, "return ''")).await.logs.is_empty());
    pool.shutdown().await;
}
