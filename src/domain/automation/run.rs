//! What is said of a run of an automation: why it began, how it ended, what it counted, which records failed.

use serde::{Deserialize, Serialize};

/// Why a run began.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RunTrigger {
    /// It was due.
    Schedule,
    /// A record changed.
    Event,
    /// A person asked for it.
    Manual,
    /// Another automation succeeded.
    Chained,
    /// It goes on where an earlier run could not.
    Resume,
}

impl RunTrigger {
    /// Every trigger.
    pub const ALL: [Self; 5] = [Self::Schedule, Self::Event, Self::Manual, Self::Chained, Self::Resume];

    /// The word in answers and in the store.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Schedule => "schedule",
            Self::Event => "event",
            Self::Manual => "manual",
            Self::Chained => "chained",
            Self::Resume => "resume",
        }
    }

    /// Reads the word back.
    #[must_use]
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|trigger| trigger.as_str() == word)
    }
}

/// How a run ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RunOutcome {
    /// All records were taken.
    Success,
    /// All pages were taken, but some records failed.
    Partial,
    /// It could not get through; the cursor stays.
    Failed,
    /// A script threw; the automation is disabled.
    ScriptError,
    /// The partner function or automation that it names does not exist or is disabled.
    NotFound,
    /// The connection cannot be used.
    Paused,
    /// Somebody stopped it, or the automation is gone.
    Cancelled,
}

impl RunOutcome {
    /// Every outcome.
    pub const ALL: [Self; 7] = [
        Self::Success,
        Self::Partial,
        Self::Failed,
        Self::ScriptError,
        Self::NotFound,
        Self::Paused,
        Self::Cancelled,
    ];

    /// The word in answers and in the store.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Success => "success",
            Self::Partial => "partial",
            Self::Failed => "failed",
            Self::ScriptError => "script_error",
            Self::NotFound => "not_found",
            Self::Paused => "paused",
            Self::Cancelled => "cancelled",
        }
    }

    /// Reads the word back.
    #[must_use]
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|outcome| outcome.as_str() == word)
    }
}

/// What a run has counted so far: records.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct RunCounts {
    /// Records that came.
    pub seen: u64,
    /// Of these, those that met the criteria.
    pub matched: u64,
    /// Records made.
    pub created: u64,
    /// Records changed or deleted.
    pub updated: u64,
    /// Records that were the same.
    pub unchanged: u64,
    /// Records left alone because ours, or theirs, is newer.
    pub skipped_newer: u64,
    /// Records that could not be taken.
    pub failed: u64,
}

/// What went wrong with one record.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecordError {
    /// Its key, or the provider's id where it has none yet; none for what concerns no single record.
    #[serde(default)]
    pub key: Option<String>,
    /// In words.
    pub message: String,
}

/// Longest key of an error that is kept, in characters.
const ERROR_KEY_CHARACTERS_MAX: usize = 200;
/// Longest message of an error that is kept, in characters.
const ERROR_MESSAGE_CHARACTERS_MAX: usize = 1_000;

/// The first errors of a run, and how many there were in all.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct RunErrors {
    /// The first of them, bounded by whoever counts.
    pub kept: Vec<RecordError>,
    /// All of them.
    pub total: u64,
}

impl RunErrors {
    /// Counts an error, and keeps it, cut to what people read, where fewer than `kept_max` are kept.
    pub fn add(&mut self, kept_max: usize, error: RecordError) {
        self.total = self.total.saturating_add(1);
        if self.kept.len() < kept_max {
            self.kept.push(RecordError {
                key: error.key.map(|key| cut(key, ERROR_KEY_CHARACTERS_MAX)),
                message: cut(error.message, ERROR_MESSAGE_CHARACTERS_MAX),
            });
        }
    }
}

fn cut(mut text: String, characters: usize) -> String {
    if let Some((end, _)) = text.char_indices().nth(characters) {
        text.truncate(end);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_read_back_and_are_those_of_json() {
        for trigger in RunTrigger::ALL {
            assert_eq!(RunTrigger::parse(trigger.as_str()), Some(trigger));
            assert_eq!(serde_json::to_value(trigger).unwrap(), trigger.as_str());
        }
        for outcome in RunOutcome::ALL {
            assert_eq!(RunOutcome::parse(outcome.as_str()), Some(outcome));
            assert_eq!(serde_json::to_value(outcome).unwrap(), outcome.as_str());
        }
        assert_eq!(RunTrigger::parse("Schedule"), None);
    }

    #[test]
    fn all_errors_are_counted_and_the_first_kept() {
        let mut errors = RunErrors::default();
        for number in 0..5 {
            let key = Some(number.to_string());
            errors.add(
                2,
                RecordError {
                    key,
                    message: "No.".to_owned(),
                },
            );
        }
        let kept: Vec<_> = errors.kept.iter().filter_map(|error| error.key.as_deref()).collect();
        assert_eq!((kept, errors.total), (vec!["0", "1"], 5));
    }

    #[test]
    fn errors_are_cut_where_they_are_long() {
        let mut errors = RunErrors::default();
        let error = RecordError {
            key: Some("ä".repeat(201)),
            message: "ö".repeat(5_000),
        };
        errors.add(1, error);
        let [kept] = &errors.kept[..] else { panic!("{errors:?}") };
        assert_eq!(kept.key, Some("ä".repeat(200)));
        assert_eq!(kept.message, "ö".repeat(1_000));
    }
}
