//! The circuit, "too many requests", places, and gates of connections that come, change and go.

use futures_util::future::join_all;
use orrery::{
    actors::{
        connection::{Refused, actor::ConnectionActor},
        observed::KIND_CONNECTION,
    },
    domain::connection::Health,
};
use serde_json::json;

use super::{Stage, create, provider::Manner};
use crate::support::scene::eventually;

fn wait_ms(refused: &Refused) -> u64 {
    match refused {
        Refused::Unavailable {
            retry_after_ms: Some(wait),
            ..
        } => *wait,
        other => panic!("{other:?}"),
    }
}

#[actix_rt::test]
async fn the_circuit_opens_after_five_failures_and_closes_after_one_success() {
    let mut stage = Stage::set(json!({})).await;
    stage.sends().await;
    stage.provider.answers(500, None);
    for _ in 0..5 {
        assert_eq!(stage.send().await.unwrap().status, 500);
    }
    let held_back = stage.send().await.unwrap_err();
    assert_eq!(wait_ms(&held_back), 1_000);
    assert!(
        held_back.to_string().contains("the other side answers 500"),
        "{held_back}"
    );
    assert_eq!(stage.provider.resource_requests(), 6);
    let event = stage.scene.heard.next("connection.error", stage.connection).await;
    assert_eq!(event.data["status"], "ERROR");
    stage.fares(Health::Error).await;

    stage.advance(1);
    assert_eq!(stage.send().await.unwrap().status, 500, "the probe");
    assert_eq!(wait_ms(&stage.send().await.unwrap_err()), 2_000, "for twice as long");
    stage.provider.answers(200, None);
    stage.advance(2);
    stage.sends().await;
    stage.scene.heard.next("connection.ok", stage.connection).await;
    stage.fares(Health::Ok).await;
    stage.sends().await;
}

#[actix_rt::test]
async fn one_probe_goes_while_the_others_wait_for_what_it_finds() {
    let stage = Stage::set(json!({})).await;
    stage.provider.answers(503, None);
    for _ in 0..5 {
        assert_eq!(stage.send().await.unwrap().status, 503);
    }
    // The actor hears of the last end by itself: not before it has, the time may go on.
    stage.fares(Health::Error).await;
    stage.advance(1);
    stage.provider.answers(200, None);
    stage.provider.hold();
    let gate = stage.gate().await;
    let others = join_all((0..10).map(|_| gate.send(gate.account().version, stage.request())));
    let (answers, ()) = futures_util::join!(others, async {
        eventually("the probe has arrived", || async {
            stage.provider.resource_requests() == 6
        })
        .await;
        eventually("the others wait", || async { queued(&stage).await == Some(9) }).await;
        assert_eq!(stage.provider.resource_requests(), 6);
        stage.provider.release();
    });
    assert!(answers.iter().all(|answer| answer.as_ref().unwrap().status == 200));
    assert_eq!(stage.provider.resource_requests(), 15);
}

#[actix_rt::test]
async fn too_many_requests_hold_everybody_back_for_as_long_as_was_said() {
    let stage = Stage::set(json!({})).await;
    stage.provider.answers(429, Some(7));
    assert_eq!(stage.send().await.unwrap().status, 429);
    assert_eq!(wait_ms(&stage.send().await.unwrap_err()), 7_000);
    assert_eq!(stage.phase().await, "held");
    assert_eq!(stage.health().await, Health::Ok, "it is well, only busy");
    stage.provider.answers(200, None);
    stage.advance(6);
    assert_eq!(wait_ms(&stage.send().await.unwrap_err()), 1_000);
    stage.advance(1);
    stage.sends().await;
    assert_eq!(stage.provider.resource_requests(), 2);
}

#[actix_rt::test]
async fn no_more_requests_at_once_than_the_provider_allows_and_places_come_back() {
    let limits = json!({"supporting_fields": "{\"limits\":{\"concurrent\":2}}"});
    let stage = Stage::set(limits).await;
    stage.sends().await;
    stage.provider.hold();
    let gate = stage.gate().await;
    {
        // Two arrive, three wait; all are given up.
        let given_up = join_all((0..5).map(|_| gate.send(gate.account().version, stage.request())));
        let seen = async {
            eventually("two have arrived", || async { stage.provider.resource_requests() == 3 }).await;
            eventually("three wait", || async { queued(&stage).await == Some(3) }).await;
        };
        futures_util::pin_mut!(given_up, seen);
        futures_util::future::select(given_up, seen).await;
    }
    stage.provider.release();
    let answers = join_all((0..5).map(|_| gate.send(gate.account().version, stage.request()))).await;
    assert!(answers.iter().all(|answer| answer.as_ref().unwrap().status == 200));
    assert_eq!(stage.provider.resource_requests(), 8);
}

#[actix_rt::test]
async fn a_token_endpoint_that_fails_opens_the_circuit_too() {
    let stage = Stage::set(json!({})).await;
    stage.provider.behave(Manner::Fails);
    for _ in 0..5 {
        assert!(matches!(stage.send().await, Err(Refused::Failed(_))));
    }
    assert!(matches!(stage.send().await, Err(Refused::Unavailable { .. })));
    assert_eq!(stage.provider.token_requests(), 5);
    stage.provider.behave(Manner::Answers);
    stage.advance(1);
    stage.sends().await;
    assert_eq!(stage.provider.seen_refresh_tokens().last().unwrap(), "seed");
}

