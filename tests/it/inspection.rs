//! Actors as they can be inspected, and the stream of events.

use std::time::Duration;

use futures_util::StreamExt;
use serde_json::{Value, json};

use crate::support::{
    PATIENCE,
    api::{Api, event},
    upstream::Upstream,
};

#[actix_web::test]
async fn actors_are_listed_shown_and_restarted() {
    let upstream = Upstream::start();
    upstream.items("/items", json!([{"rfqId": 1}]));
    let api = Api::start(&[&upstream]).await;
    let mut events = api.engine.subscribe();
    let mut ids = Vec::new();
    for name in ["a", "b", "c"] {
        let mut definition = api.definition(name, &upstream.url("/items"));
        definition["active"] = json!(true);
        let id = api.create(definition).await;
        event(&mut events, "run.finished", &id).await;
        ids.push(id);
    }
    let list = api.get("/api/v1/actors?kind=call_api").await.expect(200);
    assert_eq!(list.each("name"), ["a", "b", "c"]);
    assert_eq!(list.each("phase"), ["waiting", "waiting", "waiting"]);
    let mut seen = Vec::new();
    let mut cursor = String::new();
    loop {
        let page = api.get(&format!("/api/v1/actors?limit=1{cursor}")).await.expect(200);
        seen.extend(page.each("name"));
        match page.body["nextCursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => break,
        }
    }
    assert_eq!(seen, ["registry", "background", "delivery", "a", "b", "c"]);
    assert_eq!(
        api.get("/api/v1/actors?phase=running").await.expect(200).body["items"],
        json!([])
    );

    let path = format!("/api/v1/actors/call_api/{}", ids[0]);
    let actor = api.get(&path).await.expect(200).body;
    for member in [
        "kind",
        "id",
        "name",
        "phase",
        "since",
        "nextDueAt",
        "current",
        "lastRun",
        "restarts",
        "lastExit",
    ] {
        assert!(actor.get(member).is_some(), "{member}: {actor}");
    }
    for member in ["generation", "arbiter", "messages", "counters"] {
        assert!(actor.get(member).is_some(), "{member}: {actor}");
    }
    assert_eq!(actor["lastRun"]["outcome"], "created");
    assert_eq!(actor["counters"]["runs"], 1);
    let summary = api.get("/api/v1/actors/summary").await.expect(200).body;
    assert_eq!(summary["kinds"]["call_api"]["waiting"], 3, "{summary}");

    api.post(&format!("{path}/restart"), json!({})).await.expect(202);
    api.in_other_tenant().await.get(&path).await.problem(404, "not_found");
    api.in_other_tenant()
        .await
        .post(&format!("{path}/restart"), json!({}))
        .await
        .problem(404, "not_found");
    api.get("/api/v1/actors/call_api/nonsense")
        .await
        .problem(404, "not_found");
    api.get(&format!("/api/v1/actors/other/{}", ids[0]))
        .await
        .problem(404, "not_found");
    let stranger = api.with_rights(&["calls.read"]).await;
    for path in [
        "/api/v1/actors",
        "/api/v1/actors/summary",
        "/api/v1/events",
        path.as_str(),
    ] {
        stranger.get(path).await.problem(403, "forbidden");
    }
    let other = api
        .in_other_tenant()
        .await
        .get("/api/v1/actors?kind=call_api")
        .await
        .expect(200);
    assert_eq!(other.body["items"], json!([]));
}

#[actix_web::test]
async fn events_stream_and_can_be_resumed() {
    let api = Api::start(&[]).await;
    let create = async |api: &Api, identifier: &str| {
        let body = json!({"identifier": identifier, "data": {}});
        api.post("/api/v1/transactions", body).await.expect(201).id()
    };
    let mut live = Listener::open(&api, None).await;
    create(&api.in_other_tenant().await, "foreign").await;
    let first = create(&api, "1").await;
    let second = create(&api, "2").await;
    let heard = [live.next().await.unwrap(), live.next().await.unwrap()];
    assert_eq!(heard[0].1, "transaction.ready");
    assert_eq!(heard[0].2["subjectId"], first.as_str());
    assert_eq!(heard[0].2["data"]["identifier"], "1");
    assert_eq!(heard[1].2["subjectId"], second.as_str());

    let mut resumed = Listener::open(&api, Some(&heard[0].0)).await;
    assert_eq!(resumed.next().await.unwrap().2["subjectId"], second.as_str());
    let third = create(&api, "3").await;
    assert_eq!(resumed.next().await.unwrap().2["subjectId"], third.as_str());

    // The engine's end is the stream's end.
    api.engine.shutdown(Duration::from_secs(5)).await;
    live.next().await.unwrap();
    assert!(live.next().await.is_none());
    assert!(resumed.next().await.is_none());
}

#[actix_web::test]
async fn an_event_stream_ends_with_its_token() {
    let api = Api::start(&[]).await;
    let body = json!({"name": "screen on the wall", "rights": ["actors.inspect"]});
    let made = api.post("/api/v1/tokens", body).await.expect(201);
    let screen = api.with_token(made.body["token"].as_str().unwrap());
    let mut live = Listener::open(&screen, None).await;
    let body = json!({"identifier": "1", "data": {}});
    api.post("/api/v1/transactions", body.clone()).await.expect(201);
    assert_eq!(live.next().await.unwrap().1, "transaction.ready");
    api.delete(&format!("/api/v1/tokens/{}", made.body["id"].as_str().unwrap()))
        .await
        .expect(204);
    assert!(live.next().await.is_none());
}

/// A client of server-sent events.
struct Listener {
    body: std::pin::Pin<Box<dyn futures_util::Stream<Item = Vec<u8>>>>,
    text: String,
}

impl Listener {
    async fn open(api: &Api, last_event_id: Option<&str>) -> Listener {
        let last: Vec<(&str, &str)> = last_event_id.map(|id| ("Last-Event-ID", id)).into_iter().collect();
        let response = api.request("GET", "/api/v1/events", &last).send().await.unwrap();
        assert_eq!(response.status().as_u16(), 200);
        assert_eq!(response.headers().get("content-type").unwrap(), "text/event-stream");
        let body = response
            .take_while(|chunk| std::future::ready(chunk.is_ok()))
            .map(|chunk| chunk.unwrap().to_vec());
        let mut listener = Listener {
            body: Box::pin(body),
            text: String::new(),
        };
        // Connected: what happens from now on is heard.
        listener.more().await;
        assert!(listener.text.starts_with(": connected\n\n"), "{}", listener.text);
        listener.text.drain(..": connected\n\n".len());
        listener
    }

    /// The next event: id, kind, data; none at the end of the stream.
    async fn next(&mut self) -> Option<(String, String, Value)> {
        loop {
            if let Some((event, rest)) = self.text.split_once("\n\n") {
                let line = |name: &str| {
                    let found = event.lines().find_map(|line| line.strip_prefix(name));
                    found.map(str::to_owned)
                };
                let parsed = line("data: ").map(|data| {
                    let data = serde_json::from_str(&data).unwrap();
                    (line("id: ").unwrap(), line("event: ").unwrap(), data)
                });
                self.text = rest.to_owned();
                match parsed {
                    Some(event) => return Some(event),
                    None => continue,
                }
            }
            if !self.more().await {
                return None;
            }
        }
    }

    async fn more(&mut self) -> bool {
        let chunk = tokio::time::timeout(PATIENCE, self.body.next()).await.unwrap();
        let Some(chunk) = chunk else { return false };
        self.text.push_str(std::str::from_utf8(&chunk).unwrap());
        true
    }
}
