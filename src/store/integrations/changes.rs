//! Every change of definitions: integrations, systems, schedules, actions.
//!
//! What is named is locked before what names it is written, and the other way round when it goes, so that nothing ends up naming
//! what is not there. An integration is locked before its client integrations.

use std::collections::BTreeSet;

use sea_orm::{ActiveValue::Set, ColumnTrait, DatabaseTransaction, EntityTrait, QueryFilter, QuerySelect};
use serde_json::Value;
use uuid::Uuid;

use super::{
    consents::{self, LinkRules},
    definitions::{self, actors_where, seal_action_headers},
    numbers::{Series, next_numbers},
    references, rows,
    rows::Sealed,
};
use crate::{
    clock::Clock,
    domain::{
        ids::{TenantId, UserId},
        integration::{
            Action, ActionId, Integration, IntegrationId, IntegrationSchedule, ScheduleId, Stamp, System, SystemId,
            headers::SecretValues, read::SecretGiven,
        },
    },
    store::{
        Error, Place, Result, Sealer, Store,
        audit::{self, Entry},
        expect_version,
    },
};
use entity::{client_integration, integration, integration_action, integration_schedule, integration_system};

/// A kind of definitions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names say it")]
pub enum Part {
    Integration,
    System,
    Schedule,
    Action,
}

/// A definition that is to be written.
#[derive(Clone, Debug)]
pub enum Definition {
    /// An integration.
    Integration(Box<Integration>),
    /// A system, and what is to become of its client secret.
    System(System, SecretGiven),
    /// A schedule.
    Schedule(IntegrationSchedule),
    /// An action with all its secret headers.
    Action(Box<Action>, SecretValues),
}

/// What other tenants are told of a change, in their audit logs: without what they may not see.
#[derive(Clone, Debug, Default)]
#[expect(missing_docs, reason = "the names say it")]
pub struct ForOthers {
    pub before: Option<Value>,
    pub after: Option<Value>,
}

/// Actors that read what was changed: tenant and id.
pub type Readers = Vec<(TenantId, Uuid)>;

/// Takes a row of the owner, in this version if one is named, until the transaction ends.
macro_rules! lock {
    ($table:ident, $txn:expr, $tenant_id:expr, $id:expr, $version:expr) => {{
        let found = $table::Entity::find_by_id($id)
            .filter($table::Column::TenantId.eq($tenant_id.uuid()))
            .lock_exclusive()
            .one($txn)
            .await?;
        let found = found.ok_or(Error::NotFound)?;
        expect_version($version, found.version)?;
        found
    }};
}

/// Adds a row: the columns that a change may write, and those that stay.
macro_rules! insert {
    ($table:ident, $txn:expr, $id:expr, $stamp:expr, $columns:expr) => {{
        let row = $table::ActiveModel {
            id: Set($id),
            tenant_id: Set($stamp.tenant_id.uuid()),
            created_by: Set($stamp.created_by.map(UserId::uuid)),
            created_at: Set($stamp.created_at.as_microsecond()),
            ..$columns
        };
        $table::Entity::insert(row).exec_without_returning($txn).await?;
    }};
}

/// Writes columns over a row that is locked.
macro_rules! update {
    ($table:ident, $txn:expr, $tenant_id:expr, $id:expr, $columns:expr) => {{
        $table::Entity::update_many()
            .set($columns)
            .filter($table::Column::Id.eq($id))
            .filter($table::Column::TenantId.eq($tenant_id.uuid()))
            .exec($txn)
            .await?;
    }};
}

impl Definition {
    /// Of which kind it is.
    #[must_use]
    pub const fn part(&self) -> Part {
        match self {
            Self::Integration(_) => Part::Integration,
            Self::System(..) => Part::System,
            Self::Schedule(_) => Part::Schedule,
            Self::Action(..) => Part::Action,
        }
    }
}

