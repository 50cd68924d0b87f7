//! SIGTERM while runs are in flight, and a second engine on the same database.

use std::time::Duration;

use serde_json::json;

use super::{DRAIN, PASSWORD, start};
use crate::support::{
    engine::Api,
    process::{Deadline, orrery},
    scene,
    upstream::{Behaviour, Upstream},
};

const CALLS: usize = 8;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_signal_lets_runs_finish_and_commits_them() {
    let upstream = Upstream::start();
    let directory = tempfile::tempdir().unwrap();
    let url = format!("sqlite://{}/orrery.db?mode=rwc", directory.path().display());
    let (mut orrery, address) = start(&url, directory.path());
    let api = Api::anonymous(address).sign_in("admin", PASSWORD).await;
    let user = api.get("/api/v1/me").await.json["user"]["id"].clone();
    let mut calls = Vec::new();
    for number in 0..CALLS {
        let path = format!("/{number}");
        let items = Box::new(Behaviour::Json(json!([{"id": number}])));
        let wait = Duration::from_millis(1_000 + 100 * number as u64);
        upstream.on(&path, Behaviour::Late(wait, items));
        let definition = json!({
            "name": path, "active": true, "runAsUserId": user, "frequencySeconds": 1,
            "method": if number % 2 == 0 { "GET" } else { "POST" },
            "url": {"kind": "text", "value": upstream.url(&path)},
            "responseScript": "return response.json", "identifier": ["/id"], "limits": {"scriptMs": 10_000},
        });
        calls.push(api.post("/api/v1/call-apis", &definition).await.expect(201).id());
    }
    for number in 0..CALLS {
        upstream.wait_for(&format!("/{number}"), 1).await;
    }

    let deadline = Deadline::after(DRAIN);
    assert_eq!(orrery.terminate(), Some(0), "{}", orrery.stderr());
    assert!(!deadline.is_over(), "the drain took too long");
    let database = sea_orm::Database::connect(&url).await.unwrap();
    for (number, id) in calls.iter().enumerate() {
        let id = id.parse().unwrap();
        let asked = upstream.requests_to(&format!("/{number}")).len();
        let runs = scene::runs(&database, id).await;
        let ran: Vec<_> = runs
            .iter()
            .filter(|run| run.outcome.as_deref() != Some("skipped_overlap"))
            .collect();
        assert_eq!(ran.len(), asked, "every run that was sent is in the history: {runs:?}");
        let good = ["created", "nothing_new"];
        assert!(
            ran.iter().all(|run| good.contains(&run.outcome.as_deref().unwrap())),
            "{runs:?}"
        );
        assert_eq!(scene::identifiers(&database, id).await, [number.to_string()]);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_second_engine_on_the_same_file_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    let url = format!("sqlite://{}/orrery.db?mode=rwc", directory.path().display());
    let (mut first, address) = start(&url, directory.path());
    let data = directory.path().to_str().unwrap();
    let variables = [
        ("ORRERY__DATABASE__URL", url.as_str()),
        ("ORRERY__DATA__DIR", data),
        ("ORRERY__SERVER__PORT", "0"),
    ];
    let second = orrery(&["serve"], &variables, "");
    assert_eq!(second.code, Some(2), "{}", second.stderr);
    assert!(second.stderr.contains("in use by another Orrery"), "{}", second.stderr);
    assert!(!second.stdout.contains("listening"));
    let api = Api::anonymous(address).sign_in("admin", PASSWORD).await;
    api.get("/api/v1/me").await.expect(200);
    assert_eq!(first.terminate(), Some(0), "{}", first.stderr());
}
