//! Members of rows: columns, and what is read out of JSON.

use super::{
    ColumnKind, JsonColumn, Translator,
    dialect::Dialect,
    fragment::Fragment,
    value::{Origin, Shape, Value},
};
use crate::domain::expression::{Expr, Kind};

/// How deep a member of JSON may be.
const PATH_MAX: usize = 8;

/// Members of JSON that were asked for; each is read once for a row, under the name `j.m0`, `j.m1`, ….
#[derive(Debug, Default)]
pub(super) struct Paths {
    all: Vec<(Vec<String>, Fragment)>,
    /// Something of it was used.
    pub(super) used: bool,
}

impl Paths {
    fn named(&mut self, path: Vec<String>, read: impl FnOnce(&[String]) -> Fragment) -> Fragment {
        self.used = true;
        let known = self.all.iter().position(|(known, _)| *known == path);
        let number = known.unwrap_or_else(|| {
            let sql = read(&path);
            self.all.push((path, sql));
            self.all.len() - 1
        });
        Fragment::text(format!("j.m{number}"))
    }

    /// A condition on such members, as a condition on the row.
    pub(super) fn around(&self, condition: &Fragment, dialect: Dialect) -> Fragment {
        let members = self.all.iter().enumerate();
        let members = members.map(|(number, (_, sql))| Fragment::fill(&format!("@ AS m{number}"), &[sql]));
        let mut list = Fragment::default();
        for (number, member) in members.enumerate() {
            if number > 0 {
                list.append(&Fragment::text(", "));
            }
            list.append(&member);
        }
        // So that each is worked out once: PostgreSQL would else put the text in for the name; SQLite does that only with a FROM.
        dialect.fill(
            "(SELECT @ FROM (SELECT @) AS j)",
            "(SELECT @ FROM (SELECT @ OFFSET 0) AS j)",
            &[condition, &list],
        )
    }
}

impl Translator<'_> {
    pub(super) fn member(&mut self, of: Option<&Expr>, name: &str) -> Option<Value> {
        let mut names = vec![name];
        let mut next = of;
        while let Some(expr) = next {
            match &expr.kind {
                Kind::Member { of, name } => {
                    names.push(name);
                    next = of.as_deref();
                }
                Kind::It => next = None,
                _ => return None,
            }
        }
        names.reverse();
        match names.as_slice() {
            [] => None,
            [name] => self.of_row(name),
            // Columns hold no objects.
            [first, ..] if self.column_named(first).is_some() => Some(Value::null()),
            [first, rest @ ..] => match &self.source.json {
                None => Some(Value::null()),
                Some(json) if is_whole(json, first) => self.of_json(rest),
                Some(_) => self.of_json(&names),
            },
        }
    }

    fn column_named(&self, name: &str) -> Option<(&'static str, ColumnKind)> {
        let mut columns = self.source.columns.iter();
        let column = columns.find(|column| column.name.eq_ignore_ascii_case(name))?;
        Some((column.sql, column.kind))
    }

    fn of_row(&mut self, name: &str) -> Option<Value> {
        if let Some((sql, kind)) = self.column_named(name) {
            return Some(self.column(sql, kind));
        }
        match &self.source.json {
            None => Some(Value::null()),
            Some(json) if is_whole(json, name) => {
                let sql = Fragment::text(json.sql);
                let sql = self.dialect.fill(
                    "CASE WHEN substr(@, 1, 1) = '{' THEN x'01' WHEN @ IS NOT NULL THEN x'00' END",
                    "CASE WHEN left(@, 1) = '{' THEN 'o' WHEN @ IS NOT NULL THEN 'd' END",
                    &[&sql, &sql],
                );
                Some(self.dialect.carried(sql))
            }
            Some(_) => self.of_json(&[name]),
        }
    }

    fn column(&self, sql: &'static str, kind: ColumnKind) -> Value {
        let text = Fragment::text(sql);
        match kind {
            ColumnKind::Text => Value::new(Shape::Text, text),
            ColumnKind::Whole => Value::whole(text),
            ColumnKind::Bool => Value::new(Shape::Bool, text),
            ColumnKind::Time => Value::new(Shape::Time, text),
            ColumnKind::Uuid => Value {
                origin: Origin::Uuid(sql),
                ..Value::new(Shape::Text, self.dialect.uuid_text(sql))
            },
            ColumnKind::Word(words) => {
                let mut cases = Fragment::text(format!("CASE {sql}"));
                for (number, word) in words {
                    cases.append(&Fragment::fill(
                        &format!(" WHEN {number} THEN @"),
                        &[&Fragment::value(*word)],
                    ));
                }
                cases.append(&Fragment::text(" END"));
                Value {
                    origin: Origin::Word(sql, words),
                    ..Value::new(Shape::Text, cases)
                }
            }
        }
    }

    fn of_json(&mut self, names: &[&str]) -> Option<Value> {
        let json = self.source.json.as_ref()?;
        let path: Vec<String> = names.iter().map(|name| name.to_ascii_lowercase()).collect();
        // SQLite gives the items of a list names that are numbers.
        let readable = |name: &String| {
            self.dialect.takes(name) && !name.is_empty() && !name.bytes().all(|byte| byte.is_ascii_digit())
        };
        if path.len() > PATH_MAX || !path.iter().all(readable) {
            return None;
        }
        let (dialect, column) = (self.dialect, json.sql);
        let sql = self.paths.named(path, |path| match dialect {
            Dialect::Sqlite => read_sqlite(column, path),
            Dialect::Postgres => read_postgres(column, path),
        });
        Some(dialect.carried(sql))
    }
}

