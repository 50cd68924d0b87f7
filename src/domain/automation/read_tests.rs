//! Tests of reading automations.

use serde_json::json;

use super::*;
use crate::domain::automation::{Joint, Rule, RuleOperator};

fn seed() -> Value {
    json!({
        "integration": {
            "automation_details": {
                "name": "Test auto 260",
                "display_name": "Test auto 260",
                "code": "test2",
                "description_enabled": "true",
                "description": "checking3578",
                "another_automation": "Automation four",
                "applies_to": "supplier",
                "applies_to_function": "new",
                "automation_type": "timerBased",
                "direction": "IMPORT",
                "check_on": "8 hours",
                "custom_day": "thursday",
                "custom_time": "06:45:23",
                "do_not_over_write_latest_data": "true",
                "ignore_threshold": "1",
                "perform_action": "49f4b6b2-c3a5-4f74-a044-8452ffc52eec",
                "since_last_look_up": "true",
                "additional_criteria": "true",
                "property_name": ""
            },
            "additional_criteria_details": [
                {
                    "group_condition": "AND",
                    "rules": [
                        {"field_name": "AccountNumber", "operator": "EQUALS", "value": "1QKGUL", "condition": "AND"},
                        {"field_name": "ContactID", "operator": "DOES_NOT_HAVE_VALUE", "condition": "AND"}
                    ]
                }
            ]
        }
    })
}

fn refusals(result: Result<Automation, Vec<FieldError>>) -> Vec<String> {
    let errors = result.unwrap_err();
    errors.iter().map(ToString::to_string).collect()
}

/// The least that makes an automation, with other members over it.
fn with(members: Value) -> Result<Automation, Vec<FieldError>> {
    let mut body = json!({
        "name": "a", "applies_to": "customer", "automation_type": "timerBased", "direction": "IMPORT", "check_on": "1 day",
        "perform_action": "p"
    });
    let Value::Object(members) = members else {
        panic!("no object")
    };
    body.as_object_mut().unwrap().extend(members);
    read_new(&body)
}

#[test]
fn the_seed_is_read_as_it_stands() {
    let read = read_new(&seed()).unwrap();
    let rule = |field_name: &str, operator, value: Option<&str>| Rule {
        field_name: field_name.to_owned(),
        operator,
        value: value.map(str::to_owned),
        condition: Joint::And,
    };
    assert_eq!(
        read,
        Automation {
            name: "Test auto 260".to_owned(),
            display_name: Some("Test auto 260".to_owned()),
            code: Some("test2".to_owned()),
            description_enabled: true,
            description: Some("checking3578".to_owned()),
            another_automation: Some("Automation four".to_owned()),
            applies_to: "supplier".to_owned(),
            applies_to_function: AppliesTo::New,
            automation_type: AutomationType::TimerBased,
            direction: Direction::Import,
            check_on: Some(CheckOn::Every { minutes: 480 }),
            custom_day: Some("thursday".to_owned()),
            custom_time: Some("06:45:23".to_owned()),
            time_zone: None,
            do_not_over_write_latest_data: true,
            ignore_threshold: 1,
            perform_action: "49f4b6b2-c3a5-4f74-a044-8452ffc52eec".to_owned(),
            since_last_look_up: true,
            additional_criteria: true,
            property_name: None,
            criteria: vec![CriteriaGroup {
                group_condition: Joint::And,
                rules: vec![
                    rule("AccountNumber", RuleOperator::Equals, Some("1QKGUL")),
                    rule("ContactID", RuleOperator::DoesNotHaveValue, None),
                ],
            }],
        }
    );
    let stored = serde_json::to_value(&read).unwrap();
    assert_eq!(serde_json::from_value::<Automation>(stored).unwrap(), read);
}

#[test]
fn every_form_of_the_body_is_read() {
    let expected = read_new(&seed()).unwrap();
    let inner = seed()["integration"].clone();
    assert_eq!(read_new(&inner).unwrap(), expected);
    let mut flat = inner["automation_details"].clone();
    flat["additional_criteria_details"] = inner["additional_criteria_details"].clone();
    assert_eq!(read_new(&flat).unwrap(), expected);
    assert_eq!(read_new(&json!({ "integration": flat })).unwrap(), expected);
    assert_eq!(read_new(&json!({ "integration_automation": flat })).unwrap(), expected);
    // Booleans and numbers as JSON.
    for name in [
        "description_enabled",
        "do_not_over_write_latest_data",
        "since_last_look_up",
        "additional_criteria",
    ] {
        flat[name] = json!(true);
    }
    flat["ignore_threshold"] = json!(1);
    assert_eq!(read_new(&flat).unwrap(), expected);
}

