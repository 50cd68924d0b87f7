//! Every change of the definitions of automations.

use sea_orm::{
    ActiveValue::Set,
    ColumnTrait, Condition, DatabaseTransaction, EntityTrait, QueryFilter, QuerySelect,
    sea_query::{Expr, ExprTrait},
};

use super::{StoredAutomation, event_entity, of};
use crate::{
    domain::{
        automation::Automation,
        ids::{AutomationId, ConnectionId, TenantId, UserId},
    },
    store::{
        Error, Result, Store,
        audit::{self, Entry},
        call_apis::shard_of,
        connections::changes::{forget_automations, forget_events, lock as lock_connection},
        expect_version, listing,
    },
};
use entity::{
    automation::{ActiveModel, Column, Entity, Model},
    automation_state,
};

/// Enabling or disabling an automation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Toggle {
    /// It runs from now on: its due times are counted anew, its failures forgotten.
    On,
    /// It does not run; with the reason where it is not a person who says so.
    Off(Option<String>),
}

impl Store {
    /// Adds an automation to a connection.
    ///
    /// # Errors
    /// [`Error::Unique`]: the connection has one of this name. [`Error::NotFound`]: there is no such connection.
    pub async fn create_automation(&self, new: StoredAutomation, entry: Entry) -> Result<()> {
        let clock = self.clock().clone();
        let (tenant_id, connection_id) = (new.tenant_id, new.connection_id);
        let state = automation_state::ActiveModel {
            automation_id: Set(new.id.uuid()),
            tenant_id: Set(tenant_id.uuid()),
            run_count: Set(0),
            failures: Set(0),
            updated_at: Set(new.created_at.as_microsecond()),
            ..Default::default()
        };
        let row = ActiveModel {
            id: Set(new.id.uuid()),
            tenant_id: Set(tenant_id.uuid()),
            connection_id: Set(connection_id.uuid()),
            shard: Set(shard_of(new.id.uuid())),
            created_by: Set(new.created_by.map(UserId::uuid)),
            created_at: Set(new.created_at.as_microsecond()),
            ..changeable(new)?
        };
        self.write(move |transaction| {
            Box::pin(async move {
                lock_connection(transaction, tenant_id, connection_id).await?;
                Entity::insert(row).exec_without_returning(transaction).await?;
                automation_state::Entity::insert(state)
                    .exec_without_returning(transaction)
                    .await?;
                audit::record(transaction, &clock, entry).await
            })
        })
        .await
    }

    /// Writes an automation over its version before. Where its due times are counted from another `anchor_at` than before, the
    /// next one is forgotten, so that its actor finds it anew; where it hears of another entity, so is what it has not looked at;
    /// where it looks at other records, so is from where it looks on.
    ///
    /// # Errors
    /// [`Error::Unique`], [`Error::Stale`], [`Error::NotFound`].
    pub async fn update_automation(&self, changed: StoredAutomation, entry: Entry) -> Result<()> {
        let clock = self.clock().clone();
        let (tenant_id, id) = (changed.tenant_id, changed.id);
        let this = is(tenant_id, changed.connection_id, id);
        let (before, anchor) = (changed.version - 1, changed.anchor_at.as_microsecond());
        let hears_of = event_entity(&changed.definition);
        let definition = changed.definition.clone();
        let row = changeable(changed)?;
        self.write(move |transaction| {
            Box::pin(async move {
                let found = lock(transaction, this.clone(), Some(before)).await?;
                if found.event_entity != hears_of {
                    forget_events(transaction, tenant_id, id.uuid()).await?;
                }
                if !looks_alike(&listing::read("automation", found.id, &found.definition)?, &definition) {
                    forget_cursor(transaction, tenant_id, id, clock.now_us()).await?;
                }
                Entity::update_many().set(row).filter(this).exec(transaction).await?;
                if found.anchor_at != anchor {
                    forget_due_time(transaction, tenant_id, id, false, clock.now_us()).await?;
                }
                audit::record(transaction, &clock, entry).await
            })
        })
        .await
    }

    /// Enables or disables an automation; answers its new version.
    ///
    /// # Errors
    /// [`Error::Stale`], [`Error::NotFound`].
    pub async fn set_automation_enabled(
        &self,
        tenant_id: TenantId,
        connection_id: ConnectionId,
        id: AutomationId,
        version: Option<i64>,
        toggle: Toggle,
        entry: Entry,
    ) -> Result<i64> {
        let clock = self.clock().clone();
        let this = is(tenant_id, connection_id, id);
        self.write(move |transaction| {
            Box::pin(async move {
                let now = clock.now_us();
                let found = lock(transaction, this.clone(), version).await?;
                let (enabled, reason) = match toggle {
                    Toggle::On => (true, None),
                    Toggle::Off(reason) => (false, reason),
                };
                let mut update = Entity::update_many()
                    .col_expr(Column::Enabled, Expr::value(enabled))
                    .col_expr(Column::DisabledReason, Expr::value(reason))
                    .col_expr(Column::Version, Expr::col(Column::Version).add(1_i64))
                    .col_expr(Column::UpdatedAt, Expr::value(now));
                // Enabling one that is enabled does not put its next run off.
                if enabled && !found.enabled {
                    update = update.col_expr(Column::AnchorAt, Expr::value(now));
                    forget_due_time(transaction, tenant_id, id, true, now).await?;
                }
                update.filter(this).exec(transaction).await?;
                audit::record(transaction, &clock, entry).await?;
                Ok(found.version + 1)
            })
        })
        .await
    }