#[actix_rt::test]
async fn a_disabled_connection_lets_nothing_new_in_and_running_work_finish() {
    let stage = Stage::set(json!({})).await;
    let gate = stage.gate().await;
    stage.sends().await;
    stage.enable(false).await;
    let gates = &stage.scene.engine.services().gates;
    eventually("no gate leads there", || async {
        let missing = gates.gate(stage.scene.tenant, stage.connection).await;
        matches!(missing, Err(Refused::Disabled(_)))
    })
    .await;
    let sends = async || gate.send(gate.account().version, stage.request()).await.unwrap().status;
    assert_eq!(sends().await, 200, "what has begun is let finish");
    eventually("its actor has gone", || async { is_unknown(&stage).await }).await;
    stage.enable(true).await;
    stage.is_read().await;
    assert_eq!(sends().await, 200, "the old gate goes on");
    assert_eq!(stage.provider.token_requests(), 1, "with the token that it had");
}

#[actix_rt::test]
async fn a_change_behind_the_engines_back_is_found_by_the_sweep() {
    let stage = Stage::set(json!({})).await;
    stage.sends().await;
    let sweep = stage.scene.engine.settings().engine.sweep_seconds;
    let has_actor = async || {
        let registry = stage.scene.engine.registry();
        let id = stage.connection.uuid();
        registry
            .observe_one(stage.scene.tenant, KIND_CONNECTION, id)
            .await
            .is_ok()
    };
    for enabled in [false, true] {
        stage
            .scene
            .sql(&format!("update connection set enabled = {enabled}"))
            .await;
        assert_eq!(has_actor().await, !enabled);
        stage.advance(sweep);
        eventually("the sweep has found it", || async { has_actor().await == enabled }).await;
        if !enabled {
            // Until then the registry may have to read the row, and would find it enabled again.
            eventually("nothing is known of it", || async { is_unknown(&stage).await }).await;
        }
    }
    stage
        .scene
        .sql("update connection set name = 'Renamed', version = version + 1")
        .await;
    stage.advance(sweep);
    eventually("the actor has read the later version", || async {
        stage.gate().await.account().version > 1
    })
    .await;
    stage.sends().await;
}

#[actix_rt::test]
async fn gates_are_those_of_their_tenant() {
    let stage = Stage::set(json!({})).await;
    let gates = &stage.scene.engine.services().gates;
    let elsewhere = uuid::Uuid::from_u128(7).into();
    assert!(matches!(
        gates.gate(elsewhere, stage.connection).await,
        Err(Refused::Disabled(_))
    ));
    let registry = stage.scene.engine.registry();
    let id = stage.connection.uuid();
    assert!(registry.observe_one(elsewhere, KIND_CONNECTION, id).await.is_err());
    assert!(registry.restart(elsewhere, KIND_CONNECTION, id).await.is_err());
    let member = registry.member::<ConnectionActor>(KIND_CONNECTION, elsewhere, id).await;
    assert!(member.unwrap().is_none());
}

#[actix_rt::test]
async fn an_actor_that_panics_is_started_again_and_its_gates_go_on() {
    let stage = Stage::set(json!({})).await;
    stage.sends().await;
    let gate = stage.gate().await;
    let registry = stage.scene.engine.registry();
    let member = registry.member::<ConnectionActor>(KIND_CONNECTION, stage.scene.tenant, stage.connection.uuid());
    let member = member.await.unwrap().unwrap();
    // An actor that has panicked does not answer.
    let _ = member
        .send(orrery::actors::api_call::messages::FailOnPurpose(
            orrery::actors::registry::handle::Failing::Actor,
        ))
        .await;
    eventually("it is down", || async {
        let summary = registry.summary(Some(stage.scene.tenant)).await.unwrap();
        summary.kinds["connection"].get("down") == Some(&1)
    })
    .await;
    stage.clock.advance(std::time::Duration::from_millis(200));
    stage.is_read().await;
    assert_eq!(
        gate.send(gate.account().version, stage.request()).await.unwrap().status,
        200
    );
    let seen = registry
        .observe_one(stage.scene.tenant, KIND_CONNECTION, stage.connection.uuid())
        .await
        .unwrap();
    assert_eq!((seen.restarts, seen.last_exit.as_deref()), (1, Some("panicked")));
}

#[actix_rt::test]
async fn lists_show_connections_among_the_others_by_id() {
    let stage = Stage::set(json!({})).await;
    let body = super::body(&stage.provider, &json!({"remote_instance_name": "Two"}));
    let second = create(&stage.scene, &body).await;
    stage.sends().await;
    let registry = stage.scene.engine.registry();
    registry
        .restart(stage.scene.tenant, KIND_CONNECTION, second.uuid())
        .await
        .unwrap();
    eventually("both are there", || async {
        let filter = orrery::actors::registry::ActorFilter {
            tenant: Some(stage.scene.tenant),
            phase: Some("active".to_owned()),
            limit: 10,
            ..Default::default()
        };
        let Ok(seen) = registry.observe(filter).await else {
            return false;
        };
        let names: Vec<_> = seen.iter().map(|actor| (actor.kind, actor.name.as_str())).collect();
        names == [("connection", "Books"), ("connection", "Two")]
    })
    .await;
}

async fn queued(stage: &Stage) -> Option<u64> {
    stage.seen().await.and_then(|seen| seen.queued)
}

/// The registry has no entry of the connection, also none that waits for a look at its row.
async fn is_unknown(stage: &Stage) -> bool {
    let registry = stage.scene.engine.registry();
    let summary = registry.summary(Some(stage.scene.tenant)).await.unwrap();
    summary.kinds["connection"].is_empty()
}
