//! Tenants: made and changed by administrators, seen by who reaches them.

use serde_json::{Value, json};

use super::{Engine, caller::Caller, change::again_if_stale};
use crate::{
    domain::{
        ids::TenantId,
        rights::Right,
        validate::{self, FieldError},
    },
    error::{Code, Error, Result},
    store::{self, Page, Paged, tenants::new_tenant},
};

pub use crate::store::tenants::Tenant;

/// The tenants of an engine.
pub struct Tenants<'a> {
    engine: &'a Engine,
}

/// What a tenant is made of, and what a change leaves out.
#[derive(Clone, Debug, Default)]
pub struct TenantInput {
    /// As in `ipp-company-id`; unique.
    pub company_id: Option<String>,
    /// For people.
    pub name: Option<String>,
}

impl Engine {
    /// The tenants.
    #[must_use]
    pub fn tenants(&self) -> Tenants<'_> {
        Tenants { engine: self }
    }
}

impl Tenants<'_> {
    /// The tenants that the caller reaches.
    ///
    /// # Errors
    /// The store does not answer.
    pub async fn list(&self, caller: &Caller, page: Page) -> Result<Paged<Tenant>> {
        let reached = self.reached(caller).await?;
        Ok(self.engine.store().tenants(reached, page).await?)
    }

    /// One tenant that the caller reaches.
    ///
    /// # Errors
    /// `not_found`.
    pub async fn get(&self, caller: &Caller, id: TenantId) -> Result<Tenant> {
        let not_found = || Error::new(Code::NotFound, format!("There is no tenant {id} that you reach."));
        let reached = self.reached(caller).await?;
        if reached.is_some_and(|ids| !ids.contains(&id)) {
            return Err(not_found());
        }
        self.engine.store().tenant(id).await?.ok_or_else(not_found)
    }

    /// Adds a tenant.
    ///
    /// # Errors
    /// For who is not an administrator; `invalid`, `name_in_use`.
    pub async fn create(&self, caller: &Caller, input: TenantInput) -> Result<Tenant> {
        require_administrator(caller)?;
        let missing = |field: &str| FieldError::new(field, "is missing");
        let wrong: Vec<FieldError> = [
            input.company_id.is_none().then(|| missing("companyId")),
            input.name.is_none().then(|| missing("name")),
        ]
        .into_iter()
        .flatten()
        .collect();
        if !wrong.is_empty() {
            return Err(Error::invalid(wrong));
        }
        let tenant = new_tenant(
            self.engine.clock(),
            input.company_id.unwrap_or_default(),
            input.name.unwrap_or_default(),
        );
        check(&tenant)?;
        let entry = caller.audit("tenant.create", "tenant", tenant.id, None, Some(shown(&tenant)));
        let created = self.engine.store().create_tenant(tenant.clone(), entry).await;
        created.map_err(|error| company_id_in_use(error, &tenant.company_id))?;
        self.engine.access().identity().forget_tenants();
        Ok(tenant)
    }

    /// Changes a tenant; what the input leaves out stays.
    ///
    /// # Errors
    /// As [`Tenants::create`]; `stale_version`.
    pub async fn update(
        &self,
        caller: &Caller,
        id: TenantId,
        version: Option<i64>,
        input: TenantInput,
    ) -> Result<Tenant> {
        require_administrator(caller)?;
        let tenant = again_if_stale(version, || self.write(caller, id, version, &input)).await?;
        self.engine.access().identity().forget_tenants();
        Ok(tenant)
    }

    /// Removes an empty tenant.
    ///
    /// # Errors
    /// For who is not an administrator; `in_use` while it holds anything; `stale_version`.
    pub async fn delete(&self, caller: &Caller, id: TenantId, version: Option<i64>) -> Result<()> {
        require_administrator(caller)?;
        again_if_stale(version, || async move {
            let tenant = self.seen(caller, id, version).await?;
            let entry = caller.audit("tenant.delete", "tenant", id, Some(shown(&tenant)), None);
            Ok(self.engine.store().delete_tenant(id, tenant.version, entry).await?)
        })
        .await?;
        self.engine.access().identity().forget_tenants();
        Ok(())
    }

    async fn write(&self, caller: &Caller, id: TenantId, version: Option<i64>, input: &TenantInput) -> Result<Tenant> {
        let before = self.seen(caller, id, version).await?;
        let mut after = before.clone();
        if let Some(company_id) = &input.company_id {
            after.company_id.clone_from(company_id);
        }
        if let Some(name) = &input.name {
            after.name.clone_from(name);
        }
        check(&after)?;
        after.version += 1;
        after.updated_at = self.engine.clock().now();
        let entry = caller.audit("tenant.update", "tenant", id, Some(shown(&before)), Some(shown(&after)));
        let written = self.engine.store().update_tenant(after.clone(), entry).await;
        written.map_err(|error| company_id_in_use(error, &after.company_id))?;
        Ok(after)
    }

    async fn seen(&self, caller: &Caller, id: TenantId, version: Option<i64>) -> Result<Tenant> {
        let tenant = self.get(caller, id).await?;
        store::expect_version(version, tenant.version)?;
        Ok(tenant)
    }

    /// None: all.
    pub(super) async fn reached(&self, caller: &Caller) -> Result<Option<Vec<TenantId>>> {
        if caller.all_tenants {
            return Ok(None);
        }
        let reach = match caller.user_id {
            Some(id) => Some(self.engine.access().identity().reach(id).await?),
            None => None,
        };
        let ids = reach
            .as_deref()
            .and_then(Option::as_ref)
            .map(|reach| reach.tenant_ids());
        Ok(Some(ids.unwrap_or_else(|| vec![caller.tenant_id])))
    }
}

fn require_administrator(caller: &Caller) -> Result<()> {
    caller.require(Right::SettingsManage)?;
    if caller.all_tenants {
        Ok(())
    } else {
        Err(Error::new(
            Code::Forbidden,
            "Tenants are made and changed by administrators, who reach every tenant.",
        ))
    }
}

fn check(tenant: &Tenant) -> Result<()> {
    let checks = [
        validate::check_company_id("companyId", &tenant.company_id),
        validate::check_name("name", &tenant.name),
    ];
    let wrong: Vec<FieldError> = checks.into_iter().filter_map(Result::err).collect();
    if wrong.is_empty() {
        Ok(())
    } else {
        Err(Error::invalid(wrong))
    }
}

/// For the audit log.
fn shown(tenant: &Tenant) -> Value {
    json!({ "companyId": tenant.company_id, "name": tenant.name })
}

fn company_id_in_use(error: store::Error, company_id: &str) -> Error {
    match error {
        store::Error::Unique(_) => Error::new(
            Code::NameInUse,
            format!("There is a tenant with the company id {company_id:?} already."),
        ),
        other => other.into(),
    }
}
