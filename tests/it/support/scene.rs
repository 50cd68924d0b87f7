//! An engine in this process with calls that ask fake upstreams, and waits for what it publishes. No gateway: tests of the
//! actors look at the engine, its events and its rows.

use std::{path::PathBuf, sync::Arc, time::Duration};

use entity::{call_api_state, run, transaction};
use jiff::Timestamp;
use orrery::{
    clock::{Clock, ManualClock},
    domain::ids::{CallApiId, TenantId, UserId},
    engine::{
        Engine,
        call_apis::{CallApi, CallApiInput},
        caller::Caller,
    },
    events::Event,
    settings::Settings,
    store::Page,
};
use sea_orm::{ColumnTrait, ConnectionTrait, Database, DatabaseConnection, EntityTrait, QueryFilter, QueryOrder};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::sync::broadcast::Receiver;
use uuid::Uuid;

pub use super::PATIENCE;
use super::upstream::Upstream;

/// Where an engine keeps its things, and how it is set up: outlives the engine, so that another can follow it.
#[derive(Clone)]
pub struct Place {
    pub settings: Settings,
    _directory: Arc<TempDir>,
}

/// A running engine, its first tenant and user, and the ear that hears its events.
pub struct Scene {
    pub engine: Engine,
    pub tenant: TenantId,
    pub user: UserId,
    pub place: Place,
    pub heard: Heard,
}

/// Events in their order; each can be waited for, also after it came.
pub struct Heard {
    receiver: Receiver<Event>,
    waiting: Vec<Event>,
}

impl Place {
    /// SQLite in a fresh directory; the upstreams may be reached.
    pub fn new(upstreams: &[&Upstream]) -> Self {
        let directory = Arc::new(tempfile::tempdir().unwrap());
        let mut settings = Settings::base().unwrap();
        settings.database.url = format!("sqlite://{}/orrery.db?mode=rwc", directory.path().display());
        settings.database.pool_max = 2;
        settings.data.dir = directory.path().to_owned();
        settings.admin.password = "correct horse battery staple".to_owned();
        settings.egress.allow = upstreams.iter().map(|upstream| upstream.address()).collect();
        settings.engine.arbiters = 2;
        settings.script.workers = 1;
        // Scripts of tests are short; this machine may be slow.
        settings.script.wall_ms = 10_000;
        settings.purge.interval_minutes = 0;
        Self {
            settings,
            _directory: directory,
        }
    }

    /// Starts an engine here, with the machine's clock.
    pub async fn start(&self) -> Scene {
        self.start_with(Clock::system()).await
    }

    /// Starts an engine here, with a clock that stands still until it is moved.
    pub async fn start_at(&self, now: Timestamp) -> (Scene, ManualClock) {
        let (clock, manual) = Clock::manual(now);
        (self.start_with(clock).await, manual)
    }

    async fn start_with(&self, clock: Clock) -> Scene {
        let engine = Engine::builder(self.settings.clone())
            .clock(clock)
            .script_worker(PathBuf::from(env!("CARGO_BIN_EXE_orrery")))
            .start()
            .await
            .unwrap();
        background_loaded(&engine).await;
        let heard = Heard::of(&engine);
        let tenant = engine.store().tenant_by_company_id("1").await.unwrap().unwrap().id;
        let users = engine.store().users(tenant, Page::default()).await.unwrap();
        Scene {
            user: users.items[0].id,
            engine,
            tenant,
            place: self.clone(),
            heard,
        }
    }

    /// The database, for looks and changes behind the engine's back.
    pub async fn database(&self) -> DatabaseConnection {
        Database::connect(&self.settings.database.url).await.unwrap()
    }
}

impl Heard {
    pub fn of(engine: &Engine) -> Self {
        Self {
            receiver: engine.subscribe(),
            waiting: Vec::new(),
        }
    }

    /// The first event of this kind about this thing that was not taken before.
    pub async fn next(&mut self, kind: &str, subject: impl Into<Uuid>) -> Event {
        let subject = subject.into();
        let is_it = |event: &Event| event.kind == kind && event.subject_id == subject;
        if let Some(place) = self.waiting.iter().position(is_it) {
            return self.waiting.remove(place);
        }
        let search = async {
            loop {
                let event = self.receiver.recv().await.unwrap();
                if is_it(&event) {
                    return event;
                }
                self.waiting.push(event);
            }
        };
        match tokio::time::timeout(PATIENCE, search).await {
            Ok(event) => event,
            Err(_) => panic!("no {kind} of {subject} in time; heard instead: {:#?}", self.waiting),
        }
    }

