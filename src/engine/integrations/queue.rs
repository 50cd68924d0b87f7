//! What people do with items of the queue: retry, cancel, execute.

use std::time::Duration;

use serde_json::{Value, json};

use super::ActionAnswer;
use crate::{
    actors::{
        integration::{does_not_run, execute_item, runs},
        observed::KIND_CLIENT_INTEGRATION,
    },
    domain::{
        integration::{QueueItem, QueueItemId},
        rights::Right,
    },
    engine::{Engine, caller::Caller, refusal::tell},
    error::{Code, Error, Result},
    store::integrations::ByHand,
};

/// Longest wait for the end of an item; shorter than what proxies and clients wait for an answer.
const END_WAIT_MAX: Duration = Duration::from_secs(25);

/// A bound action of an item: `Retry`, `Cancel` or `Execute`. After `Execute` the item is as it stands when it was processed, or, where
/// that takes long, on its way.
///
/// # Errors
/// Without `integrations.manage`; `not_found`: the item, or the action; `wrong_state`: the item does not allow it as it stands, or is not
/// processed for this client.
pub(super) async fn act(
    engine: &Engine,
    caller: &Caller,
    key: i64,
    action: &str,
    _body: &Value,
) -> Result<ActionAnswer> {
    caller.require(Right::IntegrationsManage)?;
    let what = match action {
        "Retry" => ByHand::Retry,
        "Cancel" => ByHand::Cancel,
        "Execute" => ByHand::Execute,
        other => {
            let message = format!("Items of the queue have no action {other:?}; there are Retry, Cancel and Execute.");
            return Err(Error::new(Code::NotFound, message));
        }
    };
    let id = QueueItemId::from(key);
    let tenant = caller.tenant_id;
    let found = engine.store().queue_item(tenant, id).await?;
    let (item, uuid) = found.ok_or_else(|| Error::not_found("queue item", id))?;
    if what == ByHand::Execute && !runs(engine.registry(), tenant, uuid).await? {
        return Err(does_not_run());
    }
    let entry = caller.audit(
        match what {
            ByHand::Retry => "integration_queue.retry",
            ByHand::Cancel => "integration_queue.cancel",
            ByHand::Execute => "integration_queue.execute",
        },
        "integration_queue",
        id,
        Some(shown(&item)),
        None,
    );
    let changed = engine.store().change_queue_item(tenant, id, what, entry).await?;
    changed.map_err(|state| {
        let message = match what {
            ByHand::Cancel => format!("The item {id} is {state}: only one that is Pending or Failed can be cancelled."),
            ByHand::Retry | ByHand::Execute => {
                format!("The item {id} is {state}: wait until it has been processed, then ask again.")
            }
        };
        Error::new(Code::WrongState, message)
    })?;
    match what {
        ByHand::Cancel => {}
        ByHand::Retry => tell(engine, caller, KIND_CLIENT_INTEGRATION, uuid).await,
        ByHand::Execute => {
            let ended = execute_item(engine.registry(), tenant, uuid, id).await?;
            // It is shown as it stands, whether it has ended or not.
            let _ = tokio::time::timeout(END_WAIT_MAX, ended).await;
        }
    }
    Ok(ActionAnswer::Entity)
}

/// For the audit log.
fn shown(item: &QueueItem) -> Value {
    json!({
        "clientIntegrationId": item.client_integration_id,
        "itemId": item.item_id,
        "state": item.state,
        "attempt": item.attempt,
    })
}
