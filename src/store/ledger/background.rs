//! Requests in the background within a transaction of the ledger: accepted, claimed, ended, each kind by one statement for
//! all of a batch. `keys` has the idempotency keys.

use std::collections::HashMap;

use sea_orm::{DatabaseTransaction, FromQueryResult, Value};
use uuid::Uuid;

use super::{
    Entry,
    batch::Answer,
    rows::{Shape, Texts},
    runs::saturating,
};
use crate::{
    clock::Clock,
    domain::background::Status,
    store::{
        Error, Result, audit,
        background::{Accepted, BodyKind, Claim, Finish, NewRequest, bodies, recover},
        deliveries,
    },
};

mod keys;

#[cfg(test)]
pub(super) use keys::FIND as FIND_KEYS;

const INSERT: Shape = Shape {
    name: "insert background requests",
    before: "INSERT INTO background_request (tenant_id, id, user_id, token_id, status, order_key, received_at, attempts, \
             epoch, status_code, has_request, request_chunks, has_response, response_chunks, method, upstream, \
             original_uri, webhook_address, notify_pairs, reference, request) VALUES ",
    columns: 21,
    numbered: false,
    types: &[],
    after: " ON CONFLICT (tenant_id, id) DO NOTHING",
    repeatable: true,
};

/// The status is written as a sum, here and below, so that PostgreSQL does not read all that waits along its index for each
/// row that is wanted: the key finds the row.
pub(super) const CLAIM: Shape = Shape {
    name: "claim background requests",
    before: "UPDATE background_request SET status = 1, epoch = v.column3, started_at = v.column4, \
             attempts = attempts + 1 FROM (VALUES ",
    columns: 4,
    numbered: false,
    types: &["uuid", "uuid", "bigint", "bigint"],
    after: concat!(
        ") AS v WHERE background_request.tenant_id = v.column1 AND background_request.id = v.column2 \
         AND background_request.status + 0 = 0",
        recover::claimed!()
    ),
    repeatable: true,
};

/// The last value of a row is the lowest status that it ends. What a crash cut was claimed under an earlier epoch; what
/// was claimed under a later one is someone else's.
pub(super) const FINISH: Shape = Shape {
    name: "finish background requests",
    before: "UPDATE background_request SET finished_at = v.column4, status = v.column5, status_code = v.column6, \
             error = v.column7, response_headers = v.column8, content_type = v.column9, has_response = v.column10, \
             response_chunks = v.column11, response = v.column12, request = NULL, follow = NULL FROM (VALUES ",
    columns: 13,
    numbered: false,
    types: &[
        "uuid", "uuid", "bigint", "bigint", "smallint", "integer", "text", "text", "text", "boolean", "integer",
        "bytea", "smallint",
    ],
    after: ") AS v WHERE background_request.tenant_id = v.column1 AND background_request.id = v.column2 \
            AND background_request.status + 0 BETWEEN v.column13 AND 1 \
            AND (v.column13 = 0 OR background_request.epoch <= v.column3) \
            RETURNING id, request_chunks",
    repeatable: true,
};

/// Writes the entries of a batch that are about requests in the background and are not refused, and fills in their answers.
pub(super) async fn write(
    transaction: &DatabaseTransaction,
    texts: &mut Texts,
    entries: &[Entry],
    answers: &mut [Answer],
    clock: &Clock,
) -> Result<()> {
    let (mut accepts, mut claims, mut finishes) = (Vec::new(), Vec::new(), Vec::new());
    for (entry, answer) in entries.iter().zip(answers) {
        match entry {
            _ if matches!(answer, Answer::Refused(_)) => {}
            Entry::Accept(request, _) => accepts.push((&**request, answer)),
            Entry::Claim(claim, _) => claims.push((claim, answer)),
            Entry::Finish(finish, _) => finishes.push((&**finish, answer)),
            Entry::Run(..) | Entry::Started(..) | Entry::State(..) | Entry::Barrier(_) => {}
        }
    }
    if !accepts.is_empty() {
        accept(transaction, texts, accepts, clock).await?;
    }
    if !claims.is_empty() {
        claim(transaction, texts, claims).await?;
    }
    if !finishes.is_empty() {
        finish(transaction, texts, finishes, clock).await?;
    }
    Ok(())
}

