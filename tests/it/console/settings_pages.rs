//! Clients, users, tokens, tenants and scripts: what the pages show, keep and refuse.

use serde_json::json;

use crate::support::{
    engine::{PASSWORD, Reply, TestEngine},
    pages::{Pages, text},
};

const SCRIPT: &str = "<script>alert(1)</script>";

/// The place that an answer leads to, without the console's path.
fn leads_to(reply: &Reply) -> String {
    reply.header("location").unwrap().replacen("/console", "", 1)
}

#[track_caller]
fn says(reply: &Reply, words: &str) {
    let page = text(reply);
    assert!(page.contains(words), "{words:?} is not in {page}");
}

#[track_caller]
fn hides(reply: &Reply, words: &str) {
    let page = text(reply);
    assert!(!page.contains(words), "{words:?} is in {page}");
}

#[tokio::test]
async fn forms_without_a_token_do_nothing_and_names_show_as_text() {
    let engine = TestEngine::start().await;
    let pages = Pages::sign_in(engine.api.address).await;
    let forms: [(&str, &[(&str, &str)]); 4] = [
        ("/clients", &[("name", SCRIPT), ("auth.kind", "none")]),
        (
            "/users",
            &[
                ("username", "<script>x"),
                ("password", "long enough"),
                ("displayName", SCRIPT),
            ],
        ),
        ("/scripts", &[("name", SCRIPT), ("source", "return record;")]),
        // The last: its name stands in the head of every page from then on.
        ("/tenants", &[("name", SCRIPT), ("companyId", "acme")]),
    ];
    for (path, form) in forms {
        let path = format!("/console{path}");
        pages.post_exactly(&path, form).await.expect(403);
        hides(&pages.get(&path).await.expect(200), "&lt;script&gt;");
        pages.post(&path, form).await.expect(303);
        let list = pages.get(&path).await.expect(200);
        says(&list, "&lt;script&gt;");
        hides(&list, "<script>alert");
        hides(&list, " style=");
    }
    let token = [("name", SCRIPT), ("rights", "calls.read")];
    pages.post_exactly("/console/tokens", &token).await.expect(403);
    says(&pages.get("/console/tokens").await, "You have no tokens");
    hides(
        &pages.post("/console/tokens", &token).await.expect(201),
        "<script>alert",
    );
}

