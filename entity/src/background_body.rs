//! Parts of long bodies of requests in the background and of their answers.

use sea_orm::entity::prelude::*;

/// A row of `background_body`.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "background_body")]
pub struct Model {
    /// Request.
    #[sea_orm(primary_key, auto_increment = false)]
    pub request_id: Uuid,
    /// Tenant.
    #[sea_orm(primary_key, auto_increment = false)]
    pub tenant_id: Uuid,
    /// 0: of the request, 1: of the answer.
    #[sea_orm(primary_key, auto_increment = false)]
    pub kind: i16,
    /// Counted from 0.
    #[sea_orm(primary_key, auto_increment = false)]
    pub seq: i32,
    /// Sealed.
    #[sea_orm(column_type = "Blob")]
    pub bytes: Vec<u8>,
}

/// Joins are written where they are needed.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
