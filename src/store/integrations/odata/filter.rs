//! `$filter` and `$orderby` as SQL, over columns whose types are known, for both databases.
//!
//! The engine's filters of rows (`store/sql_expression`) may let more rows through and have them looked at again; here the database's
//! answer is the answer, since it also counts and pages. Texts are compared by their bytes; `tolower` and `toupper` change what the
//! database's own functions change.

use jiff::Timestamp;
use sea_orm::Value;
use uuid::Uuid;

use super::{source, text::Sql};
use crate::{
    domain::{
        expression::{Comparison, Expr, Function, Kind, Literal, Reckoning},
        odata::{self, EntitySet, EntityType, Link, Type},
    },
    store::{Error, Result},
};

/// Writes expressions on the rows of one set.
pub(super) struct Translator<'a> {
    pub(super) set: EntitySet,
    /// Alias of the rows.
    pub(super) alias: &'a str,
    /// The present time.
    pub(super) now: Timestamp,
}

/// What a time of a row is divided by for days.
const DAY_US: &str = "86400000000";

/// Longest text of an expression: some functions say what they are of several times, so that nesting them grows without end.
const SQL_BYTES_MAX: usize = 64 * 1024;

fn short(text: String) -> Result<String> {
    if text.len() > SQL_BYTES_MAX {
        let message = "The expression is too large for the database; write a simpler one.";
        return Err(Error::TooMany(message.to_owned()));
    }
    Ok(text)
}

fn unchecked(what: &str) -> Error {
    // The expression was checked against the model before; what comes here is our fault.
    Error::Content(format!("{what} in an expression of OData"))
}

