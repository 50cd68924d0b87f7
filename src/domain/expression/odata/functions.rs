//! The functions of OData by name.

use super::{
    super::{Expr, Function, Kind, Problem, Span},
    fault,
};

/// Name, function, fewest and most arguments.
const FUNCTIONS: [(&str, Function, usize, usize); 21] = [
    ("contains", Function::Contains, 2, 2),
    ("startswith", Function::StartsWith, 2, 2),
    ("endswith", Function::EndsWith, 2, 2),
    ("tolower", Function::ToLower, 1, 1),
    ("toupper", Function::ToUpper, 1, 1),
    ("trim", Function::Trim, 1, 1),
    ("length", Function::Length, 1, 1),
    ("indexof", Function::IndexOf, 2, 2),
    ("substring", Function::Substring, 2, 3),
    ("concat", Function::Concat, 2, 2),
    ("year", Function::Year, 1, 1),
    ("month", Function::Month, 1, 1),
    ("day", Function::Day, 1, 1),
    ("hour", Function::Hour, 1, 1),
    ("minute", Function::Minute, 1, 1),
    ("second", Function::Second, 1, 1),
    ("date", Function::Date, 1, 1),
    ("now", Function::UtcNow, 0, 0),
    ("round", Function::Round, 1, 1),
    ("floor", Function::Floor, 1, 1),
    ("ceiling", Function::Ceiling, 1, 1),
];

/// The call of a function by its name.
pub(super) fn call(name: &str, span: Span, arguments: Vec<Expr>) -> Result<Kind, Problem> {
    let known = FUNCTIONS.iter().find(|(known, ..)| *known == name);
    let Some((_, function, least, most)) = known else {
        return Err(fault(span.start, format!("there is no function {name}")));
    };
    if !(*least..=*most).contains(&arguments.len()) {
        let wanted = if least == most {
            least.to_string()
        } else {
            format!("{least} or {most}")
        };
        let given = arguments.len();
        return Err(fault(
            span.start,
            format!("{name} takes {wanted} arguments, and has {given}"),
        ));
    }
    Ok(Kind::Call(*function, arguments))
}
