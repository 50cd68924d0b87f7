//! Connections and what belongs to them: sealed, ordered, versioned, and gone all together.

use entity::{automation_event, record_link};
use orrery::{
    domain::{
        automation::{Automation, run::RunTrigger},
        connection::{Health, ProviderKind},
        ids::{ConnectionId, PartnerFunctionId, RunId, ScriptId},
        partner_function::PartnerFunction,
    },
    http::{Secret, StoredToken, TokenVault},
    providers::{Profile, Secrets},
    store::{
        Error, Page, Sealer, StoreVault,
        automations::{NewRun, StoredAutomation, Toggle},
        connections::{self, Connection, ConnectionState, SeenHealth},
        listing::{OrderBy, Window},
        object_mappings::NewMapping,
        partner_functions::StoredPartnerFunction,
    },
};
use sea_orm::{ActiveValue::Set, ColumnTrait, Database, EntityTrait, PaginatorTrait, QueryFilter};
use serde_json::json;
use uuid::Uuid;

use super::fixture::Fixture;
use crate::support::postgres::for_each_database;

pub fn sealer() -> Sealer {
    Sealer::from_key(&[5; 32])
}

impl Fixture {
    pub fn connection(&self, provider: ProviderKind, name: &str) -> Connection {
        let (id, now) = (self.clock.new_id().into(), self.clock.now());
        let secrets = Secrets {
            client_secret: Some(Secret::new("cl1ent")),
            refresh_token: Some(Secret::new("r3fresh")),
            ..Secrets::default()
        };
        Connection {
            id,
            tenant_id: self.tenant,
            provider,
            profile: Profile {
                remote_instance_name: Some(name.to_owned()),
                client_id: Some("me".to_owned()),
                ..Profile::default()
            },
            secrets_public: connections::masked(&secrets),
            secrets: connections::seal_secrets(&sealer(), self.tenant, id, &secrets).unwrap(),
            enabled: true,
            created_by: None,
            version: 1,
            created_at: now,
            updated_at: now,
            state: ConnectionState::default(),
        }
    }

    pub async fn connect(&self, name: &str) -> Connection {
        let connection = self.connection(ProviderKind::Xero, name);
        let created = self.store.create_connection(connection.clone(), self.audit_entry());
        created.await.unwrap();
        connection
    }

    pub fn function(&self, connection: ConnectionId, name: &str) -> StoredPartnerFunction {
        let now = self.clock.now();
        StoredPartnerFunction {
            id: self.clock.new_id().into(),
            tenant_id: self.tenant,
            connection_id: connection,
            definition: partner_function(name),
            enabled: true,
            created_by: None,
            version: 1,
            created_at: now,
            updated_at: now,
        }
    }

    pub fn automation(&self, connection: ConnectionId, definition: Automation) -> StoredAutomation {
        let now = self.clock.now();
        StoredAutomation {
            id: self.clock.new_id().into(),
            tenant_id: self.tenant,
            connection_id: connection,
            definition,
            enabled: true,
            disabled_reason: None,
            anchor_at: now,
            created_by: None,
            version: 1,
            created_at: now,
            updated_at: now,
        }
    }

    pub async fn automate(&self, connection: ConnectionId, definition: Automation) -> StoredAutomation {
        let automation = self.automation(connection, definition);
        let created = self.store.create_automation(automation.clone(), self.audit_entry());
        created.await.unwrap();
        automation
    }

    fn mapping(&self, connection: ConnectionId, name: &str, script_id: Option<ScriptId>) -> NewMapping {
        NewMapping {
            tenant_id: self.tenant,
            connection_id: connection,
            name: name.to_owned(),
            definition: json!([{ "source": "Name", "target": "name" }]),
            script_id,
        }
    }
}

fn partner_function(name: &str) -> PartnerFunction {
    serde_json::from_value(json!({ "name": name, "direction": "IMPORT", "object_name": "supplier" })).unwrap()
}

