//! Signing in, users, groups, tenants, tokens, clients and the audit log.

use std::time::Duration;

use orrery::clock::Clock;
use serde_json::{Value, json};

use crate::support::{
    engine::{Api, PASSWORD, Reply, TestEngine},
    postgres::for_each_database,
};

async fn group(api: &Api, name: &str, rights: &[&str]) -> String {
    let body = json!({ "name": name, "rights": rights });
    api.post("/api/v1/groups", &body).await.expect(201).id()
}

async fn user(api: &Api, username: &str, group_ids: &[&str]) -> String {
    let body = json!({ "username": username, "password": PASSWORD, "groupIds": group_ids });
    api.post("/api/v1/users", &body).await.expect(201).id()
}

/// A user with these rights in the first tenant, signed in.
async fn person(api: &Api, username: &str, rights: &[&str]) -> Api {
    let group = group(api, &format!("of {username}"), rights).await;
    user(api, username, &[&group]).await;
    Api::anonymous(api.address).sign_in(username, PASSWORD).await
}

async fn try_password(api: &Api, username: &str, password: &str) -> Reply {
    let body = json!({ "username": username, "password": password });
    Api::anonymous(api.address)
        .post("/api/authentication/gettoken", &body)
        .await
}

async fn administrators(api: &Api) -> Value {
    api.get("/api/v1/groups").await.expect(200).json["items"][0].clone()
}

#[tokio::test]
async fn the_first_start_makes_an_administrator() {
    for_each_database(|url| async move {
        let test = TestEngine::on(&url).await;
        let me = test.api.get("/api/v1/me").await.expect(200).json;
        assert_eq!(me["user"]["username"], "admin");
        assert_eq!(me["tenant"]["companyId"], "1");
        assert_eq!(me["rights"].as_array().unwrap().len(), 14);
        let group = administrators(&test.api).await;
        assert_eq!(
            (&group["name"], &group["allTenants"]),
            (&json!("Administrators"), &json!(true))
        );
        assert!(test.engine.first_start().unwrap().password.is_none());
    })
    .await;
}

#[tokio::test]
async fn a_random_first_password_is_given_back_once() {
    let mut start = TestEngine::prepare();
    start.settings.admin.password.clear();
    let store = orrery::store::Store::open(&start.settings.database, Clock::system())
        .await
        .unwrap();
    store.migrate().await.unwrap();
    let first = orrery::engine::identity::first_start(&store, &start.settings)
        .await
        .unwrap()
        .unwrap();
    assert!(first.password.unwrap().len() > 30);
    assert!(
        orrery::engine::identity::first_start(&store, &start.settings)
            .await
            .unwrap()
            .is_none()
    );
}

#[tokio::test]
async fn wrong_passwords_lock_with_doubling_also_for_users_who_do_not_exist() {
    let mut start = TestEngine::prepare();
    let (clock, time) = Clock::manual("2026-01-01T00:00:00Z".parse().unwrap());
    start.clock = clock;
    let test = start.start().await;
    user(&test.api, "Kari", &[]).await;
    for name in ["kari", "nobody"] {
        for _ in 0..5 {
            let reply = try_password(&test.api, name, "wrong").await;
            assert_eq!((reply.status, reply.code()), (401, "unauthorized"), "{name}");
        }
        let locked = try_password(&test.api, name, PASSWORD).await;
        assert_eq!((locked.status, locked.code()), (429, "user_locked"), "{name}");
        assert_eq!(locked.header("retry-after"), Some("60"));
        time.advance(Duration::from_secs(61));
        assert_eq!(try_password(&test.api, name, "wrong").await.status, 401);
        let longer = try_password(&test.api, name, "wrong").await;
        assert_eq!(
            (longer.status, longer.header("retry-after")),
            (429, Some("120")),
            "{name}"
        );
    }
    time.advance(Duration::from_secs(121));
    let right = try_password(&test.api, "KARI", PASSWORD).await.expect(200);
    assert_eq!(
        (&right.json["tokenType"], &right.json["expiresIn"]),
        (&json!("Bearer"), &json!(43_200))
    );
    for _ in 0..4 {
        try_password(&test.api, "kari", "wrong").await.expect(401);
    }
    try_password(&test.api, "kari", PASSWORD).await.expect(200);
}

