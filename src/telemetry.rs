//! What an engine counts, in a registry of its own: two engines in one process do not mix their numbers. `log` has its log lines, `upstreams` what is passed on.

pub mod background;
mod integrations;
pub mod log;
mod upstreams;
mod webhooks;

pub use integrations::IntegrationMetrics;
pub use upstreams::{Going, UpstreamMetrics};
pub use webhooks::WebhookMetrics;

use prometheus::{
    Encoder, Gauge, Histogram, HistogramOpts, HistogramVec, IntCounter, IntCounterVec, IntGauge, Opts, Registry,
    TextEncoder,
};

/// Buckets of request and script times, seconds.
const SECONDS: &[f64] = &[
    0.0001, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0,
];

/// The instruments of one engine. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Metrics {
    registry: Registry,
    /// HTTP requests by method, route and status.
    pub requests: IntCounterVec,
    /// How long requests took, by method and route, seconds.
    pub request_seconds: HistogramVec,
    /// Runs by outcome.
    pub runs: IntCounterVec,
    /// How long after its due time a run began, seconds.
    pub run_lateness_seconds: Histogram,
    /// Transactions created by runs.
    pub transactions_created: IntCounter,
    /// Transactions that existed already.
    pub transactions_duplicate: IntCounter,
    /// Entries that the ledger has committed.
    pub ledger_entries: IntCounter,
    /// Database transactions that committed them.
    pub ledger_batches: IntCounter,
    /// Entries that wait for the ledger.
    pub ledger_queue_entries: IntGauge,
    /// Script workers that were killed: deadlines and memory.
    pub script_workers_killed: IntCounter,
    /// Scripts that wait for a worker.
    pub script_queue_jobs: IntGauge,
    /// Runs that are going or wait for their turn.
    pub runs_going: IntGauge,
    /// How long scripts took, by kind (`url`, `body`, `response`), seconds.
    pub script_seconds: HistogramVec,
    /// Requests passed on to upstreams.
    pub upstreams: UpstreamMetrics,
    /// Notifications.
    pub webhooks: WebhookMetrics,
    /// Items of integrations.
    pub integrations: IntegrationMetrics,
    /// Requests in the background.
    pub background: background::Background,
    /// Actors alive.
    pub actors: IntGauge,
    /// 1 while the engine takes work, else 0.
    pub up: Gauge,
}

impl Metrics {
    /// A registry with all instruments at zero.
    ///
    /// # Errors
    /// Two instruments with one name, which is a mistake in this file.
    pub fn new() -> Result<Self, prometheus::Error> {
        let registry = Registry::new_custom(Some("orrery".to_owned()), None)?;
        let metrics = Self {
            requests: IntCounterVec::new(
                Opts::new("http_requests_total", "HTTP requests by method, route and status"),
                &["method", "route", "status"],
            )?,
            request_seconds: HistogramVec::new(
                seconds("http_request_seconds", "How long HTTP requests took"),
                &["method", "route"],
            )?,
            runs: IntCounterVec::new(Opts::new("runs_total", "Runs by outcome"), &["outcome"])?,
            run_lateness_seconds: Histogram::with_opts(seconds(
                "run_lateness_seconds",
                "How long after its due time a run began",
            ))?,
            transactions_created: IntCounter::new("transactions_created_total", "Transactions created by runs")?,
            transactions_duplicate: IntCounter::new(
                "transactions_duplicate_total",
                "Transactions that runs gave again although they existed",
            )?,
            ledger_entries: IntCounter::new("ledger_entries_total", "Entries that the ledger has committed")?,
            ledger_batches: IntCounter::new("ledger_batches_total", "Transactions that committed ledger entries")?,
            ledger_queue_entries: IntGauge::new("ledger_queue_entries", "Entries that wait for the ledger")?,
            script_workers_killed: IntCounter::new("script_workers_killed_total", "Script workers that were killed")?,
            script_queue_jobs: IntGauge::new("script_queue_jobs", "Scripts that wait for a worker")?,
            runs_going: IntGauge::new("runs_going", "Runs that are going or wait for their turn")?,
            script_seconds: HistogramVec::new(seconds("script_seconds", "How long scripts took"), &["kind"])?,
            upstreams: UpstreamMetrics::new(&registry)?,
            webhooks: WebhookMetrics::new(&registry)?,
            integrations: IntegrationMetrics::new(&registry)?,
            background: background::Background::new(&registry)?,
            actors: IntGauge::new("actors", "Actors alive")?,
            up: Gauge::new("up", "1 while the engine takes work")?,
            registry,
        };
        metrics.register()?;
        Ok(metrics)
    }

    /// The registry, for parts that bring instruments of their own.
    #[must_use]
    pub fn registry(&self) -> &Registry {
        &self.registry
    }

    /// Everything in Prometheus' text form.
    ///
    /// # Errors
    /// An instrument that cannot be written, which none of ours is.
    pub fn to_text(&self) -> Result<String, prometheus::Error> {
        let mut text = Vec::new();
        TextEncoder::new().encode(&self.registry.gather(), &mut text)?;
        Ok(String::from_utf8_lossy(&text).into_owned())
    }

    fn register(&self) -> Result<(), prometheus::Error> {
        let instruments: [Box<dyn prometheus::core::Collector>; 15] = [
            Box::new(self.requests.clone()),
            Box::new(self.request_seconds.clone()),
            Box::new(self.runs.clone()),
            Box::new(self.run_lateness_seconds.clone()),
            Box::new(self.transactions_created.clone()),
            Box::new(self.transactions_duplicate.clone()),
            Box::new(self.ledger_entries.clone()),
            Box::new(self.ledger_batches.clone()),
            Box::new(self.ledger_queue_entries.clone()),
            Box::new(self.script_workers_killed.clone()),
            Box::new(self.script_queue_jobs.clone()),
            Box::new(self.runs_going.clone()),
            Box::new(self.script_seconds.clone()),
            Box::new(self.actors.clone()),
            Box::new(self.up.clone()),
        ];
        instruments
            .into_iter()
            .try_for_each(|instrument| self.registry.register(instrument))
    }
}

fn seconds(name: &str, help: &str) -> HistogramOpts {
    HistogramOpts::new(name, help).buckets(SECONDS.to_vec())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_engines_count_apart() {
        let (one, other) = (Metrics::new().unwrap(), Metrics::new().unwrap());
        one.runs.with_label_values(&["created"]).inc();
        assert!(
            one.to_text()
                .unwrap()
                .contains(r#"orrery_runs_total{outcome="created"} 1"#)
        );
        assert!(!other.to_text().unwrap().contains("orrery_runs_total{"));
    }
}
