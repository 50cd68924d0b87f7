//! For which version of its row an item stands: that in which it was queued, until it is sent in a newer one, or what came of it was
//! written back into the row.

use jiff::Timestamp;
use sea_orm::{
    ColumnTrait, Condition, DatabaseTransaction, EntityTrait, QueryFilter, QueryOrder, QuerySelect, sea_query::Expr,
};

use super::{
    claims::is_still,
    state::{self, Whose},
};
use crate::{
    domain::integration::{QueueItem, QueueItemId},
    store::{Result, Store},
};
use entity::integration_queue::{Column, Entity};

/// What became of an item whose row has a newer version.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TakenOver {
    /// It stands for that version.
    Done,
    /// Another item stands for this version, which is newer than its own.
    Superseded(i64),
    /// It is not on its way any more, or another run has it.
    Lost,
}

impl Store {
    /// An item that is on its way stands for a newer version of its row from now on, unless another item does: to be called before
    /// it is sent so. May be called again where the answer is lost.
    ///
    /// # Errors
    /// [`crate::store::Error::Lease`]: the shard belongs to another process. [`crate::store::Error::NotFound`]: the client integration
    /// is gone.
    pub async fn take_over_version(
        &self,
        whose: Whose,
        item: &QueueItem,
        version: i64,
        updated_on: Timestamp,
        epoch: i64,
    ) -> Result<TakenOver> {
        let item = item.clone();
        self.write(move |transaction| {
            Box::pin(async move {
                state::hold(transaction, whose, epoch).await?;
                let newer: Option<i64> = Entity::find()
                    .select_only()
                    .column(Column::ItemVersion)
                    .filter(of_row(whose, &item.item_id))
                    .filter(Column::Id.ne(item.id.get()))
                    .filter(Column::ItemVersion.gt(item.item_version))
                    .order_by_desc(Column::ItemVersion)
                    .limit(1)
                    .into_tuple()
                    .one(transaction)
                    .await?;
                if let Some(newer) = newer {
                    return Ok(TakenOver::Superseded(newer));
                }
                let changed = Entity::update_many()
                    .col_expr(Column::ItemVersion, Expr::value(version))
                    .col_expr(Column::ItemUpdatedOn, Expr::value(updated_on.as_microsecond()))
                    .filter(is_still(whose, item.id, item.action_log_id, item.attempt))
                    .exec(transaction)
                    .await?;
                Ok(match changed.rows_affected {
                    0 => TakenOver::Lost,
                    _ => TakenOver::Done,
                })
            })
        })
        .await
    }
}

/// An item stands for a version of its row that came of it, unless there is an item of that.
pub(in crate::store) async fn stand_for(
    transaction: &DatabaseTransaction,
    whose: Whose,
    item: QueueItemId,
    row: &str,
    version: i64,
) -> Result<()> {
    let other = Entity::find()
        .filter(of_row(whose, row))
        .filter(Column::ItemVersion.eq(version))
        .one(transaction)
        .await?;
    if other.is_some() {
        return Ok(());
    }
    Entity::update_many()
        .col_expr(Column::ItemVersion, Expr::value(version))
        .filter(Column::TenantId.eq(whose.tenant_id.uuid()))
        .filter(Column::Id.eq(item.get()))
        .exec(transaction)
        .await?;
    Ok(())
}

/// All items of a row.
fn of_row(whose: Whose, row: &str) -> Condition {
    Condition::all()
        .add(Column::ClientIntegrationId.eq(whose.id.get()))
        .add(Column::TenantId.eq(whose.tenant_id.uuid()))
        .add(Column::ItemId.eq(row))
}
