//! One measurement under load: N calls with an interval of a second against the upstream, from a fresh database to its count.

use std::time::Duration;

use anyhow::Result;
use jiff::{SignedDuration, Timestamp};

use crate::{
    database::{self, Seed, Written},
    engine::Template,
    machine,
    table::{Bar, Integrity, Row},
    upstream::Upstream,
};

/// Between the start of the seeding and the first due time.
const LEAD_SECONDS: i64 = 3;

/// What was measured.
pub struct Step {
    /// Calls, and so due runs a second.
    pub calls: u32,
    /// How long was measured.
    pub seconds: f64,
    pub written: Written,
    pub integrity: Integrity,
    /// User and system time of the engine and its script workers while it was measured, milliseconds.
    pub cpu_ms: f64,
    /// Memory at the end, MiB.
    pub pss_mib: f64,
}

/// Measures with `calls` calls; their due times are spread evenly over the second.
pub async fn step(template: &Template, name: &str, calls: u32, warm_up: Duration, whole: Duration) -> Result<Step> {
    let home = template.home(name)?;
    let upstream = Upstream::start(calls)?;
    let lead = LEAD_SECONDS + i64::from(calls / 20_000);
    let first_due_at = Timestamp::from_second(Timestamp::now().as_second() + lead)?;
    let seed = Seed {
        calls,
        interval_seconds: 1,
        first_due_at,
        spread: SignedDuration::from_secs(1),
    };
    let url = home.database_url();
    let ids = database::seed(&url, &seed, |call| upstream.url(call)).await?;
    let running = home.start()?;
    let from = first_due_at.checked_add(warm_up)?;
    let to = from.checked_add(whole)?;
    until(from).await;
    let cpu_before = machine::cpu_ms(running.pid())?;
    until(to).await;
    let usage = machine::usage(running.pid())?;
    running.stop()?;
    let served = upstream.served();
    drop(upstream);
    let step = Step {
        calls,
        seconds: whole.as_secs_f64(),
        written: database::written(&url, from, to).await?,
        integrity: database::integrity(&url, &ids, &served).await?,
        cpu_ms: usage.cpu_ms - cpu_before,
        pss_mib: usage.pss_mib,
    };
    eprintln!("bench: {name}: {}", step.line());
    Ok(step)
}

impl Step {
    /// The part of the due runs that was done.
    pub fn done(&self) -> f64 {
        self.written.late_us.len() as f64 / (f64::from(self.calls) * self.seconds)
    }

    /// A part of the lateness, milliseconds.
    pub fn late_ms(&self, part: f64) -> f64 {
        machine::quantile(&self.written.late_us, part) as f64 / 1_000.0
    }

    pub fn cpu_ms_per_run(&self) -> f64 {
        self.cpu_ms / (self.written.ended as f64).max(1.0)
    }

    /// Due runs of the measurement that were done. (What ended in it may be more: what a slow warm-up left over.)
    pub fn runs_per_second(&self) -> f64 {
        self.written.late_us.len() as f64 / self.seconds
    }

    /// As S1 asks.
    pub fn keeps_up(&self) -> bool {
        self.done() >= 0.99 && self.late_ms(0.99) < 1_000.0
    }

    /// In one row, where it is not a scenario's own.
    pub fn row(&self, scenario: &'static str) -> Row {
        Row::new(scenario, self.line(), self.runs_per_second(), "runs/s", Bar::None).with(self.integrity)
    }

    /// In one line.
    pub fn line(&self) -> String {
        let outcomes: Vec<String> = self
            .written
            .outcomes
            .iter()
            .map(|(word, count)| format!("{word} {count}"))
            .collect();
        format!(
            "{} calls: {:.0} runs/s, {:.1} % done, late p50 {:.2} ms, p99 {:.2} ms, {:.3} ms CPU a run, core {:.0} %, {:.0} MiB; \
             lost {}, duplicates {}, drifted {}; {}",
            self.calls,
            self.runs_per_second(),
            self.done() * 100.0,
            self.late_ms(0.5),
            self.late_ms(0.99),
            self.cpu_ms_per_run(),
            self.cpu_ms / self.seconds / 10.0,
            self.pss_mib,
            self.integrity.lost,
            self.integrity.duplicates,
            self.written.drifted,
            outcomes.join(", "),
        )
    }
}

async fn until(at: Timestamp) {
    let left = at.duration_since(Timestamp::now());
    tokio::time::sleep(Duration::try_from(left).unwrap_or_default()).await;
}
