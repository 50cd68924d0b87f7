//! Whether what a definition names is there, and what names a definition.

use sea_orm::{
    ColumnTrait, DatabaseTransaction, EntityTrait, PaginatorTrait, QueryFilter, QueryOrder, QuerySelect, Select,
};

use super::changes::{Definition, Part};
use crate::{
    domain::{
        ids::{ConnectionId, TenantId},
        integration::{Action, Integration, IntegrationDirection, ScheduleId},
        partner_function::Direction,
    },
    store::{Error, Result},
};
use entity::{
    client, client_integration, connection, integration, integration_action, integration_schedule, integration_system,
    partner_function,
};

/// How many users of a definition are named when it cannot be deleted.
const NAMED_MAX: u64 = 5;

/// A member that does not go with what is stored.
pub(super) fn refused(member: &'static str, message: impl Into<String>) -> Error {
    Error::Broken {
        rule: None,
        member,
        message: message.into(),
    }
}

/// Whether the owner has this row; it stays until the transaction ends.
macro_rules! stays {
    ($table:ident, $txn:expr, $tenant_id:expr, $id:expr) => {
        $table::Entity::find_by_id($id)
            .filter($table::Column::TenantId.eq($tenant_id.uuid()))
            .lock_shared()
            .one($txn)
            .await?
    };
}

/// Refuses a definition that names what the tenant does not have. `id`: its number, where it is there already.
pub(super) async fn check(
    txn: &DatabaseTransaction,
    tenant_id: TenantId,
    id: Option<i64>,
    definition: &Definition,
) -> Result<()> {
    match definition {
        Definition::Integration(value) => integration_of(txn, tenant_id, value).await,
        Definition::Action(value, _) => action_of(txn, tenant_id, id, value).await,
        Definition::System(..) | Definition::Schedule(_) => Ok(()),
    }
}

async fn integration_of(txn: &DatabaseTransaction, tenant_id: TenantId, value: &Integration) -> Result<()> {
    let system = value.integration_system_id;
    if stays!(integration_system, txn, tenant_id, system.get()).is_none() {
        return Err(refused(
            "IntegrationSystemId",
            format!("there is no system {system} of this tenant"),
        ));
    }
    own_schedule(txn, tenant_id, value.schedule_id).await?;
    let Some(action_id) = value.action_id else {
        return Ok(());
    };
    let Some(action) = stays!(integration_action, txn, tenant_id, action_id.get()) else {
        return Err(refused(
            "ActionId",
            format!("there is no action {action_id} of this tenant"),
        ));
    };
    let Some(function) = action.partner_function_id else {
        return Ok(());
    };
    // One that is gone is told of when the action is used.
    let function = stays!(partner_function, txn, tenant_id, function);
    function.map_or(Ok(()), |function| {
        fits("ActionId", value.integration_direction_id, &function)
    })
}

/// Refuses a schedule that the tenant does not have.
pub(super) async fn own_schedule(txn: &DatabaseTransaction, tenant_id: TenantId, id: ScheduleId) -> Result<()> {
    match stays!(integration_schedule, txn, tenant_id, id.get()) {
        Some(_) => Ok(()),
        None => Err(refused(
            "ScheduleId",
            format!("there is no schedule {id} of this tenant"),
        )),
    }
}

/// Refuses a connection that the tenant does not have.
pub(super) async fn own_connection(txn: &DatabaseTransaction, tenant_id: TenantId, id: ConnectionId) -> Result<()> {
    match stays!(connection, txn, tenant_id, id.uuid()) {
        Some(_) => Ok(()),
        None => Err(refused(
            "ConnectionUuid",
            format!("there is no connection {id} in this tenant"),
        )),
    }
}

