//! The query language of the fake QuickBooks: enough of it to refuse what the real one refuses.

use jiff::Timestamp;
use serde_json::Value;

/// Entities with a path of their own name in lower case.
const ENTITIES: [&str; 8] = [
    "Customer",
    "Vendor",
    "Item",
    "Account",
    "Invoice",
    "Bill",
    "Payment",
    "BillPayment",
];
/// Most records of one page.
const RESULTS_MAX: u64 = 1_000;

/// A statement that was understood.
pub struct Statement {
    pub entity: String,
    conditions: Vec<Condition>,
    order: Option<String>,
    pub start: u64,
    results: u64,
}

struct Condition {
    path: String,
    operator: String,
    values: Vec<String>,
}

/// The entity of a path.
pub fn entity_at(path: &str) -> Option<&'static str> {
    ENTITIES.into_iter().find(|entity| entity.to_ascii_lowercase() == path)
}

/// Entities that are made inactive instead of deleted.
pub fn has_active(entity: &str) -> bool {
    ["Customer", "Vendor", "Item", "Account"].contains(&entity)
}

/// A member that is a time.
pub fn time(object: &Value, path: &str) -> Option<Timestamp> {
    member(object, path)?.as_str()?.parse().ok()
}

fn member<'a>(object: &'a Value, path: &str) -> Option<&'a Value> {
    path.split('.').try_fold(object, |value, name| value.get(name))
}

impl Statement {
    /// Reads a statement.
    pub fn parse(text: &str) -> Result<Statement, String> {
        let tokens = tokens(text)?;
        let mut tokens = tokens.iter().map(String::as_str).peekable();
        let mut expect = |wanted: &str| match tokens.next() {
            Some(token) if token.eq_ignore_ascii_case(wanted) => Ok(()),
            other => Err(format!("expected {wanted}, but found {other:?}")),
        };
        expect("SELECT")?;
        expect("*")?;
        expect("FROM")?;
        let entity = tokens.next().ok_or("no entity")?.to_owned();
        if !ENTITIES.contains(&entity.as_str()) {
            return Err(format!("QueryValidationError: invalid context declaration: {entity}"));
        }
        let mut statement = Statement {
            entity,
            conditions: Vec::new(),
            order: None,
            start: 1,
            results: 100,
        };
        while let Some(word) = tokens.next() {
            match word.to_ascii_uppercase().as_str() {
                "WHERE" | "AND" => {
                    let path = tokens.next().ok_or("no member")?.to_owned();
                    let operator = tokens.next().ok_or("no operator")?.to_ascii_uppercase();
                    if !["IN", "=", "<", ">", "<=", ">="].contains(&operator.as_str()) {
                        return Err(format!("{operator} is no operator"));
                    }
                    let mut values = vec![tokens.next().ok_or("no value")?.to_owned()];
                    if operator == "IN" {
                        values.extend(tokens.by_ref().take_while(|token| *token != ")").map(str::to_owned));
                        values.retain(|value| value != ",");
                    }
                    statement.conditions.push(Condition { path, operator, values });
                }
                "ORDERBY" => statement.order = tokens.next().map(str::to_owned),
                "STARTPOSITION" => statement.start = number(tokens.next())?,
                "MAXRESULTS" => statement.results = number(tokens.next())?,
                other => return Err(format!("{other} was not expected")),
            }
        }
        if statement.results > RESULTS_MAX || statement.start == 0 {
            return Err("maxResults is at most 1000, startPosition at least 1".to_owned());
        }
        Ok(statement)
    }

    /// The page that it asks for. Without an order nobody knows what comes when: here it is the other way round.
    pub fn run<'a>(&self, objects: Vec<&'a Value>) -> Vec<&'a Value> {
        let names_active = self.conditions.iter().any(|condition| condition.path == "Active");
        let mut found: Vec<&Value> = objects
            .into_iter()
            .filter(|object| names_active || object.get("Active") != Some(&Value::Bool(false)))
            .filter(|object| self.conditions.iter().all(|condition| condition.meets(object)))
            .collect();
        match self.order.as_deref() {
            Some("Id") => found.sort_by_key(|object| object["Id"].as_str().and_then(|id| id.parse::<u64>().ok())),
            Some(path) => found.sort_by_key(|object| time(object, path)),
            None => found.reverse(),
        }
        let skipped = usize::try_from(self.start - 1).unwrap();
        let taken = usize::try_from(self.results).unwrap();
        found.into_iter().skip(skipped).take(taken).collect()
    }
}

impl Condition {
    fn meets(&self, object: &Value) -> bool {
        let Some(value) = member(object, &self.path) else {
            return false;
        };
        let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        let compared =
            self.values.first().map(
                |wanted| match (text.parse::<Timestamp>(), wanted.parse::<Timestamp>()) {
                    (Ok(one), Ok(other)) => one.cmp(&other),
                    _ => text.cmp(wanted),
                },
            );
        match self.operator.as_str() {
            "IN" => self.values.contains(&text),
            "=" => compared.is_some_and(|order| order.is_eq()),
            "<" => compared.is_some_and(|order| order.is_lt()),
            ">" => compared.is_some_and(|order| order.is_gt()),
            "<=" => compared.is_some_and(|order| order.is_le()),
            _ => compared.is_some_and(|order| order.is_ge()),
        }
    }
}

fn number(token: Option<&str>) -> Result<u64, String> {
    token
        .and_then(|token| token.parse().ok())
        .ok_or_else(|| "a number is missing".to_owned())
}

/// Words, quoted texts (a backslash escapes), operators, brackets and commas.
pub fn tokens(text: &str) -> Result<Vec<String>, String> {
    let mut tokens = Vec::new();
    let mut rest = text.chars().peekable();
    while let Some(first) = rest.next() {
        match first {
            c if c.is_whitespace() => {}
            '\'' => {
                let mut value = String::new();
                loop {
                    match rest.next().ok_or("a quote is not closed")? {
                        '\'' => break,
                        '\\' => value.push(rest.next().ok_or("a quote is not closed")?),
                        c => value.push(c),
                    }
                }
                tokens.push(value);
            }
            '(' if tokens.last().is_some_and(|last| last.eq_ignore_ascii_case("IN")) => {}
            '(' | ')' | ',' | '*' | '=' => tokens.push(first.to_string()),
            '<' | '>' => {
                let equal = rest.next_if_eq(&'=').is_some();
                tokens.push(if equal { format!("{first}=") } else { first.to_string() });
            }
            c => {
                let mut word = c.to_string();
                while let Some(c) = rest.next_if(|c| c.is_alphanumeric() || matches!(c, '.' | '_' | '-')) {
                    word.push(c);
                }
                tokens.push(word);
            }
        }
    }
    Ok(tokens)
}
