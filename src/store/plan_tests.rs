//! Tests that the statements which meet large tables find their rows by an index (SQLite's planner is asked).

use std::{path::Path, sync::Arc};

use sea_orm::{ConnectionTrait, DbBackend, Statement};

use super::{
    Store,
    background::{BackgroundFilter, list, purge as retention, recover},
    call_state, deliveries,
    integrations::{self, SelectRows},
    ledger, overview, purge, records,
};
use crate::{
    clock::Clock,
    domain::{background::Status, expression::linq, integration::admit::Again},
    settings::Settings,
};

const BY_KEY: &str =
    "SEARCH background_request USING INDEX sqlite_autoindex_background_request_1 (tenant_id=? AND id=?)";

async fn plan(store: &Store, sql: &str) -> String {
    let explain = Statement::from_string(DbBackend::Sqlite, format!("EXPLAIN QUERY PLAN {sql}"));
    let rows = store
        .read(move |db| async move { Ok(db.query_all_raw(explain).await?) })
        .await
        .unwrap();
    let details: Vec<String> = rows.iter().map(|row| row.try_get("", "detail").unwrap()).collect();
    details.join("\n")
}

#[tokio::test]
async fn rows_are_found_by_an_index() {
    let directory = tempfile::tempdir().unwrap();
    let store = migrated(directory.path()).await;
    let [find, update, claim, finish, keys] = ledger::sqlite_texts();
    let running = "SELECT * FROM run WHERE finished_at IS NULL";
    let history = "SELECT * FROM run WHERE owner_id = ? AND tenant_id = ? AND due_at < ? ORDER BY due_at DESC LIMIT ?";
    let transactions = "SELECT * FROM transactions WHERE tenant_id = ? AND id < ? ORDER BY id DESC LIMIT ?";
    let expected = [
        (
            find.as_str(),
            "SEARCH t USING COVERING INDEX transactions_by_owner_id_identifier (owner_id=? AND identifier=?)",
        ),
        (
            update.as_str(),
            "SEARCH call_api_state USING PRIMARY KEY (call_api_id=?)",
        ),
        (
            call_state::ACTIVE_PAGE,
            "SEARCH c USING COVERING INDEX call_api_active (id>?)",
        ),
        (call_state::ACTIVE_PAGE, "SEARCH s USING PRIMARY KEY (call_api_id=?)"),
        (records::ENTITIES, "(tenant_id=? AND entity>?)"),
        (running, "USING INDEX run_running"),
        (history, "SEARCH run USING PRIMARY KEY (owner_id=? AND due_at<?)"),
        (
            transactions,
            "SEARCH transactions USING INDEX sqlite_autoindex_transactions_1 (tenant_id=? AND id<?)",
        ),
        (
            deliveries::OWNERS,
            "SEARCH webhook_delivery USING COVERING INDEX webhook_delivery_pending (lane>?)",
        ),
        (
            deliveries::OWNERS,
            "SEARCH d USING COVERING INDEX webhook_delivery_pending (lane>?)",
        ),
        (
            deliveries::LANES,
            "SEARCH d USING COVERING INDEX webhook_delivery_pending (lane>? AND lane<?)",
        ),
        (
            deliveries::LANES,
            "SEARCH d USING COVERING INDEX webhook_delivery_pending (lane=?)",
        ),
        (
            deliveries::DUE,
            "SEARCH webhook_delivery USING INDEX webhook_delivery_pending (lane=? AND next_at<?)",
        ),
        (
            deliveries::PURGE_DELIVERIES,
            "SEARCH webhook_delivery USING PRIMARY KEY (id<?)",
        ),
        (purge::RUNS, "SEARCH run USING INDEX run_by_id (id<?)"),
        (purge::RUNS, "SEARCH run USING INDEX run_by_id (id=?)"),
        (
            purge::AUTOMATION_RUNS,
            "SEARCH automation_run USING INDEX sqlite_autoindex_automation_run_1 (id<?)",
        ),
        (
            "SELECT * FROM automation_run WHERE tenant_id = ? AND automation_id = ? AND finished_at IS NULL",
            "SEARCH automation_run USING INDEX automation_run_open (automation_id=?)",
        ),
        (
            "SELECT * FROM automation_run WHERE tenant_id = ? AND automation_id = ? AND id < ? ORDER BY id DESC LIMIT ?",
            "SEARCH automation_run USING INDEX automation_run_by_automation_id_id (automation_id=? AND id<?)",
        ),
        (
            purge::BODIES,
            "SEARCH run_body USING COVERING INDEX sqlite_autoindex_run_body_1 (run_id<?)",
        ),
        (
            purge::AUDIT,
            "SEARCH audit_log USING COVERING INDEX sqlite_autoindex_audit_log_1 (id<?)",
        ),
        (
            purge::IDEMPOTENCY_KEYS,
            "SEARCH idempotency_key USING INDEX idempotency_key_by_created_at (created_at<?)",
        ),
        (
            purge::WINDOW,
            "SEARCH transactions USING INDEX sqlite_autoindex_transactions_1 (tenant_id=? AND id>? AND id<?)",
        ),
        (claim.as_str(), BY_KEY),
        (finish.as_str(), BY_KEY),
        (
            keys.as_str(),
            "SEARCH k USING PRIMARY KEY (tenant_id=? AND user_id=? AND key=?)",
        ),
        (
            recover::QUEUED,
            "SEARCH background_request USING INDEX background_request_open (status=? AND id>?)",
        ),
        (
            recover::ORPHANED,
            "SEARCH background_request USING INDEX background_request_open (status=? AND id>?)",
        ),
        (
            retention::ERASE,
            "SEARCH background_request USING COVERING INDEX sqlite_autoindex_background_request_1 (tenant_id=? AND id=?)",
        ),
        (
            retention::ERASE,
            "SEARCH background_request USING INDEX background_request_ended (erased_at=? AND finished_at<?)",
        ),
        (
            retention::REMOVE,
            "SEARCH background_request USING INDEX background_request_ended (erased_at<?)",
        ),
        (
            retention::KEYS,
            "SEARCH background_key USING COVERING INDEX background_key_by_received_at (received_at<?)",
        ),
        (
            retention::WINDOW,
            "SEARCH background_body USING COVERING INDEX sqlite_autoindex_background_body_1 (request_id>?)",
        ),
        (
            retention::WINDOW,
            "SEARCH r USING INDEX sqlite_autoindex_background_request_1 (tenant_id=? AND id=?)",
        ),
    ];
    check(&store, &expected).await;
    store.close().await.unwrap();
}

