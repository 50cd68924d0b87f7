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
    store::{background::Finish, deliveries::NewDelivery},
};

/// Longest error message that is kept, characters.
const ERROR_CHARS_MAX: usize = 2_000;

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
    let mut tries = 0_u32;
    let write = || {
        tries += 1;
        services.store.ledger().finish(finish.clone())
    };
    let ended = match desk.until_stored("end of a request", write).await {
        // A try that seemed to fail may have been committed: then it was us.
        Ok(ended) => ended || tries > 1,
        Err(error) => {
            tracing::error!(background.id = %finish.id, error = ?error, "the end of a request is not committed");
            return false;
        }
    };
    if !ended {
        if has_chunks {
            job.keeper().drop_chunks().await;
        }
        return false;
    }
    announce(job, &finish);
    true
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

/// Who is to be told; none if that cannot be found out before the engine stops.
async fn notifications(job: &Job, ended: &Ended<'_>) -> Option<Vec<NewDelivery>> {
    let services = &job.desk.services;
    let mut wait = RETRY.0;
    loop {
        let error = match deliveries_for(services, ended).await {
            Ok(deliveries) => return Some(deliveries),
            Err(error) => error,
        };
        tracing::warn!(background.id = %ended.background_id, error = ?error, "who is to be told cannot be read; trying again");
        if services.is_draining() {
            return None;
        }
        services.clock.sleep(wait).await;
        wait = (wait * 2).min(RETRY.1);
    }
}
