//! The pages of automations, without a browser: criteria as forms send them, texts, explanations, runs.

use serde_json::json;

use super::connections_pages::{api, connected, led_to, says, warehouse};
use crate::support::{
    engine::TestEngine,
    pages::{Pages, first_run, text},
};

/// What the form of an automation sends, with two groups whose rows have gaps.
pub(super) const AUTOMATION: [(&str, &str); 25] = [
    ("name", "Customers of Oslo"),
    ("description", "From the warehouse"),
    ("description_enabled", "true"),
    ("automation_type", "timerBased"),
    ("check_on.every", "8"),
    ("check_on.unit", "hours"),
    ("custom_day", ""),
    ("custom_time", ""),
    ("time_zone", ""),
    ("property_name", ""),
    ("direction", "IMPORT"),
    ("applies_to", "customer"),
    ("applies_to_function", "new_and_update"),
    ("ignore_threshold", ""),
    ("additional_criteria", "true"),
    ("additional_criteria_details.0.group_condition", "AND"),
    ("additional_criteria_details.0.rules.1003.field_name", "city"),
    ("additional_criteria_details.0.rules.1003.operator", "EQUALS"),
    ("additional_criteria_details.0.rules.1003.value", "Oslo"),
    ("additional_criteria_details.0.rules.1003.condition", "AND"),
    ("additional_criteria_details.1004.group_condition", "OR"),
    ("additional_criteria_details.1004.rules.0.field_name", "name"),
    (
        "additional_criteria_details.1004.rules.0.operator",
        "DOES_NOT_HAVE_VALUE",
    ),
    ("_perform_action", "Customers"),
    ("another_automation", ""),
];

/// The form with some fields of another value.
fn automation(changes: &[(&'static str, &'static str)]) -> Vec<(&'static str, &'static str)> {
    let mut fields = AUTOMATION.to_vec();
    for (name, value) in changes {
        fields.retain(|(known, _)| known != name);
        fields.push((name, value));
    }
    fields
}

#[tokio::test]
async fn an_automation_is_built_with_criteria_explained_and_run() {
    let (engine, upstream) = (TestEngine::start().await, warehouse());
    let pages = Pages::sign_in(engine.api.address).await;
    let path = connected(&pages, &upstream).await;
    let list = format!("{path}/automations");
    says(&pages.get(&list).await.expect(200), "No automations yet");
    let form = pages.get(&format!("{list}/new")).await.expect(200);
    says(&form, "additional_criteria_details.__n__.rules.__m__.operator");
    let refused = automation(&[
        ("check_on.every", "0"),
        ("additional_criteria_details.1004.rules.0.operator", "EQUALS"),
        ("applies_to", ""),
    ]);
    let refused = pages.post(&list, &refused).await.expect(422);
    for field in [
        "check_on-every",
        "additional_criteria_details-1-rules-0-value",
        "applies_to",
    ] {
        says(&refused, &format!("id=\"f-{field}-wrong\""));
    }
    let made = pages.post(&list, &AUTOMATION).await.expect(303);
    let one = format!("{list}/{}", led_to(&made));
    let shown = pages.get(&one).await.expect(200);
    says(&shown, "Every 8 hours");
    says(&shown, "When city equals &quot;Oslo&quot; or name has no value");
    says(
        &shown,
        "Import new and existing customers from REST with the partner function &quot;Customers&quot;",
    );
    says(
        &shown,
        "There is no partner function &quot;Customers&quot; in this connection",
    );
    let stored = engine
        .api
        .get(&api(&one).replace("/automations/", "/automation/"))
        .await
        .expect(200);
    let stored = &stored.json["integration_automation"];
    assert_eq!(
        stored["additional_criteria_details"],
        json!([
            { "group_condition": "AND", "rules": [{ "field_name": "city", "operator": "EQUALS", "value": "Oslo", "condition": "AND" }] },
            { "group_condition": "OR", "rules":
                [{ "field_name": "name", "operator": "DOES_NOT_HAVE_VALUE", "value": null, "condition": "AND" }] },
        ])
    );
    for (sample, words) in [
        (r#"{"city":"Oslo","name":"Ada"}"#, "The automation takes this record."),
        (
            r#"{"city":"Bergen","name":"Ada"}"#,
            "The automation leaves this record out.",
        ),
        ("{oh", "The sample is not JSON"),
        ("[]", "must be a record"),
    ] {
        let part = pages
            .part(&format!("{one}/explain"), &[("record", sample)])
            .await
            .expect(200);
        says(&part, words);
        assert!(!text(&part).contains("<html"), "only a part");
    }
    let function = [
        ("name", "Customers"),
        ("direction", "IMPORT"),
        ("object_name", "customer"),
    ];
    pages.post(&format!("{path}/functions"), &function).await.expect(303);
    let ran = pages.part(&format!("{one}/run"), &[]).await.expect(200);
    says(&ran, "Success");
    let shown = pages.get(&one).await.expect(200);
    says(&shown, "by hand");
    let run = first_run(&text(&ran));
    says(
        &pages.get(&format!("{one}/runs/{run}")).await.expect(200),
        "Errors of single records",
    );
    let records = engine.api.get("/api/v1/records/customer").await.expect(200);
    assert_eq!(
        records.json["items"].as_array().map(Vec::len),
        Some(1),
        "{}",
        records.json
    );
    says(&pages.get(&list).await.expect(200), "Customers of Oslo");
}

#[tokio::test]
async fn an_automation_is_changed_switched_and_deleted() {
    let (engine, upstream) = (TestEngine::start().await, warehouse());
    let pages = Pages::sign_in(engine.api.address).await;
    let path = connected(&pages, &upstream).await;
    let list = format!("{path}/automations");
    let one = format!("{list}/{}", led_to(&pages.post(&list, &AUTOMATION).await.expect(303)));
    let again = pages.post(&list, &AUTOMATION).await.expect(409);
    says(&again, "id=\"f-name-wrong\"");
    says(&again, "value=\"Oslo\"");
    let form = pages.get(&format!("{one}/edit")).await.expect(200);
    says(&form, "name=\"additional_criteria_details.1.rules.0.field_name\"");
    says(&form, "<option value=\"Customers\" selected>Customers");
    // All groups were taken away, and a day and a time chosen.
    let fields: Vec<(&str, &str)> = AUTOMATION
        .into_iter()
        .filter(|(name, _)| !name.starts_with("additional"))
        .collect();
    let mut change = vec![
        ("_version", "1"),
        ("check_on.unit", "customDayTime"),
        ("custom_time", "6:45"),
        ("custom_day", "thursday"),
    ];
    for (name, value) in fields {
        if !change.iter().any(|(known, _)| *known == name) {
            change.push((name, value));
        }
    }
    pages.post(&one, &change).await.expect(303);
    let shown = pages.get(&one).await.expect(200);
    says(&shown, "Every Thursday at 06:45:00 (UTC)");
    says(&shown, "For every customer");
    pages.post(&one, &change).await.expect(412);
    pages.post(&format!("{one}/disable"), &[]).await.expect(303);
    says(&pages.get(&one).await.expect(200), "Inactive");
    says(
        &pages.part(&format!("{one}/run"), &[]).await.expect(200),
        "class=\"refusal\"",
    );
    pages.post(&format!("{one}/enable"), &[]).await.expect(303);
    pages.post(&format!("{one}/delete"), &[]).await.expect(303);
    pages.get(&one).await.expect(404);
}
