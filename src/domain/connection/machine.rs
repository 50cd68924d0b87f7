//! The state machine of a connection: whether requests may be sent now, and how its health stands.
//!
//! | phase                   | ask                     | good    | throttled | failed            | refused               | redefined |
//! |-------------------------|-------------------------|---------|-----------|-------------------|-----------------------|-----------|
//! | active                  | go                      | active  | held      | 5 in a row: error | needs_reauthorisation | active    |
//! | held (until a time)     | later; due: go          | -       | held      | 5 in a row: error | needs_reauthorisation | active    |
//! | error (circuit open)    | later; due: go (probe)  | probe's: active | probe's: held | probe's: error, for longer | needs_reauthorisation | active |
//! | needs_reauthorisation   | refused                 | by hand: active | - | - | - | active |
//!
//! A request by hand is let through in every phase, and its success makes the connection active whatever was known before.
//! What was asked for under an earlier definition has no say any more.

use std::time::Duration;

use jiff::Timestamp;

use super::Health;
use crate::domain::circuit::{Circuit, Pass};

/// How long requests are held after an answer that said "too many" without saying for how long; each further one in a row
/// doubles it.
const HOLD_FIRST: Duration = Duration::from_secs(1);
/// The longest such hold.
const HOLD_MAX: Duration = Duration::from_secs(60);

/// See the module.
#[derive(Debug, Clone, Default)]
pub struct ConnectionMachine {
    circuit: Circuit,
    /// The first epoch of the present definition.
    since_epoch: u64,
    refused: Option<Box<str>>,
    held_until: Option<Timestamp>,
    throttles: u32,
    /// What the last failure said.
    failure: Option<Box<str>>,
}

/// The answer to one who wants to send.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// Send, and report the end with this.
    Go(Pledge),
    /// Not before then.
    Later(Timestamp),
    /// Wait for the end of the request that tries how things are.
    Queue,
    /// Not until somebody enters new credentials.
    Refused(Box<str>),
}

/// Goes with a request, and comes back with its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pledge {
    epoch: u64,
    by_hand: bool,
}

/// How a request ended, for the connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// The other side answered, and works.
    Good,
    /// The other side answered that there were too many requests; it may have said for how long.
    Throttled {
        /// As it said, milliseconds.
        retry_after_ms: Option<u64>,
    },
    /// No answer, or one that a working side would not give: why, for people.
    Failed(Box<str>),
    /// The credentials are refused for good: why, for people.
    Reauthorise(Box<str>),
    /// It ended without saying anything about the other side.
    Lost,
}

impl ConnectionMachine {
    /// As it stood when an earlier process wrote it down.
    #[must_use]
    pub fn refused(detail: &str) -> Self {
        Self {
            refused: Some(detail.into()),
            ..Self::default()
        }
    }

    /// Somebody wants to send.
    pub fn ask(&mut self, now: Timestamp) -> Answer {
        if let Some(detail) = &self.refused {
            return Answer::Refused(detail.clone());
        }
        if let Some(until) = self.held_until.filter(|until| now < *until) {
            return Answer::Later(until);
        }
        match self.circuit.ask(now) {
            Pass::Go(epoch) => Answer::Go(Pledge { epoch, by_hand: false }),
            Pass::Later(until) => Answer::Later(until),
            Pass::Queue => Answer::Queue,
        }
    }

    /// A person wants to see whether it works now.
    #[must_use]
    pub fn ask_by_hand(&self) -> Pledge {
        Pledge {
            epoch: self.circuit.epoch(),
            by_hand: true,
        }
    }

    /// A request ended.
    pub fn ended(&mut self, pledge: Pledge, outcome: Outcome, now: Timestamp) {
        let Pledge { epoch, by_hand } = pledge;
        if epoch < self.since_epoch {
            return;
        }
        match outcome {
            Outcome::Good if by_hand => self.redefined(),
            Outcome::Good => {
                self.throttles = 0;
                self.circuit.good(epoch);
            }
            Outcome::Throttled { retry_after_ms } => {
                self.hold(retry_after_ms, now);
                // Who says "too many" is there.
                self.circuit.good(epoch);
            }
            Outcome::Failed(detail) => {
                self.failure = Some(detail);
                self.circuit.bad(epoch, now);
            }
            Outcome::Reauthorise(detail) => {
                self.refused = Some(detail);
                self.circuit.lost(epoch, now);
            }
            Outcome::Lost => self.circuit.lost(epoch, now),
        }
    }

    /// The definition has changed, or is shown to work: nothing is known against it.
    pub fn redefined(&mut self) {
        self.circuit.reset();
        *self = Self {
            circuit: self.circuit,
            since_epoch: self.circuit.epoch(),
            ..Self::default()
        };
    }

    /// How it stands, and why.
    #[must_use]
    pub fn health(&self) -> (Health, Option<&str>) {
        match &self.refused {
            Some(detail) => (Health::NeedsReauthorisation, Some(detail)),
            None if self.circuit.is_closed() => (Health::Ok, None),
            None => (Health::Error, self.failure.as_deref()),
        }
    }

