//! Tests that conditions of SQL and the evaluator agree, on SQLite and PostgreSQL: random rows, random expressions, fixed seed.

use std::collections::BTreeSet;

use proptest::{
    prelude::*,
    strategy::ValueTree,
    test_runner::{Config, RngAlgorithm, TestRng, TestRunner},
};
use sea_orm::{ConnectOptions, ConnectionTrait, Database, DatabaseConnection, Statement};
use uuid::Uuid;

use super::*;
use crate::domain::expression::{Datum, Row, linq, matches};

mod expressions;
#[path = "../../../tests/it/support/postgres.rs"]
#[expect(dead_code, reason = "other tests use all of it")]
mod postgres;
mod rows;

use expressions::expressions;
use rows::{KEYS, hostile, samples};

const WORDS: &[(i64, &str)] = &[(0, "preparation"), (1, "ready"), (2, "discarded")];
const NOW: &str = "2026-11-22T12:34:56.789Z";
const ROWS: usize = 200;
const EXPRESSIONS: usize = 600;

/// A row as the table has it.
#[derive(Clone, Debug)]
struct Sample {
    name: Option<String>,
    count: Option<i64>,
    flag: Option<bool>,
    at: Option<i64>,
    until: Option<i64>,
    uid: Option<Uuid>,
    status: i64,
    data: Option<String>,
}

fn source(with_json: bool) -> Source {
    let column = |name, sql, kind| Column { name, sql, kind };
    Source {
        columns: vec![
            column("Name", "t.name", ColumnKind::Text),
            column("Count", "t.\"count\"", ColumnKind::Whole),
            column("Flag", "t.flag", ColumnKind::Bool),
            column("At", "t.at", ColumnKind::Time),
            column("Until", "t.until", ColumnKind::Time),
            column("Uid", "t.uid", ColumnKind::Uuid),
            column("Status", "t.status", ColumnKind::Word(WORDS)),
        ],
        json: with_json.then_some(JsonColumn {
            sql: "t.data",
            whole: Some("Data"),
        }),
    }
}

impl Sample {
    fn matches(&self, expr: &Expr, with_json: bool, parsed: Option<&serde_json::Value>) -> bool {
        let uid = self.uid.map(|uid| uid.to_string());
        let row = match parsed {
            Some(data) if with_json => Row::of_data(data),
            _ => Row::without_data(),
        };
        let number = |number: Option<i64>| number.map_or(Datum::Null, |number| Datum::Number(number as f64));
        let time = |micros: Option<i64>| micros.map_or(Datum::Null, Datum::Time);
        let word = WORDS.iter().find(|word| word.0 == self.status).map(|word| word.1);
        let row = row
            .with_text("Name", self.name.as_deref())
            .with("Count", number(self.count))
            .with("Flag", self.flag.map_or(Datum::Null, Datum::Bool))
            .with("At", time(self.at))
            .with("Until", time(self.until))
            .with_text("Uid", uid.as_deref())
            .with_text("Status", word);
        matches(expr, &row, now()).unwrap()
    }

    /// The evaluator cannot read it, or readers may differ.
    fn is_odd(&self) -> bool {
        let Some(data) = &self.data else { return false };
        let digits = |text: &str| {
            let mut longest = 0;
            let mut length = 0;
            for byte in text.bytes() {
                length = if byte.is_ascii_digit() || byte == b'.' {
                    length + 1
                } else {
                    0
                };
                longest = longest.max(length);
            }
            longest > 15
        };
        let exponent = |text: &str| {
            text.as_bytes()
                .windows(2)
                .any(|two| two[0].is_ascii_digit() && (two[1] == b'e' || two[1] == b'E'))
        };
        let twice = KEYS.iter().any(|key| {
            let lower = data.to_ascii_lowercase();
            lower.matches(&format!("\"{}\":", key.to_ascii_lowercase())).count() > 1
        });
        !data.starts_with('{')
            || digits(data)
            || exponent(data)
            || twice
            || data.contains("\\u")
            || data.len() > 4_000
            || !data.is_ascii()
    }
}

fn now() -> Timestamp {
    NOW.parse().unwrap()
}

// ---- the table

async fn table(url: &str, samples: &[Sample]) -> DatabaseConnection {
    let mut options = ConnectOptions::new(url);
    options.max_connections(1).sqlx_logging(false);
    let db = Database::connect(options).await.unwrap();
    let backend = db.get_database_backend();
    let uuid = if backend == DbBackend::Postgres { "uuid" } else { "blob" };
    let create = format!(
        "CREATE TABLE t (id bigint PRIMARY KEY, name text, \"count\" bigint, flag boolean, at bigint, until bigint, uid {uuid}, \
         status smallint, data text)"
    );
    db.execute_unprepared(&create).await.unwrap();
    for (id, row) in samples.iter().enumerate() {
        let values: Vec<sea_orm::Value> = vec![
            (id as i64).into(),
            row.name.clone().into(),
            row.count.into(),
            row.flag.into(),
            row.at.into(),
            row.until.into(),
            row.uid.into(),
            (row.status as i16).into(),
            row.data.clone().into(),
        ];
        let insert = "INSERT INTO t VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)";
        db.execute_raw(Statement::from_sql_and_values(backend, insert, values))
            .await
            .unwrap();
    }
    db
}

async fn found(db: &DatabaseConnection, translated: &Translated) -> Result<BTreeSet<usize>, String> {
    let backend = db.get_database_backend();
    let (sql, values) = translated.sql.render(backend, 0);
    let sql = format!("SELECT t.id FROM t WHERE {sql}");
    let rows = db
        .query_all_raw(Statement::from_sql_and_values(backend, &sql, values.clone()))
        .await;
    let rows = rows.map_err(|error| format!("{error}\n{sql}\n{values:?}"))?;
    Ok(rows
        .iter()
        .map(|row| row.try_get::<i64>("", "id").unwrap() as usize)
        .collect())
}

