//! Owns named scripts and every version of their sources.

use jiff::Timestamp;
use sea_orm::{
    ActiveValue::Set, ColumnTrait, Condition, DatabaseTransaction, EntityTrait, QueryFilter, QueryOrder, QuerySelect,
    QueryTrait,
};
use uuid::Uuid;

use super::{
    Error, Page, Paged, Result, Store,
    audit::{self, Entry},
    expect_version,
    tenants::timestamp,
};
use crate::domain::ids::{ScriptId, TenantId, UserId};
use entity::{
    object_mapping, partner_function,
    script::{ActiveModel, Column, Entity, Model},
    script_version,
};

/// How many users of a script are named when it cannot be deleted.
const NAMED_MAX: u64 = 5;

/// A named script, without its source.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Script {
    /// Id.
    pub id: ScriptId,
    /// Tenant.
    pub tenant_id: TenantId,
    /// Unique in the tenant.
    pub name: String,
    /// For people.
    pub description: Option<String>,
    /// Who made it.
    pub created_by: Option<UserId>,
    /// Goes up with each change; the version of the source in force is the highest that is not above it.
    pub version: i64,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was changed last.
    pub updated_at: Timestamp,
}

/// One version of a script's source.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScriptVersion {
    /// Which.
    pub version: i64,
    /// JavaScript.
    pub source: String,
    /// Who wrote it.
    pub created_by: Option<UserId>,
    /// When.
    pub created_at: Timestamp,
}

/// That a version of a script's source was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WrittenVersion {
    /// Which.
    pub version: i64,
    /// Who wrote it.
    pub created_by: Option<UserId>,
    /// When.
    pub created_at: Timestamp,
}

impl Store {
    /// Scripts of a tenant, oldest first.
    pub async fn scripts(&self, tenant_id: TenantId, page: Page) -> Result<Paged<Script>> {
        self.read(move |db| async move {
            let rows = Entity::find()
                .filter(Column::TenantId.eq(tenant_id.uuid()))
                .apply_if(page.after_id()?, |query, id| query.filter(Column::Id.gt(id)))
                .order_by_asc(Column::Id)
                .limit(page.fetch())
                .all(&db)
                .await?;
            Paged::new(rows, &page, |row| row.id).try_map(script)
        })
        .await
    }

    /// One script and the source in force.
    pub async fn script(&self, tenant_id: TenantId, id: ScriptId) -> Result<Option<(Script, ScriptVersion)>> {
        self.read(move |db| async move {
            let Some(row) = Entity::find().filter(is(tenant_id, id)).one(&db).await? else {
                return Ok(None);
            };
            let source = script_version::Entity::find()
                .filter(versions_of(tenant_id, id))
                .filter(script_version::Column::Version.lte(row.version))
                .order_by_desc(script_version::Column::Version)
                .one(&db)
                .await?
                .ok_or_else(|| Error::Content(format!("the script {id} has no source")))?;
            Ok(Some((script(row)?, version(source)?)))
        })
        .await
    }

    /// The source in force and its version, for running it; none: there is no such script.
    pub async fn script_source(&self, tenant_id: TenantId, id: ScriptId) -> Result<Option<(i64, String)>> {
        self.read(move |db| async move {
            let row = script_version::Entity::find()
                .filter(versions_of(tenant_id, id))
                .order_by_desc(script_version::Column::Version)
                .one(&db)
                .await?;
            Ok(row.map(|row| (row.version, row.source)))
        })
        .await
    }

    /// One version of a script's source.
    pub async fn script_version(
        &self,
        tenant_id: TenantId,
        id: ScriptId,
        wanted: i64,
    ) -> Result<Option<ScriptVersion>> {
        self.read(move |db| async move {
            let row = script_version::Entity::find()
                .filter(versions_of(tenant_id, id))
                .filter(script_version::Column::Version.eq(wanted))
                .one(&db)
                .await?;
            row.map(version).transpose()
        })
        .await
    }

