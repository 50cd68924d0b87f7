//! Expressions on rows as one tree: what the filters of integrations (LINQ) and `$filter` of OData compile into, what is evaluated
//! on a row, and what the store translates into SQL. Nothing here is ever executed as code.
//!
//! Numbers are IEEE doubles, as in JSON, so that a row gives the same answer here and in both databases. Null follows C#'s rules:
//! comparing with it is false (equal: only to null), so that the `not` of such a comparison is true; arithmetic and members of
//! null are null.

use jiff::Timestamp;

/// A part of an expression, and where it stands in the text.
#[derive(Debug, Clone, PartialEq)]
pub struct Expr {
    /// What it is.
    pub kind: Kind,
    /// Byte range in the text that was parsed.
    pub span: Span,
}

/// Where a part stands: the bytes from `start` to before `end`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Hash)]
#[expect(missing_docs, reason = "the names say it")]
pub struct Span {
    pub start: usize,
    pub end: usize,
}

/// See [`Expr`].
#[derive(Debug, Clone, PartialEq)]
pub enum Kind {
    /// A value that is written in the text.
    Literal(Literal),
    /// A member: of the row (or of the item, within a [`Kind::Query`]) where `of` is none, else of what `of` gives. Names are
    /// compared without case; a member that is not there is null.
    Member {
        /// Of what.
        of: Option<Box<Expr>>,
        /// Its name, as it was written.
        name: Box<str>,
    },
    /// True where the part is not true.
    Not(Box<Expr>),
    /// The number with the other sign.
    Negate(Box<Expr>),
    /// Both.
    And(Box<Expr>, Box<Expr>),
    /// Either.
    Or(Box<Expr>, Box<Expr>),
    /// Two values compared.
    Compare(Comparison, Box<Expr>, Box<Expr>),
    /// Two values reckoned; `+` with a text joins texts, times less times are spans.
    Reckon(Reckoning, Box<Expr>, Box<Expr>),
    /// A value equals one of several.
    In {
        /// Which.
        value: Box<Expr>,
        /// Of which.
        list: Vec<Expr>,
    },
    /// The second where the first is true, else the third.
    If(Box<Expr>, Box<Expr>, Box<Expr>),
    /// The first, unless that is null, else the second.
    Coalesce(Box<Expr>, Box<Expr>),
    /// A function of values; of a method, its object is the first argument.
    Call(Function, Vec<Expr>),
    /// A question on a list.
    Query {
        /// Which.
        query: Query,
        /// On what.
        list: Box<Expr>,
        /// Of each item; its members are the item's.
        body: Option<Box<Expr>>,
    },
}

/// A value that is written in the text.
#[derive(Debug, Clone, PartialEq)]
#[expect(missing_docs, reason = "the names say it")]
pub enum Literal {
    Null,
    Bool(bool),
    Number(f64),
    Text(Box<str>),
    Time(Timestamp),
}

/// How two values compare.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "the names say it")]
pub enum Comparison {
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

/// How two values are reckoned.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "the names say it")]
pub enum Reckoning {
    Add,
    Subtract,
    Multiply,
    Divide,
    Remainder,
}

/// What can be called.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "the names say it")]
pub enum Function {
    Contains,
    StartsWith,
    EndsWith,
    ToLower,
    ToUpper,
    Trim,
    Length,
    Substring,
    IndexOf,
    Concat,
    IsNullOrEmpty,
    /// The present time.
    UtcNow,
    /// The present day, at 00:00 UTC.
    Today,
    /// A time made of year, month, day, and perhaps hour, minute, second.
    MakeTime,
    AddSeconds,
    AddMinutes,
    AddHours,
    AddDays,
    AddMonths,
    AddYears,
    /// The day of a time, at 00:00 UTC.
    Date,
    Year,
    Month,
    Day,
    Hour,
    Minute,
    Second,
    TotalDays,
    TotalHours,
    TotalMinutes,
    TotalSeconds,
    Round,
    Floor,
    Ceiling,
    Abs,
}

/// What can be asked of a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "the names say it")]
pub enum Query {
    Any,
    All,
    Count,
    Sum,
}
