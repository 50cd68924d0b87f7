//! What clients make of integrations: schedules of their own, connections, consents, and who has an actor.

use orrery::{
    domain::{
        integration::ConsentState,
        odata::EntitySet::{ClientIntegrations, IntegrationSystems, Integrations, Schedules},
    },
    error::Code,
};
use serde_json::{Value, json};

use super::fixture::{Fixture, expect_code, expect_refused, schedule, system};
use crate::support::postgres::for_each_database;

#[actix_rt::test]
async fn a_client_has_a_schedule_of_its_own_where_that_is_allowed() {
    for_each_database(|url| async move {
        let here = Fixture::on(&url).await;
        let caller = &here.other;
        let parts = here.parts(&here.operator).await;
        let id = here.integration(&here.operator, parts, json!({"Managed": true})).await;
        let own = here.create(caller, Schedules, schedule("Own")).await.unwrap();
        let new = json!({"IntegrationId": id, "ScheduleId": own});
        expect_refused(
            here.create(caller, ClientIntegrations, new).await,
            "schedule_fixed",
            "ScheduleId",
        );
        let client = here.client(caller, id, json!({})).await;
        let patch = async |body: Value| here.patch(caller, ClientIntegrations, client, body).await;
        expect_refused(patch(json!({"ScheduleId": own})).await, "schedule_fixed", "ScheduleId");
        patch(json!({"ScheduleId": null})).await.unwrap();
        here.patch(&here.operator, Integrations, id, json!({"AllowScheduleChange": true}))
            .await
            .unwrap();
        // Its own: not the operator's, not one that is not there.
        for schedule in [parts.schedule, 4_711] {
            expect_refused(patch(json!({"ScheduleId": schedule})).await, "invalid", "ScheduleId");
        }
        patch(json!({"ScheduleId": own})).await.unwrap();
        let uuid = here.client_of(caller, client).await.unwrap().uuid;
        let store = here.running.engine.store();
        let loaded = async || {
            store
                .load_client_integration(caller.tenant_id, uuid)
                .await
                .unwrap()
                .unwrap()
        };
        assert_eq!(loaded().await.schedule.id.get(), own);
        // Where it is allowed no longer, the operator's counts again; other changes are still possible.
        here.patch(&here.operator, Integrations, id, json!({"AllowScheduleChange": false}))
            .await
            .unwrap();
        assert_eq!(loaded().await.schedule.id.get(), parts.schedule);
        patch(json!({"Enabled": false})).await.unwrap();
        patch(json!({"ScheduleId": null})).await.unwrap();
        expect_refused(patch(json!({"ScheduleId": own})).await, "schedule_fixed", "ScheduleId");
    })
    .await;
}

#[actix_rt::test]
async fn a_tenant_uses_an_integration_once_with_its_own_connection() {
    let here = Fixture::start().await;
    let parts = here.parts(&here.operator).await;
    let id = here.integration(&here.operator, parts, json!({"Managed": true})).await;
    let connection = json!({"provider": "Rest", "api_domain": "http://localhost:9", "supporting_fields": "{\"auth\":{\"kind\":\"none\"}}"});
    let engine = &here.running.engine;
    let connection = engine
        .connections()
        .create(&here.operator, &connection)
        .await
        .unwrap()
        .id;
    let body = json!({"IntegrationId": id, "ConnectionUuid": connection});
    expect_refused(
        here.create(&here.other, ClientIntegrations, body.clone()).await,
        "invalid",
        "ConnectionUuid",
    );
    let client = here
        .create(&here.operator, ClientIntegrations, body.clone())
        .await
        .unwrap();
    expect_code(
        here.create(&here.operator, ClientIntegrations, body).await,
        Code::InUse,
        "already",
    );
    assert_eq!(
        here.client_of(&here.operator, client)
            .await
            .unwrap()
            .value
            .connection_id,
        Some(connection)
    );
    let other = here.client(&here.other, id, json!({})).await;
    assert_eq!(here.client_of(&here.operator, other).await, None);
    let moved = here
        .patch(&here.other, ClientIntegrations, other, json!({"IntegrationId": 4_711}))
        .await;
    expect_refused(moved, "invalid", "IntegrationId");
    for body in [json!({"IntegrationId": 4_711}), json!({})] {
        expect_refused(
            here.create(&here.other, ClientIntegrations, body).await,
            "invalid",
            "IntegrationId",
        );
    }
}

