//! The filters of templates: few, and bounded in what they make.

use std::{
    fmt::Write as _,
    io,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use minijinja::{Environment, Error, ErrorKind, Value, value::Kwargs};

use super::escape::{Escape, Escaping};

/// Most that a template, or one of its filters, may make, bytes.
pub(super) const OUTPUT_BYTES_MAX: usize = 2 * 1_048_576;
/// Most that all filters of one render may make, bytes.
const MADE_BYTES_MAX: usize = 8 * 1_048_576;

/// Gives an environment its filters.
pub(super) fn install(environment: &mut Environment<'_>) {
    texts(environment, &Made::default());
    numbers(environment);
    parts(environment);
}

/// Filters that choose.
fn parts(environment: &mut Environment<'_>) {
    environment.add_filter("default", |value: &Value, other: Option<Value>| {
        if value.is_undefined() || value.is_none() {
            other.unwrap_or_else(|| Value::from(""))
        } else {
            value.clone()
        }
    });
    environment.add_filter("length", |value: &Value| {
        let length = value.as_str().map(|text| text.chars().count()).or_else(|| value.len());
        length.ok_or_else(|| invalid("length is of texts, lists and objects"))
    });
    environment.add_filter("first", |value: Value| {
        Ok::<_, Error>(value.try_iter()?.next().unwrap_or_default())
    });
    environment.add_filter("last", |value: Value| {
        Ok::<_, Error>(value.try_iter()?.last().unwrap_or_default())
    });
}

/// Filters that make texts.
fn texts(environment: &mut Environment<'_>, made: &Made) {
    let kept = made.clone();
    environment.add_filter("safe", move |value: &Value| match value.as_str() {
        Some(text) if !value.is_safe() => kept.text(text.to_owned()).map(Value::from_safe_string),
        _ => Ok(value.clone()),
    });
    let kept = made.clone();
    environment.add_filter("tojson", move |value: &Value| {
        let mut out = Bounded::default();
        serde_json::to_writer(&mut out, value).map_err(|_| too_much())?;
        kept.text(String::from_utf8_lossy(&out.bytes).into_owned())
            .map(Value::from_safe_string)
    });
    let kept = made.clone();
    environment.add_filter("urlencode", move |value: &Value| {
        kept.text(written(value, Escape::Url)?).map(Value::from_safe_string)
    });
    let kept = made.clone();
    environment.add_filter("string", move |value: &Value| kept.text(written(value, Escape::Plain)?));
    let kept = made.clone();
    environment.add_filter("upper", move |value: &Value| kept.text(text_of(value)?.to_uppercase()));
    let kept = made.clone();
    environment.add_filter("lower", move |value: &Value| kept.text(text_of(value)?.to_lowercase()));
    let kept = made.clone();
    environment.add_filter("trim", move |value: &Value| {
        kept.text(text_of(value)?.trim().to_owned())
    });
    let kept = made.clone();
    environment.add_filter("replace", move |value: &Value, from: &str, to: &str| {
        let text = text_of(value)?;
        if from.is_empty() {
            return Err(invalid("replace has nothing to look for"));
        }
        let mut out = Bounded::default();
        let mut parts = text.split(from);
        let _ = out.write_str(parts.next().unwrap_or_default());
        for part in parts {
            out.write_str(to)
                .and_then(|()| out.write_str(part))
                .map_err(|_| too_much())?;
        }
        kept.text(String::from_utf8_lossy(&out.bytes).into_owned())
    });
    let kept = made.clone();
    environment.add_filter("join", move |value: &Value, between: Option<&str>| {
        let mut out = Bounded::default();
        for (at, item) in value.try_iter()?.enumerate() {
            let gap = between.filter(|_| at > 0).unwrap_or_default();
            let done = out.write_str(gap).and_then(|()| write_plainly(&mut out, &item));
            done.map_err(|_| too_much())?;
        }
        kept.text(String::from_utf8_lossy(&out.bytes).into_owned())
    });
}

/// Filters that reckon.
fn numbers(environment: &mut Environment<'_>) {
    environment.add_filter("plus", |value: &Value, other: &Value| {
        reckoned(value, other, i128::checked_add, |a, b| a + b)
    });
    environment.add_filter("times", |value: &Value, other: &Value| {
        reckoned(value, other, i128::checked_mul, |a, b| a * b)
    });
    environment.add_filter("round", |value: &Value, digits: Option<i32>, unknown: Kwargs| {
        unknown.assert_all_used()?;
        if value.is_integer() {
            return Ok(value.clone());
        }
        let factor = 10_f64.powi(digits.unwrap_or(0).clamp(0, 15));
        Ok::<_, Error>(Value::from((number_of(value)? * factor).round() / factor))
    });
    environment.add_filter("abs", |value: &Value| match i128::try_from(value.clone()) {
        Ok(whole) if value.is_integer() => whole
            .checked_abs()
            .map(Value::from)
            .ok_or_else(|| invalid("it is too large")),
        _ => Ok(Value::from(number_of(value)?.abs())),
    });
    environment.add_filter("int", |value: &Value| {
        // Beyond the range it is the end of the range.
        let whole = number_of(value)?.trunc() as i64;
        Ok::<_, Error>(Value::from(whole))
    });
    environment.add_filter("float", |value: &Value| Ok::<_, Error>(Value::from(number_of(value)?)));
}

fn reckoned(
    value: &Value,
    other: &Value,
    whole: fn(i128, i128) -> Option<i128>,
    real: fn(f64, f64) -> f64,
) -> Result<Value, Error> {
    if value.is_integer() && other.is_integer() {
        let result = whole(value.clone().try_into()?, other.clone().try_into()?);
        let result = result.and_then(|result| i64::try_from(result).ok());
        return result
            .map(Value::from)
            .ok_or_else(|| invalid("the result is too large"));
    }
    Ok(Value::from(real(number_of(value)?, number_of(other)?)))
}

fn number_of(value: &Value) -> Result<f64, Error> {
    let number = match value.as_str() {
        Some(text) => text.trim().parse().ok(),
        None => f64::try_from(value.clone()).ok(),
    };
    number
        .filter(|number: &f64| number.is_finite())
        .ok_or_else(|| invalid("it is no number"))
}

fn text_of(value: &Value) -> Result<String, Error> {
    match value.as_str() {
        Some(text) => Ok(text.to_owned()),
        None => written(value, Escape::Plain),
    }
}

fn written(value: &Value, escape: Escape) -> Result<String, Error> {
    let mut out = Escaping {
        out: Bounded::default(),
        escape,
    };
    write_plainly(&mut out, value).map_err(|_| too_much())?;
    Ok(String::from_utf8_lossy(&out.out.bytes).into_owned())
}

/// Texts as they are, null as nothing, all else as JSON.
pub(super) fn write_plainly(out: &mut impl std::fmt::Write, value: &Value) -> std::fmt::Result {
    match value.as_str() {
        Some(text) => out.write_str(text),
        None if value.is_none() || value.is_undefined() => Ok(()),
        None => write_json(out, value),
    }
}

pub(super) fn write_json(out: &mut impl std::fmt::Write, value: &Value) -> std::fmt::Result {
    serde_json::to_writer(Characters(out), value).map_err(|_| std::fmt::Error)
}

/// JSON goes into a writer of characters.
struct Characters<'a, W>(&'a mut W);

