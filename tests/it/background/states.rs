//! States, lists and cancelling: what is shown, to whom, and for how long.

use std::time::Duration;

use orrery::clock::Clock;
use serde_json::json;

use super::{HEADER, Made, members, person, taken};
use crate::support::{api::event, engine::TestEngine, postgres::for_each_database};

#[tokio::test]
async fn a_state_shows_what_there_is_and_no_nulls() {
    for_each_database(|url| async move {
        let test = TestEngine::on(&url).await;
        let made = Made::of(&test).await;
        let state = |id: orrery::domain::ids::BackgroundId| {
            let api = test.api.clone();
            async move { api.get(&format!("/api/v1/background/{id}")).await.expect(200).json }
        };
        let always = [
            "attempts",
            "hasRequestContent",
            "hasResponseContent",
            "id",
            "method",
            "originalUri",
            "receivedUtc",
            "status",
            "statusCode",
            "webhookAddress",
        ];
        let queued = state(made.queued().await).await;
        assert_eq!(members(&queued), always);
        assert_eq!(
            (&queued["status"], &queued["statusCode"]),
            (&json!("Queued"), &json!(0))
        );
        let started = state(made.started().await).await;
        assert_eq!(
            (&started["status"], &started["attempts"]),
            (&json!("Started"), &json!(1))
        );
        assert!(started["startedUtc"].as_str().unwrap().ends_with('Z'));
        let id = made.finished(201, Some("application/json"), b"{}").await;
        let finished = state(id).await;
        assert_eq!(
            (&finished["status"], &finished["statusCode"]),
            (&json!("Finished"), &json!(201))
        );
        let content = format!("http://{}/api/v1/background/{id}/content", test.api.address);
        assert_eq!(finished["contentLocation"], content);
        assert_eq!(
            finished["responseHeaders"],
            json!({"content-type": "application/json", "etag": "\"1\""})
        );
        assert!(finished["finishedUtc"].as_str().unwrap().ends_with('Z'));
        let empty = state(made.finished(204, None, b"").await).await;
        assert_eq!(
            (&empty["hasResponseContent"], empty.get("contentLocation")),
            (&json!(false), None)
        );
    })
    .await;
}

#[tokio::test]
async fn references_come_from_the_pairs() {
    let test = TestEngine::start().await;
    let subscription = json!({
        "url": format!("http://{}/hook", test.api.address), "events": ["background.finished"],
    });
    let made = test.api.post("/api/v1/webhook-subscriptions", &subscription).await;
    made.expect(201);
    for (value, reference) in [
        ("subscription", None),
        ("subscription:a=1, b=2", Some("a=1, b=2")),
        ("Subscription:a=1,REFERENCE=order 7", Some("order 7")),
    ] {
        let reply = test.api.with(HEADER, value).get("/api/v1/me").await.expect(202);
        let state = test.api.get(&super::state_path(&reply)).await.expect(200).json;
        assert_eq!(state["webhookAddress"], "subscription");
        assert_eq!(state["reference"].as_str(), reference);
    }
}

#[tokio::test]
async fn others_do_not_see_it() {
    for_each_database(|url| async move {
        let test = TestEngine::on(&url).await;
        let kari = person(&test.api, "kari", &["background.use"]).await;
        let ola = person(&test.api, "ola", &["background.use"]).await;
        let boss = person(&test.api, "boss", &["users.manage"]).await;
        let nobody = person(&test.api, "nobody", &["calls.read"]).await;
        let state = taken(&kari, "GET", "/api/v1/me").await;
        let content = format!("{state}/content");
        for path in [&state, &content] {
            let foreign = ola.get(path).await;
            assert_eq!((foreign.status, foreign.code()), (404, "not_found"), "{path}");
            let forbidden = nobody.get(path).await;
            assert_eq!((forbidden.status, forbidden.code()), (403, "forbidden"), "{path}");
        }
        assert_eq!(ola.delete(&state).await.status, 404);
        assert_eq!(ola.get("/api/v1/background").await.expect(200).json["items"], json!([]));
        assert_eq!(boss.get("/api/v1/background").await.status, 403);
        boss.get(&state).await.expect(200);
        test.api.get(&state).await.expect(200);
        // A token of an administrator that is cut to other rights is none of an administrator.
        let cut = json!({"name": "cut", "rights": ["background.use"]});
        let cut = test.api.post("/api/v1/tokens", &cut).await.expect(201);
        let cut = test.api.with_token(cut.json["token"].as_str().unwrap());
        assert_eq!(cut.get(&state).await.status, 404);
        // Another tenant is another world, also for those who reach it.
        test.api
            .post("/api/v1/tenants", &json!({"companyId": "2", "name": "Second"}))
            .await
            .expect(201);
        let second = test.api.in_tenant("2");
        assert_eq!(second.get(&state).await.status, 404);
        let there = taken(&second, "GET", "/api/v1/me").await;
        assert_eq!(test.api.get(&there).await.status, 404);
        second.get(&there).await.expect(200);
        for unknown in ["0190b5a8-7c3e-7d10-8f00-0123456789ab", "42", "%20"] {
            let reply = test.api.get(&format!("/api/v1/background/{unknown}")).await;
            assert_eq!((reply.status, reply.code()), (404, "not_found"));
        }
    })
    .await;
}

