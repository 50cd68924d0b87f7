//! The actor: turns messages and timers into events of the state machine, and its effects into timers and tasks.

use std::sync::Arc;

use actix::{Actor, ActorContext, ActorFutureExt, AsyncContext, Context, SpawnHandle, WeakAddr, fut::wrap_future};
use jiff::Timestamp;
use tokio::sync::oneshot;

use crate::{
    actors::{
        automation::{
            commit::{Conclusion, Ended, Next},
            look::{self, Look},
            run::{Progress, RunJob, run},
        },
        observed::{Counters, LastRun},
        own_task::OwnTask,
        registry::{
            family::{Member, Reload},
            messages::ExitReason,
        },
        services::Services,
        wakes::Hearing,
    },
    domain::{
        automation::{
            machine::{AutomationMachine, Effect, Event, Phase},
            run::{RunOutcome, RunTrigger},
        },
        ids::{AutomationId, RunId},
    },
    error::{Code, Error, Result},
};

mod hears;

pub use hears::RunOnce;

/// See the module.
pub struct AutomationActor {
    services: Arc<Services>,
    member: Member,
    id: AutomationId,
    name: Box<str>,
    machine: AutomationMachine,
    since: Timestamp,
    timer: Option<SpawnHandle>,
    /// The rows are being read; whether they are to be read once more then.
    looking: Option<bool>,
    current: Option<Current>,
    asker: Option<oneshot::Sender<Result<RunId>>>,
    last: Option<LastRun>,
    counters: Counters,
    exit: ExitReason,
    fail_next_run: bool,
    /// How it hears of new changes of records, and of automations that name it as the next.
    hearing: Option<Hearing>,
}

struct Current {
    run_id: Option<RunId>,
    started_at: Timestamp,
    progress: Arc<Progress>,
}