pub fn timer(name: &str) -> Automation {
    let automation = json!({
        "name": name, "description_enabled": false, "applies_to": "supplier", "applies_to_function": "new_and_update",
        "automation_type": "timerBased", "direction": "IMPORT", "check_on": {"every": {"minutes": 480}},
        "do_not_over_write_latest_data": true, "ignore_threshold": 1, "perform_action": "Suppliers",
        "since_last_look_up": true, "additional_criteria": false, "criteria": [],
    });
    serde_json::from_value(automation).unwrap()
}

#[tokio::test]
async fn a_connection_is_sealed_opened_and_written_under_its_version() {
    for_each_database(|url| async move {
        let fixture = Fixture::open(&url).await;
        let (store, tenant) = (&fixture.store, fixture.tenant);
        let mut connection = fixture.connect("Demo").await;
        let id = connection.id;
        assert_eq!(store.connection(tenant, id).await.unwrap(), Some(connection.clone()));
        assert_eq!(store.connection(fixture.clock.new_id().into(), id).await.unwrap(), None);
        let shown = connection.secrets_public.to_string();
        assert!(shown.contains("sha256:") && !shown.contains("r3fresh"), "{shown}");
        let loaded = store.load_connection(&sealer(), tenant, id).await.unwrap().unwrap();
        assert_eq!(loaded.name, "Demo");
        assert_eq!(loaded.account.secrets.refresh_token, Some(Secret::new("r3fresh")));
        assert_eq!(loaded.account.secrets.access_token, None);
        let moved = connections::open_secrets(&sealer(), tenant, fixture.clock.new_id().into(), &connection.secrets);
        assert!(matches!(moved, Err(Error::Sealed(_))), "{moved:?}");
        connection.version = 2;
        connection.profile.company_name = Some("Demo & Co".to_owned());
        let updated = store.update_connection(connection.clone(), fixture.audit_entry());
        updated.await.unwrap();
        let again = store.update_connection(connection.clone(), fixture.audit_entry()).await;
        assert!(matches!(again, Err(Error::Stale { current: 2 })), "{again:?}");
        let set = |version, enabled| store.set_connection_enabled(tenant, id, version, enabled, fixture.audit_entry());
        assert!(matches!(set(Some(1), false).await, Err(Error::Stale { current: 2 })));
        assert_eq!(set(Some(2), false).await.unwrap(), 3);
        assert_eq!(store.connection_row(tenant, id).await.unwrap(), None);
        assert_eq!(set(None, true).await.unwrap(), 4);
        let row = store.connection_row(tenant, id).await.unwrap().unwrap();
        assert_eq!((row.version, row.name.as_str()), (4, "Demo"));
        let stranger =
            store.set_connection_enabled(fixture.clock.new_id().into(), id, None, false, fixture.audit_entry());
        assert!(matches!(stranger.await, Err(Error::NotFound)));
        store.close().await.unwrap();
    })
    .await;
}

#[tokio::test]
async fn health_belongs_to_the_version_that_it_was_seen_of() {
    for_each_database(|url| async move {
        let fixture = Fixture::open(&url).await;
        let (store, tenant, epoch) = (&fixture.store, fixture.tenant, fixture.lease.epoch());
        let id = fixture.connect("Demo").await.id;
        let at = "2026-01-01T00:00:00Z".parse().unwrap();
        let seen = |version| SeenHealth {
            version,
            health: Health::NeedsReauthorisation,
            detail: Some("invalid_grant".to_owned()),
            at,
        };
        store.set_health(tenant, id, seen(1), epoch).await.unwrap();
        store.set_health(tenant, id, seen(1), epoch).await.unwrap();
        let expected = ConnectionState {
            health: Health::NeedsReauthorisation,
            detail: Some("invalid_grant".to_owned()),
            since: Some(at),
        };
        assert_eq!(store.connection(tenant, id).await.unwrap().unwrap().state, expected);
        let listed = store.connections(tenant, Window::default()).await.unwrap();
        assert_eq!(listed.items[0].state, expected);
        let enabled = store.set_connection_enabled(tenant, id, None, true, fixture.audit_entry());
        assert_eq!(enabled.await.unwrap(), 2);
        let now = store.connection(tenant, id).await.unwrap().unwrap();
        assert_eq!(now.state, ConnectionState::default(), "a new version is tried anew");
        let late = store.set_health(tenant, id, seen(1), epoch).await;
        assert!(matches!(late, Err(Error::Stale { current: 2 })), "{late:?}");
        let gone = store
            .set_health(tenant, fixture.clock.new_id().into(), seen(1), epoch)
            .await;
        assert!(matches!(gone, Err(Error::NotFound)), "{gone:?}");
        store.close().await.unwrap();
    })
    .await;
}

