//! An engine with its gateway, another system that asks people, and client integrations that need a consent.

use std::sync::atomic::{AtomicI64, Ordering};

use entity::{
    audit_log, client_integration, client_token, integration, integration_action, integration_consent,
    integration_schedule, integration_system,
};
use jiff::Timestamp;
use orrery::{
    actors::integration::{Work, consent::consent_credentials},
    clock::{Clock, ManualClock},
    domain::{
        ids::TenantId,
        integration::{ClientIntegrationId, ConsentId, ConsentState},
        odata::EntitySet,
    },
    engine::caller::Caller,
    error::{Error, Result},
    http::{ClientCredentials, Request, Response},
    store::Place,
};
use sea_orm::{ActiveModelTrait, ColumnTrait, Database, DatabaseConnection, EntityTrait, IntoActiveModel, QueryFilter};
use serde_json::{Value, json};
use url::Url;
use uuid::Uuid;

use crate::support::{
    engine::{Api, Ask, Reply, TestEngine},
    fake_oauth::{CLIENT_ID, CLIENT_SECRET, FakeOauth},
    scene::Heard,
};

pub const CALLBACK: &str = "/OData/Consents/callback";

pub struct Scene {
    pub test: TestEngine,
    pub provider: FakeOauth,
    pub manual: ManualClock,
    pub tenant: TenantId,
    pub heard: Heard,
    pub database: DatabaseConnection,
    numbers: AtomicI64,
}

/// A consent, and whose it is.
#[derive(Clone, Copy)]
pub struct Asked {
    pub id: ConsentId,
    pub uuid: Uuid,
    pub tenant: TenantId,
    pub client: ClientIntegrationId,
    pub actor: Uuid,
}

impl Scene {
    pub async fn start() -> Self {
        Self::begin(TestEngine::prepare(), None).await
    }

    pub async fn on(url: &str) -> Self {
        Self::begin(TestEngine::prepare(), Some(url)).await
    }

    async fn begin(mut start: crate::support::engine::Start, url: Option<&str>) -> Self {
        if let Some(url) = url {
            url.clone_into(&mut start.settings.database.url);
        }
        let (clock, manual) = Clock::manual(begins_at());
        start.clock = clock;
        // Tests move the clock; who signed in stays so.
        start.settings.gateway.token_hours = 8_760;
        let test = start.start().await;
        let provider = FakeOauth::start();
        provider.register(&format!("http://{}{CALLBACK}", test.api.address));
        let tenant = test.engine.store().tenant_by_company_id("1").await.unwrap().unwrap().id;
        Self {
            database: Database::connect(&test.engine.settings().database.url).await.unwrap(),
            heard: Heard::of(&test.engine),
            numbers: AtomicI64::new(100),
            tenant,
            provider,
            manual,
            test,
        }
    }

    pub fn caller(&self) -> Caller {
        Caller::embedded(self.tenant)
    }

    /// The consent of an enabled client integration, which nobody has begun.
    pub async fn consent(&self, kind: &str) -> Asked {
        self.consent_in(self.tenant, kind, Some(CLIENT_SECRET)).await
    }

    pub async fn consent_in(&self, tenant: TenantId, kind: &str, secret: Option<&str>) -> Asked {
        let number = self.numbers.fetch_add(1, Ordering::SeqCst);
        let engine = &self.test.engine;
        let (actor, uuid) = (engine.clock().new_id(), engine.clock().new_id());
        let now = engine.clock().now_us();
        let sealed = secret.map(|secret| {
            let place = Place::system_secret(tenant, number.into());
            engine.services().sealer.seal(place, secret.as_bytes()).unwrap()
        });
        let system = integration_system::Model {
            id: number,
            tenant_id: tenant.uuid(),
            name: format!("System <{number}>"),
            comment: None,
            authorize_url: Some(self.provider.authorize_url()),
            token_url: Some(self.provider.token_url()),
            oauth_client_id: Some(CLIENT_ID.to_owned()),
            oauth_client_secret: sealed,
            oauth_scope: Some("read write".to_owned()),
            created_by: None,
            version: 1,
            created_at: now,
            updated_at: now,
        };
        system.into_active_model().insert(&self.database).await.unwrap();
        self.parts(tenant, number, now).await;
        let definition = integration::Model {
            id: number,
            tenant_id: tenant.uuid(),
            name: format!("Integration {number}"),
            entity_id: "Transaction".to_owned(),
            direction_id: "Outbound".to_owned(),
            system_id: number,
            action_id: Some(number),
            element_id: None,
            comment: None,
            filter: None,
            schedule_id: number,
            max_attempts: 3,
            batch_size: 1,
            execute_in_parallel: false,
            include_update: false,
            continuous: false,
            managed: false,
            allow_schedule_change: false,
            consent_type_id: kind.to_owned(),
            active: true,
            created_by: None,
            version: 1,
            created_at: now,
            updated_at: now,
        };
        definition.into_active_model().insert(&self.database).await.unwrap();
        let client = client_integration::Model {
            id: number,
            uuid: actor,
            tenant_id: tenant.uuid(),
            integration_id: number,
            enabled: true,
            disabled_reason: None,
            schedule_id: None,
            connection_id: None,
            consent_id: Some(number),
            anchor_at: now,
            shard: i16::from(actor.as_bytes()[15]),
            created_by: None,
            version: 1,
            created_at: now,
            updated_at: now,
        };
        client.into_active_model().insert(&self.database).await.unwrap();
        let consent = integration_consent::Model {
            id: number,
            uuid,
            tenant_id: tenant.uuid(),
            client_integration_id: number,
            consent_type_id: kind.to_owned(),
            state: "Pending".to_owned(),
            authorize_url: None,
            state_hash: None,
            secrets: None,
            granted_by: None,
            granted_at: None,
            expires_at: None,
            detail: None,
            created_by: None,
            version: 1,
            created_at: now,
            updated_at: now,
        };
        consent.into_active_model().insert(&self.database).await.unwrap();
        Asked {
            id: number.into(),
            uuid,
            tenant,
            client: number.into(),
            actor,
        }
    }

