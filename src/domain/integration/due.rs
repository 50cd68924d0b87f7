//! When the schedule of an integration is due.

use jiff::{SignedDuration, Timestamp};

use super::{IntegrationSchedule, ScheduleKind};
use crate::domain::schedule::{Schedule, ScheduleError};

/// The due times of a schedule for a client that began to use it at `anchor`: every interval from then on, the first one an interval
/// later; or the times of the calendar in its zone. None where a member that its kind needs is missing.
///
/// # Errors
/// What is said of the interval, the expression or the zone.
pub fn due_times(schedule: &IntegrationSchedule, anchor: Timestamp) -> Result<Option<Schedule>, ScheduleError> {
    match schedule.kind {
        ScheduleKind::Interval => {
            let Some(seconds) = schedule.interval_seconds else {
                return Ok(None);
            };
            // A schedule is due at its anchor; this one not.
            let first = anchor.checked_add(SignedDuration::from_secs(seconds.into()));
            Schedule::every(seconds, first.unwrap_or(Timestamp::MAX)).map(Some)
        }
        ScheduleKind::Cron => match &schedule.cron {
            Some(expression) => Schedule::cron(expression, &schedule.time_zone).map(Some),
            None => Ok(None),
        },
        ScheduleKind::Weekly => match weekly(schedule) {
            Some(expression) => Schedule::cron(&expression, &schedule.time_zone).map(Some),
            None => Ok(None),
        },
    }
}

/// The cron expression with seconds of a weekday and a time of day.
fn weekly(schedule: &IntegrationSchedule) -> Option<String> {
    let mut parts = schedule.time_of_day.as_deref()?.split(':');
    let (hour, minute, second) = (parts.next()?, parts.next()?, parts.next().unwrap_or("0"));
    let day = match schedule.day_of_week.as_deref() {
        None => "*",
        Some(day) => day.get(..3)?,
    };
    Some(format!("{second} {minute} {hour} * * {day}"))
}

/// What due times follow from, as one text: where it is another than before, they are counted anew.
#[must_use]
pub fn fingerprint(schedule: &IntegrationSchedule, anchor: Timestamp) -> String {
    let text = |member: &Option<String>| member.clone().unwrap_or_default();
    format!(
        "{}|{}|{}|{}|{}|{}|{}",
        anchor.as_microsecond(),
        schedule.kind,
        schedule.interval_seconds.unwrap_or_default(),
        text(&schedule.cron),
        text(&schedule.day_of_week),
        text(&schedule.time_of_day),
        schedule.time_zone,
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn schedule(kind: ScheduleKind) -> IntegrationSchedule {
        IntegrationSchedule {
            name: "s".to_owned(),
            kind,
            interval_seconds: Some(3_600),
            cron: Some("30 6 * * *".to_owned()),
            day_of_week: Some("Thursday".to_owned()),
            time_of_day: Some("06:45:23".to_owned()),
            time_zone: "Europe/Oslo".to_owned(),
        }
    }

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    fn next(schedule: &IntegrationSchedule, anchor: &str) -> String {
        let due = due_times(schedule, at(anchor)).unwrap().unwrap();
        due.next_after(at(anchor)).unwrap().to_string()
    }

    #[test]
    fn each_kind_has_its_due_times() {
        let anchor = "2026-11-22T08:49:04Z";
        let table = [
            (ScheduleKind::Interval, "2026-11-22T09:49:04Z"),
            (ScheduleKind::Cron, "2026-11-23T05:30:00Z"),
            (ScheduleKind::Weekly, "2026-11-26T05:45:23Z"),
        ];
        for (kind, expected) in table {
            assert_eq!(next(&schedule(kind), anchor), expected, "{kind}");
        }
        let daily = IntegrationSchedule {
            day_of_week: None,
            time_of_day: Some("23:59".to_owned()),
            ..schedule(ScheduleKind::Weekly)
        };
        assert_eq!(next(&daily, anchor), "2026-11-22T22:59:00Z");
    }

    #[test]
    fn what_is_missing_or_wrong_is_no_schedule() {
        for kind in ScheduleKind::ALL {
            let empty = IntegrationSchedule {
                interval_seconds: None,
                cron: None,
                time_of_day: None,
                ..schedule(*kind)
            };
            assert_eq!(due_times(&empty, Timestamp::UNIX_EPOCH).unwrap(), None);
        }
        let wrong = IntegrationSchedule {
            cron: Some("at noon".to_owned()),
            ..schedule(ScheduleKind::Cron)
        };
        assert!(due_times(&wrong, Timestamp::UNIX_EPOCH).is_err());
    }

    #[test]
    fn a_change_of_what_counts_changes_the_fingerprint() {
        let before = schedule(ScheduleKind::Interval);
        let renamed = IntegrationSchedule {
            name: "other".to_owned(),
            ..before.clone()
        };
        let slower = IntegrationSchedule {
            interval_seconds: Some(7_200),
            ..before.clone()
        };
        let anchor = Timestamp::UNIX_EPOCH;
        assert_eq!(fingerprint(&before, anchor), fingerprint(&renamed, anchor));
        assert_ne!(fingerprint(&before, anchor), fingerprint(&slower, anchor));
        assert_ne!(fingerprint(&before, anchor), fingerprint(&before, Timestamp::MAX));
    }
}
