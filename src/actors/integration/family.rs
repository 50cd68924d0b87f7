//! The family of client integrations: which rows have an actor, and the way to one for those who want an item processed now.

use std::sync::Arc;

use futures_util::future::BoxFuture;
use tokio::sync::oneshot;
use uuid::Uuid;

use super::actor::{ExecuteItem, IntegrationActor};
use crate::{
    actors::{
        observed::KIND_CLIENT_INTEGRATION,
        registry::{
            RegistryHandle,
            family::{Family, MemberRow, MemberRows},
        },
        services::Services,
    },
    domain::{ids::TenantId, integration::QueueItemId},
    error::{Code, Error, Result},
    store::Store,
};

/// The rows of client integrations that should have an actor: enabled, of an active integration, consented to.
pub struct ClientIntegrationRows(pub Store);

impl MemberRows for ClientIntegrationRows {
    fn page(&self, after: Option<Uuid>, limit: u64) -> BoxFuture<'_, Result<Vec<MemberRow>>> {
        Box::pin(async move {
            let rows = self.0.client_integration_rows_page(after, limit).await?;
            Ok(rows.into_iter().map(MemberRow::from).collect())
        })
    }

    fn one(&self, tenant: TenantId, id: Uuid) -> BoxFuture<'_, Result<Option<MemberRow>>> {
        Box::pin(async move {
            let row = self.0.client_integration_row(tenant, id).await?;
            Ok(row.map(MemberRow::from))
        })
    }
}

/// How the actors of client integrations are started.
pub fn family(services: &Arc<Services>) -> Family {
    let rows = Arc::new(ClientIntegrationRows(services.store.clone()));
    let services = services.clone();
    Family::new(KIND_CLIENT_INTEGRATION, rows, move |member| {
        IntegrationActor::new(services.clone(), member)
    })
}

/// Whether a client integration runs: its items are processed.
///
/// # Errors
/// The registry does not answer.
pub async fn runs(registry: &RegistryHandle, tenant: TenantId, uuid: Uuid) -> Result<bool> {
    let actor = registry.member::<IntegrationActor>(KIND_CLIENT_INTEGRATION, tenant, uuid);
    Ok(actor.await?.is_some())
}

/// Processes an item now, before others of its client integration. What is given is answered when what became of it is stored.
///
/// # Errors
/// [`Code::WrongState`]: the client integration does not run.
pub async fn execute_item(
    registry: &RegistryHandle,
    tenant: TenantId,
    uuid: Uuid,
    item: QueueItemId,
) -> Result<oneshot::Receiver<()>> {
    let actor = registry.member::<IntegrationActor>(KIND_CLIENT_INTEGRATION, tenant, uuid);
    let actor = actor.await?.ok_or_else(does_not_run)?;
    let (done, answer) = oneshot::channel();
    actor
        .send(ExecuteItem { item, done })
        .await
        .map_err(|_| does_not_run())??;
    Ok(answer)
}

/// Why nothing is processed.
#[must_use]
pub fn does_not_run() -> Error {
    Error::new(
        Code::WrongState,
        "The integration does not run for this client: it is not enabled, not active, has no action, or its consent is missing. \
         Look at the client integration, then ask again.",
    )
}