    /// The version of a script's source that came before another.
    pub async fn script_version_before(
        &self,
        tenant_id: TenantId,
        id: ScriptId,
        later: i64,
    ) -> Result<Option<ScriptVersion>> {
        self.read(move |db| async move {
            let row = script_version::Entity::find()
                .filter(versions_of(tenant_id, id))
                .filter(script_version::Column::Version.lt(later))
                .order_by_desc(script_version::Column::Version)
                .one(&db)
                .await?;
            row.map(version).transpose()
        })
        .await
    }

    /// The versions of a script's source, newest first, without the sources.
    ///
    /// # Errors
    /// [`Error::Cursor`].
    pub async fn script_versions(
        &self,
        tenant_id: TenantId,
        id: ScriptId,
        page: Page,
    ) -> Result<Paged<WrittenVersion>> {
        self.read(move |db| async move {
            let columns = [
                script_version::Column::Version,
                script_version::Column::CreatedBy,
                script_version::Column::CreatedAt,
            ];
            let mut query = script_version::Entity::find()
                .select_only()
                .columns(columns)
                .filter(versions_of(tenant_id, id));
            if let Some(after) = page.after_text()? {
                let after: i64 = after.parse().map_err(|_| Error::Cursor)?;
                query = query.filter(script_version::Column::Version.lt(after));
            }
            let rows: Vec<(i64, Option<Uuid>, i64)> = query
                .order_by_desc(script_version::Column::Version)
                .limit(page.fetch())
                .into_tuple()
                .all(&db)
                .await?;
            Paged::by_text(rows, &page, |row| row.0.to_string()).try_map(|(version, by, at)| {
                Ok(WrittenVersion {
                    version,
                    created_by: by.map(UserId::from),
                    created_at: timestamp(at)?,
                })
            })
        })
        .await
    }

    /// Adds a script with the first version of its source.
    ///
    /// # Errors
    /// [`Error::Unique`]: the name is taken in this tenant.
    pub async fn create_script(&self, new: Script, source: String, entry: Entry) -> Result<()> {
        let clock = self.clock().clone();
        self.write(move |transaction| {
            Box::pin(async move {
                let first = source_row(&new, source, new.created_by);
                let row = ActiveModel {
                    id: Set(new.id.uuid()),
                    tenant_id: Set(new.tenant_id.uuid()),
                    created_by: Set(new.created_by.map(UserId::uuid)),
                    created_at: Set(new.created_at.as_microsecond()),
                    ..changeable(new)
                };
                Entity::insert(row).exec_without_returning(transaction).await?;
                script_version::Entity::insert(first)
                    .exec_without_returning(transaction)
                    .await?;
                audit::record(transaction, &clock, entry).await
            })
        })
        .await
    }

    /// Writes a script over its version before; with a `source`, and by whom, that is kept as this version's.
    ///
    /// # Errors
    /// [`Error::Unique`], [`Error::Stale`], [`Error::NotFound`].
    pub async fn update_script(
        &self,
        changed: Script,
        source: Option<(String, Option<UserId>)>,
        entry: Entry,
    ) -> Result<()> {
        let clock = self.clock().clone();
        self.write(move |transaction| {
            Box::pin(async move {
                lock(transaction, changed.tenant_id, changed.id, Some(changed.version - 1)).await?;
                if let Some((source, by)) = source {
                    let row = source_row(&changed, source, by);
                    script_version::Entity::insert(row)
                        .exec_without_returning(transaction)
                        .await?;
                }
                let this = is(changed.tenant_id, changed.id);
                Entity::update_many()
                    .set(changeable(changed))
                    .filter(this)
                    .exec(transaction)
                    .await?;
                audit::record(transaction, &clock, entry).await
            })
        })
        .await
    }

    /// Removes a script and every version of its source.
    ///
    /// # Errors
    /// [`Error::InUse`] names the partner functions and mappings that use it; [`Error::Stale`], [`Error::NotFound`].
    pub async fn delete_script(
        &self,
        tenant_id: TenantId,
        id: ScriptId,
        version: Option<i64>,
        entry: Entry,
    ) -> Result<()> {
        let clock = self.clock().clone();
        self.write(move |transaction| {
            Box::pin(async move {
                lock(transaction, tenant_id, id, version).await?;
                refuse_if_used(transaction, tenant_id, id).await?;
                Entity::delete_many()
                    .filter(is(tenant_id, id))
                    .exec(transaction)
                    .await?;
                script_version::Entity::delete_many()
                    .filter(versions_of(tenant_id, id))
                    .exec(transaction)
                    .await?;
                audit::record(transaction, &clock, entry).await
            })
        })
        .await
    }
}

