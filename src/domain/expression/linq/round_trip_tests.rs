//! Properties of the filter language: any text is read or refused, what is printed is read back, laws of conditions hold.

use std::fmt::Write;

use jiff::Timestamp;
use proptest::prelude::*;
use serde_json::{Value, json};

use super::{
    super::{
        Comparison, Expr, Function, Kind, Literal, Query, Reckoning, Row, Schema, Span, check, explain, matches, value,
    },
    parse, words,
};

/// A tree without places, since those differ.
fn without_places(expr: &Expr) -> Expr {
    let of = |expr: &Expr| Box::new(without_places(expr));
    let all = |list: &[Expr]| list.iter().map(without_places).collect::<Vec<_>>();
    let kind = match &expr.kind {
        Kind::Literal(literal) => Kind::Literal(literal.clone()),
        Kind::It => Kind::It,
        Kind::Member { of: parent, name } => Kind::Member {
            of: parent.as_deref().map(of),
            name: name.clone(),
        },
        Kind::Not(one) => Kind::Not(of(one)),
        Kind::Negate(one) => Kind::Negate(of(one)),
        Kind::And(one, other) => Kind::And(of(one), of(other)),
        Kind::Or(one, other) => Kind::Or(of(one), of(other)),
        Kind::Compare(comparison, one, other) => Kind::Compare(*comparison, of(one), of(other)),
        Kind::Reckon(reckoning, one, other) => Kind::Reckon(*reckoning, of(one), of(other)),
        Kind::In { value, list } => Kind::In {
            value: of(value),
            list: all(list),
        },
        Kind::If(one, then, otherwise) => Kind::If(of(one), of(then), of(otherwise)),
        Kind::Coalesce(one, other) => Kind::Coalesce(of(one), of(other)),
        Kind::Call(function, arguments) => Kind::Call(*function, all(arguments)),
        Kind::Query { query, list, body } => Kind::Query {
            query: *query,
            list: of(list),
            body: body.as_deref().map(of),
        },
    };
    part(kind)
}

fn part(kind: Kind) -> Expr {
    Expr {
        kind,
        span: Span::default(),
    }
}

/// The text of a tree, with all parentheses.
fn printed(expr: &Expr) -> String {
    let list = |list: &[Expr]| list.iter().map(printed).collect::<Vec<_>>().join(", ");
    match &expr.kind {
        Kind::Literal(Literal::Null) => "null".to_owned(),
        Kind::Literal(Literal::Bool(value)) => value.to_string(),
        Kind::Literal(Literal::Number(number)) => number.to_string(),
        Kind::Literal(Literal::Text(text)) => quoted(text),
        Kind::Literal(Literal::Time(_)) => unreachable!("the language has no literal times"),
        Kind::It => "it".to_owned(),
        Kind::Member { of: None, name } => format!("@{name}"),
        Kind::Member { of: Some(of), name } => format!("({}).@{name}", printed(of)),
        Kind::Not(one) => format!("not ({})", printed(one)),
        Kind::Negate(one) => format!("-({})", printed(one)),
        Kind::And(one, other) => format!("({}) and ({})", printed(one), printed(other)),
        Kind::Or(one, other) => format!("({}) || ({})", printed(one), printed(other)),
        Kind::Compare(comparison, one, other) => {
            let sign = match comparison {
                Comparison::Equal => "==",
                Comparison::NotEqual => "ne",
                Comparison::Less => "<",
                Comparison::LessOrEqual => "le",
                Comparison::Greater => ">",
                Comparison::GreaterOrEqual => "GE",
            };
            format!("({}) {sign} ({})", printed(one), printed(other))
        }
        Kind::Reckon(reckoning, one, other) => {
            let sign = match reckoning {
                Reckoning::Add => "+",
                Reckoning::Subtract => "-",
                Reckoning::Multiply => "*",
                Reckoning::Divide => "/",
                Reckoning::Remainder => "mod",
            };
            format!("({}) {sign} ({})", printed(one), printed(other))
        }
        Kind::In { value, list: values } => {
            let values: Vec<_> = values.iter().map(|value| format!("({})", printed(value))).collect();
            format!("({}) in ({})", printed(value), values.join(", "))
        }
        Kind::If(one, then, otherwise) => format!("({}) ? {} : {}", printed(one), printed(then), printed(otherwise)),
        Kind::Coalesce(one, other) => format!("isnull({}, {})", printed(one), printed(other)),
        Kind::Call(function, arguments) => match (function, arguments.as_slice()) {
            (Function::UtcNow, _) => "DateTime.UtcNow".to_owned(),
            (Function::Today, _) => "DateTime.Today".to_owned(),
            (Function::MakeTime, all) => format!("DateTime({})", list(all)),
            (Function::IsNullOrEmpty, all) => format!("string.IsNullOrEmpty({})", list(all)),
            (Function::Abs | Function::Floor | Function::Ceiling, all) => format!("Math.{function:?}({})", list(all)),
            (function, [of]) if function.property().is_some() => format!("({}).{function:?}", printed(of)),
            (function, [of, rest @ ..]) => format!("({}).{function:?}({})", printed(of), list(rest)),
            (_, []) => unreachable!("all others have an object"),
        },
        Kind::Query { query, list, body } => {
            let body = body.as_deref().map(printed).unwrap_or_default();
            format!("({}).{query:?}({body})", printed(list))
        }
    }
}

