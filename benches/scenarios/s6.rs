//! S6: a script that maps 20 rows, through the pool and a warm worker, both on the engine's core.

use std::{
    path::Path,
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, bail, ensure};
use futures_util::{StreamExt, stream::FuturesUnordered};
use orrery::script::{Context, Job, Kind, PoolSettings, RequestInfo, ResponseInfo, ScriptPool, Value, WorkerCommand};
use serde::{Deserialize, Serialize};

use crate::{
    ENGINE_CORE, machine,
    table::{Bar, Integrity, Row},
};

const ROWS: usize = 20;
const IN_FLIGHT: usize = 64;
const SCRIPT: &str = "return response.json.items.map(item => ({
  identifier: item.id,
  customerName: item.customer.toUpperCase(),
  amount: item.amount * 1.25,
  currency: item.currency,
  lineCount: item.lines.length,
}));";

#[derive(Serialize, Deserialize)]
struct Figures {
    p50_us: f64,
    p99_us: f64,
    runs_per_second: f64,
    bytes: usize,
}

/// Measures in a process of its own.
pub fn measure(engine: &Path, quick: bool) -> Result<Vec<Row>> {
    let mut command = machine::pinned(&std::env::current_exe()?, ENGINE_CORE);
    command.arg("--s6-on-this-core").arg("--engine").arg(engine);
    if quick {
        command.arg("--quick");
    }
    let output = command.stderr(std::process::Stdio::inherit()).output()?;
    ensure!(output.status.success(), "S6 ended with {}", output.status);
    let figures: Figures = serde_json::from_slice(&output.stdout).context("the figures of S6")?;
    let what = format!("20-row map ({} bytes), one at a time: p50", figures.bytes);
    // A wrong answer ends the measurement, so there is none here.
    let none_lost = Integrity::default();
    Ok(vec![
        Row::new("S6", what, figures.p50_us, "us", Bar::AtMost(100.0)).with(none_lost),
        Row::new("S6", "20-row map, one at a time: p99", figures.p99_us, "us", Bar::None),
        Row::new(
            "S6",
            "20-row map, 64 in flight",
            figures.runs_per_second,
            "runs/s",
            Bar::None,
        ),
    ])
}

/// The part that runs on the engine's core; prints its figures as JSON.
pub fn on_this_core(engine: &Path, quick: bool) -> Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let figures = runtime.block_on(figures(engine, quick))?;
    println!("{}", serde_json::to_string(&figures)?);
    Ok(())
}

async fn figures(engine: &Path, quick: bool) -> Result<Figures> {
    let pool = ScriptPool::start(PoolSettings {
        workers: 1,
        worker_command: WorkerCommand {
            program: Some(engine.to_owned()),
            ..WorkerCommand::default()
        },
        ..PoolSettings::default()
    })?;
    let job = job();
    let (warm_up, runs) = if quick { (500, 2_000) } else { (5_000, 20_000) };
    for _ in 0..warm_up {
        one(&pool, job.clone()).await?;
    }
    let mut times_us = Vec::with_capacity(runs);
    for _ in 0..runs {
        let begun = Instant::now();
        one(&pool, job.clone()).await?;
        times_us.push(begun.elapsed().as_secs_f64() * 1e6);
    }
    times_us.sort_by(f64::total_cmp);
    let span = Duration::from_secs(if quick { 1 } else { 5 });
    let begun = Instant::now();
    let mut flying: FuturesUnordered<_> = (0..IN_FLIGHT).map(|_| one(&pool, job.clone())).collect();
    let mut ended = 0_u64;
    while let Some(result) = flying.next().await {
        result?;
        if begun.elapsed() >= span {
            break;
        }
        ended += 1;
        flying.push(one(&pool, job.clone()));
    }
    let runs_per_second = ended as f64 / begun.elapsed().as_secs_f64();
    drop(flying);
    pool.shutdown().await;
    Ok(Figures {
        p50_us: machine::quantile(&times_us, 0.5),
        p99_us: machine::quantile(&times_us, 0.99),
        runs_per_second,
        bytes: job.context.response.map_or(0, |response| response.body.len()),
    })
}

async fn one(pool: &ScriptPool, job: Job) -> Result<()> {
    match pool.run(job).await?.value {
        Value::Transactions { items, .. } if items.len() == ROWS => Ok(()),
        other => bail!("20 transactions were expected, not {other:?}"),
    }
}

fn job() -> Job {
    let items: Vec<_> = (0..ROWS)
        .map(|row| {
            serde_json::json!({
                "id": format!("order-{row}"),
                "customer": format!("Northern Lights Trading {row}"),
                "amount": row as f64 + 0.25,
                "currency": "NOK",
                "lines": [{ "article": "A-1", "count": 2 }, { "article": "B-2", "count": 1 }],
            })
        })
        .collect();
    let body = serde_json::json!({ "items": items }).to_string();
    let response = ResponseInfo {
        status_code: 200,
        headers: vec![("content-type".to_owned(), "application/json".to_owned())],
        body: body.into(),
    };
    Job {
        kind: Kind::Response,
        name: Arc::from(Kind::Response.script_name()),
        source: Arc::from(SCRIPT),
        context: Context {
            call_id: "019a0000-0000-7000-8000-000000000000".to_owned(),
            call_name: "orders".to_owned(),
            run_count: 7,
            due_at: "2026-11-22T03:00:00Z".to_owned(),
            now: "2026-11-22T03:00:00Z".to_owned(),
            request: Some(RequestInfo {
                method: "GET".to_owned(),
                url: "https://example.com/orders".to_owned(),
            }),
            response: Some(response),
            ..Context::default()
        },
        wall_ms: None,
    }
}
