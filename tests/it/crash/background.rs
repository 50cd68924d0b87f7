//! kill -9 within 5 ms of a 202, again and again: every request that was acknowledged is known afterwards, comes to exactly
//! one end, and an unsafe one is not sent twice, unless its upstream is said to know repetitions by their key.

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    path::Path,
    sync::Arc,
    time::Duration,
};

use serde_json::{Value, json};
use tokio::task::JoinSet;

use super::{Chance, PASSWORD};
use crate::support::{
    engine::Api,
    postgres,
    process::{Deadline, Orrery},
    scene::eventually,
    upstream::{Behaviour, Upstream},
};

/// Kills, each within [`WITHIN_US`] of a 202.
const KILLS: u64 = 200;
const WITHIN_US: std::ops::Range<u64> = 0..5_000;
/// The whole may take so long on one database.
const WHOLE: Duration = Duration::from_secs(1_800);

/// What was acknowledged: what each 202 was for, by the id that it gave.
type Acknowledged = BTreeMap<String, Sent>;

/// One request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Sent {
    kind: Kind,
    life: u64,
}

/// What is sent in every life, each on a connection of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Kind {
    /// To an upstream, safe to repeat.
    Get,
    /// To an upstream that does what it is told as often as it is told.
    Post,
    /// To an upstream that knows a repetition by its key.
    KeyedPost,
    /// To a resource of our own.
    Own,
}

