//! The table of the automation's state machine, cell by cell, and the ways through it.

use super::*;

const PHASES: [Phase; 9] = [
    Phase::Starting,
    Phase::Idle,
    Phase::Waiting,
    Phase::Running(Then::Wait),
    Phase::Running(Then::Reload),
    Phase::Running(Then::Stop),
    Phase::Suspended,
    Phase::Paused,
    Phase::Stopped,
];

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap()
}

fn machine(phase: Phase) -> AutomationMachine {
    let armed = matches!(phase, Phase::Waiting | Phase::Suspended);
    AutomationMachine {
        phase,
        generation: 7,
        fire_at: armed.then(|| at(10)),
        noted: None,
    }
}

fn loaded(rows: Loaded) -> Event {
    Event::Loaded { rows, now: at(12) }
}

fn events() -> [(&'static str, Event); 14] {
    let rows = Loaded {
        next_due_at: Some(at(20)),
        ..Loaded::default()
    };
    let open = Loaded {
        open: Some(at(11)),
        ..rows
    };
    let later = Loaded {
        open: Some(at(13)),
        ..rows
    };
    let blocked = Loaded { blocked: true, ..open };
    [
        ("loaded", loaded(rows)),
        ("loaded, open", loaded(open)),
        ("loaded, open until later", loaded(later)),
        ("loaded, blocked", loaded(blocked)),
        ("due", Event::Due { generation: 7 }),
        ("stale due", Event::Due { generation: 6 }),
        ("manual", Event::Ask(RunTrigger::Manual)),
        ("event", Event::Ask(RunTrigger::Event)),
        ("finished", Event::Finished(Finished::Next(Some(at(20))))),
        ("deactivated", Event::Finished(Finished::Deactivated)),
        ("waits", Event::Waits(at(30))),
        ("blocked", Event::Blocked),
        ("changed", Event::Changed),
        ("stop", Event::Stop),
    ]
}

/// The phase and the effect in one word.
fn shown(before: &AutomationMachine, after: &AutomationMachine, effects: &[Effect]) -> &'static str {
    let last = effects.last();
    match (after.phase(), last) {
        (_, Some(Effect::Refuse)) if after == before => "refuse",
        (_, None) if after == before => ".",
        (_, None) if after.noted.is_some() => "note",
        (_, Some(Effect::Reload)) => "reload",
        (Phase::Running(_), Some(Effect::Start(_))) => "start",
        (Phase::Running(_), Some(Effect::Resume)) => "resume",
        (Phase::Waiting, Some(Effect::Arm { .. })) => "Waiting",
        (Phase::Suspended, Some(Effect::Arm { .. })) => "Suspend",
        (Phase::Paused, None | Some(Effect::Disarm)) => "Paused",
        (Phase::Running(Then::Reload), None) => "Reload",
        (Phase::Running(Then::Stop), None) => "Stop",
        (Phase::Stopped, Some(Effect::Exit)) => "exit",
        other => panic!("{other:?} {effects:?}"),
    }
}

#[test]
fn the_transition_table() {
    #[rustfmt::skip]
    let table: [[&str; 14]; 9] = [
        // loaded    open      later      blocked   due       stale manual    event    finished   deact.    waits      blocked   changed   stop
        ["Waiting", "resume", "Suspend", "Paused", ".",      ".",  "note",   "note",  ".",       ".",      ".",       ".",      "reload", "exit"],
        ["Waiting", "resume", "Suspend", "Paused", ".",      ".",  "start",  "start", ".",       ".",      ".",       ".",      "reload", "exit"],
        ["Waiting", "resume", "Suspend", "Paused", "start",  ".",  "start",  "start", ".",       ".",      ".",       ".",      "reload", "exit"],
        ["Reload",  "Reload", "Reload",  "Reload", ".",      ".",  "refuse", "note",  "Waiting", "exit",   "Suspend", "Paused", "Reload", "Stop"],
        [".",       ".",      ".",       ".",      ".",      ".",  "refuse", "note",  "reload",  "reload", "reload",  "reload", ".",      "Stop"],
        [".",       ".",      ".",       ".",      ".",      ".",  "refuse", "note",  "exit",    "exit",   "exit",    "exit",   ".",      "."],
        ["Waiting", "resume", "Suspend", "Paused", "resume", ".",  "refuse", "note",   ".",       ".",      ".",       ".",      "reload", "exit"],
        ["Waiting", "resume", "Suspend", ".",      ".",      ".",  "refuse", ".",     ".",       ".",      ".",       ".",      "reload", "exit"],
        [".",       ".",      ".",       ".",      ".",      ".",  "refuse", "refuse", ".",      ".",      ".",       ".",      ".",      "."],
    ];
    for (phase, row) in PHASES.into_iter().zip(table) {
        for ((name, event), expected) in events().into_iter().zip(row) {
            let mut machine = machine(phase);
            let before = machine.clone();
            let effects = machine.on(event);
            // A second look at a paused one changes only what no timer bears any more.
            let same = phase == Phase::Paused && machine.phase() == phase && effects.is_empty();
            let word = if same { "." } else { shown(&before, &machine, &effects) };
            assert_eq!(word, expected, "{phase:?} on {name}: {effects:?}");
        }
    }
}