    /// The word of the phase: `active`, `held`, `error`, `needs_reauthorisation`.
    #[must_use]
    pub fn phase(&self, now: Timestamp) -> &'static str {
        match self.health().0 {
            Health::NeedsReauthorisation => "needs_reauthorisation",
            Health::Error => "error",
            Health::Ok if self.held_until.is_some_and(|until| now < until) => "held",
            Health::Ok => "active",
        }
    }

    /// When requests go through again, where that is known.
    #[must_use]
    pub fn waits_until(&self, now: Timestamp) -> Option<Timestamp> {
        let held = self.held_until.filter(|until| now < *until);
        held.max(self.circuit.open_until())
    }

    fn hold(&mut self, retry_after_ms: Option<u64>, now: Timestamp) {
        let span = match retry_after_ms {
            Some(ms) => Duration::from_millis(ms),
            None => HOLD_FIRST.saturating_mul(1 << self.throttles.min(16)).min(HOLD_MAX),
        };
        self.throttles = self.throttles.saturating_add(1);
        let until = now.checked_add(span).ok();
        self.held_until = self.held_until.max(until);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn failed() -> Outcome {
        Outcome::Failed("down".into())
    }

    fn refused() -> Outcome {
        Outcome::Reauthorise("invalid_grant".into())
    }

    fn throttled(seconds: u64) -> Outcome {
        Outcome::Throttled {
            retry_after_ms: Some(seconds * 1_000),
        }
    }

    /// Sends at a second, with this end.
    fn sent(machine: &mut ConnectionMachine, second: i64, outcome: Outcome) {
        let Answer::Go(pledge) = machine.ask(at(second)) else {
            panic!("at {second} it does not go: {machine:?}")
        };
        machine.ended(pledge, outcome, at(second));
    }

    fn in_error() -> ConnectionMachine {
        let mut machine = ConnectionMachine::default();
        for _ in 0..5 {
            sent(&mut machine, 0, failed());
        }
        machine
    }

    #[test]
    fn the_table() {
        type Start = fn() -> ConnectionMachine;
        let active: Start = ConnectionMachine::default;
        let held: Start = || {
            let mut machine = ConnectionMachine::default();
            sent(&mut machine, 0, throttled(10));
            machine
        };
        let error: Start = in_error;
        let refused_before: Start = || ConnectionMachine::refused("before");
        // Start, at which second a request asks, what it is told, its end, the phase after it.
        let go = |machine: &mut ConnectionMachine, second| matches!(machine.ask(at(second)), Answer::Go(_));
        let rows: [(&str, Start, i64, Option<Outcome>, &str); 14] = [
            ("active, good", active, 0, Some(Outcome::Good), "active"),
            ("active, throttled", active, 0, Some(throttled(5)), "held"),
            ("active, failed", active, 0, Some(failed()), "active"),
            ("active, refused", active, 0, Some(refused()), "needs_reauthorisation"),
            ("active, lost", active, 0, Some(Outcome::Lost), "active"),
            ("held", held, 9, None, "held"),
            ("held, due", held, 10, Some(Outcome::Good), "active"),
            ("held, again", held, 10, Some(throttled(1)), "held"),
            ("error", error, 0, None, "error"),
            ("error, probe good", error, 1, Some(Outcome::Good), "active"),
            ("error, probe throttled", error, 1, Some(throttled(1)), "held"),
            ("error, probe failed", error, 1, Some(failed()), "error"),
            (
                "error, probe refused",
                error,
                1,
                Some(refused()),
                "needs_reauthorisation",
            ),
            ("refused", refused_before, 9_999, None, "needs_reauthorisation"),
        ];
        for (name, start, second, outcome, phase) in rows {
            let mut machine = start();
            match outcome {
                Some(outcome) => sent(&mut machine, second, outcome),
                None => assert!(!go(&mut machine, second), "{name}"),
            }
            assert_eq!(machine.phase(at(second)), phase, "{name}");
        }
        for start in [active, held, error, refused_before] {
            let mut machine = start();
            machine.redefined();
            assert_eq!(machine.phase(at(0)), "active");
            let mut machine = start();
            machine.ended(machine.ask_by_hand(), Outcome::Good, at(0));
            assert_eq!(machine.phase(at(0)), "active");
        }
    }

    #[test]
    fn one_request_tries_while_the_others_wait() {
        let mut machine = in_error();
        let Answer::Go(probe) = machine.ask(at(1)) else {
            panic!("a probe")
        };
        assert_eq!(machine.ask(at(1)), Answer::Queue);
        machine.ended(probe, failed(), at(1));
        assert_eq!(machine.ask(at(1)), Answer::Later(at(3)));
        assert_eq!(machine.health(), (Health::Error, Some("down")));
    }

    #[test]
    fn requests_of_an_earlier_definition_have_no_say() {
        let mut machine = ConnectionMachine::default();
        let Answer::Go(early) = machine.ask(at(0)) else {
            panic!("it goes")
        };
        machine.redefined();
        machine.ended(early, refused(), at(0));
        assert_eq!(machine.phase(at(0)), "active");
        machine.ended(early, throttled(9), at(0));
        assert_eq!(machine.phase(at(0)), "active");
    }

    #[test]
    fn a_straggler_that_succeeds_does_not_undo_a_refusal() {
        let mut machine = ConnectionMachine::default();
        let Answer::Go(slow) = machine.ask(at(0)) else {
            panic!("it goes")
        };
        sent(&mut machine, 0, refused());
        machine.ended(slow, Outcome::Good, at(1));
        assert_eq!(machine.health(), (Health::NeedsReauthorisation, Some("invalid_grant")));
    }

    #[test]
    fn holds_without_a_time_double() {
        let mut machine = ConnectionMachine::default();
        let mut second = 0;
        let mut spans = Vec::new();
        for _ in 0..8 {
            sent(&mut machine, second, Outcome::Throttled { retry_after_ms: None });
            let until = machine.waits_until(at(second)).unwrap().as_second();
            spans.push(until - second);
            second = until;
        }
        assert_eq!(spans, [1, 2, 4, 8, 16, 32, 60, 60]);
    }
}
