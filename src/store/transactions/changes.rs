//! Changing transactions in preparation: editing, committing, discarding.

use sea_orm::{
    ActiveValue::Set,
    ColumnTrait, DatabaseTransaction, EntityTrait, QueryFilter, QueryOrder, QuerySelect,
    sea_query::{Expr, ExprTrait},
};
use uuid::Uuid;

use super::{By, ChangeRefused, Changed, number_of, status_of, stored, this};
use crate::{
    domain::{
        ids::{TenantId, TransactionId},
        transaction::{self, EditError, TransactionAction, TransactionStatus},
    },
    store::{Error, Result, Store, audit, expect_version},
};
use entity::{transaction as row, transaction_change as change};

impl Store {
    /// Applies a merge patch (JSON text) to the data of a transaction in preparation, and records the change.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::Stale`].
    pub async fn edit_transaction(
        &self,
        tenant: TenantId,
        id: TransactionId,
        patch: String,
        version: Option<i64>,
        by: By,
        entry: audit::Entry,
    ) -> Result<Changed> {
        let change_id = self.clock().new_id();
        let clock = self.clock().clone();
        self.write(move |txn| {
            Box::pin(async move {
                let found = lock(txn, tenant, id, version).await?;
                let status = status_of(found.status)?;
                let Some(data) = &found.data else {
                    return Ok(Err(ChangeRefused::Erased));
                };
                let edited = match transaction::edit(status, data, &patch) {
                    Ok(edited) => edited,
                    Err(EditError::Transition(refused)) => return Ok(Err(refused.into())),
                    Err(refused) => return Ok(Err(refused.into())),
                };
                row::Entity::update_many()
                    .col_expr(row::Column::Data, Expr::value(edited.after.clone()))
                    .col_expr(row::Column::Version, Expr::value(found.version + 1))
                    .filter(this(tenant, id))
                    .exec(txn)
                    .await?;
                let change = change_row(change_id, tenant, id.uuid(), TransactionAction::Edit, by);
                let change = change::ActiveModel {
                    before: Set(Some(edited.before)),
                    after: Set(Some(edited.after.clone())),
                    ..change
                };
                change::Entity::insert(change).exec_without_returning(txn).await?;
                audit::record(txn, &clock, entry).await?;
                let after = row::Model {
                    data: Some(edited.after),
                    version: found.version + 1,
                    ..found
                };
                stored(after).map(Ok)
            })
        })
        .await
    }

    /// Commits or discards transactions in one database transaction; answers each in the order of `ids`.
    ///
    /// # Errors
    /// [`Error::Stale`] if a version is given and the row has another.
    pub async fn settle_transactions(
        &self,
        tenant: TenantId,
        ids: Vec<TransactionId>,
        action: TransactionAction,
        version: Option<i64>,
        by: By,
        entry: audit::Entry,
    ) -> Result<Vec<(TransactionId, Option<Changed>)>> {
        let change_ids: Vec<Uuid> = ids.iter().map(|_| self.clock().new_id()).collect();
        let clock = self.clock().clone();
        self.write(move |txn| {
            Box::pin(async move {
                let found = lock_all(txn, tenant, &ids).await?;
                let mut answers = Vec::with_capacity(ids.len());
                let mut changes = Vec::new();
                for (id, change_id) in ids.iter().zip(change_ids) {
                    let Some(model) = found.iter().find(|model| model.id == id.uuid()) else {
                        answers.push((*id, None));
                        continue;
                    };
                    expect_version(version, model.version)?;
                    match status_of(model.status)?.after(action) {
                        Err(refused) => answers.push((*id, Some(Err(refused.into())))),
                        Ok(status) => {
                            changes.push(change_row(change_id, tenant, model.id, action, by));
                            let settled = stored(settled(model.clone(), status, by))?;
                            answers.push((*id, Some(Ok(settled))));
                        }
                    }
                }
                if !changes.is_empty() {
                    settle(txn, tenant, &answers, action, by).await?;
                    change::Entity::insert_many(changes).exec_without_returning(txn).await?;
                    audit::record(txn, &clock, entry).await?;
                }
                Ok(answers)
            })
        })
        .await
    }
}

async fn lock(
    txn: &DatabaseTransaction,
    tenant: TenantId,
    id: TransactionId,
    version: Option<i64>,
) -> Result<row::Model> {
    let found = row::Entity::find()
        .filter(this(tenant, id))
        .lock_exclusive()
        .one(txn)
        .await?
        .ok_or(Error::NotFound)?;
    expect_version(version, found.version)?;
    Ok(found)
}

async fn lock_all(txn: &DatabaseTransaction, tenant: TenantId, ids: &[TransactionId]) -> Result<Vec<row::Model>> {
    // By id, so that two that lock the same rows never wait for each other in a circle.
    Ok(row::Entity::find()
        .filter(row::Column::TenantId.eq(tenant.uuid()))
        .filter(row::Column::Id.is_in(ids.iter().map(|id| id.uuid())))
        .order_by_asc(row::Column::Id)
        .lock_exclusive()
        .all(txn)
        .await?)
}

/// Writes the status of those in `answers` that may have it.
async fn settle(
    txn: &DatabaseTransaction,
    tenant: TenantId,
    answers: &[(TransactionId, Option<Changed>)],
    action: TransactionAction,
    by: By,
) -> Result<()> {
    let done = answers
        .iter()
        .filter(|(_, answer)| matches!(answer, Some(Ok(_))))
        .map(|(id, _)| id.uuid());
    let version = row::Column::Version;
    let mut update = row::Entity::update_many().col_expr(version, Expr::col(version).add(1_i64));
    update = match action {
        TransactionAction::Commit => update
            .col_expr(row::Column::Status, Expr::value(number_of(TransactionStatus::Ready)))
            .col_expr(
                row::Column::CommittedBy,
                Expr::value(by.user_id.map(|user| user.uuid())),
            )
            .col_expr(row::Column::CommittedAt, Expr::value(by.at.as_microsecond())),
        TransactionAction::Discard | TransactionAction::Edit => update.col_expr(
            row::Column::Status,
            Expr::value(number_of(TransactionStatus::Discarded)),
        ),
    };
    update
        .filter(row::Column::TenantId.eq(tenant.uuid()))
        .filter(row::Column::Id.is_in(done))
        .exec(txn)
        .await?;
    Ok(())
}

/// The row as it is after [`settle`].
fn settled(mut model: row::Model, status: TransactionStatus, by: By) -> row::Model {
    model.status = number_of(status);
    model.version += 1;
    if status == TransactionStatus::Ready {
        model.committed_by = by.user_id.map(|user| user.uuid());
        model.committed_at = Some(by.at.as_microsecond());
    }
    model
}

fn change_row(id: Uuid, tenant: TenantId, transaction: Uuid, action: TransactionAction, by: By) -> change::ActiveModel {
    let kind = match action {
        TransactionAction::Edit => "edit",
        TransactionAction::Commit => "commit",
        TransactionAction::Discard => "discard",
    };
    change::ActiveModel {
        id: Set(id),
        tenant_id: Set(tenant.uuid()),
        transaction_id: Set(transaction),
        at: Set(by.at.as_microsecond()),
        user_id: Set(by.user_id.map(|user| user.uuid())),
        kind: Set(kind.to_owned()),
        before: Set(None),
        after: Set(None),
    }
}
