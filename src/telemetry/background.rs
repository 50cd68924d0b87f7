//! The instruments of requests that are executed in the background.

use prometheus::{Gauge, Histogram, IntCounterVec, IntGauge, Opts, Registry};

use super::seconds;

/// See the module. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Background {
    /// Requests that wait for their turn.
    pub waiting: IntGauge,
    /// Requests that execute.
    pub executing: IntGauge,
    /// For how long the oldest has waited, seconds.
    pub oldest_seconds: Gauge,
    /// How long requests waited, seconds.
    pub wait_seconds: Histogram,
    /// How long requests took, from their claim to their answer, seconds.
    pub seconds: Histogram,
    /// Requests that ended, by status.
    pub ended: IntCounterVec,
}

impl Background {
    /// All at zero.
    ///
    /// # Errors
    /// Two instruments with one name, which is a mistake in this file.
    pub fn new(registry: &Registry) -> Result<Self, prometheus::Error> {
        let instruments = Self {
            waiting: IntGauge::new("background_waiting", "Background requests that wait for their turn")?,
            executing: IntGauge::new("background_executing", "Background requests that execute")?,
            oldest_seconds: Gauge::new(
                "background_oldest_seconds",
                "For how long the oldest background request has waited",
            )?,
            wait_seconds: Histogram::with_opts(seconds(
                "background_wait_seconds",
                "How long background requests waited for their turn",
            ))?,
            seconds: Histogram::with_opts(seconds("background_seconds", "How long background requests took"))?,
            ended: IntCounterVec::new(
                Opts::new("background_ended_total", "Background requests that ended, by status"),
                &["status"],
            )?,
        };
        let all: [Box<dyn prometheus::core::Collector>; 6] = [
            Box::new(instruments.waiting.clone()),
            Box::new(instruments.executing.clone()),
            Box::new(instruments.oldest_seconds.clone()),
            Box::new(instruments.wait_seconds.clone()),
            Box::new(instruments.seconds.clone()),
            Box::new(instruments.ended.clone()),
        ];
        all.into_iter()
            .try_for_each(|instrument| registry.register(instrument))?;
        Ok(instruments)
    }
}