/// What failed is found among all that ran well, and the last hour among all history.
#[tokio::test]
async fn the_overview_reads_along_indexes_of_its_own() {
    let directory = tempfile::tempdir().unwrap();
    let store = migrated(directory.path()).await;
    let expected = [
        (overview::FAILED_RUNS, "SEARCH r USING INDEX run_failed (tenant_id=?)"),
        (
            overview::FAILED_AUTOMATION_RUNS,
            "SEARCH r USING INDEX automation_run_failed (tenant_id=?)",
        ),
        (
            overview::FAILED_ACTIONS,
            "SEARCH l USING INDEX action_log_failed (tenant_id=?)",
        ),
        (
            overview::DEACTIVATED_CALLS,
            "SEARCH s USING INDEX call_api_state_deactivated (tenant_id=?",
        ),
        (
            overview::DISABLED_AUTOMATIONS,
            "SEARCH automation USING INDEX automation_disabled (tenant_id=?)",
        ),
        (
            overview::DISABLED_INTEGRATIONS,
            "SEARCH c USING INDEX client_integration_disabled (tenant_id=?)",
        ),
        (overview::RECENT_RUNS, "SEARCH run USING INDEX run_by_id (id>?)"),
        (
            overview::RECENT_AUTOMATION_RUNS,
            "SEARCH automation_run USING INDEX sqlite_autoindex_automation_run_1 (id>?)",
        ),
        (
            overview::RECENT_ACTIONS,
            "SEARCH action_log USING INDEX action_log_by_started_at (started_at>?)",
        ),
    ];
    check(&store, &expected).await;
    store.close().await.unwrap();
}

#[tokio::test]
async fn records_and_their_links_are_found_by_an_index() {
    let directory = tempfile::tempdir().unwrap();
    let store = migrated(directory.path()).await;
    let [by_remote, of_keys, found, update] = records::rows::sqlite_texts();
    let inbox = records::events::sqlite_text();
    let candidates = format!(
        "{} AND r.\"key\" > ? ORDER BY r.\"key\" LIMIT ?",
        records::export::CANDIDATES_SQLITE
    );
    let pending = "SELECT * FROM record_link WHERE tenant_id = ? AND connection_id = ? AND object = ? AND entity = ? \
                   AND pending IS NOT NULL AND \"key\" > ? ORDER BY \"key\" LIMIT ?";
    let watching = "SELECT id FROM automation WHERE tenant_id = ? AND event_entity = ? AND enabled = TRUE";
    let record = "sqlite_autoindex_record_1 (tenant_id=? AND entity=? AND key";
    let link = "SEARCH l USING PRIMARY KEY (key=? AND entity=? AND tenant_id=?";
    let remote = "SEARCH l USING INDEX record_link_by_remote_id_entity_tenant_id_connection_id_object";
    let expected = [
        (
            by_remote,
            format!("{remote} (remote_id=? AND entity=? AND tenant_id=? AND connection_id=? AND object=?)"),
        ),
        (of_keys, format!("{link})")),
        (found, format!("SEARCH r USING INDEX {record}=?)")),
        (update, format!("{record}=?)")),
        (
            inbox,
            "SEARCH e USING PRIMARY KEY (automation_id=? AND key=?)".to_owned(),
        ),
        (candidates.clone(), format!("SEARCH r USING INDEX {record}>?)")),
        (candidates, format!("{link} AND connection_id=? AND object=?)")),
        (
            pending.to_owned(),
            "SEARCH record_link USING INDEX record_link_pending (connection_id=? AND key>?)".to_owned(),
        ),
        (watching.to_owned(), "SEARCH automation USING".to_owned()),
    ];
    let expected: Vec<_> = expected
        .iter()
        .map(|(sql, step)| (sql.as_str(), step.as_str()))
        .collect();
    check(&store, &expected).await;
    store.close().await.unwrap();
}

