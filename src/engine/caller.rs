//! Who asks: tenant, user, token and rights of one request. Every service function takes it first.

use crate::{
    domain::{
        ids::{ApiTokenId, TenantId, UserId},
        rights::{Right, Rights},
    },
    error::{Code, Error, Result},
    store::audit,
};

/// See the module.
#[derive(Clone, Debug)]
pub struct Caller {
    /// The tenant in which everything happens.
    pub tenant_id: TenantId,
    /// The user; none when a library user calls.
    pub user_id: Option<UserId>,
    /// The token of the request.
    pub token_id: Option<ApiTokenId>,
    /// What the caller may do in this tenant.
    pub rights: Rights,
    /// Ties answers, log lines and audit rows together.
    pub request_id: Option<String>,
    /// Whether the caller reaches every tenant (administrators, and library users).
    pub all_tenants: bool,
    /// Whether the token was made for a part of what its user may do: an API token, not a sign-in.
    pub is_part: bool,
}

impl Caller {
    /// A program that uses the engine as a library: every right.
    #[must_use]
    pub fn embedded(tenant_id: TenantId) -> Self {
        Self {
            tenant_id,
            user_id: None,
            token_id: None,
            rights: Rights::all(),
            request_id: None,
            all_tenants: true,
            is_part: false,
        }
    }

    /// The audit row of something that this caller does; `before` and `after` must hold no secrets.
    #[must_use]
    pub fn audit(
        &self,
        action: &'static str,
        resource_kind: &'static str,
        resource_id: impl ToString,
        before: Option<serde_json::Value>,
        after: Option<serde_json::Value>,
    ) -> audit::Entry {
        audit::Entry {
            tenant_id: self.tenant_id,
            user_id: self.user_id,
            token_id: self.token_id,
            action,
            resource_kind,
            resource_id: Some(resource_id.to_string()),
            before,
            after,
            request_id: self.request_id.clone(),
        }
    }

    /// Goes on only with this right.
    ///
    /// # Errors
    /// [`Code::Forbidden`], naming the right.
    pub fn require(&self, right: Right) -> Result<()> {
        if self.rights.contains(right) {
            Ok(())
        } else {
            Err(Error::new(
                Code::Forbidden,
                format!("This needs the right {right}, which you do not have in this tenant."),
            ))
        }
    }

    /// Goes on only with one of these rights.
    ///
    /// # Errors
    /// [`Code::Forbidden`], naming the rights.
    pub fn require_any(&self, rights: &[Right]) -> Result<()> {
        if rights.iter().any(|right| self.rights.contains(*right)) {
            return Ok(());
        }
        let names: Vec<&str> = rights.iter().map(|right| right.as_str()).collect();
        Err(Error::new(
            Code::Forbidden,
            format!(
                "This needs one of the rights {}; you have none of them in this tenant.",
                names.join(", ")
            ),
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_right_is_named() {
        let mut caller = Caller::embedded(uuid::Uuid::nil().into());
        caller.require(Right::AuditRead).unwrap();
        caller.rights = Right::CallsRead.into();
        let error = caller.require(Right::CallsRun).unwrap_err();
        assert_eq!(error.code, Code::Forbidden);
        assert!(error.message.contains("calls.run"));
        caller.require_any(&[Right::CallsRun, Right::CallsRead]).unwrap();
    }
}
