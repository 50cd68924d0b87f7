//! An item that is sent by an HTTP request: built, sent, its answer read, what the result script returns written back.

use super::{
    Attempt,
    carrier::carrier,
    ended, request,
    row::{self, Row},
    scope::Scope,
    script::{self, Said},
};
use crate::{
    actors::{integration::work::Acted, stored::until_stored},
    domain::integration::{Action, QueueItem, admit::Again},
    http::{Method, Response, classify_status, redacted, redacted_json},
    script::{Kind, RequestInfo},
    store::{
        integrations::{EndedAttempt, TakenOver},
        records::{WriteBack, WroteBack},
    },
};

/// Characters of an answer that are shown where it is a refusal.
const SHOWN_CHARACTERS_MAX: usize = 500;

/// Does all of it.
pub(super) async fn send(attempt: Attempt<'_>, action: &Action) -> Result<Acted, Acted> {
    let row = row::read(attempt).await?;
    let item = current(attempt, &row).await?;
    let attempt = Attempt { item: &item, ..attempt };
    let scope = Scope::new(attempt, Some(&row.item), None);
    let carrier = carrier(attempt, action).await?;
    let method = request::method_of(action, Method::Post)?;
    let key = attempt.item.idempotency_key();
    let built = request::build(attempt, action, &scope, &carrier, method, &key).await?;
    carrier.check(&built)?;
    let about = RequestInfo {
        method: method.as_str().to_owned(),
        url: built.request.url.clone(),
    };
    let answer = carrier.send(attempt, built).await?;
    let answer = usable(attempt, answer)?;
    let secrets = answer.sent.known_secrets();
    let Some(source) = &action.result_script else {
        return Ok(Acted::Done {
            result: Some(format!("HTTP {}", answer.status)),
        });
    };
    let about = RequestInfo {
        url: redacted(about.url, &secrets),
        ..about
    };
    let clean = |text: String| redacted(text, &secrets);
    let returned = match script::run(attempt, Kind::ItemResult, source, &scope, Some((about, &answer))).await {
        Err(Acted::Broken { message }) => return Err(ended::broken(clean(message))),
        other => other?,
    };
    let mut said = script::said(returned).map_err(|why| ended::broken(clean(why)))?;
    // What a server repeats of the request's secrets is not kept in the record either.
    said.record = said.record.map(|patch| redacted_json(patch, &secrets));
    conclude(attempt, row.version, said, &clean).await
}

/// The answer, where its status is a success.
pub(super) fn usable(attempt: Attempt<'_>, answer: Response) -> Result<Response, Acted> {
    let Some(refusal) = classify_status(answer.status, &answer.headers, attempt.services.clock.now()) else {
        return Ok(answer);
    };
    let body = String::from_utf8_lossy(&answer.body);
    let words: Vec<&str> = body.split_whitespace().collect();
    // What is cut in the middle of a secret would not be found.
    let words = redacted(words.join(" "), &answer.sent.known_secrets());
    let shown: String = words.chars().take(SHOWN_CHARACTERS_MAX).collect();
    let colon = if shown.is_empty() { "" } else { ": " };
    Err(Acted::Failed {
        message: format!("HTTP {}{colon}{shown}", answer.status),
        retry_after_ms: refusal.retry_after_ms,
        is_final: false,
    })
}

/// The item as its row is now. Where changes are sent, it takes over a version that came after it was queued, with the key of that,
/// before it is sent so: under the key of the version before, the other side might keep what it got first. Where they are not, the item
/// is the row, whatever its version, and has one key.
async fn current(attempt: Attempt<'_>, row: &Row) -> Result<QueueItem, Acted> {
    let Attempt { services, work, item } = attempt;
    if row.version <= item.item_version || Again::of(&work.integration) == Again::Never {
        return Ok(item.clone());
    }
    let (version, updated_on, epoch) = (row.version, row.updated_on, services.epoch);
    let taken = services
        .store
        .take_over_version(work.whose(), item, version, updated_on, epoch)
        .await;
    match taken.map_err(|error| ended::of_store(services, &error))? {
        TakenOver::Done => Ok(QueueItem {
            item_version: version,
            item_updated_on: updated_on,
            ..item.clone()
        }),
        TakenOver::Superseded(version) => Err(Acted::Dropped {
            message: format!("Superseded by version {version} of its row."),
        }),
        TakenOver::Lost => Err(Acted::Left),
    }
}

async fn conclude(
    attempt: Attempt<'_>,
    seen_version: i64,
    said: Said,
    clean: &impl Fn(String) -> String,
) -> Result<Acted, Acted> {
    let acted = match said.failed {
        Some(reason) => ended::failed(clean(reason), said.is_final),
        None => Acted::Done {
            result: said.result.map(clean),
        },
    };
    match said.record {
        Some(patch) => write_back(attempt, seen_version, patch.to_string(), acted).await,
        None => Ok(acted),
    }
}

/// Stores what came of an item together with its end.
async fn write_back(attempt: Attempt<'_>, seen_version: i64, patch: String, acted: Acted) -> Result<Acted, Acted> {
    let Attempt { services, work, item } = attempt;
    if attempt.is_of_transactions() {
        return Err(ended::broken(
            "The result script returned a record, but the items are transactions, which do not change any more.",
        ));
    }
    let now = services.clock.now();
    let settled = ended::shortened(acted).settled(item, work.integration.max_attempts, now);
    let back = WriteBack {
        whose: work.whose(),
        entity: row::entity_of(attempt)?,
        key: item.item_id.clone(),
        seen_version,
        patch,
        ended: EndedAttempt::of(item, settled.clone()),
        at: now,
    };
    let wrote = until_stored(services, "what a result script returned", async || {
        services.store.write_back(back.clone(), services.epoch).await
    });
    match wrote.await.map_err(|error| ended::of_store(services, &error))? {
        WroteBack::Done(news) => {
            services.tell_records(work.tenant_id, news);
            Ok(Acted::Written(settled))
        }
        WroteBack::Refused(why) => Err(ended::broken(format!(
            "The record that the result script returned cannot be kept: {why}."
        ))),
    }
}
