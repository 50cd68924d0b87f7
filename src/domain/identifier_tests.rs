//! Tests of identifiers: tables of what is found and what is refused, and agreement with a parsed tree.

use proptest::prelude::*;
use serde_json::Value;

use super::*;

fn identify(item: &str, pointers: &[&str]) -> Result<String, String> {
    let pointers: Vec<Pointer> = pointers.iter().map(|text| text.parse().unwrap()).collect();
    identifier_of(item, &pointers).map_err(|error| error.to_string())
}

#[test]
fn what_is_found() {
    let table: &[(&str, &[&str], &str)] = &[
        (r#"{"identifier":"A1"}"#, &[], "A1"),
        (r#"{"identifier":1}"#, &[], "1"),
        (r#"{"identifier":"1"}"#, &[], "1"),
        (r#" {"identifier" : "a" } "#, &[], "a"),
        (r#"{"rfqId":1,"identifier":"no"}"#, &["/rfqId"], "1"),
        (r#"{"id":9007199254740993123}"#, &["/id"], "9007199254740993123"),
        (
            r#"{"id":123456789012345678901234567890}"#,
            &["/id"],
            "123456789012345678901234567890",
        ),
        (r#"{"id":-1.50e2}"#, &["/id"], "-1.50e2"),
        (r#"{"a":{"b":{"c":"deep"}},"c":"no"}"#, &["/a/b/c"], "deep"),
        (r#"{"a":{"x":{"b":1},"b":2},"b":3}"#, &["/a/b"], "2"),
        (r#"{"lines":[{"id":1},{"id":2},7]}"#, &["/lines/1/id"], "2"),
        (r#"{"lines":[{"id":1},{"id":2},7]}"#, &["/lines/2"], "7"),
        (r#"{"a":1,"b":"x"}"#, &["/b", "/a"], "x|1"),
        (r#"{"a":"1|2","b":"3"}"#, &["/a", "/b"], r"1\|2|3"),
        (r#"{"a":"1","b":"2|3"}"#, &["/a", "/b"], r"1|2\|3"),
        (r#"{"a":"1\\","b":"2"}"#, &["/a", "/b"], r"1\\|2"),
        (r#"{"a":"1|2"}"#, &["/a"], "1|2"),
        (r#"{"a":1}"#, &["/a", "/a"], "1|1"),
        (r#"{"a/b":"s","m~n":"t","":"e"}"#, &["/a~1b", "/m~0n", "/"], "s|t|e"),
        (r#"{"\u0061":"escaped name"}"#, &["/a"], "escaped name"),
        (r#"{"a":"\u00e5 \"q\" \n"}"#, &["/a"], "å \"q\" \n"),
        (r#"{"a":"😀"}"#, &["/a"], "😀"),
        (r#"{"a":{"1":"by name"}}"#, &["/a/1"], "by name"),
        (r#"{"__proto__":"x"}"#, &["/__proto__"], "x"),
    ];
    for (item, pointers, expected) in table {
        assert_eq!(
            identify(item, pointers).as_deref(),
            Ok(*expected),
            "{item} {pointers:?}"
        );
    }
}

#[test]
fn what_is_refused() {
    let long = format!(r#"{{"identifier":"{}"}}"#, "x".repeat(IDENTIFIER_BYTES_MAX + 1));
    let table: &[(&str, &[&str], &str)] = &[
        ("{}", &[], "it has nothing at /identifier"),
        (r#"{"a":1}"#, &["/a", "/b"], "it has nothing at /b"),
        (r#"{"a":1}"#, &["/a/b"], "it has nothing at /a/b"),
        (r#"{"a":[1]}"#, &["/a/1"], "it has nothing at /a/1"),
        (r#"{"a":[1]}"#, &["/a/00"], "it has nothing at /a/00"),
        (r#"{"a":[1]}"#, &["/a/-"], "it has nothing at /a/-"),
        (r#"{"a":""}"#, &["/a"], "the text at /a is empty"),
        (r#"{"a":" \t "}"#, &["/a"], "the text at /a is empty"),
        (r#"{"a":null}"#, &["/a"], "/a must be a string or a number, and is null"),
        (r#"{"a":true}"#, &["/a"], "and is a boolean"),
        (r#"{"a":{}}"#, &["/a"], "and is an object"),
        (r#"{"a":[1]}"#, &["/a"], "and is an array"),
        (r#"{"a":{"b":1}}"#, &["/a/b", "/a"], "it has nothing at /a/b"),
        (r#"{"a":"x\u0000y"}"#, &["/a"], "U+0000"),
        ("[]", &[], "a transaction must be an object, and this is an array"),
        ("\"Abort\"", &[], "and this is a string"),
        ("12", &[], "and this is a number"),
        ("null", &[], "and this is null"),
        ("", &[], "not valid JSON"),
        ("{\"identifier\":1", &[], "not valid JSON"),
        ("{\"identifier\":1} x", &[], "not valid JSON"),
        (&long, &[], "513 bytes long; at most 512"),
    ];
    for (item, pointers, part) in table {
        let text = identify(item, pointers).unwrap_err();
        assert!(text.contains(part), "{item} {pointers:?}: {text}");
    }
    assert!(identify(r#"{"a":1}"#, &["/a"; POINTERS_MAX]).is_ok());
    assert!(identify(r#"{"a":1}"#, &["/a"; POINTERS_MAX + 1]).is_err());
}

#[test]
fn pointers_are_checked() {
    let long = format!("/{}", "x".repeat(POINTER_BYTES_MAX));
    let table = [
        ("", Some(PointerError::NoSlash)),
        ("rfqId", Some(PointerError::NoSlash)),
        ("/a~", Some(PointerError::BadEscape)),
        ("/a~2", Some(PointerError::BadEscape)),
        (long.as_str(), Some(PointerError::TooLong)),
        ("/", None),
        ("/a/b/0", None),
    ];
    for (text, error) in table {
        assert_eq!(text.parse::<Pointer>().err(), error, "{text}");
    }
    assert_eq!(Pointer::member("a/b~c"), "/a~1b~0c".parse().unwrap());
}

#[test]
fn deep_nesting_does_not_exhaust_the_stack() {
    let depth = 100_000;
    let item = format!(
        r#"{{"x":{}{},"identifier":"ok"}}"#,
        "[".repeat(depth),
        "]".repeat(depth)
    );
    assert_eq!(identify(&item, &[]).as_deref(), Ok("ok"));
}

fn json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        "[a-z|\\\\\"å]{0,4}".prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 32, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::btree_map("[abc]", inner, 0..4)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

proptest! {
    #[test]
    fn it_agrees_with_a_parsed_tree(
        item in prop::collection::btree_map("[abc]", json(), 0..4),
        pointers in prop::collection::vec("(/[abc012]){1,3}", 1..3),
    ) {
        let item = Value::Object(item.into_iter().collect());
        let texts: Option<Vec<String>> = pointers.iter().map(|pointer| match item.pointer(pointer)? {
            Value::String(text) if !text.is_empty() => Some(text.clone()),
            Value::Number(number) => Some(number.to_string()),
            _ => None,
        }).collect();
        let overlapping = pointers.iter().enumerate().any(|(index, pointer)| {
            pointers.iter().enumerate().any(|(other, longer)| other != index && longer.starts_with(&format!("{pointer}/")))
        });
        let pointers: Vec<&str> = pointers.iter().map(String::as_str).collect();
        let found = identify(&item.to_string(), &pointers);
        let expected = texts.filter(|_| !overlapping).map(|texts| match texts.as_slice() {
            [only] => only.clone(),
            several => {
                let escaped = several.iter().map(|text| text.replace('\\', "\\\\").replace('|', "\\|"));
                escaped.collect::<Vec<_>>().join("|")
            }
        });
        prop_assert_eq!(found.ok(), expected);
    }

    #[test]
    fn different_values_have_different_identifiers(
        [a, b, c, d] in prop::array::uniform4("[a|\\\\]{1,4}"),
    ) {
        let of = |first: &str, second: &str| {
            identify(&serde_json::json!({"x": first, "y": second}).to_string(), &["/x", "/y"]).unwrap()
        };
        prop_assert_eq!(of(&a, &b) == of(&c, &d), a == c && b == d);
    }
}
