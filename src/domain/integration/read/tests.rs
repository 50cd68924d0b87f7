//! Bodies as people send them, and what is made of them.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::*;
use crate::domain::integration::{
    ActionKind, ConsentType, Integration, IntegrationDirection, IntegrationSchedule, ScheduleKind, System,
};

fn with(mut body: Value, member: &str, value: Value) -> Value {
    body[member] = value;
    body
}

fn without(mut body: Value, member: &str) -> Value {
    body.as_object_mut().unwrap().remove(member);
    body
}

fn refused<T: std::fmt::Debug>(read: Result<T, Vec<FieldError>>) -> Vec<String> {
    read.unwrap_err().into_iter().map(|error| error.field).collect()
}

fn least() -> Value {
    json!({
        "IntegrationName": "Orders", "EntityId": "customer", "IntegrationDirectionId": "outbound",
        "IntegrationSystemId": 1, "ScheduleId": 2,
    })
}

fn read(body: &Value) -> Result<Integration, Vec<FieldError>> {
    integration(None, None, body)
}

#[test]
fn an_integration_has_its_defaults() {
    let read = read(&least()).unwrap();
    assert_eq!(read.integration_direction_id, IntegrationDirection::Outbound);
    assert_eq!((read.max_attempts, read.batch_size), (5, 1));
    assert_eq!(read.consent_type_id, ConsentType::None);
    assert!(read.active);
    let flags = [
        read.execute_in_parallel,
        read.include_update,
        read.continuous,
        read.managed,
        read.allow_schedule_change,
    ];
    assert_eq!(flags, [false; 5]);
    let texts = [read.element_id, read.comment, read.filter];
    assert_eq!(texts, [None, None, None]);
}

#[test]
fn every_member_of_the_seed_is_read() {
    let body = json!({
        "IntegrationId": 0, "IntegrationName": "Orders", "EntityId": "Transaction", "IntegrationDirectionId": "Outbound",
        "IntegrationSystemId": "1", "ActionId": 3, "ElementId": "e", "Comment": "two\nlines", "Filter": "Amount > 1",
        "ScheduleId": 2, "MaxAttempts": 7, "BatchSize": "4", "ExecuteInParallel": "true", "IncludeUpdate": true,
        "Continuous": true, "Managed": true, "AllowScheduleChange": true, "ConsentTypeId": "OAuth2", "Active": true,
        "Version": 1, "CreatedAt": "2026-01-01T00:00:00Z", "UpdatedAt": null,
    });
    let found = read(&body).unwrap();
    let again = serde_json::to_value(&found).unwrap();
    for (member, value) in body.as_object().unwrap() {
        let normal = match member.as_str() {
            "IntegrationSystemId" => &json!(1),
            "BatchSize" => &json!(4),
            "ExecuteInParallel" => &json!(true),
            "IntegrationId" | "Version" | "CreatedAt" | "UpdatedAt" => continue,
            _ => value,
        };
        assert_eq!(&again[member], normal, "{member}");
    }
}

#[test]
fn lengths_at_their_borders() {
    for (member, max) in [
        ("IntegrationName", 128),
        ("EntityId", 450),
        ("ElementId", 256),
        ("Comment", COMMENT_CHARACTERS_MAX),
    ] {
        let long = |count: usize| read(&with(least(), member, json!("x".repeat(count))));
        assert!(long(1).is_ok() && long(max).is_ok(), "{member}");
        let error = &long(max + 1).unwrap_err()[0];
        assert_eq!(error.field, member);
        assert!(error.message.contains(&max.to_string()), "{error}");
    }
    // Characters, not bytes.
    assert!(read(&with(least(), "IntegrationName", json!("æ".repeat(128)))).is_ok());
    for (member, max) in [("IntegrationDirectionId", 450), ("ConsentTypeId", 64)] {
        assert_eq!(
            refused(read(&with(least(), member, json!("x".repeat(max + 1))))),
            [member]
        );
    }
    for member in ["MaxAttempts", "BatchSize"] {
        for (number, is_fit) in [(0, false), (1, true), (1_000, true), (1_001, false)] {
            assert_eq!(
                read(&with(least(), member, json!(number))).is_ok(),
                is_fit,
                "{member} {number}"
            );
        }
        assert_eq!(refused(read(&with(least(), member, json!(-1)))), [member]);
        assert_eq!(refused(read(&with(least(), member, json!(1.5)))), [member]);
    }
}

