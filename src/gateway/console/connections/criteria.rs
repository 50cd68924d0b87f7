//! The criteria builder: groups of rules that can be added and taken away, with and without a mouse.

use maud::{Markup, html};
use serde_json::{Map, Value, json};

use super::blank;
use crate::{
    domain::automation::{CriteriaGroup, RuleOperator},
    gateway::console::ui::{Entry, Input},
};

/// The member with the groups.
pub(super) const GROUPS: &str = "additional_criteria_details";
/// All operators, in words.
const OPERATORS: &[(&str, &str)] = &[
    ("EQUALS", "equals"),
    ("NOT_EQUALS", "does not equal"),
    ("CONTAINS", "contains"),
    ("DOES_NOT_CONTAIN", "does not contain"),
    ("STARTS_WITH", "starts with"),
    ("ENDS_WITH", "ends with"),
    ("HAS_VALUE", "has a value"),
    ("DOES_NOT_HAVE_VALUE", "has no value"),
    ("GREATER_THAN", "is greater than"),
    ("GREATER_THAN_OR_EQUAL", "is at least"),
    ("LESS_THAN", "is less than"),
    ("LESS_THAN_OR_EQUAL", "is at most"),
    ("IN", "is one of"),
    ("NOT_IN", "is not one of"),
];
const JOINTS: &[(&str, &str)] = &[("AND", "and"), ("OR", "or")];

/// The whole builder.
pub(super) fn builder(entry: &Entry<'_>) -> Markup {
    html! {
        fieldset .criteria id={ "f-" (GROUPS) } tabindex="-1" {
            legend { "Criteria" }
            (Input::tick("additional_criteria", "Take only records that meet the criteria")
                .help(html! { "Without the tick the criteria are kept and every record is taken." }).show(entry))
            @if let Some(wrong) = entry.wrong.at(GROUPS) { p .wrong { (wrong) } }
            div #groups .rows {
                template data-row="__n__" { (group(&blank(), "__n__", 1)) }
                @for n in 0..entry.count(GROUPS) {
                    @let number = n.to_string();
                    (group(entry, &number, entry.count(&format!("{GROUPS}.{number}.rules"))))
                }
            }
            button type="button" data-add="#groups" { "Add a group" }
            p .help {
                "Groups and the rules in them are joined from left to right. Fields are members of the record, without regard to case and \
                 blanks, with dots into nested members; the values of \"is one of\" have commas between them. After saving, the page says the criteria in words and explains them on a sample."
            }
        }
    }
}

fn group(entry: &Entry<'_>, number: &str, rules: usize) -> Markup {
    let path = format!("{GROUPS}.{number}");
    let (joint, list) = (format!("{path}.group_condition"), format!("{path}.rules"));
    let rows = format!("rules-{number}");
    html! {
        fieldset .group data-item id={ "f-" (list.replace('.', "-")) } tabindex="-1" {
            legend { "Group" }
            div .group-head {
                div .joint { (Input::choice(&joint, "Joined with the groups before by", JOINTS).show(entry)) }
                button type="button" .small data-take { "Remove this group" }
            }
            @if let Some(wrong) = entry.wrong.at(&list) { p .wrong { (wrong) } }
            div id=(rows) .rows {
                template data-row="__m__" { (rule(&blank(), &list, "__m__")) }
                @for m in 0..rules { (rule(entry, &list, &m.to_string())) }
            }
            button type="button" .small data-add={ "#" (rows) } { "Add a rule" }
        }
    }
}

fn rule(entry: &Entry<'_>, list: &str, number: &str) -> Markup {
    let name = |member: &str| format!("{list}.{number}.{member}");
    let (condition, field) = (name("condition"), name("field_name"));
    let (operator, value) = (name("operator"), name("value"));
    html! {
        div .row .rule data-item {
            div .joint { (Input::choice(&condition, "Join", JOINTS).show(entry)) }
            (Input::text(&field, "Field").placeholder("AccountNumber").show(entry))
            (Input::choice(&operator, "Comparison", OPERATORS).show(entry))
            div .value { (Input::text(&value, "Value").show(entry)) }
            button type="button" .small data-take aria-label="Remove this rule" { "Remove" }
        }
    }
}

/// A record that names the fields of the criteria, to begin a sample with.
pub(super) fn sample(groups: &[CriteriaGroup]) -> Value {
    let mut record = json!({});
    for rule in groups.iter().flat_map(|group| &group.rules) {
        let parts: Vec<&str> = rule.field_name.split('.').map(str::trim).collect();
        let value = rule.value.as_deref().unwrap_or_default();
        let value = match rule.operator {
            RuleOperator::In | RuleOperator::NotIn => value.split(',').next().unwrap_or_default().trim(),
            _ => value,
        };
        put(&mut record, &parts, value);
    }
    record
}

fn put(place: &mut Value, parts: &[&str], value: &str) {
    let Value::Object(members) = place else { return };
    match parts {
        [] => {}
        [last] => {
            members
                .entry((*last).to_owned())
                .or_insert_with(|| Value::String(value.to_owned()));
        }
        [first, rest @ ..] => {
            let next = members
                .entry((*first).to_owned())
                .or_insert_with(|| Value::Object(Map::new()));
            put(next, rest, value);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::automation::{Joint, Rule};

    #[test]
    fn every_operator_is_offered_under_its_own_word() {
        assert_eq!(OPERATORS.len(), 14);
        for (word, _) in OPERATORS {
            let read: RuleOperator = serde_json::from_value(json!(word)).unwrap();
            assert_eq!(serde_json::to_value(read).unwrap(), *word);
        }
        for (word, _) in JOINTS {
            serde_json::from_value::<Joint>(json!(word)).unwrap();
        }
    }

    #[test]
    fn a_sample_names_the_fields() {
        let rule = |field: &str, value: Option<&str>| Rule {
            field_name: field.to_owned(),
            operator: RuleOperator::Equals,
            value: value.map(str::to_owned),
            condition: Joint::And,
        };
        let groups = [CriteriaGroup {
            group_condition: Joint::And,
            rules: vec![
                rule("AccountNumber", Some("1QKGUL")),
                rule("Address.City", Some("Oslo")),
                rule("Address.City", Some("Bergen")),
                rule("AccountNumber.Odd", None),
            ],
        }];
        assert_eq!(
            sample(&groups),
            json!({ "AccountNumber": "1QKGUL", "Address": { "City": "Oslo" } })
        );
    }

    #[test]
    fn rows_for_new_groups_and_rules_come_as_templates_within_templates() {
        let shown = builder(&blank()).into_string();
        assert!(shown.contains("<template data-row=\"__n__\">"), "{shown}");
        let within = "name=\"additional_criteria_details.__n__.rules.__m__.field_name\"";
        assert!(shown.contains(within), "{shown}");
        assert!(
            shown.contains("name=\"additional_criteria_details.__n__.rules.0.field_name\""),
            "{shown}"
        );
    }
}