fn is_whole(json: &JsonColumn, name: &str) -> bool {
    json.whole.is_some_and(|whole| whole.eq_ignore_ascii_case(name))
}

impl Dialect {
    fn uuid_text(self, sql: &str) -> Fragment {
        let part = |from: u8, count: u8| format!("substr(hex({sql}), {from}, {count})");
        match self {
            Self::Sqlite => Fragment::text(format!(
                "CASE WHEN {sql} IS NOT NULL THEN lower({} || '-' || {} || '-' || {} || '-' || {} || '-' || {}) END",
                part(1, 8),
                part(9, 4),
                part(13, 4),
                part(17, 4),
                part(21, 12)
            )),
            Self::Postgres => Fragment::text(format!("({sql})::text")),
        }
    }
}

/// Two members whose names differ in case only are doubtful, as is a number that is read with more digits than all readers agree on.
fn read_sqlite(column: &str, path: &[String]) -> Fragment {
    let last = path.len();
    let mark = format!(
        "CASE m{last}.type WHEN 'text' THEN m{last}.atom WHEN 'true' THEN 1 WHEN 'false' THEN 0 \
         WHEN 'integer' THEN CASE typeof(m{last}.atom) WHEN 'integer' THEN CAST(m{last}.atom AS REAL) ELSE x'00' END \
         WHEN 'real' THEN CASE WHEN length(replace(replace(m{last}.json -> m{last}.fullkey, '.', ''), '-', '')) <= 15 \
         AND (m{last}.json -> m{last}.fullkey) NOT GLOB '*[eE]*' THEN m{last}.atom ELSE x'00' END \
         WHEN 'object' THEN x'01' WHEN 'array' THEN x'02' END"
    );
    let mut sql = Fragment::text(format!(
        "CASE WHEN {column} IS NULL THEN NULL WHEN NOT json_valid({column}) OR instr({column}, '\\u0000') > 0 THEN x'00' \
         ELSE (SELECT CASE WHEN count(*) > 1 THEN x'00' ELSE max({mark}) END FROM json_each({column}) AS m1"
    ));
    for (level, name) in path.iter().enumerate().skip(1) {
        let own = level + 1;
        let join = format!(
            " LEFT JOIN json_each(CASE m{level}.type WHEN 'object' THEN m{level}.value END) AS m{own} ON lower(m{own}.key) = @"
        );
        sql.append(&Fragment::fill(&join, &[&Fragment::value(name.as_str())]));
    }
    let first = path.first().map_or("", String::as_str);
    sql.append(&Fragment::fill(
        " WHERE lower(m1.key) = @) END",
        &[&Fragment::value(first)],
    ));
    sql
}

/// `json`, not `jsonb`: it refuses neither huge numbers nor what stands in members that nobody asks for, except escapes that are no
/// characters, and what is too deep.
fn read_postgres(column: &str, path: &[String]) -> Fragment {
    let last = path.len();
    let text = format!("(m{last}.value #>> '{{}}')");
    let mark = format!(
        "CASE json_typeof(m{last}.value) WHEN 'string' THEN 't' || {text} \
         WHEN 'boolean' THEN CASE {text} WHEN 'true' THEN 'bt' ELSE 'bf' END \
         WHEN 'number' THEN CASE WHEN {text} ~ '^-?([0-9]{{1,19}}|(?=[0-9.]{{1,16}}$)[0-9]+[.][0-9]+)$' THEN 'n' || {text} ELSE 'd' END \
         WHEN 'object' THEN 'o' WHEN 'array' THEN 'a' END"
    );
    let object = |sql: &str| format!("json_each(CASE json_typeof({sql}) WHEN 'object' THEN {sql} END)");
    let mut sql = Fragment::text(format!(
        "CASE WHEN {column} IS NULL THEN NULL \
         WHEN strpos({column}, '\\u0000') > 0 OR strpos({column}, '\\ud') > 0 OR strpos({column}, '\\uD') > 0 \
         OR (octet_length({column}) > 4000 \
         AND octet_length({column}) - octet_length(translate({column}, '[{{', '')) > 2000) THEN 'd' \
         ELSE (SELECT CASE WHEN count(*) > 1 THEN 'd' ELSE min({mark}) END FROM {} AS m1",
        object(&format!("{column}::json"))
    ));
    for (level, name) in path.iter().enumerate().skip(1) {
        let own = level + 1;
        let join = format!(
            " LEFT JOIN LATERAL {} AS m{own} ON lower(m{own}.key COLLATE \"C\") = @",
            object(&format!("m{level}.value"))
        );
        sql.append(&Fragment::fill(&join, &[&Fragment::value(name.as_str())]));
    }
    let first = path.first().map_or("", String::as_str);
    sql.append(&Fragment::fill(
        " WHERE lower(m1.key COLLATE \"C\") = @) END",
        &[&Fragment::value(first)],
    ));
    sql
}