/// A rare status is found without reading through all the others; a user's list does not read through those of others.
#[tokio::test]
async fn lists_of_background_requests_read_along_an_index() {
    let directory = tempfile::tempdir().unwrap();
    let store = migrated(directory.path()).await;
    let tenant = store.clock().new_id().into();
    let (own, key, open, failed) = (
        "INDEX background_request_own (tenant_id=? AND user_id=? AND id<?)",
        "INDEX sqlite_autoindex_background_request_1 (tenant_id=? AND id<?)",
        "INDEX background_request_open (status=? AND id<?)",
        "INDEX background_request_failed (tenant_id=? AND id<?)",
    );
    let mut expected = Vec::new();
    for (status, everyone, own) in [
        (None, key, own),
        (Some(Status::Finished), key, own),
        (Some(Status::Queued), open, open),
        (Some(Status::Started), open, open),
        (Some(Status::Failed), failed, failed),
        (Some(Status::Cancelled), failed, failed),
    ] {
        let (someone, token) = (Some(store.clock().new_id().into()), Some(store.clock().new_id().into()));
        for (user, token, step) in [(None, None, everyone), (someone, None, own), (someone, token, own)] {
            let filter = BackgroundFilter {
                user,
                token,
                status,
                from: None,
            };
            expected.push((list::listed(tenant, filter, None, 10).0, step));
        }
    }
    let expected: Vec<_> = expected.iter().map(|(sql, step)| (sql.as_str(), *step)).collect();
    check(&store, &expected).await;
    store.close().await.unwrap();
}

/// Selections read along the primary key within their window, and ask the queue by its unique key.
#[tokio::test]
async fn rows_for_integrations_are_read_along_their_keys() {
    let directory = tempfile::tempdir().unwrap();
    let store = migrated(directory.path()).await;
    let filter =
        "Status == \"ready\" and Amount > 1000 and Customer.Country in (\"NO\", \"SE\") and Identifier != \"x\"";
    let mut expected = Vec::new();
    for (entity, window, rows) in [
        (
            "Transaction",
            "SEARCH t USING COVERING INDEX sqlite_autoindex_transactions_1 (tenant_id=? AND id>?)",
            "SEARCH t USING INDEX sqlite_autoindex_transactions_1 (tenant_id=? AND id>? AND id<?)",
        ),
        (
            "supplier",
            "SEARCH t USING COVERING INDEX sqlite_autoindex_record_1 (tenant_id=? AND entity=? AND key>?)",
            "SEARCH t USING INDEX sqlite_autoindex_record_1 (tenant_id=? AND entity=? AND key>? AND key<?)",
        ),
    ] {
        for again in [Again::Never, Again::Updates, Again::Always] {
            let wanted = SelectRows {
                tenant: store.clock().new_id().into(),
                client_integration: 1.into(),
                entity: entity.to_owned(),
                filter: Some(Arc::new(linq::parse(filter).unwrap())),
                again,
                after: None,
                limit: 10,
                now: store.clock().now(),
            };
            let [end, found] = integrations::select::sqlite_texts(&wanted);
            expected.push((end, window.to_owned()));
            expected.push((found.clone(), rows.to_owned()));
            let by = "SEARCH q USING COVERING INDEX integration_queue_by_client_integration_id_item_id_item_version";
            let key = match again {
                Again::Never => "(client_integration_id=? AND item_id=?)",
                Again::Updates => "(client_integration_id=? AND item_id=? AND item_version=?)",
                Again::Always => continue,
            };
            expected.push((found, format!("{by} {key}")));
        }
    }
    let expected: Vec<_> = expected
        .iter()
        .map(|(sql, step)| (sql.as_str(), step.as_str()))
        .collect();
    check(&store, &expected).await;
    store.close().await.unwrap();
}

