//! Tests of criteria: every operator on every kind of value, and how rules are folded.

use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;

/// Every kind of value that a record can have in a member, by a name.
fn values() -> Vec<(&'static str, Value)> {
    vec![
        ("missing", json!({})),
        ("null", json!({"f": null})),
        ("empty", json!({"f": ""})),
        ("[]", json!({"f": []})),
        ("[null]", json!({"f": [null, ""]})),
        ("{}", json!({"f": {}})),
        ("blank", json!({"f": " "})),
        ("abc", json!({"f": "abc"})),
        ("ABC", json!({"f": "ABC"})),
        ("abcd", json!({"f": "abcd"})),
        ("zabc", json!({"f": "zabc"})),
        ("[abc]", json!({"f": ["x", "abc"]})),
        ("{a}", json!({"f": {"abc": 10}})),
        ("10", json!({"f": 10})),
        ("'10'", json!({"f": "10"})),
        ("'10.0'", json!({"f": "10.0"})),
        ("'010'", json!({"f": "010"})),
        ("9.5", json!({"f": 9.5})),
        ("'9.5'", json!({"f": "9.5"})),
        ("-10", json!({"f": -10})),
        ("100", json!({"f": 100})),
        ("1e30", json!({"f": 1e30})),
        ("1e-40", json!({"f": 1e-40})),
        ("[100,9]", json!({"f": [100, 9]})),
        ("true", json!({"f": true})),
        ("'true'", json!({"f": "true"})),
        ("'True'", json!({"f": "True"})),
        ("false", json!({"f": false})),
        ("day", json!({"f": "2026-01-31"})),
        ("noon", json!({"f": "2026-01-31T12:00:00Z"})),
        ("noon+2", json!({"f": "2026-01-31T14:00:00+02:00"})),
        ("local", json!({"f": "2026-01-31T12:00:00"})),
        ("next_day", json!({"f": "2026-02-01T00:30:00+01:00"})),
        ("February", json!({"f": "2026-02-01"})),
    ]
}

fn rule(operator: RuleOperator, value: Option<&str>) -> Rule {
    Rule {
        field_name: "F".to_owned(),
        operator,
        value: value.map(str::to_owned),
        condition: Joint::And,
    }
}

fn group(rules: Vec<Rule>) -> CriteriaGroup {
    CriteriaGroup {
        group_condition: Joint::And,
        rules,
    }
}

/// The names of the values that a rule lets through.
fn matching(operator: RuleOperator, value: Option<&str>) -> String {
    let expr = compile(&[group(vec![rule(operator, value)])]).unwrap();
    let names: Vec<&str> = values()
        .iter()
        .filter(|(name, record)| {
            let matches = expr.matches(record);
            assert_eq!(expr.explain(record).result, matches, "{operator:?} {value:?} {name}");
            matches
        })
        .map(|(name, _)| *name)
        .collect();
    names.join(" ")
}

/// All names but these.
fn all_but(names: &str) -> String {
    let names: Vec<&str> = names.split(' ').collect();
    let kept: Vec<&str> = values()
        .iter()
        .map(|(name, _)| *name)
        .filter(|name| !names.contains(name))
        .collect();
    kept.join(" ")
}

#[test]
fn equals_and_its_opposite_on_every_kind_of_value() {
    for (value, expected) in [
        ("abc", "abc [abc]"),
        ("10", "10 '10' '10.0'"),
        ("10.00", "10 '10' '10.0'"),
        ("010", "'010'"),
        ("-10", "-10"),
        ("9.5", "9.5 '9.5'"),
        ("9", "[100,9]"),
        ("100", "100 [100,9]"),
        ("true", "true 'true'"),
        ("TRUE", "true"),
        ("false", "false"),
        ("2026-01-31", "day noon noon+2 local next_day"),
        ("2026-01-31T12:00:00Z", "day noon noon+2 local"),
        ("2026-01-31T13:00:00+01:00", "day noon noon+2 local"),
        ("0", ""),
        (" ", "blank"),
        ("null", ""),
    ] {
        let found = matching(RuleOperator::Equals, Some(value));
        assert_eq!(found, expected, "{value}");
        assert_eq!(
            matching(RuleOperator::NotEquals, Some(value)),
            all_but(expected),
            "{value}"
        );
    }
}

#[test]
fn texts_within_texts_on_every_kind_of_value() {
    for (operator, opposite, value, expected) in [
        (
            RuleOperator::Contains,
            Some(RuleOperator::DoesNotContain),
            "abc",
            "abc abcd zabc [abc]",
        ),
        (
            RuleOperator::Contains,
            Some(RuleOperator::DoesNotContain),
            "10",
            "10 '10' '10.0' '010' -10 100 [100,9]",
        ),
        (
            RuleOperator::Contains,
            Some(RuleOperator::DoesNotContain),
            "ru",
            "true 'true' 'True'",
        ),
        (RuleOperator::StartsWith, None, "abc", "abc abcd [abc]"),
        (RuleOperator::StartsWith, None, "10", "10 '10' '10.0' 100 [100,9]"),
        (RuleOperator::StartsWith, None, "2026-01", "day noon noon+2 local"),
        (RuleOperator::EndsWith, None, "abc", "abc zabc [abc]"),
        (RuleOperator::EndsWith, None, "e", "true 'true' 'True' false"),
        (RuleOperator::EndsWith, None, ".5", "9.5 '9.5'"),
    ] {
        assert_eq!(matching(operator, Some(value)), expected, "{operator:?} {value}");
        if let Some(opposite) = opposite {
            assert_eq!(
                matching(opposite, Some(value)),
                all_but(expected),
                "{opposite:?} {value}"
            );
        }
    }
}

