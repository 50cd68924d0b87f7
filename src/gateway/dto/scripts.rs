//! Bodies and answers of named scripts.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use super::given;
use crate::engine::scripts::{Script, ScriptInput, ScriptVersion, WholeScript, WrittenVersion};

/// A script, as made.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ScriptBody {
    name: String,
    description: Option<String>,
    /// JavaScript: the body of a function that sees `record` and `context`, and returns the record, or null to leave it out.
    source: String,
}

/// What is to change of a script.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ScriptPatch {
    name: Option<String>,
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<String>)]
    description: Option<Option<String>>,
    source: Option<String>,
}

/// A script in a list.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = ScriptInList)]
pub struct ScriptRow {
    id: Uuid,
    name: String,
    description: Option<String>,
    created_by: Option<Uuid>,
    version: i64,
    #[schema(value_type = String, format = DateTime)]
    created_at: Timestamp,
    #[schema(value_type = String, format = DateTime)]
    updated_at: Timestamp,
}

/// A script with its source in force.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Script)]
pub struct ScriptAnswer {
    #[serde(flatten)]
    row: ScriptRow,
    source: String,
    /// The version with which this source came.
    source_version: i64,
}

/// That a source was written.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = ScriptVersionInList)]
pub struct VersionRow {
    version: i64,
    created_by: Option<Uuid>,
    #[schema(value_type = String, format = DateTime)]
    created_at: Timestamp,
}

/// One version of a script's source.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = ScriptVersion)]
pub struct VersionAnswer {
    #[serde(flatten)]
    row: VersionRow,
    source: String,
}

impl From<ScriptBody> for ScriptInput {
    fn from(body: ScriptBody) -> Self {
        Self {
            name: Some(body.name),
            description: Some(body.description),
            source: Some(body.source),
        }
    }
}

impl From<ScriptPatch> for ScriptInput {
    fn from(patch: ScriptPatch) -> Self {
        Self {
            name: patch.name,
            description: patch.description,
            source: patch.source,
        }
    }
}

impl From<Script> for ScriptRow {
    fn from(script: Script) -> Self {
        Self {
            id: script.id.uuid(),
            name: script.name,
            description: script.description,
            created_by: script.created_by.map(Uuid::from),
            version: script.version,
            created_at: script.created_at,
            updated_at: script.updated_at,
        }
    }
}

impl From<WholeScript> for ScriptAnswer {
    fn from(whole: WholeScript) -> Self {
        Self {
            row: whole.script.into(),
            source: whole.current.source,
            source_version: whole.current.version,
        }
    }
}

impl From<WrittenVersion> for VersionRow {
    fn from(version: WrittenVersion) -> Self {
        Self {
            version: version.version,
            created_by: version.created_by.map(Uuid::from),
            created_at: version.created_at,
        }
    }
}

impl From<ScriptVersion> for VersionAnswer {
    fn from(version: ScriptVersion) -> Self {
        Self {
            row: VersionRow {
                version: version.version,
                created_by: version.created_by.map(Uuid::from),
                created_at: version.created_at,
            },
            source: version.source,
        }
    }
}
