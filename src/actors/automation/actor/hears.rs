//! What the actor hears: each message is answered at once, or noted for the end of what is going.

use actix::{Handler, Message};
use tokio::sync::oneshot;

use super::AutomationActor;
use crate::{
    actors::{
        api_call::messages::{FailOnPurpose, Failing, Observe, Stop},
        observed::{CurrentRun, KIND_AUTOMATION, Observed},
        registry::family::Reload,
    },
    domain::{
        automation::{machine::Event, run::RunTrigger},
        ids::RunId,
    },
    error::Result,
    store,
};

/// Run once, now; answered when the run is written down as begun.
#[derive(Message)]
#[rtype(result = "()")]
pub struct RunOnce(pub oneshot::Sender<Result<RunId>>);

impl Handler<Reload> for AutomationActor {
    type Result = ();

    fn handle(&mut self, _: Reload, ctx: &mut Self::Context) {
        self.member.status.heard();
        self.hear(Event::Changed, ctx);
    }
}

impl Handler<Stop> for AutomationActor {
    type Result = ();

    fn handle(&mut self, _: Stop, ctx: &mut Self::Context) {
        self.member.status.heard();
        self.hear(Event::Stop, ctx);
    }
}

impl Handler<RunOnce> for AutomationActor {
    type Result = ();

    fn handle(&mut self, RunOnce(asker): RunOnce, ctx: &mut Self::Context) {
        self.member.status.heard();
        if self.services.is_draining() {
            let _ = asker.send(Err(store::Error::Closed.into()));
            return;
        }
        if self.asker.is_some() {
            let busy = "A run of this automation is about to begin already.";
            let _ = asker.send(Err(crate::error::Error::new(crate::error::Code::WrongState, busy)));
            return;
        }
        self.asker = Some(asker);
        self.hear(Event::Ask(RunTrigger::Manual), ctx);
    }
}

impl Handler<Observe> for AutomationActor {
    type Result = actix::MessageResult<Observe>;

    fn handle(&mut self, _: Observe, _: &mut Self::Context) -> Self::Result {
        self.member.status.heard();
        let now = self.services.clock.now();
        let current = self.current.as_ref().map(|current| CurrentRun {
            run_id: current.run_id.map_or(uuid::Uuid::nil(), RunId::uuid),
            step: current.progress.step(),
            since_ms: u64::try_from(now.duration_since(current.started_at).as_millis()).unwrap_or(0),
        });
        actix::MessageResult(Observed {
            kind: KIND_AUTOMATION,
            id: self.id.uuid(),
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

impl Handler<FailOnPurpose> for AutomationActor {
    type Result = ();

    #[expect(clippy::panic, reason = "what it is for: tests of the supervision")]
    fn handle(&mut self, FailOnPurpose(failing): FailOnPurpose, _: &mut Self::Context) {
        match failing {
            Failing::Actor => panic!("asked to fail"),
            Failing::NextRun => self.fail_next_run = true,
        }
    }
}
