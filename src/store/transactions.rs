//! Transactions: reading them and their changes, creating them by hand. Changing them is in `changes`, those that
//! integrations bring are in `taken`. (Runs create theirs through the ledger.)

use jiff::Timestamp;
use sea_orm::{ActiveModelTrait, ColumnTrait, Condition, EntityTrait, QueryFilter, QueryOrder, QuerySelect};
use uuid::Uuid;

use super::{Error, Page, Paged, Result, Store, audit, call_apis::time};
use crate::domain::{
    ids::{CallApiId, RunId, TenantId, TransactionId, UserId},
    transaction::{EditError, NewTransaction, TransactionStatus, TransitionError},
};
use entity::{transaction as row, transaction_change as change};

mod changes;
mod taken;

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
