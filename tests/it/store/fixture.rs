//! What the store's tests begin with: an open store with a tenant's calls in it.

use jiff::Timestamp;
use orrery::{
    clock::Clock,
    domain::{
        ids::{CallApiId, TenantId},
        outcome::Outcome,
        transaction::NewTransaction,
    },
    settings::Settings,
    store::{
        Lease, Store,
        ledger::{CallState, RunCommit, RunRecord, Trigger},
    },
};
use uuid::Uuid;

pub struct Fixture {
    pub store: Store,
    pub clock: Clock,
    pub url: String,
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
        let clock = Clock::system();
        let store = Store::open(&settings(url).database, clock.clone()).await.unwrap();
        store.migrate().await.unwrap();
        let lease = store.lease(clock.new_id()).await.unwrap();
        Self {
            tenant: clock.new_id().into(),
            store,
            clock,
            url: url.to_owned(),
            lease,
        }
    }

    pub fn new_call(&self) -> CallApiId {
        self.clock.new_id().into()
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

pub fn shard(call: CallApiId) -> u8 {
    call.uuid().as_bytes()[15]
}
