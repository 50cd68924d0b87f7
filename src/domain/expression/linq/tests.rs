//! Tests of the filter language: what is read, what it is worth on a row, and what is refused with which words.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::{
    super::{Datum, Kind, Row, Schema, check, limits, matches, mentions_time, value},
    parse,
};

fn now() -> Timestamp {
    "2026-06-15T12:30:00Z".parse().unwrap()
}

fn data() -> Value {
    json!({
        "Amount": 1500.5, "Quantity": 7, "Zero": 0, "Name": "  Søren Å  ", "IsActive": true, "IsPaid": false, "PaidOn": null,
        "Customer": { "Name": "Acme", "Country": "NO", "Address": { "City": "Oslo" }, "Date": "a date", "Count": 3 },
        "Lines": [
            { "Sku": "A-1", "Amount": 100, "Taxed": true, "Tags": ["x", "y"] },
            { "Sku": "B-2", "Amount": 250.5, "Taxed": false, "Tags": [] },
            { "Sku": "C-3", "Amount": null, "Taxed": true },
        ],
        "Tags": ["red", "green"], "Numbers": [1, 2, 3.5, "4", null], "Empty": [], "Text": "",
        "DueDate": "2026-06-10", "SentAt": "2026-06-14T23:30:00-02:00", "Status": "of the data", "eq": 5, "Length": 9, "in": "in",
        "Quote": "a\"b\\c", "12": 1
    })
}

fn row(data: &Value) -> Row<'_> {
    Row::of_data(data)
        .with_text("Id", Some("0190a1b2"))
        .with_text("Identifier", Some("INV-1"))
        .with_text("Status", Some("ready"))
        .with_time("CreatedAt", Some("2026-06-01T08:00:00Z".parse().unwrap()))
        .with_time("CommittedAt", None)
        .with_text("CreatedBy", None)
}

/// What a filter comes to, also where it is no condition.
fn worth(text: &str) -> String {
    let expr = parse(text).unwrap_or_else(|problem| panic!("{text}: {}", problem.told(text)));
    let data = data();
    let shown = match value(&expr, &row(&data), now()).unwrap() {
        Datum::Null => "null".to_owned(),
        Datum::Bool(value) => value.to_string(),
        Datum::Number(number) => number.to_string(),
        Datum::Text(text) => format!("'{text}'"),
        Datum::Time(at) => super::super::time::show(at),
        Datum::Span(micros) => format!("{micros} us"),
        Datum::List(items) => format!("{} items", items.len()),
        Datum::Object(_) => "object".to_owned(),
        Datum::Row => "row".to_owned(),
    };
    shown
}

fn all_are(expected: &str, texts: &[&str]) {
    for text in texts {
        assert_eq!(worth(text), expected, "{text}");
    }
}

#[test]
fn group_1_comparisons() {
    all_are(
        "true",
        &[
            "Status == \"ready\"",
            "status = 'ready'",
            "STATUS eq \"ready\"",
            "Status equal \"ready\"",
            "Status != \"Ready\"",
            "Status <> \"x\"",
            "Status ne \"x\"",
            "Status neq \"x\"",
            "Status NotEqual \"x\"",
            "Amount > 1000.50",
            "Amount gt 1000.50m",
            "Amount GreaterThan 1500L",
            "Amount >= 1500.5",
            "Amount ge 15005e-1",
            "Amount GreaterThanEqual 0x10",
            "Amount < 1500.6d",
            "Amount lt 2000",
            "Amount LessThan 2000F",
            "Amount <= 1500.5",
            "Amount le 1500.5",
            "Amount LessThanEqual 1500.5",
            "Quantity == 0b111",
            "Quantity == 7UL",
            "IsActive",
            "isactive == True",
            "!IsPaid",
            "not IsPaid",
            "PaidOn == null",
            "PaidOn == NULL",
            "Nothing == null",
            "Customer != null",
            "null != Amount",
            "Data.Status == \"of the data\"",
            "it.Status == \"ready\"",
            "$.Status == \"ready\"",
            "@eq == 5",
            "Data.eq == 5",
            "Data.@eq == 5",
            "@in == \"in\"",
            "Length == 9",
            "Data.Length == 9",
            "it.Length == 9",
            "Quote == \"a\\\"b\\\\c\"",
            "Quote == \"a\"\"b\\\\c\"",
            "\"\\u00e5\\x41\\t\" == 'åA\t'",
            "\"\\uD83D\\uDE00\" == \"😀\"",
            "\"it's\" == 'it''s'",
        ],
    );
}