fn draw<T>(runner: &mut TestRunner, strategy: &impl Strategy<Value = T>, count: usize) -> Vec<T> {
    (0..count)
        .map(|_| strategy.new_tree(runner).unwrap().current())
        .collect()
}

fn runner() -> TestRunner {
    let seed = std::env::var("SEED")
        .ok()
        .and_then(|seed| seed.parse().ok())
        .unwrap_or(7);
    TestRunner::new_with_rng(Config::default(), TestRng::from_seed(RngAlgorithm::ChaCha, &[seed; 32]))
}

async fn agree(url: &str, samples: &[Sample], expressions: &[Expr], with_json: bool) {
    let db = table(url, samples).await;
    let parsed: Vec<Option<Option<serde_json::Value>>> = samples
        .iter()
        .map(|row| match &row.data {
            None => Some(None),
            Some(data) => serde_json::from_str(data).ok().map(Some),
        })
        .collect();
    let source = source(with_json);
    let (mut exact, mut complete, mut wrong) = (0, 0, Vec::new());
    for expr in expressions {
        let translated = translate(expr, &source, db.get_database_backend(), now());
        exact += usize::from(translated.exact);
        complete += usize::from(translated.complete);
        let found = match found(&db, &translated).await {
            Ok(found) => found,
            Err(error) => {
                wrong.push(format!("{expr:?}\n{error}"));
                continue;
            }
        };
        for (number, row) in samples.iter().enumerate() {
            // What the evaluator cannot read it never meets.
            let Some(parsed) = &parsed[number] else { continue };
            let is_met = row.matches(expr, with_json, parsed.as_ref());
            let same = translated.exact || (translated.complete && !row.is_odd());
            let is_found = found.contains(&number);
            if (is_met && !is_found) || (same && is_found && !is_met) {
                let (sql, values) = translated.sql.render(db.get_database_backend(), 0);
                wrong.push(format!(
                    "{expr:?}\nmet: {is_met}, found: {is_found}, exact: {}\n{row:?}\n{sql}\n{values:?}",
                    translated.exact
                ));
                break;
            }
        }
    }
    let count = expressions.len();
    eprintln!(
        "{count} expressions: {exact} exact, {complete} complete, {} wrong",
        wrong.len()
    );
    wrong.sort_by_key(String::len);
    wrong.truncate(4);
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
    assert!(
        count < 100 || (exact * 10 > count && complete * 3 > count),
        "too little is translated"
    );
    db.close().await.unwrap();
}

#[tokio::test]
async fn random_rows_give_the_same_answers_in_every_database() {
    let mut runner = runner();
    let rows = draw(&mut runner, &samples(), ROWS);
    let random = draw(&mut runner, &expressions(3), EXPRESSIONS);
    postgres::for_each_database(|url| {
        let (rows, random) = (rows.clone(), random.clone());
        async move { agree(&url, &rows, &random, true).await }
    })
    .await;
}

#[tokio::test]
async fn columns_alone_give_the_same_answers_in_every_database() {
    let mut runner = runner();
    let rows = draw(&mut runner, &samples(), ROWS);
    let random = draw(&mut runner, &expressions(3), EXPRESSIONS);
    postgres::for_each_database(|url| {
        let (rows, random) = (rows.clone(), random.clone());
        async move { agree(&url, &rows, &random, false).await }
    })
    .await;
}

#[tokio::test]
async fn hostile_rows_break_no_statement() {
    let mut runner = runner();
    let random = draw(&mut runner, &expressions(2), 120);
    postgres::for_each_database(|url| {
        let random = random.clone();
        async move { agree(&url, &hostile(), &random, true).await }
    })
    .await;
}

/// What the parser lets through at its limits, no database refuses.
#[tokio::test]
async fn the_largest_filters_break_no_statement() {
    let nested = |before: &str, inner: &str, after: &str, count: usize| {
        format!("{}{inner}{}", before.repeat(count), after.repeat(count))
    };
    let list = |part: &str, between: &str, count: usize| vec![part; count].join(between);
    let mut filters = vec![
        nested("!(", "Amount > 1", ")", 28),
        format!("{} > 5", nested("(", "Amount", " + 1)", 28)),
        format!("{} > 5", nested("(Count / ", "Amount", ")", 28)),
        nested("iif(Amount > 1, ", "Flag", ", Flag)", 28),
        nested("iif(", "Flag", ", Amount > 1, Text == \"a\")", 20),
        format!("{} == 1", nested("(Amount ?? ", "Count", ")", 28)),
        format!("{} == \"a\"", nested("", "Text", ".Trim().ToLower()", 12)),
        list("Flag", " or ", 900),
        list("Amount == 1", " or ", 450),
        list("Amount != 1", " and ", 450),
        list("Data.Customer.Country.Amount != Text", " and ", 180),
        format!("Amount in ({})", list("1", ",", 900)),
        format!("Name in ({})", list("\"NO\"", ",", 900)),
    ];
    filters.push(
        (0..300)
            .map(|number| format!("M{number} == {number}"))
            .collect::<Vec<_>>()
            .join(" or "),
    );
    let parsed: Vec<Expr> = filters
        .iter()
        .map(|filter| linq::parse(filter).unwrap_or_else(|problem| panic!("{filter}: {}", problem.told(filter))))
        .collect();
    let rows = draw(&mut runner(), &samples(), 20);
    postgres::for_each_database(|url| {
        let (rows, parsed) = (rows.clone(), parsed.clone());
        async move { agree(&url, &rows, &parsed, true).await }
    })
    .await;
}
