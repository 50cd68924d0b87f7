//! Counts all actors in one pass, without asking them: by kind and phase, who is late, who is due in the next minute, who works.

use std::collections::{BTreeMap, BTreeSet, BinaryHeap};

use actix::{Handler, Message, MessageResult};
use uuid::Uuid;

use crate::{
    actors::{
        observed::{ChildStatus, KIND_CALL_API},
        registry::{
            actor::Registry,
            messages::{Summarise, Summary},
        },
    },
    domain::ids::TenantId,
};

/// Seconds that are looked ahead.
pub const AHEAD_SECONDS: usize = 60;
/// Most that are named of those who are due, of those who are late, of those who work, of those in trouble, and of a kind.
pub const NAMED_MAX: usize = 24;
/// A run that begins within this time after its due time is not late.
pub const LATE_US: i64 = 1_000_000;
/// Nobody is there: waiting for a restart, or given up.
pub const DOWN: &str = "down";

/// Look at all actors of a tenant, and at those that work for all.
#[derive(Message)]
#[rtype(result = "Census")]
pub struct TakeCensus(pub TenantId);

/// One actor, as it is seen without asking it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mark {
    /// Its kind.
    pub kind: &'static str,
    /// Id of what it acts for.
    pub id: Uuid,
    /// The word of its phase.
    pub phase: &'static str,
    /// When it is due next, microseconds.
    pub due_us: Option<i64>,
}

/// How many there are, and who the first of them are.
#[derive(Clone, Debug, Default)]
pub struct Named {
    /// All of them.
    pub count: u64,
    /// At most [`NAMED_MAX`].
    pub first: Vec<Mark>,
}

/// All actors of a tenant.
#[derive(Clone, Debug, Default)]
pub struct Census {
    /// Counts by kind and phase.
    pub summary: Summary,
    /// When it was taken, microseconds.
    pub at_us: i64,
    /// How many are due in each of the next seconds.
    pub ahead: Vec<u64>,
    /// Those that are due in the next minute, the next one first.
    pub due: Named,
    /// Those whose due time is over by more than [`LATE_US`] and that have not begun, the latest first.
    pub late: Named,
    /// Those that have a run that is going.
    pub going: Named,
    /// Those that nobody helps but a person: down, in error, without authorisation.
    pub troubled: Named,
    /// The actors of each kind that has at most [`NAMED_MAX`].
    pub members: BTreeMap<&'static str, Vec<Mark>>,
}

/// What is seen of an actor on the way.
pub(super) struct Seen<'a> {
    pub kind: &'static str,
    pub id: Uuid,
    pub phase: &'static str,
    pub status: &'a ChildStatus,
}

impl Registry {
    /// All actors of calls and families, of one tenant or of all.
    fn everyone(&self, tenant: Option<TenantId>) -> impl Iterator<Item = Seen<'_>> {
        let wanted = move |whose: TenantId| tenant.is_none_or(|tenant| tenant == whose);
        let calls = self.roster.iter().filter(move |(_, child)| wanted(child.tenant_id));
        let calls = calls.map(|(id, child)| Seen {
            kind: KIND_CALL_API,
            id: id.uuid(),
            phase: if child.addr.is_some() {
                child.status.phase()
            } else {
                DOWN
            },
            status: &child.status,
        });
        let members = self.clans.iter().flat_map(move |clan| {
            let of_tenant = clan.members.iter().filter(move |(_, place)| wanted(place.tenant_id));
            of_tenant.map(|(id, place)| Seen {
                kind: clan.family.kind,
                id: *id,
                phase: place.phase(),
                status: &place.status,
            })
        });
        calls.chain(members)
    }

    /// A summary without anybody in it.
    fn nobody(&self) -> Summary {
        let mut summary = Summary {
            registry: self.phase.as_str(),
            ..Summary::default()
        };
        summary.kinds.entry(KIND_CALL_API).or_default();
        for clan in &self.clans {
            summary.kinds.entry(clan.family.kind).or_default();
        }
        summary
    }
}

impl Summary {
    fn count(&mut self, seen: &Seen<'_>, now_us: i64) {
        *self.kinds.entry(seen.kind).or_default().entry(seen.phase).or_default() += 1;
        self.actors += 1;
        self.restarts += u64::from(seen.status.restarts());
        if let Some(late_us) = seen.status.late_us(now_us) {
            self.late += 1;
            self.latest_ms = self.latest_ms.max(u64::try_from(late_us / 1_000).unwrap_or(0));
        }
    }
}

