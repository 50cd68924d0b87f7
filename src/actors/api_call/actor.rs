//! The actor: turns messages and timers into events of the state machine, and its effects into timers and tasks.

use std::sync::Arc;

use actix::{Actor, ActorContext, ActorFutureExt, AsyncContext, Context, SpawnHandle, fut::wrap_future};
use jiff::Timestamp;
use tokio::sync::oneshot;

use crate::{
    actors::{
        api_call::{
            boot::{self, Boot},
            messages::{RunNow, Stop},
            run::{Progress, RunJob, RunReport, run},
            steps::RunContext,
        },
        observed::{ChildStatus, Counters, LastRun},
        registry::messages::{ChildExited, ExitReason, RegistryLink},
        services::Services,
    },
    domain::{
        call_state::{CallMachine, Effect, Event, Finished, Next, Phase, Trigger},
        ids::RunId,
        outcome::Outcome,
    },
    error::{Code, Error, Result},
    store::call_state::{ArmedCall, InterruptedRun},
};

mod hears;

/// See the module.
pub struct ApiCallActor {
    pub(super) services: Arc<Services>,
    registry: RegistryLink,
    pub(super) call: Box<ArmedCall>,
    status: Arc<ChildStatus>,
    serial: u64,
    arbiter: usize,
    machine: CallMachine,
    since: Timestamp,
    timer: Option<SpawnHandle>,
    pub(super) interrupted: Option<Box<InterruptedRun>>,
    /// See `domain::settle::Situation`.
    catch_up_until: Option<Timestamp>,
    /// Due times passed over at boot, to be counted in the next run.
    skipped: u64,
    current: Option<Box<Current>>,
    last: Option<Box<LastRun>>,
    sampled_at: Option<Timestamp>,
    counters: Counters,
    exit: ExitReason,
    fail_next_run: bool,
    booting: Option<Booting>,
}

/// What was asked while the past was still being written down: it is done when that has ended.
#[derive(Clone, Copy, Default)]
struct Booting {
    reload: bool,
    stop: bool,
}

struct Current {
    run_id: RunId,
    started_at: Timestamp,
    progress: Arc<Progress>,
    asker: Option<oneshot::Sender<Result<RunNow>>>,
}

/// What the registry gives to a new actor.
pub struct Birth {
    /// Shared services.
    pub services: Arc<Services>,
    /// The way up, weak.
    pub registry: RegistryLink,
    /// The call's row, what an actor needs of it.
    pub call: Box<ArmedCall>,
    /// A run that a crash cut, to be settled first.
    pub interrupted: Option<Box<InterruptedRun>>,
    /// What the registry reads without asking.
    pub status: Arc<ChildStatus>,
    /// Tells this instance from earlier ones.
    pub serial: u64,
    /// On which arbiter it lives.
    pub arbiter: usize,
}

