//! The state machine of one scheduled call: an event and the state in, the new state and the effects out.
//!
//! | phase \ event | Armed            | Due (current)   | Run             | Finished             | Redefined         | Stop           |
//! | ------------- | ---------------- | --------------- | --------------- | -------------------- | ----------------- | -------------- |
//! | Idle          | Waiting, arm     | -               | Running, start  | -                    | Waiting or exit   | Stopped, exit  |
//! | Waiting       | Waiting, arm     | Running, start  | Running, start  | -                    | Waiting or exit   | Stopped, exit  |
//! | Running       | -                | -               | refuse          | Waiting, Idle, exit  | reload at the end | stop at the end|
//! | Stopped       | -                | -               | refuse          | -                    | -                 | -              |
//!
//! A `Due` whose generation is not the current one is stale and changes nothing: whoever cancels or replaces a timer raises
//! the generation, so a timer that fires all the same ticks into the void.

use jiff::Timestamp;

/// Why a run takes place.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Trigger {
    /// Its due time came.
    Schedule,
    /// The run before failed in a way that may pass.
    Retry,
    /// Somebody asked for it.
    Manual,
    /// A crash cut the run before, and the call says that it may be sent again.
    Resend,
}

impl Trigger {
    /// Every trigger.
    pub const ALL: [Self; 4] = [Self::Schedule, Self::Retry, Self::Manual, Self::Resend];

    /// The word in the store and in answers.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Schedule => "schedule",
            Self::Retry => "retry",
            Self::Manual => "manual",
            Self::Resend => "resend",
        }
    }

    /// Reads the word back.
    #[must_use]
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|trigger| trigger.as_str() == word)
    }
}

/// When the next run is due, and when to start it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Next {
    /// The due time: its place in the calendar, and the key of its run.
    pub due_at: Timestamp,
    /// When the timer fires; later than `due_at` where a failed commit is waited out.
    pub fire_at: Timestamp,
    /// Why it will run.
    pub trigger: Trigger,
}

impl Next {
    /// Fires when it is due.
    #[must_use]
    pub const fn at(due_at: Timestamp, trigger: Trigger) -> Self {
        Self {
            due_at,
            fire_at: due_at,
            trigger,
        }
    }
}

/// Where a call stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Phase {
    /// No timer: just started, inactive, or its calendar has ended.
    Idle,
    /// The timer is armed.
    Waiting,
    /// One run is going.
    Running(Then),
    /// It has ended, and hears nothing any more.
    Stopped,
}

/// What follows the run that is going.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Then {
    /// The next due time.
    Wait,
    /// A look at the changed definition.
    Reload,
    /// The end.
    Stop,
}

impl Phase {
    /// The word in answers.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Idle => "idle",
            Self::Waiting => "waiting",
            Self::Running(Then::Wait | Then::Reload) => "running",
            Self::Running(Then::Stop) => "stopping",
            Self::Stopped => "stopped",
        }
    }
}

/// What a call hears.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    /// The shell has found out when the next run is due; none: the calendar has ended, or it is not active.
    Armed(Option<Next>),
    /// A timer of this generation fired.
    Due {
        /// The generation with which it was armed.
        generation: u32,
    },
    /// Somebody wants a run now.
    Run {
        /// Now, which becomes the run's due time.
        at: Timestamp,
    },
    /// The run has ended and is committed.
    Finished(Finished),
    /// The definition's row changed; `active` is what it says now.
    Redefined {
        /// Whether it is to run on its schedule.
        active: bool,
        /// The next run by the changed row.
        next: Option<Next>,
    },
    /// Leave, but finish what is going.
    Stop,
}

/// How to go on after a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Finished {
    /// The next run is due then.
    Next(Next),
    /// Nothing more is due: the call is not active, or its calendar has ended.
    Idle,
    /// The engine deactivated the call, durably.
    Deactivated,
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
    Start {
        /// Its due time.
        due_at: Timestamp,
        /// Why.
        trigger: Trigger,
    },
    /// Tell the asker that this is not possible now.
    Refuse,
    /// Read the row again, then say `Redefined`.
    Reload,
    /// End the actor.
    Exit,
}

/// See the module.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CallMachine {
    phase: Phase,
    generation: u32,
    next: Option<Next>,
}

impl Default for CallMachine {
    fn default() -> Self {
        Self {
            phase: Phase::Idle,
            generation: 0,
            next: None,
        }
    }
}