impl AutomationActor {
    /// A new instance; it reads its rows when it is started.
    pub fn new(services: Arc<Services>, member: Member) -> Self {
        let since = services.clock.now();
        Self {
            id: AutomationId::from(member.id),
            name: member.name.clone(),
            services,
            member,
            machine: AutomationMachine::default(),
            since,
            timer: None,
            looking: None,
            current: None,
            asker: None,
            last: None,
            counters: Counters::default(),
            exit: ExitReason::Gone,
            fail_next_run: false,
            hearing: None,
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
            Effect::Start(trigger) => {
                let id = RunId::from(self.services.clock.new_id());
                self.start(Some((id, trigger)), ctx);
            }
            Effect::Resume => self.start(None, ctx),
            Effect::Refuse => self.refuse(),
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

    /// Whoever asked for a run is told why there is none now.
    fn refuse(&mut self) {
        let Some(asker) = self.asker.take() else { return };
        let why = match self.machine.phase() {
            Phase::Paused => {
                "The connection of this automation cannot be used: it needs new credentials. Enter them, then ask again."
            }
            Phase::Suspended => {
                "A run of this automation waits for the provider, and goes on by itself. Its list of runs says until when."
            }
            _ => "A run of this automation is going already; wait for its end.",
        };
        // The asker may have gone.
        let _ = asker.send(Err(Error::new(Code::WrongState, why)));
    }

    fn start(&mut self, begin: Option<(RunId, RunTrigger)>, ctx: &mut Context<Self>) {
        let Some(guard) = self.services.enter_run() else {
            // The engine is on its way out: what is due or open is stored, and found at the next start.
            ctx.stop();
            return;
        };
        let progress = Arc::<Progress>::default();
        self.current = Some(Current {
            run_id: begin.map(|(id, _)| id),
            started_at: self.services.clock.now(),
            progress: progress.clone(),
        });
        let is_manual = matches!(begin, Some((_, RunTrigger::Manual)));
        let job = RunJob {
            services: self.services.clone(),
            guard,
            progress,
            tenant_id: self.member.tenant_id,
            automation_id: self.id,
            begin,
            asker: self.asker.take_if(|_| is_manual),
            fail: std::mem::take(&mut self.fail_next_run),
        };
        // A task of its own: a panic in it ends the task, and is seen here as its result.
        let task = OwnTask::begin(run(job));
        ctx.spawn(
            wrap_future(task).map(move |joined, actor: &mut Self, ctx| match joined {
                Ok(conclusion) => actor.concluded(conclusion, ctx),
                Err(error) => {
                    tracing::error!(automation.id = %actor.id, %error, "run panicked");
                    // Its row stays open: the next instance goes on with it.
                    actor.exit = ExitReason::Panicked;
                    ctx.stop();
                }
            }),
        );
    }

    /// First the actor knows, then everybody else: who hears of the end of a run may ask for the next.
    fn concluded(&mut self, conclusion: Conclusion, ctx: &mut Context<Self>) {
        self.current = None;
        if let Some(ended) = conclusion.ended {
            self.count(&ended);
        }
        self.go_on(conclusion.next, ctx);
        drop(conclusion.announcement);
        drop(conclusion.guard);
    }

    fn go_on(&mut self, next: Next, ctx: &mut Context<Self>) {
        let event = match next {
            Next::Finished(finished) => {
                if finished == crate::domain::automation::machine::Finished::Deactivated {
                    self.exit = ExitReason::Deactivated;
                }
                Event::Finished(finished)
            }
            Next::Waits(until) => Event::Waits(until),
            Next::Blocked => Event::Blocked,
            Next::Leave => {
                if !self.services.is_draining() {
                    self.exit = ExitReason::Fenced;
                }
                ctx.stop();
                return;
            }
        };
        self.hear(event, ctx);
    }

    fn count(&mut self, ended: &Ended) {
        let fails = matches!(
            ended.outcome,
            RunOutcome::Failed | RunOutcome::ScriptError | RunOutcome::NotFound
        );
        self.counters.runs += 1;
        self.counters.failures += u64::from(fails);
        self.counters.created += ended.counts.created;
        let took = ended.finished_at.duration_since(ended.started_at);
        self.last = Some(LastRun {
            at: ended.started_at,
            outcome: ended.outcome.as_str(),
            created: u32::try_from(ended.counts.created).unwrap_or(u32::MAX),
            duration_ms: u64::try_from(took.as_millis()).unwrap_or(0),
        });
    }

    /// Reads the rows; one look at a time, and one more if it was asked for meanwhile.
    fn look(&mut self, ctx: &mut Context<Self>) {
        if let Some(again) = &mut self.looking {
            *again = true;
            return;
        }
        self.looking = Some(false);
        if let Some(hearing) = &self.hearing {
            hearing.look();
        }
        let rows = look::look(self.services.clone(), self.member.tenant_id, self.id);
        ctx.spawn(wrap_future(rows).map(|seen, actor: &mut Self, ctx| actor.looked(seen, ctx)));
    }

    fn looked(&mut self, seen: Look, ctx: &mut Context<Self>) {
        let again = self.looking.take().unwrap_or_default();
        match seen {
            Look::Gone => self.hear(Event::Stop, ctx),
            Look::Rows { name, rows } => {
                self.name = name;
                let now = self.services.clock.now();
                self.hear(Event::Loaded { rows, now }, ctx);
            }
        }
        if again {
            self.hear(Event::Changed, ctx);
        }
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "a knock that is lost would be the last one; there is one at a time"
)]
fn knock(actor: &WeakAddr<AutomationActor>) {
    if let Some(actor) = actor.upgrade() {
        actor.do_send(Reload);
    }
}

impl Actor for AutomationActor {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        let own = ctx.address().downgrade();
        self.hearing = Some(self.services.wakes.register(self.id, move || knock(&own)));
        self.look(ctx);
    }

    fn stopped(&mut self, _: &mut Self::Context) {
        if let Some(asker) = self.asker.take() {
            let gone = "The automation has just been changed or disabled. Look at it, then ask again.";
            let _ = asker.send(Err(Error::new(Code::WrongState, gone)));
        }
        self.member.exited(self.exit);
    }
}
