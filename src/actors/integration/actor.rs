//! The actor: turns messages and timers into events of the state machine, and its effects into timers and tasks.

use std::sync::Arc;

use actix::{Actor, ActorContext, ActorFutureExt, AsyncContext, Context, SpawnHandle, fut::wrap_future};
use jiff::Timestamp;
use serde_json::json;

use crate::{
    actors::{
        integration::{
            conclude::{Conclusion, Ended, Next},
            desk::Desk,
            look::{self, Look},
            run::{RunJob, run},
        },
        observed::{Counters, LastRun},
        own_task::OwnTask,
        registry::{family::Member, messages::ExitReason},
        services::Services,
    },
    domain::integration::{
        RunOutcome, RunTrigger,
        machine::{Effect, Event, Finished, IntegrationMachine},
    },
};

mod hears;

pub use hears::{ExecuteItem, FailNextItem};

/// See the module.
pub struct IntegrationActor {
    services: Arc<Services>,
    member: Member,
    name: Box<str>,
    machine: IntegrationMachine,
    since: Timestamp,
    timer: Option<SpawnHandle>,
    /// The rows are being read; whether they are to be read once more then.
    looking: Option<bool>,
    /// What the end of an engine cut off was found again.
    is_recovered: bool,
    started_at: Option<Timestamp>,
    desk: Arc<Desk>,
    last: Option<LastRun>,
    counters: Counters,
    exit: ExitReason,
    fail_next_run: bool,
}

impl IntegrationActor {
    /// A new instance; it reads its rows when it is started.
    pub fn new(services: Arc<Services>, member: Member) -> Self {
        let since = services.clock.now();
        Self {
            name: member.name.clone(),
            services,
            member,
            machine: IntegrationMachine::default(),
            since,
            timer: None,
            looking: None,
            is_recovered: false,
            started_at: None,
            desk: Arc::default(),
            last: None,
            counters: Counters::default(),
            exit: ExitReason::Gone,
            fail_next_run: false,
        }
    }

    fn hear(&mut self, event: Event, ctx: &mut Context<Self>) {
        let before = self.machine.phase();
        let effects = self.machine.on(event);
        if self.machine.phase() != before {
            self.since = self.services.clock.now();
        }
        for effect in effects {
            self.carry_out(effect, ctx);
        }
        self.member
            .status
            .set_word(self.machine.phase().as_str(), self.machine.fire_at());
    }

    fn carry_out(&mut self, effect: Effect, ctx: &mut Context<Self>) {
        match effect {
            Effect::Arm { fire_at, generation } => self.arm(fire_at, generation, ctx),
            Effect::Disarm => self.disarm(ctx),
            Effect::Start(trigger) => self.start(trigger, ctx),
            Effect::TellChanged => self.desk.tell_changed(),
            Effect::TellStop => self.desk.tell_stop(),
            // Who asked sees that nobody answers.
            Effect::Refuse => drop(self.desk.take_asked(usize::MAX)),
            Effect::Reload => self.look(ctx),
            Effect::Exit => {
                self.disarm(ctx);
                ctx.stop();
            }
        }
    }

    fn arm(&mut self, fire_at: Timestamp, generation: u32, ctx: &mut Context<Self>) {
        self.disarm(ctx);
        let clock = self.services.clock.clone();
        let timer = wrap_future(async move { clock.sleep_until(fire_at).await });
        self.timer = Some(ctx.spawn(timer.map(move |(), actor: &mut Self, ctx| {
            actor.timer = None;
            actor.hear(Event::Due { generation }, ctx);
        })));
    }

    fn disarm(&mut self, ctx: &mut Context<Self>) {
        if let Some(timer) = self.timer.take() {
            ctx.cancel_future(timer);
        }
    }

    fn start(&mut self, trigger: RunTrigger, ctx: &mut Context<Self>) {
        let Some(guard) = self.services.enter_run() else {
            // The engine is on its way out: what is due is stored, and found at the next start.
            ctx.stop();
            return;
        };
        self.desk.clear();
        self.started_at = Some(self.services.clock.now());
        let job = RunJob {
            services: self.services.clone(),
            guard,
            desk: self.desk.clone(),
            tenant_id: self.member.tenant_id,
            uuid: self.member.id,
            trigger,
            fail: std::mem::take(&mut self.fail_next_run),
        };
        // A task of its own: a panic in it ends the task, and is seen here as its result.
        let task = OwnTask::begin(run(job));
        ctx.spawn(
            wrap_future(task).map(move |joined, actor: &mut Self, ctx| match joined {
                Ok(conclusion) => actor.concluded(conclusion, ctx),
                Err(error) => {
                    tracing::error!(client_integration.uuid = %actor.member.id, %error, "run panicked");
                    // Its items are found again by the next instance.
                    actor.exit = ExitReason::Panicked;
                    ctx.stop();
                }
            }),
        );
    }