#[tokio::test]
async fn parallel_guesses_get_no_more_tries_than_the_lock_allows() {
    let test = TestEngine::start().await;
    user(&test.api, "kari", &[]).await;
    let guesses = (0..20).map(|_| try_password(&test.api, "kari", "wrong"));
    let replies = futures_util::future::join_all(guesses).await;
    let tried = replies.iter().filter(|reply| reply.status == 401).count();
    // One more than five may be looked at while the fifth is being counted.
    assert!((5..=6).contains(&tried), "{tried} tries");
}

#[tokio::test]
async fn sessions_end_by_time_and_by_a_new_password() {
    let mut start = TestEngine::prepare();
    let (clock, time) = Clock::manual("2026-01-01T00:00:00Z".parse().unwrap());
    start.clock = clock;
    let test = start.start().await;
    let id = user(&test.api, "kari", &[]).await;
    let kari = Api::anonymous(test.api.address).sign_in("kari", PASSWORD).await;
    kari.get("/api/v1/me").await.expect(200);
    let path = format!("/api/v1/users/{id}");
    test.api
        .patch(&path, &json!({ "password": "another password" }))
        .await
        .expect(200);
    kari.get("/api/v1/me").await.expect(401);
    let kari = kari.sign_in("kari", "another password").await;
    test.api.patch(&path, &json!({ "active": false })).await.expect(200);
    kari.get("/api/v1/me").await.expect(401);
    try_password(&test.api, "kari", "another password").await.expect(401);
    time.advance(Duration::from_secs(12 * 3_600 + 1));
    test.api.get("/api/v1/me").await.expect(401);
}

#[tokio::test]
async fn users_can_be_made_read_changed_and_deleted() {
    for_each_database(|url| async move {
        let test = TestEngine::on(&url).await;
        let api = &test.api;
        let readers = group(api, "Readers", &["calls.read"]).await;
        let body = json!({
            "username": "Kari", "password": PASSWORD, "displayName": "Kari N.", "email": "kari@example.com",
            "groupIds": [readers],
        });
        let made = api.post("/api/v1/users", &body).await.expect(201);
        assert_eq!(
            (&made.json["username"], &made.json["active"]),
            (&json!("kari"), &json!(true))
        );
        assert!(!String::from_utf8(made.body.clone()).unwrap().contains("assword"));
        let path = format!("/api/v1/users/{}", made.id());
        let mut read = api.get(&path).await.expect(200).json;
        assert_eq!(read, made.json);
        // What was read can be changed and sent back; the password stays.
        read["displayName"] = json!("Kari Nordmann");
        let replaced = api.put(&path, &read).await.expect(200);
        assert_eq!(
            (&replaced.json["displayName"], &replaced.json["version"]),
            (&json!("Kari Nordmann"), &json!(2))
        );
        try_password(api, "kari", PASSWORD).await.expect(200);
        let patched = api
            .patch(&path, &json!({ "email": null, "groupIds": [] }))
            .await
            .expect(200);
        assert_eq!(
            (&patched.json["email"], &patched.json["groupIds"]),
            (&Value::Null, &json!([]))
        );
        assert_eq!(patched.json["displayName"], "Kari Nordmann");
        let again = api.post("/api/v1/users", &body).await;
        assert_eq!((again.status, again.code()), (409, "name_in_use"));
        for wrong in [
            json!({ "username": "b c", "password": PASSWORD }),
            json!({ "username": "b", "password": "short" }),
            json!({ "username": "b" }),
            json!({ "username": "b", "password": PASSWORD, "email": "b" }),
            json!({ "username": "b", "password": PASSWORD, "groupIds": ["0190b5a8-7c3e-7d10-8f00-0123456789ab"] }),
        ] {
            api.post("/api/v1/users", &wrong).await.expect(422);
        }
        api.delete(&path).await.expect(204);
        api.get(&path).await.expect(404);
        try_password(api, "kari", PASSWORD).await.expect(401);
    })
    .await;
}

