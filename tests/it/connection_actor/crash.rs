//! kill -9 of the real binary in the middle of a refresh: before the provider has acted on it, after, and after the answer. The
//! connection is never lost: the next process gets a token with what is stored, within the provider's grace.

use serde_json::json;

use super::{
    body,
    provider::{Manner, Provider},
};
use crate::{
    crash::{PASSWORD, start},
    support::{engine::Api, postgres},
};

/// Kills of each manner.
const KILLS: usize = 8;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn kill_9_in_the_middle_of_a_refresh_loses_no_connection_on_sqlite() {
    let directory = tempfile::tempdir().unwrap();
    survive(&format!("sqlite://{}/orrery.db?mode=rwc", directory.path().display())).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn kill_9_in_the_middle_of_a_refresh_loses_no_connection_on_postgres() {
    if let Some(url) = postgres::database() {
        survive(&url).await;
    }
}

async fn survive(url: &str) {
    let data = tempfile::tempdir().unwrap();
    let provider = Provider::start();
    let (orrery, address) = start(url, data.path());
    let api = Api::anonymous(address).sign_in("admin", PASSWORD).await;
    let made = api.post("/integration", &body(&provider, &json!({}))).await.expect(201);
    let made = &made.json["integration"]["integration_connection"]["uuid"];
    let id = made.as_str().unwrap().to_owned();
    let check = format!("/integration/{id}/check-connection");
    api.post(&check, &json!({})).await.expect(200);
    let mut running = Some(orrery);
    for kill in 0..3 * KILLS {
        let (orrery, address) = match running.take() {
            Some(first) => (first, address),
            None => start(url, data.path()),
        };
        let api = api.at(address);
        // What was stored works, or gets something that works.
        api.post(&check, &json!({})).await.expect(200);
        provider.end_access();
        let manner = [Manner::Waits, Manner::KeepsAnswer, Manner::Answers][kill % 3];
        provider.behave(manner);
        let before = provider.token_requests();
        let aimed = orrery.aim();
        let asked = tokio::spawn({
            let (api, check) = (api.clone(), check.clone());
            async move { api.ask("POST", &check).attempt().await.is_some() }
        });
        tokio::task::block_in_place(|| provider.wait_for_token_requests(before + 1));
        aimed.fire();
        orrery.gone();
        // Nobody may hear the end of that request; it may also have come just before.
        let _ = asked.await;
        provider.release();
        provider.behave(Manner::Answers);
    }
    let (mut orrery, address) = start(url, data.path());
    let api = api.at(address);
    api.post(&check, &json!({})).await.expect(200);
    let shown = api.get(&format!("/integration-connections/{id}")).await.expect(200);
    assert_eq!(shown.json["integration_connection"]["status"], "ACTIVE", "{shown:?}");
    assert!(provider.token_requests() > 3 * KILLS);
    assert_eq!(orrery.terminate(), Some(0));
}
