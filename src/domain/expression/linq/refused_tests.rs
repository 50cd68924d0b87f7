//! Tests of the filter language: what is refused, with its place and with what to write instead, and where parts stand.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::{
    super::{Expr, Kind, Row, Schema, check, explain, limits, matches, mentions_time},
    parse,
};

#[test]
fn what_is_wrong_is_told_with_its_place() {
    for (text, place, part) in [
        ("", 1, "a condition is expected"),
        ("   ", 4, "a condition is expected"),
        ("Status ==", 10, "a value is expected, but the text ends here"),
        ("Status == )", 11, "a value is expected here, not `)`"),
        ("(Status == 'a'", 15, "`)` is expected, but the text ends here"),
        ("Status == 'a')", 14, "there is no ( for this )"),
        (
            "Status 'a'",
            8,
            "an operator, as == or `and` is expected here, not a text",
        ),
        ("å == 1 1", 8, "not a number"),
        ("Status === 'a'", 8, "write =="),
        ("Status == 'a", 11, "' is missing"),
        ("Status == 'a\\q'", 13, "\\\\"),
        ("Status == '\\ud800'", 12, "uHHHH"),
        ("Status == '\\0'", 11, "character 0"),
        ("Status == “a”", 11, "straight quotes"),
        ("Amount > 12abc", 10, "this is no number"),
        ("Amount > 1e999", 10, "too large"),
        ("Amount > 0x", 10, "no number"),
        ("Amount & 1", 8, "write && or `and`"),
        ("Amount | 1", 8, "write || or `or`"),
        ("Amount << 1", 8, "shifts"),
        ("Lines[0].Amount > 1", 6, "Any(…)"),
        ("Lines.Any(x => x.Amount > 1)", 13, "without `x =>`"),
        ("Customer?.Name == 'a'", 9, "np(path, default)"),
        ("new(Status)", 1, "objects cannot be made"),
        ("new { Status }", 5, "objects cannot be made"),
        ("Amount > @0", 10, "no parameters"),
        ("Status like 'a%'", 8, "write Name.Contains"),
        ("Status is null", 8, "write == null"),
        ("contains(Status, 'a')", 1, "write it behind the text"),
        ("decimal(Amount) > 1", 1, "into another kind"),
        ("foo(1)", 1, "there is no function foo"),
        ("Guid.Parse('a') == Id", 1, "ids are texts"),
        ("DateTime.Parse('a') > CreatedAt", 10, "DateTime has UtcNow"),
        ("DateTime(2026, 1)", 1, "year, month and day"),
        ("string.Empty == Status", 8, "IsNullOrEmpty"),
        ("Math.Round(Amount) == 1", 6, "Math.Floor(a + 0.5)"),
        ("Name.Trim == 'a'", 6, "takes parentheses"),
        ("Name.Length() == 1", 6, "write .Length"),
        ("Name.Contains() ", 6, "takes 1 value, not 0"),
        ("Name.Substring(1,2,3) == 'a'", 6, "takes 1 or 2 values, not 3"),
        ("Name.Foo(1)", 6, "there is no method Foo: there are Contains"),
        ("Name.ToString() == 'a'", 6, "compare the value itself"),
        ("Lines.Where(Amount > 1).Any()", 7, "put the condition into Any"),
        ("Lines.All()", 11, "takes a condition"),
        ("Lines.Any(parent.Status == 'a')", 11, "not the row outside"),
        ("Status in 'a'", 11, "a list in parentheses"),
        ("Status in ()", 12, "a value is expected"),
        ("Status in ('a' 'b')", 16, "`,` or `)`"),
        ("eq == 5", 1, "a member of that name is written @eq"),
        ("Status == and", 11, "not the operator and"),
        ("iif(true, 1)", 1, "iif(condition, a, b); here are 2 values"),
        ("np(1 + 1)", 4, "np takes a path"),
        ("true ? 1", 9, "`:`"),
        ("Status. == 1", 9, "a name is expected"),
        ("'a'('b')", 4, "an operator is expected"),
        ("a # b", 3, "has no meaning"),
        ("a; b", 2, "one condition"),
    ] {
        let problem = parse(text).expect_err(text);
        let told = problem.told(text);
        assert!(
            told.starts_with(&format!("character {place}: ")) && told.contains(part),
            "{text}: {told}"
        );
    }
    let text = "Status == 'a'\n  and Amount >";
    assert_eq!(
        parse(text).unwrap_err().told(text),
        "line 2, column 15: a value is expected, but the text ends here"
    );
}