impl CallMachine {
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

    /// The next run by the schedule, also while another one runs.
    #[must_use]
    pub const fn next(&self) -> Option<Next> {
        self.next
    }

    /// Takes an event; the effects are to be carried out in their order.
    pub fn on(&mut self, event: Event) -> Vec<Effect> {
        match (self.phase, event) {
            (Phase::Idle | Phase::Waiting, Event::Armed(next)) => self.arm(next),
            (Phase::Waiting, Event::Due { generation }) if generation == self.generation => self.start_due(),
            (Phase::Idle | Phase::Waiting, Event::Run { at }) => {
                let disarm = self.phase == Phase::Waiting;
                self.generation = self.generation.wrapping_add(1);
                self.phase = Phase::Running(Then::Wait);
                let start = Effect::Start {
                    due_at: at,
                    trigger: Trigger::Manual,
                };
                if disarm {
                    vec![Effect::Disarm, start]
                } else {
                    vec![start]
                }
            }
            (Phase::Running(_) | Phase::Stopped, Event::Run { .. }) => vec![Effect::Refuse],
            (Phase::Running(then), Event::Finished(finished)) => self.finish(then, finished),
            (Phase::Idle | Phase::Waiting, Event::Redefined { active: true, next }) => self.arm(next),
            (Phase::Idle | Phase::Waiting, Event::Redefined { active: false, .. } | Event::Stop) => self.exit(),
            (Phase::Running(Then::Wait | Then::Reload), Event::Redefined { .. }) => {
                self.phase = Phase::Running(Then::Reload);
                Vec::new()
            }
            (Phase::Running(_), Event::Stop) => {
                self.phase = Phase::Running(Then::Stop);
                Vec::new()
            }
            (Phase::Idle, Event::Due { .. } | Event::Finished(_))
            | (Phase::Waiting, Event::Due { .. } | Event::Finished(_))
            | (Phase::Running(_), Event::Armed(_) | Event::Due { .. })
            | (Phase::Running(Then::Stop), Event::Redefined { .. })
            | (Phase::Stopped, _) => Vec::new(),
        }
    }

    fn start_due(&mut self) -> Vec<Effect> {
        let Some(next) = self.next else { return Vec::new() };
        self.phase = Phase::Running(Then::Wait);
        vec![Effect::Start {
            due_at: next.due_at,
            trigger: next.trigger,
        }]
    }

    fn arm(&mut self, next: Option<Next>) -> Vec<Effect> {
        let disarm = self.phase == Phase::Waiting;
        self.generation = self.generation.wrapping_add(1);
        self.next = next;
        match next {
            Some(next) => {
                self.phase = Phase::Waiting;
                vec![Effect::Arm {
                    fire_at: next.fire_at,
                    generation: self.generation,
                }]
            }
            None => {
                self.phase = Phase::Idle;
                if disarm { vec![Effect::Disarm] } else { Vec::new() }
            }
        }
    }

    fn finish(&mut self, then: Then, finished: Finished) -> Vec<Effect> {
        // The phase before `arm`: the timer of the run that ended has fired or was disarmed.
        self.phase = Phase::Idle;
        match (then, finished) {
            (Then::Stop, _) | (Then::Wait, Finished::Deactivated) => self.exit(),
            (Then::Reload, _) => vec![Effect::Reload],
            (Then::Wait, Finished::Next(next)) => self.arm(Some(next)),
            (Then::Wait, Finished::Idle) => self.arm(None),
        }
    }

