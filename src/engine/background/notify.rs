//! What background requests need of the webhooks: whether anybody would be told, and who is told of a cancel.

use crate::{
    actors::delivery::notify::{Ended, deliveries_for},
    domain::{background::Status, delivery::BACKGROUND_FINISHED, ids::TenantId},
    engine::Engine,
    error::Result,
    store::{background::BackgroundRow, deliveries::NewDelivery},
};

/// Whether the tenant has a webhook subscription that is enabled for the end of background requests; asked of a cache.
pub(super) async fn is_subscribed(engine: &Engine, tenant_id: TenantId) -> Result<bool> {
    let targets = engine.services().targets.of(tenant_id).await?;
    Ok(targets
        .subscriptions
        .iter()
        .any(|target| target.hears(BACKGROUND_FINISHED)))
}

/// The notifications of a request that is cancelled; `base_url` is where links began for who cancels it.
pub(super) async fn of_cancelled(engine: &Engine, row: &BackgroundRow, base_url: &str) -> Result<Vec<NewDelivery>> {
    let ended = Ended {
        tenant_id: row.tenant_id,
        background_id: row.id,
        webhook_address: &row.webhook_address,
        notify_pairs: row.notify_pairs.as_deref(),
        reference: row.reference.as_deref(),
        status: Status::Cancelled,
        status_code: 0,
        base_url,
        has_response: false,
    };
    deliveries_for(engine.services(), &ended).await
}
