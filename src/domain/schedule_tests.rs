//! Tests of schedules: no drift, what was missed, and the misfire plans.

use proptest::prelude::*;

use super::*;

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn seconds(count: i64) -> SignedDuration {
    SignedDuration::from_secs(count)
}

#[test]
fn a_schedule_is_small() {
    assert!(size_of::<Schedule>() <= 24, "{}", size_of::<Schedule>());
}

#[test]
fn ten_thousand_intervals_do_not_drift() {
    let anchor = at("2026-01-01T00:00:00.123456789Z");
    for interval in [1_u32, 7, 60, 86_400] {
        let schedule = Schedule::every(interval, anchor).unwrap();
        let mut due = anchor;
        for n in 1..=10_000_i64 {
            // Asked late, by a varying part of the interval, as a real timer is.
            let late = SignedDuration::from_millis(n % (i64::from(interval) * 1000));
            due = schedule.next_after(due + late).unwrap();
            assert_eq!(due, anchor + seconds(n * i64::from(interval)), "{interval} s, fire {n}");
        }
    }
}

#[test]
fn the_anchor_is_the_first_due_time() {
    let anchor = at("2026-01-01T00:00:00Z");
    let schedule = Schedule::every(60, anchor).unwrap();
    assert_eq!(schedule.next_after(anchor - seconds(1_000_000)), Some(anchor));
    assert_eq!(schedule.next_after(anchor), Some(anchor + seconds(60)));
    assert_eq!(schedule.previous_or_at(anchor - seconds(1)), None);
    assert_eq!(schedule.previous_or_at(anchor), Some(anchor));
    assert_eq!(
        schedule.previous_or_at(anchor + seconds(119)),
        Some(anchor + seconds(60))
    );
    assert_eq!(schedule.next_after(Timestamp::MAX), None);
}

#[test]
fn intervals_have_bounds() {
    let anchor = at("2026-01-01T00:00:00Z");
    for (interval, fine) in [
        (0, false),
        (1, true),
        (31_536_000, true),
        (31_536_001, false),
        (u32::MAX, false),
    ] {
        assert_eq!(Schedule::every(interval, anchor).is_ok(), fine, "{interval}");
    }
    let text = Schedule::every(0, anchor).unwrap_err().to_string();
    assert_eq!(text, "must be from 1 to 31536000 seconds, and is 0");
}

#[test]
fn previews_are_bounded() {
    let schedule = Schedule::cron("0 6 * * *", "Europe/Oslo").unwrap();
    let due_times = schedule.preview(at("2026-03-27T12:00:00Z"), 3);
    let texts: Vec<String> = due_times.iter().map(ToString::to_string).collect();
    assert_eq!(
        texts,
        ["2026-03-28T05:00:00Z", "2026-03-29T04:00:00Z", "2026-03-30T04:00:00Z"]
    );
    assert_eq!(
        schedule.preview(at("2026-03-27T12:00:00Z"), usize::MAX).len(),
        PREVIEW_COUNT_MAX
    );
    assert_eq!(schedule.preview(at("2026-03-27T12:00:00Z"), 0), []);
    assert_eq!(schedule.preview(Timestamp::MAX, 5), []);
}

#[test]
fn what_was_missed() {
    let every = Schedule::every(60, at("2026-01-01T00:00:00Z")).unwrap();
    let cron = Schedule::cron("* * * * *", "UTC").unwrap();
    let table = [
        ("2026-01-01T10:00:00Z", "2026-01-01T10:00:59Z", 0, None),
        (
            "2026-01-01T10:00:00Z",
            "2026-01-01T10:01:00Z",
            1,
            Some("2026-01-01T10:01:00Z"),
        ),
        (
            "2026-01-01T09:59:59Z",
            "2026-01-01T10:01:30Z",
            2,
            Some("2026-01-01T10:01:00Z"),
        ),
        (
            "2026-01-01T10:00:00Z",
            "2026-01-02T10:00:00Z",
            1_440,
            Some("2026-01-02T10:00:00Z"),
        ),
        ("2026-01-01T10:00:00Z", "2026-01-01T09:00:00Z", 0, None),
    ];
    for schedule in [&every, &cron] {
        for (since, now, count, last) in table {
            let expected = Missed {
                count,
                last: last.map(at),
            };
            assert_eq!(
                schedule.missed(at(since), at(now)),
                expected,
                "{schedule:?} {since} {now}"
            );
        }
    }
    // The anchor itself counts where it lies within.
    assert_eq!(
        every
            .missed(at("2025-12-31T00:00:00Z"), at("2026-01-01T00:01:00Z"))
            .count,
        2
    );
}

#[test]
fn counting_is_cheap_for_long_absences() {
    let now = at("2036-01-01T00:00:00.5Z");
    let since = at("2026-01-01T00:00:00Z");
    let every = Schedule::every(1, since).unwrap().missed(since, now);
    assert_eq!(
        every,
        Missed {
            count: 315_532_800,
            last: Some(at("2036-01-01T00:00:00Z"))
        }
    );
    let cron = Schedule::cron("* * * * * *", "Europe/Oslo").unwrap().missed(since, now);
    assert_eq!(
        cron,
        Missed {
            count: MISSED_CRON_COUNT_MAX,
            last: Some(at("2036-01-01T00:00:00Z"))
        }
    );
}

