//! What the things are called that a page of a list mentions by id: asked for once for the whole page. Colleagues are no
//! secret; the name of anything else is told only to those who may see the thing.

use std::collections::HashMap;

use super::{Engine, caller::Caller};
use crate::{
    domain::{
        ids::{CallApiId, ClientId, ConnectionId, UserId},
        rights::Right,
    },
    error::Result,
};

/// Names for a caller.
pub struct Names<'a> {
    engine: &'a Engine,
}

impl Engine {
    /// What things are called.
    #[must_use]
    pub fn names(&self) -> Names<'_> {
        Names { engine: self }
    }
}

impl Names<'_> {
    /// Display names (else usernames) of users of the tenant; to administrators of all tenants, of all users. Those that are
    /// gone or belong elsewhere are left out.
    ///
    /// # Errors
    /// The store does not answer.
    pub async fn users(
        &self,
        caller: &Caller,
        ids: impl IntoIterator<Item = UserId>,
    ) -> Result<HashMap<UserId, String>> {
        let tenant = (!caller.all_tenants).then_some(caller.tenant_id);
        let ids = ids.into_iter().collect();
        Ok(self.engine.store().user_names(tenant, ids).await?)
    }

    /// Names of call APIs; none without `calls.read`.
    ///
    /// # Errors
    /// The store does not answer.
    pub async fn call_apis(
        &self,
        caller: &Caller,
        ids: impl IntoIterator<Item = CallApiId>,
    ) -> Result<HashMap<CallApiId, String>> {
        if !caller.rights.contains(Right::CallsRead) {
            return Ok(HashMap::new());
        }
        let ids = ids.into_iter().collect();
        Ok(self.engine.store().call_api_names(caller.tenant_id, ids).await?)
    }

    /// Names of clients; none without `clients.manage`, `calls.read` or `connections.manage`, which let see what uses them.
    ///
    /// # Errors
    /// The store does not answer.
    pub async fn clients(
        &self,
        caller: &Caller,
        ids: impl IntoIterator<Item = ClientId>,
    ) -> Result<HashMap<ClientId, String>> {
        let seen = [Right::ClientsManage, Right::CallsRead, Right::ConnectionsManage];
        if !seen.iter().any(|right| caller.rights.contains(*right)) {
            return Ok(HashMap::new());
        }
        let ids = ids.into_iter().collect();
        Ok(self.engine.store().client_names(caller.tenant_id, ids).await?)
    }

    /// Names of connections; none without `connections.manage` or `integrations.manage`.
    ///
    /// # Errors
    /// The store does not answer.
    pub async fn connections(
        &self,
        caller: &Caller,
        ids: impl IntoIterator<Item = ConnectionId>,
    ) -> Result<HashMap<ConnectionId, String>> {
        let seen = [Right::ConnectionsManage, Right::IntegrationsManage];
        if !seen.iter().any(|right| caller.rights.contains(*right)) {
            return Ok(HashMap::new());
        }
        let ids = ids.into_iter().collect();
        Ok(self.engine.store().connection_names(caller.tenant_id, ids).await?)
    }
}
