//! Retention: what is old goes, what prevents duplicates stays.

use std::time::Duration;

use jiff::Timestamp;
use orrery::{
    clock::Clock,
    domain::{ids::TenantId, transaction::TransactionStatus},
    store::{Page, PurgeRules, Purged, ledger::RunSample, tenants, transactions::TransactionFilter},
};

use super::fixture::{Fixture, settings};
use crate::support::postgres::for_each_database;

const DAY: Duration = Duration::from_secs(24 * 3_600);

#[tokio::test]
async fn what_is_old_goes_in_batches_and_identifiers_stay() {
    for_each_database(|url| async move {
        let start: Timestamp = "2026-01-01T00:00:00Z".parse().unwrap();
        let (clock, manual) = Clock::manual(start);
        let fixture = Fixture::open_with(&url, clock.clone()).await;
        let (store, ledger) = (&fixture.store, fixture.store.ledger());
        create_tenant(&fixture, fixture.tenant).await;
        let call = fixture.create_call("Orders").await;
        let mut ids = Vec::new();
        for number in 0..10_i64 {
            let identifier = format!("old {number}");
            let mut commit = fixture.run(call, start.as_second() + number, &[&identifier]);
            commit.preparation = number == 0;
            commit.sample = Some(RunSample {
                logs: Some("[]".to_owned()),
                ..RunSample::default()
            });
            ids.push(ledger.commit_run(commit).await.unwrap().created[0]);
        }
        let running = fixture.started(call, start.as_second() + 100);
        ledger.start_run(running.clone()).await.unwrap();
        manual.advance(10 * DAY);
        let now = clock.now();
        ledger
            .commit_run(fixture.run(call, now.as_second(), &["new"]))
            .await
            .unwrap();
        let rules = PurgeRules {
            runs: DAY,
            transactions: Some(2 * DAY),
            audit: 5 * DAY,
            idempotency_keys: DAY,
            expired_tokens: DAY,
            background: DAY,
            background_gone: DAY,
            deliveries: DAY,
            integrations: DAY,
            batch_rows: 3,
        };
        let purged = store.purge(&rules, now).await.unwrap();
        let expected = Purged {
            runs: 10,
            bodies: 10,
            transactions_erased: 9,
            audit: 2,
            ..Purged::default()
        };
        assert_eq!(purged, expected);
        assert_eq!(store.purge(&rules, now).await.unwrap(), Purged::default());
        let filter = TransactionFilter::default();
        let left = store
            .transactions(fixture.tenant, filter, Page::default())
            .await
            .unwrap()
            .items;
        assert_eq!(left.len(), 11, "identifiers stay");
        for transaction in &left {
            let is_kept = transaction.identifier == "new" || transaction.status == TransactionStatus::Preparation;
            assert_eq!(transaction.data.is_some(), is_kept, "{}", transaction.identifier);
        }
        let again = ledger
            .commit_run(fixture.run(call, now.as_second() + 1, &["old 5"]))
            .await
            .unwrap();
        assert_eq!(again.duplicates, 1);
        let running = store.interrupted_runs().await.unwrap();
        assert_eq!(running.len(), 1, "what runs is not history yet");
        // With 0 days the data is kept for ever.
        let mut settings = settings(&url);
        settings.transactions.retention_days = 0;
        assert_eq!(PurgeRules::from_settings(&settings).transactions, None);
        store.close().await.unwrap();
    })
    .await;
}

#[tokio::test]
async fn sqlite_gets_smaller() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("orrery.db");
    let url = format!("sqlite://{}?mode=rwc", path.display());
    let (clock, manual) = Clock::manual("2026-01-01T00:00:00Z".parse().unwrap());
    let fixture = Fixture::open_with(&url, clock.clone()).await;
    let call = fixture.create_call("Orders").await;
    for number in 0..300 {
        let mut commit = fixture.run(call, number, &[]);
        commit.sample = Some(RunSample {
            logs: Some("x".repeat(10_000)),
            ..RunSample::default()
        });
        fixture.store.ledger().commit_run(commit).await.unwrap();
    }
    manual.advance(10 * DAY);
    // A second process, as `orrery purge` is one; it needs no lease.
    let other = orrery::store::Store::open(&settings(&url).database, clock.clone())
        .await
        .unwrap();
    let purged = other
        .purge(&PurgeRules::from_settings(&settings(&url)), clock.now())
        .await
        .unwrap();
    assert_eq!(purged.bodies, 300);
    other.close().await.unwrap();
    fixture.store.close().await.unwrap();
    // Each table takes space of its own, also an empty one.
    let empty = directory.path().join("empty.db");
    let fresh = Fixture::open_with(&format!("sqlite://{}?mode=rwc", empty.display()), clock).await;
    fresh.store.close().await.unwrap();
    let size = |path| std::fs::metadata(path).unwrap().len();
    let bytes = size(&path) - size(&empty);
    assert!(bytes < 300_000, "{bytes} bytes are left of more than 3,000,000");
}

async fn create_tenant(fixture: &Fixture, id: TenantId) {
    let tenant = tenants::Tenant {
        id,
        company_id: "1".to_owned(),
        name: "One".to_owned(),
        version: 1,
        created_at: fixture.clock.now(),
        updated_at: fixture.clock.now(),
    };
    fixture
        .store
        .create_tenant(tenant, fixture.audit_entry())
        .await
        .unwrap();
}
