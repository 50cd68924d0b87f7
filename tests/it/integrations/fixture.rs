//! An engine with the operator's tenant and another one, and short ways to make definitions.

use std::fmt::Debug;

use orrery::{
    domain::{
        integration::Integration,
        odata::EntitySet::{self, Actions, ClientIntegrations, IntegrationSystems, Integrations, Schedules},
    },
    engine::{
        audit::{Filter, Recorded},
        caller::Caller,
        tenants::TenantInput,
    },
    error::{Code, Error},
    store::{Page, integrations::StoredClientIntegration},
};
use serde_json::{Value, json};

use crate::support::engine::TestEngine;

/// Company id of the tenant that is not the operator's.
pub const OTHER: &str = "other";

/// See the module.
pub struct Fixture {
    pub running: TestEngine,
    pub operator: Caller,
    pub other: Caller,
}

/// What an integration must name.
#[derive(Clone, Copy)]
pub struct Parts {
    pub system: i64,
    pub schedule: i64,
    pub action: i64,
}

impl Fixture {
    pub async fn start() -> Self {
        Self::of(TestEngine::start().await).await
    }

    pub async fn on(url: &str) -> Self {
        Self::of(TestEngine::on(url).await).await
    }

    async fn of(running: TestEngine) -> Self {
        let engine = &running.engine;
        let operator = engine.caller("1").await.unwrap();
        let input = TenantInput {
            company_id: Some(OTHER.to_owned()),
            name: Some("Other".to_owned()),
        };
        engine.tenants().create(&operator, input).await.unwrap();
        let other = engine.caller(OTHER).await.unwrap();
        Self {
            running,
            operator,
            other,
        }
    }

    pub async fn create(&self, caller: &Caller, set: EntitySet, body: Value) -> Result<i64, Error> {
        self.running.engine.integrations().create(caller, set, &body).await
    }

    pub async fn patch(&self, caller: &Caller, set: EntitySet, key: i64, body: Value) -> Result<(), Error> {
        let integrations = self.running.engine.integrations();
        integrations.patch(caller, set, key, None, &body).await
    }

    pub async fn delete(&self, caller: &Caller, set: EntitySet, key: i64) -> Result<(), Error> {
        self.running.engine.integrations().delete(caller, set, key, None).await
    }

    /// A system, a schedule and an action of a tenant.
    pub async fn parts(&self, caller: &Caller) -> Parts {
        let create = async |set, body| self.create(caller, set, body).await.unwrap();
        Parts {
            system: create(IntegrationSystems, system("Books")).await,
            schedule: create(Schedules, schedule("Hourly")).await,
            action: create(Actions, action("Send")).await,
        }
    }

    pub async fn integration(&self, caller: &Caller, parts: Parts, more: Value) -> i64 {
        self.create(caller, Integrations, with(integration(parts), more))
            .await
            .unwrap()
    }

    pub async fn client(&self, caller: &Caller, integration: i64, more: Value) -> i64 {
        let body = with(json!({ "IntegrationId": integration }), more);
        self.create(caller, ClientIntegrations, body).await.unwrap()
    }

    /// An integration as a tenant sees it.
    pub async fn seen(&self, caller: &Caller, key: i64) -> Option<Integration> {
        let store = self.running.engine.store();
        let found = store.integration_visible(caller.tenant_id, key.into()).await;
        found.unwrap().map(|found| found.value)
    }

    pub async fn client_of(&self, caller: &Caller, key: i64) -> Option<StoredClientIntegration> {
        let store = self.running.engine.store();
        store.client_integration(caller.tenant_id, key.into()).await.unwrap()
    }

    /// The audit log of a tenant about one kind of thing, newest first.
    pub async fn audit(&self, caller: &Caller, kind: &str) -> Vec<Recorded> {
        let filter = Filter {
            resource_kind: Some(kind.to_owned()),
            ..Filter::default()
        };
        let log = self.running.engine.audit_log(caller, filter, Page::default()).await;
        log.unwrap().items
    }
}

pub fn system(name: &str) -> Value {
    json!({ "IntegrationSystemName": name })
}

pub fn schedule(name: &str) -> Value {
    json!({ "ScheduleName": name, "Kind": "Interval", "IntervalSeconds": 3_600 })
}

pub fn action(name: &str) -> Value {
    json!({ "ActionName": name, "Kind": "Http", "Method": "POST", "Url": "http://localhost:9/orders" })
}

/// The least that an integration is made of.
pub fn integration(parts: Parts) -> Value {
    json!({
        "IntegrationName": "Orders",
        "EntityId": "Transaction",
        "IntegrationDirectionId": "Outbound",
        "IntegrationSystemId": parts.system,
        "ScheduleId": parts.schedule,
        "ActionId": parts.action,
        "ConsentTypeId": "None",
    })
}

pub fn with(mut body: Value, more: Value) -> Value {
    body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    body
}

/// Of a refusal: its word and the members that it names.
#[track_caller]
pub fn refused<T: Debug>(result: Result<T, Error>) -> (String, Vec<String>) {
    let error = result.unwrap_err();
    let members = error.fields.iter().map(|field| field.field.clone()).collect();
    (error.code.as_str().to_owned(), members)
}

#[track_caller]
pub fn expect_refused<T: Debug>(result: Result<T, Error>, word: &str, member: &str) {
    assert_eq!(refused(result), (word.to_owned(), vec![member.to_owned()]));
}

#[track_caller]
pub fn expect_code<T: Debug>(result: Result<T, Error>, code: Code, part: &str) {
    let error = result.unwrap_err();
    assert_eq!(error.code, code, "{error}");
    assert!(error.message.contains(part), "{error}");
}
