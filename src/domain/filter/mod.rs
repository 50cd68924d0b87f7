//! Conditions on JSON records as one tree: what the criteria of automations and other filter languages compile into.
//!
//! How a value and an operand compare (see [`Operand`]): as numbers where both are numbers or texts of numbers, as times where both
//! are times or dates, JSON's true and false with `true` and `false` in any case and nothing else; else as texts, letter by letter.
//! What is missing, null, "", [] or {} has no value; comparing with it is never true, so that its `Not` always is. A path through a
//! list means any of its items.

use rust_decimal::Decimal;

pub use explain::Explained;
pub use path::{Path, PathError};
pub use value::{Literal, Operand};

mod eval;
mod explain;
mod path;
mod value;

/// A condition, ready to be evaluated: paths and operands are read once.
#[derive(Debug, Clone, PartialEq)]
pub enum Expr {
    /// All of them; true of none.
    And(Vec<Expr>),
    /// One of them at least; false of none.
    Or(Vec<Expr>),
    /// The opposite.
    Not(Box<Expr>),
    /// A member compared with an operand.
    Compare {
        /// Which member.
        path: Path,
        /// How.
        comparison: Comparison,
        /// With what.
        operand: Operand,
    },
    /// A member's text, compared letter by letter; numbers and truth values count as the texts that they are written as.
    Text {
        /// Which member.
        path: Path,
        /// How.
        test: TextTest,
        /// With what; every text contains the empty one.
        text: String,
    },
    /// A member equals one of several operands.
    In {
        /// Which member.
        path: Path,
        /// With what; none of none.
        operands: Vec<Operand>,
    },
    /// A member has a value.
    HasValue {
        /// Which member.
        path: Path,
    },
}

/// How a member compares with an operand.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "the names say it")]
pub enum Comparison {
    Equal,
    Greater,
    GreaterOrEqual,
    Less,
    LessOrEqual,
}

/// How a member's text compares with another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "the names say it")]
pub enum TextTest {
    Contains,
    StartsWith,
    EndsWith,
}

impl Expr {
    /// The opposite of a condition.
    #[must_use]
    pub fn negated(self) -> Self {
        Self::Not(Box::new(self))
    }

    /// Both; conditions in a row become one list.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        match self {
            Self::And(mut parts) => {
                parts.push(other);
                Self::And(parts)
            }
            first => Self::And(vec![first, other]),
        }
    }

    /// Either; conditions in a row become one list.
    #[must_use]
    pub fn or(self, other: Self) -> Self {
        match self {
            Self::Or(mut parts) => {
                parts.push(other);
                Self::Or(parts)
            }
            first => Self::Or(vec![first, other]),
        }
    }
}

/// Reads a number as people and JSON write it: a sign, digits, a point. No exponent, no leading zeros and no more than 28 digits,
/// since such texts are codes: `007` is not 7, and `1E5` not 100000.
#[must_use]
pub fn decimal_of_text(text: &str) -> Option<Decimal> {
    let digits = text.strip_prefix('-').unwrap_or(text);
    let (whole, fraction) = match digits.split_once('.') {
        Some((whole, fraction)) => (whole, Some(fraction)),
        None => (digits, None),
    };
    let all_digits = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    let is_number = all_digits(whole) && (whole == "0" || !whole.starts_with('0')) && fraction.is_none_or(all_digits);
    is_number.then(|| Decimal::from_str_exact(text).ok()).flatten()
}

#[cfg(test)]
mod tests;
