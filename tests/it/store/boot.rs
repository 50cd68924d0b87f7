//! What the engine reads at its start and before a run.

use std::collections::HashSet;

use orrery::{
    domain::{call_api::HeaderValue, schedule::Schedule},
    store::{
        Place, Sealer,
        call_apis::Activation,
        ledger::{Deactivated, StateCommit},
    },
};

use super::fixture::{Fixture, definition, shard};
use crate::support::postgres::for_each_database;

#[tokio::test]
async fn all_active_calls_are_paged_through_and_no_others() {
    for_each_database(|url| async move {
        let fixture = Fixture::open(&url).await;
        let anchor_at = "2026-01-01T00:00:00Z".parse().unwrap();
        let next_due_at = Some("2026-01-01T00:01:00Z".parse().unwrap());
        let activation = Activation { anchor_at, next_due_at };
        let mut expected = HashSet::new();
        for number in 0..600 {
            let id = fixture.create(&format!("Call {number}"), Some(activation), None).await;
            expected.insert(id);
        }
        fixture.create_call("Not active").await;
        let stopped = fixture.create("Stopped", Some(activation), None).await;
        let state = StateCommit {
            tenant_id: fixture.tenant,
            call_api_id: stopped,
            shard: shard(stopped),
            epoch: fixture.lease.epoch(),
            state: orrery::store::ledger::CallState {
                deactivated: Some(Deactivated {
                    at: anchor_at,
                    reason: "broken".to_owned(),
                }),
                ..Default::default()
            },
            skipped_runs: Vec::new(),
        };
        fixture.store.ledger().save_state(state).await.unwrap();
        let (mut after, mut found, mut pages) = (None, HashSet::new(), 0);
        loop {
            let page = fixture.store.active_calls_page(after, 250).await.unwrap();
            let Some(last) = page.last() else { break };
            after = Some(last.id);
            pages += 1;
            for call in page {
                assert_eq!(call.tenant_id, fixture.tenant);
                assert_eq!(call.shard, shard(call.id));
                assert_eq!(call.next_due_at, next_due_at);
                assert!(call.active);
                assert_eq!(call.schedule, Schedule::every(60, anchor_at).unwrap());
                assert!(found.insert(call.id), "{} came twice", call.id);
            }
        }
        assert_eq!(pages, 3);
        assert_eq!(found, expected);
        fixture.store.close().await.unwrap();
    })
    .await;
}

#[tokio::test]
async fn secret_headers_are_put_back_into_a_loaded_definition() {
    for_each_database(|url| async move {
        let fixture = Fixture::open(&url).await;
        let sealer = Sealer::from_key(&[3; 32]);
        let mut definition = definition("Secretive");
        definition.headers = serde_json::from_str(r#"[{"name":"X-Key","value":"sesame","secret":true}]"#).unwrap();
        let secrets = definition.split_secret_headers();
        let id = fixture.new_call();
        let json = serde_json::to_vec(&secrets).unwrap();
        let sealed = sealer.seal(Place::call_api_headers(fixture.tenant, id), &json).unwrap();
        fixture.create_with(id, definition, None, Some(sealed)).await;
        let loaded = fixture.store.load_call(fixture.tenant, id, &sealer).await.unwrap();
        assert_eq!(
            loaded.definition.headers[0].value,
            HeaderValue::Text("sesame".to_owned())
        );
        let other = Sealer::from_key(&[4; 32]);
        assert!(fixture.store.load_call(fixture.tenant, id, &other).await.is_err());
        fixture.store.close().await.unwrap();
    })
    .await;
}

#[tokio::test]
async fn a_database_in_memory_is_refused() {
    for url in [
        "sqlite::memory:",
        "sqlite://:memory:",
        "sqlite://x?mode=memory&cache=shared",
        "sqlite:",
    ] {
        let settings = super::fixture::settings(url);
        let opened = orrery::store::Store::open(&settings.database, orrery::clock::Clock::system()).await;
        let text = opened.err().map(|error| error.to_string()).unwrap_or_default();
        assert!(text.contains("would be in memory only"), "{url}: {text}");
    }
}
