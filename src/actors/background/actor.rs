//! The actor: empties its inbox into the queue, gives a task to each request whose turn it is, and hears what becomes of it.
//!
//! `Loading` (cut requests are settled, waiting ones loaded; nothing is picked) -> `Serving` -> `Stopping` (told to end: nothing
//! is picked, what executes ends). While the engine drains nothing is picked either. Each instance loads anew: rows are the
//! truth, the queue is a cache.

use std::{
    collections::{HashMap, HashSet},
    future::ready,
    rc::Rc,
    sync::Arc,
    time::Duration,
};

use actix::{
    Actor, ActorContext, ActorFutureExt, AsyncContext, Context, Handler, MessageResult, StreamHandler, fut::wrap_future,
};
use futures_util::{FutureExt, future::LocalBoxFuture, stream::unfold};
use jiff::Timestamp;
use tokio::{sync::oneshot, task::AbortHandle};

use crate::{
    actors::{
        api_call::messages::{Observe, Stop},
        background::{
            desk::{Desk, Report},
            execute::{self, Begin},
            inbox::{Mail, QueueStats},
            own::{MakeOwn, OwnResources},
            recover,
        },
        observed::{Counters, KIND_BACKGROUND, Observed},
        registry::singleton::Watched,
        services::Services,
    },
    domain::{
        background::{
            QueuedRequest,
            life::{Event, Stage},
            queue::{Limits, Picked, Queue},
        },
        ids::BackgroundId,
    },
    store::{
        self,
        background::{BodyKind, Orphan},
    },
};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Loading,
    Serving,
    Stopping,
}

/// See the module.
pub struct BackgroundActor {
    desk: Rc<Desk>,
    make_own: MakeOwn,
    watched: Watched,
    queue: Queue,
    phase: Phase,
    since: Timestamp,
    tasks: HashMap<BackgroundId, Task>,
    /// Followed by an instance before, and not asked for since.
    followed: HashSet<BackgroundId>,
    counters: Counters,
    /// Ends when the next sweep is due; taken when the one that is going has read all its pages.
    next_sweep: LocalBoxFuture<'static, ()>,
}

struct Task {
    abort: AbortHandle,
    /// Waits for its turn to ask.
    turn: Option<oneshot::Sender<()>>,
}

impl BackgroundActor {
    /// A new instance; it loads what waits when it is started.
    pub fn new(services: Arc<Services>, make_own: MakeOwn, watched: Watched) -> Self {
        let settings = &services.settings.background;
        let limits = Limits {
            at_once: settings.workers,
            per_tenant: settings.per_tenant_max,
            per_upstream: settings.per_upstream_max,
        };
        let upstreams = services.upstreams.all().iter().map(|upstream| {
            let limit = upstream.background_at_once_max(limits.per_upstream);
            (upstream.prefix.clone(), limit)
        });
        Self {
            queue: Queue::new(limits, upstreams),
            since: services.clock.now(),
            desk: Rc::new(Desk::new(services)),
            make_own,
            watched,
            phase: Phase::Loading,
            tasks: HashMap::new(),
            followed: HashSet::new(),
            counters: Counters::default(),
            next_sweep: ready(()).boxed_local(),
        }
    }

    fn services(&self) -> &Arc<Services> {
        &self.desk.services
    }

    /// The one place where everything happens: reads the mail, hears the tasks, gives turns.
    fn go_on(&mut self, ctx: &mut Context<Self>) {
        self.read_all();
        for report in self.desk.take_reports() {
            match report {
                Report::Heard(id, event) => self.hear(id, event),
                Report::Due(id, turn) => {
                    if let Some(task) = self.tasks.get_mut(&id) {
                        task.turn = Some(turn);
                        self.hear(id, Event::Due);
                    }
                }
                Report::Ended { failed } => {
                    self.counters.runs += 1;
                    self.counters.failures += u64::from(failed);
                }
            }
        }
        if self.phase == Phase::Serving {
            self.give_turns();
        }
        let stats = QueueStats {
            is_loaded: self.phase != Phase::Loading,
            waiting: self.queue.waiting(),
            executing: self.queue.executing(),
            known: self.queue.len(),
            oldest: self.queue.oldest(),
        };
        self.services().background.note(stats);
        if self.phase == Phase::Stopping {
            self.leave_if_idle(ctx);
        } else {
            self.watched.status.set_busy(stats.executing > 0);
        }
    }

    /// One by one: what is not read when this panics, is read by the next instance.
    fn read_all(&mut self) {
        while let Some(mail) = self.services().background.take() {
            self.read(mail);
        }
    }

