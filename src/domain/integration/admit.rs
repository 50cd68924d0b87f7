//! Which rows of a page become items of the queue: decided on what the queue has of them already.
//!
//! | the queue has of this row                     | once | with updates       | continuous                      |
//! | --------------------------------------------- | ---- | ------------------ | ------------------------------- |
//! | nothing                                       | add  | add                | add                             |
//! | another version, ended                        | -    | add                | add                             |
//! | another version, unfinished (not `Processing`) | -    | add, cancel that   | add, cancel that                |
//! | this version, Completed or Abandoned          | -    | -                  | open again                      |
//! | this version, in another state                | -    | -                  | -                               |
//!
//! One that is Failed waits for its next attempt: a due time that comes earlier does not make it come earlier.

use jiff::Timestamp;

use super::{Integration, QueueItemId, QueueState};

/// Which versions of a row become items.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Again {
    /// A row once, whatever becomes of it.
    Never,
    /// Each version once.
    Updates,
    /// Each version, and the same one again at each scheduled run.
    Always,
}

impl Again {
    /// What the flags of a definition say.
    #[must_use]
    pub const fn of(integration: &Integration) -> Self {
        match (integration.continuous, integration.include_update) {
            (true, _) => Self::Always,
            (false, true) => Self::Updates,
            (false, false) => Self::Never,
        }
    }
}

/// A row that meets the filter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Candidate {
    /// Id of the transaction, key of the record, or due time of the pull.
    pub item_id: String,
    /// For people.
    pub item_name: String,
    /// Of the row.
    pub item_version: i64,
    /// When the row was written last.
    pub item_updated_on: Timestamp,
}

/// An item that the queue has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Queued {
    /// Number.
    pub id: QueueItemId,
    /// Of its row.
    pub item_version: i64,
    /// Where it stands.
    pub state: QueueState,
}

/// What becomes of a row.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Admitted {
    /// It becomes an item.
    pub add: bool,
    /// These items of earlier versions are not processed any more.
    pub cancel: Vec<QueueItemId>,
    /// This item is processed again.
    pub open_again: Option<QueueItemId>,
}

/// Decides on one row; `queued` is all that the queue has of it.
#[must_use]
pub fn admit(again: Again, version: i64, queued: &[Queued]) -> Admitted {
    if let Some(same) = queued.iter().find(|item| item.item_version == version) {
        let ended = matches!(same.state, QueueState::Completed | QueueState::Abandoned);
        return Admitted {
            open_again: Some(same.id).filter(|_| again == Again::Always && ended),
            ..Admitted::default()
        };
    }
    let is_later = queued.iter().all(|item| item.item_version < version);
    if !queued.is_empty() && (again == Again::Never || !is_later) {
        return Admitted::default();
    }
    let unfinished = queued
        .iter()
        .filter(|item| matches!(item.state, QueueState::Pending | QueueState::Failed));
    Admitted {
        add: true,
        cancel: unfinished.map(|item| item.id).collect(),
        open_again: None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const VERSION: i64 = 5;

    fn shown(again: Again, queued: &[Queued]) -> &'static str {
        let admitted = admit(again, VERSION, queued);
        match (admitted.add, admitted.cancel.len(), admitted.open_again) {
            (true, 0, None) => "add",
            (true, 1, None) => "cancel",
            (false, 0, Some(_)) => "again",
            (false, 0, None) => ".",
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn the_table() {
        use QueueState::{Abandoned, Cancelled, Completed, Failed, Pending, Processing};
        let table = [
            (None, ["add", "add", "add"]),
            (Some((4, Completed)), [".", "add", "add"]),
            (Some((4, Abandoned)), [".", "add", "add"]),
            (Some((4, Cancelled)), [".", "add", "add"]),
            (Some((4, Processing)), [".", "add", "add"]),
            (Some((4, Pending)), [".", "cancel", "cancel"]),
            (Some((4, Failed)), [".", "cancel", "cancel"]),
            (Some((5, Completed)), [".", ".", "again"]),
            (Some((5, Failed)), [".", ".", "."]),
            (Some((5, Abandoned)), [".", ".", "again"]),
            (Some((5, Pending)), [".", ".", "."]),
            (Some((5, Processing)), [".", ".", "."]),
            (Some((5, Cancelled)), [".", ".", "."]),
            // The page was read before somebody queued what came later.
            (Some((6, Completed)), [".", ".", "."]),
        ];
        for (had, expected) in table {
            let queued: Vec<Queued> = had
                .into_iter()
                .map(|(item_version, state)| Queued {
                    id: QueueItemId::from(1),
                    item_version,
                    state,
                })
                .collect();
            let all = [Again::Never, Again::Updates, Again::Always];
            assert_eq!(all.map(|again| shown(again, &queued)), expected, "{had:?}");
        }
    }

    #[test]
    fn all_unfinished_items_of_earlier_versions_are_cancelled() {
        let item = |id: i64, item_version, state| Queued {
            id: id.into(),
            item_version,
            state,
        };
        let queued = [
            item(1, 1, QueueState::Failed),
            item(2, 2, QueueState::Completed),
            item(3, 3, QueueState::Pending),
        ];
        let admitted = admit(Again::Updates, VERSION, &queued);
        assert_eq!(admitted.cancel, [1.into(), 3.into()]);
    }
}
