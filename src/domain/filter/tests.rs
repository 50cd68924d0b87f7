//! Tests of conditions: nulls, words, explanations, and that explaining agrees with matching.

use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;

fn path(text: &str) -> Path {
    Path::parse(text).unwrap()
}

fn compare(member: &str, comparison: Comparison, literal: Literal) -> Expr {
    Expr::Compare {
        path: path(member),
        comparison,
        operand: literal.into(),
    }
}

fn number(text: &str) -> Literal {
    Literal::Number(text.parse().unwrap())
}

#[test]
fn texts_are_numbers_only_where_nobody_would_mean_a_code() {
    for text in ["0", "-0", "7", "-7.50", "0.5", "1234567890123456789012345678"] {
        assert!(decimal_of_text(text).is_some(), "{text}");
    }
    for text in [
        "",
        "-",
        "007",
        "+7",
        "7.",
        ".5",
        "1e5",
        "1,000",
        " 7",
        "7 ",
        "0x10",
        "1_000",
        "--7",
        "12345678901234567890123456789012",
    ] {
        assert_eq!(decimal_of_text(text), None, "{text}");
    }
}

#[test]
fn nothing_equals_only_nothing() {
    let is_null = compare("f", Comparison::Equal, Literal::Null);
    for (record, expected) in [
        (json!({}), true),
        (json!({"f": null}), true),
        (json!({"f": [null]}), true),
        (json!({"f": ""}), false),
        (json!({"f": 0}), false),
        (json!({"f": false}), false),
        (json!({"f": {}}), false),
    ] {
        assert_eq!(is_null.matches(&record), expected, "{record}");
        assert_eq!(is_null.clone().negated().matches(&record), !expected, "{record}");
    }
    // As in C#: nothing is neither greater nor smaller, so that the opposite holds.
    for comparison in [
        Comparison::Greater,
        Comparison::GreaterOrEqual,
        Comparison::Less,
        Comparison::LessOrEqual,
    ] {
        assert!(!compare("f", comparison, Literal::Null).matches(&json!({"f": 1})));
        let above = compare("f", comparison, number("1"));
        assert!(!above.matches(&json!({"f": null})) && above.negated().matches(&json!({"f": null})));
    }
}

#[test]
fn typed_literals_compare_with_what_records_hold() {
    let noon = Literal::Time("2026-01-31T12:00:00Z".parse().unwrap());
    for (literal, value, expected) in [
        (number("1000.50"), json!(1000.5), true),
        (number("1000.50"), json!("1000.5"), true),
        (number("1"), json!(true), false),
        (Literal::Bool(true), json!(true), true),
        (Literal::Bool(true), json!("True"), true),
        (Literal::Bool(true), json!(1), false),
        (Literal::Text(String::new()), json!(""), true),
        (Literal::Text(String::new()), json!(null), false),
        (Literal::Text("é".to_owned()), json!("é"), true),
        (noon.clone(), json!("2026-01-31T13:00:00+01:00"), true),
        (noon.clone(), json!("2026-01-31"), true),
        (noon, json!("noon"), false),
        (number("18446744073709551615"), json!(u64::MAX), true),
        (number("9223372036854775807"), json!(i64::MAX), true),
        (number("0.1"), json!(0.1), true),
        (number("0"), json!(1e-40), false),
    ] {
        let expr = compare("f", Comparison::Equal, literal.clone());
        assert_eq!(expr.matches(&json!({ "f": value })), expected, "{literal:?} {value}");
    }
    assert!(compare("f", Comparison::Greater, number("1")).matches(&json!({"f": 1e300})));
    assert!(compare("f", Comparison::Less, number("1")).matches(&json!({"f": -1e300})));
    assert!(compare("f", Comparison::Greater, number("0")).matches(&json!({"f": 1e-40})));
}

#[test]
fn conditions_read_like_sentences() {
    let has = Expr::HasValue {
        path: path("EmailAddress"),
    };
    let above = compare("Amount", Comparison::Greater, Literal::Text("100".to_owned()));
    let after = compare(
        "DueDate",
        Comparison::GreaterOrEqual,
        Literal::Text("2026-01-31".to_owned()),
    );
    let one_of = Expr::In {
        path: path("status"),
        operands: ["PAID", "7"].map(|text| Literal::Text(text.to_owned()).into()).to_vec(),
    };
    let text = Expr::Text {
        path: path("Name"),
        test: TextTest::StartsWith,
        text: "A".to_owned(),
    };
    for (expr, expected) in [
        (has.clone(), "Email Address has a value"),
        (has.clone().negated(), "Email Address has no value"),
        (above.clone(), "Amount is greater than 100"),
        (above.clone().negated(), "not: Amount is greater than 100"),
        (after.clone(), "Due Date is on or after 2026-01-31"),
        (one_of.clone(), "status is one of \"PAID\", 7"),
        (one_of.negated(), "status is not one of \"PAID\", 7"),
        (text.clone().negated(), "Name does not start with \"A\""),
        (compare("a", Comparison::Equal, Literal::Null), "a is missing"),
        (
            compare("a", Comparison::Equal, Literal::Bool(true)).negated(),
            "a does not equal true",
        ),
        (
            has.clone().and(above.clone()).and(after.clone()),
            "Email Address has a value and Amount is greater than 100 and Due Date is on or after 2026-01-31",
        ),
        (
            has.clone().and(above.clone()).or(after),
            "(Email Address has a value and Amount is greater than 100) or Due Date is on or after 2026-01-31",
        ),
        (
            has.clone().or(above).and(text).negated(),
            "not ((Email Address has a value or Amount is greater than 100) and Name starts with \"A\")",
        ),
        (Expr::Or(Vec::new()), "never"),
    ] {
        assert_eq!(expr.to_string(), expected);
    }
}

