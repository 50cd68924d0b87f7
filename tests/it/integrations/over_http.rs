//! The seed's requests over OData: a POST with every member, its PATCH, and how rules are answered.

use serde_json::{Value, json};

use super::fixture::{Fixture, OTHER, action, schedule, system, with};
use crate::support::engine::{Api, Reply};

async fn make(api: &Api, set: &str, body: Value) -> Reply {
    api.post(&format!("/OData/{set}"), &body).await
}

async fn made(api: &Api, set: &str, key: &str, body: Value) -> i64 {
    let reply = make(api, set, body).await.expect(201);
    reply.json[key].as_i64().unwrap()
}

/// Every member of the seed, in its order, with `Active`.
async fn every_member(api: &Api) -> Value {
    let system = made(api, "IntegrationSystems", "IntegrationSystemId", system("Books")).await;
    let schedule = made(api, "Schedules", "ScheduleId", schedule("Hourly")).await;
    let action = made(api, "Actions", "ActionId", action("Send")).await;
    json!({
        "ActionId": action,
        "Comment": "Orders that are ready",
        "ElementId": "orders",
        "EntityId": "Transaction",
        "Filter": "Status == \"ready\" and CreatedAt > DateTime.UtcNow.AddDays(-7)",
        "IntegrationDirectionId": "Outbound",
        "IntegrationName": "Orders",
        "ScheduleId": schedule,
        "IntegrationSystemId": system,
        "MaxAttempts": 5,
        "IncludeUpdate": true,
        "ExecuteInParallel": true,
        "ConsentTypeId": "Manual",
        "BatchSize": 10,
        "Managed": true,
        "Continuous": true,
        "AllowScheduleChange": true,
        "Active": true,
    })
}

#[track_caller]
fn expect_members(reply: &Reply, members: &Value) {
    for (member, value) in members.as_object().unwrap() {
        assert_eq!(&reply.json[member], value, "{member}: {reply:?}");
    }
}

#[actix_rt::test]
async fn an_integration_is_posted_and_patched_with_every_member() {
    let here = Fixture::start().await;
    let api = &here.running.api;
    let body = every_member(api).await;
    let created = make(api, "Integrations", body.clone()).await.expect(201);
    expect_members(&created, &body);
    let key = created.json["IntegrationId"].as_i64().unwrap();
    let path = format!("/OData/Integrations({key})");
    assert!(created.header("location").unwrap().ends_with(&path));
    expect_members(&api.get(&path).await.expect(200), &body);
    // The seed's PATCH: all members at once, as a client sends an entity back, with its media type.
    let changed = with(
        body.clone(),
        json!({"IntegrationName": "Renamed", "Comment": null, "MaxAttempts": 3, "Continuous": false, "Managed": false}),
    );
    let sent = with(created.json.clone(), changed.clone());
    let media_type = "application/json;odata.metadata=minimal;odata.streaming=true";
    let patched = api
        .ask("PATCH", &path)
        .text(&sent.to_string())
        .header("content-type", media_type);
    let patched = patched.send().await.expect(200);
    expect_members(&patched, &changed);
    expect_members(&api.get(&path).await.expect(200), &changed);
    // A part of it leaves the rest.
    let patched = api.patch(&path, &json!({"BatchSize": 2})).await.expect(200);
    expect_members(&patched, &with(changed, json!({"BatchSize": 2})));
    api.delete(&path).await.expect(204);
    api.get(&path).await.expect(404);
}

#[actix_rt::test]
async fn rules_and_lengths_are_answered_with_member_and_word() {
    let here = Fixture::start().await;
    let api = &here.running.api;
    let body = every_member(api).await;
    let refused = async |more: Value, status: u16, word: &str, member: &str| {
        let reply = make(api, "Integrations", with(body.clone(), more)).await.expect(status);
        let text = reply.json.to_string();
        assert!(text.contains(word) && text.contains(member), "{word} {member}: {text}");
    };
    refused(
        json!({"Filter": "Status == \"ready\""}),
        422,
        "continuous_without_expiry",
        "Filter",
    )
    .await;
    refused(
        json!({"IncludeUpdate": false}),
        422,
        "continuous_not_allowed",
        "Continuous",
    )
    .await;
    refused(
        json!({"Active": false}),
        422,
        "include_update_not_allowed",
        "IncludeUpdate",
    )
    .await;
    refused(json!({"Filter": "Status = = 1"}), 422, "character", "Filter").await;
    for (member, max) in [
        ("IntegrationName", 128),
        ("EntityId", 450),
        ("ElementId", 256),
        ("ConsentTypeId", 64),
    ] {
        refused(json!({ member: "x".repeat(max + 1) }), 422, "invalid", member).await;
    }
    for member in ["MaxAttempts", "BatchSize"] {
        refused(json!({ member: 0 }), 422, "invalid", member).await;
    }
    refused(json!({"Nonsense": 1}), 400, "bad_request", "Nonsense").await;
    let longest =
        json!({"IntegrationName": "n".repeat(128), "EntityId": "e".repeat(450), "ElementId": "i".repeat(256)});
    make(api, "Integrations", with(body.clone(), longest)).await.expect(201);
    make(api, "Integrations", body.clone()).await.expect(201);
    refused(json!({}), 409, "name_in_use", "Orders").await;
    // A stale version.
    let reply = make(api, "Integrations", with(body.clone(), json!({"IntegrationName": "V"})))
        .await
        .expect(201);
    let path = format!("/OData/Integrations({})", reply.json["IntegrationId"]);
    let tag = reply.header("etag").unwrap().to_owned();
    api.patch(&path, &json!({"MaxAttempts": 2})).await.expect(200);
    let stale = api
        .ask("PATCH", &path)
        .json(&json!({"MaxAttempts": 3}))
        .header("if-match", &tag);
    stale.send().await.expect(412);
}

#[actix_rt::test]
async fn tenants_read_what_is_managed_and_change_nothing_of_it() {
    let here = Fixture::start().await;
    let api = &here.running.api;
    let body = every_member(api).await;
    let created = make(api, "Integrations", body).await.expect(201);
    let path = format!("/OData/Integrations({})", created.json["IntegrationId"]);
    let other = api.in_tenant(OTHER);
    let seen = other.get(&path).await.expect(200);
    assert_eq!(seen.json["IntegrationName"], "Orders");
    other.patch(&path, &json!({"MaxAttempts": 1})).await.expect(403);
    other.delete(&path).await.expect(403);
    let action = other
        .get(&format!("/OData/Actions({})", created.json["ActionId"]))
        .await
        .expect(200);
    assert_eq!(
        (&action.json["ActionName"], &action.json["Url"]),
        (&json!("Send"), &Value::Null)
    );
    api.patch(&path, &json!({"MaxAttempts": 9})).await.expect(200);
    assert_eq!(other.get(&path).await.expect(200).json["MaxAttempts"], 9);
}