fn quoted(text: &str) -> String {
    let mut quoted = String::from("\"");
    for character in text.chars() {
        match character {
            '"' | '\\' => write!(quoted, "\\{character}").unwrap(),
            character if character.is_control() => write!(quoted, "\\u{:04x}", u32::from(character)).unwrap(),
            character => quoted.push(character),
        }
    }
    quoted + "\""
}

fn member_name() -> impl Strategy<Value = Box<str>> {
    proptest::sample::select(vec![
        "Status", "a", "B", "list", "When", "not", "Length", "Gone", "Created",
    ])
    .prop_map(Box::from)
}

fn literal() -> impl Strategy<Value = Literal> {
    prop_oneof![
        Just(Literal::Null),
        any::<bool>().prop_map(Literal::Bool),
        prop_oneof![-5_i32..5, any::<i32>()].prop_map(|number| Literal::Number(f64::from(number) / 4.0)),
        "(ready|[a-zåß\"\\\\\n ]{0,4})".prop_map(|text| Literal::Text(text.into())),
        Just(Literal::Text("2026-06-01T12:00".into())),
        Just(Literal::Text("2026-06-02".into())),
    ]
}

fn comparison() -> impl Strategy<Value = Comparison> {
    proptest::sample::select(vec![
        Comparison::Equal,
        Comparison::NotEqual,
        Comparison::Less,
        Comparison::LessOrEqual,
        Comparison::Greater,
        Comparison::GreaterOrEqual,
    ])
}

fn reckoning() -> impl Strategy<Value = Reckoning> {
    proptest::sample::select(vec![
        Reckoning::Add,
        Reckoning::Subtract,
        Reckoning::Multiply,
        Reckoning::Divide,
        Reckoning::Remainder,
    ])
}

/// Every method and property.
fn method() -> impl Strategy<Value = words::Method> {
    let names = "Contains StartsWith EndsWith ToLower ToUpper Trim Substring IndexOf AddSeconds AddMinutes AddHours AddDays AddMonths \
                 AddYears Length Date Year Month Day Hour Minute Second TotalDays TotalHours TotalMinutes TotalSeconds";
    let all: Vec<_> = names.split_whitespace().filter_map(words::method).collect();
    proptest::sample::select(all)
}

