//! One run from its begin, or from where it was left, to its end, as a task of its own: the actor hears only how it ended.

use std::sync::{
    Arc,
    atomic::{AtomicU8, Ordering},
};

use jiff::{SignedDuration, Timestamp};
use tokio::sync::{OwnedSemaphorePermit, oneshot};

use crate::{
    actors::{
        automation::{
            commit::{self, Conclusion},
            export,
            halt::Halt,
            import,
            line::Line,
            plan::{Plan, Whose},
            shape::Shaper,
        },
        connection::Refused,
        services::{RunningGuard, Services},
    },
    domain::{
        automation::run::{RecordError, RunCounts, RunErrors, RunOutcome, RunTrigger},
        ids::{AutomationId, RunId, TenantId},
    },
    error::{Code, Error, Result},
    providers::PagePlace,
    store::{
        self,
        automations::{AutomationRun, LoadedAutomation, NewRun},
        records::{PageStep, RunProgress, RunStep},
    },
};

/// Where a run is, for those who look at it.
#[derive(Debug, Default)]
pub(super) struct Progress(AtomicU8);

/// The step of a run.
#[derive(Clone, Copy)]
pub(super) enum Step {
    Queued,
    Loading,
    Asking,
    Shaping,
    Storing,
    Sending,
    Finishing,
}

impl Progress {
    pub fn at(&self, step: Step) {
        self.0.store(step as u8, Ordering::Relaxed);
    }

    /// The word of the step.
    pub fn step(&self) -> &'static str {
        const STEPS: [&str; 7] = [
            "queued",
            "loading",
            "fetching",
            "shaping",
            "storing",
            "sending",
            "finishing",
        ];
        STEPS
            .get(usize::from(self.0.load(Ordering::Relaxed)))
            .copied()
            .unwrap_or("queued")
    }
}

/// What the actor gives to a run.
pub(super) struct RunJob {
    pub services: Arc<Services>,
    /// Counts the run as going.
    pub guard: RunningGuard,
    pub progress: Arc<Progress>,
    pub tenant_id: TenantId,
    pub automation_id: AutomationId,
    /// The run to begin; none: the one that is open goes on.
    pub begin: Option<(RunId, RunTrigger)>,
    /// Who wants to know that it has begun.
    pub asker: Option<oneshot::Sender<Result<RunId>>>,
    /// Panic before anything is asked: for tests of the supervision.
    pub fail: bool,
}

/// What a run works with.
pub(super) struct Run {
    pub services: Arc<Services>,
    pub progress: Arc<Progress>,
    pub plan: Arc<Plan>,
    pub shaper: Shaper,
    pub line: Line,
    /// Its row as it is stored, moved on with each page.
    pub row: AutomationRun,
}

/// Does the job.
pub(super) async fn run(mut job: RunJob) -> Conclusion {
    let began = begin(&mut job).await;
    if let Some(asker) = job.asker.take() {
        let answer = match &began {
            Ok((_, row)) => Ok(row.id),
            Err(error) => Err(error.clone_for_asker()),
        };
        // The asker may have gone.
        let _ = asker.send(answer);
    }
    let (loaded, row) = match began {
        Ok(began) => began,
        Err(error) => return error.concluded(&job),
    };
    job.progress.at(Step::Queued);
    // Closed only when the engine ends, which waits for running work.
    let permit = job.services.automation_permits.clone().acquire_owned().await.ok();
    let mut kept = row.clone();
    let ended = work(&job, &loaded, &mut kept, permit).await;
    job.progress.at(Step::Finishing);
    let conclusion = commit::conclude(&job, &loaded, kept, ended).await;
    Conclusion {
        guard: Some(job.guard),
        ..conclusion
    }
}

/// Why a run did not begin.
enum NotBegun {
    /// The automation is disabled or gone, or no run is open.
    Gone,
    Store(store::Error),
}

impl NotBegun {
    fn clone_for_asker(&self) -> Error {
        match self {
            Self::Gone => Error::new(
                Code::WrongState,
                "The automation is disabled, or has just been changed. Look at it, then ask again.",
            ),
            Self::Store(store::Error::InUse(text)) => Error::new(Code::WrongState, text.clone()),
            Self::Store(_) => Error::new(
                Code::Unavailable,
                "The run could not be written down; try again in a moment.",
            )
            .with_retry_after_ms(2_000),
        }
    }

    fn concluded(self, job: &RunJob) -> Conclusion {
        match self {
            Self::Gone => Conclusion::unclear(),
            Self::Store(error) => {
                tracing::error!(automation.id = %job.automation_id, error = ?error, "a run does not begin");
                Conclusion::of_store(&job.services, &error)
            }
        }
    }
}

impl From<store::Error> for NotBegun {
    fn from(error: store::Error) -> Self {
        Self::Store(error)
    }
}

async fn begin(job: &mut RunJob) -> std::result::Result<(Box<LoadedAutomation>, AutomationRun), NotBegun> {
    let services = &job.services;
    let loaded = services.store.load_automation(job.tenant_id, job.automation_id).await?;
    let loaded = loaded.filter(|loaded| loaded.row.enabled).ok_or(NotBegun::Gone)?;
    let row = match (job.begin, &loaded.open_run) {
        (None, Some(open)) => {
            if open.resume_at.is_some() || open.detail.is_some() {
                let (tenant, automation) = (job.tenant_id, job.automation_id);
                let epoch = services.epoch;
                services.store.continue_run(tenant, automation, open.id, epoch).await?;
            }
            open.clone()
        }
        (None, None) => return Err(NotBegun::Gone),
        (Some((id, trigger)), _) => {
            let new = new_run(job, &loaded, id, trigger);
            services.store.begin_run(new.clone(), services.epoch).await?;
            opened(new)
        }
    };
    Ok((Box::new(loaded), row))
}

