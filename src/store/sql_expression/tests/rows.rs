//! Random rows, and rows that break careless statements.

use proptest::prelude::*;
use uuid::Uuid;

use super::Sample;

pub(super) const KEYS: [&str; 7] = ["Amount", "Customer", "Country", "Text", "Mixed", "Due", "Lines"];

pub(super) fn texts() -> impl Strategy<Value = String> {
    prop::sample::select(vec![
        "",
        "a",
        "A",
        "b",
        "abc",
        "ABC",
        "Abc ",
        " \u{a0}abc",
        "a%c",
        "a_c",
        "%",
        "_",
        "'; DROP TABLE t; --",
        "\"",
        "\\",
        "$1",
        "?",
        "@",
        "NO",
        "SE",
        "no",
        "æøå",
        "ÆØÅ",
        "İ",
        "ß",
        "\u{212a}",
        "😀",
        "日本語",
        "2026-01-01",
        "2026-11-22T12:34:56.789Z",
        "2026-11-21",
        "2026-11-23T00:00:00+02:00",
        "2026-02-31",
        "2026-11-22 garbage",
        "1",
        "1000",
        "true",
        "null",
        "ready",
        "preparation",
        "0190d5f0-0000-7000-8000-000000000001",
    ])
    .prop_map(str::to_owned)
}

pub(super) fn numbers() -> impl Strategy<Value = f64> {
    prop_oneof![
        prop::sample::select(vec![
            0.0, -0.0, 1.0, -1.0, 2.0, 3.0, 0.5, 0.1, 0.2, 0.3, 1000.0, 1000.5, -2.5, 1.5, 1e6, 7.0
        ]),
        (-20_i32..20).prop_map(f64::from),
        (-100_000_i32..100_000).prop_map(|number| f64::from(number) / 100.0),
        prop::sample::select(vec![9_007_199_254_740_993.0, 1e15, 1e18, 1e300, -1e300, 1e-300, 5e-324]),
    ]
}

/// A value of JSON as it is written.
fn json_scalar() -> impl Strategy<Value = String> {
    prop_oneof![
        3 => texts().prop_map(|text| serde_json::to_string(&text).unwrap()),
        3 => prop::sample::select(vec![
            "0", "-0", "-0.0", "1", "1.0", "1.50", "-2.5", "0.1", "0.30", "1000", "1000.5", "1000.50", "7", "-7", "20", "3",
            "123456789012345", "12345678901234", "0.00000001",
        ]).prop_map(str::to_owned),
        2 => (-1_000_i32..1_000).prop_map(|number| format!("{}", f64::from(number) / 4.0)),
        1 => prop::sample::select(vec!["true", "false", "null"]).prop_map(str::to_owned),
        1 => prop::sample::select(vec![
            "1e3", "1E-7", "1e300", "5e-324", "9007199254740993", "18446744073709551616", "0.1000000000000000055511",
            "123456789012345678901234567890.5", "\"a\\u0000b\"", "\"\\u0041\"", "\"\\ud83d\\ude00\"",
        ]).prop_map(str::to_owned),
    ]
}

fn json_value(depth: u32) -> BoxedStrategy<String> {
    if depth == 0 {
        return json_scalar().boxed();
    }
    prop_oneof![
        8 => json_scalar(),
        2 => json_object(depth - 1),
        1 => prop::collection::vec(json_value(depth - 1), 0..3).prop_map(|items| format!("[{}]", items.join(","))),
    ]
    .boxed()
}

