//! How large an expression may be, so that nothing that walks through one needs a bound of its own.

use super::{Expr, Kind, Problem, Span};

/// Longest text of an expression, in bytes.
pub const TEXT_BYTES_MAX: usize = 8 * 1024;
/// Deepest nesting, of the text and of the tree.
pub const DEPTH_MAX: usize = 64;
/// Most parts of a tree.
pub const PARTS_MAX: usize = 2_000;
/// Most values of one list that is written.
pub const LIST_MAX: usize = 1_000;

/// Checks the length of a text before it is read.
///
/// # Errors
/// It is too long.
pub fn check_text(text: &str) -> Result<(), Problem> {
    if text.len() <= TEXT_BYTES_MAX {
        return Ok(());
    }
    Err(Problem::new(
        Span {
            start: TEXT_BYTES_MAX,
            end: text.len(),
        },
        format!(
            "the text is too long: {} bytes, at most {TEXT_BYTES_MAX} are possible",
            text.len()
        ),
    ))
}

/// Checks the depth and the number of parts of a tree.
///
/// # Errors
/// Too deep, or too many.
pub fn check_tree(expr: &Expr) -> Result<(), Problem> {
    let mut count = 0;
    let mut left = vec![(expr, 1)];
    while let Some((part, depth)) = left.pop() {
        count += 1;
        if depth > DEPTH_MAX {
            return Err(too_deep(part.span));
        }
        if count > PARTS_MAX {
            return Err(too_many(expr.span));
        }
        left.extend(part.parts().into_iter().map(|part| (part, depth + 1)));
    }
    Ok(())
}

/// The refusal of what is nested too deeply.
#[must_use]
pub fn too_deep(at: Span) -> Problem {
    Problem::new(
        at,
        format!("this is nested too deeply: at most {DEPTH_MAX} levels are possible"),
    )
}

/// The refusal of what has too many parts.
#[must_use]
pub fn too_many(at: Span) -> Problem {
    Problem::new(at, format!("this has too many parts: at most {PARTS_MAX} are possible"))
}

/// What a chain is made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Chain {
    /// `a and b and c`.
    And,
    /// `a or b or c`.
    Or,
}

/// One tree of a chain of conditions, as flat as can be: `a and b and c and d` is `(a and b) and (c and d)`, which is worth the same.
/// Each part comes with where it stands, with its parentheses. None of none.
#[must_use]
pub fn chained(chain: Chain, mut parts: Vec<(Expr, Span)>) -> Option<Expr> {
    while parts.len() > 1 {
        let mut next = Vec::with_capacity(parts.len().div_ceil(2));
        let mut pairs = parts.into_iter();
        while let Some((one, from)) = pairs.next() {
            let Some((other, to)) = pairs.next() else {
                next.push((one, from));
                break;
            };
            let span = Span {
                start: from.start,
                end: to.end,
            };
            let (one, other) = (Box::new(one), Box::new(other));
            let kind = match chain {
                Chain::And => Kind::And(one, other),
                Chain::Or => Kind::Or(one, other),
            };
            next.push((Expr { kind, span }, span));
        }
        parts = next;
    }
    parts.pop().map(|(expr, _)| expr)
}
