//! Owns users and who is in which group.

use jiff::Timestamp;
use sea_orm::{
    ActiveValue::Set, ColumnTrait, Condition, ConnectionTrait, DatabaseTransaction, EntityTrait, PaginatorTrait,
    QueryFilter, QueryOrder, QuerySelect, QueryTrait, sea_query::Query,
};
use uuid::Uuid;

use super::{
    Error, Page, Paged, Result, Store, api_tokens,
    audit::{self, Entry},
    groups, tenants,
};
use crate::{
    clock::Clock,
    domain::ids::{GroupId, TenantId, UserId},
};
use entity::{
    group,
    user::{ActiveModel, Column, Entity, Model},
    user_group,
};

/// A person or program that signs in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct User {
    /// Id.
    pub id: UserId,
    /// The tenant in which the user was made.
    pub tenant_id: TenantId,
    /// Lower case, unique over all tenants.
    pub username: String,
    /// For people.
    pub display_name: Option<String>,
    /// E-mail address.
    pub email: Option<String>,
    /// May sign in and be run as.
    pub active: bool,
    /// Groups of every tenant, oldest first.
    pub group_ids: Vec<GroupId>,
    /// Goes up with each change.
    pub version: i64,
    /// When the user was made.
    pub created_at: Timestamp,
    /// When the user was changed last.
    pub updated_at: Timestamp,
}

impl Store {
    /// Users of a tenant: those made in it, and the members of its groups.
    pub async fn users(&self, tenant_id: TenantId, page: Page) -> Result<Paged<User>> {
        self.read(move |db| async move {
            let rows = Entity::find()
                .filter(in_tenant(tenant_id))
                .apply_if(page.after_id()?, |query, id| query.filter(Column::Id.gt(id)))
                .order_by_asc(Column::Id)
                .limit(page.fetch())
                .all(&db)
                .await?;
            let paged = Paged::new(rows, &page, |row| row.id);
            let mut memberships = memberships(&db, paged.items.iter().map(|row| row.id).collect()).await?;
            paged.try_map(|row| {
                let groups = memberships.extract_if(.., |(user, _)| *user == row.id);
                let group_ids = groups.map(|(_, group)| group.into()).collect();
                user(row, group_ids)
            })
        })
        .await
    }

    /// One user of a tenant.
    pub async fn user(&self, tenant_id: TenantId, id: UserId) -> Result<Option<User>> {
        self.read(move |db| async move {
            let row = Entity::find_by_id(id.uuid())
                .filter(in_tenant(tenant_id))
                .one(&db)
                .await?;
            with_groups(&db, row).await
        })
        .await
    }

    /// One user, whatever the tenant: for rights.
    pub async fn user_of_any_tenant(&self, id: UserId) -> Result<Option<User>> {
        self.read(move |db| async move {
            let row = Entity::find_by_id(id.uuid()).one(&db).await?;
            with_groups(&db, row).await
        })
        .await
    }

    /// The user of this name, in any case; with a tenant, only if they belong to it.
    pub async fn user_named(&self, tenant: Option<TenantId>, username: &str) -> Result<Option<UserId>> {
        let username = username.to_lowercase();
        self.read(move |db| async move {
            let found = Entity::find()
                .filter(Column::Username.eq(username))
                .apply_if(tenant, |query, tenant| query.filter(in_tenant(tenant)))
                .one(&db)
                .await?;
            Ok(found.map(|row| row.id.into()))
        })
        .await
    }

    /// Whether there is any user at all, in any tenant.
    pub async fn has_users(&self) -> Result<bool> {
        self.read(|db| async move { Ok(Entity::find().limit(1).one(&db).await?.is_some()) })
            .await
    }

    /// Adds a user with their memberships.
    ///
    /// # Errors
    /// [`Error::Unique`]: the username is taken.
    pub async fn create_user(&self, user: User, password_hash: String, entry: Entry) -> Result<()> {
        let clock = self.clock().clone();
        self.write(move |transaction| {
            Box::pin(async move {
                insert(transaction, &user, password_hash).await?;
                audit::record(transaction, &clock, entry).await
            })
        })
        .await
    }

