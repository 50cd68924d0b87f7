//! In what order the store is searched for what is due: tenant after tenant, of each only a few lanes at a time, so that
//! one with very many lanes keeps nobody else waiting. Where such a one was left, the search goes on later.

use std::collections::VecDeque;

/// See the module. Tenants are the owners of [`super::owner_of`].
#[derive(Debug, Default)]
pub struct Sweep {
    /// The last tenant of the pass that is going; none: no pass is.
    at: Option<i64>,
    /// Another pass is wanted after this one.
    again: bool,
    /// Tenants of which some lanes were not visited, in turn.
    left: VecDeque<Left>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Left {
    owner: i64,
    /// The last lane that was visited.
    at: i64,
    /// What was visited is to be visited once more.
    again: bool,
}

/// Where to search.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Step {
    /// The tenants behind this one, as a pass goes on; none: only those of `from`.
    pub after: Option<i64>,
    /// Tenants that begin not at their first lane, but behind this one.
    pub from: Vec<(i64, i64)>,
}

impl Sweep {
    /// Something may be due anywhere: everything is to be visited from now on.
    pub fn want(&mut self) {
        if self.at.is_some() {
            self.again = true;
        } else {
            self.at = Some(i64::MIN);
        }
        self.left.iter_mut().for_each(|left| left.again = true);
    }

    /// Whether a pass is going.
    #[must_use]
    pub fn is_passing(&self) -> bool {
        self.at.is_some()
    }

    /// Whether tenants wait for the rest of their lanes.
    #[must_use]
    pub fn has_left(&self) -> bool {
        !self.left.is_empty()
    }

    /// Where to search next, of at most so many tenants.
    #[must_use]
    pub fn step(&self, tenants_max: usize) -> Step {
        let from = self.left.iter().map(|left| (left.owner, left.at));
        let max = if self.at.is_some() { usize::MAX } else { tenants_max };
        Step {
            after: self.at,
            from: from.take(max).collect(),
        }
    }

    /// A tenant was visited up to this lane; `complete`: it has no more of them.
    pub fn visited(&mut self, owner: i64, to: i64, complete: bool) {
        let known = self.left.iter().position(|left| left.owner == owner);
        let known = known.and_then(|index| self.left.remove(index));
        let again = known.is_some_and(|left| left.again);
        if !complete {
            self.left.push_back(Left { owner, at: to, again });
        } else if again {
            let again = false;
            self.left.push_back(Left {
                owner,
                at: owner,
                again,
            });
        }
    }

    /// The pass has come to this tenant; none: to its end.
    pub fn passed(&mut self, to: Option<i64>) {
        self.at = to;
        if to.is_none() && std::mem::take(&mut self.again) {
            self.want();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: i64 = 1 << 32;
    const B: i64 = 2 << 32;

    #[test]
    fn a_tenant_with_many_lanes_goes_on_where_it_was_left_and_holds_up_nobody() {
        let mut sweep = Sweep::default();
        assert!(!sweep.is_passing() && !sweep.has_left());
        sweep.want();
        assert_eq!(sweep.step(8).after, Some(i64::MIN));
        sweep.visited(A, A + 64, false);
        sweep.visited(B, B + 1, true);
        sweep.passed(None);
        assert!(!sweep.is_passing() && sweep.has_left());
        let step = Step {
            after: None,
            from: vec![(A, A + 64)],
        };
        assert_eq!(sweep.step(8), step);
        // Wanted once more: B at once, A goes on and then begins again.
        sweep.want();
        assert_eq!(sweep.step(8).from, [(A, A + 64)]);
        sweep.visited(A, A + 80, true);
        sweep.visited(B, B + 1, true);
        sweep.passed(None);
        assert_eq!(sweep.step(8).from, [(A, A)]);
        sweep.visited(A, A + 80, true);
        assert!(!sweep.is_passing() && !sweep.has_left());
    }

    #[test]
    fn what_is_wanted_during_a_pass_comes_after_it_and_those_left_take_turns() {
        let mut sweep = Sweep::default();
        sweep.want();
        sweep.passed(Some(A));
        sweep.want();
        assert_eq!(sweep.step(1).after, Some(A));
        sweep.passed(None);
        assert_eq!(sweep.step(1).after, Some(i64::MIN));
        sweep.visited(A, A + 1, false);
        sweep.visited(B, B + 1, false);
        sweep.passed(None);
        assert_eq!(sweep.step(1).from, [(A, A + 1)]);
        sweep.visited(A, A + 2, false);
        assert_eq!(sweep.step(1).from, [(B, B + 1)]);
    }
}
