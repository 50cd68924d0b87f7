//! Who the caller is.

use super::{Engine, caller::Caller, identity::user_of};
use crate::{
    domain::rights::Rights,
    error::{Error, Result},
    store::{tenants::Tenant, users::User},
};

/// A caller, for themselves.
#[derive(Debug)]
pub struct Me {
    /// The user.
    pub user: User,
    /// The tenant of the request.
    pub tenant: Tenant,
    /// The tenants that the caller reaches, at most 200.
    pub tenants: Vec<Tenant>,
    /// What the caller may do in the tenant of the request.
    pub rights: Rights,
}

impl Engine {
    /// Who the caller is.
    ///
    /// # Errors
    /// For a caller without a user.
    pub async fn me(&self, caller: &Caller) -> Result<Me> {
        let id = user_of(caller)?;
        // From the caches that a change clears: this is asked for as often as anything.
        let identity = self.access().identity();
        let reach = identity.reach(id).await?;
        let user = reach.as_ref().as_ref().map(|reach| reach.user.clone());
        let among = self.tenants().reached(caller).await?;
        let tenants = identity.tenant_list(among).await?;
        let tenant = match tenants.iter().find(|tenant| tenant.id == caller.tenant_id) {
            Some(tenant) => tenant.clone(),
            None => self.tenants().get(caller, caller.tenant_id).await?,
        };
        Ok(Me {
            user: user.ok_or_else(|| Error::not_found("user", id))?,
            tenant,
            tenants: tenants.to_vec(),
            rights: caller.rights,
        })
    }
}
