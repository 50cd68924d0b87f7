//! The engine as a library: a call that creates transactions, on both databases.

use orrery::{
    domain::ids::UserId,
    engine::{Engine, call_apis::CallApiInput, caller::Caller},
    events::Event,
    settings::Settings,
};
use serde_json::{Value, json};
use tokio::sync::broadcast::Receiver;

use crate::support::{PATIENCE, postgres::for_each_database, upstream::Upstream};

async fn start(database: &str, directory: &std::path::Path, upstream: &Upstream) -> Engine {
    let mut settings = Settings::base().unwrap();
    settings.database.url = database.to_owned();
    settings.data.dir = directory.to_owned();
    settings.admin.password = "a good password".to_owned();
    settings.egress.allow = vec![upstream.address()];
    settings.script.workers = 1;
    settings.engine.arbiters = 1;
    Engine::builder(settings)
        .script_worker(env!("CARGO_BIN_EXE_orrery").into())
        .start()
        .await
        .unwrap()
}

async fn admin(engine: &Engine) -> (Caller, UserId) {
    let tenant = engine.store().tenant_by_company_id("1").await.unwrap().unwrap();
    let users = engine
        .store()
        .users(tenant.id, orrery::store::Page::default())
        .await
        .unwrap();
    (Caller::embedded(tenant.id), users.items[0].id)
}

async fn next(events: &mut Receiver<Event>, kind: &str) -> Event {
    let found = async {
        loop {
            let event = events.recv().await.unwrap();
            if event.kind == kind {
                return event;
            }
        }
    };
    tokio::time::timeout(PATIENCE, found)
        .await
        .unwrap_or_else(|_| panic!("no event {kind}"))
}

fn call(upstream: &Upstream, user: UserId, script: &str) -> Value {
    json!({
        "name": "Orders", "active": true, "runAsUserId": user, "frequencySeconds": 1, "method": "GET",
        "url": { "kind": "text", "value": upstream.url("/orders") },
        "responseScript": script, "identifier": ["/id"],
        "limits": { "scriptMs": 10_000 },
    })
}

#[actix_rt::test]
async fn a_call_creates_each_item_once_and_goes_on_after_a_restart() {
    for_each_database(|database| async move {
        let upstream = Upstream::start();
        upstream.items("/orders", json!([{ "id": 1 }, { "id": 2 }]));
        let directory = tempfile::tempdir().unwrap();
        let engine = start(&database, directory.path(), &upstream).await;
        let (caller, user) = admin(&engine).await;
        let mut events = engine.subscribe();
        let input = CallApiInput::from_json(call(&upstream, user, "return response.json;")).unwrap();
        let created = engine.call_apis().create(&caller, input).await.unwrap();
        let first = next(&mut events, "run.finished").await;
        assert_eq!(first.data["outcome"], "created", "{}", first.data);
        assert_eq!(first.data["created"], 2);
        let second = next(&mut events, "run.finished").await;
        assert_eq!(
            (&second.data["outcome"], &second.data["duplicates"]),
            (&json!("nothing_new"), &json!(2))
        );
        assert!(engine.shutdown(PATIENCE).await);

        upstream.items("/orders", json!([{ "id": 2 }, { "id": 3 }]));
        let engine = start(&database, directory.path(), &upstream).await;
        let mut events = engine.subscribe();
        let third = next(&mut events, "run.finished").await;
        assert_eq!(third.subject_id, created.id.uuid());
        let seen = engine
            .transactions()
            .list(&caller, Default::default(), Default::default())
            .await
            .unwrap();
        assert_eq!(seen.items.len(), 3);
        assert!(engine.shutdown(PATIENCE).await);
    })
    .await;
}

#[actix_rt::test]
async fn a_script_that_throws_deactivates_its_call_and_says_where() {
    for_each_database(|database| async move {
        let upstream = Upstream::start();
        upstream.items("/orders", json!([]));
        let directory = tempfile::tempdir().unwrap();
        let engine = start(&database, directory.path(), &upstream).await;
        let (caller, user) = admin(&engine).await;
        let mut events = engine.subscribe();
        let script = "const a = 1;\n  return missing.thing;";
        let input = CallApiInput::from_json(call(&upstream, user, script)).unwrap();
        let created = engine.call_apis().create(&caller, input).await.unwrap();
        let deactivated = next(&mut events, "call.deactivated").await;
        let reason = deactivated.data["reason"].as_str().unwrap();
        assert!(
            reason.contains("missing is not defined") && reason.contains("line 2"),
            "{reason}"
        );
        let shown = engine.call_apis().get(&caller, created.id).await.unwrap();
        let shown = serde_json::to_value(&shown).unwrap();
        assert_eq!(
            (&shown["active"], &shown["status"]),
            (&json!(false), &json!("deactivated"))
        );
        assert!(engine.shutdown(PATIENCE).await);
    })
    .await;
}
