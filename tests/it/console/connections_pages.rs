//! The pages of connections and what belongs to them, without a browser: what forms send is stored, refusals come back to their fields.

use serde_json::{Value, json};

use super::automation_pages::AUTOMATION;
use crate::support::{
    engine::{Reply, TestEngine},
    pages::{Pages, text},
    scene::eventually,
    upstream::Upstream,
};

const KEY: &str = "rest-key-that-nobody-sees";
const DESCRIPTION: &str = r#"{"auth":{"kind":"apiKey","name":"X-Api-Key"},"check_path":"/status","objects":{"customer":{"list_path":"/customers","id":"id"}}}"#;

/// The id at the end of where an answer leads.
#[track_caller]
pub(super) fn led_to(reply: &Reply) -> String {
    let place = reply.header("location").unwrap_or_else(|| panic!("{}", text(reply)));
    place.rsplit('/').next().unwrap().to_owned()
}

#[track_caller]
pub(super) fn says(reply: &Reply, words: &str) {
    let page = text(reply);
    assert!(page.contains(words), "{words:?} is not in {page}");
}

/// The API behind [`connected`], with two customers.
pub(super) fn warehouse() -> Upstream {
    let upstream = Upstream::start();
    upstream.items("/status", json!({ "ok": true }));
    let customers =
        json!([{ "id": "1", "name": "Ada", "city": "Oslo" }, { "id": "2", "name": "Grace", "city": "Bergen" }]);
    upstream.items("/customers", customers);
    upstream
}

/// Makes a connection to the warehouse by its form; its path.
pub(super) async fn connected(pages: &Pages, upstream: &Upstream) -> String {
    let address = upstream.url("");
    let fields = [
        ("provider", "REST"),
        ("remote_instance_display", "Warehouse <script>"),
        ("api_domain", address.trim_end_matches('/')),
        ("integration_access_token", KEY),
        ("integration_client_secret", ""),
        ("supporting_fields", DESCRIPTION),
        ("require_authentication", "true"),
        ("state", ""),
    ];
    let made = pages.post("/console/connections", &fields).await.expect(303);
    format!("/console/connections/{}", led_to(&made))
}

/// The same connection in the API.
pub(super) fn api(path: &str) -> String {
    path.replace("/console/connections/", "/integration/")
}

