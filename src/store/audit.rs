//! Owns the audit log: one row for each change, written in the transaction of the change.

use jiff::Timestamp;
use sea_orm::{
    ActiveValue::Set, ColumnTrait, DatabaseTransaction, EntityTrait, QueryFilter, QueryOrder, QuerySelect, QueryTrait,
};
use serde_json::Value;
use uuid::Uuid;

use super::{Error, Page, Paged, Result, Store};
use crate::{
    clock::Clock,
    domain::ids::{ApiTokenId, AuditId, TenantId, UserId},
};
use entity::audit_log::{ActiveModel, Column, Entity, Model};

/// What is to be recorded. `before` and `after` must hold no secrets.
#[derive(Clone, Debug)]
pub struct Entry {
    /// Where it happened.
    pub tenant_id: TenantId,
    /// Who did it.
    pub user_id: Option<UserId>,
    /// With which token.
    pub token_id: Option<ApiTokenId>,
    /// For example `call_api.update`.
    pub action: &'static str,
    /// For example `call_api`.
    pub resource_kind: &'static str,
    /// Which one.
    pub resource_id: Option<String>,
    /// How it was.
    pub before: Option<Value>,
    /// How it is.
    pub after: Option<Value>,
    /// Request id.
    pub request_id: Option<String>,
}

impl Entry {
    /// What the engine did by itself to a thing of this kind.
    #[must_use]
    pub fn of_engine(
        tenant_id: TenantId,
        action: &'static str,
        (resource_kind, id): (&'static str, impl ToString),
        (before, after): (Option<Value>, Option<Value>),
    ) -> Self {
        Self {
            tenant_id,
            user_id: None,
            token_id: None,
            action,
            resource_kind,
            resource_id: Some(id.to_string()),
            before,
            after,
            request_id: None,
        }
    }
}

/// A recorded change.
#[derive(Clone, Debug)]
#[expect(missing_docs, reason = "the members are those of Entry")]
pub struct Recorded {
    pub id: AuditId,
    pub at: Timestamp,
    pub user_id: Option<UserId>,
    pub token_id: Option<ApiTokenId>,
    pub action: String,
    pub resource_kind: String,
    pub resource_id: Option<String>,
    pub before: Option<Value>,
    pub after: Option<Value>,
    pub request_id: Option<String>,
}

/// Which rows of the log are wanted.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    /// Only this kind of thing.
    pub resource_kind: Option<String>,
    /// Only this thing.
    pub resource_id: Option<String>,
    /// Only what this user did.
    pub user_id: Option<UserId>,
    /// Only what happened at or after this.
    pub after: Option<Timestamp>,
    /// Only what happened before this.
    pub before: Option<Timestamp>,
}

/// Records a change, in its own transaction.
pub(crate) async fn record(transaction: &DatabaseTransaction, clock: &Clock, entry: Entry) -> Result<()> {
    let row = ActiveModel {
        id: Set(clock.new_id()),
        tenant_id: Set(entry.tenant_id.uuid()),
        at: Set(clock.now_us()),
        user_id: Set(entry.user_id.map(Uuid::from)),
        token_id: Set(entry.token_id.map(Uuid::from)),
        action: Set(entry.action.to_owned()),
        resource_kind: Set(entry.resource_kind.to_owned()),
        resource_id: Set(entry.resource_id),
        before: Set(entry.before.map(|value| value.to_string())),
        after: Set(entry.after.map(|value| value.to_string())),
        request_id: Set(entry.request_id),
    };
    Entity::insert(row).exec_without_returning(transaction).await?;
    Ok(())
}

impl Store {
    /// Records something that changed no row, such as a check of credentials.
    pub async fn record_audit(&self, entry: Entry) -> Result<()> {
        let clock = self.clock().clone();
        self.write(move |transaction| Box::pin(async move { record(transaction, &clock, entry).await }))
            .await
    }

    /// The log of a tenant, newest first.
    pub async fn audit_log(&self, tenant_id: TenantId, filter: Filter, page: Page) -> Result<Paged<Recorded>> {
        self.read(move |db| async move {
            let rows = Entity::find()
                .filter(Column::TenantId.eq(tenant_id.uuid()))
                .apply_if(page.after_id()?, |query, id| query.filter(Column::Id.lt(id)))
                .apply_if(filter.resource_kind, |query, kind| {
                    query.filter(Column::ResourceKind.eq(kind))
                })
                .apply_if(filter.resource_id, |query, id| query.filter(Column::ResourceId.eq(id)))
                .apply_if(filter.user_id, |query, id| query.filter(Column::UserId.eq(id.uuid())))
                .apply_if(filter.after, |query, at| {
                    query.filter(Column::At.gte(at.as_microsecond()))
                })
                .apply_if(filter.before, |query, at| {
                    query.filter(Column::At.lt(at.as_microsecond()))
                })
                .order_by_desc(Column::Id)
                .limit(page.fetch())
                .all(&db)
                .await?;
            Paged::new(rows, &page, |row| row.id).try_map(recorded)
        })
        .await
    }
}

fn recorded(row: Model) -> Result<Recorded> {
    let json = |text: Option<String>| text.map(|text| serde_json::from_str(&text)).transpose();
    let content = |error: serde_json::Error| Error::Content(format!("audit row {}: {error}", row.id));
    Ok(Recorded {
        id: row.id.into(),
        at: Timestamp::from_microsecond(row.at).map_err(|error| Error::Content(error.to_string()))?,
        user_id: row.user_id.map(Into::into),
        token_id: row.token_id.map(Into::into),
        action: row.action,
        resource_kind: row.resource_kind,
        resource_id: row.resource_id,
        before: json(row.before).map_err(content)?,
        after: json(row.after).map_err(content)?,
        request_id: row.request_id,
    })
}
