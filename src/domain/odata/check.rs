//! Types of expressions on entities: what `$filter` and `$orderby` name has to be there, and to fit.

use std::fmt;

use super::{
    model::{Access, Edm, EntityType, Link, Property},
    options::unknown,
    sets::EntitySet,
};
use crate::domain::expression::{Comparison, Expr, Function, Kind, Literal, Problem, odata::fault};

/// Type of an expression.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names say it")]
pub enum Type {
    Null,
    Boolean,
    Number,
    Text,
    Time,
    Guid,
    Duration,
}

impl fmt::Display for Type {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Null => "null",
            Self::Boolean => "a condition",
            Self::Number => "a number",
            Self::Text => "a text",
            Self::Time => "a time",
            Self::Guid => "a GUID",
            Self::Duration => "a duration",
        })
    }
}

impl Edm {
    /// The type of values of this one.
    #[must_use]
    pub const fn of_values(self) -> Type {
        match self {
            Self::Int32 | Self::Int64 => Type::Number,
            Self::String => Type::Text,
            Self::Boolean => Type::Boolean,
            Self::DateTimeOffset => Type::Time,
            Self::Guid => Type::Guid,
        }
    }
}

/// What a member of an expression is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Path {
    /// Through which navigations, from the entity on; each leads to one.
    pub through: [Option<&'static super::Navigation>; 2],
    /// The property at its end.
    pub property: &'static Property,
}

/// What the member that this expression is stands for.
///
/// # Errors
/// [`Problem`] where the type has no such path.
pub fn path(of: &EntityType, expr: &Expr) -> Result<Path, Problem> {
    let at = |message: String| fault(expr.span.start, message);
    let mut names: Vec<&str> = Vec::new();
    let mut part = Some(expr);
    while let Some(Expr {
        kind: Kind::Member { of, name },
        ..
    }) = part
    {
        names.push(name);
        part = of.as_deref();
    }
    names.reverse();
    if part.is_some() || names.len() > 3 {
        return Err(at(
            "a path leads through at most two navigations to a property".to_owned()
        ));
    }
    let mut of = of;
    let mut through = [None, None];
    let Some((last, before)) = names.split_last() else {
        return Err(at("the name of a property is missing".to_owned()));
    };
    for (place, name) in through.iter_mut().zip(before) {
        let found = match of.navigation(name) {
            Some(navigation) if matches!(navigation.link, Link::One(_)) => navigation,
            Some(_) => return Err(at(format!("{name} leads to many, of which none can be named here"))),
            None => return Err(at(unknown(of, name))),
        };
        // Which entities there are is worked out anew for each row.
        if found.target == EntitySet::Entities {
            return Err(at(format!("{name} is not followed here; compare EntityId")));
        }
        *place = Some(found);
        of = found.target.entity_type();
    }
    let readable = of
        .property(last)
        .filter(|property| property.access != Access::WriteOnly);
    match readable {
        Some(property) => Ok(Path { through, property }),
        None if of.navigation(last).is_some() => Err(at(format!("{last} is no property; name one of its properties"))),
        None => Err(at(unknown(of, last))),
    }
}

/// The type of an expression on entities of this type.
///
/// # Errors
/// [`Problem`] where something is unknown or does not fit.
pub fn check(of: &EntityType, expr: &Expr) -> Result<Type, Problem> {
    match &expr.kind {
        Kind::Literal(literal) => Ok(match literal {
            Literal::Null => Type::Null,
            Literal::Bool(_) => Type::Boolean,
            Literal::Number(_) => Type::Number,
            Literal::Text(_) => Type::Text,
            Literal::Time(_) => Type::Time,
        }),
        Kind::Member { .. } => Ok(path(of, expr)?.property.edm.of_values()),
        Kind::Not(inner) => want(of, inner, Type::Boolean),
        Kind::Negate(inner) => want(of, inner, Type::Number),
        Kind::And(left, right) | Kind::Or(left, right) => {
            want(of, left, Type::Boolean)?;
            want(of, right, Type::Boolean)
        }
        Kind::Compare(how, left, right) => {
            compare(of, left, right, matches!(how, Comparison::Equal | Comparison::NotEqual))?;
            Ok(Type::Boolean)
        }
        Kind::In { value, list } => {
            for item in list {
                if !matches!(item.kind, Kind::Literal(_)) {
                    return Err(fault(item.span.start, "behind \"in\" stand values"));
                }
                compare(of, value, item, true)?;
            }
            Ok(Type::Boolean)
        }
        Kind::Reckon(_, left, right) => {
            want(of, left, Type::Number)?;
            want(of, right, Type::Number)
        }
        Kind::Call(function, arguments) => call(of, expr, *function, arguments),
        Kind::It | Kind::If(..) | Kind::Coalesce(..) | Kind::Query { .. } => {
            Err(fault(expr.span.start, "this is not part of OData's expressions"))
        }
    }
}

fn want(of: &EntityType, expr: &Expr, wanted: Type) -> Result<Type, Problem> {
    let found = check(of, expr)?;
    if found == wanted || found == Type::Null {
        return Ok(wanted);
    }
    Err(fault(
        expr.span.start,
        format!("{wanted} is expected here, and this is {found}"),
    ))
}

