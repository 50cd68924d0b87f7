//! What the registry does about the members of families: start, tell, end, restart after a panic, compare with the rows.

use std::{ops::Bound, sync::Arc, time::Duration};

use actix::{
    ActorFutureExt, AsyncContext, Context, Handler, MessageResult, Recipient, ResponseActFuture, fut::wrap_future,
};
use uuid::Uuid;

use crate::{
    actors::{
        api_call::messages::Stop,
        observed::ChildStatus,
        registry::{
            actor::{Registry, RegistryPhase},
            family::{
                AddFamily, AdoptMembers, Birth, Clan, FindMember, FoundMember, MemberExited, MemberRow, MemberRows,
                MembersSwept, Place, RefreshMember, Reload, RestartMember,
            },
            messages::{ActorFilter, ExitReason, Found, RegistryLink},
            roster::{Restarts, Verdict},
        },
    },
    domain::ids::TenantId,
    error::{Error, Result},
};

/// Pause before a member that ended without being told is looked at again.
const LOOK_AGAIN: Duration = Duration::from_secs(1);
/// Rows of one page of a sweep.
const SWEEP_PAGE_ROWS: u64 = 2_000;

impl Registry {
    fn clan(&self, kind: &str) -> Option<&Clan> {
        self.clans.iter().find(|clan| clan.family.kind == kind)
    }

    fn clan_mut(&mut self, kind: &str) -> Option<&mut Clan> {
        self.clans.iter_mut().find(|clan| clan.family.kind == kind)
    }

    fn start_member(&mut self, kind: &'static str, row: MemberRow, ctx: &mut Context<Self>) {
        let registry = RegistryLink(ctx.address().downgrade());
        // The last bytes of an id are random: members spread over the arbiters, and keep theirs over restarts.
        let arbiter = usize::from(row.id.as_bytes()[15]) % self.arbiters.len().max(1);
        let serial = self.next_serial + 1;
        let Some(handle) = self.arbiters.get(arbiter).cloned() else {
            return;
        };
        let Some(clan) = self.clan_mut(kind) else { return };
        let (id, tenant_id, version) = (row.id, row.tenant_id, row.version);
        let (status, last_exit, restarts) = match clan.members.remove(&id) {
            Some(place) => (place.status, place.last_exit, place.restarts),
            None => (Arc::<ChildStatus>::default(), None, Restarts::default()),
        };
        status.set_busy(false);
        let birth = Birth {
            row,
            status: status.clone(),
            serial,
            arbiter,
            registry,
        };
        let place = Place {
            links: Some(clan.start(&handle, birth)),
            tenant_id,
            version,
            status,
            serial,
            last_exit,
            restarts,
            is_told: false,
        };
        clan.members.insert(id, place);
        self.next_serial = serial;
        self.started += 1;
    }

    /// Makes who lives agree with a row: the one code path for changes, sweeps and exits.
    fn reconcile_member(&mut self, kind: &'static str, id: Uuid, row: Option<MemberRow>, ctx: &mut Context<Self>) {
        if self.phase == RegistryPhase::Draining {
            return;
        }
        let Some(clan) = self.clan_mut(kind) else { return };
        let links = clan.members.get_mut(&id);
        match (row, links) {
            (Some(row), Some(place)) => match &place.links {
                Some(links) => {
                    if is_told(&links.reload, Reload) {
                        place.version = row.version;
                    }
                }
                None => self.start_member(kind, row, ctx),
            },
            (Some(row), None) => self.start_member(kind, row, ctx),
            (None, Some(place)) => match &place.links {
                Some(links) => place.is_told = is_told(&links.stop, Stop),
                None => {
                    clan.members.remove(&id);
                }
            },
            (None, None) => {}
        }
    }

    /// Reads the row, after a wait, and makes who lives agree with it. An instance that was started meanwhile has read a row of its
    /// own: it is left alone.
    fn look_at_member(&self, kind: &'static str, tenant: TenantId, id: Uuid, wait: Duration, ctx: &mut Context<Self>) {
        let Some(clan) = self.clan(kind) else { return };
        let rows = clan.family.rows.clone();
        let seen = clan.members.get(&id).map(|place| place.serial);
        let clock = self.services.clock.clone();
        let pause = clock.sleep(wait);
        let row = async move {
            pause.await;
            loop {
                match rows.one(tenant, id).await {
                    Ok(row) => return row,
                    Err(error) => {
                        tracing::error!(actor.kind = kind, actor.id = %id, error = ?error, "row cannot be read; trying again");
                        clock.sleep(LOOK_AGAIN).await;
                    }
                }
            }
        };
        let looked = wrap_future::<_, Self>(row);
        ctx.spawn(looked.map(move |row, registry: &mut Self, ctx| {
            let known = registry.clan(kind).and_then(|clan| clan.members.get(&id));
            let lives = known.filter(|place| place.links.is_some());
            if lives.is_none_or(|place| Some(place.serial) == seen) {
                registry.reconcile_member(kind, id, row, ctx);
            }
        }));
    }

