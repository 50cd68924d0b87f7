//! Tokens of connections: got once for many, renewed ahead, taken over, refused, and refreshes whose answer is lost.

use futures_util::future::join_all;
use orrery::{
    actors::connection::Refused,
    domain::connection::Health,
    http::{Error, TokenVault},
    store::StoreVault,
};
use serde_json::json;

use super::{Stage, provider::Manner};
use crate::support::{PATIENCE, scene::eventually};

#[actix_rt::test]
async fn fifty_requests_that_find_no_token_make_one_refresh() {
    let stage = Stage::set(json!({})).await;
    stage.sends().await;
    assert_eq!(stage.provider.token_requests(), 1);
    stage.provider.end_access();
    stage.advance(1_800);
    let gate = stage.gate().await;
    let answers = join_all((0..50).map(|_| gate.send(gate.account().version, stage.request()))).await;
    assert!(answers.iter().all(|answer| answer.as_ref().unwrap().status == 200));
    assert_eq!(stage.provider.token_requests(), 2);
    assert_eq!(stage.provider.seen_refresh_tokens(), ["seed", "refresh-1"]);
    assert_eq!(stage.provider.let_in(), 51);
}

#[actix_rt::test]
async fn fifty_requests_that_are_answered_with_401_make_one_refresh() {
    let stage = Stage::set(json!({})).await;
    stage.sends().await;
    stage.provider.end_access();
    let gate = stage.gate().await;
    let answers = join_all((0..50).map(|_| gate.send(gate.account().version, stage.request()))).await;
    assert!(answers.iter().all(|answer| answer.as_ref().unwrap().status == 200));
    assert_eq!(stage.provider.token_requests(), 2);
}

#[actix_rt::test]
async fn each_refresh_uses_the_token_of_the_one_before_also_after_a_restart() {
    let mut stage = Stage::set(json!({})).await;
    for n in 0..3 {
        stage.sends().await;
        stage = stage.restart().await;
        stage.sends().await;
        assert_eq!(stage.provider.token_requests(), n + 1, "the stored token is used first");
        stage.provider.end_access();
    }
    stage.sends().await;
    let seen = stage.provider.seen_refresh_tokens();
    assert_eq!(seen, ["seed", "refresh-1", "refresh-2", "refresh-3"]);
}

#[actix_rt::test]
async fn refused_credentials_stop_the_connection_until_it_changes() {
    let mut stage = Stage::set(json!({})).await;
    stage.sends().await;
    stage.provider.revoke();
    let refused = stage.send().await.unwrap_err();
    assert!(
        matches!(&refused, Refused::NeedsReauthorisation(why) if why.contains("invalid_grant")),
        "{refused:?}"
    );
    let event = stage
        .scene
        .heard
        .next("connection.needs_reauthorisation", stage.connection)
        .await;
    assert_eq!(event.data["status"], "NEEDS_REAUTHORISATION");
    assert!(!event.data.to_string().contains("secret-of-client"), "{}", event.data);
    stage.fares(Health::NeedsReauthorisation).await;
    assert_eq!(stage.phase().await, "needs_reauthorisation");
    // No loop: neither time nor a restart lets anything through.
    let (tokens, requests) = (stage.provider.token_requests(), stage.provider.resource_requests());
    stage.advance(100_000);
    let gate = stage.gate().await;
    for answer in join_all((0..20).map(|_| gate.send(gate.account().version, stage.request()))).await {
        assert!(matches!(answer, Err(Refused::NeedsReauthorisation(_))));
    }
    let mut stage = stage.restart().await;
    assert!(matches!(stage.send().await, Err(Refused::NeedsReauthorisation(_))));
    assert_eq!(stage.provider.token_requests(), tokens);
    assert_eq!(stage.provider.resource_requests(), requests);
    stage.provider.sign_in("entered-anew");
    stage.patch(json!({"integration_refresh_token": "entered-anew"})).await;
    stage.scene.heard.next("connection.ok", stage.connection).await;
    stage.sends().await;
    assert_eq!(stage.health().await, Health::Ok);
    assert_eq!(stage.phase().await, "active");
    assert_eq!(stage.provider.seen_refresh_tokens().last().unwrap(), "entered-anew");
}

#[actix_rt::test]
async fn a_person_can_try_refused_credentials_again() {
    let mut stage = Stage::set(json!({})).await;
    stage.provider.revoke();
    assert!(stage.send().await.is_err());
    stage.fares(Health::NeedsReauthorisation).await;
    let gate = stage.gate().await;
    let by_hand = gate.send_by_hand(gate.account().version, stage.request()).await;
    assert!(matches!(by_hand, Err(Refused::NeedsReauthorisation(_))), "{by_hand:?}");
    stage.provider.sign_in("seed");
    let gate = stage.gate().await;
    let by_hand = gate.send_by_hand(gate.account().version, stage.request()).await;
    assert_eq!(by_hand.unwrap().status, 200);
    stage.scene.heard.next("connection.ok", stage.connection).await;
    stage.fares(Health::Ok).await;
    stage.sends().await;
}

#[actix_rt::test]
async fn an_access_token_that_came_along_is_used_until_it_ends() {
    let changes = json!({"integration_access_token": "came-along", "expires_in": "1800"});
    let stage = Stage::set(changes).await;
    stage.provider.give("came-along");
    stage.sends().await;
    assert_eq!(stage.provider.token_requests(), 0);
    let stage = stage.restart().await;
    stage.sends().await;
    assert_eq!(stage.provider.token_requests(), 0, "also after a restart");
    stage.provider.end_access();
    stage.sends().await;
    assert_eq!(stage.provider.token_requests(), 1);
    let stage = stage.restart().await;
    stage.sends().await;
    assert_eq!(stage.provider.token_requests(), 1, "the newer one wins from then on");
    assert_eq!(stage.provider.let_in(), 4);
}

