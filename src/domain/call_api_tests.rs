//! Tests of call API definitions: defaults, what is refused with its field, and secret headers.

use serde_json::{Value, json};

use super::*;
use crate::domain::json_patch::merge_patch;
use crate::domain::validate::FieldError;

fn minimal() -> Value {
    json!({
        "name": "RFQ import",
        "runAsUserId": "0190b5a8-7c3e-7d10-8f00-0123456789ab",
        "frequencySeconds": 60,
        "method": "GET",
        "url": {"kind": "text", "value": "https://example.com/api/orders"},
        "responseScript": "return response.json;"
    })
}

fn read(json: Value) -> CallApiDefinition {
    serde_json::from_value(json).unwrap()
}

/// The minimal definition with a merge patch applied, except that null is kept as null.
fn changed(change: Value) -> Value {
    let mut definition = minimal();
    merge_patch(&mut definition, &change);
    definition
}

fn refused_fields(definition: &CallApiDefinition) -> Vec<String> {
    definition.validate().into_iter().map(|error| error.field).collect()
}

#[test]
fn defaults_are_those_of_the_contract() {
    let answer = serde_json::to_value(read(minimal())).unwrap();
    let expected = json!({
        "name": "RFQ import",
        "preparation": false,
        "runAsUserId": "0190b5a8-7c3e-7d10-8f00-0123456789ab",
        "frequencySeconds": 60,
        "clientId": null,
        "method": "GET",
        "url": {"kind": "text", "value": "https://example.com/api/orders"},
        "headers": [],
        "bodyScript": null,
        "responseScript": "return response.json;",
        "identifier": [],
        "schedule": null,
        "misfire": "latest",
        "overlap": "skip",
        "onScriptError": "deactivate",
        "onHttpError": "retry",
        "failuresBeforeDeactivation": 20,
        "onInterrupted": "skip",
        "timeoutMs": 30000,
        "limits": {"scriptMs": 1000, "responseBytes": 10_485_760}
    });
    assert_eq!(answer, expected);
    assert_eq!(read(answer), read(minimal()), "an answer can be sent back");
    assert_eq!(read(minimal()).validate(), []);
}

#[test]
fn the_example_of_the_contract_is_accepted() {
    let definition = read(json!({
        "name": "RFQ import", "preparation": true, "runAsUserId": "0190b5a8-7c3e-7d10-8f00-0123456789ab",
        "frequencySeconds": 60, "clientId": "0190b5a8-7c3e-7d10-8f00-0123456789ac", "method": "POST",
        "url": {"kind": "script", "value": "return 'https://example.com'"},
        "headers": [{"name": "X-Key", "value": "abc", "secret": true}],
        "bodyScript": "return JSON.stringify({})", "responseScript": "return 'Abort'", "identifier": ["/rfqId"],
        "schedule": {"cron": "0 6 * * 1-5", "timeZone": "Europe/Oslo"}, "misfire": "all", "overlap": "once",
        "onScriptError": "continue", "onHttpError": "script", "failuresBeforeDeactivation": null,
        "onInterrupted": "resend", "timeoutMs": 1, "limits": {"scriptMs": 5}
    }));
    assert_eq!(definition.validate(), []);
    assert_eq!(definition.failures_before_deactivation, None, "null means never");
    assert_eq!(
        definition.limits.response_bytes, RESPONSE_BYTES_DEFAULT,
        "limits may be given in part"
    );
    assert!(matches!(
        definition.schedule(jiff::Timestamp::UNIX_EPOCH),
        Ok(crate::domain::schedule::Schedule::Cron(_))
    ));
}