    /// Those that a filter finds, at most as many as it asks for of each kind.
    pub(super) fn find_members<'a>(&'a self, filter: &'a ActorFilter) -> impl Iterator<Item = Found> + 'a {
        let after = filter
            .after
            .map_or(Bound::Unbounded, |after| Bound::Excluded(after.uuid()));
        let wants = |kind: &str| filter.kind.as_deref().is_none_or(|wanted| wanted == kind);
        let clans = self.clans.iter().filter(move |clan| wants(clan.family.kind));
        clans.flat_map(move |clan| {
            clan.members
                .range((after, Bound::Unbounded))
                .filter(|(_, place)| filter.tenant.is_none_or(|tenant| place.tenant_id == tenant))
                .filter(|(_, place)| filter.phase.as_deref().is_none_or(|phase| place.phase() == phase))
                .filter_map(|(id, place)| place.found(*id))
                .take(filter.limit)
        })
    }

    /// The rows of all families, for the sweep.
    pub(super) fn family_rows(&self) -> Vec<(&'static str, Arc<dyn MemberRows>)> {
        let clans = self.clans.iter();
        clans.map(|clan| (clan.family.kind, clan.family.rows.clone())).collect()
    }
}

/// Reads all rows of a family and lets the registry compare them with who lives.
pub(super) async fn sweep_family(kind: &'static str, rows: Arc<dyn MemberRows>, registry: actix::Addr<Registry>) {
    let mut after = None;
    loop {
        let page = rows.page(after, SWEEP_PAGE_ROWS).await;
        let Ok(rows) = page.inspect_err(|error| tracing::error!(actor.kind = kind, error = ?error, "sweep failed"))
        else {
            return;
        };
        let last = rows.last().map(|row| row.id);
        let complete = rows.len() < usize::try_from(SWEEP_PAGE_ROWS).unwrap_or(usize::MAX);
        let swept = MembersSwept {
            kind,
            after,
            rows,
            complete,
        };
        if registry.send(swept).await.is_err() || complete {
            return;
        }
        after = last;
    }
}

/// Sends without waiting; one that has just gone reports its exit, and a full mailbox is seen in the log.
fn is_told<M>(recipient: &Recipient<M>, message: M) -> bool
where
    M: actix::Message<Result = ()> + Send + 'static,
{
    match recipient.try_send(message) {
        Ok(()) => true,
        Err(error) => {
            tracing::warn!(%error, "message to a member is not delivered");
            false
        }
    }
}

impl Handler<AddFamily> for Registry {
    type Result = ();

    fn handle(&mut self, AddFamily(family): AddFamily, _: &mut Self::Context) {
        self.messages += 1;
        self.clans.push(Clan {
            family,
            members: std::collections::BTreeMap::new(),
        });
    }
}

impl Handler<AdoptMembers> for Registry {
    type Result = ();

    fn handle(&mut self, AdoptMembers { kind, rows }: AdoptMembers, ctx: &mut Self::Context) {
        self.messages += 1;
        for row in rows {
            let known = self.clan(kind).is_some_and(|clan| clan.members.contains_key(&row.id));
            if !known && self.phase != RegistryPhase::Draining {
                self.start_member(kind, row, ctx);
            }
        }
    }
}

impl Handler<RefreshMember> for Registry {
    type Result = ResponseActFuture<Self, Result<()>>;

    fn handle(&mut self, RefreshMember { kind, tenant, id }: RefreshMember, _: &mut Self::Context) -> Self::Result {
        self.messages += 1;
        let rows = self.clan(kind).map(|clan| clan.family.rows.clone());
        let row = async move {
            match rows {
                Some(rows) => rows.one(tenant, id).await,
                None => Err(Error::not_found("kind of actors", kind)),
            }
        };
        Box::pin(wrap_future::<_, Self>(row).map(move |row, registry, ctx| {
            registry.reconcile_member(kind, id, row?, ctx);
            Ok(())
        }))
    }
}

impl Handler<FindMember> for Registry {
    type Result = MessageResult<FindMember>;

