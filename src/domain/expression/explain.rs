//! Why a row meets a condition or does not: the parts of the text, and what each of them is worth.

use std::{collections::HashSet, io};

use jiff::{SignedDuration, Timestamp};
use serde::Serialize;
use serde_json::{Number, Value};

use super::{
    Datum, Expr, Kind, TooMuchWork,
    eval::{Row, Work},
    time,
};

/// Most parts that are told.
pub const PARTS_MAX: usize = 200;
/// Longest value that is told, in bytes of JSON; of a longer one only its beginning, or how much there is.
const VALUE_BYTES_MAX: usize = 1_000;

/// What a condition comes to on a row, and how.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Explained {
    /// Whether the row meets it.
    pub matches: bool,
    /// Each part before the parts that it consists of; at most 200, and none of the conditions on the items of lists.
    pub parts: Vec<Part>,
}

/// A part of a condition.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Part {
    /// As it stands in the text.
    pub expression: String,
    /// What it is worth; times and spans of time as texts, what is long as a text that says so.
    pub value: Value,
}

/// Works a condition out on a row, and its parts.
///
/// # Errors
/// It takes too long on this row.
pub fn explain(text: &str, expr: &Expr, row: &Row<'_>, now: Timestamp) -> Result<Explained, TooMuchWork> {
    let matches = Work::new(row, now).value(expr, None)?.is_met();
    let mut telling = Telling {
        text,
        work: Work::new(row, now),
        told: HashSet::new(),
        parts: Vec::new(),
    };
    // Where the parts alone take too long, those that were told have to do.
    let _ = telling.part(expr);
    Ok(Explained {
        matches,
        parts: telling.parts,
    })
}

struct Telling<'a> {
    text: &'a str,
    work: Work<'a>,
    told: HashSet<&'a str>,
    parts: Vec<Part>,
}

impl<'a> Telling<'a> {
    /// Tells of a part and of what it consists of.
    fn part(&mut self, expr: &'a Expr) -> Result<(), TooMuchWork> {
        if self.parts.len() >= PARTS_MAX {
            return Ok(());
        }
        let text = self.text.get(expr.span.start..expr.span.end).unwrap_or_default();
        // What is written in the text says itself what it is worth.
        let is_told = !matches!(expr.kind, Kind::Literal(_) | Kind::It) && !text.is_empty();
        if is_told && self.told.insert(text) {
            let value = shown(&self.work.value(expr, None)?);
            self.parts.push(Part {
                expression: text.to_owned(),
                value,
            });
        }
        self.inner(expr)
    }

    fn inner(&mut self, expr: &'a Expr) -> Result<(), TooMuchWork> {
        match &expr.kind {
            // A path is one thing, and its items are not the row's.
            Kind::Member { of: Some(of), .. } if is_path(of) => Ok(()),
            Kind::Query { list, .. } => self.part(list),
            Kind::And(..) | Kind::Or(..) => {
                for part in expr.parts() {
                    let is_same = std::mem::discriminant(&part.kind) == std::mem::discriminant(&expr.kind);
                    // `a and b and c` is one thing; `a and (b and c)` are two.
                    if is_same && !self.is_in_parentheses(part) {
                        self.inner(part)?;
                    } else {
                        self.part(part)?;
                    }
                }
                Ok(())
            }
            _ => {
                for part in expr.parts() {
                    self.part(part)?;
                }
                Ok(())
            }
        }
    }

    fn is_in_parentheses(&self, expr: &Expr) -> bool {
        let before = self.text.get(..expr.span.start).unwrap_or_default();
        let after = self.text.get(expr.span.end..).unwrap_or_default();
        before.trim_end().ends_with('(') && after.trim_start().starts_with(')')
    }
}

fn is_path(expr: &Expr) -> bool {
    match &expr.kind {
        Kind::It => true,
        Kind::Member { of, .. } => of.as_deref().is_none_or(is_path),
        _ => false,
    }
}

fn shown(value: &Datum<'_>) -> Value {
    match value {
        Datum::Null => Value::Null,
        Datum::Bool(value) => Value::Bool(*value),
        Datum::Number(number) => number_of(*number),
        Datum::Text(text) => Value::String(cut(text)),
        Datum::Time(at) => Value::String(time::show(*at)),
        Datum::Span(micros) => Value::String(SignedDuration::from_micros(*micros).to_string()),
        Datum::List(items) => whole(items).unwrap_or_else(|| format!("a list of {} items", items.len()).into()),
        Datum::Object(members) => {
            whole(members).unwrap_or_else(|| format!("an object of {} members", members.len()).into())
        }
        Datum::Row => "the row".into(),
    }
}

