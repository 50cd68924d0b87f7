//! Values in every form that clients send, and changes member by member.

use serde_json::{Value, json};

use super::fixture::{AUTOMATION, CONNECTION, automation, connection, first_message, partner_function, uuid};
use crate::support::{engine::TestEngine, postgres::for_each_database};

fn seed_automation() -> Value {
    serde_json::from_str(AUTOMATION).unwrap()
}

#[actix_rt::test]
async fn booleans_and_numbers_are_taken_as_json_and_as_text_in_any_case() {
    let test = TestEngine::start().await;
    let connection = connection(&test).await;
    let path = format!("/api/v3/integration/{connection}/automation");
    for (index, (yes, number)) in [
        (json!("true"), json!("1")),
        (json!("True"), json!(1)),
        (json!("TRUE"), json!(" 1 ")),
        (json!(true), json!(1)),
        (json!("yes"), json!("1")),
    ]
    .into_iter()
    .enumerate()
    {
        let mut body = seed_automation();
        let details = &mut body["integration"]["automation_details"];
        details["name"] = json!(format!("A{index}"));
        for member in [
            "description_enabled",
            "do_not_over_write_latest_data",
            "since_last_look_up",
            "additional_criteria",
        ] {
            details[member] = yes.clone();
        }
        details["ignore_threshold"] = number;
        details["direction"] = json!("import");
        details["automation_type"] = json!("TIMERBASED");
        let made = test.api.post(&path, &body).await.expect(201);
        let id = uuid(&made.json["integration_automation"]);
        let got = test.api.get(&format!("{path}/{id}")).await.expect(200);
        let shown = &got.json["integration_automation"];
        for member in [
            "description_enabled",
            "do_not_over_write_latest_data",
            "since_last_look_up",
            "additional_criteria",
        ] {
            assert_eq!(shown[member], "true", "{member}");
        }
        assert_eq!(
            (&shown["ignore_threshold"], &shown["direction"]),
            (&json!("1"), &json!("IMPORT"))
        );
    }
    // Without any envelope, too.
    let mut bare = seed_automation()["integration"]["automation_details"].clone();
    bare["name"] = json!("bare");
    bare["do_not_over_write_latest_data"] = json!("FALSE");
    let made = test.api.post(&path, &bare).await.expect(201);
    let id = uuid(&made.json["integration_automation"]);
    let got = test.api.get(&format!("{path}/{id}")).await.expect(200);
    assert_eq!(
        got.json["integration_automation"]["do_not_over_write_latest_data"],
        "false"
    );
    bare["name"] = json!("wrong");
    bare["since_last_look_up"] = json!("maybe");
    let refused = test.api.post(&path, &bare).await.expect(422);
    assert!(first_message(&refused).contains("since_last_look_up"), "{refused:?}");
}

