//! The SuiteQL of the fake NetSuite: columns with TO_CHAR, conditions joined by AND, TO_TIMESTAMP, ORDER BY.

use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use serde_json::{Map, Value, json};

use super::Row;

/// The one format of times that is known here.
const TIME: &str = "YYYY-MM-DD HH24:MI:SS";
/// The column with the time of the last change.
const CHANGED: &str = "lastmodifieddate";

/// A statement that was understood.
pub struct Statement {
    pub table: String,
    all_columns: bool,
    /// Column, format, name.
    texts: Vec<(String, String, String)>,
    conditions: Vec<Condition>,
    order: Option<String>,
}

struct Condition {
    column: String,
    operator: String,
    value: Literal,
}

enum Literal {
    Number(i64),
    Text(String),
    /// In the account's time zone.
    Time(DateTime),
}

/// The tokens that are left.
struct Tokens {
    left: std::vec::IntoIter<Token>,
}

#[derive(Debug, Clone, PartialEq)]
enum Token {
    Word(String),
    Text(String),
    Sign(String),
}

impl Statement {
    /// Reads a statement.
    pub fn parse(text: &str) -> Result<Statement, String> {
        let mut tokens = Tokens::of(text)?;
        tokens.keyword("SELECT")?;
        let (mut all_columns, mut texts) = (None, Vec::new());
        loop {
            let word = tokens.word()?;
            if word.eq_ignore_ascii_case("TO_CHAR") {
                tokens.sign("(")?;
                let column = tokens.word()?;
                tokens.sign(",")?;
                let format = tokens.text()?;
                tokens.sign(")")?;
                tokens.keyword("AS")?;
                texts.push((column, format, tokens.word()?));
            } else {
                // `table.*` is one word.
                let table = word
                    .strip_suffix(".*")
                    .ok_or_else(|| format!("{word} is not known here"))?;
                all_columns = Some(table.to_owned());
            }
            if !tokens.next_is(&Token::Sign(",".to_owned())) {
                break;
            }
        }
        tokens.keyword("FROM")?;
        let table = tokens.word()?;
        if all_columns.as_ref().is_some_and(|of| *of != table) {
            return Err(format!("{all_columns:?} is not {table}"));
        }
        let mut statement = Statement {
            all_columns: all_columns.is_some(),
            texts,
            conditions: Vec::new(),
            order: None,
            table,
        };
        while let Some(token) = tokens.left.next() {
            match token {
                Token::Word(word) if ["WHERE", "AND"].contains(&word.to_ascii_uppercase().as_str()) => {
                    let condition = statement.condition(&mut tokens)?;
                    statement.conditions.push(condition);
                }
                Token::Word(word) if word.eq_ignore_ascii_case("ORDER") => {
                    tokens.keyword("BY")?;
                    statement.order = Some(statement.column(&tokens.word()?)?);
                }
                other => return Err(format!("{other:?} was not expected")),
            }
        }
        for (column, _, _) in &mut statement.texts {
            let name = column.strip_prefix(&format!("{}.", statement.table)).map(str::to_owned);
            *column = name.ok_or_else(|| format!("Unknown identifier {column}"))?;
        }
        Ok(statement)
    }

    fn condition(&self, tokens: &mut Tokens) -> Result<Condition, String> {
        let column = self.column(&tokens.word()?)?;
        let Some(Token::Sign(operator)) = tokens.left.next() else {
            return Err("no operator".to_owned());
        };
        let value = match tokens.left.next() {
            Some(Token::Text(text)) => Literal::Text(text),
            Some(Token::Word(word)) if word == "TO_TIMESTAMP" => {
                tokens.sign("(")?;
                let text = tokens.text()?;
                tokens.sign(",")?;
                if tokens.text()? != TIME {
                    return Err("another format".to_owned());
                }
                tokens.sign(")")?;
                let time = DateTime::strptime("%Y-%m-%d %H:%M:%S", &text);
                Literal::Time(time.map_err(|cause| cause.to_string())?)
            }
            Some(Token::Word(word)) => Literal::Number(word.parse().map_err(|_| format!("{word} is no number"))?),
            other => return Err(format!("{other:?} is no value")),
        };
        Ok(Condition {
            column,
            operator,
            value,
        })
    }

    fn column(&self, name: &str) -> Result<String, String> {
        let own = name.strip_prefix(&format!("{}.", self.table));
        own.map(str::to_owned)
            .ok_or_else(|| format!("Unknown identifier {name}"))
    }

    /// Only rows with greater ids are asked for; 0: all.
    pub fn after(&self) -> u64 {
        let bounds = self.conditions.iter().filter_map(|condition| match &condition.value {
            Literal::Number(last) if condition.column == "id" && condition.operator == ">" => u64::try_from(*last).ok(),
            _ => None,
        });
        bounds.max().unwrap_or(0)
    }