    #[expect(clippy::panic, reason = "what it is for: tests of the supervision")]
    fn read(&mut self, mail: Mail) {
        match mail {
            Mail::Accepted(request) => {
                if !self.queue.push(&request) {
                    // The sweep was faster.
                    self.services().background.give_back(request.tenant_id);
                }
            }
            Mail::StopWaiting(id) => self.cancelled(id),
            Mail::FailOnPurpose => panic!("asked to fail"),
        }
    }

    fn cancelled(&mut self, id: BackgroundId) {
        let Some((stage, tenant_id)) = self.queue.find(id) else {
            return;
        };
        self.hear(id, Event::Cancelled);
        self.services()
            .metrics
            .background
            .ended
            .with_label_values(&["Cancelled"])
            .inc();
        if stage == Stage::Queued {
            self.services().background.give_back(tenant_id);
        } else {
            // The task is aborted; what it stored of an answer is wanted by nobody.
            let store = self.services().store.clone();
            actix_rt::spawn(async move {
                if let Err(error) = store.drop_body(tenant_id, id, BodyKind::Response).await {
                    tracing::warn!(background.id = %id, error = ?error, "parts of an answer are left to the purge");
                }
            });
        }
    }

    fn hear(&mut self, id: BackgroundId, event: Event) {
        self.watched.status.heard();
        self.queue.hear(id, event);
        if matches!(event, Event::Committed | Event::Left | Event::Cancelled) {
            self.followed.remove(&id);
            if let Some(task) = self.tasks.remove(&id) {
                task.abort.abort();
            }
        }
    }

    fn give_turns(&mut self) {
        while !self.services().is_draining() {
            let Some(picked) = self.queue.pick() else {
                return;
            };
            self.give_turn(picked);
        }
    }

    fn give_turn(&mut self, picked: Picked) {
        let Picked {
            id,
            tenant_id,
            received_at,
            is_due,
        } = picked;
        if !is_due {
            self.services().background.give_back(tenant_id);
        }
        if let Some(turn) = self.tasks.get_mut(&id).and_then(|task| task.turn.take()) {
            // One that has gone meanwhile tells so itself.
            let _ = turn.send(());
            return;
        }
        let begin = if self.followed.remove(&id) {
            Begin::Adopt { tenant_id }
        } else {
            Begin::Claim { tenant_id, received_at }
        };
        let Some(guard) = self.services().enter_run() else {
            // The engine is on its way out: the row stays as it is, for the next start.
            self.queue.hear(id, Event::Left);
            return;
        };
        let task = actix_rt::spawn(execute::run(self.desk.clone(), id, begin, guard));
        let abort = task.abort_handle();
        self.tasks.insert(id, Task { abort, turn: None });
    }

    /// Settles, then loads.
    fn load(&mut self, ctx: &mut Context<Self>) {
        self.sweep_begins();
        let (desk, make_own) = (self.desk.clone(), self.make_own.clone());
        let settled = async move {
            let own = make_own().await;
            let followed = recover::settle(&desk).await?;
            Ok((own, followed))
        };
        ctx.spawn(wrap_future(settled).map(Self::settled));
    }

    fn settled(
        settled: store::Result<(Rc<dyn OwnResources>, Vec<QueuedRequest>)>,
        actor: &mut Self,
        ctx: &mut Context<Self>,
    ) {
        let (own, followed) = match settled {
            Ok(settled) => settled,
            Err(error) => return Self::not_loaded(&error),
        };
        // Set once, before anything executes.
        let _ = actor.desk.own.set(own);
        actor.push_followed(&followed);
        actor.load_page(None, ctx);
    }

    /// From the begin of one to the begin of the next: time that passes while pages are read counts.
    fn sweep_begins(&mut self) {
        let interval = Duration::from_secs(self.services().settings.engine.sweep_seconds);
        self.next_sweep = self.services().clock.sleep(interval).boxed_local();
    }

    fn push_followed(&mut self, followed: &[QueuedRequest]) {
        for request in followed {
            if self.queue.push_due(request) {
                self.followed.insert(request.id);
            }
        }
    }

    fn load_page(&mut self, after: Option<BackgroundId>, ctx: &mut Context<Self>) {
        let desk = self.desk.clone();
        let page = async move { recover::queued(&desk, after).await };
        ctx.spawn(wrap_future(page).map(|page, actor: &mut Self, ctx| match page {
            Ok(page) => {
                // What is not known and still comes as a message gives its place back then.
                actor.read_all();
                let found = actor.push_stored(&page);
                if actor.phase == Phase::Serving && found > 0 {
                    tracing::info!(found, "requests that wait were not known to the queue");
                }
                match page.last() {
                    Some(last) => actor.load_page(Some(last.id), ctx),
                    None if actor.phase == Phase::Loading => actor.loaded(ctx),
                    None => actor.settle_page(None, ctx),
                }
            }
            Err(error) => Self::not_loaded(&error),
        }));
    }

