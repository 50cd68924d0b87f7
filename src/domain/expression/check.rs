//! Refuses, before any row is seen, what can never work: of the wrong kind, of a member that is not there, without effect.
//!
//! What holds data is of no known kind, so that only what is sure is refused; the rest is null or false on the row.

use super::{
    Comparison, Expr, Function, Kind, Literal, Problem, Query, Reckoning,
    schema::{Schema, Type},
    time,
};

/// Most problems that are told of one expression.
const PROBLEMS_MAX: usize = 20;

/// Checks that an expression is a condition on rows of this form.
///
/// # Errors
/// What is wrong, in the order of the text, at most 20.
pub fn check(expr: &Expr, schema: &Schema) -> Result<(), Vec<Problem>> {
    let mut checking = Checking {
        schema,
        problems: Vec::new(),
    };
    checking.condition(expr, Scope::Row);
    if checking.problems.is_empty() {
        return Ok(());
    }
    checking.problems.sort_by_key(|problem| problem.span.start);
    checking.problems.truncate(PROBLEMS_MAX);
    Err(checking.problems)
}

/// The kind of a value, as far as it is known; [`Type::Dynamic`] also where something is wrong with it.
#[must_use]
pub fn kind_of(expr: &Expr, schema: &Schema) -> Type {
    let mut checking = Checking {
        schema,
        problems: Vec::new(),
    };
    checking.kind(expr, Scope::Row)
}

/// Whether the expression mentions a time: asks what time it is, makes a time, or compares a time with something (but null).
#[must_use]
pub fn mentions_time(expr: &Expr, schema: &Schema) -> bool {
    let is_time = |part: &Expr| match &part.kind {
        Kind::Literal(Literal::Text(text)) => time::read(text).is_some(),
        _ => kind_of(part, schema) == Type::Time,
    };
    let is_null = |part: &Expr| matches!(part.kind, Kind::Literal(Literal::Null));
    match &expr.kind {
        Kind::Literal(Literal::Time(_)) | Kind::Call(Function::UtcNow | Function::Today | Function::MakeTime, _) => {
            return true;
        }
        Kind::Compare(_, one, other) if !is_null(one) && !is_null(other) && (is_time(one) || is_time(other)) => {
            return true;
        }
        Kind::In { value, list } if is_time(value) || list.iter().any(is_time) => return true,
        _ => {}
    }
    // In a body no member is known; a time can be made there all the same.
    expr.parts().into_iter().any(|part| mentions_time(part, schema))
}

/// Whose members are meant where none is named.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Scope {
    Row,
    Item,
}

struct Checking<'a> {
    schema: &'a Schema,
    problems: Vec<Problem>,
}

