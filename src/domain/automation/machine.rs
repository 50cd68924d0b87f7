//! The state machine of one automation: an event and the state in, the new state and the effects out.
//!
//! | phase \ event | Loaded               | Due (current)  | Ask(trigger)     | Finished           | Waits(until) | Blocked | Changed       | Stop           |
//! | ------------- | -------------------- | -------------- | ---------------- | ------------------ | ------------ | ------- | ------------- | -------------- |
//! | Starting      | what the rows say    | -              | noted            | -                  | -            | -       | reload        | Stopped, exit  |
//! | Idle          | what the rows say    | -              | Running, start   | -                  | -            | -       | reload        | Stopped, exit  |
//! | Waiting       | what the rows say    | Running, start | Running, start   | -                  | -            | -       | reload        | Stopped, exit  |
//! | Running       | reload at the end    | -              | noted or refused | Idle, Waiting, ... | Suspended    | Paused  | reload at end | stop at end    |
//! | Suspended     | what the rows say    | Running,resume | noted or refused | -                  | -            | -       | reload        | Stopped, exit  |
//! | Paused        | what the rows say    | -              | refused          | -                  | -            | -       | reload        | Stopped, exit  |
//! | Stopped       | -                    | -              | refused          | -                  | -            | -       | -             | -              |
//!
//! "What the rows say", in this order: paused where the connection cannot be used; the run that is open goes on, now or when it may;
//! what was asked for while there was no time; the next due time. One run at a time: a due time that comes while one is going is
//! passed over, since the next one is found when the run has ended. What asks durably (a change of a record, a chain) is also a row
//! in the store: what is noted here only says that a look is worth while. A run on request is not noted while another is going.
//!
//! A `Due` whose generation is not the current one is stale and changes nothing.

use jiff::Timestamp;

use crate::domain::automation::run::RunTrigger;

/// Where an automation stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Phase {
    /// Its rows are being read for the first time.
    Starting,
    /// No timer: it waits for a change of a record, or somebody who asks.
    Idle,
    /// The timer of its next due time is armed.
    Waiting,
    /// One run is going.
    Running(Then),
    /// A run is open, and goes on at a time that is armed.
    Suspended,
    /// The connection cannot be used until somebody does something; a run may be open.
    Paused,
    /// It has ended, and hears nothing any more.
    Stopped,
}

/// What follows the run that is going.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Then {
    /// The next due time.
    Wait,
    /// A look at the changed rows.
    Reload,
    /// The end.
    Stop,
}

impl Phase {
    /// The word in answers.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Starting | Self::Idle => "idle",
            Self::Waiting => "waiting",
            Self::Running(Then::Wait | Then::Reload) => "running",
            Self::Running(Then::Stop) => "stopping",
            Self::Suspended => "suspended",
            Self::Paused => "paused",
            Self::Stopped => "stopped",
        }
    }
}

/// What the rows say.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Loaded {
    /// Whether the connection cannot be used.
    pub blocked: bool,
    /// A run is open; when it may go on (in the past: now).
    pub open: Option<Timestamp>,
    /// What asks for a run durably: a chain, or changes of records.
    pub asked: Option<RunTrigger>,
    /// The next due time.
    pub next_due_at: Option<Timestamp>,
}

/// What an automation hears.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    /// Its rows have been read.
    Loaded {
        /// What they say.
        rows: Loaded,
        /// When that was.
        now: Timestamp,
    },
    /// A timer of this generation fired.
    Due {
        /// The generation with which it was armed.
        generation: u32,
    },
    /// A run is wanted now.
    Ask(RunTrigger),
    /// The run has ended and is committed.
    Finished(Finished),
    /// The run cannot go on before this time, which is committed.
    Waits(Timestamp),
    /// The run found that the connection cannot be used, which is committed.
    Blocked,
    /// A row changed, or the connection is well again.
    Changed,
    /// Leave, but finish what is going.
    Stop,
}

