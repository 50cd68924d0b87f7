//! Tests of mappings: what pairs make of records, and what is refused.

use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;

fn pairs(definition: &Value) -> Pairs {
    match Mapping::read(definition).unwrap() {
        Mapping::Pairs(pairs) => pairs,
        other => panic!("{other:?}"),
    }
}

fn refusals(definition: &Value) -> Vec<String> {
    let errors = Mapping::read(definition).unwrap_err();
    errors.iter().map(ToString::to_string).collect()
}

/// One member `f` through transforms.
fn through(transform: Value, value: Value) -> Result<Value, String> {
    let mapped = pairs(&json!([{"source": "f", "target": "t", "transform": transform}])).apply(&json!({ "f": value }));
    mapped
        .map(|mapped| mapped["t"].clone())
        .map_err(|error| error.to_string())
}

#[test]
fn a_contact_becomes_a_supplier() {
    let mapping = pairs(&json!([
        {"source": "ContactID", "target": "$key"},
        {"source": "Name", "target": "name", "transform": ["trim", "upper"]},
        {"source": "Addresses.0.City", "target": "address.city"},
        {"source": "Addresses.0.Country", "target": "address.country", "default": "NO"},
        {"source": "Phones.PhoneNumber", "target": "phones"},
        {"source": "UpdatedDateUTC", "target": "changedOn", "transform": {"date": {"to": "DD.MM.YYYY"}}},
        {"source": "Balance", "target": "balance", "transform": {"number": {"decimals": 2}}},
        {"source": "ContactStatus", "target": "active", "transform": {"lookup": {"table": {"ACTIVE": true}, "default": false}}},
        {"source": "EmailAddress", "target": "email"},
        {"source": "TaxNumber", "target": "taxNumber"},
        {"target": "kind", "transform": {"constant": {"value": "supplier"}}}
    ]));
    let contact = json!({
        "ContactID": "c-1", "Name": " Nordic Bolts ", "Addresses": [{"City": "Oslo", "Country": ""}],
        "Phones": [{"PhoneNumber": "1"}, {"PhoneNumber": "2"}], "UpdatedDateUTC": "2026-01-31T12:00:00Z", "Balance": "1,234.565",
        "contactstatus": "active", "TaxNumber": null, "Unmapped": 1
    });
    assert_eq!(
        mapping.apply(&contact).unwrap(),
        json!({
            "$key": "c-1", "name": "NORDIC BOLTS", "address": {"city": "Oslo", "country": "NO"}, "phones": ["1", "2"],
            "changedOn": "31.01.2026", "balance": 1234.57, "active": true, "taxNumber": null, "kind": "supplier"
        })
    );
}

#[test]
fn targets_make_objects_and_lists() {
    let mapping = pairs(&json!([
        {"source": "a", "target": "Phones.1.Number"},
        {"source": "b", "target": "Phones.0.Number"},
        {"source": "c", "target": "Lines.2"},
        {"source": "d", "target": "x.007.y"}
    ]));
    assert_eq!(
        mapping.apply(&json!({"a": 1, "b": 2, "c": 3, "d": 4})).unwrap(),
        json!({"Phones": [{"Number": 2}, {"Number": 1}], "Lines": [null, null, 3], "x": {"007": {"y": 4}}})
    );
    assert_eq!(mapping.apply(&json!({})).unwrap(), json!({}));
    assert_eq!(mapping.len(), 4);
}