    /// Removes an automation and what its runs have left. A run that is open ends as cancelled; runs stay until they are
    /// purged.
    ///
    /// # Errors
    /// [`Error::Stale`], [`Error::NotFound`].
    pub async fn delete_automation(
        &self,
        tenant_id: TenantId,
        connection_id: ConnectionId,
        id: AutomationId,
        version: Option<i64>,
        entry: Entry,
    ) -> Result<()> {
        let clock = self.clock().clone();
        let this = is(tenant_id, connection_id, id);
        self.write(move |transaction| {
            Box::pin(async move {
                lock(transaction, this, version).await?;
                forget_automations(transaction, tenant_id, &[id.uuid()], clock.now_us()).await?;
                audit::record(transaction, &clock, entry).await
            })
        })
        .await
    }
}

fn is(tenant_id: TenantId, connection_id: ConnectionId, id: AutomationId) -> Condition {
    of(tenant_id, connection_id).add(Column::Id.eq(id.uuid()))
}

/// Takes the automation's row until the transaction ends, as every change of it does: whoever begins or ends a run does it
/// first, so that two of them never wait for each other.
///
/// # Errors
/// [`Error::NotFound`].
pub(super) async fn lock_automation(
    transaction: &DatabaseTransaction,
    tenant_id: TenantId,
    id: AutomationId,
) -> Result<Model> {
    let this = Condition::all()
        .add(Column::TenantId.eq(tenant_id.uuid()))
        .add(Column::Id.eq(id.uuid()));
    lock(transaction, this, None).await
}

/// Takes the row, in this version if one is named.
async fn lock(transaction: &DatabaseTransaction, this: Condition, version: Option<i64>) -> Result<Model> {
    let found = Entity::find().filter(this).lock_exclusive().one(transaction).await?;
    let found = found.ok_or(Error::NotFound)?;
    expect_version(version, found.version)?;
    Ok(found)
}

/// The next due time is found anew from the anchor; `fresh`: what went wrong and who asked for a run is forgotten too.
async fn forget_due_time(
    transaction: &DatabaseTransaction,
    tenant_id: TenantId,
    id: AutomationId,
    fresh: bool,
    now: i64,
) -> Result<()> {
    let mut update = automation_state::Entity::update_many()
        .col_expr(automation_state::Column::NextDueAt, Expr::value(None::<i64>))
        .col_expr(automation_state::Column::UpdatedAt, Expr::value(now));
    if fresh {
        update = update
            .col_expr(automation_state::Column::Failures, Expr::value(0))
            .col_expr(automation_state::Column::RequestedBy, Expr::value(None::<uuid::Uuid>));
    }
    update
        .filter(automation_state::Column::TenantId.eq(tenant_id.uuid()))
        .filter(automation_state::Column::AutomationId.eq(id.uuid()))
        .exec(transaction)
        .await?;
    Ok(())
}

/// Whether both look at the same records: what one has seen, the other need not look at again.
fn looks_alike(one: &Automation, other: &Automation) -> bool {
    let looks_at = |definition: &Automation| {
        (
            definition.perform_action.clone(),
            definition.applies_to.clone(),
            definition.applies_to_function,
            definition.direction,
            definition.additional_criteria,
            definition.criteria.clone(),
        )
    };
    looks_at(one) == looks_at(other)
}

/// All records are looked at again.
async fn forget_cursor(
    transaction: &DatabaseTransaction,
    tenant_id: TenantId,
    id: AutomationId,
    now: i64,
) -> Result<()> {
    automation_state::Entity::update_many()
        .col_expr(automation_state::Column::CursorAt, Expr::value(None::<i64>))
        .col_expr(automation_state::Column::UpdatedAt, Expr::value(now))
        .filter(automation_state::Column::TenantId.eq(tenant_id.uuid()))
        .filter(automation_state::Column::AutomationId.eq(id.uuid()))
        .exec(transaction)
        .await?;
    Ok(())
}

/// The columns that an update may write.
fn changeable(automation: StoredAutomation) -> Result<ActiveModel> {
    let definition = automation.definition;
    Ok(ActiveModel {
        definition: Set(listing::written(&definition)?),
        event_entity: Set(event_entity(&definition)),
        direction: Set(definition.direction.as_str().to_owned()),
        name: Set(definition.name),
        enabled: Set(automation.enabled),
        disabled_reason: Set(automation.disabled_reason),
        anchor_at: Set(automation.anchor_at.as_microsecond()),
        version: Set(automation.version),
        updated_at: Set(automation.updated_at.as_microsecond()),
        ..Default::default()
    })
}
