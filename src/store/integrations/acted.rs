//! What actions ask of the queue.

use jiff::Timestamp;
use sea_orm::{ConnectionTrait, Statement, Value};

use crate::{
    domain::{ids::TenantId, integration::ClientIntegrationId},
    store::{Result, Store, tenants::timestamp},
};

/// Read backwards along an index, as far as the first that is completed.
pub(in crate::store) const LAST_COMPLETED: &str = "SELECT item_updated_on FROM integration_queue \
     WHERE client_integration_id = $1 AND tenant_id = $2 AND state = 'Completed' \
     ORDER BY client_integration_id DESC, id DESC LIMIT 1";

impl Store {
    /// When the row of the latest completed item of a client integration was updated: of one that fetches, its due time. Those are
    /// queued in the order of their due times, so the latest has the highest number.
    pub async fn last_completed(&self, tenant: TenantId, id: ClientIntegrationId) -> Result<Option<Timestamp>> {
        self.read(move |db| async move {
            let values = [Value::from(id.get()), tenant.uuid().into()];
            let latest = Statement::from_sql_and_values(db.get_database_backend(), LAST_COMPLETED, values);
            let Some(row) = db.query_one_raw(latest).await? else {
                return Ok(None);
            };
            timestamp(row.try_get("", "item_updated_on")?).map(Some)
        })
        .await
    }
}
