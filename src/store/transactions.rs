//! Transactions: reading them and their changes, creating them by hand, editing, committing and discarding them. (Runs
//! create theirs through the ledger.)

use jiff::Timestamp;
use sea_orm::{
    ActiveModelTrait,
    ActiveValue::Set,
    ColumnTrait, Condition, DatabaseTransaction, EntityTrait, QueryFilter, QueryOrder, QuerySelect,
    sea_query::{Expr, ExprTrait},
};
use uuid::Uuid;

use super::{Error, Page, Paged, Result, Store, audit, call_apis::time};
use crate::domain::{
    ids::{CallApiId, RunId, TenantId, TransactionId, UserId},
    transaction::{self, EditError, NewTransaction, TransactionAction, TransactionStatus, TransitionError},
};
use entity::{transaction as row, transaction_change as change};

/// Identifiers looked up by one query.
const IDENTIFIERS_PER_QUERY: usize = 500;

/// A transaction as it is stored.
#[derive(Clone, Debug)]
pub struct StoredTransaction {
    /// Id.
    pub id: TransactionId,
    /// Where it stands.
    pub status: TransactionStatus,
    /// Unique in its call, or among those made by hand.
    pub identifier: String,
    /// The call that created it; none if made by hand.
    pub call_api_id: Option<CallApiId>,
    /// The run that created it; none if made by hand.
    pub run_id: Option<RunId>,
    /// The run-as user, or who posted it.
    pub created_by: Option<UserId>,
    /// When.
    pub created_at: Timestamp,
    /// Who committed it.
    pub committed_by: Option<UserId>,
    /// When.
    pub committed_at: Option<Timestamp>,
    /// JSON object as text; none once it is purged.
    pub data: Option<String>,
    /// Grows by one with each change.
    pub version: i64,
}

/// One change of a transaction.
#[derive(Clone, Debug)]
pub struct StoredChange {
    /// Id.
    pub id: Uuid,
    /// When.
    pub at: Timestamp,
    /// Who.
    pub user_id: Option<UserId>,
    /// `edit`, `commit` or `discard`.
    pub kind: String,
    /// JSON text: the data before an edit.
    pub before: Option<String>,
    /// JSON text: the data after an edit.
    pub after: Option<String>,
}

/// Which transactions a list shows; everything that is given must fit.
#[derive(Clone, Debug, Default)]
pub struct TransactionFilter {
    /// Where they stand.
    pub status: Option<TransactionStatus>,
    /// Created by this call.
    pub call_api_id: Option<CallApiId>,
    /// With exactly this identifier.
    pub identifier: Option<String>,
    /// Created after this time.
    pub after: Option<Timestamp>,
    /// Created before this time.
    pub before: Option<Timestamp>,
}