#[actix_rt::test]
async fn enabling_begins_the_consent_that_is_asked_for() {
    for_each_database(|url| async move {
        let here = Fixture::on(&url).await;
        let caller = &here.operator;
        let parts = here.parts(caller).await;
        let store = here.running.engine.store();
        let id = here
            .integration(caller, parts, json!({"ConsentTypeId": "Manual"}))
            .await;
        let client = here.client(caller, id, json!({"Enabled": false})).await;
        let consent = async || {
            let found = here.client_of(caller, client).await.unwrap();
            match found.value.consent_id {
                None => None,
                Some(id) => store.consent(caller.tenant_id, id).await.unwrap(),
            }
        };
        assert!(consent().await.is_none());
        here.patch(caller, ClientIntegrations, client, json!({"Enabled": true}))
            .await
            .unwrap();
        let begun = consent().await.unwrap();
        assert_eq!(begun.value.state, ConsentState::Pending);
        assert_eq!(here.audit(caller, "consent").await.len(), 1);
        // It does not run before it is granted.
        let uuid = here.client_of(caller, client).await.unwrap().uuid;
        let lives = async || {
            store
                .client_integration_row(caller.tenant_id, uuid)
                .await
                .unwrap()
                .is_some()
        };
        assert!(!lives().await);
        // Where the operator asks for nothing any more, it does.
        here.patch(caller, Integrations, id, json!({"ConsentTypeId": "None"}))
            .await
            .unwrap();
        assert!(consent().await.is_none() && lives().await);
        // And for another consent again, of those who use it.
        here.patch(caller, Integrations, id, json!({"ConsentTypeId": "Credentials"}))
            .await
            .unwrap();
        assert_eq!(consent().await.unwrap().value.state, ConsentState::Pending);
        assert!(!lives().await);
        here.delete(caller, ClientIntegrations, client).await.unwrap();
        here.delete(caller, Integrations, id).await.unwrap();
    })
    .await;
}

#[actix_rt::test]
async fn who_has_an_actor() {
    for_each_database(|url| async move {
        let here = Fixture::on(&url).await;
        let caller = &here.operator;
        let parts = here.parts(caller).await;
        let id = here
            .integration(caller, parts, json!({"AllowScheduleChange": true}))
            .await;
        let client = here.client(caller, id, json!({})).await;
        let uuid = here.client_of(caller, client).await.unwrap().uuid;
        let store = here.running.engine.store();
        let row = async || store.client_integration_row(caller.tenant_id, uuid).await.unwrap();
        assert_eq!(row().await.unwrap().name, "Orders");
        assert!(
            store
                .client_integration_row(here.other.tenant_id, uuid)
                .await
                .unwrap()
                .is_none()
        );
        let switches = [
            (
                ClientIntegrations,
                client,
                json!({"Enabled": false}),
                json!({"Enabled": true}),
            ),
            (Integrations, id, json!({"Active": false}), json!({"Active": true})),
            (
                Integrations,
                id,
                json!({"ActionId": null}),
                json!({"ActionId": parts.action}),
            ),
        ];
        for (set, key, off, on) in switches {
            here.patch(caller, set, key, off.clone()).await.unwrap();
            assert!(row().await.is_none(), "{off}");
            assert!(store.client_integration_rows_page(None, 10).await.unwrap().is_empty());
            here.patch(caller, set, key, on).await.unwrap();
            assert!(row().await.is_some());
        }
        // Also where another thing of a lower version is named, the version grows.
        here.patch(caller, IntegrationSystems, parts.system, json!({"Comment": "c"}))
            .await
            .unwrap();
        let system = here.create(caller, IntegrationSystems, system("New")).await.unwrap();
        let own = here.create(caller, Schedules, schedule("Own")).await.unwrap();
        let mut version = row().await.unwrap().version;
        for (set, key, change) in [
            (Integrations, id, json!({"IntegrationSystemId": system})),
            (ClientIntegrations, client, json!({"ScheduleId": own})),
            (Schedules, own, json!({"IntervalSeconds": 7})),
            (ClientIntegrations, client, json!({"ScheduleId": null})),
        ] {
            here.patch(caller, set, key, change.clone()).await.unwrap();
            let now = row().await.unwrap().version;
            assert!(now > version, "{change}");
            version = now;
        }
        // Pages of all tenants, by UUID.
        let theirs = here.parts(&here.other).await;
        let their = here.integration(&here.other, theirs, json!({})).await;
        here.client(&here.other, their, json!({})).await;
        let first = store.client_integration_rows_page(None, 1).await.unwrap();
        let second = store.client_integration_rows_page(Some(first[0].id), 1).await.unwrap();
        assert!(first[0].id < second[0].id && first[0].tenant_id != second[0].tenant_id);
        assert!(
            store
                .client_integration_rows_page(Some(second[0].id), 1)
                .await
                .unwrap()
                .is_empty()
        );
    })
    .await;
}
