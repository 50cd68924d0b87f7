//! Names, what stands in parentheses behind them, and what stands behind dots.

use super::{
    super::{Expr, Function, Kind, Query, Span},
    lex::{Failure, Sign, What},
    parse::{Input, Parsed, expected, expr, here, made, needed, peeked, sign, skip, stuck},
    words::{self, Body, Method},
};

/// A value that begins with a word: a member, a function, a type.
pub(super) fn named(input: &mut Input<'_>, word: Box<str>) -> Parsed<Expr> {
    let begin = here(input);
    skip(input, 1);
    let next = peeked(input).clone();
    let has_arguments = next == What::Sign(Sign::Open);
    let has_dot = next == What::Sign(Sign::Dot);
    match word.to_ascii_lowercase().as_str() {
        "iif" if has_arguments => {
            let [condition, then, otherwise] = exactly(input, begin, "iif(condition, a, b)")?;
            made(input, begin.start, Kind::If(condition, then, otherwise))
        }
        "isnull" if has_arguments => {
            let [first, second] = exactly(input, begin, "isnull(a, b)")?;
            made(input, begin.start, Kind::Coalesce(first, second))
        }
        "np" if has_arguments => null_propagating(input, begin),
        "datetime" if has_arguments => {
            let parts = arguments(input)?;
            if !matches!(parts.len(), 3..=6) || parts.len() == 4 {
                return Err(Failure::at(
                    begin,
                    "DateTime takes year, month and day, and perhaps hour, minute and second: DateTime(2026, 1, 31, 12, 30, 0)",
                ));
            }
            made(input, begin.start, Kind::Call(Function::MakeTime, parts))
        }
        "datetime" | "datetimeoffset" if has_dot => time_of_type(input, begin),
        "string" if has_dot => text_of_type(input, begin),
        "math" if has_dot => number_of_type(input, begin),
        "guid" | "timespan" | "convert" | "enum" if has_dot => Err(Failure::at(
            begin,
            format!(
                "{word} cannot be used here: values cannot be made into another kind; ids are texts, times are written as DateTime(2026, 1, 31) or \"2026-01-31\""
            ),
        )),
        "new" if has_arguments || matches!(next, What::Word(_)) => Err(Failure::at(
            begin,
            "`new` cannot be used here: objects cannot be made in a filter; a time is DateTime(2026, 1, 31)",
        )),
        "parent" | "root" if has_dot && input.state.bodies > 0 => Err(Failure::at(
            begin,
            format!(
                "in the condition of a list only its items can be reached, not the row outside; an item's member is written @{word}"
            ),
        )),
        _ if has_arguments => {
            let instead = words::instead_of_function(&word).unwrap_or("a member is written without parentheses");
            Err(Failure::at(begin, format!("there is no function {word}: {instead}")))
        }
        _ => made(input, begin.start, Kind::Member { of: None, name: word }),
    }
}

/// `np(path)`, `np(path, default)`: members of null are null anyhow.
fn null_propagating(input: &mut Input<'_>, begin: Span) -> Parsed<Expr> {
    let mut parts = arguments(input)?.into_iter();
    let (Some(path), default, None) = (parts.next(), parts.next(), parts.next()) else {
        return Err(Failure::at(
            begin,
            "np takes a path and perhaps a default: np(Customer.Name, \"\")",
        ));
    };
    if !matches!(path.kind, Kind::Member { .. } | Kind::Call(..) | Kind::Query { .. }) {
        return Err(Failure::at(path.span, "np takes a path, as Customer.Address.City"));
    }
    match default {
        Some(default) => made(input, begin.start, Kind::Coalesce(Box::new(path), Box::new(default))),
        None => Ok(path),
    }
}

/// `DateTime.UtcNow` and the like.
fn time_of_type(input: &mut Input<'_>, begin: Span) -> Parsed<Expr> {
    skip(input, 1);
    let function = match member_name(input)?.as_deref() {
        Some("utcnow" | "now") => Function::UtcNow,
        Some("today") => Function::Today,
        _ => {
            return Err(stuck(
                input,
                "DateTime has UtcNow, Now and Today; a given time is DateTime(2026, 1, 31) or \"2026-01-31T12:00:00Z\"",
            ));
        }
    };
    skip(input, 1);
    made(input, begin.start, Kind::Call(function, Vec::new()))
}

/// `string.IsNullOrEmpty(…)` and the like.
fn text_of_type(input: &mut Input<'_>, begin: Span) -> Parsed<Expr> {
    skip(input, 1);
    let name = member_name(input)?;
    let trims = match name.as_deref() {
        Some("isnullorempty") => false,
        Some("isnullorwhitespace") => true,
        _ => {
            return Err(stuck(
                input,
                "string has IsNullOrEmpty(…) and IsNullOrWhiteSpace(…); the empty text is \"\", texts are joined with +",
            ));
        }
    };
    let at = here(input);
    skip(input, 1);
    let [value] = exactly(input, at, "string.IsNullOrEmpty(a)")?;
    let value = if trims {
        let span = value.span;
        let trimmed = made(input, span.start, Kind::Call(Function::Trim, vec![*value]))?;
        Expr { span, ..trimmed }
    } else {
        *value
    };
    made(input, begin.start, Kind::Call(Function::IsNullOrEmpty, vec![value]))
}

