//! The table of the client integration's state machine, cell by cell, and the ways through it.

use super::*;

const PHASES: [Phase; 7] = [
    Phase::Starting,
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

fn machine(phase: Phase) -> IntegrationMachine {
    let armed = phase == Phase::Waiting;
    IntegrationMachine {
        phase,
        generation: 7,
        timer: armed.then(|| (at(10), Armed::Run(RunTrigger::Queue))),
        is_asked: false,
    }
}

const NOW: i64 = 12;

fn rows() -> Loaded {
    Loaded {
        next_due_at: Some(at(20)),
        ..Loaded::default()
    }
}

fn loaded(rows: Loaded) -> Event {
    Event::Loaded { rows, now: at(NOW) }
}

fn finished(next: Finished) -> Event {
    Event::Finished { next, now: at(NOW) }
}

fn events() -> [(&'static str, Event); 11] {
    let left = Loaded { left: true, ..rows() };
    [
        ("loaded", loaded(rows())),
        ("loaded, left", loaded(left)),
        ("loaded, nothing", loaded(Loaded::default())),
        ("due", Event::Due { generation: 7 }),
        ("stale due", Event::Due { generation: 6 }),
        ("ask", Event::Ask),
        ("finished", finished(Finished::Rows(rows()))),
        ("unclear", finished(Finished::Unclear)),
        ("later", finished(Finished::Later(at(15)))),
        ("changed", Event::Changed),
        ("stop", Event::Stop),
    ]
}

/// The phase and the effect in one word.
fn shown(before: &IntegrationMachine, after: &IntegrationMachine, effects: &[Effect]) -> &'static str {
    match (after.phase(), effects.last()) {
        (_, Some(Effect::Refuse)) if after == before => "refuse",
        (_, None) if after == before => ".",
        (_, None) if after.is_asked => "note",
        (_, Some(Effect::Reload)) => "reload",
        (Phase::Running(Then::Wait), Some(Effect::Start(RunTrigger::Person))) => "person",
        (Phase::Running(Then::Wait), Some(Effect::Start(_))) => "start",
        (Phase::Running(Then::Reload), Some(Effect::TellChanged)) => "tell",
        (Phase::Running(Then::Stop), Some(Effect::TellStop)) => "Stop",
        (Phase::Running(Then::Reload), None) => "Reload",
        (Phase::Waiting, Some(Effect::Arm { .. })) => "Waiting",
        (Phase::Idle, None | Some(Effect::Disarm)) => "Idle",
        (Phase::Stopped, Some(Effect::Exit)) => "exit",
        other => panic!("{other:?} {effects:?}"),
    }
}

#[test]
fn the_transition_table() {
    #[rustfmt::skip]
    let table: [[&str; 11]; 7] = [
        // loaded    left      nothing   due      stale ask       finished   unclear   later      changed   stop
        ["Waiting", "start",  "Idle",   ".",     ".",  "note",   ".",       ".",      ".",       "reload", "exit"],
        ["Waiting", "start",  "Idle",   ".",     ".",  "person", ".",       ".",      ".",       "reload", "exit"],
        ["Waiting", "start",  "Idle",   "start", ".",  "person", ".",       ".",      ".",       "reload", "exit"],
        ["Reload",  "Reload", "Reload", ".",     ".",  ".",      "Waiting", "reload", "Waiting", "tell",   "Stop"],
        [".",       ".",      ".",      ".",     ".",  ".",      "reload",  "reload", "reload",  "tell",   "Stop"],
        [".",       ".",      ".",      ".",     ".",  "refuse", "exit",    "exit",   "exit",    ".",      "."],
        [".",       ".",      ".",      ".",     ".",  "refuse", ".",       ".",      ".",       ".",      "."],
    ];
    for (phase, row) in PHASES.into_iter().zip(table) {
        for ((name, event), expected) in events().into_iter().zip(row) {
            let mut machine = machine(phase);
            let before = machine.clone();
            let effects = machine.on(event);
            let word = shown(&before, &machine, &effects);
            assert_eq!(word, expected, "{phase:?} on {name}: {effects:?}");
        }
    }
}

#[test]
fn the_first_of_what_the_rows_name_is_waited_for() {
    let cases = [
        (Some(20), Some(15), 15, RunTrigger::Queue),
        (Some(15), Some(20), 15, RunTrigger::Schedule),
        (Some(15), Some(15), 15, RunTrigger::Schedule),
        (None, Some(15), 15, RunTrigger::Queue),
        (Some(15), None, 15, RunTrigger::Schedule),
    ];
    for (due, item, fires, trigger) in cases {
        let mut machine = machine(Phase::Idle);
        let rows = Loaded {
            next_due_at: due.map(at),
            next_item_at: item.map(at),
            ..Loaded::default()
        };
        let armed = machine.on(loaded(rows));
        let generation = machine.generation();
        assert_eq!(
            armed,
            [Effect::Arm {
                fire_at: at(fires),
                generation
            }]
        );
        assert_eq!(
            machine.on(Event::Due { generation }),
            [Effect::Disarm, Effect::Start(trigger)]
        );
        assert_eq!(machine.on(Event::Due { generation }), [], "a timer starts one run");
    }
}

#[test]
fn what_has_come_begins_at_once_and_the_most_urgent_names_the_run() {
    let all = Loaded {
        asked: true,
        left: true,
        next_due_at: Some(at(NOW)),
        next_item_at: Some(at(NOW)),
    };
    let cases = [
        (all, RunTrigger::Person),
        (Loaded { asked: false, ..all }, RunTrigger::Schedule),
        (
            Loaded {
                asked: false,
                next_due_at: Some(at(NOW + 1)),
                ..all
            },
            RunTrigger::Queue,
        ),
        (
            Loaded {
                next_item_at: Some(at(1)),
                ..Loaded::default()
            },
            RunTrigger::Queue,
        ),
        (
            Loaded {
                next_due_at: Some(at(1)),
                ..Loaded::default()
            },
            RunTrigger::Schedule,
        ),
    ];
    for (rows, trigger) in cases {
        assert_eq!(machine(Phase::Idle).on(loaded(rows)), [Effect::Start(trigger)]);
        let mut running = machine(Phase::Running(Then::Wait));
        assert_eq!(running.on(finished(Finished::Rows(rows))), [Effect::Start(trigger)]);
    }
}

#[test]
fn due_times_of_a_long_run_are_made_up_for_once() {
    let mut machine = machine(Phase::Running(Then::Wait));
    let missed = Loaded {
        next_due_at: Some(at(1)),
        ..Loaded::default()
    };
    assert_eq!(
        machine.on(finished(Finished::Rows(missed))),
        [Effect::Start(RunTrigger::Schedule)]
    );
    let [Effect::Arm { fire_at, .. }] = machine.on(finished(Finished::Rows(rows())))[..] else {
        panic!("the next one is waited for")
    };
    assert_eq!(fire_at, at(20));
}

#[test]
fn a_store_that_refuses_is_looked_at_again() {
    let mut machine = machine(Phase::Running(Then::Wait));
    let [Effect::Arm { generation, .. }] = machine.on(finished(Finished::Later(at(15))))[..] else {
        panic!("not armed")
    };
    assert_eq!(machine.on(Event::Due { generation }), [Effect::Disarm, Effect::Reload]);
    assert_eq!(machine.phase(), Phase::Idle);
}

#[test]
fn what_is_asked_for_before_the_rows_are_read_is_kept() {
    let mut machine = IntegrationMachine::default();
    assert_eq!(machine.on(Event::Ask), []);
    assert_eq!(machine.on(loaded(rows())), [Effect::Start(RunTrigger::Person)]);
    assert!(!machine.is_asked);
}

#[test]
fn whoever_leaves_waiting_disarms() {
    let mut waiting = machine(Phase::Waiting);
    assert_eq!(waiting.on(loaded(Loaded::default())), [Effect::Disarm]);
    assert_eq!(waiting.on(Event::Due { generation: 7 }), []);
    let mut waiting = machine(Phase::Waiting);
    assert_eq!(
        waiting.on(Event::Ask),
        [Effect::Disarm, Effect::Start(RunTrigger::Person)]
    );
    assert_eq!(waiting.fire_at(), None);
}
