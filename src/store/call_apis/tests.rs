//! Tests of the store of call API definitions.

use super::*;
use crate::{clock::Clock, settings::Settings, store::audit};

use sea_orm::ActiveValue::Set;

struct Fixture {
    store: Store,
    tenant: TenantId,
    _directory: tempfile::TempDir,
}

async fn fixture() -> Fixture {
    let directory = tempfile::tempdir().unwrap();
    let mut settings = Settings::base().unwrap();
    settings.database.url = format!("sqlite://{}/orrery.db?mode=rwc", directory.path().display());
    let store = Store::open(&settings.database, Clock::system()).await.unwrap();
    store.migrate().await.unwrap();
    let tenant = store.clock().new_id().into();
    Fixture {
        store,
        tenant,
        _directory: directory,
    }
}

impl Fixture {
    fn entry(&self) -> audit::Entry {
        audit::Entry {
            tenant_id: self.tenant,
            user_id: None,
            token_id: None,
            action: "call_api.test",
            resource_kind: "call_api",
            resource_id: None,
            before: None,
            after: None,
            request_id: None,
        }
    }

    fn activation(&self) -> Activation {
        let now = self.store.clock().now();
        Activation {
            anchor_at: now,
            next_due_at: Some(now),
        }
    }

    async fn create(&self, name: &str) -> Result<CallApiId> {
        let id = self.store.clock().new_id().into();
        self.store
            .create_call_api(self.tenant, id, row(name), None, None, self.entry())
            .await?;
        Ok(id)
    }

    async fn update(&self, id: CallApiId, name: &str, version: i64) -> Result<Change> {
        self.store
            .update_call_api(self.tenant, id, row(name), version, None, self.entry())
            .await
    }

    async fn names(&self, filter: CallApiFilter, page: Page) -> (Vec<String>, Option<String>) {
        let paged = self.store.call_apis(self.tenant, filter, page).await.unwrap();
        let names = paged.items.into_iter().map(|call| call.definition.name).collect();
        (names, paged.next_cursor)
    }

    async fn deactivate_by_engine(&self, id: CallApiId) {
        self.store
            .write(move |txn| {
                Box::pin(async move {
                    let state = call_api_state::ActiveModel {
                        call_api_id: Set(id.uuid()),
                        deactivated_at: Set(Some(1)),
                        status_reason: Set(Some("it failed".to_owned())),
                        ..Default::default()
                    };
                    call_api_state::Entity::update(state).exec(txn).await?;
                    Ok(())
                })
            })
            .await
            .unwrap();
    }
}

fn row(name: &str) -> DefinitionRow {
    let definition = serde_json::json!({
        "name": name, "runAsUserId": "0190b5a8-7c3e-7d10-8f00-0123456789ab", "frequencySeconds": 60, "method": "GET",
        "url": {"kind": "text", "value": "https://example.com/"}, "responseScript": "return []",
    });
    DefinitionRow {
        definition: serde_json::from_value(definition).unwrap(),
        secret_headers: None,
    }
}

#[tokio::test]
async fn an_active_call_cannot_be_changed_and_a_deactivated_one_can() {
    let fixture = fixture().await;
    let id = fixture.create("a").await.unwrap();
    assert_eq!(fixture.update(id, "b", 1).await.unwrap(), Change::Done);
    let activation = fixture.activation();
    fixture
        .store
        .activate_call_api(fixture.tenant, id, 2, activation, fixture.entry())
        .await
        .unwrap();
    let stored = fixture.store.call_api(fixture.tenant, id).await.unwrap();
    assert!(stored.is_active());
    assert_eq!(stored.version, 3);
    assert_eq!(
        stored.state.next_due_at.map(Timestamp::as_microsecond),
        activation.next_due_at.map(Timestamp::as_microsecond)
    );

    assert_eq!(fixture.update(id, "c", 3).await.unwrap(), Change::Active);
    let delete = |version| {
        fixture
            .store
            .delete_call_api(fixture.tenant, id, version, fixture.entry())
    };
    assert_eq!(delete(None).await.unwrap(), Change::Active);

    fixture.deactivate_by_engine(id).await;
    let stored = fixture.store.call_api(fixture.tenant, id).await.unwrap();
    assert_eq!(stored.standing(), Standing::Deactivated);
    assert_eq!(fixture.update(id, "c", 3).await.unwrap(), Change::Done);
    assert!(matches!(delete(Some(3)).await, Err(Error::Stale { current: 4 })));
    assert_eq!(delete(Some(4)).await.unwrap(), Change::Done);
    assert!(matches!(delete(None).await, Err(Error::NotFound)));
}

#[tokio::test]
async fn a_person_clears_what_the_engine_said() {
    let fixture = fixture().await;
    let id = fixture.create("a").await.unwrap();
    let store = &fixture.store;
    store
        .activate_call_api(fixture.tenant, id, 1, fixture.activation(), fixture.entry())
        .await
        .unwrap();
    fixture.deactivate_by_engine(id).await;
    store
        .deactivate_call_api(fixture.tenant, id, None, fixture.entry())
        .await
        .unwrap();
    let stored = store.call_api(fixture.tenant, id).await.unwrap();
    assert_eq!(stored.standing(), Standing::Inactive);
    assert_eq!(stored.state.status_reason, None);
    assert_eq!(stored.state.next_due_at, None);
}

#[tokio::test]
async fn names_are_unique_in_a_tenant_and_lists_go_by_name() {
    let fixture = fixture().await;
    for name in ["b_1", "a", "B%", "c"] {
        fixture.create(name).await.unwrap();
    }
    assert!(matches!(fixture.create("a").await, Err(Error::Unique(_))));
    let all = CallApiFilter::default;
    let (names, next) = fixture.names(all(), Page::new(Some(3), None)).await;
    assert_eq!(names, ["B%", "a", "b_1"]);
    let (names, next) = fixture.names(all(), Page::new(Some(3), next)).await;
    assert_eq!((names, next), (vec!["c".to_owned()], None));
    for (part, expected) in [
        ("B", vec!["B%", "b_1"]),
        ("%", vec!["B%"]),
        ("_", vec!["b_1"]),
        ("\\", vec![]),
    ] {
        let filter = CallApiFilter {
            name_contains: Some(part.to_owned()),
            standing: Some(Standing::Inactive),
            ..all()
        };
        assert_eq!(fixture.names(filter, Page::default()).await.0, expected, "{part}");
    }
    let other: TenantId = fixture.store.clock().new_id().into();
    let foreign = fixture.store.call_apis(other, all(), Page::default()).await.unwrap();
    assert!(foreign.items.is_empty());
}
