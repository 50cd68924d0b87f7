//! Who a token or user id stands for, and what they may do where; cached, and forgotten at once on a change.

use std::{sync::Arc, time::Duration};

use super::{cache::Cache, caller::Caller, password};
use crate::{
    clock::Clock,
    domain::{
        ids::{ApiTokenId, TenantId, UserId},
        rights::Rights,
    },
    error::{Code, Error, Result},
    settings::Settings,
    store::{
        Page, Store,
        api_tokens::{Token, TokenHash},
        groups::Group,
        page::LIMIT_MAX,
        tenants::{Tenant, new_tenant},
        users::{User, new_user},
    },
};
use jiff::{SignedDuration, Timestamp};
use sha2::{Digest, Sha256};

/// Company id of the first tenant.
pub const FIRST_COMPANY_ID: &str = "1";
/// Name of the first group.
pub const ADMINISTRATORS: &str = "Administrators";
/// Name of the first user.
pub const FIRST_USERNAME: &str = "admin";

/// How long a cached answer may be old: bounds what another node's change takes to arrive.
const AGE_MAX: Duration = Duration::from_secs(5);
/// Entries of each cache.
const ENTRIES_MAX: usize = 10_000;
/// Lists of tenants that are kept; each may hold 200.
const TENANT_LISTS_MAX: usize = 1_000;
/// How exact the last use of a token is kept.
const LAST_USED_STEP: SignedDuration = SignedDuration::from_secs(60);

/// What a user reaches.
#[derive(Debug)]
pub(crate) struct Reach {
    pub(crate) user: User,
    pub(crate) administrator: bool,
    memberships: Vec<(TenantId, Rights)>,
}

/// See the module.
pub(crate) struct Identity {
    store: Store,
    clock: Clock,
    reaches: Cache<UserId, Option<Reach>>,
    tokens: Cache<TokenHash, Token>,
    tokens_again: Cache<ApiTokenId, Token>,
    tenants: Cache<String, Tenant>,
    tenant_lists: Cache<Option<Vec<TenantId>>, Vec<Tenant>>,
}

/// What the very first start made.
#[derive(Debug)]
pub struct FirstStart {
    /// The user's name.
    pub username: &'static str,
    /// The random password, to be shown once; none if the settings gave one.
    pub password: Option<String>,
}

impl Reach {
    fn of(user: User, groups: &[Group]) -> Self {
        Self {
            administrator: groups.iter().any(|group| group.all_tenants),
            memberships: groups.iter().map(|group| (group.tenant_id, group.rights)).collect(),
            user,
        }
    }

    /// The rights in a tenant; none if the user is not active or not of this tenant.
    pub(crate) fn rights_in(&self, tenant_id: TenantId) -> Option<Rights> {
        if !self.user.active {
            return None;
        }
        if self.administrator {
            return Some(Rights::all());
        }
        let mut of_groups = self
            .memberships
            .iter()
            .filter(|(tenant, _)| *tenant == tenant_id)
            .map(|(_, rights)| *rights)
            .peekable();
        let is_member = of_groups.peek().is_some() || self.user.tenant_id == tenant_id;
        is_member.then(|| of_groups.fold(Rights::none(), Rights::union))
    }

    /// The tenants, home first; meaningless for administrators, who reach all.
    pub(crate) fn tenant_ids(&self) -> Vec<TenantId> {
        let mut ids = vec![self.user.tenant_id];
        for (tenant, _) in &self.memberships {
            if !ids.contains(tenant) {
                ids.push(*tenant);
            }
        }
        ids
    }
}

impl Identity {
    pub(crate) fn new(store: Store, clock: Clock) -> Self {
        Self {
            reaches: Cache::new(clock.clone(), AGE_MAX, ENTRIES_MAX),
            tokens: Cache::new(clock.clone(), AGE_MAX, ENTRIES_MAX),
            tokens_again: Cache::new(clock.clone(), AGE_MAX, ENTRIES_MAX),
            tenants: Cache::new(clock.clone(), AGE_MAX, ENTRIES_MAX),
            tenant_lists: Cache::new(clock.clone(), AGE_MAX, TENANT_LISTS_MAX),
            store,
            clock,
        }
    }

    /// The rights of a user in a tenant; none if there is no such user, or not active, or not of this tenant. A hash lookup
    /// but for once in five seconds.
    pub(crate) async fn rights_of(&self, tenant_id: TenantId, user_id: UserId) -> Result<Option<Rights>> {
        let reach = self.reach(user_id).await?;
        Ok(reach.as_ref().as_ref().and_then(|reach| reach.rights_in(tenant_id)))
    }

