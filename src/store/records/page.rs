//! A page of an import: what becomes of its records, their links, the inboxes and the run is one transaction. A page that was
//! stored before changes nothing. `work` decides one record after the other on what was read.

use std::sync::Arc;

use jiff::Timestamp;
use sea_orm::DatabaseTransaction;
use serde_json::Value;

use super::{
    RecordNews, RunProgress, RunStep, Target, again_if_unique,
    events::{self, Source},
    rows,
    step::Open,
};
use crate::{
    domain::{
        automation::run::{RecordError, RunCounts},
        ids::AutomationId,
        record::{Decision, Policy},
    },
    store::{Error, Result, Store, ledger::rows::Texts},
};
use work::{Work, Written};

mod work;

/// A page of records that came, after scripts and mapping.
#[derive(Clone, Debug)]
pub struct PageCommit {
    /// Where they came from, and what they are here.
    pub target: Target,
    /// What may be done with ours.
    pub policy: Policy,
    /// In their order.
    pub items: Vec<Incoming>,
    /// Now.
    pub at: Timestamp,
    /// How far the run gets with it. Its counts are of what is not among the items (`seen` and `matched` of all); what
    /// becomes of the items is added here.
    pub step: RunStep,
}

/// A record that came.
#[derive(Clone, Debug)]
pub struct Incoming {
    /// The provider's id.
    pub remote_id: String,
    /// The provider's own version.
    pub remote_version: Option<String>,
    /// When the provider says that it was changed.
    pub remote_updated_at: Option<Timestamp>,
    /// It was deleted there; `data` does not count.
    pub deleted: bool,
    /// A JSON object.
    pub data: Value,
    /// The key that the mapping gave it (`$key`), for one that has no link yet.
    pub key: Option<String>,
}

/// What became of a record that came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ItemDone {
    /// The key of ours, where there is one.
    pub key: Option<String>,
    /// Or why it was refused.
    pub done: std::result::Result<Decision, String>,
}

/// What became of a page.
#[derive(Clone, Debug)]
pub struct PageDone {
    /// The page was stored before: nothing was done now, and `items` is empty.
    pub repeated: bool,
    /// For each item, in their order.
    pub items: Vec<ItemDone>,
    /// How far the run is now.
    pub progress: RunProgress,
    /// To be told: see `Services::tell_records`.
    pub news: RecordNews,
}

/// What of a page is looked at to decide it.
#[derive(Clone, Copy)]
pub(super) struct Arrived<'a> {
    pub target: &'a Target,
    pub policy: Policy,
    pub items: &'a [Incoming],
    pub at: Timestamp,
    /// Whose doing it is.
    pub automation_id: Option<AutomationId>,
}

impl Store {
    /// Stores a page.
    ///
    /// # Errors
    /// [`Error::Lease`]; [`Error::NotFound`], [`Error::AlreadyRecorded`]: the run is gone, or has ended.
    pub async fn commit_page(&self, page: PageCommit) -> Result<PageDone> {
        let page = Arc::new(page);
        again_if_unique(|| {
            let own = page.clone();
            self.write(move |txn| Box::pin(async move { commit(txn, &own).await }))
        })
        .await
    }
}

async fn commit(txn: &DatabaseTransaction, page: &PageCommit) -> Result<PageDone> {
    let open = Open::lock(txn, page.target.tenant_id, &page.step).await?;
    if open.stored_before(&page.step) {
        return Ok(PageDone {
            repeated: true,
            items: Vec::new(),
            progress: open.progress()?,
            news: RecordNews::default(),
        });
    }
    let arrived = Arrived {
        target: &page.target,
        policy: page.policy,
        items: &page.items,
        at: page.at,
        automation_id: Some(page.step.automation_id),
    };
    let (items, news) = take(txn, arrived).await?;
    let mut step = page.step.clone();
    count(&mut step.counts, &mut step.errors, page, &items);
    let progress = open.advance(txn, step).await?;
    Ok(PageDone {
        repeated: false,
        items,
        progress,
        news,
    })
}

/// Decides and writes what came.
pub(super) async fn take(txn: &DatabaseTransaction, page: Arrived<'_>) -> Result<(Vec<ItemDone>, RecordNews)> {
    let target = page.target;
    let mut texts = Texts::default();
    let mut work = Work::read(txn, &mut texts, page).await?;
    let mut items = Vec::with_capacity(page.items.len());
    for item in page.items {
        items.push(work.take(txn, &mut texts, item).await?);
    }
    let written = work.written();
    let noted = write(txn, &mut texts, target, written).await?;
    let source = Source {
        connection_id: target.connection_id,
        automation_id: page.automation_id,
    };
    let news = events::note(txn, target.tenant_id, Some(source), page.at, noted).await?;
    Ok((items, news))
}

async fn write(
    txn: &DatabaseTransaction,
    texts: &mut Texts,
    target: &Target,
    written: Written,
) -> Result<Vec<super::Noted>> {
    rows::delete_records(txn, target, written.deleted).await?;
    rows::update_records(txn, texts, written.updated).await?;
    if !rows::insert_records(txn, texts, written.inserted).await? {
        return Err(Error::Unique("record".to_owned()));
    }
    rows::delete_links(txn, target, written.links_deleted).await?;
    rows::write_links(txn, texts, written.links).await?;
    Ok(written.noted)
}

fn count(counts: &mut RunCounts, errors: &mut Vec<RecordError>, page: &PageCommit, items: &[ItemDone]) {
    for (incoming, item) in page.items.iter().zip(items) {
        match &item.done {
            Ok(Decision::Create) => counts.created += 1,
            Ok(Decision::Update | Decision::Delete) => counts.updated += 1,
            Ok(Decision::Unchanged | Decision::LinkOnly | Decision::NotApplicable) => counts.unchanged += 1,
            Ok(Decision::SkippedNewer) => counts.skipped_newer += 1,
            Err(message) => {
                counts.failed += 1;
                errors.push(RecordError {
                    key: Some(item.key.clone().unwrap_or_else(|| incoming.remote_id.clone())),
                    message: message.clone(),
                });
            }
        }
    }
}
