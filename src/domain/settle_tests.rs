//! Tests of `settle`.

use super::*;

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap()
}

fn every(seconds: u32) -> Schedule {
    Schedule::every(seconds, at(0)).unwrap()
}

fn situation(schedule: &Schedule) -> Situation<'_> {
    Situation {
        schedule,
        active: true,
        due_at: at(60),
        trigger: Trigger::Schedule,
        next: None,
        catch_up_until: None,
        failures: 0,
        overlap: Overlap::Skip,
        on_script_error: OnScriptError::Deactivate,
        on_http_error: OnHttpError::Retry,
        failures_before_deactivation: Some(3),
        seed: 1,
    }
}

fn refused(retry_after_ms: Option<u64>) -> Ended {
    Ended::Refused {
        reason: "503".to_owned(),
        repeat: Repeat::BackOff { retry_after_ms },
    }
}

#[test]
fn a_good_run_goes_on_at_the_next_place_of_the_calendar_not_an_interval_from_now() {
    let schedule = every(60);
    let settled = settle(&Ended::Succeeded, &situation(&schedule), at(75));
    assert_eq!(settled.next, Some(Next::at(at(120), Trigger::Schedule)));
    assert_eq!(
        (settled.outcome, settled.failures, settled.skipped),
        (Outcome::Created, 0, None)
    );
}

#[test]
fn ten_thousand_runs_of_any_length_never_drift() {
    let schedule = every(7);
    let mut due_at = at(0);
    for run in 0..10_000_i64 {
        // Between 0 and 6.9 seconds each.
        let end = due_at
            .checked_add(SignedDuration::from_millis((run * 997) % 6_900))
            .unwrap();
        let settled = settle(
            &Ended::Succeeded,
            &Situation {
                due_at,
                ..situation(&schedule)
            },
            end,
        );
        due_at = settled.next.unwrap().due_at;
    }
    assert_eq!(due_at, at(70_000));
}

#[test]
fn due_times_that_come_during_a_run_follow_the_overlap_policy() {
    let schedule = every(60);
    let skip = settle(&Ended::Succeeded, &situation(&schedule), at(250));
    assert_eq!(
        skip.skipped,
        Some(Skipped {
            count: 3,
            last: at(240)
        })
    );
    assert_eq!(skip.next, Some(Next::at(at(300), Trigger::Schedule)));
    let once = settle(
        &Ended::Succeeded,
        &Situation {
            overlap: Overlap::Once,
            ..situation(&schedule)
        },
        at(250),
    );
    assert_eq!(
        once.next,
        Some(Next::at(at(240), Trigger::Schedule)),
        "once more, at once"
    );
    assert_eq!(once.skipped.map(|skipped| skipped.count), Some(2));
}

#[test]
fn missed_runs_are_all_made_up_for_where_the_policy_says_so() {
    let schedule = every(60);
    let situation = Situation {
        catch_up_until: Some(at(240)),
        ..situation(&schedule)
    };
    assert_eq!(
        settle(&Ended::Succeeded, &situation, at(250)).next,
        Some(Next::at(at(120), Trigger::Schedule))
    );
    let last = Situation {
        due_at: at(240),
        ..situation
    };
    assert_eq!(
        settle(&Ended::Succeeded, &last, at(251)).next,
        Some(Next::at(at(300), Trigger::Schedule))
    );
}

#[test]
fn abort_and_nothing_new_keep_it_active_and_clear_the_failures() {
    let schedule = every(60);
    let settled = settle(
        &Ended::Aborted,
        &Situation {
            failures: 2,
            ..situation(&schedule)
        },
        at(61),
    );
    assert_eq!(
        (settled.outcome, settled.failures, settled.deactivated),
        (Outcome::Aborted, 0, None)
    );
}

#[test]
fn a_script_error_deactivates_unless_it_is_told_not_to() {
    let schedule = every(60);
    let error = Ended::ScriptFailed {
        reason: "x is not defined (line 3)".to_owned(),
    };
    let settled = settle(&error, &situation(&schedule), at(61));
    assert_eq!(settled.deactivated.as_deref(), Some("x is not defined (line 3)"));
    assert_eq!(settled.next, None);
    let goes_on = Situation {
        on_script_error: OnScriptError::Continue,
        ..situation(&schedule)
    };
    let settled = settle(&error, &goes_on, at(61));
    assert_eq!((settled.deactivated, settled.failures), (None, 1));
    assert_eq!(settled.next, Some(Next::at(at(120), Trigger::Schedule)));
}

