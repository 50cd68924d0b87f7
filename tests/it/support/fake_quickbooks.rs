//! A fake QuickBooks Online: query, change data capture, sparse updates with SyncToken, request ids, tokens (domain.md 6).

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use base64::Engine as _;
use jiff::tz::{Offset, TimeZone};
use jiff::{SignedDuration, Timestamp};
use orrery::clock::Clock;
use serde_json::{Map, Value, json};

use self::query::Statement;
use super::fake_tokens::Tokens;
use super::upstream::Recorded;
use super::upstream::dialect::{Dialect, Fake, Reply};

mod query;

/// The company that there is.
pub const REALM: &str = "4620816365";
/// Change data capture looks back so far and names so many objects.
const LOOK_BACK: SignedDuration = SignedDuration::from_hours(720);
const CHANGES_MAX: usize = 1_000;

/// What a QuickBooks company holds.
pub struct QuickBooks {
    clock: Clock,
    pub tokens: Tokens,
    /// By entity, then by id.
    objects: BTreeMap<String, BTreeMap<u64, Value>>,
    /// Entity, id and time.
    deleted: Vec<(String, u64, Timestamp)>,
    /// Answers by request id.
    replayed: HashMap<String, Reply>,
    last_id: u64,
}

/// A running fake.
pub type FakeQuickBooks = Fake<QuickBooks>;

/// Starts one that knows the refresh token `refresh-0` of the client `app` with the secret `app-secret`.
pub fn start(clock: Clock) -> FakeQuickBooks {
    Fake::start(|_| {
        let mut tokens = Tokens::new(clock.clone(), Duration::from_secs(3_600));
        tokens.sign_in("refresh-0");
        QuickBooks {
            clock,
            tokens,
            objects: BTreeMap::new(),
            deleted: Vec::new(),
            replayed: HashMap::new(),
            last_id: 0,
        }
    })
}

impl QuickBooks {
    /// Makes an object and gives its id.
    pub fn put(&mut self, entity: &str, members: Value) -> String {
        self.last_id += 1;
        let now = self.now_text();
        let mut object = members;
        object["Id"] = json!(self.last_id.to_string());
        object["SyncToken"] = json!("0");
        object["domain"] = json!("QBO");
        object["MetaData"] = json!({"CreateTime": now, "LastUpdatedTime": now});
        if query::has_active(entity) && object.get("Active").is_none() {
            object["Active"] = json!(true);
        }
        let of = self.objects.entry(entity.to_owned()).or_default();
        of.insert(self.last_id, object);
        self.last_id.to_string()
    }

    /// Changes members of an object, as somebody at the other end would.
    pub fn change(&mut self, entity: &str, id: &str, members: Value) {
        let now = self.now_text();
        let object = self.object_mut(entity, id).unwrap();
        for (name, value) in members.as_object().unwrap() {
            object[name] = value.clone();
        }
        touch(object, &now);
    }

    /// Deletes an object.
    pub fn delete(&mut self, entity: &str, id: &str) {
        let id: u64 = id.parse().unwrap();
        self.objects.get_mut(entity).unwrap().remove(&id).unwrap();
        self.deleted.push((entity.to_owned(), id, self.clock.now()));
    }

    /// An object as it is now.
    pub fn object(&self, entity: &str, id: &str) -> Option<&Value> {
        self.objects.get(entity)?.get(&id.parse().ok()?)
    }

    /// How many objects of an entity there are.
    pub fn count(&self, entity: &str) -> usize {
        self.objects.get(entity).map_or(0, BTreeMap::len)
    }

    fn object_mut(&mut self, entity: &str, id: &str) -> Option<&mut Value> {
        self.objects.get_mut(entity)?.get_mut(&id.parse().ok()?)
    }

    fn now_text(&self) -> String {
        text_of(self.clock.now())
    }

    fn token(&mut self, request: &Recorded) -> Reply {
        let form: HashMap<String, String> = url::form_urlencoded::parse(&request.body).into_owned().collect();
        let basic = base64::engine::general_purpose::STANDARD.encode("app:app-secret");
        if request.header("authorization") != Some(format!("Basic {basic}").as_str()) {
            return Reply::json(401, &json!({"error": "invalid_client"}));
        }
        let refresh_token = form.get("refresh_token").map(String::as_str).unwrap_or_default();
        let by_refresh_token = form.get("grant_type").map(String::as_str) == Some("refresh_token");
        match self.tokens.refresh(refresh_token).filter(|_| by_refresh_token) {
            Some(issued) => Reply::json(
                200,
                &json!({"token_type": "bearer", "access_token": issued.access_token, "refresh_token": issued.refresh_token,
                    "expires_in": issued.expires_in, "x_refresh_token_expires_in": 8_726_400}),
            ),
            None => Reply::json(400, &json!({"error": "invalid_grant"})),
        }
    }

