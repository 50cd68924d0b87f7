//! An engine behind a real HTTP server on loopback, and requests to it as one user.

use std::time::Duration;

use actix_web::{App, HttpMessage, HttpServer, dev::Service};
use orrery::{
    domain::{ids::TenantId, rights::Rights},
    engine::{Engine, caller::Caller},
    events::Event,
    settings::Settings,
    store::Page,
};
use serde_json::{Value, json};
use tokio::sync::broadcast::Receiver;

use super::upstream::Upstream;

/// Longest wait for something that should happen.
const WAIT: Duration = Duration::from_secs(20);

pub struct Api {
    pub engine: Engine,
    pub base: String,
    pub admin_id: String,
    tenant: TenantId,
    rights: Rights,
    _directory: std::sync::Arc<tempfile::TempDir>,
}

#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub headers: Vec<(String, String)>,
    pub body: Value,
}

impl Api {
    /// An engine on SQLite that may reach these upstreams.
    pub async fn start(upstreams: &[&Upstream]) -> Api {
        Api::start_on(None, upstreams).await
    }

    /// An engine on a database that is there; none: SQLite.
    pub async fn start_on(url: Option<String>, upstreams: &[&Upstream]) -> Api {
        let directory = tempfile::tempdir().unwrap();
        let mut settings = Settings::base().unwrap();
        let sqlite = || format!("sqlite://{}/orrery.db?mode=rwc", directory.path().display());
        settings.database.url = url.unwrap_or_else(sqlite);
        settings.data.dir = directory.path().join("data");
        settings.egress.allow = upstreams.iter().map(|upstream| upstream.address()).collect();
        settings.script.workers = 1;
        settings.engine.arbiters = 1;
        settings.admin.password = "correct horse battery".to_owned().into();
        let engine = Engine::builder(settings)
            .script_worker(env!("CARGO_BIN_EXE_orrery").into())
            .start()
            .await
            .unwrap();
        let tenant = engine.store().tenant_by_company_id("1").await.unwrap().unwrap();
        let users = engine.store().users(tenant.id, Page::default()).await.unwrap();
        let base = serve(&engine);
        Api {
            base,
            admin_id: users.items[0].id.to_string(),
            tenant: tenant.id,
            rights: Rights::all(),
            engine,
            _directory: directory.into(),
        }
    }

    /// The same engine, as someone with these rights only.
    pub fn with_rights(&self, rights: &[&str]) -> Api {
        self.other(self.tenant, Rights::parse(rights).unwrap())
    }

    /// The same engine, in a tenant of its own.
    pub fn in_other_tenant(&self) -> Api {
        self.other(self.engine.clock().new_id().into(), Rights::all())
    }

    fn other(&self, tenant: TenantId, rights: Rights) -> Api {
        Api {
            engine: self.engine.clone(),
            base: self.base.clone(),
            admin_id: self.admin_id.clone(),
            tenant,
            rights,
            _directory: self._directory.clone(),
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

    /// Any request; `Value::String` bodies are sent as the text that they are, to keep digits.
    pub async fn send(&self, method: &str, path: &str, body: Option<Value>, headers: &[(&str, &str)]) -> Answer {
        let request = self.request(method, path, headers);
        let sent = match body {
            None => request.send(),
            Some(Value::String(text)) => request.content_type("application/json").send_body(text),
            Some(body) => request.send_json(&body),
        };
        let mut response = sent.await.unwrap();
        let bytes = response.body().limit(32 << 20).await.unwrap();
        let headers = response
            .headers()
            .iter()
            .map(|(name, value)| (name.to_string(), value.to_str().unwrap_or_default().to_owned()))
            .collect();
        Answer {
            status: response.status().as_u16(),
            headers,
            body: serde_json::from_slice(&bytes).unwrap_or(Value::Null),
        }
    }

    /// The text of an answer, as it is.
    pub async fn text(&self, path: &str) -> String {
        let mut response = self.request("GET", path, &[]).send().await.unwrap();
        String::from_utf8(response.body().await.unwrap().to_vec()).unwrap()
    }

    pub fn request(&self, method: &str, path: &str, headers: &[(&str, &str)]) -> awc::ClientRequest {
        let client = awc::Client::builder().timeout(WAIT).disable_redirects().finish();
        let mut request = client
            .request(method.parse().unwrap(), format!("{}{path}", self.base))
            .insert_header(("x-test-tenant", self.tenant.to_string()))
            .insert_header(("x-test-user", self.admin_id.as_str()))
            .insert_header(("x-test-rights", self.rights.to_string()));
        for (name, value) in headers {
            request = request.insert_header((*name, *value));
        }
        request
    }

    /// The definition of a call that reads JSON items from `url` and makes a transaction of each.
    pub fn definition(&self, name: &str, url: &str) -> Value {
        json!({
            "name": name, "runAsUserId": self.admin_id, "frequencySeconds": 3600, "method": "GET",
            "url": {"kind": "text", "value": url}, "identifier": ["/rfqId"],
            "responseScript": "return response.json.map(item => ({...item, source: call.name}));",
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
        self.headers
            .iter()
            .find(|(key, _)| key.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.as_str())
    }

    /// The members with this name of all items.
    pub fn each(&self, member: &str) -> Vec<Value> {
        let items = self.body["items"].as_array().unwrap();
        items.iter().map(|item| item[member].clone()).collect()
    }

    /// The fields that a problem names.
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
    let waited = tokio::time::timeout(WAIT, next).await;
    waited.unwrap_or_else(|_| panic!("no {kind} about {subject}"))
}

fn serve(engine: &Engine) -> String {
    let engine = engine.clone();
    let server = HttpServer::new(move || {
        let engine = engine.clone();
        App::new()
            .wrap_fn(|request, service| {
                let header = |name: &str| request.headers().get(name).unwrap().to_str().unwrap().to_owned();
                let rights = header("x-test-rights");
                let caller = Caller {
                    user_id: Some(header("x-test-user").parse().unwrap()),
                    rights: Rights::parse(rights.split(", ").filter(|name| !name.is_empty())).unwrap(),
                    ..Caller::embedded(header("x-test-tenant").parse().unwrap())
                };
                request.extensions_mut().insert(caller);
                service.call(request)
            })
            .configure(move |config| engine.configure(config))
    })
    .workers(1)
    .shutdown_timeout(1)
    .bind("127.0.0.1:0")
    .unwrap();
    let address = server.addrs()[0];
    actix_web::rt::spawn(server.run());
    format!("http://{address}")
}