#[test]
fn check_on_is_a_number_of_units_or_custom() {
    for (text, expected) in [
        ("8 hours", Some(480)),
        ("1 hour", Some(60)),
        ("15 Minutes", Some(15)),
        ("2days", Some(2_880)),
        ("365 days", Some(525_600)),
        ("366 days", None),
        ("0 hours", None),
        ("8", None),
        ("hours", None),
        ("-8 hours", None),
        ("8 weeks", None),
        ("99999999999 minutes", None),
        ("4294967295 days", None),
    ] {
        let read = with(json!({ "check_on": text }));
        match expected {
            Some(minutes) => assert_eq!(read.unwrap().check_on, Some(CheckOn::Every { minutes }), "{text}"),
            None => assert_eq!(
                refusals(read),
                [format!("check_on: {CHECK_ON_EXPECTED}, and is {text:?}")],
                "{text}"
            ),
        }
    }
    let read = with(
        json!({"check_on": "CustomDayTime", "custom_time": "6:45", "custom_day": "THU", "time_zone": "europe/oslo"}),
    );
    let read = read.unwrap();
    assert_eq!(read.check_on, Some(CheckOn::CustomDayTime));
    assert_eq!(read.custom_time.as_deref(), Some("06:45:00"));
    assert_eq!(read.custom_day.as_deref(), Some("thursday"));
    assert_eq!(read.time_zone.as_deref(), Some("Europe/Oslo"));
    let read =
        with(json!({"check_on": "customDayTime", "custom_time": "06:45:23", "custom_day": "every day"})).unwrap();
    assert_eq!(read.custom_day, None);
}

#[test]
fn what_is_missing_or_wrong_is_said_by_member() {
    assert_eq!(
        refusals(read_new(&json!({"integration": {"automation_details": {}}}))),
        [
            "integration.automation_details.name: must have a name",
            "integration.automation_details.applies_to: must name the kind of our records, like customer or supplier",
            "integration.automation_details.automation_type: must be timerBased or eventBased",
            "integration.automation_details.direction: must be IMPORT or EXPORT",
            "integration.automation_details.perform_action: must be the uuid or the name of a partner function",
        ]
    );
    assert_eq!(
        refusals(with(json!({"check_on": ""}))),
        [format!("check_on: {CHECK_ON_EXPECTED}")]
    );
    assert_eq!(
        refusals(with(json!({"check_on": "customDayTime"}))),
        ["custom_time: must be given with check_on customDayTime, like 06:45:23"]
    );
    assert!(with(json!({"automation_type": "event_based", "check_on": null})).is_ok());
    assert_eq!(
        refusals(with(json!({
            "custom_day": "someday", "custom_time": "25:00", "time_zone": "Mars", "ignore_threshold": "-1", "applies_to": "a b",
            "applies_to_function": "old", "automation_type": "cron", "direction": "UP", "status": "ACTIVE", "check_ons": "x",
            "perform_function": "x"
        }))),
        [
            "status: cannot be set here: POST .../automation/{uuid}/enable or /disable changes it",
            "applies_to: must be 1 to 64 letters, digits, underscores and hyphens, beginning with a letter, and is \"a b\"",
            "applies_to_function: must be new, update or new_and_update, and is \"old\"",
            "automation_type: must be timerBased or eventBased, and is \"cron\"",
            "direction: must be IMPORT or EXPORT, and is \"UP\"",
            "custom_day: must be a day of the week, like thursday, or empty for every day, and is \"someday\"",
            "custom_time: must be a time of day from 00:00:00 to 23:59:59, like 06:45:23, and is \"25:00\"",
            "time_zone: must be a time zone of the IANA database, such as Europe/Oslo or UTC, and is \"Mars\"",
            "ignore_threshold: must be a whole number from 0 to 525600, and is \"-1\"",
            "check_ons: is not known here; did you mean check_on?",
            "perform_function: is not known here",
        ]
    );
    let mut body = seed();
    body["integration"]["more"] = json!(1);
    assert_eq!(refusals(read_new(&body)), ["integration.more: is not known here"]);
}

#[test]
fn wrong_criteria_are_refused_with_their_path() {
    let criteria = |value: Value| refusals(with(json!({ "additional_criteria_details": value })));
    assert_eq!(
        criteria(json!({})),
        ["additional_criteria_details: must be a list, and is an object"]
    );
    assert_eq!(
        criteria(
            json!([{"rules": []}, 7, {"group_condition": "XOR", "rules": [{"field_name": "a", "operator": "HAS_VALUE"}]}])
        ),
        [
            "additional_criteria_details[0].rules: must hold at least one rule",
            "additional_criteria_details[1]: must be a JSON object, and is a number",
            "additional_criteria_details[2].group_condition: must be AND or OR, and is \"XOR\"",
        ]
    );
    let found = criteria(json!([{"rules": [
        {"operator": "LIKE", "value": "x"}, {"field_name": "a", "operator": "EQUALS", "value": ""},
        {"field_name": "a", "operator": "EQUALS", "value": ["x"]}, {"field_name": "a", "operator": "IN", "value": [["x"]]},
        {"field": "a", "operator": "HAS_VALUE"}
    ]}]));
    assert_eq!(
        found,
        [
            format!(
                "additional_criteria_details[0].rules[0].operator: {}, and is \"LIKE\"",
                "must be one of EQUALS, NOT_EQUALS, CONTAINS, DOES_NOT_CONTAIN, STARTS_WITH, ENDS_WITH, HAS_VALUE, \
                 DOES_NOT_HAVE_VALUE, GREATER_THAN, GREATER_THAN_OR_EQUAL, LESS_THAN, LESS_THAN_OR_EQUAL, IN, NOT_IN"
            ),
            "additional_criteria_details[0].rules[0].field_name: must name a member, like AccountNumber".to_owned(),
            "additional_criteria_details[0].rules[1].value: must be given with this operator; to find what is empty use \
             DOES_NOT_HAVE_VALUE"
                .to_owned(),
            "additional_criteria_details[0].rules[2].value: must be a text, and is a list".to_owned(),
            "additional_criteria_details[0].rules[3].value: must hold texts, numbers, true or false alone".to_owned(),
            "additional_criteria_details[0].rules[4].field_name: must name a member, like AccountNumber".to_owned(),
            "additional_criteria_details[0].rules[4].field: is not known here".to_owned(),
        ]
    );
    let many = json!(vec![
        json!({"rules": [{"field_name": "a", "operator": "HAS_VALUE"}]});
        51
    ]);
    assert_eq!(
        criteria(many),
        ["additional_criteria_details: must hold at most 50, and holds 51"]
    );
}

