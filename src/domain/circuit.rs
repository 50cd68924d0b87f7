//! A circuit breaker: after several failures in a row nothing is sent for a while, then one request shows how things are.
//!
//! | state   | ask                    | good            | bad                                  | lost                 |
//! |---------|------------------------|-----------------|--------------------------------------|----------------------|
//! | closed  | go                     | failures = 0    | failures + 1; at the fifth: open     | -                    |
//! | open    | later; due: go, probing| - (it is old)   | - (it is old)                        | - (it is old)        |
//! | probing | queue                  | closed          | open, for twice as long              | open, due at once    |
//!
//! Each opening, probe and closing begins a new epoch; what was asked for in an epoch before has no say any more.

use std::time::Duration;

use jiff::Timestamp;

/// Failures in a row that open the circuit.
const FAILURES_MAX: u32 = 5;
/// How long the first opening lasts; each further one twice as long.
const OPEN_FIRST: Duration = Duration::from_secs(1);
/// The longest opening.
const OPEN_MAX: Duration = Duration::from_secs(300);

/// See the module.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Circuit {
    state: State,
    epoch: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Closed {
        failures: u32,
    },
    Open {
        until: Timestamp,
        /// Openings without a closing between them, this one included.
        openings: u32,
    },
    Probing {
        openings: u32,
    },
}

impl Default for State {
    fn default() -> Self {
        Self::Closed { failures: 0 }
    }
}

/// The answer to one who wants to send.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pass {
    /// Send, and report with this epoch.
    Go(u64),
    /// Not before then.
    Later(Timestamp),
    /// A probe is on its way; its end decides.
    Queue,
}

impl Circuit {
    /// Somebody wants to send.
    pub fn ask(&mut self, now: Timestamp) -> Pass {
        match self.state {
            State::Closed { .. } => Pass::Go(self.epoch),
            State::Open { until, .. } if now < until => Pass::Later(until),
            State::Open { openings, .. } => {
                self.enter(State::Probing { openings });
                Pass::Go(self.epoch)
            }
            State::Probing { .. } => Pass::Queue,
        }
    }

    /// An answer came that shows that the other side works.
    pub fn good(&mut self, epoch: u64) {
        match self.state {
            _ if epoch != self.epoch => {}
            State::Closed { .. } => self.state = State::default(),
            State::Open { .. } | State::Probing { .. } => self.enter(State::default()),
        }
    }

    /// No answer, or one that shows that the other side does not work.
    pub fn bad(&mut self, epoch: u64, now: Timestamp) {
        match self.state {
            _ if epoch != self.epoch => {}
            State::Closed { failures } if failures + 1 < FAILURES_MAX => {
                self.state = State::Closed { failures: failures + 1 };
            }
            State::Closed { .. } => self.open(1, now),
            State::Probing { openings } => self.open(openings.saturating_add(1), now),
            State::Open { .. } => {}
        }
    }

    /// The request ended without saying anything about the other side.
    pub fn lost(&mut self, epoch: u64, now: Timestamp) {
        if let State::Probing { openings } = self.state
            && epoch == self.epoch
        {
            self.enter(State::Open { until: now, openings });
        }
    }

    /// Forgets everything; what was asked for before has no say any more.
    pub fn reset(&mut self) {
        self.enter(State::default());
    }

    /// The epoch of what is asked for now.
    #[must_use]
    pub fn epoch(&self) -> u64 {
        self.epoch
    }

    /// Whether requests go through as usual.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        matches!(self.state, State::Closed { .. })
    }

    /// Until when nothing goes through.
    #[must_use]
    pub fn open_until(&self) -> Option<Timestamp> {
        match self.state {
            State::Open { until, .. } => Some(until),
            State::Closed { .. } | State::Probing { .. } => None,
        }
    }

    fn open(&mut self, openings: u32, now: Timestamp) {
        let doublings = openings.saturating_sub(1).min(16);
        let span = OPEN_FIRST.saturating_mul(1 << doublings).min(OPEN_MAX);
        let until = now.checked_add(span).unwrap_or(now);
        self.enter(State::Open { until, openings });
    }

    fn enter(&mut self, state: State) {
        self.state = state;
        self.epoch += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn opened() -> Circuit {
        let mut circuit = Circuit::default();
        for _ in 0..5 {
            assert_eq!(circuit.ask(at(0)), Pass::Go(0));
            circuit.bad(0, at(0));
        }
        circuit
    }

    #[test]
    fn five_failures_in_a_row_open_it() {
        let mut circuit = Circuit::default();
        for _ in 0..4 {
            circuit.bad(0, at(0));
        }
        circuit.good(0);
        for _ in 0..4 {
            circuit.bad(0, at(0));
            assert!(circuit.is_closed());
        }
        circuit.bad(0, at(0));
        assert_eq!(circuit.ask(at(0)), Pass::Later(at(1)));
    }

    #[test]
    fn one_probe_goes_and_decides() {
        let mut circuit = opened();
        assert_eq!(circuit.ask(at(1)), Pass::Go(2));
        assert_eq!(circuit.ask(at(1)), Pass::Queue);
        circuit.good(2);
        assert!(circuit.is_closed());
        assert_eq!(circuit.ask(at(1)), Pass::Go(3));
    }

    #[test]
    fn openings_double_up_to_five_minutes() {
        let mut circuit = opened();
        let mut now = 0;
        let mut spans = Vec::new();
        for _ in 0..11 {
            let until = circuit.open_until().unwrap().as_second();
            spans.push(until - now);
            now = until;
            let Pass::Go(epoch) = circuit.ask(at(now)) else {
                panic!("a probe")
            };
            circuit.bad(epoch, at(now));
        }
        assert_eq!(spans, [1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300]);
    }

    #[test]
    fn what_was_asked_for_before_has_no_say() {
        let mut circuit = opened();
        circuit.good(0);
        assert!(!circuit.is_closed());
        let Pass::Go(probe) = circuit.ask(at(1)) else {
            panic!("a probe")
        };
        circuit.bad(0, at(1));
        assert_eq!(circuit.ask(at(1)), Pass::Queue, "the probe still decides");
        circuit.lost(probe, at(1));
        assert_eq!(circuit.ask(at(1)), Pass::Go(probe + 2), "another probe");
        circuit.reset();
        circuit.bad(probe + 2, at(1));
        assert_eq!(
            circuit,
            Circuit {
                state: State::default(),
                epoch: probe + 3
            }
        );
    }
}
