//! What the registry hears.

use actix::{Addr, Message, Recipient, WeakAddr};
use uuid::Uuid;

use crate::{
    actors::{
        api_call::{ApiCallActor, messages::Observe},
        observed::Observed,
        registry::{
            actor::Registry,
            family::{MemberExited, RefreshMember},
            singleton::SingletonExited,
        },
    },
    domain::ids::{CallApiId, TenantId},
    error::Result,
    store::call_state::{ArmedCall, InterruptedRun},
};

/// A page of active calls at the start.
#[derive(Message)]
#[rtype(result = "()")]
pub struct Adopt(pub Vec<(ArmedCall, Option<InterruptedRun>)>);

/// All pages are in.
#[derive(Message)]
#[rtype(result = "()")]
pub struct BootEnded;

/// A row as it is now; none: it is gone.
#[derive(Message)]
#[rtype(result = "()")]
pub struct Reconcile {
    /// Which.
    pub id: CallApiId,
    /// Its row.
    pub row: Option<Box<ArmedCall>>,
}

/// The actor of a call, made if there is none (for a run on request of an inactive call).
#[derive(Message)]
#[rtype(result = "Result<Addr<ApiCallActor>>")]
pub struct Borrow(pub Box<ArmedCall>);

/// Which actors to show.
#[derive(Clone, Debug, Default)]
pub struct ActorFilter {
    /// Of one tenant; the registry itself and what an engine has one of are everybody's.
    pub tenant: Option<TenantId>,
    /// `call_api`, `connection`, `automation`, `registry`, `background` or `delivery`.
    pub kind: Option<String>,
    /// `waiting`, `running`, ...
    pub phase: Option<String>,
    /// After this id.
    pub after: Option<CallApiId>,
    /// At most.
    pub limit: usize,
}

/// The way to an actor, for those who look at it.
pub struct Found {
    /// Of what it acts for.
    pub id: Uuid,
    /// Asks it to show itself.
    pub observe: Recipient<Observe>,
    /// How the instance before ended.
    pub last_exit: Option<String>,
}

/// The actors of calls and of families that a filter finds, in the order of their ids.
#[derive(Message)]
#[rtype(result = "Vec<Found>")]
pub struct Find(pub ActorFilter);

/// The address of one actor.
#[derive(Message)]
#[rtype(result = "Option<(Addr<ApiCallActor>, Option<String>)>")]
pub struct FindOne {
    /// Whose.
    pub tenant: TenantId,
    /// Which.
    pub id: CallApiId,
}

/// Which calls have a run that is going; read without asking the actors.
#[derive(Message)]
#[rtype(result = "Vec<CallApiId>")]
pub struct Running {
    /// Whose.
    pub tenant: TenantId,
    /// Of these calls; none: of all.
    pub among: Option<Vec<CallApiId>>,
    /// At most.
    pub limit: usize,
}

/// The registry about itself.
#[derive(Message)]
#[rtype(result = "Observed")]
pub struct ObserveRegistry;

/// Counts by kind and phase.
#[derive(Message)]
#[rtype(result = "Summary")]
pub struct Summarise(pub Option<TenantId>);

/// Counts of actors.
#[derive(Clone, Debug, Default, serde::Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Summary {
    /// `booting`, `serving`, `draining`.
    pub registry: &'static str,
    /// All actors.
    pub actors: u64,
    /// By kind, then by phase.
    pub kinds: std::collections::BTreeMap<&'static str, std::collections::BTreeMap<&'static str, u64>>,
    /// Calls whose due time has passed without a run having begun.
    pub late: u64,
    /// The longest of these delays, milliseconds.
    pub latest_ms: u64,
    /// Restarts after panics, of all that live now.
    pub restarts: u64,
}

/// End a child and start it anew from its row.
#[derive(Message)]
#[rtype(result = "bool")]
pub struct Restart {
    /// Whose.
    pub tenant: TenantId,
    /// Which.
    pub id: CallApiId,
}

/// From now on nothing starts.
#[derive(Message)]
#[rtype(result = "()")]
pub struct Drain;

/// A page of active rows as a sweep read it, to be compared with who lives.
#[derive(Message)]
#[rtype(result = "()")]
pub struct Swept {
    /// The page begins after this id.
    pub after: Option<CallApiId>,
    /// In the order of their ids.
    pub rows: Vec<ArmedCall>,
    /// No page follows.
    pub complete: bool,
}

/// A child's last word.
#[derive(Message, Clone, Debug)]
#[rtype(result = "()")]
pub struct ChildExited {
    /// Which.
    pub id: CallApiId,
    /// Whose.
    pub tenant_id: TenantId,
    /// Which instance.
    pub serial: u64,
    /// Why.
    pub reason: ExitReason,
}

/// Why a child ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExitReason {
    /// It was told to, or had nothing more to do.
    Gone,
    /// A run deactivated its call.
    Deactivated,
    /// The store refused its write: somebody else owns it, or it is recorded already.
    Fenced,
    /// A panic.
    Panicked,
}

impl ExitReason {
    /// In words.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Gone => "ended",
            Self::Deactivated => "deactivated",
            Self::Fenced => "refused by the store",
            Self::Panicked => "panicked",
        }
    }
}

/// The way from a child to its registry: weak, so that neither keeps the other alive.
#[derive(Clone)]
pub struct RegistryLink(pub(super) WeakAddr<Registry>);

impl RegistryLink {
    /// The death notice. It must neither wait nor fail: it is sent while unwinding, too.
    #[expect(
        clippy::disallowed_methods,
        reason = "the death notice: a full mailbox must not lose it"
    )]
    pub fn child_exited(&self, exited: ChildExited) {
        if let Some(registry) = self.0.upgrade() {
            registry.do_send(exited);
        }
    }

    /// The death notice of an actor that an engine has one of.
    #[expect(
        clippy::disallowed_methods,
        reason = "the death notice: a full mailbox must not lose it"
    )]
    pub(super) fn singleton_exited(&self, exited: SingletonExited) {
        if let Some(registry) = self.0.upgrade() {
            registry.do_send(exited);
        }
    }
    /// The death notice of a member of a family.
    #[expect(
        clippy::disallowed_methods,
        reason = "the death notice: a full mailbox must not lose it"
    )]
    pub(super) fn member_exited(&self, exited: MemberExited) {
        if let Some(registry) = self.0.upgrade() {
            registry.do_send(exited);
        }
    }

    /// Lets the registry look at the row of another member of a family, which may have become able to work.
    #[expect(
        clippy::disallowed_methods,
        reason = "nobody would tell it again: a full mailbox must not lose it"
    )]
    pub fn refresh_member(&self, kind: &'static str, tenant: TenantId, id: Uuid) {
        if let Some(registry) = self.0.upgrade() {
            registry.do_send(RefreshMember { kind, tenant, id });
        }
    }
}
