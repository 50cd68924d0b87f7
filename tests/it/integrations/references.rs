//! What definitions name is there, is the tenant's own, and stays as long as it is named.

use orrery::{
    domain::odata::EntitySet::{Actions, ClientIntegrations, IntegrationSystems, Integrations, Schedules},
    engine::clients::ClientInput,
    error::Code,
};
use serde_json::{Value, json};
use uuid::Uuid;

use super::fixture::{Fixture, action, expect_code, expect_refused, integration, with};
use crate::support::postgres::for_each_database;

#[actix_rt::test]
async fn an_integration_names_what_its_tenant_has() {
    for_each_database(|url| async move {
        let here = Fixture::on(&url).await;
        let (mine, theirs) = (here.parts(&here.operator).await, here.parts(&here.other).await);
        let caller = &here.operator;
        let id = here.integration(caller, mine, json!({})).await;
        for (member, key) in [
            ("IntegrationSystemId", theirs.system),
            ("ScheduleId", theirs.schedule),
            ("ActionId", theirs.action),
        ] {
            for key in [key, 4_711] {
                let body = with(integration(mine), json!({ "IntegrationName": "Odd", member: key }));
                expect_refused(here.create(caller, Integrations, body).await, "invalid", member);
                let patched = here.patch(caller, Integrations, id, json!({ member: key })).await;
                expect_refused(patched, "invalid", member);
            }
        }
        assert_eq!(here.audit(caller, "integration").await.len(), 1);
    })
    .await;
}

#[actix_rt::test]
async fn what_is_named_is_not_deleted() {
    for_each_database(|url| async move {
        let here = Fixture::on(&url).await;
        let caller = &here.operator;
        let parts = here.parts(caller).await;
        let id = here
            .integration(caller, parts, json!({"AllowScheduleChange": true}))
            .await;
        for (set, key) in [
            (IntegrationSystems, parts.system),
            (Schedules, parts.schedule),
            (Actions, parts.action),
        ] {
            expect_code(here.delete(caller, set, key).await, Code::InUse, "\"Orders\"");
        }
        let own = json!({"ScheduleName": "Own", "Kind": "Cron", "Cron": "0 6 * * *"});
        let own = here.create(caller, Schedules, own).await.unwrap();
        let client = here.client(caller, id, json!({"ScheduleId": own})).await;
        expect_code(
            here.delete(caller, Schedules, own).await,
            Code::InUse,
            &format!("integrations {client}"),
        );
        expect_code(
            here.delete(caller, Integrations, id).await,
            Code::InUse,
            &format!("integrations {client}"),
        );
        here.delete(caller, ClientIntegrations, client).await.unwrap();
        here.delete(caller, Schedules, own).await.unwrap();
        here.delete(caller, Integrations, id).await.unwrap();
        for (set, key) in [
            (IntegrationSystems, parts.system),
            (Schedules, parts.schedule),
            (Actions, parts.action),
        ] {
            here.delete(caller, set, key).await.unwrap();
        }
    })
    .await;
}

#[actix_rt::test]
async fn an_action_names_a_client_and_a_partner_function_of_its_tenant() {
    let here = Fixture::start().await;
    let caller = &here.operator;
    let engine = &here.running.engine;
    let input = ClientInput {
        name: Some("Shop".to_owned()),
        auth: Some(json!({"kind": "none"})),
        limits: None,
    };
    let client = engine.clients().create(caller, input).await.unwrap();
    let with_client = with(action("With a client"), json!({"ClientUuid": client.id}));
    expect_refused(
        here.create(&here.other, Actions, with_client.clone()).await,
        "invalid",
        "ClientUuid",
    );
    let id = here.create(caller, Actions, with_client).await.unwrap();
    expect_code(
        engine.clients().delete(caller, client.id, None).await,
        Code::InUse,
        "With a client",
    );
    here.patch(caller, Actions, id, json!({"ClientUuid": null}))
        .await
        .unwrap();
    engine.clients().delete(caller, client.id, None).await.unwrap();
    let gone = here.patch(caller, Actions, id, json!({"ClientUuid": client.id})).await;
    expect_refused(gone, "invalid", "ClientUuid");

    let connection = json!({"provider": "Rest", "api_domain": "http://localhost:9", "supporting_fields": "{\"auth\":{\"kind\":\"none\"}}"});
    let connection = engine.connections().create(caller, &connection).await.unwrap();
    let function = async |name: &str, direction: &str| {
        let body = json!({"name": name, "direction": direction, "object_name": "Customer"});
        let functions = engine.partner_functions();
        functions.create(caller, connection.id, &body).await.unwrap().row.id
    };
    let (import, export) = (function("In", "IMPORT").await, function("Out", "EXPORT").await);
    let body = |function: Uuid| json!({"ActionName": "F", "Kind": "PartnerFunction", "PartnerFunctionUuid": function});
    expect_refused(
        here.create(&here.other, Actions, body(export.uuid())).await,
        "invalid",
        "PartnerFunctionUuid",
    );
    let id = here.create(caller, Actions, body(import.uuid())).await.unwrap();
    // What is outbound exports.
    let parts = here.parts(caller).await;
    let outbound: Value = with(integration(parts), json!({"ActionId": id}));
    expect_refused(
        here.create(caller, Integrations, outbound.clone()).await,
        "invalid",
        "ActionId",
    );
    here.patch(caller, Actions, id, json!({"PartnerFunctionUuid": export}))
        .await
        .unwrap();
    here.create(caller, Integrations, outbound).await.unwrap();
    let patched = here
        .patch(caller, Actions, id, json!({"PartnerFunctionUuid": import}))
        .await;
    expect_refused(patched, "invalid", "PartnerFunctionUuid");
}
