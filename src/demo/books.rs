//! The sample books: an accounting system on loopback that speaks Xero's dialect, as far as contacts go, so that a connection has
//! something to be connected to. Its refresh tokens rotate, as Xero's do.

use std::{
    collections::BTreeMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

use actix_web::{
    HttpRequest, HttpResponse,
    http::{Method, header},
    web::{self, Bytes, Data, Query, ServiceConfig},
};
use jiff::{SignedDuration, Timestamp};
use orrery::clock::Clock;
use serde::Deserialize;
use serde_json::{Map, Value, json};

/// The refresh token that it takes first. No secret: it answers on loopback only, and README.md shows it.
pub const FIRST_REFRESH_TOKEN: &str = "sample-refresh-token";
/// Contacts that are there from the start.
const FIRST_CONTACTS: u32 = 250;
/// Contacts of a page where nobody says otherwise, and at most.
const PAGE: (usize, usize) = (100, 1_000);
/// How long an access token is good for, seconds.
const TOKEN_SECONDS: i64 = 1_800;

/// What it has.
pub struct Books {
    clock: Clock,
    state: Mutex<State>,
}

struct State {
    contacts: BTreeMap<String, Contact>,
    /// Access tokens with their ends.
    tokens: BTreeMap<String, Timestamp>,
    /// The refresh token in force, and the one before: a lost answer can be asked for again.
    refresh: (String, Option<String>),
    issued: u32,
    /// Answers to writes by their idempotency keys.
    answered: BTreeMap<String, Value>,
}

struct Contact {
    members: Map<String, Value>,
    updated: Timestamp,
}

impl Books {
    /// With some contacts.
    pub fn new(clock: Clock) -> Self {
        let opened = clock.now();
        let contacts = (1..=FIRST_CONTACTS).map(|number| {
            let age = SignedDuration::from_hours(i64::from(FIRST_CONTACTS - number) + 1);
            let updated = opened.checked_sub(age).unwrap_or(opened);
            (contact_id(number), first_contact(number, updated))
        });
        let state = State {
            contacts: contacts.collect(),
            tokens: BTreeMap::new(),
            refresh: (FIRST_REFRESH_TOKEN.to_owned(), None),
            issued: 0,
            answered: BTreeMap::new(),
        };
        Self {
            clock,
            state: Mutex::new(state),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Its paths.
pub fn routes(config: &mut ServiceConfig, books: &Data<Books>) {
    config.app_data(books.clone()).service(
        web::scope("/books")
            .route("/connect/token", web::post().to(token))
            .route("/connections", web::get().to(connections))
            .route("/api.xro/2.0/Organisation", web::get().to(organisation))
            .service(
                web::resource("/api.xro/2.0/Contacts")
                    .route(web::get().to(list))
                    .route(web::put().to(write))
                    .route(web::post().to(write)),
            )
            .route("/api.xro/2.0/Contacts/{id}", web::get().to(one)),
    );
}

fn contact_id(number: u32) -> String {
    format!("5b96e86b-418e-4a48-8949-{number:012x}")
}

fn first_contact(number: u32, updated: Timestamp) -> Contact {
    // The first is the one that the examples look for; every third has no address.
    let account = if number == 1 {
        "1QKGUL".to_owned()
    } else {
        format!("A{number:05}")
    };
    let email = if number.is_multiple_of(3) {
        String::new()
    } else {
        format!("books{number}@example.com")
    };
    let members = json!({
        "ContactID": contact_id(number), "Name": format!("Supplier {number}"), "AccountNumber": account, "EmailAddress": email,
        "ContactStatus": "ACTIVE", "IsSupplier": true, "IsCustomer": number.is_multiple_of(5),
        "Addresses": [{"AddressType": "STREET", "City": "Oslo", "Country": "NO"}],
    });
    Contact {
        members: members.as_object().cloned().unwrap_or_default(),
        updated,
    }
}

/// As the other side writes dates: milliseconds since 1970.
fn shown_time(at: Timestamp) -> String {
    format!("/Date({}+0000)/", at.as_millisecond())
}

fn shown(contact: &Contact) -> Value {
    let mut members = contact.members.clone();
    members.insert("UpdatedDateUTC".to_owned(), shown_time(contact.updated).into());
    Value::Object(members)
}

#[derive(Deserialize)]
struct Grant {
    grant_type: String,
    refresh_token: Option<String>,
}

/// A new pair of tokens for the refresh token in force or the one before it.
async fn token(books: Data<Books>, form: web::Form<Grant>) -> HttpResponse {
    let mut state = books.state();
    let given = form.refresh_token.as_deref().unwrap_or_default();
    let known = given == state.refresh.0 || state.refresh.1.as_deref() == Some(given);
    if form.grant_type != "refresh_token" || !known {
        return HttpResponse::BadRequest().json(json!({"error": "invalid_grant"}));
    }
    state.issued += 1;
    let (access, refresh) = (
        format!("sample-access-{}", state.issued),
        format!("sample-refresh-{}", state.issued),
    );
    let ends = books.clock.now().checked_add(SignedDuration::from_secs(TOKEN_SECONDS));
    state.tokens.insert(access.clone(), ends.unwrap_or(Timestamp::MAX));
    state.refresh = (refresh.clone(), Some(given.to_owned()));
    HttpResponse::Ok().json(json!({
        "access_token": access, "refresh_token": refresh, "expires_in": TOKEN_SECONDS, "token_type": "Bearer",
    }))
}

/// A refusal, unless the request carries a token that is good.
fn stranger(request: &HttpRequest, books: &Books) -> Option<HttpResponse> {
    let sent = request.headers().get(header::AUTHORIZATION);
    let token = sent.and_then(|sent| sent.to_str().ok()?.strip_prefix("Bearer "));
    let ends = token.and_then(|token| books.state().tokens.get(token).copied());
    let is_good = ends.is_some_and(|ends| books.clock.now() < ends);
    let refusal = json!({"Type": null, "Title": "Unauthorized", "Status": 401, "Detail": "TokenExpired"});
    (!is_good).then(|| HttpResponse::Unauthorized().json(refusal))
}

async fn connections(request: HttpRequest, books: Data<Books>) -> HttpResponse {
    let tenant = json!([{"tenantId": "sample", "tenantName": "Sample books", "tenantType": "ORGANISATION"}]);
    stranger(&request, &books).unwrap_or_else(|| HttpResponse::Ok().json(tenant))
}

async fn organisation(request: HttpRequest, books: Data<Books>) -> HttpResponse {
    let own = json!({"Status": "OK", "Organisations": [{"Name": "Sample books"}]});
    stranger(&request, &books).unwrap_or_else(|| HttpResponse::Ok().json(own))
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Pages {
    page: Option<usize>,
    page_size: Option<usize>,
}

/// `?page=1&pageSize=100`, with `If-Modified-Since` only what changed since.
async fn list(request: HttpRequest, books: Data<Books>, pages: Query<Pages>) -> HttpResponse {
    if let Some(refusal) = stranger(&request, &books) {
        return refusal;
    }
    let since = request
        .headers()
        .get(header::IF_MODIFIED_SINCE)
        .and_then(|since| read_time(since.to_str().ok()?));
    HttpResponse::Ok().json(page(&books, &pages, since))
}

/// RFC 3339, with or without its Z, or the form of HTTP dates.
fn read_time(text: &str) -> Option<Timestamp> {
    let with_zone = || format!("{text}Z").parse().ok();
    let as_http = || jiff::fmt::rfc2822::parse(text).ok().map(|zoned| zoned.timestamp());
    text.parse().ok().or_else(with_zone).or_else(as_http)
}

fn page(books: &Books, pages: &Pages, since: Option<Timestamp>) -> Value {
    let size = pages.page_size.unwrap_or(PAGE.0).clamp(1, PAGE.1);
    let page = pages.page.unwrap_or(1).max(1);
    let state = books.state();
    let changed: Vec<&Contact> = state
        .contacts
        .values()
        .filter(|contact| since.is_none_or(|since| contact.updated.as_second() >= since.as_second()))
        .collect();
    let listed: Vec<Value> = changed
        .iter()
        .skip((page - 1) * size)
        .take(size)
        .map(|contact| shown(contact))
        .collect();
    json!({
        "Status": "OK", "DateTimeUTC": shown_time(books.clock.now()), "Contacts": listed,
        "pagination": {"page": page, "pageSize": size, "pageCount": changed.len().div_ceil(size), "itemCount": changed.len()},
    })
}

async fn one(request: HttpRequest, books: Data<Books>, id: web::Path<String>) -> HttpResponse {
    if let Some(refusal) = stranger(&request, &books) {
        return refusal;
    }
    match books.state().contacts.get(&*id) {
        Some(contact) => HttpResponse::Ok().json(json!({"Status": "OK", "Contacts": [shown(contact)]})),
        None => HttpResponse::NotFound().json(json!({"Status": 404, "Title": "Not Found"})),
    }
}

/// PUT makes, POST makes or changes; the same `Idempotency-Key` gets the same answer.
async fn write(request: HttpRequest, books: Data<Books>, body: Bytes) -> HttpResponse {
    // Who sits at the books needs no token: README.md changes a contact there with curl.
    let own_hand = !request.headers().contains_key(header::AUTHORIZATION);
    if let Some(refusal) = stranger(&request, &books).filter(|_| !own_hand) {
        return refusal;
    }
    let key = request
        .headers()
        .get("idempotency-key")
        .and_then(|key| key.to_str().ok());
    if let Some(answer) = key.and_then(|key| books.state().answered.get(key).cloned()) {
        return HttpResponse::Ok().json(answer);
    }
    let body: Value = serde_json::from_slice(&body).unwrap_or_default();
    let given = body
        .get("Contacts")
        .and_then(Value::as_array)
        .cloned()
        .unwrap_or_default();
    let mut written = Vec::new();
    for contact in &given {
        match save(&books, contact, request.method() == Method::PUT) {
            Ok(contact) => written.push(contact),
            Err(message) => return refused(contact, message),
        }
    }
    let answer = json!({"Status": "OK", "Contacts": written});
    if let Some(key) = key {
        books.state().answered.insert(key.to_owned(), answer.clone());
    }
    HttpResponse::Ok().json(answer)
}

fn save(books: &Books, given: &Value, is_new: bool) -> Result<Value, &'static str> {
    let members = given.as_object().ok_or("A contact is an object")?;
    let now = books.clock.now();
    let mut state = books.state();
    let id = match members.get("ContactID").and_then(Value::as_str) {
        Some(id) if !is_new => id.to_owned(),
        _ => contact_id(u32::try_from(state.contacts.len() + 1).unwrap_or(u32::MAX)),
    };
    let known = state.contacts.get(&id).map(|contact| contact.members.clone());
    let mut merged = known.unwrap_or_default();
    merged.extend(members.clone());
    if merged.get("Name").and_then(Value::as_str).is_none_or(str::is_empty) {
        return Err("The Contact Name must be specified");
    }
    merged.insert("ContactID".to_owned(), id.clone().into());
    let contact = Contact {
        members: merged,
        updated: now,
    };
    let answer = shown(&contact);
    state.contacts.insert(id, contact);
    Ok(answer)
}

fn refused(contact: &Value, message: &str) -> HttpResponse {
    let mut element = contact.clone();
    if let Some(members) = element.as_object_mut() {
        members.insert("ValidationErrors".to_owned(), json!([{ "Message": message }]));
    }
    HttpResponse::BadRequest().json(json!({
        "ErrorNumber": 10, "Type": "ValidationException", "Message": "A validation exception occurred", "Elements": [element],
    }))
}

#[cfg(test)]
mod tests {
    use actix_web::{App, test};

    use super::*;

    async fn call(books: &Data<Books>, request: test::TestRequest) -> (u16, Value) {
        let app = test::init_service(App::new().configure(|config| routes(config, books))).await;
        let response = test::call_service(&app, request.to_request()).await;
        let status = response.status().as_u16();
        (
            status,
            serde_json::from_slice(&test::read_body(response).await).unwrap_or_default(),
        )
    }

    async fn refresh(books: &Data<Books>, token: &str) -> (u16, Value) {
        let form = [("grant_type", "refresh_token"), ("refresh_token", token)];
        call(
            books,
            test::TestRequest::post().uri("/books/connect/token").set_form(form),
        )
        .await
    }

    #[actix_rt::test]
    async fn tokens_rotate_and_contacts_are_paged_and_written() {
        let (clock, hand) = Clock::manual("2026-03-02T08:00:00Z".parse().unwrap());
        let books = Data::new(Books::new(clock));
        let (_, first) = refresh(&books, FIRST_REFRESH_TOKEN).await;
        assert_eq!(refresh(&books, "another").await.0, 400);
        assert_eq!(
            refresh(&books, FIRST_REFRESH_TOKEN).await.0,
            200,
            "its answer may have been lost"
        );
        let bearer = format!("Bearer {}", first["access_token"].as_str().unwrap());
        let get = |path: &str, since: &str| {
            let request = test::TestRequest::get().uri(path);
            request
                .insert_header((header::AUTHORIZATION, bearer.clone()))
                .insert_header((header::IF_MODIFIED_SINCE, since.to_owned()))
        };
        let (_, third) = call(&books, get("/books/api.xro/2.0/Contacts?page=3", "")).await;
        assert_eq!(
            (
                third["Contacts"].as_array().unwrap().len(),
                &third["pagination"]["pageCount"]
            ),
            (50, &json!(3))
        );
        let changed = json!({"Contacts": [{"ContactID": contact_id(1), "EmailAddress": "new@example.com"}]});
        let post = test::TestRequest::post()
            .uri("/books/api.xro/2.0/Contacts")
            .set_json(changed);
        assert_eq!(call(&books, post).await.0, 200);
        let (_, since) = call(&books, get("/books/api.xro/2.0/Contacts", "2026-03-02T08:00:00")).await;
        assert_eq!(since["Contacts"].as_array().unwrap().len(), 1);
        assert_eq!(since["Contacts"][0]["AccountNumber"], "1QKGUL");
        let nameless = test::TestRequest::put()
            .uri("/books/api.xro/2.0/Contacts")
            .set_json(json!({"Contacts": [{"EmailAddress": "x@example.com"}]}));
        assert_eq!(call(&books, nameless).await.0, 400);
        let nobody = test::TestRequest::get().uri("/books/api.xro/2.0/Contacts");
        assert_eq!(call(&books, nobody).await.0, 401);
        hand.advance(std::time::Duration::from_secs(1_801));
        assert_eq!(
            call(&books, get("/books/connections", "")).await.0,
            401,
            "the token has ended"
        );
    }
}
