//! What becomes of one background request in memory, from its acceptance to the commit of its end.
//!
//! ```text
//! Queued --Picked--> Executing --Answered--> Ending --Committed--> (gone)
//!                     |     ^
//!                   Waits   | Picked
//!                     v     |
//!                 Following --Due--> Due
//! ```
//!
//! `Queued`: stored, waits for its turn. `Executing`: claimed in the store (or about to be) and sent. `Following`: the other
//! side has accepted it and names a place to ask; nothing is going until it is time to ask. `Due`: it is time, and it waits for
//! its turn as a queued one does. `Ending`: answered, and the answer is being committed.
//!
//! A request that is `Executing` holds a slot (what is limited by node, tenant and upstream). From its pick to the commit of its
//! end it holds its lane: the next request of the same caller to the same path waits. `Cancelled` and `Left` (somebody else has
//! ended it, or the engine stops) lead from everywhere to gone.

/// Where it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Stage {
    /// Waits for its turn.
    Queued,
    /// Is claimed and sent.
    Executing,
    /// Accepted by the other side; waits until it is time to ask for the end.
    Following,
    /// It is time to ask; waits for its turn.
    Due,
    /// Answered; the end is being committed.
    Ending,
    /// Nothing is kept of it.
    Gone,
}

/// What happens to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Event {
    /// It is its turn.
    Picked,
    /// The other side has accepted it, and is to be asked later.
    Waits,
    /// It is time to ask.
    Due,
    /// There is an end.
    Answered,
    /// The end is committed.
    Committed,
    /// It is no longer ours to end: it was ended elsewhere, or the engine stops.
    Left,
    /// Its cancellation is committed.
    Cancelled,
}

impl Stage {
    /// All, for tests.
    pub const ALL: [Self; 6] = [
        Self::Queued,
        Self::Executing,
        Self::Following,
        Self::Due,
        Self::Ending,
        Self::Gone,
    ];

    /// The stage that follows; none where the event means nothing.
    #[must_use]
    pub const fn after(self, event: Event) -> Option<Self> {
        Some(match (self, event) {
            (Self::Queued | Self::Due, Event::Picked) => Self::Executing,
            (Self::Executing, Event::Waits) => Self::Following,
            (Self::Following, Event::Due) => Self::Due,
            (Self::Executing, Event::Answered) => Self::Ending,
            (Self::Ending, Event::Committed) => Self::Gone,
            (Self::Gone, _) => return None,
            (_, Event::Left | Event::Cancelled) => Self::Gone,
            _ => return None,
        })
    }

    /// Whether it counts against the limits of node, tenant and upstream.
    #[must_use]
    pub const fn holds_slot(self) -> bool {
        matches!(self, Self::Executing)
    }

    /// Whether the next request of its lane has to wait.
    #[must_use]
    pub const fn holds_lane(self) -> bool {
        matches!(self, Self::Executing | Self::Following | Self::Due | Self::Ending)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const EVENTS: [Event; 7] = [
        Event::Picked,
        Event::Waits,
        Event::Due,
        Event::Answered,
        Event::Committed,
        Event::Left,
        Event::Cancelled,
    ];

    #[test]
    fn the_table_row_by_row() {
        use Stage::{Due, Ending, Executing, Following, Gone, Queued};
        let no = None;
        // In the order of EVENTS.
        let table = [
            (Queued, [Some(Executing), no, no, no, no, Some(Gone), Some(Gone)]),
            (
                Executing,
                [no, Some(Following), no, Some(Ending), no, Some(Gone), Some(Gone)],
            ),
            (Following, [no, no, Some(Due), no, no, Some(Gone), Some(Gone)]),
            (Due, [Some(Executing), no, no, no, no, Some(Gone), Some(Gone)]),
            (Ending, [no, no, no, no, Some(Gone), Some(Gone), Some(Gone)]),
            (Gone, [no; 7]),
        ];
        assert_eq!(table.map(|(stage, _)| stage), Stage::ALL);
        for (stage, row) in table {
            for (event, expected) in EVENTS.into_iter().zip(row) {
                assert_eq!(stage.after(event), expected, "{stage:?} {event:?}");
            }
        }
    }

    #[test]
    fn what_holds_a_slot_holds_its_lane() {
        let held = Stage::ALL.map(|stage| (stage.holds_slot(), stage.holds_lane()));
        let expected = [
            (false, false),
            (true, true),
            (false, true),
            (false, true),
            (false, true),
            (false, false),
        ];
        assert_eq!(held, expected);
    }
}