/// `Math.Abs(…)` and the like.
fn number_of_type(input: &mut Input<'_>, begin: Span) -> Parsed<Expr> {
    skip(input, 1);
    let function = match member_name(input)?.as_deref() {
        Some("abs") => Function::Abs,
        Some("floor") => Function::Floor,
        Some("ceiling") => Function::Ceiling,
        Some("round") => {
            return Err(stuck(
                input,
                "halves can be rounded in more than one way: write Math.Floor(a + 0.5)",
            ));
        }
        _ => return Err(stuck(input, "Math has Abs(…), Floor(…) and Ceiling(…)")),
    };
    let at = here(input);
    skip(input, 1);
    let [value] = exactly(input, at, "Math.Abs(a)")?;
    made(input, begin.start, Kind::Call(function, vec![*value]))
}

/// The name that comes next, in lower case; it is not read.
fn member_name(input: &Input<'_>) -> Parsed<Option<String>> {
    match peeked(input) {
        What::Word(word) => Ok(Some(word.to_ascii_lowercase())),
        _ => Err(expected(input, "a name")),
    }
}

/// `.Name`, `.Method(…)`, as many as there are.
pub(super) fn after_dots(input: &mut Input<'_>, begin: usize, mut value: Expr) -> Parsed<Expr> {
    while sign(input, Sign::Dot) {
        let at = here(input);
        value = match peeked(input).clone() {
            What::Word(name) => {
                skip(input, 1);
                let kind = if *peeked(input) == What::Sign(Sign::Open) {
                    method(input, at, &name, value)?
                } else {
                    member(input, at, name, value)?
                };
                made(input, begin, kind)?
            }
            What::Name(name) => {
                skip(input, 1);
                let of = of(value);
                made(input, begin, Kind::Member { of, name })?
            }
            _ => return Err(expected(input, "a name")),
        };
    }
    match peeked(input) {
        What::Sign(Sign::Open) => Err(stuck(input, "an operator is expected here, not `(`")),
        _ => Ok(value),
    }
}

/// Of what a member is: members of the row or of the item itself are just names.
fn of(value: Expr) -> Option<Box<Expr>> {
    match value.kind {
        Kind::It => None,
        _ => Some(Box::new(value)),
    }
}

/// Whether everything behind the dot is a member of data, whatever it is called.
fn is_only_data(input: &Input<'_>, value: &Expr) -> bool {
    match &value.kind {
        Kind::It => input.state.bodies == 0,
        Kind::Member { of: None, name } => input.state.bodies == 0 && name.eq_ignore_ascii_case("Data"),
        _ => false,
    }
}

/// `.Name`
fn member(input: &Input<'_>, at: Span, name: Box<str>, value: Expr) -> Parsed<Kind> {
    if is_only_data(input, &value) {
        return Ok(Kind::Member { of: of(value), name });
    }
    match words::method(&name) {
        Some(Method::Property(function)) => Ok(Kind::Call(function, vec![value])),
        Some(Method::Query(Query::Count, _)) => Ok(Kind::Query {
            query: Query::Count,
            list: Box::new(value),
            body: None,
        }),
        Some(_) => Err(Failure::at(
            at,
            format!("{name} takes parentheses: .{name}(…); a member of that name is written .@{name}"),
        )),
        None => Ok(Kind::Member { of: of(value), name }),
    }
}

/// `.Method(…)`
fn method(input: &mut Input<'_>, at: Span, name: &str, value: Expr) -> Parsed<Kind> {
    match words::method(name) {
        Some(Method::Call(function, least, most)) => {
            let mut all = vec![value];
            all.extend(arguments(input)?);
            let count = all.len().saturating_sub(1);
            if (least..=most).contains(&count) {
                return Ok(Kind::Call(function, all));
            }
            let takes = match (least, most) {
                (0, _) => "nothing in its parentheses".to_owned(),
                (least, most) if least == most => format!("{least} value"),
                (least, most) => format!("{least} or {most} values"),
            };
            Err(Failure::at(at, format!("{name} takes {takes}, not {count}")))
        }
        Some(Method::Query(query, body)) => {
            let list = Box::new(value);
            let body = self::body(input, name, body)?;
            Ok(Kind::Query { query, list, body })
        }
        Some(Method::Property(_)) => Err(Failure::at(at, format!("{name} takes no parentheses: write .{name}"))),
        None => Err(Failure::at(
            at,
            format!("there is no method {name}: {}", words::instead_of_method(name)),
        )),
    }
}

/// What is asked of each item.
fn body(input: &mut Input<'_>, name: &str, body: Body) -> Parsed<Option<Box<Expr>>> {
    needed(input, Sign::Open, "`(`")?;
    if *peeked(input) == What::Sign(Sign::Close) {
        if body == Body::Needed {
            return Err(stuck(
                input,
                format!("{name} takes a condition on the items: {name}(Amount > 0)"),
            ));
        }
        skip(input, 1);
        return Ok(None);
    }
    input.state.bodies += 1;
    let inner = expr(input);
    input.state.bodies -= 1;
    let inner = inner?;
    needed(input, Sign::Close, "`)`")?;
    Ok(Some(Box::new(inner)))
}

/// `(a, b)`, perhaps without any.
fn arguments(input: &mut Input<'_>) -> Parsed<Vec<Expr>> {
    needed(input, Sign::Open, "`(`")?;
    let mut all = Vec::new();
    if sign(input, Sign::Close) {
        return Ok(all);
    }
    loop {
        all.push(expr(input)?);
        if sign(input, Sign::Close) {
            return Ok(all);
        }
        needed(input, Sign::Comma, "`,` or `)`")?;
    }
}

/// So many arguments.
fn exactly<const COUNT: usize>(input: &mut Input<'_>, at: Span, form: &str) -> Parsed<[Box<Expr>; COUNT]> {
    let all: Vec<_> = arguments(input)?.into_iter().map(Box::new).collect();
    all.try_into()
        .map_err(|all: Vec<_>| Failure::at(at, format!("it is written {form}; here are {} values", all.len())))
}