#[tokio::test]
async fn secrets_of_a_client_are_kept_and_never_shown() {
    let engine = TestEngine::start().await;
    let pages = Pages::sign_in(engine.api.address).await;
    let mut form = vec![
        ("name", "Shop"),
        ("auth.kind", "oauth2ClientCredentials"),
        ("oauth.tokenUrl", "https://shop.example/token"),
        ("oauth.clientId", "orrery"),
        ("oauth.clientSecret", "hunter2"),
        ("oauth.credentialsIn", "header"),
        ("limits.perSecond", "5"),
        // Of another kind: of no matter.
        ("basic.password", "hunter3"),
    ];
    let made = pages.post("/console/clients", &form).await.expect(303);
    let path = made.header("location").unwrap().to_owned();
    let api_path = path.replacen("/console", "/api/v1", 1);
    let stored = engine.api.get(&api_path).await.expect(200).json;
    assert_eq!(stored["limits"], json!({ "perSecond": 5 }));
    let fingerprint = stored["auth"]["clientSecret"]["fingerprint"]
        .as_str()
        .unwrap()
        .to_owned();
    let shown = pages.get(&path).await.expect(200);
    says(&shown, &fingerprint);
    says(&shown, "https://shop.example/token");
    hides(&shown, "hunter2");
    // An empty secret stays, an empty limit goes.
    form.retain(|(name, _)| *name != "oauth.clientSecret" && *name != "limits.perSecond");
    form.extend([("oauth.scope", "orders"), ("_version", "1")]);
    pages.post(&path, &form).await.expect(303);
    let stored = engine.api.get(&api_path).await.expect(200).json;
    assert_eq!(stored["auth"]["clientSecret"]["fingerprint"], fingerprint.as_str());
    assert_eq!(
        (&stored["auth"]["scope"], stored.get("limits")),
        (&json!("orders"), None)
    );
    // Who has not seen a change does not undo it.
    let stale = pages.post(&path, &form).await;
    assert_eq!(stale.status, 412, "{stale:?}");
    // Another kind needs its own secrets; nothing that was entered as one comes back.
    let login = [
        ("name", "Shop"),
        ("auth.kind", "login"),
        ("login.url", "shop"),
        ("login.body", r#"{"pass":"hunter4"}"#),
        ("login.tokenPath", "/t"),
        ("oauth.clientSecret", "hunter5"),
        ("limits.perDay", "many"),
    ];
    let refused = pages.post(&path, &login).await.expect(400);
    says(&refused, "href=\"#f-limits-perDay\"");
    let mut login = login.to_vec();
    login.pop();
    let refused = pages.post(&path, &login).await.expect(422);
    says(&refused, "href=\"#f-login-url\"");
    says(&refused, "What you entered is not shown again");
    hides(&refused, "hunter");
    assert_eq!(
        engine.api.get(&api_path).await.json["auth"]["kind"],
        "oauth2ClientCredentials"
    );
}

#[tokio::test]
async fn a_client_is_checked_and_stays_while_a_call_uses_it() {
    let engine = TestEngine::start().await;
    let pages = Pages::sign_in(engine.api.address).await;
    let client = json!({ "name": "Shop" });
    let id = engine.api.post("/api/v1/clients", &client).await.expect(201).id();
    let path = format!("/console/clients/{id}");
    let checked = pages.part(&format!("{path}/check"), &[]).await.expect(200);
    says(&checked, "works");
    hides(&checked, "<html");
    says(&pages.post(&format!("{path}/check"), &[]).await.expect(200), "<html");
    // Nothing listens there.
    let auth = json!({
        "kind": "oauth2ClientCredentials", "tokenUrl": "http://127.0.0.1:1/token", "clientId": "a", "clientSecret": "b",
    });
    let api_path = format!("/api/v1/clients/{id}");
    engine.api.patch(&api_path, &json!({ "auth": auth })).await.expect(200);
    let failed = pages.part(&format!("{path}/check"), &[]).await.expect(200);
    says(&failed, "does not work");
    says(&failed, "It failed at: ");
    let me = engine.api.get("/api/v1/me").await.json["user"]["id"].clone();
    let call = json!({
        "name": "Orders", "runAsUserId": me, "frequencySeconds": 3600, "method": "GET", "clientId": id,
        "url": { "kind": "text", "value": "https://shop.example/orders" }, "responseScript": "return [];",
    });
    let call = engine.api.post("/api/v1/call-apis", &call).await.expect(201).id();
    let refused = pages.post(&format!("{path}/delete"), &[]).await.expect(409);
    says(&refused, "Orders");
    says(&refused, "value=\"Shop\"");
    engine
        .api
        .delete(&format!("/api/v1/call-apis/{call}"))
        .await
        .expect(204);
    let gone = pages.post(&format!("{path}/delete"), &[]).await.expect(303);
    assert_eq!(leads_to(&gone), "/clients");
    pages.get(&path).await.expect(404);
}

#[tokio::test]
async fn a_user_keeps_what_a_form_does_not_change() {
    let engine = TestEngine::start().await;
    let tenant = json!({ "companyId": "nord", "name": "Nord" });
    engine.api.post("/api/v1/tenants", &tenant).await.expect(201);
    let group = |name: &str| json!({ "name": name, "rights": ["calls.read"] });
    let here = engine.api.post("/api/v1/groups", &group("Here")).await.expect(201).id();
    let north = engine.api.in_tenant("nord");
    let there = north.post("/api/v1/groups", &group("There")).await.expect(201).id();
    let pages = Pages::sign_in(engine.api.address).await;
    let form = [
        ("username", "Kari"),
        ("password", "password one"),
        ("email", "kari@example.com"),
        ("active", "true"),
        ("groupIds", here.as_str()),
    ];
    pages.post("/console/users", &form).await.expect(303);
    let users = engine.api.get("/api/v1/users").await.expect(200).json;
    let kari = users["items"][1].clone();
    assert_eq!((&kari["username"], &kari["groupIds"]), (&json!("kari"), &json!([here])));
    let api_path = format!("/api/v1/users/{}", kari["id"].as_str().unwrap());
    let path = api_path.replacen("/api/v1", "/console", 1);
    let both = json!({ "groupIds": [here, there] });
    engine.api.patch(&api_path, &both).await.expect(200);
    says(&pages.get("/console/users").await.expect(200), "and 1 in other tenants");
    // Without a password and without the tick; the group of the other tenant is not offered and stays.
    let form = [("username", "kari"), ("displayName", "Kari N."), ("active", "true")];
    pages.post(&path, &form).await.expect(303);
    let after = engine.api.get(&api_path).await.json;
    assert_eq!(
        (&after["groupIds"], &after["displayName"]),
        (&json!([there]), &json!("Kari N."))
    );
    assert_eq!(after["email"], json!(null));
    engine.api.sign_in("kari", "password one").await;
    let form = [("username", "kari"), ("password", "short"), ("groupIds", "x")];
    let refused = pages.post(&path, &form).await;
    assert!(matches!(refused.status, 400 | 422), "{refused:?}");
    hides(&refused, "short\"");
    let changed = [("username", "kari"), ("password", "password two"), ("active", "true")];
    pages.post(&path, &changed).await.expect(303);
    engine.api.sign_in("kari", "password two").await;
    pages.post(&format!("{path}/delete"), &[]).await.expect(303);
    engine.api.get(&api_path).await.expect(404);
    let me = engine.api.get("/api/v1/me").await.json["user"]["id"].clone();
    let own = format!("/console/users/{}", me.as_str().unwrap());
    let last = pages.post(&format!("{own}/delete"), &[]).await.expect(409);
    says(&last, "last active administrator");
}

#[tokio::test]
async fn a_token_is_shown_once_and_has_only_rights_of_its_person() {
    let engine = TestEngine::start().await;
    let group = json!({ "name": "Readers", "rights": ["calls.read"] });
    let group = engine.api.post("/api/v1/groups", &group).await.expect(201).id();
    let user = json!({ "username": "anna", "password": PASSWORD, "groupIds": [group] });
    engine.api.post("/api/v1/users", &user).await.expect(201);
    let pages = Pages::sign_in_as(engine.api.address, "anna", PASSWORD).await;
    let form = pages.get("/console/tokens/new").await.expect(200);
    says(&form, "calls.read");
    hides(&form, "calls.manage");
    let wrong = [("name", "Report"), ("rights", "calls.manage")];
    says(
        &pages.post("/console/tokens", &wrong).await.expect(403),
        "rights that you do not have",
    );
    let past = [
        ("name", "Report"),
        ("rights", "calls.read"),
        ("expiresAt", "2001-01-01T00:00"),
    ];
    let refused = pages.post("/console/tokens", &past).await.expect(422);
    says(&refused, "must be in the future");
    says(&refused, "value=\"2001-01-01T00:00\"");
    let form = [
        ("name", "Report"),
        ("rights", "calls.read"),
        ("expiresAt", "2099-01-01T13:00"),
        ("_expiresAt", "2099-01-01T12:00:00.000Z"),
    ];
    let made = pages.post("/console/tokens", &form).await.expect(201);
    assert_eq!(made.header("cache-control"), Some("no-store"));
    let page = text(&made);
    let secret = page.split("tabindex=\"0\">orr_").nth(1).unwrap();
    let secret = format!("orr_{}", secret.split('<').next().unwrap());
    let program = engine.api.with_token(&secret);
    program.get("/api/v1/call-apis").await.expect(200);
    let tokens = program.get("/api/v1/tokens").await.expect(200).json;
    assert_eq!(tokens["items"][0]["expiresAt"], "2099-01-01T12:00:00Z");
    let list = pages.get("/console/tokens").await.expect(200);
    says(&list, "Report");
    hides(&list, &secret);
    let id = tokens["items"][0]["id"].as_str().unwrap();
    pages
        .post(&format!("/console/tokens/{id}/delete"), &[])
        .await
        .expect(303);
    program.get("/api/v1/call-apis").await.expect(401);
}

#[tokio::test]
async fn administrators_change_tenants_and_stay_in_theirs() {
    let engine = TestEngine::start().await;
    let mut pages = Pages::sign_in(engine.api.address).await;
    let form = [("name", "Acme"), ("companyId", "acme")];
    pages.post("/console/tenants", &form).await.expect(303);
    let again = pages.post("/console/tenants", &form).await.expect(409);
    says(&again, "already");
    pages.choose_tenant("acme").await;
    let tenants = engine.api.get("/api/v1/tenants").await.json;
    let acme = tenants["items"]
        .as_array()
        .unwrap()
        .iter()
        .find(|tenant| tenant["companyId"] == "acme");
    let path = format!("/console/tenants/{}", acme.unwrap()["id"].as_str().unwrap());
    pages
        .post(&path, &[("name", "Acme"), ("companyId", "acme-as")])
        .await
        .expect(303);
    // The chosen tenant is remembered by its company id; the person is still there.
    says(&pages.get("/console/tenants").await, "you are here");
    assert_eq!(pages.value_of("orrery_tenant").as_deref(), Some("acme-as"));
    pages.choose_tenant("1").await;
    pages.post(&format!("{path}/delete"), &[]).await.expect(303);
    let own = tenants["items"]
        .as_array()
        .unwrap()
        .iter()
        .find(|tenant| tenant["companyId"] == "1");
    let own = format!("/console/tenants/{}", own.unwrap()["id"].as_str().unwrap());
    pages.post(&format!("{own}/delete"), &[]).await.expect(409);
    let group = json!({ "name": "Managers", "rights": ["users.manage", "settings.manage"] });
    let group = engine.api.post("/api/v1/groups", &group).await.expect(201).id();
    let user = json!({ "username": "anna", "password": PASSWORD, "groupIds": [group] });
    engine.api.post("/api/v1/users", &user).await.expect(201);
    let anna = Pages::sign_in_as(engine.api.address, "anna", PASSWORD).await;
    hides(&anna.get("/console/tenants").await.expect(200), "New tenant");
    says(&anna.get(&own).await.expect(200), "readonly");
    anna.post("/console/tenants", &form).await.expect(403);
    // Nor is she offered groups that give more than she has, beyond what the engine refuses.
    let more = [("name", "More"), ("rights", "calls.manage")];
    says(&anna.post("/console/groups", &more).await.expect(403), "calls.manage");
}

#[tokio::test]
async fn versions_of_a_script_are_kept_compared_and_brought_back() {
    let engine = TestEngine::start().await;
    let pages = Pages::sign_in(engine.api.address).await;
    let broken = [("name", "Upper"), ("source", "return record;\r\nlet = ;\r\n")];
    let refused = pages.post("/console/scripts", &broken).await.expect(422);
    says(&refused, "data-error-line=\"2\"");
    says(&refused, "let = ;");
    let first = [("name", "Upper"), ("source", "// one\r\nreturn record;\r\n")];
    pages.post("/console/scripts", &first).await.expect(303);
    let id = engine.api.get("/api/v1/scripts").await.json["items"][0]["id"].clone();
    let path = format!("/console/scripts/{}", id.as_str().unwrap());
    says(&pages.get("/console/scripts").await, "Administrator");
    let second = [
        ("name", "Upper"),
        ("source", "// two <b>\r\nreturn record;\r\n"),
        ("_version", "1"),
    ];
    pages.post(&path, &second).await.expect(303);
    says(&pages.get(&path).await, "is saved as version 2");
    let same = [
        ("name", "Upper"),
        ("description", "All capitals"),
        ("source", "// two <b>\nreturn record;\n"),
    ];
    pages.post(&path, &same).await.expect(303);
    says(&pages.get(&path).await, "Its source is the same as before");
    let list = pages.get(&format!("{path}/versions")).await.expect(200);
    says(&list, "Version 2");
    says(&list, "Version 1");
    hides(&list, "Version 3");
    let later = pages.get(&format!("{path}/versions/2")).await.expect(200);
    for words in [
        "in force",
        "gone: </span>// one",
        "new: </span>// two &lt;b&gt;",
        "return record;",
    ] {
        says(&later, words);
    }
    let earlier = pages.get(&format!("{path}/versions/1")).await.expect(200);
    says(&earlier, "This is the first version.");
    pages.get(&format!("{path}/versions/3")).await.expect(404);
    pages.get(&format!("{path}/versions/x")).await.expect(404);
    let begun = pages.get(&format!("{path}?version=1")).await.expect(200);
    says(&begun, "// one\nreturn record;");
    pages.post(&format!("{path}/delete"), &[]).await.expect(303);
    pages.get(&path).await.expect(404);
}
