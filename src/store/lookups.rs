//! What a run asks: with which credentials does this client sign.

use sea_orm::{ColumnTrait, EntityTrait, QueryFilter};
use zeroize::Zeroizing;

use crate::domain::ids::{ClientId, TenantId};

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

    /// The id of the client with this name; `None`: not in this tenant.
    pub async fn client_named(&self, tenant_id: TenantId, name: &str) -> Result<Option<ClientId>> {
        let name = name.to_owned();
        self.read(move |db| async move {
            let found = entity::client::Entity::find()
                .filter(entity::client::Column::TenantId.eq(tenant_id.uuid()))
                .filter(entity::client::Column::Name.eq(name))
                .one(&db)
                .await?;
            Ok(found.map(|row| ClientId::from(row.id)))
        })
        .await
    }
}
