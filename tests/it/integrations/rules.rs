//! The rules of flags, and filters.

use orrery::domain::odata::EntitySet::{Actions, Integrations};
use serde_json::{Value, json};

use super::fixture::{Fixture, action, expect_refused, integration, refused, with};
use orrery::engine::integrations::ActionAnswer;

const EXPIRES: &str = "Status == \"ready\" and CreatedAt > DateTime.UtcNow.AddDays(-7)";

#[actix_rt::test]
async fn include_update_is_for_what_is_active_and_outbound() {
    let here = Fixture::start().await;
    let caller = &here.operator;
    let parts = here.parts(caller).await;
    let create = async |more: Value| here.create(caller, Integrations, with(integration(parts), more)).await;
    let table = [
        json!({"IncludeUpdate": true, "Active": false}),
        json!({"IncludeUpdate": true, "EntityId": "customer", "IntegrationDirectionId": "Inbound"}),
    ];
    for more in table {
        expect_refused(create(more).await, "include_update_not_allowed", "IncludeUpdate");
    }
    let id = create(json!({"IncludeUpdate": true})).await.unwrap();
    let patch = async |body: Value| here.patch(caller, Integrations, id, body).await;
    // It holds as long as the flag is set.
    expect_refused(
        patch(json!({"Active": false})).await,
        "include_update_not_allowed",
        "IncludeUpdate",
    );
    let inbound = json!({"IntegrationDirectionId": "Inbound", "EntityId": "customer"});
    expect_refused(
        patch(inbound.clone()).await,
        "include_update_not_allowed",
        "IncludeUpdate",
    );
    patch(json!({"Active": false, "IncludeUpdate": false})).await.unwrap();
    patch(inbound).await.unwrap();
    expect_refused(
        patch(json!({"IncludeUpdate": true})).await,
        "include_update_not_allowed",
        "IncludeUpdate",
    );
}

#[actix_rt::test]
async fn continuous_needs_updates_and_an_expiry_and_locks_updates() {
    let here = Fixture::start().await;
    let caller = &here.operator;
    let parts = here.parts(caller).await;
    let create = async |more: Value| here.create(caller, Integrations, with(integration(parts), more)).await;
    let whole = json!({"Continuous": true, "IncludeUpdate": true, "Filter": EXPIRES});
    for (more, rule, member) in [
        (json!({"IncludeUpdate": false}), "continuous_not_allowed", "Continuous"),
        (
            json!({"IncludeUpdate": false, "Active": false}),
            "continuous_not_allowed",
            "Continuous",
        ),
        (json!({"Active": false}), "include_update_not_allowed", "IncludeUpdate"),
        (json!({"Filter": null}), "continuous_without_expiry", "Filter"),
        (
            json!({"Filter": "Status == \"ready\""}),
            "continuous_without_expiry",
            "Filter",
        ),
        (
            json!({"Filter": "CreatedAt == null"}),
            "continuous_without_expiry",
            "Filter",
        ),
    ] {
        expect_refused(create(with(whole.clone(), more)).await, rule, member);
    }
    let id = create(whole).await.unwrap();
    let patch = async |body: Value| here.patch(caller, Integrations, id, body).await;
    expect_refused(
        patch(json!({"IncludeUpdate": false})).await,
        "include_update_locked",
        "IncludeUpdate",
    );
    expect_refused(
        patch(json!({"Filter": "Amount > 1"})).await,
        "continuous_without_expiry",
        "Filter",
    );
    patch(json!({"Filter": "CreatedAt > DateTime(2026, 1, 31) && Amount > 1"}))
        .await
        .unwrap();
    patch(json!({"Continuous": false})).await.unwrap();
    patch(json!({"IncludeUpdate": false})).await.unwrap();
    patch(json!({"IncludeUpdate": true, "Continuous": true})).await.unwrap();
    patch(json!({"IncludeUpdate": false, "Continuous": false, "Filter": null}))
        .await
        .unwrap();
}

#[actix_rt::test]
async fn a_filter_is_read_and_checked_when_it_is_written() {
    let here = Fixture::start().await;
    let caller = &here.operator;
    let parts = here.parts(caller).await;
    let id = here.integration(caller, parts, json!({})).await;
    let patch = async |filter: &str| here.patch(caller, Integrations, id, json!({"Filter": filter})).await;
    for (filter, place) in [
        ("Status = = 1", "character"),
        ("Status == \"ready\" and", "character"),
        ("new(Id, Status)", "character 1"),
        ("Status ==\n  )", "line 2, column 3"),
        ("Status", "character 1"),
        ("CreatedAt.Length > 1", "character"),
    ] {
        let error = patch(filter).await.unwrap_err();
        assert_eq!(
            (error.code.as_str(), error.fields[0].field.as_str()),
            ("invalid", "Filter"),
            "{filter}: {error}"
        );
        assert!(error.fields[0].message.contains(place), "{filter}: {error}");
        let positions = &error.details.unwrap()["positions"];
        assert!(positions[0]["line"].as_u64() >= Some(1) && positions[0]["column"].as_u64() >= Some(1));
    }
    let acceptance = "Status == \"ready\" and Amount > 1000 and Customer.Country in (\"NO\",\"SE\")";
    patch(acceptance).await.unwrap();
    assert_eq!(here.seen(caller, id).await.unwrap().filter.as_deref(), Some(acceptance));
    // Nothing of what was refused was written.
    assert_eq!(here.audit(caller, "integration").await.len(), 2);

    let explained = here.running.engine.integrations();
    let item = json!({"item": {"Status": "ready", "Amount": 2_000, "Customer": {"Country": "DK"}}});
    let answer = explained.act(caller, Integrations, id, "Explain", &item).await.unwrap();
    let ActionAnswer::Value(answer) = answer else {
        panic!("{answer:?}")
    };
    assert_eq!(answer["matches"], json!(false));
    assert!(answer["parts"].as_array().unwrap().len() > 2, "{answer}");
    let other = explained.act(&here.other, Integrations, id, "Explain", &item).await;
    assert_eq!(refused(other).0, "not_found");
}

#[actix_rt::test]
async fn what_is_not_known_is_a_bad_request_with_its_path() {
    let here = Fixture::start().await;
    let caller = &here.operator;
    let parts = here.parts(caller).await;
    let body = with(integration(parts), json!({"IntegratonName": "x"}));
    expect_refused(
        here.create(caller, Integrations, body).await,
        "bad_request",
        "IntegratonName",
    );
    let id = here.integration(caller, parts, json!({})).await;
    let patched = here.patch(caller, Integrations, id, json!({"Nonsense": 1})).await;
    expect_refused(patched, "bad_request", "Nonsense");
    let body = with(action("Odd"), json!({"Verb": "GET"}));
    expect_refused(here.create(caller, Actions, body).await, "bad_request", "Verb");
}
