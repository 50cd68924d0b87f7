//! A fake NetSuite: SuiteQL, upserts by external id, tokens for signed assertions, problem bodies (domain.md 7).

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use orrery::clock::Clock;
use ring::signature::{ECDSA_P256_SHA256_FIXED, UnparsedPublicKey};
use serde_json::{Map, Value, json};

use self::suiteql::Statement;
use super::fake_tokens::Tokens;
use super::upstream::Recorded;
use super::upstream::dialect::{Dialect, Fake, Reply};

mod suiteql;

/// The id of the certificate that there is.
pub const CERTIFICATE: &str = "aSh0rtC3rt1f1cat3Id";
/// Below every address.
const BASE: &str = "/services/rest";
/// SuiteQL gives at most so many rows of one statement, and so many on one page.
const ROWS_MAX: u64 = 100_000;
const PAGE_MAX: u64 = 1_000;

/// What a NetSuite account holds.
pub struct NetSuite {
    clock: Clock,
    url: String,
    /// The public key of the certificate, ES256.
    public_key: Vec<u8>,
    pub tokens: Tokens,
    /// The account's time zone.
    pub zone: TimeZone,
    /// By table, then by id; columns in lower case, times as they are.
    tables: BTreeMap<String, BTreeMap<u64, Row>>,
    last_id: u64,
}

/// One row of a table.
#[derive(Debug, Clone)]
pub struct Row {
    pub columns: Map<String, Value>,
    pub changed_at: Timestamp,
}

/// A running fake.
pub type FakeNetSuite = Fake<NetSuite>;

/// Starts one, and gives the private key in PEM that its certificate belongs to.
pub fn start(clock: Clock) -> (FakeNetSuite, String) {
    let pair = rcgen::KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256).unwrap();
    let public_key = rcgen::PublicKeyData::der_bytes(&pair).to_vec();
    let fake = Fake::start(|url| NetSuite {
        url: url.to_owned(),
        public_key,
        tokens: Tokens::new(clock.clone(), Duration::from_secs(3_600)),
        clock,
        zone: TimeZone::UTC,
        tables: BTreeMap::new(),
        last_id: 0,
    });
    let key = base64::engine::general_purpose::STANDARD.encode(pair.serialize_der());
    (
        fake,
        format!("-----BEGIN PRIVATE KEY-----\n{key}\n-----END PRIVATE KEY-----\n"),
    )
}

impl NetSuite {
    /// Makes a row that was changed at a time, and gives its id.
    pub fn put_at(&mut self, table: &str, columns: Value, changed_at: Timestamp) -> String {
        self.last_id += 1;
        let mut columns = columns.as_object().unwrap().clone();
        columns.insert("id".to_owned(), json!(self.last_id.to_string()));
        let of = self.tables.entry(table.to_owned()).or_default();
        of.insert(self.last_id, Row { columns, changed_at });
        self.last_id.to_string()
    }

    /// Makes a row now.
    pub fn put(&mut self, table: &str, columns: Value) -> String {
        let now = self.clock.now();
        self.put_at(table, columns, now)
    }

    /// Takes a row away.
    pub fn delete(&mut self, table: &str, id: &str) {
        let of = self.tables.get_mut(table).unwrap();
        of.remove(&id.parse().unwrap()).unwrap();
    }

    /// A row as it is now.
    pub fn row(&self, table: &str, id: &str) -> Option<&Row> {
        self.tables.get(table)?.get(&id.parse().ok()?)
    }

    /// How many rows a table has.
    pub fn count(&self, table: &str) -> usize {
        self.tables.get(table).map_or(0, BTreeMap::len)
    }

    fn token(&mut self, request: &Recorded) -> Reply {
        let form: HashMap<String, String> = url::form_urlencoded::parse(&request.body).into_owned().collect();
        let member = |name: &str| form.get(name).map(String::as_str).unwrap_or_default();
        let issued = match member("grant_type") {
            "refresh_token" => self.tokens.refresh(member("refresh_token")),
            "client_credentials" => match self.check_assertion(&form) {
                Ok(()) => Some(self.tokens.issue()),
                Err(why) => return Reply::json(400, &json!({"error": "invalid_request", "error_description": why})),
            },
            _ => None,
        };
        match issued {
            // NetSuite writes the seconds as a text.
            Some(issued) => Reply::json(
                200,
                &json!({"access_token": issued.access_token, "refresh_token": issued.refresh_token,
                    "expires_in": issued.expires_in.to_string(), "token_type": "bearer"}),
            ),
            None => Reply::json(400, &json!({"error": "invalid_grant"})),
        }
    }

