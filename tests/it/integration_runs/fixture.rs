//! Definitions as rows, an engine that runs them, and looks at what it leaves.

use std::time::Duration;

use entity::{
    action_log, client_integration, client_integration_state, integration, integration_action, integration_queue,
    integration_schedule, integration_system, tenant,
};
use jiff::Timestamp;
use orrery::{
    actors::{
        integration::IntegrationActor,
        observed::{KIND_CLIENT_INTEGRATION, Observed},
    },
    clock::ManualClock,
    domain::{ids::TenantId, odata::EntitySet},
    engine::{
        caller::Caller,
        transactions::{NewByHand, Transaction},
    },
    error::Result,
    settings::Settings,
};
use sea_orm::{
    ActiveValue::Set, ColumnTrait, ConnectionTrait, DatabaseConnection, DbBackend, EntityTrait, PaginatorTrait,
    QueryFilter, QueryOrder,
};
use serde_json::{Value, json, value::to_raw_value};
use uuid::Uuid;

use crate::support::{
    scene::{Place, Scene, eventually},
    upstream::Upstream,
};

/// The filter of the issue.
pub const FILTER: &str = r#"Status == "ready" and Amount > 1000 and Customer.Country in ("NO","SE")"#;
/// Seconds between two runs of a definition that says nothing else.
pub const INTERVAL: i64 = 3_600;

/// An integration with everything that it names, and its use by one client.
#[derive(Clone)]
pub struct Definition {
    pub number: i64,
    pub tenant: Uuid,
    pub uuid: Uuid,
    pub entity: &'static str,
    pub direction: &'static str,
    pub filter: Option<String>,
    pub max_attempts: i64,
    pub batch_size: i64,
    pub parallel: bool,
    pub include_update: bool,
    pub continuous: bool,
    pub interval: i64,
    pub method: &'static str,
    pub url: String,
}

impl Definition {
    /// Each transaction that meets the filter of the issue, once, to `url`; the number is that of all its rows.
    pub fn new(number: i64, tenant: TenantId, url: &str) -> Self {
        Self {
            number,
            tenant: tenant.uuid(),
            uuid: Uuid::now_v7(),
            entity: "Transaction",
            direction: "Outbound",
            filter: Some(FILTER.to_owned()),
            max_attempts: 3,
            batch_size: 1,
            parallel: false,
            include_update: false,
            continuous: false,
            interval: INTERVAL,
            method: "POST",
            url: format!("{url}?id={{{{ item.Identifier }}}}"),
        }
    }

    /// Each record of `invoice` to `url`.
    pub fn of_records(number: i64, tenant: TenantId, url: &str) -> Self {
        Self {
            entity: "Invoice",
            filter: None,
            url: format!("{url}?id={{{{ item.Key }}}}"),
            ..Self::new(number, tenant, "")
        }
    }

    /// Writes its rows.
    pub async fn insert(&self, database: &DatabaseConnection, now: Timestamp) {
        let (number, tenant_id, now) = (self.number, self.tenant, now.as_microsecond());
        let name = format!("integration {number}");
        let system = integration_system::ActiveModel {
            id: Set(number),
            tenant_id: Set(tenant_id),
            name: Set(name.clone()),
            version: Set(1),
            created_at: Set(now),
            updated_at: Set(now),
            ..Default::default()
        };
        let schedule = integration_schedule::ActiveModel {
            id: Set(number),
            tenant_id: Set(tenant_id),
            name: Set(name.clone()),
            kind: Set("Interval".to_owned()),
            interval_seconds: Set(Some(self.interval)),
            time_zone: Set("UTC".to_owned()),
            version: Set(1),
            created_at: Set(now),
            updated_at: Set(now),
            ..Default::default()
        };
        let action = integration_action::ActiveModel {
            id: Set(number),
            tenant_id: Set(tenant_id),
            name: Set(name.clone()),
            kind: Set("Http".to_owned()),
            method: Set(Some(self.method.to_owned())),
            url: Set(Some(self.url.clone())),
            version: Set(1),
            created_at: Set(now),
            updated_at: Set(now),
            ..Default::default()
        };
        integration_system::Entity::insert(system)
            .exec_without_returning(database)
            .await
            .unwrap();
        integration_schedule::Entity::insert(schedule)
            .exec_without_returning(database)
            .await
            .unwrap();
        integration_action::Entity::insert(action)
            .exec_without_returning(database)
            .await
            .unwrap();
        let definition = self.integration(name, now);
        integration::Entity::insert(definition)
            .exec_without_returning(database)
            .await
            .unwrap();
        let client = client_integration::ActiveModel {
            id: Set(number),
            uuid: Set(self.uuid),
            tenant_id: Set(tenant_id),
            integration_id: Set(number),
            enabled: Set(true),
            anchor_at: Set(now),
            shard: Set(orrery::store::call_apis::shard_of(self.uuid)),
            version: Set(1),
            created_at: Set(now),
            updated_at: Set(now),
            ..Default::default()
        };
        client_integration::Entity::insert(client)
            .exec_without_returning(database)
            .await
            .unwrap();
    }