    async fn parts(&self, tenant: TenantId, number: i64, now: i64) {
        let schedule = integration_schedule::Model {
            id: number,
            tenant_id: tenant.uuid(),
            name: format!("Schedule {number}"),
            kind: "Interval".to_owned(),
            interval_seconds: Some(86_400),
            cron: None,
            day_of_week: None,
            time_of_day: None,
            time_zone: "UTC".to_owned(),
            created_by: None,
            version: 1,
            created_at: now,
            updated_at: now,
        };
        schedule.into_active_model().insert(&self.database).await.unwrap();
        let action = integration_action::Model {
            id: number,
            tenant_id: tenant.uuid(),
            name: format!("Action {number}"),
            kind: "Http".to_owned(),
            method: None,
            url: Some(self.provider.resource()),
            headers: None,
            headers_secret: None,
            body: None,
            body_script: None,
            result_script: None,
            client_id: None,
            partner_function_id: None,
            created_by: None,
            version: 1,
            created_at: now,
            updated_at: now,
        };
        action.into_active_model().insert(&self.database).await.unwrap();
    }

    /// A bound action, by the host app.
    pub async fn act(&self, asked: Asked, action: &str, body: Value) -> Result<()> {
        self.act_as(&Caller::embedded(asked.tenant), asked, action, body).await
    }

    pub async fn act_as(&self, caller: &Caller, asked: Asked, action: &str, body: Value) -> Result<()> {
        let integrations = self.test.engine.integrations();
        let answer = integrations.act(caller, EntitySet::Consents, asked.id.get(), action, &body);
        answer.await.map(|_| ())
    }

    /// The row, as it is.
    pub async fn row(&self, asked: Asked) -> integration_consent::Model {
        let found = integration_consent::Entity::find_by_id(asked.id.get()).one(&self.database);
        found.await.unwrap().unwrap()
    }

    pub async fn state(&self, asked: Asked) -> ConsentState {
        self.row(asked).await.state.parse().unwrap()
    }

    /// Begins; the link.
    pub async fn link(&self, asked: Asked) -> Url {
        self.act(asked, "Begin", json!({})).await.unwrap();
        self.shown_link(asked).await
    }

    /// The link as it is shown.
    pub async fn shown_link(&self, asked: Asked) -> Url {
        let row = self.row(asked).await;
        let link = row.authorize_url.unwrap_or_else(|| panic!("no link: {:?}", row.detail));
        Url::parse(&link).unwrap()
    }

    /// Follows a link as a browser does, to where it leads back to us.
    pub async fn way_back(&self, link: &Url) -> Url {
        let target = format!("{}?{}", link.path(), link.query().unwrap());
        let there = Api::anonymous(self.provider.address).get(&target).await.expect(302);
        Url::parse(there.header("location").unwrap()).unwrap()
    }

    /// The page at the end of the way back: what the person confirms there is sent.
    pub async fn come_back(&self, back: &Url) -> Reply {
        let page = self.asked_there(back).await;
        match page.status {
            200 => {
                let form = confirmed(&Api::anonymous(self.test.api.address), &page);
                checked(form.header("sec-fetch-site", "same-origin").send().await)
            }
            _ => page,
        }
    }

    /// The page that a browser comes to, before anybody confirms anything.
    pub async fn asked_there(&self, back: &Url) -> Reply {
        let ours = self.test.api.address.to_string();
        assert!(
            back.as_str().starts_with(&format!("http://{ours}{CALLBACK}?")),
            "{back}"
        );
        let page = Api::anonymous(self.test.api.address)
            .get(&format!("{}?{}", back.path(), back.query().unwrap()))
            .await;
        checked(page)
    }

    /// Where a browser would come back to with this query.
    pub fn back(&self, query: &str) -> Url {
        Url::parse(&format!("http://{}{CALLBACK}?{query}", self.test.api.address)).unwrap()
    }

    /// All the way.
    pub async fn follow(&self, link: &Url) -> Reply {
        let back = self.way_back(link).await;
        self.come_back(&back).await
    }

