//! Imports: page by page from the provider into our records; what is in memory is one page.

use std::sync::atomic::{AtomicUsize, Ordering};

use futures_util::{StreamExt, TryStreamExt, stream};
use serde_json::json;

use crate::{
    actors::automation::{
        halt::Halt,
        line::Missed,
        run::{Run, Step},
        shape::{SHAPED_AT_ONCE, Shaped, Which},
    },
    domain::{
        automation::{AutomationType, run::RunCounts},
        record::data_bytes,
    },
    providers::{ListQuery, PagePlace, RemotePage, RemoteRecord},
    store::records::{Incoming, PageCommit, PageStep},
};

/// Events that are read at once.
const EVENTS_AT_ONCE: u64 = 500;

/// Most records of a page.
const PAGE_RECORDS_MAX: usize = 10_000;
/// Most that the records of a page may be after they were shaped, bytes of JSON.
const PAGE_BYTES_MAX: usize = 64 * 1_048_576;

/// Takes all pages that are left.
pub(super) async fn import(run: &mut Run) -> Result<(), Halt> {
    // Only the first page of a run has no place before it.
    while run.row.pages == 0 || run.row.place.is_some() {
        run.go_on()?;
        let page = fetch(run).await?;
        if page.next.is_some() && page.next == run.row.place {
            let reason = "The provider's list does not move on: a page names itself as the next one.";
            return Err(Halt::failed(reason));
        }
        store(run, page).await?;
    }
    match run.plan.automation.automation_type {
        AutomationType::TimerBased => Ok(()),
        AutomationType::EventBased => acknowledge(run).await,
    }
}

/// Ends what was in the inbox when the run began: this run was the answer to it.
async fn acknowledge(run: &Run) -> Result<(), Halt> {
    let (tenant, automation) = (run.plan.tenant_id, run.plan.automation_id);
    let store = &run.services.store;
    let mut after = None;
    loop {
        let events = store.events_of(tenant, automation, after, EVENTS_AT_ONCE).await?;
        let Some(last) = events.last() else { return Ok(()) };
        after = Some(last.key.clone());
        let earlier = events.into_iter().filter(|event| event.at <= run.row.started_at);
        let done = earlier.map(|event| (event.key, event.record_version)).collect();
        store.events_done(tenant, automation, done).await?;
    }
}

async fn fetch(run: &Run) -> Result<RemotePage, Halt> {
    run.progress.at(Step::Asking);
    let place = run.row.place.clone();
    let query = ListQuery {
        object: &run.plan.way.object,
        since: run.row.since_at,
        place: place.as_ref(),
    };
    let page = run.line.ask(
        |provider, account| provider.list(account, query),
        |provider, account, answer| provider.read_list(account, query, answer),
    );
    let page = page.await.map_err(Missed::halt)?;
    check(&page).map_err(Halt::failed)?;
    Ok(page)
}

/// What cannot be a page that a provider means.
fn check(page: &RemotePage) -> Result<(), String> {
    if page.records.len() > PAGE_RECORDS_MAX {
        return Err(format!(
            "The provider sent {} records in one page; at most {PAGE_RECORDS_MAX} are taken.",
            page.records.len()
        ));
    }
    // The place is stored, and goes into an address again.
    match &page.next {
        Some(PagePlace(text)) if text.chars().any(char::is_control) => {
            Err("The provider's list names a next page with control characters, which cannot be asked for.".to_owned())
        }
        _ => Ok(()),
    }
}

/// Shapes a page and stores it whole, or not at all.
async fn store(run: &mut Run, page: RemotePage) -> Result<(), Halt> {
    run.progress.at(Step::Shaping);
    let shaper = &run.shaper;
    let bytes = &AtomicUsize::new(0);
    let shaped: Vec<(RemoteRecord, Shaped)> = stream::iter(page.records)
        .map(|mut record| async move {
            // Of a deleted one there is little to look at: whether we have it decides.
            if record.deleted {
                let nothing = Shaped::Data {
                    data: json!({}),
                    key: None,
                };
                return Ok((record, nothing));
            }
            let data = record.data.take();
            let which = Which {
                key: None,
                remote_id: Some(&record.id),
            };
            let shaped = shaper.incoming(data, which).await?;
            if let Shaped::Data { data, .. } = &shaped {
                let more = data_bytes(data);
                if bytes.fetch_add(more, Ordering::Relaxed).saturating_add(more) > PAGE_BYTES_MAX {
                    return Err(Halt::failed(format!(
                        "The records of one page are more than {PAGE_BYTES_MAX} bytes after mapping. Ask for smaller pages, or \
                         map fewer members."
                    )));
                }
            }
            Ok::<_, Halt>((record, shaped))
        })
        .buffered(SHAPED_AT_ONCE)
        .try_collect()
        .await?;
    run.progress.at(Step::Storing);
    let mut counts = RunCounts::default();
    let mut errors = Vec::new();
    let mut items = Vec::with_capacity(shaped.len());
    for (remote, shaped) in shaped {
        counts.seen += 1;
        match shaped {
            Shaped::Out => {}
            Shaped::Data { data, key } => {
                counts.matched += 1;
                items.push(Incoming {
                    remote_id: remote.id,
                    remote_version: remote.version,
                    remote_updated_at: remote.updated_at,
                    deleted: remote.deleted,
                    data,
                    key,
                });
            }
            Shaped::Failed(message) => {
                counts.matched += 1;
                counts.failed += 1;
                errors.push(run.error(Some(remote.id), message));
            }
        }
    }
    let next = page.next.map(|PagePlace(text)| text);
    let number = run.row.pages;
    let commit = PageCommit {
        target: run.plan.target(),
        policy: run.plan.policy(),
        items,
        step: run.step(Some(PageStep { number, next }), counts, errors),
        at: run.services.clock.now(),
    };
    let done = run.services.store.commit_page(commit).await?;
    run.moved_on(done.progress);
    run.services.tell_records(run.plan.tenant_id, done.news);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page(records: usize, next: Option<&str>) -> RemotePage {
        let record = RemoteRecord {
            id: "1".to_owned(),
            version: None,
            updated_at: None,
            deleted: false,
            data: json!({}),
        };
        RemotePage {
            records: vec![record; records],
            next: next.map(|text| PagePlace(text.to_owned())),
        }
    }

    #[test]
    fn pages_that_cannot_be_meant_are_refused() {
        assert_eq!(check(&page(PAGE_RECORDS_MAX, Some("page=2"))), Ok(()));
        assert_eq!(check(&page(0, None)), Ok(()));
        assert!(
            check(&page(PAGE_RECORDS_MAX + 1, None))
                .unwrap_err()
                .contains("10001 records")
        );
        for place in ["\0", "a\nb"] {
            assert!(check(&page(1, Some(place))).unwrap_err().contains("control characters"));
        }
    }
}
