//! Cron rules: a cron expression in a time zone, compiled to bit masks, and the rule for daylight saving.
//!
//! The crate croner reads the expression and says which days it means; its own form of a rule takes 5 kB (a byte for
//! each year up to 5000), so the masks are kept instead: 200 bytes, and a next due time in about a microsecond.

use std::fmt;

use croner::parser::{CronParser, Seconds, Year};
use croner::time::Weekday as CronWeekday;
use jiff::Timestamp;
use jiff::civil::{Date, DateTime, Time};
use jiff::tz::{AmbiguousOffset, Offset, TimeZone};

/// Longest cron expression, in bytes.
pub const CRON_BYTES_MAX: usize = 256;
/// How far ahead a due time is looked for, in months. No pattern that names a day at all has a longer wait (29 February
/// on one weekday: 40 years across 2100).
const SEARCH_MONTHS_MAX: u32 = 12 * 100;
const DAYS_IN_MONTH_MIN: u8 = 28;

/// Why a calendar rule was refused. The texts are for the person who wrote it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CronError {
    /// The expression cannot be read.
    #[error("the cron expression \"{expression}\" cannot be read: {reason}. {CRON_HELP}")]
    Expression {
        /// As it was given.
        expression: String,
        /// What is wrong with it.
        reason: String,
    },
    /// It can be read, but names no day that ever comes.
    #[error("the cron expression \"{expression}\" names a day that never comes, so it would never be due")]
    Never {
        /// As it was given.
        expression: String,
    },
    /// There is no such time zone.
    #[error("\"{zone}\" is not a time zone of the IANA database, such as Europe/Oslo or UTC")]
    Zone {
        /// As it was given.
        zone: String,
    },
}

const CRON_HELP: &str = "Write five fields (minute, hour, day of month, month, day of week), like \"0 6 * * 1-5\", \
    or six with seconds in front";

/// A cron expression with its time zone, checked.
#[derive(Clone, PartialEq, Eq)]
pub struct CronRule {
    expression: Box<str>,
    zone: TimeZone,
    seconds: u64,
    minutes: u64,
    hours: u32,
    months: u16,
    /// Bit d: day d of the month is meant; by length of the month (28 to 31) and weekday of its first day (0 is
    /// Sunday).
    days: [[u32; 7]; 4],
}

impl CronRule {
    /// Reads a cron expression and a time zone.
    ///
    /// # Errors
    /// Which of the two cannot be read and why, or that the expression is never due.
    pub fn parse(expression: &str, zone: &str) -> Result<Self, CronError> {
        let refused = |reason: String| CronError::Expression {
            expression: expression.to_owned(),
            reason,
        };
        if expression.len() > CRON_BYTES_MAX {
            let shown = expression.chars().take(32).collect::<String>() + "...";
            return Err(CronError::Expression {
                expression: shown,
                reason: format!("it is longer than {CRON_BYTES_MAX} characters"),
            });
        }
        let fields = expression.split_whitespace().count();
        if !matches!(fields, 5 | 6) && !expression.trim_start().starts_with('@') {
            return Err(refused(format!("it has {fields} fields")));
        }
        let parser = CronParser::builder()
            .seconds(Seconds::Optional)
            .year(Year::Disallowed)
            .build();
        let cron = parser.parse(expression).map_err(|error| refused(error.to_string()))?;
        let rule = Self {
            expression: expression.trim().into(),
            zone: time_zone(zone)?,
            seconds: mask(&cron.pattern.seconds),
            minutes: mask(&cron.pattern.minutes),
            hours: u32::try_from(mask(&cron.pattern.hours)).unwrap_or_default(),
            months: u16::try_from(mask(&cron.pattern.months)).unwrap_or_default(),
            days: day_masks(&cron.pattern),
        };
        for (name, empty) in [
            ("second", rule.seconds == 0),
            ("minute", rule.minutes == 0),
            ("hour", rule.hours == 0),
            ("month", rule.months == 0),
        ] {
            if empty {
                return Err(refused(format!("the field for the {name} names none")));
            }
        }
        if rule.is_never() {
            return Err(CronError::Never {
                expression: expression.to_owned(),
            });
        }
        Ok(rule)
    }

    /// The expression as it was written.
    #[must_use]
    pub fn expression(&self) -> &str {
        &self.expression
    }

    /// The IANA name of the time zone.
    #[must_use]
    pub fn zone_name(&self) -> &str {
        self.zone.iana_name().unwrap_or("UTC")
    }

    /// The first due time after `after`; none only where the calendar ends.
    ///
    /// A local time that does not exist is due at the first instant after the gap (all that fall into one gap together
    /// once); one that occurs twice is due once, at its first occurrence.
    #[must_use]
    pub fn next_after(&self, after: Timestamp) -> Option<Timestamp> {
        let mut local = self.zone.to_datetime(after);
        loop {
            local = self.next_local(local)?;
            let instant = self.instant(local)?;
            // On the second pass of a repeated hour the first passes lie behind: go on until local times are new again.
            if instant > after {
                return Some(instant);
            }
        }
    }

    /// The instant of a local time.
    fn instant(&self, local: DateTime) -> Option<Timestamp> {
        let offset_at = |offset: Offset| offset.to_timestamp(local).ok();
        match self.zone.to_ambiguous_timestamp(local).offset() {
            AmbiguousOffset::Unambiguous { offset } => offset_at(offset),
            // The first of the two occurrences is the one before the clock was set back.
            AmbiguousOffset::Fold { before, .. } => offset_at(before),
            // Read with the offset after the gap it lies before the transition, and the transition is the next one from
            // there.
            AmbiguousOffset::Gap { after, .. } => {
                let early = offset_at(after)?;
                self.zone
                    .following(early)
                    .next()
                    .map(|transition| transition.timestamp())
            }
        }
    }

