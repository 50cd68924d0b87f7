//! What a tenant's engine does at this moment, what is late, what failed last and why, and the last hour in numbers: everything
//! that the first page shows, bounded whatever there is.

use std::collections::{HashMap, HashSet};

use futures_util::future::join_all;
use jiff::{SignedDuration, Timestamp};
use uuid::Uuid;

use super::{Engine, caller::Caller};
use crate::{
    actors::{observed::Observed, pulse::SEED_ROWS_MAX, registry::census::Mark, services::Services},
    domain::rights::Right,
    error::Result,
    store::{Page, call_apis::CallApiFilter, overview::Kinds},
};

pub use crate::{
    actors::{
        pulse::Minute,
        registry::census::{AHEAD_SECONDS, Census, Mark as Actor, NAMED_MAX, Named},
    },
    store::overview::{Place, Thing, Trouble},
};

/// The counts by minute go back so far.
const HOUR: SignedDuration = SignedDuration::from_hours(1);
/// Failed runs of each kind that are looked at: those of one thing are told once.
const FAILURES_READ: u64 = 200;
/// Things that are shown of those that failed, and of those that were deactivated.
const TROUBLES_SHOWN: usize = 12;
/// Runs that are asked where they are.
const GOING_SHOWN: usize = 12;

/// See the module. What the caller may not see is not there.
#[derive(Clone, Debug, Default)]
pub struct Overview {
    /// The actors; none without `actors.inspect`.
    pub census: Option<Census>,
    /// The first of those that work, as they show themselves.
    pub going: Vec<Observed>,
    /// Names and places of the actors that the census names.
    pub things: HashMap<Uuid, Thing>,
    /// The last hour by minute; none without a right to see anything that runs.
    pub hour: Option<Vec<Minute>>,
    /// The things whose runs failed last, each once, with how many of its last runs were among the failures that were read.
    pub failures: Vec<(Trouble, u64)>,
    /// Whether there were more failures than were read.
    pub more_failures: bool,
    /// What the engine has deactivated.
    pub deactivated: Vec<Trouble>,
    /// Whether there is more of it.
    pub more_deactivated: bool,
    /// Whether there is any call API; none without `calls.read`.
    pub has_calls: Option<bool>,
}

impl Engine {
    /// What happens in the caller's tenant. Needs no right: each has its part.
    ///
    /// # Errors
    /// The store does not answer; `unavailable`.
    pub async fn overview(&self, caller: &Caller) -> Result<Overview> {
        let tenant = caller.tenant_id;
        let may = |right| caller.rights.contains(right);
        let kinds = Kinds {
            calls: may(Right::CallsRead),
            automations: may(Right::ConnectionsManage),
            integrations: may(Right::IntegrationsManage),
        };
        let mut overview = Overview::default();
        if may(Right::ActorsInspect) {
            let census = self.registry().census(tenant).await?;
            overview.going = self.shown(caller, &census.going.first).await;
            overview.things = self.store().things(tenant, named(&census)).await?;
            overview.census = Some(census);
        }
        if kinds.calls || kinds.automations || kinds.integrations || overview.census.is_some() {
            overview.hour = Some(self.services().pulse.hour(tenant, self.clock().now()));
        }
        let failed = self.store().failed_runs(tenant, kinds, FAILURES_READ).await?;
        overview.more_failures = failed.len() as u64 >= FAILURES_READ;
        overview.failures = by_thing(failed);
        let shown = u64::try_from(TROUBLES_SHOWN).unwrap_or(u64::MAX);
        let mut deactivated = self.store().deactivated(tenant, kinds, shown + 1).await?;
        overview.more_deactivated = deactivated.len() > TROUBLES_SHOWN;
        deactivated.truncate(TROUBLES_SHOWN);
        overview.deactivated = deactivated;
        if kinds.calls {
            let one = Page::new(Some(1), None);
            let first = self.store().call_apis(tenant, CallApiFilter::default(), one).await?;
            overview.has_calls = Some(!first.items.is_empty());
        }
        Ok(overview)
    }

    /// Names and places of actors of the caller's tenant, by the ids of what they act for.
    ///
    /// # Errors
    /// `forbidden` without `actors.inspect`.
    pub async fn things_of_actors(&self, caller: &Caller, ids: Vec<Uuid>) -> Result<HashMap<Uuid, Thing>> {
        caller.require(Right::ActorsInspect)?;
        Ok(self.store().things(caller.tenant_id, ids).await?)
    }

    /// One that has ended since, or is too busy to answer, is left out: the next look comes soon.
    async fn shown(&self, caller: &Caller, marks: &[Mark]) -> Vec<Observed> {
        let marks = marks.iter().take(GOING_SHOWN);
        let asked = marks.map(|mark| self.registry().observe_one(caller.tenant_id, mark.kind, mark.id));
        join_all(asked).await.into_iter().filter_map(Result::ok).collect()
    }
}

/// Reads the runs of the last hour back for the counts by minute.
pub(super) async fn read_the_hour_back(services: &Services) {
    let from = services.clock.now().checked_sub(HOUR).unwrap_or(Timestamp::MIN);
    match services.store.recent_runs(from, SEED_ROWS_MAX).await {
        Ok(recent) => services.pulse.seed(&recent, from),
        Err(error) => tracing::warn!(error = ?error, "the hour before this start stays unknown to the overview"),
    }
}

/// The ids of all whom a census names.
fn named(census: &Census) -> Vec<Uuid> {
    let of = |named: &Named| named.first.iter().map(|mark| mark.id).collect::<Vec<_>>();
    let members = census.members.values().flatten().map(|mark| mark.id);
    let mut ids: HashSet<Uuid> = members.collect();
    for named in [&census.due, &census.late, &census.going, &census.troubled] {
        ids.extend(of(named));
    }
    ids.into_iter().collect()
}

/// The last failure of each thing, and how many more of its failures are in the list.
fn by_thing(failed: Vec<Trouble>) -> Vec<(Trouble, u64)> {
    let mut things: Vec<(Trouble, u64)> = Vec::new();
    let mut places: HashMap<Uuid, usize> = HashMap::new();
    for trouble in failed {
        let place = *places.entry(trouble.id).or_insert(things.len());
        match things.get_mut(place) {
            Some((_, count)) => *count += 1,
            None => things.push((trouble, 1)),
        }
    }
    things.truncate(TROUBLES_SHOWN);
    things
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_thing_is_told_once_with_its_last_failure() {
        let trouble = |id: u128, second: i64| Trouble {
            id: Uuid::from_u128(id),
            thing: Thing {
                name: id.to_string(),
                place: Place::Integration(1),
            },
            run: None,
            at: jiff::Timestamp::from_second(second).unwrap(),
            outcome: None,
            why: None,
        };
        let things = by_thing(vec![trouble(1, 9), trouble(2, 8), trouble(1, 7), trouble(1, 6)]);
        let seen: Vec<_> = things
            .iter()
            .map(|(last, count)| (last.at.as_second(), *count))
            .collect();
        assert_eq!(seen, [(9, 3), (8, 1)]);
        let many = (0..50).map(|id| trouble(id, 1)).collect();
        assert_eq!(by_thing(many).len(), TROUBLES_SHOWN);
    }
}
