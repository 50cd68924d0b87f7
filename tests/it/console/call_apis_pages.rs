//! Pages of call APIs without a browser: what forms become, what is refused, and that secrets stay where they are.

use serde_json::{Value, json};

use crate::support::{
    engine::TestEngine,
    pages::{Pages, first_run, text},
    upstream::{Behaviour, Upstream},
};

type Fields = Vec<(&'static str, String)>;

/// What the form sends when it is filled in, without headers.
async fn form(engine: &TestEngine, url: &str) -> Fields {
    let me = engine.api.get("/api/v1/me").await.expect(200);
    let user = me.json["user"]["id"].as_str().unwrap();
    [
        ("name", "RFQ import"),
        ("runAsUserId", user),
        ("when", "interval"),
        ("frequencySeconds", "3600"),
        ("schedule.cron", ""),
        ("schedule.timeZone", "UTC"),
        ("clientId", ""),
        ("method", "GET"),
        ("url.kind", "text"),
        ("url.text", url),
        ("url.script", ""),
        ("bodyScript", ""),
        ("responseScript", "return response.json;"),
        ("identifier.0", "/rfqId"),
        ("limits.scriptMs", "10000"),
    ]
    .into_iter()
    .map(|(name, value)| (name, value.to_owned()))
    .collect()
}

fn with(fields: &Fields, changes: &[(&'static str, &str)]) -> Fields {
    let mut all = fields.clone();
    all.retain(|(name, _)| changes.iter().all(|(changed, _)| changed != name));
    all.extend(changes.iter().map(|(name, value)| (*name, (*value).to_owned())));
    all
}

fn pairs(fields: &Fields) -> Vec<(&str, &str)> {
    fields.iter().map(|(name, value)| (*name, value.as_str())).collect()
}

/// Makes the call and gives its path.
async fn made(pages: &Pages, fields: &Fields) -> String {
    let made = pages.post("/console/call-apis", &pairs(fields)).await.expect(303);
    made.header("location").unwrap().to_owned()
}

#[tokio::test]
async fn secrets_are_kept_used_by_tests_and_never_shown() {
    let upstream = Upstream::start();
    upstream.on("/echo", Behaviour::Echo);
    upstream.items("/other", json!([{"rfqId": 12_345_678_901_234_567_890_u64}]));
    let engine = TestEngine::start().await;
    let pages = Pages::sign_in(engine.api.address).await;
    let fields = form(&engine, &upstream.url("/echo")).await;
    let secret = [
        ("headers.7.name", "X-Key"),
        ("headers.7.value", "hush-hush-key"),
        ("headers.7.secret", "true"),
    ];
    let path = made(&pages, &with(&fields, &secret)).await;
    let page = text(&pages.get(&path).await.expect(200));
    assert!(page.contains("set, sha256:") && !page.contains("hush-hush"), "{page}");
    assert!(page.contains("The call API RFQ import is saved."), "{page}");

    // Tested with an edit that is not saved, and the secret that is stored.
    let kept = [
        ("headers.0.name", "X-Key"),
        ("headers.0.value", ""),
        ("headers.0.secret", "true"),
        ("headers.0.fingerprint", "sha256:00000000"),
        ("headers.1.name", "X-New"),
        ("headers.1.value", "edited"),
    ];
    let edited = with(&with(&fields, &kept), &[("url.text", &upstream.url("/other"))]);
    let tested = text(&pages.part(&format!("{path}/test"), &pairs(&edited)).await.expect(200));
    assert!(
        tested.contains("200 OK") && tested.contains("12345678901234567890"),
        "{tested}"
    );
    assert!(!tested.contains("<html") && !tested.contains("hush-hush"), "{tested}");
    let sent = &upstream.requests_to("/other")[0];
    assert_eq!(sent.header("x-key"), Some("hush-hush-key"));
    assert_eq!(sent.header("x-new"), Some("edited"));
    let stored = engine.api.get("/api/v1/call-apis").await.expect(200);
    assert_eq!(stored.json["items"][0]["url"]["value"], upstream.url("/echo").as_str());

    // Without our modules the page comes whole, with what was entered.
    let whole = pages.post(&format!("{path}/test"), &pairs(&edited)).await.expect(200);
    let whole = text(&whole);
    assert!(
        whole.contains("<html") && whole.contains("200 OK") && whole.contains("X-New"),
        "{whole}"
    );

    // Saved with the secret left empty.
    let saved = pages.post(&path, &pairs(&edited)).await.expect(303);
    assert_eq!(saved.header("location"), Some(path.as_str()));
    pages.post(&format!("{path}/run"), &[]).await.expect(200);
    let sent = upstream.requests_to("/other");
    assert_eq!(sent.last().unwrap().header("x-key"), Some("hush-hush-key"));

    // A secret that comes with a refused form is not sent back, and that is said.
    let refused = with(&edited, &[("headers.0.value", "hush-hush-two"), ("name", "")]);
    let refused = text(&pages.post(&path, &pairs(&refused)).await.expect(422));
    assert!(
        refused.contains("Secrets are not sent back: enter it again."),
        "{refused}"
    );
    assert!(!refused.contains("hush-hush"), "{refused}");
    // One that is to be shown from now on has to be entered.
    let mut open = with(&edited, &[]);
    open.retain(|(name, _)| *name != "headers.0.secret");
    let refused = text(&pages.post(&path, &pairs(&open)).await.expect(422));
    assert!(refused.contains("f-headers-0-value-wrong"), "{refused}");
}

#[tokio::test]
async fn run_response_shows_what_would_be_created_and_marks_the_line() {
    let upstream = Upstream::start();
    let engine = TestEngine::start().await;
    let pages = Pages::sign_in(engine.api.address).await;
    let fields = form(&engine, &upstream.url("/rfqs")).await;
    let given = [
        ("name", ""),
        ("_response.status", "200"),
        ("_response.headers", r#"{"content-type":"application/json"}"#),
        (
            "_response.body",
            r#"[{"rfqId": 12345678901234567890123, "comment": "<b>"}]"#,
        ),
    ];
    let response = "/console/call-apis/test/response";
    let ran = text(&pages.part(response, &pairs(&with(&fields, &given))).await.expect(200));
    assert!(ran.contains("1 transaction") && ran.contains("&lt;b&gt;"), "{ran}");
    assert!(ran.contains("12345678901234567890123"), "{ran}");
    let broken = with(
        &with(&fields, &given),
        &[("responseScript", "console.warn('here');\n\nreturn nothing.at.all;")],
    );
    let ran = text(&pages.part(response, &pairs(&broken)).await.expect(200));
    for part in [
        "script error",
        "line 3",
        "here",
        "data-mark=\"#f-responseScript\"",
        "data-line=\"3\"",
    ] {
        assert!(ran.contains(part), "{part}: {ran}");
    }
    let aborts = with(&with(&fields, &given), &[("responseScript", "return 'Abort';")]);
    let ran = text(&pages.part(response, &pairs(&aborts)).await.expect(200));
    assert!(ran.contains("stays active"), "{ran}");
    let odd = with(&with(&fields, &given), &[("_response.status", "9")]);
    let ran = text(&pages.part(response, &pairs(&odd)).await.expect(200));
    assert!(ran.contains("must be from 100 to 999"), "{ran}");
    let transactions = engine.api.get("/api/v1/transactions").await.expect(200);
    assert_eq!(transactions.json["items"], json!([]));
}

#[tokio::test]
async fn a_test_says_which_step_failed() {
    let upstream = Upstream::start();
    upstream.on("/cut", Behaviour::CloseAtOnce);
    let engine = TestEngine::start().await;
    let pages = Pages::sign_in(engine.api.address).await;
    // A test needs no name and no response script yet.
    let bare = with(
        &form(&engine, &upstream.url("/cut")).await,
        &[("name", ""), ("responseScript", ""), ("frequencySeconds", "")],
    );
    let test = "/console/call-apis/test";
    let failed = text(&pages.part(test, &pairs(&bare)).await.expect(200));
    assert!(failed.contains("The test failed"), "{failed}");
    let script = with(
        &bare,
        &[("url.kind", "script"), ("url.script", "\nthrow new Error('no way')")],
    );
    let failed = text(&pages.part(test, &pairs(&script)).await.expect(200));
    for part in ["no way", "data-mark=\"#f-url-script\"", "data-line=\"2\""] {
        assert!(failed.contains(part), "{part}: {failed}");
    }
    let nowhere = with(&bare, &[("url.text", "nowhere")]);
    let refused = text(&pages.part(test, &pairs(&nowhere)).await.expect(200));
    assert!(refused.contains("href=\"#f-url-text\""), "{refused}");
}

#[tokio::test]
async fn refusals_stand_by_their_fields_and_nothing_that_was_entered_is_lost() {
    let upstream = Upstream::start();
    let engine = TestEngine::start().await;
    let pages = Pages::sign_in(engine.api.address).await;
    let fields = form(&engine, &upstream.url("/rfqs")).await;
    let wrong = [
        ("frequencySeconds", "1.5"),
        ("timeoutMs", "-1"),
        ("name", "Kept as it was entered"),
    ];
    let refused = text(
        &pages
            .post("/console/call-apis", &pairs(&with(&fields, &wrong)))
            .await
            .expect(422),
    );
    for part in [
        "must be a whole number",
        "must not be negative",
        "Kept as it was entered",
    ] {
        assert!(refused.contains(part), "{part}: {refused}");
    }
    let broken = with(
        &fields,
        &[("responseScript", "return 1;\nreturn }"), ("active", "true")],
    );
    let refused = text(&pages.post("/console/call-apis", &pairs(&broken)).await.expect(409));
    assert!(refused.contains("data-error-line=\"2\""), "{refused}");
    // Saved inactive, and refused from the list.
    let path = made(
        &pages,
        &with(&broken, &[("active", "")])
            .into_iter()
            .filter(|(name, _)| *name != "active")
            .collect(),
    )
    .await;
    let refused = text(
        &pages
            .post(&format!("{path}/activate"), &[("_back", "list")])
            .await
            .expect(409),
    );
    assert!(
        refused.contains("data-error-line=\"2\"") && refused.contains("RFQ import"),
        "{refused}"
    );
    // Changed by somebody else meanwhile.
    let stale = with(&fields, &[("_version", "1")]);
    pages.post(&path, &pairs(&stale)).await.expect(303);
    pages.post(&path, &pairs(&stale)).await.expect(412);
    // The name is taken.
    let taken = text(&pages.post("/console/call-apis", &pairs(&fields)).await.expect(409));
    assert!(taken.contains("is taken"), "{taken}");
}

#[tokio::test]
async fn what_is_active_is_read_only_until_it_is_deactivated() {
    let upstream = Upstream::start();
    upstream.items("/rfqs", json!([{"rfqId": 1}]));
    let engine = TestEngine::start().await;
    let pages = Pages::sign_in(engine.api.address).await;
    let fields = form(&engine, &upstream.url("/rfqs")).await;
    let path = made(&pages, &with(&fields, &[("active", "true")])).await;
    let page = text(&pages.get(&path).await.expect(200));
    assert!(
        page.contains("active and cannot be edited") && page.contains("readonly"),
        "{page}"
    );
    assert!(!page.contains(">Save<") && !page.contains(">Delete<"), "{page}");
    pages.post(&path, &pairs(&fields)).await.expect(409);
    pages.post(&format!("{path}/delete"), &[]).await.expect(409);
    // It is tested as it is saved, whatever is sent.
    let sent = with(&fields, &[("_saved", "true"), ("url.text", "nowhere")]);
    let tested = text(&pages.part(&format!("{path}/test"), &pairs(&sent)).await.expect(200));
    assert!(tested.contains("200 OK"), "{tested}");
    let back = pages
        .post(&format!("{path}/deactivate"), &[("_back", "list")])
        .await
        .expect(303);
    assert_eq!(back.header("location"), Some("/console/call-apis"));
    let page = text(&pages.get(&path).await.expect(200));
    assert!(page.contains(">Save<") && page.contains(">Delete<"), "{page}");
    let gone = pages.post(&format!("{path}/delete"), &[]).await.expect(303);
    assert_eq!(gone.header("location"), Some("/console/call-apis"));
    assert!(text(&pages.get("/console/call-apis").await).contains("Create the first call API"));
    pages.get(&path).await.expect(404);
}

#[tokio::test]
async fn the_list_filters_and_pages_and_runs_are_kept_by_call() {
    let upstream = Upstream::start();
    upstream.status("/down", 503, "later");
    let engine = TestEngine::start().await;
    let pages = Pages::sign_in(engine.api.address).await;
    let fields = form(&engine, &upstream.url("/down")).await;
    let mut paths = Vec::new();
    for name in ["Alpha <i>", "Beta", "Gamma & co"] {
        paths.push(made(&pages, &with(&fields, &[("name", name)])).await);
    }
    // What the last one said is shown once, and not on the list.
    pages.get(&paths[2]).await.expect(200);
    let list = |query: &'static str| pages.get(query);
    let first = text(&list("/console/call-apis?name=&status=&limit=2").await.expect(200));
    assert!(first.contains("Alpha &lt;i&gt;") && !first.contains("Gamma"), "{first}");
    assert!(first.contains("Next page"), "{first}");
    let found = text(&list("/console/call-apis?name=gam&status=inactive").await.expect(200));
    assert!(found.contains("Gamma &amp; co") && !found.contains("Beta"), "{found}");
    assert!(text(&list("/console/call-apis?status=running").await.expect(200)).contains("No call API is like that."));
    list("/console/call-apis?status=odd").await.expect(400);

    let ran = text(&pages.part(&format!("{}/run", paths[0]), &[]).await.expect(200));
    assert!(ran.contains("http error"), "{ran}");
    let run = first_run(&ran);
    let runs = text(&pages.get(&format!("{}/runs", paths[0])).await.expect(200));
    assert!(runs.contains(&run) && runs.contains("manual"), "{runs}");
    let detail = text(&pages.get(&format!("{}/runs/{run}", paths[0])).await.expect(200));
    assert!(
        detail.contains("503 Service Unavailable") && detail.contains("later"),
        "{detail}"
    );
    for path in [format!("{}/runs/{run}", paths[1]), format!("{}/runs/odd", paths[0])] {
        pages.get(&path).await.expect(404);
    }
    assert!(text(&pages.get(&format!("{}/runs", paths[1])).await).contains("There are no runs."));
}

#[tokio::test]
async fn due_times_are_shown_for_what_stands_in_the_form() {
    let engine = TestEngine::start().await;
    let pages = Pages::sign_in(engine.api.address).await;
    let preview = "/console/call-apis/preview";
    let shown = |fields: &'static [(&'static str, &'static str)]| pages.part(preview, fields);
    let often = text(
        &shown(&[("when", "interval"), ("frequencySeconds", "2")])
            .await
            .expect(200),
    );
    assert!(
        often.contains("very often") && often.matches("<li>").count() == 10,
        "{often}"
    );
    let cron = &[
        ("when", "cron"),
        ("schedule.cron", "30 6 * * *"),
        ("schedule.timeZone", "Europe/Oslo"),
    ];
    let cron = text(&shown(cron).await.expect(200));
    assert!(cron.contains("06:30:00 in Europe/Oslo"), "{cron}");
    let odd = text(
        &shown(&[("when", "cron"), ("schedule.cron", "every day")])
            .await
            .expect(200),
    );
    assert!(odd.contains("href=\"#f-schedule-cron\""), "{odd}");
    let odd = text(
        &shown(&[("when", "interval"), ("frequencySeconds", "soon")])
            .await
            .expect(200),
    );
    assert!(odd.contains("must be a whole number"), "{odd}");
}

#[tokio::test]
async fn readers_see_and_change_nothing() {
    let upstream = Upstream::start();
    let engine = TestEngine::start().await;
    let admin = Pages::sign_in(engine.api.address).await;
    let path = made(&admin, &form(&engine, &upstream.url("/rfqs")).await).await;
    let group = json!({ "name": "Readers", "rights": ["calls.read"] });
    let group = engine.api.post("/api/v1/groups", &group).await.expect(201).id();
    let user = json!({ "username": "anna", "password": "a long password of anna", "groupIds": [group] });
    let user: Value = engine.api.post("/api/v1/users", &user).await.expect(201).json;
    assert_eq!(user["username"], "anna");
    let anna = Pages::sign_in_as(engine.api.address, "anna", "a long password of anna").await;
    let list = text(&anna.get("/console/call-apis").await.expect(200));
    for hidden in ["New API Call", ">Run now<", ">Delete<", ">Activate<", ">Edit<"] {
        assert!(!list.contains(hidden), "{hidden}: {list}");
    }
    let page = text(&anna.get(&path).await.expect(200));
    for hidden in [">Save<", ">Test URL<", ">Run now<", "Add Header"] {
        assert!(!page.contains(hidden), "{hidden}: {page}");
    }
    anna.get("/console/call-apis/new").await.expect(403);
    for what in ["run", "activate", "deactivate", "delete", "test", "test/response"] {
        let refused = anna
            .part(
                &format!("{path}/{what}"),
                &[("_saved", "true"), ("_response.status", "200")],
            )
            .await;
        let page = text(&refused);
        assert!(
            page.contains("This needs the right"),
            "{what}: {} {page}",
            refused.status
        );
    }
}
