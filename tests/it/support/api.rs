//! What tests of call APIs and transactions ask for again and again, on top of [`TestEngine`].

use std::sync::Arc;

use orrery::{engine::Engine, events::Event};
use serde_json::{Value, json};
use tokio::sync::broadcast::Receiver;

use super::{
    PATIENCE,
    engine::{self, Reply, TestEngine},
    upstream::Upstream,
};

/// Requests to an engine as one user.
pub struct Api {
    pub engine: Engine,
    pub admin_id: String,
    client: engine::Api,
    _running: Arc<TestEngine>,
}

/// An answer, its body as JSON.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub body: Value,
    headers: Vec<(String, String)>,
}

impl Api {
    /// An engine on SQLite that may reach these upstreams and nothing else on this machine.
    pub async fn start(upstreams: &[&Upstream]) -> Api {
        Api::start_on(None, upstreams).await
    }

    /// An engine on a database that is there; none: SQLite.
    pub async fn start_on(url: Option<String>, upstreams: &[&Upstream]) -> Api {
        let mut start = TestEngine::prepare();
        start.settings.egress.allow = upstreams.iter().map(|upstream| upstream.address()).collect();
        if let Some(url) = url {
            start.settings.database.url = url;
        }
        let running = start.start().await;
        let me = running.api.get("/api/v1/me").await.expect(200);
        Api {
            engine: running.engine.clone(),
            admin_id: me.json["user"]["id"].as_str().unwrap().to_owned(),
            client: running.api.clone(),
            _running: Arc::new(running),
        }
    }

    /// Where it answers.
    pub fn address(&self) -> std::net::SocketAddr {
        self.client.address
    }

    /// The same engine, as someone with these rights only.
    pub async fn with_rights(&self, rights: &[&str]) -> Api {
        let token = self
            .post("/api/v1/tokens", json!({"name": rights.join(" "), "rights": rights}))
            .await
            .expect(201);
        self.with_token(token.body["token"].as_str().unwrap())
    }

    /// The same engine, with this token.
    pub fn with_token(&self, token: &str) -> Api {
        self.other(self.client.with_token(token))
    }

    /// The same engine, in a new tenant.
    pub async fn in_other_tenant(&self) -> Api {
        let company_id = self.engine.clock().new_id().to_string();
        let tenant = json!({"companyId": company_id, "name": company_id});
        self.post("/api/v1/tenants", tenant).await.expect(201);
        self.other(self.client.in_tenant(&company_id))
    }

    fn other(&self, client: engine::Api) -> Api {
        Api {
            engine: self.engine.clone(),
            admin_id: self.admin_id.clone(),
            client,
            _running: self._running.clone(),
        }
    }

    pub async fn get(&self, path: &str) -> Answer {
        self.send("GET", path, None, &[]).await
    }

    pub async fn post(&self, path: &str, body: Value) -> Answer {
        self.send("POST", path, Some(body), &[]).await
    }

    pub async fn put(&self, path: &str, body: Value) -> Answer {
        self.send("PUT", path, Some(body), &[]).await
    }

    pub async fn patch(&self, path: &str, body: Value) -> Answer {
        self.send("PATCH", path, Some(body), &[]).await
    }

    pub async fn delete(&self, path: &str) -> Answer {
        self.send("DELETE", path, None, &[]).await
    }

    /// Any request; a body that is a string is sent as the text that it is, to keep digits.
    pub async fn send(&self, method: &str, path: &str, body: Option<Value>, headers: &[(&str, &str)]) -> Answer {
        let mut ask = self.client.ask(method, path);
        for (name, value) in headers {
            ask = ask.header(name, value);
        }
        let ask = match body {
            None => ask,
            Some(Value::String(text)) => ask.text(&text).header("content-type", "application/json"),
            Some(body) => ask.json(&body),
        };
        let Reply {
            status, headers, json, ..
        } = ask.send().await;
        Answer {
            status,
            body: json,
            headers,
        }
    }

    /// The text of an answer, as it is.
    pub async fn text(&self, path: &str) -> String {
        String::from_utf8(self.client.get(path).await.body).unwrap()
    }

    /// For requests whose answer does not end by itself.
    pub fn request(&self, method: &str, path: &str, headers: &[(&str, &str)]) -> awc::ClientRequest {
        let client = awc::Client::builder().timeout(PATIENCE).disable_redirects().finish();
        let address = format!("http://{}{path}", self.client.address);
        let mut request = client.request(method.parse().unwrap(), address);
        let own = self
            .client
            .headers()
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()));
        for (name, value) in own.chain(headers.iter().copied()) {
            request = request.insert_header((name, value));
        }
        request
    }

    /// The definition of a call that reads JSON items from `url` and makes a transaction of each.
    pub fn definition(&self, name: &str, url: &str) -> Value {
        json!({
            "name": name, "runAsUserId": self.admin_id, "frequencySeconds": 3600, "method": "GET",
            "url": {"kind": "text", "value": url}, "identifier": ["/rfqId"],
            "responseScript": "return response.json.map(item => ({...item, source: call.name}));",
            "limits": {"scriptMs": 10_000},
        })
    }

    /// Creates a call and gives its id.
    pub async fn create(&self, definition: Value) -> String {
        self.post("/api/v1/call-apis", definition).await.expect(201).id()
    }
}

impl Answer {
    #[track_caller]
    pub fn expect(self, status: u16) -> Answer {
        assert_eq!(self.status, status, "{:#}", self.body);
        self
    }

    /// Expects a problem with this status and code.
    #[track_caller]
    pub fn problem(self, status: u16, code: &str) -> Answer {
        let answer = self.expect(status);
        assert_eq!(answer.body["code"], code, "{:#}", answer.body);
        answer
    }

    #[track_caller]
    pub fn id(&self) -> String {
        self.body["id"].as_str().unwrap().to_owned()
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        let found = self.headers.iter().find(|(key, _)| key == name);
        found.map(|(_, value)| value.as_str())
    }

    /// The members with this name of all items.
    #[track_caller]
    pub fn each(&self, member: &str) -> Vec<Value> {
        let items = self.body["items"].as_array().unwrap();
        items.iter().map(|item| item[member].clone()).collect()
    }

    /// The fields that a problem names.
    #[track_caller]
    pub fn fields(&self) -> Vec<&str> {
        let errors = self.body["errors"].as_array().unwrap();
        errors.iter().map(|error| error["field"].as_str().unwrap()).collect()
    }
}

/// Waits for the next event of a kind about a subject.
pub async fn event(events: &mut Receiver<Event>, kind: &str, subject: &str) -> Event {
    let next = async {
        loop {
            let event = events.recv().await.unwrap();
            if event.kind == kind && event.subject_id.to_string() == subject {
                return event;
            }
        }
    };
    let waited = tokio::time::timeout(PATIENCE, next).await;
    waited.unwrap_or_else(|_| panic!("no {kind} about {subject}"))
}
