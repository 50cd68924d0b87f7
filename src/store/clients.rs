//! Owns clients: credentials for outbound requests, sealed.

use jiff::Timestamp;
use sea_orm::{
    ActiveValue::Set, ColumnTrait, DatabaseTransaction, EntityTrait, QueryFilter, QueryOrder, QuerySelect, QueryTrait,
};
use serde_json::Value;

use super::{
    Error, Page, Paged, Result, Store,
    audit::{self, Entry},
    tenants::{timestamp, unchanged},
};
use crate::domain::ids::{ClientId, TenantId, UserId};
use entity::{
    call_api,
    client::{ActiveModel, Column, Entity, Model},
    client_token, integration_action,
};

/// How many users of a client are named when it cannot be deleted.
const NAMED_MAX: u64 = 5;

/// Credentials and limits for outbound requests.
#[derive(Clone, Debug)]
pub struct Client {
    /// Id.
    pub id: ClientId,
    /// Tenant.
    pub tenant_id: TenantId,
    /// Unique in the tenant.
    pub name: String,
    /// The credentials as they are shown, secrets masked.
    pub auth_public: Value,
    /// The whole credentials, sealed.
    pub auth_sealed: Vec<u8>,
    /// `perSecond`, `perMinute`, `perDay`, `concurrent`.
    pub limits: Option<Value>,
    /// Who made it.
    pub created_by: Option<UserId>,
    /// Goes up with each change.
    pub version: i64,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was changed last.
    pub updated_at: Timestamp,
}

impl Store {
    /// Clients of a tenant, oldest first.
    pub async fn clients(&self, tenant_id: TenantId, page: Page) -> Result<Paged<Client>> {
        self.read(move |db| async move {
            let rows = Entity::find()
                .filter(Column::TenantId.eq(tenant_id.uuid()))
                .apply_if(page.after_id()?, |query, id| query.filter(Column::Id.gt(id)))
                .order_by_asc(Column::Id)
                .limit(page.fetch())
                .all(&db)
                .await?;
            Paged::new(rows, &page, |row| row.id).try_map(client)
        })
        .await
    }

    /// One client of a tenant.
    pub async fn client(&self, tenant_id: TenantId, id: ClientId) -> Result<Option<Client>> {
        self.read(move |db| async move {
            let row = Entity::find_by_id(id.uuid())
                .filter(Column::TenantId.eq(tenant_id.uuid()))
                .one(&db)
                .await?;
            row.map(client).transpose()
        })
        .await
    }

    /// Adds a client.
    ///
    /// # Errors
    /// [`Error::Unique`]: the name is taken in this tenant.
    pub async fn create_client(&self, client: Client, entry: Entry) -> Result<()> {
        let clock = self.clock().clone();
        self.write(move |transaction| {
            Box::pin(async move {
                let row = ActiveModel {
                    id: Set(client.id.uuid()),
                    tenant_id: Set(client.tenant_id.uuid()),
                    created_by: Set(client.created_by.map(UserId::uuid)),
                    created_at: Set(client.created_at.as_microsecond()),
                    ..changeable(client)
                };
                Entity::insert(row).exec_without_returning(transaction).await?;
                audit::record(transaction, &clock, entry).await
            })
        })
        .await
    }

    /// Writes a client over its version before.
    ///
    /// # Errors
    /// [`Error::Unique`], [`Error::Stale`], [`Error::NotFound`].
    pub async fn update_client(&self, client: Client, entry: Entry) -> Result<()> {
        let clock = self.clock().clone();
        self.write(move |transaction| {
            Box::pin(async move {
                let (tenant_id, id, version) = (client.tenant_id, client.id, client.version);
                let written = Entity::update_many()
                    .set(changeable(client))
                    .filter(is(tenant_id, id))
                    .filter(Column::Version.eq(version - 1))
                    .exec(transaction)
                    .await?;
                if written.rows_affected == 0 {
                    return Err(unchanged(version_of(transaction, tenant_id, id).await?));
                }
                audit::record(transaction, &clock, entry).await
            })
        })
        .await
    }

