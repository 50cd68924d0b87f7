//! Owns bearer tokens (only their hashes) and what sign-in needs of a user.

use jiff::Timestamp;
use sea_orm::{
    ActiveValue::Set, ColumnTrait, DatabaseTransaction, EntityTrait, ExprTrait, QueryFilter, QueryOrder, QuerySelect,
    QueryTrait, sea_query::Expr,
};

use super::{
    Error, Page, Paged, Result, Store,
    audit::{self, Entry},
    groups, tenants,
};
use crate::domain::{
    ids::{ApiTokenId, TenantId, UserId},
    rights::Rights,
};
use entity::{
    api_token::{ActiveModel, Column, Entity, Model},
    user,
};

/// SHA-256 of a token.
pub type TokenHash = [u8; 32];

/// What a token is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TokenKind {
    /// A sign-in.
    Session,
    /// Made by hand.
    Api,
}

/// A bearer token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Token {
    /// Id.
    pub id: ApiTokenId,
    /// The one tenant it reaches; none: all of its user.
    pub tenant_id: Option<TenantId>,
    /// Whose rights it carries.
    pub user_id: UserId,
    /// For people.
    pub name: String,
    /// What it is for.
    pub kind: TokenKind,
    /// What it narrows the user's rights to; none: all of them.
    pub rights: Option<Rights>,
    /// When it ends.
    pub expires_at: Option<Timestamp>,
    /// When it was used last, to the minute.
    pub last_used_at: Option<Timestamp>,
    /// When it was made.
    pub created_at: Timestamp,
}

/// What sign-in checks.
#[derive(Clone, Debug)]
#[expect(missing_docs, reason = "the members are the table's")]
pub struct SignIn {
    pub user_id: UserId,
    pub tenant_id: TenantId,
    pub password_hash: String,
    pub active: bool,
    pub failed_sign_ins: u32,
    pub locked_until: Option<Timestamp>,
}

impl TokenKind {
    fn as_str(self) -> &'static str {
        match self {
            Self::Session => "session",
            Self::Api => "api",
        }
    }
}

impl Store {
    /// The token with this hash.
    pub async fn token_by_hash(&self, hash: TokenHash) -> Result<Option<Token>> {
        self.read(move |db| async move {
            let found = Entity::find()
                .filter(Column::TokenHash.eq(hash.to_vec()))
                .one(&db)
                .await?;
            found.map(token).transpose()
        })
        .await
    }

    /// API tokens of a user, oldest first.
    pub async fn tokens(&self, user_id: UserId, page: Page) -> Result<Paged<Token>> {
        self.read(move |db| async move {
            let rows = Entity::find()
                .filter(Column::UserId.eq(user_id.uuid()))
                .filter(Column::Kind.eq(TokenKind::Api.as_str()))
                .apply_if(page.after_id()?, |query, id| query.filter(Column::Id.gt(id)))
                .order_by_asc(Column::Id)
                .limit(page.fetch())
                .all(&db)
                .await?;
            Paged::new(rows, &page, |row| row.id).try_map(token)
        })
        .await
    }

    /// One token of a user.
    pub async fn token(&self, user_id: UserId, id: ApiTokenId) -> Result<Option<Token>> {
        self.read(move |db| async move {
            let row = Entity::find_by_id(id.uuid())
                .filter(Column::UserId.eq(user_id.uuid()))
                .one(&db)
                .await?;
            row.map(token).transpose()
        })
        .await
    }

    /// Adds a token; a sign-in also clears the user's count of wrong passwords and their sign-ins that are over.
    pub async fn create_token(&self, token: Token, hash: TokenHash, entry: Entry) -> Result<()> {
        let clock = self.clock().clone();
        self.write(move |transaction| {
            Box::pin(async move {
                if token.kind == TokenKind::Session {
                    delete_expired_sessions(transaction, token.user_id, clock.now()).await?;
                    clear_failures(transaction, token.user_id).await?;
                }
                insert(transaction, token, hash).await?;
                audit::record(transaction, &clock, entry).await
            })
        })
        .await
    }

