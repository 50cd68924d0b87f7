//! What is counted of notifications.

use std::time::Duration;

use prometheus::{Gauge, Histogram, HistogramOpts, IntCounterVec, IntGauge, Opts, Registry};

/// Buckets of the times that attempts take, seconds.
const SECONDS: &[f64] = &[
    0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 15.0, 60.0, 300.0,
];

/// The instruments. Cheap to clone.
#[derive(Clone, Debug)]
pub struct WebhookMetrics {
    attempts: IntCounterVec,
    seconds: Histogram,
    pending: IntGauge,
    oldest_seconds: Gauge,
}

impl WebhookMetrics {
    pub(super) fn new(registry: &Registry) -> Result<Self, prometheus::Error> {
        let metrics = Self {
            attempts: IntCounterVec::new(
                Opts::new("webhook_attempts_total", "Attempts of notifications by result"),
                &["result"],
            )?,
            seconds: Histogram::with_opts(
                HistogramOpts::new("webhook_attempt_seconds", "How long attempts of notifications took")
                    .buckets(SECONDS.to_vec()),
            )?,
            pending: IntGauge::new("webhook_pending", "Notifications that are not delivered yet")?,
            oldest_seconds: Gauge::new(
                "webhook_oldest_seconds",
                "Age of the oldest notification that is not delivered yet",
            )?,
        };
        registry.register(Box::new(metrics.attempts.clone()))?;
        registry.register(Box::new(metrics.seconds.clone()))?;
        registry.register(Box::new(metrics.pending.clone()))?;
        registry.register(Box::new(metrics.oldest_seconds.clone()))?;
        Ok(metrics)
    }

    /// Counts an attempt; `result` is `delivered`, `retry`, `failed` or `gone`.
    pub fn attempted(&self, result: &str, took: Duration) {
        self.attempts.with_label_values(&[result]).inc();
        self.seconds.observe(took.as_secs_f64());
    }

    /// What waits, and how long the oldest of it has.
    pub fn set_backlog(&self, pending: u64, oldest: Duration) {
        self.pending.set(i64::try_from(pending).unwrap_or(i64::MAX));
        self.oldest_seconds.set(oldest.as_secs_f64());
    }
}
