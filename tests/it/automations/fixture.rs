//! An engine whose clock is moved by hand, a fake Xero, and an automation between the two.

use std::time::Duration;

use orrery::clock::{Clock, ManualClock};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::support::{
    engine::{Api, PASSWORD, Reply, TestEngine},
    fake_xero::{self, FakeXero},
    scene::{Heard, eventually},
};

/// When the tests begin.
pub const START: &str = "2026-03-02T08:00:00Z";

/// See the module.
pub struct Books {
    pub engine: TestEngine,
    pub api: Api,
    pub clock: ManualClock,
    pub xero: FakeXero,
    pub heard: Heard,
    /// Uuid of the connection to the fake Xero.
    pub connection: String,
}

impl Books {
    pub async fn open() -> Self {
        Self::open_with(|_| {}).await
    }

    /// With other settings.
    pub async fn open_with(change: impl FnOnce(&mut orrery::settings::Settings)) -> Self {
        let (clock, manual) = Clock::manual(START.parse().unwrap());
        let xero = fake_xero::start(clock.clone());
        let mut start = TestEngine::prepare();
        start.clock = clock;
        change(&mut start.settings);
        let engine = start.start().await;
        let api = engine.api.clone();
        let heard = Heard::of(&engine.engine);
        let mut books = Self {
            engine,
            api,
            clock: manual,
            xero,
            heard,
            connection: String::new(),
        };
        books.connection = books.connect("refresh-0").await;
        books
    }

    /// A connection to the fake, which begins with this refresh token and without an access token.
    pub async fn connect(&self, refresh_token: &str) -> String {
        let body = json!({
            "provider": "XERO",
            "remote_instance_id": fake_xero::TENANT,
            "remote_instance_name": "Xero Demo Company",
            "integration_client_id": "app",
            "integration_client_secret": "app-secret",
            "integration_refresh_token": refresh_token,
            "token_type": "Bearer",
            "account_server": self.xero.url(),
            "api_domain": self.xero.url(),
            "state": "active",
        });
        self.connect_with(&body).await
    }

    /// A connection from this body; gives its uuid.
    pub async fn connect_with(&self, body: &Value) -> String {
        let made = self.api.post("/integration/", body).await.expect(201);
        text(&made.json["integration"]["integration_connection"]["uuid"])
    }

    /// What was written to contacts, by idempotency key, oldest first.
    pub fn writes(&self) -> Vec<String> {
        let requests = self.xero.requests();
        let writes = requests
            .iter()
            .filter(|request| request.method != "GET" && request.path().contains("/Contacts"));
        writes
            .map(|request| request.header("idempotency-key").unwrap().to_owned())
            .collect()
    }

    /// How often contacts were listed.
    pub fn lists(&self) -> usize {
        let requests = self.xero.requests_to("/Contacts");
        requests.iter().filter(|request| request.method == "GET").count()
    }

    pub fn at(&self, path: &str) -> String {
        format!("/integration/{}{path}", self.connection)
    }

    /// A partner function; gives its uuid.
    pub async fn function(&self, name: &str, direction: &str, more: Value) -> String {
        let mut function = json!({
            "name": name,
            "direction": direction,
            "description": "Handles partner data",
            "object_name": "supplier",
            "event_name": "updateEvent",
            "tag": "import_inventory_process",
        });
        merge(&mut function, more);
        let body = json!({ "partner_function": function });
        let made = self.api.post(&self.at("/partner-function/"), &body).await.expect(201);
        text(&made.json["partner_function"]["uuid"])
    }

    /// The seed's automation with other members in its details, and with these criteria; gives its uuid.
    pub async fn automation(&self, name: &str, function: &str, more: Value, criteria: Value) -> String {
        let mut details = json!({
            "name": name,
            "display_name": name,
            "code": "test2",
            "description_enabled": "true",
            "description": "checking3578",
            "another_automation": "",
            "applies_to": "supplier",
            "applies_to_function": "new_and_update",
            "automation_type": "timerBased",
            "direction": "IMPORT",
            "check_on": "8 hours",
            "custom_day": "",
            "custom_time": "",
            "do_not_over_write_latest_data": "true",
            "ignore_threshold": "1",
            "perform_action": function,
            "since_last_look_up": "true",
            "additional_criteria": "true",
            "property_name": "",
        });
        merge(&mut details, more);
        let body = json!({
            "integration": {"automation_details": details, "additional_criteria_details": criteria},
        });
        let made = self.api.post(&self.at("/automation"), &body).await.expect(201);
        text(&made.json["integration_automation"]["uuid"])
    }

    /// Asks for a run.
    pub async fn ask(&self, automation: &str) -> Reply {
        let path = self.at(&format!("/automation/{automation}/run"));
        self.api.post(&path, &json!({})).await
    }

