//! Reading a schedule.

use jiff::Timestamp;
use serde_json::Value;

use super::{begin, name, whole, word};
use crate::domain::{
    cron::{CronError, time_zone},
    integration::{IntegrationSchedule, ScheduleKind},
    lenient::{Given, Reader, folded},
    schedule::{Schedule, ScheduleError},
    validate::FieldError,
};

/// Longest cron expression, characters.
const CRON_CHARACTERS_MAX: usize = 256;
/// The zone where none is given.
const ZONE_DEFAULT: &str = "UTC";
const WEEKDAYS: [&str; 7] = [
    "Monday",
    "Tuesday",
    "Wednesday",
    "Thursday",
    "Friday",
    "Saturday",
    "Sunday",
];

/// Reads a new schedule, or a change of `current`, whose number is `key`. `Kind` says which members count: `IntervalSeconds`; `Cron`;
/// or `TimeOfDay` and `DayOfWeek` (every day where it is absent). `TimeZone` is UTC where it is absent.
///
/// # Errors
/// Everything that is wrong, by the names of the members.
pub fn schedule(
    current: Option<&IntegrationSchedule>,
    key: Option<i64>,
    body: &Value,
) -> Result<IntegrationSchedule, Vec<FieldError>> {
    let mut reader = begin(body, "ScheduleId", key)?;
    let mut schedule_name = current.map(|now| now.name.clone());
    let mut kind = current.map(|now| now.kind);
    let mut interval = current.and_then(|now| now.interval_seconds);
    let mut cron = current.and_then(|now| now.cron.clone());
    let mut day = current.and_then(|now| now.day_of_week.clone());
    let mut time = current.and_then(|now| now.time_of_day.clone());
    let mut zone = current.map(|now| now.time_zone.clone());
    name(&mut reader, "ScheduleName", &mut schedule_name);
    word(&mut reader, "Kind", &mut kind);
    reader.require("Kind", kind.is_some(), "must be Interval, Cron or Weekly");
    reader.number(&["IntervalSeconds"], u32::MAX).put(&mut interval);
    reader.text(&["Cron"], CRON_CHARACTERS_MAX).put(&mut cron);
    weekday(&mut reader).put(&mut day);
    reader.word(&["TimeOfDay"], time_of_day).put(&mut time);
    reader.word(&["TimeZone"], read_zone).put(&mut zone);
    let time_zone = zone.unwrap_or_else(|| ZONE_DEFAULT.to_owned());
    let read = match (schedule_name, kind) {
        (Some(name), Some(kind)) => Some(IntegrationSchedule {
            name,
            kind,
            interval_seconds: interval,
            cron,
            day_of_week: day,
            time_of_day: time,
            time_zone,
        }),
        _ => None,
    };
    if let Some(read) = &read {
        check(&mut reader, read);
    }
    whole(reader, read)
}

/// Whether what the kind needs is there and can be due.
fn check(reader: &mut Reader<'_>, schedule: &IntegrationSchedule) {
    match schedule.kind {
        ScheduleKind::Interval => {
            let seconds = schedule.interval_seconds;
            reader.require(
                "IntervalSeconds",
                seconds.is_some(),
                "must be given with the kind Interval",
            );
            if let Some(Err(error)) = seconds.map(|seconds| Schedule::every(seconds, Timestamp::UNIX_EPOCH)) {
                reader.refuse("IntervalSeconds", error.to_string());
            }
        }
        ScheduleKind::Cron => {
            reader.require("Cron", schedule.cron.is_some(), "must be given with the kind Cron");
            let read = schedule
                .cron
                .as_ref()
                .map(|cron| Schedule::cron(cron, &schedule.time_zone));
            if let Some(Err(error)) = read {
                let member = match &error {
                    ScheduleError::Cron(CronError::Zone { .. }) => "TimeZone",
                    _ => "Cron",
                };
                reader.refuse(member, error.to_string());
            }
        }
        ScheduleKind::Weekly => {
            let message = "must be given with the kind Weekly, like 06:45";
            reader.require("TimeOfDay", schedule.time_of_day.is_some(), message);
        }
    }
}

fn weekday(reader: &mut Reader<'_>) -> Given<String> {
    reader.word(&["DayOfWeek"], |text| {
        let word = folded(text);
        let fits = |day: &&&str| {
            let day = day.to_lowercase();
            day == word || word.len() == 3 && day.starts_with(&word)
        };
        match WEEKDAYS.iter().find(fits) {
            Some(day) => Ok((*day).to_owned()),
            None => Err("must be a day of the week, like Thursday, or null for every day".to_owned()),
        }
    })
}

fn time_of_day(text: &str) -> Result<String, String> {
    let part = |text: Option<&str>, below: u8| {
        let text = text?;
        let fits = matches!(text.len(), 1 | 2) && text.bytes().all(|byte| byte.is_ascii_digit());
        text.parse::<u8>().ok().filter(|number| fits && *number < below)
    };
    let mut parts = text.split(':');
    let (hour, minute) = (part(parts.next(), 24), part(parts.next(), 60));
    let second = match parts.next() {
        None => Some(0),
        second => part(second, 60),
    };
    match (hour, minute, second, parts.next()) {
        (Some(hour), Some(minute), Some(second), None) => Ok(format!("{hour:02}:{minute:02}:{second:02}")),
        _ => Err("must be a time of day from 00:00:00 to 23:59:59, like 06:45 or 06:45:23".to_owned()),
    }
}

fn read_zone(text: &str) -> Result<String, String> {
    match time_zone(text) {
        Ok(zone) => Ok(zone.iana_name().unwrap_or(text).to_owned()),
        Err(_) => Err("must be a time zone of the IANA database, such as Europe/Oslo or UTC".to_owned()),
    }
}