#[test]
fn json_of_the_wrong_form_is_refused() {
    let table = [
        (json!({"frequencySecond": 1}), "unknown field `frequencySecond`"),
        (json!({"limits": {"scriptMillis": 1}}), "unknown field `scriptMillis`"),
        (json!({"url": {"extra": 1}}), "unknown field `extra`"),
        (json!({"method": "HEAD"}), "unknown variant `HEAD`"),
        (json!({"frequencySeconds": -1}), "invalid value"),
        (json!({"frequencySeconds": 1.5}), "1.5"),
        (json!({"name": null}), "missing field `name`"),
        (json!({"responseScript": null}), "missing field `responseScript`"),
        (
            json!({"headers": [{"name": "a", "value": 1, "secret": true}]}),
            "a header's value is a string",
        ),
        (json!({"misfire": "never"}), "unknown variant `never`"),
    ];
    for (change, part) in table {
        let text = serde_json::from_value::<CallApiDefinition>(changed(change.clone()))
            .unwrap_err()
            .to_string();
        assert!(text.contains(part), "{change}: {text}");
    }
}

#[test]
fn what_is_refused_names_its_field() {
    let script = "x".repeat(256 * 1024 + 1);
    let headers: Vec<Value> = (0..51)
        .map(|n| json!({"name": format!("X-{n}"), "value": "v"}))
        .collect();
    let table = [
        (json!({"name": " "}), "name"),
        (json!({"name": "x".repeat(129)}), "name"),
        (json!({"frequencySeconds": 0}), "frequencySeconds"),
        (json!({"frequencySeconds": 31_536_001}), "frequencySeconds"),
        (json!({"frequencySeconds": null}), "frequencySeconds"),
        (
            json!({"frequencySeconds": 0, "schedule": {"cron": "* * * * *"}}),
            "frequencySeconds",
        ),
        (json!({"schedule": {"cron": "0 0 31 2 *"}}), "schedule.cron"),
        (
            json!({"schedule": {"cron": "0 0 * * *", "timeZone": "Oslo"}}),
            "schedule.timeZone",
        ),
        (json!({"url": {"value": ""}}), "url.value"),
        (json!({"url": {"value": "example.com/api"}}), "url.value"),
        (json!({"url": {"value": "file:///etc/passwd"}}), "url.value"),
        (
            json!({"url": {"value": "https://user:secret@example.com/"}}),
            "url.value",
        ),
        (
            json!({"url": {"value": format!("https://example.com/{}", "x".repeat(8192))}}),
            "url.value",
        ),
        (json!({"url": {"kind": "script", "value": " "}}), "url.value"),
        (json!({"headers": headers}), "headers"),
        (json!({"headers": [{"name": "", "value": "v"}]}), "headers[0].name"),
        (
            json!({"headers": [{"name": "A", "value": "v"}, {"name": "a b", "value": "v"}]}),
            "headers[1].name",
        ),
        (
            json!({"headers": [{"name": "Content-Length", "value": "1"}]}),
            "headers[0].name",
        ),
        (json!({"headers": [{"name": "HOST", "value": "x"}]}), "headers[0].name"),
        (
            json!({"headers": [{"name": "X", "value": "a\r\nY: b"}]}),
            "headers[0].value",
        ),
        (json!({"headers": [{"name": "X", "value": "ø"}]}), "headers[0].value"),
        (json!({"headers": [{"name": "X"}]}), "headers[0].value"),
        (
            json!({"headers": [{"name": "X", "value": {"set": true, "fingerprint": "sha256:00"}}]}),
            "headers[0].value",
        ),
        (json!({"bodyScript": ""}), "bodyScript"),
        (json!({"bodyScript": script}), "bodyScript"),
        (json!({"responseScript": "\n"}), "responseScript"),
        (json!({"identifier": ["/ok", "rfqId"]}), "identifier[1]"),
        (json!({"identifier": vec!["/a"; 11]}), "identifier"),
        (json!({"failuresBeforeDeactivation": 0}), "failuresBeforeDeactivation"),
        (json!({"timeoutMs": 0}), "timeoutMs"),
        (json!({"timeoutMs": 600_001}), "timeoutMs"),
        (json!({"limits": {"scriptMs": 30_001}}), "limits.scriptMs"),
        (json!({"limits": {"responseBytes": 0}}), "limits.responseBytes"),
    ];
    for (change, field) in table {
        assert_eq!(refused_fields(&read(changed(change.clone()))), [field], "{change}");
    }
}

