//! Users: who they are, in which groups, and that nobody gives or takes over more than they have.

use std::collections::HashSet;

use serde_json::{Value, json};

use super::{Engine, caller::Caller, change::again_if_stale, identity::Reach, password};
use crate::{
    domain::{
        ids::{GroupId, TenantId, UserId},
        rights::{Right, Rights},
        validate::{self, FieldError},
    },
    error::{Code, Error, Result},
    store::{self, Page, Paged, groups::Group, users::new_user},
};

pub use crate::store::users::User;

/// Most groups of one user.
pub const GROUPS_MAX: usize = 100;
/// Longest display name, characters.
pub const DISPLAY_NAME_CHARACTERS_MAX: usize = 128;

/// The users of an engine.
pub struct Users<'a> {
    engine: &'a Engine,
}

/// What a user is made of, and what a change leaves out.
#[derive(Clone, Debug, Default)]
pub struct UserInput {
    /// Unique over all tenants; kept in lower case.
    pub username: Option<String>,
    /// At least eight characters.
    pub password: Option<String>,
    /// `Some(None)` clears it.
    pub display_name: Option<Option<String>>,
    /// `Some(None)` clears it.
    pub email: Option<Option<String>>,
    /// May sign in and be run as.
    pub active: Option<bool>,
    /// All groups; replaces those that the caller sees.
    pub group_ids: Option<Vec<GroupId>>,
}

impl Engine {
    /// The users.
    #[must_use]
    pub fn users(&self) -> Users<'_> {
        Users { engine: self }
    }
}

