//! The pages of background requests: whose they are, what was answered, cancelling.

use serde_json::json;

use crate::{
    background::Made,
    support::{
        engine::{Api, PASSWORD, TestEngine},
        pages::{Pages, text},
        scene::eventually,
    },
};

const PAGE: &str = "/console/background";

async fn answered(engine: &TestEngine, path: &str) -> String {
    let taken = engine
        .api
        .with("erp-api-background", "none")
        .get(path)
        .await
        .expect(202);
    let id = taken.id();
    eventually("it has ended", || async {
        let state = engine.api.get(&format!("/api/v1/background/{id}")).await.expect(200);
        state.json["status"] == "Finished"
    })
    .await;
    id
}

#[tokio::test]
async fn answers_show_as_text_and_are_given_out_as_files() {
    let engine = TestEngine::start().await;
    let group = json!({ "name": "<script>alert(1)</script>", "rights": ["background.use"] });
    let group = engine.api.post("/api/v1/groups", &group).await.expect(201).id();
    let id = answered(&engine, "/api/v1/groups").await;
    let pages = Pages::sign_in(engine.api.address).await;
    let list = text(&pages.get(PAGE).await.expect(200));
    assert!(
        list.contains("GET /api/v1/groups") && list.contains("HTTP 200"),
        "{list}"
    );
    let page = text(&pages.get(&format!("{PAGE}/{id}")).await.expect(200));
    for part in [
        "&lt;script&gt;alert(1)&lt;/script&gt;",
        "application/json",
        "Nobody is told of its end",
        "Administrator",
    ] {
        assert!(page.contains(part), "{part}: {page}");
    }
    assert!(!page.contains("<script>alert"), "{page}");
    let file = pages.get(&format!("{PAGE}/{id}/content")).await.expect(200);
    assert_eq!(
        file.header("content-disposition"),
        Some(format!("attachment; filename=\"{id}\"").as_str())
    );
    assert_eq!(file.header("x-content-type-options"), Some("nosniff"));
    assert!(file.header("content-security-policy").unwrap().starts_with("sandbox"));
    assert_eq!(file.json["items"][1]["name"], "<script>alert(1)</script>");

    for (query, is_shown) in [("?status=Finished", true), ("?status=Failed", false), ("?of=all", true)] {
        let list = text(&pages.get(&format!("{PAGE}{query}")).await.expect(200));
        assert_eq!(list.contains("GET /api/v1/groups"), is_shown, "{query}");
    }
    pages.get(&format!("{PAGE}?status=odd")).await.expect(422);

    // Somebody else does not see it, nor does `of=all` help.
    let user = json!({ "username": "anna", "password": PASSWORD, "groupIds": [group] });
    engine.api.post("/api/v1/users", &user).await.expect(201);
    let anna = Pages::sign_in_as(engine.api.address, "anna", PASSWORD).await;
    for path in [format!("{PAGE}/{id}"), format!("{PAGE}/{id}/content")] {
        anna.get(&path).await.expect(404);
    }
    let list = text(&anna.get(&format!("{PAGE}?of=all")).await.expect(200));
    assert!(list.contains("There are no background requests"), "{list}");
    // Hers is seen by the administrator, with her name.
    let hers = Api::anonymous(engine.api.address).sign_in("anna", PASSWORD).await;
    hers.with("erp-api-background", "none")
        .get("/api/v1/me")
        .await
        .expect(202);
    let all = text(&pages.get(&format!("{PAGE}?of=all")).await.expect(200));
    assert!(all.contains("GET /api/v1/me") && all.contains("<td>anna</td>"), "{all}");
    assert!(!text(&pages.get(PAGE).await.expect(200)).contains("GET /api/v1/me"));
}

#[tokio::test]
async fn what_waits_is_cancelled() {
    let engine = TestEngine::start().await;
    let id = Made::of(&engine).await.queued().await;
    let pages = Pages::sign_in(engine.api.address).await;
    let page = text(&pages.get(&format!("{PAGE}/{id}")).await.expect(200));
    assert!(
        page.contains("Cancel this request before it begins?") && page.contains("data-live-clock"),
        "{page}"
    );
    pages.post(&format!("{PAGE}/{id}/cancel"), &[]).await.expect(303);
    let page = text(&pages.get(&format!("{PAGE}/{id}")).await.expect(200));
    assert!(
        page.contains("The request is cancelled.") && page.contains("Cancelled by its caller"),
        "{page}"
    );
    pages.post(&format!("{PAGE}/{id}/cancel"), &[]).await.expect(303);
    assert!(text(&pages.get(&format!("{PAGE}/{id}")).await).contains("there is nothing to cancel"));
}
