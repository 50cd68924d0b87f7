//! The family of automations: which rows have an actor, and the way to one for those who want a run.

use std::sync::Arc;

use futures_util::future::BoxFuture;
use tokio::sync::oneshot;
use uuid::Uuid;

use super::actor::{AutomationActor, RunOnce};
use crate::{
    actors::{
        observed::KIND_AUTOMATION,
        registry::{
            RegistryHandle,
            family::{Family, MemberRow, MemberRows},
        },
        services::Services,
    },
    domain::ids::{AutomationId, RunId, TenantId},
    error::{Code, Error, Result},
    store::Store,
};

/// The rows of automations that should have an actor: enabled, of an enabled connection.
pub struct AutomationRows(pub Store);

impl MemberRows for AutomationRows {
    fn page(&self, after: Option<Uuid>, limit: u64) -> BoxFuture<'_, Result<Vec<MemberRow>>> {
        Box::pin(async move {
            let rows = self
                .0
                .automation_rows_page(after.map(AutomationId::from), limit)
                .await?;
            Ok(rows.into_iter().map(MemberRow::from).collect())
        })
    }

    fn one(&self, tenant: TenantId, id: Uuid) -> BoxFuture<'_, Result<Option<MemberRow>>> {
        Box::pin(async move {
            let row = self.0.automation_row(tenant, AutomationId::from(id)).await?;
            Ok(row.map(MemberRow::from))
        })
    }
}

/// How the actors of automations are started.
pub fn family(services: &Arc<Services>) -> Family {
    let rows = Arc::new(AutomationRows(services.store.clone()));
    let services = services.clone();
    Family::new(KIND_AUTOMATION, rows, move |member| {
        AutomationActor::new(services.clone(), member)
    })
}

/// Begins a run of an automation now; gives its id when it is written down.
///
/// # Errors
/// [`Code::WrongState`]: it is disabled, or a run of it is going or waits.
pub async fn run_now(registry: &RegistryHandle, tenant: TenantId, id: AutomationId) -> Result<RunId> {
    let disabled = || {
        Error::new(
            Code::WrongState,
            "The automation or its connection is disabled. Enable it, then ask again.",
        )
    };
    let actor = registry
        .member::<AutomationActor>(KIND_AUTOMATION, tenant, id.uuid())
        .await?;
    let (asker, answer) = oneshot::channel();
    actor
        .ok_or_else(disabled)?
        .send(RunOnce(asker))
        .await
        .map_err(|_| disabled())?;
    answer.await.map_err(|_| disabled())?
}
