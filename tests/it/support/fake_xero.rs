//! A fake Xero: organisations, pages, changes since a second, errors per element, idempotency keys, tokens (domain.md 5).

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use base64::Engine as _;
use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use orrery::clock::Clock;
use serde_json::{Map, Value, json};

use self::stock::{Endpoint, Stock};
use super::fake_tokens::Tokens;
use super::upstream::Recorded;
use super::upstream::dialect::{Dialect, Fake, Reply};

mod stock;

/// The organisation that there is.
pub const TENANT: &str = "70784a63-d24b-46a9-a4db-0e70a274b056";
/// The most records on a page.
const PAGE_MAX: usize = 1_000;
const KEY_CHARACTERS_MAX: usize = 128;

/// What a Xero organisation holds.
pub struct Xero {
    clock: Clock,
    pub tokens: Tokens,
    stock: BTreeMap<&'static str, Stock>,
    /// Answers by idempotency key, with what was asked for.
    replayed: HashMap<String, (Vec<u8>, Reply)>,
    /// What `X-Rate-Limit-Problem` says.
    pub limit_problem: &'static str,
}

/// A running fake.
pub type FakeXero = Fake<Xero>;

/// Starts one that knows the refresh token `refresh-0` of the client `app` with the secret `app-secret`.
pub fn start(clock: Clock) -> FakeXero {
    Fake::start(|_| {
        let mut tokens = Tokens::new(clock.clone(), Duration::from_secs(1_800));
        tokens.grace = Duration::from_secs(1_800);
        tokens.sign_in("refresh-0");
        Xero {
            clock,
            tokens,
            stock: stock::ENDPOINTS.iter().map(|of| (of.name, Stock::new(of))).collect(),
            replayed: HashMap::new(),
            limit_problem: "minute",
        }
    })
}

impl Xero {
    /// Makes an object and gives its id.
    pub fn put(&mut self, endpoint: &str, members: Value) -> String {
        let now = self.clock.now();
        self.stock_mut(endpoint).put(None, object(members), now)
    }

    /// Makes so many contacts: `Contact 1` and so on, with the account number `A1`, every third without an e-mail address.
    pub fn put_contacts(&mut self, count: usize) {
        let now = self.clock.now();
        self.stock_mut("Contacts").put_contacts(count, now);
    }

    /// Changes members of an object, as somebody at the other end would.
    pub fn change(&mut self, endpoint: &str, id: &str, members: Value) {
        let now = self.clock.now();
        let stock = self.stock_mut(endpoint);
        let mut whole = stock.get(id).unwrap();
        whole.extend(object(members));
        stock.put(Some(id), whole, now);
    }

    /// An object as it is now.
    pub fn object(&self, endpoint: &str, id: &str) -> Option<Value> {
        self.stock[endpoint].get(id).map(Value::Object)
    }

    /// How many objects of a kind there are.
    pub fn count(&self, endpoint: &str) -> usize {
        self.stock[endpoint].count()
    }

    fn stock_mut(&mut self, endpoint: &str) -> &mut Stock {
        self.stock.get_mut(endpoint).unwrap()
    }

    fn token(&mut self, request: &Recorded) -> Reply {
        let form: HashMap<String, String> = url::form_urlencoded::parse(&request.body).into_owned().collect();
        let of = |name: &str| form.get(name).map(String::as_str).unwrap_or_default();
        let basic = base64::engine::general_purpose::STANDARD.encode("app:app-secret");
        if request.header("authorization") != Some(format!("Basic {basic}").as_str()) {
            return Reply::json(400, &json!({"error": "invalid_client"}));
        }
        let issued = match of("grant_type") {
            "refresh_token" => self.tokens.refresh(of("refresh_token")),
            "client_credentials" => Some(self.tokens.issue()),
            _ => return Reply::json(400, &json!({"error": "unsupported_grant_type"})),
        };
        let Some(issued) = issued else {
            return Reply::json(400, &json!({"error": "invalid_grant"}));
        };
        let mut body = json!({"access_token": issued.access_token, "expires_in": issued.expires_in, "token_type": "Bearer",
            "scope": "accounting.contacts offline_access"});
        if let Some(refresh_token) = issued.refresh_token {
            body["refresh_token"] = refresh_token.into();
        }
        Reply::json(200, &body)
    }

