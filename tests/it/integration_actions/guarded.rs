//! What keeps secrets where they belong, and requests small: hosts of consents, echoes of servers, headers together.

use orrery::{domain::odata::EntitySet, engine::caller::Caller};
use serde_json::{Value, json};

use super::fixture::{Acts, Line, result};
use crate::support::{postgres::for_each_database, upstream::Upstream};

const SECRET: &str = "sesame-open-1234";

/// Changes a definition as the one who may.
async fn patch(acts: &Acts, set: EntitySet, id: i64, body: Value) {
    let (integrations, caller) = (acts.engine.engine.integrations(), Caller::embedded(acts.tenant));
    let patched = integrations.patch(&caller, set, id, None, &body);
    patched.await.unwrap();
}

async fn action_of(acts: &Acts, line: Line) -> i64 {
    use sea_orm::EntityTrait;
    let found = entity::integration::Entity::find_by_id(line.integration).one(&acts.database);
    found.await.unwrap().unwrap().action_id.unwrap()
}

#[tokio::test]
async fn what_a_client_consented_to_goes_to_no_other_host() {
    for_each_database(|url| async move {
        let (target, elsewhere) = (Upstream::start(), Upstream::start());
        target.items("/hook", json!({}));
        target.items("/other", json!({}));
        elsewhere.items("/hook", json!({}));
        let acts = Acts::on(&url).await;
        acts.put("invoice", "A", json!({})).await;
        let consent = json!({"ConsentTypeId": "Credentials"});
        let line = acts.line(json!({"Url": target.url("/hook")}), consent, json!({})).await;
        acts.submit(line, json!({"Token": SECRET})).await;
        assert_eq!(acts.send(line, "A", 1).await.state, "Completed");
        let action = action_of(&acts, line).await;
        // Another path of the same host is what was consented to.
        patch(&acts, EntitySet::Actions, action, json!({"Url": target.url("/other")})).await;
        acts.put("invoice", "B", json!({})).await;
        assert_eq!(acts.send(line, "B", 1).await.state, "Completed");
        assert_eq!(target.requests_to("/other").len(), 1);
        // By a change of the action, and by another action.
        let other = json!({"ActionName": "Elsewhere", "Kind": "Http", "Url": elsewhere.url("/hook")});
        let integrations = acts.engine.engine.integrations();
        let caller = Caller::embedded(acts.tenant);
        let other = integrations.create(&caller, EntitySet::Actions, &other).await.unwrap();
        acts.put("invoice", "C", json!({})).await;
        let item = acts.queue(line, "C", 1).await;
        for (set, id, body) in [
            (EntitySet::Actions, action, json!({"Url": elsewhere.url("/hook")})),
            (EntitySet::Integrations, line.integration, json!({"ActionId": other})),
        ] {
            patch(&acts, set, id, body).await;
            let said = format!("requests to http://{}, and the action sends to", target.address());
            let kept = acts.execute(item).await;
            assert!(result(&kept).contains(&said), "{kept:?}");
            // It waits, and no attempt is counted.
            assert_eq!((kept.state.as_str(), kept.attempt), ("Pending", 0), "{kept:?}");
        }
        assert!(elsewhere.requests().is_empty());
        // Given again, it is for the new host.
        acts.submit(line, json!({"Token": SECRET})).await;
        let sent = acts.execute(item).await;
        assert_eq!(sent.state, "Completed", "{sent:?}");
        let bearer = format!("Bearer {SECRET}");
        assert_eq!(
            elsewhere.requests_to("/hook")[0].header("authorization"),
            Some(bearer.as_str())
        );
    })
    .await;
}

#[tokio::test]
async fn what_a_server_repeats_is_not_kept() {
    let target = Upstream::start();
    target.items("/hook", json!({"echo": format!("you sent {SECRET}")}));
    target.items("/list", json!([]));
    let acts = Acts::open().await;
    acts.put("invoice", "A", json!({"Name": "x"})).await;
    let headers = json!({"Authorization": format!("Bearer {SECRET}")});
    let script = "return {record: {echo: response.json.echo, deep: [{[response.json.echo]: response.json.echo}]}}";
    let action = json!({"Url": target.url("/hook"), "Headers": headers, "ResultScript": script});
    let line = acts.line(action, json!({}), json!({})).await;
    assert_eq!(acts.send(line, "A", 1).await.state, "Completed");
    let (data, _) = acts.record("invoice", "A").await.unwrap();
    let clean = "you sent [redacted]";
    assert_eq!(data, json!({"Name": "x", "echo": clean, "deep": [{clean: clean}]}));

    let script = format!("return [{{key: '{SECRET}\\u0001', data: {{}}}}, {{key: 'ok', data: {{}}}}]");
    let action = json!({"Url": target.url("/list"), "Headers": headers, "ResultScript": script});
    let more = json!({"EntityId": "person", "IntegrationDirectionId": "Inbound"});
    let line = acts.line(action, more, json!({})).await;
    let item = acts.send(line, "due", 0).await;
    assert!(result(&item).contains("1 refused ([redacted]"), "{item:?}");
    assert!(!result(&item).contains(SECRET), "{item:?}");
}

#[tokio::test]
async fn headers_are_counted_together_while_they_are_made() {
    let target = Upstream::start();
    target.items("/hook", json!({}));
    let acts = Acts::open().await;
    let long = |bytes: usize| json!({"Long": "x".repeat(bytes)});
    let headers: serde_json::Map<String, Value> = (0..10)
        .map(|number| (format!("X-{number}"), json!("{{ item.Long }}")))
        .collect();
    let action = json!({"Url": target.url("/hook"), "Headers": headers});
    let line = acts.line(action, json!({}), json!({})).await;
    acts.put("invoice", "A", long(1_000)).await;
    assert_eq!(acts.send(line, "A", 1).await.state, "Completed");
    acts.put("invoice", "B", long(7_000)).await;
    let item = acts.send(line, "B", 1).await;
    assert_eq!(item.state, "Abandoned", "{item:?}");
    let said = "header X-9 cannot be used: with it all headers together become longer than 65536 bytes";
    assert!(result(&item).contains(said), "{item:?}");
    assert_eq!(target.requests().len(), 1);
}
