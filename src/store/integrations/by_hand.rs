//! What a person does with an item of the queue.

use sea_orm::{
    ActiveValue::{NotSet, Set},
    ColumnTrait, Condition, DatabaseTransaction, EntityTrait, QueryFilter, QuerySelect,
};
use uuid::Uuid;

use super::queue::{item, open_again_where, opened};
use crate::{
    domain::{
        ids::TenantId,
        integration::{QueueItem, QueueItemId, QueueState},
    },
    store::{
        Error, Result, Store,
        audit::{self, Entry},
    },
};
use entity::{
    client_integration,
    integration_queue::{ActiveModel, Column, Entity},
};

/// What a person wants of an item.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ByHand {
    /// It is processed again, from the first attempt on; one that was completed, under another key.
    Retry,
    /// It is not processed any more.
    Cancel,
    /// It is processed now; one that is finished, as with [`ByHand::Retry`].
    Execute,
}

impl ByHand {
    /// Whether that can be done to an item that stands so.
    #[must_use]
    pub const fn is_possible(self, state: QueueState) -> bool {
        match self {
            Self::Retry | Self::Execute => !matches!(state, QueueState::Processing),
            Self::Cancel => matches!(state, QueueState::Pending | QueueState::Failed),
        }
    }
}

impl Store {
    /// An item of a tenant, with the id of the actor that processes it.
    pub async fn queue_item(&self, tenant_id: TenantId, id: QueueItemId) -> Result<Option<(QueueItem, Uuid)>> {
        self.read(move |db| async move {
            let found = Entity::find().filter(is(tenant_id, id)).one(&db).await?;
            let Some(found) = found else { return Ok(None) };
            let client = client_integration::Entity::find_by_id(found.client_integration_id)
                .filter(client_integration::Column::TenantId.eq(tenant_id.uuid()))
                .one(&db)
                .await?;
            let uuid = client.map_or(Uuid::nil(), |client| client.uuid);
            Ok(Some((item(found)?, uuid)))
        })
        .await
    }

    /// Does what a person wants of an item; how it stood before where that is not possible, and nothing is written.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub async fn change_queue_item(
        &self,
        tenant_id: TenantId,
        id: QueueItemId,
        what: ByHand,
        entry: Entry,
    ) -> Result<std::result::Result<(), QueueState>> {
        let clock = self.clock().clone();
        self.write(move |transaction| {
            Box::pin(async move {
                let found = lock(transaction, tenant_id, id).await?;
                if !what.is_possible(found.state) {
                    return Ok(Err(found.state));
                }
                let now = clock.now_us();
                let change = match what {
                    // Its due time stays: the actor begins it since it is told to, and a run that is going does not begin it as well
                    // because it is due.
                    ByHand::Execute if matches!(found.state, QueueState::Pending | QueueState::Failed) => {
                        Entity::update_many().set(ActiveModel {
                            attempt: Set(found.attempt.into()),
                            due_at: NotSet,
                            ..opened(now)
                        })
                    }
                    ByHand::Retry | ByHand::Execute => open_again_where(now),
                    ByHand::Cancel => Entity::update_many().set(ActiveModel {
                        state: Set(QueueState::Cancelled.as_str().to_owned()),
                        result: Set(Some("Cancelled by a person.".to_owned())),
                        updated_at: Set(now),
                        ..Default::default()
                    }),
                };
                change.filter(is(tenant_id, id)).exec(transaction).await?;
                audit::record(transaction, &clock, entry).await?;
                Ok(Ok(()))
            })
        })
        .await
    }
}

async fn lock(transaction: &DatabaseTransaction, tenant_id: TenantId, id: QueueItemId) -> Result<QueueItem> {
    let found = Entity::find()
        .filter(is(tenant_id, id))
        .lock_exclusive()
        .one(transaction)
        .await?;
    item(found.ok_or(Error::NotFound)?)
}

fn is(tenant_id: TenantId, id: QueueItemId) -> Condition {
    Condition::all()
        .add(Column::Id.eq(id.get()))
        .add(Column::TenantId.eq(tenant_id.uuid()))
}
