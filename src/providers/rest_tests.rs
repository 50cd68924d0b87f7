//! Tests of the REST dialect: lists, every kind of paging and of time, and descriptions that are wrong.

use super::super::common::tests::{account, answer, answer_with, at, header};
use super::*;

pub(super) fn rest(description: Value) -> Account {
    let mut account = account(ProviderKind::Rest);
    account.profile.supporting_fields = Some(description.to_string());
    account.profile.remote_instance_id = Some("acme 1".to_owned());
    account
}

pub(super) fn object(account: &Account, name: &str) -> Object {
    Rest.object(account, name).unwrap()
}

fn url(account: &Account, place: Option<&str>) -> String {
    let things = object(account, "things");
    let place = place.map(|text| PagePlace(text.to_owned()));
    let query = ListQuery {
        object: &things,
        since: Some(at("2026-03-01T10:11:12.987Z")),
        place: place.as_ref(),
    };
    let url = Rest.list(account, query).unwrap().url;
    url.strip_prefix("https://fake.example").unwrap().to_owned()
}

fn page(account: &Account, place: Option<&str>, answer: &Response) -> Result<RemotePage, Trouble> {
    let things = object(account, "things");
    let place = place.map(|text| PagePlace(text.to_owned()));
    let query = ListQuery {
        object: &things,
        since: None,
        place: place.as_ref(),
    };
    Rest.read_list(account, query, answer)
}

fn next(account: &Account, place: Option<&str>, body: &Value) -> Option<String> {
    page(account, place, &answer(200, body))
        .unwrap()
        .next
        .map(|place| place.0)
}

fn things(count: usize) -> Value {
    (0..count).map(|n| json!({ "id": n })).collect()
}

fn errors(account: &Account) -> Vec<(String, String)> {
    let errors = Rest.auth(account).unwrap_err();
    errors.into_iter().map(|error| (error.field, error.message)).collect()
}

#[test]
fn without_a_description_each_name_is_a_list() {
    let mut account = account(ProviderKind::Rest);
    assert_eq!(object(&account, "CustomerRecord").name, "customer");
    assert_eq!(object(&account, "Purchase-Orders").name, "purchase-orders");
    assert_eq!(url(&account, None), "/things");
    for list in [json!([{"id":7}]), json!({"count":1,"data":[{"id":7}]})] {
        let found = page(&account, None, &answer(200, &list)).unwrap();
        assert_eq!((found.records[0].id.as_str(), found.next), ("7", None));
    }
    account.profile.api_domain = None;
    assert_eq!(errors(&account)[0].0, "api_domain");
    account.profile.api_domain = Some("ftp://x".to_owned());
    assert_eq!(errors(&account)[0].1, "must be an http or https URL");
}

#[test]
fn a_stored_place_of_another_kind_or_server_is_no_address() {
    let account = rest(json!({"paging":"link"}));
    assert_eq!(url(&account, Some("https://fake.example/things?at=2")), "/things?at=2");
    let things = object(&account, "things");
    for text in [
        "2",
        "//x.example/things",
        "https://x.example/things",
        "https://u@fake.example/",
        "a:b",
    ] {
        let place = PagePlace(text.to_owned());
        let query = ListQuery {
            object: &things,
            since: None,
            place: Some(&place),
        };
        assert_eq!(
            Rest.list(&account, query).err().unwrap().kind,
            TroubleKind::Unusable,
            "{text}"
        );
    }
}

