//! Owns tenants.

use jiff::Timestamp;
use sea_orm::{
    ActiveValue::Set, ColumnTrait, DatabaseTransaction, EntityTrait, PaginatorTrait, QueryFilter, QueryOrder,
    QuerySelect, QueryTrait,
};

use super::{
    Error, Page, Paged, Result, Store,
    audit::{self, Entry},
};
use crate::{clock::Clock, domain::ids::TenantId};
use entity::tenant::{ActiveModel, Column, Entity, Model};

/// A company whose things no other company sees.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tenant {
    /// Id.
    pub id: TenantId,
    /// As in `ipp-company-id`.
    pub company_id: String,
    /// For people.
    pub name: String,
    /// Goes up with each change.
    pub version: i64,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was changed last.
    pub updated_at: Timestamp,
}

/// A time of the store.
pub(super) fn timestamp(microseconds: i64) -> Result<Timestamp> {
    Timestamp::from_microsecond(microseconds).map_err(|error| Error::Content(format!("a time: {error}")))
}

/// What an update that changed no row means.
pub(super) fn unchanged(current: Option<i64>) -> Error {
    match current {
        Some(current) => Error::Stale { current },
        None => Error::NotFound,
    }
}

impl Store {
    /// Tenants by id; all, or only these.
    pub async fn tenants(&self, only: Option<Vec<TenantId>>, page: Page) -> Result<Paged<Tenant>> {
        self.read(move |db| async move {
            let rows = Entity::find()
                .apply_if(only, |query, ids| {
                    query.filter(Column::Id.is_in(ids.into_iter().map(TenantId::uuid)))
                })
                .apply_if(page.after_id()?, |query, id| query.filter(Column::Id.gt(id)))
                .order_by_asc(Column::Id)
                .limit(page.fetch())
                .all(&db)
                .await?;
            Paged::new(rows, &page, |row| row.id).try_map(tenant)
        })
        .await
    }

    /// One tenant.
    pub async fn tenant(&self, tenant_id: TenantId) -> Result<Option<Tenant>> {
        self.read(move |db| async move {
            let row = Entity::find_by_id(tenant_id.uuid()).one(&db).await?;
            row.map(tenant).transpose()
        })
        .await
    }

    /// The tenant with this company id.
    pub async fn tenant_by_company_id(&self, company_id: &str) -> Result<Option<Tenant>> {
        let company_id = company_id.to_owned();
        self.read(move |db| async move {
            let found = Entity::find().filter(Column::CompanyId.eq(company_id)).one(&db).await?;
            found.map(tenant).transpose()
        })
        .await
    }

    /// Adds a tenant.
    ///
    /// # Errors
    /// [`Error::Unique`]: the company id is taken.
    pub async fn create_tenant(&self, tenant: Tenant, entry: Entry) -> Result<()> {
        let clock = self.clock().clone();
        self.write(move |transaction| {
            Box::pin(async move {
                insert(transaction, &tenant).await?;
                audit::record(transaction, &clock, entry).await
            })
        })
        .await
    }

    /// Writes a tenant over its version before.
    ///
    /// # Errors
    /// [`Error::Unique`], [`Error::Stale`], [`Error::NotFound`].
    pub async fn update_tenant(&self, tenant: Tenant, entry: Entry) -> Result<()> {
        let clock = self.clock().clone();
        self.write(move |transaction| {
            Box::pin(async move {
                let written = Entity::update_many()
                    .set(ActiveModel {
                        company_id: Set(tenant.company_id),
                        name: Set(tenant.name),
                        version: Set(tenant.version),
                        updated_at: Set(tenant.updated_at.as_microsecond()),
                        ..Default::default()
                    })
                    .filter(Column::Id.eq(tenant.id.uuid()))
                    .filter(Column::Version.eq(tenant.version - 1))
                    .exec(transaction)
                    .await?;
                if written.rows_affected == 0 {
                    return Err(unchanged(version(transaction, tenant.id).await?));
                }
                audit::record(transaction, &clock, entry).await
            })
        })
        .await
    }

    /// Removes an empty tenant.
    ///
    /// # Errors
    /// [`Error::InUse`] names what it still holds; [`Error::Stale`], [`Error::NotFound`].
    pub async fn delete_tenant(&self, tenant_id: TenantId, version_before: i64, entry: Entry) -> Result<()> {
        let clock = self.clock().clone();
        self.write(move |transaction| {
            Box::pin(async move {
                refuse_if_not_empty(transaction, tenant_id).await?;
                let gone = Entity::delete_many()
                    .filter(Column::Id.eq(tenant_id.uuid()))
                    .filter(Column::Version.eq(version_before))
                    .exec(transaction)
                    .await?;
                if gone.rows_affected == 0 {
                    return Err(unchanged(version(transaction, tenant_id).await?));
                }
                audit::record(transaction, &clock, entry).await
            })
        })
        .await
    }
}