#[test]
fn an_explanation_shows_what_was_looked_at() {
    let expr = compare("Account Number", Comparison::Equal, Literal::Text("1QKGUL".to_owned()))
        .and(
            Expr::HasValue {
                path: path("ContactID"),
            }
            .negated(),
        )
        .and(Expr::HasValue {
            path: path("Lines.Amount"),
        });
    let record = json!({"accountnumber": "1QKGUL", "ContactID": "c-1", "Lines": [{"Amount": 5}]});
    assert_eq!(
        serde_json::to_value(expr.explain(&record)).unwrap(),
        json!({
            "expression": "Account Number equals \"1QKGUL\" and Contact ID has no value and Lines Amount has a value",
            "result": false,
            "parts": [
                {"expression": "Account Number equals \"1QKGUL\"", "result": true, "value": "1QKGUL"},
                {"expression": "Contact ID has no value", "result": false, "value": "c-1"},
                {"expression": "Lines Amount has a value", "result": true, "value": [5]},
            ]
        })
    );
}

fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        (-20..20_i64).prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        "[a-c0-9.]{0,3}".prop_map(Value::from),
        Just(json!("2026-01-31")),
        Just(json!("2026-01-31T12:00:00Z")),
    ];
    leaf.prop_recursive(3, 24, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::btree_map("[ab]", inner, 0..3)
                .prop_map(|members| members.into_iter().collect::<serde_json::Map<_, _>>().into()),
        ]
    })
}

fn any_expr() -> impl Strategy<Value = Expr> {
    let any_path = || prop_oneof![Just("a"), Just("b"), Just("A.b"), Just("a.a"), Just("b.0")].prop_map(path);
    let literal = || {
        prop_oneof![
            Just(Literal::Null),
            any::<bool>().prop_map(Literal::Bool),
            (-20..20_i64).prop_map(|number| Literal::Number(number.into())),
            "[a-c0-9.]{0,3}".prop_map(Literal::Text),
            Just(Literal::Text("2026-01-31".to_owned())),
        ]
    };
    let comparison = prop_oneof![
        Just(Comparison::Equal),
        Just(Comparison::Greater),
        Just(Comparison::GreaterOrEqual),
        Just(Comparison::Less),
        Just(Comparison::LessOrEqual),
    ];
    let test = prop_oneof![
        Just(TextTest::Contains),
        Just(TextTest::StartsWith),
        Just(TextTest::EndsWith)
    ];
    let leaf = prop_oneof![
        (any_path(), comparison, literal()).prop_map(|(path, comparison, literal)| Expr::Compare {
            path,
            comparison,
            operand: literal.into()
        }),
        (any_path(), test, "[a-c0-9]{0,2}").prop_map(|(path, test, text)| Expr::Text { path, test, text }),
        (any_path(), prop::collection::vec(literal(), 0..3)).prop_map(|(path, literals)| Expr::In {
            path,
            operands: literals.into_iter().map(Operand::from).collect()
        }),
        any_path().prop_map(|path| Expr::HasValue { path }),
    ];
    leaf.prop_recursive(4, 32, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Expr::And),
            prop::collection::vec(inner.clone(), 0..4).prop_map(Expr::Or),
            inner.prop_map(Expr::negated),
        ]
    })
}

fn check_parts(expr: &Expr, explained: &Explained, record: &Value) {
    assert_eq!(explained.result, expr.matches(record), "{expr} on {record}");
    assert_eq!(explained.expression, expr.to_string());
    if let Expr::And(parts) | Expr::Or(parts) = expr {
        assert_eq!(parts.len(), explained.parts.len());
        parts
            .iter()
            .zip(&explained.parts)
            .for_each(|(part, explained)| check_parts(part, explained, record));
    }
}

proptest! {
    #[test]
    fn explaining_agrees_with_matching(expr in any_expr(), record in any_json()) {
        check_parts(&expr, &expr.explain(&record), &record);
    }

    #[test]
    fn an_order_is_one(value in any_json(), literal in "[a-c0-9.]{0,3}") {
        let record = json!({ "a": value });
        let [equal, less, less_or_equal, greater, greater_or_equal] = [
            Comparison::Equal, Comparison::Less, Comparison::LessOrEqual, Comparison::Greater, Comparison::GreaterOrEqual,
        ].map(|comparison| compare("a", comparison, Literal::Text(literal.clone())).matches(&record));
        prop_assert_eq!(less_or_equal, less || equal);
        prop_assert_eq!(greater_or_equal, greater || equal);
        let is_single = !matches!(record["a"], Value::Array(_));
        prop_assert!(!is_single || u8::from(less) + u8::from(equal) + u8::from(greater) <= 1);
    }
}
