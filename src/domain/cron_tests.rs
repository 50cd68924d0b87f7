//! Tests of cron rules: the daylight-saving table, agreement with croner, and what is refused.

use proptest::prelude::*;

use super::*;

fn rule(expression: &str, zone: &str) -> CronRule {
    CronRule::parse(expression, zone).unwrap()
}

/// The due times after a local moment, as local times with their offset.
fn fires(expression: &str, zone: &str, after: &str, count: usize) -> Vec<String> {
    let rule = rule(expression, zone);
    let mut at: Timestamp = after.parse().unwrap();
    (0..count)
        .map(|_| {
            at = rule.next_after(at).unwrap();
            at.to_zoned(rule.zone.clone()).strftime("%m-%d %H:%M%:z").to_string()
        })
        .collect()
}

#[test]
fn daylight_saving_table() {
    // (what, expression, zone, after, due times)
    let table: &[(&str, &str, &str, &str, &[&str])] = &[
        (
            "Oslo, spring: 02:30 does not exist and is due at 03:00, once",
            "30 2 * * *",
            "Europe/Oslo",
            "2026-03-28T00:00:00Z",
            &["03-28 02:30+01:00", "03-29 03:00+02:00", "03-30 02:30+02:00"],
        ),
        (
            "Oslo, autumn: 02:30 occurs twice and is due at the first",
            "30 2 * * *",
            "Europe/Oslo",
            "2026-10-24T12:00:00Z",
            &["10-25 02:30+02:00", "10-26 02:30+01:00"],
        ),
        (
            "Oslo, spring: what falls into the gap is due once, together with what is due at its end",
            "*/15 * * * *",
            "Europe/Oslo",
            "2026-03-29T00:40:00Z",
            &["03-29 01:45+01:00", "03-29 03:00+02:00", "03-29 03:15+02:00"],
        ),
        (
            "Oslo, autumn: the repeated hour is passed over",
            "*/15 * * * *",
            "Europe/Oslo",
            "2026-10-25T00:25:00Z",
            &[
                "10-25 02:30+02:00",
                "10-25 02:45+02:00",
                "10-25 03:00+01:00",
                "10-25 03:15+01:00",
            ],
        ),
        (
            "Oslo, hourly, spring",
            "0 * * * *",
            "Europe/Oslo",
            "2027-03-27T23:30:00Z",
            &["03-28 01:00+01:00", "03-28 03:00+02:00", "03-28 04:00+02:00"],
        ),
        (
            "Oslo, hourly, autumn",
            "0 * * * *",
            "Europe/Oslo",
            "2027-10-30T23:30:00Z",
            &["10-31 02:00+02:00", "10-31 03:00+01:00", "10-31 04:00+01:00"],
        ),
        (
            "New York, spring",
            "30 2 * * *",
            "America/New_York",
            "2026-03-07T12:00:00Z",
            &["03-08 03:00-04:00", "03-09 02:30-04:00"],
        ),
        (
            "New York, autumn: 01:30 occurs twice",
            "30 1 * * *",
            "America/New_York",
            "2026-10-31T12:00:00Z",
            &["11-01 01:30-04:00", "11-02 01:30-05:00"],
        ),
        (
            "New York, every 15 minutes, spring 2027",
            "*/15 * * * *",
            "America/New_York",
            "2027-03-14T06:31:00Z",
            &["03-14 01:45-05:00", "03-14 03:00-04:00", "03-14 03:15-04:00"],
        ),
        (
            "New York, asked during the second pass",
            "*/15 * * * *",
            "America/New_York",
            "2027-11-07T06:20:00Z",
            &["11-07 02:00-05:00", "11-07 02:15-05:00"],
        ),
        (
            "New York, daily at noon is not touched",
            "0 12 * * *",
            "America/New_York",
            "2027-03-13T12:00:00Z",
            &["03-13 12:00-05:00", "03-14 12:00-04:00"],
        ),
        (
            "Lord Howe: half an hour",
            "15 2 * * *",
            "Australia/Lord_Howe",
            "2026-10-03T00:00:00Z",
            &["10-04 02:30+11:00", "10-05 02:15+11:00"],
        ),
        (
            "Samoa left out 30 December 2011",
            "0 6 * * *",
            "Pacific/Apia",
            "2011-12-29T12:00:00Z",
            &["12-29 06:00-10:00", "12-31 00:00+14:00", "12-31 06:00+14:00"],
        ),
        (
            "leap day",
            "0 0 29 2 *",
            "UTC",
            "2024-02-29T00:00:00Z",
            &["02-29 00:00+00:00", "02-29 00:00+00:00"],
        ),
        (
            "working days at six",
            "0 6 * * 1-5",
            "Europe/Oslo",
            "2026-11-20T08:00:00Z",
            &["11-23 06:00+01:00", "11-24 06:00+01:00"],
        ),
        (
            "last day of the month",
            "0 0 L * *",
            "UTC",
            "2026-02-01T00:00:00Z",
            &["02-28 00:00+00:00", "03-31 00:00+00:00"],
        ),
        (
            "second Tuesday",
            "0 0 * * TUE#2",
            "UTC",
            "2026-11-01T00:00:00Z",
            &["11-10 00:00+00:00", "12-08 00:00+00:00"],
        ),
        (
            "nickname",
            "@daily",
            "UTC",
            "2026-11-01T00:00:00Z",
            &["11-02 00:00+00:00"],
        ),
        (
            "seconds in front",
            "30 59 23 * * *",
            "UTC",
            "2026-11-01T23:59:29.5Z",
            &["11-01 23:59+00:00", "11-02 23:59+00:00"],
        ),
    ];
    for (what, expression, zone, after, expected) in table {
        assert_eq!(fires(expression, zone, after, expected.len()), *expected, "{what}");
    }
}

