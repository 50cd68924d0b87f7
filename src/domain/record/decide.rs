//! Decides what becomes of a record that comes from another system, beside the one that we have or do not have.
//!
//! | ours | theirs | applies to | further | decision |
//! | --- | --- | --- | --- | --- |
//! | none | deleted | any | | [`Decision::Unchanged`] |
//! | none | there | new, both | | [`Decision::Create`] |
//! | none | there | update | | [`Decision::NotApplicable`] |
//! | known | deleted | new | | [`Decision::NotApplicable`] |
//! | known | deleted | update, both | unchanged here since the last sync | [`Decision::Delete`] |
//! | known | deleted | update, both | changed here, or never synced | [`Decision::SkippedNewer`] |
//! | known | the same data | any | linked | [`Decision::Unchanged`] |
//! | known | the same data | any | not linked | [`Decision::LinkOnly`] |
//! | known | other data | new | | [`Decision::NotApplicable`] |
//! | known | other data | update, both | newer data is kept, and ours is newer | [`Decision::SkippedNewer`] |
//! | known | other data | update, both | otherwise | [`Decision::Update`] |
//!
//! Ours is newer if it changed here since the last sync (or was never synced), later than theirs by more than the threshold.
//! Where the other side does not say when it changed, what changed here counts as newer.

use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use crate::domain::automation::AppliesTo;

/// What an import may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Policy {
    /// Which records it is for: those that we do not have yet, those that we have, or both.
    pub applies_to: AppliesTo,
    /// A record of ours that is newer than theirs is left alone.
    pub do_not_over_write: bool,
    /// Minutes of difference that do not count as newer.
    pub threshold_minutes: u32,
}

/// A record as we have it.
#[derive(Debug, Clone, Copy)]
pub struct Ours<'a> {
    /// A JSON object.
    pub data: &'a Value,
    /// Grows by one with each change.
    pub version: i64,
    /// When its content changed: of imports, when the other side says so.
    pub changed_at: Timestamp,
    /// The version that both sides had last; none if there is no link.
    pub synced_version: Option<i64>,
}

/// A record as the other side has it, after scripts and mapping.
#[derive(Debug, Clone, Copy)]
pub struct Theirs<'a> {
    /// A JSON object.
    pub data: &'a Value,
    /// When the other side says that it was changed.
    pub updated_at: Option<Timestamp>,
    /// It was deleted there.
    pub deleted: bool,
}

/// What becomes of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Decision {
    /// It becomes a record of ours.
    Create,
    /// Its data replaces ours.
    Update,
    /// Nothing is to be done.
    Unchanged,
    /// Both are the same, and from now on known to be each other's counterpart.
    LinkOnly,
    /// It is deleted here, too.
    Delete,
    /// Ours is newer and left alone.
    SkippedNewer,
    /// The automation is not for such records.
    NotApplicable,
}

/// See the module.
#[must_use]
pub fn decide(ours: Option<Ours<'_>>, theirs: Theirs<'_>, policy: Policy) -> Decision {
    let Some(ours) = ours else {
        return match (theirs.deleted, policy.applies_to) {
            (true, _) => Decision::Unchanged,
            (false, AppliesTo::New | AppliesTo::NewAndUpdate) => Decision::Create,
            (false, AppliesTo::Update) => Decision::NotApplicable,
        };
    };
    let changed_here = ours.synced_version.is_none_or(|synced| ours.version > synced);
    if theirs.deleted {
        return match (policy.applies_to, changed_here) {
            (AppliesTo::New, _) => Decision::NotApplicable,
            (_, true) => Decision::SkippedNewer,
            (_, false) => Decision::Delete,
        };
    }
    if ours.data == theirs.data {
        return match ours.synced_version {
            Some(_) => Decision::Unchanged,
            None => Decision::LinkOnly,
        };
    }
    if policy.applies_to == AppliesTo::New {
        return Decision::NotApplicable;
    }
    if policy.do_not_over_write && changed_here && is_newer(ours.changed_at, theirs.updated_at, policy) {
        return Decision::SkippedNewer;
    }
    Decision::Update
}