/// How to go on after a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Finished {
    /// The next run is due then; none: nothing is.
    Next(Option<Timestamp>),
    /// The engine deactivated the automation, durably.
    Deactivated,
    /// The rows must be read again: the store refused, or they have changed.
    Unclear,
}

/// What the shell has to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    /// Arm the one timer, replacing the old one.
    Arm {
        /// When.
        fire_at: Timestamp,
        /// With which generation.
        generation: u32,
    },
    /// Cancel the timer.
    Disarm,
    /// Start a new run.
    Start(RunTrigger),
    /// Go on with the open run.
    Resume,
    /// Tell the asker that this is not possible now.
    Refuse,
    /// Read the rows, then say `Loaded`.
    Reload,
    /// End the actor.
    Exit,
}

/// See the module.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AutomationMachine {
    phase: Phase,
    generation: u32,
    fire_at: Option<Timestamp>,
    /// What was asked for while there was no time.
    noted: Option<RunTrigger>,
}

impl Default for AutomationMachine {
    fn default() -> Self {
        Self {
            phase: Phase::Starting,
            generation: 0,
            fire_at: None,
            noted: None,
        }
    }
}

impl AutomationMachine {
    /// Where it stands.
    #[must_use]
    pub const fn phase(&self) -> Phase {
        self.phase
    }

    /// The generation of the current timer.
    #[must_use]
    pub const fn generation(&self) -> u32 {
        self.generation
    }

    /// When the timer fires: the next due time, or when the open run goes on.
    #[must_use]
    pub const fn fire_at(&self) -> Option<Timestamp> {
        self.fire_at
    }

    /// Takes an event; the effects are to be carried out in their order.
    pub fn on(&mut self, event: Event) -> Vec<Effect> {
        match (self.phase, event) {
            (Phase::Stopped, Event::Ask(_)) | (Phase::Suspended | Phase::Paused, Event::Ask(RunTrigger::Manual)) => {
                vec![Effect::Refuse]
            }
            (Phase::Stopped, _) => Vec::new(),
            (Phase::Running(then), event) => self.while_running(then, event),
            (_, Event::Loaded { rows, now }) => self.load(rows, now),
            (Phase::Waiting, Event::Due { generation }) if generation == self.generation => {
                self.start(Effect::Start(RunTrigger::Schedule))
            }
            (Phase::Suspended, Event::Due { generation }) if generation == self.generation => {
                self.start(Effect::Resume)
            }
            (Phase::Starting | Phase::Suspended, Event::Ask(trigger)) => self.note(trigger),
            (Phase::Idle | Phase::Waiting, Event::Ask(trigger)) => self.start(Effect::Start(trigger)),
            (_, Event::Changed) => vec![Effect::Reload],
            (_, Event::Stop) => self.exit(),
            // What asks durably waits in the store. The rest is late: its run or its timer has gone.
            (_, Event::Ask(_) | Event::Due { .. } | Event::Finished(_) | Event::Waits(_) | Event::Blocked) => {
                Vec::new()
            }
        }
    }