#[test]
fn rules_are_read_leniently() {
    let read = with(json!({"additional_criteria_details": [{"rules": [
        {"field_name": "Account Number", "operator": "does_not_equal", "value": 7},
        {"field_name": "a", "operator": "HAS_VALUE", "value": "left behind", "condition": "or"},
        {"field_name": "a", "operator": "not in", "value": ["x", "y,z", 3, true, "say \"hi\""]},
        {"field_name": "a", "operator": "greaterThanOrEqual", "value": "1.5"}
    ]}]}))
    .unwrap();
    assert!(read.additional_criteria, "criteria that are given count");
    let rules = &read.criteria[0].rules;
    let told: Vec<_> = rules
        .iter()
        .map(|rule| (rule.operator, rule.value.as_deref(), rule.condition))
        .collect();
    assert_eq!(
        told,
        [
            (RuleOperator::NotEquals, Some("7"), Joint::And),
            (RuleOperator::HasValue, None, Joint::Or),
            (RuleOperator::NotIn, Some(r#"x,"y,z",3,true,"say ""hi""""#), Joint::And),
            (RuleOperator::GreaterThanOrEqual, Some("1.5"), Joint::And),
        ]
    );
    for operator in [
        RuleOperator::Equals,
        RuleOperator::NotEquals,
        RuleOperator::Contains,
        RuleOperator::DoesNotContain,
        RuleOperator::StartsWith,
        RuleOperator::EndsWith,
        RuleOperator::GreaterThan,
        RuleOperator::GreaterThanOrEqual,
        RuleOperator::LessThan,
        RuleOperator::LessThanOrEqual,
        RuleOperator::In,
        RuleOperator::NotIn,
        RuleOperator::HasValue,
        RuleOperator::DoesNotHaveValue,
    ] {
        let word = serde_json::to_value(operator).unwrap();
        let rule = json!({"field_name": "a", "operator": word, "value": "x"});
        let read = with(json!({"additional_criteria_details": [{"rules": [rule]}]})).unwrap();
        assert_eq!(read.criteria[0].rules[0].operator, operator);
    }
}

#[test]
fn a_change_touches_what_it_names() {
    let before = read_new(&seed()).unwrap();
    assert_eq!(patch(&before, &json!({})).unwrap(), before);
    assert_eq!(
        patch(&before, &json!({"integration": {"automation_details": {}}})).unwrap(),
        before
    );
    let change = json!({"integration": {"automation_details": {
        "uuid": "x", "checkOnText": "x", "check_on": "30 minutes", "code": "", "since_last_look_up": false
    }}});
    assert_eq!(
        patch(&before, &change).unwrap(),
        Automation {
            check_on: Some(CheckOn::Every { minutes: 30 }),
            code: None,
            since_last_look_up: false,
            ..before.clone()
        }
    );
    // As the PHP client sends it: no details, other criteria.
    let change = json!({"integration": {"automation_details": {}, "additional_criteria_details": [
        {"group_condition": "OR", "rules": [{"field_name": "Name", "operator": "CONTAINS", "value": "x"}]}
    ]}});
    let quiet = Automation {
        additional_criteria: false,
        ..before.clone()
    };
    let after = patch(&quiet, &change).unwrap();
    assert!(after.additional_criteria);
    assert_eq!((after.criteria.len(), after.criteria[0].rules.len()), (1, 1));
    assert_eq!(after.criteria[0].rules[0].operator, RuleOperator::Contains);
    let after = patch(&before, &json!({"additional_criteria_details": []})).unwrap();
    assert!(after.criteria.is_empty() && after.additional_criteria);
    assert_eq!(
        refusals(patch(
            &before,
            &json!({"name": null, "check_on": "customDayTime", "custom_time": ""})
        )),
        [
            "name: must have a name",
            "custom_time: must be given with check_on customDayTime, like 06:45:23"
        ]
    );
}