#[test]
fn having_a_value_on_every_kind_of_value() {
    let without = "missing null empty [] [null] {}";
    assert_eq!(matching(RuleOperator::DoesNotHaveValue, None), without);
    assert_eq!(matching(RuleOperator::HasValue, None), all_but(without));
}

#[test]
fn order_on_every_kind_of_value() {
    // Numbers with numbers, whatever their form; texts that are no numbers stay texts; true and false are neither.
    assert_eq!(
        matching(RuleOperator::LessThan, Some("10")),
        "blank '010' 9.5 '9.5' -10 1e-40 [100,9]"
    );
    assert_eq!(
        matching(RuleOperator::LessThanOrEqual, Some("10")),
        "blank 10 '10' '10.0' '010' 9.5 '9.5' -10 1e-40 [100,9]"
    );
    let above = "abc ABC abcd zabc [abc] 100 1e30 [100,9] 'true' 'True' day noon noon+2 local next_day February";
    assert_eq!(matching(RuleOperator::GreaterThan, Some("10")), above);
    assert_eq!(
        matching(RuleOperator::GreaterThanOrEqual, Some("10")),
        "abc ABC abcd zabc [abc] 10 '10' '10.0' 100 1e30 [100,9] 'true' 'True' day noon noon+2 local next_day February"
    );
    // Days with days.
    let times = |found: String| {
        let named = ["day", "noon", "noon+2", "local", "next_day", "February"];
        let found: Vec<&str> = found.split(' ').filter(|name| named.contains(name)).collect();
        found.join(",")
    };
    assert_eq!(
        times(matching(RuleOperator::LessThan, Some("2026-02-01"))),
        "day,noon,noon+2,local,next_day"
    );
    assert_eq!(
        times(matching(RuleOperator::GreaterThan, Some("2026-01-31"))),
        "February"
    );
    assert_eq!(
        times(matching(RuleOperator::GreaterThanOrEqual, Some("2026-02-01"))),
        "February"
    );
    // Instants with instants; where only a day is known, with its day.
    assert_eq!(
        times(matching(RuleOperator::GreaterThan, Some("2026-01-31T12:00:00Z"))),
        "next_day,February"
    );
    assert_eq!(
        times(matching(RuleOperator::LessThanOrEqual, Some("2026-01-31T12:00:00Z"))),
        "day,noon,noon+2,local"
    );
    // What has no value is neither less nor greater.
    for operator in [
        RuleOperator::LessThan,
        RuleOperator::LessThanOrEqual,
        RuleOperator::GreaterThan,
        RuleOperator::GreaterThanOrEqual,
    ] {
        for value in ["10", "abc", "2026-01-31", "~"] {
            let found = matching(operator, Some(value));
            for without in ["missing", "null", "empty", "[]", "[null]", "{}", "{a}"] {
                assert!(
                    !found.split(' ').any(|name| name == without),
                    "{operator:?} {value}: {without}"
                );
            }
        }
    }
}

#[test]
fn lists_of_values_on_every_kind_of_value() {
    for (value, expected) in [
        ("abc, 10", "abc [abc] 10 '10' '10.0'"),
        ("\"abc\",\"ABC\"", "abc ABC [abc]"),
        ("true", "true 'true'"),
        ("2026-01-31,nothing", "day noon noon+2 local next_day"),
        ("\" \"", "blank"),
    ] {
        let found = matching(RuleOperator::In, Some(value));
        assert_eq!(found, expected, "{value}");
        assert_eq!(matching(RuleOperator::NotIn, Some(value)), all_but(expected), "{value}");
    }
}

#[test]
fn values_are_split_at_commas_outside_of_quotes() {
    for (text, expected) in [
        ("a", Ok(vec!["a"])),
        ("a,b , c", Ok(vec!["a", "b", "c"])),
        (" , a,,", Ok(vec!["a"])),
        ("\"a,b\",c", Ok(vec!["a,b", "c"])),
        ("\"say \"\"hi\"\"\" , \"\"", Ok(vec!["say \"hi\"", ""])),
        ("5\" pipe, x", Ok(vec!["5\" pipe", "x"])),
        ("", Err("must hold at least one value, with commas between several")),
        (" , ", Err("must hold at least one value, with commas between several")),
        ("\"a", Err("has a double quote that is not closed")),
        ("\"a\" b", Err("must have a comma after each value in quotes")),
    ] {
        let expected = expected
            .map(|values| values.into_iter().map(str::to_owned).collect::<Vec<_>>())
            .map_err(str::to_owned);
        assert_eq!(split_values(text), expected, "{text:?}");
    }
}