impl Checking<'_> {
    fn wrong(&mut self, expr: &Expr, message: impl Into<String>) -> Type {
        // Sorted and cut at the end; a bound here all the same.
        if self.problems.len() < 10 * PROBLEMS_MAX {
            self.problems.push(Problem::new(expr.span, message));
        }
        Type::Dynamic
    }

    /// Checks a value that is used as a condition.
    fn condition(&mut self, expr: &Expr, scope: Scope) {
        match self.kind(expr, scope) {
            Type::Bool | Type::Dynamic => {}
            kind => {
                self.wrong(
                    expr,
                    format!(
                        "a condition is expected here, which is true or false; this is {}",
                        kind.words()
                    ),
                );
            }
        }
    }

    /// Checks a value that has to be of a kind.
    fn expect(&mut self, expr: &Expr, scope: Scope, expected: Type) {
        let kind = self.kind(expr, scope);
        self.fits(expr, kind, expected);
    }

    fn fits(&mut self, expr: &Expr, kind: Type, expected: Type) {
        let fits = kind == expected
            || matches!(kind, Type::Dynamic | Type::Null)
            || (expected == Type::Time && may_be_time(expr, kind));
        if !fits {
            self.wrong(
                expr,
                format!("{} is expected here; this is {}", expected.words(), kind.words()),
            );
        }
    }

    fn kind(&mut self, expr: &Expr, scope: Scope) -> Type {
        match &expr.kind {
            Kind::Literal(literal) => match literal {
                Literal::Null => Type::Null,
                Literal::Bool(_) => Type::Bool,
                Literal::Number(_) => Type::Number,
                Literal::Text(_) => Type::Text,
                Literal::Time(_) => Type::Time,
            },
            Kind::Member { of, name } => self.member(expr, of.as_deref(), name, scope),
            Kind::It => match scope {
                Scope::Row => Type::Object,
                Scope::Item => Type::Dynamic,
            },
            Kind::Not(inner) => {
                match self.kind(inner, scope) {
                    Type::Bool | Type::Dynamic => {}
                    kind => {
                        self.wrong(
                            inner,
                            format!(
                                "`not` and `!` take a condition, this is {}; to turn round a whole comparison put it in parentheses: not (…)",
                                kind.words()
                            ),
                        );
                    }
                }
                Type::Bool
            }
            Kind::Negate(inner) => {
                self.expect(inner, scope, Type::Number);
                Type::Number
            }
            Kind::And(one, other) | Kind::Or(one, other) => {
                self.condition(one, scope);
                self.condition(other, scope);
                Type::Bool
            }
            Kind::Compare(comparison, one, other) => {
                self.comparable(expr, *comparison, one, other, scope);
                Type::Bool
            }
            Kind::Reckon(reckoning, one, other) => self.reckoned(expr, *reckoning, one, other, scope),
            Kind::In { value, list } => {
                for one in list {
                    self.comparable(one, Comparison::Equal, value, one, scope);
                }
                Type::Bool
            }
            Kind::If(condition, then, otherwise) => {
                self.condition(condition, scope);
                joined(self.kind(then, scope), self.kind(otherwise, scope))
            }
            Kind::Coalesce(first, second) => joined(self.kind(first, scope), self.kind(second, scope)),
            Kind::Call(function, arguments) => self.call(expr, *function, arguments, scope),
            Kind::Query { query, list, body } => self.query(expr, *query, list, body.as_deref(), scope),
        }
    }

    fn member(&mut self, expr: &Expr, of: Option<&Expr>, name: &str, scope: Scope) -> Type {
        match (of, scope) {
            (None, Scope::Item) => Type::Dynamic,
            (None, Scope::Row) => match self.schema.member(name) {
                Some(kind) => kind,
                None => {
                    let known: Vec<_> = self.schema.fixed().iter().map(|(name, _)| *name).collect();
                    self.wrong(expr, format!("there is no member {name}; there are {}", known.join(", ")))
                }
            },
            (Some(of), scope) => match self.kind(of, scope) {
                Type::Object if matches!(of.kind, Kind::It) => self.member(expr, None, name, scope),
                Type::Object | Type::Dynamic => Type::Dynamic,
                Type::Span => self.wrong(
                    expr,
                    format!("a span of time has no {name}; it has TotalDays, TotalHours, TotalMinutes and TotalSeconds"),
                ),
                Type::Time => self.wrong(
                    expr,
                    format!("a time has no {name}; it has Date, Year, Month, Day, Hour, Minute, Second and AddDays(…) and the like"),
                ),
                Type::Text => self.wrong(
                    expr,
                    format!("a text has no {name}; it has Length, Contains(…), StartsWith(…), EndsWith(…), ToLower(), ToUpper(), Trim(), Substring(…) and IndexOf(…)"),
                ),
                kind => self.wrong(expr, format!("{} has no members, so no {name}", kind.words())),
            },
        }
    }

    fn comparable(&mut self, expr: &Expr, comparison: Comparison, one: &Expr, other: &Expr, scope: Scope) {
        let problems = self.problems.len();
        let (left, right) = (self.kind(one, scope), self.kind(other, scope));
        // One problem is told once.
        if self.problems.len() > problems {
            return;
        }
        let is_equality = matches!(comparison, Comparison::Equal | Comparison::NotEqual);
        for kind in [left, right] {
            if !is_equality && matches!(kind, Type::Bool | Type::List | Type::Object) {
                self.wrong(
                    expr,
                    format!("{} is neither less nor greater than anything", kind.words()),
                );
                return;
            }
        }
        let fits = match (left, right) {
            (Type::Dynamic | Type::Null, _) | (_, Type::Dynamic | Type::Null) => true,
            (Type::List | Type::Object, _) | (_, Type::List | Type::Object) => false,
            (Type::Time, Type::Text) => return self.time_text(other),
            (Type::Text, Type::Time) => return self.time_text(one),
            (left, right) => left == right,
        };
        if fits {
            return;
        }
        let hint = match (left, right) {
            (Type::Span, Type::Number) | (Type::Number, Type::Span) => "; write .TotalDays of the span, or .TotalHours",
            (Type::Bool, _) | (_, Type::Bool) => "; put parentheses around what belongs together",
            _ => "",
        };
        self.wrong(
            expr,
            format!("{} never compares with {}{hint}", left.words(), right.words()),
        );
    }

    /// A text that is compared with a time: one that is written has to be a time.
    fn time_text(&mut self, expr: &Expr) {
        if let Kind::Literal(Literal::Text(text)) = &expr.kind
            && time::read(text).is_none()
        {
            self.wrong(
                expr,
                "this text is compared with a time, but is none; write \"2026-01-31\" or \"2026-01-31T12:00:00Z\" or DateTime(2026, 1, 31)",
            );
        }
    }

    fn reckoned(&mut self, expr: &Expr, reckoning: Reckoning, one: &Expr, other: &Expr, scope: Scope) -> Type {
        let (left, right) = (self.kind(one, scope), self.kind(other, scope));
        let of = |expr: &Expr, kind: Type| match kind {
            Type::Dynamic => vec![Type::Number, Type::Text, Type::Time, Type::Span],
            Type::Text if reckoning == Reckoning::Subtract && !may_be_time(expr, kind) => vec![],
            kind => vec![kind],
        };
        let mut result = None;
        for left in of(one, left) {
            for right in of(other, right) {
                result = match (result, comes_to(reckoning, left, right)) {
                    (None, kind) | (kind, None) => kind,
                    (Some(one), Some(other)) => Some(joined(one, other)),
                };
            }
        }
        if let Some(kind) = result {
            return kind;
        }
        let sign = match reckoning {
            Reckoning::Add => "+",
            Reckoning::Subtract => "-",
            Reckoning::Multiply => "*",
            Reckoning::Divide => "/",
            Reckoning::Remainder => "%",
        };
        let hint = match (reckoning, left, right) {
            (Reckoning::Add | Reckoning::Subtract, Type::Time, Type::Number) => "; write .AddDays(…) or .AddHours(…)",
            _ => "",
        };
        let message = format!("{} {sign} {} has no meaning{hint}", left.words(), right.words());
        self.wrong(expr, message)
    }

    fn call(&mut self, expr: &Expr, function: Function, arguments: &[Expr], scope: Scope) -> Type {
        use Function as F;
        let kinds: Vec<_> = arguments.iter().map(|argument| self.kind(argument, scope)).collect();
        let of = kinds.first().copied();
        match (function, of) {
            // It may be a member of that name.
            (_, Some(Type::Object | Type::Dynamic)) if function.property().is_some() => return Type::Dynamic,
            // A list may hold anything.
            (F::Contains, Some(Type::List | Type::Dynamic)) => return Type::Bool,
            (F::Length, Some(Type::List)) => return Type::Number,
            _ => {}
        }
        let (expected, result) = match function {
            F::Contains | F::StartsWith | F::EndsWith | F::IsNullOrEmpty => ([Type::Text; 3], Type::Bool),
            F::ToLower | F::ToUpper | F::Trim | F::Concat => ([Type::Text; 3], Type::Text),
            F::Length | F::IndexOf => ([Type::Text; 3], Type::Number),
            F::Substring => ([Type::Text, Type::Number, Type::Number], Type::Text),
            F::UtcNow | F::Today => return Type::Time,
            F::MakeTime => ([Type::Number; 3], Type::Time),
            F::AddSeconds | F::AddMinutes | F::AddHours | F::AddDays | F::AddMonths | F::AddYears => {
                ([Type::Time, Type::Number, Type::Number], Type::Time)
            }
            F::Date => ([Type::Time; 3], Type::Time),
            F::Year | F::Month | F::Day | F::Hour | F::Minute | F::Second => ([Type::Time; 3], Type::Number),
            F::TotalDays | F::TotalHours | F::TotalMinutes | F::TotalSeconds => ([Type::Span; 3], Type::Number),
            F::Round | F::Floor | F::Ceiling | F::Abs => ([Type::Number; 3], Type::Number),
        };
        // The last stands for those after it.
        let [.., last] = expected;
        let expected = expected.into_iter().chain(std::iter::repeat(last));
        for ((argument, kind), expected) in arguments.iter().zip(kinds).zip(expected) {
            self.fits(argument, kind, expected);
        }
        if function == F::MakeTime {
            self.made_time(expr, arguments);
        }
        result
    }

    /// A time of written parts has to exist.
    fn made_time(&mut self, expr: &Expr, arguments: &[Expr]) {
        let written = arguments.iter().map(|argument| match argument.kind {
            Kind::Literal(Literal::Number(number)) => Some(super::Datum::Number(number)),
            _ => None,
        });
        if let Some(parts) = written.collect::<Option<Vec<_>>>()
            && super::functions::call(Function::MakeTime, parts, 0) == super::Datum::Null
        {
            self.wrong(
                expr,
                "there is no such time; DateTime(…) takes year, month, day, and perhaps hour, minute, second",
            );
        }
    }

    fn query(&mut self, expr: &Expr, query: Query, list: &Expr, body: Option<&Expr>, scope: Scope) -> Type {
        match self.kind(list, scope) {
            Type::List | Type::Dynamic => {}
            // `Data.Count` reads like a question, but is a member.
            Type::Object if query == Query::Count && body.is_none() => return Type::Dynamic,
            kind => {
                self.wrong(expr, format!("{query:?} asks of a list; this is {}", kind.words()));
            }
        }
        match (query, body) {
            (Query::Sum, Some(body)) => self.expect(body, Scope::Item, Type::Number),
            (_, Some(body)) => self.condition(body, Scope::Item),
            (_, None) => {}
        }
        match query {
            Query::Any | Query::All => Type::Bool,
            // Without a body it may be a member of an object.
            Query::Count if body.is_none() => Type::Dynamic,
            Query::Count | Query::Sum => Type::Number,
        }
    }
}

