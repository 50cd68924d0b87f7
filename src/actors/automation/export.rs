//! Exports: first what may have been sent before, then our records in the order of their keys, or those whose changes woke the
//! automation; each goes the way of `outgoing`.

use std::{
    collections::HashSet,
    sync::{Arc, Mutex, PoisonError},
};

use jiff::SignedDuration;

use crate::{
    actors::automation::{
        halt::Halt,
        outgoing,
        run::{Run, Step},
    },
    domain::{
        automation::{AutomationType, run::RunCounts},
        ids::ConnectionId,
        record::{ChangeKind, touches},
    },
    providers::PagePlace,
    store::records::{ExportQuery, PageStep, RecordEvent, Target},
};

/// Records that are read at once.
const PAGE_RECORDS: u64 = 100;
/// When to look again whether another export of the same records has ended.
const BUSY_AGAIN: SignedDuration = SignedDuration::from_secs(5);

/// Which records are being sent where: two automations never send the same ones at the same time.
#[derive(Clone, Default)]
pub struct Exports(Arc<Mutex<HashSet<Way>>>);

type Way = (ConnectionId, String, String);

/// Keeps others away for as long as it lives.
struct Taken {
    exports: Exports,
    way: Way,
}

impl Exports {
    fn take(&self, target: &Target) -> Option<Taken> {
        let way = (target.connection_id, target.object.clone(), target.entity.clone());
        let mut taken = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        taken.insert(way.clone()).then(|| Taken {
            exports: self.clone(),
            way,
        })
    }
}

impl Drop for Taken {
    fn drop(&mut self) {
        let mut taken = self.exports.0.lock().unwrap_or_else(PoisonError::into_inner);
        taken.remove(&self.way);
    }
}

/// Sends what is to be sent.
pub(super) async fn export(run: &mut Run) -> Result<(), Halt> {
    let Some(_taken) = run.services.exports.take(&run.plan.target()) else {
        let now = run.services.clock.now();
        return Err(Halt::Wait {
            until: now.checked_add(BUSY_AGAIN).unwrap_or(now),
            reason: "Another automation is sending the same records.".to_owned(),
        });
    };
    pending(run).await?;
    match run.plan.automation.automation_type {
        AutomationType::TimerBased => all(run).await,
        AutomationType::EventBased => changed(run).await,
    }
}

/// What a crash left: it may have been sent, and is sent again as it was.
async fn pending(run: &mut Run) -> Result<(), Halt> {
    let mut after = None;
    loop {
        run.go_on()?;
        run.progress.at(Step::Loading);
        let page = run
            .services
            .store
            .pending_exports(run.plan.target(), after, PAGE_RECORDS)
            .await?;
        let Some(last) = page.last() else { return Ok(()) };
        after = Some(last.key.clone());
        for pending in page {
            outgoing::again(run, pending).await?;
        }
    }
}

/// Every record of the entity that the other side does not have as we have it.
async fn all(run: &mut Run) -> Result<(), Halt> {
    loop {
        run.go_on()?;
        run.progress.at(Step::Loading);
        let query = ExportQuery {
            target: run.plan.target(),
            applies_to: run.plan.automation.applies_to_function,
            // The links say what is due; a record that was refused once is tried again, however old it is.
            since: None,
            after: run.row.place.clone().map(|PagePlace(key)| key),
            limit: PAGE_RECORDS,
        };
        let page = run.services.store.export_candidates(query).await?;
        let Some(last) = page.last().map(|candidate| candidate.record.key.clone()) else {
            return Ok(());
        };
        for candidate in page {
            outgoing::send(run, candidate).await?;
        }
        end_page(run, Some(last)).await?;
    }
}

/// Every record in the inbox of the automation.
async fn changed(run: &mut Run) -> Result<(), Halt> {
    let (tenant, automation) = (run.plan.tenant_id, run.plan.automation_id);
    loop {
        run.go_on()?;
        run.progress.at(Step::Loading);
        // From the beginning each time: what is done has gone, and what changed again meanwhile comes again.
        let events = run
            .services
            .store
            .events_of(tenant, automation, None, PAGE_RECORDS)
            .await?;
        if events.is_empty() {
            return Ok(());
        }
        let wanted = events.iter().filter(|event| wants(run, event));
        let keys: Vec<String> = wanted.map(|event| event.key.clone()).collect();
        let candidates = run.services.store.export_candidates_of(run.plan.target(), keys).await?;
        for candidate in candidates {
            if candidate.is_due() && run.plan.is_for(candidate.link.is_some()) {
                outgoing::send(run, candidate).await?;
            }
        }
        // A crash before this only makes it look once more at records that the other side has by then.
        let done = events.into_iter().map(|event| (event.key, event.record_version));
        run.services
            .store
            .events_done(tenant, automation, done.collect())
            .await?;
        end_page(run, None).await?;
    }
}

/// Whether a change is one that the automation is for.
fn wants(run: &Run, event: &RecordEvent) -> bool {
    let property = run.plan.automation.property_name.as_deref().map(str::trim);
    let is_touched = match property.filter(|name| !name.is_empty()) {
        Some(property) => touches(event.changed.as_deref(), property),
        None => true,
    };
    event.kind != ChangeKind::Deleted && is_touched
}

async fn end_page(run: &mut Run, next: Option<String>) -> Result<(), Halt> {
    let number = run.row.pages;
    let step = run.step(Some(PageStep { number, next }), RunCounts::default(), Vec::new());
    let progress = run.services.store.advance_run(run.plan.tenant_id, step).await?;
    run.moved_on(progress);
    Ok(())
}