fn is_newer(ours: Timestamp, theirs: Option<Timestamp>, policy: Policy) -> bool {
    let Some(theirs) = theirs else { return true };
    let threshold = SignedDuration::from_mins(i64::from(policy.threshold_minutes));
    ours.duration_since(theirs) > threshold
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    const THEIRS_AT: i64 = 1_000_000;

    /// (version, synced version, minutes later than theirs, same data)
    type OursRow = Option<(i64, Option<i64>, i64, bool)>;

    fn decided(ours: OursRow, deleted: bool, says_when: bool, policy: Policy) -> Decision {
        let (same, other) = (json!({"a": 1, "b": [1, 2]}), json!({"a": 2}));
        let ours = ours.map(|(version, synced_version, later, is_same)| Ours {
            data: if is_same { &same } else { &other },
            version,
            changed_at: Timestamp::from_second(THEIRS_AT + later * 60).unwrap(),
            synced_version,
        });
        let theirs = Theirs {
            data: &same,
            updated_at: says_when.then(|| Timestamp::from_second(THEIRS_AT).unwrap()),
            deleted,
        };
        decide(ours, theirs, policy)
    }

    #[test]
    fn every_row_of_the_table() {
        use AppliesTo::{New, NewAndUpdate as Both, Update};
        use Decision as D;
        let same = |version, synced| Some((version, synced, 0, true));
        let other = |version, synced, later| Some((version, synced, later, false));
        // ours, deleted there, for whom, newer data is kept, threshold, decision
        let table: &[(OursRow, bool, AppliesTo, bool, u32, D)] = &[
            (None, true, Both, false, 0, D::Unchanged),
            (None, true, New, true, 0, D::Unchanged),
            (None, false, New, true, 0, D::Create),
            (None, false, Both, false, 0, D::Create),
            (None, false, Update, false, 0, D::NotApplicable),
            (same(2, Some(2)), true, New, false, 0, D::NotApplicable),
            (same(2, Some(2)), true, Both, true, 0, D::Delete),
            (other(2, Some(2), 9), true, Update, true, 0, D::Delete),
            (same(3, Some(2)), true, Both, false, 0, D::SkippedNewer),
            (same(1, None), true, Both, false, 0, D::SkippedNewer),
            (same(2, Some(2)), false, Both, true, 0, D::Unchanged),
            (same(3, Some(2)), false, New, true, 0, D::Unchanged),
            (same(1, None), false, Both, false, 0, D::LinkOnly),
            (same(1, None), false, Update, true, 0, D::LinkOnly),
            (other(1, Some(1), 0), false, New, false, 0, D::NotApplicable),
            (other(1, None, 9), false, New, true, 0, D::NotApplicable),
            // Not changed here since the last sync: theirs counts, whatever the times say.
            (other(2, Some(2), 9), false, Both, true, 0, D::Update),
            // Changed here, and later.
            (other(3, Some(2), 1), false, Both, true, 0, D::SkippedNewer),
            (other(3, Some(2), 1), false, Update, true, 0, D::SkippedNewer),
            (other(3, Some(2), 1), false, Both, false, 0, D::Update),
            (other(1, None, 1), false, Both, true, 0, D::SkippedNewer),
            (other(1, Some(0), 1), false, Both, true, 0, D::SkippedNewer),
            // Within the threshold, at its edge, beyond it.
            (other(3, Some(2), 1), false, Both, true, 2, D::Update),
            (other(3, Some(2), 2), false, Both, true, 2, D::Update),
            (other(3, Some(2), 3), false, Both, true, 2, D::SkippedNewer),
            // Changed here, but earlier, or at the same time.
            (other(3, Some(2), 0), false, Both, true, 0, D::Update),
            (other(3, Some(2), -1), false, Both, true, 0, D::Update),
        ];
        for (ours, deleted, applies_to, do_not_over_write, threshold_minutes, expected) in table {
            let policy = Policy {
                applies_to: *applies_to,
                do_not_over_write: *do_not_over_write,
                threshold_minutes: *threshold_minutes,
            };
            assert_eq!(
                decided(*ours, *deleted, true, policy),
                *expected,
                "{ours:?} {deleted} {policy:?}"
            );
        }
    }

    #[test]
    fn where_they_do_not_say_when_what_changed_here_is_kept() {
        let mut policy = Policy {
            applies_to: AppliesTo::NewAndUpdate,
            do_not_over_write: true,
            threshold_minutes: u32::MAX,
        };
        let changed = Some((3, Some(2), -9, false));
        assert_eq!(decided(changed, false, false, policy), Decision::SkippedNewer);
        let unchanged = Some((2, Some(2), 9, false));
        assert_eq!(decided(unchanged, false, false, policy), Decision::Update);
        policy.do_not_over_write = false;
        assert_eq!(decided(changed, false, false, policy), Decision::Update);
    }
}
