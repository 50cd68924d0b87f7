//! What the actor hears: each message is answered at once, or noted for the end of what is going.

use std::sync::Arc;

use actix::Handler;

use super::{ApiCallActor, Current};
use crate::{
    actors::{
        api_call::messages::{FailOnPurpose, Failing, Observe, Redefine, RunOnce, Stop},
        observed::{CurrentRun, KIND_CALL_API, Observed},
    },
    domain::{
        call_state::{Event, Phase},
        ids::RunId,
    },
    error::{Code, Error},
};

impl Handler<Redefine> for ApiCallActor {
    type Result = ();

    fn handle(&mut self, Redefine(row): Redefine, ctx: &mut Self::Context) {
        self.status.heard();
        match &mut self.booting {
            Some(booting) => booting.reload = true,
            // Read before a run of ours was committed: its due time and its scripts' state are over.
            None if row.run_count < self.call.run_count => self.reload(ctx),
            None => self.redefine(row, ctx),
        }
    }
}

impl Handler<Stop> for ApiCallActor {
    type Result = ();

    fn handle(&mut self, _: Stop, ctx: &mut Self::Context) {
        self.status.heard();
        match &mut self.booting {
            Some(booting) => booting.stop = true,
            None => self.hear(Event::Stop, ctx),
        }
    }
}

impl Handler<RunOnce> for ApiCallActor {
    type Result = ();

    fn handle(&mut self, RunOnce(asker): RunOnce, ctx: &mut Self::Context) {
        self.status.heard();
        if self.booting.is_some() {
            let busy =
                "The runs that were missed or cut before the engine started are being recorded; try again in a moment.";
            let _ = asker.send(Err(Error::new(Code::WrongState, busy)));
            return;
        }
        if self.machine.phase() == Phase::Stopped {
            // No answer: whoever asked looks for the next instance.
            return;
        }
        if matches!(self.machine.phase(), Phase::Running(_)) {
            let busy = "A run of this call is going already; wait for its end.";
            let _ = asker.send(Err(Error::new(Code::WrongState, busy)));
            return;
        }
        if self.services.is_draining() {
            let _ = asker.send(Err(crate::store::Error::Closed.into()));
            return;
        }
        let now = self.services.clock.now();
        let current = Current {
            run_id: RunId::from(uuid::Uuid::nil()),
            started_at: now,
            progress: Arc::default(),
            asker: Some(asker),
        };
        self.current = Some(Box::new(current));
        self.hear(Event::Run { at: now }, ctx);
    }
}

impl Handler<Observe> for ApiCallActor {
    type Result = actix::MessageResult<Observe>;

    fn handle(&mut self, _: Observe, _: &mut Self::Context) -> Self::Result {
        self.status.heard();
        let now = self.services.clock.now();
        let current = self.current.as_ref().map(|current| CurrentRun {
            run_id: current.run_id.uuid(),
            step: current.progress.step(),
            since_ms: u64::try_from(now.duration_since(current.started_at).as_millis()).unwrap_or(0),
        });
        actix::MessageResult(Observed {
            kind: KIND_CALL_API,
            id: self.call.id.uuid(),
            tenant_id: Some(self.call.tenant_id),
            name: self.call.name.to_string(),
            phase: self.machine.phase().as_str(),
            since: self.since,
            next_due_at: self.machine.next().map(|next| next.due_at),
            current,
            last_run: self.last.as_deref().cloned(),
            restarts: self.status.restarts(),
            last_exit: None,
            generation: self.machine.generation(),
            arbiter: self.arbiter,
            messages: self.status.messages(),
            counters: self.counters,
            queued: None,
        })
    }
}

impl Handler<FailOnPurpose> for ApiCallActor {
    type Result = ();

    #[expect(clippy::panic, reason = "what it is for: tests of the supervision")]
    fn handle(&mut self, FailOnPurpose(failing): FailOnPurpose, _: &mut Self::Context) {
        match failing {
            Failing::Actor => panic!("asked to fail"),
            Failing::NextRun => self.fail_next_run = true,
        }
    }
}