#[test]
fn what_is_unknown_or_wrong_is_refused_with_its_path() {
    for (description, field, message) in [
        (
            json!({"colour":1}),
            "supporting_fields.colour",
            "unknown field `colour`",
        ),
        (
            json!({"objects":{"things":{"colour":1}}}),
            "supporting_fields.objects.things.colour",
            "unknown field",
        ),
        (
            json!({"objects":{"things":{"paging":{"kind":"pages"}}}}),
            "supporting_fields.objects.things.paging.kind",
            "unknown variant `pages`",
        ),
        (
            json!({"paging":"pages"}),
            "supporting_fields.paging.kind",
            "unknown variant",
        ),
        (
            json!({"paging":{"kind":"page","size":0}}),
            "supporting_fields.paging.size",
            "at least 1",
        ),
        (
            json!({"modified_since":{"name":"x","value":"y"}}),
            "supporting_fields.modified_since.value",
            "{since}",
        ),
        (json!({"list_path":"things"}), "supporting_fields.list_path", "slash"),
        (
            json!({"check_path":"@x.example"}),
            "supporting_fields.check_path",
            "slash",
        ),
        (
            json!({"headers":{"X-Auth-Token":"t"}}),
            "supporting_fields.headers.X-Auth-Token",
            "secret members",
        ),
        (
            json!({"objects":{"a":{"create":{"path":"x"}}}}),
            "supporting_fields.objects.a.create.path",
            "slash",
        ),
        (
            json!({"update":{"method":"FETCH"}}),
            "supporting_fields.update.method",
            "unknown variant",
        ),
        (
            json!({"update":{"method":"GET"}}),
            "supporting_fields.update.method",
            "PATCH",
        ),
        (
            json!({"time_zone":"Nowhere"}),
            "supporting_fields.time_zone",
            "Europe/Oslo",
        ),
        (json!({"if_match":true}), "supporting_fields.if_match", "needs version"),
        (
            json!({"headers":{"Authorization":"x"}}),
            "supporting_fields.headers.Authorization",
            "everybody sees it",
        ),
        (
            json!({"headers":{"a b":"x"}}),
            "supporting_fields.headers.a b",
            "header name",
        ),
        (
            json!({"limits":{"per_year":1}}),
            "supporting_fields.limits.per_year",
            "unknown field",
        ),
        (
            json!({"auth":{"kind":"magic"}}),
            "supporting_fields.auth.kind",
            "must be one of",
        ),
        (
            json!({"auth":{"scope":"x"}}),
            "supporting_fields.auth.kind",
            "is needed",
        ),
        (
            json!({"auth":{"kind":"bearer","token":"x"}}),
            "supporting_fields.auth.token",
            "give it as integration_access_token",
        ),
        (
            json!({"auth":{"kind":"basic","colour":"x"}}),
            "supporting_fields.auth.colour",
            "",
        ),
        (json!({"auth":{"kind":"basic"}}), "user_name", ""),
    ] {
        let account = rest(description.clone());
        let found = errors(&account);
        assert!(
            found.iter().any(|(name, text)| name == field && text.contains(message)),
            "{description}: {found:?}"
        );
    }
    // Where nobody is there to correct it, it is said once more.
    let trouble = Rest.object(&rest(json!({"colour":1})), "things").unwrap_err();
    assert_eq!(trouble.kind, TroubleKind::Unusable);
    assert!(trouble.message.contains("supporting_fields.colour"), "{trouble}");
    let trouble = Rest.read_check(&rest(json!([])), &answer(200, &json!({}))).unwrap_err();
    assert!(trouble.message.contains("must be a JSON object"), "{trouble}");
}

#[test]
fn described_objects_are_the_only_ones() {
    let account = rest(json!({"objects":{"customers":{"aliases":["debtor"]},"things":{}}}));
    for name in ["customers", "Customer", "CustomerRecord", "DEBTOR"] {
        assert_eq!(object(&account, name).name, "customers", "{name}");
    }
    let trouble = Rest.object(&account, "invoice").unwrap_err();
    assert_eq!(
        trouble.message,
        "the API has no object \"invoice\" here; it has customers, things"
    );
}

