//! Overview, actors and audit without a browser: what they say, to whom, and of whom.

use serde_json::json;

use crate::support::{
    api::{Api, event},
    engine::PASSWORD,
    pages::{Pages, text},
    scene::eventually,
    upstream::Upstream,
};

/// Somebody else in the first tenant, with these rights.
async fn somebody(api: &Api, name: &str, rights: &[&str]) -> Pages {
    let group = api
        .post("/api/v1/groups", json!({"name": name, "rights": rights}))
        .await
        .expect(201)
        .id();
    let user = json!({"username": name, "password": PASSWORD, "groupIds": [group]});
    api.post("/api/v1/users", user).await.expect(201);
    Pages::sign_in_as(api.address(), name, PASSWORD).await
}

#[actix_web::test]
async fn the_first_start_leads_to_the_first_call() {
    let api = Api::start(&[]).await;
    let pages = Pages::sign_in(api.address()).await;
    let page = text(&pages.get("/console").await.expect(200));
    assert!(
        page.contains("Create your first call") && page.contains("href=\"/console/call-apis/new\""),
        "{page}"
    );
    assert!(page.contains("Nothing ran in the last hour."), "{page}");
    api.create(api.definition("first", "http://127.0.0.1:9/")).await;
    let page = text(&pages.get("/console").await.expect(200));
    assert!(!page.contains("Create your first call"), "{page}");
    let reader = somebody(&api, "reader", &["transactions.read"]).await;
    let page = text(&reader.get("/console").await.expect(200));
    assert!(
        page.contains("Nothing to see here for you") && !page.contains("Runs per minute"),
        "{page}"
    );
    reader.get("/console/actors").await.expect(403);
    reader.get("/console/audit").await.expect(403);
}

#[actix_web::test]
async fn the_overview_says_what_failed_why_and_what_was_deactivated() {
    let upstream = Upstream::start();
    upstream.items("/items", json!([{"rfqId": 1}]));
    let api = Api::start(&[&upstream]).await;
    let mut events = api.engine.subscribe();
    let mut good = api.definition("Good <b>", &upstream.url("/items"));
    good["active"] = json!(true);
    let good = api.create(good).await;
    event(&mut events, "run.finished", &good).await;
    let mut bad = api.definition("Bad", &upstream.url("/items"));
    bad["responseScript"] = json!("throw new Error('no such <i>column</i>');");
    bad["active"] = json!(true);
    let bad = api.create(bad).await;
    event(&mut events, "call.deactivated", &bad).await;
    let pages = Pages::sign_in(api.address()).await;
    let page = text(&pages.get("/console").await.expect(200));
    for words in [
        "no such &lt;i&gt;column&lt;/i&gt;",
        "Deactivated by the engine",
        "Failed last",
        "2 runs, 1 of them failed",
        "script error",
    ] {
        assert!(page.contains(words), "{words}: {page}");
    }
    assert!(page.contains(&format!("/console/call-apis/{bad}/runs")), "{page}");
    assert!(page.contains(&format!("/console/actors/call_api/{good}")), "{page}");
    assert!(page.contains("Good &lt;b&gt;") && !page.contains("Good <b>"), "{page}");
    assert!(!page.contains("style="), "the policy refuses inline styles");

    let other = api.in_other_tenant().await;
    let tenant = other.get("/api/v1/me").await.expect(200).body["tenant"]["companyId"].clone();
    pages
        .post("/console/tenant", &[("companyId", tenant.as_str().unwrap())])
        .await
        .expect(303);
    let page = text(&pages.get("/console").await.expect(200));
    assert!(
        !page.contains("no such") && !page.contains("Good"),
        "another tenant's: {page}"
    );
    assert!(page.contains("0 runs, 0 of them failed"), "{page}");
}

