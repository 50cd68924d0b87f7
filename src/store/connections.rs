//! Owns connections to other systems: their definitions, their secrets sealed, and how they fare. Every change of them is in
//! `changes`.

use jiff::Timestamp;
use sea_orm::{ColumnTrait, Condition, EntityTrait, JoinType, QueryFilter, QueryOrder, QuerySelect, QueryTrait};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use uuid::Uuid;
use zeroize::Zeroizing;

use super::{
    Error, Place, Result, Sealer, Store,
    listing::{self, Listed, LiveRow, OrderBy, Window},
    tenants::timestamp,
};
use crate::{
    domain::{
        connection::{Health, ProviderKind},
        ids::{AutomationId, ConnectionId, TenantId, UserId},
    },
    http::Secret,
    providers::{Account, Profile, Secrets},
};
use entity::{
    automation,
    connection::{Column, Entity, Model},
    connection_state,
};

pub(super) mod changes;

pub use changes::SeenHealth;

/// A connection as it is stored.
#[derive(Clone, Debug, PartialEq)]
pub struct Connection {
    /// Id.
    pub id: ConnectionId,
    /// Tenant.
    pub tenant_id: TenantId,
    /// Which provider.
    pub provider: ProviderKind,
    /// What is no secret.
    pub profile: Profile,
    /// The secrets as they are shown, by member; see [`masked`].
    pub secrets_public: Value,
    /// The secrets, sealed; see [`seal_secrets`].
    pub secrets: Vec<u8>,
    /// Whether a person wants it to be used.
    pub enabled: bool,
    /// Who made it.
    pub created_by: Option<UserId>,
    /// Goes up with each change.
    pub version: i64,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was changed last.
    pub updated_at: Timestamp,
    /// How it fares; is not written with the definition.
    pub state: ConnectionState,
}

/// How a connection fares, as its actor last wrote of this version of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ConnectionState {
    /// In a word.
    pub health: Health,
    /// Why, in words.
    pub detail: Option<String>,
    /// Since when; none while nothing was written.
    pub since: Option<Timestamp>,
}

/// A connection, opened, for its actor.
#[derive(Clone, Debug)]
pub struct LoadedConnection {
    /// Definition and secrets.
    pub account: Account,
    /// For people.
    pub name: String,
    /// Whether a person wants it to be used.
    pub enabled: bool,
    /// How it fared.
    pub state: ConnectionState,
    /// Last change of the definition: seconds in `expires_in` count from here.
    pub updated_at: Timestamp,
}

/// The secrets as they are sealed: `T` is a text to write, and a [`Secret`] to read.
#[derive(Serialize, Deserialize)]
struct Clear<T> {
    client_secret: Option<T>,
    access_token: Option<T>,
    refresh_token: Option<T>,
    user_password: Option<T>,
}

/// The secrets as they are shown: `{"set":true,"fingerprint":".."}` by member, or null.
#[must_use]
pub fn masked(secrets: &Secrets) -> Value {
    json!({
        "client_secret": secrets.client_secret,
        "access_token": secrets.access_token,
        "refresh_token": secrets.refresh_token,
        "user_password": secrets.user_password,
    })
}

/// Seals the secrets of a connection.
///
/// # Errors
/// [`Error::Sealed`].
pub fn seal_secrets(sealer: &Sealer, tenant_id: TenantId, id: ConnectionId, secrets: &Secrets) -> Result<Vec<u8>> {
    let clear = Clear {
        client_secret: secrets.client_secret.as_ref().map(Secret::expose),
        access_token: secrets.access_token.as_ref().map(Secret::expose),
        refresh_token: secrets.refresh_token.as_ref().map(Secret::expose),
        user_password: secrets.user_password.as_ref().map(Secret::expose),
    };
    let json = serde_json::to_vec(&clear).map_err(|error| Error::Content(error.to_string()))?;
    sealer.seal(Place::connection_secrets(tenant_id, id), &Zeroizing::new(json))
}

/// Opens what [`seal_secrets`] made for the same connection.
///
/// # Errors
/// [`Error::Sealed`].
pub fn open_secrets(sealer: &Sealer, tenant_id: TenantId, id: ConnectionId, sealed: &[u8]) -> Result<Secrets> {
    let opened = sealer.open(Place::connection_secrets(tenant_id, id), sealed)?;
    // The error says where in the text, not what is there.
    let clear: Clear<Secret> = serde_json::from_slice(&opened).map_err(|error| {
        Error::Content(format!(
            "the secrets of the connection {id}, at column {}",
            error.column()
        ))
    })?;
    Ok(Secrets {
        client_secret: clear.client_secret,
        access_token: clear.access_token,
        refresh_token: clear.refresh_token,
        user_password: clear.user_password,
    })
}

/// What a connection is called: what its profile says of the remote instance, else its provider.
#[must_use]
pub fn name_of(provider: ProviderKind, profile: &Profile) -> String {
    [
        &profile.remote_instance_display,
        &profile.remote_instance_name,
        &profile.company_name,
        &profile.remote_instance_id,
    ]
    .into_iter()
    .flatten()
    .find(|name| !name.trim().is_empty())
    .map_or_else(|| provider.as_str().to_owned(), |name| name.trim().to_owned())
}

impl Connection {
    /// What it is called; see [`name_of`].
    #[must_use]
    pub fn name(&self) -> String {
        name_of(self.provider, &self.profile)
    }
}

