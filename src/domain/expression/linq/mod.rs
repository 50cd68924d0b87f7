//! The filter language of integrations: the part of C#'s dynamic LINQ (System.Linq.Dynamic.Core) that people write.
//!
//! From loosest to tightest, each as in that library; words in any case, names too:
//!
//! ```text
//! expr     := coalesce ['?' expr ':' expr]
//! coalesce := or ['??' expr]
//! or       := and {('||' | or | orelse) and}
//! and      := in {('&&' | and | andalso) in}
//! in       := compare {in list | (not | '!') in list | not_in list}       list := '(' add {',' add} ')'
//! compare  := add {('=' '==' eq equal '!=' '<>' ne neq notequal '<' lt lessthan '<=' le lessthanequal
//!                   '>' gt greaterthan '>=' ge greaterthanequal) add}
//! add      := mul {('+' | '-') mul}
//! mul      := unary {('*' | '/' | '%' | mod) unary}
//! unary    := ('-' | '!' | not) unary | primary                           so: not (Status == "ready")
//! primary  := start {'.' name ['(' … ')']}
//! start    := name | @name | "text" | 'text' | number | true | false | null | it | $ | '(' expr ')'
//!           | iif(c, a, b) | isnull(a, b) | np(path[, default]) | DateTime(y, m, d[, h, min, s])
//!           | DateTime.UtcNow .Now .Today | string.IsNullOrEmpty(a) .IsNullOrWhiteSpace(a) | Math.Abs(a) .Floor(a) .Ceiling(a)
//! ```
//!
//! `@name` is a member whose name is a word of the language, also after a dot. Differences from C#: numbers are doubles, single
//! quotes hold texts, `Now` is in UTC. What is left out (objects, indexers, lambdas, casts, shifts, bits, parameters) is refused with
//! what to write instead.

use winnow::Parser;

use super::{Expr, Problem, Schema, check, limits};

mod calls;
mod lex;
mod parse;
#[cfg(test)]
mod refused_tests;
#[cfg(test)]
mod round_trip_tests;
#[cfg(test)]
mod tests;
mod words;

/// Reads a filter.
///
/// # Errors
/// What is wrong with it first, and where.
pub fn parse(text: &str) -> Result<Expr, Problem> {
    limits::check_text(text)?;
    let tokens = lex::tokens(text)?;
    let mut input = parse::input(&tokens);
    let expr = parse::whole.parse_next(&mut input).map_err(|lex::Failure(problem)| {
        // No rule leaves without a problem; said all the same.
        problem.map_or_else(
            || Problem::new(super::Span::default(), "this cannot be read"),
            |problem| *problem,
        )
    })?;
    limits::check_tree(&expr)?;
    Ok(expr)
}

/// Reads a filter on rows of this form, and checks its kinds.
///
/// # Errors
/// What is wrong with it, in the order of the text.
pub fn compile(text: &str, schema: &Schema) -> Result<Expr, Vec<Problem>> {
    let expr = parse(text).map_err(|problem| vec![problem])?;
    check(&expr, schema)?;
    Ok(expr)
}