#[tokio::test]
async fn rights_follow_the_groups_at_once() {
    let test = TestEngine::start().await;
    let readers = group(&test.api, "Readers", &["calls.read"]).await;
    user(&test.api, "kari", &[&readers]).await;
    let kari = Api::anonymous(test.api.address).sign_in("kari", PASSWORD).await;
    assert_eq!(kari.get("/api/v1/me").await.json["rights"], json!(["calls.read"]));
    let refused = kari.get("/api/v1/users").await;
    assert_eq!((refused.status, refused.code()), (403, "forbidden"));
    assert!(refused.json["detail"].as_str().unwrap().contains("users.manage"));
    let path = format!("/api/v1/groups/{readers}");
    test.api
        .patch(&path, &json!({ "rights": ["calls.read", "audit.read"] }))
        .await
        .expect(200);
    assert_eq!(
        kari.get("/api/v1/me").await.json["rights"],
        json!(["calls.read", "audit.read"])
    );
    kari.get("/api/v1/audit").await.expect(200);
    test.api.delete(&path).await.expect(204);
    assert_eq!(kari.get("/api/v1/me").await.json["rights"], json!([]));
}

#[tokio::test]
async fn nobody_gives_or_takes_over_what_they_do_not_have() {
    let test = TestEngine::start().await;
    let strong = group(&test.api, "Strong", &["clients.manage"]).await;
    let strong_user = user(&test.api, "strong", &[&strong]).await;
    let weak = person(&test.api, "weak", &["users.manage", "calls.read"]).await;
    let admins = administrators(&test.api).await;
    let (admins, me) = (admins["id"].as_str().unwrap(), test.api.get("/api/v1/me").await.json);
    let admin = me["user"]["id"].as_str().unwrap();
    let weak_me = weak.get("/api/v1/me").await.json["user"]["id"]
        .as_str()
        .unwrap()
        .to_owned();
    let body = |group: &str| json!({ "username": "new", "password": PASSWORD, "groupIds": [group] });
    for refused in [
        weak.post("/api/v1/groups", &json!({ "name": "X", "rights": ["clients.manage"] }))
            .await,
        weak.patch(
            &format!("/api/v1/groups/{strong}"),
            &json!({ "rights": ["clients.manage", "audit.read"] }),
        )
        .await,
        weak.delete(&format!("/api/v1/groups/{strong}")).await,
        weak.patch(&format!("/api/v1/groups/{admins}"), &json!({ "name": "X" }))
            .await,
        weak.post("/api/v1/users", &body(&strong)).await,
        weak.post("/api/v1/users", &body(admins)).await,
        weak.patch(&format!("/api/v1/users/{weak_me}"), &json!({ "groupIds": [admins] }))
            .await,
        weak.patch(
            &format!("/api/v1/users/{strong_user}"),
            &json!({ "password": "taken over" }),
        )
        .await,
        weak.patch(&format!("/api/v1/users/{admin}"), &json!({ "password": "taken over" }))
            .await,
        weak.delete(&format!("/api/v1/users/{admin}")).await,
        weak.post("/api/v1/tenants", &json!({ "companyId": "2", "name": "B" }))
            .await,
        weak.post("/api/v1/tokens", &json!({ "name": "T", "rights": ["clients.manage"] }))
            .await,
    ] {
        assert_eq!((refused.status, refused.code()), (403, "forbidden"), "{refused:?}");
    }
    let allowed = group(&weak, "Weak too", &["calls.read"]).await;
    user(&weak, "helper", &[&allowed]).await;
}

#[tokio::test]
async fn the_last_administrator_stays() {
    for_each_database(|url| async move {
        let test = TestEngine::on(&url).await;
        let api = &test.api;
        let group = administrators(api).await;
        let group_path = format!("/api/v1/groups/{}", group["id"].as_str().unwrap());
        let admin = api.get("/api/v1/me").await.json["user"]["id"]
            .as_str()
            .unwrap()
            .to_owned();
        let path = format!("/api/v1/users/{admin}");
        for refused in [
            api.delete(&path).await,
            api.patch(&path, &json!({ "active": false })).await,
            api.patch(&path, &json!({ "groupIds": [] })).await,
            api.delete(&group_path).await,
            api.patch(&group_path, &json!({ "rights": ["calls.read"] })).await,
        ] {
            assert_eq!((refused.status, refused.code()), (409, "wrong_state"), "{refused:?}");
        }
        api.patch(&group_path, &json!({ "name": "Admins" })).await.expect(200);
        user(api, "second", &[group["id"].as_str().unwrap()]).await;
        api.patch(&path, &json!({ "active": false })).await.expect(200);
        api.get("/api/v1/me").await.expect(401);
    })
    .await;
}

