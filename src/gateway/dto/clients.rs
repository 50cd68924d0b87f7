//! Bodies and answers of clients.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;
use uuid::Uuid;

use super::given;
use crate::{
    engine::clients::{Client, ClientInput},
    http::{Check, Limits},
};

/// A client, as made.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ClientBody {
    name: String,
    /// `kind` and its members: none, basic, bearer, apiKey, oauth2ClientCredentials, oauth2Password, oauth2RefreshToken,
    /// login, hmac. `{"kind":"none"}` if absent. Secrets that a PUT leaves out stay.
    #[schema(value_type = Option<Object>)]
    auth: Option<Value>,
    /// One budget for all that use the client.
    #[schema(value_type = Option<LimitsSchema>)]
    limits: Option<Limits>,
}

/// What is to change of a client.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ClientPatch {
    name: Option<String>,
    /// What is left out stays, secrets too.
    #[schema(value_type = Option<Object>)]
    auth: Option<Value>,
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<LimitsSchema>)]
    limits: Option<Option<Limits>>,
}

/// The budget of a client. Absent means unlimited.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Limits)]
pub struct LimitsSchema {
    per_second: Option<u32>,
    per_minute: Option<u32>,
    per_day: Option<u32>,
    concurrent: Option<u32>,
}

/// A client; secrets are shown as `{"set":true,"fingerprint":"sha256:..."}`.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Client)]
pub struct ClientAnswer {
    id: Uuid,
    name: String,
    #[schema(value_type = Object)]
    auth: Value,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<LimitsSchema>)]
    limits: Option<Value>,
    created_by: Option<Uuid>,
    version: i64,
    #[schema(value_type = String, format = DateTime)]
    created_at: Timestamp,
    #[schema(value_type = String, format = DateTime)]
    updated_at: Timestamp,
}

/// How the credentials fare.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = ClientCheck)]
pub struct CheckAnswer {
    /// Requests can be sent.
    ok: bool,
    /// Where it failed: `token`, `egress`, `connect`, `tls`, ...
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    step: Option<Value>,
    /// In words.
    detail: String,
    /// When the token ends.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    expires_at: Option<Timestamp>,
}

impl From<ClientBody> for ClientInput {
    fn from(body: ClientBody) -> Self {
        Self {
            name: Some(body.name),
            auth: body.auth,
            limits: Some(body.limits),
        }
    }
}

impl From<ClientPatch> for ClientInput {
    fn from(patch: ClientPatch) -> Self {
        Self {
            name: patch.name,
            auth: patch.auth,
            limits: patch.limits,
        }
    }
}

impl From<Client> for ClientAnswer {
    fn from(client: Client) -> Self {
        Self {
            id: client.id.uuid(),
            name: client.name,
            auth: client.auth_public,
            limits: client.limits,
            created_by: client.created_by.map(Uuid::from),
            version: client.version,
            created_at: client.created_at,
            updated_at: client.updated_at,
        }
    }
}

impl From<Check> for CheckAnswer {
    fn from(check: Check) -> Self {
        Self {
            ok: check.ok,
            step: check.step.map(|step| serde_json::json!(step)),
            detail: check.detail,
            expires_at: check.expires_at,
        }
    }
}
