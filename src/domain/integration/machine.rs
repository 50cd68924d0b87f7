//! The state machine of one client integration: an event and the state in, the new state and the effects out.
//!
//! | phase \ event   | Loaded             | Due (current)  | Ask            | Finished           | Changed            | Stop               |
//! | --------------- | ------------------ | -------------- | -------------- | ------------------ | ------------------ | ------------------ |
//! | Starting        | what the rows say  | -              | noted          | -                  | reload             | Stopped, exit      |
//! | Idle            | what the rows say  | -              | Running, start | -                  | reload             | Stopped, exit      |
//! | Waiting         | what the rows say  | Running, start | Running, start | -                  | reload             | Stopped, exit      |
//! | Running, Wait   | reload at the end  | -              | the run's      | what the rows say  | tell the run       | tell the run       |
//! | Running, Reload | -                  | -              | the run's      | Idle, reload       | tell the run       | tell the run       |
//! | Running, Stop   | -                  | -              | refused        | Stopped, exit      | -                  | -                  |
//! | Stopped         | -                  | -              | refused        | -                  | -                  | -                  |
//!
//! "What the rows say", in this order: the item that a person asked for; the due time of the schedule that has come; the selection
//! that an earlier run left, or an item whose time has come; the timer of whichever comes first, a due time or an item's next
//! attempt; nothing. One run at a time: a due time that comes while one is going is found when it has ended, once however many came.
//! What a run does, selecting and then processing with some items going, is in `batch`; it takes what is asked for while it is going.
//! A run that is told to stop begins nothing more and ends when the items that are going have ended.
//!
//! A `Due` whose generation is not the current one is stale and changes nothing.

use jiff::Timestamp;

use super::RunTrigger;

/// Where a client integration stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Phase {
    /// Its rows are being read for the first time.
    Starting,
    /// No timer: nothing is ever due, unless somebody asks.
    Idle,
    /// The timer of what comes first is armed.
    Waiting,
    /// One run is going.
    Running(Then),
    /// It has ended, and hears nothing any more.
    Stopped,
}

/// What follows the run that is going.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Then {
    /// What the rows say at its end.
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
            Self::Stopped => "stopped",
        }
    }
}

/// What the rows say.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Loaded {
    /// A person asked for an item, and no run has taken it.
    pub asked: bool,
    /// A selection was begun and not ended.
    pub left: bool,
    /// The next due time of the schedule.
    pub next_due_at: Option<Timestamp>,
    /// When the first item that waits may be processed.
    pub next_item_at: Option<Timestamp>,
}

/// What a client integration hears.
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
    /// A person wants an item to be processed now.
    Ask,
    /// The run has ended, and its end is committed.
    Finished {
        /// How to go on.
        next: Finished,
        /// When that was.
        now: Timestamp,
    },
    /// A row changed.
    Changed,
    /// Leave, but finish what is going.
    Stop,
}

/// How to go on after a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Finished {
    /// The rows say so.
    Rows(Loaded),
    /// The rows must be read again.
    Unclear,
    /// The rows must be read again, then.
    Later(Timestamp),
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
    /// Start a run.
    Start(RunTrigger),
    /// The run that is going reads its rows again before it begins anything more.
    TellChanged,
    /// The run that is going begins nothing more.
    TellStop,
    /// Tell who asked that this is not possible now.
    Refuse,
    /// Read the rows, then say `Loaded`.
    Reload,
    /// End the actor.
    Exit,
}

/// What the timer is armed for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Armed {
    Run(RunTrigger),
    Look,
}

/// See the module.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IntegrationMachine {
    phase: Phase,
    generation: u32,
    timer: Option<(Timestamp, Armed)>,
    /// It was asked for something before the rows were read.
    is_asked: bool,
}

impl Default for IntegrationMachine {
    fn default() -> Self {
        Self {
            phase: Phase::Starting,
            generation: 0,
            timer: None,
            is_asked: false,
        }
    }
}

impl IntegrationMachine {
    /// Where it stands.
    #[must_use]
    pub const fn phase(&self) -> Phase {
        self.phase
    }

    /// For what the timer is armed.
    #[must_use]
    pub fn fire_at(&self) -> Option<Timestamp> {
        self.timer.map(|(at, _)| at)
    }

    /// Generation of the timer.
    #[must_use]
    pub const fn generation(&self) -> u32 {
        self.generation
    }

