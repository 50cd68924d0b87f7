//! Families: kinds of actors of which each row that should live has one, and which load their own row when they start.
//!
//! An actor of a family gets a [`Member`], keeps it, and tells its end with [`Member::exited`] from its `stopped()`. It hears
//! [`Observe`], [`Reload`] (its row may have changed: read it again) and [`Stop`] (end when what is going has ended).

use std::{any::Any, collections::BTreeMap, sync::Arc};

use actix::{Actor, Addr, Context, Handler, Message, Recipient};
use actix_rt::ArbiterHandle;
use futures_util::future::BoxFuture;
use uuid::Uuid;

use crate::{
    actors::{
        api_call::messages::{Observe, Stop},
        observed::ChildStatus,
        registry::{
            messages::{ExitReason, Found, RegistryLink},
            roster::Restarts,
        },
    },
    domain::ids::TenantId,
    error::Result,
    store::listing::LiveRow,
};

/// What the registry knows of a row that should have an actor.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MemberRow {
    /// Which.
    pub id: Uuid,
    /// Whose.
    pub tenant_id: TenantId,
    /// Goes up with each change.
    pub version: i64,
    /// For people.
    pub name: Box<str>,
}

impl From<LiveRow> for MemberRow {
    fn from(row: LiveRow) -> Self {
        Self {
            id: row.id,
            tenant_id: row.tenant_id,
            version: row.version,
            name: row.name.into(),
        }
    }
}

/// The rows of a family, those only that should have an actor now.
pub trait MemberRows: Send + Sync {
    /// The next rows of all tenants by id.
    fn page(&self, after: Option<Uuid>, limit: u64) -> BoxFuture<'_, Result<Vec<MemberRow>>>;
    /// One row; none where there is no such row, or it should have no actor.
    fn one(&self, tenant: TenantId, id: Uuid) -> BoxFuture<'_, Result<Option<MemberRow>>>;
}

/// The row may have changed, or something that it depends on: read it again.
#[derive(Message, Clone, Copy, Debug)]
#[rtype(result = "()")]
pub struct Reload;

/// What the registry gives to an actor of a family.
pub struct Member {
    /// Its row's id.
    pub id: Uuid,
    /// Whose.
    pub tenant_id: TenantId,
    /// The row's version when the registry saw it last; the actor's own read may find a later one.
    pub version: i64,
    /// The row's name at that version.
    pub name: Box<str>,
    /// What the registry reads without asking: phase, next due time, messages.
    pub status: Arc<ChildStatus>,
    /// On which arbiter it lives.
    pub arbiter: usize,
    /// The way up, weak.
    pub registry: RegistryLink,
    kind: &'static str,
    serial: u64,
}

impl Member {
    /// To be called in `stopped()`: tells the registry of the end, also of a panic. After `Fenced` the row is looked at again
    /// in a second; else at once, where the registry asked for the end.
    pub fn exited(&self, reason: ExitReason) {
        let reason = if std::thread::panicking() {
            ExitReason::Panicked
        } else {
            reason
        };
        self.registry.member_exited(MemberExited {
            kind: self.kind,
            id: self.id,
            tenant_id: self.tenant_id,
            serial: self.serial,
            reason,
        });
    }
}

type Start = Box<dyn Fn(&ArbiterHandle, Member) -> Links + Send>;

/// A kind of actors: where their rows are and how one is started.
pub struct Family {
    pub(super) kind: &'static str,
    pub(super) rows: Arc<dyn MemberRows>,
    start: Start,
}

/// The way to a live member.
pub(super) struct Links {
    /// An `Addr` of the family's actor type.
    pub address: Arc<dyn Any + Send + Sync>,
    pub observe: Recipient<Observe>,
    pub stop: Recipient<Stop>,
    pub reload: Recipient<Reload>,
}

impl Family {
    /// `make` makes an instance, on the arbiter where it lives.
    pub fn new<A>(
        kind: &'static str,
        rows: Arc<dyn MemberRows>,
        make: impl Fn(Member) -> A + Send + Sync + 'static,
    ) -> Self
    where
        A: Actor<Context = Context<A>> + Handler<Observe> + Handler<Stop> + Handler<Reload>,
    {
        let make = Arc::new(make);
        let start = move |arbiter: &ArbiterHandle, member: Member| {
            let make = make.clone();
            let addr: Addr<A> = A::start_in_arbiter(arbiter, move |_| make(member));
            Links {
                observe: addr.clone().recipient(),
                stop: addr.clone().recipient(),
                reload: addr.clone().recipient(),
                address: Arc::new(addr),
            }
        };
        Self {
            kind,
            rows,
            start: Box::new(start),
        }
    }
}

