//! An item that fetches through a partner function: the provider's list page by page, each record shaped as the function says.

use futures_util::{StreamExt, TryStreamExt, stream};
use serde_json::json;

use super::{
    Attempt,
    arrive::{self, Counts},
    ended,
    function::{Missed, Ready, ask, of_halt, ready},
};
use crate::{
    actors::{
        automation::shape::{SHAPED_AT_ONCE, Shaped, Which},
        integration::work::Acted,
    },
    domain::integration::Action,
    providers::{ListQuery, PagePlace, RemotePage, RemoteRecord},
    store::records::Incoming,
};

/// Most pages of one fetch.
const PAGES_MAX: u32 = 100_000;
/// Most records of a page.
const PAGE_RECORDS_MAX: usize = 10_000;

/// Takes all pages.
pub(super) async fn fetch(attempt: Attempt<'_>, action: &Action) -> Result<Acted, Acted> {
    let ready = ready(attempt, action).await?;
    let mut counts = Counts::default();
    let mut place: Option<PagePlace> = None;
    for _ in 0..PAGES_MAX {
        if attempt.services.is_draining() {
            return Err(Acted::Left);
        }
        let (page, secrets) = page(attempt, &ready, place.as_ref()).await?;
        counts.came(page.records.len(), secrets);
        take(attempt, &ready, page.records, &mut counts).await?;
        match page.next {
            None => return Ok(counts.concluded()),
            next if next == place => {
                let reason = "The provider's list does not move on: a page names itself as the next one.";
                return Err(ended::failed(reason, false));
            }
            next => place = next,
        }
    }
    Err(ended::failed(
        format!("There are more than {PAGES_MAX} pages; {counts}."),
        false,
    ))
}

/// A page, and the secrets of the request for it.
async fn page(
    attempt: Attempt<'_>,
    ready: &Ready,
    place: Option<&PagePlace>,
) -> Result<(RemotePage, Vec<String>), Acted> {
    let query = ListQuery {
        object: &ready.way.object,
        since: None,
        place,
    };
    let page = ask(
        attempt,
        &ready.gate,
        |provider, account| provider.list(account, query),
        |provider, account, answer| {
            let page = provider.read_list(account, query, answer)?;
            Ok((page, answer.sent.known_secrets()))
        },
    );
    let (page, secrets) = page.await.map_err(Missed::ended)?;
    if page.records.len() > PAGE_RECORDS_MAX {
        let count = page.records.len();
        let message = format!("The provider sent {count} records in one page; at most {PAGE_RECORDS_MAX} are taken.");
        return Err(ended::failed(message, false));
    }
    Ok((page, secrets))
}

async fn take(
    attempt: Attempt<'_>,
    ready: &Ready,
    records: Vec<RemoteRecord>,
    counts: &mut Counts,
) -> Result<(), Acted> {
    let shaped: Vec<(RemoteRecord, Shaped)> = stream::iter(records)
        .map(|mut record| async move {
            // Of a deleted one there is little to look at: whether we have it decides.
            let shaped = if record.deleted {
                Shaped::Data {
                    data: json!({}),
                    key: None,
                }
            } else {
                let which = Which {
                    key: None,
                    remote_id: Some(&record.id),
                };
                ready.shaper.incoming(record.data.take(), which).await?
            };
            Ok((record, shaped))
        })
        .buffered(SHAPED_AT_ONCE)
        .try_collect()
        .await
        .map_err(|halt| of_halt(attempt, halt))?;
    let mut items = Vec::with_capacity(shaped.len());
    for (remote, shaped) in shaped {
        match shaped {
            Shaped::Out => counts.leave_out(),
            Shaped::Failed(message) => counts.refuse(&remote.id, &message),
            Shaped::Data { data, key } => {
                let named = key.as_deref().unwrap_or(&remote.id);
                let wanted = match remote.deleted {
                    true => Ok(true),
                    false => arrive::is_wanted(attempt, named, &data),
                };
                match wanted {
                    Ok(true) => items.push(Incoming {
                        remote_id: remote.id,
                        remote_version: remote.version,
                        remote_updated_at: remote.updated_at,
                        deleted: remote.deleted,
                        data,
                        key,
                    }),
                    Ok(false) => counts.leave_out(),
                    Err(why) => counts.refuse(named, &why),
                }
            }
        }
    }
    if !attempt.is_of_transactions() {
        return arrive::store_linked(attempt, ready.way.target(), items, counts).await;
    }
    // What was deleted there stays a transaction here.
    let kept = items.into_iter().filter(|item| !item.deleted);
    let keyed = kept
        .map(|item| (item.key.unwrap_or(item.remote_id), item.data))
        .collect();
    arrive::store(attempt, "", keyed, counts).await
}
