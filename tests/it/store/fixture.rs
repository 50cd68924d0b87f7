//! What the store's tests begin with: an open store with a tenant's calls in it.

use jiff::Timestamp;
use orrery::{
    clock::Clock,
    domain::{
        call_api::CallApiDefinition,
        ids::{CallApiId, TenantId},
        outcome::Outcome,
        transaction::NewTransaction,
    },
    settings::Settings,
    store::{
        Lease, Store, audit,
        call_apis::{Activation, DefinitionRow},
        ledger::{CallState, RunCommit, RunRecord, StartedRun, Trigger},
    },
};
use serde_json::json;
use uuid::Uuid;

pub struct Fixture {
    pub store: Store,
    pub clock: Clock,
    pub tenant: TenantId,
    pub lease: Lease,
}

pub fn settings(url: &str) -> Settings {
    let mut settings = Settings::base().unwrap();
    settings.database.url = url.to_owned();
    settings.database.pool_max = 3;
    settings
}

impl Fixture {
    pub async fn open(url: &str) -> Self {
        Self::open_with(url, Clock::system()).await
    }

    /// One that hangs: its clock stands still, and so its lease is not renewed.
    pub async fn hanging(url: &str) -> Self {
        let (clock, _) = Clock::manual("2026-01-01T00:00:00Z".parse().unwrap());
        Self::open_with(url, clock).await
    }

    pub async fn open_with(url: &str, clock: Clock) -> Self {
        let store = Store::open(&settings(url).database, clock.clone()).await.unwrap();
        store.migrate().await.unwrap();
        let lease = store.lease(clock.new_id()).await.unwrap();
        Self {
            tenant: clock.new_id().into(),
            store,
            clock,
            lease,
        }
    }

    pub fn new_call(&self) -> CallApiId {
        self.clock.new_id().into()
    }

    /// A call with a state, not active.
    pub async fn create_call(&self, name: &str) -> CallApiId {
        self.create(name, None, None).await
    }

    pub async fn create(
        &self,
        name: &str,
        activation: Option<Activation>,
        secret_headers: Option<Vec<u8>>,
    ) -> CallApiId {
        let id = self.new_call();
        self.create_with(id, definition(name), activation, secret_headers).await;
        id
    }

    pub async fn create_with(
        &self,
        id: CallApiId,
        definition: CallApiDefinition,
        activation: Option<Activation>,
        secret_headers: Option<Vec<u8>>,
    ) {
        let row = DefinitionRow {
            definition,
            secret_headers,
        };
        let created = self
            .store
            .create_call_api(self.tenant, id, row, None, activation, self.audit_entry());
        created.await.unwrap();
    }

    pub fn audit_entry(&self) -> audit::Entry {
        audit::Entry {
            tenant_id: self.tenant,
            user_id: None,
            token_id: None,
            action: "test.create",
            resource_kind: "test",
            resource_id: None,
            before: None,
            after: None,
            request_id: None,
        }
    }

    /// A run that is about to begin.
    pub fn started(&self, call: CallApiId, due_s: i64) -> StartedRun {
        let due_at = Timestamp::from_second(due_s).unwrap();
        StartedRun {
            tenant_id: self.tenant,
            call_api_id: call,
            shard: shard(call),
            epoch: self.lease.epoch(),
            id: self.clock.new_id().into(),
            due_at,
            trigger: Trigger::Schedule,
            started_at: due_at,
        }
    }

    /// A run that found transactions with these identifiers.
    pub fn run(&self, call: CallApiId, due_s: i64, identifiers: &[&str]) -> RunCommit {
        let due_at = Timestamp::from_second(due_s).unwrap();
        RunCommit {
            tenant_id: self.tenant,
            call_api_id: call,
            shard: shard(call),
            epoch: self.lease.epoch(),
            run: RunRecord {
                id: self.clock.new_id().into(),
                due_at,
                trigger: Trigger::Schedule,
                started_at: due_at,
                finished_at: due_at,
                outcome: Outcome::Created,
                http_status: Some(200),
                skipped: 0,
                duration_ms: 12,
                error: None,
            },
            transactions: identifiers
                .iter()
                .map(|identifier| NewTransaction {
                    id: self.clock.new_id().into(),
                    identifier: (*identifier).to_owned(),
                    data: format!(r#"{{"identifier":"{identifier}"}}"#),
                })
                .collect(),
            preparation: false,
            created_by: Uuid::nil().into(),
            state: CallState::default(),
            sample: None,
            skipped_run: None,
        }
    }
}

pub fn definition(name: &str) -> CallApiDefinition {
    serde_json::from_value(json!({
        "name": name,
        "runAsUserId": Uuid::nil(),
        "frequencySeconds": 60,
        "method": "GET",
        "url": {"kind": "text", "value": "https://example.com/api/orders"},
        "responseScript": "return response.json;"
    }))
    .unwrap()
}

pub fn shard(call: CallApiId) -> u8 {
    call.uuid().as_bytes()[15]
}