#[test]
fn what_must_be_there_and_what_is_not_known() {
    for member in [
        "IntegrationName",
        "EntityId",
        "IntegrationDirectionId",
        "IntegrationSystemId",
        "ScheduleId",
    ] {
        assert_eq!(refused(read(&without(least(), member))), [member]);
        assert_eq!(refused(read(&with(least(), member, Value::Null))), [member]);
    }
    let error = &read(&with(least(), "IntegratonName", json!("x"))).unwrap_err()[0];
    assert_eq!(error.field, "IntegratonName");
    assert!(error.message.contains("did you mean IntegrationName"), "{error}");
    assert_eq!(
        refused(read(&with(least(), "IntegrationId", json!(4)))),
        ["IntegrationId"]
    );
    assert_eq!(refused(read(&json!([]))), ["body"]);
    for (member, value) in [
        ("IntegrationDirectionId", "Sideways"),
        ("ConsentTypeId", "Maybe"),
        ("EntityId", "a b"),
        ("EntityId", "1st"),
    ] {
        assert_eq!(refused(read(&with(least(), member, json!(value)))), [member]);
    }
    let inbound = with(least(), "IntegrationDirectionId", json!("Inbound"));
    for (name, is_fit) in [
        ("customer", true),
        ("transaction", true),
        ("Transaction", true),
        ("Our customers", false),
    ] {
        let read = read(&with(inbound.clone(), "EntityId", json!(name)));
        assert_eq!(read.is_ok(), is_fit, "{name}: {read:?}");
    }
}

#[test]
fn a_change_leaves_what_it_does_not_name() {
    let full = json!({"ActionId": 3, "Comment": "c", "MaxAttempts": 9, "Active": false, "ConsentTypeId": "Manual"});
    let mut body = least();
    body.as_object_mut().unwrap().extend(full.as_object().unwrap().clone());
    let before = read(&body).unwrap();
    let change = |body: Value| integration(Some(&before), Some(5), &body);
    assert_eq!(change(json!({})).unwrap(), before);
    assert_eq!(change(json!({"IntegrationId": 5})).unwrap(), before);
    assert_eq!(refused(change(json!({"IntegrationId": 6}))), ["IntegrationId"]);
    let after = change(json!({"ActionId": null, "Comment": "", "MaxAttempts": null, "Active": true})).unwrap();
    assert_eq!(
        (after.action_id, after.comment.as_deref(), after.max_attempts),
        (None, None, 5)
    );
    assert!(after.active);
    assert_eq!(after.consent_type_id, ConsentType::Manual);
    assert_eq!(refused(change(json!({"IntegrationName": null}))), ["IntegrationName"]);
}

fn schedules(body: Value) -> Result<IntegrationSchedule, Vec<FieldError>> {
    schedule(None, None, &with(body, "ScheduleName", json!("s")))
}

#[test]
fn schedules_of_each_kind() {
    let read = schedules(json!({"Kind": "interval", "IntervalSeconds": 60})).unwrap();
    assert_eq!((read.kind, read.interval_seconds), (ScheduleKind::Interval, Some(60)));
    assert_eq!(read.time_zone, "UTC");
    let read = schedules(json!({"Kind": "Weekly", "DayOfWeek": "thu", "TimeOfDay": "6:45", "TimeZone": "europe/oslo"}))
        .unwrap();
    assert_eq!(read.day_of_week.as_deref(), Some("Thursday"));
    assert_eq!(read.time_of_day.as_deref(), Some("06:45:00"));
    assert_eq!(read.time_zone, "Europe/Oslo");
    assert!(schedules(json!({"Kind": "Cron", "Cron": "*/5 * * * *"})).is_ok());
    assert!(schedules(json!({"Kind": "Weekly", "TimeOfDay": "23:59:59"})).is_ok());
    for (body, member) in [
        (json!({}), "Kind"),
        (json!({"Kind": "Monthly"}), "Kind"),
        (json!({"Kind": "Interval"}), "IntervalSeconds"),
        (json!({"Kind": "Interval", "IntervalSeconds": 0}), "IntervalSeconds"),
        (
            json!({"Kind": "Interval", "IntervalSeconds": 31_536_001}),
            "IntervalSeconds",
        ),
        (json!({"Kind": "Cron"}), "Cron"),
        (json!({"Kind": "Cron", "Cron": "at noon"}), "Cron"),
        (json!({"Kind": "Weekly"}), "TimeOfDay"),
        (json!({"Kind": "Weekly", "TimeOfDay": "24:00"}), "TimeOfDay"),
        (
            json!({"Kind": "Weekly", "TimeOfDay": "06:45", "DayOfWeek": "someday"}),
            "DayOfWeek",
        ),
        (
            json!({"Kind": "Cron", "Cron": "* * * * *", "TimeZone": "Mars/Olympus"}),
            "TimeZone",
        ),
        (json!({"Kind": "Cron", "Cron": "* * * * *", "Nope": 1}), "Nope"),
    ] {
        assert_eq!(refused(schedules(body.clone())), [member], "{body}");
    }
    // The kind may be changed with what it needs.
    let before = schedules(json!({"Kind": "Interval", "IntervalSeconds": 60})).unwrap();
    assert_eq!(
        refused(schedule(Some(&before), Some(1), &json!({"Kind": "Cron"}))),
        ["Cron"]
    );
    assert!(schedule(Some(&before), Some(1), &json!({"Kind": "Cron", "Cron": "0 6 * * 1"})).is_ok());
}

fn systems(body: Value) -> Result<SystemChange, Vec<FieldError>> {
    system(None, None, false, &with(body, "IntegrationSystemName", json!("s")))
}