#[actix_rt::test]
async fn a_token_in_use_is_renewed_ahead_of_its_end_and_an_unused_one_is_not() {
    let stage = Stage::set(json!({})).await;
    stage.sends().await;
    eventually("the renewal is planned", || async {
        let due = stage.seen().await.and_then(|seen| seen.next_due_at);
        due.is_some_and(|due| due.to_string() == "2026-03-02T08:29:00Z")
    })
    .await;
    stage.advance(29 * 60);
    let services = stage.scene.engine.services();
    let vault = StoreVault::new(services.store.clone(), services.sealer.clone());
    eventually("the token is renewed, and stored", || async {
        let stored = vault.load(stage.scene.tenant.uuid(), stage.connection.uuid());
        let token = stored.await.unwrap().token;
        token.is_some_and(|token| token.access_token.expose() == "access-2")
    })
    .await;
    assert_eq!(stage.provider.token_requests(), 2);
    // Nobody used that one.
    stage.advance(3_600);
    assert_eq!(stage.phase().await, "active");
    stage.sends().await;
    assert_eq!(stage.provider.token_requests(), 3);
    assert_eq!(stage.provider.resource_requests(), 2);
}

#[actix_rt::test]
async fn a_refusal_ahead_of_the_end_is_seen_before_anybody_sends() {
    let mut stage = Stage::set(json!({})).await;
    stage.sends().await;
    assert_eq!(stage.phase().await, "active");
    stage.provider.revoke();
    stage.advance(29 * 60);
    stage
        .scene
        .heard
        .next("connection.needs_reauthorisation", stage.connection)
        .await;
    assert_eq!(stage.provider.resource_requests(), 1);
}

#[actix_rt::test]
async fn the_lost_answer_of_a_refresh_is_got_again_within_the_grace() {
    let stage = Stage::set(json!({})).await;
    stage.provider.behave(Manner::Loses);
    let lost = stage.send().await.unwrap_err();
    assert!(
        matches!(
            &lost,
            Refused::Failed(Error {
                needs_reauthorisation: false,
                ..
            })
        ),
        "{lost:?}"
    );
    let stage = stage.restart().await;
    stage.provider.behave(Manner::Answers);
    stage.sends().await;
    assert_eq!(stage.provider.seen_refresh_tokens(), ["seed", "seed"]);
    assert_eq!(stage.health().await, Health::Ok);
}

#[actix_rt::test]
async fn the_lost_answer_of_a_refresh_beyond_the_grace_needs_a_person_and_says_why() {
    let mut stage = Stage::set(json!({})).await;
    stage.provider.behave(Manner::Loses);
    assert!(stage.send().await.is_err());
    stage.provider.behave(Manner::Answers);
    stage.provider.end_grace();
    let refused = stage.send().await.unwrap_err();
    assert!(
        matches!(&refused, Refused::NeedsReauthorisation(why) if why.contains("2026-03-02T08:00:00Z was lost")),
        "{refused:?}"
    );
    stage.fares(Health::NeedsReauthorisation).await;
    stage.provider.sign_in("entered-anew");
    stage.patch(json!({"integration_refresh_token": "entered-anew"})).await;
    stage.scene.heard.next("connection.ok", stage.connection).await;
    stage.sends().await;
}

#[actix_rt::test]
async fn a_change_in_the_middle_of_a_refresh_does_not_lose_its_answer() {
    let stage = Stage::set(json!({})).await;
    stage.provider.behave(Manner::KeepsAnswer);
    let gate = stage.gate().await;
    let (sent, ()) = futures_util::join!(gate.send(gate.account().version, stage.request()), async {
        eventually("the refresh is on its way", || async {
            stage.provider.token_requests() == 1
        })
        .await;
        stage.provider.behave(Manner::Answers);
        stage.provider.end_grace();
        stage.patch(json!({"remote_instance_name": "Other books"})).await;
        stage.provider.release();
    });
    assert_eq!(sent.unwrap().status, 200);
    stage.is_read().await;
    stage.sends().await;
    assert_eq!(stage.provider.seen_refresh_tokens(), ["seed"]);
    stage.provider.end_access();
    stage.sends().await;
    assert_eq!(stage.provider.seen_refresh_tokens(), ["seed", "refresh-1"]);
    assert_eq!(stage.health().await, Health::Ok);
}

#[actix_rt::test]
async fn requests_that_are_given_up_do_not_stop_the_refresh_that_they_wait_for() {
    let stage = Stage::set(json!({})).await;
    stage.provider.behave(Manner::KeepsAnswer);
    let gate = stage.gate().await;
    {
        let mut given_up = Box::pin(gate.send(gate.account().version, stage.request()));
        let asked = async { eventually("asked", || async { stage.provider.token_requests() == 1 }).await };
        futures_util::pin_mut!(asked);
        futures_util::future::select(&mut given_up, asked).await;
    }
    stage.provider.behave(Manner::Answers);
    stage.provider.end_grace();
    stage.provider.release();
    let sent = tokio::time::timeout(PATIENCE, stage.send()).await;
    assert_eq!(sent.unwrap().unwrap().status, 200);
    assert_eq!(stage.provider.seen_refresh_tokens(), ["seed"]);
}