#[test]
fn whoever_leaves_an_armed_phase_disarms_and_makes_the_timer_stale() {
    for phase in [Phase::Waiting, Phase::Suspended] {
        let mut machine = machine(phase);
        let rows = Loaded {
            asked: Some(RunTrigger::Chained),
            ..Loaded::default()
        };
        assert_eq!(
            machine.on(loaded(rows)),
            [Effect::Disarm, Effect::Start(RunTrigger::Chained)]
        );
        assert_eq!(machine.fire_at(), None);
        assert_eq!(machine.on(Event::Due { generation: 7 }), []);
    }
    let mut machine = machine(Phase::Waiting);
    assert_eq!(machine.on(loaded(Loaded::default())), [Effect::Disarm]);
    assert_eq!(machine.phase(), Phase::Idle);
}

#[test]
fn a_timer_starts_one_run() {
    let mut machine = machine(Phase::Waiting);
    assert_eq!(
        machine.on(Event::Due { generation: 7 }),
        [Effect::Disarm, Effect::Start(RunTrigger::Schedule)]
    );
    assert_eq!(machine.on(Event::Due { generation: 7 }), []);
}

#[test]
fn what_asks_while_a_run_is_going_gets_the_next_one() {
    let mut machine = machine(Phase::Running(Then::Wait));
    machine.on(Event::Ask(RunTrigger::Event));
    machine.on(Event::Ask(RunTrigger::Chained));
    machine.on(Event::Ask(RunTrigger::Event));
    let next = Event::Finished(Finished::Next(Some(at(20))));
    assert_eq!(machine.on(next), [Effect::Start(RunTrigger::Chained)]);
    let [Effect::Arm { .. }] = machine.on(next)[..] else {
        panic!("asked for twice")
    };
}

#[test]
fn a_run_on_request_before_the_rows_are_read_is_kept_or_refused() {
    let rows = Loaded {
        next_due_at: Some(at(20)),
        ..Loaded::default()
    };
    let cases = [
        (rows, vec![Effect::Start(RunTrigger::Manual)]),
        (Loaded { blocked: true, ..rows }, vec![Effect::Refuse]),
        (
            Loaded {
                open: Some(at(1)),
                ..rows
            },
            vec![Effect::Resume, Effect::Refuse],
        ),
    ];
    for (rows, expected) in cases {
        let mut machine = AutomationMachine::default();
        assert_eq!(machine.on(Event::Ask(RunTrigger::Manual)), []);
        machine.on(Event::Ask(RunTrigger::Event));
        assert_eq!(machine.on(loaded(rows)), expected);
        assert_eq!(machine.noted, None);
    }
}

#[test]
fn an_open_run_ends_before_what_is_asked_for() {
    let mut machine = AutomationMachine::default();
    let rows = Loaded {
        open: Some(at(1)),
        asked: Some(RunTrigger::Event),
        ..Loaded::default()
    };
    assert_eq!(machine.on(loaded(rows)), [Effect::Resume]);
    assert_eq!(
        machine.on(Event::Finished(Finished::Next(None))),
        [Effect::Start(RunTrigger::Event)]
    );
    assert_eq!(machine.on(Event::Finished(Finished::Next(None))), []);
    assert_eq!(machine.phase(), Phase::Idle);
}

#[test]
fn what_asks_while_a_run_waits_begins_after_it() {
    let rows = Loaded {
        open: Some(at(13)),
        asked: Some(RunTrigger::Chained),
        ..Loaded::default()
    };
    for looks in [1, 2] {
        let mut machine = machine(Phase::Suspended);
        for _ in 0..looks {
            let [Effect::Arm { .. }] = machine.on(loaded(rows))[..] else {
                panic!("the run waits on")
            };
        }
        let generation = machine.generation();
        assert_eq!(machine.on(Event::Due { generation }), [Effect::Disarm, Effect::Resume]);
        let next = Event::Finished(Finished::Next(None));
        assert_eq!(machine.on(next), [Effect::Start(RunTrigger::Chained)]);
        assert_eq!(machine.on(next), [], "it is asked for once");
    }
}

#[test]
fn a_run_on_request_does_not_swallow_what_the_rows_ask_for() {
    let asked = Loaded {
        asked: Some(RunTrigger::Chained),
        ..Loaded::default()
    };
    let mut machine = AutomationMachine::default();
    machine.on(Event::Ask(RunTrigger::Manual));
    assert_eq!(machine.on(loaded(asked)), [Effect::Start(RunTrigger::Manual)]);
    let next = Event::Finished(Finished::Next(None));
    assert_eq!(machine.on(next), [Effect::Start(RunTrigger::Chained)]);
    assert_eq!(machine.on(next), []);

    let mut machine = AutomationMachine::default();
    machine.on(Event::Ask(RunTrigger::Manual));
    let open = Loaded {
        open: Some(at(1)),
        ..asked
    };
    assert_eq!(machine.on(loaded(open)), [Effect::Resume, Effect::Refuse]);
    assert_eq!(machine.on(next), [Effect::Start(RunTrigger::Chained)]);
}

#[test]
fn a_store_that_refuses_makes_it_look_again() {
    let mut machine = machine(Phase::Running(Then::Wait));
    assert_eq!(machine.on(Event::Finished(Finished::Unclear)), [Effect::Reload]);
    assert_eq!(machine.phase(), Phase::Idle);
}