#[tokio::test]
async fn lists_are_of_ones_own_newest_first() {
    for_each_database(|url| async move {
        let test = TestEngine::on(&url).await;
        let made = Made::of(&test).await;
        let mut ids = Vec::new();
        for _ in 0..3 {
            ids.push(made.finished(200, None, b"").await.to_string());
        }
        ids.push(made.started().await.to_string());
        ids.reverse();
        let list = |query: String| {
            let api = test.api.clone();
            async move { api.get(&format!("/api/v1/background{query}")).await.expect(200).json }
        };
        let ids_of = |list: &serde_json::Value| -> Vec<String> {
            let items = list["items"].as_array().unwrap().iter();
            items.map(|item| item["id"].as_str().unwrap().to_owned()).collect()
        };
        assert_eq!(ids_of(&list(String::new()).await), ids);
        let first = list("?limit=3".to_owned()).await;
        assert_eq!(ids_of(&first), ids[..3]);
        let rest = list(format!("?limit=3&cursor={}", first["nextCursor"].as_str().unwrap())).await;
        assert_eq!((ids_of(&rest), &rest["nextCursor"]), (ids[3..].to_vec(), &json!(null)));
        assert_eq!(ids_of(&list("?status=Started".to_owned()).await), ids[..1]);
        assert_eq!(
            ids_of(&list("?status=Finished&from=2026-01-01T00:00:00Z".to_owned()).await),
            ids[1..]
        );
        assert_eq!(list("?from=2999-01-01T00:00:00Z".to_owned()).await["items"], json!([]));
        let _ = person(&test.api, "ola", &["background.use"]).await;
        for bad in [
            "?status=Running",
            "?status=queued",
            "?from=yesterday",
            "?user=1",
            "?limit=0",
            "?cursor=!!",
        ] {
            let reply = test.api.get(&format!("/api/v1/background{bad}")).await;
            assert_eq!((reply.status, reply.code()), (400, "bad_request"), "{bad}");
        }
    })
    .await;
}

#[tokio::test]
async fn cancelling_ends_what_has_not_ended() {
    for_each_database(|url| async move {
        let test = TestEngine::on(&url).await;
        let made = Made::of(&test).await;
        let mut events = test.engine.subscribe();
        for (id, word) in [
            (made.queued().await, "before it began"),
            (made.started().await, "while it ran"),
        ] {
            let path = format!("/api/v1/background/{id}");
            test.api.delete(&path).await.expect(204);
            let state = test.api.get(&path).await.expect(200).json;
            assert_eq!(
                (&state["status"], &state["statusCode"]),
                (&json!("Cancelled"), &json!(0))
            );
            assert!(state["errorMessage"].as_str().unwrap().contains(word), "{state}");
            assert!(state["finishedUtc"].is_string());
            event(&mut events, "background.cancelled", &id.to_string()).await;
            let again = test.api.delete(&path).await;
            assert_eq!((again.status, again.code()), (409, "wrong_state"));
            assert_eq!(test.api.get(&format!("{path}/content")).await.status, 204);
            let audit = test
                .api
                .get(&format!("/api/v1/audit?resourceId={id}"))
                .await
                .expect(200);
            assert_eq!(audit.json["items"][0]["action"], "background.cancel");
        }
        let finished = made.finished(500, None, b"").await;
        let late = test.api.delete(&format!("/api/v1/background/{finished}")).await;
        assert_eq!((late.status, late.code()), (409, "wrong_state"));
    })
    .await;
}

#[tokio::test]
async fn after_its_time_it_is_gone_and_then_forgotten() {
    let mut start = TestEngine::prepare();
    let (clock, manual) = Clock::manual("2026-01-01T00:00:00Z".parse().unwrap());
    start.clock = clock;
    start.settings.background.retention_hours = 24;
    start.settings.background.gone_hours = 48;
    start.settings.gateway.token_hours = 8_760;
    let test = start.start().await;
    let made = Made::of(&test).await;
    let id = made.finished(200, Some("text/plain"), b"text").await;
    let (state, content) = (
        format!("/api/v1/background/{id}"),
        format!("/api/v1/background/{id}/content"),
    );
    manual.advance(Duration::from_secs(24 * 3_600 - 1));
    test.api.get(&content).await.expect(200);
    for (hours, status, code) in [(1, 410, "gone"), (48, 404, "not_found")] {
        manual.advance(Duration::from_secs(hours * 3_600));
        for path in [&state, &content] {
            let reply = test.api.get(path).await;
            assert_eq!((reply.status, reply.code()), (status, code), "{path} {hours}");
        }
        assert_eq!(test.api.delete(&state).await.status, status);
    }
}
