//! Schedules: when something is due. Due times follow from the schedule alone, never from when the last run ended.

use std::sync::Arc;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// Shortest interval, in seconds.
pub const INTERVAL_SECONDS_MIN: u32 = 1;
/// Longest interval, in seconds (365 days).
pub const INTERVAL_SECONDS_MAX: u32 = 31_536_000;

/// When something is due. Kept in every actor, so it is small: 24 bytes, and a shared rule for cron.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Schedule {
    /// At `anchor + n * seconds`, n = 0, 1, 2, ...
    Every {
        /// Interval in seconds.
        seconds: u32,
        /// The first due time.
        anchor: Timestamp,
    },
    /// At the local times that a cron expression names in a time zone.
    Cron(Arc<CronRule>),
}

/// A cron expression with its time zone, checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CronRule {}

/// What to do about due times that passed while nothing was running.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Misfire {
    /// One run now, for everything that was missed.
    #[default]
    Latest,
    /// None: wait for the next due time.
    Skip,
    /// One run for each, up to a limit.
    All,
}

/// What to do when something is due while its run before is still going.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Overlap {
    /// Leave this one out, and record that.
    #[default]
    Skip,
    /// Run once more when the run ends.
    Once,
}