/// Whether a value can be read as a time: a written text only if it is one.
fn may_be_time(expr: &Expr, kind: Type) -> bool {
    match &expr.kind {
        Kind::Literal(Literal::Text(text)) => time::read(text).is_some(),
        _ => matches!(kind, Type::Time | Type::Text),
    }
}

/// The kind of what two values of known kinds come to; none where it is never anything.
fn comes_to(reckoning: Reckoning, left: Type, right: Type) -> Option<Type> {
    use Type::{Null, Number, Span, Text, Time};
    match (reckoning, left, right) {
        (_, Number, Number) => Some(Number),
        (Reckoning::Add, Text, Text | Number | Null) | (Reckoning::Add, Number | Null, Text) => Some(Text),
        (Reckoning::Add | Reckoning::Subtract, Span, Span) => Some(Span),
        (Reckoning::Add | Reckoning::Subtract, Time | Text, Span) | (Reckoning::Add, Span, Time | Text) => Some(Time),
        (Reckoning::Subtract, Time | Text, Time | Text) => Some(Span),
        (_, Null, Number | Text | Time | Span | Null) | (_, Number | Text | Time | Span, Null) => Some(Null),
        _ => None,
    }
}

/// The kind of one of two values.
fn joined(one: Type, other: Type) -> Type {
    match (one, other) {
        (one, other) if one == other => one,
        (Type::Null, kind) | (kind, Type::Null) => kind,
        _ => Type::Dynamic,
    }
}
