//! What callers see of their requests: one, the stored body of its answer, and lists, newest first.

use std::time::Duration;

use jiff::Timestamp;
use sea_orm::{DatabaseConnection, EntityTrait, FromQueryResult, QuerySelect, Statement, Value};
use uuid::Uuid;

use super::{count, time};
use crate::{
    domain::{
        background::Status,
        ids::{ApiTokenId, BackgroundId, TenantId, UserId},
    },
    store::{Error, Page, Paged, Result, Store, purge::first_id_at},
};
use entity::background_request::{Column, Entity};

/// A request as its caller sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BackgroundRow {
    /// The request.
    pub id: BackgroundId,
    /// Whose.
    pub tenant_id: TenantId,
    /// Who sent it.
    pub user_id: Option<UserId>,
    /// With which token.
    pub token_id: Option<ApiTokenId>,
    /// Where it is.
    pub status: Status,
    /// GET and so on.
    pub method: String,
    /// As the caller wrote it; empty once it is erased.
    pub original_uri: String,
    /// Prefix of the upstream; none: a resource of our own.
    pub upstream: Option<String>,
    /// As in the header; empty once it is erased.
    pub webhook_address: String,
    /// Headers of the notification, JSON.
    pub notify_pairs: Option<String>,
    /// The caller's own reference.
    pub reference: Option<String>,
    /// When it came.
    pub received_at: Timestamp,
    /// When it was last claimed.
    pub started_at: Option<Timestamp>,
    /// When it ended.
    pub finished_at: Option<Timestamp>,
    /// Of the answer; 0 where there is none.
    pub status_code: u16,
    /// Why there is no answer.
    pub error: Option<String>,
    /// Of the answer, as a JSON object.
    pub response_headers: Option<String>,
    /// Of the answer.
    pub content_type: Option<String>,
    /// Whether the request has a body.
    pub has_request: bool,
    /// Whether the answer has a body.
    pub has_response: bool,
    /// Parts of the answer's body; 0: it is in the row, see [`Store::background_response`].
    pub response_chunks: u32,
    /// How often it was claimed.
    pub attempts: u32,
    /// When its answer was erased: the time for which it is kept is over.
    pub erased_at: Option<Timestamp>,
}

/// Which requests are wanted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct BackgroundFilter {
    /// Only this user's.
    pub user: Option<UserId>,
    /// Only what was sent with this token.
    pub token: Option<ApiTokenId>,
    /// Only these.
    pub status: Option<Status>,
    /// Only what came then or later.
    pub from: Option<Timestamp>,
}

#[derive(FromQueryResult)]
struct Row {
    id: Uuid,
    tenant_id: Uuid,
    user_id: Option<Uuid>,
    token_id: Option<Uuid>,
    status: i16,
    method: String,
    original_uri: String,
    upstream: Option<String>,
    webhook_address: String,
    notify_pairs: Option<String>,
    reference: Option<String>,
    received_at: i64,
    started_at: Option<i64>,
    finished_at: Option<i64>,
    status_code: i32,
    error: Option<String>,
    response_headers: Option<String>,
    content_type: Option<String>,
    has_request: bool,
    has_response: bool,
    response_chunks: i32,
    attempts: i32,
    erased_at: Option<i64>,
}

/// Everything but the bodies.
const SELECT: &str = "SELECT id, tenant_id, user_id, token_id, status, method, original_uri, upstream, webhook_address, \
     notify_pairs, reference, received_at, started_at, finished_at, status_code, error, response_headers, content_type, \
     has_request, has_response, response_chunks, attempts, erased_at FROM background_request WHERE tenant_id = $1";

impl Store {
    /// One request, also an erased one; none where the tenant has no such request.
    pub async fn background(&self, tenant_id: TenantId, id: BackgroundId) -> Result<Option<BackgroundRow>> {
        self.read(move |db| async move {
            let values = vec![Value::from(tenant_id.uuid()), id.uuid().into()];
            let mut rows = select(&db, format!("{SELECT} AND id = $2"), values).await?;
            rows.pop().map(stored).transpose()
        })
        .await
    }

