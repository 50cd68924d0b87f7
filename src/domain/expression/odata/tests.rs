//! What is read, and what is refused where.

use super::*;

/// The tree in a form that is easy to compare.
fn shape(expr: &Expr) -> String {
    let list = |items: &[Expr]| items.iter().map(shape).collect::<Vec<_>>().join(", ");
    match &expr.kind {
        Kind::Literal(Literal::Null) => "null".to_owned(),
        Kind::Literal(Literal::Bool(value)) => value.to_string(),
        Kind::Literal(Literal::Number(value)) => value.to_string(),
        Kind::Literal(Literal::Text(value)) => format!("{value:?}"),
        Kind::Literal(Literal::Time(value)) => format!("<{value}>"),
        Kind::Member { of: None, name } => name.to_string(),
        Kind::Member { of: Some(of), name } => format!("{}/{name}", shape(of)),
        Kind::Not(of) => format!("!{}", shape(of)),
        Kind::Negate(of) => format!("-{}", shape(of)),
        Kind::And(left, right) => format!("({} & {})", shape(left), shape(right)),
        Kind::Or(left, right) => format!("({} | {})", shape(left), shape(right)),
        Kind::Compare(how, left, right) => format!("({} {how:?} {})", shape(left), shape(right)),
        Kind::Reckon(how, left, right) => format!("({} {how:?} {})", shape(left), shape(right)),
        Kind::In { value, list: items } => format!("({} in {})", shape(value), list(items)),
        Kind::Call(function, arguments) => format!("{function:?}({})", list(arguments)),
        other => format!("{other:?}"),
    }
}

#[test]
fn expressions_are_read_with_their_precedence() {
    for (text, expected) in [
        ("A eq 1", "(A Equal 1)"),
        (
            "A eq 1 or B ne 'x' and C lt 2.5",
            "((A Equal 1) | ((B NotEqual \"x\") & (C Less 2.5)))",
        ),
        ("(A eq 1 or B eq 2) and C", "(((A Equal 1) | (B Equal 2)) & C)"),
        ("not (A gt 1)", "!(A Greater 1)"),
        ("not A and B", "(!A & B)"),
        ("not A eq true", "(!A Equal true)"),
        ("A ge -1 and B le -C", "((A GreaterOrEqual -1) & (B LessOrEqual -C))"),
        ("Name eq 'O''Neil'", "(Name Equal \"O'Neil\")"),
        ("Name eq ''", "(Name Equal \"\")"),
        ("A in (1,2, 3)", "(A in 1, 2, 3)"),
        ("not (A in ('x'))", "!(A in \"x\")"),
        (
            "contains(tolower(Name),'x') eq true",
            "(Contains(ToLower(Name), \"x\") Equal true)",
        ),
        (
            "A add 1 mul 2 eq 7 mod 4",
            "((A Add (1 Multiply 2)) Equal (7 Remainder 4))",
        ),
        ("System/Name eq null", "(System/Name Equal null)"),
        ("At gt 2026-01-31", "(At Greater <2026-01-31T00:00:00Z>)"),
        ("At gt 2026-01-31T10:00:00+02:00", "(At Greater <2026-01-31T08:00:00Z>)"),
        (
            "At gt 2026-01-31T10:00:00.25Z",
            "(At Greater <2026-01-31T10:00:00.25Z>)",
        ),
        (
            "At gt now() sub duration'P1DT1H'",
            "(At Greater AddSeconds(UtcNow(), -90000))",
        ),
        (
            "Id eq 0A0B0C0D-0000-4000-8000-00000000000F",
            "(Id Equal \"0a0b0c0d-0000-4000-8000-00000000000f\")",
        ),
        ("year(date(At)) eq 2026", "(Year(Date(At)) Equal 2026)"),
        (
            "substring(Name,1) eq substring(Name,1,2)",
            "(Substring(Name, 1) Equal Substring(Name, 1, 2))",
        ),
        ("A eq 1e3", "(A Equal 1000)"),
    ] {
        match parse(text) {
            Ok(expr) => assert_eq!(shape(&expr), expected, "{text}"),
            Err(fault) => panic!("{text}: {fault:?}"),
        }
    }
}

#[test]
fn what_is_wrong_is_refused_where_it_stands() {
    for (text, at, part) in [
        ("", 0, "ends where a value"),
        ("A eq", 4, "ends where a value"),
        ("A eq 'x", 5, "does not end"),
        ("A eq \"x\"", 5, "single quotes"),
        ("A eq 1 B", 7, "\"B\" is not expected"),
        ("A == 1", 2, "\"=\" is not expected"),
        ("(A eq 1", 7, "\")\" is missing"),
        ("nope(A)", 0, "no function nope"),
        ("contains(A)", 0, "takes 2 arguments, and has 1"),
        ("A in 1", 5, "\"(\" is missing"),
        ("A in ()", 6, "a value is"),
        ("Lines/any(x:x/A eq 1)", 11, "(any, all) is not supported"),
        ("Lines/all(x: x/A eq 1)", 11, "(any, all) is not supported"),
        ("Lines/any()", 6, "any(…) of a list is not supported"),
        ("A eq @p", 5, "aliases"),
        ("A eq 1x", 5, "a blank is missing"),
        ("A eq 2026-13-01", 5, "no number, date"),
        ("A/ eq 1", 6, "a value is not expected"),
    ] {
        let fault = parse(text).unwrap_err();
        assert!(
            fault.message.contains(part) && fault.span.start == at,
            "{text}: {fault:?}"
        );
    }
}

#[test]
fn nothing_overflows() {
    let deep = format!("{}A{}", "(".repeat(1_900), ")".repeat(1_900));
    assert!(parse(&deep).unwrap_err().message.contains("deeper"));
    assert!(parse(&"not ".repeat(900)).unwrap_err().message.contains("deeper"));
    assert!(parse(&"-".repeat(3_900)).unwrap_err().message.contains("deeper"));
    assert!(
        parse(&"x".repeat(BYTES_MAX + 1))
            .unwrap_err()
            .message
            .contains("longer")
    );
    assert!(
        parse(&format!("A in ({}1)", "1,".repeat(LIST_MAX)))
            .unwrap_err()
            .message
            .contains("at most")
    );
    // The longest chain that is let in is dropped without trouble.
    drop(parse(&vec!["A"; 700].join(" or ")).unwrap());
}
