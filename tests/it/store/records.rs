//! Pages of imports, exports and inboxes in the store: each is all or nothing, and twice is once.

use jiff::Timestamp;
use orrery::{
    domain::{
        automation::{
            AppliesTo, Automation, AutomationType,
            run::{RecordError, RunCounts, RunTrigger},
        },
        ids::{AutomationId, ConnectionId, RunId},
        partner_function::Direction,
        record::{ChangeKind, Decision, Policy},
    },
    store::{
        Error, Page,
        automations::NewRun,
        records::{
            ExportQuery, Exported, Incoming, LinkedRecord, PageCommit, PageDone, PageStep, PendingExport, RecordEvent,
            RecordWrite, RunStep, Target,
        },
    },
};
use serde_json::{Value, json};

use super::{connections::timer, fixture::Fixture};
use crate::support::postgres::for_each_database;

mod exports;
mod pages;

const BOTH: Policy = Policy {
    applies_to: AppliesTo::NewAndUpdate,
    do_not_over_write: true,
    threshold_minutes: 0,
};

/// A tenant with a connection, an automation and its open run.
struct Scene {
    fixture: Fixture,
    connection: ConnectionId,
    automation: AutomationId,
    run: RunId,
}

impl Scene {
    async fn open(url: &str) -> Self {
        let fixture = Fixture::open(url).await;
        let connection = fixture.connect("Here").await.id;
        Self::on(fixture, connection, "Suppliers").await
    }

    async fn on(fixture: Fixture, connection: ConnectionId, name: &str) -> Self {
        let automation = fixture.automate(connection, timer(name)).await.id;
        let run = NewRun {
            id: fixture.clock.new_id().into(),
            tenant_id: fixture.tenant,
            automation_id: automation,
            trigger: RunTrigger::Schedule,
            started_at: fixture.clock.now(),
            since_at: None,
        };
        let id = run.id;
        fixture.store.begin_run(run, fixture.lease.epoch()).await.unwrap();
        Self {
            fixture,
            connection,
            automation,
            run: id,
        }
    }

    /// The same tenant, with another connection.
    async fn elsewhere(self, name: &str) -> Self {
        let connection = self.fixture.connect(name).await.id;
        Self::on(self.fixture, connection, name).await
    }

    fn target(&self) -> Target {
        Target {
            tenant_id: self.fixture.tenant,
            connection_id: self.connection,
            object: "Contacts".to_owned(),
            entity: "supplier".to_owned(),
        }
    }

    fn step(&self, page: Option<u64>) -> RunStep {
        RunStep {
            automation_id: self.automation,
            run_id: self.run,
            epoch: self.fixture.lease.epoch(),
            page: page.map(|number| PageStep {
                number,
                next: Some(format!("after {number}")),
            }),
            counts: RunCounts::default(),
            errors: Vec::new(),
            errors_kept_max: 2,
        }
    }

    fn page(&self, number: u64, items: Vec<Incoming>) -> PageCommit {
        let mut step = self.step(Some(number));
        step.counts.seen = items.len() as u64;
        step.counts.matched = items.len() as u64;
        PageCommit {
            target: self.target(),
            policy: BOTH,
            items,
            at: self.fixture.clock.now(),
            step,
        }
    }

    async fn commit(&self, number: u64, items: Vec<Incoming>) -> PageDone {
        self.fixture.store.commit_page(self.page(number, items)).await.unwrap()
    }

    async fn record(&self, key: &str) -> Option<LinkedRecord> {
        let found = self
            .fixture
            .store
            .record(self.fixture.tenant, "supplier".to_owned(), key.to_owned());
        found.await.unwrap()
    }

    /// The data of a record, and its version.
    async fn data(&self, key: &str) -> Option<(Value, i64)> {
        let found = self.record(key).await?;
        Some((serde_json::from_str(&found.record.data).unwrap(), found.record.version))
    }

    async fn put(&self, key: &str, data: Value) -> LinkedRecord {
        let before = self.record(key).await.map(|found| found.record);
        let write = RecordWrite {
            entity: "supplier".to_owned(),
            key: key.to_owned(),
            before,
            data: data.to_string(),
            at: self.fixture.clock.now(),
        };
        let entry = self.fixture.audit_entry();
        let written = self.fixture.store.write_record(self.fixture.tenant, write, entry).await;
        written.unwrap().0
    }

    async fn delete(&self, key: &str) {
        let before = self.record(key).await.unwrap().record;
        let (store, tenant) = (&self.fixture.store, self.fixture.tenant);
        let gone = store.delete_record(tenant, before, self.fixture.clock.now(), self.fixture.audit_entry());
        gone.await.unwrap();
    }

    /// An automation that hears of suppliers.
    async fn listener(&self, connection: ConnectionId, name: &str, direction: Direction) -> AutomationId {
        self.fixture.automate(connection, on_events(name, direction)).await.id
    }

    async fn inbox(&self, automation: AutomationId) -> Vec<RecordEvent> {
        let events = self.fixture.store.events_of(self.fixture.tenant, automation, None, 100);
        events.await.unwrap()
    }
}

fn on_events(name: &str, direction: Direction) -> Automation {
    let mut automation = timer(name);
    automation.automation_type = AutomationType::EventBased;
    automation.check_on = None;
    automation.direction = direction;
    "Supplier".clone_into(&mut automation.applies_to);
    automation
}

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap()
}

/// An object that the other side changed at a second of 1970.
fn came(id: &str, second: i64, data: Value) -> Incoming {
    Incoming {
        remote_id: id.to_owned(),
        remote_version: Some(second.to_string()),
        remote_updated_at: Some(at(second)),
        deleted: false,
        data,
        key: None,
    }
}

fn keyed(id: &str, key: &str, data: Value) -> Incoming {
    Incoming {
        key: Some(key.to_owned()),
        ..came(id, 1, data)
    }
}

fn deleted(id: &str) -> Incoming {
    Incoming {
        deleted: true,
        ..came(id, 9, Value::Null)
    }
}

/// The keys and decisions of a page.
fn decided(done: &PageDone) -> Vec<(Option<&str>, Result<Decision, &str>)> {
    let each = done.items.iter();
    each.map(|item| (item.key.as_deref(), item.done.as_ref().copied().map_err(String::as_str)))
        .collect()
}
