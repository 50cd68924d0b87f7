//! Requests that are executed in the background.

use sea_orm::entity::prelude::*;

/// A row of `background_request`.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "background_request")]
pub struct Model {
    /// Tenant.
    #[sea_orm(primary_key, auto_increment = false)]
    pub tenant_id: Uuid,
    /// Request.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    /// Who sent it.
    #[sea_orm(nullable)]
    pub user_id: Option<Uuid>,
    /// With which token.
    #[sea_orm(nullable)]
    pub token_id: Option<Uuid>,
    /// See Status.
    pub status: i16,
    /// Equal keys run in order.
    pub order_key: i64,
    /// Microseconds.
    pub received_at: i64,
    /// The last claim, microseconds.
    #[sea_orm(nullable)]
    pub started_at: Option<i64>,
    /// Microseconds.
    #[sea_orm(nullable)]
    pub finished_at: Option<i64>,
    /// When the answer was erased, microseconds.
    #[sea_orm(nullable)]
    pub erased_at: Option<i64>,
    /// Claims.
    pub attempts: i32,
    /// Of the lease under which it was accepted, then claimed.
    pub epoch: i64,
    /// Of the answer; 0 where there is none.
    pub status_code: i32,
    /// Whether the request has a body.
    pub has_request: bool,
    /// Parts of the body in background_body; gone at the end.
    pub request_chunks: i32,
    /// Whether the answer has a body.
    pub has_response: bool,
    /// Parts of it in background_body.
    pub response_chunks: i32,
    /// GET and so on.
    #[sea_orm(column_type = "Text")]
    pub method: String,
    /// Prefix of the upstream; null: a resource of our own.
    #[sea_orm(column_type = "Text", nullable)]
    pub upstream: Option<String>,
    /// As the caller wrote it.
    #[sea_orm(column_type = "Text")]
    pub original_uri: String,
    /// As in the header.
    #[sea_orm(column_type = "Text")]
    pub webhook_address: String,
    /// JSON.
    #[sea_orm(column_type = "Text", nullable)]
    pub notify_pairs: Option<String>,
    /// The caller's.
    #[sea_orm(column_type = "Text", nullable)]
    pub reference: Option<String>,
    /// Of the answer.
    #[sea_orm(column_type = "Text", nullable)]
    pub content_type: Option<String>,
    /// Why there is no answer.
    #[sea_orm(column_type = "Text", nullable)]
    pub error: Option<String>,
    /// JSON object.
    #[sea_orm(column_type = "Text", nullable)]
    pub response_headers: Option<String>,
    /// Where its true end is asked for; sealed.
    #[sea_orm(column_type = "Blob", nullable)]
    pub follow: Option<Vec<u8>>,
    /// Sealed head and body; null after the end.
    #[sea_orm(column_type = "Blob", nullable)]
    pub request: Option<Vec<u8>>,
    /// Sealed body of the answer, if small.
    #[sea_orm(column_type = "Blob", nullable)]
    pub response: Option<Vec<u8>>,
}

/// Joins are written where they are needed.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
