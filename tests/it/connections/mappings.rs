//! Object mappings: put, read, listed and deleted by name, and what cannot be one.

use serde_json::json;

use super::fixture::{connection, first_message, partner_function, send};
use crate::support::{engine::TestEngine, postgres::for_each_database};

#[actix_rt::test]
async fn a_mapping_is_put_under_its_name_and_comes_back_as_it_was() {
    for_each_database(|url| async move {
        let test = TestEngine::on(&url).await;
        let connection = connection(&test).await;
        let function = partner_function(&test, &connection).await;
        let path = format!("/integration/{connection}/mapping/customer_to_partner");
        let pairs = json!([
            { "source": "ContactID", "target": "$key" },
            { "source": "Name", "target": "partner.name", "transform": "upper" },
        ]);
        let made = test.api.put(&path, &pairs).await.expect(201);
        assert_eq!((&made.json, made.header("etag")), (&pairs, Some("\"1\"")));
        assert_eq!(test.api.get(&format!("{path}/")).await.expect(200).json, pairs);
        let script = json!({ "script": "return record;" });
        let changed = test
            .api
            .ask("PUT", &path)
            .header("if-match", "\"1\"")
            .json(&script)
            .send()
            .await
            .expect(200);
        assert_eq!((&changed.json, changed.header("etag")), (&script, Some("\"2\"")));
        let stale = test
            .api
            .ask("PUT", &path)
            .header("if-match", "\"1\"")
            .json(&script)
            .send()
            .await;
        assert_eq!((stale.status, stale.code()), (412, "stale_version"));
        let list = test
            .api
            .get(&format!("/api/v2/integration/{connection}/mapping"))
            .await
            .expect(200);
        let listed = &list.json["object_mappings"][0];
        assert_eq!(
            (&listed["name"], &listed["mapping"]),
            (&json!("customer_to_partner"), &script)
        );
        // The seed's partner function names it, and now finds it.
        let shown = test
            .api
            .get(&format!("/integration/{connection}/partner-function/{function}"))
            .await;
        assert_eq!(shown.json["partner_function"]["mapping_id"], listed["uuid"]);
        let listed = test
            .api
            .get(&format!("/integration/{connection}/partner-function"))
            .await;
        assert_eq!(
            listed.json["partner_functions"][0]["mapping_id"],
            list.json["object_mappings"][0]["uuid"]
        );
        test.api.delete(&path).await.expect(204);
        let missing = test.api.get(&path).await.expect(404);
        assert!(first_message(&missing).contains("customer_to_partner"), "{missing:?}");
    })
    .await;
}

#[actix_rt::test]
async fn names_may_hold_what_paths_encode() {
    let test = TestEngine::start().await;
    let connection = connection(&test).await;
    let pairs = json!([{ "source": "a", "target": "b" }]);
    for (encoded, name) in [("a%20b", "a b"), ("%C3%A4%2Fb", "ä/b"), ("50%25", "50%")] {
        let path = format!("/integration/{connection}/mapping/{encoded}");
        test.api.put(&path, &pairs).await.expect(201);
        assert_eq!(test.api.get(&path).await.expect(200).json, pairs);
        let list = test
            .api
            .get(&format!("/integration/{connection}/mapping?fields=name"))
            .await
            .expect(200);
        let names = list.json["object_mappings"].as_array().unwrap();
        assert!(names.contains(&json!({ "name": name })), "{names:?}");
    }
}

#[actix_rt::test]
async fn what_is_no_mapping_is_refused_with_its_place() {
    let test = TestEngine::start().await;
    let connection = connection(&test).await;
    let path = format!("/integration/{connection}/mapping/m");
    for (body, part) in [
        (r#"[{"source":"a"}]"#, "target"),
        (r#"[{"source":"a","target":"b","transform":"shout"}]"#, "transform"),
        (r#""text""#, "must be"),
        (r#"{"script":"return {;"}"#, "script"),
        (r#"{"script_id":"0190b5a8-7c3e-7d10-8f00-0123456789ab"}"#, "no script"),
    ] {
        let refused = send(&test.api, "PUT", &path, body).await;
        assert_eq!(refused.status, 422, "{body} {refused:?}");
        assert!(refused.json["errors"].to_string().contains(part), "{body}: {refused:?}");
    }
    let unknown = send(
        &test.api,
        "PUT",
        &path,
        r#"[{"source":"a","target":"b","colour":"red"}]"#,
    )
    .await;
    assert_eq!(unknown.status, 400, "{unknown:?}");
    test.api.get(&path).await.expect(404);
    let long = format!("/integration/{connection}/mapping/{}", "x".repeat(200));
    send(&test.api, "PUT", &long, r#"[{"source":"a","target":"b"}]"#)
        .await
        .expect(422);
}
