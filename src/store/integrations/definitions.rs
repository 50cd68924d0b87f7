//! Reading definitions of integrations, what clients make of them, and the secrets among them.
//!
//! `tenant_id` is the owner's in `integration`, `schedule`, `action` and `system`; functions with `visible` in their names also find
//! what is managed, and what that names.

use std::collections::BTreeMap;

use sea_orm::{
    ColumnTrait, Condition, ConnectionTrait, DatabaseConnection, EntityTrait, QueryFilter, QuerySelect,
    sea_query::{Query, SimpleExpr},
};
use uuid::Uuid;
use zeroize::Zeroizing;

use super::rows::{
    self, StoredAction, StoredClientIntegration, StoredConsent, StoredIntegration, StoredSchedule, StoredSystem,
};
use crate::{
    domain::{
        ids::TenantId,
        integration::{
            ActionId, ClientIntegrationId, ConsentId, IntegrationId, ScheduleId, SystemId, headers::SecretValues,
        },
    },
    http::Secret,
    store::{Error, Place, Result, Sealer, Store},
};
use entity::{
    client_integration, integration, integration_action, integration_consent, integration_schedule, integration_system,
};

/// A client integration with everything that its actor reads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LoadedClientIntegration {
    /// What the client makes of it.
    pub client: StoredClientIntegration,
    /// The definition; the tenant of its stamp owns system, schedule and action.
    pub integration: StoredIntegration,
    /// With which system.
    pub system: StoredSystem,
    /// The client's own schedule where the definition lets it have one, else that of the definition.
    pub schedule: StoredSchedule,
    /// What happens to an item.
    pub action: Option<StoredAction>,
    /// The consent, where there is one.
    pub consent: Option<StoredConsent>,
}

/// Defines the reads of one table: by owner, and by who sees it.
macro_rules! reads {
    ($($table:ident, $id:ident, $stored:ident, $own:ident, $visible:ident, $of_table:ident;)+) => {
        impl Store {$(
            /// The one with this number, of its owner.
            pub async fn $own(&self, tenant_id: TenantId, id: $id) -> Result<Option<$stored>> {
                self.read(move |db| async move {
                    let row = $table::Entity::find_by_id(id.get())
                        .filter($table::Column::TenantId.eq(tenant_id.uuid()))
                        .one(&db)
                        .await?;
                    row.map(rows::$of_table).transpose()
                })
                .await
            }

            /// The one with this number, where the tenant sees it: its own, or one that belongs to something managed.
            pub async fn $visible(&self, tenant_id: TenantId, id: $id) -> Result<Option<$stored>> {
                self.read(move |db| async move {
                    let row = $table::Entity::find_by_id(id.get())
                        .filter(seen::$of_table(tenant_id))
                        .one(&db)
                        .await?;
                    row.map(rows::$of_table).transpose()
                })
                .await
            }
        )+}
    };
}

reads! {
    integration, IntegrationId, StoredIntegration, integration, integration_visible, integration;
    integration_system, SystemId, StoredSystem, system, system_visible, system;
    integration_schedule, ScheduleId, StoredSchedule, schedule, schedule_visible, schedule;
    integration_action, ActionId, StoredAction, action, action_visible, action;
}

/// Which rows a tenant sees.
pub(in crate::store) mod seen {
    use super::{
        ColumnTrait, Condition, Query, TenantId, integration, integration_action, integration_schedule,
        integration_system,
    };

    /// Its own, and what is managed.
    pub(in crate::store) fn integration(tenant_id: TenantId) -> Condition {
        Condition::any()
            .add(integration::Column::TenantId.eq(tenant_id.uuid()))
            .add(integration::Column::Managed.eq(true))
    }

    /// Its own, and what is named by what is managed.
    pub(in crate::store) fn system(tenant_id: TenantId) -> Condition {
        Condition::any()
            .add(integration_system::Column::TenantId.eq(tenant_id.uuid()))
            .add(integration_system::Column::Id.in_subquery(of_managed(integration::Column::SystemId)))
    }

    /// As [`system`].
    pub(in crate::store) fn schedule(tenant_id: TenantId) -> Condition {
        Condition::any()
            .add(integration_schedule::Column::TenantId.eq(tenant_id.uuid()))
            .add(integration_schedule::Column::Id.in_subquery(of_managed(integration::Column::ScheduleId)))
    }

    /// As [`system`].
    pub(in crate::store) fn action(tenant_id: TenantId) -> Condition {
        Condition::any()
            .add(integration_action::Column::TenantId.eq(tenant_id.uuid()))
            .add(integration_action::Column::Id.in_subquery(of_managed(integration::Column::ActionId)))
    }

