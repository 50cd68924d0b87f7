//! Bodies and answers of sign-in, tokens and the audit log.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use crate::{
    domain::rights::Rights,
    engine::{
        audit::{Filter, Recorded},
        tokens::{NewToken, Token, TokenInput},
    },
};

/// Tokens do not change, so they have one version.
pub const TOKEN_VERSION: i64 = 1;

/// Who signs in.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SignInBody {
    /// In any case.
    pub username: String,
    /// The password.
    pub password: String,
}

/// A token for a session.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct SignInAnswer {
    /// For the header `Authorization: Bearer`.
    pub access_token: String,
    /// `Bearer`.
    pub token_type: &'static str,
    /// Seconds.
    pub expires_in: u64,
}

/// A token, as made.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct TokenBody {
    name: String,
    /// Each of them must be a right of the caller.
    #[schema(value_type = Vec<String>)]
    rights: Rights,
    /// Never if absent.
    #[schema(value_type = Option<String>, format = DateTime)]
    expires_at: Option<Timestamp>,
}

/// A token, without its secret.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Token)]
pub struct TokenAnswer {
    id: Uuid,
    name: String,
    #[schema(value_type = Vec<String>)]
    rights: Rights,
    #[schema(value_type = Option<String>, format = DateTime)]
    expires_at: Option<Timestamp>,
    /// To the minute.
    #[schema(value_type = Option<String>, format = DateTime)]
    last_used_at: Option<Timestamp>,
    version: i64,
    #[schema(value_type = String, format = DateTime)]
    created_at: Timestamp,
    /// Only in the answer that makes it.
    #[serde(skip_serializing_if = "Option::is_none")]
    token: Option<String>,
}

/// Which rows of the audit log.
#[derive(Deserialize, IntoParams)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct AuditQuery {
    /// Rows at most, 1 to 200 (50).
    pub limit: Option<u64>,
    /// `nextCursor` of the answer before.
    pub cursor: Option<String>,
    /// For example `client`.
    resource_kind: Option<String>,
    /// The thing's id.
    resource_id: Option<String>,
    /// Who did it.
    user_id: Option<Uuid>,
    /// At or after this time.
    #[param(value_type = Option<String>, format = DateTime)]
    after: Option<Timestamp>,
    /// Before this time.
    #[param(value_type = Option<String>, format = DateTime)]
    before: Option<Timestamp>,
}

/// One change.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = AuditRow)]
pub struct AuditAnswer {
    id: Uuid,
    #[schema(value_type = String, format = DateTime)]
    at: Timestamp,
    user_id: Option<Uuid>,
    token_id: Option<Uuid>,
    /// For example `client.update`.
    action: String,
    resource_kind: String,
    resource_id: Option<String>,
    /// Without secrets.
    before: Option<Value>,
    /// Without secrets.
    after: Option<Value>,
    request_id: Option<String>,
}

impl From<TokenBody> for TokenInput {
    fn from(body: TokenBody) -> Self {
        Self {
            name: body.name,
            rights: body.rights,
            expires_at: body.expires_at,
        }
    }
}

impl From<Token> for TokenAnswer {
    fn from(token: Token) -> Self {
        Self {
            id: token.id.uuid(),
            name: token.name,
            rights: token.rights.unwrap_or_default(),
            expires_at: token.expires_at,
            last_used_at: token.last_used_at,
            version: TOKEN_VERSION,
            created_at: token.created_at,
            token: None,
        }
    }
}

impl From<NewToken> for TokenAnswer {
    fn from(new: NewToken) -> Self {
        Self {
            token: Some(new.secret.to_string()),
            ..Self::from(new.token)
        }
    }
}

impl TokenAnswer {
    /// Id of the token.
    #[must_use]
    pub fn id(&self) -> Uuid {
        self.id
    }
}

impl AuditQuery {
    /// Which rows are wanted.
    #[must_use]
    pub fn filter(&self) -> Filter {
        Filter {
            resource_kind: self.resource_kind.clone(),
            resource_id: self.resource_id.clone(),
            user_id: self.user_id.map(Into::into),
            after: self.after,
            before: self.before,
        }
    }
}

impl From<Recorded> for AuditAnswer {
    fn from(row: Recorded) -> Self {
        Self {
            id: row.id.uuid(),
            at: row.at,
            user_id: row.user_id.map(Uuid::from),
            token_id: row.token_id.map(Uuid::from),
            action: row.action,
            resource_kind: row.resource_kind,
            resource_id: row.resource_id,
            before: row.before,
            after: row.after,
            request_id: row.request_id,
        }
    }
}
