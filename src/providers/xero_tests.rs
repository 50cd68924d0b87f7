//! Tests of Xero's dialect against the documented shapes.

use super::super::common::tests::{account, answer, answer_with, at, body, header};
use super::super::data::tests::check;
use super::*;

fn xero() -> Account {
    account(ProviderKind::Xero)
}

fn object(name: &str) -> Object {
    Xero.object(&xero(), name).unwrap()
}

fn list<'a>(object: &'a Object, place: Option<&'a PagePlace>) -> ListQuery<'a> {
    ListQuery {
        object,
        since: None,
        place,
    }
}

fn outgoing<'a>(object: &'a Object, data: &'a Value, remote: Option<&'a RemoteRef>) -> Outgoing<'a> {
    Outgoing {
        object,
        key: "K1",
        data,
        remote,
        idempotency_key: "key-1",
    }
}

fn remote(id: &str) -> RemoteRef {
    RemoteRef {
        id: id.to_owned(),
        version: None,
    }
}

#[test]
fn the_file_is_whole() {
    let data = check(FILE);
    assert_eq!(data.name, NAME);
    for (word, name) in [
        ("customer", "Contacts"),
        ("CustomerRecord", "Contacts"),
        ("Supplier", "Contacts"),
        ("contact", "Contacts"),
        ("invoice", "Invoices"),
        ("bill", "Bills"),
        ("sales-invoice", "SalesInvoices"),
        ("item", "Items"),
        ("account", "Accounts"),
        ("payment", "Payments"),
        ("credit note", "CreditNotes"),
        ("bank_transaction", "BankTransactions"),
        ("PurchaseOrder", "PurchaseOrders"),
    ] {
        assert_eq!(object(word).name, name, "{word}");
    }
    let trouble = Xero.object(&xero(), "Unicorn").unwrap_err();
    assert_eq!(trouble.kind, TroubleKind::Unusable);
    assert!(
        trouble.message.contains("\"Unicorn\" here; it has Contacts, Invoices"),
        "{trouble}"
    );
    assert_eq!(Xero.limits(&xero()).unwrap().per_minute, Some(60));
}

