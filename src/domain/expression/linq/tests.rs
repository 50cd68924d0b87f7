//! Tests of the filter language: what is read, and what it is worth on a row.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::{
    super::{Datum, Row, matches, value},
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
    match value(&expr, &row(&data), now()).unwrap() {
        Datum::Null => "null".to_owned(),
        Datum::Bool(value) => value.to_string(),
        Datum::Number(number) => number.to_string(),
        Datum::Text(text) => format!("'{text}'"),
        Datum::Time(at) => super::super::time::show(at),
        Datum::Span(micros) => format!("{micros} us"),
        Datum::List(items) => format!("{} items", items.len()),
        Datum::Object(_) => "object".to_owned(),
        Datum::Row => "row".to_owned(),
    }
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
