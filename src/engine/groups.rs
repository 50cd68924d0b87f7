//! Groups: rights in one tenant. The first group holds in all tenants and cannot lose its rights.

use serde_json::{Value, json};

use super::{Engine, caller::Caller, change::again_if_stale};
use crate::{
    domain::{
        ids::{GroupId, TenantId},
        rights::{Right, Rights},
        validate,
    },
    error::{Code, Error, Result},
    store::{self, Page, Paged},
};

pub use crate::store::groups::Group;

/// The groups of an engine.
pub struct Groups<'a> {
    engine: &'a Engine,
}

/// What a group is made of, and what a change leaves out.
#[derive(Clone, Debug, Default)]
pub struct GroupInput {
    /// Unique in the tenant.
    pub name: Option<String>,
    /// What members may do.
    pub rights: Option<Rights>,
}

impl Engine {
    /// The groups.
    #[must_use]
    pub fn groups(&self) -> Groups<'_> {
        Groups { engine: self }
    }
}

impl Groups<'_> {
    /// Groups of the tenant.
    ///
    /// # Errors
    /// Without `users.manage`.
    pub async fn list(&self, caller: &Caller, page: Page) -> Result<Paged<Group>> {
        caller.require(Right::UsersManage)?;
        Ok(self.engine.store().groups(caller.tenant_id, page).await?)
    }

    /// One group of the tenant.
    ///
    /// # Errors
    /// Without `users.manage`; `not_found`.
    pub async fn get(&self, caller: &Caller, id: GroupId) -> Result<Group> {
        caller.require(Right::UsersManage)?;
        let found = self.engine.store().group(caller.tenant_id, id).await?;
        found.ok_or_else(|| Error::not_found("group", id))
    }

    /// Adds a group to the tenant, or (administrators) to another.
    ///
    /// # Errors
    /// Without `users.manage`, or a right that the group would give; `invalid`, `name_in_use`.
    pub async fn create(&self, caller: &Caller, tenant_id: Option<TenantId>, input: GroupInput) -> Result<Group> {
        caller.require(Right::UsersManage)?;
        let name = input.name.ok_or_else(|| Error::invalid_field("name", "is missing"))?;
        let rights = input
            .rights
            .ok_or_else(|| Error::invalid_field("rights", "is missing"))?;
        check(caller, &name, Rights::none(), rights)?;
        let tenant_id = self.checked_tenant(caller, tenant_id).await?;
        let clock = self.engine.clock();
        let now = clock.now();
        let group = Group {
            id: clock.new_id().into(),
            tenant_id,
            name,
            rights,
            all_tenants: false,
            version: 1,
            created_at: now,
            updated_at: now,
        };
        let mut entry = caller.audit("group.create", "group", group.id, None, Some(shown(&group)));
        entry.tenant_id = tenant_id;
        let created = self.engine.store().create_group(group.clone(), entry).await;
        created.map_err(|error| name_in_use(error, &group.name))?;
        Ok(group)
    }

    /// Changes a group; what the input leaves out stays.
    ///
    /// # Errors
    /// As [`Groups::create`]; `wrong_state` for the rights of the administrators; `stale_version`.
    pub async fn update(&self, caller: &Caller, id: GroupId, version: Option<i64>, input: GroupInput) -> Result<Group> {
        let group = again_if_stale(version, || self.write(caller, id, version, &input)).await?;
        self.forget();
        Ok(group)
    }

    /// Removes a group and its memberships.
    ///
    /// # Errors
    /// Without `users.manage`, or a right that the group gives; `wrong_state` for the administrators.
    pub async fn delete(&self, caller: &Caller, id: GroupId, version: Option<i64>) -> Result<()> {
        again_if_stale(version, || async move {
            let group = self.seen(caller, id, version).await?;
            if group.all_tenants {
                return Err(Error::new(
                    Code::WrongState,
                    "The group of the administrators cannot be deleted.",
                ));
            }
            lacks(caller, group.rights, "The group gives")?;
            let entry = caller.audit("group.delete", "group", id, Some(shown(&group)), None);
            let store = self.engine.store();
            Ok(store.delete_group(caller.tenant_id, id, group.version, entry).await?)
        })
        .await?;
        self.forget();
        Ok(())
    }

    async fn write(&self, caller: &Caller, id: GroupId, version: Option<i64>, input: &GroupInput) -> Result<Group> {
        let before = self.seen(caller, id, version).await?;
        let mut after = before.clone();
        if let Some(name) = &input.name {
            after.name.clone_from(name);
        }
        if let Some(rights) = input.rights {
            after.rights = rights;
        }
        if before.all_tenants && !caller.all_tenants {
            return Err(Error::new(
                Code::Forbidden,
                "Only an administrator can change the group of the administrators.",
            ));
        }
        if before.all_tenants && after.rights != before.rights {
            return Err(Error::new(
                Code::WrongState,
                "Administrators have every right in every tenant; their group's rights cannot be changed.",
            ));
        }
        check(caller, &after.name, before.rights, after.rights)?;
        after.version += 1;
        after.updated_at = self.engine.clock().now();
        let entry = caller.audit("group.update", "group", id, Some(shown(&before)), Some(shown(&after)));
        let written = self.engine.store().update_group(after.clone(), entry).await;
        written.map_err(|error| name_in_use(error, &after.name))?;
        Ok(after)
    }

    fn forget(&self) {
        self.engine.access().identity().forget_groups();
    }

    async fn seen(&self, caller: &Caller, id: GroupId, version: Option<i64>) -> Result<Group> {
        let group = self.get(caller, id).await?;
        store::expect_version(version, group.version)?;
        Ok(group)
    }

    async fn checked_tenant(&self, caller: &Caller, wanted: Option<TenantId>) -> Result<TenantId> {
        let Some(wanted) = wanted.filter(|wanted| *wanted != caller.tenant_id) else {
            return Ok(caller.tenant_id);
        };
        if !caller.all_tenants {
            return Err(Error::new(
                Code::Forbidden,
                "Only an administrator can make a group in another tenant than that of the request.",
            ));
        }
        match self.engine.store().tenant(wanted).await? {
            Some(tenant) => Ok(tenant.id),
            None => Err(Error::invalid_field("tenantId", format!("there is no tenant {wanted}"))),
        }
    }
}

fn check(caller: &Caller, name: &str, before: Rights, after: Rights) -> Result<()> {
    validate::check_name("name", name).map_err(|wrong| Error::invalid(vec![wrong]))?;
    let changed = before.missing(after).union(after.missing(before));
    lacks(caller, changed, "The change gives or takes")
}

/// Nobody gives, or takes from others, what they do not have.
fn lacks(caller: &Caller, rights: Rights, what: &str) -> Result<()> {
    let missing = caller.rights.missing(rights);
    if missing.is_empty() {
        Ok(())
    } else {
        Err(Error::new(
            Code::Forbidden,
            format!("{what} rights that you do not have: {missing}."),
        ))
    }
}

/// For the audit log.
fn shown(group: &Group) -> Value {
    json!({ "name": group.name, "rights": group.rights, "tenantId": group.tenant_id })
}

fn name_in_use(error: store::Error, name: &str) -> Error {
    match error {
        store::Error::Unique(_) => Error::new(
            Code::NameInUse,
            format!("There is a group {name:?} in this tenant already."),
        ),
        other => other.into(),
    }
}