#[test]
fn leap_days_come_every_four_years_except_in_2100() {
    let rule = rule("0 0 29 2 *", "UTC");
    let next = |after: &str| rule.next_after(after.parse().unwrap()).unwrap().to_string();
    assert_eq!(next("2026-01-01T00:00:00Z"), "2028-02-29T00:00:00Z");
    assert_eq!(next("2096-02-29T00:00:00Z"), "2104-02-29T00:00:00Z");
}

#[test]
fn where_the_calendar_ends_nothing_is_due() {
    assert_eq!(rule("0 0 * * *", "UTC").next_after(Timestamp::MAX), None);
    assert_eq!(rule("0 0 * * *", "Europe/Oslo").next_after(Timestamp::MAX), None);
    assert!(rule("0 0 * * *", "Europe/Oslo").next_after(Timestamp::MIN).is_some());
}

#[test]
fn what_cannot_be_read_is_refused_in_words() {
    let table = [
        ("", "UTC", "has 0 fields"),
        ("* * * *", "UTC", "has 4 fields"),
        ("0 0 0 1 1 * 2026", "UTC", "has 7 fields"),
        ("60 * * * *", "UTC", "cannot be read"),
        ("a b c d e", "UTC", "cannot be read"),
        (", * * * *", "UTC", "the field for the minute names none"),
        ("@reboot", "UTC", "cannot be read"),
        ("0 0 31 2 *", "UTC", "never comes"),
        ("0 0 30 2 *", "UTC", "never comes"),
        ("0 0 31 4,6,9,11 *", "UTC", "never comes"),
        ("* * * * *", "Europe/Olso", "not a time zone"),
        ("* * * * *", "", "not a time zone"),
        ("* * * * *", "+02:00", "not a time zone"),
    ];
    for (expression, zone, part) in table {
        let text = CronRule::parse(expression, zone).unwrap_err().to_string();
        assert!(text.contains(part), "{expression:?}: {text}");
        assert!(!text.contains("  "), "{text}");
    }
    let text = CronRule::parse(&"1,".repeat(1000), "UTC").unwrap_err().to_string();
    assert!(text.contains("longer than 256"), "{text}");
}

#[test]
fn a_rule_is_small() {
    assert!(size_of::<CronRule>() <= 256, "{}", size_of::<CronRule>());
}

fn field(range: std::ops::RangeInclusive<u32>) -> impl Strategy<Value = String> {
    let (low, high) = (*range.start(), *range.end());
    prop_oneof![
        3 => Just("*".to_owned()),
        2 => range.clone().prop_map(|value| value.to_string()),
        1 => (2..=high.max(3)).prop_map(|step| format!("*/{step}")),
        1 => (low..=high, low..=high).prop_map(|(a, b)| format!("{}-{}", a.min(b), a.max(b))),
        1 => (range.clone(), range).prop_map(|(a, b)| format!("{a},{b}")),
    ]
}

fn expression() -> impl Strategy<Value = String> {
    let day = prop_oneof![6 => field(1..=31), 1 => Just("L".to_owned()), 1 => Just("15W".to_owned())];
    let weekday = prop_oneof![6 => field(0..=7), 1 => Just("5#2".to_owned()), 1 => Just("1L".to_owned())];
    (field(0..=59), field(0..=23), day, field(1..=12), weekday)
        .prop_map(|(minute, hour, day, month, weekday)| format!("{minute} {hour} {day} {month} {weekday}"))
}

fn zone() -> impl Strategy<Value = &'static str> {
    prop::sample::select(vec![
        "UTC",
        "Europe/Oslo",
        "America/New_York",
        "Australia/Lord_Howe",
        "Asia/Kolkata",
    ])
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn due_times_increase_and_match(
        expression in expression(),
        zone in zone(),
        start in 1_700_000_000_i64..2_000_000_000,
    ) {
        // Impossible days are refused, which has its own test.
        let Ok(rule) = CronRule::parse(&expression, zone) else { return Ok(()) };
        let cron: croner::Cron = expression.parse().unwrap();
        let mut at = Timestamp::from_second(start).unwrap();
        for _ in 0..20 {
            let next = rule.next_after(at).unwrap();
            prop_assert!(next > at);
            let local = rule.zone.to_datetime(next);
            let is_end_of_gap = rule.zone.preceding(next + jiff::SignedDuration::from_secs(1)).next()
                .is_some_and(|transition| transition.timestamp() == next);
            prop_assert!(is_end_of_gap || cron.is_time_matching(&local).unwrap(), "{local} for {expression}");
            at = next;
        }
    }

    #[test]
    fn without_clock_changes_it_agrees_with_croner(
        expression in expression(),
        start in 1_700_000_000_i64..2_000_000_000,
    ) {
        let Ok(rule) = CronRule::parse(&expression, "UTC") else { return Ok(()) };
        let cron: croner::Cron = expression.parse().unwrap();
        let mut at = Timestamp::from_second(start).unwrap();
        for _ in 0..10 {
            let expected = cron.find_next_occurrence(&Offset::UTC.to_datetime(at), false).unwrap();
            at = rule.next_after(at).unwrap();
            prop_assert_eq!(Offset::UTC.to_datetime(at), expected, "{}", expression);
        }
    }
}
