//! Definitions are made, changed and deleted: versions, names, audit rows, rights.

use orrery::{
    domain::{
        integration::{ConsentType, IntegrationDirection, ScheduleKind},
        odata::EntitySet::{
            self, Actions, ClientIntegrations, IntegrationDirections, IntegrationQueues, IntegrationSystems,
            Integrations, Schedules,
        },
        rights::{Right, Rights},
    },
    error::Code,
};
use serde_json::{Value, json};

use super::fixture::{Fixture, action, expect_code, expect_refused, integration, refused, schedule, system, with};
use crate::support::postgres::for_each_database;

#[actix_rt::test]
async fn every_member_is_kept() {
    for_each_database(|url| async move {
        let here = Fixture::on(&url).await;
        let caller = &here.operator;
        let parts = here.parts(caller).await;
        let body = json!({
            "IntegrationName": "Ready orders", "EntityId": "Transaction", "IntegrationDirectionId": "Outbound",
            "IntegrationSystemId": parts.system, "ActionId": parts.action, "ElementId": "e-1", "Comment": "two\nlines",
            "Filter": "CreatedAt > DateTime.UtcNow.AddDays(-7)", "ScheduleId": parts.schedule, "MaxAttempts": 7,
            "BatchSize": 4, "ExecuteInParallel": true, "IncludeUpdate": true, "Continuous": true, "Managed": true,
            "AllowScheduleChange": true, "ConsentTypeId": "Manual", "Active": true,
        });
        let id = here.create(caller, Integrations, body.clone()).await.unwrap();
        let seen = here.seen(caller, id).await.unwrap();
        assert_eq!(serde_json::to_value(&seen).unwrap(), body);
        // Every member can be changed, and only what is named changes.
        let (one, two) = (
            here.create(caller, IntegrationSystems, system("Two")).await.unwrap(),
            here.create(caller, Schedules, schedule("Two")).await.unwrap(),
        );
        let changes = [
            ("IntegrationName", json!("Others")),
            ("EntityId", json!("customer")),
            ("IntegrationSystemId", json!(one)),
            ("ActionId", Value::Null),
            ("ElementId", Value::Null),
            ("Comment", Value::Null),
            ("Filter", json!("UpdatedAt > DateTime(2026,1,1)")),
            ("ScheduleId", json!(two)),
            ("MaxAttempts", json!(1)),
            ("BatchSize", json!(1)),
            ("ExecuteInParallel", json!(false)),
            ("Managed", json!(false)),
            ("AllowScheduleChange", json!(false)),
            ("ConsentTypeId", json!("None")),
            ("Continuous", json!(false)),
            ("IncludeUpdate", json!(false)),
            ("Active", json!(false)),
            ("IntegrationDirectionId", json!("Inbound")),
        ];
        let mut expected = body;
        for (member, value) in &changes {
            here.patch(caller, Integrations, id, json!({ *member: value }))
                .await
                .unwrap();
            expected[*member] = value.clone();
            let seen = here.seen(caller, id).await.unwrap();
            assert_eq!(serde_json::to_value(&seen).unwrap(), expected, "{member}");
        }
        let seen = here.seen(caller, id).await.unwrap();
        assert_eq!(seen.integration_direction_id, IntegrationDirection::Inbound);
        assert_eq!(seen.consent_type_id, ConsentType::None);
        let store = here.running.engine.store();
        let stored = store.integration(caller.tenant_id, id.into()).await.unwrap().unwrap();
        assert_eq!(stored.stamp.version, 1 + i64::try_from(changes.len()).unwrap());
        here.delete(caller, Integrations, id).await.unwrap();
        assert_eq!(here.seen(caller, id).await, None);
    })
    .await;
}

#[actix_rt::test]
async fn parts_are_kept_and_changed() {
    let here = Fixture::start().await;
    let caller = &here.operator;
    let (engine, tenant) = (&here.running.engine, caller.tenant_id);
    let parts = here.parts(caller).await;
    let weekly = json!({"Kind": "Weekly", "DayOfWeek": "Thursday", "TimeOfDay": "06:45", "TimeZone": "Europe/Oslo"});
    here.patch(caller, Schedules, parts.schedule, weekly).await.unwrap();
    let found = engine
        .store()
        .schedule(tenant, parts.schedule.into())
        .await
        .unwrap()
        .unwrap();
    assert_eq!(found.value.kind, ScheduleKind::Weekly);
    assert_eq!(found.value.time_of_day.as_deref(), Some("06:45:00"));
    assert_eq!(found.stamp.version, 2);
    let bad = here
        .patch(caller, Schedules, parts.schedule, json!({"TimeZone": "Mars/Olympus"}))
        .await;
    expect_refused(bad, "invalid", "TimeZone");
    here.patch(caller, IntegrationSystems, parts.system, json!({"Comment": "c"}))
        .await
        .unwrap();
    let found = engine
        .store()
        .system(tenant, parts.system.into())
        .await
        .unwrap()
        .unwrap();
    assert_eq!(
        (found.value.name.as_str(), found.value.comment.as_deref()),
        ("Books", Some("c"))
    );
    let scripts = json!({"BodyScript": "return {};", "ResultScript": "return null;"});
    here.patch(caller, Actions, parts.action, scripts).await.unwrap();
    for (member, source) in [("BodyScript", "return {"), ("ResultScript", "retrun null")] {
        let bad = here
            .patch(caller, Actions, parts.action, json!({ member: source }))
            .await;
        expect_refused(bad, "invalid", member);
    }
    let far = here
        .patch(
            caller,
            Actions,
            parts.action,
            json!({"Url": "http://169.254.169.254/latest"}),
        )
        .await;
    expect_refused(far, "invalid", "Url");
    let ways = [
        (Schedules, parts.schedule, "integration_schedule"),
        (IntegrationSystems, parts.system, "integration_system"),
        (Actions, parts.action, "integration_action"),
    ];
    for (set, key, kind) in ways {
        here.delete(caller, set, key).await.unwrap();
        let log = here.audit(caller, kind).await;
        let words: Vec<&str> = log.iter().map(|row| row.action.split('.').nth(1).unwrap()).collect();
        assert_eq!(words, ["delete", "update", "create"], "{kind}");
        assert!(log.iter().all(|row| row.resource_id == Some(key.to_string())), "{kind}");
        expect_code(here.delete(caller, set, key).await, Code::NotFound, &key.to_string());
    }
}

