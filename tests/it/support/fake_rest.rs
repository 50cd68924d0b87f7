//! A fake JSON API: one list of records behind every kind of paging, changes since a time, versions, idempotency keys.
//!
//! `GET /whole`, `/paged?page&page_size`, `/offset?offset&limit`, `/cursor?cursor&limit`, `/linked?after`, `/nexted?after` list the
//! same records by id; `updated_since` leaves out what did not change. `POST /records`, `GET`, `PUT` and `PATCH /records/{id}` write.

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use jiff::Timestamp;
use orrery::clock::Clock;
use serde_json::{Map, Value, json};

use super::fake_tokens::Tokens;
use super::upstream::Recorded;
use super::upstream::dialect::{Dialect, Fake, Reply};

/// The most records on a page, whatever is asked for.
const PAGE_MAX: usize = 50;

/// What the API holds.
pub struct Rest {
    clock: Clock,
    base: String,
    /// Who may come in: this `X-Api-Key`, or a bearer of one of the tokens.
    pub api_key: &'static str,
    pub tokens: Tokens,
    records: BTreeMap<u64, Map<String, Value>>,
    replayed: HashMap<String, Reply>,
    last_id: u64,
}

/// A running fake.
pub type FakeRest = Fake<Rest>;

/// Starts one that takes the key `rest-key`, and at `/oauth/token` the client `app` with the secret `app-secret`.
pub fn start(clock: Clock) -> FakeRest {
    Fake::start(|base| Rest {
        tokens: Tokens::new(clock.clone(), Duration::from_secs(600)),
        clock,
        base: base.to_owned(),
        api_key: "rest-key",
        records: BTreeMap::new(),
        replayed: HashMap::new(),
        last_id: 0,
    })
}

impl Rest {
    /// Makes a record and gives its id.
    pub fn put(&mut self, members: Value) -> u64 {
        self.last_id += 1;
        self.store(self.last_id, members.as_object().unwrap().clone());
        self.last_id
    }

    /// Changes members of a record, as somebody at the other end would.
    pub fn change(&mut self, id: u64, members: Value) {
        let mut whole = self.records[&id].clone();
        whole.extend(members.as_object().unwrap().clone());
        self.store(id, whole);
    }

    /// A record as it is now.
    pub fn record(&self, id: u64) -> Option<Value> {
        self.records.get(&id).cloned().map(Value::Object)
    }

    /// How many records there are.
    pub fn count(&self) -> usize {
        self.records.len()
    }

    fn store(&mut self, id: u64, mut members: Map<String, Value>) {
        let version = self
            .records
            .get(&id)
            .map_or(1, |old| old["version"].as_u64().unwrap() + 1);
        members.insert("id".to_owned(), id.into());
        members.insert("version".to_owned(), version.into());
        members.insert("updated_at".to_owned(), self.clock.now().to_string().into());
        self.records.insert(id, members);
    }

    fn list(&self, path: &str, parameters: &HashMap<String, String>) -> Reply {
        let since = parameters.get("updated_since").map(|text| text.parse::<Timestamp>());
        let Ok(since) = since.transpose() else {
            return Reply::json(400, &json!({"message": "updated_since is no time"}));
        };
        let changed = |record: &&Map<String, Value>| {
            let at: Timestamp = record["updated_at"].as_str().unwrap().parse().unwrap();
            since.is_none_or(|since| at >= since)
        };
        let all: Vec<&Map<String, Value>> = self.records.values().filter(changed).collect();
        let number = |name: &str, usual: usize| parameters.get(name).map_or(Some(usual), |text| text.parse().ok());
        let size = number("page_size", PAGE_MAX)
            .zip(number("limit", PAGE_MAX))
            .map(|(a, b)| a.min(b).clamp(1, PAGE_MAX));
        let (Some(size), Some(page), Some(offset)) = (size, number("page", 1), number("offset", 0)) else {
            return Reply::json(400, &json!({"message": "a number is none"}));
        };
        let after = parameters.get("after").or_else(|| parameters.get("cursor"));
        let start = match (path, after.map(|text| text.trim_start_matches('c').parse::<u64>())) {
            ("paged", _) => page.saturating_sub(1) * size,
            ("offset", _) => offset,
            (_, Some(Ok(after))) => all
                .iter()
                .take_while(|record| record["id"].as_u64().unwrap() <= after)
                .count(),
            (_, Some(Err(_))) => return Reply::json(400, &json!({"message": "this cursor leads nowhere"})),
            (_, None) => 0,
        };
        let size = if path == "whole" { usize::MAX } else { size };
        let listed: Vec<&&Map<String, Value>> = all.iter().skip(start).take(size).collect();
        let more = start + listed.len() < all.len();
        let last = listed.last().map(|record| record["id"].clone()).filter(|_| more);
        let since = parameters
            .get("updated_since")
            .map(|text| format!("&updated_since={text}"))
            .unwrap_or_default();
        match path {
            "paged" => Reply::json(
                200,
                &json!({"items": listed, "meta": {"pages": all.len().div_ceil(size)}}),
            ),
            "offset" => Reply::json(200, &json!({"items": listed, "total": all.len()})),
            "cursor" => Reply::json(
                200,
                &json!({"items": listed, "next_cursor": last.map(|id| format!("c{id}"))}),
            ),
            "nexted" => {
                let next = last.map(|id| format!("/nexted?after={id}{since}"));
                Reply::json(200, &json!({"items": listed, "links": {"next": next}}))
            }
            "linked" => {
                let mut reply = Reply::json(200, &json!(listed));
                if let Some(id) = last {
                    let link = format!(
                        "<{}/linked?after={id}{since}>; rel=\"next\", </linked>; rel=\"first\"",
                        self.base
                    );
                    reply.headers.push(("link".to_owned(), link));
                }
                reply
            }
            _ => Reply::json(200, &json!(listed)),
        }
    }

