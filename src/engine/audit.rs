//! The audit log of a tenant: who changed what, when, from what to what.

use super::{Engine, caller::Caller};
use crate::{
    domain::rights::Right,
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
}