    fn integration(&self, name: String, now: i64) -> integration::ActiveModel {
        integration::ActiveModel {
            id: Set(self.number),
            tenant_id: Set(self.tenant),
            name: Set(name),
            entity_id: Set(self.entity.to_owned()),
            direction_id: Set(self.direction.to_owned()),
            system_id: Set(self.number),
            action_id: Set(Some(self.number)),
            filter: Set(self.filter.clone()),
            schedule_id: Set(self.number),
            max_attempts: Set(self.max_attempts),
            batch_size: Set(self.batch_size),
            execute_in_parallel: Set(self.parallel),
            include_update: Set(self.include_update),
            continuous: Set(self.continuous),
            managed: Set(false),
            allow_schedule_change: Set(false),
            consent_type_id: Set("None".to_owned()),
            active: Set(true),
            version: Set(1),
            created_at: Set(now),
            updated_at: Set(now),
            ..Default::default()
        }
    }
}

/// An engine whose clock the test moves.
pub struct Runs {
    pub scene: Scene,
    pub clock: ManualClock,
    pub database: DatabaseConnection,
}

impl Runs {
    /// On the database at this address; definitions are made for the first tenant.
    pub async fn open(url: &str, targets: &[&Upstream], make: impl FnOnce(TenantId) -> Vec<Definition>) -> Self {
        Self::open_with(url, targets, |_| {}, make).await
    }

    /// With other settings.
    pub async fn open_with(
        url: &str,
        targets: &[&Upstream],
        change: impl FnOnce(&mut Settings),
        make: impl FnOnce(TenantId) -> Vec<Definition>,
    ) -> Self {
        let mut place = Place::new(targets);
        url.clone_into(&mut place.settings.database.url);
        change(&mut place.settings);
        let (tenant, place) = made(place).await;
        let now = orrery::clock::Clock::system().now();
        let database = place.database().await;
        for definition in make(tenant) {
            definition.insert(&database, now).await;
        }
        let (scene, clock) = place.start_at(now).await;
        Self { scene, clock, database }
    }

    /// A transaction by hand.
    pub async fn transaction(&self, identifier: &str, data: Value) -> Transaction {
        transaction(&self.scene, self.scene.tenant, identifier, data).await
    }

    /// Makes a record of `invoice`, or replaces its data.
    pub async fn invoice(&self, key: &str, data: Value) {
        let data = to_raw_value(&data).unwrap();
        let records = self.scene.engine.records();
        records
            .put(&self.scene.caller(), "invoice", key, None, &data)
            .await
            .unwrap();
    }

    /// The actor of a definition.
    pub async fn actor(&self, of: &Definition) -> Option<Observed> {
        let actors = self.scene.engine.actors();
        let caller = Caller::embedded(TenantId::from(of.tenant));
        actors.get(&caller, "client_integration", of.uuid).await.ok()
    }

    /// Moves the clock to the time for which the actor waits; gives how the run ended.
    pub async fn next_run(&mut self, of: &Definition) -> Value {
        self.waits(of).await;
        let due = self.actor(of).await.unwrap().next_due_at.unwrap();
        let wait = due.duration_since(self.scene.engine.clock().now());
        self.clock.advance(Duration::try_from(wait).unwrap_or_default());
        self.end_of_run(of).await
    }

    /// How the next run ends.
    pub async fn end_of_run(&mut self, of: &Definition) -> Value {
        let event = self.scene.heard.next("integration.run.finished", of.uuid).await;
        (*event.data).clone()
    }

    /// Waits until the actor waits for a time.
    pub async fn waits(&self, of: &Definition) {
        eventually("the actor waits", || async {
            self.actor(of).await.is_some_and(|actor| actor.phase == "waiting")
        })
        .await;
    }

    /// Its address.
    pub async fn address(&self, of: &Definition) -> actix::Addr<IntegrationActor> {
        let registry = self.scene.engine.registry();
        let found = registry.member(KIND_CLIENT_INTEGRATION, TenantId::from(of.tenant), of.uuid);
        found.await.unwrap().unwrap()
    }

    /// Changes an entity as a person does.
    pub async fn patch(&self, set: EntitySet, number: i64, body: Value) {
        let (integrations, caller) = (self.scene.engine.integrations(), self.scene.caller());
        let patched = integrations.patch(&caller, set, number, None, &body);
        patched.await.unwrap();
    }

    /// Its items, oldest first.
    pub async fn items(&self, of: &Definition) -> Vec<integration_queue::Model> {
        items(&self.database, of).await
    }