    /// The other half of the sweep: what says that it runs, and has no task.
    fn settle_page(&mut self, after: Option<BackgroundId>, ctx: &mut Context<Self>) {
        let desk = self.desk.clone();
        let page = async move { recover::orphans(&desk, after).await };
        ctx.spawn(wrap_future(page).map(Self::settle_unknown));
    }

    fn settle_unknown(page: store::Result<Vec<Orphan>>, actor: &mut Self, ctx: &mut Context<Self>) {
        let page = match page {
            Ok(page) => page,
            Err(error) => return Self::not_loaded(&error),
        };
        let Some(after) = page.last().map(|last| last.id) else {
            return actor.loaded(ctx);
        };
        let is_lost = |orphan: &Orphan| actor.queue.stage(orphan.id).is_none();
        let lost: Vec<_> = page.into_iter().filter(is_lost).collect();
        let desk = actor.desk.clone();
        let settled = async move { recover::settle_page(&desk, lost).await };
        ctx.spawn(
            wrap_future(settled).map(move |followed, actor: &mut Self, ctx| match followed {
                Ok(followed) => {
                    actor.push_followed(&followed);
                    actor.settle_page(Some(after), ctx);
                }
                Err(error) => Self::not_loaded(&error),
            }),
        );
    }

    fn push_stored(&mut self, page: &[QueuedRequest]) -> usize {
        let mut found = 0;
        for request in page {
            if self.queue.push(request) {
                self.services().background.take_place(request.tenant_id);
                found += 1;
            }
        }
        found
    }

    /// All pages are in; the next sweep reads them again.
    fn loaded(&mut self, ctx: &mut Context<Self>) {
        if self.phase == Phase::Loading {
            self.phase = Phase::Serving;
            self.since = self.services().clock.now();
        }
        self.go_on(ctx);
        let timer = wrap_future::<_, Self>(std::mem::replace(&mut self.next_sweep, ready(()).boxed_local()));
        ctx.spawn(timer.map(|(), actor: &mut Self, ctx| {
            actor.sweep_begins();
            actor.load_page(None, ctx);
        }));
    }

    /// The store is closed or somebody else's: there is nothing to do for this engine any more.
    fn not_loaded(error: &store::Error) {
        tracing::error!(error = ?error, "background requests cannot be loaded");
    }

    /// What is followed goes on with the next instance.
    fn leave_if_idle(&mut self, ctx: &mut Context<Self>) {
        let is_busy = |id: &BackgroundId| matches!(self.queue.stage(*id), Some(Stage::Executing | Stage::Ending));
        if !self.tasks.keys().any(is_busy) {
            ctx.stop();
        }
    }
}

impl Actor for BackgroundActor {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        let inbox = self.services().background.clone();
        ctx.add_stream(unfold(inbox, |inbox| async move {
            inbox.changed().await;
            Some(((), inbox))
        }));
        self.load(ctx);
    }

    fn stopped(&mut self, _: &mut Self::Context) {
        for task in self.tasks.values() {
            task.abort.abort();
        }
        // The next instance takes their places again when it loads.
        for (tenant_id, waiting) in self.queue.waiting_by_tenant() {
            self.services().background.give_back_many(tenant_id, waiting);
        }
        self.watched.exited();
    }
}

/// There is mail, or a task has something to tell.
impl StreamHandler<()> for BackgroundActor {
    fn handle(&mut self, (): (), ctx: &mut Self::Context) {
        self.go_on(ctx);
    }
}

impl Handler<Stop> for BackgroundActor {
    type Result = ();

    fn handle(&mut self, _: Stop, ctx: &mut Self::Context) {
        self.phase = Phase::Stopping;
        self.since = self.services().clock.now();
        self.watched.status.set_stopping();
        self.leave_if_idle(ctx);
    }
}

impl Handler<Observe> for BackgroundActor {
    type Result = MessageResult<Observe>;

    fn handle(&mut self, _: Observe, _: &mut Self::Context) -> Self::Result {
        let status = &self.watched.status;
        MessageResult(Observed {
            kind: KIND_BACKGROUND,
            id: self.services().node_id,
            tenant_id: None,
            name: KIND_BACKGROUND.to_owned(),
            phase: status.phase(),
            since: self.since,
            next_due_at: None,
            current: None,
            last_run: None,
            restarts: status.restarts(),
            last_exit: None,
            generation: 0,
            arbiter: self.watched.arbiter,
            messages: status.messages(),
            counters: self.counters,
            queued: u64::try_from(self.queue.waiting()).ok(),
        })
    }
}
