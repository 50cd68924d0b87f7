//! Bodies and answers of partner functions. Members are snake_case; a member that has no value is null.

use jiff::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::engine::partner_functions::PartnerFunctionShown;

/// What a partner function is made of. Its members may stand alone, too. For a PATCH every member is optional.
#[derive(Serialize, ToSchema)]
pub struct PartnerFunctionBody {
    partner_function: PartnerFunctionMembers,
}

/// See [`PartnerFunctionBody`].
#[derive(Serialize, ToSchema)]
pub struct PartnerFunctionMembers {
    /// Unique in the connection.
    name: String,
    /// IMPORT or EXPORT.
    direction: String,
    description: Option<String>,
    /// The provider's object, in any of its names (`customer`, `CustomerRecord`, `Contacts`).
    object_name: String,
    /// Name of an object mapping of the connection; one that does not exist changes nothing.
    object_mapping: Option<String>,
    event_name: Option<String>,
    tag: Option<String>,
    /// Runs on each record before the criteria (import) or the mapping (export).
    pre_run_script_id: Option<Uuid>,
    /// Runs on each record after the mapping (import) or after it was sent (export).
    post_run_script_id: Option<Uuid>,
}

/// What every answer about a partner function begins with, and all that a POST is answered.
#[derive(Clone, Serialize, ToSchema)]
pub struct PartnerFunctionMembersShown {
    uuid: Uuid,
    name: String,
    description: Option<String>,
    direction: &'static str,
    event_name: Option<String>,
    provider_name: &'static str,
    object_name: String,
    /// Id of the object mapping; null while there is none of that name.
    mapping_id: Option<Uuid>,
    /// `true` or `false`, as a text.
    enabled: String,
    pre_run_script_id: Option<Uuid>,
    post_run_script_id: Option<Uuid>,
    tag: Option<String>,
    #[schema(value_type = String, format = DateTime)]
    created: Timestamp,
    #[schema(value_type = String, format = DateTime)]
    updated: Timestamp,
    object_mapping: Option<String>,
}

/// A partner function.
#[derive(Clone, Serialize, ToSchema)]
#[schema(as = PartnerFunction)]
pub struct PartnerFunctionAnswer {
    #[serde(flatten)]
    members: PartnerFunctionMembersShown,
    version: i64,
}

impl PartnerFunctionAnswer {
    /// What `fields` of a list may name.
    pub const FIELDS: [&'static str; 16] = [
        "uuid",
        "name",
        "description",
        "direction",
        "event_name",
        "provider_name",
        "object_name",
        "mapping_id",
        "enabled",
        "pre_run_script_id",
        "post_run_script_id",
        "tag",
        "created",
        "updated",
        "object_mapping",
        "version",
    ];
}

/// The answer to a POST: what clients of this API know; a GET shows the rest.
#[derive(Serialize, ToSchema)]
pub struct CreatedPartnerFunction {
    partner_function: PartnerFunctionMembersShown,
    /// What is acceptable and will not work as it is.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    warnings: Vec<String>,
}

/// One partner function.
#[derive(Serialize, ToSchema)]
pub struct OnePartnerFunction {
    partner_function: PartnerFunctionAnswer,
    /// What is acceptable and will not work as it is.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    warnings: Vec<String>,
}

/// The answer to a PATCH: clients of this API read the members alone, or under `partner_function` like everywhere else.
#[derive(Serialize, ToSchema)]
pub struct ChangedPartnerFunction {
    #[serde(flatten)]
    members: PartnerFunctionAnswer,
    partner_function: PartnerFunctionAnswer,
    /// What is acceptable and will not work as it is.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    warnings: Vec<String>,
}

/// Partner functions.
#[derive(Serialize, ToSchema)]
pub struct PartnerFunctionList {
    partner_functions: Vec<PartnerFunctionAnswer>,
    pagination: crate::gateway::connections::Pagination,
}

impl From<PartnerFunctionShown> for PartnerFunctionAnswer {
    fn from(shown: PartnerFunctionShown) -> Self {
        let row = shown.row;
        let definition = row.definition;
        let members = PartnerFunctionMembersShown {
            uuid: row.id.uuid(),
            name: definition.name,
            description: definition.description,
            direction: definition.direction.as_str(),
            event_name: definition.event_name,
            provider_name: shown.provider.as_str(),
            object_name: definition.object_name,
            mapping_id: shown.mapping_id,
            enabled: row.enabled.to_string(),
            pre_run_script_id: definition.pre_run_script_id.map(Uuid::from),
            post_run_script_id: definition.post_run_script_id.map(Uuid::from),
            tag: definition.tag,
            created: row.created_at,
            updated: row.updated_at,
            object_mapping: definition.object_mapping,
        };
        Self {
            members,
            version: row.version,
        }
    }
}

impl From<PartnerFunctionShown> for OnePartnerFunction {
    fn from(mut shown: PartnerFunctionShown) -> Self {
        Self {
            warnings: std::mem::take(&mut shown.warnings),
            partner_function: shown.into(),
        }
    }
}

impl From<PartnerFunctionShown> for CreatedPartnerFunction {
    fn from(mut shown: PartnerFunctionShown) -> Self {
        Self {
            warnings: std::mem::take(&mut shown.warnings),
            partner_function: PartnerFunctionAnswer::from(shown).members,
        }
    }
}

impl From<PartnerFunctionShown> for ChangedPartnerFunction {
    fn from(mut shown: PartnerFunctionShown) -> Self {
        let warnings = std::mem::take(&mut shown.warnings);
        let members = PartnerFunctionAnswer::from(shown);
        Self {
            warnings,
            partner_function: members.clone(),
            members,
        }
    }
}
