//! Days and instants as records hold them: RFC 3339, dates, and dates with a time without a zone, which are taken for UTC.

use std::cmp::Ordering;

use jiff::{
    Timestamp,
    civil::{Date, DateTime},
    tz::{Offset, TimeZone},
};

/// A day, or an instant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Moment {
    /// A whole day.
    Day(Date),
    /// A point in time.
    Instant(Timestamp),
}

impl Moment {
    /// Reads a text. Quick where it is none.
    #[must_use]
    pub fn read(text: &str) -> Option<Self> {
        let is_date = |bytes: &[u8]| {
            let [y1, y2, y3, y4, b'-', m1, m2, b'-', d1, d2] = bytes else {
                return false;
            };
            [y1, y2, y3, y4, m1, m2, d1, d2]
                .iter()
                .all(|byte| byte.is_ascii_digit())
        };
        let bytes = text.as_bytes();
        if !bytes.get(..10).is_some_and(is_date) {
            return None;
        }
        if bytes.len() == 10 {
            return text.parse().ok().map(Self::Day);
        }
        if let Ok(time) = text.parse::<Timestamp>() {
            return Some(Self::Instant(time));
        }
        Self::of_local(text.parse().ok()?)
    }

    /// A date with a time, in UTC.
    #[must_use]
    pub fn of_local(local: DateTime) -> Option<Self> {
        Some(Self::Instant(local.to_zoned(TimeZone::UTC).ok()?.timestamp()))
    }

    /// How it stands to another: two instants as such; where one is a day, by their days in UTC.
    #[must_use]
    pub fn compared(self, other: Self) -> Ordering {
        match (self, other) {
            (Self::Instant(one), Self::Instant(other)) => one.cmp(&other),
            (one, other) => one.day().cmp(&other.day()),
        }
    }

    /// Its day in UTC.
    #[must_use]
    pub fn day(self) -> Date {
        match self {
            Self::Day(date) => date,
            Self::Instant(time) => Offset::UTC.to_datetime(time).date(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_read_or_not() {
        for (text, expected) in [
            ("2026-01-31", Some("day 2026-01-31")),
            ("2026-01-31T12:00:00Z", Some("2026-01-31T12:00:00Z")),
            ("2026-01-31 14:00:00+02:00", Some("2026-01-31T12:00:00Z")),
            ("2026-01-31T12:00:00.25", Some("2026-01-31T12:00:00.25Z")),
            ("2026-02-30", None),
            ("2026-01-31x", None),
            ("2026-1-31", None),
            ("31.01.2026", None),
            ("", None),
            ("２０２６-01-31", None),
        ] {
            let found = Moment::read(text).map(|moment| match moment {
                Moment::Day(day) => format!("day {day}"),
                Moment::Instant(time) => time.to_string(),
            });
            assert_eq!(found.as_deref(), expected, "{text}");
        }
    }
}
