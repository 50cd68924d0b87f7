//! kill -9 of the real binary at random moments under load: nothing that was acknowledged is lost, nothing is repeated.

mod background;
mod drain;
mod exports;
mod imports;
mod shop;
mod verdict;

use std::{
    hash::{BuildHasher, RandomState},
    sync::{Arc, Mutex},
    time::Duration,
};

use serde_json::{Value, json};
use tokio::task::JoinSet;

use crate::support::{
    engine::Api,
    postgres,
    process::{Deadline, Orrery},
    scene::eventually,
};
use shop::{CALLS, Kind, MANUAL, Shop};

/// Starts that end with a kill.
const KILLS: u32 = 25;
/// How long a start lives after it is ready, milliseconds.
const LIFE_MS: std::ops::Range<u64> = 50..600;
/// The whole may take so long on one database; about a minute was measured on two cores that had other work.
const WHOLE: Duration = Duration::from_secs(900);
/// How long running work may take to end, milliseconds: nothing here takes so long, on a slow machine either.
const DRAIN_MS: &str = "30000";
/// A drain has to be done by then.
const DRAIN: Duration = Duration::from_secs(60);
pub const PASSWORD: &str = "correct horse battery";

/// What was acknowledged over HTTP.
#[derive(Default)]
pub struct Acknowledged {
    /// Identifiers of transactions made by hand, each answered with 201.
    pub by_hand: Vec<String>,
    /// Runs on request, each answered with 200: its id and what it created.
    pub runs: Vec<(String, u64)>,
}

/// Numbers that can be had again from their seed.
struct Chance(u64);