#[test]
fn the_seed_in_words() {
    let mut first = rule(RuleOperator::Equals, Some("1QKGUL"));
    first.field_name = "AccountNumber".to_owned();
    let mut second = rule(RuleOperator::DoesNotHaveValue, None);
    second.field_name = "ContactID".to_owned();
    let expr = compile(&[group(vec![first, second])]).unwrap();
    assert_eq!(
        expr.to_string(),
        "Account Number equals \"1QKGUL\" and Contact ID has no value"
    );
    assert!(expr.matches(&json!({"AccountNumber": "1QKGUL"})));
    assert!(!expr.matches(&json!({"AccountNumber": "1QKGUL", "ContactID": "x"})));
}

#[test]
fn errors_carry_their_path() {
    let wrong = |field_name: &str, operator, value: Option<&str>| Rule {
        field_name: field_name.to_owned(),
        ..rule(operator, value)
    };
    let groups = [
        group(vec![rule(RuleOperator::HasValue, None)]),
        group(vec![
            wrong("a..b", RuleOperator::HasValue, None),
            wrong("a", RuleOperator::Equals, None),
            wrong("a", RuleOperator::In, Some("\"x")),
        ]),
    ];
    let errors = compile(&groups).unwrap_err();
    let found: Vec<&str> = errors.iter().map(|error| error.field.as_str()).collect();
    assert_eq!(
        found,
        [
            "additional_criteria_details[1].rules[0].field_name",
            "additional_criteria_details[1].rules[1].value",
            "additional_criteria_details[1].rules[2].value",
        ]
    );
}

#[test]
fn nothing_asked_for_is_always_met() {
    for groups in [vec![], vec![group(vec![])]] {
        let expr = compile(&groups).unwrap();
        assert!(expr.matches(&json!({})) && expr.explain(&json!({})).result);
        assert_eq!(expr.to_string(), "always");
    }
}

/// Rules on members a, b, c, ... of which each says whether its member has a value.
fn any_groups() -> impl Strategy<Value = Vec<CriteriaGroup>> {
    let joint = || prop_oneof![Just(Joint::And), Just(Joint::Or)];
    let one_rule = (joint(), 0..6_usize, any::<bool>()).prop_map(|(condition, member, holds)| Rule {
        field_name: format!("m{member}"),
        operator: if holds {
            RuleOperator::HasValue
        } else {
            RuleOperator::DoesNotHaveValue
        },
        value: None,
        condition,
    });
    let one_group = (joint(), prop::collection::vec(one_rule, 1..6))
        .prop_map(|(group_condition, rules)| CriteriaGroup { group_condition, rules });
    prop::collection::vec(one_group, 0..5)
}

/// What the contract says, word by word: from left to right.
fn folded(groups: &[CriteriaGroup], has: &dyn Fn(&str) -> bool) -> bool {
    let fold = |results: Vec<(Joint, bool)>| {
        let mut so_far = true;
        for (index, (joint, result)) in results.into_iter().enumerate() {
            so_far = match (index, joint) {
                (0, _) => result,
                (_, Joint::And) => so_far && result,
                (_, Joint::Or) => so_far || result,
            };
        }
        so_far
    };
    let one = |rule: &Rule| has(&rule.field_name) == (rule.operator == RuleOperator::HasValue);
    let group = |group: &CriteriaGroup| fold(group.rules.iter().map(|rule| (rule.condition, one(rule))).collect());
    fold(groups.iter().map(|each| (each.group_condition, group(each))).collect())
}

proptest! {
    #[test]
    fn rules_and_groups_are_folded_from_left_to_right(groups in any_groups(), present in prop::collection::vec(any::<bool>(), 6)) {
        let members = present.iter().enumerate().filter(|(_, there)| **there);
        let record: Value = members.map(|(index, _)| (format!("M{index}"), json!("x"))).collect::<serde_json::Map<_, _>>().into();
        let has = |name: &str| present[name[1..].parse::<usize>().unwrap()];
        let expr = compile(&groups).unwrap();
        prop_assert_eq!(expr.matches(&record), folded(&groups, &has));
        prop_assert_eq!(expr.explain(&record).result, expr.matches(&record));
    }

    #[test]
    fn criteria_survive_being_stored(groups in any_groups()) {
        let stored = serde_json::to_string(&groups).unwrap();
        prop_assert_eq!(serde_json::from_str::<Vec<CriteriaGroup>>(&stored).unwrap(), groups);
    }

    #[test]
    fn values_that_are_quoted_come_back(values in prop::collection::vec("[a-z ,\"]{0,6}", 1..5)) {
        let text = values.iter().map(|value| format!("\"{}\"", value.replace('"', "\"\""))).collect::<Vec<_>>().join(" ,");
        prop_assert_eq!(split_values(&text).unwrap(), values);
    }
}