    fn list(&mut self, endpoint: &'static Endpoint, request: &Recorded) -> Reply {
        let parameters = parameters(request);
        let since = match request.header("if-modified-since").map(since) {
            Some(None) => return exception("PostDataInvalidException", "If-Modified-Since is not a UTC time"),
            Some(since) => since,
            None => None,
        };
        let condition = match parameters.get("where").map(|text| condition(text)) {
            Some(None) => return exception("QueryParseException", "the where parameter cannot be read"),
            Some(condition) => condition,
            None => None,
        };
        let number = |name: &str, usual: usize| match parameters.get(name) {
            Some(text) => text.parse().ok().filter(|number| *number > 0),
            None => Some(usual),
        };
        let (Some(page), Some(size)) = (number("page", 1), number("pageSize", 100)) else {
            return exception("PostDataInvalidException", "page and pageSize must be numbers above 0");
        };
        let by_id = parameters
            .get("order")
            .is_some_and(|order| *order == format!("{} ASC", endpoint.id));
        let archived = parameters.get("includeArchived").is_some_and(|text| text == "true");
        let stock = self.stock_mut(endpoint.name);
        let found = stock.list(since, condition, by_id, archived);
        let paged = endpoint.paged && parameters.contains_key("page");
        let size = if paged { size.min(PAGE_MAX) } else { usize::MAX };
        let (count, pages) = (found.len(), found.len().div_ceil(size));
        let listed: Vec<&str> = found
            .iter()
            .skip((page - 1).saturating_mul(size))
            .take(size)
            .map(String::as_str)
            .collect();
        let texts: Vec<String> = listed.iter().map(|id| stock.shown(id)).collect();
        // The objects are texts already, so the envelope is written as text, too.
        let pagination = if paged {
            format!(
                ",\"pagination\":{{\"page\":{page},\"pageSize\":{size},\"pageCount\":{pages},\"itemCount\":{count}}}"
            )
        } else {
            String::new()
        };
        let body = format!(
            "{{\"Id\":\"a1b2\",\"Status\":\"OK\",\"DateTimeUTC\":\"{}\"{pagination},\"{}\":[{}]}}",
            date(self.clock.now()),
            endpoint.name,
            texts.join(",")
        );
        Reply {
            body: body.into_bytes(),
            ..Reply::json(200, &Value::Null)
        }
    }

    fn one(&self, endpoint: &Endpoint, id: &str) -> Reply {
        match self.stock[endpoint.name].get(id) {
            Some(found) => Reply::json(200, &json!({"Status": "OK", endpoint.name: [found]})),
            None => Reply::json(
                404,
                &json!({"Title": "Not Found", "Status": 404, "Detail": "The resource you're looking for cannot be found"}),
            ),
        }
    }

    /// PUT makes, POST makes or changes; the same key gets the same answer.
    fn write(&mut self, endpoint: &'static Endpoint, id: Option<&str>, request: &Recorded) -> Reply {
        let key = request.header("idempotency-key").map(str::to_owned);
        if key.as_ref().is_some_and(|key| key.len() > KEY_CHARACTERS_MAX) {
            return exception(
                "PostDataInvalidException",
                "the Idempotency-Key has more than 128 characters",
            );
        }
        let asked = [request.method.as_bytes(), request.target.as_bytes(), &request.body].concat();
        if let Some((first, reply)) = key.as_ref().and_then(|key| self.replayed.get(key)) {
            let same = *first == asked;
            return if same {
                reply.clone()
            } else {
                exception(
                    "PostDataInvalidException",
                    "the Idempotency-Key was used for another request",
                )
            };
        }
        let reply = self.save(endpoint, id, request);
        if let Some(key) = key {
            self.replayed.insert(key, (asked, reply.clone()));
        }
        reply
    }

    fn save(&mut self, endpoint: &'static Endpoint, id: Option<&str>, request: &Recorded) -> Reply {
        let Ok(Value::Object(body)) = serde_json::from_slice::<Value>(&request.body) else {
            return exception("PostDataInvalidException", "the body is no JSON object");
        };
        let mut given = match body.get(endpoint.name) {
            Some(Value::Array(elements)) => elements.clone(),
            _ => vec![Value::Object(body)],
        };
        if let (Some(id), Some(element)) = (id, given.first_mut()) {
            element[endpoint.id] = id.into();
        }
        let is_new = request.method == "PUT";
        let elements: Vec<Value> = given
            .into_iter()
            .map(|element| self.save_one(endpoint, is_new, element))
            .collect();
        let fails = elements
            .iter()
            .any(|element| element["StatusAttributeString"] == "ERROR");
        let each = parameters(request)
            .get("summarizeErrors")
            .is_some_and(|text| text == "false");
        if fails && !each {
            let body = json!({"ErrorNumber": 10, "Type": "ValidationException", "Message": "A validation exception occurred", "Elements": elements});
            return Reply::json(400, &body);
        }
        Reply::json(
            200,
            &json!({"Id": "a1b2", "Status": "OK", "DateTimeUTC": date(self.clock.now()), endpoint.name: elements}),
        )
    }

