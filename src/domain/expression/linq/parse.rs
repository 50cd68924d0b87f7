//! The grammar, over tokens.

use winnow::{
    Parser, Result,
    stream::{Stateful, Stream, TokenSlice},
    token::any,
};

use super::{
    super::{
        Expr, Kind, Literal, Span,
        limits::{self, Chain},
    },
    calls,
    lex::{Failure, Sign, Token, What},
    words::{self, ADD, Operator},
};

/// Tokens, and where the reading stands in the nesting.
pub(super) type Input<'t> = Stateful<TokenSlice<'t, Token>, State>;
pub(super) type Parsed<T> = Result<T, Failure>;

/// Where the reading stands.
#[derive(Debug, Clone, Default)]
pub(super) struct State {
    /// How deep in parentheses and the like.
    depth: usize,
    /// How many parts there are so far.
    parts: usize,
    /// How deep in bodies of questions on lists.
    pub bodies: usize,
}

/// Tokens as an input.
pub(super) fn input(tokens: &[Token]) -> Input<'_> {
    Stateful {
        input: TokenSlice::new(tokens),
        state: State::default(),
    }
}

/// The whole text.
pub(super) fn whole(input: &mut Input<'_>) -> Parsed<Expr> {
    if *peeked(input) == What::End {
        return Err(stuck(input, "a condition is expected, as Status == \"ready\""));
    }
    let expr = expr(input)?;
    match peeked(input) {
        What::End => Ok(expr),
        What::Word(word) => match words::instead_of_operator(word) {
            Some(instead) => Err(stuck(input, format!("{word} cannot be used here: {instead}"))),
            None => Err(expected(input, "an operator, as == or `and`")),
        },
        What::Sign(Sign::Close) => Err(stuck(input, "there is no ( for this )")),
        _ => Err(expected(input, "an operator, as == or `and`")),
    }
}

/// `a ? b : c` and all that binds tighter.
pub(super) fn expr(input: &mut Input<'_>) -> Parsed<Expr> {
    deeper(input, |input| {
        let start = start(input);
        let mut first = binary(input, 0)?;
        if sign(input, Sign::Questions) {
            let second = expr(input)?;
            let kind = Kind::Coalesce(Box::new(first), Box::new(second));
            first = made(input, start, kind)?;
        }
        if !sign(input, Sign::Question) {
            return Ok(first);
        }
        let then = expr(input)?;
        needed(input, Sign::Colon, "`:` and what it is worth otherwise")?;
        let otherwise = expr(input)?;
        made(
            input,
            start,
            Kind::If(Box::new(first), Box::new(then), Box::new(otherwise)),
        )
    })
}

/// Values and the operators between them that bind at least so tightly.
fn binary(input: &mut Input<'_>, least: u8) -> Parsed<Expr> {
    let begin = start(input);
    let mut left = unary(input)?;
    while let Some((operator, tokens)) = operator(input).filter(|(operator, _)| operator.power() >= least) {
        let chain = match operator {
            Operator::And => Some(Chain::And),
            Operator::Or => Some(Chain::Or),
            _ => None,
        };
        if let Some(chain) = chain {
            left = chained(input, chain, operator, (left, begin))?;
            continue;
        }
        skip(input, tokens);
        let kind = match operator {
            Operator::In | Operator::NotIn => {
                let value = Box::new(left);
                Kind::In {
                    value,
                    list: list(input)?,
                }
            }
            Operator::Compare(comparison) => {
                let right = binary(input, operator.power() + 1)?;
                Kind::Compare(comparison, Box::new(left), Box::new(right))
            }
            Operator::Reckon(reckoning) => {
                let right = binary(input, operator.power() + 1)?;
                Kind::Reckon(reckoning, Box::new(left), Box::new(right))
            }
            Operator::And | Operator::Or => return Err(expected(input, "an operator")),
        };
        left = made(input, begin, kind)?;
        if operator == Operator::NotIn {
            left = made(input, begin, Kind::Not(Box::new(left)))?;
        }
    }
    Ok(left)
}

/// `left and b and c`, all of one tree as flat as can be.
fn chained(input: &mut Input<'_>, chain: Chain, operator_wanted: Operator, left: (Expr, usize)) -> Parsed<Expr> {
    let (left, begin) = left;
    let span = Span {
        start: begin,
        end: end(input),
    };
    let mut parts = vec![(left, span)];
    while let Some((_, tokens)) = operator(input).filter(|(found, _)| *found == operator_wanted) {
        skip(input, tokens);
        let start = start(input);
        let part = binary(input, operator_wanted.power() + 1)?;
        count(input)?;
        let end = end(input);
        parts.push((part, Span { start, end }));
    }
    limits::chained(chain, parts).ok_or_else(|| expected(input, "a value"))
}

/// The operator that comes next, and of how many tokens it is.
fn operator(input: &Input<'_>) -> Option<(Operator, usize)> {
    let [first, rest @ ..] = &*input.input else {
        return None;
    };
    let is_in = |token: &Token| words::operator(&token.what) == Some(Operator::In);
    if is_not(&first.what) && rest.first().is_some_and(is_in) {
        return Some((Operator::NotIn, 2));
    }
    words::operator(&first.what).map(|operator| (operator, 1))
}

fn is_not(what: &What) -> bool {
    match what {
        What::Sign(Sign::Not) => true,
        What::Word(word) => word.eq_ignore_ascii_case("not"),
        _ => false,
    }
}

