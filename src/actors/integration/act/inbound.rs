//! An item that fetches by HTTP: page after page, each read by the result script or as it is, and stored.

use serde_json::Value as Json;
use url::Url;

use super::{
    Attempt,
    arrive::{self, Counts},
    carrier::carrier,
    ended,
    outbound::usable,
    records::{self, Page},
    request::{self, Built},
    row,
    scope::Scope,
    script,
};
use crate::{
    actors::integration::work::Acted,
    domain::integration::Action,
    http::{Method, Request, Response, redacted},
    script::{Kind, RequestInfo, Value},
};

/// Most pages of one fetch.
const PAGES_MAX: u32 = 1_000;
/// Most records of a page.
const PAGE_RECORDS_MAX: usize = 10_000;

/// Fetches all pages.
pub(super) async fn fetch(attempt: Attempt<'_>, action: &Action) -> Result<Acted, Acted> {
    let Attempt { services, work, item } = attempt;
    let entity = match attempt.is_of_transactions() {
        true => "transaction".to_owned(),
        false => row::entity_of(attempt)?,
    };
    let since = services.store.last_completed(work.tenant_id, work.id).await;
    let since = since.map_err(|error| ended::of_store(services, &error))?;
    let scope = Scope::new(attempt, None, since);
    let carrier = carrier(attempt, action).await?;
    let method = request::method_of(action, Method::Get)?;
    let key = item.idempotency_key();
    let built = request::build(attempt, action, &scope, &carrier, method, &key).await?;
    let (first, origin) = (built.request.clone(), built.origin.clone());
    let mut counts = Counts::default();
    let mut next = Some(built);
    for number in 1..=PAGES_MAX {
        let Some(built) = next.take() else { break };
        if services.is_draining() {
            return Err(Acted::Left);
        }
        carrier.check(&built)?;
        let url = built.request.url.clone();
        let answer = usable(attempt, carrier.send(attempt, built).await?)?;
        let page = read(attempt, action, &scope, (method, &url), &answer).await?;
        if page.records.len() > PAGE_RECORDS_MAX {
            let count = page.records.len();
            let message = format!("A page has {count} records; at most {PAGE_RECORDS_MAX} are taken.");
            return Err(ended::failed(message, false));
        }
        counts.came(page.records.len(), answer.sent.known_secrets());
        take(attempt, &entity, page.records, &mut counts).await?;
        if let Some(to) = page.next {
            let to = follow(&url, &to)?;
            next = Some(Built {
                request: Request {
                    url: to,
                    headers: numbered(&first.headers, &key, number + 1),
                    ..first.clone()
                },
                origin: origin.clone(),
            });
        }
    }
    if next.is_some() {
        return Err(ended::failed(
            format!("There are more than {PAGES_MAX} pages; {counts}."),
            false,
        ));
    }
    Ok(counts.concluded())
}

/// The records of an answer.
async fn read(
    attempt: Attempt<'_>,
    action: &Action,
    scope: &Scope,
    (method, url): (Method, &str),
    answer: &Response,
) -> Result<Page, Acted> {
    let Some(source) = &action.result_script else {
        let parsed = serde_json::from_slice(&answer.body).map_err(|error| error.to_string());
        let page = parsed.and_then(records::page);
        return page.map_err(|why| {
            ended::failed(
                format!(
                    "The answer of HTTP {} cannot be used: {why}. Name a ResultScript that returns records.",
                    answer.status
                ),
                false,
            )
        });
    };
    let secrets = answer.sent.known_secrets();
    let clean = |text: String| redacted(text, &secrets);
    let about = RequestInfo {
        method: method.as_str().to_owned(),
        url: clean(url.to_owned()),
    };
    let returned = match script::run(attempt, Kind::ItemResult, source, scope, Some((about, answer))).await {
        Err(Acted::Broken { message }) => return Err(ended::broken(clean(message))),
        other => other?,
    };
    let text = match returned {
        Value::Json(text) => text,
        // Nothing came.
        Value::Unchanged => {
            return Ok(Page {
                records: Vec::new(),
                next: None,
            });
        }
        _ => {
            let what = "The result script returned a text. For an item that fetches, return an array of records, or \
                        {records, next}.";
            return Err(ended::broken(what));
        }
    };
    let value: Json = serde_json::from_str(&text).map_err(|error| ended::broken(error.to_string()))?;
    if let Some(members) = value.as_object().filter(|members| members.contains_key("failed")) {
        let reason = members
            .get("message")
            .and_then(Json::as_str)
            .unwrap_or("The result script says that it failed.");
        return Err(ended::failed(clean(reason.to_owned()), false));
    }
    records::page(value).map_err(|why| ended::broken(format!("What the result script returned cannot be used: {why}.")))
}

async fn take(attempt: Attempt<'_>, entity: &str, came: Vec<Json>, counts: &mut Counts) -> Result<(), Acted> {
    let mut wanted = Vec::with_capacity(came.len());
    for (index, record) in came.into_iter().enumerate() {
        let keyed = records::keyed(record, entity);
        match keyed.and_then(|(key, data)| Ok((arrive::is_wanted(attempt, &key, &data)?, key, data))) {
            Ok((true, key, data)) => wanted.push((key, data)),
            Ok((false, ..)) => counts.leave_out(),
            Err(why) => counts.refuse(&format!("record {}", index + 1), &why),
        }
    }
    arrive::store(attempt, entity, wanted, counts).await
}

/// The address of the next page: of the same host, so that nothing leads the engine elsewhere.
fn follow(from: &str, to: &str) -> Result<String, Acted> {
    let base = Url::parse(from).map_err(|error| ended::failed(error.to_string(), false))?;
    let Ok(next) = base.join(to) else {
        return Err(ended::failed("The address of the next page is none.", false));
    };
    if next.origin() != base.origin() {
        let (there, here) = (next.origin().ascii_serialization(), base.origin().ascii_serialization());
        return Err(ended::failed(
            format!("The next page is at {there}; pages are fetched from {here} only."),
            false,
        ));
    }
    if next == base {
        return Err(ended::failed(
            "The list does not move on: a page names itself as the next one.",
            false,
        ));
    }
    Ok(next.into())
}

/// Each page is a request of its own.
fn numbered(headers: &[(String, String)], key: &str, number: u32) -> Vec<(String, String)> {
    let each = |(name, value): &(String, String)| {
        let is_ours = name.eq_ignore_ascii_case("idempotency-key") && value == key;
        let value = if is_ours {
            format!("{value}:{number}")
        } else {
            value.clone()
        };
        (name.clone(), value)
    };
    headers.iter().map(each).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_are_of_one_host_and_move_on() {
        let from = "https://a.example/list?page=1";
        assert_eq!(follow(from, "?page=2").unwrap(), "https://a.example/list?page=2");
        assert_eq!(follow(from, "https://a.example/x").unwrap(), "https://a.example/x");
        for wrong in [
            "https://b.example/list",
            "//b.example/",
            "http://a.example/",
            from,
            "?page=1",
            "http://[",
        ] {
            assert!(follow(from, wrong).is_err(), "{wrong}");
        }
        let headers = vec![
            ("Idempotency-Key".to_owned(), "1:a:0".to_owned()),
            ("X".to_owned(), "1:a:0".to_owned()),
        ];
        let numbered = numbered(&headers, "1:a:0", 3);
        assert_eq!((numbered[0].1.as_str(), numbered[1].1.as_str()), ("1:a:0:3", "1:a:0"));
    }
}
