//! What an actor shows of itself: one small struct that the inspection endpoints, the console and the tests share.

use std::sync::atomic::{AtomicI64, AtomicU8, AtomicU32, AtomicU64, Ordering};

use jiff::Timestamp;
use serde::Serialize;
use uuid::Uuid;

use crate::domain::{call_state::Phase, ids::TenantId};

/// The kind of the actors that run scheduled calls.
pub const KIND_CALL_API: &str = "call_api";
/// The kind of the supervisor.
pub const KIND_REGISTRY: &str = "registry";
/// The kind of the actor that executes requests in the background; an engine has one.
pub const KIND_BACKGROUND: &str = "background";
/// The kind of the actor that sends notifications; an engine has one.
pub const KIND_DELIVERY: &str = "delivery";

/// The kind of the actors that keep a connection's token, circuit and places; a family.
pub const KIND_CONNECTION: &str = "connection";
/// The kind of the actors that run automations; a family.
pub const KIND_AUTOMATION: &str = "automation";
/// The kind of the actors that run what clients make of integrations; a family.
pub const KIND_CLIENT_INTEGRATION: &str = "client_integration";

/// Where an actor of a kind that an engine has one of stands in lists: before all others, the registry first.
#[must_use]
pub fn list_key(kind: &str, id: Uuid) -> Uuid {
    match kind {
        KIND_REGISTRY => Uuid::nil(),
        KIND_BACKGROUND => Uuid::from_u128(1),
        KIND_DELIVERY => Uuid::from_u128(2),
        _ => id,
    }
}

/// One actor, now.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Observed {
    /// `call_api`, `connection`, `automation`, `client_integration`, `registry`, `background`, `delivery`.
    pub kind: &'static str,
    /// The id of what it acts for.
    pub id: Uuid,
    /// Whose it is; none of an actor that works for all tenants.
    #[serde(skip)]
    pub tenant_id: Option<TenantId>,
    /// Its name, where it has one.
    pub name: String,
    /// `idle`, `waiting`, `running`, `stopping`, `stopped`; automations also `suspended`, `paused`; connections `active`,
    /// `held`, `needs_reauthorisation`, `error`.
    pub phase: &'static str,
    /// Since when it is in this phase.
    pub since: Timestamp,
    /// When its next run is due.
    pub next_due_at: Option<Timestamp>,
    /// The run that is going.
    pub current: Option<CurrentRun>,
    /// The run before.
    pub last_run: Option<LastRun>,
    /// How often it was started again after a panic.
    pub restarts: u32,
    /// How its last instance ended, if it was restarted.
    pub last_exit: Option<String>,
    /// Generation of its timer.
    pub generation: u32,
    /// On which arbiter it lives.
    pub arbiter: usize,
    /// Messages that it has heard.
    pub messages: u64,
    /// Counts since it was started.
    pub counters: Counters,
    /// What waits for it, where it works for many.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub queued: Option<u64>,
}

/// A run that is going.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct CurrentRun {
    /// Its id; of client integrations, the number of its action log.
    pub run_id: Uuid,
    /// `queued`, `loading`, `preparing`, `sending`, `interpreting`, `committing`; of automations `queued`, `loading`, `fetching`,
    /// `shaping`, `storing`, `sending`, `finishing`; of client integrations `loading`, `selecting`, `processing`, `finishing`.
    pub step: &'static str,
    /// For how long it has been going, milliseconds.
    pub since_ms: u64,
}

/// A run that has ended.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct LastRun {
    /// Its start.
    pub at: Timestamp,
    /// The word for how it ended.
    pub outcome: &'static str,
    /// Transactions or records that it created.
    pub created: u32,
    /// How long it took, milliseconds.
    pub duration_ms: u64,
}

/// Counts since the actor was started.
#[derive(Clone, Copy, Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Counters {
    /// Runs that ended.
    pub runs: u64,
    /// Of those, failures.
    pub failures: u64,
    /// Transactions or records created.
    pub created: u64,
    /// Due times passed over.
    pub skipped: u64,
}