impl Store {
    /// Adds a definition; its number. `entry` gets that number.
    ///
    /// # Errors
    /// [`Error::Unique`]: the tenant has one of this name. [`Error::Broken`]: it names what is not there.
    pub async fn create_definition(&self, sealer: &Sealer, stamp: Stamp, new: Definition, entry: Entry) -> Result<i64> {
        let (clock, sealer) = (self.clock().clone(), sealer.clone());
        self.write(move |txn| {
            Box::pin(async move {
                references::check(txn, stamp.tenant_id, None, &new).await?;
                let series = match new.part() {
                    Part::Integration => Series::Integration,
                    Part::System => Series::System,
                    Part::Schedule => Series::Schedule,
                    Part::Action => Series::Action,
                };
                let id = next_numbers(txn, series, 1).await?;
                match new {
                    Definition::Integration(value) => {
                        insert!(integration, txn, id, stamp, rows::integration_columns(&stamp, *value));
                    }
                    Definition::System(value, secret) => {
                        let secret = sealed_secret(&sealer, stamp.tenant_id, id.into(), secret)?;
                        insert!(
                            integration_system,
                            txn,
                            id,
                            stamp,
                            rows::system_columns(&stamp, value, secret)
                        );
                    }
                    Definition::Schedule(value) => {
                        insert!(
                            integration_schedule,
                            txn,
                            id,
                            stamp,
                            rows::schedule_columns(&stamp, value)
                        );
                    }
                    Definition::Action(value, secrets) => {
                        let sealed = seal_action_headers(&sealer, stamp.tenant_id, id.into(), &secrets)?;
                        let columns = rows::action_columns(&stamp, *value, Sealed::Write(sealed));
                        insert!(integration_action, txn, id, stamp, columns);
                    }
                }
                let entry = Entry {
                    resource_id: Some(id.to_string()),
                    ..entry
                };
                audit::record(txn, &clock, entry).await?;
                Ok(id)
            })
        })
        .await
    }

    /// Writes a definition over its version before, which is one below that of `stamp`. Where it is used by other tenants, each of
    /// them gets an audit row too, in the same transaction. Answers which actors read it.
    ///
    /// # Errors
    /// [`Error::Unique`], [`Error::Stale`], [`Error::NotFound`], [`Error::Broken`]; [`Error::InUse`]: other tenants use what would be
    /// managed no longer.
    pub async fn update_definition(
        &self,
        rules: LinkRules,
        id: i64,
        stamp: Stamp,
        changed: Definition,
        entry: Entry,
        for_others: ForOthers,
    ) -> Result<Readers> {
        let clock = self.clock().clone();
        self.write(move |txn| {
            Box::pin(async move {
                let (tenant_id, before) = (stamp.tenant_id, Some(stamp.version - 1));
                let part = changed.part();
                match changed {
                    Definition::Integration(ref value) => {
                        let found = rows::integration(lock!(integration, txn, tenant_id, id, before))?;
                        references::check(txn, tenant_id, Some(id), &changed).await?;
                        if found.value.managed && !value.managed {
                            refuse_if_used_by_others(tenant_id, &readers_of(txn, part, id).await?)?;
                        }
                        let columns = rows::integration_columns(&stamp, (**value).clone());
                        update!(integration, txn, tenant_id, id, columns);
                        if found.value.consent_type_id != value.consent_type_id {
                            ask_again(txn, &clock, &rules, id.into(), &entry).await?;
                        }
                    }
                    Definition::System(value, secret) => {
                        lock!(integration_system, txn, tenant_id, id, before);
                        let secret = sealed_secret(&rules.sealer, tenant_id, id.into(), secret)?;
                        let columns = rows::system_columns(&stamp, value, secret);
                        update!(integration_system, txn, tenant_id, id, columns);
                    }
                    Definition::Schedule(value) => {
                        lock!(integration_schedule, txn, tenant_id, id, before);
                        update!(
                            integration_schedule,
                            txn,
                            tenant_id,
                            id,
                            rows::schedule_columns(&stamp, value)
                        );
                    }
                    Definition::Action(ref value, ref secrets) => {
                        lock!(integration_action, txn, tenant_id, id, before);
                        references::check(txn, tenant_id, Some(id), &changed).await?;
                        let sealed = seal_action_headers(&rules.sealer, tenant_id, id.into(), secrets)?;
                        let columns = rows::action_columns(&stamp, (**value).clone(), Sealed::Write(sealed));
                        update!(integration_action, txn, tenant_id, id, columns);
                    }
                }
                // The row is locked: nobody begins to read it now.
                let readers = readers_of(txn, part, id).await?;
                let others: BTreeSet<TenantId> = readers.iter().map(|(tenant, _)| *tenant).collect();
                for other in others.into_iter().filter(|other| *other != tenant_id) {
                    let entry = Entry {
                        tenant_id: other,
                        before: for_others.before.clone(),
                        after: for_others.after.clone(),
                        // People of the operator are nobody's in other tenants.
                        user_id: None,
                        token_id: None,
                        ..entry.clone()
                    };
                    audit::record(txn, &clock, entry).await?;
                }
                audit::record(txn, &clock, entry).await?;
                Ok(readers)
            })
        })
        .await
    }