/// Whether two values can be compared.
fn compare(of: &EntityType, left: &Expr, right: &Expr, equality: bool) -> Result<(), Problem> {
    let (first, second) = (check(of, left)?, check(of, right)?);
    let refuse = |message: String| Err(fault(left.span.start, message));
    for (one, other) in [((first, left), second), ((second, right), first)] {
        let (found, expr) = one;
        if let (Type::Text, Type::Guid, Kind::Literal(Literal::Text(text))) = (found, other, &expr.kind)
            && !is_guid(text)
        {
            return Err(fault(expr.span.start, "this is no GUID"));
        }
    }
    let fits = match (first, second) {
        (Type::Null, _) | (_, Type::Null) => true,
        (Type::Duration, _) | (_, Type::Duration) => false,
        (Type::Text, Type::Guid) => matches!(left.kind, Kind::Literal(_)),
        (Type::Guid, Type::Text) => matches!(right.kind, Kind::Literal(_)),
        (first, second) => first == second,
    };
    if !fits {
        let hint = if first == Type::Time || second == Type::Time {
            "; times are written without quotes, as in 2026-01-31T00:00:00Z"
        } else {
            ""
        };
        return refuse(format!("{first} cannot be compared with {second}{hint}"));
    }
    let unordered = |found: Type| matches!(found, Type::Boolean | Type::Guid);
    if !equality && (unordered(first) || unordered(second)) {
        return refuse(format!("{first} is only compared with eq, ne and in"));
    }
    Ok(())
}

fn is_guid(text: &str) -> bool {
    text.len() == 36 && uuid::Uuid::try_parse(text).is_ok()
}

fn call(of: &EntityType, expr: &Expr, function: Function, arguments: &[Expr]) -> Result<Type, Problem> {
    use Function as F;
    let (wanted, answer): (&[Type], Type) = match function {
        F::Contains | F::StartsWith | F::EndsWith => (&[Type::Text, Type::Text], Type::Boolean),
        F::ToLower | F::ToUpper | F::Trim => (&[Type::Text], Type::Text),
        F::Length => (&[Type::Text], Type::Number),
        F::IndexOf => (&[Type::Text, Type::Text], Type::Number),
        F::Substring => (&[Type::Text, Type::Number, Type::Number], Type::Text),
        F::Concat => (&[Type::Text, Type::Text], Type::Text),
        F::UtcNow => (&[], Type::Time),
        F::AddSeconds => (&[Type::Time, Type::Number], Type::Time),
        F::Date => (&[Type::Time], Type::Time),
        F::Year | F::Month | F::Day | F::Hour | F::Minute | F::Second => (&[Type::Time], Type::Number),
        F::Round | F::Floor | F::Ceiling => (&[Type::Number], Type::Number),
        F::TotalSeconds => (&[Type::Number], Type::Duration),
        _ => return Err(fault(expr.span.start, "this is not part of OData's functions")),
    };
    for (argument, wanted) in arguments.iter().zip(wanted) {
        want(of, argument, *wanted)?;
    }
    Ok(answer)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{expression::odata::parse, odata::EntitySet};

    fn queue(text: &str) -> Result<Type, Problem> {
        check(EntitySet::IntegrationQueues.entity_type(), &parse(text).unwrap())
    }

    #[test]
    fn what_fits_has_its_type() {
        for (text, expected) in [
            (
                "Attempt gt 1 and IntegrationQueueStateId in ('Failed','Abandoned')",
                Type::Boolean,
            ),
            (
                "Integration/IntegrationSystem/IntegrationSystemName eq 'x'",
                Type::Boolean,
            ),
            ("ActionLogId eq null", Type::Boolean),
            ("ItemUpdatedOn ge now() sub duration'P7D'", Type::Boolean),
            (
                "year(ItemUpdatedOn) eq 2026 and date(DueAt) eq 2026-01-31",
                Type::Boolean,
            ),
            ("length(ItemName) add 1", Type::Number),
            (
                "ClientIntegration/ConnectionUuid eq 0a0b0c0d-0000-4000-8000-00000000000f",
                Type::Boolean,
            ),
            ("tolower(ItemName)", Type::Text),
        ] {
            assert_eq!(queue(text), Ok(expected), "{text}");
        }
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        for (text, part) in [
            ("Nope eq 1", "has no property \"Nope\""),
            ("attempt eq 1", "has no property \"attempt\""),
            ("Attempt eq '1'", "a number cannot be compared with a text"),
            ("ItemUpdatedOn gt '2026-01-01'", "without quotes"),
            ("Attempt and true", "a condition is expected here, and this is a number"),
            ("not ItemName eq 'x'", "a condition is expected"),
            ("contains(Attempt,'1')", "a text is expected here"),
            ("Integration eq null", "name one of its properties"),
            ("Integration/ClientIntegrations/Enabled", "leads to many"),
            (
                "Integration/IntegrationSystem/OAuthClientSecret eq 'x'",
                "is never answered",
            ),
            ("ClientIntegration/Enabled gt true", "only compared with eq"),
            ("ClientIntegration/ConnectionUuid eq 'x'", "this is no GUID"),
            ("Attempt in (ItemVersion)", "stand values"),
            ("duration'PT1S' eq duration'PT1S'", "a duration cannot be compared"),
            ("DueAt sub ItemUpdatedOn eq null", "a number is expected"),
        ] {
            let problem = queue(text).unwrap_err();
            assert!(problem.message.contains(part), "{text}: {problem:?}");
        }
    }
}