/// Whole numbers as such.
fn number_of(number: f64) -> Value {
    #[expect(clippy::cast_possible_truncation, reason = "it is whole and in the range")]
    if number.fract() == 0.0 && number.abs() < 9e15 {
        return Value::from(number as i64);
    }
    Number::from_f64(number).map_or(Value::Null, Value::Number)
}

fn cut(text: &str) -> String {
    if text.len() <= VALUE_BYTES_MAX {
        return text.to_owned();
    }
    let end = text.floor_char_boundary(VALUE_BYTES_MAX);
    format!("{}… ({} bytes)", text.get(..end).unwrap_or_default(), text.len())
}

/// A value of JSON, if it is short. A long one is not written to its end.
fn whole(value: &impl Serialize) -> Option<Value> {
    let mut short = Short(Vec::new());
    serde_json::to_writer(&mut short, value).ok()?;
    serde_json::from_slice(&short.0).ok()
}

struct Short(Vec<u8>);

impl io::Write for Short {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.0.len() + bytes.len() > VALUE_BYTES_MAX {
            return Err(io::ErrorKind::StorageFull.into());
        }
        self.0.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{super::linq, *};

    fn explained(text: &str, data: &Value) -> Explained {
        let row = Row::of_data(data).with_text("Status", Some("ready"));
        let now = "2026-06-15T12:30:00Z".parse().unwrap();
        explain(text, &linq::parse(text).unwrap(), &row, now).unwrap()
    }

    fn told(text: &str, data: &Value) -> Vec<(String, Value)> {
        let parts = explained(text, data).parts.into_iter();
        parts.map(|part| (part.expression, part.value)).collect()
    }

    #[test]
    fn each_part_stands_as_in_the_text() {
        let data = json!({ "Amount": 900, "Customer": { "Country": "NO" }, "Lines": [{ "A": 1 }] });
        let text = "Status == \"ready\" and Amount > 1000 and Customer.Country in (\"NO\",\"SE\")";
        assert!(!explained(text, &data).matches);
        let expected = [
            (text, json!(false)),
            ("Status == \"ready\"", json!(true)),
            ("Status", json!("ready")),
            ("Amount > 1000", json!(false)),
            ("Amount", json!(900)),
            ("Customer.Country in (\"NO\",\"SE\")", json!(true)),
            ("Customer.Country", json!("NO")),
        ];
        assert_eq!(
            told(text, &data),
            expected.map(|(text, value)| (text.to_owned(), value))
        );
        for (text, expected) in [
            ("true", vec![]),
            (
                "!(Amount > 5)",
                vec![
                    ("!(Amount > 5)", json!(false)),
                    ("Amount > 5", json!(true)),
                    ("Amount", json!(900)),
                ],
            ),
            (
                "Gone or (Status == null or Gone)",
                vec![
                    ("Gone or (Status == null or Gone)", json!(false)),
                    ("Gone", json!(null)),
                    ("Status == null or Gone", json!(false)),
                    ("Status == null", json!(false)),
                    ("Status", json!("ready")),
                ],
            ),
            (
                "Lines.Any(A > 1) == false",
                vec![
                    ("Lines.Any(A > 1) == false", json!(true)),
                    ("Lines.Any(A > 1)", json!(false)),
                    ("Lines", json!([{ "A": 1 }])),
                ],
            ),
            (
                "(DateTime.UtcNow - DateTime.Today).TotalHours / 2 > 6",
                vec![
                    ("(DateTime.UtcNow - DateTime.Today).TotalHours / 2 > 6", json!(true)),
                    ("(DateTime.UtcNow - DateTime.Today).TotalHours / 2", json!(6.25)),
                    ("(DateTime.UtcNow - DateTime.Today).TotalHours", json!(12.5)),
                    ("DateTime.UtcNow - DateTime.Today", json!("PT12H30M")),
                    ("DateTime.UtcNow", json!("2026-06-15T12:30:00Z")),
                    ("DateTime.Today", json!("2026-06-15T00:00:00Z")),
                ],
            ),
        ] {
            let expected: Vec<_> = expected
                .into_iter()
                .map(|(text, value)| (text.to_owned(), value))
                .collect();
            assert_eq!(told(text, &data), expected, "{text}");
        }
    }

    #[test]
    fn what_is_told_is_bounded() {
        let data = json!({ "Text": "å".repeat(5_000), "List": vec![7; 5_000], "Object": { "a": "x".repeat(2_000) } });
        let text = "Text == 1 or List == 1 or Object == 1";
        let all = told(text, &data);
        assert!(all[2].1.as_str().unwrap().ends_with("å… (10000 bytes)"));
        assert_eq!(all[4].1, json!("a list of 5000 items"));
        assert_eq!(all[6].1, json!("an object of 1 members"));
        let many: Vec<_> = (0..400).map(|index| format!("m{index}")).collect();
        assert_eq!(told(&many.join(" or "), &data).len(), PARTS_MAX);
    }
}