    /// Asks for a run without waiting for the answer, which comes when the run has ended or waits.
    pub fn begin(&self, automation: &str) {
        let path = self.at(&format!("/automation/{automation}/run"));
        let api = self.api.clone();
        drop(tokio::spawn(async move { api.ask("POST", &path).attempt().await }));
    }

    /// Runs it now, to the end; gives the run as the list of runs shows it.
    pub async fn run(&mut self, automation: &str) -> Value {
        let reply = self.ask(automation).await;
        assert!(matches!(reply.status, 200 | 202), "{reply:?}");
        self.ended(automation).await
    }

    /// Waits for the end of the next run of an automation; gives the run as the list of runs shows it.
    pub async fn ended(&mut self, automation: &str) -> Value {
        let id: Uuid = automation.parse().unwrap();
        let event = self.heard.next("automation.finished", id).await;
        let run = text(&event.data["runId"]);
        let runs = self.runs(automation).await;
        let found = runs.into_iter().find(|shown| shown["id"] == run.as_str());
        found.unwrap_or_else(|| panic!("the run {run} is not in the list"))
    }

    /// The runs of an automation, newest first.
    pub async fn runs(&self, automation: &str) -> Vec<Value> {
        let path = self.at(&format!("/automation/{automation}/runs?limit=100"));
        let reply = self.api.get(&path).await.expect(200);
        reply.json["items"].as_array().unwrap().clone()
    }

    /// Moves the clock. A sign-in that has ended meanwhile is repeated.
    pub async fn pass(&mut self, span: Duration) {
        self.clock.advance(span);
        self.api = self.engine.api.sign_in("admin", PASSWORD).await;
    }

    /// The records of an entity.
    pub async fn records(&self, entity: &str) -> Vec<Value> {
        let mut path = format!("/api/v1/records/{entity}?limit=200");
        let mut records = Vec::new();
        loop {
            let page = self.api.get(&path).await.expect(200);
            records.extend(page.json["items"].as_array().unwrap().iter().cloned());
            match page.json["nextCursor"].as_str() {
                Some(cursor) => path = format!("/api/v1/records/{entity}?limit=200&cursor={cursor}"),
                None => return records,
            }
        }
    }

    /// The values of one member of all records, in order.
    pub async fn names(&self, entity: &str, member: &str) -> Vec<String> {
        let records = self.records(entity).await;
        let mut names: Vec<String> = records.iter().map(|record| text(&record["data"][member])).collect();
        names.sort();
        names
    }

    /// Writes a record of ours.
    pub async fn put(&self, entity: &str, key: &str, data: Value) -> Value {
        let reply = self.api.put(&format!("/api/v1/records/{entity}/{key}"), &data).await;
        assert!(matches!(reply.status, 200 | 201), "{reply:?}");
        reply.json
    }

    /// Waits until the automation's actor is in this phase.
    pub async fn in_phase(&self, automation: &str, phase: &str) {
        let path = format!("/api/v1/actors/automation/{automation}");
        eventually(&format!("{automation} is {phase}"), || async {
            let reply = self.api.get(&path).await;
            reply.status == 200 && reply.json["phase"] == phase
        })
        .await;
    }

    /// As [`Books::ended`], while time passes: the run waits between its tries.
    pub async fn ended_with_time(&mut self, automation: &str) -> Value {
        let clock = self.clock.clone();
        let mut ended = Box::pin(self.ended(automation));
        loop {
            // What goes on without time gets some first.
            match tokio::time::timeout(Duration::from_millis(5), &mut ended).await {
                Ok(run) => return run,
                Err(_) => clock.advance(Duration::from_millis(100)),
            }
        }
    }
}

pub fn text(value: &Value) -> String {
    value.as_str().unwrap_or_else(|| panic!("no text: {value}")).to_owned()
}

/// The numbers of a run in the order seen, matched, created, updated, unchanged, skipped_newer, failed.
#[track_caller]
pub fn counts(run: &Value) -> [u64; 7] {
    [
        "seen",
        "matched",
        "created",
        "updated",
        "unchanged",
        "skipped_newer",
        "failed",
    ]
    .map(|name| {
        let count = run["counts"][name].as_u64();
        count.unwrap_or_else(|| panic!("no {name}: {run}"))
    })
}

/// AccountNumber EQUALS and EmailAddress HAS_VALUE.
pub fn criteria() -> Value {
    json!([{
        "group_condition": "AND",
        "rules": [
            {"field_name": "AccountNumber", "operator": "EQUALS", "value": "1QKGUL", "condition": "AND"},
            {"field_name": "Email Address", "operator": "HAS_VALUE", "condition": "AND"},
        ],
    }])
}

fn merge(into: &mut Value, more: Value) {
    for (name, value) in more.as_object().unwrap() {
        into[name] = value.clone();
    }
}