#[tokio::test]
async fn lists_have_an_order_a_part_and_a_total() {
    for_each_database(|url| async move {
        let fixture = Fixture::open(&url).await;
        let (store, tenant) = (&fixture.store, fixture.tenant);
        for (provider, name) in [
            (ProviderKind::Xero, "b"),
            (ProviderKind::QuickBooks, "c"),
            (ProviderKind::Xero, "a"),
        ] {
            let made = store.create_connection(fixture.connection(provider, name), fixture.audit_entry());
            made.await.unwrap();
        }
        let names = async |window: Window| {
            let listed = store.connections(tenant, window).await.unwrap();
            assert_eq!(listed.total, 3);
            listed.items.iter().map(Connection::name).collect::<String>()
        };
        let by = |order_by, descending| Window {
            order_by,
            descending,
            ..Window::default()
        };
        assert_eq!(names(Window::default()).await, "bca");
        assert_eq!(names(by(OrderBy::Name, false)).await, "abc");
        assert_eq!(names(by(OrderBy::Name, true)).await, "cba");
        assert_eq!(
            names(by(OrderBy::Kind, false)).await,
            "cba",
            "equal ones as they were made"
        );
        let part = Window {
            limit: 1,
            offset: 1,
            ..by(OrderBy::Name, false)
        };
        assert_eq!(names(part).await, "b");
        let beyond = Window { offset: 9, ..part };
        assert_eq!(names(beyond).await, "");
        let stranger = store
            .connections(fixture.clock.new_id().into(), Window::default())
            .await;
        assert_eq!(stranger.unwrap().total, 0);
        let first = store.connection_rows_page(None, 2).await.unwrap();
        let last = store.connection_rows_page(Some(first[1].id.into()), 2).await.unwrap();
        assert_eq!((first.len(), last.len(), last[0].name.as_str()), (2, 1, "a"));
        store.close().await.unwrap();
    })
    .await;
}

#[tokio::test]
async fn partner_functions_are_found_by_id_or_name_within_their_connection() {
    for_each_database(|url| async move {
        let fixture = Fixture::open(&url).await;
        let (store, tenant) = (&fixture.store, fixture.tenant);
        let (here, there) = (fixture.connect("Here").await.id, fixture.connect("There").await.id);
        let function = fixture.function(here, "Suppliers");
        let create = |function| store.create_partner_function(function, fixture.audit_entry());
        create(function.clone()).await.unwrap();
        create(fixture.function(there, "Suppliers")).await.unwrap();
        let taken = create(fixture.function(here, "Suppliers")).await;
        assert!(matches!(taken, Err(Error::Unique(_))), "{taken:?}");
        let nowhere = create(fixture.function(fixture.clock.new_id().into(), "Suppliers")).await;
        assert!(matches!(nowhere, Err(Error::NotFound)), "{nowhere:?}");
        let named = async |text: &str| store.partner_function_named(tenant, here, text).await.unwrap();
        assert_eq!(named("Suppliers").await, Some(function.clone()));
        assert_eq!(named(&function.id.to_string()).await, Some(function.clone()));
        assert_eq!(named("suppliers").await, None);
        assert_eq!(named(&Uuid::nil().to_string()).await, None);
        // One whose name is another one's id does not hide it.
        let twin = fixture.function(here, &function.id.to_string());
        create(twin.clone()).await.unwrap();
        assert_eq!(named(&function.id.to_string()).await, Some(function.clone()));
        let mut changed = function.clone();
        changed.version = 2;
        changed.definition.tag = Some("tag".to_owned());
        let update = |function| store.update_partner_function(function, fixture.audit_entry());
        update(changed.clone()).await.unwrap();
        assert!(matches!(
            update(changed.clone()).await,
            Err(Error::Stale { current: 2 })
        ));
        let (id, entry) = (function.id, || fixture.audit_entry());
        let off = store.set_partner_function_enabled(tenant, here, id, Some(2), false, entry());
        assert_eq!(off.await.unwrap(), 3);
        let found = store.partner_function(tenant, here, id).await.unwrap().unwrap();
        assert_eq!((found.enabled, found.definition), (false, changed.definition));
        let wrong = store.delete_partner_function(tenant, there, id, None, entry()).await;
        assert!(matches!(wrong, Err(Error::NotFound)), "of another connection");
        let deleted = store.delete_partner_function(tenant, here, id, Some(3), entry());
        deleted.await.unwrap();
        let left = store.partner_functions(tenant, here, Window::default()).await.unwrap();
        assert_eq!((left.total, left.items), (1, vec![twin]));
        let gone: PartnerFunctionId = id;
        assert_eq!(store.partner_function(tenant, here, gone).await.unwrap(), None);
        store.close().await.unwrap();
    })
    .await;
}

