//! When a timer-based automation is due.

use jiff::Timestamp;

use super::{Automation, AutomationType, CheckOn};
use crate::domain::schedule::Schedule;

/// The due times of an automation that was made, or got other due times, at `anchor`: every interval from then on, the first one an
/// interval later; or the time of day on its weekday, in its zone. None for what is not started by a timer (or was stored without
/// what a timer needs).
#[must_use]
pub fn schedule_of(automation: &Automation, anchor: Timestamp) -> Option<Schedule> {
    if automation.automation_type != AutomationType::TimerBased {
        return None;
    }
    match automation.check_on? {
        CheckOn::Every { minutes } => {
            let seconds = minutes.checked_mul(60)?;
            // A schedule is due at its anchor; this one not.
            let first = anchor
                .checked_add(jiff::SignedDuration::from_secs(seconds.into()))
                .ok()?;
            Schedule::every(seconds, first).ok()
        }
        CheckOn::CustomDayTime => {
            let (expression, zone) = cron_of(automation)?;
            Schedule::cron(&expression, zone).ok()
        }
    }
}

/// The cron expression with seconds of `custom_day` and `custom_time`, and the zone.
fn cron_of(automation: &Automation) -> Option<(String, &str)> {
    let mut parts = automation.custom_time.as_deref()?.split(':');
    let (hour, minute, second) = (parts.next()?, parts.next()?, parts.next().unwrap_or("0"));
    let day = match automation.custom_day.as_deref() {
        None => "*",
        Some(day) => day.get(..3)?,
    };
    let zone = automation.time_zone.as_deref().unwrap_or("UTC");
    Some((format!("{second} {minute} {hour} * * {day}"), zone))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::domain::automation::read::{WEEKDAYS, read_new};

    fn automation(members: Value) -> Automation {
        let mut body = json!({
            "name": "a", "applies_to": "customer", "automation_type": "timerBased", "direction": "IMPORT", "perform_action": "p"
        });
        let Value::Object(members) = members else {
            panic!("no object")
        };
        body.as_object_mut().unwrap().extend(members);
        read_new(&body).unwrap()
    }

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    fn due(members: Value, anchor: &str, count: usize) -> Vec<String> {
        let schedule = schedule_of(&automation(members), at(anchor)).unwrap();
        schedule
            .preview(at(anchor), count)
            .iter()
            .map(ToString::to_string)
            .collect()
    }

    #[test]
    fn an_interval_is_due_for_the_first_time_when_it_is_over() {
        assert_eq!(
            due(json!({"check_on": "8 hours"}), "2026-11-22T08:49:04Z", 3),
            ["2026-11-22T16:49:04Z", "2026-11-23T00:49:04Z", "2026-11-23T08:49:04Z"]
        );
        let schedule = schedule_of(&automation(json!({"check_on": "365 days"})), at("2026-01-01T00:00:00Z")).unwrap();
        assert_eq!(schedule.previous_or_at(at("2026-06-01T00:00:00Z")), None);
        assert_eq!(
            schedule.next_after(at("2026-06-01T00:00:00Z")),
            Some(at("2027-01-01T00:00:00Z"))
        );
    }

    #[test]
    fn a_time_of_day_is_due_on_its_weekday_in_its_zone() {
        let seed = json!({"check_on": "customDayTime", "custom_day": "thursday", "custom_time": "06:45:23"});
        assert_eq!(
            due(seed, "2026-11-22T00:00:00Z", 2),
            ["2026-11-26T06:45:23Z", "2026-12-03T06:45:23Z"]
        );
        let daily = json!({"check_on": "customDayTime", "custom_time": "23:59:59", "time_zone": "America/New_York"});
        // The clocks are set back on the first of November.
        assert_eq!(
            due(daily, "2026-10-31T12:00:00Z", 2),
            ["2026-11-01T03:59:59Z", "2026-11-02T04:59:59Z"]
        );
        // 22 November 2026 is a Sunday.
        for (index, day) in WEEKDAYS.iter().enumerate() {
            let members = json!({"check_on": "customDayTime", "custom_day": day, "custom_time": "00:00"});
            assert_eq!(
                due(members, "2026-11-22T12:00:00Z", 1),
                [format!("2026-11-{:02}T00:00:00Z", 23 + index)],
                "{day}"
            );
        }
    }

    #[test]
    fn only_timers_have_due_times() {
        let event = automation(json!({"automation_type": "eventBased", "check_on": "8 hours"}));
        assert_eq!(schedule_of(&event, Timestamp::UNIX_EPOCH), None);
        let mut timer = automation(json!({"check_on": "8 hours"}));
        timer.check_on = None;
        assert_eq!(schedule_of(&timer, Timestamp::UNIX_EPOCH), None);
        timer.check_on = Some(CheckOn::CustomDayTime);
        assert_eq!(schedule_of(&timer, Timestamp::UNIX_EPOCH), None);
    }
}