impl Users<'_> {
    /// Users of the tenant: those made in it, and the members of its groups.
    ///
    /// # Errors
    /// Without `users.manage`.
    pub async fn list(&self, caller: &Caller, page: Page) -> Result<Paged<User>> {
        caller.require(Right::UsersManage)?;
        let mut paged = self.engine.store().users(caller.tenant_id, page).await?;
        self.hide_groups(caller, &mut paged.items).await?;
        Ok(paged)
    }

    /// One user of the tenant.
    ///
    /// # Errors
    /// Without `users.manage`; `not_found`.
    pub async fn get(&self, caller: &Caller, id: UserId) -> Result<User> {
        caller.require(Right::UsersManage)?;
        let user = self.find(caller, id).await?;
        self.as_seen_by(caller, user).await
    }

    /// Adds a user to the tenant.
    ///
    /// # Errors
    /// Without `users.manage`, or a right that the groups would give; `invalid`, `name_in_use`.
    pub async fn create(&self, caller: &Caller, input: UserInput) -> Result<User> {
        caller.require(Right::UsersManage)?;
        let username = input
            .username
            .clone()
            .ok_or_else(|| Error::invalid_field("username", "is missing"))?;
        let password = input
            .password
            .clone()
            .ok_or_else(|| Error::invalid_field("password", "is missing"))?;
        check(&input)?;
        let mut user = new_user(self.engine.clock(), caller.tenant_id, &username);
        apply(&mut user, &input);
        user.group_ids = self
            .checked_groups(caller, &[], input.group_ids.unwrap_or_default())
            .await?;
        let hash = self.engine.access().passwords().hash(&password).await?;
        let entry = caller.audit("user.create", "user", user.id, None, Some(shown(&user, true)));
        let created = self.engine.store().create_user(user.clone(), hash, entry).await;
        created.map_err(|error| name_in_use(error, &user.username))?;
        self.engine.access().identity().forget_user(user.id);
        self.as_seen_by(caller, user).await
    }

    /// Changes a user; what the input leaves out stays.
    ///
    /// # Errors
    /// As [`Users::create`]; also for a user who has rights that the caller lacks; `wrong_state` for the last administrator;
    /// `stale_version`.
    pub async fn update(&self, caller: &Caller, id: UserId, version: Option<i64>, input: UserInput) -> Result<User> {
        caller.require(Right::UsersManage)?;
        check(&input)?;
        let hash = match &input.password {
            Some(password) => Some(self.engine.access().passwords().hash(password).await?),
            None => None,
        };
        let user = again_if_stale(version, || self.write(caller, id, version, &input, hash.clone())).await?;
        self.forget(id);
        self.as_seen_by(caller, user).await
    }

    /// Removes a user.
    ///
    /// # Errors
    /// As [`Users::update`].
    pub async fn delete(&self, caller: &Caller, id: UserId, version: Option<i64>) -> Result<()> {
        caller.require(Right::UsersManage)?;
        again_if_stale(version, || async move {
            let user = self.manageable(caller, id, version).await?;
            if user.tenant_id != caller.tenant_id && !caller.all_tenants {
                return Err(not_of_this_tenant());
            }
            let entry = caller.audit("user.delete", "user", id, Some(shown(&user, false)), None);
            Ok(self.engine.store().delete_user(user, entry).await?)
        })
        .await?;
        self.forget(id);
        Ok(())
    }

    async fn write(
        &self,
        caller: &Caller,
        id: UserId,
        version: Option<i64>,
        input: &UserInput,
        hash: Option<String>,
    ) -> Result<User> {
        let before = self.manageable(caller, id, version).await?;
        let mut after = before.clone();
        apply(&mut after, input);
        if (after != before || hash.is_some()) && before.tenant_id != caller.tenant_id && !caller.all_tenants {
            return Err(not_of_this_tenant());
        }
        if let Some(wanted) = input.group_ids.clone() {
            after.group_ids = self.checked_groups(caller, &before.group_ids, wanted).await?;
        }
        after.version += 1;
        after.updated_at = self.engine.clock().now();
        let changed = shown(&after, hash.is_some());
        let entry = caller.audit("user.update", "user", id, Some(shown(&before, false)), Some(changed));
        let written = self.engine.store().update_user(after.clone(), hash, entry).await;
        written.map_err(|error| name_in_use(error, &after.username))?;
        Ok(after)
    }

    fn forget(&self, id: UserId) {
        self.engine.access().identity().forget_user(id);
    }

    async fn find(&self, caller: &Caller, id: UserId) -> Result<User> {
        let found = self.engine.store().user(caller.tenant_id, id).await?;
        found.ok_or_else(|| Error::not_found("user", id))
    }

    /// The user, if the caller may change them: whoever sets a password may sign in with it, so nobody may change a user who
    /// has more rights anywhere.
    async fn manageable(&self, caller: &Caller, id: UserId, version: Option<i64>) -> Result<User> {
        let user = self.find(caller, id).await?;
        store::expect_version(version, user.version)?;
        let groups = self.engine.store().groups_by_id(None, user.group_ids.clone()).await?;
        let own = self.own_reach(caller).await?;
        for group in &groups {
            let missing = missing_rights(caller, own.as_deref().and_then(Option::as_ref), group);
            if !missing.is_empty() {
                return Err(Error::new(
                    Code::Forbidden,
                    format!("This user has rights that you do not have ({missing}), so you cannot change them."),
                ));
            }
        }
        Ok(user)
    }

    /// The memberships after a change: those that the caller does not see stay, the others are replaced.
    async fn checked_groups(&self, caller: &Caller, before: &[GroupId], wanted: Vec<GroupId>) -> Result<Vec<GroupId>> {
        if wanted.len() > GROUPS_MAX {
            return Err(Error::invalid_field("groupIds", format!("at most {GROUPS_MAX} groups")));
        }
        let mut unique = wanted.clone();
        unique.sort_unstable();
        unique.dedup();
        let scope = scope_of(caller);
        let found = self.engine.store().groups_by_id(scope, unique.clone()).await?;
        let unknown: Vec<FieldError> = wanted
            .iter()
            .enumerate()
            .filter(|(_, id)| !found.iter().any(|group| group.id == **id))
            .map(|(index, id)| FieldError::new(format!("groupIds[{index}]"), format!("there is no group {id}")))
            .collect();
        if !unknown.is_empty() {
            return Err(Error::invalid(unknown));
        }
        let own = self.own_reach(caller).await?;
        for group in found.iter().filter(|group| !before.contains(&group.id)) {
            let missing = missing_rights(caller, own.as_deref().and_then(Option::as_ref), group);
            if !missing.is_empty() {
                return Err(Error::new(
                    Code::Forbidden,
                    format!(
                        "The group {:?} gives rights that you do not have ({missing}), so you cannot add members to it.",
                        group.name
                    ),
                ));
            }
        }
        let seen = self.engine.store().groups_by_id(scope, before.to_vec()).await?;
        let unseen = before.iter().filter(|id| !seen.iter().any(|group| group.id == **id));
        Ok(unseen.copied().chain(unique).collect())
    }

    async fn own_reach(&self, caller: &Caller) -> Result<Option<std::sync::Arc<Option<Reach>>>> {
        match caller.user_id {
            Some(id) => Ok(Some(self.engine.access().identity().reach(id).await?)),
            None => Ok(None),
        }
    }

    /// Without the groups of tenants that the caller does not manage here.
    async fn as_seen_by(&self, caller: &Caller, mut user: User) -> Result<User> {
        self.hide_groups(caller, std::slice::from_mut(&mut user)).await?;
        Ok(user)
    }

    /// One look at the groups for all of these users.
    async fn hide_groups(&self, caller: &Caller, users: &mut [User]) -> Result<()> {
        let Some(tenant_id) = scope_of(caller) else {
            return Ok(());
        };
        let mut ids: Vec<GroupId> = users.iter().flat_map(|user| user.group_ids.iter().copied()).collect();
        ids.sort_unstable();
        ids.dedup();
        let seen = self.engine.store().groups_by_id(Some(tenant_id), ids).await?;
        let seen: HashSet<GroupId> = seen.into_iter().map(|group| group.id).collect();
        for user in users {
            user.group_ids.retain(|id| seen.contains(id));
        }
        Ok(())
    }
}