#[tokio::test]
async fn a_mapping_is_put_under_its_name() {
    for_each_database(|url| async move {
        let fixture = Fixture::open(&url).await;
        let (store, tenant) = (&fixture.store, fixture.tenant);
        let here = fixture.connect("Here").await.id;
        let put = async |name: &str, version| {
            let new = fixture.mapping(here, name, None);
            store.put_object_mapping(new, version, fixture.audit_entry()).await
        };
        let (first, is_new) = put("customer", None).await.unwrap();
        assert!(is_new && first.version == 1);
        let (second, is_new) = put("customer", Some(1)).await.unwrap();
        assert!(!is_new && second.version == 2 && second.id == first.id);
        assert!(matches!(
            put("customer", Some(1)).await,
            Err(Error::Stale { current: 2 })
        ));
        assert!(matches!(put("other", Some(1)).await, Err(Error::NotFound)));
        put("address", None).await.unwrap();
        let listed = store.object_mappings(tenant, here, Window::default()).await.unwrap();
        let names: Vec<_> = listed.items.iter().map(|mapping| mapping.name.as_str()).collect();
        assert_eq!((names, listed.total), (vec!["address", "customer"], 2));
        let found = store.object_mapping(tenant, here, "customer").await.unwrap();
        assert_eq!(found, Some(second));
        let delete = |version| store.delete_object_mapping(tenant, here, "customer", version, fixture.audit_entry());
        assert!(matches!(delete(Some(1)).await, Err(Error::Stale { current: 2 })));
        delete(None).await.unwrap();
        assert!(matches!(delete(None).await, Err(Error::NotFound)));
        let nowhere = NewMapping {
            connection_id: fixture.clock.new_id().into(),
            ..fixture.mapping(here, "x", None)
        };
        let refused = store.put_object_mapping(nowhere, None, fixture.audit_entry()).await;
        assert!(matches!(refused, Err(Error::NotFound)));
        store.close().await.unwrap();
    })
    .await;
}

