//! Properties of reading automations: what is stored and what is shown can be sent back, in every lenient form.

use proptest::prelude::*;
use serde_json::{Map, Value, json};

use super::{patch, read_new};
use crate::domain::automation::{Automation, text};

/// A boolean as clients send it.
fn any_boolean() -> impl Strategy<Value = Value> {
    prop_oneof![
        any::<bool>().prop_map(Value::from),
        prop_oneof![
            Just("true"),
            Just("True"),
            Just("FALSE"),
            Just("no"),
            Just("1"),
            Just("")
        ]
        .prop_map(Value::from),
    ]
}

fn any_text() -> impl Strategy<Value = Value> {
    prop_oneof![
        "[A-Za-z][A-Za-z 0-9]{0,10}[a-z]".prop_map(Value::from),
        (0..99).prop_map(Value::from),
        Just(json!("")),
        Just(Value::Null)
    ]
}

fn any_rule() -> impl Strategy<Value = Value> {
    let operator = prop_oneof![
        Just("EQUALS"),
        Just("not_equals"),
        Just("CONTAINS"),
        Just("DOES_NOT_CONTAIN"),
        Just("starts with"),
        Just("EndsWith"),
        Just("HAS_VALUE"),
        Just("DOES_NOT_HAVE_VALUE"),
        Just("GREATER_THAN"),
        Just("greater_than_or_equal_to"),
        Just("LESS_THAN"),
        Just("<="),
        Just("IN"),
        Just("NOT_IN"),
    ];
    let value = prop_oneof![
        "[a-z0-9,]{1,5}x".prop_map(Value::from),
        (0..99).prop_map(Value::from),
        any::<bool>().prop_map(Value::from)
    ];
    let joint = prop_oneof![Just("AND"), Just("or"), Just("")];
    ("[A-Za-z]{1,6}(\\.[A-Za-z]{1,6})?", operator, value, joint).prop_map(|(field_name, operator, value, condition)| {
        json!({"field_name": field_name, "operator": operator, "value": value, "condition": condition})
    })
}

fn any_body() -> impl Strategy<Value = Value> {
    let kind = prop_oneof![Just("timerBased"), Just("EVENT_BASED"), Just("eventbased")];
    let check_on = prop_oneof![
        (1..400_u32, prop_oneof![Just("minutes"), Just("HOURS"), Just("day")])
            .prop_map(|(number, unit)| format!("{} {unit}", number.min(365))),
        Just("customDayTime".to_owned())
    ];
    let words = (
        kind,
        prop_oneof![Just("IMPORT"), Just("export")],
        prop_oneof![Just("new"), Just("UPDATE"), Just("newAndUpdate"), Just("")],
        prop_oneof![Just("Monday"), Just("thu"), Just("every day"), Just("")],
        prop_oneof![Just("UTC"), Just("europe/oslo"), Just("")],
    );
    let texts = (any_text(), any_text(), any_text(), any_text(), any_text());
    let booleans = (any_boolean(), any_boolean(), any_boolean(), any_boolean());
    let groups = prop::collection::vec(
        (
            prop_oneof![Just("AND"), Just("OR")],
            prop::collection::vec(any_rule(), 1..4),
        ),
        0..3,
    );
    (words, check_on, texts, booleans, 0..9_u32, groups).prop_map(|(words, check_on, texts, booleans, threshold, groups)| {
        let groups: Vec<Value> = groups
            .into_iter()
            .map(|(joint, rules)| json!({"group_condition": joint, "rules": rules}))
            .collect();
        json!({
            "name": "one", "applies_to": "Supplier", "perform_action": "f", "custom_time": "6:45",
            "automation_type": words.0, "direction": words.1, "applies_to_function": words.2, "custom_day": words.3, "time_zone": words.4,
            "check_on": check_on, "display_name": texts.0, "code": texts.1, "description": texts.2, "another_automation": texts.3,
            "property_name": texts.4, "description_enabled": booleans.0, "do_not_over_write_latest_data": booleans.1,
            "since_last_look_up": booleans.2, "additional_criteria": booleans.3, "ignore_threshold": threshold.to_string(),
            "additional_criteria_details": groups
        })
    })
}

/// What an answer would show of it, all as texts.
fn shown(automation: &Automation) -> Value {
    let stored = serde_json::to_value(automation).unwrap();
    let mut members = Map::new();
    for (name, value) in stored.as_object().unwrap() {
        let value = match value {
            Value::Bool(boolean) => json!(boolean.to_string()),
            Value::Number(number) => json!(number.to_string()),
            Value::Null => json!(""),
            other => other.clone(),
        };
        match name.as_str() {
            "criteria" => members.insert("additional_criteria_details".to_owned(), value),
            "check_on" => members.insert(
                name.clone(),
                automation.check_on.map(text::check_on).unwrap_or_default().into(),
            ),
            _ => members.insert(name.clone(), value),
        };
    }
    members.into()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn what_is_stored_is_read_back(body in any_body()) {
        let automation = read_new(&body).unwrap();
        let stored = serde_json::to_string(&automation).unwrap();
        prop_assert_eq!(serde_json::from_str::<Automation>(&stored).unwrap(), automation);
    }

    #[test]
    fn what_is_shown_can_be_sent_back(body in any_body(), other in any_body()) {
        let (automation, other) = (read_new(&body).unwrap(), read_new(&other).unwrap());
        let details = shown(&automation);
        prop_assert_eq!(&read_new(&details).unwrap(), &automation);
        prop_assert_eq!(&patch(&other, &json!({ "integration": details })).unwrap(), &automation);
        prop_assert_eq!(&patch(&automation, &json!({})).unwrap(), &automation);
    }

    #[test]
    fn anything_at_all_is_read_or_refused(body in any_body(), name in "[a-z_]{1,30}", value in prop_oneof![
        Just(Value::Null), any::<bool>().prop_map(Value::from), any::<f64>().prop_map(Value::from), ".{0,40}".prop_map(Value::from),
        Just(json!([1, {"rules": [[]]}])), Just(json!({"automation_details": [], "rules": 1})),
    ]) {
        let mut body = body;
        let members: Vec<String> = body.as_object().unwrap().keys().cloned().collect();
        for member in members {
            let mut wrong = body.clone();
            wrong[&member] = value.clone();
            if let Err(errors) = read_new(&wrong) {
                prop_assert!(!errors.is_empty());
                // What one member needs of another is said of the other.
                let is_meant = |field: &str| field.starts_with(&member) || member == "check_on" || field == "custom_time";
                prop_assert!(errors.iter().all(|error| is_meant(&error.field)));
            }
        }
        body[&name] = value;
        let _ = read_new(&body);
    }
}