async fn accept(
    transaction: &DatabaseTransaction,
    texts: &mut Texts,
    entries: Vec<(&NewRequest, &mut Answer)>,
    clock: &Clock,
) -> Result<()> {
    let requests: Vec<&NewRequest> = entries.iter().map(|(request, _)| *request).collect();
    let accepted = keys::take(transaction, texts, &requests).await?;
    let mut values = Vec::with_capacity(requests.len() * INSERT.columns);
    let mut rows = 0;
    for (request, _) in requests
        .iter()
        .zip(&accepted)
        .filter(|(_, accepted)| **accepted == Accepted::New)
    {
        rows += 1;
        push_request(&mut values, request);
    }
    if texts.execute(transaction, &INSERT, values).await? != rows {
        // The batch is split until the one that is to blame is alone.
        return Err(Error::Unique("background_request: the id is taken".to_owned()));
    }
    for ((request, answer), accepted) in entries.into_iter().zip(accepted) {
        if let (Accepted::New, Some(entry)) = (accepted, &request.audit) {
            audit::record(transaction, clock, entry.clone()).await?;
        }
        *answer = Answer::Accepted(accepted);
    }
    Ok(())
}

async fn claim(
    transaction: &DatabaseTransaction,
    texts: &mut Texts,
    entries: Vec<(&Claim, &mut Answer)>,
) -> Result<()> {
    let mut values = Vec::with_capacity(entries.len() * CLAIM.columns);
    for (claim, _) in &entries {
        values.extend([
            Value::from(claim.tenant_id.uuid()),
            claim.id.uuid().into(),
            claim.epoch.into(),
            claim.started_at.as_microsecond().into(),
        ]);
    }
    let mut claimed = HashMap::with_capacity(entries.len());
    for row in texts.query(transaction, &CLAIM, values).await? {
        let row = recover::claimed_of(recover::ClaimedRow::from_query_result(&row, "")?)?;
        claimed.insert(row.id, Box::new(row));
    }
    for (claim, answer) in entries {
        *answer = Answer::Claimed(claimed.remove(&claim.id));
    }
    Ok(())
}

async fn finish(
    transaction: &DatabaseTransaction,
    texts: &mut Texts,
    entries: Vec<(&Finish, &mut Answer)>,
    clock: &Clock,
) -> Result<()> {
    let mut values = Vec::with_capacity(entries.len() * FINISH.columns);
    for (finish, _) in &entries {
        push_finish(&mut values, finish);
    }
    // Those that this ended, and how many parts their bodies have.
    let mut ended: HashMap<Uuid, i32> = HashMap::with_capacity(entries.len());
    for row in texts.query(transaction, &FINISH, values).await? {
        ended.insert(row.try_get_by_index(0)?, row.try_get_by_index(1)?);
    }
    let mut created = Vec::new();
    for (finish, answer) in entries {
        let parts = ended.get(&finish.id.uuid()).copied();
        *answer = Answer::Ended(parts.is_some());
        let Some(parts) = parts else { continue };
        created.extend(&finish.deliveries);
        if parts > 0 {
            bodies::remove(transaction, finish.tenant_id, finish.id, BodyKind::Request).await?;
        }
        if let Some(entry) = &finish.audit {
            audit::record(transaction, clock, entry.clone()).await?;
        }
    }
    deliveries::insert(transaction, texts, &created).await
}

fn push_request(values: &mut Vec<Value>, request: &NewRequest) {
    values.extend([
        Value::from(request.tenant_id.uuid()),
        request.id.uuid().into(),
        request.user_id.map(Uuid::from).into(),
        request.token_id.map(Uuid::from).into(),
        Status::Queued.code().into(),
        request.order_key.into(),
        request.received_at.as_microsecond().into(),
        0_i32.into(),
        request.epoch.into(),
        0_i32.into(),
        request.has_request.into(),
        saturating(request.request_chunks).into(),
        false.into(),
        0_i32.into(),
        request.method.as_str().into(),
        request.upstream.clone().into(),
        request.original_uri.as_str().into(),
        request.webhook_address.as_str().into(),
        request.notify_pairs.clone().into(),
        request.reference.clone().into(),
        request.request.clone().into(),
    ]);
}

fn push_finish(values: &mut Vec<Value>, finish: &Finish) {
    let lowest = match finish.status {
        Status::Cancelled => Status::Queued,
        _ => Status::Started,
    };
    values.extend([
        Value::from(finish.tenant_id.uuid()),
        finish.id.uuid().into(),
        finish.epoch.into(),
        finish.finished_at.as_microsecond().into(),
        finish.status.code().into(),
        i32::from(finish.status_code).into(),
        finish.error.clone().into(),
        finish.response_headers.clone().into(),
        finish.content_type.clone().into(),
        finish.has_response.into(),
        saturating(finish.response_chunks).into(),
        finish.response.clone().into(),
        lowest.code().into(),
    ]);
}
