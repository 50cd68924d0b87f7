//! Conditions in words, and why a record meets one or does not.

use std::fmt;

use serde::Serialize;
use serde_json::Value;

use super::{Comparison, Expr, Literal, Operand, Path, TextTest};

/// What is shown of the values of all parts together, about so many bytes; of the others nothing but that they are there.
const SHOWN_BYTES_MAX: usize = 262_144;

/// One part of a condition, what it came to and what was looked at.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Explained {
    /// The part in words.
    pub expression: String,
    /// Whether the record meets it.
    pub result: bool,
    /// What the record has there, cut where it is long; absent where it has nothing, and for parts with parts of their own.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub value: Option<Value>,
    /// What it consists of; all are evaluated.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub parts: Vec<Explained>,
}

impl Expr {
    /// Evaluates the condition and each of its parts.
    #[must_use]
    pub fn explain(&self, record: &Value) -> Explained {
        let mut left = SHOWN_BYTES_MAX;
        self.explain_within(record, &mut left)
    }

    fn explain_within(&self, record: &Value, left: &mut usize) -> Explained {
        let with_parts = |parts: Vec<Explained>, result: bool| Explained {
            expression: self.to_string(),
            result,
            value: None,
            parts,
        };
        let of = |parts: &[Self], left: &mut usize| -> Vec<Explained> {
            parts.iter().map(|part| part.explain_within(record, left)).collect()
        };
        match self {
            Self::And(parts) => {
                let parts = of(parts, left);
                let result = parts.iter().all(|part| part.result);
                with_parts(parts, result)
            }
            Self::Or(parts) => {
                let parts = of(parts, left);
                let result = parts.iter().any(|part| part.result);
                with_parts(parts, result)
            }
            // `does not contain` is one part for people, not two.
            Self::Not(inner) => match inner.path() {
                Some(path) => Explained {
                    expression: self.to_string(),
                    result: !inner.matches_alone(record),
                    value: path.shown(record, left),
                    parts: Vec::new(),
                },
                None => {
                    let inner = inner.explain_within(record, left);
                    let result = !inner.result;
                    with_parts(vec![inner], result)
                }
            },
            leaf => Explained {
                expression: leaf.to_string(),
                result: leaf.matches_alone(record),
                value: leaf.path().and_then(|path| path.shown(record, left)),
                parts: Vec::new(),
            },
        }
    }

    /// The path of a condition without parts.
    fn path(&self) -> Option<&Path> {
        match self {
            Self::Compare { path, .. } | Self::Text { path, .. } | Self::In { path, .. } | Self::HasValue { path } => {
                Some(path)
            }
            Self::And(_) | Self::Or(_) | Self::Not(_) => None,
        }
    }
}

/// In words: `Account Number equals "1QKGUL" and Contact ID has no value`. Parts of another kind stand in parentheses.
impl fmt::Display for Expr {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::And(parts) if parts.is_empty() => formatter.write_str("always"),
            Self::Or(parts) if parts.is_empty() => formatter.write_str("never"),
            Self::And(parts) => joined(formatter, parts, " and "),
            Self::Or(parts) => joined(formatter, parts, " or "),
            Self::Not(inner) if inner.path().is_some() => leaf(formatter, inner, false),
            Self::Not(inner) => write!(formatter, "not ({inner})"),
            other => leaf(formatter, other, true),
        }
    }
}

fn joined(formatter: &mut fmt::Formatter<'_>, parts: &[Expr], with: &str) -> fmt::Result {
    for (index, part) in parts.iter().enumerate() {
        if index > 0 {
            formatter.write_str(with)?;
        }
        match part {
            Expr::And(inner) | Expr::Or(inner) if inner.len() > 1 && parts.len() > 1 => write!(formatter, "({part})")?,
            _ => write!(formatter, "{part}")?,
        }
    }
    Ok(())
}

/// A condition without parts, or its opposite.
fn leaf(formatter: &mut fmt::Formatter<'_>, expr: &Expr, holds: bool) -> fmt::Result {
    match expr {
        Expr::And(_) | Expr::Or(_) | Expr::Not(_) => write!(formatter, "{expr}"),
        Expr::HasValue { path } => write!(
            formatter,
            "{path} {}",
            if holds { "has a value" } else { "has no value" }
        ),
        Expr::Text { path, test, text } => {
            let words = match (test, holds) {
                (TextTest::Contains, true) => "contains",
                (TextTest::Contains, false) => "does not contain",
                (TextTest::StartsWith, true) => "starts with",
                (TextTest::StartsWith, false) => "does not start with",
                (TextTest::EndsWith, true) => "ends with",
                (TextTest::EndsWith, false) => "does not end with",
            };
            write!(formatter, "{path} {words} {}", quoted(text))
        }
        Expr::In { path, operands } => {
            let words = if holds { "is one of" } else { "is not one of" };
            let operands: Vec<String> = operands.iter().map(shown).collect();
            write!(formatter, "{path} {words} {}", operands.join(", "))
        }
        Expr::Compare {
            path,
            comparison,
            operand,
        } => {
            if *operand.literal() == Literal::Null && *comparison == Comparison::Equal {
                return write!(
                    formatter,
                    "{path} {}",
                    if holds { "is missing" } else { "is not missing" }
                );
            }
            let words = match (comparison, operand.is_moment()) {
                (Comparison::Equal, _) if !holds => "does not equal",
                (Comparison::Equal, _) => "equals",
                (Comparison::Greater, false) => "is greater than",
                (Comparison::GreaterOrEqual, false) => "is at least",
                (Comparison::Less, false) => "is less than",
                (Comparison::LessOrEqual, false) => "is at most",
                (Comparison::Greater, true) => "is after",
                (Comparison::GreaterOrEqual, true) => "is on or after",
                (Comparison::Less, true) => "is before",
                (Comparison::LessOrEqual, true) => "is on or before",
            };
            let not = if holds || *comparison == Comparison::Equal {
                ""
            } else {
                "not: "
            };
            write!(formatter, "{not}{path} {words} {}", shown(operand))
        }
    }
}

fn shown(operand: &Operand) -> String {
    match operand.literal() {
        Literal::Null => "nothing".to_owned(),
        Literal::Text(text) if !operand.is_number() && !operand.is_moment() => quoted(text),
        _ => operand.text().to_owned(),
    }
}

fn quoted(text: &str) -> String {
    format!("\"{text}\"")
}
