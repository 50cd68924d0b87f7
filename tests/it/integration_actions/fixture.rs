//! An engine, an integration made as people make it, and items put into its queue and executed one by one.

use std::sync::atomic::{AtomicI64, Ordering};

use entity::{
    client_integration, integration, integration_action,
    integration_queue::{self, Model},
};
use orrery::{
    clock::{Clock, ManualClock},
    domain::{ids::TenantId, odata::EntitySet},
    engine::{caller::Caller, transactions::NewByHand},
    error::Result,
    settings::Settings,
};
use sea_orm::{ActiveModelTrait, ActiveValue::Set, Database, DatabaseConnection, EntityTrait};
use serde_json::{Value, json, value::to_raw_value};

use crate::support::{
    engine::{Api, TestEngine},
    fake_xero::{self, FakeXero},
    scene::eventually,
};

/// See the module.
pub struct Acts {
    pub engine: TestEngine,
    pub api: Api,
    pub tenant: TenantId,
    pub database: DatabaseConnection,
    /// Stands still: an item that failed is not tried again before a test says so.
    pub clock: ManualClock,
    numbers: AtomicI64,
}

/// The numbers of an integration and of its use by the tenant.
#[derive(Clone, Copy)]
pub struct Line {
    pub integration: i64,
    pub client: i64,
}

impl Acts {
    /// On SQLite.
    pub async fn open() -> Self {
        Self::open_with(|_| {}).await
    }

    /// On the database at this address.
    pub async fn on(url: &str) -> Self {
        Self::open_with(|settings| url.clone_into(&mut settings.database.url)).await
    }

    /// With other settings.
    pub async fn open_with(change: impl FnOnce(&mut Settings)) -> Self {
        let mut start = TestEngine::prepare();
        change(&mut start.settings);
        let (clock, manual) = Clock::manual(Clock::system().now());
        start.clock = clock;
        let url = start.settings.database.url.clone();
        let engine = start.start().await;
        let tenant = engine.engine.store().tenant_by_company_id("1").await.unwrap().unwrap();
        Self {
            api: engine.api.clone(),
            engine,
            tenant: tenant.id,
            database: Database::connect(url).await.unwrap(),
            clock: manual,
            numbers: AtomicI64::new(1),
        }
    }

    fn caller(&self) -> Caller {
        Caller::embedded(self.tenant)
    }

    pub async fn create(&self, set: EntitySet, body: Value) -> i64 {
        let made = self
            .engine
            .engine
            .integrations()
            .create(&self.caller(), set, &body)
            .await;
        made.unwrap_or_else(|error| panic!("{set} {body}: {error:?}"))
    }

    /// An integration that sends records of `invoice` by this action, one attempt more than one; `more` has its other members,
    /// `client` those of its use.
    pub async fn line(&self, action: Value, more: Value, client: Value) -> Line {
        let number = self.numbers.fetch_add(1, Ordering::Relaxed);
        let name = format!("Line {number}");
        let system = self
            .create(EntitySet::IntegrationSystems, json!({"IntegrationSystemName": name}))
            .await;
        let schedule = json!({"ScheduleName": name, "Kind": "Interval", "IntervalSeconds": 86_400, "TimeZone": "UTC"});
        let schedule = self.create(EntitySet::Schedules, schedule).await;
        let action = with(json!({"ActionName": name, "Kind": "Http"}), action);
        let action = self.create(EntitySet::Actions, action).await;
        let integration = json!({
            "IntegrationName": name,
            "EntityId": "invoice",
            "IntegrationDirectionId": "Outbound",
            "IntegrationSystemId": system,
            "ActionId": action,
            "ElementId": "E 1",
            "ScheduleId": schedule,
            "MaxAttempts": 3,
            "BatchSize": 1,
            "ConsentTypeId": "None",
            "Active": true,
        });
        let integration = self.create(EntitySet::Integrations, with(integration, more)).await;
        let client = with(json!({"IntegrationId": integration, "Enabled": true}), client);
        let client = self.create(EntitySet::ClientIntegrations, client).await;
        Line { integration, client }
    }

    /// Writes another address into the row of a line's action, which nothing checks; its actor reads it when it begins.
    pub async fn move_action(&self, line: Line, url: &str) {
        let found = integration::Entity::find_by_id(line.integration)
            .one(&self.database)
            .await;
        let row = integration_action::ActiveModel {
            id: Set(found.unwrap().unwrap().action_id.unwrap()),
            url: Set(Some(url.to_owned())),
            ..Default::default()
        };
        row.update(&self.database).await.unwrap();
        // Whoever changes a definition tells its actors.
        let (integrations, caller) = (self.engine.engine.integrations(), self.caller());
        let body = json!({"Comment": "moved"});
        let told = integrations.patch(&caller, EntitySet::Integrations, line.integration, None, &body);
        told.await.unwrap();
    }

    /// Enters the credentials that a consent asks for.
    pub async fn submit(&self, line: Line, body: Value) {
        let client = client_integration::Entity::find_by_id(line.client)
            .one(&self.database)
            .await;
        let consent = client.unwrap().unwrap().consent_id.expect("a consent has begun");
        let (integrations, caller) = (self.engine.engine.integrations(), self.caller());
        let submitted = integrations.act(&caller, EntitySet::Consents, consent, "Submit", &body);
        submitted.await.unwrap();
    }