    fn query(&self, parameters: &HashMap<String, String>) -> Reply {
        let text = parameters.get("query").map(String::as_str).unwrap_or_default();
        let statement = match Statement::parse(text) {
            Ok(statement) => statement,
            Err(why) => return fault(400, "ValidationFault", "4000", "Error parsing query", &why),
        };
        let all = self.objects.get(&statement.entity).map(|of| of.values().collect());
        let found: Vec<Value> = statement.run(all.unwrap_or_default()).into_iter().cloned().collect();
        let mut answer = Map::new();
        if !found.is_empty() {
            answer.insert("startPosition".to_owned(), json!(statement.start));
            answer.insert("maxResults".to_owned(), json!(found.len()));
            answer.insert(statement.entity.clone(), json!(found));
        }
        Reply::json(200, &json!({"QueryResponse": answer, "time": self.now_text()}))
    }

    fn changes(&self, parameters: &HashMap<String, String>) -> Reply {
        let since = parameters
            .get("changedSince")
            .and_then(|text| text.parse::<Timestamp>().ok());
        let Some(since) = since else {
            return fault(
                400,
                "ValidationFault",
                "2010",
                "Request has invalid or unsupported property",
                "changedSince",
            );
        };
        if self.clock.now().duration_since(since) > LOOK_BACK {
            return fault(
                400,
                "ValidationFault",
                "4000",
                "Error",
                "changedSince must be within the last 30 days",
            );
        }
        let mut responses = Vec::new();
        for entity in parameters
            .get("entities")
            .map(String::as_str)
            .unwrap_or_default()
            .split(',')
        {
            let live = self.objects.get(entity).into_iter().flat_map(BTreeMap::values);
            let mut changed: Vec<Value> = live
                .filter(|object| query::time(object, "MetaData.LastUpdatedTime") >= Some(since))
                .cloned()
                .collect();
            changed.sort_by_key(|object| query::time(object, "MetaData.LastUpdatedTime"));
            let gone = self.deleted.iter().filter(|(of, _, at)| of == entity && *at >= since);
            changed.extend(gone.map(|(_, id, at)| {
                json!({"domain": "QBO", "status": "Deleted", "Id": id.to_string(),
                    "MetaData": {"LastUpdatedTime": text_of(*at)}})
            }));
            changed.truncate(CHANGES_MAX);
            if !changed.is_empty() {
                responses.push(json!({ entity: changed, "startPosition": 1, "maxResults": changed.len() }));
            }
        }
        if responses.is_empty() {
            responses.push(json!({}));
        }
        Reply::json(
            200,
            &json!({"CDCResponse": [{"QueryResponse": responses}], "time": self.now_text()}),
        )
    }

    fn read_one(&self, entity: &str, id: &str) -> Reply {
        match self.object(entity, id) {
            Some(object) => Reply::json(200, &json!({ entity: object, "time": self.now_text() })),
            None => {
                let detail = "Object Not Found : Something you're trying to use has been made inactive.";
                fault(400, "ValidationFault", "610", "Object Not Found", detail)
            }
        }
    }

    fn write(&mut self, entity: &str, body: &[u8]) -> Reply {
        let Ok(Value::Object(given)) = serde_json::from_slice(body) else {
            return fault(
                400,
                "ValidationFault",
                "2010",
                "Request has invalid or unsupported property",
                "",
            );
        };
        if let Some(refused) = self.refused(entity, &given) {
            return refused;
        }
        let id = match given.get("Id").and_then(Value::as_str) {
            None => self.put(entity, Value::Object(given)),
            Some(id) => {
                let (id, now) = (id.to_owned(), self.now_text());
                let Some(object) = self.object_mut(entity, &id) else {
                    return self.read_one(entity, &id);
                };
                if given.get("SyncToken") != object.get("SyncToken") {
                    let detail = "Stale Object Error : You and root were working on this at the same time.";
                    return fault(400, "ValidationFault", "5010", "Stale Object Error", detail);
                }
                let sparse = given.get("sparse") == Some(&json!(true));
                if !sparse {
                    let kept = ["Id", "SyncToken", "MetaData", "domain"];
                    object
                        .as_object_mut()
                        .unwrap()
                        .retain(|name, _| kept.contains(&name.as_str()));
                }
                for (name, value) in given.into_iter().filter(|(name, _)| name != "sparse") {
                    object[name] = value;
                }
                touch(object, &now);
                id
            }
        };
        self.read_one(entity, &id)
    }

