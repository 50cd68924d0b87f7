//! How many items a run has going, and what it does next: the state machine of processing.
//!
//! | state \ what is known         | room, there may be more | room, nothing is due | no room | told to stop |
//! | ----------------------------- | ----------------------- | -------------------- | ------- | ------------ |
//! | no permit                     | ask for one             | wait                 | wait    | wait         |
//! | a permit                      | claim                   | give it back         | (not)   | give it back |
//! | nothing going, none asked for | ask for one             | over                 | (not)   | over         |
//!
//! Room is what the width leaves beside the items that are going. A permit is of the engine, handed out in turn over tenants; an item
//! is claimed only with one, so that what is `Processing` is really being processed.

/// See the module.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Batch {
    width: u32,
    going: u32,
    permits: u32,
    may_be_more: bool,
    is_stopping: bool,
}

/// What a run does next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    /// Ask for a permit, and hear of items that end meanwhile.
    Ask,
    /// Claim so many items.
    Claim(u32),
    /// Give the permits back, then ask again.
    GiveBack,
    /// Wait for an item to end.
    Wait,
    /// Nothing is going, and nothing is due.
    Over,
}

impl Batch {
    /// Nothing is going; something may be due. `width`: items at once.
    #[must_use]
    pub fn new(width: u32) -> Self {
        Self {
            width: width.max(1),
            going: 0,
            permits: 0,
            may_be_more: true,
            is_stopping: false,
        }
    }

    /// Items that are going.
    #[must_use]
    pub const fn going(&self) -> u32 {
        self.going
    }

    /// Items that may be begun beside those that are going.
    #[must_use]
    pub const fn room(&self) -> u32 {
        self.width.saturating_sub(self.going)
    }

    /// See [`Next`].
    #[must_use]
    pub const fn next(&self) -> Next {
        let wants = self.may_be_more && !self.is_stopping && self.room() > 0;
        match (wants, self.permits) {
            (true, 0) => Next::Ask,
            (true, permits) if permits < self.room() => Next::Claim(permits),
            (true, _) => Next::Claim(self.room()),
            (false, permits) if permits > 0 => Next::GiveBack,
            (false, _) if self.going > 0 => Next::Wait,
            (false, _) => Next::Over,
        }
    }

    /// A permit was handed out.
    pub const fn permitted(&mut self) {
        self.permits += 1;
    }

    /// The permits were given back.
    pub const fn gave_back(&mut self) {
        self.permits = 0;
    }

    /// Of `asked` items that were to be claimed, `got` were: each goes with a permit.
    pub const fn claimed(&mut self, asked: u32, got: u32) {
        self.going += got;
        self.permits = self.permits.saturating_sub(got);
        self.may_be_more = got == asked;
    }

    /// So many items have ended, their permits with them.
    pub const fn ended(&mut self, count: u32) {
        self.going = self.going.saturating_sub(count);
    }

    /// Something may be due again.
    pub const fn look_again(&mut self) {
        self.may_be_more = true;
    }

    /// The definition changed: another width, and perhaps something due.
    pub const fn set_width(&mut self, width: u32) {
        self.width = if width == 0 { 1 } else { width };
        self.may_be_more = true;
    }

    /// Nothing more is begun.
    pub const fn stop(&mut self) {
        self.is_stopping = true;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn batch(going: u32, permits: u32, may_be_more: bool, is_stopping: bool) -> Batch {
        Batch {
            width: 3,
            going,
            permits,
            may_be_more,
            is_stopping,
        }
    }

    #[test]
    fn the_table() {
        let table = [
            (batch(0, 0, true, false), Next::Ask),
            (batch(2, 0, true, false), Next::Ask),
            (batch(3, 0, true, false), Next::Wait),
            (batch(0, 1, true, false), Next::Claim(1)),
            (batch(2, 2, true, false), Next::Claim(1)),
            (batch(3, 1, true, false), Next::GiveBack),
            (batch(0, 0, false, false), Next::Over),
            (batch(1, 0, false, false), Next::Wait),
            (batch(1, 1, false, false), Next::GiveBack),
            (batch(0, 0, true, true), Next::Over),
            (batch(0, 1, true, true), Next::GiveBack),
            (batch(1, 0, true, true), Next::Wait),
        ];
        for (batch, next) in table {
            assert_eq!(batch.next(), next, "{batch:?}");
        }
    }

    #[test]
    fn never_more_than_the_width_are_going_and_all_that_is_due_is_taken() {
        for width in [0, 1, 2, 7] {
            let (mut batch, mut due, mut done) = (Batch::new(width), 20_u32, 0);
            loop {
                match batch.next() {
                    Next::Ask => batch.permitted(),
                    Next::Claim(asked) => {
                        let got = asked.min(due);
                        due -= got;
                        batch.claimed(asked, got);
                    }
                    Next::GiveBack => batch.gave_back(),
                    Next::Wait => {
                        batch.ended(1);
                        done += 1;
                        // What is claimed when room comes is asked for; nothing was due the last time.
                        if due > 0 {
                            batch.look_again();
                        }
                    }
                    Next::Over => break,
                }
                assert!(batch.going() <= width.max(1));
            }
            assert_eq!((due, done, batch.going()), (0, 20, 0));
        }
    }

    #[test]
    fn a_narrower_batch_waits_until_it_fits() {
        let mut batch = batch(3, 0, true, false);
        batch.set_width(1);
        assert_eq!((batch.room(), batch.next()), (0, Next::Wait));
        batch.ended(2);
        assert_eq!(batch.next(), Next::Wait);
        batch.ended(1);
        assert_eq!(batch.next(), Next::Ask);
    }
}