impl Store {
    /// Connections of a tenant.
    pub async fn connections(&self, tenant_id: TenantId, window: Window) -> Result<Listed<Connection>> {
        self.read(move |db| async move {
            let column = match window.order_by {
                OrderBy::Created => Column::CreatedAt,
                OrderBy::Updated => Column::UpdatedAt,
                OrderBy::Name => Column::Name,
                OrderBy::Kind => Column::Provider,
                OrderBy::Enabled => Column::Enabled,
            };
            let query = Entity::find().filter(Column::TenantId.eq(tenant_id.uuid()));
            let listed = listing::part(&db, query, window, column, Column::Id).await?;
            let ids: Vec<Uuid> = listed.items.iter().map(|row| row.id).collect();
            let states = connection_state::Entity::find()
                .filter(connection_state::Column::TenantId.eq(tenant_id.uuid()))
                .filter(connection_state::Column::ConnectionId.is_in(ids))
                .all(&db)
                .await?;
            listed.try_map(|row| {
                let state = states.iter().find(|state| state.connection_id == row.id);
                connection(row, state.cloned())
            })
        })
        .await
    }

    /// One connection of a tenant.
    pub async fn connection(&self, tenant_id: TenantId, id: ConnectionId) -> Result<Option<Connection>> {
        self.read(move |db| async move {
            let row = with_state().filter(is(tenant_id, id)).one(&db).await?;
            row.map(|(row, state)| connection(row, state)).transpose()
        })
        .await
    }

    /// One connection, opened; none: it is gone.
    ///
    /// # Errors
    /// [`Error::Sealed`]: its secrets do not open.
    pub async fn load_connection(
        &self,
        sealer: &Sealer,
        tenant_id: TenantId,
        id: ConnectionId,
    ) -> Result<Option<LoadedConnection>> {
        let Some(found) = self.connection(tenant_id, id).await? else {
            return Ok(None);
        };
        let secrets = open_secrets(sealer, tenant_id, id, &found.secrets)?;
        Ok(Some(LoadedConnection {
            name: found.name(),
            account: Account {
                tenant_id,
                id,
                version: found.version,
                provider: found.provider,
                profile: found.profile,
                secrets,
            },
            enabled: found.enabled,
            state: found.state,
            updated_at: found.updated_at,
        }))
    }

    /// Enabled connections of all tenants after an id, by id.
    pub async fn connection_rows_page(&self, after: Option<ConnectionId>, limit: u64) -> Result<Vec<LiveRow>> {
        self.read(move |db| async move {
            let rows = Entity::find()
                .filter(Column::Enabled.eq(true))
                .apply_if(after, |query, after| query.filter(Column::Id.gt(after.uuid())))
                .order_by_asc(Column::Id)
                .limit(limit)
                .all(&db)
                .await?;
            Ok(rows.into_iter().map(live).collect())
        })
        .await
    }

    /// One enabled connection; none: it is gone or disabled.
    pub async fn connection_row(&self, tenant_id: TenantId, id: ConnectionId) -> Result<Option<LiveRow>> {
        self.read(move |db| async move {
            let row = Entity::find()
                .filter(is(tenant_id, id))
                .filter(Column::Enabled.eq(true))
                .one(&db)
                .await?;
            Ok(row.map(live))
        })
        .await
    }

    /// The automations of a connection, enabled or not.
    pub async fn automation_ids_of(&self, tenant_id: TenantId, id: ConnectionId) -> Result<Vec<AutomationId>> {
        self.read(move |db| async move {
            let ids: Vec<Uuid> = automation::Entity::find()
                .select_only()
                .column(automation::Column::Id)
                .filter(automation::Column::TenantId.eq(tenant_id.uuid()))
                .filter(automation::Column::ConnectionId.eq(id.uuid()))
                .order_by_asc(automation::Column::Id)
                .into_tuple()
                .all(&db)
                .await?;
            Ok(ids.into_iter().map(AutomationId::from).collect())
        })
        .await
    }
}

fn is(tenant_id: TenantId, id: ConnectionId) -> Condition {
    Condition::all()
        .add(Column::TenantId.eq(tenant_id.uuid()))
        .add(Column::Id.eq(id.uuid()))
}

fn with_state() -> sea_orm::SelectTwo<Entity, connection_state::Entity> {
    let relation = Entity::belongs_to(connection_state::Entity)
        .from(Column::Id)
        .to(connection_state::Column::ConnectionId)
        .into();
    Entity::find()
        .join(JoinType::LeftJoin, relation)
        .select_also(connection_state::Entity)
}

fn live(row: Model) -> LiveRow {
    LiveRow {
        id: row.id,
        tenant_id: row.tenant_id.into(),
        version: row.version,
        name: row.name,
    }
}

fn connection(row: Model, state: Option<connection_state::Model>) -> Result<Connection> {
    // What was written of another version says nothing of this one.
    let state = state.filter(|state| state.version == row.version);
    Ok(Connection {
        id: row.id.into(),
        tenant_id: row.tenant_id.into(),
        provider: row
            .provider
            .parse()
            .map_err(|error| listing::unreadable("provider", row.id, &error))?,
        profile: listing::read("profile", row.id, &row.profile)?,
        secrets_public: listing::read("masked secrets", row.id, &row.secrets_public)?,
        secrets: row.secrets,
        enabled: row.enabled,
        created_by: row.created_by.map(UserId::from),
        version: row.version,
        created_at: timestamp(row.created_at)?,
        updated_at: timestamp(row.updated_at)?,
        state: state.map(connection_state).transpose()?.unwrap_or_default(),
    })
}

fn connection_state(row: connection_state::Model) -> Result<ConnectionState> {
    let health = Health::parse(&row.health).ok_or_else(|| {
        Error::Content(format!(
            "the health of the connection {}: {:?}",
            row.connection_id, row.health
        ))
    })?;
    Ok(ConnectionState {
        health,
        detail: row.detail,
        since: Some(timestamp(row.since)?),
    })
}