/// The words of phases, by the number that a [`ChildStatus`] keeps.
const WORDS: [&str; 11] = [
    "idle",
    "waiting",
    "running",
    "stopping",
    "stopped",
    "suspended",
    "paused",
    "active",
    "held",
    "needs_reauthorisation",
    "error",
];
const WAITING: u8 = 1;
const RUNNING: u8 = 2;
const STOPPING: u8 = 3;
const STOPPED: u8 = 4;

/// What the registry can read of a child without asking it: enough for filters and counts over 100,000 of them.
#[derive(Debug, Default)]
pub struct ChildStatus {
    phase: AtomicU8,
    restarts: AtomicU32,
    messages: AtomicU64,
    next_due_us: AtomicI64,
}

impl ChildStatus {
    /// Notes the phase and the next due time.
    pub fn set(&self, phase: Phase, next_due_at: Option<Timestamp>) {
        self.set_word(phase.as_str(), next_due_at);
    }

    /// Notes the word of the phase, one of those that [`Observed::phase`] names, and the next due time.
    pub fn set_word(&self, word: &str, next_due_at: Option<Timestamp>) {
        self.phase.store(code(word), Ordering::Relaxed);
        self.next_due_us.store(
            next_due_at.map_or(i64::MAX, Timestamp::as_microsecond),
            Ordering::Relaxed,
        );
    }

    /// Notes whether it has work: for actors without a state machine of their own.
    pub fn set_busy(&self, busy: bool) {
        self.phase.store(if busy { RUNNING } else { 0 }, Ordering::Relaxed);
        self.next_due_us.store(i64::MAX, Ordering::Relaxed);
    }

    /// Notes that it ends when its work has.
    pub fn set_stopping(&self) {
        self.phase.store(STOPPING, Ordering::Relaxed);
    }

    /// The word of the phase.
    pub fn phase(&self) -> &'static str {
        let code = usize::from(self.phase.load(Ordering::Relaxed));
        WORDS.get(code).copied().unwrap_or("idle")
    }

    /// Due, but its run has not started: how late it is now, microseconds.
    pub fn late_us(&self, now_us: i64) -> Option<i64> {
        let due_us = self.next_due_us.load(Ordering::Relaxed);
        let waits = matches!(self.phase.load(Ordering::Relaxed), WAITING | STOPPED);
        (waits && due_us < now_us).then(|| now_us - due_us)
    }

    /// When its next run is due, microseconds; none where nothing is.
    pub fn next_due_us(&self) -> Option<i64> {
        let due_us = self.next_due_us.load(Ordering::Relaxed);
        (due_us != i64::MAX && due_us != 0).then_some(due_us)
    }

    /// Nobody is there: waiting for a restart, or given up. What it was to do next stays known, so that it shows as late.
    pub fn down(&self) {
        self.phase.store(STOPPED, Ordering::Relaxed);
    }

    /// Counts a message.
    pub fn heard(&self) {
        self.messages.fetch_add(1, Ordering::Relaxed);
    }

    /// Messages so far.
    pub fn messages(&self) -> u64 {
        self.messages.load(Ordering::Relaxed)
    }

    /// Restarts so far.
    pub fn restarts(&self) -> u32 {
        self.restarts.load(Ordering::Relaxed)
    }

    /// Notes how often it has been restarted.
    pub fn set_restarts(&self, restarts: u32) {
        self.restarts.store(restarts, Ordering::Relaxed);
    }
}

fn code(word: &str) -> u8 {
    let place = WORDS.iter().position(|known| *known == word);
    place.and_then(|place| u8::try_from(place).ok()).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_word_is_kept() {
        let status = ChildStatus::default();
        for word in WORDS {
            status.set_word(word, None);
            assert_eq!(status.phase(), word);
        }
        for (code, word) in [
            (WAITING, "waiting"),
            (RUNNING, "running"),
            (STOPPING, "stopping"),
            (STOPPED, "stopped"),
        ] {
            assert_eq!(WORDS[usize::from(code)], word);
        }
    }
}