    /// Removes a client and its token.
    ///
    /// # Errors
    /// [`Error::InUse`] names the calls that use it; [`Error::Stale`], [`Error::NotFound`].
    pub async fn delete_client(
        &self,
        tenant_id: TenantId,
        id: ClientId,
        version_before: i64,
        entry: Entry,
    ) -> Result<()> {
        let clock = self.clock().clone();
        self.write(move |transaction| {
            Box::pin(async move {
                refuse_if_used(transaction, tenant_id, id).await?;
                let gone = Entity::delete_many()
                    .filter(is(tenant_id, id))
                    .filter(Column::Version.eq(version_before))
                    .exec(transaction)
                    .await?;
                if gone.rows_affected == 0 {
                    return Err(unchanged(version_of(transaction, tenant_id, id).await?));
                }
                client_token::Entity::delete_by_id(id.uuid()).exec(transaction).await?;
                audit::record(transaction, &clock, entry).await
            })
        })
        .await
    }
}

async fn refuse_if_used(transaction: &DatabaseTransaction, tenant_id: TenantId, id: ClientId) -> Result<()> {
    let users = call_api::Entity::find()
        .filter(call_api::Column::TenantId.eq(tenant_id.uuid()))
        .filter(call_api::Column::ClientId.eq(id.uuid()))
        .order_by_asc(call_api::Column::Id)
        .limit(NAMED_MAX)
        .all(transaction)
        .await?;
    if !users.is_empty() {
        let names: Vec<String> = users.iter().map(|call| format!("\"{}\"", call.name)).collect();
        return Err(Error::InUse(format!(
            "The client is used by the call API {}. Give them another client, or delete them, first.",
            names.join(", ")
        )));
    }
    let actions = integration_action::Entity::find()
        .filter(integration_action::Column::TenantId.eq(tenant_id.uuid()))
        .filter(integration_action::Column::ClientId.eq(id.uuid()))
        .order_by_asc(integration_action::Column::Id)
        .limit(NAMED_MAX)
        .all(transaction)
        .await?;
    if actions.is_empty() {
        return Ok(());
    }
    let names: Vec<String> = actions.iter().map(|row| format!("{} {:?}", row.id, row.name)).collect();
    Err(Error::InUse(format!(
        "The client is used by the actions of integrations {}. Give them another client, or delete them, first.",
        names.join(", ")
    )))
}

/// The columns that an update may write.
fn changeable(client: Client) -> ActiveModel {
    ActiveModel {
        name: Set(client.name),
        auth_public: Set(client.auth_public.to_string()),
        auth_sealed: Set(client.auth_sealed),
        limits: Set(client.limits.map(|limits| limits.to_string())),
        version: Set(client.version),
        updated_at: Set(client.updated_at.as_microsecond()),
        ..Default::default()
    }
}

fn is(tenant_id: TenantId, id: ClientId) -> sea_orm::Condition {
    sea_orm::Condition::all()
        .add(Column::TenantId.eq(tenant_id.uuid()))
        .add(Column::Id.eq(id.uuid()))
}

async fn version_of(transaction: &DatabaseTransaction, tenant_id: TenantId, id: ClientId) -> Result<Option<i64>> {
    let row = Entity::find().filter(is(tenant_id, id)).one(transaction).await?;
    Ok(row.map(|row| row.version))
}

fn client(row: Model) -> Result<Client> {
    let json = |text: &str| {
        serde_json::from_str::<Value>(text).map_err(|error| Error::Content(format!("client {}: {error}", row.id)))
    };
    Ok(Client {
        id: row.id.into(),
        tenant_id: row.tenant_id.into(),
        auth_public: json(&row.auth_public)?,
        limits: row.limits.as_deref().map(json).transpose()?,
        name: row.name,
        auth_sealed: row.auth_sealed,
        created_by: row.created_by.map(Into::into),
        version: row.version,
        created_at: timestamp(row.created_at)?,
        updated_at: timestamp(row.updated_at)?,
    })
}
