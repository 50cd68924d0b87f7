//! The words of the language.

use super::{
    super::{Comparison, Function, Query, Reckoning},
    lex::{Sign, What},
};

/// What stands between two values.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Operator {
    Or,
    And,
    /// The values follow in parentheses.
    In,
    /// `not in`, `! in`: two tokens; `not_in`: one.
    NotIn,
    Compare(Comparison),
    Reckon(Reckoning),
}

impl Operator {
    /// How tightly it binds.
    pub(super) const fn power(self) -> u8 {
        match self {
            Self::Or => 1,
            Self::And => 2,
            Self::In | Self::NotIn => 3,
            Self::Compare(_) => 4,
            Self::Reckon(Reckoning::Add | Reckoning::Subtract) => ADD,
            Self::Reckon(Reckoning::Multiply | Reckoning::Divide | Reckoning::Remainder) => 6,
        }
    }
}

/// How tightly `+` binds.
pub(super) const ADD: u8 = 5;

/// The operator that a token is.
pub(super) fn operator(what: &What) -> Option<Operator> {
    use Comparison as C;
    use Reckoning as R;
    Some(match what {
        What::Sign(sign) => match sign {
            Sign::And => Operator::And,
            Sign::Or => Operator::Or,
            Sign::Equal => Operator::Compare(C::Equal),
            Sign::NotEqual => Operator::Compare(C::NotEqual),
            Sign::Less => Operator::Compare(C::Less),
            Sign::LessOrEqual => Operator::Compare(C::LessOrEqual),
            Sign::Greater => Operator::Compare(C::Greater),
            Sign::GreaterOrEqual => Operator::Compare(C::GreaterOrEqual),
            Sign::Plus => Operator::Reckon(R::Add),
            Sign::Minus => Operator::Reckon(R::Subtract),
            Sign::Times => Operator::Reckon(R::Multiply),
            Sign::Divide => Operator::Reckon(R::Divide),
            Sign::Remainder => Operator::Reckon(R::Remainder),
            _ => return None,
        },
        What::Word(word) => match word.to_ascii_lowercase().as_str() {
            "and" | "andalso" => Operator::And,
            "or" | "orelse" => Operator::Or,
            "in" => Operator::In,
            "not_in" => Operator::NotIn,
            "eq" | "equal" => Operator::Compare(C::Equal),
            "ne" | "neq" | "notequal" => Operator::Compare(C::NotEqual),
            "lt" | "lessthan" => Operator::Compare(C::Less),
            "le" | "lessthanequal" => Operator::Compare(C::LessOrEqual),
            "gt" | "greaterthan" => Operator::Compare(C::Greater),
            "ge" | "greaterthanequal" => Operator::Compare(C::GreaterOrEqual),
            "mod" => Operator::Reckon(R::Remainder),
            _ => return None,
        },
        _ => return None,
    })
}

/// What may stand after a dot.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Method {
    /// With parentheses; at least and at most so many arguments.
    Call(Function, usize, usize),
    /// Without.
    Property(Function),
    /// Asks of a list; the body is needed, possible, or not.
    Query(Query, Body),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Body {
    Needed,
    Possible,
}

/// The method or property with a name.
pub(super) fn method(name: &str) -> Option<Method> {
    use Function as F;
    Some(match name.to_ascii_lowercase().as_str() {
        "contains" => Method::Call(F::Contains, 1, 1),
        "startswith" => Method::Call(F::StartsWith, 1, 1),
        "endswith" => Method::Call(F::EndsWith, 1, 1),
        "tolower" | "tolowerinvariant" => Method::Call(F::ToLower, 0, 0),
        "toupper" | "toupperinvariant" => Method::Call(F::ToUpper, 0, 0),
        "trim" => Method::Call(F::Trim, 0, 0),
        "substring" => Method::Call(F::Substring, 1, 2),
        "indexof" => Method::Call(F::IndexOf, 1, 1),
        "addseconds" => Method::Call(F::AddSeconds, 1, 1),
        "addminutes" => Method::Call(F::AddMinutes, 1, 1),
        "addhours" => Method::Call(F::AddHours, 1, 1),
        "adddays" => Method::Call(F::AddDays, 1, 1),
        "addmonths" => Method::Call(F::AddMonths, 1, 1),
        "addyears" => Method::Call(F::AddYears, 1, 1),
        "length" => Method::Property(F::Length),
        "date" => Method::Property(F::Date),
        "year" => Method::Property(F::Year),
        "month" => Method::Property(F::Month),
        "day" => Method::Property(F::Day),
        "hour" => Method::Property(F::Hour),
        "minute" => Method::Property(F::Minute),
        "second" => Method::Property(F::Second),
        "totaldays" => Method::Property(F::TotalDays),
        "totalhours" => Method::Property(F::TotalHours),
        "totalminutes" => Method::Property(F::TotalMinutes),
        "totalseconds" => Method::Property(F::TotalSeconds),
        "any" => Method::Query(Query::Any, Body::Possible),
        "all" => Method::Query(Query::All, Body::Needed),
        "count" => Method::Query(Query::Count, Body::Possible),
        "sum" => Method::Query(Query::Sum, Body::Possible),
        _ => return None,
    })
}