    /// Removes a token of a user.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub async fn delete_token(&self, user_id: UserId, id: ApiTokenId, entry: Entry) -> Result<()> {
        let clock = self.clock().clone();
        self.write(move |transaction| {
            Box::pin(async move {
                let gone = Entity::delete_many()
                    .filter(Column::Id.eq(id.uuid()))
                    .filter(Column::UserId.eq(user_id.uuid()))
                    .exec(transaction)
                    .await?;
                if gone.rows_affected == 0 {
                    return Err(Error::NotFound);
                }
                audit::record(transaction, &clock, entry).await
            })
        })
        .await
    }

    /// Notes that a token was used.
    pub async fn touch_token(&self, id: ApiTokenId, at: Timestamp) -> Result<()> {
        self.write(move |transaction| {
            Box::pin(async move {
                Entity::update_many()
                    .col_expr(Column::LastUsedAt, Expr::value(at.as_microsecond()))
                    .filter(Column::Id.eq(id.uuid()))
                    .exec(transaction)
                    .await?;
                Ok(())
            })
        })
        .await
    }

    /// What sign-in checks, by username in any case.
    pub async fn sign_in(&self, username: &str) -> Result<Option<SignIn>> {
        let username = username.to_lowercase();
        self.read(move |db| async move {
            let found = user::Entity::find()
                .filter(user::Column::Username.eq(username))
                .one(&db)
                .await?;
            found
                .map(|row| {
                    Ok(SignIn {
                        user_id: row.id.into(),
                        tenant_id: row.tenant_id.into(),
                        password_hash: row.password_hash,
                        active: row.active,
                        failed_sign_ins: u32::try_from(row.failed_sign_ins).unwrap_or(0),
                        locked_until: row.locked_until.map(tenants::timestamp).transpose()?,
                    })
                })
                .transpose()
        })
        .await
    }

    /// Counts a wrong password; `lock` says until when that many in a row lock the user. Gives the end of the lock back.
    pub async fn sign_in_failed<F>(&self, user_id: UserId, lock: F) -> Result<Option<Timestamp>>
    where
        F: FnOnce(u32) -> Option<Timestamp> + Send + 'static,
    {
        self.write(move |transaction| {
            Box::pin(async move {
                let of_user = user::Column::Id.eq(user_id.uuid());
                user::Entity::update_many()
                    .col_expr(
                        user::Column::FailedSignIns,
                        Expr::col(user::Column::FailedSignIns).add(1),
                    )
                    .filter(of_user.clone())
                    .exec(transaction)
                    .await?;
                // Read back within the transaction: of two wrong passwords at once, one sees the other.
                let row = user::Entity::find().filter(of_user.clone()).one(transaction).await?;
                let failed = row.map_or(0, |row| row.failed_sign_ins);
                let locked_until = lock(u32::try_from(failed).unwrap_or(0));
                if let Some(until) = locked_until {
                    user::Entity::update_many()
                        .col_expr(user::Column::LockedUntil, Expr::value(until.as_microsecond()))
                        .filter(of_user)
                        .exec(transaction)
                        .await?;
                }
                Ok(locked_until)
            })
        })
        .await
    }
}

/// Ends every sign-in of a user.
pub(super) async fn delete_sessions(transaction: &DatabaseTransaction, user_id: UserId) -> Result<()> {
    Entity::delete_many()
        .filter(Column::UserId.eq(user_id.uuid()))
        .filter(Column::Kind.eq(TokenKind::Session.as_str()))
        .exec(transaction)
        .await?;
    Ok(())
}

/// Removes every token of a user.
pub(super) async fn delete_all(transaction: &DatabaseTransaction, user_id: UserId) -> Result<()> {
    Entity::delete_many()
        .filter(Column::UserId.eq(user_id.uuid()))
        .exec(transaction)
        .await?;
    Ok(())
}

async fn delete_expired_sessions(transaction: &DatabaseTransaction, user_id: UserId, now: Timestamp) -> Result<()> {
    Entity::delete_many()
        .filter(Column::UserId.eq(user_id.uuid()))
        .filter(Column::Kind.eq(TokenKind::Session.as_str()))
        .filter(Column::ExpiresAt.lt(now.as_microsecond()))
        .exec(transaction)
        .await?;
    Ok(())
}

async fn clear_failures(transaction: &DatabaseTransaction, user_id: UserId) -> Result<()> {
    user::Entity::update_many()
        .set(user::ActiveModel {
            failed_sign_ins: Set(0),
            locked_until: Set(None),
            ..Default::default()
        })
        .filter(user::Column::Id.eq(user_id.uuid()))
        .filter(user::Column::FailedSignIns.ne(0))
        .exec(transaction)
        .await?;
    Ok(())
}

async fn insert(transaction: &DatabaseTransaction, token: Token, hash: TokenHash) -> Result<()> {
    let row = ActiveModel {
        id: Set(token.id.uuid()),
        tenant_id: Set(token.tenant_id.map(TenantId::uuid)),
        user_id: Set(token.user_id.uuid()),
        name: Set(token.name),
        kind: Set(token.kind.as_str().to_owned()),
        token_hash: Set(hash.to_vec()),
        rights: Set(token.rights.map(groups::to_text)),
        expires_at: Set(token.expires_at.map(Timestamp::as_microsecond)),
        last_used_at: Set(None),
        created_at: Set(token.created_at.as_microsecond()),
    };
    Entity::insert(row).exec_without_returning(transaction).await?;
    Ok(())
}

fn token(row: Model) -> Result<Token> {
    Ok(Token {
        id: row.id.into(),
        tenant_id: row.tenant_id.map(Into::into),
        user_id: row.user_id.into(),
        name: row.name,
        kind: if row.kind == TokenKind::Session.as_str() {
            TokenKind::Session
        } else {
            TokenKind::Api
        },
        rights: row.rights.as_deref().map(groups::rights).transpose()?,
        expires_at: row.expires_at.map(tenants::timestamp).transpose()?,
        last_used_at: row.last_used_at.map(tenants::timestamp).transpose()?,
        created_at: tenants::timestamp(row.created_at)?,
    })
}
