//! Owns automations: their definitions, and what their runs have left. Every change of definitions is in `changes`, what the
//! actors read in `live`, the state in `state`, runs in `runs` and `finish`.

use jiff::Timestamp;
use sea_orm::{ColumnTrait, Condition, EntityTrait, QueryFilter};
use uuid::Uuid;

use super::{
    Result, Store,
    listing::{self, Listed, OrderBy, Window},
    tenants::timestamp,
};
use crate::domain::{
    automation::{Automation, AutomationType},
    ids::{AutomationId, ConnectionId, TenantId, UserId},
    record::entity_name,
};
use entity::automation::{Column, Entity, Model};

mod changes;
mod finish;
mod live;
pub mod runs;
mod state;

pub use changes::Toggle;
pub use finish::{FinishRun, RunEnd};
pub use live::{ChainLink, LoadedAutomation};
pub use runs::{AutomationRun, NewRun};
pub use state::AutomationState;

/// An automation as it is stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredAutomation {
    /// Id.
    pub id: AutomationId,
    /// Tenant.
    pub tenant_id: TenantId,
    /// Connection.
    pub connection_id: ConnectionId,
    /// When, what, which.
    pub definition: Automation,
    /// Whether it runs.
    pub enabled: bool,
    /// Why the engine disabled it.
    pub disabled_reason: Option<String>,
    /// Due times are counted from here.
    pub anchor_at: Timestamp,
    /// Who made it.
    pub created_by: Option<UserId>,
    /// Goes up with each change.
    pub version: i64,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was changed last.
    pub updated_at: Timestamp,
}

/// Whose changes start an automation; none where a timer does.
#[must_use]
pub fn event_entity(definition: &Automation) -> Option<String> {
    match definition.automation_type {
        AutomationType::TimerBased => None,
        AutomationType::EventBased => {
            let name = entity_name("applies_to", &definition.applies_to);
            Some(name.unwrap_or_else(|_| definition.applies_to.trim().to_lowercase()))
        }
    }
}

impl Store {
    /// Automations of a connection.
    pub async fn automations(
        &self,
        tenant_id: TenantId,
        connection_id: ConnectionId,
        window: Window,
    ) -> Result<Listed<StoredAutomation>> {
        self.read(move |db| async move {
            let column = match window.order_by {
                OrderBy::Created => Column::CreatedAt,
                OrderBy::Updated => Column::UpdatedAt,
                OrderBy::Name => Column::Name,
                OrderBy::Kind => Column::Direction,
                OrderBy::Enabled => Column::Enabled,
            };
            let query = Entity::find().filter(of(tenant_id, connection_id));
            let listed = listing::part(&db, query, window, column, Column::Id).await?;
            listed.try_map(stored)
        })
        .await
    }

    /// One automation of a connection.
    pub async fn automation(
        &self,
        tenant_id: TenantId,
        connection_id: ConnectionId,
        id: AutomationId,
    ) -> Result<Option<StoredAutomation>> {
        self.read(move |db| async move {
            let this = of(tenant_id, connection_id).add(Column::Id.eq(id.uuid()));
            let row = Entity::find().filter(this).one(&db).await?;
            row.map(stored).transpose()
        })
        .await
    }

    /// The automation of a connection that has this id or else this name; by its id it may be of another connection of the
    /// tenant.
    pub async fn automation_named(
        &self,
        tenant_id: TenantId,
        connection_id: ConnectionId,
        id_or_name: &str,
    ) -> Result<Option<StoredAutomation>> {
        let text = id_or_name.trim().to_owned();
        self.read(move |db| async move {
            let id = text.parse::<Uuid>().ok();
            let named = Condition::all()
                .add(Column::ConnectionId.eq(connection_id.uuid()))
                .add(Column::Name.eq(text));
            let mut wanted = Condition::any().add(named);
            if let Some(id) = id {
                wanted = wanted.add(Column::Id.eq(id));
            }
            let rows = Entity::find()
                .filter(Column::TenantId.eq(tenant_id.uuid()))
                .filter(wanted)
                .all(&db)
                .await?;
            let by_id = rows.iter().position(|row| Some(row.id) == id).unwrap_or_default();
            rows.into_iter().nth(by_id).map(stored).transpose()
        })
        .await
    }
}

fn of(tenant_id: TenantId, connection_id: ConnectionId) -> Condition {
    Condition::all()
        .add(Column::TenantId.eq(tenant_id.uuid()))
        .add(Column::ConnectionId.eq(connection_id.uuid()))
}

fn stored(row: Model) -> Result<StoredAutomation> {
    Ok(StoredAutomation {
        id: row.id.into(),
        tenant_id: row.tenant_id.into(),
        connection_id: row.connection_id.into(),
        definition: listing::read("automation", row.id, &row.definition)?,
        enabled: row.enabled,
        disabled_reason: row.disabled_reason,
        anchor_at: timestamp(row.anchor_at)?,
        created_by: row.created_by.map(UserId::from),
        version: row.version,
        created_at: timestamp(row.created_at)?,
        updated_at: timestamp(row.updated_at)?,
    })
}
