//! Hostile upstreams and hostile scripts against the real binary, over its HTTP API: each ends as the right outcome with a
//! text that a person understands, in time, with bounded memory, and a healthy neighbour does not notice.

use std::io::Write;

use serde_json::{Value, json};

use crate::{
    crash,
    support::{
        engine::Api,
        process::Orrery,
        scene::eventually,
        upstream::{Behaviour, Upstream},
    },
};

/// Memory that the engine may need more than at rest, bytes.
const MORE_BYTES_MAX: u64 = 64 << 20;
const GIGABYTE: u64 = 1 << 30;
/// Total time of a request that hangs, milliseconds: its neighbour has time to run meanwhile.
const HANGS_MS: u64 = 15_000;
/// Total time of every other request, milliseconds.
const TIMEOUT_MS: u64 = 60_000;

/// The binary with a healthy call each second.
struct Stage {
    orrery: Orrery,
    api: Api,
    user: Value,
    upstream: Upstream,
    neighbour: String,
    _directory: tempfile::TempDir,
}

impl Stage {
    async fn open() -> Self {
        let upstream = Upstream::start();
        upstream.items("/healthy", json!([{"id": 1}]));
        let directory = tempfile::tempdir().unwrap();
        let url = format!("sqlite://{}/orrery.db?mode=rwc", directory.path().display());
        let (orrery, address) = crash::start(&url, directory.path());
        let api = Api::anonymous(address).sign_in("admin", crash::PASSWORD).await;
        let user = api.get("/api/v1/me").await.expect(200).json["user"]["id"].clone();
        let mut stage = Self {
            orrery,
            api,
            user,
            upstream,
            neighbour: String::new(),
            _directory: directory,
        };
        // Where it is late it runs once more after that, so that only what others do to it can stop it.
        let every_second = json!({"frequencySeconds": 1, "overlap": "once"});
        stage.neighbour = stage.call("/healthy", every_second).await;
        stage.upstream.wait_for("/healthy", 1).await;
        stage
    }

    /// Creates an active call of a path that runs once, now.
    async fn call(&self, path: &str, changes: Value) -> String {
        let mut definition = json!({
            "name": format!("{path} {changes}").chars().take(100).collect::<String>(),
            "active": true, "runAsUserId": self.user, "frequencySeconds": 86_400, "method": "GET",
            "url": {"kind": "text", "value": self.upstream.url(path)},
            "responseScript": "return response.json", "identifier": ["/id"], "timeoutMs": TIMEOUT_MS,
            "limits": {"scriptMs": 10_000},
        });
        for (member, value) in changes.as_object().unwrap() {
            definition[member] = value.clone();
        }
        self.api.post("/api/v1/call-apis", &definition).await.expect(201).id()
    }

    async fn shown(&self, id: &str) -> Value {
        self.api.get(&format!("/api/v1/call-apis/{id}")).await.expect(200).json
    }

    /// The call when its first run has ended.
    async fn ended(&self, id: &str) -> Value {
        eventually("the run ends", || async { !self.shown(id).await["lastRun"].is_null() }).await;
        self.shown(id).await
    }

    async fn transactions(&self, query: &str) -> Vec<Value> {
        let list = self.api.get(&format!("/api/v1/transactions?{query}")).await.expect(200);
        list.json["items"].as_array().unwrap().clone()
    }

    /// The neighbour goes on.
    async fn neighbour_runs(&self) {
        let count = self.upstream.requests_to("/healthy").len();
        self.upstream.wait_for("/healthy", count + 1).await;
    }

    /// The neighbour goes on, and every run of it was good.
    async fn neighbour_is_well(&self) {
        self.neighbour_runs().await;
        let path = format!("/api/v1/call-apis/{}/runs?limit=200", self.neighbour);
        let list = self.api.get(&path).await.expect(200);
        let runs = list.json["items"].as_array().unwrap();
        // Due times that this machine was too slow for say nothing of the hostile ones.
        let good = |run: &Value| {
            let outcome = run["outcome"].as_str().unwrap_or_default();
            ["created", "nothing_new", "skipped_overlap"].contains(&outcome)
        };
        assert!(runs.iter().all(good), "{runs:#?}");
        let shown = self.shown(&self.neighbour).await;
        assert!(shown["active"] == true, "{shown}");
    }
}