/// Adds a tenant within a transaction.
pub(super) async fn insert(transaction: &DatabaseTransaction, tenant: &Tenant) -> Result<()> {
    let row = ActiveModel {
        id: Set(tenant.id.uuid()),
        company_id: Set(tenant.company_id.clone()),
        name: Set(tenant.name.clone()),
        version: Set(tenant.version),
        created_at: Set(tenant.created_at.as_microsecond()),
        updated_at: Set(tenant.updated_at.as_microsecond()),
    };
    Entity::insert(row).exec_without_returning(transaction).await?;
    Ok(())
}

async fn version(transaction: &DatabaseTransaction, tenant_id: TenantId) -> Result<Option<i64>> {
    let row = Entity::find_by_id(tenant_id.uuid()).one(transaction).await?;
    Ok(row.map(|row| row.version))
}

async fn refuse_if_not_empty(transaction: &DatabaseTransaction, tenant_id: TenantId) -> Result<()> {
    use entity::{
        call_api, client, connection, group, record, script, transaction as made, user, webhook_subscription,
    };
    let counts = [
        (
            "users",
            count::<user::Entity>(transaction, user::Column::TenantId, tenant_id).await?,
        ),
        (
            "groups",
            count::<group::Entity>(transaction, group::Column::TenantId, tenant_id).await?,
        ),
        (
            "clients",
            count::<client::Entity>(transaction, client::Column::TenantId, tenant_id).await?,
        ),
        (
            "call APIs",
            count::<call_api::Entity>(transaction, call_api::Column::TenantId, tenant_id).await?,
        ),
        (
            "transactions",
            count::<made::Entity>(transaction, made::Column::TenantId, tenant_id).await?,
        ),
        (
            "webhook subscriptions",
            count::<webhook_subscription::Entity>(transaction, webhook_subscription::Column::TenantId, tenant_id)
                .await?,
        ),
        (
            "connections",
            count::<connection::Entity>(transaction, connection::Column::TenantId, tenant_id).await?,
        ),
        (
            "scripts",
            count::<script::Entity>(transaction, script::Column::TenantId, tenant_id).await?,
        ),
        (
            "records",
            count::<record::Entity>(transaction, record::Column::TenantId, tenant_id).await?,
        ),
    ];
    let held: Vec<String> = counts
        .into_iter()
        .chain(of_integrations(transaction, tenant_id).await?)
        .filter(|(_, count)| *count > 0)
        .map(|(name, count)| format!("{count} {name}"))
        .collect();
    if held.is_empty() {
        Ok(())
    } else {
        Err(Error::InUse(format!(
            "The tenant still has {}. Delete them first.",
            held.join(", ")
        )))
    }
}

/// Definitions of integrations, and what the tenant makes of them.
async fn of_integrations(transaction: &DatabaseTransaction, tenant_id: TenantId) -> Result<[(&'static str, u64); 5]> {
    use entity::{client_integration, integration, integration_action, integration_schedule, integration_system};
    macro_rules! counted {
        ($table:ident) => {
            count::<$table::Entity>(transaction, $table::Column::TenantId, tenant_id).await?
        };
    }
    Ok([
        ("client integrations", counted!(client_integration)),
        ("integrations", counted!(integration)),
        ("systems", counted!(integration_system)),
        ("schedules", counted!(integration_schedule)),
        ("actions", counted!(integration_action)),
    ])
}

/// How many rows of a table are this tenant's; `column` is the one with its id.
async fn count<E>(transaction: &DatabaseTransaction, column: E::Column, tenant_id: TenantId) -> Result<u64>
where
    E: EntityTrait<Model: Send + Sync>,
{
    let rows = E::find().filter(column.eq(tenant_id.uuid()));
    Ok(rows.count(transaction).await?)
}

fn tenant(row: Model) -> Result<Tenant> {
    Ok(Tenant {
        id: row.id.into(),
        company_id: row.company_id,
        name: row.name,
        version: row.version,
        created_at: timestamp(row.created_at)?,
        updated_at: timestamp(row.updated_at)?,
    })
}

/// A new tenant's row.
#[must_use]
pub fn new_tenant(clock: &Clock, company_id: String, name: String) -> Tenant {
    let now = clock.now();
    Tenant {
        id: clock.new_id().into(),
        company_id,
        name,
        version: 1,
        created_at: now,
        updated_at: now,
    }
}