/// Takes the row, in this version if one is named.
async fn lock(
    transaction: &DatabaseTransaction,
    tenant_id: TenantId,
    id: ScriptId,
    version: Option<i64>,
) -> Result<Model> {
    let found = Entity::find().filter(is(tenant_id, id)).lock_exclusive();
    let found = found.one(transaction).await?.ok_or(Error::NotFound)?;
    expect_version(version, found.version)?;
    Ok(found)
}

async fn refuse_if_used(transaction: &DatabaseTransaction, tenant_id: TenantId, id: ScriptId) -> Result<()> {
    let runs_it = Condition::any()
        .add(partner_function::Column::PreRunScriptId.eq(id.uuid()))
        .add(partner_function::Column::PostRunScriptId.eq(id.uuid()));
    let functions = partner_function::Entity::find()
        .filter(partner_function::Column::TenantId.eq(tenant_id.uuid()))
        .filter(runs_it)
        .order_by_asc(partner_function::Column::Id)
        .limit(NAMED_MAX)
        .all(transaction)
        .await?;
    let mappings = object_mapping::Entity::find()
        .filter(object_mapping::Column::TenantId.eq(tenant_id.uuid()))
        .filter(object_mapping::Column::ScriptId.eq(id.uuid()))
        .order_by_asc(object_mapping::Column::Id)
        .limit(NAMED_MAX)
        .all(transaction)
        .await?;
    let users: Vec<String> = functions
        .iter()
        .map(|function| format!("the partner function \"{}\"", function.name))
        .chain(
            mappings
                .iter()
                .map(|mapping| format!("the mapping \"{}\"", mapping.name)),
        )
        .collect();
    if users.is_empty() {
        return Ok(());
    }
    Err(Error::InUse(format!(
        "The script is used by {}. Give them another script, or delete them, first.",
        users.join(", ")
    )))
}

fn is(tenant_id: TenantId, id: ScriptId) -> Condition {
    Condition::all()
        .add(Column::TenantId.eq(tenant_id.uuid()))
        .add(Column::Id.eq(id.uuid()))
}

fn versions_of(tenant_id: TenantId, id: ScriptId) -> Condition {
    Condition::all()
        .add(script_version::Column::TenantId.eq(tenant_id.uuid()))
        .add(script_version::Column::ScriptId.eq(id.uuid()))
}

/// The columns that an update may write.
fn changeable(script: Script) -> ActiveModel {
    ActiveModel {
        name: Set(script.name),
        description: Set(script.description),
        version: Set(script.version),
        updated_at: Set(script.updated_at.as_microsecond()),
        ..Default::default()
    }
}

fn source_row(script: &Script, source: String, by: Option<UserId>) -> script_version::ActiveModel {
    script_version::ActiveModel {
        script_id: Set(script.id.uuid()),
        version: Set(script.version),
        tenant_id: Set(script.tenant_id.uuid()),
        source: Set(source),
        created_by: Set(by.map(UserId::uuid)),
        created_at: Set(script.updated_at.as_microsecond()),
    }
}

fn script(row: Model) -> Result<Script> {
    Ok(Script {
        id: row.id.into(),
        tenant_id: row.tenant_id.into(),
        name: row.name,
        description: row.description,
        created_by: row.created_by.map(UserId::from),
        version: row.version,
        created_at: timestamp(row.created_at)?,
        updated_at: timestamp(row.updated_at)?,
    })
}

fn version(row: script_version::Model) -> Result<ScriptVersion> {
    Ok(ScriptVersion {
        version: row.version,
        source: row.source,
        created_by: row.created_by.map(UserId::from),
        created_at: timestamp(row.created_at)?,
    })
}