async fn migrated(directory: &Path) -> Store {
    let mut settings = Settings::base().unwrap();
    settings.database.url = format!("sqlite://{}/orrery.db?mode=rwc", directory.display());
    let store = Store::open(&settings.database, Clock::system()).await.unwrap();
    store.migrate().await.unwrap();
    store
}

/// Each statement's plan has this step, and neither sorts nor reads a whole table.
async fn check(store: &Store, expected: &[(&str, &str)]) {
    let mut wrong = Vec::new();
    for (sql, step) in expected {
        let plan = plan(store, sql).await;
        let whole = [
            "TEMP B-TREE",
            "SCAN t\n",
            "SCAN run\n",
            "SCAN automation_run\n",
            "SCAN transactions\n",
            "SCAN call_api_state\n",
            "SCAN background_request",
            "SCAN background_body",
            "SCAN background_key",
            "SCAN k\n",
            "SCAN r\n",
            "SCAN l\n",
            "SCAN e\n",
            "SCAN record",
            "SCAN automation",
        ];
        if !plan.contains(step) || whole.iter().any(|whole| format!("{plan}\n").contains(whole)) {
            wrong.push(format!("{sql}\nwanted: {step}\nfound:\n{plan}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
}

#[tokio::test]
async fn items_of_a_long_queue_are_found_by_an_index() {
    use super::integrations::{acted, claims, purge, queue, state};
    let directory = tempfile::tempdir().unwrap();
    let store = migrated(directory.path()).await;
    let due = "SEARCH integration_queue USING INDEX integration_queue_due (client_integration_id=?";
    let going = "SEARCH integration_queue USING INDEX integration_queue_going (client_integration_id=?)";
    let expected = [
        (claims::CLAIM, due),
        (state::NEXT_ITEM, due),
        (claims::GIVE_UP, going),
        (claims::RECOVER, going),
        (claims::GOING, going),
        (
            acted::LAST_COMPLETED,
            "SEARCH integration_queue USING INDEX integration_queue_by_client_integration_id_id (client_integration_id=?)",
        ),
        (queue::UNFINISHED, due),
        (queue::UNFINISHED, going),
        (
            purge::ITEMS,
            "SEARCH q USING INDEX integration_queue_old (updated_at<?)",
        ),
        (
            purge::ITEMS,
            "SEARCH n USING COVERING INDEX integration_queue_by_client_integration_id_item_id_item_version",
        ),
        (
            purge::BARED,
            "SEARCH integration_queue USING INDEX integration_queue_old (updated_at<?)",
        ),
        (
            purge::LOGS,
            "SEARCH action_log USING INDEX action_log_by_started_at (started_at<?)",
        ),
    ];
    check(&store, &expected).await;
    store.close().await.unwrap();
}

/// Whatever else is in a long queue: the first items, and the first logs, of one thing are read along an index and not sorted.
#[tokio::test]
async fn what_integrations_lead_to_is_read_along_an_index() {
    use crate::domain::odata::EntitySet::{ActionLogs, Actions, ClientIntegrations, Integrations};
    let directory = tempfile::tempdir().unwrap();
    let store = migrated(directory.path()).await;
    let mut expected = Vec::new();
    for (set, options, step) in [
        (
            Integrations,
            "$expand=IntegrationQueues",
            "integration_queue_by_integration_id_tenant_id_id (integration_id=? AND tenant_id=?)",
        ),
        (
            Integrations,
            "$expand=IntegrationQueues($filter=IntegrationQueueStateId%20eq%20'Failed';$skip=100;$top=5)",
            "integration_queue_by_integration_id_tenant_id_id (integration_id=? AND tenant_id=?)",
        ),
        (
            ClientIntegrations,
            "$expand=IntegrationQueues",
            "integration_queue_by_client_integration_id_id (client_integration_id=?)",
        ),
        (
            ActionLogs,
            "$expand=IntegrationQueues",
            "integration_queue_of_run (action_log_id=?)",
        ),
        (
            Integrations,
            "$expand=ActionLogs",
            "action_log_by_integration_id_tenant_id_id (integration_id=? AND tenant_id=?)",
        ),
        (
            ClientIntegrations,
            "$expand=ActionLogs",
            "action_log_by_client_integration_id_id (client_integration_id=?)",
        ),
        (
            Actions,
            "$expand=ActionLogs",
            "action_log_by_action_id_tenant_id_id (action_id=? AND tenant_id=?)",
        ),
    ] {
        let text = integrations::odata::expand::sqlite_text(&store, set, options).await;
        expected.push((text, format!("SEARCH t USING INDEX {step}")));
    }
    let expected: Vec<_> = expected
        .iter()
        .map(|(sql, step)| (sql.as_str(), step.as_str()))
        .collect();
    check(&store, &expected).await;
    store.close().await.unwrap();
}