    fn concluded(&mut self, conclusion: Conclusion, ctx: &mut Context<Self>) {
        self.started_at = None;
        let now = self.services.clock.now();
        let next = match conclusion.next {
            Next::Rows(mut rows) => {
                rows.asked = self.desk.is_asked();
                Finished::Rows(rows)
            }
            Next::Unclear => Finished::Unclear,
            Next::Later(at) => {
                // The store refused: what was on its way may still be marked as such, and nothing is going now.
                self.is_recovered = false;
                Finished::Later(at)
            }
            Next::Leave => {
                if !self.services.is_draining() {
                    self.exit = ExitReason::Fenced;
                }
                self.tell_end(conclusion.ended);
                ctx.stop();
                return;
            }
        };
        self.hear(Event::Finished { next, now }, ctx);
        // Only now, so that who hears of the end sees it here as well.
        self.tell_end(conclusion.ended);
    }

    fn tell_end(&mut self, ended: Option<Ended>) {
        let Some(ended) = ended else { return };
        let fails = ended.outcome == RunOutcome::Failed;
        self.counters.runs += 1;
        self.counters.failures += u64::from(fails);
        self.counters.created += ended.counts.completed;
        let took = ended.finished_at.duration_since(ended.started_at);
        self.last = Some(LastRun {
            at: ended.started_at,
            outcome: ended.outcome.as_str(),
            created: u32::try_from(ended.counts.completed).unwrap_or(u32::MAX),
            duration_ms: u64::try_from(took.as_millis()).unwrap_or(0),
        });
        let (tenant, subject) = (self.member.tenant_id, self.member.id);
        let well = ended.outcome == RunOutcome::Succeeded;
        self.services.pulse.ended(tenant, ended.finished_at, !well, None);
        let events = &self.services.events;
        if let Some(why) = ended.disabled.clone() {
            let number = ended.whose.id;
            let told = move || json!({ "clientIntegrationId": number, "reason": why });
            events.publish_with(tenant, ended.finished_at, "integration.disabled", subject, told);
        }
        events.publish_with(
            tenant,
            ended.finished_at,
            "integration.run.finished",
            subject,
            move || {
                json!({
                    "clientIntegrationId": ended.whose.id,
                    "integrationId": ended.whose.integration_id,
                    "actionLogId": ended.run,
                    "trigger": ended.trigger.as_str(),
                    "outcome": ended.outcome.as_str(),
                    "selected": ended.counts.selected,
                    "completed": ended.counts.completed,
                    "failed": ended.counts.failed,
                    "abandoned": ended.counts.abandoned,
                })
            },
        );
    }

    /// Reads the rows; one look at a time, and one more if it was asked for meanwhile.
    fn look(&mut self, ctx: &mut Context<Self>) {
        if let Some(again) = &mut self.looking {
            *again = true;
            return;
        }
        self.looking = Some(false);
        let first = !self.is_recovered;
        let rows = look::look(self.services.clone(), self.member.tenant_id, self.member.id, first);
        ctx.spawn(wrap_future(rows).map(|seen, actor: &mut Self, ctx| actor.looked(seen, ctx)));
    }

    fn looked(&mut self, seen: Look, ctx: &mut Context<Self>) {
        let again = self.looking.take().unwrap_or_default();
        match seen {
            Look::Gone => self.hear(Event::Stop, ctx),
            Look::Rows { name, mut rows } => {
                self.is_recovered = true;
                self.name = name;
                rows.asked = self.desk.is_asked();
                let now = self.services.clock.now();
                self.hear(Event::Loaded { rows, now }, ctx);
            }
        }
        if again {
            self.hear(Event::Changed, ctx);
        }
    }
}

impl Actor for IntegrationActor {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        self.look(ctx);
    }

    fn stopped(&mut self, _: &mut Self::Context) {
        // Who still asks sees that nobody answers.
        drop(self.desk.take_asked(usize::MAX));
        self.member.exited(self.exit);
    }
}