/// `(a, b)` after `in`.
fn list(input: &mut Input<'_>) -> Parsed<Vec<Expr>> {
    if !sign(input, Sign::Open) {
        return Err(expected(
            input,
            "a list in parentheses, as (\"A\", \"B\") (of a list in the data: Tags.Contains(\"A\"))",
        ));
    }
    let mut list = Vec::new();
    loop {
        if list.len() >= limits::LIST_MAX {
            return Err(stuck(
                input,
                format!(
                    "this list is too long: at most {} values are possible",
                    limits::LIST_MAX
                ),
            ));
        }
        list.push(deeper(input, |input| binary(input, ADD))?);
        if sign(input, Sign::Close) {
            return Ok(list);
        }
        needed(input, Sign::Comma, "`,` or `)`")?;
    }
}

/// `-a`, `not a`, `a`.
fn unary(input: &mut Input<'_>) -> Parsed<Expr> {
    let begin = start(input);
    if is_not(peeked(input)) {
        skip(input, 1);
        let inner = deeper(input, unary)?;
        return made(input, begin, Kind::Not(Box::new(inner)));
    }
    if sign(input, Sign::Minus) {
        let inner = deeper(input, unary)?;
        let kind = match inner.kind {
            Kind::Literal(Literal::Number(number)) => Kind::Literal(Literal::Number(-number)),
            _ => Kind::Negate(Box::new(inner)),
        };
        return made(input, begin, kind);
    }
    let first = primary(input)?;
    calls::after_dots(input, begin, first)
}

/// What a value begins with.
fn primary(input: &mut Input<'_>) -> Parsed<Expr> {
    let begin = start(input);
    match peeked(input).clone() {
        What::Text(text) => literal(input, Literal::Text(text)),
        What::Number(number) => literal(input, Literal::Number(number)),
        What::Name(name) => {
            skip(input, 1);
            made(input, begin, Kind::Member { of: None, name })
        }
        What::Sign(Sign::Open) => {
            skip(input, 1);
            let inner = expr(input)?;
            needed(input, Sign::Close, "`)`")?;
            Ok(inner)
        }
        What::Word(word) => match word.to_ascii_lowercase().as_str() {
            "true" => literal(input, Literal::Bool(true)),
            "false" => literal(input, Literal::Bool(false)),
            "null" => literal(input, Literal::Null),
            "it" => {
                skip(input, 1);
                made(input, begin, Kind::It)
            }
            _ if words::operator(&What::Word(word.clone())).is_some() => Err(stuck(
                input,
                format!("a value is expected, not the operator {word}; a member of that name is written @{word}"),
            )),
            _ => calls::named(input, word),
        },
        _ => Err(expected(input, "a value")),
    }
}

fn literal(input: &mut Input<'_>, literal: Literal) -> Parsed<Expr> {
    let begin = start(input);
    skip(input, 1);
    made(input, begin, Kind::Literal(literal))
}

/// A part of the tree, from where it began to the last token that was read.
pub(super) fn made(input: &mut Input<'_>, start: usize, kind: Kind) -> Parsed<Expr> {
    count(input)?;
    let end = end(input);
    Ok(Expr {
        kind,
        span: Span { start, end },
    })
}

fn count(input: &mut Input<'_>) -> Parsed<()> {
    input.state.parts += 1;
    if input.state.parts > limits::PARTS_MAX {
        return Err(Failure(Some(Box::new(limits::too_many(here(input))))));
    }
    Ok(())
}

/// One level deeper.
pub(super) fn deeper<'t, T>(input: &mut Input<'t>, read: impl FnOnce(&mut Input<'t>) -> Parsed<T>) -> Parsed<T> {
    if input.state.depth >= limits::DEPTH_MAX {
        return Err(Failure(Some(Box::new(limits::too_deep(here(input))))));
    }
    input.state.depth += 1;
    let result = read(input);
    input.state.depth -= 1;
    result
}

/// What comes next.
pub(super) fn peeked<'t>(input: &Input<'t>) -> &'t What {
    input.input.peek_token().map_or(&What::End, |token| &token.what)
}

/// Goes on by so many tokens.
pub(super) fn skip(input: &mut Input<'_>, tokens: usize) {
    for _ in 0..tokens {
        // The end stays: it is what everything stops at.
        if *peeked(input) == What::End {
            return;
        }
        let _: Parsed<&Token> = any.parse_next(input);
    }
}

/// Whether a sign comes next; then it is read.
pub(super) fn sign(input: &mut Input<'_>, sign: Sign) -> bool {
    let found = *peeked(input) == What::Sign(sign);
    if found {
        skip(input, 1);
    }
    found
}

/// Reads a sign that has to come next.
pub(super) fn needed(input: &mut Input<'_>, wanted: Sign, words: &str) -> Parsed<()> {
    if sign(input, wanted) {
        return Ok(());
    }
    Err(expected(input, words))
}

/// Where the next token stands.
pub(super) fn here(input: &Input<'_>) -> Span {
    input.input.peek_token().map(|token| token.span).unwrap_or_default()
}

pub(super) fn start(input: &Input<'_>) -> usize {
    here(input).start
}

/// Where the last token ended.
pub(super) fn end(input: &Input<'_>) -> usize {
    input.input.previous_tokens().next().map_or(0, |token| token.span.end)
}

/// A problem with the next token.
pub(super) fn stuck(input: &Input<'_>, message: impl Into<String>) -> Failure {
    Failure::at(here(input), message)
}

/// The problem that something else is expected than the next token.
pub(super) fn expected(input: &Input<'_>, what: &str) -> Failure {
    let found = match peeked(input) {
        What::End => return stuck(input, format!("{what} is expected, but the text ends here")),
        What::Word(word) => format!("`{word}`"),
        What::Name(name) => format!("`@{name}`"),
        What::Text(_) => "a text".to_owned(),
        What::Number(_) => "a number".to_owned(),
        What::Sign(sign) => format!("`{}`", sign.text()),
    };
    stuck(input, format!("{what} is expected here, not {found}"))
}
