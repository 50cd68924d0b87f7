//! Who sees what: API tokens only what was sent with them, administrators of one tenant not what those of all were answered.

use serde_json::json;

use super::{Made, person, taken};
use crate::support::{
    engine::{Api, TestEngine},
    postgres::for_each_database,
};

/// An API token of whoever is signed in.
async fn token(api: &Api, name: &str, rights: &[&str]) -> Api {
    let body = json!({ "name": name, "rights": rights });
    let made = api.post("/api/v1/tokens", &body).await.expect(201);
    api.with_token(made.json["token"].as_str().unwrap())
}

async fn listed(api: &Api) -> Vec<String> {
    let list = api.get("/api/v1/background").await.expect(200).json;
    let items = list["items"].as_array().unwrap().iter();
    items
        .map(|item| format!("/api/v1/background/{}", item["id"].as_str().unwrap()))
        .collect()
}

#[tokio::test]
async fn api_tokens_see_what_was_sent_with_them() {
    for_each_database(|url| async move {
        let test = TestEngine::on(&url).await;
        let kari = person(&test.api, "kari", &["background.use", "calls.read"]).await;
        let one = token(&kari, "one", &["background.use", "calls.read"]).await;
        let other = token(&kari, "other", &["background.use"]).await;
        let administrator = token(&test.api, "operator", &["background.use", "users.manage"]).await;
        let (of_kari, of_one) = (
            taken(&kari, "GET", "/api/v1/me").await,
            taken(&one, "GET", "/api/v1/me").await,
        );
        for (api, path, status) in [
            (&one, &of_one, 200),
            (&kari, &of_one, 200),
            (&kari, &of_kari, 200),
            (&test.api, &of_one, 200),
            (&other, &of_one, 404),
            (&one, &of_kari, 404),
            (&administrator, &of_one, 404),
            (&administrator, &of_kari, 404),
        ] {
            assert_eq!(api.get(path).await.status, status, "{path}");
            if status == 404 {
                let content = api.get(&format!("{path}/content")).await;
                assert_eq!((content.status, content.code()), (404, "not_found"), "{path}");
                assert_eq!(api.delete(path).await.status, 404, "{path}");
            }
        }
        assert_eq!(listed(&one).await, [of_one.as_str()]);
        assert_eq!(listed(&other).await, [""; 0]);
        assert_eq!(listed(&kari).await, [of_one, of_kari]);
    })
    .await;
}

#[tokio::test]
async fn what_administrators_of_all_tenants_were_answered_is_for_such() {
    for_each_database(|url| async move {
        let test = TestEngine::on(&url).await;
        let boss = person(&test.api, "boss", &["background.use", "users.manage"]).await;
        let kari = person(&test.api, "kari", &["background.use"]).await;
        let made = Made::of(&test).await;
        let state = format!(
            "/api/v1/background/{}",
            made.finished(200, Some("text/plain"), b"text").await
        );
        let content = format!("{state}/content");
        let shown = test.api.get(&state).await.expect(200).json;
        assert!(shown["responseHeaders"].is_object(), "{shown}");
        test.api.get(&content).await.expect(200);
        let shown = boss.get(&state).await.expect(200).json;
        assert_eq!(
            (&shown["status"], shown.get("responseHeaders")),
            (&json!("Finished"), None)
        );
        let refused = boss.get(&content).await;
        assert_eq!((refused.status, refused.code()), (403, "forbidden"));
        // What anybody else was answered is no secret to whoever manages the users of the tenant.
        let state = taken(&kari, "GET", "/api/v1/nothing").await;
        for administrator in [&boss, &test.api] {
            let early_or_late = administrator.get(&format!("{state}/content")).await;
            assert!([200, 409].contains(&early_or_late.status), "{early_or_late:?}");
        }
    })
    .await;
}
