//! What a crash leaves, and an actor that panics or is restarted.

use std::time::Duration;

use orrery::engine::webhooks::SubscriptionInput;
use sea_orm::ConnectionTrait;
use serde_json::json;

use super::*;
use crate::support::{postgres::for_each_database, upstream::Behaviour};

#[tokio::test]
async fn what_a_crash_cut_is_settled_at_the_next_start() {
    for_each_database(what_a_crash_cut_is_settled_at_the_next_start_on).await;
}

async fn what_a_crash_cut_is_settled_at_the_next_start_on(url: String) {
    let upstream = Upstream::start();
    upstream.on("/base/x", Behaviour::Json(json!({})));
    let mut place = place(&upstream, |_| {});
    let mut sure = place.settings.upstreams[0].clone();
    (sure.prefix, sure.idempotent) = ("/sure".to_owned(), true);
    place.settings.upstreams.push(sure);
    place.settings.database.url = url;
    place.settings.background.attempts_max = 2;
    let scene = place.start().await;
    let waits = get("/erp/x").to("/erp").stored(&scene).await.id;
    let safe = get("/api/v1/me").cut(&scene).await;
    let unsafe_own = post("/api/v1/transactions", r#"{"identifier":"1","data":{}}"#)
        .cut(&scene)
        .await;
    let unsure = post("/erp/x", "{}").to("/erp").cut(&scene).await;
    let sure = post("/sure/x", "{}").to("/sure").cut(&scene).await;
    let too_often = get("/erp/x?again").to("/erp").cut(&scene).await;
    let epoch = scene.engine.services().epoch;
    assert!(
        scene
            .engine
            .store()
            .requeue_background(scene.tenant, too_often, epoch)
            .await
            .unwrap()
    );
    claim(&scene, too_often).await;

    let scene = scene.stop().await.start().await;
    for (id, attempts) in [(waits, 1), (safe, 2), (sure, 2)] {
        let row = ended(&scene, id).await;
        assert_eq!(
            (row.status, row.status_code, row.attempts),
            (Status::Finished, 200, attempts),
            "{row:?}"
        );
    }
    for (id, why) in [
        (unsafe_own, "nobody knows whether it arrived"),
        (unsure, "nobody knows whether it arrived"),
        (too_often, "2 times by now"),
    ] {
        let row = ended(&scene, id).await;
        assert_eq!((row.status, row.status_code), (Status::Failed, 0));
        assert!(row.error.as_deref().unwrap().contains(why), "{row:?}");
    }
    let seen = upstream.requests_to("/base/x");
    let posts: Vec<_> = seen.iter().filter(|seen| seen.method == "POST").collect();
    assert_eq!(posts.len(), 1);
    assert_eq!(posts[0].header("idempotency-key"), Some(sure.to_string().as_str()));
    scene.stop().await;
}

#[tokio::test]
async fn an_actor_that_panics_loses_nothing() {
    let upstream = Upstream::start();
    upstream.on("/base/held", Behaviour::Gated(Box::new(Behaviour::Json(json!({})))));
    upstream.on("/base/other", Behaviour::Json(json!({})));
    let scene = place(&upstream, |erp| erp.at_once_max = Some(1)).start().await;
    let held = get("/erp/held").to("/erp").sent(&scene).await;
    upstream.wait_for("/base/held", 1).await;
    let waiting = get("/erp/other").to("/erp").sent(&scene).await;
    let services = scene.engine.services().clone();
    services.background.fail_on_purpose();
    upstream.wait_for("/base/held", 2).await;
    let meanwhile = get("/api/v1/me").sent(&scene).await;
    upstream.open_gate();
    for (id, attempts) in [(held, 2), (waiting, 1), (meanwhile, 1)] {
        let row = ended(&scene, id).await;
        assert_eq!((row.status_code, row.attempts), (200, attempts));
    }
    let registry = scene.engine.registry();
    let shown = registry
        .observe_one(scene.tenant, "background", services.node_id)
        .await
        .unwrap();
    assert_eq!((shown.restarts, shown.last_exit.as_deref()), (1, Some("panicked")));
    eventually("all places are given back", || async {
        services.background.taken() == 0
    })
    .await;

    registry
        .restart(scene.tenant, "background", services.node_id)
        .await
        .unwrap();
    let after = get("/api/v1/me").sent(&scene).await;
    assert_eq!(ended(&scene, after).await.status_code, 200);
    eventually("it is a new instance", || async {
        let shown = registry.observe_one(scene.tenant, "background", services.node_id).await;
        shown.is_ok_and(|shown| shown.last_exit.as_deref() == Some("ended") && shown.restarts == 1)
    })
    .await;
    scene.stop().await;
}

#[tokio::test]
async fn an_end_without_its_notification_is_an_end() {
    let mut place = Place::new(&[]);
    // What is cut stays so until the next start.
    place.settings.engine.sweep_seconds = 86_400;
    let scene = place.start().await;
    let input = SubscriptionInput {
        url: Some("https://receiver.example/".to_owned()),
        events: Some(vec!["background.finished".to_owned()]),
        description: None,
        enabled: None,
        secret: None,
    };
    scene.engine.webhooks().create(&scene.caller(), input).await.unwrap();
    let given = |given: Given| Given {
        webhook: "subscription",
        ..given
    };
    let cut = given(post("/api/v1/me", "{}")).cut(&scene).await;
    // As under another key: nothing can be signed any more.
    let database = place.database().await;
    let damage = "UPDATE webhook_subscription SET secret = X'00'";
    database.execute_unprepared(damage).await.unwrap();
    database.close().await.unwrap();

    let scene = scene.stop().await.start().await;
    let live = given(get("/api/v1/me")).sent(&scene).await;
    assert_eq!(ended(&scene, live).await.status_code, 200);
    assert_eq!(ended(&scene, cut).await.status, Status::Failed);
    scene.stop().await;
}

#[tokio::test]
async fn a_lost_message_is_made_up_for_by_the_sweep() {
    // The sweep comes when the clock is moved, so not while what it is to find is being made.
    let (scene, clock) = Place::new(&[]).start_at("2026-03-02T08:00:00Z".parse().unwrap()).await;
    let sweep = Duration::from_secs(scene.engine.settings().engine.sweep_seconds);
    let swept = async |id| {
        eventually("the sweep finds it, and it ends", || async {
            clock.advance(sweep);
            row(&scene, id).await.status.is_end()
        })
        .await;
        row(&scene, id).await
    };
    let first = get("/api/v1/me").sent(&scene).await;
    ended(&scene, first).await;
    let lost = get("/api/v1/me").stored(&scene).await.id;
    // As a task left them that broke off. All before the clock moves: a sweep that is going would take what is queued.
    let safe = get("/api/v1/me").cut(&scene).await;
    let unsure = post("/api/v1/me", "{}").cut(&scene).await;
    assert_eq!(status(&scene, lost).await, Status::Queued);
    assert_eq!(swept(lost).await.status_code, 200);
    let safe = swept(safe).await;
    assert_eq!((safe.status_code, safe.attempts), (200, 2));
    assert_eq!(swept(unsure).await.status, Status::Failed);
    scene.stop().await;
}