    /// Is the assertion signed by the certificate's key, for us, by whom it says, and still good?
    fn check_assertion(&self, form: &HashMap<String, String>) -> Result<(), String> {
        let kind = form.get("client_assertion_type").map(String::as_str);
        if kind != Some("urn:ietf:params:oauth:client-assertion-type:jwt-bearer") {
            return Err("client_assertion_type".to_owned());
        }
        let assertion = form.get("client_assertion").ok_or("client_assertion")?;
        let (signed, signature) = assertion.rsplit_once('.').ok_or("no signature")?;
        let (header, payload) = signed.split_once('.').ok_or("no payload")?;
        let read = |part: &str| -> Result<Value, String> {
            let bytes = URL_SAFE_NO_PAD.decode(part).map_err(|cause| cause.to_string())?;
            serde_json::from_slice(&bytes).map_err(|cause| cause.to_string())
        };
        let (header, payload) = (read(header)?, read(payload)?);
        if header != json!({"typ": "JWT", "alg": "ES256", "kid": CERTIFICATE}) {
            return Err(format!("header {header}"));
        }
        let signature = URL_SAFE_NO_PAD.decode(signature).map_err(|cause| cause.to_string())?;
        UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, &self.public_key)
            .verify(signed.as_bytes(), &signature)
            .map_err(|_| "the signature is not that of the certificate")?;
        let audience = format!("{}{BASE}/auth/oauth2/v1/token", self.url);
        if payload["iss"] != "app" || payload["aud"] != json!(audience) {
            return Err(format!("iss or aud of {payload}"));
        }
        if payload["scope"] != "rest_webservices" && payload["scope"] != json!(["rest_webservices"]) {
            return Err(format!("scope of {payload}"));
        }
        let (from, until) = (
            payload["iat"].as_i64().ok_or("iat")?,
            payload["exp"].as_i64().ok_or("exp")?,
        );
        let now = self.clock.now().as_second();
        if until <= from || until - from > 3_600 || now < from - 60 || now >= until {
            return Err(format!("iat or exp of {payload}"));
        }
        Ok(())
    }

    fn suiteql(&self, request: &Recorded) -> Reply {
        if request.header("prefer") != Some("transient") {
            return problem(400, "INVALID_HEADER", "Missing header or its value: Prefer.", "");
        }
        let parameters: HashMap<String, String> = url::form_urlencoded::parse(query_of(request).as_bytes())
            .into_owned()
            .collect();
        let number = |name: &str, usual: u64| parameters.get(name).map_or(Ok(usual), |text| text.parse());
        let (Ok(limit), Ok(offset)) = (number("limit", PAGE_MAX), number("offset", 0)) else {
            return problem(400, "INVALID_PARAMETER", "limit and offset are numbers", "");
        };
        if limit > PAGE_MAX || offset + limit > ROWS_MAX || offset % limit != 0 {
            return problem(400, "INVALID_PARAMETER", "limit or offset is too large", "");
        }
        let body: Value = serde_json::from_slice(&request.body).unwrap_or_default();
        let statement = match Statement::parse(body["q"].as_str().unwrap_or_default()) {
            Ok(statement) => statement,
            Err(why) => {
                let detail = format!("Invalid search query. Detailed unprocessed description follows. {why}");
                return problem(400, "INVALID_PARAMETER", &detail, "q");
            }
        };
        let table = self.tables.get(&statement.table);
        let rows = table.map(|table| table.range(statement.after() + 1..).map(|(_, row)| row).collect());
        let found = statement.run(rows.unwrap_or_default(), &self.zone);
        let total = found.len() as u64;
        let items: Vec<Value> = found
            .into_iter()
            .skip(usize::try_from(offset).unwrap())
            .take(usize::try_from(limit).unwrap())
            .map(|row| statement.shown(row, &self.zone))
            .collect();
        let more = offset + (items.len() as u64) < total.min(ROWS_MAX);
        Reply::json(
            200,
            &json!({"links": [], "count": items.len(), "hasMore": more, "items": items, "offset": offset,
                "totalResults": total.min(ROWS_MAX)}),
        )
    }

    fn record(&mut self, request: &Recorded, kind: &str, place: Option<&str>) -> Reply {
        let Some((table, fixed)) = table_of(kind) else {
            let detail = format!("Record type '{kind}' does not exist.");
            return problem(404, "NONEXISTENT_RECORD_TYPE", &detail, "");
        };
        let place = place.map(decoded);
        let external = place
            .as_deref()
            .and_then(|place| place.strip_prefix("eid:"))
            .map(str::to_owned);
        let known = match (&external, &place) {
            (Some(external), _) => self.by_external_id(table, external),
            (None, Some(id)) => self.row(table, id).map(|_| id.clone()),
            (None, None) => None,
        };
        let given = match serde_json::from_slice::<Value>(&request.body) {
            Ok(Value::Object(given)) => given,
            _ => Map::new(),
        };
        let given: Map<String, Value> = given
            .into_iter()
            .map(|(name, value)| (name.to_lowercase(), value))
            .collect();
        if table == "customer" && known.is_none() && !given.contains_key("companyname") {
            let detail = "Error while accessing a resource. Please enter value(s) for: Company Name.";
            return problem(400, "USER_ERROR", detail, "companyName");
        }
        match (request.method.as_str(), known, external) {
            ("GET", Some(id), _) => {
                let row = self.row(table, &id).unwrap();
                Reply::json(
                    200,
                    &json!({"links": [], "id": id, "companyName": row.columns.get("companyname"),
                    "lastModifiedDate": row.changed_at.to_string()}),
                )
            }
            ("PATCH" | "PUT", Some(id), _) => {
                let now = self.clock.now();
                let row = self
                    .tables
                    .get_mut(table)
                    .unwrap()
                    .get_mut(&id.parse().unwrap())
                    .unwrap();
                row.columns.extend(given);
                row.changed_at = now;
                self.located(kind, &id)
            }
            ("PUT", None, external) => {
                let mut columns = given;
                columns.extend(fixed);
                columns.insert("externalid".to_owned(), json!(external));
                let id = self.put(table, Value::Object(columns));
                self.located(kind, &id)
            }
            ("POST", None, None) => {
                let mut columns = given;
                columns.extend(fixed);
                let id = self.put(table, Value::Object(columns));
                self.located(kind, &id)
            }
            _ => problem(
                404,
                "NONEXISTENT_ID",
                "The record instance does not exist. Provide a valid ID.",
                "",
            ),
        }
    }

    fn by_external_id(&self, table: &str, external: &str) -> Option<String> {
        let rows = self.tables.get(table)?;
        let found = rows
            .iter()
            .find(|(_, row)| row.columns.get("externalid") == Some(&json!(external)));
        found.map(|(id, _)| id.to_string())
    }

    fn located(&self, kind: &str, id: &str) -> Reply {
        Reply::header(204, "location", format!("{}{BASE}/record/v1/{kind}/{id}", self.url))
    }
}