/// Why a change of a transaction was not made.
#[derive(Debug, thiserror::Error)]
pub enum ChangeRefused {
    /// Its status does not allow it.
    #[error(transparent)]
    Transition(#[from] TransitionError),
    /// The patch does not lead to acceptable data.
    #[error(transparent)]
    Edit(#[from] EditError),
    /// The data was erased when its time was up.
    #[error("the data of this transaction was erased when its retention time was over")]
    Erased,
}

/// A change that was made, or why not.
pub type Changed = std::result::Result<StoredTransaction, ChangeRefused>;

/// Who changes transactions, and when.
#[derive(Clone, Copy, Debug)]
pub struct By {
    /// Who; none where a library user does it.
    pub user_id: Option<UserId>,
    /// When.
    pub at: Timestamp,
}

impl Store {
    /// The transactions of a tenant, newest first.
    pub async fn transactions(
        &self,
        tenant: TenantId,
        filter: TransactionFilter,
        page: Page,
    ) -> Result<Paged<StoredTransaction>> {
        self.read(move |db| async move {
            let mut query = row::Entity::find().filter(filter.condition(tenant));
            if let Some(id) = page.after_id()? {
                query = query.filter(row::Column::Id.lt(id));
            }
            let rows = query
                .order_by_desc(row::Column::Id)
                .limit(page.fetch())
                .all(&db)
                .await?;
            Paged::new(rows, &page, |row| row.id).try_map(stored)
        })
        .await
    }

    /// One transaction.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub async fn transaction(&self, tenant: TenantId, id: TransactionId) -> Result<StoredTransaction> {
        self.read(move |db| async move {
            let found = row::Entity::find().filter(this(tenant, id)).one(&db).await?;
            stored(found.ok_or(Error::NotFound)?)
        })
        .await
    }

    /// The changes of a transaction, oldest first.
    pub async fn transaction_changes(
        &self,
        tenant: TenantId,
        id: TransactionId,
        page: Page,
    ) -> Result<Paged<StoredChange>> {
        self.read(move |db| async move {
            let mut query = change::Entity::find()
                .filter(change::Column::TenantId.eq(tenant.uuid()))
                .filter(change::Column::TransactionId.eq(id.uuid()));
            if let Some(after) = page.after_id()? {
                query = query.filter(change::Column::Id.gt(after));
            }
            let rows = query
                .order_by_asc(change::Column::Id)
                .limit(page.fetch())
                .all(&db)
                .await?;
            Paged::new(rows, &page, |row| row.id).try_map(stored_change)
        })
        .await
    }

    /// Which of these identifiers a call has created before.
    pub async fn existing_identifiers(
        &self,
        tenant: TenantId,
        call: CallApiId,
        identifiers: Vec<String>,
    ) -> Result<Vec<String>> {
        self.read(move |db| async move {
            let mut existing = Vec::new();
            for part in identifiers.chunks(IDENTIFIERS_PER_QUERY) {
                let found: Vec<String> = row::Entity::find()
                    .select_only()
                    .column(row::Column::Identifier)
                    .filter(row::Column::TenantId.eq(tenant.uuid()))
                    .filter(row::Column::OwnerId.eq(call.uuid()))
                    .filter(row::Column::Identifier.is_in(part))
                    .into_tuple()
                    .all(&db)
                    .await?;
                existing.extend(found);
            }
            Ok(existing)
        })
        .await
    }

    /// Creates a transaction by hand.
    ///
    /// # Errors
    /// [`Error::Unique`]: one made by hand has this identifier.
    pub async fn create_transaction(
        &self,
        tenant: TenantId,
        new: NewTransaction,
        status: TransactionStatus,
        by: By,
        entry: audit::Entry,
    ) -> Result<StoredTransaction> {
        let model = row::Model {
            id: new.id.uuid(),
            tenant_id: tenant.uuid(),
            owner_id: tenant.uuid(),
            identifier: new.identifier,
            status: number_of(status),
            data: Some(new.data),
            call_api_id: None,
            run_id: None,
            created_by: by.user_id.map(|user| user.uuid()),
            created_at: by.at.as_microsecond(),
            committed_by: None,
            committed_at: None,
            version: 1,
        };
        let active: row::ActiveModel = model.clone().into();
        let clock = self.clock().clone();
        self.write(move |txn| {
            Box::pin(async move {
                row::Entity::insert(active.reset_all())
                    .exec_without_returning(txn)
                    .await?;
                audit::record(txn, &clock, entry).await
            })
        })
        .await?;
        stored(model)
    }

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
                    if version.is_some_and(|version| version != model.version) {
                        return Err(Error::Stale { current: model.version });
                    }
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

impl TransactionFilter {
    fn condition(&self, tenant: TenantId) -> Condition {
        let mut all = Condition::all().add(row::Column::TenantId.eq(tenant.uuid()));
        if let Some(status) = self.status {
            all = all.add(row::Column::Status.eq(number_of(status)));
        }
        if let Some(call) = self.call_api_id {
            // The owner's column has the index.
            all = all.add(row::Column::OwnerId.eq(call.uuid()));
        }
        if let Some(identifier) = &self.identifier {
            all = all.add(row::Column::Identifier.eq(identifier.as_str()));
        }
        if let Some(after) = self.after {
            all = all.add(row::Column::CreatedAt.gt(after.as_microsecond()));
        }
        if let Some(before) = self.before {
            all = all.add(row::Column::CreatedAt.lt(before.as_microsecond()));
        }
        all
    }
}

fn this(tenant: TenantId, id: TransactionId) -> Condition {
    Condition::all()
        .add(row::Column::TenantId.eq(tenant.uuid()))
        .add(row::Column::Id.eq(id.uuid()))
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
    match version {
        Some(version) if version != found.version => Err(Error::Stale { current: found.version }),
        _ => Ok(found),
    }
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

/// The number that stands for a status in the table.
const fn number_of(status: TransactionStatus) -> i16 {
    match status {
        TransactionStatus::Preparation => 0,
        TransactionStatus::Ready => 1,
        TransactionStatus::Discarded => 2,
    }
}

fn status_of(number: i16) -> Result<TransactionStatus> {
    TransactionStatus::ALL
        .into_iter()
        .find(|status| number_of(*status) == number)
        .ok_or_else(|| Error::Content(format!("{number} is not a status of transactions")))
}

fn stored(model: row::Model) -> Result<StoredTransaction> {
    Ok(StoredTransaction {
        id: model.id.into(),
        status: status_of(model.status)?,
        identifier: model.identifier,
        call_api_id: model.call_api_id.map(CallApiId::from),
        run_id: model.run_id.map(RunId::from),
        created_by: model.created_by.map(UserId::from),
        created_at: time(model.created_at)?,
        committed_by: model.committed_by.map(UserId::from),
        committed_at: model.committed_at.map(time).transpose()?,
        data: model.data,
        version: model.version,
    })
}

fn stored_change(model: change::Model) -> Result<StoredChange> {
    Ok(StoredChange {
        id: model.id,
        at: time(model.at)?,
        user_id: model.user_id.map(UserId::from),
        kind: model.kind,
        before: model.before,
        after: model.after,
    })
}