impl Translator<'_> {
    fn of(&self) -> &'static EntityType {
        self.set.entity_type()
    }

    fn type_of(&self, expr: &Expr) -> Result<Type> {
        odata::check(self.of(), expr).map_err(|problem| unchecked(&problem.message))
    }

    /// A condition, which may be null for false.
    pub(super) fn condition(&self, expr: &Expr, sql: &mut Sql) -> Result<String> {
        short(self.condition_of(expr, sql)?)
    }

    fn condition_of(&self, expr: &Expr, sql: &mut Sql) -> Result<String> {
        Ok(match &expr.kind {
            Kind::And(left, right) => {
                format!("({} AND {})", self.condition(left, sql)?, self.condition(right, sql)?)
            }
            Kind::Or(left, right) => format!("({} OR {})", self.condition(left, sql)?, self.condition(right, sql)?),
            Kind::Not(inner) => format!("(NOT {})", self.truth(inner, sql)?),
            Kind::Compare(how, left, right) => self.compare(*how, left, right, sql)?,
            Kind::In { value, list } => self.one_of(value, list, sql)?,
            Kind::Literal(Literal::Bool(true)) => "(1 = 1)".to_owned(),
            Kind::Literal(_) => "(1 = 0)".to_owned(),
            Kind::Member { .. } => self.member(expr, sql)?,
            Kind::Call(function, arguments) => self.test(*function, arguments, sql)?,
            _ => return Err(unchecked("a value where a condition should be")),
        })
    }

    /// A condition that is never null: for where it is turned round, or compared.
    fn truth(&self, expr: &Expr, sql: &mut Sql) -> Result<String> {
        Ok(format!("COALESCE({}, (1 = 0))", self.condition(expr, sql)?))
    }

    fn compare(&self, how: Comparison, left: &Expr, right: &Expr, sql: &mut Sql) -> Result<String> {
        let is_null = |expr: &Expr| matches!(expr.kind, Kind::Literal(Literal::Null));
        let (left, right) = if is_null(left) { (right, left) } else { (left, right) };
        if is_null(right) {
            return Ok(match how {
                _ if is_null(left) => if how == Comparison::Equal { "(1 = 1)" } else { "(1 = 0)" }.to_owned(),
                Comparison::Equal => format!("({} IS NULL)", self.operand(left, sql)?),
                Comparison::NotEqual => format!("({} IS NOT NULL)", self.operand(left, sql)?),
                _ => "(1 = 0)".to_owned(),
            });
        }
        let types = (self.type_of(left)?, self.type_of(right)?);
        let is_guid = types.0 == Type::Guid || types.1 == Type::Guid;
        let (one, other) = match is_guid {
            true => (self.guid(left, sql)?, self.guid(right, sql)?),
            false => (self.operand(left, sql)?, self.operand(right, sql)?),
        };
        let is_literal = |expr: &Expr| matches!(expr.kind, Kind::Literal(_));
        let bytes = if types.0 == Type::Text && !is_guid && !sql.is_sqlite() {
            " COLLATE \"C\""
        } else {
            ""
        };
        Ok(match how {
            // With a value on one side, the plain form says the same, and finds an index.
            Comparison::Equal if is_literal(left) || is_literal(right) => format!("({one} = {other})"),
            Comparison::Equal => format!("({one} IS NOT DISTINCT FROM {other})"),
            Comparison::NotEqual => format!("({one} IS DISTINCT FROM {other})"),
            Comparison::Less => format!("({one} < {other}{bytes})"),
            Comparison::LessOrEqual => format!("({one} <= {other}{bytes})"),
            Comparison::Greater => format!("({one} > {other}{bytes})"),
            Comparison::GreaterOrEqual => format!("({one} >= {other}{bytes})"),
        })
    }

    fn one_of(&self, value: &Expr, list: &[Expr], sql: &mut Sql) -> Result<String> {
        let is_guid = self.type_of(value)? == Type::Guid;
        let mut values = Vec::new();
        let mut with_null = false;
        for item in list {
            match &item.kind {
                Kind::Literal(Literal::Null) => with_null = true,
                _ if is_guid => values.push(self.guid(item, sql)?),
                _ => values.push(self.operand(item, sql)?),
            }
        }
        let value = if is_guid {
            self.guid(value, sql)?
        } else {
            self.operand(value, sql)?
        };
        let mut parts = Vec::new();
        if !values.is_empty() {
            parts.push(format!("{value} IN ({})", values.join(", ")));
        }
        if with_null {
            parts.push(format!("{value} IS NULL"));
        }
        Ok(format!("({})", parts.join(" OR ")))
    }

    /// Something that is compared: a condition as a bool that is never null, everything else as a value.
    fn operand(&self, expr: &Expr, sql: &mut Sql) -> Result<String> {
        let is_condition = matches!(
            expr.kind,
            Kind::And(..) | Kind::Or(..) | Kind::Not(_) | Kind::Compare(..) | Kind::In { .. }
        );
        let is_test = matches!(
            expr.kind,
            Kind::Call(Function::Contains | Function::StartsWith | Function::EndsWith, _)
        );
        if is_condition || is_test {
            self.truth(expr, sql)
        } else {
            self.value(expr, sql)
        }
    }

    fn guid(&self, expr: &Expr, sql: &mut Sql) -> Result<String> {
        match &expr.kind {
            Kind::Literal(Literal::Text(text)) => {
                let guid = Uuid::try_parse(text).map_err(|_| unchecked("no GUID"))?;
                Ok(sql.bind(guid))
            }
            _ => self.value(expr, sql),
        }
    }

    /// A value, or null.
    pub(super) fn value(&self, expr: &Expr, sql: &mut Sql) -> Result<String> {
        short(self.value_of(expr, sql)?)
    }

    fn value_of(&self, expr: &Expr, sql: &mut Sql) -> Result<String> {
        Ok(match &expr.kind {
            Kind::Literal(literal) => literal_of(literal, sql),
            Kind::Member { .. } => self.member(expr, sql)?,
            Kind::Negate(inner) => format!("(- CAST({} AS DOUBLE PRECISION))", self.value(inner, sql)?),
            Kind::Reckon(how, left, right) => {
                let left = format!("CAST({} AS DOUBLE PRECISION)", self.value(left, sql)?);
                let right = format!("CAST({} AS DOUBLE PRECISION)", self.value(right, sql)?);
                reckoned(*how, &left, &right, sql.is_sqlite())
            }
            Kind::Call(function, arguments) => self.function(*function, arguments, sql)?,
            _ => self.truth(expr, sql)?,
        })
    }

    fn member(&self, expr: &Expr, _: &mut Sql) -> Result<String> {
        let path = odata::path(self.of(), expr).map_err(|problem| unchecked(&problem.message))?;
        let through: Vec<_> = path.through.into_iter().flatten().collect();
        navigated(self.set, self.alias, &through, path.property.name)
    }

    /// A function that is a condition.
    fn test(&self, function: Function, arguments: &[Expr], sql: &mut Sql) -> Result<String> {
        let [text, part] = arguments else {
            return Err(unchecked("a function's arguments"));
        };
        let (text, part) = (self.text(text, sql)?, self.text(part, sql)?);
        Ok(match function {
            Function::Contains if sql.is_sqlite() => format!("(INSTR({text}, {part}) > 0)"),
            Function::Contains => format!("(STRPOS({text}, {part}) > 0)"),
            Function::StartsWith => format!("(SUBSTR({text}, 1, LENGTH({part})) = {part})"),
            // A text shorter than the part gives a begin before 1, and so less than the part.
            Function::EndsWith => format!(
                "(LENGTH({text}) >= LENGTH({part}) AND SUBSTR({text}, LENGTH({text}) - LENGTH({part}) + 1) = {part})"
            ),
            _ => return Err(unchecked("a function that is no condition")),
        })
    }

    fn text(&self, expr: &Expr, sql: &mut Sql) -> Result<String> {
        match &expr.kind {
            Kind::Literal(Literal::Null) => Ok("CAST(NULL AS TEXT)".to_owned()),
            _ => self.value(expr, sql),
        }
    }

    fn function(&self, function: Function, arguments: &[Expr], sql: &mut Sql) -> Result<String> {
        use Function as F;
        let is_sqlite = sql.is_sqlite();
        if function == F::UtcNow {
            return Ok(sql.bind(self.now.as_microsecond()));
        }
        let [first, rest @ ..] = arguments else {
            return Err(unchecked("a function without arguments"));
        };
        Ok(match (function, rest) {
            (F::Contains | F::StartsWith | F::EndsWith, _) => {
                format!("COALESCE({}, (1 = 0))", self.test(function, arguments, sql)?)
            }
            (F::ToLower, _) => format!("LOWER({})", self.text(first, sql)?),
            (F::ToUpper, _) => format!("UPPER({})", self.text(first, sql)?),
            (F::Trim, _) => format!("TRIM({})", self.text(first, sql)?),
            (F::Length, _) => format!("LENGTH({})", self.text(first, sql)?),
            (F::Concat, [second]) => format!("({} || {})", self.text(first, sql)?, self.text(second, sql)?),
            (F::IndexOf, [part]) => {
                let name = if is_sqlite { "INSTR" } else { "STRPOS" };
                format!("({name}({}, {}) - 1)", self.text(first, sql)?, self.text(part, sql)?)
            }
            (F::Substring, [start, ..]) => {
                let text = self.text(first, sql)?;
                let start = self.not_below_zero(start, sql)?;
                match rest {
                    [_, length] => format!("SUBSTR({text}, {start} + 1, {})", self.not_below_zero(length, sql)?),
                    _ => format!("SUBSTR({text}, {start} + 1)"),
                }
            }
            (F::AddSeconds, [seconds]) => {
                let time = self.value(first, sql)?;
                format!("({time} + {})", microseconds(seconds, sql)?)
            }
            (F::Date, _) => format!("(({} / {DAY_US}) * {DAY_US})", self.value(first, sql)?),
            (F::Year | F::Month | F::Day | F::Hour | F::Minute | F::Second, _) => {
                part_of_time(function, &self.value(first, sql)?, is_sqlite)
            }
            (F::Round | F::Floor | F::Ceiling, _) => rounded(
                function,
                &format!("CAST({} AS DOUBLE PRECISION)", self.value(first, sql)?),
                is_sqlite,
            ),
            _ => return Err(unchecked("a function")),
        })
    }

    fn not_below_zero(&self, expr: &Expr, sql: &mut Sql) -> Result<String> {
        let number = self.value(expr, sql)?;
        let greater = if sql.is_sqlite() { "MAX" } else { "GREATEST" };
        // Texts have far fewer characters than that, and the databases' functions take no more.
        let (least, most) = if sql.is_sqlite() {
            ("MIN", "1000000000")
        } else {
            ("LEAST", "1000000000")
        };
        Ok(format!(
            "CAST({greater}({least}(CAST({number} AS DOUBLE PRECISION), {most}), 0) AS INTEGER)"
        ))
    }
}