    /// Removes a definition.
    ///
    /// # Errors
    /// [`Error::Stale`], [`Error::NotFound`]; [`Error::InUse`] names what uses it.
    pub async fn delete_definition(
        &self,
        tenant_id: TenantId,
        part: Part,
        id: i64,
        version: Option<i64>,
        entry: Entry,
    ) -> Result<()> {
        let clock = self.clock().clone();
        self.write(move |txn| {
            Box::pin(async move {
                macro_rules! remove {
                    ($table:ident) => {{
                        lock!($table, txn, tenant_id, id, version);
                        references::refuse_if_used(txn, tenant_id, part, id).await?;
                        $table::Entity::delete_by_id(id).exec(txn).await?;
                    }};
                }
                match part {
                    Part::Integration => remove!(integration),
                    Part::System => remove!(integration_system),
                    Part::Schedule => remove!(integration_schedule),
                    Part::Action => remove!(integration_action),
                }
                audit::record(txn, &clock, entry).await
            })
        })
        .await
    }
}

/// What becomes of the column of a client secret.
fn sealed_secret(sealer: &Sealer, tenant_id: TenantId, id: SystemId, secret: SecretGiven) -> Result<Sealed> {
    Ok(match secret {
        SecretGiven::Keep => Sealed::Keep,
        SecretGiven::Remove => Sealed::Write(None),
        SecretGiven::Set(text) => {
            let sealed = sealer.seal(Place::system_secret(tenant_id, id), text.as_bytes())?;
            Sealed::Write(Some(sealed))
        }
    })
}

/// The actors that read a definition, of all tenants.
async fn readers_of(txn: &DatabaseTransaction, part: Part, id: i64) -> Result<Readers> {
    let wanted = match part {
        Part::Integration => definitions::of_integration(IntegrationId::from(id)),
        Part::System => definitions::of_system(SystemId::from(id)),
        Part::Schedule => definitions::of_schedule(ScheduleId::from(id)),
        Part::Action => definitions::of_action(ActionId::from(id)),
    };
    actors_where(txn, wanted).await
}

fn refuse_if_used_by_others(tenant_id: TenantId, readers: &Readers) -> Result<()> {
    match readers.iter().filter(|(tenant, _)| *tenant != tenant_id).count() {
        0 => Ok(()),
        others => Err(Error::InUse(format!(
            "The integration is used by {others} client integrations of other tenants, so that Managed has to stay true. Set \
             Active to false to stop them."
        ))),
    }
}

/// Where another consent is asked for, the clients that use the integration are asked for it.
async fn ask_again(
    txn: &DatabaseTransaction,
    clock: &Clock,
    rules: &LinkRules,
    id: IntegrationId,
    entry: &Entry,
) -> Result<()> {
    let clients = client_integration::Entity::find()
        .filter(client_integration::Column::IntegrationId.eq(id.get()))
        .filter(client_integration::Column::Enabled.eq(true))
        .all(txn)
        .await?;
    for client in clients {
        consents::start(txn, clock, rules, client.tenant_id.into(), client.id.into(), entry).await?;
    }
    Ok(())
}