#[test]
fn null_follows_the_rules_of_c_sharp() {
    all_are(
        "false",
        &[
            "null > 1",
            "null <= null",
            "PaidOn > 1",
            "PaidOn <= 1",
            "PaidOn == 1",
            "Nothing.Deeper.Still == 1",
            "PaidOn && true",
            "PaidOn || false",
            "Nothing.Contains(\"x\") == false",
            "null in (1, 2)",
            "Amount == \"1500.5\"",
            "Amount > \"1\"",
            "IsActive == \"true\"",
            "IsActive == 1",
            "Lines == Lines",
            "Customer == Customer",
            "Status == \"READY\"",
        ],
    );
    all_are(
        "true",
        &[
            "!(null > 1)",
            "!(PaidOn > 1) and !(PaidOn <= 1)",
            "null == null",
            "!PaidOn",
            "PaidOn != 1",
            "!Nothing.Contains(\"x\")",
            "null in (1, null)",
            "Amount != \"1500.5\"",
            "Lines != null",
        ],
    );
    all_are(
        "null",
        &[
            "PaidOn + 1",
            "1 + null",
            "-PaidOn",
            "-Status",
            "Nothing.Length",
            "Amount.Foo",
            "1 / Zero",
            "1 % Zero",
            "Nothing.Any()",
        ],
    );
}

#[test]
fn group_2_and_or_not_with_their_precedence() {
    all_are(
        "true",
        &[
            "true or false and false",
            "true || false && false",
            "(true OR false) AND true",
            "true OrElse false AndAlso false",
            "not (false or false)",
            "!false and !false",
            "1 + 2 * 3 == 7",
            "(1 + 2) * 3 == 9",
            "10 - 4 - 3 == 3",
            "24 / 4 / 2 == 3",
            "7 mod 4 == 3",
            "1 < 2 == true",
            "-2 * -3 == 6",
            "- -2 == 2",
            "2 - -2 == 4",
            "-(2 + 3) == -5",
            "1 == 1 and 2 == 2 and 3 == 3 and 4 == 4 and 5 == 5",
            "false or false or false or true",
        ],
    );
    // As in the library `not` binds tighter than comparing.
    assert_eq!(worth("not IsPaid == true"), "true");
    assert_eq!(worth("not Amount == 5"), "false");
}

#[test]
fn group_3_in() {
    all_are(
        "true",
        &[
            "Status in (\"ready\",\"B\")",
            "Status IN ('A', 'ready')",
            "Quantity in (1, 3 + 4)",
            "Status not in (\"A\")",
            "Status ! in (\"A\")",
            "Status not_in (\"A\")",
            "Status NOT IN (\"A\") and true",
            "CreatedAt in (\"2026-06-01T08:00:00Z\")",
            "(Status in (\"A\")) == false",
            "Quantity + 1 in (8)",
        ],
    );
    assert_eq!(worth("Status not in (\"A\", \"ready\")"), "false");
}

#[test]
fn group_4_paths_and_choices() {
    for (text, expected) in [
        ("Customer.Address.City", "'Oslo'"),
        ("customer.ADDRESS.city", "'Oslo'"),
        ("Data.Customer.Country", "'NO'"),
        ("np(Customer.Bank.Name, \"none\")", "'none'"),
        ("np(Customer.Bank.Name)", "null"),
        ("isnull(PaidOn, 0)", "0"),
        ("IsNull(Amount, 0)", "1500.5"),
        ("iif(IsActive, 1, 2)", "1"),
        ("IsPaid ? 1 : IsActive ? 2 : 3", "2"),
        ("PaidOn ?? Nothing ?? 4", "4"),
        ("PaidOn ?? IsActive ? 5 : 6", "5"),
        ("Customer.Date", "'a date'"),
        ("Customer.@Date", "'a date'"),
        ("Customer.Count", "3"),
        ("Customer.Count()", "3"),
        ("null ? 1 : 2", "2"),
    ] {
        assert_eq!(worth(text), expected, "{text}");
    }
}

