//! What the actor of a connection hears.

use actix::{ActorContext, Context, Handler, MessageResult};

use super::ConnectionActor;
use crate::{
    actors::{
        api_call::messages::{FailOnPurpose, Failing, Observe, Stop},
        connection::{
            gate::Refused,
            permit::{Ask, Deserted, Ended},
        },
        observed::{KIND_CONNECTION, Observed},
        registry::family::Reload,
    },
    domain::connection::machine::Outcome,
};

/// When to ask again where too many wait, milliseconds.
const ASK_AGAIN_MS: u64 = 1_000;

impl Handler<Ask> for ConnectionActor {
    type Result = ();

    fn handle(&mut self, Ask { by_hand, reply }: Ask, ctx: &mut Context<Self>) {
        self.member.status.heard();
        if let (true, Some(prepared)) = (by_hand, self.prepared.clone()) {
            let pledge = self.machine.ask_by_hand();
            return self.grant(reply, pledge, &prepared, ctx);
        }
        let waiters_max = self.services.outbound.settings().budget_waiters_max;
        if self.waiting.len() >= waiters_max {
            self.waiting.retain(|reply| !reply.is_closed());
        }
        if self.waiting.len() >= waiters_max {
            let message = format!(
                "Too many requests wait for the connection {} already.",
                self.member.name
            );
            // Who has gone meanwhile needs no answer.
            let _ = reply.send(Err(Refused::Unavailable {
                message,
                retry_after_ms: Some(ASK_AGAIN_MS),
            }));
            return;
        }
        self.waiting.push_back(reply);
        self.pump(ctx);
        self.settle(ctx);
    }
}

impl Handler<Ended> for ConnectionActor {
    type Result = ();

    fn handle(&mut self, Ended { pledge, outcome }: Ended, ctx: &mut Context<Self>) {
        self.member.status.heard();
        self.going = self.going.saturating_sub(1);
        self.counters.runs += 1;
        self.counters.failures += u64::from(matches!(outcome, Outcome::Failed(_) | Outcome::Reauthorise(_)));
        self.machine.ended(pledge, outcome, self.services.clock.now());
        self.plan_renewal(ctx);
        self.pump(ctx);
        self.settle(ctx);
    }
}

impl Handler<Reload> for ConnectionActor {
    type Result = ();

    fn handle(&mut self, _: Reload, ctx: &mut Context<Self>) {
        self.member.status.heard();
        if !self.is_retired {
            self.load(ctx);
        }
    }
}

impl Handler<Stop> for ConnectionActor {
    type Result = ();

    fn handle(&mut self, _: Stop, ctx: &mut Context<Self>) {
        self.member.status.heard();
        self.forget_deleted();
        self.retire(ctx);
    }
}

impl Handler<Deserted> for ConnectionActor {
    type Result = ();

    fn handle(&mut self, _: Deserted, ctx: &mut Context<Self>) {
        let has_guests = self.post.as_ref().is_some_and(|post| self.services.gates.close(post));
        if self.is_retired && !has_guests {
            self.forget_deleted();
            ctx.stop();
        }
    }
}

impl ConnectionActor {
    /// A deleted connection leaves nothing in memory.
    fn forget_deleted(&self) {
        let (services, tenant, id) = (self.services.clone(), self.member.tenant_id, self.id());
        actix_rt::spawn(async move {
            if let Ok(None) = services.store.connection(tenant, id).await {
                services.outbound.forget_client(tenant.uuid(), id.uuid());
            }
        });
    }
}

impl Handler<Observe> for ConnectionActor {
    type Result = MessageResult<Observe>;

    fn handle(&mut self, _: Observe, ctx: &mut Context<Self>) -> Self::Result {
        self.member.status.heard();
        self.settle(ctx);
        let now = self.services.clock.now();
        let renewal = self.renewal.as_ref().map(|(_, at)| *at);
        let name = self
            .prepared
            .as_ref()
            .map_or(&self.member.name, |prepared| &prepared.name);
        MessageResult(Observed {
            kind: KIND_CONNECTION,
            id: self.member.id,
            tenant_id: Some(self.member.tenant_id),
            name: name.to_string(),
            phase: self.phase,
            since: self.since,
            next_due_at: self.machine.waits_until(now).or(renewal),
            current: None,
            last_run: None,
            restarts: self.member.status.restarts(),
            last_exit: None,
            generation: self.timers,
            arbiter: self.member.arbiter,
            messages: self.member.status.messages(),
            counters: self.counters,
            queued: u64::try_from(self.waiting.len()).ok(),
        })
    }
}

impl Handler<FailOnPurpose> for ConnectionActor {
    type Result = ();

    #[expect(clippy::panic, reason = "what it is for: tests of the supervision")]
    fn handle(&mut self, FailOnPurpose(failing): FailOnPurpose, _: &mut Context<Self>) {
        if failing == Failing::Actor {
            panic!("asked to fail");
        }
    }
}
