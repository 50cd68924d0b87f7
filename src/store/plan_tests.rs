//! Tests that the statements which meet large tables find their rows by an index (SQLite's planner is asked).

use sea_orm::{ConnectionTrait, DbBackend, Statement};

use super::{Store, call_state, ledger, purge};
use crate::{clock::Clock, settings::Settings};

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
    let mut settings = Settings::base().unwrap();
    settings.database.url = format!("sqlite://{}/orrery.db?mode=rwc", directory.path().display());
    let store = Store::open(&settings.database, Clock::system()).await.unwrap();
    store.migrate().await.unwrap();
    let [find, update, ..] = ledger::sqlite_texts();
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
        (running, "USING INDEX run_running"),
        (history, "SEARCH run USING PRIMARY KEY (owner_id=? AND due_at<?)"),
        (
            transactions,
            "SEARCH transactions USING INDEX sqlite_autoindex_transactions_1 (tenant_id=? AND id<?)",
        ),
        (purge::RUNS, "SEARCH run USING INDEX run_by_id (id<?)"),
        (purge::RUNS, "SEARCH run USING INDEX run_by_id (id=?)"),
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
    ];
    let mut wrong = Vec::new();
    for (sql, step) in expected {
        let plan = plan(&store, sql).await;
        let whole = [
            "TEMP B-TREE",
            "SCAN t\n",
            "SCAN run\n",
            "SCAN transactions\n",
            "SCAN call_api_state\n",
        ];
        if !plan.contains(step) || whole.iter().any(|whole| format!("{plan}\n").contains(whole)) {
            wrong.push(format!("{sql}\nwanted: {step}\nfound:\n{plan}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
    store.close().await.unwrap();
}