    /// Those rows, given in the order of their ids, that meet the conditions. Without an order nobody knows what comes when: here it is the other way round.
    pub fn run<'a>(&self, rows: Vec<&'a Row>, zone: &TimeZone) -> Vec<&'a Row> {
        let mut found: Vec<&Row> = rows
            .into_iter()
            .filter(|row| self.conditions.iter().all(|condition| condition.meets(row, zone)))
            .collect();
        match self.order.as_deref() {
            // The table is kept in this order.
            Some("id") => {}
            _ => found.reverse(),
        }
        found
    }

    /// A row as it is answered.
    pub fn shown(&self, row: &Row, zone: &TimeZone) -> Value {
        let mut members = Map::from_iter([("links".to_owned(), json!([]))]);
        let local = zone.to_datetime(row.changed_at);
        if self.all_columns {
            members.extend(row.columns.clone());
            // In the format that the user prefers, without the time of day.
            members.insert(CHANGED.to_owned(), json!(local.strftime("%-m/%-d/%Y").to_string()));
        }
        for (column, format, name) in &self.texts {
            let text = match (column.as_str(), format.as_str()) {
                (CHANGED, TIME) => json!(local.strftime("%Y-%m-%d %H:%M:%S").to_string()),
                (column, "YYYY-MM-DD") => match row.columns.get(column).and_then(Value::as_str) {
                    Some(shown) => json!(jiff::civil::Date::strptime("%m/%d/%Y", shown).unwrap().to_string()),
                    None => continue,
                },
                _ => json!("another format"),
            };
            members.insert(name.clone(), text);
        }
        Value::Object(members)
    }
}

impl Condition {
    fn meets(&self, row: &Row, zone: &TimeZone) -> bool {
        let value = row.columns.get(&self.column);
        let order = match &self.value {
            Literal::Number(wanted) => value.and_then(number).map(|value| value.cmp(wanted)),
            Literal::Text(wanted) => value.and_then(Value::as_str).map(|value| value.cmp(wanted)),
            Literal::Time(wanted) => (self.column == CHANGED).then(|| zone.to_datetime(row.changed_at).cmp(wanted)),
        };
        order.is_some_and(|order| match self.operator.as_str() {
            "=" => order.is_eq(),
            ">" => order.is_gt(),
            ">=" => order.is_ge(),
            _ => false,
        })
    }
}

fn number(value: &Value) -> Option<i64> {
    value.as_str().and_then(|text| text.parse().ok())
}

impl Tokens {
    fn of(text: &str) -> Result<Tokens, String> {
        let mut tokens = Vec::new();
        let mut rest = text.chars().peekable();
        while let Some(first) = rest.next() {
            match first {
                c if c.is_whitespace() => {}
                '\'' => {
                    let mut value = String::new();
                    loop {
                        match rest.next().ok_or("a quote is not closed")? {
                            '\'' if rest.next_if_eq(&'\'').is_some() => value.push('\''),
                            '\'' => break,
                            c => value.push(c),
                        }
                    }
                    tokens.push(Token::Text(value));
                }
                '(' | ')' | ',' | '=' => tokens.push(Token::Sign(first.to_string())),
                '<' | '>' => {
                    let equal = rest.next_if_eq(&'=').is_some();
                    tokens.push(Token::Sign(if equal { format!("{first}=") } else { first.to_string() }));
                }
                c => {
                    let mut word = c.to_string();
                    while let Some(c) = rest.next_if(|c| c.is_alphanumeric() || matches!(c, '.' | '_' | '*' | '-')) {
                        word.push(c);
                    }
                    tokens.push(Token::Word(word));
                }
            }
        }
        Ok(Tokens {
            left: tokens.into_iter(),
        })
    }

    fn next_is(&mut self, wanted: &Token) -> bool {
        let is = self.left.as_slice().first() == Some(wanted);
        if is {
            self.left.next();
        }
        is
    }

    fn word(&mut self) -> Result<String, String> {
        match self.left.next() {
            Some(Token::Word(word)) => Ok(word),
            other => Err(format!("expected a name, but found {other:?}")),
        }
    }

    fn text(&mut self) -> Result<String, String> {
        match self.left.next() {
            Some(Token::Text(text)) => Ok(text),
            other => Err(format!("expected a text, but found {other:?}")),
        }
    }

    fn keyword(&mut self, wanted: &str) -> Result<(), String> {
        match self.left.next() {
            Some(Token::Word(word)) if word.eq_ignore_ascii_case(wanted) => Ok(()),
            other => Err(format!("expected {wanted}, but found {other:?}")),
        }
    }

    fn sign(&mut self, wanted: &str) -> Result<(), String> {
        match self.left.next() {
            Some(Token::Sign(sign)) if sign == wanted => Ok(()),
            other => Err(format!("expected {wanted}, but found {other:?}")),
        }
    }
}
