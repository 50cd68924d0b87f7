//! The end of a request: one ledger entry with its answer and the notifications, and what is told after its commit.

use serde_json::json;

use crate::{
    actors::{
        background::{
            desk::{RETRY, Report},
            execute::{Done, Job},
            keep::Kept,
        },
        delivery::notify::{Ended, deliveries_for},
    },
    domain::background::Status,
    error::{Code, Error},
    store::{self, background::Finish, deliveries::NewDelivery},
};

/// Longest error message that is kept, characters.
const ERROR_CHARS_MAX: usize = 2_000;
/// How often who is to be told is looked up while the store does not answer; a quarter of an hour.
const LOOK_UPS_MAX: u32 = 36;

/// Commits an end. False: somebody else ended it, or the store takes nothing any more, and the next start settles it.
pub(super) async fn commit(job: &Job, base_url: &str, done: Done) -> bool {
    let desk = &job.desk;
    let services = &desk.services;
    let (status, kept, error) = match done {
        Done::Answered(kept) => (Status::Finished, kept, None),
        Done::Failed(why) => (Status::Failed, Kept::default(), Some(why)),
        Done::Left => return false,
    };
    let ended = Ended {
        tenant_id: job.claimed.tenant_id,
        background_id: job.claimed.id,
        webhook_address: &job.claimed.webhook_address,
        notify_pairs: job.claimed.notify_pairs.as_deref(),
        reference: job.claimed.reference.as_deref(),
        status,
        status_code: kept.status,
        base_url,
        has_response: kept.has_response,
    };
    let Some(deliveries) = notifications(job, &ended).await else {
        return false;
    };
    let has_chunks = kept.chunks > 0;
    let finish = Finish {
        id: job.claimed.id,
        tenant_id: job.claimed.tenant_id,
        epoch: services.epoch,
        finished_at: services.clock.now(),
        status,
        status_code: kept.status,
        // What a database takes in no text, and nobody can read.
        error: error.map(|why| why.chars().filter(|c| *c != '\0').take(ERROR_CHARS_MAX).collect()),
        response_headers: kept.headers,
        content_type: kept.content_type,
        response: kept.response,
        response_chunks: kept.chunks,
        has_response: kept.has_response,
        deliveries,
        audit: None,
    };
    if !is_written(job, &finish).await {
        if has_chunks {
            job.keeper().drop_chunks().await;
        }
        return false;
    }
    announce(job, &finish);
    true
}

/// Writes an end. False: it is not this one that is written, or the store takes nothing any more.
async fn is_written(job: &Job, finish: &Finish) -> bool {
    let (desk, store) = (&job.desk, &job.desk.services.store);
    let mut may_be_written = false;
    let write = async || {
        let written = store.ledger().finish(finish.clone()).await;
        may_be_written |= written.as_ref().is_err_and(leaves_open);
        written
    };
    let written = match desk.until_stored("end of a request", write).await {
        Ok(false) if may_be_written => {
            // Either a try that seemed to fail was committed, or somebody else was faster: the row knows.
            let row = || store.background(finish.tenant_id, finish.id);
            desk.until_stored("end of a request", row).await.map(|row| {
                let finished_at = finish.finished_at.as_microsecond();
                row.is_some_and(|row| {
                    row.status == finish.status && row.finished_at.is_some_and(|at| at.as_microsecond() == finished_at)
                })
            })
        }
        other => other,
    };
    written.unwrap_or_else(|error| {
        tracing::error!(background.id = %finish.id, error = ?error, "the end of a request is not committed");
        false
    })
}

/// Whether an error of the ledger says nothing about whether the entry is committed.
fn leaves_open(error: &store::Error) -> bool {
    matches!(error, store::Error::Database(_))
}

fn announce(job: &Job, finish: &Finish) {
    let services = &job.desk.services;
    services.deliveries.created(&finish.deliveries);
    let ended = &services.metrics.background.ended;
    ended.with_label_values(&[finish.status.as_str()]).inc();
    job.desk.tell(Report::Ended {
        failed: finish.status == Status::Failed,
    });
    let (now, id) = (finish.finished_at, finish.id.uuid());
    let (status, status_code) = (finish.status, finish.status_code);
    services.events.publish_with(
        finish.tenant_id,
        now,
        "background.finished",
        id,
        move || json!({ "status": status, "statusCode": status_code }),
    );
}

/// Who is to be told; none if the store takes nothing any more. Where that can never be found out, nobody is told: the end of
/// the request is worth more.
async fn notifications(job: &Job, ended: &Ended<'_>) -> Option<Vec<NewDelivery>> {
    let services = &job.desk.services;
    let (mut tries, mut wait) = (0, RETRY.0);
    loop {
        let error = match deliveries_for(services, ended).await {
            Ok(deliveries) => return Some(deliveries),
            Err(error) => error,
        };
        tries += 1;
        match lasts(&error) {
            Lasts::Closed => return None,
            Lasts::Passes if tries < LOOK_UPS_MAX => {}
            _ => {
                tracing::error!(
                    background.id = %ended.background_id, error = ?error,
                    "who is to be told of an end cannot be read; nobody is told"
                );
                return Some(Vec::new());
            }
        }
        tracing::warn!(background.id = %ended.background_id, error = ?error, "who is to be told cannot be read; trying again");
        wait = job.desk.pause(wait).await;
    }
}

/// How long an error lasts.
#[derive(Debug, PartialEq, Eq)]
enum Lasts {
    /// Until somebody mends what is stored.
    Stays,
    /// The store answers again some time.
    Passes,
    /// The store is closed for good.
    Closed,
}

fn lasts(error: &Error) -> Lasts {
    let source = std::error::Error::source(error).and_then(|source| source.downcast_ref::<store::Error>());
    match source {
        // Also one that was stopped since it took too long.
        Some(store::Error::Database(_)) => Lasts::Passes,
        _ if error.code == Code::Unavailable => Lasts::Closed,
        _ => Lasts::Stays,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_may_pass_is_tried_again() {
        for (error, expected) in [
            (store::Error::Closed, Lasts::Closed),
            (store::Error::Lease("theirs".to_owned()), Lasts::Closed),
            (store::Error::Sealed("another key".to_owned()), Lasts::Stays),
            (store::Error::Content("what is this".to_owned()), Lasts::Stays),
        ] {
            let text = error.to_string();
            assert_eq!(lasts(&error.into()), expected, "{text}");
        }
    }

    #[test]
    fn a_full_queue_leaves_nothing_open() {
        for known in [
            store::Error::Full { retry_after_ms: 10 },
            store::Error::Closed,
            store::Error::Unique("key".to_owned()),
        ] {
            assert!(!leaves_open(&known), "{known}");
        }
    }
}