fn json_object(depth: u32) -> BoxedStrategy<String> {
    let key = (prop::sample::select(KEYS.to_vec()), 0..10).prop_map(|(key, case)| match case {
        0 => key.to_ascii_lowercase(),
        1 => key.to_ascii_uppercase(),
        _ => key.to_owned(),
    });
    let odd = prop::sample::select(vec![
        "a.b", "a\"b", "a b", "$", "Name", "status", "Data", "", "ſ", "0", "'", "é",
    ]);
    let key = prop_oneof![12 => key, 1 => odd.prop_map(str::to_owned)];
    prop::collection::vec((key, json_value(depth)), 0..6)
        .prop_map(|members| {
            let members = members
                .iter()
                .map(|(key, value)| format!("{}:{value}", serde_json::to_string(key).unwrap()));
            format!("{{{}}}", members.collect::<Vec<_>>().join(","))
        })
        .boxed()
}

pub(super) fn samples() -> impl Strategy<Value = Sample> {
    let times = || {
        prop::option::weighted(
            0.8,
            prop_oneof![
                prop::sample::select(vec![
                    0_i64,
                    -1,
                    1,
                    1_795_350_896_789_000,
                    1_795_305_600_000_000,
                    -86_400_000_001,
                    951_827_696_000_001,
                    -62_135_596_800_000_000,
                    253_402_300_799_999_999,
                ]),
                1_700_000_000_000_000_i64..1_900_000_000_000_000,
            ],
        )
    };
    (
        prop::option::weighted(0.8, texts()),
        prop::option::weighted(
            0.8,
            prop_oneof![-20_i64..20, prop::sample::select(vec![1_i64 << 53, -(1 << 53), 1000])],
        ),
        prop::option::weighted(0.8, any::<bool>()),
        times(),
        times(),
        prop::option::weighted(
            0.8,
            (1_u128..4).prop_map(|low| Uuid::from_u128(0x0190_d5f0_0000_7000_8000_0000_0000_0000 + low)),
        ),
        0_i64..4,
        prop::option::weighted(0.95, json_object(2)),
    )
        .prop_map(|(name, count, flag, at, until, uid, status, data)| Sample {
            name,
            count,
            flag,
            at,
            until,
            uid,
            status,
            data,
        })
}

/// Rows that break careless statements.
pub(super) fn hostile() -> Vec<Sample> {
    let deep = |count: usize| format!("{{\"Amount\":{}1{}}}", "[".repeat(count), "]".repeat(count));
    let objects = |count: usize| format!("{}1{}", "{\"Customer\":".repeat(count), "}".repeat(count));
    [
        deep(100),
        deep(5_000),
        deep(300_000),
        objects(5_000),
        "{\"Amount\":1e400}".to_owned(),
        "{\"Amount\":1e200000,\"Text\":\"a\"}".to_owned(),
        format!("{{\"Amount\":{}}}", "9".repeat(200_000)),
        format!("{{\"Amount\":0.{}1}}", "0".repeat(20_000)),
        "{\"Amount\":\"\\ud800\"}".to_owned(),
        "{\"Text\":\"\\udc00x\",\"Amount\":1}".to_owned(),
        "{\"Text\":\"\\u0000\",\"Amount\":1000}".to_owned(),
        "{\"\\u0000\":1,\"Amount\":1000}".to_owned(),
        "{\"Amount\":1,\"Amount\":1000}".to_owned(),
        "{\"amount\":1,\"Amount\":1000,\"AMOUNT\":7}".to_owned(),
        "{\"Customer\":{\"Country\":\"NO\"},\"customer\":{}}".to_owned(),
        "{\"a.b\":{\"c\":1},\"a\":{\"b\":2},\"$.Amount\":5,\"\\\"\":1,\"'\":2}".to_owned(),
        format!("{{\"Text\":\"{}\",\"Amount\":1000}}", "x".repeat(500_000)),
        "[1,2,3]".to_owned(),
        "\"Amount\"".to_owned(),
        "1000".to_owned(),
        "null".to_owned(),
    ]
    .into_iter()
    .map(|data| Sample {
        name: Some("hostile".to_owned()),
        count: Some(1),
        flag: Some(true),
        at: Some(0),
        until: None,
        uid: None,
        status: 1,
        data: Some(data),
    })
    .collect()
}
