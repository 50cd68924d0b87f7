//! What things are called: the names of the rows whose ids a page of a list mentions, by one statement for all of them.

use std::collections::HashMap;

use sea_orm::{ColumnTrait, DatabaseConnection, EntityTrait, QueryFilter, QuerySelect, QueryTrait};
use uuid::Uuid;

use super::{Result, Store, users};
use crate::domain::ids::{CallApiId, ClientId, ConnectionId, TenantId, UserId};
use entity::{call_api, client, connection, user};

/// Databases take a limited number of values in one statement.
const NAMES_MAX: usize = 1_000;

/// Each once, and no more than one statement takes.
fn distinct(ids: impl IntoIterator<Item = Uuid>) -> Vec<Uuid> {
    let mut ids: Vec<Uuid> = ids.into_iter().collect();
    ids.sort_unstable();
    ids.dedup();
    ids.truncate(NAMES_MAX);
    ids
}

/// Ids and names of those of a table that are of a tenant; `columns` are those of id, name and tenant.
pub(super) async fn named<E: EntityTrait>(
    db: &DatabaseConnection,
    [id, name, of]: [E::Column; 3],
    tenant: Uuid,
    ids: Vec<Uuid>,
) -> Result<Vec<(Uuid, String)>> {
    let found = E::find()
        .select_only()
        .columns([id, name])
        .filter(of.eq(tenant))
        .filter(id.is_in(ids));
    Ok(found.into_tuple().all(db).await?)
}

impl Store {
    /// What users are called: the display name, else the username. With a tenant, of those only that belong to it.
    pub async fn user_names(&self, tenant: Option<TenantId>, ids: Vec<UserId>) -> Result<HashMap<UserId, String>> {
        let ids = distinct(ids.into_iter().map(UserId::uuid));
        if ids.is_empty() {
            return Ok(HashMap::new());
        }
        self.read(move |db| async move {
            let rows: Vec<(Uuid, String, Option<String>)> = user::Entity::find()
                .select_only()
                .columns([user::Column::Id, user::Column::Username, user::Column::DisplayName])
                .filter(user::Column::Id.is_in(ids))
                .apply_if(tenant, |query, tenant| query.filter(users::in_tenant(tenant)))
                .into_tuple()
                .all(&db)
                .await?;
            let named = rows.into_iter().map(|(id, username, display_name)| {
                let shown = display_name.filter(|name| !name.is_empty()).unwrap_or(username);
                (id.into(), shown)
            });
            Ok(named.collect())
        })
        .await
    }

    /// The names of call APIs of a tenant.
    pub async fn call_api_names(&self, tenant: TenantId, ids: Vec<CallApiId>) -> Result<HashMap<CallApiId, String>> {
        let ids = distinct(ids.into_iter().map(CallApiId::uuid));
        if ids.is_empty() {
            return Ok(HashMap::new());
        }
        self.read(move |db| async move {
            let columns = [call_api::Column::Id, call_api::Column::Name, call_api::Column::TenantId];
            let rows = named::<call_api::Entity>(&db, columns, tenant.uuid(), ids).await?;
            Ok(rows.into_iter().map(|(id, name)| (id.into(), name)).collect())
        })
        .await
    }

    /// The names of clients of a tenant.
    pub async fn client_names(&self, tenant: TenantId, ids: Vec<ClientId>) -> Result<HashMap<ClientId, String>> {
        let ids = distinct(ids.into_iter().map(ClientId::uuid));
        if ids.is_empty() {
            return Ok(HashMap::new());
        }
        self.read(move |db| async move {
            let columns = [client::Column::Id, client::Column::Name, client::Column::TenantId];
            let rows = named::<client::Entity>(&db, columns, tenant.uuid(), ids).await?;
            Ok(rows.into_iter().map(|(id, name)| (id.into(), name)).collect())
        })
        .await
    }

    /// The names of connections of a tenant.
    pub async fn connection_names(
        &self,
        tenant: TenantId,
        ids: Vec<ConnectionId>,
    ) -> Result<HashMap<ConnectionId, String>> {
        let ids = distinct(ids.into_iter().map(ConnectionId::uuid));
        if ids.is_empty() {
            return Ok(HashMap::new());
        }
        self.read(move |db| async move {
            let columns = [
                connection::Column::Id,
                connection::Column::Name,
                connection::Column::TenantId,
            ];
            let rows = named::<connection::Entity>(&db, columns, tenant.uuid(), ids).await?;
            Ok(rows.into_iter().map(|(id, name)| (id.into(), name)).collect())
        })
        .await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_id_is_asked_for_once() {
        let ids = [3_u128, 1, 3, 2, 1].map(Uuid::from_u128);
        assert_eq!(distinct(ids), [1_u128, 2, 3].map(Uuid::from_u128));
        assert_eq!(distinct((0..2_000_u128).map(Uuid::from_u128)).len(), NAMES_MAX);
    }
}