/// The tenant whose groups the caller sees; none: all.
fn scope_of(caller: &Caller) -> Option<TenantId> {
    (!caller.all_tenants).then_some(caller.tenant_id)
}

/// Which of a group's rights the caller does not have where the group holds.
fn missing_rights(caller: &Caller, own: Option<&Reach>, group: &Group) -> Rights {
    if caller.all_tenants {
        return caller.rights.missing(group.rights);
    }
    if group.all_tenants {
        return Rights::all();
    }
    let there = if group.tenant_id == caller.tenant_id {
        caller.rights
    } else {
        // The token may narrow the rights; it does so in every tenant alike.
        let of_user = own.and_then(|reach| reach.rights_in(group.tenant_id));
        of_user.unwrap_or_default().intersection(caller.rights)
    };
    there.missing(group.rights)
}

fn check(input: &UserInput) -> Result<()> {
    let mut wrong = Vec::new();
    let mut note = |checked: Result<(), FieldError>| wrong.extend(checked.err());
    if let Some(username) = &input.username {
        note(validate::check_username("username", username));
    }
    if let Some(password) = &input.password {
        note(password::check("password", password));
    }
    if let Some(Some(name)) = &input.display_name {
        note(validate::check_name("displayName", name));
    }
    if let Some(Some(email)) = &input.email {
        note(validate::check_email("email", email));
    }
    if wrong.is_empty() {
        Ok(())
    } else {
        Err(Error::invalid(wrong))
    }
}

fn apply(user: &mut User, input: &UserInput) {
    if let Some(username) = &input.username {
        user.username = username.to_lowercase();
    }
    if let Some(name) = &input.display_name {
        user.display_name.clone_from(name);
    }
    if let Some(email) = &input.email {
        user.email.clone_from(email);
    }
    if let Some(active) = input.active {
        user.active = active;
    }
}

/// For the audit log.
fn shown(user: &User, password_set: bool) -> Value {
    let mut members = json!({
        "username": user.username, "displayName": user.display_name, "email": user.email,
        "active": user.active, "groupIds": user.group_ids,
    });
    if let (true, Some(members)) = (password_set, members.as_object_mut()) {
        members.insert("passwordSet".to_owned(), Value::Bool(true));
    }
    members
}

fn name_in_use(error: store::Error, username: &str) -> Error {
    match error {
        store::Error::Unique(_) => Error::new(
            Code::NameInUse,
            format!("The username {username:?} is taken; usernames are unique over all tenants."),
        ),
        other => other.into(),
    }
}

fn not_of_this_tenant() -> Error {
    Error::new(
        Code::Forbidden,
        "This user belongs to another tenant; here only the groups can be changed.",
    )
}