    /// The body of an answer that is small enough for its row, sealed as it was written.
    pub async fn background_response(&self, tenant_id: TenantId, id: BackgroundId) -> Result<Option<Vec<u8>>> {
        self.read(move |db| async move {
            let found: Option<Option<Vec<u8>>> = Entity::find_by_id((tenant_id.uuid(), id.uuid()))
                .select_only()
                .column(Column::Response)
                .into_tuple()
                .one(&db)
                .await?;
            Ok(found.flatten())
        })
        .await
    }

    /// Requests of a tenant, newest first; erased ones are left out.
    ///
    /// # Errors
    /// [`Error::Cursor`].
    pub async fn background_page(
        &self,
        tenant_id: TenantId,
        filter: BackgroundFilter,
        page: &Page,
    ) -> Result<Paged<BackgroundRow>> {
        let page = page.clone();
        self.read(move |db| async move {
            let (sql, values) = listed(tenant_id, filter, page.after_id()?, page.fetch());
            let rows = select(&db, sql, values).await?;
            Paged::new(rows, &page, |row| row.id).try_map(stored)
        })
        .await
    }
}

/// The statement of a list. It says the words of the partial indexes, so that a rare status is found without reading
/// through all the others.
pub(in crate::store) fn listed(
    tenant_id: TenantId,
    filter: BackgroundFilter,
    before: Option<Uuid>,
    rows: u64,
) -> (String, Vec<Value>) {
    let mut sql = format!("{SELECT} AND erased_at IS NULL");
    let mut values = vec![Value::from(tenant_id.uuid())];
    let mut add = |text: &str, value: Value| {
        values.push(value);
        sql.push_str(&text.replace("$n", &format!("${}", values.len())));
    };
    add(" AND id < $n", before.unwrap_or(Uuid::max()).into());
    if let Some(from) = filter.from {
        // Ids grow with time, but one may be made a moment before its request counts as received.
        let earliest = from.checked_sub(Duration::from_secs(1)).unwrap_or(Timestamp::MIN);
        add(" AND id >= $n", first_id_at(earliest).into());
        add(" AND received_at >= $n", from.as_microsecond().into());
    }
    let words = match filter.status {
        Some(Status::Queued | Status::Started) => Some(" AND status < 2"),
        Some(Status::Failed | Status::Cancelled) => Some(" AND status > 2"),
        Some(Status::Finished) | None => None,
    };
    if let Some(user) = filter.user {
        // Where an index has the rare status, that of the users must not be taken instead.
        let text = match words {
            Some(_) => " AND (user_id = $n) IS TRUE",
            None => " AND user_id = $n",
        };
        add(text, user.uuid().into());
    }
    if let Some(token) = filter.token {
        add(" AND token_id = $n", token.uuid().into());
    }
    if let Some(status) = filter.status {
        let words = words.unwrap_or_default();
        add(&format!("{words} AND status = $n"), status.code().into());
    }
    add(
        " ORDER BY id DESC LIMIT $n",
        i64::try_from(rows).unwrap_or(i64::MAX).into(),
    );
    (sql, values)
}

async fn select(db: &DatabaseConnection, sql: String, values: Vec<Value>) -> Result<Vec<Row>> {
    let statement = Statement::from_sql_and_values(db.get_database_backend(), sql, values);
    Ok(Row::find_by_statement(statement).all(db).await?)
}

fn stored(row: Row) -> Result<BackgroundRow> {
    let status = Status::from_code(row.status)
        .ok_or_else(|| Error::Content(format!("{} is not a status of requests", row.status)))?;
    Ok(BackgroundRow {
        id: row.id.into(),
        tenant_id: row.tenant_id.into(),
        user_id: row.user_id.map(UserId::from),
        token_id: row.token_id.map(ApiTokenId::from),
        status,
        method: row.method,
        original_uri: row.original_uri,
        upstream: row.upstream,
        webhook_address: row.webhook_address,
        notify_pairs: row.notify_pairs,
        reference: row.reference,
        received_at: time(row.received_at)?,
        started_at: row.started_at.map(time).transpose()?,
        finished_at: row.finished_at.map(time).transpose()?,
        status_code: u16::try_from(row.status_code).unwrap_or_default(),
        error: row.error,
        response_headers: row.response_headers,
        content_type: row.content_type,
        has_request: row.has_request,
        has_response: row.has_response,
        response_chunks: count(row.response_chunks),
        attempts: count(row.attempts),
        erased_at: row.erased_at.map(time).transpose()?,
    })
}
