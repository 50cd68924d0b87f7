//! Rows that are there before anybody asks, in two tenants.

use entity::{
    action_log, client_integration, client_integration_state, integration, integration_action, integration_queue,
    integration_schedule, integration_system, record, tenant,
};
use sea_orm::{
    ActiveModelTrait, ColumnTrait, ConnectionTrait, Database, DatabaseConnection, EntityTrait, IntoActiveModel,
    QueryFilter,
};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::support::engine::{Api, Reply, TestEngine};

/// 2026-01-31T10:20:30Z, microseconds.
pub const AT: i64 = 1_769_854_830_000_000;

/// An engine with rows, and the second tenant's own way to it.
pub struct Filled {
    pub test: TestEngine,
    pub other: Api,
}

/// Fills the first tenant with two integrations (the first is managed), a client integration and a queue; the second tenant with one
/// integration and a client integration of the managed one.
pub async fn filled(url: &str) -> Filled {
    let test = TestEngine::on(url).await;
    let body = json!({"companyId": "2", "name": "Other"});
    test.api.post("/api/v1/tenants", &body).await.expect(201);
    let other = test.api.in_tenant("2");
    let db = Database::connect(url).await.unwrap();
    let own = tenant_id(&db, "1").await;
    let others = tenant_id(&db, "2").await;
    for (id, tenant_id, name) in [(1, own, "Bank"), (2, own, "Shop"), (3, others, "Ledger")] {
        system(&db, id, tenant_id, name).await;
        schedule(&db, id, tenant_id, name).await;
        action(&db, id, tenant_id, name).await;
        definition(&db, id, tenant_id, name, id == 1).await;
    }
    client(&db, 1, own, 1).await;
    client(&db, 2, others, 1).await;
    client(&db, 3, others, 3).await;
    for number in 0..7 {
        item(&db, number + 1, own, 1, number).await;
    }
    item(&db, 8, others, 2, 0).await;
    log(&db, 1, own, 1).await;
    // What is made from now on has other numbers.
    for series in [
        "integration",
        "integration_system",
        "integration_schedule",
        "integration_action",
        "client_integration",
        "integration_consent",
        "integration_queue",
        "action_log",
    ] {
        let sql = format!("INSERT INTO number_series (name, last) VALUES ('{series}', 100)");
        db.execute_unprepared(&sql).await.unwrap();
    }
    for (entity, key) in [("customer", "C1"), ("widget", "W1"), ("widget", "W2")] {
        row(&db, own, entity, key).await;
    }
    Filled { test, other }
}

impl Filled {
    /// GET as the first tenant.
    pub async fn get(&self, path: &str) -> Reply {
        self.test.api.get(&format!("/OData/{path}")).await
    }

    /// The answer to GET, which has to be there.
    pub async fn read(&self, path: &str) -> Value {
        self.get(path).await.expect(200).json
    }

    /// The values of one member of a list.
    pub async fn column(&self, path: &str, name: &str) -> Vec<Value> {
        let list = self.read(path).await;
        let items = list["value"].as_array().unwrap_or_else(|| panic!("{path}: {list}"));
        items.iter().map(|item| item[name].clone()).collect()
    }
}

/// A path with its options, encoded.
pub fn encoded(path: &str) -> String {
    path.replace('%', "%25")
        .replace(' ', "%20")
        .replace('"', "%22")
        .replace('+', "%2B")
        .replace('Ø', "%C3%98")
}

async fn tenant_id(db: &DatabaseConnection, company_id: &str) -> Uuid {
    let found = tenant::Entity::find()
        .filter(tenant::Column::CompanyId.eq(company_id))
        .one(db)
        .await;
    found.unwrap().unwrap().id
}

async fn system(db: &DatabaseConnection, id: i64, tenant_id: Uuid, name: &str) {
    let model = integration_system::Model {
        id,
        tenant_id,
        name: name.to_owned(),
        comment: None,
        authorize_url: Some("https://bank.example/authorize".to_owned()),
        token_url: None,
        oauth_client_id: None,
        oauth_client_secret: Some(b"sealed-secret".to_vec()),
        oauth_scope: None,
        created_by: None,
        version: 1,
        created_at: AT,
        updated_at: AT,
    };
    model.into_active_model().insert(db).await.unwrap();
}

async fn schedule(db: &DatabaseConnection, id: i64, tenant_id: Uuid, name: &str) {
    let model = integration_schedule::Model {
        id,
        tenant_id,
        name: format!("{name} hourly"),
        kind: "Interval".to_owned(),
        interval_seconds: Some(3_600),
        cron: None,
        day_of_week: None,
        time_of_day: None,
        time_zone: "UTC".to_owned(),
        created_by: None,
        version: 1,
        created_at: AT,
        updated_at: AT,
    };
    model.into_active_model().insert(db).await.unwrap();
}