#[test]
fn lines_go_through_pairs_of_their_own() {
    let mapping = pairs(&json!([
        {"source": "InvoiceNumber", "target": "number"},
        {"source": "LineItems", "target": "lines", "transform": {"each": [
            {"source": "Description", "target": "text"},
            {"source": "LineAmount", "target": "amount.value", "transform": "number"},
            {"source": "Tracking", "target": "dimensions", "transform": {"each": [{"source": "Option", "target": "code"}]}}
        ]}}
    ]));
    let invoice = json!({"InvoiceNumber": "I-1", "LineItems": [
        {"Description": "Bolts", "LineAmount": "12.50", "Tracking": [{"Option": "N"}, {"Option": "S"}]}, {"LineAmount": 3}
    ]});
    assert_eq!(
        mapping.apply(&invoice).unwrap(),
        json!({"number": "I-1", "lines": [
            {"text": "Bolts", "amount": {"value": 12.5}, "dimensions": [{"code": "N"}, {"code": "S"}]}, {"amount": {"value": 3}}
        ]})
    );
    assert_eq!(mapping.apply(&json!({"LineItems": []})).unwrap(), json!({"lines": []}));
    assert_eq!(
        mapping
            .apply(&json!({"LineItems": [{"LineAmount": "x"}]}))
            .unwrap_err()
            .to_string(),
        "the mapping to \"lines\" failed: the mapping to \"amount.value\" failed: \"x\" is no number"
    );
    assert_eq!(
        mapping.apply(&json!({"LineItems": ["x"]})).unwrap_err().to_string(),
        "the mapping to \"lines\" failed: \"x\" is no object"
    );
    assert_eq!(
        refusals(
            &json!([{"source": "a", "target": "b", "transform": {"each": [{"source": "c"}]}}, {"source": "a", "target": "c",
            "transform": {"each": {}}}])
        ),
        [
            "[0].transform.each[0].target: must name a member, like Name or Address.City",
            "[1].transform.each: must be a list of pairs, and is an object",
        ]
    );
}

#[test]
fn a_default_stands_in_for_what_has_no_value() {
    let mapping = pairs(&json!([
        {"source": "f", "target": "with", "default": {"a": 1}, "transform": "upper"}, {"source": "f", "target": "without"}
    ]));
    for (record, without) in [
        (json!({}), None),
        (json!({"f": null}), Some(Value::Null)),
        (json!({"f": ""}), Some(json!(""))),
        (json!({"f": []}), Some(json!([]))),
    ] {
        let mapped = mapping.apply(&record).unwrap();
        assert_eq!(mapped["with"], json!({"a": 1}), "{record}");
        assert_eq!(mapped.get("without").cloned(), without, "{record}");
    }
    assert_eq!(
        mapping.apply(&json!({"f": 0})).unwrap(),
        json!({"with": 0, "without": 0})
    );
    assert_eq!(
        mapping.apply(&json!({"f": false})).unwrap(),
        json!({"with": false, "without": false})
    );
}

#[test]
fn every_transform_on_every_kind_of_value() {
    let number = json!({"number": {"decimals": 1, "separator": ","}});
    let lookup = json!({"lookup": {"table": {"a": 1, "2": "two", "true": null}}});
    for (transform, value, expected) in [
        (json!("upper"), json!("aß"), Ok(json!("ASS"))),
        (json!("UPPER"), json!(1), Ok(json!(1))),
        (
            json!({"lower": {}}),
            json!(["A", null, true]),
            Ok(json!(["a", null, true])),
        ),
        (json!("trim"), json!(" a "), Ok(json!("a"))),
        (json!("text"), json!(1.5), Ok(json!("1.5"))),
        (json!("text"), json!(false), Ok(json!("false"))),
        (json!("text"), json!("x"), Ok(json!("x"))),
        (json!("boolean"), json!("Yes"), Ok(json!(true))),
        (json!("boolean"), json!(0), Ok(json!(false))),
        (json!("boolean"), json!(" "), Ok(json!(null))),
        (
            json!("boolean"),
            json!("maybe"),
            Err("\"maybe\" is neither true nor false"),
        ),
        (number.clone(), json!("1.234,56"), Ok(json!(1234.6))),
        (number.clone(), json!(2.25), Ok(json!(2.3))),
        (number.clone(), json!(""), Ok(json!(null))),
        (number, json!({}), Err("{} is no number")),
        (json!("number"), json!("x"), Err("\"x\" is no number")),
        (json!("date"), json!("2026-01-31"), Ok(json!("2026-01-31"))),
        (json!("date"), json!(""), Ok(json!(null))),
        (
            json!({"date": {"from": "DD.MM.YYYY"}}),
            json!("1.1.2026"),
            Ok(json!("2026-01-01")),
        ),
        (
            json!({"date": {"from": "DD.MM.YYYY"}}),
            json!("x"),
            Err("\"x\" is no date of the form \"%d.%m.%Y\""),
        ),
        (lookup.clone(), json!("a"), Ok(json!(1))),
        (lookup.clone(), json!(" A "), Ok(json!(1))),
        (lookup.clone(), json!(2), Ok(json!("two"))),
        (lookup.clone(), json!(true), Ok(json!(null))),
        (lookup.clone(), json!(null), Ok(json!(null))),
        (
            lookup.clone(),
            json!("b"),
            Err("the table has no entry for \"b\", and no default"),
        ),
        (
            lookup,
            json!({}),
            Err("{} cannot be looked up: it must be a text or a number"),
        ),
        (json!({"constant": 7}), json!("x"), Ok(json!(7))),
        (json!({"constant": {"value": [1]}}), json!(null), Ok(json!([1]))),
        (
            json!(["trim", "upper", {"lookup": {"table": {"A": "b"}}}, "text"]),
            json!(" a"),
            Ok(json!("b")),
        ),
    ] {
        let expected = expected.map_err(|message: &str| format!("the mapping to \"t\" failed: {message}"));
        assert_eq!(
            through(transform.clone(), value.clone()),
            expected,
            "{transform} {value}"
        );
    }
}