fn new_run(job: &RunJob, loaded: &LoadedAutomation, id: RunId, trigger: RunTrigger) -> NewRun {
    let overlap =
        SignedDuration::from_secs(i64::try_from(job.services.settings.automations.overlap_seconds).unwrap_or(i64::MAX));
    let since_at = loaded
        .state
        .cursor_at
        .filter(|_| loaded.row.definition.since_last_look_up)
        .map(|cursor| cursor.checked_sub(overlap).unwrap_or(Timestamp::MIN));
    NewRun {
        id,
        tenant_id: job.tenant_id,
        automation_id: job.automation_id,
        trigger,
        started_at: job.services.clock.now(),
        since_at,
    }
}

/// The row of a run that has just begun.
fn opened(new: NewRun) -> AutomationRun {
    AutomationRun {
        id: new.id,
        tenant_id: new.tenant_id,
        automation_id: new.automation_id,
        trigger: new.trigger,
        started_at: new.started_at,
        finished_at: None,
        outcome: None,
        detail: None,
        since_at: new.since_at,
        place: None,
        pages: 0,
        resume_at: None,
        counts: RunCounts::default(),
        errors: RunErrors::default(),
    }
}

async fn work(
    job: &RunJob,
    loaded: &LoadedAutomation,
    kept: &mut AutomationRun,
    permit: Option<OwnedSemaphorePermit>,
) -> std::result::Result<(), Halt> {
    let services = &job.services;
    if services.is_draining() {
        return Err(Halt::Leave);
    }
    job.progress.at(Step::Loading);
    fail_on_purpose(job.fail);
    let row = &loaded.row;
    let gate = match services.gates.gate(job.tenant_id, row.connection_id).await {
        Ok(gate) => gate,
        Err(refused) => return Err(not_let_in(services, refused)),
    };
    let (provider, account) = (gate.provider(), gate.account());
    let whose = Whose {
        tenant_id: job.tenant_id,
        automation_id: job.automation_id,
        connection_id: row.connection_id,
    };
    let definition = row.definition.clone();
    let plan = Plan::load(services, whose, definition, row.updated_at, provider, &account).await?;
    let goes_on = job.begin.is_none() && kept.pages > 0;
    if goes_on && plan.changed_at > kept.started_at {
        let reason =
            "The automation or its partner function was changed while this run was going on. A new run begins.";
        return Err(Halt::End(RunOutcome::Cancelled, reason.to_owned()));
    }
    let plan = Arc::new(plan);
    let mut run = Run {
        services: services.clone(),
        progress: job.progress.clone(),
        shaper: Shaper {
            services: services.clone(),
            way: plan.way.clone(),
            account,
        },
        line: Line::new(services.clone(), gate, job.automation_id.uuid().as_u64_pair().1, permit),
        plan,
        row: kept.clone(),
    };
    let ended = match run.plan.is_import() {
        true => {
            run.line.lend_while_waiting();
            import::import(&mut run).await
        }
        false => export::export(&mut run).await,
    };
    *kept = run.row;
    ended
}

#[expect(clippy::panic, reason = "what it is for: tests of the supervision")]
fn fail_on_purpose(fail: bool) {
    if fail {
        panic!("asked to fail");
    }
}

/// The connection's actor is not there, or does not let anybody through.
fn not_let_in(services: &Services, refused: Refused) -> Halt {
    match refused {
        Refused::NeedsReauthorisation(reason) | Refused::Disabled(reason) => Halt::Blocked(reason),
        Refused::Unavailable {
            message,
            retry_after_ms,
        } => {
            let wait =
                SignedDuration::from_millis(i64::try_from(retry_after_ms.unwrap_or(RETRY_GATE_MS)).unwrap_or(i64::MAX));
            let until = services.clock.now().checked_add(wait).unwrap_or(Timestamp::MAX);
            Halt::Wait { until, reason: message }
        }
        Refused::Failed(error) => Halt::failed(error.message),
    }
}

/// Wait before a connection that is not ready is asked again, milliseconds.
const RETRY_GATE_MS: u64 = 1_000;

impl Run {
    /// A record that could not be taken, and why.
    pub fn error(&self, key: Option<String>, message: String) -> RecordError {
        RecordError {
            key,
            // A provider's or a script's words may hold what PostgreSQL takes in no text.
            message: message.replace('\0', "\u{FFFD}"),
        }
    }

    /// What is added to the run's row.
    pub fn step(&self, page: Option<PageStep>, counts: RunCounts, errors: Vec<RecordError>) -> RunStep {
        RunStep {
            automation_id: self.plan.automation_id,
            run_id: self.row.id,
            epoch: self.services.epoch,
            page,
            counts,
            errors,
            errors_kept_max: self.services.settings.automations.errors_kept_max,
        }
    }

    /// The row is this far now.
    pub fn moved_on(&mut self, progress: RunProgress) {
        self.row.pages = progress.pages;
        self.row.place = progress.place.map(PagePlace);
        self.row.counts = progress.counts;
        self.row.errors = progress.errors;
    }

    /// Between two pages: whether to go on.
    pub fn go_on(&self) -> std::result::Result<(), Halt> {
        match self.services.is_draining() {
            true => Err(Halt::Leave),
            false => Ok(()),
        }
    }
}
