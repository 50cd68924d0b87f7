//! Who the caller is.

use super::{Engine, caller::Caller, identity::user_of};
use crate::{
    domain::rights::Rights,
    error::{Error, Result},
    store::{Page, page::LIMIT_MAX, tenants::Tenant, users::User},
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
        let user = self.store().user_of_any_tenant(id).await?;
        let page = Page::new(Some(LIMIT_MAX), None);
        Ok(Me {
            user: user.ok_or_else(|| Error::not_found("user", id))?,
            tenant: self.tenants().get(caller, caller.tenant_id).await?,
            tenants: self.tenants().list(caller, page).await?.items,
            rights: caller.rights,
        })
    }
}
