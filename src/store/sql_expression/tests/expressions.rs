//! Random expressions.

use proptest::prelude::*;

use super::rows::{numbers, texts};
use crate::domain::expression::{Comparison, Expr, Function, Kind, Literal, Query, Reckoning, Span};

fn expr(kind: Kind) -> Expr {
    Expr {
        kind,
        span: Span::default(),
    }
}

fn literal(literal: Literal) -> Expr {
    expr(Kind::Literal(literal))
}

fn path(names: &str) -> Expr {
    let mut made: Option<Expr> = None;
    for name in names.split('.') {
        let of = made.take().map(Box::new);
        made = Some(if name == "it" {
            expr(Kind::It)
        } else {
            expr(Kind::Member { of, name: name.into() })
        });
    }
    made.unwrap()
}

fn members() -> impl Strategy<Value = Expr> {
    prop::sample::select(vec![
        "Name",
        "name",
        "Count",
        "Flag",
        "At",
        "Until",
        "Uid",
        "Status",
        "Amount",
        "amount",
        "Text",
        "Mixed",
        "Due",
        "Lines",
        "Customer",
        "Customer.Country",
        "customer.country",
        "Customer.Customer.Amount",
        "Customer.Amount",
        "Data",
        "Data.Name",
        "Data.Amount",
        "it.Amount",
        "it.Name",
        "Missing",
        "Missing.Missing",
        "Name.Missing",
        "Amount.Missing",
    ])
    .prop_map(path)
}

fn literals() -> impl Strategy<Value = Expr> {
    let times = prop::sample::select(vec![
        "2026-11-22T12:34:56.789Z",
        "2026-11-22T00:00:00Z",
        "2026-01-01T00:00:00Z",
        "1970-01-01T00:00:00Z",
        "0001-01-01T00:00:00Z",
    ]);
    prop_oneof![
        1 => Just(Literal::Null),
        1 => any::<bool>().prop_map(Literal::Bool),
        4 => numbers().prop_map(Literal::Number),
        4 => texts().prop_map(|text| Literal::Text(text.into())),
        2 => times.prop_map(|at: &str| Literal::Time(at.parse().unwrap())),
    ]
    .prop_map(literal)
}

fn comparisons() -> impl Strategy<Value = Comparison> {
    use Comparison::{Equal, Greater, GreaterOrEqual, Less, LessOrEqual, NotEqual};
    prop::sample::select(vec![Equal, NotEqual, Less, LessOrEqual, Greater, GreaterOrEqual])
}

fn calls(inner: BoxedStrategy<Expr>) -> impl Strategy<Value = Expr> {
    use Function as F;
    let none = prop::sample::select(vec![F::UtcNow, F::Today]).prop_map(|function| expr(Kind::Call(function, vec![])));
    let one = prop::sample::select(vec![
        F::ToLower,
        F::ToUpper,
        F::Trim,
        F::Length,
        F::IsNullOrEmpty,
        F::Date,
        F::Year,
        F::Month,
        F::Day,
        F::Hour,
        F::Minute,
        F::Second,
        F::TotalDays,
        F::TotalHours,
        F::TotalMinutes,
        F::TotalSeconds,
        F::Round,
        F::Floor,
        F::Ceiling,
        F::Abs,
    ]);
    let two = prop::sample::select(vec![
        F::Contains,
        F::StartsWith,
        F::EndsWith,
        F::IndexOf,
        F::Concat,
        F::Substring,
        F::AddDays,
        F::AddHours,
        F::AddSeconds,
        F::AddMonths,
    ]);
    let counts = prop::sample::select(vec![0.0, 1.0, 2.0, 3.0, -1.0, 0.5, 1e16])
        .prop_map(|count| literal(Literal::Number(count)));
    prop_oneof![
        1 => none,
        6 => (one, inner.clone()).prop_map(|(function, value)| expr(Kind::Call(function, vec![value]))),
        4 => (two.clone(), inner.clone(), inner.clone()).prop_map(|(function, one, other)| expr(Kind::Call(function, vec![one, other]))),
        3 => (two, inner.clone(), counts.clone()).prop_map(|(function, one, other)| expr(Kind::Call(function, vec![one, other]))),
        2 => (inner, counts.clone(), counts).prop_map(|(text, from, count)| expr(Kind::Call(F::Substring, vec![text, from, count]))),
    ]
}

/// Anything, also what makes little sense.
pub(super) fn expressions(depth: u32) -> BoxedStrategy<Expr> {
    let leaf = prop_oneof![3 => members(), 2 => literals()];
    if depth == 0 {
        return leaf.boxed();
    }
    let inner = expressions(depth - 1);
    let boxed = |one: Expr| Box::new(one);
    let reckonings = prop::sample::select(vec![
        Reckoning::Add,
        Reckoning::Subtract,
        Reckoning::Multiply,
        Reckoning::Divide,
        Reckoning::Remainder,
    ]);
    let queries = prop::sample::select(vec![Query::Any, Query::All, Query::Count, Query::Sum]);
    prop_oneof![
        3 => leaf,
        8 => (comparisons(), inner.clone(), inner.clone())
            .prop_map(move |(comparison, one, other)| expr(Kind::Compare(comparison, boxed(one), boxed(other)))),
        6 => (comparisons(), members(), literals())
            .prop_map(move |(comparison, one, other)| expr(Kind::Compare(comparison, boxed(one), boxed(other)))),
        3 => (inner.clone(), inner.clone()).prop_map(move |(one, other)| expr(Kind::And(boxed(one), boxed(other)))),
        3 => (inner.clone(), inner.clone()).prop_map(move |(one, other)| expr(Kind::Or(boxed(one), boxed(other)))),
        3 => inner.clone().prop_map(move |one| expr(Kind::Not(boxed(one)))),
        1 => inner.clone().prop_map(move |one| expr(Kind::Negate(boxed(one)))),
        4 => (reckonings, inner.clone(), inner.clone())
            .prop_map(move |(reckoning, one, other)| expr(Kind::Reckon(reckoning, boxed(one), boxed(other)))),
        3 => (members(), prop::collection::vec(literals(), 0..5))
            .prop_map(move |(value, list)| expr(Kind::In { value: boxed(value), list })),
        1 => (inner.clone(), prop::collection::vec(inner.clone(), 0..3))
            .prop_map(move |(value, list)| expr(Kind::In { value: boxed(value), list })),
        1 => (inner.clone(), inner.clone(), inner.clone())
            .prop_map(move |(one, two, three)| expr(Kind::If(boxed(one), boxed(two), boxed(three)))),
        1 => (inner.clone(), inner.clone()).prop_map(move |(one, other)| expr(Kind::Coalesce(boxed(one), boxed(other)))),
        1 => (queries, inner.clone(), prop::option::of(inner.clone()))
            .prop_map(move |(query, list, body)| expr(Kind::Query { query, list: boxed(list), body: body.map(Box::new) })),
        6 => calls(inner),
    ]
    .boxed()
}
