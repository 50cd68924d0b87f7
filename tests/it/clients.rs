//! Clients over HTTP: every kind of credentials, secrets that do not come back, limits, use, checks.

use serde_json::{Value, json};

use crate::support::{engine::TestEngine, postgres::for_each_database};

#[tokio::test]
async fn every_kind_is_taken_and_shows_no_secret() {
    let test = TestEngine::start().await;
    let oauth = json!({ "tokenUrl": "https://id.example/token", "clientId": "me", "clientSecret": "s3cret-value" });
    let with = |more: Value| {
        let mut members = oauth.clone();
        members
            .as_object_mut()
            .unwrap()
            .extend(more.as_object().unwrap().clone());
        members
    };
    for (index, (auth, secrets)) in [
        (json!({ "kind": "none" }), vec![]),
        (json!({ "kind": "basic", "username": "u", "password": "s3cret-value" }), vec!["password"]),
        (json!({ "kind": "bearer", "token": "s3cret-value" }), vec!["token"]),
        (json!({ "kind": "apiKey", "in": "header", "name": "X-Key", "value": "s3cret-value" }), vec!["value"]),
        (with(json!({ "kind": "oauth2ClientCredentials", "scope": "all" })), vec!["clientSecret"]),
        (
            with(json!({ "kind": "oauth2Password", "username": "u", "password": "s3cret-value" })),
            vec!["clientSecret", "password"],
        ),
        (
            with(json!({ "kind": "oauth2RefreshToken", "refreshToken": "s3cret-value" })),
            vec!["clientSecret", "refreshToken"],
        ),
        (
            json!({ "kind": "login", "url": "https://shop.example/login", "body": { "p": "s3cret-value" }, "tokenPath": "/t" }),
            vec!["body"],
        ),
        (json!({ "kind": "hmac", "secret": "s3cret-value", "header": "X-Signature" }), vec!["secret"]),
    ]
    .into_iter()
    .enumerate()
    {
        let body = json!({ "name": format!("C{index}"), "auth": auth });
        let made = test.api.post("/api/v1/clients", &body).await.expect(201);
        assert!(!String::from_utf8(made.body.clone()).unwrap().contains("s3cret"), "{made:?}");
        assert_eq!(made.json["auth"]["kind"], auth["kind"]);
        for secret in secrets {
            let shown = &made.json["auth"][secret];
            assert_eq!(shown["set"], true, "{made:?}");
            assert!(shown["fingerprint"].as_str().unwrap().starts_with("sha256:"), "{made:?}");
        }
    }
    let list = test.api.get("/api/v1/clients").await.expect(200);
    assert_eq!(list.json["items"].as_array().unwrap().len(), 9);
}

#[tokio::test]
async fn secrets_that_a_change_leaves_out_stay() {
    for_each_database(|url| async move {
        let test = TestEngine::on(&url).await;
        let api = &test.api;
        let auth = json!({ "kind": "basic", "username": "u", "password": "s3cret-value" });
        let body = json!({ "name": "Shop", "auth": auth, "limits": { "perSecond": 5 } });
        let made = api.post("/api/v1/clients", &body).await.expect(201);
        let fingerprint = made.json["auth"]["password"]["fingerprint"].clone();
        let path = format!("/api/v1/clients/{}", made.id());
        let patched = api
            .patch(&path, &json!({ "auth": { "username": "v" } }))
            .await
            .expect(200)
            .json;
        assert_eq!(
            (
                &patched["auth"]["username"],
                &patched["auth"]["password"]["fingerprint"]
            ),
            (&json!("v"), &fingerprint)
        );
        assert_eq!(patched["limits"], json!({ "perSecond": 5 }));
        let mut whole = api.get(&path).await.expect(200).json;
        whole["name"] = json!("Shop 2");
        let replaced = api.put(&path, &whole).await.expect(200).json;
        assert_eq!(
            (&replaced["name"], &replaced["auth"]["password"]["fingerprint"]),
            (&json!("Shop 2"), &fingerprint)
        );
        let other = api
            .patch(&path, &json!({ "auth": { "password": "0ther" }, "limits": null }))
            .await
            .expect(200)
            .json;
        assert_ne!(other["auth"]["password"]["fingerprint"], fingerprint);
        assert_eq!(other["limits"], Value::Null);
        let kind = api.patch(&path, &json!({ "auth": { "kind": "bearer" } })).await;
        assert_eq!(
            (kind.status, &kind.json["errors"][0]["field"]),
            (422, &json!("auth.token"))
        );
        let unknown = api.patch(&path, &json!({ "auth": { "pasword": "x" } })).await;
        assert_eq!(
            (unknown.status, &unknown.json["errors"][0]["field"]),
            (400, &json!("auth.pasword"))
        );
        for wrong in [json!({ "limits": { "perSecond": 0 } }), json!({ "name": "" })] {
            api.patch(&path, &wrong).await.expect(422);
        }
        api.patch(&path, &json!({ "limits": { "perYear": 1 } }))
            .await
            .expect(400);
        let taken = api.post("/api/v1/clients", &json!({ "name": "Shop 2" })).await;
        assert_eq!((taken.status, taken.code()), (409, "name_in_use"));
    })
    .await;
}