#[test]
fn paging_by_number() {
    let account = rest(json!({"paging":"page","query":{"sort":"id"}}));
    assert_eq!(url(&account, None), "/things?sort=id&page=1&page_size=100");
    assert_eq!(url(&account, Some("4")), "/things?sort=id&page=4&page_size=100");
    assert_eq!(next(&account, None, &things(100)), Some("2".to_owned()));
    assert_eq!(next(&account, Some("2"), &things(99)), None);
    let account = rest(
        json!({"items":"/list","paging":{"kind":"page","parameter":"p","first":0,"size":2,"size_parameter":"","pages":"meta.pages"}}),
    );
    assert_eq!(url(&account, None), "/things?p=0");
    let body = |count| json!({"list":things(count),"meta":{"pages":3},"other":[1]});
    assert_eq!(next(&account, Some("1"), &body(2)), Some("2".to_owned()));
    assert_eq!(next(&account, Some("2"), &body(2)), None);
    let account = rest(json!({"paging":{"kind":"page","size_parameter":""}}));
    assert_eq!(next(&account, Some("9"), &things(3)), Some("10".to_owned()));
    assert_eq!(next(&account, Some("10"), &things(0)), None);
    // The API gives 2 on a page although it is asked for 100.
    let account = rest(json!({"items":"list","paging":{"kind":"page","total":"total"}}));
    let body = |count| json!({"list":things(count),"total":5});
    assert_eq!(next(&account, Some("2"), &body(2)), Some("3".to_owned()));
    let account = rest(json!({"items":"list","paging":{"kind":"page","size":2,"total":"total"}}));
    assert_eq!(next(&account, Some("3"), &body(1)), None);
    let account = rest(json!({"items":"list","paging":{"kind":"page","more":"more"}}));
    let body = |more| json!({"list":things(1),"more":more});
    assert_eq!(next(&account, None, &body(true)), Some("2".to_owned()));
    assert_eq!(next(&account, None, &body(false)), None);
    let trouble = page(&account, Some("x"), &answer(200, &body(true))).unwrap_err();
    assert_eq!(trouble.kind, TroubleKind::Unusable);
}

#[test]
fn paging_by_offset_and_cursor() {
    let account = rest(json!({"paging":{"kind":"offset","size":10}}));
    assert_eq!(url(&account, None), "/things?offset=0&limit=10");
    assert_eq!(next(&account, Some("20"), &things(10)), Some("30".to_owned()));
    assert_eq!(next(&account, Some("20"), &things(9)), None);
    let account = rest(json!({"items":"list","paging":{"kind":"offset","size":10,"total":"total"}}));
    let body = json!({"list":things(4),"total":"25"});
    assert_eq!(next(&account, Some("20"), &body), Some("24".to_owned()));
    assert_eq!(next(&account, Some("21"), &body), None);
    let account = rest(json!({"items":"list","paging":{"kind":"cursor","next":"meta.next"}}));
    assert_eq!(url(&account, None), "/things?limit=100");
    assert_eq!(url(&account, Some("a b")), "/things?cursor=a+b&limit=100");
    let body = |next: Value| json!({"list":things(1),"meta":{"next":next}});
    assert_eq!(next(&account, None, &body(json!("c"))), Some("c".to_owned()));
    assert_eq!(next(&account, None, &body(json!(17))), Some("17".to_owned()));
    assert_eq!(next(&account, Some("c"), &body(Value::Null)), None);
    assert_eq!(next(&account, Some("c"), &body(json!(""))), None);
    let trouble = page(&account, Some("c"), &answer(200, &body(json!("c")))).unwrap_err();
    assert!(trouble.message.contains("same page again"), "{trouble}");
}

#[test]
fn paging_by_address_stays_on_the_server() {
    let account = rest(json!({"items":"list","paging":"next","auth":{"kind":"api_key","in":"query","name":"key"}}));
    let body = |next: &str| json!({"list":things(1),"next":next});
    let place = "https://fake.example/things?after=1".to_owned();
    assert_eq!(
        next(&account, None, &body("/things?after=1&key=access-token")),
        Some(place.clone())
    );
    assert_eq!(
        next(&account, None, &body("https://fake.example/things?after=1")),
        Some(place.clone())
    );
    assert_eq!(url(&account, Some(&place)), "/things?after=1");
    for elsewhere in [
        "https://evil.example/things",
        "//evil.example/",
        "http://fake.example/x",
        "https://a:b@fake.example/x",
    ] {
        let trouble = page(&account, None, &answer(200, &body(elsewhere))).unwrap_err();
        assert_eq!(trouble.kind, TroubleKind::Unusable, "{elsewhere}");
    }
    let account = rest(json!({"paging":"link"}));
    let linked = |link: &str| {
        let answer = answer_with(200, &[("link", link)], "[{\"id\":1}]");
        page(&account, None, &answer).unwrap().next.map(|place| place.0)
    };
    let links = "<https://fake.example/t?p=1>; rel=\"prev\", </t?p=3,4>; title=\"x\"; rel=\"next last\"";
    assert_eq!(linked(links), Some("https://fake.example/t?p=3,4".to_owned()));
    assert_eq!(linked("</t?p=1>; rel=first"), None);
    assert_eq!(next(&account, None, &things(1)), None);
}