    fn handle(&mut self, FindMember { kind, tenant, id }: FindMember, _: &mut Self::Context) -> Self::Result {
        self.messages += 1;
        let place = self.clan(&kind).and_then(|clan| clan.of_tenant(tenant, id));
        MessageResult(place.and_then(|place| {
            Some(FoundMember {
                address: place.links.as_ref()?.address.clone(),
                found: place.found(id)?,
            })
        }))
    }
}

impl Handler<RestartMember> for Registry {
    type Result = bool;

    fn handle(&mut self, RestartMember { kind, tenant, id }: RestartMember, ctx: &mut Self::Context) -> bool {
        self.messages += 1;
        let Some(clan) = self.clan_mut(&kind) else { return false };
        let kind = clan.family.kind;
        let found = clan.members.get_mut(&id).filter(|place| place.tenant_id == tenant);
        let Some(place) = found else { return false };
        place.restarts = Restarts::default();
        match &place.links {
            // Its exit is answered with a look at the row, which starts a new instance.
            Some(links) => place.is_told = is_told(&links.stop, Stop),
            None => self.look_at_member(kind, tenant, id, Duration::ZERO, ctx),
        }
        true
    }
}

impl Handler<MembersSwept> for Registry {
    type Result = ();

    fn handle(&mut self, swept: MembersSwept, ctx: &mut Self::Context) {
        self.messages += 1;
        let MembersSwept {
            kind,
            after,
            rows,
            complete,
        } = swept;
        let Some(clan) = self.clan(kind) else { return };
        let first = after.map_or(Bound::Unbounded, Bound::Excluded);
        let last = match rows.last() {
            Some(row) if !complete => Bound::Included(row.id),
            _ => Bound::Unbounded,
        };
        // Who lives without a row: it may be newer than the page, so the row is looked at again.
        let living = clan
            .members
            .range((first, last))
            .filter(|(_, place)| place.links.is_some());
        for (id, place) in living {
            if rows.binary_search_by_key(id, |row| row.id).is_err() {
                self.look_at_member(kind, place.tenant_id, *id, Duration::ZERO, ctx);
            }
        }
        for row in rows {
            let differs = match self.clan(kind).and_then(|clan| clan.members.get(&row.id)) {
                // One without links waits for its restart, or was given up.
                Some(place) => place.links.is_some() && place.version < row.version,
                None => true,
            };
            if differs {
                tracing::warn!(actor.kind = kind, actor.id = %row.id, "row and actor differ; the row wins");
                self.reconcile_member(kind, row.id, Some(row), ctx);
            }
        }
    }
}

impl Handler<MemberExited> for Registry {
    type Result = ();

    fn handle(&mut self, exited: MemberExited, ctx: &mut Self::Context) {
        self.messages += 1;
        let now = self.services.clock.now();
        let budget = self.services.settings.engine.restart_budget;
        let is_draining = self.phase == RegistryPhase::Draining;
        let MemberExited {
            kind,
            id,
            tenant_id,
            serial,
            reason,
        } = exited;
        let Some(clan) = self.clan_mut(kind) else { return };
        let found = clan.members.get_mut(&id).filter(|place| place.serial == serial);
        let Some(place) = found else { return };
        place.links = None;
        place.status.down();
        if is_draining {
            clan.members.remove(&id);
            return;
        }
        match reason {
            ExitReason::Gone | ExitReason::Deactivated if std::mem::take(&mut place.is_told) => {
                self.look_at_member(kind, tenant_id, id, Duration::ZERO, ctx);
            }
            ExitReason::Gone | ExitReason::Deactivated => self.look_at_member(kind, tenant_id, id, LOOK_AGAIN, ctx),
            ExitReason::Fenced => {
                place.last_exit = Some(reason.as_str());
                self.look_at_member(kind, tenant_id, id, LOOK_AGAIN, ctx);
            }
            ExitReason::Panicked => {
                place.last_exit = Some(reason.as_str());
                match place.restarts.panicked(now, budget) {
                    Verdict::RestartIn(wait_ms) => {
                        place.status.set_restarts(place.status.restarts() + 1);
                        self.restarts += 1;
                        tracing::error!(actor.kind = kind, actor.id = %id, wait_ms, "actor panicked; it is started again");
                        self.look_at_member(kind, tenant_id, id, Duration::from_millis(wait_ms), ctx);
                    }
                    Verdict::GiveUp => {
                        tracing::error!(actor.kind = kind, actor.id = %id, "actor panicked too often; it stays down");
                        let data = serde_json::json!({ "kind": kind, "id": id, "reason": "panicked too often" });
                        let events = &self.services.events;
                        events.publish(tenant_id, now, "actor.given_up", id, data);
                    }
                }
            }
        }
    }
}
