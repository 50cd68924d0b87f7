//! Actors of automations that break, and engines that end: the run that is open goes on.

use std::time::Duration;

use orrery::{
    actors::{
        api_call::messages::{FailOnPurpose, Failing},
        automation::AutomationActor,
        observed::KIND_AUTOMATION,
    },
    domain::ids::TenantId,
};
use serde_json::json;
use uuid::Uuid;

use super::fixture::{Books, counts};
use crate::support::{postgres, scene::eventually};

async fn importing(books: &Books) -> String {
    books.xero.with(|xero| xero.put_contacts(250));
    let function = books.function("In", "IMPORT", json!({})).await;
    books
        .automation("In", &function, json!({"additional_criteria": "false"}), json!([]))
        .await
}

#[tokio::test]
async fn a_run_that_panics_goes_on_in_a_new_instance() {
    let mut books = Books::open().await;
    let automation = importing(&books).await;
    books.in_phase(&automation, "waiting").await;
    let engine = &books.engine.engine;
    let tenant: TenantId = engine.store().tenant_by_company_id("1").await.unwrap().unwrap().id;
    let id: Uuid = automation.parse().unwrap();
    let actor = engine
        .registry()
        .member::<AutomationActor>(KIND_AUTOMATION, tenant, id)
        .await
        .unwrap()
        .unwrap();
    actor.send(FailOnPurpose(Failing::NextRun)).await.unwrap();
    books.begin(&automation);
    let clock = books.clock.clone();
    eventually("it has been started again", || async {
        clock.advance(Duration::from_secs(1));
        let path = format!("/api/v1/actors/automation/{automation}");
        books.api.get(&path).await.json["restarts"] == 1
    })
    .await;
    let run = books.ended(&automation).await;
    assert_eq!((&run["outcome"], counts(&run)[2]), (&json!("success"), 250), "{run}");
    assert_eq!(books.runs(&automation).await.len(), 1);
}

#[tokio::test]
async fn imports_and_exports_on_postgres() {
    let Some(url) = postgres::database() else { return };
    let mut books = Books::open_with(|settings| settings.database.url = url).await;
    let automation = importing(&books).await;
    let run = books.run(&automation).await;
    assert_eq!(counts(&run), [250, 250, 250, 0, 0, 0, 0], "{run}");
    books.pass(Duration::from_secs(600)).await;
    let out = books.function("Out", "EXPORT", json!({})).await;
    let more = json!({"direction": "EXPORT", "additional_criteria": "false"});
    let sending = books.automation("Out", &out, more, json!([])).await;
    assert_eq!(
        counts(&books.run(&sending).await),
        [0; 7],
        "what came from there is there"
    );
    books.put("supplier", "S-1", json!({"Name": "Ada"})).await;
    assert_eq!(counts(&books.run(&sending).await), [1, 1, 1, 0, 0, 0, 0]);
    assert_eq!(
        counts(&books.run(&automation).await)[2..4],
        [0, 1],
        "what the other side added comes back once"
    );
    assert_eq!(counts(&books.run(&sending).await), [0; 7], "and goes no further");
}
