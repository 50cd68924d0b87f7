//! The start of the actor: what a crash cut is settled, then what waits is loaded, page by page. And the sweep, which finds what
//! waits and is not known, because a message was lost.

use std::rc::Rc;

use crate::{
    actors::background::{
        desk::Desk,
        end,
        execute::{Done, Job},
    },
    domain::{
        background::{
            is_safe,
            settle::{AfterCrash, Cut, after_crash},
        },
        ids::BackgroundId,
    },
    store::{
        self,
        background::{Claimed, Orphan, Orphans, QueuedRequest},
    },
};

/// Rows of one page.
pub(super) const PAGE_ROWS: u64 = 2_000;

/// Settles what a crash cut. Nothing may be executing: whatever says that it runs was left by somebody who is gone. Gives what
/// the other side has accepted, to be asked for.
///
/// # Errors
/// The store is closed, or the shards have another owner.
pub(super) async fn settle(desk: &Rc<Desk>) -> store::Result<Vec<Claimed>> {
    let store = &desk.services.store;
    // What an instance before us handed in, is written before we look.
    desk.until_stored("start of the background", || store.ledger().drained())
        .await?;
    let mut followed = Vec::new();
    let mut after = None;
    loop {
        let page = || store.orphaned_background(Orphans::All, after, PAGE_ROWS);
        let page = desk.until_stored("requests that were cut", page).await?;
        let Some(last) = page.last() else {
            return Ok(followed);
        };
        after = Some(last.id);
        for orphan in page {
            followed.extend(settle_one(desk, &orphan).await?);
        }
    }
}

async fn settle_one(desk: &Rc<Desk>, orphan: &Orphan) -> store::Result<Option<Claimed>> {
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
    let (tenant_id, id, epoch) = (orphan.tenant_id, orphan.id, services.epoch);
    let adopt = || services.store.readopt_background(tenant_id, id, epoch);
    match after_crash(cut, services.settings.background.attempts_max) {
        AfterCrash::SendAgain => {
            let requeue = || services.store.requeue_background(tenant_id, id, epoch);
            desk.until_stored("request that was cut", requeue).await?;
            tracing::info!(background.id = %id, attempts = orphan.attempts, "a request that was cut is sent again");
            Ok(None)
        }
        AfterCrash::GoOnAsking => desk.until_stored("request that is followed", adopt).await,
        AfterCrash::Fail(why) => {
            let Some(claimed) = desk.until_stored("request that was cut", adopt).await? else {
                return Ok(None);
            };
            tracing::warn!(background.id = %id, "a request that was cut is not sent again");
            fail(desk, claimed, why).await;
            Ok(None)
        }
    }
}

async fn fail(desk: &Rc<Desk>, claimed: Claimed, why: String) {
    let services = &desk.services;
    let opened = super::envelope::Envelope::open(&services.sealer, claimed.tenant_id, claimed.id, &claimed.request);
    let base_url = opened.map(|envelope| envelope.base_url).unwrap_or_default();
    let job = Job {
        desk: desk.clone(),
        claimed,
        guard: None,
    };
    job.keeper().drop_chunks().await;
    end::commit(&job, &base_url, Done::Failed(why)).await;
}

/// A page of what waits.
///
/// # Errors
/// As [`settle`].
pub(super) async fn queued(desk: &Rc<Desk>, after: Option<BackgroundId>) -> store::Result<Vec<QueuedRequest>> {
    let store = &desk.services.store;
    desk.until_stored("requests that wait", || store.queued_background(after, PAGE_ROWS))
        .await
}
