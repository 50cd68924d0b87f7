//! S7: 1,000,000 transactions and a filter that few of them meet: how long a whole selection for an integration takes, and what memory.

use std::{
    fs,
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::{Context, Result};
use jiff::Timestamp;
use orrery::{
    clock::Clock,
    domain::{expression::linq, ids::TenantId, integration::admit::Again},
    settings::Settings,
    store::{Store, integrations::SelectRows},
};
use sea_orm::{ConnectOptions, ConnectionTrait, Database};
use uuid::Uuid;

use crate::{
    engine::Template,
    table::{Bar, Integrity, Row},
};

/// The database decides on all rows.
const BY_DATABASE: &str = r#"Status == "ready" and Amount > 9990 and Customer.Country in ("NO", "SE")"#;
/// It looks only for what may be a time, and leaves the rest to the engine.
const BY_BOTH: &str = r#"Due < DateTime.UtcNow.AddDays(-7) and Amount > 9990 and Customer.Country in ("NO", "SE")"#;
const TENANT: u128 = 1;

/// Measures with so many rows.
pub async fn measure(template: &Template, rows: u32) -> Result<Vec<Row>> {
    let home = template.home("s7")?;
    let mut settings = Settings::base()?;
    settings.database.url = home.database_url();
    let store = Store::open(&settings.database, Clock::system()).await?;
    store.migrate().await?;
    eprintln!("bench: s7: writing {rows} transactions");
    seed(&settings.database.url, rows).await?;
    let thousands = rows / 1_000;
    let mut table = Vec::new();
    for (what, filter) in [
        ("filter of columns and JSON", BY_DATABASE),
        ("with a time in JSON", BY_BOTH),
    ] {
        let done = select(&store, filter).await?;
        // One of ten has a country that is wanted, and 10 of 10,000 an amount.
        let expected = u64::from(rows / 1_000 / 10);
        let integrity = Integrity {
            lost: expected.saturating_sub(done.found),
            duplicates: done.found.saturating_sub(expected),
        };
        let name = format!("{thousands}k transactions, {what}: whole selection");
        table.push(Row::new("S7", name, done.whole.as_secs_f64(), "s", Bar::AtMost(60.0)).with(integrity));
        let slowest = done.slowest.as_secs_f64() * 1_000.0;
        table.push(Row::new(
            "S7",
            format!("{what}: slowest page"),
            slowest,
            "ms",
            Bar::None,
        ));
        table.push(Row::new(
            "S7",
            format!("{what}: memory more than before"),
            done.mib,
            "MiB",
            Bar::AtMost(32.0),
        ));
    }
    store.close().await?;
    Ok(table)
}

struct Done {
    found: u64,
    whole: Duration,
    slowest: Duration,
    mib: f64,
}

async fn select(store: &Store, filter: &str) -> Result<Done> {
    let filter = linq::parse(filter).map_err(|problem| anyhow::anyhow!("{problem:?}"))?;
    let mut wanted = SelectRows {
        tenant: TenantId::from(Uuid::from_u128(TENANT)),
        client_integration: 1.into(),
        entity: "Transaction".to_owned(),
        filter: Some(Arc::new(filter)),
        again: Again::Never,
        after: None,
        limit: 500,
        now: Timestamp::now(),
    };
    // From now on the peak is counted anew.
    fs::write("/proc/self/clear_refs", "5")?;
    let before = mib("VmRSS:")?;
    let begun = Instant::now();
    let (mut found, mut slowest) = (0, Duration::ZERO);
    loop {
        let page_begun = Instant::now();
        let page = store.select_rows(wanted.clone()).await?;
        slowest = slowest.max(page_begun.elapsed());
        found += page.rows.len() as u64;
        wanted.after = page.next;
        if wanted.after.is_none() {
            break;
        }
    }
    Ok(Done {
        found,
        whole: begun.elapsed(),
        slowest,
        mib: mib("VmHWM:")? - before,
    })
}

fn mib(name: &str) -> Result<f64> {
    let status = fs::read_to_string("/proc/self/status")?;
    let line = status
        .lines()
        .find(|line| line.starts_with(name))
        .context("no such line")?;
    let kib: f64 = line.split_whitespace().nth(1).context("no number")?.parse()?;
    Ok(kib / 1_024.0)
}

async fn seed(url: &str, rows: u32) -> Result<()> {
    let mut options = ConnectOptions::new(url);
    options.max_connections(1).sqlx_logging(false);
    let db = Database::connect(options).await?;
    let tenant = format!("x'{TENANT:032x}'");
    let insert = format!(
        "INSERT INTO transactions (tenant_id, id, owner_id, identifier, status, data, created_at, version) \
         WITH RECURSIVE s(n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM s WHERE n < {rows} - 1) \
         SELECT {tenant}, unhex(printf('%032x', n + 1)), {tenant}, 'T-' || n, 1, \
         json_object('Amount', (n / 10) % 10000 + 0.5, 'Due', '2026-01-01T00:00:00Z', 'Reference', printf('%0400d', n), \
         'Customer', json_object('Name', 'Customer ' || n, 'Country', CASE n % 10 WHEN 0 THEN 'NO' ELSE 'DK' END)), n, 1 FROM s"
    );
    db.execute_unprepared(&insert).await?;
    db.execute_unprepared("PRAGMA wal_checkpoint(TRUNCATE)").await?;
    db.close().await?;
    Ok(())
}
