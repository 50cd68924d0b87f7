//! Managed integrations: one definition for all tenants, changed by the operator alone, told of everywhere.

use orrery::{
    domain::odata::EntitySet::{Actions, ClientIntegrations, IntegrationSystems, Integrations, Schedules},
    error::Code,
};
use serde_json::json;

use super::fixture::{Fixture, expect_code, expect_refused, integration, with};
use crate::support::postgres::for_each_database;

#[actix_rt::test]
async fn what_is_managed_is_seen_everywhere_and_changed_by_the_operator_alone() {
    let here = Fixture::start().await;
    let parts = here.parts(&here.operator).await;
    let id = here.integration(&here.operator, parts, json!({"Managed": true})).await;
    let seen = here.seen(&here.other, id).await.unwrap();
    assert_eq!(Some(seen), here.seen(&here.operator, id).await);
    for (set, key) in [
        (Integrations, id),
        (IntegrationSystems, parts.system),
        (Schedules, parts.schedule),
        (Actions, parts.action),
    ] {
        expect_code(
            here.patch(&here.other, set, key, json!({})).await,
            Code::Forbidden,
            "operator",
        );
        expect_code(here.delete(&here.other, set, key).await, Code::Forbidden, "operator");
    }
    // Others manage nothing.
    let theirs = here.parts(&here.other).await;
    let body = with(integration(theirs), json!({"Managed": true}));
    expect_code(
        here.create(&here.other, Integrations, body).await,
        Code::Forbidden,
        "Managed",
    );
    let own = here.integration(&here.other, theirs, json!({})).await;
    let patched = here
        .patch(&here.other, Integrations, own, json!({"Managed": true}))
        .await;
    expect_code(patched, Code::Forbidden, "Managed");
    // Its parts are not for integrations of others.
    for (member, key) in [
        ("IntegrationSystemId", parts.system),
        ("ScheduleId", parts.schedule),
        ("ActionId", parts.action),
    ] {
        let patched = here.patch(&here.other, Integrations, own, json!({ member: key })).await;
        expect_refused(patched, "invalid", member);
    }
    // What is managed no longer is not seen any more.
    here.patch(&here.operator, Integrations, id, json!({"Managed": false}))
        .await
        .unwrap();
    assert_eq!(here.seen(&here.other, id).await, None);
    expect_code(
        here.patch(&here.other, Schedules, parts.schedule, json!({})).await,
        Code::NotFound,
        "schedule",
    );
}

#[actix_rt::test]
async fn an_update_reaches_every_tenant_and_is_audited_in_each() {
    for_each_database(|url| async move {
        let here = Fixture::on(&url).await;
        let parts = here.parts(&here.operator).await;
        let id = here
            .integration(
                &here.operator,
                parts,
                json!({"Managed": true, "AllowScheduleChange": true}),
            )
            .await;
        let own = json!({"ScheduleName": "Own", "Kind": "Cron", "Cron": "0 6 * * *"});
        let own = here.create(&here.other, Schedules, own).await.unwrap();
        let client = here.client(&here.other, id, json!({"ScheduleId": own})).await;
        let before = here.client_of(&here.other, client).await.unwrap();
        let store = here.running.engine.store();
        let live = async || {
            let row = store
                .client_integration_row(here.other.tenant_id, before.uuid)
                .await
                .unwrap();
            row.unwrap().version
        };
        let mut version = live().await;
        let secret = json!({"Url": "http://localhost:9/hidden", "Headers": {"X-Api-Key": "quietly"}});
        let changes = [
            (Integrations, id, json!({"MaxAttempts": 9}), "integration"),
            (Actions, parts.action, secret, "integration_action"),
            (
                Schedules,
                parts.schedule,
                json!({"IntervalSeconds": 60}),
                "integration_schedule",
            ),
            (
                IntegrationSystems,
                parts.system,
                json!({"Comment": "c"}),
                "integration_system",
            ),
        ];
        for (set, key, change, kind) in changes {
            here.patch(&here.operator, set, key, change).await.unwrap();
            let (ours, theirs) = (
                here.audit(&here.operator, kind).await,
                here.audit(&here.other, kind).await,
            );
            assert_eq!(ours[0].action, format!("{kind}.update"));
            assert_eq!(theirs[0].action, format!("{kind}.update"));
            assert_eq!(theirs[0].resource_id, Some(key.to_string()));
            let text = format!("{:?}{:?}", theirs[0].before, theirs[0].after);
            assert!(!text.contains("hidden") && !text.contains("X-Api-Key"), "{text}");
            // Each is one row, and all of them are one transaction: what is seen is the change.
            assert_eq!(theirs.iter().filter(|row| row.action.ends_with("update")).count(), 1);
            let now = live().await;
            assert!(now > version, "{kind}: {version} is not below {now}");
            version = now;
        }
        assert_eq!(here.seen(&here.other, id).await.unwrap().max_attempts, 9);
        // Who uses it, and how, is the tenant's own matter.
        assert_eq!(here.client_of(&here.other, client).await.unwrap(), before);
        // A refused change reaches nobody.
        let refused = here
            .patch(&here.operator, Integrations, id, json!({"IntegrationSystemId": 4_711}))
            .await;
        expect_refused(refused, "invalid", "IntegrationSystemId");
        assert_eq!(here.audit(&here.other, "integration").await.len(), 1);
        // It stays as long as others use it, and is not theirs to see who they are.
        let taken = here
            .patch(&here.operator, Integrations, id, json!({"Managed": false}))
            .await;
        expect_code(taken, Code::InUse, "1 client integrations of other tenants");
        let deleted = here.delete(&here.operator, Integrations, id).await;
        expect_code(deleted, Code::InUse, "1 client integrations of other tenants");
        here.delete(&here.other, ClientIntegrations, client).await.unwrap();
        here.delete(&here.operator, Integrations, id).await.unwrap();
    })
    .await;
}