#[tokio::test]
async fn a_connection_is_made_checked_and_changed_and_its_secrets_are_never_shown() {
    let (engine, upstream) = (TestEngine::start().await, warehouse());
    let pages = Pages::sign_in(engine.api.address).await;
    says(
        &pages.get("/console/connections").await.expect(200),
        "No connections yet",
    );
    let choice = pages.get("/console/connections/new").await.expect(200);
    for provider in ["XERO", "QUICKBOOKS", "NETSUITE", "REST"] {
        says(&choice, &format!("/console/connections/new?provider={provider}"));
        let form = pages
            .get(&format!("/console/connections/new?provider={provider}"))
            .await
            .expect(200);
        says(&form, &format!("name=\"provider\" value=\"{provider}\""));
    }
    let wrong = [
        ("provider", "REST"),
        ("remote_instance_display", "Kept as entered"),
        ("api_domain", "nowhere"),
        ("integration_access_token", KEY),
        ("supporting_fields", r#"{"check_path":"status","objects":3}"#),
    ];
    let refused = pages.post("/console/connections", &wrong).await.expect(422);
    says(&refused, "Kept as entered");
    says(&refused, "id=\"f-api_domain-wrong\"");
    assert!(!text(&refused).contains(KEY));
    let path = connected(&pages, &upstream).await;
    for page in [path.clone(), format!("{path}/edit")] {
        let shown = pages.get(&page).await.expect(200);
        says(&shown, "Warehouse &lt;script&gt;");
        says(&shown, "sha256:");
        assert!(
            !text(&shown).contains(KEY) && !text(&shown).contains("Warehouse <script>"),
            "{}",
            text(&shown)
        );
    }
    says(
        &pages.part(&format!("{path}/check"), &[]).await.expect(200),
        "class=\"said\"",
    );
    let change = [
        ("_version", "1"),
        ("remote_instance_display", "Warehouse"),
        ("api_domain", upstream.url("").trim_end_matches('/')),
        ("integration_access_token", ""),
        ("supporting_fields", r#"{"check_path": "status"}"#),
        ("require_authentication", "true"),
    ]
    .map(|(name, value)| (name.to_owned(), value.to_owned()));
    let mut change: Vec<(&str, &str)> = change
        .iter()
        .map(|(name, value)| (name.as_str(), value.as_str()))
        .collect();
    let refused = pages.post(&path, &change).await.expect(422);
    says(&refused, "check_path must begin with a slash");
    says(&refused, "id=\"f-supporting_fields-wrong\"");
    change[4].1 = DESCRIPTION;
    pages.post(&path, &change).await.expect(303);
    says(
        &pages.get(&path).await.expect(200),
        "The connection Warehouse is saved.",
    );
    // Left empty, the key stayed.
    pages.part(&format!("{path}/check"), &[]).await.expect(200);
    assert_eq!(
        upstream.requests_to("/status").last().unwrap().header("x-api-key"),
        Some(KEY)
    );
    let stale = pages.post(&path, &change).await.expect(412);
    says(&stale, "role=\"alert\"");
    upstream.status("/status", 401, r#"{"message":"who are you?"}"#);
    let check = pages.part(&format!("{path}/check"), &[]).await.expect(200);
    says(&check, "who are you?");
    says(&check, "The provider answered with status 401");
}

#[tokio::test]
async fn a_connection_says_what_to_do_is_switched_and_deleted() {
    let (engine, upstream) = (TestEngine::start().await, warehouse());
    let pages = Pages::sign_in(engine.api.address).await;
    upstream.status("/connect/token", 400, r#"{"error":"invalid_grant"}"#);
    let address = upstream.url("");
    let fields = [
        ("provider", "XERO"),
        ("remote_instance_display", "Books"),
        ("remote_instance_id", "8f9d6a2e-0b1c-4d3e-9f00-000000000001"),
        ("integration_client_id", "app"),
        ("integration_client_secret", "app-secret"),
        ("integration_refresh_token", "refresh-0"),
        ("api_domain", address.as_str()),
        ("account_server", address.as_str()),
        ("require_authentication", "true"),
    ];
    let made = pages.post("/console/connections", &fields).await.expect(303);
    let path = format!("/console/connections/{}", led_to(&made));
    let check = pages.part(&format!("{path}/check"), &[]).await.expect(200);
    says(&check, "class=\"refusal\"");
    eventually("the connection needs credentials", || async {
        let shown = text(&pages.get(&path).await);
        shown.contains("Needs reauthorisation")
            && shown.contains("What to do")
            && shown.contains(&format!("{path}/edit"))
    })
    .await;
    says(
        &pages.get("/console/connections").await.expect(200),
        "Needs reauthorisation",
    );
    pages.post(&format!("{path}/disable"), &[]).await.expect(303);
    says(&pages.get(&path).await.expect(200), "Inactive");
    says(
        &pages.part(&format!("{path}/check"), &[]).await.expect(200),
        "is disabled",
    );
    pages.post(&format!("{path}/enable"), &[]).await.expect(303);
    says(&pages.get(&path).await.expect(200), "The connection is enabled.");
    pages.post(&format!("{path}/delete"), &[]).await.expect(303);
    pages.get(&path).await.expect(404);
    says(
        &pages.get("/console/connections").await.expect(200),
        "The connection Books is deleted.",
    );
}

#[tokio::test]
async fn partner_functions_are_made_changed_switched_and_deleted() {
    let (engine, upstream) = (TestEngine::start().await, warehouse());
    let pages = Pages::sign_in(engine.api.address).await;
    let path = connected(&pages, &upstream).await;
    let script = json!({ "name": "Tidy", "source": "return record;" });
    let script = engine.api.post("/api/v1/scripts", &script).await.expect(201).id();
    says(
        &pages.get(&format!("{path}/functions")).await.expect(200),
        "No partner functions yet",
    );
    says(
        &pages.get(&format!("{path}/functions/new")).await.expect(200),
        &format!("<option value=\"{script}\">Tidy"),
    );
    let fields = [
        ("name", "Customers"),
        ("direction", "IMPORT"),
        ("object_name", "customer"),
        ("object_mapping", "later"),
        ("pre_run_script_id", script.as_str()),
        ("tag", ""),
    ];
    let made = pages.post(&format!("{path}/functions"), &fields).await.expect(303);
    let one = format!("{path}/functions/{}", led_to(&made));
    let shown = pages.get(&one).await.expect(200);
    says(&shown, "has no object mapping");
    says(&shown, &format!("<option value=\"{script}\" selected>Tidy"));
    let again = pages.post(&format!("{path}/functions"), &fields).await.expect(409);
    says(&again, "id=\"f-name-wrong\"");
    let change = [
        ("_version", "1"),
        ("name", "Clients"),
        ("direction", "IMPORT"),
        ("object_name", ""),
    ];
    let refused = pages.post(&one, &change).await.expect(422);
    says(&refused, "id=\"f-object_name-wrong\"");
    says(&refused, "value=\"Clients\"");
    pages.post(&format!("{one}/disable"), &[]).await.expect(303);
    says(&pages.get(&format!("{path}/functions")).await.expect(200), "Inactive");
    pages.post(&format!("{one}/enable"), &[]).await.expect(303);
    pages.post(&format!("{one}/delete"), &[]).await.expect(303);
    says(
        &pages.get(&format!("{path}/functions")).await.expect(200),
        "The partner function is deleted.",
    );
}

#[tokio::test]
async fn mappings_are_edited_as_rows_or_as_scripts() {
    let (engine, upstream) = (TestEngine::start().await, warehouse());
    let pages = Pages::sign_in(engine.api.address).await;
    let path = connected(&pages, &upstream).await;
    let list = format!("{path}/mappings");
    says(&pages.get(&list).await.expect(200), "No object mappings yet");
    says(
        &pages.get(&format!("{list}/new")).await.expect(200),
        "<template data-row=\"__m__\">",
    );
    let wrong = [
        ("name", "a/b .."),
        ("kind", "pairs"),
        ("pairs.0.source", "id"),
        ("pairs.0.target", "$key"),
        ("pairs.1000.source", "Lines"),
        ("pairs.1000.target", "lines"),
        ("pairs.1000.transform", "each"),
        ("pairs.1000.each.1001.source", "qty"),
        ("pairs.1000.each.1001.target", ""),
    ];
    let refused = pages.post(&list, &wrong).await.expect(422);
    says(&refused, "id=\"f-pairs-1-each-0-target-wrong\"");
    let mut right = wrong.to_vec();
    right[8].1 = "quantity";
    pages.post(&list, &right).await.expect(303);
    let stored = api(&format!("{path}/mapping/a%2Fb%20.."));
    let pairs = json!([
        { "source": "id", "target": "$key" },
        { "source": "Lines", "target": "lines", "transform": { "each": [{ "source": "qty", "target": "quantity" }] } },
    ]);
    assert_eq!(engine.api.get(&stored).await.expect(200).json, pairs);
    // Another of this name is refused, not written over.
    let again = pages.post(&list, &right).await.expect(409);
    says(&again, "id=\"f-name-wrong\"");
    let one = format!("{list}/one?name=a%2Fb%20..");
    says(&pages.get(&one).await.expect(200), "value=\"quantity\"");
    let script = [
        ("_version", "1"),
        ("kind", "script"),
        ("script", "const a = 1;\nreturn {;"),
    ];
    let refused = pages.post(&one, &script).await.expect(422);
    says(&refused, "data-error-line=\"2\"");
    let script = [("_version", "1"), ("kind", "script"), ("script", "return record;")];
    pages.post(&one, &script).await.expect(303);
    assert_eq!(
        engine.api.get(&stored).await.expect(200).json,
        json!({ "script": "return record;" })
    );
    says(&pages.get(&list).await.expect(200), "a script");
    pages
        .post(&format!("{list}/delete?name=a%2Fb%20.."), &[])
        .await
        .expect(303);
    engine.api.get(&stored).await.expect(404);
}

#[tokio::test]
async fn who_may_not_manage_connections_sees_none_and_other_tenants_see_nothing() {
    let (engine, upstream) = (TestEngine::start().await, warehouse());
    let pages = Pages::sign_in(engine.api.address).await;
    let path = connected(&pages, &upstream).await;
    let made = pages
        .post(&format!("{path}/automations"), &AUTOMATION)
        .await
        .expect(303);
    let automation = format!("{path}/automations/{}", led_to(&made));
    let group = json!({ "name": "Readers", "rights": ["calls.read"] });
    let group = engine.api.post("/api/v1/groups", &group).await.expect(201).id();
    let user = json!({ "username": "reader", "password": "a long enough password", "groupIds": [group] });
    engine.api.post("/api/v1/users", &user).await.expect(201);
    let reader = Pages::sign_in_as(engine.api.address, "reader", "a long enough password").await;
    let tenant = json!({ "companyId": "2", "name": "Second" });
    engine.api.post("/api/v1/tenants", &tenant).await.expect(201);
    let second = engine.api.in_tenant("2");
    let group = json!({ "name": "Connectors", "rights": ["connections.manage"] });
    let group = second.post("/api/v1/groups", &group).await.expect(201).id();
    let user = json!({ "username": "other", "password": "a long enough password", "groupIds": [group] });
    second.post("/api/v1/users", &user).await.expect(201);
    let other = Pages::sign_in_as(engine.api.address, "other", "a long enough password").await;
    for page in [
        "",
        "/edit",
        "/functions",
        "/functions/new",
        "/mappings",
        "/mappings/new",
        "/automations",
        "/automations/new",
    ] {
        reader.get(&format!("{path}{page}")).await.expect(403);
        other.get(&format!("{path}{page}")).await.expect(404);
    }
    reader.get("/console/connections").await.expect(403);
    let shown = other.get("/console/connections").await.expect(200);
    says(&shown, "No connections yet");
    for act in [
        format!("{path}/delete"),
        format!("{path}/check"),
        format!("{automation}/run"),
        format!("{automation}/delete"),
    ] {
        reader.post(&act, &[]).await.expect(403);
        other.post(&act, &[]).await.expect(404);
    }
    pages.get(&automation).await.expect(200);
    let unknown: Value = engine.api.get("/integration-connections").await.expect(200).json;
    assert_eq!(unknown["pagination"]["records"], 1);
}