#[test]
fn group_5_texts() {
    for (text, expected) in [
        ("Name.Contains(\"ør\")", "true"),
        ("Name.Contains(\"ØR\")", "false"),
        ("Name.Contains(\"\")", "true"),
        ("Status.StartsWith(\"re\")", "true"),
        ("Status.EndsWith('dy')", "true"),
        ("Name.ToUpper()", "'  SØREN Å  '"),
        ("Name.Trim().ToLower()", "'søren å'"),
        ("Name.Trim().Length", "7"),
        ("Status.Substring(2)", "'ady'"),
        ("Status.Substring(1, 2)", "'ea'"),
        ("Name.Trim().Substring(1, 3)", "'øre'"),
        ("Status.Substring(1, 99)", "'eady'"),
        ("Status.Substring(5)", "''"),
        ("Status.Substring(6)", "null"),
        ("Status.Substring(-1)", "null"),
        ("Status.Substring(0.5)", "null"),
        ("Name.IndexOf(\"r\")", "4"),
        ("Name.IndexOf(\"zz\")", "-1"),
        ("string.IsNullOrEmpty(PaidOn)", "true"),
        ("String.IsNullOrEmpty(Text)", "true"),
        ("string.IsNullOrEmpty(Amount)", "false"),
        ("string.IsNullOrWhiteSpace(\"  \")", "true"),
        ("Amount.ToUpper()", "null"),
        ("Amount.Contains(\"1\")", "null"),
        ("\"abc\".Contains(\"b\")", "true"),
        ("Tags.Contains(\"red\")", "true"),
        ("Numbers.Contains(4)", "false"),
        ("Numbers.Contains(null)", "true"),
        ("Tags.Length", "2"),
        ("Status + \"-\" + Quantity", "'ready-7'"),
        ("PaidOn + \"x\"", "'x'"),
    ] {
        assert_eq!(worth(text), expected, "{text}");
    }
}

#[test]
fn group_6_times() {
    for (text, expected) in [
        ("DateTime.UtcNow", "2026-06-15T12:30:00Z"),
        ("datetime.now", "2026-06-15T12:30:00Z"),
        ("DateTimeOffset.UtcNow", "2026-06-15T12:30:00Z"),
        ("DateTime.Today", "2026-06-15T00:00:00Z"),
        ("DateTime.UtcNow.AddDays(-7)", "2026-06-08T12:30:00Z"),
        ("DateTime.Today.AddHours(1.5)", "2026-06-15T01:30:00Z"),
        ("DateTime(2026, 1, 31).AddMonths(1)", "2026-02-28T00:00:00Z"),
        ("DateTime(2024, 2, 29, 12, 30, 15).AddYears(1)", "2025-02-28T12:30:15Z"),
        ("DueDate.AddDays(1)", "2026-06-11T00:00:00Z"),
        ("CreatedAt.Date", "2026-06-01T00:00:00Z"),
        ("CreatedAt.Year", "2026"),
        ("SentAt.Day", "15"),
        ("SentAt.Hour", "1"),
        ("CreatedAt > \"2026-05-31\"", "true"),
        ("CreatedAt > DueDate", "false"),
        ("DueDate < DateTime.UtcNow", "true"),
        ("DueDate == DateTime(2026, 6, 10)", "true"),
        ("DueDate == \"2026-06-10T00:00:00Z\"", "false"),
        ("CommittedAt == null", "true"),
        ("CommittedAt > \"2026-01-01\"", "false"),
        ("(DateTime.UtcNow - CreatedAt).TotalDays > 14", "true"),
        ("(DateTime.Today - DueDate).TotalHours", "120"),
        ("(SentAt - DueDate).TotalMinutes", "7290"),
        ("DateTime(2026, 2, 30) == null", "true"),
        ("Status.Year", "null"),
        ("Status > DateTime.UtcNow", "false"),
        ("DateTime.UtcNow - (DateTime.UtcNow - CreatedAt) == CreatedAt", "true"),
    ] {
        assert_eq!(worth(text), expected, "{text}");
    }
}