    fn write(&mut self, id: Option<u64>, request: &Recorded) -> Reply {
        let key = request.header("idempotency-key").map(str::to_owned);
        if let Some(first) = key.as_ref().and_then(|key| self.replayed.get(key)) {
            return first.clone();
        }
        let reply = self.save(id, request);
        if let Some(key) = key {
            self.replayed.insert(key, reply.clone());
        }
        reply
    }

    fn save(&mut self, id: Option<u64>, request: &Recorded) -> Reply {
        let Ok(Value::Object(given)) = serde_json::from_slice(&request.body) else {
            return Reply::json(400, &json!({"message": "the body is no JSON object"}));
        };
        if given.get("name").is_some_and(|name| name == "") {
            return Reply::json(
                422,
                &json!({"errors": [{"field": "name", "message": "name must not be empty"}]}),
            );
        }
        let Some(id) = id else {
            let id = self.put(Value::Object(given));
            return Reply::header(201, "location", format!("/records/{id}"));
        };
        let Some(known) = self.records.get(&id) else {
            return Reply::json(404, &json!({"message": "there is no such record"}));
        };
        let version = format!("\"{}\"", known["version"]);
        if request.header("if-match").is_some_and(|wanted| wanted != version) {
            return Reply::json(412, &json!({"message": "the record was changed meanwhile"}));
        }
        let mut whole = if request.method == "PATCH" {
            known.clone()
        } else {
            known_version(known)
        };
        whole.extend(given);
        self.store(id, whole);
        Reply::json(200, &json!(self.records[&id]))
    }
}

fn known_version(known: &Map<String, Value>) -> Map<String, Value> {
    known
        .iter()
        .filter(|(name, _)| *name == "version")
        .map(|(name, value)| (name.clone(), value.clone()))
        .collect()
}

impl Dialect for Rest {
    fn answer(&mut self, request: &Recorded) -> Reply {
        let path: Vec<&str> = request.path().trim_matches('/').split('/').collect();
        if (request.method.as_str(), path.as_slice()) == ("POST", &["oauth", "token"]) {
            let issued = self.tokens.issue();
            let body =
                json!({"access_token": issued.access_token, "expires_in": issued.expires_in, "token_type": "Bearer"});
            return Reply::json(200, &body);
        }
        if request.header("x-api-key") != Some(self.api_key) && !self.tokens.lets_in(request) {
            return Reply::json(401, &json!({"error": {"message": "who are you?"}}));
        }
        let query = request
            .target
            .split_once('?')
            .map(|(_, query)| query)
            .unwrap_or_default();
        let parameters: HashMap<String, String> = url::form_urlencoded::parse(query.as_bytes()).into_owned().collect();
        match (request.method.as_str(), path.as_slice()) {
            ("GET", ["me"]) => Reply::json(200, &json!({"name": "tests"})),
            ("GET", [list @ ("whole" | "paged" | "offset" | "cursor" | "linked" | "nexted")]) => {
                self.list(list, &parameters)
            }
            ("POST", ["records"]) => self.write(None, request),
            ("GET", ["records", id]) => match id.parse().ok().and_then(|id| self.record(id)) {
                Some(record) => Reply::json(200, &record),
                None => Reply::json(404, &json!({"message": "there is no such record"})),
            },
            ("PUT" | "PATCH", ["records", id]) => match id.parse() {
                Ok(id) => self.write(Some(id), request),
                Err(_) => Reply::json(404, &json!({"message": "there is no such record"})),
            },
            _ => Reply::json(404, &json!({"message": "no such path"})),
        }
    }

    fn too_many(&self) -> Reply {
        Reply {
            body: br#"{"message":"slow down"}"#.to_vec(),
            ..Reply::header(429, "retry-after", "3")
        }
    }
}