    /// Everything that came and was not taken.
    pub fn rest(&mut self) -> Vec<Event> {
        while let Ok(event) = self.receiver.try_recv() {
            self.waiting.push(event);
        }
        std::mem::take(&mut self.waiting)
    }
}

impl Scene {
    pub fn caller(&self) -> Caller {
        Caller::embedded(self.tenant)
    }

    /// A GET of `url` each second whose items become transactions; `changes` replaces or adds members.
    pub fn definition(&self, name: &str, url: &str, changes: &Value) -> Value {
        let mut definition = json!({
            "name": name,
            "active": true,
            "runAsUserId": self.user,
            "frequencySeconds": 1,
            "method": "GET",
            "url": {"kind": "text", "value": url},
            "responseScript": "return response.json",
            "identifier": ["/id"],
            "limits": {"scriptMs": 10_000},
        });
        for (member, value) in changes.as_object().unwrap() {
            definition[member] = value.clone();
        }
        definition
    }

    /// Creates a call.
    pub async fn call(&self, name: &str, url: &str, changes: Value) -> CallApi {
        let definition = self.definition(name, url, &changes);
        let input = CallApiInput::from_json(definition).unwrap();
        self.engine.call_apis().create(&self.caller(), input).await.unwrap()
    }

    /// A call as it stands.
    pub async fn shown(&self, id: CallApiId) -> CallApi {
        self.engine.call_apis().get(&self.caller(), id).await.unwrap()
    }

    /// The next end of a run of a call: the event's data.
    pub async fn run_of(&mut self, id: CallApiId) -> Value {
        let event = self.heard.next("run.finished", id.uuid()).await;
        (*event.data).clone()
    }

    /// The history of a call, oldest due time first.
    pub async fn runs(&self, id: CallApiId) -> Vec<run::Model> {
        runs(&self.place.database().await, id).await
    }

    /// The identifiers of the transactions that a call has made, in order.
    pub async fn identifiers(&self, id: CallApiId) -> Vec<String> {
        identifiers(&self.place.database().await, id).await
    }

    /// Runs SQL behind the engine's back.
    pub async fn sql(&self, text: &str) {
        self.place.database().await.execute_unprepared(text).await.unwrap();
    }

    /// Stops the engine, letting running work end; the place stays.
    pub async fn stop(self) -> Place {
        assert!(self.engine.shutdown(PATIENCE).await, "nothing is cut");
        self.place
    }
}

/// Waits until what a stop left is settled: what a test puts behind the engine's back from then on is not taken for that.
pub async fn background_loaded(engine: &Engine) {
    eventually("the background is loaded", || async {
        engine.services().background.stats().is_loaded
    })
    .await;
}

/// The history of a call, oldest due time first.
pub async fn runs(database: &DatabaseConnection, id: CallApiId) -> Vec<run::Model> {
    let of_call = run::Entity::find().filter(run::Column::OwnerId.eq(id.uuid()));
    of_call.order_by_asc(run::Column::DueAt).all(database).await.unwrap()
}

/// The identifiers of the transactions that a call has made, in order.
pub async fn identifiers(database: &DatabaseConnection, id: CallApiId) -> Vec<String> {
    let of_call = transaction::Entity::find().filter(transaction::Column::CallApiId.eq(id.uuid()));
    let rows = of_call
        .order_by_asc(transaction::Column::Id)
        .all(database)
        .await
        .unwrap();
    rows.into_iter().map(|row| row.identifier).collect()
}

/// What a call's actor has left.
pub async fn state(database: &DatabaseConnection, id: CallApiId) -> call_api_state::Model {
    let found = call_api_state::Entity::find_by_id(id.uuid()).one(database).await;
    found.unwrap().unwrap()
}

/// Waits for a fact that nobody announces.
pub async fn eventually<F: Future<Output = bool>>(what: &str, mut is_so: impl FnMut() -> F) {
    let looks = async {
        while !is_so().await {
            let _ = tokio::time::timeout(Duration::from_millis(5), std::future::pending::<()>()).await;
        }
    };
    let found = tokio::time::timeout(PATIENCE, looks).await;
    assert!(found.is_ok(), "{what}: not so within {} s", PATIENCE.as_secs());
}