    /// Writes a user and their memberships over the version before; a new password or an inactive user ends all sign-ins.
    ///
    /// # Errors
    /// [`Error::LastAdministrator`], [`Error::Unique`], [`Error::Stale`], [`Error::NotFound`].
    pub async fn update_user(&self, user: User, password_hash: Option<String>, entry: Entry) -> Result<()> {
        let clock = self.clock().clone();
        self.write(move |transaction| {
            Box::pin(async move {
                lock_administrators(transaction).await?;
                let ends_sign_ins = password_hash.is_some() || !user.active;
                write_over(transaction, &user, password_hash).await?;
                delete_memberships(transaction, user.id).await?;
                insert_memberships(transaction, &user).await?;
                if ends_sign_ins {
                    api_tokens::delete_sessions(transaction, user.id).await?;
                }
                refuse_without_administrator(transaction).await?;
                audit::record(transaction, &clock, entry).await
            })
        })
        .await
    }

    /// Removes a user with memberships and tokens.
    ///
    /// # Errors
    /// [`Error::LastAdministrator`], [`Error::Stale`], [`Error::NotFound`].
    pub async fn delete_user(&self, user: User, entry: Entry) -> Result<()> {
        let clock = self.clock().clone();
        self.write(move |transaction| {
            Box::pin(async move {
                lock_administrators(transaction).await?;
                let gone = Entity::delete_many()
                    .filter(Column::Id.eq(user.id.uuid()))
                    .filter(Column::TenantId.eq(user.tenant_id.uuid()))
                    .filter(Column::Version.eq(user.version))
                    .exec(transaction)
                    .await?;
                if gone.rows_affected == 0 {
                    return Err(tenants::unchanged(version(transaction, user.id).await?));
                }
                delete_memberships(transaction, user.id).await?;
                api_tokens::delete_all(transaction, user.id).await?;
                refuse_without_administrator(transaction).await?;
                audit::record(transaction, &clock, entry).await
            })
        })
        .await
    }

    /// Writes the first tenant, group and user, if there is no user; tells whether it did.
    pub async fn create_first(
        &self,
        tenant: tenants::Tenant,
        group: groups::Group,
        user: User,
        password_hash: String,
    ) -> Result<bool> {
        let clock = self.clock().clone();
        self.write(move |transaction| {
            Box::pin(async move {
                if Entity::find().limit(1).one(transaction).await?.is_some() {
                    return Ok(false);
                }
                tenants::insert(transaction, &tenant).await?;
                groups::insert(transaction, &group).await?;
                insert(transaction, &user, password_hash).await?;
                audit::record(transaction, &clock, first_entry(&user)).await?;
                Ok(true)
            })
        })
        .await
    }
}

fn first_entry(user: &User) -> Entry {
    Entry::of_engine(
        user.tenant_id,
        "user.create",
        ("user", user.id),
        (None, Some(serde_json::json!({ "username": user.username }))),
    )
}

pub(super) fn in_tenant(tenant_id: TenantId) -> Condition {
    let of_groups = Query::select()
        .column(user_group::Column::UserId)
        .from(user_group::Entity)
        .and_where(
            user_group::Column::GroupId.in_subquery(
                Query::select()
                    .column(group::Column::Id)
                    .from(group::Entity)
                    .and_where(group::Column::TenantId.eq(tenant_id.uuid()))
                    .to_owned(),
            ),
        )
        .to_owned();
    Condition::any()
        .add(Column::TenantId.eq(tenant_id.uuid()))
        .add(Column::Id.in_subquery(of_groups))
}

async fn insert(transaction: &DatabaseTransaction, user: &User, password_hash: String) -> Result<()> {
    let row = ActiveModel {
        id: Set(user.id.uuid()),
        tenant_id: Set(user.tenant_id.uuid()),
        username: Set(user.username.clone()),
        password_hash: Set(password_hash),
        display_name: Set(user.display_name.clone()),
        email: Set(user.email.clone()),
        active: Set(user.active),
        failed_sign_ins: Set(0),
        locked_until: Set(None),
        version: Set(user.version),
        created_at: Set(user.created_at.as_microsecond()),
        updated_at: Set(user.updated_at.as_microsecond()),
    };
    Entity::insert(row).exec_without_returning(transaction).await?;
    insert_memberships(transaction, user).await
}

