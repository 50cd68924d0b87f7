//! What the actors of automations and the check for cycles read.

use sea_orm::{ColumnTrait, EntityTrait, JoinType, QueryFilter, QueryOrder, QuerySelect, QueryTrait, Select};
use serde::Deserialize;
use uuid::Uuid;

use super::{AutomationRun, AutomationState, StoredAutomation, runs, state, stored};
use crate::{
    domain::ids::{AutomationId, ConnectionId, TenantId},
    store::{
        Error, Result, Store,
        listing::{self, LiveRow},
    },
};
use entity::{
    automation::{Column, Entity},
    automation_run, automation_state, connection,
};

/// All that the actor of an automation needs at its start.
#[derive(Clone, Debug, PartialEq)]
pub struct LoadedAutomation {
    /// The definition.
    pub row: StoredAutomation,
    /// What its runs have left.
    pub state: AutomationState,
    /// The run that is not finished: it was cut off, or waits.
    pub open_run: Option<AutomationRun>,
}

/// Which automation another one starts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChainLink {
    /// Id.
    pub id: AutomationId,
    /// Unique in the connection.
    pub name: String,
    /// Connection.
    pub connection_id: ConnectionId,
    /// Id or name of the one that it starts.
    pub another: Option<String>,
}

impl Store {
    /// Automations of all tenants that should have an actor, after an id, by id: enabled, and of an enabled connection.
    pub async fn automation_rows_page(&self, after: Option<AutomationId>, limit: u64) -> Result<Vec<LiveRow>> {
        self.read(move |db| async move {
            let rows = living()
                .apply_if(after, |query, after| query.filter(Column::Id.gt(after.uuid())))
                .order_by_asc(Column::Id)
                .limit(limit)
                .into_tuple()
                .all(&db)
                .await?;
            Ok(rows.into_iter().map(live).collect())
        })
        .await
    }

    /// One automation that should have an actor; none: it or its connection is gone or disabled.
    pub async fn automation_row(&self, tenant_id: TenantId, id: AutomationId) -> Result<Option<LiveRow>> {
        self.read(move |db| async move {
            let row = living()
                .filter(Column::TenantId.eq(tenant_id.uuid()))
                .filter(Column::Id.eq(id.uuid()))
                .into_tuple()
                .one(&db)
                .await?;
            Ok(row.map(live))
        })
        .await
    }

    /// An automation with its state and its open run; none: it is gone.
    pub async fn load_automation(&self, tenant_id: TenantId, id: AutomationId) -> Result<Option<LoadedAutomation>> {
        self.read(move |db| async move {
            let row = Entity::find_by_id(id.uuid())
                .filter(Column::TenantId.eq(tenant_id.uuid()))
                .one(&db)
                .await?;
            let Some(row) = row else {
                return Ok(None);
            };
            let left = automation_state::Entity::find_by_id(id.uuid())
                .filter(automation_state::Column::TenantId.eq(tenant_id.uuid()))
                .one(&db)
                .await?
                .ok_or_else(|| Error::Content(format!("the automation {id} has no state")))?;
            let open = automation_run::Entity::find()
                .filter(automation_run::Column::TenantId.eq(tenant_id.uuid()))
                .filter(automation_run::Column::AutomationId.eq(id.uuid()))
                .filter(automation_run::Column::FinishedAt.is_null())
                .one(&db)
                .await?;
            Ok(Some(LoadedAutomation {
                row: stored(row)?,
                state: state::state(left)?,
                open_run: open.map(runs::stored).transpose()?,
            }))
        })
        .await
    }

    /// Which automations of a tenant start which: for the check that none starts itself in the end.
    pub async fn chains_of(&self, tenant_id: TenantId) -> Result<Vec<ChainLink>> {
        /// The one member that counts here.
        #[derive(Deserialize)]
        struct Another {
            another_automation: Option<String>,
        }
        self.read(move |db| async move {
            let rows: Vec<(Uuid, String, Uuid, String)> = Entity::find()
                .select_only()
                .columns([Column::Id, Column::Name, Column::ConnectionId, Column::Definition])
                .filter(Column::TenantId.eq(tenant_id.uuid()))
                .order_by_asc(Column::Id)
                .into_tuple()
                .all(&db)
                .await?;
            rows.into_iter()
                .map(|(id, name, connection_id, definition)| {
                    let another: Another = listing::read("automation", id, &definition)?;
                    Ok(ChainLink {
                        id: id.into(),
                        name,
                        connection_id: connection_id.into(),
                        another: another.another_automation,
                    })
                })
                .collect()
        })
        .await
    }
}

/// Id, tenant, version and name of what is enabled on both levels.
fn living() -> Select<Entity> {
    let relation = Entity::belongs_to(connection::Entity)
        .from(Column::ConnectionId)
        .to(connection::Column::Id)
        .into();
    Entity::find()
        .select_only()
        .columns([Column::Id, Column::TenantId, Column::Version, Column::Name])
        .join(JoinType::InnerJoin, relation)
        .filter(Column::Enabled.eq(true))
        .filter(connection::Column::Enabled.eq(true))
}

fn live((id, tenant_id, version, name): (Uuid, Uuid, i64, String)) -> LiveRow {
    LiveRow {
        id,
        tenant_id: tenant_id.into(),
        version,
        name,
    }
}
