//! The pages of transactions: filters, editing with a merge patch, settling one and many.

use serde_json::json;

use crate::support::{
    engine::{PASSWORD, TestEngine},
    pages::{Pages, text},
};

const API: &str = "/api/v1/transactions";
const PAGE: &str = "/console/transactions";

async fn made(engine: &TestEngine, identifier: &str, preparation: bool) -> String {
    let body = json!({ "identifier": identifier, "data": { "a": 1 }, "preparation": preparation });
    engine.api.post(API, &body).await.expect(201).id()
}

#[tokio::test]
async fn the_list_filters_and_says_what_it_cannot_look_for() {
    let engine = TestEngine::start().await;
    made(&engine, "<b>A</b>", true).await;
    made(&engine, "B & C", false).await;
    let pages = Pages::sign_in(engine.api.address).await;
    let shows = async |query: &str| {
        let page = text(&pages.get(&format!("{PAGE}{query}")).await.expect(200));
        (page.contains("&lt;b&gt;A&lt;/b&gt;"), page.contains("B &amp; C"))
    };
    for (query, shown) in [
        ("", (true, true)),
        ("?status=ready&call=&identifier=&after=&before=", (false, true)),
        ("?status=preparation", (true, false)),
        ("?after=2020-01-01", (true, true)),
        ("?before=2020-01-01T00:00", (false, false)),
        ("?call=01890000-0000-7000-8000-000000000000", (false, false)),
    ] {
        assert_eq!(shows(query).await, shown, "{query}");
    }
    let found = text(&pages.get(&format!("{PAGE}?identifier=B+%26+C")).await.expect(200));
    assert!(
        found.contains("value=\"B &amp; C\"") && !found.contains("&lt;b&gt;A"),
        "{found}"
    );
    let none = text(&pages.get(&format!("{PAGE}?identifier=x")).await.expect(200));
    assert!(none.contains("No transaction fits this filter"), "{none}");
    let refused = text(
        &pages
            .get(&format!("{PAGE}?status=odd&call=nope&after=x&before=2020"))
            .await
            .expect(422),
    );
    for part in [
        "must be preparation, ready or discarded",
        "no call has",
        "must be a time such as",
        "value=\"nope\"",
    ] {
        assert!(refused.contains(part), "{part}: {refused}");
    }
    pages.get(&format!("{PAGE}?bogus=1")).await.expect(400);
}

#[tokio::test]
async fn an_edit_keeps_digits_and_takes_members_away() {
    let engine = TestEngine::start().await;
    let body = r#"{"identifier":"B","preparation":true,"data":{"big":12345678901234567890,"price":1.50,"note":"<i>","n":null,"o":{"x":1}}}"#;
    let id = engine
        .api
        .ask("POST", API)
        .text(body)
        .header("content-type", "application/json")
        .send()
        .await
        .expect(201)
        .id();
    let (page, path) = (format!("{PAGE}/{id}"), format!("{API}/{id}"));
    let pages = Pages::sign_in(engine.api.address).await;
    let editor = text(&pages.get(&format!("{page}/edit")).await.expect(200));
    assert!(
        editor.contains("12345678901234567890,\n  &quot;price&quot;: 1.50"),
        "{editor}"
    );
    assert!(editor.contains("name=\"_version\" value=\"1\""), "{editor}");

    let same = "{ \"o\":{\"x\":1},\r\n\"big\":12345678901234567890,\"price\":1.50,\"note\":\"<i>\",\"n\":null}";
    pages
        .post(&format!("{page}/edit"), &[("_version", "1"), ("data", same)])
        .await
        .expect(303);
    assert!(text(&pages.get(&page).await).contains("Nothing was different"));
    let after = "{\n\"big\": 12345678901234567890,\n\"price\": 1.50,\n\"n\": null,\n\"o\": {\"y\": [ 1, null ]}\n}";
    pages
        .post(&format!("{page}/edit"), &[("_version", "1"), ("data", after)])
        .await
        .expect(303);
    let stored = text(&engine.api.get(&path).await.expect(200));
    let expected = r#""data":{"big":12345678901234567890,"price":1.50,"n":null,"o":{"y":[1,null]}}"#;
    assert!(
        stored.contains(expected) && stored.contains("\"version\":2"),
        "{stored}"
    );
    let shown = text(&pages.get(&page).await.expect(200));
    for part in [
        "B is saved.",
        "<del>&quot;&lt;i&gt;&quot;</del>",
        ">o.y<",
        "Edited</",
        "Administrator",
    ] {
        let part = part.trim_end_matches("</");
        assert!(shown.contains(part), "{part}: {shown}");
    }

    for (version, data, status, part) in [
        ("2", "{\n\"a\": 1,\n}", 422, "data-error-line=\"3\""),
        ("2", "[1]", 422, "must be a JSON object"),
        ("2", "{\"big\":null}", 422, "big is to become null"),
        ("1", "{\"mine\":1}", 412, "As it is now (version 2)"),
    ] {
        let fields = [("_version", version), ("data", data)];
        let refused = text(&pages.post(&format!("{page}/edit"), &fields).await.expect(status));
        let kept = data.replace('"', "&quot;");
        assert!(refused.contains(part) && refused.contains(&kept), "{part}: {refused}");
    }
    let data = pages.get(&format!("{page}/data")).await.expect(200);
    assert_eq!(
        data.header("content-disposition"),
        Some(format!("attachment; filename=\"{id}.json\"").as_str())
    );
    assert_eq!(data.header("x-content-type-options"), Some("nosniff"));

    // What the page shows is older than what is there.
    pages
        .post(&format!("{page}/commit"), &[("_version", "1")])
        .await
        .expect(303);
    assert!(text(&pages.get(&page).await).contains("somebody changed it meanwhile"));
    pages
        .post(&format!("{page}/commit"), &[("_version", "2")])
        .await
        .expect(303);
    let done = text(&pages.get(&page).await.expect(200));
    assert!(done.contains("B is committed.") && !done.contains("/edit\""), "{done}");
    pages.get(&format!("{page}/edit")).await.expect(303);
    pages
        .post(&format!("{page}/discard"), &[("_version", "3")])
        .await
        .expect(409);
}

