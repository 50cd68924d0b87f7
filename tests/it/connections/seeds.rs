//! The seed word for word: its bodies, its answers' members, its messages, under every path.

use serde_json::{Value, json};

use super::fixture::{
    AUTOMATION, CONNECTION, PARTNER_FUNCTION, ROOTS, SECRETS, automation, connection, partner_function, send, uuid,
};
use crate::support::{engine::TestEngine, postgres::for_each_database};

/// The members of `shown` are these, and may be more.
#[track_caller]
/// The members of an answer, in their order, are these and no others.
fn members_are(shown: &Value, names: &str) {
    let found: Vec<&String> = shown.as_object().unwrap().keys().collect();
    let mut wanted: Vec<&str> = names.split_whitespace().collect();
    let mut found: Vec<&str> = found.into_iter().map(String::as_str).collect();
    found.sort_unstable();
    wanted.sort_unstable();
    assert_eq!(found, wanted);
}

#[actix_rt::test]
async fn a_connection_is_made_and_its_secrets_are_not_seen_again() {
    for_each_database(|url| async move {
        let test = TestEngine::on(&url).await;
        let made = send(&test.api, "POST", "/integration/", CONNECTION).await.expect(201);
        let shown = made.json["integration"]["integration_connection"].clone();
        members_are(
            &shown,
            "status uuid integration_partner remote_instance_id remote_instance_name client_id client_secret access_token refresh_token",
        );
        assert_eq!(shown["status"], "ACTIVE");
        assert_eq!(shown["integration_partner"], "QUICKBOOKS");
        assert_eq!(shown["remote_instance_id"], "tenant-9876543210");
        assert_eq!(shown["remote_instance_name"], "QuickBooks Demo Corp");
        assert_eq!(shown["client_id"], "qbclientid123");
        let is_masked = |shown: &Value, secret: &str| {
            assert_eq!(shown[secret]["set"], true, "{secret}");
            assert!(shown[secret]["fingerprint"].as_str().unwrap().starts_with("sha256:"));
        };
        for secret in ["client_secret", "access_token", "refresh_token"] {
            is_masked(&shown, secret);
        }
        let id = uuid(&shown);
        let (location, path) = (made.header("location").unwrap(), format!("/integration/{id}"));
        assert!(location.ends_with(&path), "{location}");
        let got = test
            .api
            .get(&format!("/integration-connections/{id}"))
            .await
            .expect(200);
        // A GET has these and more.
        let whole = got.json["integration_connection"].clone();
        for (member, value) in shown.as_object().unwrap() {
            assert_eq!(&whole[member], value, "{member}");
        }
        is_masked(&whole, "user_password");
        let list = test.api.get("/integration-connections").await.expect(200);
        assert_eq!(list.json["integration_connection"], json!([whole]));
        let audit = test.api.get("/api/v1/audit").await.expect(200);
        for reply in [&made, &got, &list, &audit] {
            let text = String::from_utf8_lossy(&reply.body);
            assert!(SECRETS.iter().all(|secret| !text.contains(secret)), "{text}");
        }
        test.api.delete(&path).await.expect(204);
        test.api.get(&path).await.expect(404);
    })
    .await;
}

#[actix_rt::test]
async fn connections_are_switched_in_the_seeds_words_under_every_path() {
    let test = TestEngine::start().await;
    let id = connection(&test).await;
    for root in ROOTS {
        for (method, slash) in [("POST", ""), ("PUT", "/")] {
            for (action, status) in [("disable", "INACTIVE"), ("enable", "ACTIVE")] {
                let path = format!("{root}/{id}/{action}{slash}");
                let reply = test.api.ask(method, &path).send().await.expect(200);
                let message = format!("QUICKBOOKS integration has been {action} successfully");
                assert_eq!(reply.json, json!({ "message": message }), "{method} {path}");
                let shown = test.api.get(&format!("{root}/{id}{slash}")).await.expect(200);
                assert_eq!(shown.json["integration_connection"]["status"], status, "{path}");
            }
        }
    }
}