    /// Who sends this token, in which tenant, with which rights.
    ///
    /// # Errors
    /// [`Code::Unauthorized`] for a token that is not valid, [`Code::Forbidden`] for a tenant that it does not reach.
    pub(crate) async fn authenticate(
        &self,
        bearer: &str,
        company_id: Option<&str>,
        request_id: Option<String>,
    ) -> Result<Caller> {
        let token = self.token(bearer).await?.ok_or_else(bad_token)?;
        if token.expires_at.is_some_and(|at| at <= self.clock.now()) {
            return Err(bad_token());
        }
        let reach = self.reach(token.user_id).await?;
        let reach = reach
            .as_ref()
            .as_ref()
            .filter(|reach| reach.user.active)
            .ok_or_else(bad_token)?;
        let tenant_id = match company_id {
            Some(company_id) => self.tenant_id(company_id).await?.ok_or_else(bad_tenant)?,
            None => token.tenant_id.unwrap_or(reach.user.tenant_id),
        };
        if token.tenant_id.is_some_and(|only| only != tenant_id) {
            return Err(bad_tenant());
        }
        let rights = reach.rights_in(tenant_id).ok_or_else(bad_tenant)?;
        Ok(Caller {
            tenant_id,
            user_id: Some(token.user_id),
            token_id: Some(token.id),
            rights: token.rights.map_or(rights, |only| rights.intersection(only)),
            request_id,
            all_tenants: reach.administrator && token.tenant_id.is_none(),
            is_part: token.rights.is_some(),
        })
    }

    /// Who sent a request that was authenticated before, with the rights of now.
    ///
    /// # Errors
    /// [`Code::Unauthorized`] where the token was removed or has expired, or the user is not active any more;
    /// [`Code::Forbidden`] for a tenant that the user does not reach any more; the store does not answer.
    pub(crate) async fn caller_again(
        &self,
        tenant_id: TenantId,
        user_id: Option<UserId>,
        token_id: Option<ApiTokenId>,
        request_id: String,
    ) -> Result<Caller> {
        let Some(user_id) = user_id else {
            return Ok(Caller {
                request_id: Some(request_id),
                ..Caller::embedded(tenant_id)
            });
        };
        let token = match token_id {
            Some(id) => Some(self.token_again(user_id, id).await?),
            None => None,
        };
        let reach = self.reach(user_id).await?;
        let reach = reach
            .as_ref()
            .as_ref()
            .filter(|reach| reach.user.active)
            .ok_or_else(gone_since)?;
        let rights = reach.rights_in(tenant_id).ok_or_else(bad_tenant)?;
        let only = token.as_ref().and_then(|token| token.rights);
        let one_tenant = token.as_ref().is_some_and(|token| token.tenant_id.is_some());
        Ok(Caller {
            tenant_id,
            user_id: Some(user_id),
            token_id,
            rights: only.map_or(rights, |only| rights.intersection(only)),
            request_id: Some(request_id),
            all_tenants: reach.administrator && !one_tenant,
            is_part: only.is_some(),
        })
    }

    async fn token_again(&self, user_id: UserId, id: ApiTokenId) -> Result<Arc<Token>> {
        let token = match self.tokens_again.get(&id) {
            Some(found) => found,
            None => {
                let generation = self.tokens_again.generation();
                let token = self.store.token(user_id, id).await?.ok_or_else(gone_since)?;
                self.tokens_again.put(id, token, generation)
            }
        };
        if token.expires_at.is_some_and(|at| at <= self.clock.now()) {
            return Err(gone_since());
        }
        Ok(token)
    }

    /// What a user reaches.
    pub(crate) async fn reach(&self, user_id: UserId) -> Result<Arc<Option<Reach>>> {
        if let Some(found) = self.reaches.get(&user_id) {
            return Ok(found);
        }
        let generation = self.reaches.generation();
        let reach = match self.store.user_of_any_tenant(user_id).await? {
            Some(user) => {
                let groups = self.store.groups_by_id(None, user.group_ids.clone()).await?;
                Some(Reach::of(user, &groups))
            }
            None => None,
        };
        Ok(self.reaches.put(user_id, reach, generation))
    }

    /// A user was changed: name, state, groups, password, tokens.
    pub(crate) fn forget_user(&self, user_id: UserId) {
        self.reaches.forget(&user_id);
        self.tokens.clear();
        self.tokens_again.clear();
    }

    /// A group was changed: its members' rights may be others.
    pub(crate) fn forget_groups(&self) {
        self.reaches.clear();
    }

    /// A token was removed.
    pub(crate) fn forget_tokens(&self) {
        self.tokens.clear();
        self.tokens_again.clear();
    }

    /// A tenant was changed.
    pub(crate) fn forget_tenants(&self) {
        self.tenants.clear();
        self.tenant_lists.clear();
    }

    async fn token(&self, bearer: &str) -> Result<Option<Arc<Token>>> {
        let hash = hash_of(bearer);
        if let Some(found) = self.tokens.get(&hash) {
            return Ok(Some(found));
        }
        let generation = self.tokens.generation();
        // Unknown tokens are not kept: anyone can make them up.
        let Some(token) = self.store.token_by_hash(hash).await? else {
            return Ok(None);
        };
        self.note_use(&token).await;
        Ok(Some(self.tokens.put(hash, token, generation)))
    }

    async fn note_use(&self, token: &Token) {
        let now = self.clock.now();
        let is_noted = |at: Timestamp| now.duration_since(at) < LAST_USED_STEP;
        if token.last_used_at.is_some_and(is_noted) {
            return;
        }
        if let Err(error) = self.store.touch_token(token.id, now).await {
            tracing::warn!(token.id = %token.id, %error, "the last use of a token was not noted");
        }
    }