#[tokio::test]
async fn a_deleted_connection_leaves_nothing_but_records_and_history() {
    for_each_database(|url| async move {
        let fixture = Fixture::open(&url).await;
        let (store, tenant) = (&fixture.store, fixture.tenant);
        let (here, there) = (fixture.connect("Here").await.id, fixture.connect("There").await.id);
        let other = fixture.automate(there, timer("Other")).await.id;
        let automation = fixture.automate(here, timer("Suppliers")).await.id;
        let run: RunId = fixture.clock.new_id().into();
        let new = NewRun {
            id: run,
            tenant_id: tenant,
            automation_id: automation,
            trigger: RunTrigger::Manual,
            started_at: fixture.clock.now(),
            since_at: None,
        };
        store.begin_run(new, fixture.lease.epoch()).await.unwrap();
        for connection in [here, there] {
            let function = fixture.function(connection, "Suppliers");
            store
                .create_partner_function(function, fixture.audit_entry())
                .await
                .unwrap();
            let mapping = fixture.mapping(connection, "m", None);
            store
                .put_object_mapping(mapping, None, fixture.audit_entry())
                .await
                .unwrap();
        }
        let vault = StoreVault::new(store.clone(), sealer());
        for connection in [here, there] {
            let token = StoredToken {
                access_token: Secret::new("a"),
                refresh_token: None,
                expires_at: None,
                obtained_at: fixture.clock.now(),
                auth_fingerprint: String::new(),
                seed_fingerprint: String::new(),
            };
            vault.save(tenant.uuid(), connection.uuid(), token).await.unwrap();
        }
        let database = Database::connect(&url).await.unwrap();
        for (connection, automation) in [(here, automation), (there, other)] {
            record_link::Entity::insert(link(tenant.uuid(), connection.uuid()))
                .exec_without_returning(&database)
                .await
                .unwrap();
            automation_event::Entity::insert(event(tenant.uuid(), automation.uuid()))
                .exec_without_returning(&database)
                .await
                .unwrap();
        }
        let ids = store.automation_ids_of(tenant, here).await.unwrap();
        assert_eq!(ids, [automation]);
        let stale = store
            .delete_connection(tenant, here, Some(7), fixture.audit_entry())
            .await;
        assert!(matches!(stale, Err(Error::Stale { current: 1 })));
        let deleted = store.delete_connection(tenant, here, Some(1), fixture.audit_entry());
        assert_eq!(deleted.await.unwrap(), [automation]);
        assert_eq!(store.connection(tenant, here).await.unwrap(), None);
        assert_eq!(store.load_automation(tenant, automation).await.unwrap(), None);
        let ended = store.automation_run(tenant, run).await.unwrap().unwrap();
        assert_eq!(ended.outcome.map(|outcome| outcome.as_str()), Some("cancelled"));
        assert!(ended.finished_at.is_some());
        for (connection, left) in [(here, 0), (there, 1)] {
            let functions = store
                .partner_functions(tenant, connection, Window::default())
                .await
                .unwrap();
            let mappings = store
                .object_mappings(tenant, connection, Window::default())
                .await
                .unwrap();
            let links = record_link::Entity::find().filter(record_link::Column::ConnectionId.eq(connection.uuid()));
            let links = links.count(&database).await.unwrap();
            let token = vault.load(tenant.uuid(), connection.uuid()).await.unwrap().token;
            assert_eq!(
                [functions.total, mappings.total, links, u64::from(token.is_some())],
                [left; 4]
            );
        }
        let events = automation_event::Entity::find().all(&database).await.unwrap();
        assert_eq!(
            events.iter().map(|event| event.automation_id).collect::<Vec<_>>(),
            [other.uuid()]
        );
        let toggled =
            store.set_automation_enabled(tenant, there, other, None, Toggle::Off(None), fixture.audit_entry());
        toggled.await.unwrap();
        let log = store
            .audit_log(tenant, Default::default(), Page::default())
            .await
            .unwrap();
        assert!(log.items.len() >= 9, "{}", log.items.len());
        database.close().await.unwrap();
        store.close().await.unwrap();
    })
    .await;
}

fn link(tenant: Uuid, connection: Uuid) -> record_link::ActiveModel {
    record_link::ActiveModel {
        tenant_id: Set(tenant),
        connection_id: Set(connection),
        object: Set("Contacts".to_owned()),
        entity: Set("supplier".to_owned()),
        key: Set("1".to_owned()),
        remote_id: Set(Some("r".to_owned())),
        remote_version: Set(None),
        remote_updated_at: Set(None),
        record_version: Set(1),
        pending: Set(None),
    }
}

fn event(tenant: Uuid, automation: Uuid) -> automation_event::ActiveModel {
    automation_event::ActiveModel {
        automation_id: Set(automation),
        key: Set("1".to_owned()),
        tenant_id: Set(tenant),
        entity: Set("supplier".to_owned()),
        kind: Set("updated".to_owned()),
        record_version: Set(1),
        changed: Set(None),
        at: Set(1),
    }
}