#[tokio::test]
async fn tenants_do_not_see_each_other() {
    for_each_database(|url| async move {
        let test = TestEngine::on(&url).await;
        let api = &test.api;
        let made = api
            .post("/api/v1/tenants", &json!({ "companyId": "two", "name": "Two" }))
            .await
            .expect(201);
        let taken = api
            .post("/api/v1/tenants", &json!({ "companyId": "two", "name": "B" }))
            .await;
        assert_eq!((taken.status, taken.code()), (409, "name_in_use"));
        api.post("/api/v1/tenants", &json!({ "companyId": "a b", "name": "B" }))
            .await
            .expect(422);
        let two = api.in_tenant("two");
        assert_eq!(two.get("/api/v1/me").await.json["tenant"]["companyId"], "two");
        let rights = ["users.manage", "clients.manage", "audit.read"];
        let boss = person(&two, "boss", &rights).await;
        assert_eq!(boss.get("/api/v1/me").await.json["tenant"]["companyId"], "two");
        boss.in_tenant("1").get("/api/v1/me").await.expect(403);
        boss.in_tenant("three").get("/api/v1/me").await.expect(403);
        let names = |reply: &Reply, member: &str| -> Vec<String> {
            let items = reply.json["items"].as_array().unwrap();
            items
                .iter()
                .map(|item| item[member].as_str().unwrap().to_owned())
                .collect()
        };
        assert_eq!(names(&boss.get("/api/v1/users").await, "username"), ["boss"]);
        assert_eq!(names(&boss.get("/api/v1/tenants").await, "companyId"), ["two"]);
        assert_eq!(names(&api.get("/api/v1/users").await, "username"), ["admin"]);
        let client = api
            .post("/api/v1/clients", &json!({ "name": "One's" }))
            .await
            .expect(201)
            .id();
        boss.get(&format!("/api/v1/clients/{client}")).await.expect(404);
        boss.delete(&format!("/api/v1/clients/{client}")).await.expect(404);
        let admin = api.get("/api/v1/me").await.json["user"]["id"]
            .as_str()
            .unwrap()
            .to_owned();
        boss.get(&format!("/api/v1/users/{admin}")).await.expect(404);
        assert!(!names(&boss.get("/api/v1/audit").await, "action").contains(&"tenant.create".to_owned()));
        // A guest: home in the first tenant, member of a group of the second.
        let guests = group(&two, "Guests", &["audit.read"]).await;
        let guest_id = user(api, "guest", &[&guests]).await;
        let guest = Api::anonymous(api.address).sign_in("guest", PASSWORD).await;
        assert_eq!(
            guest.get("/api/v1/me").await.json["tenants"].as_array().unwrap().len(),
            2
        );
        assert_eq!(
            guest.in_tenant("two").get("/api/v1/me").await.json["rights"],
            json!(["audit.read"])
        );
        assert_eq!(guest.get("/api/v1/me").await.json["rights"], json!([]));
        let path = format!("/api/v1/users/{guest_id}");
        assert_eq!(boss.get(&path).await.expect(200).json["groupIds"], json!([guests]));
        boss.patch(&path, &json!({ "password": "taken over" }))
            .await
            .expect(403);
        boss.patch(&path, &json!({ "groupIds": [] })).await.expect(200);
        guest.in_tenant("two").get("/api/v1/me").await.expect(403);
        let path = format!("/api/v1/tenants/{}", made.id());
        let used = api.delete(&path).await;
        assert_eq!((used.status, used.code()), (409, "in_use"));
        let empty = api
            .post("/api/v1/tenants", &json!({ "companyId": "4", "name": "Four" }))
            .await
            .id();
        api.delete(&format!("/api/v1/tenants/{empty}")).await.expect(204);
    })
    .await;
}

