//! One run from its trigger until nothing is due any more, as a task of its own: the actor hears only how it ended.

use std::sync::Arc;

use jiff::Timestamp;
use serde_json::json;
use uuid::Uuid;

use crate::{
    actors::{
        integration::{
            conclude::{self, Conclusion},
            desk::{Desk, Step},
            look::{schedule_of, whose},
            process, selection,
            work::{Work, lives},
        },
        services::{RunningGuard, Services},
    },
    domain::{
        ids::TenantId,
        integration::{ActionLogId, RunCounts, RunTrigger},
    },
    store::{
        self,
        integrations::{BeginRun, Disable, LoadedClientIntegration, Selection, Whose},
    },
};

/// What the actor gives to a run.
pub(super) struct RunJob {
    pub services: Arc<Services>,
    /// Counts the run as going.
    pub guard: RunningGuard,
    pub desk: Arc<Desk>,
    pub tenant_id: TenantId,
    pub uuid: Uuid,
    pub trigger: RunTrigger,
    /// Panic before anything is done: for tests of the supervision.
    pub fail: bool,
}

/// A run that is going.
pub(super) struct Run {
    pub services: Arc<Services>,
    pub desk: Arc<Desk>,
    pub whose: Whose,
    pub work: Arc<Work>,
    /// Why nothing can be selected.
    pub problem: Option<String>,
    pub id: ActionLogId,
    pub trigger: RunTrigger,
    pub started_at: Timestamp,
    /// What is still to be selected.
    pub selection: Option<Selection>,
    pub counts: RunCounts,
    /// Why a row could not be looked at, and is left out.
    pub left_out: Option<String>,
}

/// Why a run does not go on.
#[derive(Debug)]
pub(super) enum Halt {
    /// The engine is on its way out.
    Leave,
    /// It does not run for this client any more.
    Stopped,
    /// Nothing can be selected: why, for people.
    Failed(String),
    /// A script of the action failed in a way that nobody handles: it is disabled for this client.
    Broken(Disable),
    /// The store does not take what was done.
    Store(store::Error),
}

impl From<store::Error> for Halt {
    fn from(error: store::Error) -> Self {
        Self::Store(error)
    }
}

/// Does the job.
pub(super) async fn run(job: RunJob) -> Conclusion {
    let mut run = match begin(&job).await {
        Ok(Some(run)) => run,
        Ok(None) => return Conclusion::unclear(),
        Err(error) => {
            tracing::error!(client_integration.uuid = %job.uuid, error = ?error, "a run does not begin");
            return Conclusion::of_store(&job.services, &error);
        }
    };
    tell_begin(&run);
    fail_on_purpose(job.fail);
    let ended = work(&mut run).await;
    run.desk.at(Step::Finishing);
    let conclusion = conclude::conclude(run, ended).await;
    // From now on the engine does not wait for it any more.
    drop(job.guard);
    conclusion
}

async fn work(run: &mut Run) -> Result<(), Halt> {
    run.desk.at(Step::Selecting);
    // What is in the queue is processed all the same, whatever keeps more from coming into it.
    let selected = selection::select(run).await;
    let goes_on = match &selected {
        Ok(()) | Err(Halt::Failed(_)) => true,
        Err(Halt::Store(error)) => !conclude::is_fatal(error),
        Err(Halt::Leave | Halt::Stopped | Halt::Broken(_)) => false,
    };
    if goes_on {
        run.desk.at(Step::Processing);
        process::process(run).await?;
    }
    selected
}

/// None: it does not run for this client any more.
async fn begin(job: &RunJob) -> store::Result<Option<Run>> {
    let services = &job.services;
    let loaded = services.store.load_client_integration(job.tenant_id, job.uuid).await?;
    let Some(loaded) = loaded.filter(lives) else {
        return Ok(None);
    };
    let whose = whose(&loaded);
    let left = services.store.integration_runs_left(whose).await?;
    let now = services.clock.now();
    let due = left
        .next_due_at
        .filter(|due| *due <= now && job.trigger == RunTrigger::Schedule);
    let (scheduled, selection) = match due {
        // However many due times have passed: one run, and the next one after now.
        Some(due_at) => {
            let next = schedule_of(&loaded).and_then(|schedule| schedule.next_after(now));
            let selection = begun(due_at);
            (Some((selection.clone(), next)), Some(selection))
        }
        None => (None, left.selection),
    };
    let (work, problem) = Work::of(loaded);
    let begin = BeginRun {
        whose,
        action_id: work.action.as_ref().map(|(id, _)| *id),
        trigger: job.trigger,
        started_at: now,
        scheduled,
    };
    let id = services.store.begin_integration_run(begin, services.epoch).await?;
    job.desk.set_run(id);
    Ok(Some(Run {
        services: services.clone(),
        desk: job.desk.clone(),
        whose,
        work: Arc::new(work),
        problem,
        id,
        trigger: job.trigger,
        started_at: now,
        selection,
        counts: RunCounts::default(),
        left_out: None,
    }))
}

/// A selection from the first row on.
fn begun(due_at: Timestamp) -> Selection {
    Selection {
        due_at,
        what: String::new(),
        place: None,
    }
}

fn tell_begin(run: &Run) {
    let (whose, id, trigger) = (run.whose, run.id, run.trigger);
    run.services.events.publish_with(
        whose.tenant_id,
        run.started_at,
        "integration.run.started",
        whose.uuid,
        move || {
            json!({
                "clientIntegrationId": whose.id,
                "integrationId": whose.integration_id,
                "actionLogId": id,
                "trigger": trigger.as_str(),
            })
        },
    );
}

#[expect(clippy::panic, reason = "what it is for: tests of the supervision")]
pub(super) fn fail_on_purpose(fail: bool) {
    if fail {
        panic!("asked to fail");
    }
}

impl Run {
    /// Between two steps: whether to go on; reads the rows again where they have changed.
    pub async fn go_on(&mut self) -> Result<(), Halt> {
        if self.services.is_draining() {
            return Err(Halt::Leave);
        }
        if self.desk.is_stopped() {
            return Err(Halt::Stopped);
        }
        if self.desk.take_changed() {
            self.load().await?;
        }
        Ok(())
    }

    /// Reads the rows again: what is begun from now on is done as they say.
    pub async fn load(&mut self) -> Result<(), Halt> {
        let whose = self.whose;
        let loaded: Option<LoadedClientIntegration> = self
            .services
            .store
            .load_client_integration(whose.tenant_id, whose.uuid)
            .await?;
        let loaded = loaded.filter(lives).ok_or(Halt::Stopped)?;
        let (work, problem) = Work::of(loaded);
        (self.work, self.problem) = (Arc::new(work), problem);
        Ok(())
    }
}
