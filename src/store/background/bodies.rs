//! Bodies that are too long for the row of their request: in parts, each written by itself before the row names it.

use sea_orm::{ActiveValue::Set, ColumnTrait, Condition, DatabaseTransaction, EntityTrait, QueryFilter, QuerySelect};

use crate::{
    domain::ids::{BackgroundId, TenantId},
    store::{Result, Store},
};
use entity::background_body::{ActiveModel, Column, Entity};

/// Which body.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum BodyKind {
    /// Of the request.
    Request,
    /// Of the answer.
    Response,
}

impl BodyKind {
    /// The number in the store.
    #[must_use]
    pub const fn code(self) -> i16 {
        match self {
            Self::Request => 0,
            Self::Response => 1,
        }
    }
}

impl Store {
    /// Writes a part of a body, counted from 0, sealed. If its request never comes to be stored, the purge takes it.
    ///
    /// # Errors
    /// [`crate::store::Error::Unique`]: the part is there already.
    pub async fn put_body_chunk(
        &self,
        tenant_id: TenantId,
        id: BackgroundId,
        kind: BodyKind,
        seq: u32,
        sealed: Vec<u8>,
    ) -> Result<()> {
        let row = ActiveModel {
            request_id: Set(id.uuid()),
            tenant_id: Set(tenant_id.uuid()),
            kind: Set(kind.code()),
            seq: Set(signed(seq)),
            bytes: Set(sealed),
        };
        self.write(move |transaction| {
            Box::pin(async move {
                Entity::insert(row).exec_without_returning(transaction).await?;
                Ok(())
            })
        })
        .await
    }

    /// A part of a body, sealed as it was written; none where there is no such part.
    pub async fn body_chunk(
        &self,
        tenant_id: TenantId,
        id: BackgroundId,
        kind: BodyKind,
        seq: u32,
    ) -> Result<Option<Vec<u8>>> {
        self.read(move |db| async move {
            Ok(Entity::find()
                .select_only()
                .column(Column::Bytes)
                .filter(body(tenant_id, id, kind))
                .filter(Column::Seq.eq(signed(seq)))
                .into_tuple()
                .one(&db)
                .await?)
        })
        .await
    }

    /// Removes all parts of a body, for one whose request was not stored, or whose answer is not wanted.
    pub async fn drop_body(&self, tenant_id: TenantId, id: BackgroundId, kind: BodyKind) -> Result<()> {
        self.write(move |transaction| Box::pin(async move { remove(transaction, tenant_id, id, kind).await }))
            .await
    }
}

/// Removes all parts of a body.
pub(in crate::store) async fn remove(
    transaction: &DatabaseTransaction,
    tenant_id: TenantId,
    id: BackgroundId,
    kind: BodyKind,
) -> Result<()> {
    let of_it = Entity::delete_many().filter(body(tenant_id, id, kind));
    of_it.exec(transaction).await?;
    Ok(())
}

fn body(tenant_id: TenantId, id: BackgroundId, kind: BodyKind) -> Condition {
    Condition::all()
        .add(Column::RequestId.eq(id.uuid()))
        .add(Column::TenantId.eq(tenant_id.uuid()))
        .add(Column::Kind.eq(kind.code()))
}

fn signed(seq: u32) -> i32 {
    i32::try_from(seq).unwrap_or(i32::MAX)
}
