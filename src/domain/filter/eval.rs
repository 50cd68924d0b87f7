//! Evaluating a condition on a record.

use std::cmp::Ordering;

use serde_json::Value;

use super::{
    Comparison, Expr, Literal, Operand, Path, TextTest,
    value::{is_value, text_of},
};

impl Expr {
    /// Whether a record meets the condition.
    #[must_use]
    pub fn matches(&self, record: &Value) -> bool {
        match self {
            Self::And(parts) => parts.iter().all(|part| part.matches(record)),
            Self::Or(parts) => parts.iter().any(|part| part.matches(record)),
            Self::Not(inner) => !inner.matches(record),
            leaf => leaf.matches_alone(record),
        }
    }

    /// A condition without parts.
    pub(super) fn matches_alone(&self, record: &Value) -> bool {
        match self {
            Self::And(_) | Self::Or(_) | Self::Not(_) => self.matches(record),
            Self::Compare {
                path,
                comparison,
                operand,
            } => compare(path, *comparison, operand, record),
            Self::Text { path, test, text } => path.any(record, &mut |value| {
                let found = text_of(value);
                found.is_some_and(|found| match test {
                    TextTest::Contains => found.contains(text.as_str()),
                    TextTest::StartsWith => found.starts_with(text.as_str()),
                    TextTest::EndsWith => found.ends_with(text.as_str()),
                })
            }),
            Self::In { path, operands } => path.any(record, &mut |value| {
                operands
                    .iter()
                    .any(|operand| operand.compared(value) == Some(Ordering::Equal))
            }),
            Self::HasValue { path } => path.any(record, &mut is_value),
        }
    }
}

fn compare(path: &Path, comparison: Comparison, operand: &Operand, record: &Value) -> bool {
    if *operand.literal() == Literal::Null {
        return comparison == Comparison::Equal && !path.any(record, &mut |value| !value.is_null());
    }
    path.any(record, &mut |value| {
        operand.compared(value).is_some_and(|order| match comparison {
            Comparison::Equal => order == Ordering::Equal,
            Comparison::Greater => order == Ordering::Greater,
            Comparison::GreaterOrEqual => order != Ordering::Less,
            Comparison::Less => order == Ordering::Less,
            Comparison::LessOrEqual => order != Ordering::Greater,
        })
    })
}