#[tokio::test]
async fn tokens_narrow_rights_expire_and_are_shown_once() {
    let mut start = TestEngine::prepare();
    let (clock, time) = Clock::manual("2026-01-01T00:00:00Z".parse().unwrap());
    start.clock = clock;
    let test = start.start().await;
    let api = &test.api;
    let body = json!({ "name": "robot", "rights": ["audit.read"], "expiresAt": "2026-01-01T01:00:00Z" });
    let made = api.post("/api/v1/tokens", &body).await.expect(201);
    let token = made.json["token"].as_str().unwrap();
    assert!(token.starts_with("orr_"), "{token}");
    let robot = Api::anonymous(api.address).with_token(token);
    assert_eq!(
        robot.get("/api/v1/me").await.expect(200).json["rights"],
        json!(["audit.read"])
    );
    robot.get("/api/v1/audit").await.expect(200);
    robot.get("/api/v1/users").await.expect(403);
    // The token of an administrator without their rights makes nothing that goes further.
    robot
        .post("/api/v1/tokens", &json!({ "name": "T", "rights": ["users.manage"] }))
        .await
        .expect(403);
    let list = api.get("/api/v1/tokens").await.expect(200);
    assert!(!String::from_utf8(list.body.clone()).unwrap().contains(token));
    assert_eq!(list.json["items"][0]["lastUsedAt"], "2026-01-01T00:00:00Z");
    time.advance(Duration::from_secs(3_601));
    robot.get("/api/v1/me").await.expect(401);
    for wrong in [
        json!({ "name": "", "rights": ["audit.read"] }),
        json!({ "name": "x", "rights": [] }),
        json!({ "name": "x", "rights": ["audit.read"], "expiresAt": "2025-01-01T00:00:00Z" }),
    ] {
        api.post("/api/v1/tokens", &wrong).await.expect(422);
    }
    let second = api
        .post("/api/v1/tokens", &json!({ "name": "x", "rights": ["audit.read"] }))
        .await
        .expect(201);
    let robot = robot.with_token(second.json["token"].as_str().unwrap());
    robot.get("/api/v1/me").await.expect(200);
    api.delete(&format!("/api/v1/tokens/{}", second.id())).await.expect(204);
    robot.get("/api/v1/me").await.expect(401);
    api.delete(&format!("/api/v1/tokens/{}", second.id())).await.expect(404);
}

#[tokio::test]
async fn every_change_leaves_an_audit_row_without_secrets() {
    let test = TestEngine::start().await;
    let api = test.api.with("x-request-id", "audited");
    let group = group(&api, "A", &["calls.read"]).await;
    api.patch(&format!("/api/v1/groups/{group}"), &json!({ "name": "B" }))
        .await
        .expect(200);
    let kari = user(&api, "kari", &[&group]).await;
    api.patch(
        &format!("/api/v1/users/{kari}"),
        &json!({ "password": "very secret 1" }),
    )
    .await
    .expect(200);
    let auth = json!({ "kind": "basic", "username": "u", "password": "very secret 2" });
    let client = api
        .post("/api/v1/clients", &json!({ "name": "C", "auth": auth }))
        .await
        .id();
    api.delete(&format!("/api/v1/clients/{client}")).await.expect(204);
    api.delete(&format!("/api/v1/users/{kari}")).await.expect(204);
    api.delete(&format!("/api/v1/groups/{group}")).await.expect(204);
    let log = api.get("/api/v1/audit").await.expect(200);
    let text = String::from_utf8(log.body.clone()).unwrap();
    assert!(
        !text.contains("very secret") && !text.contains("argon2") && !text.contains(PASSWORD),
        "{text}"
    );
    let rows = log.json["items"].as_array().unwrap();
    let mut actions: Vec<&str> = rows.iter().map(|row| row["action"].as_str().unwrap()).collect();
    actions.reverse();
    let expected = [
        "user.create",
        "session.create",
        "group.create",
        "group.update",
        "user.create",
        "user.update",
        "client.create",
        "client.delete",
        "user.delete",
        "group.delete",
    ];
    assert_eq!(actions, expected);
    let renamed = rows.iter().find(|row| row["action"] == "group.update").unwrap();
    assert_eq!(
        (&renamed["before"]["name"], &renamed["after"]["name"]),
        (&json!("A"), &json!("B"))
    );
    assert_eq!(
        (&renamed["requestId"], &renamed["resourceId"]),
        (&json!("audited"), &json!(group))
    );
    assert!(renamed["userId"].is_string() && renamed["tokenId"].is_string());
    let only = api.get("/api/v1/audit?resourceKind=client&limit=1").await.expect(200);
    assert_eq!(only.json["items"][0]["action"], "client.delete");
    assert!(only.json["nextCursor"].is_string());
}