async fn action(db: &DatabaseConnection, id: i64, tenant_id: Uuid, name: &str) {
    let model = integration_action::Model {
        id,
        tenant_id,
        name: format!("{name} send"),
        kind: "Http".to_owned(),
        method: Some("POST".to_owned()),
        url: Some("https://bank.example/items".to_owned()),
        headers: None,
        headers_secret: None,
        body: None,
        body_script: None,
        result_script: None,
        client_id: Some(Uuid::from_u128(7)),
        partner_function_id: None,
        created_by: None,
        version: 1,
        created_at: AT,
        updated_at: AT,
    };
    model.into_active_model().insert(db).await.unwrap();
}

async fn definition(db: &DatabaseConnection, id: i64, tenant_id: Uuid, name: &str, managed: bool) {
    let model = integration::Model {
        id,
        tenant_id,
        name: format!("{name} out"),
        entity_id: if managed { "transaction" } else { "Customer" }.to_owned(),
        direction_id: "Outbound".to_owned(),
        system_id: id,
        action_id: Some(id),
        element_id: None,
        comment: (id == 2).then(|| "it's 100% Øre".to_owned()),
        filter: None,
        schedule_id: id,
        max_attempts: 5,
        batch_size: 10 * id,
        execute_in_parallel: false,
        include_update: false,
        continuous: false,
        managed,
        allow_schedule_change: false,
        consent_type_id: "None".to_owned(),
        active: false,
        created_by: None,
        version: id,
        created_at: AT,
        updated_at: AT,
    };
    model.into_active_model().insert(db).await.unwrap();
}

async fn client(db: &DatabaseConnection, id: i64, tenant_id: Uuid, integration_id: i64) {
    let model = client_integration::Model {
        id,
        uuid: Uuid::from_u128(u128::try_from(id).unwrap()),
        tenant_id,
        integration_id,
        enabled: false,
        disabled_reason: None,
        schedule_id: None,
        connection_id: None,
        consent_id: None,
        anchor_at: AT,
        shard: 0,
        created_by: None,
        version: 1,
        created_at: AT,
        updated_at: AT,
    };
    model.into_active_model().insert(db).await.unwrap();
    let state = client_integration_state::Model {
        client_integration_id: id,
        tenant_id,
        next_due_at: Some(AT),
        selection: None,
        schedule_key: None,
        run_count: 0,
        last_run_at: None,
        last_outcome: None,
        updated_at: AT,
    };
    state.into_active_model().insert(db).await.unwrap();
}

pub async fn item(db: &DatabaseConnection, id: i64, tenant_id: Uuid, client_integration_id: i64, number: i64) {
    let states = ["Pending", "Failed", "Completed"];
    let model = integration_queue::Model {
        id,
        tenant_id,
        integration_id: 1,
        client_integration_id,
        item_id: format!("row-{number}"),
        item_name: format!("Row {number}"),
        item_version: 1,
        item_updated_on: AT + number * 86_400_000_000,
        attempt: number % 3,
        round: 1,
        state: states[usize::try_from(number % 3).unwrap()].to_owned(),
        action_log_id: (number == 2).then_some(1),
        result: (number == 1).then(|| "it did not answer".to_owned()),
        due_at: AT,
        bare: false,
        created_at: AT,
        updated_at: AT,
    };
    model.into_active_model().insert(db).await.unwrap();
}

async fn log(db: &DatabaseConnection, id: i64, tenant_id: Uuid, client_integration_id: i64) {
    let model = action_log::Model {
        id,
        tenant_id,
        integration_id: 1,
        client_integration_id,
        action_id: Some(1),
        trigger: "Schedule".to_owned(),
        started_at: AT,
        finished_at: None,
        outcome: None,
        message: None,
        selected: 7,
        completed: 1,
        failed: 1,
        abandoned: 0,
    };
    model.into_active_model().insert(db).await.unwrap();
}

async fn row(db: &DatabaseConnection, tenant_id: Uuid, entity: &str, key: &str) {
    let model = record::Model {
        tenant_id,
        entity: entity.to_owned(),
        key: key.to_owned(),
        data: "{}".to_owned(),
        version: 1,
        changed_at: AT,
        created_at: AT,
        updated_at: AT,
        origin: None,
    };
    model.into_active_model().insert(db).await.unwrap();
}
