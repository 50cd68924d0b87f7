//! What a new instance does before its first timer: misfires, and a run that a crash cut.

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};

use crate::{
    actors::{api_call::commit::settle_and_commit_interrupted, services::Services},
    domain::{
        call_api::OnInterrupted,
        call_state::{Next, Trigger},
        ids::RunId,
        outcome::Outcome,
        schedule::Misfire,
    },
    store::{
        call_state::{ArmedCall, InterruptedRun},
        ledger::{CallState, RunRecord, StateCommit},
    },
};

/// A due time that passed so recently is late, not missed.
const LATE_MAX: SignedDuration = SignedDuration::from_secs(5);

/// How the actor begins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Boot {
    /// Its first run.
    pub next: Option<Next>,
    /// Misfire "all": make up for everything up to this.
    pub catch_up_until: Option<Timestamp>,
    /// Due times passed over, to be counted in the first run.
    pub skipped: u64,
}

/// What the stored due time asks for.
pub enum Plan {
    /// Go on.
    Armed(Boot),
    /// Write down first what is left out.
    Skip(Skip),
}

/// Due times that are left out by the misfire policy.
pub struct Skip {
    count: u64,
    last: Timestamp,
    next: Option<Next>,
}

/// The plan for an active call, by its stored due time and its misfire policy.
pub fn plan(services: &Services, call: &ArmedCall) -> Plan {
    let now = services.clock.now();
    let armed = |due_at: Option<Timestamp>| Boot {
        next: due_at.map(|due_at| Next::at(due_at, Trigger::Schedule)),
        catch_up_until: None,
        skipped: 0,
    };
    // Without a stored time the calendar has ended, or the row was never armed: the calendar knows.
    let Some(stored) = call.next_due_at else {
        return Plan::Armed(armed(call.schedule.next_after(now)));
    };
    // A call that was just activated is due at once, which is past when its actor looks.
    let is_only_late = call.misfire == Misfire::Skip && now.duration_since(stored) <= LATE_MAX;
    if stored > now || is_only_late {
        return Plan::Armed(armed(Some(stored)));
    }
    let plan = call
        .schedule
        .misfire_plan(stored, now, call.misfire, services.settings.engine.misfire_all_max);
    match (plan.run_due_times.first(), plan.skipped_last) {
        (Some(first), _) => Plan::Armed(Boot {
            next: Some(Next::at(*first, Trigger::Schedule)),
            catch_up_until: plan
                .run_due_times
                .last()
                .copied()
                .filter(|_| call.misfire == Misfire::All),
            skipped: plan.skipped,
        }),
        (None, Some(last)) => {
            let next = plan.next_due.map(|due_at| Next::at(due_at, Trigger::Schedule));
            Plan::Skip(Skip {
                count: plan.skipped,
                last,
                next,
            })
        }
        (None, None) => Plan::Armed(armed(plan.next_due)),
    }
}

/// Writes down what is left out, as one row of the history, and the due time that follows.
pub async fn record_skip(services: Arc<Services>, call: Box<ArmedCall>, skip: Skip) -> Boot {
    let now = services.clock.now();
    let skipped_run = skipped(&services, skip.last, skip.count, Outcome::SkippedMisfire, now);
    let entry = StateCommit {
        tenant_id: call.tenant_id,
        call_api_id: call.id,
        shard: call.shard,
        epoch: services.epoch,
        state: CallState {
            next_due_at: skip.next.map(|next| next.due_at),
            run_count: call.run_count,
            failures: call.failures,
            script_state: None,
            deactivated: None,
        },
        skipped_runs: vec![skipped_run],
    };
    if let Err(error) = services.store.ledger().save_state(entry).await {
        // Harmless: the next start finds the same old due time and skips it again.
        tracing::error!(api_call.id = %call.id, error = ?error, "skipped due times are not recorded");
    }
    Boot {
        next: skip.next,
        catch_up_until: None,
        skipped: 0,
    }
}

/// A row of the history for due times that were left out.
pub fn skipped(services: &Services, last: Timestamp, count: u64, outcome: Outcome, now: Timestamp) -> RunRecord {
    RunRecord {
        id: RunId::from(services.clock.new_id()),
        due_at: last,
        trigger: Trigger::Schedule,
        started_at: now,
        finished_at: now,
        outcome,
        http_status: None,
        skipped: count,
        duration_ms: 0,
        error: None,
    }
}

/// Ends a run that a crash cut: nobody knows whether the request arrived, so it is not sent again unless the call says so.
pub async fn settle_interrupted(services: Arc<Services>, call: Box<ArmedCall>, run: Box<InterruptedRun>) -> Boot {
    let resend = match services.definition(call.tenant_id, call.id, call.version).await {
        Ok(prepared) => prepared.definition.on_interrupted == OnInterrupted::Resend,
        Err(_) => false,
    };
    let next = settle_and_commit_interrupted(&services, &call, &run).await;
    if resend && call.active {
        let now = services.clock.now();
        return Boot {
            next: Some(Next::at(now, Trigger::Resend)),
            catch_up_until: None,
            skipped: 0,
        };
    }
    // A due time that lies behind is a missed one like any other.
    let advanced = ArmedCall {
        next_due_at: next.map(|next| next.due_at),
        run_count: call.run_count + 1,
        ..*call
    };
    if !advanced.active {
        return Boot {
            next: None,
            catch_up_until: None,
            skipped: 0,
        };
    }
    match plan(&services, &advanced) {
        Plan::Armed(boot) => boot,
        Plan::Skip(skip) => record_skip(services, Box::new(advanced), skip).await,
    }
}