impl<W: std::fmt::Write> io::Write for Characters<'_, W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        // serde_json writes whole characters.
        let text = std::str::from_utf8(bytes).map_err(io::Error::other)?;
        self.0.write_str(text).map_err(io::Error::other)?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// What was written, which has an end.
pub(super) struct Bounded {
    pub bytes: Vec<u8>,
    pub is_full: bool,
    bytes_max: usize,
}

impl Default for Bounded {
    fn default() -> Self {
        Self::new(OUTPUT_BYTES_MAX)
    }
}

impl Bounded {
    /// Takes at most so many bytes.
    pub fn new(bytes_max: usize) -> Self {
        Self {
            bytes: Vec::new(),
            is_full: false,
            bytes_max,
        }
    }

    fn add(&mut self, bytes: &[u8]) -> bool {
        self.is_full |= self.bytes.len() + bytes.len() > self.bytes_max;
        if !self.is_full {
            self.bytes.extend_from_slice(bytes);
        }
        !self.is_full
    }
}

impl io::Write for Bounded {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self.add(bytes) {
            true => Ok(bytes.len()),
            false => Err(io::Error::other("too long")),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl std::fmt::Write for Bounded {
    fn write_str(&mut self, text: &str) -> std::fmt::Result {
        match self.add(text.as_bytes()) {
            true => Ok(()),
            false => Err(std::fmt::Error),
        }
    }
}

/// What the filters of one render have made together.
#[derive(Clone, Default)]
struct Made(Arc<AtomicUsize>);

impl Made {
    fn text(&self, text: String) -> Result<String, Error> {
        let before = self.0.fetch_add(text.len(), Ordering::Relaxed);
        match before.saturating_add(text.len()) > MADE_BYTES_MAX {
            true => Err(too_much()),
            false => Ok(text),
        }
    }
}

fn invalid(what: &'static str) -> Error {
    Error::new(ErrorKind::InvalidOperation, what)
}

pub(super) fn too_much() -> Error {
    invalid("it becomes too long")
}
