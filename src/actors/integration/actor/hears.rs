//! What the actor hears: each message is answered at once, or noted for the end of what is going.

use actix::{Handler, Message};
use tokio::sync::oneshot;
use uuid::Uuid;

use super::IntegrationActor;
use crate::{
    actors::{
        api_call::messages::{FailOnPurpose, Failing, Observe, Stop},
        integration::{desk::Asked, family::does_not_run},
        observed::{CurrentRun, KIND_CLIENT_INTEGRATION, Observed},
        registry::family::Reload,
    },
    domain::integration::{
        QueueItemId,
        machine::{Event, Phase, Then},
    },
    error::{Code, Error, Result},
    store,
};

/// Process an item now, before others; answered when that is noted.
#[derive(Message)]
#[rtype(result = "Result<()>")]
pub struct ExecuteItem {
    /// Which.
    pub item: QueueItemId,
    /// Told when what became of it is stored; dropped where nothing will.
    pub done: oneshot::Sender<()>,
}

/// Let the next item that is begun panic, to show that the others go on.
#[derive(Message)]
#[rtype(result = "()")]
pub struct FailNextItem;

impl Handler<Reload> for IntegrationActor {
    type Result = ();

    fn handle(&mut self, _: Reload, ctx: &mut Self::Context) {
        self.member.status.heard();
        self.hear(Event::Changed, ctx);
    }
}

impl Handler<Stop> for IntegrationActor {
    type Result = ();

    fn handle(&mut self, _: Stop, ctx: &mut Self::Context) {
        self.member.status.heard();
        self.hear(Event::Stop, ctx);
    }
}

impl Handler<ExecuteItem> for IntegrationActor {
    type Result = Result<()>;

    fn handle(&mut self, ExecuteItem { item, done }: ExecuteItem, ctx: &mut Self::Context) -> Self::Result {
        self.member.status.heard();
        if self.services.is_draining() {
            return Err(store::Error::Closed.into());
        }
        if matches!(self.machine.phase(), Phase::Stopped | Phase::Running(Then::Stop)) {
            return Err(does_not_run());
        }
        self.desk.ask(Asked { item, done }).map_err(|_| {
            let many = "Too many items of this integration are to be executed by hand at once; wait for some of them.";
            Error::new(Code::Unavailable, many).with_retry_after_ms(1_000)
        })?;
        self.hear(Event::Ask, ctx);
        Ok(())
    }
}

impl Handler<Observe> for IntegrationActor {
    type Result = actix::MessageResult<Observe>;

    fn handle(&mut self, _: Observe, _: &mut Self::Context) -> Self::Result {
        self.member.status.heard();
        let now = self.services.clock.now();
        let current = self.started_at.map(|started_at| CurrentRun {
            // The number of its action log.
            run_id: Uuid::from_u128(u128::from(self.desk.run().unsigned_abs())),
            step: self.desk.step(),
            since_ms: u64::try_from(now.duration_since(started_at).as_millis()).unwrap_or(0),
        });
        actix::MessageResult(Observed {
            kind: KIND_CLIENT_INTEGRATION,
            id: self.member.id,
            tenant_id: Some(self.member.tenant_id),
            name: self.name.to_string(),
            phase: self.machine.phase().as_str(),
            since: self.since,
            next_due_at: self.machine.fire_at(),
            current,
            last_run: self.last.clone(),
            restarts: self.member.status.restarts(),
            last_exit: None,
            generation: self.machine.generation(),
            arbiter: self.member.arbiter,
            messages: self.member.status.messages(),
            counters: self.counters,
            queued: None,
        })
    }
}

impl Handler<FailOnPurpose> for IntegrationActor {
    type Result = ();

    #[expect(clippy::panic, reason = "what it is for: tests of the supervision")]
    fn handle(&mut self, FailOnPurpose(failing): FailOnPurpose, _: &mut Self::Context) {
        match failing {
            Failing::Actor => panic!("asked to fail"),
            Failing::NextRun => self.fail_next_run = true,
        }
    }
}

impl Handler<FailNextItem> for IntegrationActor {
    type Result = ();

    fn handle(&mut self, _: FailNextItem, _: &mut Self::Context) {
        self.desk.fail_next_item();
    }
}