fn tree() -> impl Strategy<Value = Expr> {
    let leaf = prop_oneof![
        literal().prop_map(Kind::Literal),
        member_name().prop_map(|name| Kind::Member { of: None, name }),
        Just(Kind::It),
        Just(Kind::Call(Function::UtcNow, vec![])),
        Just(Kind::Call(Function::Today, vec![])),
    ]
    .prop_map(part);
    leaf.prop_recursive(5, 48, 4, |inner| {
        let one = || inner.clone().prop_map(Box::new);
        prop_oneof![
            (one(), member_name()).prop_filter_map("members of the row itself are names", |(of, name)| {
                (of.kind != Kind::It).then_some(Kind::Member { of: Some(of), name })
            }),
            one().prop_map(Kind::Not),
            one().prop_filter_map("numbers have their sign", |one| {
                (!matches!(one.kind, Kind::Literal(Literal::Number(_)))).then_some(Kind::Negate(one))
            }),
            (one(), one()).prop_map(|(one, other)| Kind::And(one, other)),
            (one(), one()).prop_map(|(one, other)| Kind::Or(one, other)),
            (comparison(), one(), one()).prop_map(|(how, one, other)| Kind::Compare(how, one, other)),
            (reckoning(), one(), one()).prop_map(|(how, one, other)| Kind::Reckon(how, one, other)),
            (one(), proptest::collection::vec(inner.clone(), 1..4)).prop_map(|(value, list)| Kind::In { value, list }),
            (one(), one(), one()).prop_map(|(one, then, otherwise)| Kind::If(one, then, otherwise)),
            (one(), one()).prop_map(|(one, other)| Kind::Coalesce(one, other)),
            proptest::collection::vec(inner.clone(), 3).prop_map(|parts| Kind::Call(Function::MakeTime, parts)),
            inner
                .clone()
                .prop_map(|one| Kind::Call(Function::IsNullOrEmpty, vec![one])),
            inner.clone().prop_map(|one| Kind::Call(Function::Abs, vec![one])),
            (method(), proptest::collection::vec(inner.clone(), 3)).prop_filter_map(
                "no property of the row",
                |(method, mut all)| {
                    let (function, count) = match method {
                        words::Method::Call(function, least, _) => (function, least),
                        words::Method::Property(function) => (function, 0),
                        words::Method::Query(..) => return None,
                    };
                    all.truncate(count + 1);
                    // Those are names.
                    let is_name = count == 0 && all.first().is_some_and(|of| of.kind == Kind::It);
                    (!is_name).then_some(Kind::Call(function, all))
                }
            ),
            (query(), one(), proptest::option::of(one())).prop_filter_map("All needs a body", |(query, list, body)| {
                let is_good = (query != Query::All || body.is_some()) && list.kind != Kind::It;
                is_good.then_some(Kind::Query { query, list, body })
            }),
        ]
        .prop_map(part)
    })
}

fn query() -> impl Strategy<Value = Query> {
    proptest::sample::select(vec![Query::Any, Query::All, Query::Count, Query::Sum])
}

fn data() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        (-5_i32..5).prop_map(|number| json!(f64::from(number) / 4.0)),
        "(ready|2026-06-0[1-9]|[a-z]{0,2})".prop_map(Value::from),
    ];
    let members = |inner: BoxedStrategy<Value>| {
        proptest::collection::vec((member_name(), inner), 0..6)
            .prop_map(|members| Value::Object(members.into_iter().map(|(name, value)| (name.into(), value)).collect()))
    };
    let inner = leaf.prop_recursive(3, 24, 4, move |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            members(inner.boxed()),
        ]
    });
    members(inner.boxed())
}

fn now() -> Timestamp {
    "2026-06-15T12:30:00Z".parse().unwrap()
}

fn row(data: &Value) -> Row<'_> {
    Row::of_data(data)
        .with_text("Status", Some("ready"))
        .with_time("Created", Some("2026-06-01T12:00:00Z".parse().unwrap()))
}

fn is_met(expr: &Expr, data: &Value) -> bool {
    matches(expr, &row(data), now()).unwrap()
}

