//! The functions of expressions on values, but those that are written like a member of an object: see [`super::eval`].

use std::borrow::Cow;

use super::{
    Function,
    datum::Datum,
    time::{self, Micros},
};

/// What a function of these values gives. Null of wrong ones, also of a wrong number of them.
pub(super) fn call<'a>(function: Function, arguments: Vec<Datum<'a>>, now: Micros) -> Datum<'a> {
    match function {
        Function::UtcNow => Datum::Time(now),
        Function::Today => Datum::Time(time::day(now)),
        Function::MakeTime => made_time(&arguments),
        Function::IsNullOrEmpty => Datum::Bool(match arguments.first() {
            Some(Datum::Text(text)) => text.is_empty(),
            value => matches!(value, None | Some(Datum::Null)),
        }),
        _ => {
            let mut arguments = arguments.into_iter();
            let first = arguments.next().unwrap_or(Datum::Null);
            let rest: Vec<_> = arguments.collect();
            match (function, first, rest.as_slice()) {
                (Function::Length, Datum::List(items), []) => count(items.len()),
                (_, Datum::Text(text), rest) if is_of_text(function) => of_text(function, text, rest),
                (_, Datum::Number(number), []) => of_number(function, number),
                (_, Datum::Span(span), []) => of_span(function, span),
                (_, value, rest) => of_time(function, &value, rest),
            }
        }
    }
}

/// Functions of a text that do not read it as a time.
const fn is_of_text(function: Function) -> bool {
    use Function as F;
    matches!(
        function,
        F::Contains
            | F::StartsWith
            | F::EndsWith
            | F::ToLower
            | F::ToUpper
            | F::Trim
            | F::Length
            | F::Substring
            | F::IndexOf
            | F::Concat
    )
}

fn of_text<'a>(function: Function, text: Cow<'a, str>, rest: &[Datum<'_>]) -> Datum<'a> {
    match (function, rest) {
        (Function::Contains, [Datum::Text(part)]) => Datum::Bool(text.contains(part.as_ref())),
        (Function::StartsWith, [Datum::Text(part)]) => Datum::Bool(text.starts_with(part.as_ref())),
        (Function::EndsWith, [Datum::Text(part)]) => Datum::Bool(text.ends_with(part.as_ref())),
        (Function::IndexOf, [Datum::Text(part)]) => match text.split_once(part.as_ref()) {
            Some((before, _)) => count(before.chars().count()),
            None => Datum::Number(-1.0),
        },
        (Function::Concat, [Datum::Text(part)]) => Datum::Text(Cow::Owned([text, Cow::Borrowed(part)].concat())),
        (Function::ToLower, []) => Datum::Text(Cow::Owned(text.to_lowercase())),
        (Function::ToUpper, []) => Datum::Text(Cow::Owned(text.to_uppercase())),
        (Function::Trim, []) => Datum::Text(part(text, str::trim)),
        (Function::Length, []) => count(text.chars().count()),
        (Function::Substring, [start]) => substring(text, start, None),
        (Function::Substring, [start, length]) => substring(text, start, Some(length)),
        _ => Datum::Null,
    }
}

/// A part of a text, without copying where it is borrowed.
fn part<'a>(text: Cow<'a, str>, cut: impl Fn(&str) -> &str) -> Cow<'a, str> {
    match text {
        Cow::Borrowed(text) => Cow::Borrowed(cut(text)),
        Cow::Owned(text) => Cow::Owned(cut(&text).to_owned()),
    }
}

fn substring<'a>(text: Cow<'a, str>, start: &Datum<'_>, length: Option<&Datum<'_>>) -> Datum<'a> {
    let Some(start) = as_count(start) else {
        return Datum::Null;
    };
    let length = match length.map(as_count) {
        Some(None) => return Datum::Null,
        Some(Some(length)) => length,
        None => usize::MAX,
    };
    // Where a character begins, or where the text ends.
    let place = |text: &str, index: usize| {
        let mut ends = text.char_indices().map(|(at, _)| at).chain([text.len()]);
        ends.nth(index)
    };
    if place(&text, start).is_none() {
        return Datum::Null;
    }
    Datum::Text(part(text, |text| {
        let rest = place(text, start).and_then(|at| text.get(at..)).unwrap_or_default();
        let end = place(rest, length).unwrap_or(rest.len());
        rest.get(..end).unwrap_or_default()
    }))
}