    fn while_running(&mut self, then: Then, event: Event) -> Vec<Effect> {
        match (then, event) {
            (_, Event::Ask(RunTrigger::Manual)) => vec![Effect::Refuse],
            (_, Event::Ask(trigger)) => self.note(trigger),
            (Then::Wait | Then::Reload, Event::Changed | Event::Loaded { .. }) => {
                self.phase = Phase::Running(Then::Reload);
                Vec::new()
            }
            (_, Event::Stop) => {
                self.phase = Phase::Running(Then::Stop);
                Vec::new()
            }
            (Then::Stop, Event::Finished(_) | Event::Waits(_) | Event::Blocked)
            | (Then::Wait, Event::Finished(Finished::Deactivated)) => self.exit(),
            (Then::Reload, Event::Finished(_) | Event::Waits(_) | Event::Blocked)
            | (Then::Wait, Event::Finished(Finished::Unclear)) => {
                // Nothing is armed; `Loaded` follows.
                self.phase = Phase::Idle;
                vec![Effect::Reload]
            }
            (Then::Wait, Event::Finished(Finished::Next(next))) => match self.noted.take() {
                Some(trigger) => {
                    self.phase = Phase::Idle;
                    self.start(Effect::Start(trigger))
                }
                None => self.arm(next, Phase::Waiting),
            },
            (Then::Wait, Event::Waits(until)) => self.arm(Some(until), Phase::Suspended),
            (Then::Wait, Event::Blocked) => {
                self.phase = Phase::Paused;
                Vec::new()
            }
            (_, Event::Due { .. }) | (Then::Stop, Event::Changed | Event::Loaded { .. }) => Vec::new(),
        }
    }

    fn load(&mut self, rows: Loaded, now: Timestamp) -> Vec<Effect> {
        // What was noted in memory is in the rows as well, but for a run on request.
        let asked = self.noted.take().or(rows.asked);
        let mut effects = match rows.open {
            _ if rows.blocked => {
                let disarm = self.fire_at.is_some();
                self.quiet();
                self.phase = Phase::Paused;
                if disarm { vec![Effect::Disarm] } else { Vec::new() }
            }
            Some(at) if at > now => self.arm(Some(at), Phase::Suspended),
            Some(_) => self.start(Effect::Resume),
            None => match asked {
                Some(trigger) => {
                    let start = self.start(Effect::Start(trigger));
                    // What the rows ask for besides stays there, and comes after this run.
                    if let Some(other) = rows.asked.filter(|other| *other != trigger) {
                        self.note(other);
                    }
                    return start;
                }
                None => return self.arm(rows.next_due_at, Phase::Waiting),
            },
        };
        match asked {
            Some(RunTrigger::Manual) => {
                effects.push(Effect::Refuse);
                if let Some(other) = rows.asked.filter(|_| rows.open.is_some() && !rows.blocked) {
                    self.note(other);
                }
            }
            // Done when the open run has ended.
            Some(trigger) if matches!(self.phase, Phase::Running(_) | Phase::Suspended) => {
                effects.extend(self.note(trigger));
            }
            _ => {}
        }
        effects
    }

    fn note(&mut self, trigger: RunTrigger) -> Vec<Effect> {
        // A chain is one run, a change of records another: the chain first, since the changes stay in their inbox anyway.
        if self.noted != Some(RunTrigger::Chained) && self.noted != Some(RunTrigger::Manual) {
            self.noted = Some(trigger);
        }
        Vec::new()
    }

    fn start(&mut self, effect: Effect) -> Vec<Effect> {
        let disarm = self.fire_at.is_some();
        self.quiet();
        self.phase = Phase::Running(Then::Wait);
        if disarm {
            vec![Effect::Disarm, effect]
        } else {
            vec![effect]
        }
    }

    /// From now on the timer that was armed is stale.
    fn quiet(&mut self) {
        self.generation = self.generation.wrapping_add(1);
        self.fire_at = None;
    }

    fn arm(&mut self, at: Option<Timestamp>, phase: Phase) -> Vec<Effect> {
        let disarm = self.fire_at.is_some();
        self.quiet();
        self.fire_at = at;
        match at {
            Some(fire_at) => {
                self.phase = phase;
                vec![Effect::Arm {
                    fire_at,
                    generation: self.generation,
                }]
            }
            None => {
                self.phase = Phase::Idle;
                if disarm { vec![Effect::Disarm] } else { Vec::new() }
            }
        }
    }

    fn exit(&mut self) -> Vec<Effect> {
        self.quiet();
        self.phase = Phase::Stopped;
        vec![Effect::Exit]
    }
}

#[cfg(test)]
#[path = "machine_tests.rs"]
mod tests;