    /// The refusal of what cannot be stored.
    fn refused(&self, entity: &str, given: &Map<String, Value>) -> Option<Reply> {
        let named = ["Customer", "Vendor", "Employee"].contains(&entity);
        let name = given.get("DisplayName").and_then(Value::as_str);
        let id = given.get("Id").and_then(Value::as_str);
        if id.is_some() && !given.contains_key("SyncToken") {
            let message = "Required param missing, need to supply the required value for the API";
            return Some(fault(400, "ValidationFault", "2020", message, "SyncToken"));
        }
        if named && id.is_none() && name.is_none_or(str::is_empty) {
            let detail =
                "At least one of Title, GivenName, MiddleName, FamilyName, DisplayName, Suffix must be specified.";
            return Some(fault(
                400,
                "ValidationFault",
                "6000",
                "A business validation error has occurred",
                detail,
            ));
        }
        let others = self.objects.get(entity).into_iter().flat_map(BTreeMap::values);
        let taken = others.into_iter().any(|other| {
            named && name.is_some() && other["DisplayName"].as_str() == name && other["Id"].as_str() != id
        });
        taken.then(|| {
            let detail = "The name supplied already exists. : null";
            fault(400, "ValidationFault", "6240", "Duplicate Name Exists Error", detail)
        })
    }

    fn answer_in_company(&mut self, request: &Recorded, path: &[&str]) -> Reply {
        let target = request
            .target
            .split_once('?')
            .map(|(_, query)| query)
            .unwrap_or_default();
        let parameters: HashMap<String, String> = url::form_urlencoded::parse(target.as_bytes()).into_owned().collect();
        match (request.method.as_str(), path) {
            ("GET", ["query"]) => self.query(&parameters),
            ("GET", ["cdc"]) => self.changes(&parameters),
            ("GET", ["companyinfo", REALM]) => Reply::json(
                200,
                &json!({"CompanyInfo": {"CompanyName": "Sandbox Company", "Id": "1"}}),
            ),
            ("GET", [entity, id]) => match query::entity_at(entity) {
                Some(entity) => self.read_one(entity, id),
                None => fault(400, "ValidationFault", "2010", "Unsupported Operation", entity),
            },
            ("POST", [entity]) => {
                let Some(entity) = query::entity_at(entity) else {
                    return fault(400, "ValidationFault", "2010", "Unsupported Operation", entity);
                };
                let request_id = parameters.get("requestid").cloned();
                if request_id.as_ref().is_some_and(|id| id.len() > 50) {
                    return fault(400, "ValidationFault", "2010", "requestid", "at most 50 characters");
                }
                if let Some(first) = request_id.as_ref().and_then(|id| self.replayed.get(id)) {
                    return first.clone();
                }
                let reply = self.write(entity, &request.body);
                if let Some(id) = request_id {
                    self.replayed.insert(id, reply.clone());
                }
                reply
            }
            _ => fault(404, "ValidationFault", "2010", "Unsupported Operation", &request.target),
        }
    }
}

impl Dialect for QuickBooks {
    fn answer(&mut self, request: &Recorded) -> Reply {
        let path: Vec<&str> = request.path().trim_matches('/').split('/').collect();
        if path == ["oauth2", "v1", "tokens", "bearer"] {
            return self.token(request);
        }
        if !self.tokens.lets_in(request) {
            // The gateway before the API answers, in lower case.
            let error = json!({"message": "message=AuthenticationFailed; errorCode=003200; statusCode=401",
                "detail": "Token expired", "code": "3200", "element": null});
            return Reply::json(401, &json!({"fault": {"error": [error], "type": "AUTHENTICATION"}}));
        }
        match path.as_slice() {
            ["v3", "company", REALM, rest @ ..] => self.answer_in_company(request, rest),
            _ => fault(
                403,
                "AuthorizationFault",
                "003100",
                "ApplicationAuthorizationFailed",
                "the realm is another one",
            ),
        }
    }

    fn too_many(&self) -> Reply {
        fault(
            429,
            "THROTTLED",
            "003001",
            "message=ThrottleExceeded; errorCode=003001; statusCode=429",
            "An app has exceeded the throttle limit for an API.",
        )
    }
}

fn fault(status: u16, kind: &str, code: &str, message: &str, detail: &str) -> Reply {
    let error = json!({"Message": message, "Detail": detail, "code": code, "element": ""});
    Reply::json(
        status,
        &json!({"Fault": {"Error": [error], "type": kind}, "time": "2026-01-01T00:00:00.000-08:00"}),
    )
}

fn touch(object: &mut Value, now: &str) {
    let token: u64 = object["SyncToken"].as_str().unwrap().parse().unwrap();
    object["SyncToken"] = json!((token + 1).to_string());
    object["MetaData"]["LastUpdatedTime"] = json!(now);
}

/// A time as QuickBooks writes it.
fn text_of(at: Timestamp) -> String {
    let zone = TimeZone::fixed(Offset::constant(-8));
    at.to_zoned(zone).strftime("%Y-%m-%dT%H:%M:%S%:z").to_string()
}