#[actix_rt::test]
async fn a_connection_comes_in_either_form_and_state_switches_it_off() {
    let test = TestEngine::start().await;
    let mut body: Value = serde_json::from_str(CONNECTION).unwrap();
    body["provider"] = json!("quickBOOKS");
    body["supporting_fields"] = json!({ "region": "US" });
    body["require_authentication"] = json!("True");
    body["state"] = json!("Inactive");
    body["expires_in"] = json!(3600);
    body["company_file"] = json!("");
    let made = test.api.post("/api/v3/integration", &body).await.expect(201);
    let made = uuid(&made.json["integration"]["integration_connection"]);
    let path = format!("/integration/{made}");
    let got = test.api.get(&path).await.expect(200);
    let shown = &got.json["integration_connection"];
    assert_eq!(
        (&shown["status"], &shown["integration_partner"]),
        (&json!("INACTIVE"), &json!("QUICKBOOKS"))
    );
    assert_eq!(
        (&shown["require_authentication"], &shown["company_file"]),
        (&json!(true), &Value::Null)
    );
    assert_eq!(shown["supporting_fields"], r#"{"region":"US"}"#);
    let enabled = test
        .api
        .patch(&path, &json!({ "state": "development" }))
        .await
        .expect(200);
    assert_eq!(enabled.json["integration_connection"]["status"], "ACTIVE");
}

#[actix_rt::test]
async fn a_change_of_a_connection_leaves_out_what_stays() {
    for_each_database(|url| async move {
        let test = TestEngine::on(&url).await;
        let path = format!("/integration/{}", connection(&test).await);
        let got = test.api.get(&path).await.expect(200);
        let (before, tag) = (got.json["integration_connection"].clone(), got.header("etag").unwrap().to_owned());
        let change = json!({ "remote_instance_name": "Other Corp", "integration_refresh_token": "an0ther-secret", "company_name": null });
        let changed = test.api.ask("PATCH", &path).header("if-match", &tag).json(&change).send().await.expect(200);
        let after = &changed.json["integration_connection"];
        for (member, value) in before.as_object().unwrap() {
            let same = &after[member] == value;
            let named = ["remote_instance_name", "refresh_token", "access_token", "company_name", "version", "updated"].contains(&member.as_str());
            assert_eq!(same, !named, "{member}: {value} and {}", after[member]);
        }
        assert_eq!(after["company_name"], Value::Null);
        let stale = test.api.ask("PATCH", &path).header("if-match", &tag).json(&change).send().await;
        assert_eq!((stale.status, stale.code()), (412, "stale_version"));
        // A secret that is sent back as it is shown, or empty, stays; null takes it away where nothing needs it.
        let again = json!({ "client_secret": before["client_secret"], "integration_access_token": "", "user_password": null });
        let kept = test.api.patch(&path, &again).await.expect(200);
        let kept = &kept.json["integration_connection"];
        assert_eq!(kept["client_secret"], before["client_secret"]);
        // It came with the other refresh token.
        assert_eq!(kept["access_token"], Value::Null);
        assert_eq!(kept["user_password"], Value::Null);
        let provider = test.api.patch(&path, &json!({ "provider": "XERO" })).await.expect(422);
        assert!(first_message(&provider).contains("create another connection"), "{provider:?}");
        test.api.patch(&path, &json!({ "provider": "quickbooks" })).await.expect(200);
        let audit = test.api.get("/api/v1/audit?resourceKind=connection").await.expect(200);
        assert!(!String::from_utf8_lossy(&audit.body).contains("an0ther-secret"));
        let actions = audit.json["items"].as_array().unwrap().iter();
        let updates = actions.filter(|item| item["action"] == "connection.update").count();
        assert_eq!(updates, 3);
        test.api.ask("DELETE", &path).header("if-match", &tag).send().await.expect(412);
        test.api.delete(&path).await.expect(204);
        test.api.patch(&path, &change).await.expect(404);
    })
    .await;
}

#[actix_rt::test]
async fn a_change_of_a_partner_function_answers_its_members_on_top() {
    let test = TestEngine::start().await;
    let connection = connection(&test).await;
    let id = partner_function(&test, &connection).await;
    let path = format!("/integration/{connection}/partner-function/{id}");
    let before = test.api.get(&path).await.expect(200).json["partner_function"].clone();
    let change = json!({ "partner_function": { "direction": "Export", "tag": "", "object_mapping": "other" } });
    let changed = test.api.patch(&path, &change).await.expect(200).json;
    assert_eq!(
        (&changed["direction"], &changed["tag"], &changed["object_mapping"]),
        (&json!("EXPORT"), &Value::Null, &json!("other"))
    );
    assert_eq!(changed["partner_function"]["direction"], "EXPORT");
    for member in [
        "name",
        "description",
        "object_name",
        "event_name",
        "enabled",
        "created",
        "uuid",
    ] {
        assert_eq!(changed[member], before[member], "{member}");
    }
    // What was read can be sent back, except for what has a path of its own.
    let mut whole = test.api.get(&path).await.expect(200).json["partner_function"].clone();
    whole.as_object_mut().unwrap().remove("enabled");
    test.api.patch(&path, &whole).await.expect(200);
    let refused = test.api.patch(&path, &json!({ "enabled": "false" })).await.expect(422);
    assert!(first_message(&refused).contains("/disable"), "{refused:?}");
    let script = "0190b5a8-7c3e-7d10-8f00-0123456789ab";
    let refused = test
        .api
        .patch(&path, &json!({ "pre_run_script_id": script }))
        .await
        .expect(422);
    assert!(first_message(&refused).contains("there is no script"), "{refused:?}");
}

#[actix_rt::test]
async fn a_change_of_an_automation_may_be_its_criteria_alone() {
    for_each_database(|url| async move {
        let test = TestEngine::on(&url).await;
        let connection = connection(&test).await;
        let id = automation(&test, &connection).await;
        let path = format!("/integration/{connection}/automation/{id}");
        let before = test.api.get(&path).await.expect(200).json["integration_automation"].clone();
        let groups = json!([{ "group_condition": "or", "rules": [{ "field_name": "Account Number", "operator": "has_value" }] }]);
        let change = json!({ "integration": { "automation_details": {}, "additional_criteria_details": groups } });
        let changed = test.api.patch(&path, &change).await.expect(200).json["integration_automation"].clone();
        let rules = changed["additional_criteria_details"][0]["rules"].as_array().unwrap();
        assert_eq!((rules.len(), &rules[0]["operator"]), (1, &json!("HAS_VALUE")));
        for member in ["name", "check_on", "custom_day", "custom_time", "perform_function", "another_automation"] {
            assert_eq!(changed[member], before[member], "{member}");
        }
        let change = json!({ "check_on": "customDayTime", "custom_day": "Friday", "time_zone": "Europe/Oslo" });
        let changed = test.api.patch(&path, &change).await.expect(200).json["integration_automation"].clone();
        assert_eq!((&changed["check_on"], &changed["custom_day"]), (&json!("customDayTime"), &json!("friday")));
        assert!(changed["checkOnText"].as_str().unwrap().contains("Friday"), "{changed:#}");
        let unknown = test.api.patch(&path, &json!({ "integration": { "automation_details": { "nmae": "x" } } })).await.expect(400);
        assert!(first_message(&unknown).contains("automation_details.nmae"), "{unknown:?}");
        let operator = json!({ "additional_criteria_details": [{ "rules": [{ "field_name": "A", "operator": "LIKE", "value": "x" }] }] });
        test.api.patch(&path, &operator).await.expect(422);
    })
    .await;
}