/// The property at the end of a way through entities that are one each.
fn navigated(set: EntitySet, alias: &str, through: &[&'static odata::Navigation], property: &str) -> Result<String> {
    let source = source::of(set);
    let Some((navigation, rest)) = through.split_first() else {
        let column = source.column(property, alias);
        return column.ok_or_else(|| unchecked("a property that is never read"));
    };
    let Link::One(by) = navigation.link else {
        return Err(unchecked("a way to many"));
    };
    let key = source
        .column(by, alias)
        .ok_or_else(|| unchecked("a link that is never read"))?;
    let target = source::of(navigation.target);
    let inner = format!("{alias}n");
    let value = navigated(navigation.target, &inner, rest, property)?;
    let key_there = navigation.target.entity_type().key().name;
    let there = target
        .column(key_there, &inner)
        .ok_or_else(|| unchecked("a key that is never read"))?;
    let key = if navigation.target == EntitySet::Entities {
        entity_key(&key)
    } else {
        key
    };
    Ok(format!(
        "(SELECT {value} FROM {} WHERE {there} = {key} AND {})",
        target.rows(&inner),
        target.visible(&inner)
    ))
}

/// Names of entities are written in any case; this is the one in which they are listed.
pub(super) fn entity_key(column: &str) -> String {
    format!("CASE WHEN LOWER({column}) = 'transaction' THEN 'Transaction' ELSE LOWER({column}) END")
}

fn literal_of(literal: &Literal, sql: &mut Sql) -> String {
    match literal {
        Literal::Null => "NULL".to_owned(),
        Literal::Bool(true) => "(1 = 1)".to_owned(),
        Literal::Bool(false) => "(1 = 0)".to_owned(),
        Literal::Number(number) => {
            let value = number_of(*number);
            sql.bind(value)
        }
        Literal::Text(text) => sql.bind(text.as_ref().to_owned()),
        Literal::Time(time) => sql.bind(time.as_microsecond()),
    }
}

/// Whole numbers as such, so that the database can compare them in an index.
fn number_of(number: f64) -> Value {
    const WHOLE_MAX: f64 = 9_007_199_254_740_992.0;
    if number.fract() == 0.0 && number.abs() <= WHOLE_MAX {
        #[expect(clippy::cast_possible_truncation, reason = "a whole number that an i64 holds")]
        let whole = number as i64;
        return whole.into();
    }
    number.into()
}

/// A written number of seconds as microseconds.
fn microseconds(seconds: &Expr, sql: &mut Sql) -> Result<String> {
    const MOST: f64 = 1e18;
    match seconds.kind {
        Kind::Literal(Literal::Number(seconds)) => {
            #[expect(clippy::cast_possible_truncation, reason = "brought into the range of an i64")]
            let microseconds = (seconds * 1e6).round().clamp(-MOST, MOST) as i64;
            Ok(sql.bind(microseconds))
        }
        _ => Err(unchecked("a duration that is not written")),
    }
}

/// Dividing by nothing gives nothing.
fn reckoned(how: Reckoning, left: &str, right: &str, is_sqlite: bool) -> String {
    match how {
        Reckoning::Add => format!("({left} + {right})"),
        Reckoning::Subtract => format!("({left} - {right})"),
        Reckoning::Multiply => format!("({left} * {right})"),
        Reckoning::Divide => format!("({left} / NULLIF({right}, 0))"),
        Reckoning::Remainder => {
            let quotient = format!("({left} / NULLIF({right}, 0))");
            let whole = if is_sqlite {
                format!("CAST({quotient} AS INTEGER)")
            } else {
                format!("TRUNC({quotient})")
            };
            format!("({left} - {right} * {whole})")
        }
    }
}

/// Halves go away from zero, in both databases.
fn rounded(function: Function, number: &str, is_sqlite: bool) -> String {
    match (function, is_sqlite) {
        (Function::Round, true) => format!("ROUND({number})"),
        (Function::Round, false) => format!("(SIGN({number}) * FLOOR(ABS({number}) + 0.5))"),
        (Function::Floor, true) => format!("(CAST({number} AS INTEGER) - ({number} < CAST({number} AS INTEGER)))"),
        (Function::Ceiling, true) => format!("(CAST({number} AS INTEGER) + ({number} > CAST({number} AS INTEGER)))"),
        (Function::Floor, false) => format!("FLOOR({number})"),
        _ => format!("CEIL({number})"),
    }
}

fn part_of_time(function: Function, time: &str, is_sqlite: bool) -> String {
    let (field, format) = match function {
        Function::Year => ("YEAR", "%Y"),
        Function::Month => ("MONTH", "%m"),
        Function::Day => ("DAY", "%d"),
        Function::Hour => ("HOUR", "%H"),
        Function::Minute => ("MINUTE", "%M"),
        _ => ("SECOND", "%S"),
    };
    match is_sqlite {
        true => format!("CAST(STRFTIME('{format}', {time} / 1000000, 'unixepoch') AS INTEGER)"),
        false => format!("EXTRACT({field} FROM TO_TIMESTAMP({time} / 1000000) AT TIME ZONE 'UTC')"),
    }
}