impl ApiCallActor {
    /// A new instance; it arms itself when it is started.
    pub fn new(birth: Birth) -> Self {
        let Birth {
            services,
            registry,
            call,
            interrupted,
            status,
            serial,
            arbiter,
        } = birth;
        let since = services.clock.now();
        Self {
            services,
            registry,
            call,
            status,
            serial,
            arbiter,
            machine: CallMachine::default(),
            since,
            timer: None,
            interrupted,
            catch_up_until: None,
            skipped: 0,
            current: None,
            last: None,
            sampled_at: None,
            counters: Counters::default(),
            exit: ExitReason::Gone,
            fail_next_run: false,
            booting: None,
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
        self.status
            .set(self.machine.phase(), self.machine.next().map(|next| next.due_at));
    }

    fn carry_out(&mut self, effect: Effect, ctx: &mut Context<Self>) {
        match effect {
            Effect::Arm { fire_at, generation } => self.arm(fire_at, generation, ctx),
            Effect::Disarm => self.disarm(ctx),
            Effect::Start { due_at, trigger } => self.start_run(due_at, trigger, ctx),
            // The asker of a manual run was answered where the message came in.
            Effect::Refuse => {}
            Effect::Reload => self.reload(ctx),
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

    fn start_run(&mut self, due_at: Timestamp, trigger: Trigger, ctx: &mut Context<Self>) {
        let Some(guard) = self.services.enter_run() else {
            // The engine is on its way out: the due time stays as stored, and is a missed one at the next start.
            return;
        };
        let run_id = RunId::from(self.services.clock.new_id());
        let progress = Arc::<Progress>::default();
        let now = self.services.clock.now();
        let asker = self.current.take().and_then(|current| current.asker);
        self.current = Some(Box::new(Current {
            run_id,
            started_at: now,
            progress: progress.clone(),
            asker,
        }));
        let interval = i64::try_from(self.services.settings.runs.sample_interval_seconds).unwrap_or(i64::MAX);
        let sample_wanted = self
            .sampled_at
            .is_none_or(|at| now.as_second().saturating_sub(at.as_second()) >= interval);
        let job = RunJob {
            services: self.services.clone(),
            guard,
            progress,
            run_id,
            tenant_id: self.call.tenant_id,
            call_api_id: self.call.id,
            version: self.call.version,
            shard: self.call.shard,
            active: self.call.active,
            schedule: self.call.schedule.clone(),
            overlap: self.call.overlap,
            due_at,
            trigger,
            next: self.machine.next(),
            catch_up_until: self.catch_up_until,
            skipped: std::mem::take(&mut self.skipped),
            failures: self.call.failures,
            context: RunContext {
                run_count: self.call.run_count,
                last_run: self.call.last_run,
                script_state: self.call.script_state.clone(),
                due_at,
            },
            sample_wanted,
            fail: std::mem::take(&mut self.fail_next_run),
        };
        // A task of its own: a panic in it ends the task, and is seen here as its result.
        let task = actix_rt::spawn(run(job));
        ctx.spawn(
            wrap_future(task).map(move |joined, actor: &mut Self, ctx| match joined {
                Ok(report) => actor.run_ended(report, ctx),
                Err(error) => {
                    tracing::error!(api_call.id = %actor.call.id, %error, "run panicked");
                    let run = InterruptedRun {
                        run_id,
                        tenant_id: actor.call.tenant_id,
                        call_api_id: actor.call.id,
                        due_at,
                        trigger,
                        started_at: now,
                    };
                    actor.run_panicked(run, ctx);
                }
            }),
        );
    }

    /// Its due time is settled as one that a crash cut, so that the next instance neither sends it again nor finds a row
    /// in its way.
    fn run_panicked(&mut self, run: InterruptedRun, ctx: &mut Context<Self>) {
        let settled = boot::settle_interrupted(self.services.clone(), self.call.clone(), Box::new(run));
        ctx.spawn(wrap_future(settled).map(|_, actor: &mut Self, ctx| {
            actor.exit = ExitReason::Panicked;
            ctx.stop();
        }));
    }

    /// First the actor knows, then everybody else: who hears of the end of a run, or is answered, may ask for the next.
    fn run_ended(&mut self, mut report: RunReport, ctx: &mut Context<Self>) {
        let asker = self.current.take().and_then(|current| current.asker);
        let answer = if report.reload {
            Err(no_result())
        } else {
            Ok(RunNow {
                run_id: report.run_id.uuid(),
                outcome: report.outcome,
                created: report.created,
                duplicates: report.duplicates,
                http_status: report.http_status,
                error: report.error.take(),
            })
        };
        let announcement = std::mem::take(&mut report.announcement);
        self.take_in(report, ctx);
        drop(announcement);
        if let Some(asker) = asker {
            // The asker may have gone.
            let _ = asker.send(answer);
        }
    }

    fn take_in(&mut self, report: RunReport, ctx: &mut Context<Self>) {
        self.counters.runs += 1;
        self.counters.failures += u64::from(report.outcome.is_failure());
        self.counters.created += u64::from(report.created);
        self.counters.skipped += report.settled.skipped.map_or(0, |skipped| skipped.count);
        self.call.run_count += 1;
        self.call.failures = report.settled.failures;
        if report.sampled {
            self.sampled_at = Some(report.started_at);
        }
        if let Some(state) = report.script_state {
            self.call.script_state = Some(state);
        }
        self.call.last_run = Some((report.started_at, report.outcome));
        self.last = Some(Box::new(LastRun {
            at: report.started_at,
            outcome: report.outcome.as_str(),
            created: report.created,
            duration_ms: report.duration_ms,
        }));
        if self
            .catch_up_until
            .is_some_and(|until| report.settled.next.is_none_or(|next| next.due_at > until))
        {
            self.catch_up_until = None;
        }
        if report.reload {
            self.exit = ExitReason::Fenced;
            ctx.stop();
            return;
        }
        let finished = match (&report.settled.deactivated, report.settled.next) {
            (Some(_), _) => {
                self.exit = ExitReason::Deactivated;
                Finished::Deactivated
            }
            (None, Some(next)) => Finished::Next(next),
            (None, None) => Finished::Idle,
        };
        self.hear(Event::Finished(finished), ctx);
        self.leave_if_of_no_use(ctx);
    }

    /// An inactive call has an actor only for as long as somebody wants a run of it.
    fn leave_if_of_no_use(&mut self, ctx: &mut Context<Self>) {
        if !self.call.active && self.machine.phase() == Phase::Idle {
            self.hear(Event::Stop, ctx);
        }
    }

    fn reload(&mut self, ctx: &mut Context<Self>) {
        let services = self.services.clone();
        let (tenant_id, id) = (self.call.tenant_id, self.call.id);
        let row = async move { services.store.armed_call(tenant_id, id).await };
        ctx.spawn(wrap_future(row).map(|row, actor: &mut Self, ctx| match row {
            Ok(Some(row)) => actor.redefine(Box::new(row), ctx),
            Ok(None) => actor.hear(Event::Stop, ctx),
            Err(error) => {
                tracing::error!(api_call.id = %actor.call.id, error = ?error, "changed call cannot be read");
                // The registry looks at the row again when this instance has gone.
                actor.exit = ExitReason::Fenced;
                ctx.stop();
            }
        }));
    }

    fn redefine(&mut self, row: Box<ArmedCall>, ctx: &mut Context<Self>) {
        let active = row.active;
        let running = matches!(self.machine.phase(), Phase::Running(_));
        if running {
            self.hear(Event::Redefined { active, next: None }, ctx);
            return;
        }
        let changed = row.version != self.call.version;
        self.call = row;
        self.catch_up_until = None;
        let stored = self.call.next_due_at;
        let due_at = if changed {
            // A run of the version before may have committed its own idea of the next due time after the change.
            let soonest = self.call.schedule.next_after(self.services.clock.now());
            stored.into_iter().chain(soonest).min()
        } else {
            stored
        };
        let next = due_at.map(|due_at| Next::at(due_at, Trigger::Schedule));
        self.hear(Event::Redefined { active, next }, ctx);
    }

    /// What [`boot`] found out.
    pub(super) fn booted(&mut self, boot: Boot, ctx: &mut Context<Self>) {
        self.catch_up_until = boot.catch_up_until;
        self.skipped = boot.skipped;
        self.hear(Event::Armed(boot.next), ctx);
        match self.booting.take() {
            Some(Booting { stop: true, .. }) => self.hear(Event::Stop, ctx),
            Some(Booting { reload: true, .. }) => self.reload(ctx),
            _ if self.current.is_none() => self.leave_if_boot_left_nothing(ctx),
            _ => {}
        }
    }

    fn leave_if_boot_left_nothing(&mut self, ctx: &mut Context<Self>) {
        // An inactive call's actor was made for a run on request, whose message is already in the mailbox, or to settle
        // an interrupted run, after which it has nothing to do.
        if !self.call.active && self.interrupted.is_none() && self.machine.phase() == Phase::Idle {
            ctx.notify(Stop);
        }
    }
}

fn no_result() -> Error {
    let text = "The run ended without a result; see the run history.";
    Error::new(Code::Unavailable, text)
}

impl Actor for ApiCallActor {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        if let Some(interrupted) = self.interrupted.take() {
            self.booting = Some(Booting::default());
            let cut = (interrupted.started_at, Outcome::Interrupted);
            let job = boot::settle_interrupted(self.services.clone(), self.call.clone(), interrupted);
            ctx.spawn(wrap_future(job).map(move |boot, actor: &mut Self, ctx| {
                // As it was committed, for the run that follows.
                actor.call.run_count += 1;
                actor.call.last_run = Some(cut);
                actor.booted(boot, ctx);
            }));
        } else if self.call.active {
            match boot::plan(&self.services, &self.call) {
                boot::Plan::Armed(boot) => self.booted(boot, ctx),
                boot::Plan::Skip(skip) => {
                    self.booting = Some(Booting::default());
                    let job = boot::record_skip(self.services.clone(), self.call.clone(), skip);
                    ctx.spawn(wrap_future(job).map(|boot, actor: &mut Self, ctx| actor.booted(boot, ctx)));
                }
            }
        }
    }

    fn stopped(&mut self, _: &mut Self::Context) {
        let reason = if std::thread::panicking() {
            ExitReason::Panicked
        } else {
            self.exit
        };
        if let Some(asker) = self.current.take().and_then(|current| current.asker) {
            let _ = asker.send(Err(no_result()));
        }
        self.registry.child_exited(ChildExited {
            id: self.call.id,
            tenant_id: self.call.tenant_id,
            serial: self.serial,
            reason,
        });
    }
}
