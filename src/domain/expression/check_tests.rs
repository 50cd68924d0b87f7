//! Tests of what is refused before any row is seen, and of what mentions a time.

use super::{Schema, Type, check, linq::parse, mentions_time};

#[test]
fn kinds_that_never_fit_are_refused() {
    let transactions = Schema::transactions();
    for (text, place, part) in [
        (
            "Status",
            1,
            "a condition is expected here, which is true or false; this is a text",
        ),
        ("1", 1, "this is a number"),
        ("Amount + 1", 1, ""),
        ("Status > 1", 1, "a text never compares with a number"),
        ("Amount > 1 and Status == 5", 16, "a text never compares with a number"),
        ("not Status == \"x\"", 5, "put it in parentheses"),
        (
            "not Amount == 5",
            1,
            "true or false never compares with a number; put parentheses",
        ),
        ("Status and true", 1, "a condition is expected"),
        ("CreatedAt > 5", 1, "a time never compares with a number"),
        (
            "CreatedAt > \"tomorrow\"",
            13,
            "this text is compared with a time, but is none",
        ),
        ("CreatedAt in (\"2026-01-31\", \"x\")", 29, "is none"),
        ("Status in (\"a\", 1)", 17, "never compares"),
        ("true > false", 1, "neither less nor greater"),
        ("Data == 1", 1, "never compares"),
        ("it == 1", 1, "never compares"),
        ("5.Contains(\"a\")", 1, "a text is expected here; this is a number"),
        ("Status.Contains(5)", 17, "a text is expected"),
        ("CreatedAt.Contains(\"a\")", 1, "this is a time"),
        ("Status.Foo == 1", 1, "a text has no Foo"),
        ("CreatedAt.Foo == 1", 1, "a time has no Foo"),
        ("(CreatedAt - CommittedAt).Days == 1", 1, "TotalDays"),
        ("CreatedAt - CommittedAt > 5", 1, ".TotalDays of the span"),
        ("CreatedAt + 5 > DateTime.UtcNow", 1, ".AddDays(…)"),
        ("Status * 2 == 4", 1, "has no meaning"),
        ("CreatedAt.AddDays(\"x\") > DateTime.UtcNow", 19, "a number is expected"),
        ("Status.Any()", 1, "Any asks of a list; this is a text"),
        ("Lines.Sum(\"a\") > 1", 11, "a number is expected"),
        ("Lines.Any(5)", 11, "a condition is expected"),
        ("CreatedAt > DateTime(2026, 2, 30)", 13, "there is no such time"),
        ("Status.Year == 1 and Status.AddDays(1) == null", 1, ""),
        ("iif(Status, true, false)", 5, "a condition is expected"),
        ("Status ?? \"x\"", 1, "a condition is expected"),
    ] {
        let expr = parse(text).unwrap_or_else(|problem| panic!("{text}: {}", problem.told(text)));
        match (check(&expr, &transactions), part) {
            (Ok(()), "") => {}
            (Err(problems), part) => {
                let told = problems[0].told(text);
                let found = told.starts_with(&format!("character {place}: ")) && told.contains(part);
                assert!(found, "{text}: {told}");
            }
            (Ok(()), _) => panic!("{text} is taken"),
        }
    }
}

#[test]
fn what_may_work_is_taken() {
    for text in [
        "Status == \"ready\" and Amount > 1000 and Customer.Country in (\"NO\",\"SE\")",
        "IsActive",
        "true",
        "null > 1",
        "!(null > 1)",
        "CreatedAt > \"2026-01-31\"",
        "CreatedAt > DueDate",
        "CommittedAt == null",
        "(DateTime.UtcNow - CreatedAt).TotalDays < 30",
        "(DateTime.UtcNow - Data.PaidOn).TotalDays < 30",
        "Data.Date > DateTime.Today",
        "Invoice.Date.Year == 2026",
        "Lines.Any(Amount > 0 and Status == 5)",
        "Lines.Count > 2",
        "Lines.Sum(Amount) * 1.25 > Amount",
        "Status == \"nonsense\"",
        "np(Customer.Active, false)",
        "Status == null ? Amount > 1 : IsActive",
        "(Amount ?? 0) + 1 > 2",
        "Status + 1 == \"ready1\"",
        "it.Status == \"ready\"",
        "Identifier.Length > 3",
        "Amount - Discount > 0",
        "a - b - c > 1",
        "Status == PaidOn",
        // As in the README.
        "not (CommittedAt == null) && (DateTime.UtcNow - CommittedAt).TotalDays < 30",
        "Lines.Any(Amount > 100 and Sku.StartsWith(\"A-\")) or Lines.Sum(Amount) >= (Limit ?? 5000)",
    ] {
        let expr = parse(text).unwrap();
        let result = check(&expr, &Schema::transactions());
        assert!(result.is_ok(), "{text}: {result:?}");
    }
    let records = parse("Version > 3 and Key.StartsWith(\"A\") and ChangedAt > \"2026-01-01\"").unwrap();
    assert!(check(&records, &Schema::records()).is_ok());
    let closed = Schema::without_data(vec![("Name", Type::Text)]);
    let problems = check(&parse("Nam == 'a' or Name == 'b'").unwrap(), &closed).unwrap_err();
    assert_eq!(problems[0].message, "there is no member Nam; there are Name");
}

#[test]
fn whether_a_time_is_mentioned() {
    for (text, expected) in [
        ("CreatedAt > \"2026-01-01\"", true),
        ("DueDate > DateTime.UtcNow", true),
        ("DueDate > \"2026-01-01\"", true),
        ("Lines.Any(Due > DateTime.Today)", true),
        ("CreatedAt in (\"2026-01-01\")", true),
        ("not (DueDate >= DateTime(2026, 1, 1))", true),
        ("CreatedAt == CommittedAt", true),
        ("CommittedAt != null", false),
        ("CreatedAt.Year > 2025", false),
        ("Status == \"ready\"", false),
        ("Amount > 1000", false),
    ] {
        assert_eq!(
            mentions_time(&parse(text).unwrap(), &Schema::transactions()),
            expected,
            "{text}"
        );
    }
}