    /// The first 200 of some tenants, or of all.
    pub(crate) async fn tenant_list(&self, among: Option<Vec<TenantId>>) -> Result<Arc<Vec<Tenant>>> {
        if let Some(found) = self.tenant_lists.get(&among) {
            return Ok(found);
        }
        let generation = self.tenant_lists.generation();
        let page = Page::new(Some(LIMIT_MAX), None);
        let tenants = self.store.tenants(among.clone(), page).await?.items;
        Ok(self.tenant_lists.put(among, tenants, generation))
    }

    async fn tenant_id(&self, company_id: &str) -> Result<Option<TenantId>> {
        if let Some(found) = self.tenants.get(&company_id.to_owned()) {
            return Ok(Some(found.id));
        }
        let generation = self.tenants.generation();
        let Some(tenant) = self.store.tenant_by_company_id(company_id).await? else {
            return Ok(None);
        };
        Ok(Some(self.tenants.put(company_id.to_owned(), tenant, generation).id))
    }
}

/// Makes the first tenant, group and user where there is no user yet; `None` if there is one.
///
/// # Errors
/// The database refuses, or the system gives no random numbers.
pub async fn first_start(store: &Store, settings: &Settings) -> Result<Option<FirstStart>> {
    if store.has_users().await? {
        return Ok(None);
    }
    let (password, shown) = if settings.admin.password.is_empty() {
        let random = password::random_text()?;
        (random.clone(), Some(random))
    } else {
        (settings.admin.password.clone(), None)
    };
    let hash = password::Passwords::new(store.handle().clone()).hash(&password).await?;
    let clock = store.clock();
    let tenant = new_tenant(clock, FIRST_COMPANY_ID.to_owned(), "First company".to_owned());
    let group = Group {
        id: clock.new_id().into(),
        tenant_id: tenant.id,
        name: ADMINISTRATORS.to_owned(),
        rights: Rights::all(),
        all_tenants: true,
        version: 1,
        created_at: tenant.created_at,
        updated_at: tenant.created_at,
    };
    let mut user = new_user(clock, tenant.id, FIRST_USERNAME);
    user.display_name = Some("Administrator".to_owned());
    user.group_ids = vec![group.id];
    let created = store.create_first(tenant, group, user, hash).await?;
    Ok(created.then_some(FirstStart {
        username: FIRST_USERNAME,
        password: shown,
    }))
}

/// The hash under which a token is kept. Tokens are random, so a fast hash is enough.
pub(crate) fn hash_of(token: &str) -> TokenHash {
    Sha256::digest(token.as_bytes()).into()
}

/// The user of a caller, for what belongs to a person.
///
/// # Errors
/// [`Code::Forbidden`] for library users.
pub(crate) fn user_of(caller: &Caller) -> Result<UserId> {
    caller.user_id.ok_or_else(|| {
        Error::new(
            Code::Forbidden,
            "This belongs to a user, and the caller is a program without one.",
        )
    })
}

fn bad_token() -> Error {
    Error::new(
        Code::Unauthorized,
        "The token is not valid: sign in again, or make a new token.",
    )
}

fn gone_since() -> Error {
    Error::new(
        Code::Unauthorized,
        "The token with which this request was accepted was removed or has expired, or its user is not active any more.",
    )
}

fn bad_tenant() -> Error {
    Error::new(
        Code::Forbidden,
        "The tenant in the header ipp-company-id is not one that you reach.",
    )
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;
    use crate::domain::rights::Right;

    fn reach(active: bool, groups: &[(u128, Rights, bool)]) -> Reach {
        let clock = Clock::system();
        let mut user = new_user(&clock, Uuid::from_u128(1).into(), "Kari");
        user.active = active;
        let groups: Vec<Group> = groups
            .iter()
            .map(|(tenant, rights, all_tenants)| Group {
                id: clock.new_id().into(),
                tenant_id: Uuid::from_u128(*tenant).into(),
                name: String::new(),
                rights: *rights,
                all_tenants: *all_tenants,
                version: 1,
                created_at: clock.now(),
                updated_at: clock.now(),
            })
            .collect();
        Reach::of(user, &groups)
    }

    #[test]
    fn rights_are_those_of_the_groups_of_the_tenant() {
        let (home, other, foreign) = [1, 2, 3].map(|id| Uuid::from_u128(id).into()).into();
        let read = Rights::from(Right::CallsRead);
        let run = Rights::from(Right::CallsRun);
        let several = reach(true, &[(1, read, false), (1, run, false), (2, run, false)]);
        assert_eq!(several.rights_in(home), Some(read.union(run)));
        assert_eq!(several.rights_in(other), Some(run));
        assert_eq!(several.rights_in(foreign), None);
        assert_eq!(several.tenant_ids(), [home, other]);
        assert_eq!(reach(true, &[]).rights_in(home), Some(Rights::none()));
        assert_eq!(reach(false, &[(1, read, false)]).rights_in(home), None);
        assert_eq!(reach(true, &[(1, read, true)]).rights_in(foreign), Some(Rights::all()));
    }
}
