//! What an operator does at the command line without an engine: users of a database that a running engine may be using too.

use super::{Engine, caller::Caller, identity, password};
use crate::{
    domain::ids::{GroupId, TenantId},
    error::{Code, Error, Result},
    settings::Settings,
    store::{
        Page, Store,
        groups::Group,
        tenants::Tenant,
        users::{User, new_user},
    },
};

/// Rows that are read at a time.
const PAGE_ROWS: u64 = 200;

impl Engine {
    /// A caller with every right in the tenant of this company id ([`identity::FIRST_COMPANY_ID`] where there is only one): what
    /// a host app passes to the services.
    ///
    /// # Errors
    /// There is no such tenant.
    pub async fn caller(&self, company_id: &str) -> Result<Caller> {
        let tenant = self.store().tenant_by_company_id(company_id).await?;
        tenant
            .map(|tenant| Caller::embedded(tenant.id))
            .ok_or_else(|| Error::not_found("company", company_id))
    }
}

/// Works on users. A running engine notices a change within five seconds.
pub struct Operator {
    store: Store,
}

/// A user as a list shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListedUser {
    /// To sign in with.
    pub username: String,
    /// For people.
    pub display_name: Option<String>,
    /// May sign in.
    pub active: bool,
    /// Company id of the tenant in which the user was made.
    pub company_id: String,
    /// Names of the groups.
    pub groups: Vec<String>,
}

impl Operator {
    /// On a database whose tables are up to date. One without users gets the first one first.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn new(store: Store, settings: &Settings) -> Result<(Self, Option<identity::FirstStart>)> {
        let first = identity::first_start(&store, settings).await?;
        Ok((Self { store }, first))
    }

    /// Adds a user to the first tenant, in groups that are there.
    ///
    /// # Errors
    /// The name is taken, a group is not there, or the password is too short.
    pub async fn add_user(
        &self,
        username: &str,
        display_name: Option<String>,
        groups: &[String],
        password: &str,
    ) -> Result<()> {
        if username.trim().is_empty() {
            return Err(Error::invalid_field("username", "A user needs a name."));
        }
        let tenant = self.first_tenant().await?;
        let group_ids = self.group_ids(tenant.id, groups).await?;
        let mut user = new_user(self.store.clock(), tenant.id, username.trim());
        user.display_name = display_name;
        user.group_ids = group_ids;
        let hash = self.hash(password).await?;
        let audit = Caller::embedded(tenant.id).audit(
            "user.create",
            "user",
            user.id,
            None,
            Some(serde_json::json!({"username": user.username, "by": "command line"})),
        );
        let taken = format!("There is a user {} already; choose another name.", user.username);
        match self.store.create_user(user, hash, audit).await {
            Err(crate::store::Error::Unique(_)) => Err(Error::new(Code::NameInUse, taken)),
            other => Ok(other?),
        }
    }

    /// Gives a user another password, which ends all sign-ins and a lock.
    ///
    /// # Errors
    /// There is no such user, or the password is too short.
    pub async fn set_password(&self, username: &str, password: &str) -> Result<()> {
        let wanted = username.trim().to_lowercase();
        let found = self
            .all_users()
            .await?
            .into_iter()
            .find(|(_, user)| user.username == wanted);
        let (tenant, mut user) = found.ok_or_else(|| {
            Error::new(
                Code::NotFound,
                format!("There is no user {wanted}; `orrery user list` shows who is there."),
            )
        })?;
        let hash = self.hash(password).await?;
        user.version += 1;
        user.updated_at = self.store.clock().now();
        let after = serde_json::json!({"password": "set", "by": "command line"});
        let audit = Caller::embedded(tenant.id).audit("user.password", "user", user.id, None, Some(after));
        Ok(self.store.update_user(user, Some(hash), audit).await?)
    }

    /// All users of all tenants.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn users(&self) -> Result<Vec<ListedUser>> {
        let mut listed = Vec::new();
        for (tenant, user) in self.all_users().await? {
            let groups = self.store.groups_by_id(None, user.group_ids.clone()).await?;
            listed.push(ListedUser {
                username: user.username,
                display_name: user.display_name,
                active: user.active,
                company_id: tenant.company_id,
                groups: groups.into_iter().map(|group| group.name).collect(),
            });
        }
        Ok(listed)
    }

    /// Each user once, with the tenant in which it was made.
    async fn all_users(&self) -> Result<Vec<(Tenant, User)>> {
        let mut found = Vec::new();
        for tenant in self.tenants().await? {
            let mut page = Page::new(Some(PAGE_ROWS), None);
            loop {
                let users = self.store.users(tenant.id, page).await?;
                let own = users.items.into_iter().filter(|user| user.tenant_id == tenant.id);
                found.extend(own.map(|user| (tenant.clone(), user)));
                match users.next_cursor {
                    Some(cursor) => page = Page::new(Some(PAGE_ROWS), Some(cursor)),
                    None => break,
                }
            }
        }
        Ok(found)
    }

    async fn tenants(&self) -> Result<Vec<Tenant>> {
        let mut found = Vec::new();
        let mut page = Page::new(Some(PAGE_ROWS), None);
        loop {
            let tenants = self.store.tenants(None, page).await?;
            found.extend(tenants.items);
            match tenants.next_cursor {
                Some(cursor) => page = Page::new(Some(PAGE_ROWS), Some(cursor)),
                None => return Ok(found),
            }
        }
    }

    async fn first_tenant(&self) -> Result<Tenant> {
        let tenant = self.store.tenant_by_company_id(identity::FIRST_COMPANY_ID).await?;
        let tenant = match tenant {
            Some(tenant) => Some(tenant),
            // Its company id was changed: then the oldest one.
            None => self.tenants().await?.into_iter().next(),
        };
        tenant.ok_or_else(|| Error::new(Code::NotFound, "This database has no tenant."))
    }

    async fn group_ids(&self, tenant: TenantId, names: &[String]) -> Result<Vec<GroupId>> {
        let mut all: Vec<Group> = Vec::new();
        let mut page = Page::new(Some(PAGE_ROWS), None);
        loop {
            let groups = self.store.groups(tenant, page).await?;
            all.extend(groups.items);
            match groups.next_cursor {
                Some(cursor) => page = Page::new(Some(PAGE_ROWS), Some(cursor)),
                None => break,
            }
        }
        let known = || {
            all.iter()
                .map(|group| group.name.as_str())
                .collect::<Vec<_>>()
                .join(", ")
        };
        names
            .iter()
            .map(|name| {
                let found = all.iter().find(|group| group.name == *name).map(|group| group.id);
                found.ok_or_else(|| {
                    Error::new(
                        Code::NotFound,
                        format!("There is no group {name}; there are: {}.", known()),
                    )
                })
            })
            .collect()
    }

    async fn hash(&self, password: &str) -> Result<String> {
        password::check("password", password).map_err(|field| Error::new(Code::Invalid, field.message))?;
        password::Passwords::new(self.store.handle().clone())
            .hash(password)
            .await
    }
}