#[test]
fn credentials() {
    let Auth::Oauth2RefreshToken { oauth, .. } = Xero.auth(&xero()).unwrap() else {
        panic!("another kind")
    };
    assert_eq!(oauth.token_url, "https://id.example/connect/token");
    let mut own = xero();
    own.profile.account_server = None;
    own.secrets.refresh_token = None;
    own.profile.remote_instance_id = None;
    let auth = Xero.auth(&own).unwrap();
    assert_eq!(auth.kind(), "oauth2ClientCredentials");
    assert_eq!(auth.token_url(), Some("https://identity.xero.com/connect/token"));
    own.profile.client_id = None;
    own.profile.supporting_fields = Some("[]".to_owned());
    let fields: Vec<String> = Xero.auth(&own).unwrap_err().into_iter().map(|e| e.field).collect();
    assert_eq!(fields, ["supporting_fields", "remote_instance_id"]);
    let mut own = xero();
    for wrong in ["0", "1001", "many"] {
        own.profile.supporting_fields = Some(json!({ "page_size": wrong }).to_string());
        let errors = Xero.auth(&own).unwrap_err();
        assert_eq!(errors[0].field, "supporting_fields.page_size", "{wrong}");
    }
    own.profile.supporting_fields = Some(r#"{"page_size":1000}"#.to_owned());
    assert!(Xero.auth(&own).is_ok());
}

#[test]
fn lists_are_asked_for_by_id_and_to_the_second() {
    let (contacts, second) = (object("supplier"), PagePlace("2".to_owned()));
    let mut query = list(&contacts, None);
    let request = Xero.list(&xero(), query).unwrap();
    assert_eq!(
        request.url,
        "https://fake.example/api.xro/2.0/Contacts?page=1&pageSize=100&order=ContactID+ASC&includeArchived=true"
    );
    assert_eq!(header(&request, "xero-tenant-id"), Some("instance-1"));
    assert_eq!(header(&request, "accept"), Some("application/json"));
    assert_eq!(header(&request, "if-modified-since"), None);
    query.since = Some(at("2026-03-01T10:11:12.987+01:00"));
    query.place = Some(&second);
    let request = Xero.list(&xero(), query).unwrap();
    assert!(request.url.contains("?page=2&"), "{}", request.url);
    assert_eq!(header(&request, "if-modified-since"), Some("2026-03-01T09:11:12"));
    let bills = object("bills");
    let request = Xero.list(&xero(), list(&bills, None)).unwrap();
    assert!(request.url.contains("/Invoices?page=1&"), "{}", request.url);
    assert!(
        request.url.contains("&where=Type%3D%3D%22ACCPAY%22&"),
        "{}",
        request.url
    );
    let accounts = object("Accounts");
    let mut own = xero();
    own.profile.api_domain = None;
    let request = Xero.list(&own, list(&accounts, None)).unwrap();
    assert_eq!(
        request.url,
        "https://api.xero.com/api.xro/2.0/Accounts?order=AccountID+ASC"
    );
    own.profile.supporting_fields = Some(r#"{"page_size":"5000"}"#.to_owned());
    let request = Xero.list(&own, list(&contacts, None)).unwrap();
    assert!(request.url.contains("pageSize=1000&"), "{}", request.url);
    let nowhere = PagePlace("x".to_owned());
    let trouble = Xero.list(&xero(), list(&contacts, Some(&nowhere))).unwrap_err();
    assert_eq!(trouble.kind, TroubleKind::Unusable);
}

/// The envelope that Xero's documents show.
fn envelope(pagination: Value, contacts: Value) -> Value {
    let mut body =
        json!({"Id":"a","Status":"OK","ProviderName":"Demo","DateTimeUTC":"/Date(1551399323399)/","Contacts":contacts});
    if !pagination.is_null() {
        body["pagination"] = pagination;
    }
    body
}

#[test]
fn pages_are_read_to_the_last() {
    let contacts = object("contacts");
    let one = json!({"ContactID":"c-1","Name":"A","UpdatedDateUTC":"/Date(1439434356790+0000)/",
        "Phones":[{"Since":"/Date(0)/"}],"AccountNumber":"1QKGUL","Serial":1234567890123456789_u64});
    let page = json!({"page":1,"pageSize":100,"pageCount":2,"itemCount":101});
    let read = |query, body: &Value| Xero.read_list(&xero(), query, &answer(200, body)).unwrap();
    let found = read(list(&contacts, None), &envelope(page.clone(), json!([one])));
    assert_eq!(found.next, Some(PagePlace("2".to_owned())));
    let record = &found.records[0];
    assert_eq!(
        (record.id.as_str(), record.version.as_ref(), record.deleted),
        ("c-1", None, false)
    );
    assert_eq!(record.updated_at, Some(at("2015-08-13T02:52:36.790Z")));
    assert_eq!(record.data["UpdatedDateUTC"], "2015-08-13T02:52:36.79Z");
    assert_eq!(record.data["Phones"][0]["Since"], "1970-01-01T00:00:00Z");
    assert_eq!(record.data["Serial"].to_string(), "1234567890123456789");
    let second = PagePlace("2".to_owned());
    let last = read(list(&contacts, Some(&second)), &envelope(page.clone(), json!([one])));
    assert_eq!(last.next, None);
    let empty = read(list(&contacts, None), &envelope(page, json!([])));
    assert_eq!((empty.records.len(), empty.next), (0, None));
    // Older answers have no pagination: a full page has another one behind it.
    let full: Vec<Value> = (0..100).map(|n| json!({"ContactID":format!("c-{n}")})).collect();
    let found = read(list(&contacts, None), &envelope(Value::Null, json!(full)));
    assert_eq!(found.next, Some(PagePlace("2".to_owned())));
    let found = read(list(&contacts, None), &envelope(Value::Null, json!(full[..99])));
    assert_eq!(found.next, None);
    let unchanged = Xero
        .read_list(&xero(), list(&contacts, None), &answer_with(304, &[], ""))
        .unwrap();
    assert_eq!((unchanged.records.len(), unchanged.next), (0, None));
}

#[test]
fn deleted_objects_and_wrong_shapes() {
    let (invoices, accounts) = (object("invoice"), object("accounts"));
    let body = json!({"Invoices":[{"InvoiceID":"i","Status":"DELETED"},{"InvoiceID":"j","Status":"VOIDED"}]});
    let found = Xero
        .read_list(&xero(), list(&invoices, None), &answer(200, &body))
        .unwrap();
    let deleted: Vec<bool> = found.records.iter().map(|record| record.deleted).collect();
    assert_eq!(deleted, [true, false]);
    let full: Vec<Value> = (0..100).map(|n| json!({"AccountID":format!("a-{n}")})).collect();
    let whole = Xero.read_list(&xero(), list(&accounts, None), &answer(200, &json!({"Accounts":full})));
    assert_eq!(whole.unwrap().next, None);
    for wrong in [
        json!({"Contacts":[]}),
        json!({"Invoices":[{"Status":"PAID"}]}),
        json!([]),
    ] {
        let trouble = Xero
            .read_list(&xero(), list(&invoices, None), &answer(200, &wrong))
            .unwrap_err();
        assert_eq!(trouble.kind, TroubleKind::Unusable, "{wrong}");
    }
    let broken = Xero.read_list(&xero(), list(&invoices, None), &answer_with(200, &[], "{\"Invo"));
    assert_eq!(broken.unwrap_err().kind, TroubleKind::Passing);
}

#[test]
fn too_many_requests_and_refused_credentials() {
    let contacts = object("contacts");
    let read = |answer: &Response| Xero.read_list(&xero(), list(&contacts, None), answer).unwrap_err();
    let headers = [("retry-after", "41"), ("x-rate-limit-problem", "minute")];
    let trouble = read(&answer_with(429, &headers, ""));
    assert_eq!(
        (trouble.kind, trouble.retry_after_ms),
        (TroubleKind::Throttled, Some(41_000))
    );
    assert_eq!(
        trouble.message,
        "Xero answered 429: its limit of requests is reached (minute)"
    );
    let expired =
        json!({"Type":null,"Title":"Unauthorized","Status":401,"Detail":"TokenExpired: token expired at 05/06/2020"});
    let trouble = read(&answer(401, &expired));
    assert_eq!(trouble.kind, TroubleKind::Account);
    assert_eq!(
        trouble.message,
        "Xero answered 401: TokenExpired: token expired at 05/06/2020"
    );
    let trouble = read(&answer(
        403,
        &json!({"Title":"Forbidden","Detail":"AuthenticationUnsuccessful"}),
    ));
    assert_eq!(trouble.kind, TroubleKind::Account);
    assert_eq!(read(&answer_with(500, &[], "oops")).kind, TroubleKind::Passing);
    assert_eq!(read(&answer_with(404, &[], "")).kind, TroubleKind::Unusable);
}

#[test]
fn objects_are_made_with_put_and_changed_with_post() {
    let (contacts, bills) = (object("supplier"), object("bill"));
    let data = json!({"Name":"A","ContactID":"left over","UpdatedDateUTC":"2026-01-01T00:00:00Z","HasErrors":false});
    let request = Xero.write(&xero(), outgoing(&contacts, &data, None)).unwrap();
    assert_eq!(request.method, Method::Put);
    assert_eq!(
        request.url,
        "https://fake.example/api.xro/2.0/Contacts?summarizeErrors=false"
    );
    assert_eq!(body(&request), json!({"Contacts":[{"Name":"A"}]}));
    assert_eq!(header(&request, "idempotency-key"), Some("key-1"));
    assert_eq!(header(&request, "xero-tenant-id"), Some("instance-1"));
    assert_eq!(header(&request, "content-type"), Some("application/json"));
    assert_eq!(request.headers.iter().filter(|(name, _)| name == "accept").count(), 1);
    let known = remote("c-1");
    let request = Xero.write(&xero(), outgoing(&contacts, &data, Some(&known))).unwrap();
    assert_eq!(request.method, Method::Post);
    assert_eq!(body(&request), json!({"Contacts":[{"Name":"A","ContactID":"c-1"}]}));
    let data = json!({"Total":1});
    let request = Xero.write(&xero(), outgoing(&bills, &data, None)).unwrap();
    assert_eq!(body(&request), json!({"Invoices":[{"Total":1,"Type":"ACCPAY"}]}));
    let trouble = Xero.write(&xero(), outgoing(&bills, &json!([1]), None)).unwrap_err();
    assert_eq!(trouble.kind, TroubleKind::Record);
    let long = "k".repeat(200);
    let mut keyed = outgoing(&bills, &data, None);
    keyed.idempotency_key = &long;
    let request = Xero.write(&xero(), keyed).unwrap();
    assert_eq!(header(&request, "idempotency-key").unwrap().len(), 128);
}

#[test]
fn accounts_and_payments_have_their_own_ways() {
    let (accounts, payments, known) = (object("accounts"), object("payment"), remote("x/1"));
    let data = json!({"Code":"200"});
    let request = Xero.write(&xero(), outgoing(&accounts, &data, None)).unwrap();
    assert_eq!((request.method, body(&request)), (Method::Put, data.clone()));
    let request = Xero.write(&xero(), outgoing(&accounts, &data, Some(&known))).unwrap();
    assert_eq!(request.url, "https://fake.example/api.xro/2.0/Accounts/x%2F1");
    assert_eq!((request.method, body(&request)), (Method::Post, data.clone()));
    let trouble = Xero
        .write(&xero(), outgoing(&payments, &data, Some(&known)))
        .unwrap_err();
    assert_eq!(trouble.kind, TroubleKind::Record);
    assert!(
        trouble.message.contains("cannot") || trouble.message.contains("not changed"),
        "{trouble}"
    );
    let delete = json!({"Status":"DELETED"});
    let request = Xero.write(&xero(), outgoing(&payments, &delete, Some(&known))).unwrap();
    assert!(request.url.contains("/Payments/x%2F1?"), "{}", request.url);
    assert_eq!(body(&request), delete);
    let request = Xero.write(&xero(), outgoing(&payments, &data, None)).unwrap();
    assert_eq!(body(&request), json!({"Payments":[data]}));
}

#[test]
fn answers_to_writes() {
    let contacts = object("contact");
    let data = json!({"Name":"A"});
    let out = outgoing(&contacts, &data, None);
    let read = |answer: &Response| Xero.read_written(&xero(), out, answer);
    let good = json!({"Contacts":[{"ContactID":"c-9","StatusAttributeString":"OK","HasValidationErrors":false,
        "UpdatedDateUTC":"/Date(1000+0000)/"}]});
    let written = read(&answer(200, &good)).unwrap();
    assert_eq!(
        (written.remote, written.updated_at),
        (remote("c-9"), Some(at("1970-01-01T00:00:01Z")))
    );
    let refused = json!({"Contacts":[{"ContactID":"00000000-0000-0000-0000-000000000000","StatusAttributeString":"ERROR",
        "ValidationErrors":[{"Message":"The contact name must be unique."},{"Message":"Email is bad"}]}]});
    let trouble = read(&answer(200, &refused)).unwrap_err();
    assert_eq!(trouble.kind, TroubleKind::Record);
    let expected = "Xero refuses this record of Contacts: The contact name must be unique.; Email is bad";
    assert_eq!(trouble.message, expected);
    let exception = json!({"ErrorNumber":10,"Type":"ValidationException","Message":"A validation exception occurred",
        "Elements":[{"ValidationErrors":[{"Message":"Name is needed"}]}]});
    let trouble = read(&answer(400, &exception)).unwrap_err();
    assert_eq!(
        (trouble.kind, trouble.message.as_str()),
        (TroubleKind::Record, "Xero answered 400: Name is needed")
    );
    let bare = json!({"ErrorNumber":17,"Type":"NoDataProcessedException","Message":"No data has been processed"});
    assert!(
        read(&answer(400, &bare))
            .unwrap_err()
            .message
            .ends_with("No data has been processed")
    );
    assert_eq!(read(&answer(503, &json!({}))).unwrap_err().kind, TroubleKind::Throttled);
}

#[test]
fn checks_say_which_organisation_answers() {
    let mut account = xero();
    let request = Xero.check(&account);
    assert_eq!(request.url, "https://fake.example/connections");
    assert_eq!(header(&request, "xero-tenant-id"), None);
    let organisations =
        json!([{"id":"x","tenantId":"other","tenantName":"B"},{"id":"y","tenantId":"INSTANCE-1","tenantName":"Demo"}]);
    let says = Xero.read_check(&account, &answer(200, &organisations)).unwrap();
    assert_eq!(says, "Xero answers for Demo");
    let trouble = Xero.read_check(&account, &answer(200, &json!([]))).unwrap_err();
    assert_eq!(trouble.kind, TroubleKind::Account);
    assert_eq!(
        Xero.read_check(&account, &answer(401, &json!({}))).unwrap_err().kind,
        TroubleKind::Account
    );
    account.profile.remote_instance_id = None;
    assert_eq!(
        Xero.read_check(&account, &answer(200, &organisations)).unwrap(),
        "Xero answers for B, Demo"
    );
    assert!(Xero.read_check(&account, &answer(200, &json!([]))).is_err());
    assert_eq!(
        Xero.read_check(&account, &answer(200, &json!({}))).unwrap_err().kind,
        TroubleKind::Passing
    );
}