    /// An item as it would be queued; gives its number.
    pub async fn queue(&self, line: Line, item_id: &str, version: i64) -> i64 {
        let number = 1_000 + self.numbers.fetch_add(1, Ordering::Relaxed);
        let now = orrery::clock::Clock::system().now();
        let row = integration_queue::ActiveModel {
            id: Set(number),
            tenant_id: Set(self.tenant.uuid()),
            integration_id: Set(line.integration),
            client_integration_id: Set(line.client),
            item_id: Set(item_id.to_owned()),
            item_name: Set(item_id.to_owned()),
            item_version: Set(version),
            item_updated_on: Set(now.as_microsecond()),
            attempt: Set(0),
            round: Set(1),
            state: Set("Pending".to_owned()),
            // Only who asks for it gets it now.
            due_at: Set(now.as_microsecond() + 86_400_000_000),
            created_at: Set(now.as_microsecond()),
            updated_at: Set(now.as_microsecond()),
            bare: Set(false),
            ..Default::default()
        };
        row.insert(&self.database).await.unwrap();
        number
    }

    /// Has an item processed now; gives it as it stands then.
    pub async fn execute(&self, item: i64) -> Model {
        let act = || async {
            let integrations = self.engine.engine.integrations();
            let set = EntitySet::IntegrationQueues;
            integrations.act(&self.caller(), set, item, "Execute", &json!({})).await
        };
        // The actor of a new client integration may be on its way.
        eventually("the item is begun", || async { act().await.is_ok() }).await;
        eventually("the item has ended", || async {
            self.item(item).await.state != "Processing"
        })
        .await;
        self.item(item).await
    }

    /// Queues and executes.
    pub async fn send(&self, line: Line, item_id: &str, version: i64) -> Model {
        let item = self.queue(line, item_id, version).await;
        self.execute(item).await
    }

    pub async fn item(&self, item: i64) -> Model {
        let found = integration_queue::Entity::find_by_id(item).one(&self.database).await;
        found.unwrap().unwrap()
    }

    /// Makes a record, or replaces its data.
    pub async fn put(&self, entity: &str, key: &str, data: Value) {
        self.try_put(entity, key, data).await.unwrap();
    }

    async fn try_put(&self, entity: &str, key: &str, data: Value) -> Result<()> {
        let data = to_raw_value(&data).unwrap();
        let records = self.engine.engine.records();
        records.put(&self.caller(), entity, key, None, &data).await.map(drop)
    }

    /// The data and the version of a record.
    pub async fn record(&self, entity: &str, key: &str) -> Option<(Value, i64)> {
        let found = self
            .engine
            .engine
            .records()
            .get(&self.caller(), entity, key)
            .await
            .ok()?;
        Some((serde_json::from_str(found.data.get()).unwrap(), found.version))
    }

    /// A transaction by hand; gives its id.
    pub async fn transaction(&self, identifier: &str, data: Value) -> String {
        let new = NewByHand {
            identifier: identifier.to_owned(),
            data: to_raw_value(&data).unwrap(),
            preparation: false,
        };
        let made = self.engine.engine.transactions().create(&self.caller(), new).await;
        made.unwrap().id.to_string()
    }

    /// The identifiers of all transactions, in order.
    pub async fn identifiers(&self) -> Vec<String> {
        let rows = entity::transaction::Entity::find().all(&self.database).await.unwrap();
        let mut found: Vec<String> = rows.into_iter().map(|row| row.identifier).collect();
        found.sort_unstable();
        found
    }

    /// A connection to the fake; gives its uuid.
    pub async fn connect(&self, xero: &FakeXero) -> String {
        let body = json!({
            "provider": "XERO",
            "remote_instance_id": fake_xero::TENANT,
            "remote_instance_name": "Xero Demo Company",
            "integration_client_id": "app",
            "integration_client_secret": "app-secret",
            "integration_refresh_token": "refresh-0",
            "token_type": "Bearer",
            "account_server": xero.url(),
            "api_domain": xero.url(),
            "state": "active",
        });
        let made = self.api.post("/integration/", &body).await.expect(201);
        let uuid = &made.json["integration"]["integration_connection"]["uuid"];
        uuid.as_str().unwrap().to_owned()
    }

    /// A partner function of a connection for suppliers; gives its uuid.
    pub async fn function(&self, connection: &str, direction: &str) -> String {
        let body = json!({"partner_function": {
            "name": format!("{direction} suppliers"),
            "direction": direction,
            "object_name": "supplier",
        }});
        let path = format!("/integration/{connection}/partner-function/");
        let made = self.api.post(&path, &body).await.expect(201);
        made.json["partner_function"]["uuid"].as_str().unwrap().to_owned()
    }
}

/// With other members.
fn with(mut base: Value, more: Value) -> Value {
    for (name, value) in more.as_object().unwrap() {
        base[name] = value.clone();
    }
    base
}

/// The result of an item.
pub fn result(item: &Model) -> &str {
    item.result.as_deref().unwrap_or_default()
}