#[tokio::test]
async fn one_is_made_by_hand() {
    let engine = TestEngine::start().await;
    let pages = Pages::sign_in(engine.api.address).await;
    assert!(text(&pages.get(PAGE).await.expect(200)).contains("There are no transactions yet"));
    pages.get(&format!("{PAGE}/new")).await.expect(200);
    let fields = [("identifier", "H-1"), ("preparation", "true"), ("data", "{\"n\": 1.0}")];
    let made = pages.post(PAGE, &fields).await.expect(303);
    let place = made.header("location").unwrap().to_owned();
    let shown = text(&pages.get(&place).await.expect(200));
    assert!(
        shown.contains("The transaction H-1 is made.") && shown.contains("&quot;n&quot;: 1.0"),
        "{shown}"
    );
    let again = text(&pages.post(PAGE, &fields).await.expect(409));
    assert!(
        again.contains("is taken") && again.contains("value=\"H-1\"") && again.contains("checked"),
        "{again}"
    );
    let wrong = text(
        &pages
            .post(PAGE, &[("identifier", ""), ("data", "{}")])
            .await
            .expect(422),
    );
    assert!(wrong.contains("must not be empty"), "{wrong}");
}

#[tokio::test]
async fn many_are_settled_and_what_failed_is_said() {
    let engine = TestEngine::start().await;
    let (one, two, final_one) = (
        made(&engine, "One", true).await,
        made(&engine, "Two", true).await,
        made(&engine, "Final", false).await,
    );
    let pages = Pages::sign_in(engine.api.address).await;
    let none = text(&pages.post(&format!("{PAGE}/commit"), &[]).await.expect(409));
    assert!(none.contains("No transaction was ticked"), "{none}");
    let fields = [
        ("ids", one.as_str()),
        ("ids", two.as_str()),
        ("ids", final_one.as_str()),
    ];
    let partly = text(
        &pages
            .post(&format!("{PAGE}/commit?status=preparation"), &fields)
            .await
            .expect(409),
    );
    assert!(
        partly.contains("2 of 3 are committed") && partly.contains("Final</a>: The transaction is ready"),
        "{partly}"
    );
    let (three, four) = (made(&engine, "Three", true).await, made(&engine, "Four", true).await);
    let fields = [("ids", three.as_str()), ("ids", four.as_str())];
    let done = pages
        .post(&format!("{PAGE}/discard?status=preparation"), &fields)
        .await
        .expect(303);
    assert_eq!(
        done.header("location"),
        Some("/console/transactions?status=preparation")
    );
    assert!(text(&pages.get(PAGE).await).contains("2 transactions are discarded."));
    for id in [&three, &four] {
        let found = engine.api.get(&format!("{API}/{id}")).await.expect(200);
        assert_eq!(found.json["status"], "discarded");
    }
    let audit = engine
        .api
        .get("/api/v1/audit?limit=200")
        .await
        .expect(200)
        .json
        .to_string();
    assert!(audit.contains("transaction.discard_many"), "{audit}");
}

#[tokio::test]
async fn who_may_only_look_finds_nothing_to_press() {
    let engine = TestEngine::start().await;
    let id = made(&engine, "One", true).await;
    let group = json!({ "name": "Readers", "rights": ["transactions.read"] });
    let group = engine.api.post("/api/v1/groups", &group).await.expect(201).id();
    let user = json!({ "username": "anna", "password": PASSWORD, "groupIds": [group] });
    engine.api.post("/api/v1/users", &user).await.expect(201);
    let pages = Pages::sign_in_as(engine.api.address, "anna", PASSWORD).await;
    let list = text(&pages.get(PAGE).await.expect(200));
    assert!(
        list.contains("One") && !list.contains("checkbox") && !list.contains("New transaction"),
        "{list}"
    );
    let one = text(&pages.get(&format!("{PAGE}/{id}")).await.expect(200));
    assert!(!one.contains("/commit") && !one.contains("/edit"), "{one}");
    pages.post(&format!("{PAGE}/{id}/commit"), &[]).await.expect(403);
    pages
        .post(&format!("{PAGE}/discard"), &[("ids", &id)])
        .await
        .expect(403);
    engine
        .api
        .post("/api/v1/tenants", &json!({ "companyId": "2", "name": "Two" }))
        .await
        .expect(201);
    let there = Pages::sign_in(engine.api.address).await;
    there.post("/console/tenant", &[("companyId", "2")]).await.expect(303);
    there.get(&format!("{PAGE}/{id}")).await.expect(404);
}
