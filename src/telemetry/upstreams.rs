//! What is counted of requests that are passed on to upstreams, by the upstream's prefix.

use prometheus::{HistogramOpts, HistogramVec, IntCounterVec, IntGauge, IntGaugeVec, Opts, Registry};

/// Buckets of the times until the head of an answer, seconds.
const SECONDS: &[f64] = &[
    0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0, 30.0, 60.0, 300.0,
];

/// The instruments. Cheap to clone.
#[derive(Clone, Debug)]
pub struct UpstreamMetrics {
    requests: IntCounterVec,
    seconds: HistogramVec,
    going: IntGaugeVec,
}

/// Counts a request as going for as long as it lives.
#[derive(Debug)]
pub struct Going(IntGauge);

impl UpstreamMetrics {
    pub(super) fn new(registry: &Registry) -> Result<Self, prometheus::Error> {
        let metrics = Self {
            requests: IntCounterVec::new(
                Opts::new(
                    "upstream_requests_total",
                    "Requests passed on to upstreams, by the upstream's prefix and the status of the answer",
                ),
                &["upstream", "status"],
            )?,
            seconds: HistogramVec::new(
                HistogramOpts::new("upstream_seconds", "Time until the head of an upstream's answer")
                    .buckets(SECONDS.to_vec()),
                &["upstream"],
            )?,
            going: IntGaugeVec::new(
                Opts::new(
                    "upstream_requests_going",
                    "Requests to upstreams whose answer has not ended",
                ),
                &["upstream"],
            )?,
        };
        registry.register(Box::new(metrics.requests.clone()))?;
        registry.register(Box::new(metrics.seconds.clone()))?;
        registry.register(Box::new(metrics.going.clone()))?;
        Ok(metrics)
    }

    /// Counts a request in, until what is given back is dropped.
    #[must_use]
    pub fn going(&self, prefix: &str) -> Going {
        let gauge = self.going.with_label_values(&[prefix]);
        gauge.inc();
        Going(gauge)
    }

    /// Counts an answer, be it the upstream's or ours in its place.
    pub fn answered(&self, prefix: &str, status: u16, seconds: f64) {
        self.requests.with_label_values(&[prefix, &status.to_string()]).inc();
        self.seconds.with_label_values(&[prefix]).observe(seconds);
    }
}

impl Drop for Going {
    fn drop(&mut self) {
        self.0.dec();
    }
}
