//! A row that a person wrote as a JSON object, to try a filter on.

use serde_json::{Map, Value};

use super::{
    Datum, Row,
    schema::{Schema, Type},
    time,
};
use crate::domain::validate::FieldError;

/// A row as somebody gave it: fixed members, and all others as its data.
#[derive(Debug, Clone)]
pub struct Item {
    fixed: Vec<(&'static str, Type, Value)>,
    data: Option<Value>,
}

impl Item {
    /// Reads an object: the fixed members of the schema by their names in any case; `Data` is the data, and so are all others.
    ///
    /// # Errors
    /// No object, fixed members of a wrong kind or twice, members that the schema has not.
    pub fn read(field: &str, item: &Value, schema: &Schema) -> Result<Self, Vec<FieldError>> {
        let Value::Object(members) = item else {
            return Err(vec![FieldError::new(
                field,
                "must be an object with the members of a row",
            )]);
        };
        let mut problems = Vec::new();
        let mut fixed: Vec<(&'static str, Type, Value)> = Vec::new();
        let mut data = Map::new();
        let mut others = Map::new();
        for (name, value) in members {
            let mut wrong = |message: String| problems.push(FieldError::new(format!("{field}.{name}"), message));
            match schema.fixed_member(name) {
                Some((known, _)) if fixed.iter().any(|(there, ..)| *there == known) => {
                    wrong(format!("{known} is given twice"));
                }
                Some((_, kind)) if !is_of(kind, value) => wrong(format!("must be {}, or null", form(kind))),
                Some((known, kind)) => fixed.push((known, kind, value.clone())),
                None if !schema.has_data() => wrong("there is no such member".to_owned()),
                None if name.eq_ignore_ascii_case("Data") => match value {
                    Value::Object(members) => data.extend(members.clone()),
                    Value::Null => {}
                    _ => wrong("must be an object".to_owned()),
                },
                None => {
                    others.insert(name.clone(), value.clone());
                }
            }
        }
        if !problems.is_empty() {
            return Err(problems);
        }
        // What stands in Data says more clearly what it is.
        for (name, value) in others {
            data.entry(name).or_insert(value);
        }
        let data = schema.has_data().then_some(Value::Object(data));
        Ok(Self { fixed, data })
    }

    /// As a row.
    #[must_use]
    pub fn row(&self) -> Row<'_> {
        let row = self.data.as_ref().map_or_else(Row::without_data, Row::of_data);
        self.fixed.iter().fold(row, |row, (name, kind, value)| {
            let value = match (kind, value) {
                (Type::Time, Value::String(text)) => Datum::time(time::read(text)),
                _ => Datum::of_json(value),
            };
            row.with(name, value)
        })
    }
}

/// Whether a value of JSON can be a member of a kind.
fn is_of(kind: Type, value: &Value) -> bool {
    match (kind, value) {
        (_, Value::Null)
        | (Type::Dynamic, _)
        | (Type::Bool, Value::Bool(_))
        | (Type::Number, Value::Number(_))
        | (Type::Text, Value::String(_))
        | (Type::List, Value::Array(_))
        | (Type::Object, Value::Object(_)) => true,
        (Type::Time, Value::String(text)) => time::read(text).is_some(),
        _ => false,
    }
}

const fn form(kind: Type) -> &'static str {
    match kind {
        Type::Time => "a time such as \"2026-01-31T12:00:00Z\"",
        kind => kind.words(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn members_are_fixed_ones_or_data() {
        let schema = Schema::transactions();
        let given = json!({
            "status": "ready", "CreatedAt": "2026-01-31T10:00:00Z", "CommittedAt": null, "Amount": 5, "Twice": "outside",
            "Data": { "Status": "inside", "Twice": "inside" }
        });
        let item = Item::read("item", &given, &schema).unwrap();
        let row = item.row();
        assert_eq!(row.member("Status"), Datum::text("ready"));
        assert_eq!(row.member("createdat"), Datum::time(time::read("2026-01-31T10:00:00Z")));
        assert_eq!(row.member("CommittedAt"), Datum::Null);
        assert_eq!(row.member("Amount"), Datum::Number(5.0));
        assert_eq!(row.member("Twice"), Datum::text("inside"));
        assert_eq!(row.member("Id"), Datum::Null);
        assert!(matches!(row.member("Data"), Datum::Object(data) if data.len() == 3));
    }

    #[test]
    fn what_is_no_row_is_refused() {
        let closed = Schema::without_data(vec![("Name", Type::Text)]);
        for (schema, item, field, message) in [
            (Schema::transactions(), json!([]), "item", "must be an object"),
            (
                Schema::transactions(),
                json!({ "Status": 5 }),
                "item.Status",
                "must be a text, or null",
            ),
            (
                Schema::transactions(),
                json!({ "CreatedAt": "soon" }),
                "item.CreatedAt",
                "must be a time such as",
            ),
            (
                Schema::records(),
                json!({ "version": "1" }),
                "item.version",
                "must be a number",
            ),
            (
                Schema::records(),
                json!({ "KEY": "a", "Key": "b" }),
                "item.Key",
                "given twice",
            ),
            (
                Schema::records(),
                json!({ "Data": [] }),
                "item.Data",
                "must be an object",
            ),
            (closed, json!({ "Other": 1 }), "item.Other", "no such member"),
        ] {
            let problems = Item::read("item", &item, &schema).unwrap_err();
            assert_eq!(problems[0].field, field);
            assert!(problems[0].message.contains(message), "{problems:?}");
        }
    }
}
