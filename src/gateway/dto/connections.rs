//! Bodies and answers of connections. Members are snake_case; a member that has no value is null.

use jiff::Timestamp;
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::{
    domain::connection::status,
    engine::connections::{CheckedConnection, Connection},
};

/// A connection, as made. Booleans and numbers may be texts; "" is the same as absent. For a PATCH every member is optional: what
/// is left out stays, secrets too; the provider cannot be changed.
#[derive(Serialize, ToSchema)]
pub struct ConnectionBody {
    /// XERO, QUICKBOOKS, NETSUITE or REST, in any case.
    provider: String,
    /// The account at the provider: Xero's tenant, QuickBooks' realm, NetSuite's account.
    remote_instance_id: Option<String>,
    remote_instance_code: Option<String>,
    remote_instance_name: Option<String>,
    remote_instance_display: Option<String>,
    integration_client_id: Option<String>,
    /// For NetSuite the private key in PEM.
    integration_client_secret: Option<String>,
    integration_access_token: Option<String>,
    integration_refresh_token: Option<String>,
    token_type: Option<String>,
    /// When the access token ends: a date, a time, or seconds from now.
    expires_in: Option<String>,
    /// Base of the token endpoint, in place of the provider's own.
    account_server: Option<String>,
    /// Base of the API, in place of the provider's own.
    api_domain: Option<String>,
    /// A JSON object, as it is or as a text: what else the provider needs; for REST the description of the API.
    supporting_fields: Option<String>,
    user_name: Option<String>,
    user_password: Option<String>,
    /// Whether requests carry credentials (true).
    require_authentication: Option<bool>,
    /// `inactive` and `disabled` make a connection that is disabled.
    state: Option<String>,
    company_file: Option<String>,
    company_name: Option<String>,
}

/// What every answer about a connection begins with; secrets are shown as `{"set":true,"fingerprint":"sha256:..."}`.
#[derive(Serialize, ToSchema)]
pub struct ConnectionMembers {
    /// `ACTIVE`, `INACTIVE`, `NEEDS_REAUTHORISATION` or `ERROR`.
    status: &'static str,
    uuid: Uuid,
    /// The provider.
    integration_partner: &'static str,
    remote_instance_id: Option<String>,
    remote_instance_name: Option<String>,
    client_id: Option<String>,
    #[schema(value_type = Option<Object>)]
    client_secret: Option<Value>,
    #[schema(value_type = Option<Object>)]
    access_token: Option<Value>,
    #[schema(value_type = Option<Object>)]
    refresh_token: Option<Value>,
}

/// A connection.
#[derive(Serialize, ToSchema)]
#[schema(as = Connection)]
pub struct ConnectionAnswer {
    #[serde(flatten)]
    members: ConnectionMembers,
    /// Why it is not active, in words.
    status_detail: Option<String>,
    remote_instance_code: Option<String>,
    remote_instance_display: Option<String>,
    token_type: Option<String>,
    expires_in: Option<String>,
    account_server: Option<String>,
    api_domain: Option<String>,
    supporting_fields: Option<String>,
    user_name: Option<String>,
    #[schema(value_type = Option<Object>)]
    user_password: Option<Value>,
    require_authentication: Option<bool>,
    state: Option<String>,
    company_file: Option<String>,
    company_name: Option<String>,
    version: i64,
    #[schema(value_type = String, format = DateTime)]
    created: Timestamp,
    #[schema(value_type = String, format = DateTime)]
    updated: Timestamp,
}

impl ConnectionAnswer {
    /// What `fields` of a list may name.
    pub const FIELDS: [&'static str; 26] = [
        "status",
        "status_detail",
        "uuid",
        "integration_partner",
        "remote_instance_id",
        "remote_instance_code",
        "remote_instance_name",
        "remote_instance_display",
        "client_id",
        "client_secret",
        "access_token",
        "refresh_token",
        "token_type",
        "expires_in",
        "account_server",
        "api_domain",
        "supporting_fields",
        "user_name",
        "user_password",
        "require_authentication",
        "state",
        "company_file",
        "company_name",
        "version",
        "created",
        "updated",
    ];
}

/// The answer to a POST: what clients of this API know; a GET shows the rest.
#[derive(Serialize, ToSchema)]
pub struct CreatedConnection {
    integration: MadeConnection,
}

/// See [`CreatedConnection`].
#[derive(Serialize, ToSchema)]
pub struct MadeConnection {
    integration_connection: ConnectionMembers,
}

/// One connection.
#[derive(Serialize, ToSchema)]
pub struct OneConnection {
    integration_connection: ConnectionAnswer,
}

/// Connections.
#[derive(Serialize, ToSchema)]
pub struct ConnectionList {
    integration_connection: Vec<ConnectionAnswer>,
    pagination: crate::gateway::connections::Pagination,
}

/// What happened.
#[derive(Serialize, ToSchema)]
pub struct Message {
    /// In words.
    pub message: String,
}

/// What a provider answered to the credentials of a connection.
#[derive(Serialize, ToSchema)]
#[schema(as = ConnectionCheck)]
pub struct ConnectionCheckAnswer {
    /// In words.
    message: String,
    /// How the connection stands.
    status: &'static str,
}

impl From<Connection> for ConnectionAnswer {
    fn from(connection: Connection) -> Self {
        let status = status(connection.enabled, connection.state.health);
        let secret = |name: &str| {
            connection
                .secrets_public
                .get(name)
                .filter(|shown| !shown.is_null())
                .cloned()
        };
        let (client_secret, access_token) = (secret("client_secret"), secret("access_token"));
        let (refresh_token, user_password) = (secret("refresh_token"), secret("user_password"));
        let profile = connection.profile;
        let members = ConnectionMembers {
            status,
            uuid: connection.id.uuid(),
            integration_partner: connection.provider.as_str(),
            remote_instance_id: profile.remote_instance_id,
            remote_instance_name: profile.remote_instance_name,
            client_id: profile.client_id,
            client_secret,
            access_token,
            refresh_token,
        };
        Self {
            members,
            status_detail: connection.state.detail.filter(|_| connection.enabled),
            remote_instance_code: profile.remote_instance_code,
            remote_instance_display: profile.remote_instance_display,
            token_type: profile.token_type,
            expires_in: profile.expires_in,
            account_server: profile.account_server,
            api_domain: profile.api_domain,
            supporting_fields: profile.supporting_fields,
            user_name: profile.user_name,
            user_password,
            require_authentication: profile.require_authentication,
            state: profile.state,
            company_file: profile.company_file,
            company_name: profile.company_name,
            version: connection.version,
            created: connection.created_at,
            updated: connection.updated_at,
        }
    }
}

impl From<Connection> for OneConnection {
    fn from(connection: Connection) -> Self {
        Self {
            integration_connection: connection.into(),
        }
    }
}

impl From<Connection> for CreatedConnection {
    fn from(connection: Connection) -> Self {
        Self {
            integration: MadeConnection {
                integration_connection: ConnectionAnswer::from(connection).members,
            },
        }
    }
}

impl From<CheckedConnection> for ConnectionCheckAnswer {
    fn from(checked: CheckedConnection) -> Self {
        Self {
            message: checked.message,
            status: checked.status,
        }
    }
}
