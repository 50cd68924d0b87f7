//! Transactions that an integration brings: those whose identifiers are new in its client integration.

use std::{collections::HashSet, sync::Arc};

use jiff::Timestamp;
use sea_orm::{
    ActiveModelTrait, ColumnTrait, DatabaseTransaction, EntityTrait, QueryFilter, QuerySelect, sea_query::OnConflict,
};
use uuid::Uuid;

use super::{IDENTIFIERS_PER_QUERY, number_of, row};
use crate::{
    domain::{
        ids::{TenantId, TransactionId},
        transaction::{NewTransaction, TransactionStatus},
    },
    store::{Error, Result, Store},
};

/// Rows that one statement inserts: databases take a limited number of values.
const ROWS_PER_STATEMENT: usize = 200;
/// How often it is tried again when somebody else made the same ones meanwhile (PostgreSQL only).
const REPEATS_MAX: u32 = 3;

impl Store {
    /// Creates those whose identifiers are new in `owner`, in one transaction; gives these, in their order.
    pub async fn take_transactions(
        &self,
        tenant: TenantId,
        owner: Uuid,
        new: Vec<NewTransaction>,
        at: Timestamp,
    ) -> Result<Vec<TransactionId>> {
        let new: Arc<[NewTransaction]> = new.into();
        let mut tries = 0;
        loop {
            let own = new.clone();
            let taken = self.write(move |txn| Box::pin(async move { take(txn, tenant, owner, &own, at).await }));
            match taken.await {
                Err(Error::Unique(_)) if tries < REPEATS_MAX => tries += 1,
                done => return done,
            }
        }
    }
}

async fn take(
    txn: &DatabaseTransaction,
    tenant: TenantId,
    owner: Uuid,
    new: &[NewTransaction],
    at: Timestamp,
) -> Result<Vec<TransactionId>> {
    let mut known: HashSet<String> = HashSet::new();
    for part in new.chunks(IDENTIFIERS_PER_QUERY) {
        let found: Vec<String> = row::Entity::find()
            .select_only()
            .column(row::Column::Identifier)
            .filter(row::Column::OwnerId.eq(owner))
            .filter(row::Column::Identifier.is_in(part.iter().map(|new| new.identifier.as_str())))
            .into_tuple()
            .all(txn)
            .await?;
        known.extend(found);
    }
    let mut created = Vec::new();
    let mut rows = Vec::new();
    for new in new {
        if !known.insert(new.identifier.clone()) {
            continue;
        }
        created.push(new.id);
        let model: row::ActiveModel = row::Model {
            id: new.id.uuid(),
            tenant_id: tenant.uuid(),
            owner_id: owner,
            identifier: new.identifier.clone(),
            status: number_of(TransactionStatus::Ready),
            data: Some(new.data.clone()),
            call_api_id: None,
            run_id: None,
            created_by: None,
            created_at: at.as_microsecond(),
            committed_by: None,
            committed_at: None,
            version: 1,
        }
        .into();
        rows.push(model.reset_all());
    }
    for part in rows.chunks(ROWS_PER_STATEMENT) {
        let existing = OnConflict::columns([row::Column::OwnerId, row::Column::Identifier])
            .do_nothing()
            .to_owned();
        let inserted = row::Entity::insert_many(part.to_vec())
            .on_conflict(existing)
            .exec_without_returning(txn)
            .await?;
        if inserted != part.len() as u64 {
            return Err(Error::Unique("transaction".to_owned()));
        }
    }
    Ok(created)
}