#[test]
fn group_7_lists() {
    for (text, expected) in [
        ("Lines.Any()", "true"),
        ("Empty.Any()", "false"),
        ("Lines.Any(Amount > 200)", "true"),
        ("Lines.Any(amount > 200 and Taxed)", "false"),
        ("Lines.All(Sku != null)", "true"),
        ("Lines.All(Amount > 0)", "false"),
        ("Empty.All(Amount > 0)", "true"),
        ("Lines.Count()", "3"),
        ("Lines.Count", "3"),
        ("Lines.Count(Taxed) >= 2", "true"),
        ("Lines.Sum(Amount)", "350.5"),
        ("Lines.Sum(Amount * 2) > 700", "true"),
        ("Numbers.Sum()", "6.5"),
        ("Empty.Sum()", "0"),
        ("Tags.Any(it == \"red\")", "true"),
        ("Tags.Any($.Length > 4)", "true"),
        ("Tags.All(it.StartsWith(\"r\"))", "false"),
        ("Lines.Any(Tags.Any(it == \"y\"))", "true"),
        ("Lines.Any(it.Sku == \"A-1\")", "true"),
        ("Lines.Any(Status == \"ready\")", "false"),
        ("Customer.Any()", "null"),
        ("Nothing.Count() == 0", "false"),
        ("(Nothing.Count() ?? 0) == 0", "true"),
        ("Data.Lines.Any(Data == null)", "true"),
        ("Lines.Sum(Amount) / Lines.Count()", "116.83333333333333"),
        ("Lines.Any(Amount >= 250 and Tags.Count() == 0 or false)", "true"),
    ] {
        assert_eq!(worth(text), expected, "{text}");
    }
}

#[test]
fn group_8_reckoning() {
    for (text, expected) in [
        ("Amount + 1", "1501.5"),
        ("Quantity / 2", "3.5"),
        ("Quantity % 4", "3"),
        ("-Quantity % 4", "-3"),
        ("Amount * 2 - 1", "3000"),
        ("Math.Abs(-3)", "3"),
        ("Math.Floor(2.7) + Math.Ceiling(2.1)", "5"),
        ("\"5\" * 2", "null"),
    ] {
        assert_eq!(worth(text), expected, "{text}");
    }
}

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
    let of = |expr: &super::Expr| text.get(expr.span.start..expr.span.end).unwrap().to_owned();
    let parts = |expr: &super::Expr| expr.parts().into_iter().map(of).collect::<Vec<_>>();
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
    ] {
        let expr = parse(text).unwrap();
        let result = check(&expr, &Schema::transactions());
        assert!(result.is_ok(), "{text}: {result:?}");
    }
    let records = parse("Version > 3 and Key.StartsWith(\"A\") and ChangedAt > \"2026-01-01\"").unwrap();
    assert!(check(&records, &Schema::records()).is_ok());
    let closed = Schema::without_data(vec![("Name", super::super::Type::Text)]);
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

#[test]
fn work_on_a_row_is_bounded() {
    let data = json!({ "list": vec![json!({ "l": [1, 2, 3] }); 300_000], "text": "x".repeat(1_000_000) });
    let row = Row::of_data(&data);
    let ok = parse("list.Count(l.Any(it == 2)) == 300000").unwrap();
    assert!(matches(&ok, &row, now()).is_err());
    let cheap = parse("list.Any(l.Any(it == 2))").unwrap();
    assert_eq!(matches(&cheap, &row, now()), Ok(true));
    let doubled = (0..9).fold("text".to_owned(), |text, _| format!("({text} + {text})"));
    let doubled = parse(&format!("{doubled} == \"\"")).unwrap();
    assert!(matches(&doubled, &row, now()).is_err());
}