impl Dialect for NetSuite {
    fn answer(&mut self, request: &Recorded) -> Reply {
        let path = request.path().strip_prefix(BASE).unwrap_or_default().to_owned();
        let path: Vec<&str> = path.trim_matches('/').split('/').collect();
        if path == ["auth", "oauth2", "v1", "token"] {
            return self.token(request);
        }
        if !self.tokens.lets_in(request) {
            return problem(401, "INVALID_LOGIN", "Invalid login attempt.", "");
        }
        match (request.method.as_str(), path.as_slice()) {
            ("POST", ["query", "v1", "suiteql"]) => self.suiteql(request),
            ("GET", ["system", "v1", "governanceLimits"]) => Reply::json(
                200,
                &json!({"accountConcurrencyLimit": 5, "accountUnallocatedConcurrencyLimit": 5}),
            ),
            (_, ["record", "v1", kind]) => self.record(request, kind, None),
            (_, ["record", "v1", kind, place]) => self.record(request, kind, Some(place)),
            _ => problem(404, "NOT_FOUND", "The requested page does not exist.", ""),
        }
    }

    fn too_many(&self) -> Reply {
        let detail = "Concurrent request limit exceeded. Request blocked.";
        problem(429, "CONCURRENCY_LIMIT_EXCEEDED", detail, "")
    }
}

fn problem(status: u16, code: &str, detail: &str, path: &str) -> Reply {
    let mut error = json!({"detail": detail, "o:errorCode": code});
    if !path.is_empty() {
        error["o:errorPath"] = json!(path);
    }
    let body = json!({"type": "https://www.w3.org/Protocols/rfc2616/rfc2616-sec10.html", "title": "Error",
        "status": status, "o:errorDetails": [error]});
    Reply::json(status, &body)
}

/// The table of a record type, and what its rows have in common.
fn table_of(kind: &str) -> Option<(&'static str, Map<String, Value>)> {
    let fixed = |name: &str, value: &str| Map::from_iter([(name.to_owned(), json!(value))]);
    match kind {
        "customer" => Some(("customer", Map::new())),
        "vendor" => Some(("vendor", Map::new())),
        "inventoryItem" => Some(("item", fixed("itemtype", "InvtPart"))),
        "invoice" => Some(("transaction", fixed("type", "CustInvc"))),
        _ => None,
    }
}

fn query_of(request: &Recorded) -> &str {
    request
        .target
        .split_once('?')
        .map(|(_, query)| query)
        .unwrap_or_default()
}

/// A segment of a path in clear.
fn decoded(segment: &str) -> String {
    let pair = format!("x={}", segment.replace('+', "%2B"));
    let (_, value) = url::form_urlencoded::parse(pair.as_bytes()).next().unwrap();
    value.into_owned()
}
