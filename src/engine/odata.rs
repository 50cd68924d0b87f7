//! Integrations and what belongs to them as OData reads them; changes are in `integrations`.

use super::{Engine, caller::Caller};
use crate::{
    domain::{
        odata::{Entity, EntitySet, Key, Link, Listed, Navigation, Query},
        rights::Right,
    },
    error::{Error, Result},
    store::integrations::odata::Scope,
};

/// Entities in a part of a list, where the caller does not say.
pub const PAGE_DEFAULT: u64 = 100;
/// The same, at most.
pub const PAGE_MAX: u64 = 500;

/// Reading of entities.
pub struct OData<'a> {
    engine: &'a Engine,
}

/// What a navigation leads to.
#[derive(Debug, Clone, PartialEq)]
pub enum Reached {
    /// One entity, if there is one.
    One(Option<Box<Entity>>),
    /// A part of a list.
    Many(Listed),
}

impl Engine {
    /// Reading of integrations and what belongs to them.
    #[must_use]
    pub fn odata(&self) -> OData<'_> {
        OData { engine: self }
    }
}

impl OData<'_> {
    /// A part of a set: `page` entities at most, brought into 1 to [`PAGE_MAX`].
    ///
    /// # Errors
    /// Without the right; `bad_request`: too much is asked for.
    pub async fn list(&self, caller: &Caller, query: &Query, page: u64) -> Result<Listed> {
        self.part(caller, query, Scope::All, page).await
    }

    /// How many entities a set has.
    ///
    /// # Errors
    /// Without the right.
    pub async fn count(&self, caller: &Caller, query: &Query) -> Result<u64> {
        self.counted(caller, query, Scope::All).await
    }

    /// An entity.
    ///
    /// # Errors
    /// Without the right; `not_found`.
    pub async fn one(&self, caller: &Caller, query: &Query, key: &Key) -> Result<Entity> {
        let found = self.found(caller, query, key.clone()).await?;
        found.ok_or_else(|| not_found(query.set, key))
    }

    /// What a navigation of an entity leads to; `query` is of its target.
    ///
    /// # Errors
    /// Without the right; `not_found`: the entity from which it leads.
    pub async fn reached(
        &self,
        caller: &Caller,
        from: (EntitySet, &Key),
        navigation: &'static Navigation,
        query: &Query,
        page: u64,
    ) -> Result<Reached> {
        let (set, key) = from;
        let parent = self.one(caller, &Query::all(set), key).await?;
        match navigation.link {
            Link::One(property) => {
                let link = parent.value(property).and_then(Key::of);
                let found = match link {
                    Some(link) => self.found(caller, query, link).await?,
                    None => None,
                };
                Ok(Reached::One(found.map(Box::new)))
            }
            Link::Many(_) => {
                let scope = linked(navigation, key)?;
                self.part(caller, query, scope, page).await.map(Reached::Many)
            }
        }
    }

    /// How many entities a navigation to many leads to.
    ///
    /// # Errors
    /// As [`OData::reached`].
    pub async fn count_reached(
        &self,
        caller: &Caller,
        from: (EntitySet, &Key),
        navigation: &'static Navigation,
        query: &Query,
    ) -> Result<u64> {
        self.one(caller, &Query::all(from.0), from.1).await?;
        self.counted(caller, query, linked(navigation, from.1)?).await
    }

    async fn part(&self, caller: &Caller, query: &Query, scope: Scope, page: u64) -> Result<Listed> {
        caller.require(Right::IntegrationsManage)?;
        let (store, now) = (self.engine.store(), self.engine.clock().now());
        let page = page.clamp(1, PAGE_MAX);
        Ok(store
            .odata_list(caller.tenant_id, query.clone(), scope, page, now)
            .await?)
    }

    async fn counted(&self, caller: &Caller, query: &Query, scope: Scope) -> Result<u64> {
        caller.require(Right::IntegrationsManage)?;
        let (store, now) = (self.engine.store(), self.engine.clock().now());
        Ok(store.odata_count(caller.tenant_id, query.clone(), scope, now).await?)
    }

    async fn found(&self, caller: &Caller, query: &Query, key: Key) -> Result<Option<Entity>> {
        let listed = self.part(caller, query, Scope::Key(key), 1).await?;
        Ok(listed.entities.into_iter().next())
    }
}

fn linked(navigation: &'static Navigation, key: &Key) -> Result<Scope> {
    let property = match navigation.link {
        Link::Many(property) => navigation.target.entity_type().property(property),
        Link::One(_) => None,
    };
    let property = property.ok_or_else(|| Error::internal(format!("{} leads to no list", navigation.name)))?;
    Ok(Scope::Linked(property, key.clone()))
}

fn not_found(set: EntitySet, key: &Key) -> Error {
    let key = match key {
        Key::Number(number) => number.to_string(),
        Key::Text(text) => format!("\"{text}\""),
    };
    Error::not_found(set.entity_type().called, key)
}
