//! Answers of object mappings.

use jiff::Timestamp;
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::engine::mappings::ObjectMapping;

/// An object mapping.
#[derive(Serialize, ToSchema)]
#[schema(as = ObjectMapping)]
pub struct MappingAnswer {
    uuid: Uuid,
    name: String,
    /// Pairs of source and target, or a script.
    #[schema(value_type = Object)]
    mapping: Value,
    version: i64,
    #[schema(value_type = String, format = DateTime)]
    updated: Timestamp,
}

impl MappingAnswer {
    /// What `fields` of a list may name.
    pub const FIELDS: [&'static str; 5] = ["uuid", "name", "mapping", "version", "updated"];
}

/// Object mappings.
#[derive(Serialize, ToSchema)]
pub struct MappingList {
    object_mappings: Vec<MappingAnswer>,
    pagination: crate::gateway::connections::Pagination,
}

impl From<ObjectMapping> for MappingAnswer {
    fn from(mapping: ObjectMapping) -> Self {
        Self {
            uuid: mapping.id,
            name: mapping.name,
            mapping: mapping.definition,
            version: mapping.version,
            updated: mapping.updated_at,
        }
    }
}