/// What to write instead of a method that is not there.
pub(super) fn instead_of_method(name: &str) -> &'static str {
    match name.to_ascii_lowercase().as_str() {
        "equals" => "write ==",
        "compareto" | "compare" => "write <, <=, > or >=",
        "tostring" => "compare the value itself; numbers become texts with \"\" + value",
        "subtract" => "write -",
        "add" => "write AddDays(…), AddHours(…) or the like, or +",
        "where" => "put the condition into Any(…), All(…) or Count(…)",
        "first" | "firstordefault" | "last" | "lastordefault" | "single" | "elementat" | "select" => {
            "single items of a list cannot be reached: ask with Any(…), All(…), Count(…) or Sum(…)"
        }
        "min" | "max" => "ask with Any(…) or All(…) whether an item is above or below",
        "average" => "write Lines.Sum(Amount) / Lines.Count()",
        "days" | "hours" | "minutes" | "seconds" => "write TotalDays, TotalHours, TotalMinutes or TotalSeconds",
        "trimstart" | "trimend" => "write Trim()",
        "isnullorempty" => "write string.IsNullOrEmpty(…)",
        "hasvalue" => "write != null",
        _ => {
            "there are Contains, StartsWith, EndsWith, ToLower, ToUpper, Trim, Substring and IndexOf of texts, AddDays and the like of times, Any, All, Count, Sum and Contains of lists"
        }
    }
}

/// What to write instead of a function that is not there; none where nothing is known of it.
pub(super) fn instead_of_function(name: &str) -> Option<&'static str> {
    Some(match name.to_ascii_lowercase().as_str() {
        "contains" | "startswith" | "endswith" | "tolower" | "toupper" | "trim" | "substring" | "indexof" => {
            "write it behind the text, as Name.Contains(\"x\")"
        }
        "any" | "all" | "count" | "sum" => "write it behind the list, as Lines.Any(Amount > 0)",
        "length" | "year" | "month" | "day" | "hour" | "minute" | "second" | "date" => {
            "write it behind the value, as CreatedAt.Year"
        }
        "now" | "utcnow" => "write DateTime.UtcNow",
        "today" => "write DateTime.Today",
        "isnullorempty" => "write string.IsNullOrEmpty(…)",
        "coalesce" | "ifnull" => "write a ?? b, or isnull(a, b)",
        "if" => "write iif(condition, a, b), or condition ? a : b",
        "abs" | "floor" | "ceiling" => "write Math.Abs(…), Math.Floor(…) or Math.Ceiling(…)",
        "guid" => "ids are texts: compare with the text itself",
        "timespan" => "write AddDays(…) of a time, or TotalDays of what lies between two",
        "datetimeoffset" => "write DateTime(…), which is in UTC",
        "int" | "long" | "short" | "byte" | "decimal" | "double" | "float" | "int32" | "int64" | "bool" | "boolean"
        | "string" | "char" | "object" | "as" | "is" | "cast" => {
            "values cannot be made into another kind: compare with a value of the same kind"
        }
        _ => return None,
    })
}

/// What to write instead of a word between two values.
pub(super) fn instead_of_operator(word: &str) -> Option<&'static str> {
    Some(match word.to_ascii_lowercase().as_str() {
        "contains" | "like" => "write Name.Contains(\"x\")",
        "startswith" => "write Name.StartsWith(\"x\")",
        "endswith" => "write Name.EndsWith(\"x\")",
        "is" => "write == null or != null",
        "between" => "write Amount >= 1 and Amount <= 9",
        "equals" => "write ==",
        "xor" => "write !=",
        "where" | "order" | "orderby" | "select" | "from" => "a filter is the condition alone",
        _ => return None,
    })
}