/// 128 MiB of zeros in 0.6 MiB.
fn gzip_bomb() -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    for _ in 0..128 {
        encoder.write_all(&vec![0; 1 << 20]).unwrap();
    }
    encoder.finish().unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn hostile_upstreams() {
    let mut stage = Stage::open().await;
    let redirect = |location: String| Behaviour::Redirect { status: 302, location };
    let endless = |announced| Behaviour::Endless {
        bytes: GIGABYTE,
        announced,
    };
    let bomb = Behaviour::Respond {
        status: 200,
        headers: vec![("content-encoding".to_owned(), "gzip".to_owned())],
        body: gzip_bomb(),
    };
    let text = |body: &str| Behaviour::Respond {
        status: 200,
        headers: Vec::new(),
        body: body.into(),
    };
    let round = redirect(stage.upstream.url("/round"));
    // Path, what it does, the step that the error names, and a part of its text.
    let table = [
        ("/hang", Behaviour::Hang, "timeout", "15000 ms"),
        ("/half", Behaviour::HangAfterHead, "timeout", "15000 ms"),
        ("/drip", Behaviour::Drip(vec![b' '; 1 << 20]), "timeout", "15000 ms"),
        ("/large", endless(true), "too_large", "bytes"),
        ("/endless", endless(false), "too_large", "bytes"),
        ("/bomb", bomb, "too_large", "compressed"),
        ("/round", round, "redirect", "redirect"),
        (
            "/metadata",
            redirect("http://169.254.169.254/latest/".to_owned()),
            "egress",
            "169.254.169.254",
        ),
        ("/close", Behaviour::CloseMidBody, "protocol", "ended early"),
        ("/not-http", Behaviour::NotHttp, "protocol", "not valid HTTP"),
        ("/not-json", text("{\"id\": oops"), "response_script", "JSON"),
    ];
    let before = stage.orrery.resident_bytes();
    let mut hanging = Vec::new();
    for (path, behaviour, step, _) in &table {
        stage.upstream.on(path, behaviour.clone());
        if *step == "timeout" {
            hanging.push(stage.call(path, json!({"timeoutMs": HANGS_MS})).await);
            stage.upstream.wait_for(path, 1).await;
        }
    }
    let gated = Behaviour::Gated(Box::new(Behaviour::Json(json!([]))));
    stage.upstream.on("/gated", gated);
    let waiting = stage.call("/gated", json!({"timeoutMs": 600_000})).await;
    stage.upstream.wait_for("/gated", 1).await;
    stage.neighbour_runs().await;
    let call = stage.shown(&waiting).await;
    assert!(call["lastRun"].is_null(), "the neighbour ran meanwhile: {call:#}");
    stage.upstream.open_gate();
    let mut hanging = hanging.into_iter();
    for (path, _, step, part) in table {
        let hangs = step == "timeout";
        let id = match hangs {
            true => hanging.next().unwrap(),
            false => stage.call(path, json!({})).await,
        };
        let call = stage.ended(&id).await;
        let run = &call["lastRun"];
        let is_script = step == "response_script";
        let outcome = if is_script { "script_error" } else { "transport_error" };
        assert_eq!(run["outcome"], outcome, "{path}: {call:#}");
        assert_eq!(call["active"], !is_script, "{path}: {call:#}");
        let error = &run["error"];
        let message = error["message"].as_str().unwrap_or_default();
        eprintln!("{path}: {} {} ({} ms)", error["step"], message, run["durationMs"]);
        assert!(message.contains(part), "{path}: {error}");
        assert!(error["step"] == step, "{path}: {error}");
        let took_ms = run["durationMs"].as_u64().unwrap();
        assert!(!hangs || took_ms < 4 * HANGS_MS, "{path}: {run}");
        let more = stage.orrery.resident_bytes().saturating_sub(before);
        assert!(more < MORE_BYTES_MAX, "{path}: {} MiB more", more >> 20);
    }
    stage.neighbour_is_well().await;
    assert_eq!(stage.orrery.terminate(), Some(0), "{}", stage.orrery.stderr());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn hostile_scripts() {
    let mut stage = Stage::open().await;
    stage.upstream.items("/items", json!([{"id": 1}]));
    // The script, and parts of the reason that a person reads.
    let table: [(&str, &[&str]); 6] = [
        ("while (true) {}", &["1000 ms"]),
        (
            "const all = [];\nwhile (true) all.push(new Array(100000).fill(1));",
            &["memory"],
        ),
        ("let text = 'x';\nwhile (true) text += text;", &["line 2"]),
        (
            "const down = (n) => down(n + 1) + 1;\nreturn down(0);",
            &["call stack", "line 1"],
        ),
        (
            "const items = response.json;\n\n  throw new Error('no RFQ here');",
            &["no RFQ here", "line 3", "column 3"],
        ),
        ("return 5;", &["number"]),
    ];
    for (script, parts) in table {
        // What the first one runs into; the others have time enough.
        let script_ms = if parts == ["1000 ms"] { 1_000 } else { 30_000 };
        let changes = json!({"responseScript": script, "limits": {"scriptMs": script_ms}});
        let id = stage.call("/items", changes).await;
        let call = stage.ended(&id).await;
        assert_eq!(call["status"], "deactivated", "{script}: {call:#}");
        assert_eq!(call["lastRun"]["outcome"], "script_error", "{script}: {call:#}");
        let reason = call["statusReason"].as_str().unwrap();
        eprintln!("{reason}");
        for part in parts {
            assert!(reason.contains(part), "{script}: no {part:?} in {reason}");
        }
    }
    let aborting = stage.call("/items", json!({"responseScript": "return 'Abort'"})).await;
    let call = stage.ended(&aborting).await;
    assert_eq!(
        (&call["lastRun"]["outcome"], &call["active"]),
        (&json!("aborted"), &json!(true))
    );
    stage.neighbour_is_well().await;
    assert_eq!(stage.orrery.terminate(), Some(0), "{}", stage.orrery.stderr());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn items_once_and_held_in_preparation() {
    let mut stage = Stage::open().await;
    stage.upstream.items("/twice", json!([{"id": 7}, {"id": 7}, {"id": 8}]));
    let id = stage.call("/twice", json!({"preparation": true})).await;
    assert_eq!(stage.ended(&id).await["lastRun"]["created"], 2);
    // The row says so before the actor knows.
    eventually("its actor waits", || async {
        let actor = stage.api.get(&format!("/api/v1/actors/call_api/{id}")).await;
        actor.json["phase"] == "waiting"
    })
    .await;
    let again = stage
        .api
        .ask("POST", &format!("/api/v1/call-apis/{id}/run"))
        .send()
        .await
        .expect(200);
    assert_eq!(
        (&again.json["created"], &again.json["duplicates"]),
        (&json!(0), &json!(3)),
        "{again:?}"
    );

    let held = stage.transactions(&format!("callApiId={id}&status=preparation")).await;
    assert_eq!(held.len(), 2, "{held:?}");
    assert!(
        stage
            .transactions(&format!("callApiId={id}&status=ready"))
            .await
            .is_empty()
    );
    let first = held[0]["id"].as_str().unwrap();
    let path = format!("/api/v1/transactions/{first}/commit");
    let committed = stage.api.ask("POST", &path).send().await.expect(200);
    assert_eq!(committed.json["status"], "ready", "{committed:?}");
    assert_eq!(
        stage.transactions(&format!("callApiId={id}&status=ready")).await.len(),
        1
    );
    assert_eq!(stage.orrery.terminate(), Some(0), "{}", stage.orrery.stderr());
}
