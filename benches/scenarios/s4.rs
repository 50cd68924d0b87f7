//! S4: how many background requests are accepted a second, each on disk before its 202, and how fast a queue is worked off.
//!
//! Accepting is measured while a request to an upstream that never answers holds the one worker, so that the queue only
//! grows. Then the engine is killed with -9, started with its default workers, and works the queue off: 20,000 times
//! `GET /api/v1/me` for 64 users, each with its rights checked. Accepting while the queue is worked off is told besides.

use std::{
    collections::HashSet,
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use anyhow::{Context, Result, ensure};
use sea_orm::{ConnectionTrait, Database, DatabaseConnection, DbBackend, QueryResult, Statement};
use tokio::net::TcpListener;
use uuid::Uuid;

use crate::{
    client::{self, Client},
    engine::{Running, Template},
    machine,
    table::{Bar, Integrity, Row},
};

const CLIENTS: usize = 64;
/// Of one token there may be more a second than the default allows.
const UNLIMITED: &str = "[gateway]\nrate_per_second = 1_000_000\nrate_burst = 1_000_000\n";
const LOOK_EVERY: Duration = Duration::from_millis(100);
const DONE_WITHIN: Duration = Duration::from_secs(120);

/// What the clients saw.
struct Accepted {
    ids: Vec<Uuid>,
    per_second: f64,
    /// Sorted, milliseconds.
    times_ms: Vec<f64>,
    /// Of the engine for one request, milliseconds.
    cpu_ms: f64,
}

/// What the table says.
struct Drained {
    per_second: f64,
    integrity: Integrity,
}

/// Measures with `jobs` requests.
pub async fn measure(template: &Template, jobs: usize) -> Result<Vec<Row>> {
    let home = template.home("s4")?;
    // Never accepts: who connects waits.
    let silent = TcpListener::bind("127.0.0.1:0").await?;
    let hold = format!(
        "{UNLIMITED}[background]\nworkers = 1\n[[upstreams]]\nprefix = \"/silent\"\ntarget = \"http://{}\"\n",
        silent.local_addr()?
    );
    home.set(&hold)?;
    let mut running = home.start()?;
    let tokens = client::users(running.address, CLIENTS).await?;
    let holder = hold_the_worker(running.address).await?;
    let accepted = accept(&running, &tokens, jobs).await?;
    running.kill();

    home.unset()?;
    home.set(UNLIMITED)?;
    let running = home.start()?;
    let database = Database::connect(home.database_url()).await?;
    let drained = drained(&database, &accepted.ids, holder).await?;
    let mixed = accept(&running, &tokens, jobs / 2).await?;
    let mixed_drained = drained_after(&database, &accepted.ids, &mixed.ids, holder).await?;
    database.close().await?;
    running.stop()?;
    let row = |what: &str, value, unit, bar| Row::new("S4", what, value, unit, bar);
    Ok(vec![
        row(
            "64 clients: durable 202s",
            accepted.per_second,
            "/s",
            Bar::AtLeast(5_000.0),
        )
        .with(drained.integrity),
        row(
            "64 clients: 202 p50",
            machine::quantile(&accepted.times_ms, 0.5),
            "ms",
            Bar::None,
        ),
        row(
            "64 clients: 202 p99",
            machine::quantile(&accepted.times_ms, 0.99),
            "ms",
            Bar::AtMost(25.0),
        ),
        row("CPU per 202", accepted.cpu_ms, "ms", Bar::None),
        row(
            "drain of no-op jobs after kill -9",
            drained.per_second,
            "jobs/s",
            Bar::AtLeast(5_000.0),
        ),
        row("while it drains: durable 202s", mixed.per_second, "/s", Bar::None).with(mixed_drained),
        row(
            "while it drains: 202 p99",
            machine::quantile(&mixed.times_ms, 0.99),
            "ms",
            Bar::None,
        ),
    ])
}

/// Sends the request that keeps the worker busy. It is a POST, so that the next start does not send it again.
async fn hold_the_worker(address: SocketAddr) -> Result<Uuid> {
    let admin = client::admin(address).await?;
    let mut client = Client::connect(address).await?;
    let (status, body) = client
        .exchange(&client::in_background("POST", "/silent/for-ever", &admin))
        .await?;
    let id = client::id_of(status, &body)?;
    let path = format!("/api/v1/background/{id}");
    let look = client::get(&path, &admin);
    loop {
        let (_, body) = client.exchange(&look).await?;
        let state: serde_json::Value = serde_json::from_slice(&body)?;
        if client::text(&state, "status")? == "Started" {
            return Ok(id);
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
}

/// Every client sends one after the other until all are accepted.
async fn accept(running: &Running, tokens: &[String], jobs: usize) -> Result<Accepted> {
    let left = Arc::new(AtomicUsize::new(jobs));
    let cpu_before = machine::cpu_ms(running.pid())?;
    let begun = Instant::now();
    let mut clients = tokio::task::JoinSet::new();
    for token in tokens {
        let request = client::in_background("GET", "/api/v1/me", token);
        let (left, address) = (left.clone(), running.address);
        clients.spawn(async move {
            let mut client = Client::connect(address).await?;
            let mut seen = Vec::new();
            let take = |left: usize| left.checked_sub(1);
            while left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, take).is_ok() {
                let sent = Instant::now();
                let (status, body) = client.exchange(&request).await?;
                let took = sent.elapsed();
                seen.push((client::id_of(status, &body)?, took.as_secs_f64() * 1_000.0));
            }
            anyhow::Ok(seen)
        });
    }
    let (mut ids, mut times_ms) = (Vec::with_capacity(jobs), Vec::with_capacity(jobs));
    while let Some(seen) = clients.join_next().await {
        let (of_client, times): (Vec<_>, Vec<_>) = seen??.into_iter().unzip();
        ids.extend(of_client);
        times_ms.extend(times);
    }
    let seconds = begun.elapsed().as_secs_f64();
    let cpu_ms = (machine::cpu_ms(running.pid())? - cpu_before) / jobs as f64;
    times_ms.sort_by(f64::total_cmp);
    let per_second = jobs as f64 / seconds;
    eprintln!("bench: s4: {per_second:.0} accepted/s, {cpu_ms:.3} ms CPU each");
    Ok(Accepted {
        ids,
        per_second,
        times_ms,
        cpu_ms,
    })
}

/// Waits for the end of all, and counts what became of those that were acknowledged.
async fn drained(database: &DatabaseConnection, ids: &[Uuid], holder: Uuid) -> Result<Drained> {
    until_all_ended(database).await?;
    let rows = rows(
        database,
        "SELECT min(started_at) AS a, max(finished_at) AS b FROM background_request WHERE method = 'GET'",
    )
    .await?;
    let span = rows.first().context("no rows")?;
    let (from, to): (i64, i64) = (span.try_get("", "a")?, span.try_get("", "b")?);
    let per_second = ids.len() as f64 / ((to - from) as f64 / 1e6);
    eprintln!("bench: s4: {per_second:.0} jobs/s worked off");
    Ok(Drained {
        per_second,
        integrity: integrity(database, ids, &[], holder).await?,
    })
}

async fn drained_after(
    database: &DatabaseConnection,
    before: &[Uuid],
    ids: &[Uuid],
    holder: Uuid,
) -> Result<Integrity> {
    until_all_ended(database).await?;
    integrity(database, ids, before, holder).await
}

async fn until_all_ended(database: &DatabaseConnection) -> Result<()> {
    let begun = Instant::now();
    loop {
        let open = rows(
            database,
            "SELECT count(*) AS n FROM background_request WHERE status IN (0, 1)",
        )
        .await?;
        let open: i64 = open.first().context("no count")?.try_get("", "n")?;
        if open == 0 {
            return Ok(());
        }
        ensure!(begun.elapsed() < DONE_WITHIN, "{open} requests have not ended");
        tokio::time::sleep(LOOK_EVERY).await;
    }
}

/// Lost: acknowledged, but not finished with 200. Duplicates: rows that nobody was told of, and jobs that began twice.
async fn integrity(database: &DatabaseConnection, ids: &[Uuid], known: &[Uuid], holder: Uuid) -> Result<Integrity> {
    let acknowledged: HashSet<&Uuid> = ids.iter().collect();
    let known: HashSet<&Uuid> = known.iter().chain([&holder]).collect();
    let mut found = Integrity {
        lost: acknowledged.len() as u64,
        duplicates: 0,
    };
    let all = "SELECT id, status, status_code, attempts FROM background_request";
    for row in rows(database, all).await? {
        let id: Uuid = row.try_get("", "id")?;
        if acknowledged.contains(&id) {
            let status: i16 = row.try_get("", "status")?;
            let code: i32 = row.try_get("", "status_code")?;
            found.lost -= u64::from(status == 2 && code == 200);
            found.duplicates += u64::from(row.try_get::<i32>("", "attempts")? != 1);
        } else if !known.contains(&id) {
            found.duplicates += 1;
        }
    }
    Ok(found)
}

async fn rows(database: &DatabaseConnection, sql: &str) -> Result<Vec<QueryResult>> {
    let statement = Statement::from_string(DbBackend::Sqlite, sql);
    Ok(database.query_all_raw(statement).await?)
}
