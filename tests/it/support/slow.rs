//! A table that takes for ever to be read: a view in its place.

use sea_orm::{ConnectionTrait, DatabaseBackend, DatabaseConnection};

/// Whoever reads the table waits for ever.
pub async fn slow_down(database: &DatabaseConnection, table: &str) {
    let select = match database.get_database_backend() {
        DatabaseBackend::Sqlite => {
            "SELECT h.* FROM hidden h WHERE (WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n WHERE x < 1000000000000) \
             SELECT count(*) FROM n) > 0"
        }
        _ => "SELECT h.* FROM hidden h, pg_sleep(600)",
    };
    run(database, format!("ALTER TABLE {table} RENAME TO hidden")).await;
    run(database, format!("CREATE VIEW {table} AS {select}")).await;
}

/// As it was.
pub async fn as_before(database: &DatabaseConnection, table: &str) {
    run(database, format!("DROP VIEW {table}")).await;
    run(database, format!("ALTER TABLE hidden RENAME TO {table}")).await;
}

async fn run(database: &DatabaseConnection, sql: String) {
    database.execute_unprepared(&sql).await.unwrap();
}
