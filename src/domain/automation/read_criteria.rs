//! Reading criteria groups and their rules from a request.

use serde_json::Value;

use super::{CriteriaGroup, Joint, Rule, RuleOperator};
use crate::domain::{
    lenient::{Given, Reader, folded, in_words},
    validate::FieldError,
};

/// Most groups of one automation.
pub const GROUPS_MAX: usize = 50;
/// Most rules of one group.
pub const RULES_MAX: usize = 100;
/// Longest name of a member, with its dots, characters.
pub const FIELD_NAME_CHARACTERS_MAX: usize = 256;
/// Longest value, characters.
pub const VALUE_CHARACTERS_MAX: usize = 4_000;

/// Every operator with the words that mean it, folded (see [`folded`]); the first is its own.
const OPERATORS: [(RuleOperator, &[&str]); 14] = [
    (RuleOperator::Equals, &["equals", "equal", "eq", "is", "="]),
    (
        RuleOperator::NotEquals,
        &["notequals", "doesnotequal", "notequal", "isnot", "ne", "!="],
    ),
    (RuleOperator::Contains, &["contains", "contain"]),
    (RuleOperator::DoesNotContain, &["doesnotcontain", "notcontains"]),
    (RuleOperator::StartsWith, &["startswith", "startwith", "beginswith"]),
    (RuleOperator::EndsWith, &["endswith", "endwith"]),
    (RuleOperator::HasValue, &["hasvalue", "isnotempty"]),
    (
        RuleOperator::DoesNotHaveValue,
        &["doesnothavevalue", "hasnovalue", "isempty"],
    ),
    (RuleOperator::GreaterThan, &["greaterthan", "gt", ">"]),
    (
        RuleOperator::GreaterThanOrEqual,
        &[
            "greaterthanorequal",
            "greaterthanorequalto",
            "greaterthanequal",
            "ge",
            ">=",
        ],
    ),
    (RuleOperator::LessThan, &["lessthan", "lt", "<"]),
    (
        RuleOperator::LessThanOrEqual,
        &["lessthanorequal", "lessthanorequalto", "lessthanequal", "le", "<="],
    ),
    (RuleOperator::In, &["in"]),
    (RuleOperator::NotIn, &["notin"]),
];

const OPERATOR_EXPECTED: &str = "must be one of EQUALS, NOT_EQUALS, CONTAINS, DOES_NOT_CONTAIN, STARTS_WITH, ENDS_WITH, HAS_VALUE, \
    DOES_NOT_HAVE_VALUE, GREATER_THAN, GREATER_THAN_OR_EQUAL, LESS_THAN, LESS_THAN_OR_EQUAL, IN, NOT_IN";

/// Reads `[{"group_condition", "rules": [{"field_name", "operator", "value", "condition"}]}]`; null is none.
pub(super) fn groups(path: &str, value: &Value) -> Result<Vec<CriteriaGroup>, Vec<FieldError>> {
    let mut errors = Vec::new();
    let read = list(path, value, GROUPS_MAX, &mut errors)
        .iter()
        .enumerate()
        .filter_map(|(index, value)| group(&format!("{path}[{index}]"), value, &mut errors))
        .collect();
    if errors.is_empty() { Ok(read) } else { Err(errors) }
}

fn group(path: &str, value: &Value, errors: &mut Vec<FieldError>) -> Option<CriteriaGroup> {
    let mut reader = Reader::new(path, value).map_err(|error| errors.push(error)).ok()?;
    let group_condition = joint(&mut reader, "group_condition");
    let rules = match reader.raw(&["rules"]) {
        Some((_, rules)) => {
            let path = reader.path_of("rules");
            list(&path, rules, RULES_MAX, errors)
                .iter()
                .enumerate()
                .filter_map(|(index, value)| rule(&format!("{path}[{index}]"), value, errors))
                .collect()
        }
        None => Vec::new(),
    };
    let given = reader.raw(&["rules"]).and_then(|(_, rules)| rules.as_array());
    reader.require(
        "rules",
        given.is_some_and(|rules| !rules.is_empty()),
        "must hold at least one rule",
    );
    errors.extend(reader.finish());
    Some(CriteriaGroup { group_condition, rules })
}

