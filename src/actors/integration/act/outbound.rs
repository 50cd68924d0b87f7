//! An item that is sent by an HTTP request: built, sent, its answer read, what the result script returns written back.

use super::{
    Attempt,
    carrier::carrier,
    ended, request, row,
    scope::Scope,
    script::{self, Said},
};
use crate::{
    actors::integration::work::Acted,
    domain::integration::Action,
    http::{Method, Response, classify_status, redacted, redacted_json},
    script::{Kind, RequestInfo},
    store::records::{WriteBack, WroteBack},
};

/// Characters of an answer that are shown where it is a refusal.
const SHOWN_CHARACTERS_MAX: usize = 500;
/// Tries to store what a result script returned: the request is sent by then.
const WRITE_TRIES_MAX: u32 = 5;

/// Does all of it.
pub(super) async fn send(attempt: Attempt<'_>, action: &Action) -> Result<Acted, Acted> {
    let row = row::read(attempt).await?;
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

async fn conclude(
    attempt: Attempt<'_>,
    seen_version: i64,
    said: Said,
    clean: &impl Fn(String) -> String,
) -> Result<Acted, Acted> {
    if let Some(patch) = said.record {
        write_back(attempt, seen_version, patch.to_string()).await?;
    }
    Ok(match said.failed {
        Some(reason) => ended::failed(clean(reason), said.is_final),
        None => Acted::Done {
            result: said.result.map(clean),
        },
    })
}

async fn write_back(attempt: Attempt<'_>, seen_version: i64, patch: String) -> Result<(), Acted> {
    let Attempt { services, work, item } = attempt;
    if attempt.is_of_transactions() {
        return Err(ended::broken(
            "The result script returned a record, but the items are transactions, which do not change any more.",
        ));
    }
    let back = WriteBack {
        tenant_id: work.tenant_id,
        entity: row::entity_of(attempt)?,
        key: item.item_id.clone(),
        seen_version,
        patch,
        item: item.id,
        client_integration: work.id,
        at: services.clock.now(),
    };
    let mut tries = 0;
    let wrote = loop {
        tries += 1;
        match services.store.write_back(back.clone()).await {
            Err(error) if tries < WRITE_TRIES_MAX && !services.is_draining() => {
                tracing::warn!(error = ?error, "what a result script returned is not stored; trying again");
                services
                    .clock
                    .sleep(std::time::Duration::from_millis(200) * tries)
                    .await;
            }
            other => break other.map_err(|error| ended::of_store(services, &error))?,
        }
    };
    match wrote {
        WroteBack::Done(news) => {
            services.tell_records(work.tenant_id, news);
            Ok(())
        }
        // It was sent; there is nothing to write into.
        WroteBack::Gone => Ok(()),
        WroteBack::Refused(why) => Err(ended::broken(format!(
            "The record that the result script returned cannot be kept: {why}."
        ))),
    }
}
