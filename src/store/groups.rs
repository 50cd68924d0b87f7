//! Owns groups: rights in one tenant, or (the first group) in all.

use jiff::Timestamp;
use sea_orm::{
    ActiveValue::Set, ColumnTrait, DatabaseTransaction, EntityTrait, QueryFilter, QueryOrder, QuerySelect, QueryTrait,
};

use super::{
    Error, Page, Paged, Result, Store,
    audit::{self, Entry},
    tenants::{timestamp, unchanged},
};
use crate::domain::{
    ids::{GroupId, TenantId},
    rights::Rights,
};
use entity::group::{ActiveModel, Column, Entity, Model};

/// Rights that its members have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Group {
    /// Id.
    pub id: GroupId,
    /// Where the rights hold.
    pub tenant_id: TenantId,
    /// Unique in the tenant.
    pub name: String,
    /// What members may do.
    pub rights: Rights,
    /// Holds in every tenant, with every right.
    pub all_tenants: bool,
    /// Goes up with each change.
    pub version: i64,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was changed last.
    pub updated_at: Timestamp,
}

impl Store {
    /// Groups of a tenant, oldest first.
    pub async fn groups(&self, tenant_id: TenantId, page: Page) -> Result<Paged<Group>> {
        self.read(move |db| async move {
            let rows = Entity::find()
                .filter(Column::TenantId.eq(tenant_id.uuid()))
                .apply_if(page.after_id()?, |query, id| query.filter(Column::Id.gt(id)))
                .order_by_asc(Column::Id)
                .limit(page.fetch())
                .all(&db)
                .await?;
            Paged::new(rows, &page, |row| row.id).try_map(group)
        })
        .await
    }

    /// One group of a tenant.
    pub async fn group(&self, tenant_id: TenantId, id: GroupId) -> Result<Option<Group>> {
        let mut found = self.groups_by_id(Some(tenant_id), vec![id]).await?;
        Ok(found.pop())
    }

    /// These groups, as far as they exist; in one tenant, or in any.
    pub async fn groups_by_id(&self, tenant_id: Option<TenantId>, ids: Vec<GroupId>) -> Result<Vec<Group>> {
        if ids.is_empty() {
            return Ok(Vec::new());
        }
        self.read(move |db| async move {
            let rows = Entity::find()
                .filter(Column::Id.is_in(ids.into_iter().map(GroupId::uuid)))
                .apply_if(tenant_id, |query, id| query.filter(Column::TenantId.eq(id.uuid())))
                .all(&db)
                .await?;
            rows.into_iter().map(group).collect()
        })
        .await
    }

    /// Adds a group.
    ///
    /// # Errors
    /// [`Error::Unique`]: the name is taken in this tenant.
    pub async fn create_group(&self, group: Group, entry: Entry) -> Result<()> {
        let clock = self.clock().clone();
        self.write(move |transaction| {
            Box::pin(async move {
                insert(transaction, &group).await?;
                audit::record(transaction, &clock, entry).await
            })
        })
        .await
    }

    /// Writes a group over its version before.
    ///
    /// # Errors
    /// [`Error::Unique`], [`Error::Stale`], [`Error::NotFound`].
    pub async fn update_group(&self, group: Group, entry: Entry) -> Result<()> {
        let clock = self.clock().clone();
        self.write(move |transaction| {
            Box::pin(async move {
                let written = Entity::update_many()
                    .set(ActiveModel {
                        name: Set(group.name.clone()),
                        rights: Set(to_text(group.rights)),
                        version: Set(group.version),
                        updated_at: Set(group.updated_at.as_microsecond()),
                        ..Default::default()
                    })
                    .filter(Column::Id.eq(group.id.uuid()))
                    .filter(Column::TenantId.eq(group.tenant_id.uuid()))
                    .filter(Column::Version.eq(group.version - 1))
                    .exec(transaction)
                    .await?;
                if written.rows_affected == 0 {
                    return Err(unchanged(version(transaction, group.tenant_id, group.id).await?));
                }
                audit::record(transaction, &clock, entry).await
            })
        })
        .await
    }

    /// Removes a group and all memberships in it.
    ///
    /// # Errors
    /// [`Error::Stale`], [`Error::NotFound`].
    pub async fn delete_group(
        &self,
        tenant_id: TenantId,
        id: GroupId,
        version_before: i64,
        entry: Entry,
    ) -> Result<()> {
        let clock = self.clock().clone();
        self.write(move |transaction| {
            Box::pin(async move {
                let gone = Entity::delete_many()
                    .filter(Column::Id.eq(id.uuid()))
                    .filter(Column::TenantId.eq(tenant_id.uuid()))
                    .filter(Column::Version.eq(version_before))
                    .exec(transaction)
                    .await?;
                if gone.rows_affected == 0 {
                    return Err(unchanged(version(transaction, tenant_id, id).await?));
                }
                entity::user_group::Entity::delete_many()
                    .filter(entity::user_group::Column::GroupId.eq(id.uuid()))
                    .exec(transaction)
                    .await?;
                audit::record(transaction, &clock, entry).await
            })
        })
        .await
    }
}

/// Adds a group within a transaction.
pub(super) async fn insert(transaction: &DatabaseTransaction, group: &Group) -> Result<()> {
    let row = ActiveModel {
        id: Set(group.id.uuid()),
        tenant_id: Set(group.tenant_id.uuid()),
        name: Set(group.name.clone()),
        rights: Set(to_text(group.rights)),
        all_tenants: Set(group.all_tenants),
        version: Set(group.version),
        created_at: Set(group.created_at.as_microsecond()),
        updated_at: Set(group.updated_at.as_microsecond()),
    };
    Entity::insert(row).exec_without_returning(transaction).await?;
    Ok(())
}

/// Rights as they are stored.
pub(super) fn to_text(rights: Rights) -> String {
    let names: Vec<&str> = rights.iter().map(|right| right.as_str()).collect();
    serde_json::json!(names).to_string()
}

/// Rights from their stored form.
pub(super) fn rights(text: &str) -> Result<Rights> {
    serde_json::from_str(text).map_err(|error| Error::Content(format!("rights: {error}")))
}

async fn version(transaction: &DatabaseTransaction, tenant_id: TenantId, id: GroupId) -> Result<Option<i64>> {
    let row = Entity::find_by_id(id.uuid())
        .filter(Column::TenantId.eq(tenant_id.uuid()))
        .one(transaction)
        .await?;
    Ok(row.map(|row| row.version))
}

fn group(row: Model) -> Result<Group> {
    Ok(Group {
        id: row.id.into(),
        tenant_id: row.tenant_id.into(),
        rights: if row.all_tenants {
            Rights::all()
        } else {
            rights(&row.rights)?
        },
        name: row.name,
        all_tenants: row.all_tenants,
        version: row.version,
        created_at: timestamp(row.created_at)?,
        updated_at: timestamp(row.updated_at)?,
    })
}