#[test]
fn scripts_are_read() {
    let id = "0190b5a8-7c3e-7d10-8f00-0123456789ab";
    assert_eq!(
        Mapping::read(&json!({"script": "record"})).unwrap(),
        Mapping::Script("record".to_owned())
    );
    let stored = Mapping::read(&json!({ "script_id": id })).unwrap();
    assert_eq!(stored.script_id(), Some(id.parse().unwrap()));
    assert_eq!(
        refusals(&json!({"script_id": id, "script": "x"})),
        ["script: must not be given with script_id: give one of them"]
    );
    assert_eq!(
        refusals(&json!({})),
        ["script: must be the text of a script, where there are no pairs"]
    );
    assert_eq!(
        refusals(&json!({"script_id": ""})),
        ["script_id: must be the id of a script"]
    );
    assert_eq!(
        refusals(&json!({"script_id": "7"})),
        ["script_id: must be the id of a script, a UUID as /api/v1/scripts shows it, and is \"7\""]
    );
    assert_eq!(
        refusals(&json!({"script": 7})),
        ["script: must be the text of a script, and is a number"]
    );
    assert_eq!(
        refusals(&json!("x")),
        ["body: must be a list of pairs, or an object with script or script_id, and is a text"]
    );
}

#[test]
fn wrong_pairs_are_refused_with_their_path() {
    assert_eq!(
        refusals(&json!([
            {}, 7, {"source": "a..b", "target": "a."}, {"source": "a", "target": "b", "transform": "shout"},
            {"source": "a", "target": "c", "transform": ["upper", {"number": {"decimals": 99, "round": 1}}]},
            {"source": "a", "target": "d", "transform": {"lookup": {"table": []}}},
            {"source": "a", "target": "e", "transform": {"date": {"from": "today"}}},
            {"source": "a", "target": "0"}, {"source": "a", "target": "x.100"}, {"source": "a", "to": "y"}
        ])),
        [
            "[0].source: must name a member of the source; only a constant needs none",
            "[0].target: must name a member, like Name or Address.City",
            "[1]: must be a JSON object, and is a number",
            "[2].source: must be the name of a member, with dots between the names of nested members, like Address.City",
            "[2].target: must be the name of a member, with dots between the names of nested members, like Address.City",
            "[3].transform: must be \"upper\", \"lower\", \"trim\", \"text\", \"number\", \"date\", \"boolean\", or an object with one \
             of number, date, lookup, constant, each, or a list of these",
            "[4].transform[1].number.decimals: must be a whole number from 0 to 20, and is \"99\"",
            "[4].transform[1].number.round: is not known here",
            "[5].transform.lookup.table: must be an object: for each value the one that takes its place",
            "[6].transform.date.from: must be date, time, seconds, milliseconds, or a pattern like DD.MM.YYYY, YYYY-MM-DD HH:mm:ss or \
             %d.%m.%Y, and is \"today\"",
            "[7].target: must begin with the name of a member, not with a number",
            "[8].target: must count the places of lists from 0 to 99",
            "[9].target: must name a member, like Name or Address.City",
            "[9].to: is not known here",
        ]
    );
}

#[test]
fn pairs_that_write_to_the_same_place_are_refused() {
    for (first, second) in [
        ("a", "a"),
        ("a", "a.b"),
        ("a.b", "a"),
        ("a.0", "a.b"),
        ("a.b", "a.0"),
        ("a.0", "a.0"),
    ] {
        let found = refusals(&json!([{"source": "x", "target": first}, {"source": "x", "target": second}]));
        assert_eq!(
            found,
            [format!(
                "[1].target: another pair writes to {second:?}, or to a part of it, already"
            )],
            "{first} {second}"
        );
    }
}