#[test]
fn what_is_too_large_is_refused_and_nothing_overflows() {
    let nested = |count: usize| format!("{}true{}", "(".repeat(count), ")".repeat(count));
    assert!(parse(&nested(limits::DEPTH_MAX - 1)).is_ok());
    for text in [
        nested(limits::DEPTH_MAX + 1),
        nested(4_000),
        "!".repeat(8_000) + "a",
        "not ".repeat(2_000) + "a",
        "- ".repeat(4_000) + "1",
        "true?".repeat(1_600) + "1",
        "a??".repeat(2_700) + "a",
        "iif(".repeat(2_000),
        "a".to_owned() + &".a".repeat(1_900),
        "a".to_owned() + &".Trim()".repeat(1_000),
        "1".to_owned() + &"+1".repeat(900),
        "a".to_owned() + &"==1".repeat(900),
    ] {
        let problem = parse(&text).unwrap_err();
        assert!(
            problem.message.contains("nested too deeply"),
            "{}: {problem:?}",
            text.get(..20).unwrap()
        );
    }
    let many = "a or ".repeat(1_500) + "a";
    assert!(parse(&many).unwrap_err().message.contains("too many parts"));
    let fits = "a or ".repeat(900) + "a";
    assert!(parse(&fits).is_ok());
    let list = format!("a in (1{})", ",1".repeat(limits::LIST_MAX));
    assert!(parse(&list).unwrap_err().message.contains("list is too long"));
    for text in [nested(100_000), " ".repeat(8_193), "a".repeat(8_193)] {
        assert!(parse(&text).unwrap_err().message.contains("too long"));
    }
}

#[test]
fn parts_know_where_they_stand() {
    let text = " ( Amount + 1 ) * 2 > 3 and not ( Status == 'a' ) ";
    let expr = parse(text).unwrap();
    let of = |expr: &Expr| text.get(expr.span.start..expr.span.end).unwrap().to_owned();
    let parts = |expr: &Expr| expr.parts().into_iter().map(of).collect::<Vec<_>>();
    assert_eq!(of(&expr), text.trim());
    assert_eq!(parts(&expr), ["( Amount + 1 ) * 2 > 3", "not ( Status == 'a' )"]);
    assert_eq!(parts(expr.parts()[0]), ["( Amount + 1 ) * 2", "3"]);
    assert_eq!(parts(expr.parts()[1]), ["Status == 'a'"]);
    let text = "a and b and c and d";
    let expr = parse(text).unwrap();
    let halves: Vec<_> = expr.parts().iter().map(|part| part.span).collect();
    assert_eq!(
        halves
            .iter()
            .map(|span| text.get(span.start..span.end).unwrap())
            .collect::<Vec<_>>(),
        ["a and b", "c and d"]
    );
    assert!(matches!(expr.kind, Kind::And(..)));
}

#[test]
fn the_deepest_that_is_read_can_be_worked_out() {
    let nested = |open: &str, inner: &str, close: &str, count: usize| {
        format!("{}{inner}{}", open.repeat(count), close.repeat(count))
    };
    let data = json!({ "a": true, "l": nested_list(40) });
    for text in [
        nested("!(", "a", ")", 31),
        nested("(", "a", ")", 63),
        nested("iif(true, ", "a", ", false)", 60),
        nested("l.Any(it.", "Any()", ")", 1),
        nested("(false or (a and ", "a", "))", 20),
        "a == ".repeat(62) + "true",
        "it".to_owned() + &".a".repeat(62),
        "a or ".repeat(990) + "a",
    ] {
        let expr = parse(&text).unwrap_or_else(|problem| panic!("{text}: {}", problem.told(&text)));
        let row = Row::of_data(&data);
        let now = Timestamp::UNIX_EPOCH;
        let _ = check(&expr, &Schema::transactions());
        let _ = mentions_time(&expr, &Schema::transactions());
        let met = matches(&expr, &row, now).unwrap();
        assert_eq!(
            explain::explain(&text, &expr, &row, now).unwrap().matches,
            met,
            "{text}"
        );
    }
}

fn nested_list(depth: usize) -> Value {
    (0..depth).fold(json!([]), |inner, _| json!([inner]))
}