    /// The first local time after `after` that the expression names, as if no clock were ever changed.
    fn next_local(&self, after: DateTime) -> Option<DateTime> {
        let today = after.date();
        if self.is_due_on(today)
            && let Some(time) = self.next_time(after.time())
        {
            return Some(today.to_datetime(time));
        }
        let date = self.next_date(today)?;
        Some(date.to_datetime(self.first_time()?))
    }

    fn is_due_on(&self, date: Date) -> bool {
        self.days_of(date.first_of_month()) >> date.day() & 1 == 1
    }

    /// The mask of the days meant in the month that begins on `first`.
    fn days_of(&self, first: Date) -> u32 {
        if self.months >> first.month() & 1 == 0 {
            return 0;
        }
        let length = usize::try_from(first.days_in_month()).unwrap_or_default();
        let weekday = usize::try_from(first.weekday().to_sunday_zero_offset()).unwrap_or_default();
        let by_length = self.days.get(length.saturating_sub(usize::from(DAYS_IN_MONTH_MIN)));
        by_length
            .and_then(|by_weekday| by_weekday.get(weekday))
            .copied()
            .unwrap_or_default()
    }

    /// The first day after `after` that the expression names.
    fn next_date(&self, after: Date) -> Option<Date> {
        let mut first = after.first_of_month();
        let mut from_day = u32::try_from(after.day()).ok()? + 1;
        for _ in 0..SEARCH_MONTHS_MAX {
            if let Some(day) = first_bit_from(u64::from(self.days_of(first)), from_day) {
                return Date::new(first.year(), first.month(), i8::try_from(day).ok()?).ok();
            }
            first = first.last_of_month().tomorrow().ok()?;
            from_day = 1;
        }
        None
    }

    /// The first time of day after `after` that the expression names.
    fn next_time(&self, after: Time) -> Option<Time> {
        let part = |value: i8| u32::try_from(value).unwrap_or_default();
        let (hour, minute, second) = (part(after.hour()), part(after.minute()), part(after.second()));
        let is_named = |bits: u64, value: u32| bits >> value & 1 == 1;
        let first_minute = self.minutes.trailing_zeros();
        let first_second = self.seconds.trailing_zeros();
        if is_named(self.hours.into(), hour) {
            if is_named(self.minutes, minute)
                && let Some(second) = first_bit_from(self.seconds, second + 1)
            {
                return time(hour, minute, second);
            }
            if let Some(minute) = first_bit_from(self.minutes, minute + 1) {
                return time(hour, minute, first_second);
            }
        }
        let hour = first_bit_from(self.hours.into(), hour + 1)?;
        time(hour, first_minute, first_second)
    }

    fn first_time(&self) -> Option<Time> {
        time(
            self.hours.trailing_zeros(),
            self.minutes.trailing_zeros(),
            self.seconds.trailing_zeros(),
        )
    }

    /// Whether no month that is named has a day that is meant. Every pairing of a length that a month can have with a
    /// weekday for its first day does occur in the calendar.
    fn is_never(&self) -> bool {
        let lengths = |month: u32| match month {
            2 => 28..=29_usize,
            4 | 6 | 9 | 11 => 30..=30,
            _ => 31..=31,
        };
        (1..=12)
            .filter(|month| self.months >> month & 1 == 1)
            .flat_map(lengths)
            .filter_map(|length| self.days.get(length - usize::from(DAYS_IN_MONTH_MIN)))
            .all(|by_weekday| by_weekday.iter().all(|days| *days == 0))
    }
}

impl fmt::Debug for CronRule {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "CronRule({:?} in {})", self.expression, self.zone_name())
    }
}

/// Finds a time zone by its IANA name, without regard to case.
///
/// # Errors
/// There is none with this name.
pub fn time_zone(name: &str) -> Result<TimeZone, CronError> {
    let unknown = || CronError::Zone {
        zone: name.chars().take(64).collect(),
    };
    if name.is_empty() || name != name.trim() {
        return Err(unknown());
    }
    TimeZone::get(name).map_err(|_| unknown())
}

fn mask(component: &croner::CronComponent) -> u64 {
    component
        .values()
        .into_iter()
        .filter(|value| *value < 64)
        .fold(0, |bits, value| bits | 1 << value)
}

/// Asks croner about each day of each kind of month, so that its rules for L, W and # hold here too.
fn day_masks(pattern: &croner::CronPattern) -> [[u32; 7]; 4] {
    // A month of each length: only the length counts, since the weekday is given.
    let months = [(2023, 2, 28), (2024, 2, 29), (2024, 4, 30), (2024, 1, 31)];
    months.map(|(year, month, length)| {
        std::array::from_fn(|first_weekday| {
            (1..=length).fold(0, |days, day| {
                let weekday = CronWeekday::from_days_from_sunday(first_weekday as u32 + day - 1);
                let meant = pattern.day_match(year, month, day, weekday).unwrap_or(false);
                days | u32::from(meant) << day
            })
        })
    })
}

/// The lowest set bit at or above `from`.
const fn first_bit_from(bits: u64, from: u32) -> Option<u32> {
    if from >= u64::BITS {
        return None;
    }
    let rest = bits >> from << from;
    if rest == 0 { None } else { Some(rest.trailing_zeros()) }
}

fn time(hour: u32, minute: u32, second: u32) -> Option<Time> {
    let part = |value: u32| i8::try_from(value).ok();
    Time::new(part(hour)?, part(minute)?, part(second)?, 0).ok()
}

#[cfg(test)]
#[path = "cron_tests.rs"]
mod tests;