#[test]
fn what_stands_around_a_mapping_is_left_out() {
    let definition = json!([{"source": "a", "target": "b"}]);
    for body in [
        definition.clone(),
        json!({ "mapping": definition }),
        json!({ "mappings": definition }),
    ] {
        assert_eq!(definition_of(&body), &definition);
        assert_eq!(pairs(&body).len(), 1);
    }
    let script = json!({"script": "x"});
    assert_eq!(definition_of(&script), &script);
}

#[test]
fn no_two_records_hinder_each_other() {
    // A null that was put is a value for the next pair: the place is free only in another record.
    let mapping = pairs(&json!([{"source": "a", "target": "x.y"}, {"source": "b", "target": "x.z"}]));
    for _ in 0..2 {
        assert_eq!(
            mapping.apply(&json!({"a": null, "b": 1})).unwrap(),
            json!({"x": {"y": null, "z": 1}})
        );
    }
}

proptest! {
    #[test]
    fn what_is_put_is_found_again(names in prop::collection::vec("[a-z]{1,3}|[0-9]", 1..5), value in -9..9_i64) {
        let text = format!("root.{}", names.join("."));
        let mut whole = json!({});
        Target::parse(&text).unwrap().put(&mut whole, value.into()).unwrap();
        prop_assert_eq!(Path::parse(&text).unwrap().get(&whole), Some(&json!(value)));
    }

    #[test]
    fn mapping_there_and_back_changes_nothing(members in prop::collection::btree_map("[a-z]{1,4}", -9..9_i64, 0..8)) {
        let there: Vec<Value> = members.keys().map(|name| json!({"source": name, "target": format!("deep.{name}.value")})).collect();
        let back: Vec<Value> = members.keys().map(|name| json!({"source": format!("deep.{name}.value"), "target": name})).collect();
        let record: Value = members.iter().map(|(name, value)| (name.clone(), json!(value))).collect::<Map<_, _>>().into();
        let mapped = pairs(&there.into()).apply(&record).unwrap();
        prop_assert_eq!(pairs(&back.into()).apply(&mapped).unwrap(), record);
    }

    #[test]
    fn nothing_panics(transform in 0..9_usize, text in ".{0,12}") {
        let transforms = [
            json!("upper"), json!("lower"), json!("trim"), json!("text"), json!("boolean"), json!("number"), json!("date"),
            json!({"date": {"from": "DD.MM.YYYY HH:mm", "to": "milliseconds"}}), json!({"number": {"separator": ",", "decimals": 0}}),
        ];
        let _ = through(transforms[transform].clone(), text.into());
    }
}

#[test]
fn what_a_mapping_makes_is_bounded() {
    let each = |inner: Value| json!([{"source": "l", "target": "l", "transform": {"each": inner}}]);
    let constant = json!([{"target": "t", "transform": {"constant": {"value": "x".repeat(1_000)}}}]);
    let rows = |count: usize| json!({ "l": vec![json!({"l": [{"l": [{}, {}]}, {"l": [{}, {}]}]}); count] });
    let mapping = pairs(&each(each(each(constant))));
    let mapped = mapping.apply(&rows(200)).unwrap();
    assert!(data_bytes(&mapped) > 800_000);
    let error = mapping.apply(&rows(300)).unwrap_err();
    assert!(error.to_string().contains("longer than 1048576 bytes"), "{error}");
    assert_eq!(error.target, "l");
    // What is long only on the way is no fault, and names count.
    let long = json!({"l": [{"a": 1, "b": "x".repeat(2 * DATA_BYTES_MAX)}]});
    let mapped = pairs(&each(json!([{"source": "a", "target": "a"}]))).apply(&long);
    assert_eq!(mapped.unwrap(), json!({"l": [{"a": 1}]}));
    assert!(
        pairs(&each(json!([{"source": "b", "target": "b"}])))
            .apply(&long)
            .is_err()
    );
    let filled = pairs(&each(
        json!([{"source": "a", "target": "a.99"}, {"source": "a", "target": "b.99"}]),
    ));
    let many = |count: usize| json!({ "l": vec![json!({"a": 1}); count] });
    assert!(filled.apply(&many(900)).is_ok() && filled.apply(&many(1_100)).is_err());
}