impl Chance {
    fn below(&mut self, range: &std::ops::Range<u64>) -> u64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        range.start + (self.0 >> 33) % (range.end - range.start)
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn kill_9_loses_and_repeats_nothing_on_sqlite() {
    let directory = tempfile::tempdir().unwrap();
    let url = format!("sqlite://{}/orrery.db?mode=rwc", directory.path().display());
    survive(&url).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn kill_9_loses_and_repeats_nothing_on_postgres() {
    if let Some(url) = postgres::database() {
        survive(&url).await;
    }
}

async fn survive(url: &str) {
    let seed = match std::env::var("CRASH_SEED") {
        Ok(given) => given.parse().unwrap(),
        Err(_) => RandomState::new().hash_one(url) >> 16,
    };
    eprintln!("CRASH_SEED={seed} repeats the moments of the kills");
    let mut chance = Chance(seed);
    let whole = Deadline::after(WHOLE);
    let data = tempfile::tempdir().unwrap();
    let shop = Shop::open();
    let acknowledged = Arc::new(Mutex::new(Acknowledged::default()));

    let (orrery, address) = start(url, data.path());
    let api = Api::anonymous(address).sign_in("admin", PASSWORD).await;
    let calls = create_calls(&api, &shop).await;
    let mut running = Some(orrery);
    for life in 0..=KILLS {
        let orrery = match running.take() {
            Some(first) => first,
            None => {
                let (orrery, address) = start(url, data.path());
                let api = api.at(address);
                let mut users = JoinSet::new();
                users.spawn(make_transactions(api.clone(), life, acknowledged.clone()));
                users.spawn(run_on_request(api, calls[MANUAL].clone(), acknowledged.clone()));
                if life == KILLS {
                    end_in_peace(orrery, &shop).await;
                    break;
                }
                live(&mut users, chance.below(&LIFE_MS)).await;
                orrery
            }
        };
        eventually("it has script workers", || async { !orrery.children().is_empty() }).await;
        let workers = orrery.children();
        orrery.kill();
        eventually("its script workers end with it", || async {
            !workers
                .iter()
                .any(|id| std::path::Path::new(&format!("/proc/{id}")).exists())
        })
        .await;
        assert!(!whole.is_over(), "not done within {} s", WHOLE.as_secs());
    }
    let acknowledged = std::mem::take(&mut *acknowledged.lock().unwrap());
    verdict::judge(url, &shop, &calls, &acknowledged).await;
    eprintln!("survived in {} s", (WHOLE - whole.left()).as_secs());
}

/// The binary, ready, and where it listens.
pub fn start(url: &str, data: &std::path::Path) -> (Orrery, std::net::SocketAddr) {
    start_with(&["serve"], url, data, &[])
}

/// As [`start`], with other arguments, and with more variables.
pub fn start_with(
    args: &[&str],
    url: &str,
    data: &std::path::Path,
    more: &[(&str, &str)],
) -> (Orrery, std::net::SocketAddr) {
    let variables: [&[(&str, &str)]; 2] = [
        &[
            ("ORRERY__DATABASE__URL", url),
            ("ORRERY__DATA__DIR", data.to_str().unwrap()),
            ("ORRERY__SERVER__PORT", "0"),
            ("ORRERY__ADMIN__PASSWORD", PASSWORD),
            ("ORRERY__EGRESS__ALLOW", "127.0.0.1"),
            ("ORRERY__SCRIPT__WORKERS", "2"),
            ("ORRERY__SCRIPT__WALL_MS", "10000"),
            ("ORRERY__ENGINE__DRAIN_MS", DRAIN_MS),
            ("ORRERY__GATEWAY__RATE_PER_SECOND", "100000"),
            ("ORRERY__GATEWAY__RATE_BURST", "100000"),
            ("ORRERY__PURGE__INTERVAL_MINUTES", "0"),
            ("ORRERY__LOG__LEVEL", "warn"),
        ],
        more,
    ];
    let orrery = Orrery::start(args, &variables.concat());
    let line = orrery.stdout_line_with("listening");
    let address = line.strip_prefix("orrery listening on http://").unwrap();
    let address = address.split(' ').next().unwrap().parse().unwrap();
    (orrery, address)
}

/// Creates the calls of the shop; answers their ids.
async fn create_calls(api: &Api, shop: &Shop) -> Vec<String> {
    let me = api.get("/api/v1/me").await.expect(200);
    let mut ids = Vec::new();
    for number in 0..=CALLS {
        let definition = definition(number, shop, &me.json["user"]["id"]);
        ids.push(api.post("/api/v1/call-apis", &definition).await.expect(201).id());
    }
    ids
}

fn definition(number: usize, shop: &Shop, user: &Value) -> Value {
    let url = shop.url(number);
    let mut definition = json!({
        "name": format!("call {number}"),
        "active": number != MANUAL,
        "runAsUserId": user,
        "frequencySeconds": 1,
        "method": "GET",
        "url": {"kind": "script", "value": format!("return '{url}?due=' + dueAt + '&after=' + (state.after ?? 0)")},
        "responseScript": "const items = response.json, runs = (state.runs ?? 0) + 1; \
                           return {transactions: items, state: {after: items.at(-1).id, runs}}",
        "identifier": ["/id"],
        "misfire": (["latest", "all", "skip"][number % 3]),
        "overlap": if number.is_multiple_of(7) { "once" } else { "skip" },
        "failuresBeforeDeactivation": 1,
        "limits": {"scriptMs": 10_000},
    });
    match shop::kind(number) {
        Kind::Cursor => {}
        Kind::All => definition["url"]["value"] = format!("return '{url}?due=' + dueAt + '&after=0'").into(),
        Kind::Post => {
            definition["method"] = "POST".into();
            definition["url"] = json!({"kind": "text", "value": url});
            definition["bodyScript"] = "return {dueAt}".into();
            definition["responseScript"] = "return response.json".into();
        }
    }
    definition
}

/// Lets it live so long; the users' requests must go well meanwhile.
async fn live(users: &mut JoinSet<()>, life_ms: u64) {
    let ended = tokio::time::timeout(Duration::from_millis(life_ms), users.join_next()).await;
    assert!(
        ended.is_err(),
        "a request failed although nothing was killed: {ended:?}"
    );
}

/// Makes transactions by hand, one after the other, until nobody answers.
async fn make_transactions(api: Api, life: u32, acknowledged: Arc<Mutex<Acknowledged>>) {
    for number in 0.. {
        let identifier = format!("hand {life}-{number}");
        let body = json!({"identifier": identifier, "data": {"life": life}});
        match api.ask("POST", "/api/v1/transactions").json(&body).attempt().await {
            None => return,
            Some(reply) if reply.status == 201 => acknowledged.lock().unwrap().by_hand.push(identifier),
            // On its way out it may say so.
            Some(reply) => assert_eq!(reply.status, 503, "{reply:?}"),
        }
    }
}

/// Asks for runs of a POST call, one after the other, until nobody answers.
async fn run_on_request(api: Api, id: String, acknowledged: Arc<Mutex<Acknowledged>>) {
    let path = format!("/api/v1/call-apis/{id}/run");
    while let Some(reply) = api.ask("POST", &path).attempt().await {
        match reply.status {
            200 => {
                let run = (
                    reply.json["runId"].as_str().unwrap().to_owned(),
                    reply.json["created"].as_u64().unwrap(),
                );
                acknowledged.lock().unwrap().runs.push(run);
            }
            // The run before was cut, and is just being settled; or it is on its way out.
            409 | 503 => {}
            _ => panic!("{reply:?}"),
        }
    }
}

/// Every active call runs once more, then a signal ends it in time.
async fn end_in_peace(mut orrery: Orrery, shop: &Shop) {
    let before = shop.requests();
    eventually("every call runs again", || async {
        shop.requests()
            .iter()
            .zip(&before)
            .take(CALLS)
            .all(|(now, before)| now > before)
    })
    .await;
    let deadline = Deadline::after(DRAIN);
    assert_eq!(orrery.terminate(), Some(0), "{}", orrery.stderr());
    assert!(!deadline.is_over(), "the drain took too long");
}