    fn of_managed(column: integration::Column) -> sea_orm::sea_query::SelectStatement {
        let mut query = Query::select();
        query
            .column(column)
            .from(integration::Entity)
            .and_where(integration::Column::Managed.eq(true))
            .and_where(column.is_not_null());
        query
    }
}

impl Store {
    /// A client integration of a tenant.
    pub async fn client_integration(
        &self,
        tenant_id: TenantId,
        id: ClientIntegrationId,
    ) -> Result<Option<StoredClientIntegration>> {
        let this = client_integration::Column::Id.eq(id.get());
        self.one_client_integration(tenant_id, Condition::all().add(this)).await
    }

    /// A client integration of a tenant by the id of its actor.
    pub async fn client_integration_by_uuid(
        &self,
        tenant_id: TenantId,
        uuid: Uuid,
    ) -> Result<Option<StoredClientIntegration>> {
        let this = client_integration::Column::Uuid.eq(uuid);
        self.one_client_integration(tenant_id, Condition::all().add(this)).await
    }

    async fn one_client_integration(
        &self,
        tenant_id: TenantId,
        this: Condition,
    ) -> Result<Option<StoredClientIntegration>> {
        self.read(move |db| async move {
            let row = client_integration::Entity::find()
                .filter(client_integration::Column::TenantId.eq(tenant_id.uuid()))
                .filter(this)
                .one(&db)
                .await?;
            row.map(rows::client_integration).transpose()
        })
        .await
    }

    /// A client integration with everything that its actor reads; none: it is gone.
    ///
    /// # Errors
    /// [`Error::Content`]: something that it names is gone.
    pub async fn load_client_integration(
        &self,
        tenant_id: TenantId,
        uuid: Uuid,
    ) -> Result<Option<LoadedClientIntegration>> {
        self.read(move |db| async move {
            let row = client_integration::Entity::find()
                .filter(client_integration::Column::TenantId.eq(tenant_id.uuid()))
                .filter(client_integration::Column::Uuid.eq(uuid))
                .one(&db)
                .await?;
            match row {
                None => Ok(None),
                Some(row) => loaded(&db, rows::client_integration(row)?).await.map(Some),
            }
        })
        .await
    }

    /// A consent of a tenant.
    pub async fn consent(&self, tenant_id: TenantId, id: ConsentId) -> Result<Option<StoredConsent>> {
        self.read(move |db| async move { one_consent(&db, tenant_id, id).await })
            .await
    }

    /// The secret headers of an action by their names, opened; `tenant_id` is the owner's. None where it has none.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::Sealed`].
    pub async fn action_secrets(
        &self,
        sealer: &Sealer,
        tenant_id: TenantId,
        id: ActionId,
    ) -> Result<BTreeMap<String, Secret>> {
        let row = self
            .read(move |db| async move {
                let row = integration_action::Entity::find_by_id(id.get())
                    .filter(integration_action::Column::TenantId.eq(tenant_id.uuid()))
                    .one(&db)
                    .await?;
                row.ok_or(Error::NotFound)
            })
            .await?;
        let Some(sealed) = row.headers_secret else {
            return Ok(BTreeMap::new());
        };
        let opened = sealer.open(Place::action_headers(tenant_id, id), &sealed)?;
        // The error says where in the text, not what is there.
        serde_json::from_slice(&opened).map_err(|error| {
            let column = error.column();
            Error::Content(format!("the secret headers of the action {id}, at column {column}"))
        })
    }

    /// The client secret of a system, opened; `tenant_id` is the owner's.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::Sealed`].
    pub async fn system_secret(&self, sealer: &Sealer, tenant_id: TenantId, id: SystemId) -> Result<Option<Secret>> {
        let row = self
            .read(move |db| async move {
                let row = integration_system::Entity::find_by_id(id.get())
                    .filter(integration_system::Column::TenantId.eq(tenant_id.uuid()))
                    .one(&db)
                    .await?;
                row.ok_or(Error::NotFound)
            })
            .await?;
        let Some(sealed) = row.oauth_client_secret else {
            return Ok(None);
        };
        let opened = sealer.open(Place::system_secret(tenant_id, id), &sealed)?;
        let text = std::str::from_utf8(&opened).map_err(|error| Error::Content(error.to_string()))?;
        Ok(Some(Secret::from(text)))
    }
}

/// The client integrations of an integration.
pub(super) fn of_integration(id: IntegrationId) -> Condition {
    Condition::all().add(client_integration::Column::IntegrationId.eq(id.get()))
}