    /// Takes an event; the effects are to be carried out in their order.
    #[must_use]
    pub fn on(&mut self, event: Event) -> Vec<Effect> {
        match (self.phase, event) {
            (Phase::Stopped, Event::Ask) => vec![Effect::Refuse],
            (Phase::Stopped, _) => Vec::new(),
            (Phase::Running(then), event) => self.while_running(then, event),
            (Phase::Starting, Event::Ask) => {
                self.is_asked = true;
                Vec::new()
            }
            (_, Event::Loaded { rows, now }) => self.follow(rows, now),
            (Phase::Waiting, Event::Due { generation }) if generation == self.generation => match self.timer {
                Some((_, Armed::Run(trigger))) => self.start(trigger),
                _ => {
                    self.quiet();
                    self.phase = Phase::Idle;
                    vec![Effect::Disarm, Effect::Reload]
                }
            },
            (_, Event::Ask) => self.start(RunTrigger::Person),
            (_, Event::Changed) => vec![Effect::Reload],
            (_, Event::Stop) => {
                self.quiet();
                self.phase = Phase::Stopped;
                vec![Effect::Exit]
            }
            // The rest is late: its run or its timer has gone.
            (_, Event::Due { .. } | Event::Finished { .. }) => Vec::new(),
        }
    }

    fn while_running(&mut self, then: Then, event: Event) -> Vec<Effect> {
        match (then, event) {
            (Then::Stop, Event::Ask) => vec![Effect::Refuse],
            (Then::Stop, Event::Finished { .. }) => {
                self.phase = Phase::Stopped;
                vec![Effect::Exit]
            }
            (Then::Wait | Then::Reload, Event::Changed) => {
                self.phase = Phase::Running(Then::Reload);
                vec![Effect::TellChanged]
            }
            (Then::Wait, Event::Loaded { .. }) => {
                self.phase = Phase::Running(Then::Reload);
                Vec::new()
            }
            (Then::Wait | Then::Reload, Event::Stop) => {
                self.phase = Phase::Running(Then::Stop);
                vec![Effect::TellStop]
            }
            (
                Then::Wait,
                Event::Finished {
                    next: Finished::Rows(rows),
                    now,
                },
            ) => {
                self.phase = Phase::Idle;
                self.follow(rows, now)
            }
            (
                Then::Wait,
                Event::Finished {
                    next: Finished::Later(at),
                    ..
                },
            ) => self.arm(at, Armed::Look),
            (Then::Wait | Then::Reload, Event::Finished { .. }) => {
                // Nothing is armed; `Loaded` follows.
                self.phase = Phase::Idle;
                vec![Effect::Reload]
            }
            // Who asks is in the list that the run takes from.
            (_, Event::Ask | Event::Due { .. } | Event::Changed | Event::Loaded { .. } | Event::Stop) => Vec::new(),
        }
    }

    /// What the rows say.
    fn follow(&mut self, rows: Loaded, now: Timestamp) -> Vec<Effect> {
        let has_come = |at: Option<Timestamp>| at.is_some_and(|at| at <= now);
        if std::mem::take(&mut self.is_asked) || rows.asked {
            return self.start(RunTrigger::Person);
        }
        if has_come(rows.next_due_at) {
            return self.start(RunTrigger::Schedule);
        }
        if rows.left || has_come(rows.next_item_at) {
            return self.start(RunTrigger::Queue);
        }
        let schedule = rows.next_due_at.map(|at| (at, RunTrigger::Schedule));
        let queue = rows.next_item_at.map(|at| (at, RunTrigger::Queue));
        // At the same time, the schedule: its run takes the items as well.
        match schedule.into_iter().chain(queue).min_by_key(|(at, _)| *at) {
            Some((at, trigger)) => self.arm(at, Armed::Run(trigger)),
            None => {
                let was_armed = self.timer.is_some();
                self.quiet();
                self.phase = Phase::Idle;
                if was_armed { vec![Effect::Disarm] } else { Vec::new() }
            }
        }
    }

    fn start(&mut self, trigger: RunTrigger) -> Vec<Effect> {
        let was_armed = self.timer.is_some();
        self.quiet();
        self.phase = Phase::Running(Then::Wait);
        let start = Effect::Start(trigger);
        if was_armed {
            vec![Effect::Disarm, start]
        } else {
            vec![start]
        }
    }

    fn arm(&mut self, fire_at: Timestamp, armed: Armed) -> Vec<Effect> {
        self.quiet();
        self.timer = Some((fire_at, armed));
        self.phase = Phase::Waiting;
        let generation = self.generation;
        vec![Effect::Arm { fire_at, generation }]
    }

    /// From now on the timer that was armed is stale.
    fn quiet(&mut self) {
        self.generation = self.generation.wrapping_add(1);
        self.timer = None;
    }
}

#[cfg(test)]
#[path = "machine_tests.rs"]
mod tests;
