//! Whom a call can be run as, by name: a choice for the person who defines it.

use super::CallApis;
use crate::{
    domain::{ids::UserId, rights::Right},
    engine::{caller::Caller, users::User},
    error::Result,
    store::{Page, page::LIMIT_MAX},
};

/// Most users that a choice shows.
const USERS_MAX: usize = 1_000;

/// A user that can be chosen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RunAs {
    /// Id.
    pub id: UserId,
    /// What people call them.
    pub name: String,
}

impl CallApis<'_> {
    /// The active users of the tenant by name, at most 1,000. Without `users.manage` only the caller; always also `chosen`, the
    /// user whom a call names already.
    ///
    /// # Errors
    /// `forbidden` without `calls.read`.
    pub async fn run_as(&self, caller: &Caller, chosen: Option<UserId>) -> Result<Vec<RunAs>> {
        caller.require(Right::CallsRead)?;
        let mut users = Vec::new();
        if caller.rights.contains(Right::UsersManage) {
            let mut page = Page::new(Some(LIMIT_MAX), None);
            while users.len() < USERS_MAX {
                let paged = self.engine.store().users(caller.tenant_id, page).await?;
                users.extend(paged.items.iter().filter(|user| user.active).map(named));
                let Some(cursor) = paged.next_cursor else { break };
                page = Page::new(Some(LIMIT_MAX), Some(cursor));
            }
        }
        let others = caller.user_id.into_iter().chain(chosen);
        let others: Vec<UserId> = others.filter(|id| users.iter().all(|user| user.id != *id)).collect();
        let names = self.engine.names().users(caller, others).await?;
        users.extend(names.into_iter().map(|(id, name)| RunAs { id, name }));
        users.sort_by_cached_key(|user| user.name.to_lowercase());
        Ok(users)
    }
}

fn named(user: &User) -> RunAs {
    let name = match user.display_name.as_deref() {
        Some(name) if !name.is_empty() && name != user.username => format!("{name} ({})", user.username),
        _ => user.username.clone(),
    };
    RunAs { id: user.id, name }
}
