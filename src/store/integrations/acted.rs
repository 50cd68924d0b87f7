//! What actions ask of the queue.

use jiff::Timestamp;
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect};

use crate::{
    domain::{
        ids::TenantId,
        integration::{ClientIntegrationId, QueueState},
    },
    store::{Result, Store, tenants::timestamp},
};
use entity::integration_queue::{Column, Entity};

impl Store {
    /// When the row of the latest completed item of a client integration was updated: of one that fetches, its due time.
    pub async fn last_completed(&self, tenant: TenantId, id: ClientIntegrationId) -> Result<Option<Timestamp>> {
        self.read(move |db| async move {
            let latest: Option<i64> = Entity::find()
                .select_only()
                .column(Column::ItemUpdatedOn)
                .filter(Column::TenantId.eq(tenant.uuid()))
                .filter(Column::ClientIntegrationId.eq(id.get()))
                .filter(Column::State.eq(QueueState::Completed.as_str()))
                .order_by_desc(Column::ItemUpdatedOn)
                .limit(1)
                .into_tuple()
                .one(&db)
                .await?;
            latest.map(timestamp).transpose()
        })
        .await
    }
}