#[test]
fn too_many_failures_in_a_row_deactivate_with_the_count_and_the_last_reason() {
    let schedule = every(60);
    let settled = settle(
        &refused(None),
        &Situation {
            failures: 2,
            ..situation(&schedule)
        },
        at(61),
    );
    assert_eq!(
        settled.deactivated.as_deref(),
        Some("3 failures in a row. The last one: 503")
    );
    let never = Situation {
        failures: 999,
        failures_before_deactivation: None,
        ..situation(&schedule)
    };
    assert_eq!(settle(&refused(None), &never, at(61)).deactivated, None);
}

#[test]
fn a_failure_is_retried_before_the_next_due_time_and_never_after_it() {
    let schedule = every(3_600);
    let situation = Situation {
        due_at: at(3_600),
        ..situation(&schedule)
    };
    let settled = settle(&refused(None), &situation, at(3_601));
    let next = settled.next.unwrap();
    assert_eq!(next.trigger, Trigger::Retry);
    assert!(next.due_at > at(3_601) && next.due_at <= at(3_607), "{next:?}");
    let soon = every(1);
    let settled = settle(
        &refused(None),
        &Situation {
            schedule: &soon,
            due_at: at(3_600),
            failures: 0,
            ..situation
        },
        at(3_600),
    );
    assert!(settled.next.unwrap().due_at <= at(3_601));
}

#[test]
fn nobody_is_called_before_the_time_they_asked_for() {
    let schedule = every(10);
    let settled = settle(&refused(Some(95_000)), &situation(&schedule), at(61));
    assert_eq!(
        settled.next,
        Some(Next::at(at(160), Trigger::Schedule)),
        "the first due time after 61 + 95"
    );
}

#[test]
fn a_manual_run_leaves_the_schedule_as_it_was() {
    let schedule = every(60);
    let next = Some(Next::at(at(120), Trigger::Schedule));
    let manual = Situation {
        trigger: Trigger::Manual,
        due_at: at(70),
        next,
        ..situation(&schedule)
    };
    assert_eq!(settle(&Ended::Succeeded, &manual, at(80)).next, next);
    let settled = settle(&Ended::Succeeded, &manual, at(130));
    assert_eq!(
        settled.skipped,
        Some(Skipped {
            count: 1,
            last: at(120)
        })
    );
    let inactive = Situation {
        active: false,
        next: None,
        ..manual
    };
    let error = Ended::ScriptFailed {
        reason: "no".to_owned(),
    };
    let settled = settle(&error, &inactive, at(80));
    assert_eq!(
        (settled.next, settled.deactivated),
        (None, None),
        "an inactive call cannot be deactivated"
    );
}

#[test]
fn an_unusable_definition_deactivates_and_an_interruption_does_not_count() {
    let schedule = every(60);
    let gone = Ended::Unusable {
        reason: "the user lost the right".to_owned(),
    };
    assert!(settle(&gone, &situation(&schedule), at(61)).deactivated.is_some());
    let settled = settle(
        &Ended::Interrupted,
        &Situation {
            failures: 2,
            ..situation(&schedule)
        },
        at(61),
    );
    assert_eq!((settled.failures, settled.deactivated), (2, None));
}

#[test]
fn a_failure_while_making_up_for_missed_runs_loses_none_of_them() {
    let schedule = every(60);
    let catching_up = Situation {
        catch_up_until: Some(at(240)),
        ..situation(&schedule)
    };
    let next = settle(&refused(None), &catching_up, at(250)).next.unwrap();
    assert_eq!((next.due_at, next.trigger), (at(120), Trigger::Schedule));
    assert!(next.fire_at > at(250), "backs off");
}

#[test]
fn what_is_missing_on_our_side_neither_counts_nor_deactivates() {
    let schedule = every(3_600);
    let strict = Situation {
        due_at: at(3_600),
        on_http_error: OnHttpError::Deactivate,
        failures: 2,
        ..situation(&schedule)
    };
    let unready = Ended::Unready {
        reason: "no script worker is free".to_owned(),
    };
    let settled = settle(&unready, &strict, at(3_601));
    assert_eq!((settled.failures, settled.deactivated), (2, None));
    assert_eq!(settled.next.unwrap().trigger, Trigger::Retry);
}