async fn action_of(txn: &DatabaseTransaction, tenant_id: TenantId, id: Option<i64>, value: &Action) -> Result<()> {
    if let Some(client_id) = value.client_id
        && stays!(client, txn, tenant_id, client_id.uuid()).is_none()
    {
        return Err(refused(
            "ClientUuid",
            format!("there is no client {client_id} in this tenant"),
        ));
    }
    let Some(function_id) = value.partner_function_id else {
        return Ok(());
    };
    let Some(function) = stays!(partner_function, txn, tenant_id, function_id.uuid()) else {
        return Err(refused(
            "PartnerFunctionUuid",
            format!("there is no partner function {function_id} in this tenant"),
        ));
    };
    let Some(id) = id else { return Ok(()) };
    let users = integration::Entity::find()
        .filter(integration::Column::TenantId.eq(tenant_id.uuid()))
        .filter(integration::Column::ActionId.eq(id))
        .all(txn)
        .await?;
    for user in users {
        let user = super::rows::integration(user)?;
        fits("PartnerFunctionUuid", user.value.integration_direction_id, &function)?;
    }
    Ok(())
}

/// What is inbound imports, what is outbound exports.
fn fits(member: &'static str, direction: IntegrationDirection, function: &partner_function::Model) -> Result<()> {
    let (wanted, word) = match direction {
        IntegrationDirection::Inbound => (Direction::Import, "imports"),
        IntegrationDirection::Outbound => (Direction::Export, "exports"),
    };
    if function.direction == wanted.as_str() {
        return Ok(());
    }
    let name = &function.name;
    Err(refused(
        member,
        format!(
            "must name a partner function that {word}, since the integration is {direction}, and {name:?} does not"
        ),
    ))
}

/// Refuses to delete what something else names.
pub(super) async fn refuse_if_used(txn: &DatabaseTransaction, tenant_id: TenantId, part: Part, id: i64) -> Result<()> {
    let (what, column) = match part {
        Part::Integration => return refuse_if_enabled(txn, tenant_id, id).await,
        Part::System => ("system", integration::Column::SystemId),
        Part::Schedule => ("schedule", integration::Column::ScheduleId),
        Part::Action => ("action", integration::Column::ActionId),
    };
    let integrations = integration::Entity::find()
        .filter(integration::Column::TenantId.eq(tenant_id.uuid()))
        .filter(column.eq(id))
        .order_by_asc(integration::Column::Id)
        .limit(NAMED_MAX)
        .all(txn)
        .await?;
    if !integrations.is_empty() {
        let names: Vec<String> = integrations
            .iter()
            .map(|row| format!("{} {:?}", row.id, row.name))
            .collect();
        return Err(Error::InUse(format!(
            "The {what} is used by the integrations {}. Give them another one, or delete them, first.",
            names.join(", ")
        )));
    }
    if part != Part::Schedule {
        return Ok(());
    }
    let mine = of_tenant(tenant_id).filter(client_integration::Column::ScheduleId.eq(id));
    match named(txn, mine).await? {
        None => Ok(()),
        Some(names) => Err(Error::InUse(format!(
            "The schedule is used by the client integrations {names}. Give them another one first."
        ))),
    }
}

async fn refuse_if_enabled(txn: &DatabaseTransaction, tenant_id: TenantId, id: i64) -> Result<()> {
    let of_it = client_integration::Column::IntegrationId.eq(id);
    let mine = named(txn, of_tenant(tenant_id).filter(of_it.clone())).await?;
    let others = client_integration::Entity::find()
        .filter(of_it)
        .filter(client_integration::Column::TenantId.ne(tenant_id.uuid()))
        .count(txn)
        .await?;
    let users = match (mine, others) {
        (None, 0) => return Ok(()),
        (Some(mine), 0) => format!("the client integrations {mine}"),
        (None, others) => format!("{others} client integrations of other tenants"),
        (Some(mine), others) => format!("the client integrations {mine} and {others} of other tenants"),
    };
    Err(Error::InUse(format!(
        "The integration is used by {users}. They have to be deleted first; Active false stops them."
    )))
}

fn of_tenant(tenant_id: TenantId) -> Select<client_integration::Entity> {
    client_integration::Entity::find().filter(client_integration::Column::TenantId.eq(tenant_id.uuid()))
}

async fn named(txn: &DatabaseTransaction, users: Select<client_integration::Entity>) -> Result<Option<String>> {
    let users = users
        .order_by_asc(client_integration::Column::Id)
        .limit(NAMED_MAX)
        .all(txn)
        .await?;
    let numbers: Vec<String> = users.iter().map(|row| row.id.to_string()).collect();
    Ok((!numbers.is_empty()).then(|| numbers.join(", ")))
}