async fn write_over(transaction: &DatabaseTransaction, user: &User, password_hash: Option<String>) -> Result<()> {
    let mut row = ActiveModel {
        username: Set(user.username.clone()),
        display_name: Set(user.display_name.clone()),
        email: Set(user.email.clone()),
        active: Set(user.active),
        version: Set(user.version),
        updated_at: Set(user.updated_at.as_microsecond()),
        ..Default::default()
    };
    if let Some(hash) = password_hash {
        // A new password also ends a lock: who sets it has the right to.
        row.password_hash = Set(hash);
        row.failed_sign_ins = Set(0);
        row.locked_until = Set(None);
    }
    let written = Entity::update_many()
        .set(row)
        .filter(Column::Id.eq(user.id.uuid()))
        .filter(Column::Version.eq(user.version - 1))
        .exec(transaction)
        .await?;
    if written.rows_affected == 0 {
        return Err(tenants::unchanged(version(transaction, user.id).await?));
    }
    Ok(())
}

async fn insert_memberships(transaction: &DatabaseTransaction, user: &User) -> Result<()> {
    if user.group_ids.is_empty() {
        return Ok(());
    }
    let rows = user.group_ids.iter().map(|group_id| user_group::ActiveModel {
        user_id: Set(user.id.uuid()),
        group_id: Set(group_id.uuid()),
    });
    user_group::Entity::insert_many(rows)
        .exec_without_returning(transaction)
        .await?;
    Ok(())
}

async fn delete_memberships(transaction: &DatabaseTransaction, id: UserId) -> Result<()> {
    user_group::Entity::delete_many()
        .filter(user_group::Column::UserId.eq(id.uuid()))
        .exec(transaction)
        .await?;
    Ok(())
}

/// Two changes that each leave the other's administrator must not pass each other (PostgreSQL; SQLite has one writer).
async fn lock_administrators(transaction: &DatabaseTransaction) -> Result<()> {
    group::Entity::find()
        .filter(group::Column::AllTenants.eq(true))
        .lock_exclusive()
        .all(transaction)
        .await?;
    Ok(())
}

async fn refuse_without_administrator(transaction: &DatabaseTransaction) -> Result<()> {
    let members = Query::select()
        .column(user_group::Column::UserId)
        .from(user_group::Entity)
        .and_where(
            user_group::Column::GroupId.in_subquery(
                Query::select()
                    .column(group::Column::Id)
                    .from(group::Entity)
                    .and_where(group::Column::AllTenants.eq(true))
                    .to_owned(),
            ),
        )
        .to_owned();
    let administrators = Entity::find()
        .filter(Column::Active.eq(true))
        .filter(Column::Id.in_subquery(members))
        .count(transaction)
        .await?;
    if administrators == 0 {
        Err(Error::LastAdministrator)
    } else {
        Ok(())
    }
}

async fn version(transaction: &DatabaseTransaction, id: UserId) -> Result<Option<i64>> {
    let row = Entity::find_by_id(id.uuid()).one(transaction).await?;
    Ok(row.map(|row| row.version))
}

async fn with_groups(db: &impl ConnectionTrait, row: Option<Model>) -> Result<Option<User>> {
    let Some(row) = row else { return Ok(None) };
    let memberships = memberships(db, vec![row.id]).await?;
    user(row, memberships.into_iter().map(|(_, group)| group.into()).collect()).map(Some)
}

/// (user, group)
async fn memberships(db: &impl ConnectionTrait, user_ids: Vec<Uuid>) -> Result<Vec<(Uuid, Uuid)>> {
    let rows = user_group::Entity::find()
        .filter(user_group::Column::UserId.is_in(user_ids))
        .order_by_asc(user_group::Column::GroupId)
        .all(db)
        .await?;
    Ok(rows.into_iter().map(|row| (row.user_id, row.group_id)).collect())
}

fn user(row: Model, group_ids: Vec<GroupId>) -> Result<User> {
    Ok(User {
        id: row.id.into(),
        tenant_id: row.tenant_id.into(),
        username: row.username,
        display_name: row.display_name,
        email: row.email,
        active: row.active,
        group_ids,
        version: row.version,
        created_at: tenants::timestamp(row.created_at)?,
        updated_at: tenants::timestamp(row.updated_at)?,
    })
}

/// A new user's row.
#[must_use]
pub fn new_user(clock: &Clock, tenant_id: TenantId, username: &str) -> User {
    let now = clock.now();
    User {
        id: clock.new_id().into(),
        tenant_id,
        username: username.to_lowercase(),
        display_name: None,
        email: None,
        active: true,
        group_ids: Vec::new(),
        version: 1,
        created_at: now,
        updated_at: now,
    }
}
