//! The overview, its filters and pages, and the preview of schedules.

use jiff::Timestamp;
use serde_json::{Value, json};

use crate::support::{
    api::{Api, event},
    postgres::for_each_database,
    upstream::Upstream,
};

#[actix_web::test]
async fn the_overview_pages_by_name_and_filters() {
    for_each_database(the_overview_pages_by_name_and_filters_on).await;
}

async fn the_overview_pages_by_name_and_filters_on(url: String) {
    let upstream = Upstream::start();
    upstream.items("/items", json!([{"rfqId": 1}]));
    let api = Api::start_on(Some(url), &[&upstream]).await;
    for name in ["delta", "alpha", "charlie", "bravo"] {
        api.create(api.definition(name, &upstream.url("/items"))).await;
    }
    let mut events = api.engine.subscribe();
    let mut active = api.definition("echo", &upstream.url("/items"));
    active["active"] = json!(true);
    active["schedule"] = Value::Null;
    let id = api.create(active).await;
    event(&mut events, "run.finished", &id).await;
    let mut broken = api.definition("foxtrot", &upstream.url("/items"));
    broken["active"] = json!(true);
    broken["responseScript"] = json!("throw 1");
    let id = api.create(broken).await;
    event(&mut events, "call.deactivated", &id).await;

    let first = api.get("/api/v1/call-apis?limit=3").await.expect(200);
    assert_eq!(first.each("name"), ["alpha", "bravo", "charlie"]);
    let cursor = first.body["nextCursor"].as_str().unwrap();
    let second = api
        .get(&format!("/api/v1/call-apis?limit=3&cursor={cursor}"))
        .await
        .expect(200);
    assert_eq!(second.each("name"), ["delta", "echo", "foxtrot"]);
    assert_eq!(second.body["nextCursor"], Value::Null);

    // The columns of the overview.
    let echo = &second.body["items"][1];
    assert_eq!(echo["active"], true);
    assert_eq!(echo["frequencySeconds"], 3600);
    assert_eq!(echo["method"], "GET");
    assert_eq!(echo["url"]["value"], upstream.url("/items").as_str());
    assert_eq!(echo["status"], "idle");
    assert_eq!(echo["lastRun"]["outcome"], "created");
    assert!(echo["nextDueAt"].is_string());
    assert_eq!(echo["responseScript"], Value::Null);

    let names = async |query: &str| {
        let list = api.get(&format!("/api/v1/call-apis?{query}")).await.expect(200);
        list.each("name")
    };
    assert_eq!(names("status=idle").await, ["echo"]);
    assert_eq!(names("status=deactivated").await, ["foxtrot"]);
    assert_eq!(names("status=inactive").await, ["alpha", "bravo", "charlie", "delta"]);
    assert_eq!(names("status=running").await, Vec::<Value>::new());
    assert_eq!(names("name=AR").await, ["charlie"]);
    assert_eq!(names("name=%25").await, Vec::<Value>::new());

    for query in ["status=gone", "limit=0", "limit=201", "cursor=%21", "bogus=1"] {
        let refused = api.get(&format!("/api/v1/call-apis?{query}")).await;
        refused.problem(400, "bad_request");
    }
}

#[actix_web::test]
async fn schedules_are_previewed() {
    let api = Api::start(&[]).await;
    let preview = async |body: Value| api.post("/api/v1/call-apis/preview-schedule", body).await;
    let times = async |body: Value| -> Vec<Timestamp> {
        let answer = preview(body).await.expect(200);
        serde_json::from_value(answer.body["dueTimes"].clone()).unwrap()
    };
    let every = times(json!({"frequencySeconds": 90, "count": 4})).await;
    assert_eq!(every.len(), 4);
    assert!(
        every
            .windows(2)
            .all(|pair| pair[1].duration_since(pair[0]).as_secs() == 90)
    );

    // Half past two on the last Sunday of March does not exist in Oslo: it fires when the clocks have gone forward.
    let rule = json!({"cron": "30 2 * 3 *", "timeZone": "Europe/Oslo"});
    let march = times(json!({"schedule": rule, "count": 62})).await;
    let zone = jiff::tz::TimeZone::get("Europe/Oslo").unwrap();
    let local: Vec<_> = march.iter().map(|at| at.to_zoned(zone.clone())).collect();
    for at in &local {
        let is_last_sunday = at.weekday() == jiff::civil::Weekday::Sunday && at.day() > 24;
        let expected = if is_last_sunday { "03:00" } else { "02:30" };
        assert_eq!(at.strftime("%H:%M").to_string(), expected, "{at}");
    }
    assert_eq!(times(json!({"frequencySeconds": 1})).await.len(), 10);
    let table = [
        (json!({"count": 3}), "frequencySeconds"),
        (json!({"frequencySeconds": 60, "count": 0}), "count"),
        (json!({"frequencySeconds": 60, "count": 101}), "count"),
        (json!({"schedule": {"cron": "x"}, "count": 1}), "schedule.cron"),
    ];
    for (body, field) in table {
        assert_eq!(preview(body).await.problem(422, "invalid").fields(), [field]);
    }
    preview(json!({"frequencySeconds": 60, "bogus": 1}))
        .await
        .problem(400, "bad_request");
}
