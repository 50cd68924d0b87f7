//! Expressions on rows as one tree: what the filters of integrations (LINQ) and `$filter` of OData compile into, what is evaluated
//! on a row, and what the store translates into SQL. Nothing here is ever executed as code.
//!
//! # What an expression is worth
//!
//! [`matches`] works it out in memory and the store in SQL; both follow this text to the letter, and a test compares them.
//!
//! **Kinds of values**: null, bool, number, text, time, span (of time), list, object. Numbers are IEEE doubles, whatever is written
//! (`9007199254740993` is `9007199254740992`; `7 / 2` is `3.5`). Times are whole microseconds since 1970 in UTC, years 1 to 9999;
//! spans are whole microseconds.
//!
//! **A time in a text** ([`time::read`]) is exactly `YYYY-MM-DD`, or that with `T` or one blank, `hh:mm`, perhaps `:ss`, perhaps `.` and
//! 1 to 9 digits (what is finer than a microsecond is cut off), perhaps `Z` or `+hh:mm` or `-hh:mm` (at most 14:59). Without a zone
//! it is in UTC, without an hour it is 00:00. Upper case, nothing around it, a day that exists. Any other text is no time.
//!
//! **Members**: names are compared without the case of ASCII letters; the very name wins, else the first by its bytes. Of a row: its
//! fixed members (`Status`, `CreatedAt`, …), then `Data`, which is the whole data, then the members of the data. So a fixed member
//! wins over one of the data with its name, which `Data.Status` reaches. What is not there is null; a member of anything but an
//! object is null. Fixed members have their kinds; those of the data the kinds of JSON: a text in it is a text, also `"12"`.
//!
//! | `a == b` | null | bool | number | text | time | span | list, object |
//! | --- | --- | --- | --- | --- | --- | --- | --- |
//! | null | true | false | false | false | false | false | false |
//! | bool | false | same | false | false | false | false | false |
//! | number | false | false | same | false | false | false | false |
//! | text | false | false | false | same bytes | the text is a time, and the same | false | false |
//! | time | false | false | false | the text is a time, and the same | same | false | false |
//! | span | false | false | false | false | false | same | false |
//! | list, object | false | false | false | false | false | false | false |
//!
//! `a != b` is always the opposite. `<`, `<=`, `>`, `>=` are false, but for two numbers, two texts (by their bytes, which is by code
//! points), two times, two spans, and a time and a text that is a time. Two texts are compared as texts, also where both are times.
//! `a in (x, y)` is `a == x || a == y`.
//!
//! **Conditions**: a value is met when it is true; null, false and everything of another kind are not. `!a` is true where `a` is not
//! met; `a && b`, `a || b`, `c ? a : b` ask what is met. These four, `in` and comparisons never give null (but `?:` gives what its
//! branch gives). So `null > 1` is false and `!(null > 1)` is true. `a ?? b` is `b` where `a` is null. What need not be worked out
//! is not; there are no errors that this could hide: **what cannot be worked out is null**.
//!
//! **Reckoning** (null where not said otherwise, also with null):
//! - number `+ - * / %` number; null where the result is not finite (`1 / 0`); `%` has the sign of the first; `-a` of a number;
//! - text `+` text joins; null joins as nothing and a number as its shortest digits (`1000`, `0.5`, never with an exponent);
//!   null `+` null is null;
//! - time `-` time is a span, time `+ -` span and span `+` time a time, span `+ -` span a span; here a text that is a time is a
//!   time (but text `+` text joins). A time out of the years 1 to 9999 is null.
//!
//! **Functions** ([`Function`]); null where an argument is null or of another kind than said, or where the result would not be finite:
//! - text: `Contains StartsWith EndsWith` (by bytes, case matters, "" is in every text); `ToLower ToUpper` (all of Unicode); `Trim`
//!   (Unicode's white space); `Length`, `IndexOf` (from 0, -1 where it is not) and `Substring(start[, length])` count code points;
//!   `Substring` is null unless start and length are whole, 0 or more, and start at most the length; it ends where the text ends.
//!   `Concat` of two texts;
//! - `IsNullOrEmpty`: true of null and "", false of all else, never null;
//! - `Contains` of a list: whether one of its items equals;
//! - `Length` of a list: how many items;
//! - time, or a text that is one, in UTC: `Date` (00:00 of its day), `Year Month Day Hour Minute Second`, `AddSeconds AddMinutes AddHours
//!   AddDays` (any number, to the nearest microsecond), `AddMonths AddYears` (whole numbers; the day at most the last of its month);
//! - `MakeTime` of whole numbers, null where there is no such time; `UtcNow`, `Today`: of the time that the whole work is given;
//! - span: `TotalDays TotalHours TotalMinutes TotalSeconds`;
//! - number: `Round` (halves away from zero), `Floor`, `Ceiling`, `Abs`;
//! - what is written like a member (`Length`, `Count`, the parts of times and spans: [`Function::property`]) is, **of an object**, its
//!   member with that name: `Invoice.Date`.
//!
//! **Lists** ([`Query`]): null of anything but a list. `Any`: has an item, of which the body is met; `All`: the body is met of each, true
//! of an empty list; `Count`: how many items (meet the body); `Sum`: of the items, or of what the body gives, as far as they are
//! numbers, one after the other, 0 without any, null where it is not finite. In the body, members without `of` are those of the item
//! (of nothing else), and [`Kind::It`] is the item.

use jiff::Timestamp;

pub use check::{check, kind_of, mentions_time};
pub use datum::Datum;
pub use eval::{Row, TooMuchWork, matches, value};
pub use item::Item;
pub use problem::{Place, Problem};
pub use schema::{Schema, Type};

mod check;
#[cfg(test)]
mod check_tests;
mod datum;
mod eval;
pub mod explain;
mod functions;
mod item;
pub mod limits;
pub mod linq;
pub mod odata;
mod problem;
mod schema;
pub mod time;

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
    /// The row itself, or the item within a [`Kind::Query`].
    It,
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

impl Function {
    /// How it is written as a member, where it is: of an object it is then the object's member with that name.
    #[must_use]
    pub const fn property(self) -> Option<&'static str> {
        match self {
            Self::Length => Some("Length"),
            Self::Date => Some("Date"),
            Self::Year => Some("Year"),
            Self::Month => Some("Month"),
            Self::Day => Some("Day"),
            Self::Hour => Some("Hour"),
            Self::Minute => Some("Minute"),
            Self::Second => Some("Second"),
            Self::TotalDays => Some("TotalDays"),
            Self::TotalHours => Some("TotalHours"),
            Self::TotalMinutes => Some("TotalMinutes"),
            Self::TotalSeconds => Some("TotalSeconds"),
            _ => None,
        }
    }
}

impl Expr {
    /// Its parts, in the order of the text.
    #[must_use]
    pub fn parts(&self) -> Vec<&Self> {
        match &self.kind {
            Kind::Literal(_) | Kind::It => Vec::new(),
            Kind::Member { of, .. } => of.as_deref().into_iter().collect(),
            Kind::Not(one) | Kind::Negate(one) => vec![one],
            Kind::And(one, other)
            | Kind::Or(one, other)
            | Kind::Compare(_, one, other)
            | Kind::Reckon(_, one, other)
            | Kind::Coalesce(one, other) => vec![one, other],
            Kind::In { value, list } => std::iter::once(&**value).chain(list).collect(),
            Kind::If(condition, then, otherwise) => vec![condition, then, otherwise],
            Kind::Call(_, arguments) => arguments.iter().collect(),
            Kind::Query { list, body, .. } => std::iter::once(&**list).chain(body.as_deref()).collect(),
        }
    }
}
