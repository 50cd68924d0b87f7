//! The audit log of a tenant: who changed what, when, from what to what.

use super::{Engine, caller::Caller};
use crate::{
    domain::{ids::UserId, rights::Right},
    error::Result,
    store::{Page, Paged},
};

pub use crate::store::audit::{Filter, Recorded};

impl Engine {
    /// Changes in the tenant, newest first.
    ///
    /// # Errors
    /// Without `audit.read`.
    pub async fn audit_log(&self, caller: &Caller, filter: Filter, page: Page) -> Result<Paged<Recorded>> {
        caller.require(Right::AuditRead)?;
        Ok(self.store().audit_log(caller.tenant_id, filter, page).await?)
    }

    /// The user of this name, for a search of their changes: one of the tenant; for administrators of all tenants, of any.
    ///
    /// # Errors
    /// Without `audit.read`.
    pub async fn audited_user(&self, caller: &Caller, username: &str) -> Result<Option<UserId>> {
        caller.require(Right::AuditRead)?;
        let tenant = (!caller.all_tenants).then_some(caller.tenant_id);
        Ok(self.store().user_named(tenant, username).await?)
    }
}
