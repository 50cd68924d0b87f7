//! The two questions that each run asks: what may this user do here, and with which credentials does this client sign.

use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QuerySelect};
use zeroize::Zeroizing;

use crate::domain::{
    ids::{ClientId, TenantId, UserId},
    rights::Rights,
};

use super::{Error, Place, Result, Sealer, Store};

/// A client's row, opened.
pub struct ClientSecrets {
    /// Name, for messages.
    pub name: String,
    /// The whole auth JSON.
    pub auth: Zeroizing<String>,
    /// Limits as JSON.
    pub limits: Option<String>,
    /// Version of the row.
    pub version: i64,
}

impl Store {
    /// What a user may do in a tenant: the union of the rights of his groups there, and everything for a member of the
    /// group of all tenants. `None`: not active, or no group here.
    pub async fn rights_of(&self, tenant_id: TenantId, user_id: UserId) -> Result<Option<Rights>> {
        self.read(move |db| async move {
            let user = entity::user::Entity::find_by_id(user_id.uuid()).one(&db).await?;
            if user.is_none_or(|user| !user.active) {
                return Ok(None);
            }
            let memberships: Vec<uuid::Uuid> = entity::user_group::Entity::find()
                .select_only()
                .column(entity::user_group::Column::GroupId)
                .filter(entity::user_group::Column::UserId.eq(user_id.uuid()))
                .into_tuple()
                .all(&db)
                .await?;
            let groups = entity::group::Entity::find()
                .filter(entity::group::Column::Id.is_in(memberships))
                .all(&db)
                .await?;
            let mut rights = None;
            for group in groups {
                if group.all_tenants {
                    return Ok(Some(Rights::all()));
                }
                if group.tenant_id == tenant_id.uuid() {
                    let names: Vec<String> =
                        serde_json::from_str(&group.rights).map_err(|error| Error::Content(error.to_string()))?;
                    let of_group = Rights::parse(&names).map_err(|error| Error::Content(error.to_string()))?;
                    rights = Some(rights.map_or(of_group, |rights: Rights| rights.union(of_group)));
                }
            }
            Ok(rights)
        })
        .await
    }

    /// The credentials of a client, opened; `None`: not in this tenant.
    pub async fn client_secrets(
        &self,
        tenant_id: TenantId,
        id: ClientId,
        sealer: &Sealer,
    ) -> Result<Option<ClientSecrets>> {
        let row = self
            .read(move |db| async move {
                let found = entity::client::Entity::find_by_id(id.uuid())
                    .filter(entity::client::Column::TenantId.eq(tenant_id.uuid()))
                    .one(&db);
                Ok(found.await?)
            })
            .await?;
        let Some(row) = row else { return Ok(None) };
        let opened = sealer.open(Place::client_auth(tenant_id, id), &row.auth_sealed)?;
        let auth = std::str::from_utf8(&opened).map_err(|error| Error::Content(error.to_string()))?;
        let auth = Zeroizing::new(auth.to_owned());
        Ok(Some(ClientSecrets {
            name: row.name,
            auth,
            limits: row.limits,
            version: row.version,
        }))
    }
}