    /// The logs of its runs, oldest first.
    pub async fn logs(&self, of: &Definition) -> Vec<action_log::Model> {
        logs(&self.database, of).await
    }

    /// A bound action of an item, by a person.
    pub async fn act(&self, item: i64, action: &str) -> Result<()> {
        let integrations = self.scene.engine.integrations();
        let caller = self.scene.caller();
        let body = json!({});
        let acted = integrations.act(&caller, EntitySet::IntegrationQueues, item, action, &body);
        acted.await.map(drop)
    }
}

/// A place with its tables and its first tenant.
pub async fn made(place: Place) -> (TenantId, Place) {
    let scene = place.start().await;
    let tenant = scene.tenant;
    (tenant, scene.stop().await)
}

/// Another tenant.
pub async fn another_tenant(database: &DatabaseConnection) -> TenantId {
    let (id, now) = (Uuid::now_v7(), orrery::clock::Clock::system().now().as_microsecond());
    let row = tenant::ActiveModel {
        id: Set(id),
        company_id: Set("2".to_owned()),
        name: Set("another".to_owned()),
        version: Set(1),
        created_at: Set(now),
        updated_at: Set(now),
    };
    tenant::Entity::insert(row)
        .exec_without_returning(database)
        .await
        .unwrap();
    TenantId::from(id)
}

/// A transaction by hand.
pub async fn transaction(scene: &Scene, tenant: TenantId, identifier: &str, data: Value) -> Transaction {
    let new = NewByHand {
        identifier: identifier.to_owned(),
        data: to_raw_value(&data).unwrap(),
        preparation: false,
    };
    let transactions = scene.engine.transactions();
    transactions.create(&Caller::embedded(tenant), new).await.unwrap()
}

/// Transactions `t1`, `t2` and so on, as if they were made by hand, in one statement; `data` is SQL for the data of number `i`.
pub async fn many(database: &DatabaseConnection, tenant: Uuid, count: u64, data: &str) {
    let (with, id, owner, from) = match database.get_database_backend() {
        DbBackend::Sqlite => (
            format!("WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {count}) "),
            "randomblob(16)",
            format!("X'{}'", tenant.simple()),
            "n".to_owned(),
        ),
        _ => (
            String::new(),
            "gen_random_uuid()",
            format!("'{tenant}'::uuid"),
            format!("generate_series(1, {count}) AS n(i)"),
        ),
    };
    let rows = format!(
        "{with}INSERT INTO transactions (id, tenant_id, owner_id, identifier, status, data, created_at, version) \
         SELECT {id}, {owner}, {owner}, 't' || i, 1, {data}, 1700000000000000 + i, 1 FROM {from}"
    );
    database.execute_unprepared(&rows).await.unwrap();
}

/// What meets the filter of the issue.
pub fn large() -> Value {
    json!({"Amount": 1500, "Customer": {"Country": "NO"}})
}

/// Items of a definition, oldest first.
pub async fn items(database: &DatabaseConnection, of: &Definition) -> Vec<integration_queue::Model> {
    let of = integration_queue::Entity::find().filter(integration_queue::Column::ClientIntegrationId.eq(of.number));
    of.order_by_asc(integration_queue::Column::Id)
        .all(database)
        .await
        .unwrap()
}

/// How many items of a definition stand so.
pub async fn count(database: &DatabaseConnection, of: &Definition, state: &str) -> u64 {
    let of = integration_queue::Entity::find()
        .filter(integration_queue::Column::ClientIntegrationId.eq(of.number))
        .filter(integration_queue::Column::State.eq(state));
    of.count(database).await.unwrap()
}

/// The logs of the runs of a definition, oldest first.
pub async fn logs(database: &DatabaseConnection, of: &Definition) -> Vec<action_log::Model> {
    let of = action_log::Entity::find().filter(action_log::Column::ClientIntegrationId.eq(of.number));
    of.order_by_asc(action_log::Column::Id).all(database).await.unwrap()
}

/// Whether a selection of a definition goes on, or is to go on.
pub async fn selects(database: &DatabaseConnection, of: &Definition) -> bool {
    let found = client_integration_state::Entity::find_by_id(of.number)
        .one(database)
        .await;
    found.unwrap().is_none_or(|state| state.selection.is_some())
}

/// The query `id` of each request to a path, in their order.
pub fn sent(target: &Upstream, path: &str) -> Vec<String> {
    let requests = target.requests_to(path);
    requests
        .iter()
        .map(|request| request.target.split("id=").nth(1).unwrap_or_default().to_owned())
        .collect()
}

/// The idempotency key of each request to a path, in their order.
pub fn keys(target: &Upstream, path: &str) -> Vec<String> {
    let requests = target.requests_to(path);
    requests
        .iter()
        .map(|request| request.header("idempotency-key").unwrap().to_owned())
        .collect()
}
