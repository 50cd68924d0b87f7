//! Owns the answers that are kept for repeated POSTs. Bodies are sealed: an answer may hold a new token.

use sea_orm::{ActiveValue::Set, ColumnTrait, DatabaseTransaction, EntityTrait, QueryFilter, sea_query::OnConflict};

use super::{Error, Result, Store};
use crate::domain::ids::{TenantId, UserId};
use entity::idempotency_key::{ActiveModel, Column, Entity, Model};

/// How long an answer is kept, microseconds.
pub const KEPT_US: i64 = 24 * 3_600 * 1_000_000;
/// A request that has no answer after this was lost in a crash, microseconds.
pub const RUNNING_US_MAX: i64 = 60 * 1_000_000;
/// How often a key is looked at whose row changes under the look.
const LOOKS_MAX: u32 = 5;

/// Whose key it is.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Key {
    /// Tenant.
    pub tenant_id: TenantId,
    /// User.
    pub user_id: UserId,
    /// The header's value.
    pub key: String,
}

/// An answer as it is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// HTTP status.
    pub status: u16,
    /// JSON of name-value pairs.
    pub headers: String,
    /// Sealed.
    pub body: Vec<u8>,
}

/// What is known about a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Begun {
    /// Nothing: the request is to be run, and its answer kept.
    Run,
    /// The first request still runs.
    Running,
    /// The answer of the first request.
    Answered(Answer),
    /// The key was used with another request.
    Other,
}

impl Store {
    /// Takes the key for this request, if it is free.
    pub async fn begin_idempotent(&self, key: Key, request_hash: [u8; 32]) -> Result<Begun> {
        let now = self.clock().now_us();
        self.write(move |transaction| {
            Box::pin(async move {
                let row = ActiveModel {
                    tenant_id: Set(key.tenant_id.uuid()),
                    user_id: Set(key.user_id.uuid()),
                    key: Set(key.key.clone()),
                    request_hash: Set(request_hash.to_vec()),
                    status: Set(None),
                    headers: Set(None),
                    body: Set(None),
                    created_at: Set(now),
                };
                for _ in 0..LOOKS_MAX {
                    if let Some(begun) = look(transaction, &key, &row, request_hash, now).await? {
                        return Ok(begun);
                    }
                }
                Ok(Begun::Running)
            })
        })
        .await
    }

    /// Keeps the answer of a request that has run.
    pub async fn keep_answer(&self, key: Key, answer: Answer) -> Result<()> {
        self.write(move |transaction| {
            Box::pin(async move {
                Entity::update_many()
                    .set(ActiveModel {
                        status: Set(Some(i32::from(answer.status))),
                        headers: Set(Some(answer.headers)),
                        body: Set(Some(answer.body)),
                        ..Default::default()
                    })
                    .filter(is(&key))
                    .exec(transaction)
                    .await?;
                Ok(())
            })
        })
        .await
    }

    /// Frees a key whose request failed through no fault of the caller.
    pub async fn free_key(&self, key: Key) -> Result<()> {
        self.write(move |transaction| {
            Box::pin(async move {
                Entity::delete_many().filter(is(&key)).exec(transaction).await?;
                Ok(())
            })
        })
        .await
    }
}

/// Takes the key, or says whose it is. None: a purge or another request changed the row between the statements (only
/// PostgreSQL lets them), so what was seen holds no more.
async fn look(
    transaction: &DatabaseTransaction,
    key: &Key,
    row: &ActiveModel,
    request_hash: [u8; 32],
    now: i64,
) -> Result<Option<Begun>> {
    let taken = Entity::insert(row.clone())
        .on_conflict(
            OnConflict::columns([Column::TenantId, Column::UserId, Column::Key])
                .do_nothing()
                .to_owned(),
        )
        .exec_without_returning(transaction)
        .await?;
    if taken == 1 {
        return Ok(Some(Begun::Run));
    }
    let Some(found) = of(transaction, key).await? else {
        return Ok(None);
    };
    if is_free(&found, now) {
        let taken = take_over(transaction, key, found.created_at, row.clone()).await?;
        return Ok(taken.then_some(Begun::Run));
    }
    Ok(Some(match found {
        found if found.request_hash != request_hash => Begun::Other,
        Model {
            status: Some(status),
            headers,
            body,
            ..
        } => Begun::Answered(Answer {
            status: u16::try_from(status).map_err(|_| Error::Content(format!("status {status}")))?,
            headers: headers.unwrap_or_default(),
            body: body.unwrap_or_default(),
        }),
        _ => Begun::Running,
    }))
}

fn is_free(found: &Model, now: i64) -> bool {
    let age = now - found.created_at;
    age > KEPT_US || (found.status.is_none() && age > RUNNING_US_MAX)
}

async fn take_over(
    transaction: &DatabaseTransaction,
    key: &Key,
    created_at_before: i64,
    mut row: ActiveModel,
) -> Result<bool> {
    row.tenant_id = sea_orm::ActiveValue::NotSet;
    row.user_id = sea_orm::ActiveValue::NotSet;
    row.key = sea_orm::ActiveValue::NotSet;
    let written = Entity::update_many()
        .set(row)
        .filter(is(key))
        .filter(Column::CreatedAt.eq(created_at_before))
        .exec(transaction)
        .await?;
    Ok(written.rows_affected == 1)
}

async fn of(transaction: &DatabaseTransaction, key: &Key) -> Result<Option<Model>> {
    Ok(Entity::find().filter(is(key)).one(transaction).await?)
}

fn is(key: &Key) -> sea_orm::Condition {
    sea_orm::Condition::all()
        .add(Column::TenantId.eq(key.tenant_id.uuid()))
        .add(Column::UserId.eq(key.user_id.uuid()))
        .add(Column::Key.eq(key.key.as_str()))
}