#[actix_rt::test]
async fn names_are_unique_in_their_tenant() {
    for_each_database(|url| async move {
        let here = Fixture::on(&url).await;
        let caller = &here.operator;
        let parts = here.parts(caller).await;
        let first = here.integration(caller, parts, json!({})).await;
        let ways: [(EntitySet, Value, &str, i64); 4] = [
            (Integrations, integration(parts), "IntegrationName", first),
            (
                IntegrationSystems,
                system("Books"),
                "IntegrationSystemName",
                parts.system,
            ),
            (Schedules, schedule("Hourly"), "ScheduleName", parts.schedule),
            (Actions, action("Send"), "ActionName", parts.action),
        ];
        for (set, body, member, key) in ways {
            let name = body[member].as_str().unwrap().to_owned();
            expect_code(here.create(caller, set, body.clone()).await, Code::NameInUse, &name);
            let second = with(body.clone(), json!({ member: "Second" }));
            let second = here.create(caller, set, second).await.unwrap();
            let renamed = here.patch(caller, set, second, json!({ member: name })).await;
            expect_code(renamed, Code::NameInUse, &name);
            // Its own name is no other's.
            here.patch(caller, set, key, json!({ member: name })).await.unwrap();
        }
        // Another tenant has names of its own.
        let parts = here.parts(&here.other).await;
        here.integration(&here.other, parts, json!({})).await;
    })
    .await;
}

#[actix_rt::test]
async fn a_change_may_name_the_version_that_it_is_of() {
    let here = Fixture::start().await;
    let caller = &here.operator;
    let parts = here.parts(caller).await;
    let id = here.integration(caller, parts, json!({})).await;
    let client = here.client(caller, id, json!({})).await;
    let integrations = here.running.engine.integrations();
    let keys = [
        (Integrations, id),
        (IntegrationSystems, parts.system),
        (Schedules, parts.schedule),
        (Actions, parts.action),
        (ClientIntegrations, client),
    ];
    for (set, key) in keys {
        let patch = async |version| integrations.patch(caller, set, key, Some(version), &json!({})).await;
        expect_code(patch(2).await, Code::StaleVersion, "version is 1");
        patch(1).await.unwrap();
        expect_code(patch(1).await, Code::StaleVersion, "version is 2");
        let deleted = integrations.delete(caller, set, key, Some(1)).await;
        expect_code(deleted, Code::StaleVersion, "version is 2");
    }
}

#[actix_rt::test]
async fn only_who_may_manage_integrations_changes_them() {
    let here = Fixture::start().await;
    let parts = here.parts(&here.operator).await;
    let id = here.integration(&here.operator, parts, json!({})).await;
    let mut caller = here.operator.clone();
    caller.rights = Rights::from(Right::ConnectionsManage);
    let right = "integrations.manage";
    expect_code(
        here.create(&caller, Integrations, integration(parts)).await,
        Code::Forbidden,
        right,
    );
    expect_code(
        here.patch(&caller, Integrations, id, json!({})).await,
        Code::Forbidden,
        right,
    );
    expect_code(here.delete(&caller, Integrations, id).await, Code::Forbidden, right);
    let integrations = here.running.engine.integrations();
    let body = json!({"item": {}});
    let explained = integrations.act(&caller, Integrations, id, "Explain", &body).await;
    expect_code(explained, Code::Forbidden, right);
    // What nobody changes by hand.
    for set in [IntegrationDirections, IntegrationQueues] {
        expect_code(
            here.create(&here.operator, set, json!({})).await,
            Code::MethodNotAllowed,
            set.as_str(),
        );
    }
}

#[actix_rt::test]
async fn tenants_see_nothing_of_each_other() {
    let here = Fixture::start().await;
    let parts = here.parts(&here.operator).await;
    let id = here.integration(&here.operator, parts, json!({})).await;
    let client = here.client(&here.operator, id, json!({})).await;
    let keys = [
        (Integrations, id),
        (IntegrationSystems, parts.system),
        (Schedules, parts.schedule),
        (Actions, parts.action),
        (ClientIntegrations, client),
    ];
    for (set, key) in keys {
        assert_eq!(
            refused(here.patch(&here.other, set, key, json!({})).await).0,
            "not_found",
            "{set}"
        );
        assert_eq!(
            refused(here.delete(&here.other, set, key).await).0,
            "not_found",
            "{set}"
        );
    }
    let used = here
        .create(&here.other, ClientIntegrations, json!({"IntegrationId": id}))
        .await;
    expect_refused(used, "invalid", "IntegrationId");
    // A tenant that has definitions is not deleted under them.
    here.parts(&here.other).await;
    let engine = &here.running.engine;
    let deleted = engine
        .tenants()
        .delete(&here.operator, here.other.tenant_id, None)
        .await;
    expect_code(deleted, Code::InUse, "1 schedules");
}