    /// A consent of the type OAuth2 that is granted.
    pub async fn granted(&self) -> Asked {
        let asked = self.consent("OAuth2").await;
        let link = self.link(asked).await;
        self.follow(&link).await.expect(200);
        assert_eq!(self.state(asked).await, ConsentState::Granted);
        asked
    }

    /// What an action is given for an item.
    pub async fn work(&self, asked: Asked) -> Work {
        let loaded = self
            .test
            .engine
            .store()
            .load_client_integration(asked.tenant, asked.actor)
            .await
            .unwrap()
            .unwrap();
        Work {
            tenant_id: asked.tenant,
            id: asked.client,
            uuid: asked.actor,
            client: loaded.client.value,
            integration_id: loaded.integration.id,
            owner_id: loaded.integration.stamp.tenant_id,
            integration: loaded.integration.value,
            system: loaded.system.value,
            action_version: loaded.action.as_ref().map_or(0, |action| action.stamp.version),
            action: loaded.action.map(|action| (action.id, action.value)),
            consent: loaded.consent.map(|consent| consent.value),
            filter: None,
        }
    }

    pub async fn credentials(&self, asked: Asked) -> Result<Option<std::sync::Arc<ClientCredentials>>, Error> {
        let work = self.work(asked).await;
        let consented = consent_credentials(self.test.engine.services(), &work).await?;
        Ok(consented.map(|consented| consented.credentials))
    }

    /// To which scheme, host and port they may go.
    pub async fn goes_to(&self, asked: Asked) -> Option<String> {
        let work = self.work(asked).await;
        let consented = consent_credentials(self.test.engine.services(), &work).await.unwrap();
        consented.unwrap().origin
    }

    /// Sends a request with what the consent gives.
    pub async fn send(&self, asked: Asked) -> Result<Response, orrery::http::Error> {
        let client = self.credentials(asked).await.unwrap();
        let request = Request {
            url: self.provider.resource(),
            client,
            ..Request::default()
        };
        self.test.engine.outbound().send(request).await
    }

    /// Whether an actor should live for it.
    pub async fn is_live(&self, asked: Asked) -> bool {
        let store = self.test.engine.store();
        let row = store.client_integration_row(asked.tenant, asked.actor).await;
        row.unwrap().is_some()
    }

    /// The tokens in the vault.
    pub async fn has_token_row(&self, asked: Asked) -> bool {
        let row = client_token::Entity::find_by_id(asked.uuid).one(&self.database).await;
        row.unwrap().is_some()
    }

    /// What the audit log says of a consent: actions, oldest first, and all texts in one.
    pub async fn audited(&self, asked: Asked) -> (Vec<String>, String) {
        let mut rows = audit_log::Entity::find()
            .filter(audit_log::Column::ResourceKind.eq("consent"))
            .filter(audit_log::Column::ResourceId.eq(asked.id.to_string()))
            .filter(audit_log::Column::TenantId.eq(asked.tenant.uuid()))
            .all(&self.database)
            .await
            .unwrap();
        rows.sort_by_key(|row| row.id);
        let actions = rows.iter().map(|row| row.action.clone()).collect();
        (actions, format!("{rows:?}"))
    }
}

/// What the button of a page posts, as a browser does it.
pub fn confirmed(api: &Api, page: &Reply) -> Ask {
    let html = text(page);
    assert!(html.contains("<form method=\"post\" action=\"?\">"), "{html}");
    let mut form = url::form_urlencoded::Serializer::new(String::new());
    for field in html.split("<input type=\"hidden\" name=\"").skip(1) {
        let (name, rest) = field.split_once("\" value=\"").unwrap();
        let value = rest.split_once("\">").unwrap().0;
        let clear = [
            ("&lt;", "<"),
            ("&gt;", ">"),
            ("&quot;", "\""),
            ("&#39;", "'"),
            ("&amp;", "&"),
        ];
        let value = clear
            .iter()
            .fold(value.to_owned(), |value, (mark, c)| value.replace(mark, c));
        form.append_pair(name, &value);
    }
    api.ask("POST", CALLBACK)
        .header("content-type", "application/x-www-form-urlencoded")
        .text(&form.finish())
}

fn checked(page: Reply) -> Reply {
    assert_eq!(
        page.header("content-type"),
        Some("text/html; charset=utf-8"),
        "{page:?}"
    );
    let policy = page.header("content-security-policy").unwrap();
    assert!(policy.starts_with("default-src 'none'"), "{policy}");
    assert_eq!(page.header("referrer-policy"), Some("no-referrer"));
    assert_eq!(page.header("cache-control"), Some("no-store"));
    page
}

/// The state of a link.
pub fn state_of(link: &Url) -> String {
    let pair = link.query_pairs().find(|(name, _)| name == "state");
    pair.unwrap().1.into_owned()
}

/// A page's text.
pub fn text(page: &Reply) -> String {
    String::from_utf8(page.body.clone()).unwrap()
}

/// When scenes begin.
pub fn begins_at() -> Timestamp {
    "2026-03-02T08:00:00Z".parse().unwrap()
}
