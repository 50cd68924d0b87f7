//! Answers 202 that are followed to their end.

use serde_json::json;

use super::*;
use crate::support::{postgres::for_each_database, upstream::Behaviour};

fn answer(status: u16, headers: &[(&str, &str)], body: &str) -> Behaviour {
    Behaviour::Respond {
        status,
        headers: headers
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect(),
        body: body.as_bytes().to_vec(),
    }
}

const NOW: (&str, &str) = ("retry-after", "0");

#[tokio::test]
async fn the_true_end_is_what_is_reported() {
    for_each_database(the_true_end_is_what_is_reported_on).await;
}

async fn the_true_end_is_what_is_reported_on(url: String) {
    let upstream = Upstream::start();
    let elsewhere = Upstream::start();
    let accepted = |location: &str| answer(202, &[("location", location), NOW], "");
    upstream.on("/base/act", accepted("job/1"));
    upstream.on_each(
        "/base/job/1",
        vec![
            answer(202, &[NOW], ""),
            answer(503, &[NOW], ""),
            Behaviour::CloseMidBody,
            answer(201, &[("etag", "\"7\"")], "made"),
        ],
    );
    let state = json!({"status": "Finished", "statusCode": 400, "contentLocation": upstream.url("/base/content")});
    upstream.on("/base/visma", accepted("/base/state"));
    upstream.on_each(
        "/base/state",
        vec![
            answer(
                200,
                &[("content-type", "application/json"), NOW],
                r#"{"status":"Started","statusCode":0}"#,
            ),
            Behaviour::Json(state),
        ],
    );
    upstream.on("/base/content", Behaviour::Json(json!({"message": "no"})));
    upstream.on("/base/away", accepted(&elsewhere.url("/there")));
    upstream.on("/base/turns", accepted("/base/turn"));
    upstream.on(
        "/base/turn",
        answer(303, &[("location", &elsewhere.url("/there"))], "there"),
    );
    upstream.on("/base/round", accepted("/base/again"));
    upstream.on("/base/again", answer(307, &[("location", "/base/again")], ""));
    upstream.on("/base/plain", answer(202, &[], "later"));
    let mut place = place(&upstream, |erp| erp.follow_accepted = true);
    place.settings.egress.allow.push(elsewhere.address());
    place.settings.database.url = url;
    let scene = place.start().await;
    let send = async |target: &str| {
        let given = post(target, "{}").to("/erp").header("x-api-key", "secret");
        let id = given.sent(&scene).await;
        let row = ended(&scene, id).await;
        let body = String::from_utf8(content(&scene, &row).await).unwrap();
        (row, body)
    };
    let (row, body) = send("/erp/act").await;
    assert_eq!(
        (row.status, row.status_code, body.as_str()),
        (Status::Finished, 201, "made"),
        "{row:?}"
    );
    assert!(row.response_headers.unwrap().contains("etag"));
    let (row, body) = send("/erp/visma").await;
    assert_eq!((row.status_code, body.as_str()), (400, r#"{"message":"no"}"#));
    for (target, status, text) in [("/erp/away", 202, ""), ("/erp/turns", 303, "there")] {
        let (row, body) = send(target).await;
        assert_eq!((row.status_code, body.as_str()), (status, text));
        let location = elsewhere.url("/there");
        assert!(
            row.response_headers.unwrap().contains(&location),
            "its place is reported"
        );
    }
    let (row, _) = send("/erp/round").await;
    assert!(row.error.unwrap().contains("from one place to the next"));
    assert_eq!(upstream.requests_to("/base/again").len(), 11);
    let (row, body) = send("/erp/plain").await;
    assert_eq!((row.status_code, body.as_str()), (202, "later"));
    let asked = upstream.requests_to("/base/job/1");
    assert!(
        asked.len() == 4
            && asked
                .iter()
                .all(|seen| seen.method == "GET" && seen.header("x-api-key") == Some("secret"))
    );
    assert!(
        elsewhere.requests_to("/there").is_empty(),
        "another origin is not asked"
    );
    scene.stop().await;
}

#[tokio::test]
async fn a_crash_between_two_questions_does_not_send_again() {
    let upstream = Upstream::start();
    upstream.on(
        "/base/act",
        answer(202, &[("location", "/base/job"), ("retry-after", "60")], ""),
    );
    upstream.on("/base/job", Behaviour::Json(json!({"done": true})));
    let scene = place(&upstream, |erp| {
        erp.follow_accepted = true;
        erp.background_timeout_ms = 600_000;
        erp.at_once_max = Some(1);
    })
    .start()
    .await;
    let id = post("/erp/act", "{}").to("/erp").sent(&scene).await;
    let behind = post("/erp/act", "{}").to("/erp").sent(&scene).await;
    upstream.wait_for("/base/act", 1).await;
    let other = get("/erp/other").to("/erp").sent(&scene).await;
    assert_eq!(ended(&scene, other).await.status_code, 404, "what waits has no slot");
    assert_eq!(status(&scene, id).await, Status::Started);
    assert_eq!(status(&scene, behind).await, Status::Queued, "the lane is held");

    let scene = scene.stop().await.start().await;
    let row = ended(&scene, id).await;
    assert_eq!((row.status, row.status_code, row.attempts), (Status::Finished, 200, 1));
    upstream.wait_for("/base/act", 2).await;
    assert_eq!(
        upstream.requests_to("/base/job").len(),
        1,
        "only the one behind it is sent now"
    );
    let caller = scene.caller();
    scene
        .engine
        .background()
        .cancel(&caller, behind, "https://a")
        .await
        .unwrap();
    eventually("nothing is known any more", || async {
        scene.engine.services().background.stats().known == 0
    })
    .await;
    scene.stop().await;
}

#[tokio::test]
async fn an_end_that_does_not_come_is_given_up() {
    let upstream = Upstream::start();
    upstream.on("/base/act", answer(202, &[("location", "/base/job"), NOW], ""));
    upstream.on("/base/job", answer(202, &[("retry-after", "1")], ""));
    let scene = place(&upstream, |erp| {
        erp.follow_accepted = true;
        erp.background_timeout_ms = 20_000;
    })
    .start()
    .await;
    let id = post("/erp/act", "{}").to("/erp").sent(&scene).await;
    let row = ended(&scene, id).await;
    assert_eq!(row.status, Status::Failed);
    assert!(
        row.error
            .as_deref()
            .unwrap()
            .contains("did not come to its end within 20000 ms"),
        "{row:?}"
    );
    scene.stop().await;
}

#[tokio::test]
async fn who_lost_the_right_is_not_asked_for() {
    let upstream = Upstream::start();
    upstream.on("/base/act", answer(202, &[("location", "/base/job"), NOW], ""));
    upstream.on("/base/job", answer(202, &[NOW], ""));
    let scene = place(&upstream, |erp| erp.follow_accepted = true).start().await;
    let (caller, token_id) = token(&scene, Right::BackgroundUse).await;
    let given = Given {
        token_id: Some(token_id),
        ..post("/erp/act", "{}").to("/erp")
    };
    let id = given.sent(&scene).await;
    upstream.wait_for("/base/job", 1).await;
    scene.engine.tokens().delete(&caller, token_id).await.unwrap();
    let row = ended(&scene, id).await;
    assert_eq!(row.status, Status::Failed);
    let why = row.error.unwrap();
    assert!(
        why.contains("not asked for any more") && why.contains("removed"),
        "{why}"
    );
    scene.stop().await;
}
