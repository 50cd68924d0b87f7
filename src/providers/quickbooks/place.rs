//! The pages of a list of QuickBooks: first the records by STARTPOSITION, then, for what changed since a time, the deletions.

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::{DATA, ObjectData, unusable};
use crate::providers::{PagePlace, RemotePage, RemoteRecord, Trouble, TroubleKind, common};

/// Change data capture looks back at most so far.
const LOOK_BACK: SignedDuration = SignedDuration::from_hours(30 * 24);
/// Change data capture names at most so many objects, deleted ones last.
const CHANGES_MAX: usize = 1_000;
/// A page begins so many records before the end of the one before: when records are deleted meanwhile, the others move forward.
const OVERLAP: u64 = 20;

/// Where a list goes on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Place {
    /// At this position, which counts from 1.
    Records {
        /// Position of the page's first record.
        start: u64,
        /// The id that the page before ended with.
        last: Option<String>,
    },
    /// With the deletions, after the last record.
    Deletions {
        /// The time at QuickBooks, where it told.
        now: Option<Timestamp>,
    },
}

impl Place {
    /// Reads a place back; none is the first page.
    pub fn read(place: Option<&PagePlace>) -> Result<Self, Trouble> {
        let Some(PagePlace(text)) = place else {
            return Ok(Self::Records { start: 1, last: None });
        };
        serde_json::from_str(text).map_err(|_| unusable("the place in the list is not one of QuickBooks"))
    }

    fn page_place(&self) -> Option<PagePlace> {
        serde_json::to_string(self).ok().map(PagePlace)
    }
}

/// A time as QuickBooks compares it, cut to the second so that nothing is missed.
pub(super) fn time_text(at: Timestamp) -> String {
    format!("{}+00:00", common::seconds_utc(at))
}

/// A member by a path with dots.
pub(super) fn member<'a>(members: &'a Map<String, Value>, path: &str) -> Option<&'a Value> {
    let mut names = path.split('.');
    let first = members.get(names.next()?)?;
    names.try_fold(first, |value, name| value.get(name))
}

/// The objects of a query's answer; without any, the member is missing.
pub(super) fn entities<'a>(answer: Option<&'a Value>, name: &str) -> Result<Vec<&'a Map<String, Value>>, Trouble> {
    let Some(Value::Object(answer)) = answer else {
        return Err(Trouble::new(
            TroubleKind::Passing,
            "QuickBooks answered a query without a QueryResponse",
        ));
    };
    let Some(list) = answer.get(name) else {
        return Ok(Vec::new());
    };
    let objects = list.as_array().map(|list| list.iter().map(Value::as_object).collect());
    match objects {
        Some(Some(objects)) => Ok(objects),
        _ => Err(unusable(&format!(
            "QuickBooks answered with {name} that is no list of objects"
        ))),
    }
}

/// The objects of an answer of change data capture.
pub(super) fn changes<'a>(body: &'a Value, name: &str) -> Result<Vec<&'a Map<String, Value>>, Trouble> {
    let Some(answers) = body.get("CDCResponse").and_then(Value::as_array) else {
        return Err(Trouble::new(
            TroubleKind::Passing,
            "QuickBooks answered without a CDCResponse",
        ));
    };
    let responses = answers
        .iter()
        .filter_map(|answer| answer.get("QueryResponse").and_then(Value::as_array))
        .flatten();
    let mut all = Vec::new();
    for response in responses {
        all.extend(entities(Some(response), name)?);
    }
    Ok(all)
}

/// What a page of records says, and where it goes on.
pub(super) fn records_page(
    mut records: Vec<RemoteRecord>,
    start: u64,
    last: Option<&str>,
    since: Option<Timestamp>,
    body: &Value,
) -> Result<RemotePage, Trouble> {
    let got = u64::try_from(records.len()).unwrap_or(u64::MAX);
    // Those that the page before had already. If it is not here any more, it was deleted: then all of these are taken again.
    if let Some(known) = last.and_then(|last| records.iter().position(|record| record.id == last)) {
        records.drain(..=known);
    }
    let full = got >= u64::from(DATA.page_size);
    let next = match (full, since) {
        (true, _) => Some(Place::Records {
            start: start.saturating_add(got.saturating_sub(OVERLAP).max(1)),
            last: records
                .last()
                .map(|record| record.id.clone())
                .or(last.map(str::to_owned)),
        }),
        (false, Some(_)) => Some(Place::Deletions {
            now: body
                .get("time")
                .and_then(Value::as_str)
                .and_then(|text| text.parse().ok()),
        }),
        (false, None) => None,
    };
    Ok(RemotePage {
        records,
        next: next.and_then(|place| place.page_place()),
    })
}

/// The time to ask for deletions from.
pub(super) fn deletions_since(
    object: &ObjectData,
    since: Option<Timestamp>,
    now: Option<Timestamp>,
) -> Result<String, Trouble> {
    let Some(since) = since else {
        return Err(unusable("deletions are listed only since a time"));
    };
    if now.is_some_and(|now| now.duration_since(since) > LOOK_BACK) {
        return Err(unusable(&format!(
            "QuickBooks tells deletions of the last 30 days only, and the last successful run began before {since}: what of \
             {} was deleted between is not known. What was changed has been imported. Run once without since_last_look_up, \
             then with it again",
            object.name
        )));
    }
    Ok(time_text(since))
}

/// The deletions among the changes.
pub(super) fn deletions_page(
    object: &ObjectData,
    records: Vec<RemoteRecord>,
    since: Option<Timestamp>,
) -> Result<RemotePage, Trouble> {
    if records.len() >= CHANGES_MAX {
        let since = since.map_or_else(String::new, |since| format!(" since {since}"));
        return Err(unusable(&format!(
            "QuickBooks tells of {CHANGES_MAX} changes at most, deletions last, and {} has more{since}: what was deleted is not \
             known. What was changed has been imported. Run once without since_last_look_up, then with it again and more often",
            object.name
        )));
    }
    Ok(RemotePage {
        records: records.into_iter().filter(|record| record.deleted).collect(),
        next: None,
    })
}