fn rule(path: &str, value: &Value, errors: &mut Vec<FieldError>) -> Option<Rule> {
    let mut reader = Reader::new(path, value).map_err(|error| errors.push(error)).ok()?;
    let mut field_name = None;
    let mut operator = None;
    reader
        .text(&["field_name"], FIELD_NAME_CHARACTERS_MAX)
        .put(&mut field_name);
    reader.word(&["operator"], read_operator).put(&mut operator);
    let condition = joint(&mut reader, "condition");
    let mut value = rule_value(&mut reader, operator);
    reader.require(
        "field_name",
        field_name.is_some(),
        "must name a member, like AccountNumber",
    );
    reader.require("operator", operator.is_some(), OPERATOR_EXPECTED);
    match operator {
        // Forms leave the value of another operator behind.
        Some(RuleOperator::HasValue | RuleOperator::DoesNotHaveValue) => value = None,
        Some(_) => reader.require(
            "value",
            value.is_some(),
            "must be given with this operator; to find what is empty use DOES_NOT_HAVE_VALUE",
        ),
        None => {}
    }
    errors.extend(reader.finish());
    Some(Rule {
        field_name: field_name?,
        operator: operator?,
        value,
        condition,
    })
}

/// The value as a text; for IN and NOT_IN also a list.
fn rule_value(reader: &mut Reader<'_>, operator: Option<RuleOperator>) -> Option<String> {
    if let Some((_, Value::Array(items))) = reader.raw(&["value"])
        && matches!(operator, Some(RuleOperator::In | RuleOperator::NotIn))
    {
        let texts: Option<Vec<String>> = items.iter().map(item_text).collect();
        let joined = texts.map(|texts| texts.join(","));
        match joined {
            Some(joined) if joined.chars().count() <= VALUE_CHARACTERS_MAX => {
                return Some(joined).filter(|joined| !joined.is_empty());
            }
            Some(_) => reader.refuse(
                "value",
                format!("must be at most {VALUE_CHARACTERS_MAX} characters long"),
            ),
            None => reader.refuse("value", "must hold texts, numbers, true or false alone"),
        }
        return None;
    }
    let mut value = None;
    reader.text(&["value"], VALUE_CHARACTERS_MAX).put(&mut value);
    value
}

/// One item of a list, quoted so that [`super::criteria`] reads it back as one.
fn item_text(item: &Value) -> Option<String> {
    let text = match item {
        Value::String(text) => text.clone(),
        Value::Number(number) => number.to_string(),
        Value::Bool(boolean) => boolean.to_string(),
        Value::Null | Value::Array(_) | Value::Object(_) => return None,
    };
    let is_plain = !text.is_empty() && !text.contains([',', '"']) && text.trim() == text;
    Some(if is_plain {
        text
    } else {
        format!("\"{}\"", text.replace('"', "\"\""))
    })
}

fn joint(reader: &mut Reader<'_>, name: &'static str) -> Joint {
    let given = reader.word(&[name], |text| match text.to_ascii_uppercase().as_str() {
        "AND" => Ok(Joint::And),
        "OR" => Ok(Joint::Or),
        _ => Err("must be AND or OR".to_owned()),
    });
    match given {
        Given::Set(joint) => joint,
        Given::Absent | Given::Empty => Joint::default(),
    }
}

fn read_operator(text: &str) -> Result<RuleOperator, String> {
    let word = folded(text);
    let named = OPERATORS.iter().find(|(_, words)| words.contains(&word.as_str()));
    named
        .map(|(operator, _)| *operator)
        .ok_or_else(|| OPERATOR_EXPECTED.to_owned())
}

/// The items of a list of at most `items_max`; null has none.
fn list<'a>(path: &str, value: &'a Value, items_max: usize, errors: &mut Vec<FieldError>) -> &'a [Value] {
    match value {
        Value::Null => &[],
        Value::Array(items) if items.len() <= items_max => items,
        Value::Array(items) => {
            errors.push(FieldError::new(
                path,
                format!("must hold at most {items_max}, and holds {}", items.len()),
            ));
            &[]
        }
        other => {
            errors.push(FieldError::new(
                path,
                format!("must be a list, and is {}", in_words(other)),
            ));
            &[]
        }
    }
}