#[tokio::test]
async fn a_client_in_use_stays() {
    let test = TestEngine::start().await;
    let api = &test.api;
    let client = api
        .post("/api/v1/clients", &json!({ "name": "Shop" }))
        .await
        .expect(201)
        .id();
    let user = api.get("/api/v1/me").await.json["user"]["id"].clone();
    let call = json!({
        "name": "Orders", "runAsUserId": user, "frequencySeconds": 60, "clientId": client, "method": "GET",
        "url": { "kind": "text", "value": "http://127.0.0.1:9/orders" }, "responseScript": "return []", "identifier": ["/id"],
    });
    let call = api.post("/api/v1/call-apis", &call).await.expect(201).id();
    let refused = api.delete(&format!("/api/v1/clients/{client}")).await;
    assert_eq!((refused.status, refused.code()), (409, "in_use"));
    assert!(
        refused.json["detail"].as_str().unwrap().contains("Orders"),
        "{refused:?}"
    );
    api.delete(&format!("/api/v1/call-apis/{call}")).await.expect(204);
    api.delete(&format!("/api/v1/clients/{client}")).await.expect(204);
}

#[tokio::test]
async fn a_check_says_how_the_credentials_fare() {
    let test = TestEngine::start().await;
    let api = &test.api;
    let none = api
        .post("/api/v1/clients", &json!({ "name": "None" }))
        .await
        .expect(201)
        .id();
    let fine = api
        .post(&format!("/api/v1/clients/{none}/check"), &json!({}))
        .await
        .expect(200);
    assert_eq!(fine.json["ok"], true, "{fine:?}");
    // Nothing listens there.
    let auth = json!({
        "kind": "oauth2ClientCredentials", "tokenUrl": "http://127.0.0.1:9/token", "clientId": "me", "clientSecret": "s3cret",
    });
    let body = json!({ "name": "Broken", "auth": auth });
    let broken = api.post("/api/v1/clients", &body).await.expect(201).id();
    let check = api
        .post(&format!("/api/v1/clients/{broken}/check"), &json!({}))
        .await
        .expect(200);
    assert_eq!(check.json["ok"], false, "{check:?}");
    assert!(check.json["step"].is_string() && check.json["detail"].is_string());
    assert!(!String::from_utf8(check.body).unwrap().contains("s3cret"));
    let log = api.get("/api/v1/audit?resourceKind=client").await;
    assert_eq!(log.json["items"][0]["action"], "client.check");
}

#[tokio::test]
async fn kept_secrets_go_to_no_other_server() {
    let test = TestEngine::start().await;
    let api = &test.api;
    let oauth = json!({
        "kind": "oauth2Password", "tokenUrl": "https://id.example/token", "clientId": "me", "clientSecret": "s3cret-value",
        "username": "u", "password": "s3cret-too",
    });
    let login = json!({
        "kind": "login", "url": "https://shop.example/login", "body": { "p": "s3cret-value" }, "tokenPath": "/t",
    });
    for (name, auth, member, kept, secrets) in [
        (
            "O",
            oauth,
            "tokenUrl",
            "clientSecret, password",
            json!({ "clientSecret": "new", "password": "new" }),
        ),
        ("L", login, "url", "body", json!({ "body": { "p": "new" } })),
    ] {
        let body = json!({ "name": name, "auth": auth });
        let path = format!(
            "/api/v1/clients/{}",
            api.post("/api/v1/clients", &body).await.expect(201).id()
        );
        let place = json!({ "auth": { member: format!("{}?v=2", auth[member].as_str().unwrap()) } });
        api.patch(&path, &place).await.expect(200);
        for url in [
            "https://thief.example/t",
            "http://id.example/token",
            "https://id.example:8443/token",
        ] {
            let refused = api.patch(&path, &json!({ "auth": { member: url } })).await.expect(422);
            let error = &refused.json["errors"][0];
            assert_eq!(error["field"], format!("auth.{member}"), "{refused:?}");
            let said = error["message"].as_str().unwrap();
            assert!(said.contains("another server") && said.contains(kept), "{said}");
            // What was shown is no secret.
            let mut shown = api.get(&path).await.expect(200).json["auth"].clone();
            shown[member] = json!(url);
            api.put(&path, &json!({ "name": name, "auth": shown }))
                .await
                .expect(422);
        }
        let mut moved = secrets;
        moved[member] = json!("https://thief.example/t");
        api.patch(&path, &json!({ "auth": moved })).await.expect(200);
    }
}