impl Named {
    fn add(&mut self, mark: Mark) {
        self.count += 1;
        if self.first.len() < NAMED_MAX {
            self.first.push(mark);
        }
    }
}

/// The [`NAMED_MAX`] that come first by due time.
#[derive(Default)]
struct Soonest {
    count: u64,
    heap: BinaryHeap<(i64, Uuid, &'static str, &'static str)>,
}

impl Soonest {
    fn add(&mut self, due_us: i64, seen: &Seen<'_>) {
        self.count += 1;
        self.heap.push((due_us, seen.id, seen.kind, seen.phase));
        if self.heap.len() > NAMED_MAX {
            self.heap.pop();
        }
    }

    fn done(self) -> Named {
        let sorted = self.heap.into_sorted_vec().into_iter();
        let first = sorted.map(|(due_us, id, kind, phase)| Mark {
            kind,
            id,
            phase,
            due_us: Some(due_us),
        });
        Named {
            count: self.count,
            first: first.collect(),
        }
    }
}

fn is_troubled(phase: &str) -> bool {
    matches!(phase, DOWN | "error" | "needs_reauthorisation")
}

fn is_going(phase: &str) -> bool {
    matches!(phase, "running" | "stopping")
}

/// Takes in one actor after the other.
struct Taker {
    census: Census,
    due: Soonest,
    late: Soonest,
    /// Kinds that have more than are named.
    crowds: BTreeSet<&'static str>,
}

impl Taker {
    fn take(&mut self, seen: &Seen<'_>) {
        let Self {
            census,
            due,
            late,
            crowds,
        } = self;
        let now_us = census.at_us;
        census.summary.count(seen, now_us);
        let due_us = seen.status.next_due_us();
        let mark = || Mark {
            kind: seen.kind,
            id: seen.id,
            phase: seen.phase,
            due_us,
        };
        // The earliest due time is the one that is latest now.
        if let Some(late_us) = seen.status.late_us(now_us).filter(|late_us| *late_us > LATE_US) {
            late.add(now_us - late_us, seen);
        }
        let ahead = due_us
            .filter(|due_us| *due_us >= now_us)
            .map(|due_us| (due_us - now_us) / 1_000_000);
        let second = ahead.and_then(|second| usize::try_from(second).ok());
        if let (Some(due_us), Some(count)) = (due_us, second.and_then(|second| census.ahead.get_mut(second))) {
            *count += 1;
            due.add(due_us, seen);
        }
        if is_going(seen.phase) {
            census.going.add(mark());
        }
        if is_troubled(seen.phase) {
            census.troubled.add(mark());
        }
        if !crowds.contains(seen.kind) {
            let named = census.members.entry(seen.kind).or_default();
            if named.len() < NAMED_MAX {
                named.push(mark());
            } else {
                census.members.remove(seen.kind);
                crowds.insert(seen.kind);
            }
        }
    }
}

impl Handler<TakeCensus> for Registry {
    type Result = MessageResult<TakeCensus>;

    fn handle(&mut self, TakeCensus(tenant): TakeCensus, _: &mut Self::Context) -> Self::Result {
        self.messages += 1;
        let mut taker = Taker {
            census: Census {
                summary: self.nobody(),
                at_us: self.services.clock.now_us(),
                ahead: vec![0; AHEAD_SECONDS],
                ..Census::default()
            },
            due: Soonest::default(),
            late: Soonest::default(),
            crowds: BTreeSet::new(),
        };
        for seen in self.everyone(Some(tenant)) {
            taker.take(&seen);
        }
        let mut census = taker.census;
        self.count_singletons(&mut census.summary);
        census.due = taker.due.done();
        census.late = taker.late.done();
        MessageResult(census)
    }
}

impl Handler<Summarise> for Registry {
    type Result = MessageResult<Summarise>;

    fn handle(&mut self, Summarise(tenant): Summarise, _: &mut Self::Context) -> Self::Result {
        self.messages += 1;
        let now_us = self.services.clock.now_us();
        let mut summary = self.nobody();
        for seen in self.everyone(tenant) {
            summary.count(&seen, now_us);
        }
        self.count_singletons(&mut summary);
        MessageResult(summary)
    }
}