    fn save_one(&mut self, endpoint: &'static Endpoint, is_new: bool, element: Value) -> Value {
        let now = self.clock.now();
        let stock = self.stock_mut(endpoint.name);
        let id = element[endpoint.id].as_str().filter(|_| !is_new).map(str::to_owned);
        let known = id.as_deref().map(|id| stock.get(id));
        let mut whole = match known {
            Some(None) => return refused(element, &[format!("The {} does not exist", endpoint.id)]),
            Some(Some(known)) => known,
            None => Map::new(),
        };
        whole.extend(object(element.clone()));
        let wrong = stock.wrong(id.as_deref(), &whole);
        if !wrong.is_empty() {
            return refused(element, &wrong);
        }
        let id = stock.put(id.as_deref(), whole, now);
        let mut shown = Value::Object(stock.get(&id).unwrap());
        shown["StatusAttributeString"] = "OK".into();
        shown["HasValidationErrors"] = false.into();
        shown
    }
}

impl Dialect for Xero {
    fn answer(&mut self, request: &Recorded) -> Reply {
        let path: Vec<&str> = request.path().trim_matches('/').split('/').collect();
        if (request.method.as_str(), path.as_slice()) == ("POST", &["connect", "token"]) {
            return self.token(request);
        }
        if !self.tokens.lets_in(request) {
            let detail = "TokenExpired: token expired at 03/02/2026 10:00:00";
            return Reply::json(
                401,
                &json!({"Type": null, "Title": "Unauthorized", "Status": 401, "Detail": detail, "Instance": "a1"}),
            );
        }
        if (request.method.as_str(), path.as_slice()) == ("GET", &["connections"]) {
            let one = json!([{"id": "e1", "authEventId": "d9", "tenantId": TENANT, "tenantType": "ORGANISATION", "tenantName": "Demo Company"}]);
            return Reply::json(200, &one);
        }
        let ["api.xro", "2.0", name, rest @ ..] = path.as_slice() else {
            return Reply::json(404, &json!({"Title": "Not Found", "Status": 404}));
        };
        if request.header("xero-tenant-id") != Some(TENANT) {
            let refusal = json!({"Type": null, "Title": "Forbidden", "Status": 403, "Detail": "AuthenticationUnsuccessful", "Instance": "a1"});
            return Reply::json(403, &refusal);
        }
        if request.header("accept").is_none_or(|accept| !accept.contains("json")) {
            let body = b"<Response><Status>OK</Status></Response>".to_vec();
            return Reply {
                body,
                ..Reply::header(200, "content-type", "text/xml")
            };
        }
        let Some(endpoint) = stock::ENDPOINTS.iter().find(|endpoint| endpoint.name == *name) else {
            return Reply::json(404, &json!({"Title": "Not Found", "Status": 404}));
        };
        match (request.method.as_str(), rest) {
            ("GET", []) => self.list(endpoint, request),
            ("GET", [id]) => self.one(endpoint, id),
            ("PUT" | "POST", []) => self.write(endpoint, None, request),
            ("POST", [id]) => self.write(endpoint, Some(id), request),
            _ => Reply::json(405, &json!({"Title": "Method Not Allowed", "Status": 405})),
        }
    }

    fn too_many(&self) -> Reply {
        let mut reply = Reply::header(429, "retry-after", "17");
        reply
            .headers
            .push(("x-rate-limit-problem".to_owned(), self.limit_problem.to_owned()));
        reply
    }
}

fn object(value: Value) -> Map<String, Value> {
    value.as_object().unwrap().clone()
}

fn parameters(request: &Recorded) -> HashMap<String, String> {
    let query = request
        .target
        .split_once('?')
        .map(|(_, query)| query)
        .unwrap_or_default();
    url::form_urlencoded::parse(query.as_bytes()).into_owned().collect()
}

/// `2026-03-01T10:11:12`, in UTC, to the second and no finer.
fn since(text: &str) -> Option<Timestamp> {
    let at: DateTime = text.parse().ok()?;
    let exact = text.len() == "2026-03-01T10:11:12".len();
    TimeZone::UTC.to_timestamp(at).ok().filter(|_| exact)
}

/// `Member=="value"`.
fn condition(text: &str) -> Option<(String, String)> {
    let (member, value) = text.split_once("==")?;
    let value = value.strip_prefix('"')?.strip_suffix('"')?;
    Some((member.to_owned(), value.to_owned()))
}

/// A time as Xero writes it.
fn date(at: Timestamp) -> String {
    format!("/Date({}+0000)/", at.as_millisecond())
}

fn exception(kind: &str, message: &str) -> Reply {
    Reply::json(400, &json!({"ErrorNumber": 17, "Type": kind, "Message": message}))
}

fn refused(mut element: Value, messages: &[String]) -> Value {
    let errors: Vec<Value> = messages.iter().map(|message| json!({ "Message": message })).collect();
    element["StatusAttributeString"] = "ERROR".into();
    element["HasValidationErrors"] = true.into();
    element["ValidationErrors"] = errors.into();
    element
}
