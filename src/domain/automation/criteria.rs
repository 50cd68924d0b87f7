//! Criteria groups become one condition: rules from left to right, then groups from left to right.

use super::{CriteriaGroup, Joint, Rule, RuleOperator};
use crate::domain::{
    filter::{Comparison, Expr, Literal, Operand, Path, TextTest},
    validate::FieldError,
};

/// Compiles criteria. Within a group the rules are taken from left to right, without precedence: `a AND b OR c` is `(a AND b) OR c`,
/// and `a OR b AND c` is `(a OR b) AND c`; then the groups are, each as one. The first joint of either says nothing. No groups: every
/// record meets them.
///
/// # Errors
/// Names and values that cannot be used, by their path below `additional_criteria_details`.
pub fn compile(groups: &[CriteriaGroup]) -> Result<Expr, Vec<FieldError>> {
    compile_at("additional_criteria_details", groups)
}

/// As [`compile`], with the path at which the groups were given.
pub(super) fn compile_at(path: &str, groups: &[CriteriaGroup]) -> Result<Expr, Vec<FieldError>> {
    let mut errors = Vec::new();
    let mut whole: Option<Expr> = None;
    for (group_index, group) in groups.iter().enumerate() {
        let mut together: Option<Expr> = None;
        for (rule_index, rule) in group.rules.iter().enumerate() {
            match compile_rule(rule) {
                Ok(expr) => together = Some(joined(together, rule.condition, expr)),
                Err((member, message)) => errors.push(FieldError::new(
                    format!("{path}[{group_index}].rules[{rule_index}].{member}"),
                    message,
                )),
            }
        }
        // A group without rules asks for nothing.
        if let Some(together) = together {
            whole = Some(joined(whole, group.group_condition, together));
        }
    }
    if errors.is_empty() {
        Ok(whole.unwrap_or(Expr::And(Vec::new())))
    } else {
        Err(errors)
    }
}

fn joined(before: Option<Expr>, joint: Joint, next: Expr) -> Expr {
    match (before, joint) {
        (None, _) => next,
        (Some(before), Joint::And) => before.and(next),
        (Some(before), Joint::Or) => before.or(next),
    }
}

/// Compiles one rule, or says which of its members cannot be used and why.
fn compile_rule(rule: &Rule) -> Result<Expr, (&'static str, String)> {
    let path = Path::parse(&rule.field_name).map_err(|error| ("field_name", error.to_string()))?;
    let value = rule.value.as_deref().filter(|value| !value.is_empty());
    let text = || {
        value.map(str::to_owned).ok_or_else(|| {
            let message = "must be given with this operator; to find what is empty use DOES_NOT_HAVE_VALUE";
            ("value", message.to_owned())
        })
    };
    let compare = |path, comparison| {
        let operand = Operand::from(Literal::Text(text()?));
        Ok(Expr::Compare {
            path,
            comparison,
            operand,
        })
    };
    let text_test = |path, test| {
        Ok(Expr::Text {
            path,
            test,
            text: text()?,
        })
    };
    let one_of = |path| {
        let values = split_values(&text()?).map_err(|message| ("value", message))?;
        let operands = values.into_iter().map(|value| Literal::Text(value).into()).collect();
        Ok(Expr::In { path, operands })
    };
    match rule.operator {
        RuleOperator::Equals => compare(path, Comparison::Equal),
        RuleOperator::NotEquals => compare(path, Comparison::Equal).map(Expr::negated),
        RuleOperator::Contains => text_test(path, TextTest::Contains),
        RuleOperator::DoesNotContain => text_test(path, TextTest::Contains).map(Expr::negated),
        RuleOperator::StartsWith => text_test(path, TextTest::StartsWith),
        RuleOperator::EndsWith => text_test(path, TextTest::EndsWith),
        RuleOperator::HasValue => Ok(Expr::HasValue { path }),
        RuleOperator::DoesNotHaveValue => Ok(Expr::HasValue { path }.negated()),
        RuleOperator::GreaterThan => compare(path, Comparison::Greater),
        RuleOperator::GreaterThanOrEqual => compare(path, Comparison::GreaterOrEqual),
        RuleOperator::LessThan => compare(path, Comparison::Less),
        RuleOperator::LessThanOrEqual => compare(path, Comparison::LessOrEqual),
        RuleOperator::In => one_of(path),
        RuleOperator::NotIn => one_of(path).map(Expr::negated),
    }
}

/// Splits `a, b, "c, d"` at its commas. Blanks round a value are left out; what stands in double quotes is taken as it is, and two of
/// them mean one.
///
/// # Errors
/// A quote that is not closed, text after one, or no value at all.
pub fn split_values(text: &str) -> Result<Vec<String>, String> {
    let mut values = Vec::new();
    let mut rest = text.trim_start();
    while !rest.is_empty() {
        if let Some(quoted) = rest.strip_prefix('"') {
            let (value, after) = quoted_value(quoted)?;
            values.push(value);
            let after = after.trim_start();
            rest = match after.strip_prefix(',') {
                Some(next) => next,
                None if after.is_empty() => after,
                None => return Err("must have a comma after each value in quotes".to_owned()),
            };
        } else {
            let (value, after) = rest.split_once(',').unwrap_or((rest, ""));
            // What stands between two commas is no value.
            if !value.trim().is_empty() {
                values.push(value.trim().to_owned());
            }
            rest = after;
        }
        rest = rest.trim_start();
    }
    if values.is_empty() {
        return Err("must hold at least one value, with commas between several".to_owned());
    }
    Ok(values)
}

/// A value up to its closing quote, and what comes after it.
fn quoted_value(mut text: &str) -> Result<(String, &str), String> {
    let mut value = String::new();
    loop {
        let Some((part, after)) = text.split_once('"') else {
            return Err("has a double quote that is not closed".to_owned());
        };
        value.push_str(part);
        match after.strip_prefix('"') {
            Some(after) => {
                value.push('"');
                text = after;
            }
            None => return Ok((value, after)),
        }
    }
}

#[cfg(test)]
#[path = "criteria_tests.rs"]
mod tests;
