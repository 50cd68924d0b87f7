//! Scripts on the way of a record: what they see and what they may return.

use orrery::script::{Context, Job, Kind, RecordAbout, RecordInfo, Value};

use super::{output, pool, script_error};

fn job(source: &str, data: &str) -> Job {
    let about = RecordAbout {
        connection: "c1".to_owned(),
        provider: "XERO".to_owned(),
        automation: "a1".to_owned(),
        direction: "IMPORT".to_owned(),
        entity: "supplier".to_owned(),
        object: "Contacts".to_owned(),
        key: None,
        remote_id: Some("r1".to_owned()),
        now: "2026-01-01T00:00:01Z".to_owned(),
    };
    let record = RecordInfo {
        data: bytes::Bytes::copy_from_slice(data.as_bytes()),
        about,
    };
    Job {
        kind: Kind::Record,
        name: "pre-run script \"tidy\"".into(),
        source: source.into(),
        context: Context {
            record: Some(record),
            ..Context::default()
        },
        wall_ms: None,
    }
}

#[tokio::test]
async fn a_record_is_changed_kept_or_left_out() {
    let pool = pool(1);
    let json = |text: &str| Value::Json(text.to_owned());
    let cases = [
        (
            "return {...record, Name: record.Name.trim()}",
            json(r#"{"Name":"Ada","n":1}"#),
        ),
        ("record.n += 1; return record", json(r#"{"Name":" Ada ","n":2}"#)),
        (
            "return {a: [context.connection, context.provider, context.automation, context.direction]}",
            json(r#"{"a":["c1","XERO","a1","IMPORT"]}"#),
        ),
        (
            "return {a: [context.entity, context.object, context.key, context.remoteId, context.now, now]}",
            json(r#"{"a":["supplier","Contacts",null,"r1","2026-01-01T00:00:01Z","2026-01-01T00:00:01Z"]}"#),
        ),
        (
            "return {s: typeof state, r: typeof response, c: typeof call}",
            json(r#"{"s":"undefined","r":"undefined","c":"undefined"}"#),
        ),
        ("", Value::Unchanged),
        ("record.Name = 'x';", Value::Unchanged),
        ("return null", Value::Skip),
        ("return record.Name ? 'Skip' : record", Value::Skip),
    ];
    for (source, expected) in cases {
        let value = output(&pool, job(source, r#"{"Name":" Ada ","n":1}"#)).await.value;
        assert_eq!(value, expected, "{source}");
    }
    pool.shutdown().await;
}

#[tokio::test]
async fn digits_of_large_numbers_are_kept() {
    let pool = pool(1);
    let value = output(&pool, job("return record", r#"{"id":12345678901234567890}"#))
        .await
        .value;
    assert_eq!(value, Value::Json(r#"{"id":"12345678901234567890"}"#.to_owned()));
    pool.shutdown().await;
}

#[tokio::test]
async fn what_is_no_record_is_refused_in_words() {
    let pool = pool(1);
    let cases = [
        (
            "return 'skip'",
            r#"the string "skip". A record script must return the record"#,
        ),
        ("return [record]", "an array"),
        ("return 5", "the number 5"),
        ("return false", "the boolean false"),
        ("return (async () => record)()", "synchronous"),
        ("record.me = record; return record", "a cycle"),
        ("throw new Error('no address')", "no address"),
    ];
    for (source, part) in cases {
        let error = script_error(&pool, job(source, "{}")).await;
        assert!(error.message.contains(part), "{source}: {}", error.message);
        assert_eq!(error.script, "pre-run script \"tidy\"");
    }
    let error = script_error(&pool, job("\n  throw new Error('x')", "{}")).await;
    assert_eq!((error.line, error.column), (Some(2), Some(3)), "{error:?}");
    pool.shutdown().await;
}
