//! What is counted of items of integrations.

use prometheus::{IntCounterVec, Opts, Registry};

use crate::domain::integration::QueueState;

/// The instruments. Cheap to clone.
#[derive(Clone, Debug)]
pub struct IntegrationMetrics {
    attempts: IntCounterVec,
}

impl IntegrationMetrics {
    pub(super) fn new(registry: &Registry) -> Result<Self, prometheus::Error> {
        let metrics = Self {
            attempts: IntCounterVec::new(
                Opts::new(
                    "integration_attempts_total",
                    "Attempts of items of integrations by where the item stood after it",
                ),
                &["state"],
            )?,
        };
        registry.register(Box::new(metrics.attempts.clone()))?;
        Ok(metrics)
    }

    /// Counts an attempt after which an item stands so.
    pub fn settled(&self, state: QueueState) {
        self.attempts.with_label_values(&[state.as_str()]).inc();
    }
}
