//! The start of the actor: what a crash cut is settled, then what waits is loaded, page by page. And the sweep, which finds what
//! waits and is not known, because a message was lost, and what says that it runs and has no task, because one broke off.

use std::rc::Rc;

use futures_util::{StreamExt, stream};

use crate::{
    actors::background::{
        desk::Desk,
        end,
        envelope::Envelope,
        execute::{Done, Job},
    },
    domain::{
        background::{
            is_safe,
            settle::{AfterCrash, Cut, after_crash},
        },
        ids::{BackgroundId, TenantId},
    },
    store::{
        self,
        background::{Claimed, Orphan, Orphans, QueuedRequest},
    },
};

/// Rows of one page.
pub(super) const PAGE_ROWS: u64 = 2_000;
/// Ends of cut requests that are committed at the same time.
const ENDS_AT_ONCE: usize = 64;

/// Settles what a crash cut. Nothing may be executing: whatever says that it runs was left by somebody who is gone. Gives what
/// the other side has accepted, to be asked for.
///
/// # Errors
/// The store is closed, or the shards have another owner.
pub(super) async fn settle(desk: &Rc<Desk>) -> store::Result<Vec<QueuedRequest>> {
    let store = &desk.services.store;
    // What an instance before us handed in, is written before we look.
    desk.while_serving("start of the background", || store.ledger().drained())
        .await?;
    let mut followed = Vec::new();
    let mut after = None;
    loop {
        let page = orphans(desk, after).await?;
        let Some(last) = page.last() else {
            return Ok(followed);
        };
        after = Some(last.id);
        followed.extend(settle_page(desk, page).await?);
    }
}

/// A page of what says that it runs.
///
/// # Errors
/// As [`settle`].
pub(super) async fn orphans(desk: &Desk, after: Option<BackgroundId>) -> store::Result<Vec<Orphan>> {
    let page = || {
        let store = &desk.services.store;
        store.orphaned_background(Orphans::All, after, PAGE_ROWS)
    };
    desk.while_serving("requests that were cut", page).await
}

/// Settles requests that nobody executes. What has to end as failed, does so in a task: nothing waits for it.
///
/// # Errors
/// As [`settle`].
pub(super) async fn settle_page(desk: &Rc<Desk>, page: Vec<Orphan>) -> store::Result<Vec<QueuedRequest>> {
    let (mut followed, mut failed) = (Vec::new(), Vec::new());
    for orphan in page {
        match fate(desk, &orphan) {
            AfterCrash::SendAgain => {
                let (tenant_id, id, epoch) = (orphan.tenant_id, orphan.id, desk.services.epoch);
                let requeue = || desk.services.store.requeue_background(tenant_id, id, epoch);
                desk.while_serving("request that was cut", requeue).await?;
                tracing::info!(background.id = %id, attempts = orphan.attempts, "a request that was cut is sent again");
            }
            AfterCrash::GoOnAsking => followed.push(QueuedRequest {
                id: orphan.id,
                tenant_id: orphan.tenant_id,
                user_id: orphan.user_id,
                upstream: orphan.upstream,
                method: orphan.method,
                order_key: orphan.order_key,
                received_at: orphan.received_at,
            }),
            AfterCrash::Fail(why) => failed.push((orphan.tenant_id, orphan.id, why)),
        }
    }
    if !failed.is_empty() {
        let desk = desk.clone();
        actix_rt::spawn(async move {
            let ends = stream::iter(failed);
            let ends = ends.for_each_concurrent(ENDS_AT_ONCE, |(tenant_id, id, why)| fail(&desk, tenant_id, id, why));
            ends.await;
        });
    }
    Ok(followed)
}

fn fate(desk: &Desk, orphan: &Orphan) -> AfterCrash {
    let services = &desk.services;
    let upstream = orphan
        .upstream
        .as_deref()
        .and_then(|prefix| services.upstreams.by_prefix(prefix));
    let cut = Cut {
        is_safe: is_safe(&orphan.method),
        is_idempotent: upstream.is_some_and(|upstream| upstream.idempotent),
        is_followed: orphan.is_followed,
        attempts: orphan.attempts,
    };
    after_crash(cut, services.settings.background.attempts_max)
}

async fn fail(desk: &Rc<Desk>, tenant_id: TenantId, id: BackgroundId, why: String) {
    let services = &desk.services;
    let claimed = match adopted(desk, tenant_id, id).await {
        Ok(Some(claimed)) => claimed,
        // It has ended.
        Ok(None) => return,
        Err(error) => {
            tracing::warn!(background.id = %id, error = ?error, "a request that was cut is left to the next start");
            return;
        }
    };
    tracing::warn!(background.id = %id, "a request that was cut is not sent again");
    let opened = Envelope::open(&services.sealer, tenant_id, id, &claimed.request);
    let base_url = opened.map(|envelope| envelope.base_url).unwrap_or_default();
    let job = Job {
        desk: desk.clone(),
        claimed,
        guard: services.enter_run(),
    };
    job.keeper().drop_chunks().await;
    end::commit(&job, &base_url, Done::Failed(why)).await;
}

/// Takes over a request that somebody before us claimed; none if it has ended.
///
/// # Errors
/// As [`settle`].
pub(super) async fn adopted(desk: &Desk, tenant_id: TenantId, id: BackgroundId) -> store::Result<Option<Claimed>> {
    let epoch = desk.services.epoch;
    let adopt = || desk.services.store.readopt_background(tenant_id, id, epoch);
    desk.while_serving("request that was cut", adopt).await
}

/// A page of what waits.
///
/// # Errors
/// As [`settle`].
pub(super) async fn queued(desk: &Rc<Desk>, after: Option<BackgroundId>) -> store::Result<Vec<QueuedRequest>> {
    let store = &desk.services.store;
    desk.while_serving("requests that wait", || store.queued_background(after, PAGE_ROWS))
        .await
}