#[actix_web::test]
async fn actors_are_listed_shown_and_restarted() {
    let upstream = Upstream::start();
    upstream.items("/items", json!([{"rfqId": 1}]));
    let api = Api::start(&[&upstream]).await;
    let mut events = api.engine.subscribe();
    let mut definition = api.definition("Orders", &upstream.url("/items"));
    definition["active"] = json!(true);
    let id = api.create(definition).await;
    event(&mut events, "run.finished", &id).await;
    let pages = Pages::sign_in(api.address()).await;
    let page = text(&pages.get("/console/actors?kind=call_api&phase=").await.expect(200));
    let path = format!("/console/actors/call_api/{id}");
    assert!(
        page.contains("Orders") && page.contains(&path) && !page.contains(">registry<"),
        "{page}"
    );
    let none = text(&pages.get("/console/actors?phase=held").await.expect(200));
    assert!(none.contains("No such actor"), "{none}");
    let first = text(&pages.get("/console/actors?limit=2").await.expect(200));
    assert!(
        first.contains("Next page") && first.contains("limit=2&amp;cursor="),
        "{first}"
    );
    let page = text(&pages.get(&path).await.expect(200));
    for words in [
        "Generation of its timer",
        "Messages heard",
        "created",
        &format!("/console/call-apis/{id}"),
    ] {
        assert!(page.contains(words), "{words}: {page}");
    }
    pages.get("/console/actors/call_api/nonsense").await.expect(404);
    pages.get(&format!("/console/actors/nonsense/{id}")).await.expect(404);
    pages.post(&format!("{path}/restart"), &[]).await.expect(303);
    let said = text(&pages.get("/console/actors?kind=call_api").await.expect(200));
    assert!(said.contains("The actor was told to end"), "{said}");
    eventually("a new instance", async || {
        let page = text(&pages.get(&path).await);
        page.contains("It has run nothing since it was started.")
    })
    .await;
    // Who reaches one tenant does not restart what works for all.
    let inspector = somebody(&api, "inspector", &["actors.inspect"]).await;
    let list = text(&inspector.get("/console/actors?kind=background").await.expect(200));
    let at = list.find("/console/actors/background/").unwrap();
    let own = list[at..].split('"').next().unwrap();
    let page = text(&inspector.get(own).await.expect(200));
    assert!(!page.contains("Restart</button>"), "{page}");
    inspector.post(&format!("{own}/restart"), &[]).await.expect(403);
    let page = text(&inspector.get(&path).await.expect(200));
    assert!(
        page.contains("Restart</button>") && !page.contains(&format!("/console/call-apis/{id}")),
        "{page}"
    );
}

#[actix_web::test]
async fn audit_shows_who_changed_what_from_what_to_what() {
    let api = Api::start(&[]).await;
    let id = api.create(api.definition("Before", "http://127.0.0.1:9/")).await;
    let mut changed = api.definition("After <b>", "http://127.0.0.1:9/");
    changed["frequencySeconds"] = json!(60);
    api.put(&format!("/api/v1/call-apis/{id}"), changed).await.expect(200);
    let pages = Pages::sign_in(api.address()).await;
    let whole = text(&pages.get("/console/audit").await.expect(200));
    assert!(
        whole.contains("call_api.update") && whole.contains("call_api.create"),
        "{whole}"
    );
    let path = format!("/console/audit?resourceKind=call_api&resourceId={id}");
    let page = text(&pages.get(&path).await.expect(200));
    for words in [
        "Before",
        "After &lt;b&gt;",
        "frequencySeconds",
        "3600",
        ">Administrator<",
        &format!("/console/call-apis/{id}"),
    ] {
        assert!(page.contains(words), "{words}: {page}");
    }
    assert!(
        !page.contains("user.sign_in") && !page.contains("tenant.create"),
        "{page}"
    );
    let by = |user: &str| format!("{path}&user={user}");
    assert!(text(&pages.get(&by("ADMIN")).await.expect(200)).contains("call_api.update"));
    assert!(text(&pages.get(&by(&api.admin_id)).await.expect(200)).contains("call_api.update"));
    assert!(text(&pages.get(&by("nobody")).await.expect(200)).contains("No change was found"));
    let later = pages.get(&format!("{path}&after=2100-01-01T00:00")).await.expect(200);
    assert!(text(&later).contains("No change was found"));
    let wrong = text(&pages.get(&format!("{path}&after=yesterday")).await.expect(400));
    assert!(
        wrong.contains("must be a time") && wrong.contains("value=\"yesterday\""),
        "{wrong}"
    );
    let paged = text(&pages.get(&format!("{path}&limit=1")).await.expect(200));
    assert!(
        paged.contains("Next page") && !paged.contains("call_api.create"),
        "{paged}"
    );
}