#[actix_rt::test]
async fn a_partner_function_is_made_and_switched() {
    let test = TestEngine::start().await;
    let connection = connection(&test).await;
    for (index, root) in ROOTS.into_iter().enumerate() {
        let slash = if index % 2 == 0 { "/" } else { "" };
        let path = format!("{root}/{connection}/partner-function{slash}");
        let body = PARTNER_FUNCTION.replace("PartnerRole", &format!("PartnerRole{index}"));
        let made = send(&test.api, "POST", &path, &body).await.expect(201);
        let shown = &made.json["partner_function"];
        let id = uuid(shown);
        assert_eq!(shown["name"], format!("PartnerRole{index}"));
        for (member, value) in [
            ("description", json!("Handles partner data import operations")),
            ("direction", json!("IMPORT")),
            ("event_name", json!("updateEvent")),
            ("provider_name", json!("QUICKBOOKS")),
            ("object_name", json!("CustomerRecord")),
            ("object_mapping", json!("customer_to_partner")),
            ("tag", json!("import_inventory_process")),
            ("enabled", json!("true")),
            ("pre_run_script_id", Value::Null),
            ("post_run_script_id", Value::Null),
            ("mapping_id", Value::Null),
        ] {
            assert_eq!(shown.get(member), Some(&value), "{member}");
        }
        members_are(
            shown,
            "uuid name description direction event_name provider_name object_name mapping_id enabled pre_run_script_id post_run_script_id \
             tag created updated object_mapping",
        );
        let one = format!("{root}/{connection}/partner-function/{id}");
        for (method, action, enabled) in [("POST", "disable", "false"), ("PUT", "enable", "true")] {
            let reply = test
                .api
                .ask(method, &format!("{one}/{action}{slash}"))
                .send()
                .await
                .expect(200);
            let message = format!("Partner function has been {action}d successfully");
            assert_eq!(reply.json, json!({ "message": message }));
            let shown = test.api.get(&one).await.expect(200);
            assert_eq!(shown.json["partner_function"]["enabled"], enabled);
        }
    }
    let again = send(
        &test.api,
        "POST",
        &format!("/integration/{connection}/partner-function/"),
        PARTNER_FUNCTION,
    )
    .await;
    again.expect(201);
    let path = format!("/integration/{connection}/partner-function");
    let again = send(&test.api, "POST", &path, PARTNER_FUNCTION).await;
    assert_eq!((again.status, again.code()), (409, "name_in_use"));
}

#[actix_rt::test]
async fn an_automation_is_made_with_warnings_for_what_it_names_and_is_not_there() {
    for_each_database(|url| async move {
        let test = TestEngine::on(&url).await;
        let connection = connection(&test).await;
        let path = format!("/integration/{connection}/automation");
        let made = send(&test.api, "POST", &path, AUTOMATION).await.expect(201);
        let shown = made.json["integration_automation"].clone();
        members_are(
            &shown,
            "check_on check_on_minutes additional_criteria applies_to applies_to_function automation_type code custom_day \
             custom_day_time custom_time description direction display_name name perform_function provider status uuid \
             trigger_condition_text performActionText checkOnText",
        );
        for (member, value) in [
            ("check_on", "8 hours"),
            ("check_on_minutes", "480"),
            ("additional_criteria", "true"),
            ("applies_to", "supplier"),
            ("applies_to_function", "new"),
            ("automation_type", "timerBased"),
            ("code", "test2"),
            ("custom_day", "thursday"),
            ("custom_time", "06:45:23"),
            ("description", "checking3578"),
            ("direction", "IMPORT"),
            ("display_name", "Test auto 260"),
            ("name", "Test auto 260"),
            ("perform_function", "49f4b6b2-c3a5-4f74-a044-8452ffc52eec"),
            ("provider", "QUICKBOOKS"),
            ("status", "ACTIVE"),
        ] {
            assert_eq!(shown[member], value, "{member}");
        }
        for text in [
            "custom_day_time",
            "trigger_condition_text",
            "performActionText",
            "checkOnText",
        ] {
            assert!(
                shown[text].as_str().is_some_and(|text| !text.is_empty()),
                "{text} in {shown:#}"
            );
        }
        let warnings = made.json["warnings"].to_string();
        assert!(warnings.contains("49f4b6b2-c3a5-4f74-a044-8452ffc52eec"), "{warnings}");
        assert!(warnings.contains("Automation four"), "{warnings}");
        let list = test.api.get(&path).await.expect(200);
        assert_eq!(list.json["integration_automations"].as_array().unwrap().len(), 1);
        assert_eq!(uuid(&list.json["integration_automations"][0]), uuid(&shown));
    })
    .await;
}

#[actix_rt::test]
async fn an_automation_is_reached_under_every_path() {
    let test = TestEngine::start().await;
    let connection = connection(&test).await;
    partner_function(&test, &connection).await;
    let id = automation(&test, &connection).await;
    for root in ROOTS {
        let path = format!("{root}/{connection}/automation/{id}");
        for (method, action, status) in [("PUT", "disable", "INACTIVE"), ("POST", "enable/", "ACTIVE")] {
            let reply = test
                .api
                .ask(method, &format!("{path}/{action}"))
                .send()
                .await
                .expect(200);
            let done = action.trim_end_matches('/');
            let message = format!("Automation has been {done}d successfully");
            assert_eq!(reply.json, json!({ "message": message }));
            let shown = test.api.get(&format!("{path}/")).await.expect(200);
            assert_eq!(shown.json["integration_automation"]["status"], status);
        }
        assert_eq!(
            test.api.get(&format!("{path}/runs")).await.expect(200).json["items"],
            json!([])
        );
    }
    test.api
        .delete(&format!("/integration/{connection}/automation/{id}"))
        .await
        .expect(204);
}