#[test]
fn misfire_plans() {
    let schedules = [
        Schedule::every(3_600, at("2026-01-01T00:00:00Z")).unwrap(),
        Schedule::cron("0 * * * *", "Europe/Oslo").unwrap(),
    ];
    let hour = |hour: u8| at(&format!("2026-06-01T{hour:02}:00:00Z"));
    let now = at("2026-06-01T10:30:00Z");
    // policy, limit, stored due time, run, skipped, last skipped
    type Row<'a> = (Misfire, usize, u8, &'a [u8], u64, Option<u8>);
    let table: &[Row<'_>] = &[
        (Misfire::Latest, 9, 10, &[10], 0, None),
        (Misfire::Latest, 9, 9, &[10], 1, Some(9)),
        (Misfire::Latest, 9, 5, &[10], 5, Some(9)),
        (Misfire::Skip, 9, 10, &[], 1, Some(10)),
        (Misfire::Skip, 9, 5, &[], 6, Some(10)),
        (Misfire::All, 9, 10, &[10], 0, None),
        (Misfire::All, 9, 5, &[5, 6, 7, 8, 9, 10], 0, None),
        (Misfire::All, 6, 5, &[5, 6, 7, 8, 9, 10], 0, None),
        (Misfire::All, 2, 5, &[9, 10], 4, Some(8)),
        (Misfire::All, 0, 5, &[], 6, Some(10)),
        (Misfire::All, 9, 11, &[], 0, None),
        (Misfire::Skip, 9, 11, &[], 0, None),
    ];
    for schedule in &schedules {
        for (policy, limit, stored, run, skipped, skipped_last) in table.iter().copied() {
            let plan = schedule.misfire_plan(hour(stored), now, policy, limit);
            let expected = MisfirePlan {
                run_due_times: run.iter().copied().map(hour).collect(),
                skipped,
                skipped_last: skipped_last.map(hour),
                next_due: Some(hour(11)),
            };
            assert_eq!(plan, expected, "{schedule:?} {policy:?} {limit} {stored}");
        }
    }
}

#[test]
fn a_due_time_of_an_older_schedule_still_counts() {
    let schedule = Schedule::every(3_600, at("2026-06-01T08:00:00Z")).unwrap();
    let stored = at("2026-06-01T07:13:00Z");
    let plan = schedule.misfire_plan(stored, at("2026-06-01T07:20:00Z"), Misfire::Latest, 10);
    assert_eq!(plan.run_due_times, [stored]);
    assert_eq!(plan.next_due, Some(at("2026-06-01T08:00:00Z")));
    let plan = schedule.misfire_plan(stored, at("2026-06-01T09:20:00Z"), Misfire::All, 10);
    assert_eq!(
        plan.run_due_times,
        [stored, at("2026-06-01T08:00:00Z"), at("2026-06-01T09:00:00Z")]
    );
    assert_eq!(plan.skipped, 0);
}

#[test]
fn a_long_absence_of_a_busy_rule_is_bounded() {
    let schedule = Schedule::cron("* * * * * *", "Europe/Oslo").unwrap();
    let plan = schedule.misfire_plan(
        at("2026-01-01T00:00:00Z"),
        at("2036-01-01T00:00:00Z"),
        Misfire::All,
        100,
    );
    assert_eq!(plan.run_due_times.len(), 100);
    assert_eq!(plan.run_due_times.last(), Some(&at("2036-01-01T00:00:00Z")));
    assert_eq!(plan.skipped, MISSED_CRON_COUNT_MAX + 1 - 100);
}

fn schedule() -> impl Strategy<Value = Schedule> {
    let crons = vec![
        "0 * * * *",
        "*/15 * * * *",
        "30 2 * * *",
        "0 6 * * 1-5",
        "0 0 29 2 *",
        "*/7 * * * * *",
        "0 0 L * *",
    ];
    let zones = vec!["UTC", "Europe/Oslo", "America/New_York", "Australia/Lord_Howe"];
    prop_oneof![
        (1_u32..100_000, 1_700_000_000_000_i64..1_800_000_000_000).prop_map(|(interval, anchor)| {
            Schedule::every(interval, Timestamp::from_millisecond(anchor).unwrap()).unwrap()
        }),
        (prop::sample::select(crons), prop::sample::select(zones))
            .prop_map(|(expression, zone)| Schedule::cron(expression, zone).unwrap()),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn previous_is_the_inverse_of_next(schedule in schedule(), from in 1_800_000_000_000_i64..1_900_000_000_000) {
        let from = Timestamp::from_millisecond(from).unwrap();
        let next = schedule.next_after(from).unwrap();
        prop_assert!(next > from);
        prop_assert_eq!(schedule.previous_or_at(next), Some(next));
        let previous = schedule.previous_or_at(from).unwrap();
        prop_assert!(previous <= from);
        prop_assert_eq!(schedule.next_after(previous), Some(next));
        prop_assert_eq!(schedule.previous_or_at(before(next).unwrap()), Some(previous));
    }

    #[test]
    fn a_plan_accounts_for_every_due_time(
        schedule in schedule(),
        from in 1_800_000_000_i64..1_900_000_000,
        late in 0_i64..40_000,
        limit in 0_usize..20,
        policy in prop::sample::select(vec![Misfire::Latest, Misfire::Skip, Misfire::All]),
    ) {
        let stored = schedule.next_after(Timestamp::from_second(from).unwrap()).unwrap();
        let now = stored + seconds(late);
        let plan = schedule.misfire_plan(stored, now, policy, limit);
        let missed = 1 + schedule.missed(stored, now).count;
        prop_assert_eq!(plan.run_due_times.len() as u64 + plan.skipped, missed);
        prop_assert!(plan.run_due_times.is_sorted());
        prop_assert!(plan.run_due_times.iter().all(|due| *due >= stored && *due <= now));
        prop_assert_eq!(plan.skipped_last.is_some(), plan.skipped > 0);
        prop_assert!(plan.next_due.unwrap() > now);
    }
}