/// The client integrations of all integrations with a system.
pub(super) fn of_system(id: SystemId) -> Condition {
    of_those(integration::Column::SystemId.eq(id.get()))
}

/// The client integrations of all integrations with an action.
pub(super) fn of_action(id: ActionId) -> Condition {
    of_those(integration::Column::ActionId.eq(id.get()))
}

/// The client integrations of all integrations with a schedule, and those that have it as their own.
pub(super) fn of_schedule(id: ScheduleId) -> Condition {
    Condition::any()
        .add(of_those(integration::Column::ScheduleId.eq(id.get())))
        .add(client_integration::Column::ScheduleId.eq(id.get()))
}

fn of_those(named: SimpleExpr) -> Condition {
    let mut integrations = Query::select();
    integrations
        .column(integration::Column::Id)
        .from(integration::Entity)
        .and_where(named);
    Condition::all().add(client_integration::Column::IntegrationId.in_subquery(integrations))
}

/// Tenants and actors of client integrations, over all tenants.
pub(super) async fn actors_where<C: ConnectionTrait>(db: &C, wanted: Condition) -> Result<Vec<(TenantId, Uuid)>> {
    let rows: Vec<(Uuid, Uuid)> = client_integration::Entity::find()
        .select_only()
        .columns([client_integration::Column::TenantId, client_integration::Column::Uuid])
        .filter(wanted)
        .into_tuple()
        .all(db)
        .await?;
    Ok(rows.into_iter().map(|(tenant, uuid)| (tenant.into(), uuid)).collect())
}

/// Seals the secret headers of an action; none where there are none.
///
/// # Errors
/// [`Error::Sealed`].
pub(super) fn seal_action_headers(
    sealer: &Sealer,
    tenant_id: TenantId,
    id: ActionId,
    secrets: &SecretValues,
) -> Result<Option<Vec<u8>>> {
    if secrets.is_empty() {
        return Ok(None);
    }
    let clear: BTreeMap<&str, &str> = secrets
        .iter()
        .map(|(name, secret)| (name.as_str(), secret.as_str()))
        .collect();
    let json = serde_json::to_vec(&clear).map_err(|error| Error::Content(error.to_string()))?;
    let sealed = sealer.seal(Place::action_headers(tenant_id, id), &Zeroizing::new(json))?;
    Ok(Some(sealed))
}

async fn one_consent(db: &DatabaseConnection, tenant_id: TenantId, id: ConsentId) -> Result<Option<StoredConsent>> {
    let row = integration_consent::Entity::find_by_id(id.get())
        .filter(integration_consent::Column::TenantId.eq(tenant_id.uuid()))
        .one(db)
        .await?;
    row.map(rows::consent).transpose()
}

async fn loaded(db: &DatabaseConnection, client: StoredClientIntegration) -> Result<LoadedClientIntegration> {
    let gone =
        |what: &'static str| move || Error::Content(format!("the {what} of the client integration {}", client.id));
    let tenant_id = client.stamp.tenant_id;
    let definition = integration::Entity::find_by_id(client.value.integration_id.get())
        .filter(seen::integration(tenant_id))
        .one(db)
        .await?
        .ok_or_else(gone("integration"))?;
    let definition = rows::integration(definition)?;
    let (owner_id, value) = (definition.stamp.tenant_id, &definition.value);
    let system = integration_system::Entity::find_by_id(value.integration_system_id.get())
        .filter(integration_system::Column::TenantId.eq(owner_id.uuid()))
        .one(db)
        .await?
        .ok_or_else(gone("system"))?;
    let own = client.value.schedule_id.filter(|_| value.allow_schedule_change);
    let (schedule_id, of) = match own {
        Some(own) => (own, tenant_id),
        None => (value.schedule_id, owner_id),
    };
    let schedule = integration_schedule::Entity::find_by_id(schedule_id.get())
        .filter(integration_schedule::Column::TenantId.eq(of.uuid()))
        .one(db)
        .await?
        .ok_or_else(gone("schedule"))?;
    let action = match value.action_id {
        None => None,
        Some(id) => Some(
            integration_action::Entity::find_by_id(id.get())
                .filter(integration_action::Column::TenantId.eq(owner_id.uuid()))
                .one(db)
                .await?
                .ok_or_else(gone("action"))?,
        ),
    };
    let consent = match client.value.consent_id {
        None => None,
        Some(id) => one_consent(db, tenant_id, id).await?,
    };
    Ok(LoadedClientIntegration {
        integration: definition,
        system: rows::system(system)?,
        schedule: rows::schedule(schedule)?,
        action: action.map(rows::action).transpose()?,
        consent,
        client,
    })
}