    fn exit(&mut self) -> Vec<Effect> {
        self.generation = self.generation.wrapping_add(1);
        self.phase = Phase::Stopped;
        self.next = None;
        vec![Effect::Exit]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PHASES: [Phase; 6] = [
        Phase::Idle,
        Phase::Waiting,
        Phase::Running(Then::Wait),
        Phase::Running(Then::Reload),
        Phase::Running(Then::Stop),
        Phase::Stopped,
    ];

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn machine(phase: Phase) -> CallMachine {
        let next = (phase != Phase::Stopped).then(|| Next::at(at(10), Trigger::Schedule));
        CallMachine {
            phase,
            generation: 7,
            next,
        }
    }

    fn events() -> [(&'static str, Event); 10] {
        let next = Next::at(at(20), Trigger::Schedule);
        [
            ("armed", Event::Armed(Some(next))),
            ("armed none", Event::Armed(None)),
            ("due", Event::Due { generation: 7 }),
            ("stale due", Event::Due { generation: 6 }),
            ("run", Event::Run { at: at(12) }),
            ("finished", Event::Finished(Finished::Next(next))),
            ("deactivated", Event::Finished(Finished::Deactivated)),
            (
                "redefined",
                Event::Redefined {
                    active: true,
                    next: Some(next),
                },
            ),
            (
                "redefined inactive",
                Event::Redefined {
                    active: false,
                    next: None,
                },
            ),
            ("stop", Event::Stop),
        ]
    }

    /// One row a phase, one cell an event: the phase after it, or "." for unchanged and without effect.
    #[test]
    fn the_transition_table() {
        #[rustfmt::skip]
        let table: [[&str; 10]; 6] = [
            // armed     none           due         stale  run         finished   deactivated redefined  inactive   stop
            ["Waiting", "Idle",        ".",         ".",   "Running",  ".",       ".",        "Waiting", "Stopped", "Stopped"],
            ["Waiting", "Idle",        "Running",   ".",   "Running",  ".",       ".",        "Waiting", "Stopped", "Stopped"],
            [".",       ".",           ".",         ".",   "refuse",   "Waiting", "Stopped",  "Reload",  "Reload",  "Stop"],
            [".",       ".",           ".",         ".",   "refuse",   "Idle",    "Idle",     "Reload",  "Reload",  "Stop"],
            [".",       ".",           ".",         ".",   "refuse",   "Stopped", "Stopped",  ".",       ".",       "Stop"],
            [".",       ".",           ".",         ".",   "refuse",   ".",       ".",        ".",       ".",       "."],
        ];
        for (phase, row) in PHASES.into_iter().zip(table) {
            for ((name, event), expected) in events().into_iter().zip(row) {
                let mut machine = machine(phase);
                let before = machine.clone();
                let effects = machine.on(event);
                let shown = match (machine.phase(), effects.as_slice()) {
                    (_, [Effect::Refuse]) if machine == before => "refuse",
                    (_, []) if machine == before && expected == "." => ".",
                    (Phase::Idle, _) => "Idle",
                    (Phase::Waiting, _) => "Waiting",
                    (Phase::Running(Then::Wait), _) => "Running",
                    (Phase::Running(Then::Reload), _) => "Reload",
                    (Phase::Running(Then::Stop), _) => "Stop",
                    (Phase::Stopped, _) => "Stopped",
                };
                assert_eq!(shown, expected, "{phase:?} on {name}: {effects:?}");
            }
        }
    }

    #[test]
    fn a_stale_timer_never_starts_a_run() {
        let mut machine = CallMachine::default();
        let [Effect::Arm { generation: first, .. }] =
            machine.on(Event::Armed(Some(Next::at(at(1), Trigger::Schedule))))[..]
        else {
            panic!("not armed")
        };
        let [Effect::Arm { generation: second, .. }] = machine.on(Event::Redefined {
            active: true,
            next: Some(Next::at(at(2), Trigger::Schedule)),
        })[..] else {
            panic!("not armed again")
        };
        assert_eq!(machine.on(Event::Due { generation: first }), []);
        assert_eq!(
            machine.on(Event::Due { generation: second }),
            [Effect::Start {
                due_at: at(2),
                trigger: Trigger::Schedule
            }]
        );
        assert_eq!(
            machine.on(Event::Due { generation: second }),
            [],
            "fired twice, started once"
        );
    }

    #[test]
    fn a_manual_run_keeps_the_schedule() {
        let mut machine = machine(Phase::Waiting);
        assert_eq!(
            machine.on(Event::Run { at: at(5) }),
            [
                Effect::Disarm,
                Effect::Start {
                    due_at: at(5),
                    trigger: Trigger::Manual
                }
            ]
        );
        assert_eq!(machine.next(), Some(Next::at(at(10), Trigger::Schedule)));
        assert_eq!(
            machine.on(Event::Due { generation: 7 }),
            [],
            "the disarmed timer is stale"
        );
    }

    #[test]
    fn a_reload_after_a_run_reads_the_row_again() {
        let mut machine = machine(Phase::Running(Then::Reload));
        assert_eq!(machine.on(Event::Finished(Finished::Deactivated)), [Effect::Reload]);
        assert_eq!(
            machine.on(Event::Redefined {
                active: false,
                next: None
            }),
            [Effect::Exit]
        );
    }
}
