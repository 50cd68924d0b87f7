//! Answers of `/api/v1/records`, for the document of the API.

use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

/// A local record.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Record)]
pub struct RecordSchema {
    /// Lower case.
    entity: String,
    /// Unique in the entity.
    key: String,
    /// A JSON object; its digits are kept.
    #[schema(value_type = Object)]
    data: serde_json::Value,
    /// Grows with each change.
    version: i64,
    /// When it was written here last.
    #[schema(value_type = String, format = DateTime)]
    updated_at: String,
    /// Its counterparts behind connections.
    links: Vec<RecordLinkSchema>,
}

/// A counterpart of a record.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = RecordLink)]
pub struct RecordLinkSchema {
    /// Which connection.
    connection_id: Uuid,
    /// The provider's object.
    object: String,
    /// The provider's id.
    remote_id: String,
    /// The provider's own version, where it has one.
    remote_version: Option<String>,
    /// When the provider says that it was changed.
    #[schema(value_type = Option<String>, format = DateTime)]
    remote_updated_at: Option<String>,
    /// The version of the record that both sides had last; 0: none.
    record_version: i64,
}
