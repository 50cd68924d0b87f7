//! Tests of the draft: what a form becomes, and what it never gives back.

use super::*;

const USER: &str = "0190b5a8-7c3e-7d10-8f00-0123456789ab";

fn draft(body: &str) -> Draft {
    Draft::of_form(&Form::parse(body.as_bytes()).unwrap())
}

fn whole() -> String {
    format!(
        "_token=t&name=RFQ+import&preparation=true&runAsUserId={USER}&when=interval&frequencySeconds=60&schedule.cron=\
         &schedule.timeZone=UTC&clientId=&method=POST&url.kind=text&url.text=https%3A%2F%2Fexample.com%2F&url.script=\
         &bodyScript=&responseScript=return+[]%3B&identifier.4=%2FrfqId&identifier.9=&misfire=latest&overlap=once\
         &onScriptError=continue&onHttpError=script&onInterrupted=resend&failuresBeforeDeactivation=&timeoutMs=1000\
         &limits.scriptMs=&limits.responseBytes=5"
    )
}

#[test]
fn a_form_becomes_a_definition() {
    let input = draft(&whole()).input().unwrap();
    assert!(!input.active && input.definition.preparation);
    let shown = serde_json::to_value(&input.definition).unwrap();
    for (pointer, expected) in [
        ("/name", json!("RFQ import")),
        ("/url", json!({"kind": "text", "value": "https://example.com/"})),
        ("/clientId", Value::Null),
        ("/schedule", Value::Null),
        ("/bodyScript", Value::Null),
        ("/identifier", json!(["/rfqId"])),
        ("/failuresBeforeDeactivation", Value::Null),
        ("/timeoutMs", json!(1000)),
        ("/limits", json!({"scriptMs": 1000, "responseBytes": 5})),
        ("/overlap", json!("once")),
        ("/onInterrupted", json!("resend")),
    ] {
        assert_eq!(shown.pointer(pointer), Some(&expected), "{pointer}");
    }
}

#[test]
fn a_calendar_rule_and_a_script_for_the_address_are_taken_where_chosen() {
    let cron = whole()
        .replace("when=interval", "when=cron")
        .replace("schedule.cron=", "schedule.cron=0+6+*+*+1-5");
    let script = cron
        .replace("url.kind=text", "url.kind=script")
        .replace("url.script=", "url.script=return+1");
    let draft = draft(&script);
    let input = draft.input().unwrap();
    assert_eq!(input.definition.schedule.unwrap().cron, "0 6 * * 1-5");
    assert_eq!(input.definition.url.value, "return 1");
    let wrong = draft.renamed(Error::invalid_field("url.value", "is odd"));
    assert_eq!(wrong.fields[0].field, "url.script");
    assert_eq!(draft.preview(3)["frequencySeconds"], Value::Null);
}

#[test]
fn secrets_are_kept_where_left_empty_and_never_shown() {
    let body = whole()
        + "&headers.1000.name=&headers.1000.value=&headers.0.name=X-Key&headers.0.value=&headers.0.secret=true&headers.0.fingerprint=sha256:ab12\
           &headers.1.name=X-New&headers.1.value=hunter2&headers.1.secret=true&headers.2.name=X-Was&headers.2.value=&headers.2.fingerprint=sha256:cd\
           &headers.3.name=X-Open&headers.3.value=";
    let draft = draft(&body);
    assert_eq!(
        draft.json["headers"],
        json!([
            {"name": "X-Key", "value": {"set": true, "fingerprint": "sha256:ab12"}, "secret": true},
            {"name": "X-New", "value": "hunter2", "secret": true},
            {"name": "X-Was", "value": null, "secret": false},
            {"name": "X-Open", "value": "", "secret": false},
        ])
    );
    assert!(!draft.values.to_string().contains("hunter2"));
    assert_eq!(draft.values["headers"][1]["again"], true);
}

#[test]
fn a_test_needs_no_more_than_it_uses() {
    let bare =
        draft("name=&method=GET&url.kind=text&url.text=https%3A%2F%2Fexample.com&frequencySeconds=x&identifier.0=odd");
    let own = USER.parse().unwrap();
    let input = bare.to_test(Test::Url, Some(own)).unwrap();
    assert!(input.definition.validate().is_empty());
    assert_eq!(input.definition.run_as_user_id, own);
    let input = bare.to_test(Test::Response, Some(own)).unwrap();
    let wrong: Vec<String> = input
        .definition
        .validate()
        .into_iter()
        .map(|wrong| wrong.field)
        .collect();
    assert_eq!(wrong, ["responseScript", "identifier[0]"]);
}

#[test]
fn what_is_stored_comes_back_the_same() {
    let input = draft(&whole()).input().unwrap();
    let mut json = serde_json::to_value(&input.definition).unwrap();
    json["headers"] = json!([
        {"name": "X-Key", "value": {"set": true, "fingerprint": "sha256:ab"}, "secret": true},
        {"name": "X-Open", "value": "yes", "secret": false},
    ]);
    let definition = CallApiInput::from_json(json).unwrap().definition;
    let now = jiff::Timestamp::UNIX_EPOCH;
    let call = CallApi {
        id: uuid::Uuid::nil().into(),
        definition,
        active: false,
        status: crate::engine::call_apis::CallStatus::Inactive,
        status_reason: None,
        last_run: None,
        next_due_at: None,
        created_by: None,
        created_at: now,
        updated_at: now,
        version: 1,
        warnings: Vec::new(),
    };
    let stored = Draft::of_call(&call).unwrap();
    assert_eq!(stored.values["headers"][0]["fingerprint"], "sha256:ab");
    assert_eq!(stored.values["headers"][0].get("value"), None);
    assert_eq!(stored.values["headers"][1]["value"], "yes");
    assert_eq!(stored.values["url"]["text"], "https://example.com/");
    assert_eq!(stored.values["when"], "interval");
    assert_eq!(stored.input().unwrap().definition, call.definition);
}