/// A family with those of it that live.
pub(super) struct Clan {
    pub family: Family,
    pub members: BTreeMap<Uuid, Place>,
}

/// The place of one row's actor.
pub(super) struct Place {
    /// None while it waits for its restart, or is given up.
    pub links: Option<Links>,
    pub tenant_id: TenantId,
    /// Version of the row that it was last told of.
    pub version: i64,
    pub status: Arc<ChildStatus>,
    pub serial: u64,
    /// How the instance before ended.
    pub last_exit: Option<&'static str>,
    pub restarts: Restarts,
    /// Its end was asked for.
    pub is_told: bool,
}

/// What a member of a clan is started with.
pub(super) struct Birth {
    pub row: MemberRow,
    pub status: Arc<ChildStatus>,
    pub serial: u64,
    pub arbiter: usize,
    pub registry: RegistryLink,
}

impl Clan {
    pub fn start(&self, arbiter: &ArbiterHandle, birth: Birth) -> Links {
        let member = Member {
            id: birth.row.id,
            tenant_id: birth.row.tenant_id,
            version: birth.row.version,
            name: birth.row.name,
            status: birth.status,
            arbiter: birth.arbiter,
            registry: birth.registry,
            kind: self.family.kind,
            serial: birth.serial,
        };
        (self.family.start)(arbiter, member)
    }

    /// The place of a row, if it is of this tenant.
    pub fn of_tenant(&self, tenant: TenantId, id: Uuid) -> Option<&Place> {
        self.members.get(&id).filter(|place| place.tenant_id == tenant)
    }
}

impl Place {
    /// The way to it, for those who look.
    pub fn found(&self, id: Uuid) -> Option<Found> {
        Some(Found {
            id,
            observe: self.links.as_ref()?.observe.clone(),
            last_exit: self.last_exit.map(str::to_owned),
        })
    }

    /// The word of its phase; `down` where nobody is there.
    pub fn phase(&self) -> &'static str {
        if self.links.is_some() {
            self.status.phase()
        } else {
            "down"
        }
    }
}

/// There is a new family; its rows come in pages.
#[derive(Message)]
#[rtype(result = "()")]
pub(super) struct AddFamily(pub Family);

/// A page of a family's rows at the start.
#[derive(Message)]
#[rtype(result = "()")]
pub(super) struct AdoptMembers {
    pub kind: &'static str,
    pub rows: Vec<MemberRow>,
}

/// Read a row and make its actor agree with it; answered when that is done.
#[derive(Message)]
#[rtype(result = "Result<()>")]
pub(super) struct RefreshMember {
    pub kind: &'static str,
    pub tenant: TenantId,
    pub id: Uuid,
}

/// The way to one member.
#[derive(Message)]
#[rtype(result = "Option<FoundMember>")]
pub(super) struct FindMember {
    pub kind: String,
    pub tenant: TenantId,
    pub id: Uuid,
}

/// See [`FindMember`].
pub(super) struct FoundMember {
    /// An `Addr` of the family's actor type.
    pub address: Arc<dyn Any + Send + Sync>,
    pub found: Found,
}

/// End a member and start it anew from its row.
#[derive(Message)]
#[rtype(result = "bool")]
pub(super) struct RestartMember {
    pub kind: String,
    pub tenant: TenantId,
    pub id: Uuid,
}

/// A page of rows as a sweep read it, to be compared with who lives.
#[derive(Message)]
#[rtype(result = "()")]
pub(super) struct MembersSwept {
    pub kind: &'static str,
    /// The page begins after this id.
    pub after: Option<Uuid>,
    /// In the order of their ids.
    pub rows: Vec<MemberRow>,
    /// No page follows.
    pub complete: bool,
}

/// A member's last word.
#[derive(Message)]
#[rtype(result = "()")]
pub(super) struct MemberExited {
    pub kind: &'static str,
    pub id: Uuid,
    pub tenant_id: TenantId,
    pub serial: u64,
    pub reason: ExitReason,
}