const KINDS: [Kind; 4] = [Kind::Get, Kind::Post, Kind::KeyedPost, Kind::Own];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_202_survives_kill_9_on_sqlite() {
    let directory = tempfile::tempdir().unwrap();
    survive(&format!("sqlite://{}/orrery.db?mode=rwc", directory.path().display())).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_202_survives_kill_9_on_postgres() {
    if let Some(url) = postgres::database() {
        survive(&url).await;
    }
}

async fn survive(url: &str) {
    let whole = Deadline::after(WHOLE);
    let data = tempfile::tempdir().unwrap();
    let upstream = erp();
    std::fs::write(data.path().join("upstreams.toml"), settings(&upstream)).unwrap();
    let mut chance = Chance(KILLS);
    let mut acknowledged = Acknowledged::new();
    let mut api: Option<Api> = None;
    for life in 0..KILLS {
        let (orrery, address) = start(url, data.path());
        let api = match &mut api {
            Some(api) => {
                *api = api.at(address);
                api
            }
            none => none.insert(signed_in(address).await),
        };
        let aimed = orrery.aim();
        let mut users = JoinSet::new();
        for kind in KINDS {
            users.spawn(send(api.clone(), Sent { kind, life }, upstream.url("/hook")));
        }
        let first = users.join_next().await.unwrap().unwrap();
        let pause = Duration::from_micros(chance.below(&WITHIN_US));
        let _ = tokio::time::timeout(pause, std::future::pending::<()>()).await;
        aimed.fire();
        orrery.gone();
        acknowledged.extend(first);
        while let Some(answered) = users.join_next().await {
            acknowledged.extend(answered.unwrap());
        }
        assert!(!whole.is_over(), "not done within {} s: life {life}", WHOLE.as_secs());
    }
    assert!(acknowledged.len() as u64 >= KILLS, "each life gave a 202");
    let (mut orrery, address) = start(url, data.path());
    let api = api.unwrap().at(address);
    let states = ended(&api, &acknowledged).await;
    eventually("the receiver is told of every end", || async {
        let told = webhook_ids(&upstream);
        acknowledged.keys().all(|id| told.contains_key(id))
    })
    .await;
    judge(&acknowledged, &states, &upstream);
    assert_eq!(orrery.terminate(), Some(0), "{}", orrery.stderr());
    eprintln!(
        "{} acknowledged; survived in {} s",
        acknowledged.len(),
        (WHOLE - whole.left()).as_secs()
    );
}

/// Answers at its leisure, so that a kill meets requests at work.
fn erp() -> Upstream {
    let upstream = Upstream::start();
    for path in ["/plain", "/keyed"] {
        let answer = Behaviour::Computed(Arc::new(|request| json!({ "target": request.target })));
        upstream.on(path, Behaviour::Late(Duration::from_millis(3), Box::new(answer)));
    }
    upstream.on("/hook", Behaviour::Json(json!({})));
    upstream
}

fn settings(upstream: &Upstream) -> String {
    let of = |prefix: &str, idempotent: bool| {
        let target = upstream.url(&format!("/{prefix}"));
        format!("[[upstreams]]\nprefix = \"/{prefix}\"\ntarget = \"{target}\"\nidempotent = {idempotent}\n")
    };
    // So many lives that a request may be cut in several of them.
    format!(
        "[background]\nattempts_max = 100\n{}{}",
        of("plain", false),
        of("keyed", true)
    )
}

fn start(url: &str, data: &Path) -> (Orrery, std::net::SocketAddr) {
    let settings = data.join("upstreams.toml");
    super::start_with(&["serve", "--settings", settings.to_str().unwrap()], url, data, &[])
}

/// With a token that outlives every start.
async fn signed_in(address: std::net::SocketAddr) -> Api {
    let api = Api::anonymous(address).sign_in("admin", PASSWORD).await;
    let token = json!({ "name": "crash", "rights": ["background.use"] });
    let token = api.post("/api/v1/tokens", &token).await.expect(201);
    Api::anonymous(address).with_token(token.json["token"].as_str().unwrap())
}

/// What was acknowledged of it, if it was.
async fn send(api: Api, sent: Sent, hook: String) -> Option<(String, Sent)> {
    let life = sent.life;
    let ask = match sent.kind {
        Kind::Get => api.ask("GET", &format!("/plain?get={life}")),
        Kind::Post => api
            .ask("POST", &format!("/plain?post={life}"))
            .json(&json!({ "life": life })),
        Kind::KeyedPost => api
            .ask("POST", &format!("/keyed?post={life}"))
            .json(&json!({ "life": life })),
        Kind::Own => api.ask("GET", &format!("/api/v1/me?life={life}")),
    };
    let reply = ask.header("erp-api-background", &hook).attempt().await?;
    match reply.status {
        // The head is enough, should the body have been cut.
        202 => {
            let location = reply.header("location").unwrap();
            Some((location.rsplit('/').next().unwrap().to_owned(), sent))
        }
        _ => panic!("{reply:?}"),
    }
}

/// The states once all are at an end; each must be known.
async fn ended(api: &Api, acknowledged: &Acknowledged) -> HashMap<String, Value> {
    let mut states = HashMap::new();
    for id in acknowledged.keys() {
        let path = format!("/api/v1/background/{id}");
        eventually(&format!("{id} comes to an end"), || async {
            let state = api.get(&path).await.expect(200).json;
            !matches!(state["status"].as_str().unwrap(), "Queued" | "Started")
        })
        .await;
        states.insert(id.clone(), api.get(&path).await.json);
    }
    states
}

/// The ids of the notifications that came for each request.
fn webhook_ids(upstream: &Upstream) -> HashMap<String, HashSet<String>> {
    let mut told: HashMap<String, HashSet<String>> = HashMap::new();
    for request in upstream.requests_to("/hook") {
        let body: Value = serde_json::from_slice(&request.body).unwrap();
        let id = body["id"].as_str().unwrap().to_owned();
        let webhook_id = request.header("webhook-id").unwrap().to_owned();
        told.entry(id).or_default().insert(webhook_id);
    }
    told
}

fn judge(acknowledged: &Acknowledged, states: &HashMap<String, Value>, upstream: &Upstream) {
    let mut received: HashMap<String, Vec<Option<String>>> = HashMap::new();
    for path in ["/plain", "/keyed"] {
        for request in upstream.requests_to(path) {
            let key = request.header("idempotency-key").map(str::to_owned);
            received.entry(request.target).or_default().push(key);
        }
    }
    let told = webhook_ids(upstream);
    let mut cut = 0;
    for (id, sent) in acknowledged {
        let (state, life) = (&states[id], sent.life);
        let finished = state["status"] == "Finished";
        let arrived = |target: String| received.get(&target).map_or(&[][..], Vec::as_slice);
        match sent.kind {
            Kind::Get => assert!(finished && !arrived(format!("/plain?get={life}")).is_empty(), "{state}"),
            Kind::Own => assert!(finished, "{state}"),
            Kind::Post => {
                let times = arrived(format!("/plain?post={life}")).len();
                assert!(times <= 1, "sent {times} times: {state}");
                assert!(finished || state["status"] == "Failed", "{state}");
                assert!(times == 1 || !finished, "finished without being sent: {state}");
                if !finished {
                    cut += 1;
                    let why = state["errorMessage"].as_str().unwrap();
                    assert!(why.contains("Idempotency-Key"), "{why}");
                }
            }
            Kind::KeyedPost => {
                let keys = arrived(format!("/keyed?post={life}"));
                assert!(finished && !keys.is_empty(), "{state}");
                assert!(keys.iter().all(|key| key.as_deref() == Some(id)), "{keys:?} for {id}");
            }
        }
        if finished {
            assert_eq!(state["statusCode"], 200, "{state}");
        }
        assert_eq!(told[id].len(), 1, "one end, one notification: {id}");
    }
    // What was not acknowledged may have been accepted, too, but once at most.
    for (target, keys) in &received {
        let keys: HashSet<_> = keys.iter().collect();
        assert!(keys.len() == 1 || !target.contains("post="), "{target}: {keys:?}");
    }
    eprintln!("{cut} unsafe requests were cut while they were under way");
}