#[test]
fn changes_since_a_time() {
    let query = |since: Value| url(&rest(json!({ "modified_since": since })), None);
    for (since, expected) in [
        (json!("since"), "since=2026-03-01T10%3A11%3A12Z"),
        (json!({"name":"s","format":"datetime"}), "s=2026-03-01T10%3A11%3A12"),
        (json!({"name":"s","format":"date"}), "s=2026-03-01"),
        (json!({"parameter":"s","format":"unix"}), "s=1772359872"),
        (json!({"name":"s","format":"unix_ms"}), "s=1772359872987"),
        (
            json!({"name":"filter","value":"updated ge {since}"}),
            "filter=updated+ge+2026-03-01T10%3A11%3A12Z",
        ),
    ] {
        assert_eq!(query(since.clone()), format!("/things?{expected}"), "{since}");
    }
    let account = rest(
        json!({"modified_since":{"name":"If-Modified-Since","in":"header"},"headers":{"X-Company":"{account}","Accept":"application/hal+json"}}),
    );
    let things = object(&account, "things");
    let since = Some(at("2026-03-01T10:11:12.987Z"));
    let request = Rest
        .list(
            &account,
            ListQuery {
                object: &things,
                since,
                place: None,
            },
        )
        .unwrap();
    assert_eq!(
        header(&request, "if-modified-since"),
        Some("Sun, 01 Mar 2026 10:11:12 GMT")
    );
    assert_eq!(header(&request, "x-company"), Some("acme 1"));
    assert_eq!(header(&request, "accept"), Some("application/hal+json"));
    assert_eq!(
        request
            .headers
            .iter()
            .filter(|(name, _)| name.eq_ignore_ascii_case("accept"))
            .count(),
        1
    );
    let unchanged = page(&account, None, &answer_with(304, &[], "")).unwrap();
    assert_eq!((unchanged.records.len(), unchanged.next), (0, None));
}

#[test]
fn records_are_read_as_described() {
    let account = rest(
        json!({"list_path":"/v1/{account}/{object}","id":"meta.id","updated":"/meta/at","version":"etag","deleted":"state","deleted_value":"gone","time_zone":"Europe/Oslo"}),
    );
    assert_eq!(url(&account, None), "/v1/acme%201/things");
    let body = r#"[{"meta":{"id":1234567890123456789,"at":"2026-01-01 12:00:00"},"etag":3,"state":"gone","n":12345678901234567.89},
        {"meta":{"id":"b","at":1772359872},"state":"here"},{"meta":{"id":"c","at":1772359872987}}]"#;
    let found = page(&account, None, &answer_with(200, &[], body)).unwrap().records;
    assert_eq!(found[0].id, "1234567890123456789");
    assert_eq!(found[0].updated_at, Some(at("2026-01-01T11:00:00Z")));
    assert_eq!((found[0].version.as_deref(), found[0].deleted), (Some("3"), true));
    assert_eq!(found[0].data["n"], "12345678901234567.89");
    assert_eq!(
        (found[1].updated_at, found[1].deleted),
        (Some(at("2026-03-01T10:11:12Z")), false)
    );
    assert_eq!(found[2].updated_at, Some(at("2026-03-01T10:11:12.987Z")));
    for (wrong, message) in [
        ("[{\"x\":1}]", "has no \"meta.id\"; see id"),
        ("[1]", "no JSON object"),
        ("{\"a\":[],\"b\":[]}", "several lists"),
        ("{\"a\":1}", "without a list"),
        ("7", "no list and no object"),
    ] {
        let trouble = page(&account, None, &answer_with(200, &[], wrong)).unwrap_err();
        assert_eq!(trouble.kind, TroubleKind::Unusable, "{wrong}");
        assert!(trouble.message.contains(message), "{trouble}");
    }
    let account = rest(json!({"items":"data.list"}));
    assert!(
        page(&account, None, &answer(200, &json!({"data":[]})))
            .unwrap_err()
            .message
            .contains("\"data.list\"")
    );
    assert!(
        page(&account, None, &answer(200, &json!({"data":{"list":null}})))
            .unwrap()
            .records
            .is_empty()
    );
}