#[test]
fn a_system_has_its_consent_server_whole_or_not_at_all() {
    let oauth = json!({
        "AuthorizeUrl": "https://id.example/authorize", "TokenUrl": "https://id.example/token", "OAuthClientId": "us",
        "OAuthClientSecret": "hush", "OAuthScope": "all",
    });
    let read = systems(oauth.clone()).unwrap();
    assert_eq!(read.client_secret, SecretGiven::Set("hush".to_owned().into()));
    assert_eq!(read.system.oauth.as_ref().unwrap().scope.as_deref(), Some("all"));
    assert!(systems(json!({})).unwrap().system.oauth.is_none());
    for member in ["AuthorizeUrl", "TokenUrl", "OAuthClientId"] {
        assert_eq!(refused(systems(without(oauth.clone(), member))), [member]);
    }
    for url in [
        "nowhere",
        "ftp://id.example/",
        "https://me:hush@id.example/",
        "https://id.example/#x",
    ] {
        let errors = systems(with(oauth.clone(), "TokenUrl", json!(url))).unwrap_err();
        assert_eq!(errors[0].field, "TokenUrl");
        assert!(!errors[0].message.contains("hush"));
    }
    // A secret that is kept goes to no other server.
    let current: &System = &read.system;
    let change = |body: Value| system(Some(current), Some(1), true, &body);
    assert!(change(json!({"TokenUrl": "https://id.example/v2/token"})).is_ok());
    assert_eq!(
        refused(change(json!({"TokenUrl": "https://x.example/token"}))),
        ["TokenUrl"]
    );
    assert_eq!(
        refused(change(json!({"AuthorizeUrl": "http://id.example/authorize"}))),
        ["AuthorizeUrl"]
    );
    assert!(change(json!({"TokenUrl": "https://x.example/token", "OAuthClientSecret": "new"})).is_ok());
    assert!(change(json!({"TokenUrl": "https://x.example/token", "OAuthClientSecret": null})).is_ok());
    let none = change(json!({"AuthorizeUrl": null, "TokenUrl": null, "OAuthClientId": null})).unwrap();
    assert!(none.system.oauth.is_none());
}

fn actions(body: Value) -> Result<ActionChange, Vec<FieldError>> {
    action(None, None, &BTreeMap::new(), &with(body, "ActionName", json!("a")))
}

#[test]
fn an_action_is_what_its_kind_has_use_for() {
    let read =
        actions(json!({"Kind": "http", "Method": "put", "Url": "https://x.example/{{ item.Id }}", "Body": " {} "}))
            .unwrap();
    assert_eq!(read.action.kind, ActionKind::Http);
    assert_eq!(read.action.method.as_deref(), Some("PUT"));
    assert_eq!(read.action.body.as_deref(), Some(" {} "));
    let function = json!({"Kind": "PartnerFunction", "PartnerFunctionUuid": "0190b5a8-7c3e-7d10-8f00-0123456789ab"});
    assert!(actions(function.clone()).is_ok());
    for (body, member) in [
        (json!({"Url": "https://x.example"}), "Kind"),
        (json!({"Kind": "Http"}), "Url"),
        (
            json!({"Kind": "Http", "Url": "https://x.example", "Method": "TRACE"}),
            "Method",
        ),
        (
            json!({"Kind": "Http", "Url": "https://x.example", "BodyScript": "x".repeat(300_000)}),
            "BodyScript",
        ),
        (
            json!({"Kind": "Http", "Url": "https://x.example", "ClientUuid": "me"}),
            "ClientUuid",
        ),
        (
            json!({"Kind": "Http", "Url": "https://x.example", "Headers": "nope"}),
            "Headers",
        ),
        (json!({"Kind": "PartnerFunction"}), "PartnerFunctionUuid"),
        (with(function.clone(), "Url", json!("https://x.example")), "Url"),
        (with(function, "Headers", json!("{\"X-A\": \"1\"}")), "Headers"),
    ] {
        assert_eq!(refused(actions(body.clone())), [member], "{body}");
    }
}

#[test]
fn a_client_integration_keeps_its_integration() {
    let new = client_integration(None, None, &json!({"IntegrationId": 3})).unwrap();
    assert!(new.enabled && new.schedule_id.is_none() && new.connection_id.is_none());
    assert_eq!(refused(client_integration(None, None, &json!({}))), ["IntegrationId"]);
    let current = crate::domain::integration::ClientIntegration {
        integration_id: 3.into(),
        enabled: true,
        disabled_reason: None,
        schedule_id: Some(4.into()),
        connection_id: None,
        consent_id: None,
        anchor_at: jiff::Timestamp::UNIX_EPOCH,
    };
    let change = |body: Value| client_integration(Some(&current), Some(1), &body);
    assert_eq!(refused(change(json!({"IntegrationId": 4}))), ["IntegrationId"]);
    let after = change(json!({"Enabled": false, "ScheduleId": null, "ConsentId": 9})).unwrap();
    assert!(!after.enabled && after.schedule_id.is_none());
    assert_eq!(change(json!({"IntegrationId": 3})).unwrap().schedule_id, Some(4.into()));
}
