//! Every change of what clients make of integrations, but of their consents.

use sea_orm::{ActiveValue::Set, ColumnTrait, DatabaseTransaction, EntityTrait, QueryFilter, QuerySelect};
use uuid::Uuid;

use super::{
    consents::{self, LinkRules},
    definitions::seen,
    numbers::{Series, next_numbers},
    references::{own_connection, own_schedule, refused},
    rows::{self, StoredClientIntegration, StoredIntegration},
};
use crate::{
    domain::{
        ids::TenantId,
        integration::{ClientIntegration, ClientIntegrationId, IntegrationId, Stamp, rules::Rule},
    },
    store::{
        Error, Result, Store,
        audit::{self, Entry},
        expect_version,
    },
};
use entity::{client_integration, client_integration_state, integration_queue};

impl Store {
    /// Adds a client integration; where it is enabled, the consent that it needs begins. Its number, which `entry` gets too.
    ///
    /// # Errors
    /// [`Error::Unique`]: the tenant has one of this integration. [`Error::Broken`]: it names what is not there, or a schedule where
    /// the integration allows none.
    pub async fn create_client_integration(
        &self,
        rules: LinkRules,
        uuid: Uuid,
        stamp: Stamp,
        new: ClientIntegration,
        entry: Entry,
    ) -> Result<ClientIntegrationId> {
        let clock = self.clock().clone();
        self.write(move |txn| {
            Box::pin(async move {
                let tenant_id = stamp.tenant_id;
                let definition = definition_of(txn, tenant_id, new.integration_id).await?;
                check(txn, tenant_id, None, &new, &definition).await?;
                let id = ClientIntegrationId::from(next_numbers(txn, Series::ClientIntegration, 1).await?);
                let enabled = new.enabled;
                let row = rows::new_client_integration(id, uuid, &stamp, new);
                client_integration::Entity::insert(row)
                    .exec_without_returning(txn)
                    .await?;
                let state = client_integration_state::ActiveModel {
                    client_integration_id: Set(id.get()),
                    tenant_id: Set(tenant_id.uuid()),
                    run_count: Set(0),
                    updated_at: Set(stamp.created_at.as_microsecond()),
                    ..Default::default()
                };
                client_integration_state::Entity::insert(state)
                    .exec_without_returning(txn)
                    .await?;
                let entry = Entry {
                    resource_id: Some(id.to_string()),
                    ..entry
                };
                audit::record(txn, &clock, entry.clone()).await?;
                if enabled {
                    consents::start(txn, &clock, &rules, tenant_id, id, &entry).await?;
                }
                Ok(id)
            })
        })
        .await
    }

    /// Writes a client integration over its version before, which is one below that of `after`; where it is enabled now and was
    /// not, the consent that it needs begins.
    ///
    /// # Errors
    /// [`Error::Stale`], [`Error::NotFound`], [`Error::Broken`].
    pub async fn update_client_integration(
        &self,
        rules: LinkRules,
        after: StoredClientIntegration,
        entry: Entry,
    ) -> Result<()> {
        let clock = self.clock().clone();
        self.write(move |txn| {
            Box::pin(async move {
                let (id, stamp) = (after.id, after.stamp);
                let tenant_id = stamp.tenant_id;
                let definition = definition_of(txn, tenant_id, after.value.integration_id).await?;
                let before = lock(txn, tenant_id, id, Some(stamp.version - 1)).await?;
                check(txn, tenant_id, Some(&before.value), &after.value, &definition).await?;
                let begins = after.value.enabled && !before.value.enabled;
                client_integration::Entity::update_many()
                    .set(rows::client_integration_columns(&stamp, after.value))
                    .filter(client_integration::Column::Id.eq(id.get()))
                    .filter(client_integration::Column::TenantId.eq(tenant_id.uuid()))
                    .exec(txn)
                    .await?;
                audit::record(txn, &clock, entry.clone()).await?;
                if begins {
                    consents::start(txn, &clock, &rules, tenant_id, id, &entry).await?;
                }
                Ok(())
            })
        })
        .await
    }

    /// Removes a client integration with its consent, its queue and what its runs have left; logs of its runs stay until they are
    /// purged. Answers the consents that went, whose tokens are to be forgotten.
    ///
    /// # Errors
    /// [`Error::Stale`], [`Error::NotFound`].
    pub async fn delete_client_integration(
        &self,
        tenant_id: TenantId,
        id: ClientIntegrationId,
        version: Option<i64>,
        entry: Entry,
    ) -> Result<Vec<Uuid>> {
        let clock = self.clock().clone();
        self.write(move |txn| {
            Box::pin(async move {
                lock(txn, tenant_id, id, version).await?;
                let consents = consents::forget(txn, tenant_id, &[id]).await?;
                integration_queue::Entity::delete_many()
                    .filter(integration_queue::Column::TenantId.eq(tenant_id.uuid()))
                    .filter(integration_queue::Column::ClientIntegrationId.eq(id.get()))
                    .exec(txn)
                    .await?;
                client_integration_state::Entity::delete_by_id(id.get())
                    .exec(txn)
                    .await?;
                client_integration::Entity::delete_by_id(id.get()).exec(txn).await?;
                audit::record(txn, &clock, entry).await?;
                Ok(consents)
            })
        })
        .await
    }
}

/// The definition, as long as the tenant sees it; it stays as it is until the transaction ends.
async fn definition_of(txn: &DatabaseTransaction, tenant_id: TenantId, id: IntegrationId) -> Result<StoredIntegration> {
    let row = entity::integration::Entity::find_by_id(id.get())
        .filter(seen::integration(tenant_id))
        .lock_shared()
        .one(txn)
        .await?;
    match row {
        Some(row) => rows::integration(row),
        None => Err(refused(
            "IntegrationId",
            format!("there is no integration {id} in this tenant"),
        )),
    }
}

async fn lock(
    txn: &DatabaseTransaction,
    tenant_id: TenantId,
    id: ClientIntegrationId,
    version: Option<i64>,
) -> Result<StoredClientIntegration> {
    let row = client_integration::Entity::find_by_id(id.get())
        .filter(client_integration::Column::TenantId.eq(tenant_id.uuid()))
        .lock_exclusive()
        .one(txn)
        .await?;
    let row = row.ok_or(Error::NotFound)?;
    expect_version(version, row.version)?;
    rows::client_integration(row)
}

/// Whether what it names is the tenant's, as far as it is named anew.
async fn check(
    txn: &DatabaseTransaction,
    tenant_id: TenantId,
    before: Option<&ClientIntegration>,
    after: &ClientIntegration,
    definition: &StoredIntegration,
) -> Result<()> {
    if let Some(schedule) = after.schedule_id
        && before.and_then(|before| before.schedule_id) != Some(schedule)
    {
        if !definition.value.allow_schedule_change {
            return Err(Error::Broken {
                rule: Some(Rule::ScheduleFixed),
                member: "ScheduleId",
                message: format!(
                    "must stay empty: the integration {:?} does not allow clients a schedule of their own",
                    definition.value.integration_name
                ),
            });
        }
        own_schedule(txn, tenant_id, schedule).await?;
    }
    if let Some(connection) = after.connection_id
        && before.and_then(|before| before.connection_id) != Some(connection)
    {
        own_connection(txn, tenant_id, connection).await?;
    }
    Ok(())
}