#[test]
fn all_errors_are_reported_at_once() {
    let definition = read(changed(json!({"name": "", "timeoutMs": 0, "frequencySeconds": 0})));
    assert_eq!(refused_fields(&definition), ["name", "frequencySeconds", "timeoutMs"]);
}

#[test]
fn warnings() {
    let table = [
        (json!({}), 0),
        (json!({"frequencySeconds": 5}), 0),
        (json!({"frequencySeconds": 4}), 1),
        (json!({"frequencySeconds": 1, "schedule": {"cron": "0 6 * * *"}}), 0),
        (json!({"frequencySeconds": 1, "bodyScript": "return ''"}), 2),
        (json!({"method": "DELETE", "bodyScript": "return ''"}), 0),
    ];
    for (change, count) in table {
        assert_eq!(read(changed(change.clone())).warnings().len(), count, "{change}");
    }
}

#[test]
fn only_get_is_safe() {
    for method in [Method::Get, Method::Delete, Method::Patch, Method::Post, Method::Put] {
        assert_eq!(method.is_safe(), method == Method::Get);
        assert_eq!(serde_json::to_value(method).unwrap(), json!(method.as_str()));
    }
}

fn with_headers(headers: Value) -> CallApiDefinition {
    let mut definition = minimal();
    definition["headers"] = headers;
    read(definition)
}

#[test]
fn secret_headers_are_masked_split_and_put_back() {
    let given = with_headers(json!([
        {"name": "Accept", "value": "*/*"},
        {"name": "X-Key", "value": "hello", "secret": true},
        {"name": "x-key", "value": "other-value", "secret": true}
    ]));
    let mut stored = given.clone();
    let secrets = stored.split_secret_headers();
    assert_eq!(
        serde_json::to_value(&stored.headers).unwrap(),
        json!([
            {"name": "Accept", "value": "*/*", "secret": false},
            {"name": "X-Key", "value": {"set": true, "fingerprint": "sha256:2cf24dba"}, "secret": true},
            {"name": "x-key", "value": {"set": true, "fingerprint": MaskedSecret::of("other-value").fingerprint}, "secret": true}
        ])
    );
    assert_eq!(stored.headers, given.public_headers());
    assert_eq!(secrets.len(), 2);
    stored.merge_secret_headers(&secrets).unwrap();
    assert_eq!(stored, given);
    let shown = format!("{given:?}{secrets:?}");
    assert!(!shown.contains("hello") && !shown.contains("other-value"), "{shown}");
}

#[test]
fn a_change_keeps_replaces_and_misses_secrets() {
    let secrets = with_headers(json!([{"name": "X-Key", "value": "hello", "secret": true}])).split_secret_headers();
    // value in the change, what it becomes
    let table = [
        (json!({"name": "x-KEY", "secret": true}), Some("hello")),
        (json!({"name": "X-Key", "secret": true, "value": null}), Some("hello")),
        (
            json!({"name": "X-Key", "secret": true, "value": {"set": true, "fingerprint": "sha256:2cf24dba"}}),
            Some("hello"),
        ),
        (
            json!({"name": "X-Key", "secret": true, "value": {"set": true}}),
            Some("hello"),
        ),
        (json!({"name": "X-Key", "secret": true, "value": "new"}), Some("new")),
        (json!({"name": "X-Other", "secret": true}), None),
    ];
    for (header, expected) in table {
        let mut definition = with_headers(json!([header]));
        let merged = definition.merge_secret_headers(&secrets);
        assert_eq!(definition.headers[0].value.text(), expected, "{header}");
        assert_eq!(merged.is_ok(), expected.is_some(), "{header}");
        assert!(
            merged
                .err()
                .is_none_or(|errors: Vec<FieldError>| errors[0].field == "headers[0].value")
        );
    }
    // What was secret does not come to light by calling it public.
    let mut definition = with_headers(json!([{"name": "X-Key", "secret": false, "value": null}]));
    definition.merge_secret_headers(&secrets).unwrap();
    assert_eq!(refused_fields(&definition), ["headers[0].value"]);
}