fn of_number<'a>(function: Function, number: f64) -> Datum<'a> {
    Datum::number(match function {
        Function::Round => number.round(),
        Function::Floor => number.floor(),
        Function::Ceiling => number.ceil(),
        Function::Abs => number.abs(),
        _ => return Datum::Null,
    })
}

fn of_span<'a>(function: Function, span: Micros) -> Datum<'a> {
    let unit = match function {
        Function::TotalDays => time::DAY,
        Function::TotalHours => 3_600 * time::SECOND,
        Function::TotalMinutes => 60 * time::SECOND,
        Function::TotalSeconds => time::SECOND,
        _ => return Datum::Null,
    };
    #[expect(clippy::cast_precision_loss, reason = "numbers are doubles")]
    Datum::number(span as f64 / unit as f64)
}

fn of_time<'a>(function: Function, value: &Datum<'_>, rest: &[Datum<'_>]) -> Datum<'a> {
    let Some(at) = value.as_time() else {
        return Datum::Null;
    };
    let part =
        |of: fn(jiff::civil::DateTime) -> i16| time::civil(at).map_or(Datum::Null, |at| Datum::Number(of(at).into()));
    match (function, rest) {
        (Function::Date, []) => Datum::Time(time::day(at)),
        (Function::Year, []) => part(jiff::civil::DateTime::year),
        (Function::Month, []) => part(|at| at.month().into()),
        (Function::Day, []) => part(|at| at.day().into()),
        (Function::Hour, []) => part(|at| at.hour().into()),
        (Function::Minute, []) => part(|at| at.minute().into()),
        (Function::Second, []) => part(|at| at.second().into()),
        (Function::AddSeconds, [Datum::Number(count)]) => Datum::time(time::add(at, *count, time::SECOND)),
        (Function::AddMinutes, [Datum::Number(count)]) => Datum::time(time::add(at, *count, 60 * time::SECOND)),
        (Function::AddHours, [Datum::Number(count)]) => Datum::time(time::add(at, *count, 3_600 * time::SECOND)),
        (Function::AddDays, [Datum::Number(count)]) => Datum::time(time::add(at, *count, time::DAY)),
        (Function::AddMonths, [count]) => Datum::time(as_whole(count).and_then(|count| time::add_months(at, count))),
        (Function::AddYears, [count]) => {
            let months = as_whole(count).and_then(|count| count.checked_mul(12));
            Datum::time(months.and_then(|months| time::add_months(at, months)))
        }
        _ => Datum::Null,
    }
}

fn made_time<'a>(arguments: &[Datum<'_>]) -> Datum<'a> {
    let whole: Option<Vec<i64>> = arguments.iter().map(as_whole).collect();
    let parts = match whole.as_deref() {
        Some([year, month, day]) => [*year, *month, *day, 0, 0, 0],
        Some([year, month, day, hour, minute]) => [*year, *month, *day, *hour, *minute, 0],
        Some([year, month, day, hour, minute, second]) => [*year, *month, *day, *hour, *minute, *second],
        _ => return Datum::Null,
    };
    Datum::time(time::make(parts))
}

fn count<'a>(count: usize) -> Datum<'a> {
    Datum::Number(u32::try_from(count).unwrap_or(u32::MAX).into())
}

/// A whole number, as far as anything here can use.
fn as_whole(value: &Datum<'_>) -> Option<i64> {
    match value {
        #[expect(clippy::cast_possible_truncation, reason = "it is whole and in the range")]
        Datum::Number(number) if number.fract() == 0.0 && number.abs() <= 1e15 => Some(*number as i64),
        _ => None,
    }
}

fn as_count(value: &Datum<'_>) -> Option<usize> {
    usize::try_from(as_whole(value)?).ok()
}
