//! When automations run: by their intervals and calendars, one run at a time.

use std::time::Duration;

use serde_json::json;

use super::fixture::{Books, criteria};

const HOUR: Duration = Duration::from_secs(3_600);

#[tokio::test]
async fn an_interval_is_counted_from_when_it_was_made() {
    let mut books = Books::open().await;
    let function = books.function("In", "IMPORT", json!({})).await;
    let automation = books
        .automation("Every 8 hours", &function, json!({}), criteria())
        .await;
    books.in_phase(&automation, "waiting").await;
    books.pass(7 * HOUR).await;
    assert_eq!(books.runs(&automation).await.len(), 0);
    books.pass(HOUR).await;
    let run = books.ended(&automation).await;
    assert_eq!(
        (&run["trigger"], &run["outcome"]),
        (&json!("schedule"), &json!("success"))
    );
    // A run on request moves nothing; of due times that pass together one run is made.
    books.in_phase(&automation, "waiting").await;
    books.pass(3 * HOUR).await;
    books.run(&automation).await;
    books.in_phase(&automation, "waiting").await;
    books.pass(5 * HOUR).await;
    books.ended(&automation).await;
    books.in_phase(&automation, "waiting").await;
    assert_eq!(books.runs(&automation).await.len(), 3);
    books.pass(40 * HOUR).await;
    books.ended(&automation).await;
    books.in_phase(&automation, "waiting").await;
    assert_eq!(books.runs(&automation).await.len(), 4);
}

#[tokio::test]
async fn a_day_and_a_time_in_a_zone() {
    let mut books = Books::open().await;
    let function = books.function("In", "IMPORT", json!({})).await;
    let more = json!({
        "check_on": "customDayTime", "custom_day": "thursday", "custom_time": "06:45:23", "time_zone": "Europe/Berlin",
    });
    let automation = books.automation("Thursdays", &function, more, criteria()).await;
    books.in_phase(&automation, "waiting").await;
    let shown = books
        .api
        .get(&format!("/api/v1/actors/automation/{automation}"))
        .await
        .expect(200);
    assert_eq!(shown.json["nextDueAt"], "2026-03-05T05:45:23Z");
    books.pass(70 * HOUR).await;
    books.ended(&automation).await;
}

#[tokio::test]
async fn a_disabled_one_runs_nothing_and_an_enabled_one_again() {
    let mut books = Books::open().await;
    let function = books.function("In", "IMPORT", json!({})).await;
    let automation = books.automation("Sometimes", &function, json!({}), criteria()).await;
    books.in_phase(&automation, "waiting").await;
    let switch = |word: &str| books.at(&format!("/automation/{automation}/{word}"));
    let (off, on) = (switch("disable"), switch("enable"));
    books.api.post(&off, &json!({})).await.expect(200);
    assert_eq!(books.ask(&automation).await.status, 409);
    books.pass(20 * HOUR).await;
    assert_eq!(books.runs(&automation).await.len(), 0);
    books.api.post(&on, &json!({})).await.expect(200);
    books.in_phase(&automation, "waiting").await;
    books.pass(8 * HOUR).await;
    books.ended(&automation).await;
}
