//! The words, values and signs of an OData expression.

use std::fmt;

use jiff::{Timestamp, civil};
use winnow::{
    Parser, Result,
    ascii::{digit1, multispace0},
    combinator::{alt, delimited, opt, preceded, repeat},
    error::ContextError,
    stream::{LocatingSlice, Location},
    token::{any, one_of, take_while},
};

use super::{
    super::{Literal, Problem, Span},
    fault,
};

/// What a text is made of.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Token {
    /// A name, an operator or a function.
    Word(Box<str>),
    Literal(Literal),
    /// Seconds.
    Duration(f64),
    Open,
    Close,
    Comma,
    Slash,
    Minus,
}

/// A token and where it stands.
#[derive(Debug, Clone)]
pub(super) struct Lexed {
    pub(super) token: Token,
    pub(super) span: Span,
}

impl fmt::Display for Token {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Word(word) => write!(formatter, "\"{word}\""),
            Self::Literal(_) | Self::Duration(_) => formatter.write_str("a value"),
            Self::Open => formatter.write_str("\"(\""),
            Self::Close => formatter.write_str("\")\""),
            Self::Comma => formatter.write_str("\",\""),
            Self::Slash => formatter.write_str("\"/\""),
            Self::Minus => formatter.write_str("\"-\""),
        }
    }
}

type Input<'a> = LocatingSlice<&'a str>;

/// The tokens of a text.
pub(super) fn tokens(text: &str) -> Result<Vec<Lexed>, Problem> {
    let mut input = LocatingSlice::new(text);
    let mut tokens = Vec::new();
    loop {
        let _: Result<&str> = multispace0.parse_next(&mut input);
        if input.is_empty() {
            return Ok(tokens);
        }
        let start = input.current_token_start();
        let token = token(&mut input).map_err(|_| fault(start, what(text.get(start..).unwrap_or_default())))?;
        let end = input.previous_token_end();
        let sticks = |next: char| next.is_alphanumeric() || matches!(next, '_' | '\'' | '"' | '-');
        let is_sign = matches!(
            token,
            Token::Open | Token::Close | Token::Comma | Token::Slash | Token::Minus
        );
        if !is_sign && input.chars().next().is_some_and(sticks) {
            return Err(fault(
                start,
                "what begins here is no number, date or name; perhaps a blank is missing",
            ));
        }
        let span = Span { start, end };
        tokens.push(Lexed { token, span });
    }
}

fn what(rest: &str) -> String {
    match rest.chars().next() {
        Some('\'') => "the text that begins here does not end; a ' within it is written as ''".to_owned(),
        Some('"') => "texts stand between single quotes, as in 'x'".to_owned(),
        Some(digit) if digit.is_ascii_digit() => "this is no number and no date".to_owned(),
        Some(':') => {
            "a condition on the items of a list (any, all) is not supported; read the list itself, with a $filter of its own".to_owned()
        }
        Some('@') => "parameter aliases (@name) are not supported".to_owned(),
        Some(other) => format!("\"{other}\" is not expected here"),
        None => "something is missing here".to_owned(),
    }
}

fn token(input: &mut Input<'_>) -> Result<Token> {
    alt((
        text.map(|text| Token::Literal(Literal::Text(text.into()))),
        duration.map(Token::Duration),
        guid.map(|guid| Token::Literal(Literal::Text(guid))),
        time.map(|time| Token::Literal(Literal::Time(time))),
        number.map(|number| Token::Literal(Literal::Number(number))),
        word,
        one_of(['(', ')', ',', '/', '-']).map(|sign| match sign {
            '(' => Token::Open,
            ')' => Token::Close,
            ',' => Token::Comma,
            '/' => Token::Slash,
            _ => Token::Minus,
        }),
    ))
    .parse_next(input)
}

fn text(input: &mut Input<'_>) -> Result<String> {
    // PostgreSQL has no texts with NUL in them.
    let part = alt(("''".value('\''), any.verify(|c| !matches!(*c, '\'' | '\0'))));
    delimited('\'', repeat(0.., part), '\'').parse_next(input)
}

/// `duration'P1DT2H'`; days, hours, minutes and seconds.
fn duration(input: &mut Input<'_>) -> Result<f64> {
    let written = preceded("duration", text).parse_next(input)?;
    let (sign, rest) = match written.strip_prefix('-') {
        Some(rest) => (-1.0, rest),
        None => (1.0, written.as_str()),
    };
    let span: jiff::Span = rest.parse().map_err(|_| ContextError::new())?;
    let clocked = span.get_years() == 0 && span.get_months() == 0 && span.get_weeks() == 0;
    let days = f64::from(span.get_days()) * 86_400.0;
    let rest = span.days(0).to_duration(jiff::SpanRelativeTo::days_are_24_hours());
    match rest {
        Ok(rest) if clocked => Ok(sign * (days + rest.as_secs_f64())),
        _ => Err(ContextError::new()),
    }
}

fn guid(input: &mut Input<'_>) -> Result<Box<str>> {
    let digits = |count: usize| take_while(count..=count, |c: char| c.is_ascii_hexdigit());
    let written = (
        digits(8),
        '-',
        digits(4),
        '-',
        digits(4),
        '-',
        digits(4),
        '-',
        digits(12),
    );
    let guid = written.take().parse_next(input)?;
    Ok(guid.to_ascii_lowercase().into())
}

/// A date, or a date with a time and a zone.
fn time(input: &mut Input<'_>) -> Result<Timestamp> {
    let digits = |count: usize| take_while(count..=count, |c: char| c.is_ascii_digit());
    let clock = (
        'T',
        digits(2),
        ':',
        digits(2),
        opt((':', digits(2), opt(('.', digit1)))),
    );
    let zone = alt(("Z".void(), (one_of(['+', '-']), digits(2), ':', digits(2)).void()));
    let written = (digits(4), '-', digits(2), '-', digits(2), opt((clock, zone)));
    let written = written.take().parse_next(input)?;
    let parsed = match written.parse::<civil::Date>() {
        Ok(date) if written.len() == 10 => date.to_zoned(jiff::tz::TimeZone::UTC).map(|day| day.timestamp()),
        _ => written.parse::<Timestamp>(),
    };
    parsed.map_err(|_| ContextError::new())
}

fn number(input: &mut Input<'_>) -> Result<f64> {
    let exponent = (one_of(['e', 'E']), opt(one_of(['+', '-'])), digit1);
    let written = (digit1, opt(('.', digit1)), opt(exponent)).take();
    let number: f64 = written.parse_to().parse_next(input)?;
    if number.is_finite() {
        Ok(number)
    } else {
        Err(ContextError::new())
    }
}

/// A name; with dots in it, one with a namespace.
fn word(input: &mut Input<'_>) -> Result<Token> {
    let begin = |c: char| c.is_alphabetic() || c == '_' || c == '$';
    let inner = |c: char| c.is_alphanumeric() || c == '_' || c == '.';
    let word = (one_of(begin), take_while(0.., inner)).take().parse_next(input)?;
    Ok(match word {
        "null" => Token::Literal(Literal::Null),
        "true" => Token::Literal(Literal::Bool(true)),
        "false" => Token::Literal(Literal::Bool(false)),
        _ => Token::Word(word.into()),
    })
}