proptest! {
    #[test]
    fn any_text_is_read_or_refused(text in "\\PC{0,60}") {
        let _ = parse(&text);
    }

    #[test]
    fn any_tokens_are_read_or_refused(
        tokens in proptest::collection::vec(proptest::sample::select(vec![
            "a", "Status", "==", "(", ")", ".", ",", "and", "or", "not", "in", "'x'", "12", "-", "?", "??", ":", "it", "$", "Any",
            "Contains", "Length", "DateTime", "UtcNow", "np", "iif", "string", "IsNullOrEmpty", "null", "@", "!", "*", "\"", "0x", "1e",
        ]), 0..40),
        blank in "[ ]?",
    ) {
        let text = tokens.join(&blank);
        if let Ok(expr) = parse(&text) {
            // Each part stands where it says, and is a text of its own.
            prop_assert!(text.get(expr.span.start..expr.span.end).is_some());
            let _ = check(&expr, &Schema::transactions());
            let data = json!({ "a": ["x", 12], "Status": 1 });
            let _ = value(&expr, &row(&data), now()).unwrap();
        }
    }

    #[test]
    fn what_is_printed_is_read_back(tree in tree()) {
        let text = printed(&tree);
        match parse(&text) {
            Ok(again) => prop_assert_eq!(without_places(&again), tree, "{}", text),
            Err(problem) => prop_assert!(problem.message.contains("too"), "{}: {}", &text, problem.told(&text)),
        }
    }

    #[test]
    fn every_part_reads_alone(tree in tree()) {
        let text = printed(&tree);
        if let Ok(expr) = parse(&text) {
            for part in expr.parts() {
                let alone = text.get(part.span.start..part.span.end).unwrap();
                // In a body `it` and names mean the item, which reads differently alone.
                if !matches!(expr.kind, Kind::Query { .. }) {
                    prop_assert_eq!(without_places(&parse(alone).unwrap()), without_places(part), "{} of {}", alone, &text);
                }
            }
        }
    }

    #[test]
    fn laws_of_conditions(one in tree(), other in tree(), data in data()) {
        let (a, b) = (|| Box::new(one.clone()), || Box::new(other.clone()));
        let not = |expr: Kind| Kind::Not(Box::new(part(expr)));
        let met = |kind: Kind| is_met(&part(kind), &data);
        // De Morgan.
        prop_assert_eq!(
            met(not(Kind::And(a(), b()))),
            met(Kind::Or(Box::new(part(Kind::Not(a()))), Box::new(part(Kind::Not(b())))))
        );
        prop_assert_eq!(met(Kind::Not(Box::new(part(Kind::Not(a()))))), is_met(&one, &data));
        prop_assert_eq!(met(Kind::And(a(), b())), met(Kind::And(b(), a())));
        prop_assert_eq!(met(Kind::Compare(Comparison::NotEqual, a(), b())), met(not(Kind::Compare(Comparison::Equal, a(), b()))));
        prop_assert_eq!(met(Kind::Compare(Comparison::Less, a(), b())), met(Kind::Compare(Comparison::Greater, b(), a())));
        prop_assert_eq!(met(Kind::Compare(Comparison::Equal, a(), b())), met(Kind::In { value: a(), list: vec![other.clone()] }));
        // Less or equal, unless both are null or both are bool: those are equal, but in no order.
        if met(Kind::Compare(Comparison::Less, a(), b())) {
            prop_assert!(met(Kind::Compare(Comparison::LessOrEqual, a(), b())));
            prop_assert!(met(Kind::Compare(Comparison::NotEqual, a(), b())));
            prop_assert!(!met(Kind::Compare(Comparison::GreaterOrEqual, a(), b())));
        }
    }

    #[test]
    fn what_is_told_agrees(tree in tree(), data in data()) {
        let text = printed(&tree);
        if let Ok(expr) = parse(&text) {
            let told = explain::explain(&text, &expr, &row(&data), now()).unwrap();
            prop_assert_eq!(told.matches, is_met(&tree, &data));
            prop_assert!(told.parts.len() <= explain::PARTS_MAX);
        }
    }

    #[test]
    fn what_is_known_of_a_kind_holds(tree in tree(), data in data()) {
        use super::super::{Datum, Type, kind_of};
        let schema = Schema::with_data(vec![("Status", Type::Text), ("Created", Type::Time)]);
        // Where a kind is known, the value is of it, or null.
        let worth = value(&tree, &row(&data), now()).map(|worth| match worth {
            Datum::Null => Type::Null,
            Datum::Bool(_) => Type::Bool,
            Datum::Number(_) => Type::Number,
            Datum::Text(_) => Type::Text,
            Datum::Time(_) => Type::Time,
            Datum::Span(_) => Type::Span,
            Datum::List(_) => Type::List,
            Datum::Object(_) | Datum::Row => Type::Object,
        }).unwrap();
        let known = kind_of(&tree, &schema);
        if check(&tree, &schema).is_ok() && known != Type::Dynamic && worth != Type::Null {
            prop_assert_eq!(known, worth);
        }
    }
}
