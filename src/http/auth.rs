//! The kinds of credentials a client can have, and the three forms of them: in memory, stored, shown.

use std::sync::Arc;

use serde::{Deserialize, Deserializer, Serialize};
use serde_json::{Map, Value};
use uuid::Uuid;
use zeroize::Zeroizing;

use super::secret::Secret;

/// Credentials of one client, at one version of its definition.
#[derive(Debug, Clone)]
pub struct ClientCredentials {
    /// The tenant that owns the client.
    pub tenant_id: Uuid,
    /// The client.
    pub client_id: Uuid,
    /// Goes up with every change: a refused credential is tried again only under a new version.
    pub version: i64,
    /// For messages.
    pub name: String,
    /// How requests are authenticated.
    pub auth: Auth,
    /// One budget for all that use the client.
    pub limits: Option<Limits>,
}

/// The budget of a client. Absent means unlimited.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Limits {
    /// Requests in any one second.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub per_second: Option<u32>,
    /// Requests in any one minute.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub per_minute: Option<u32>,
    /// Requests in any 24 hours.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub per_day: Option<u32>,
    /// Requests at the same time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub concurrent: Option<u32>,
}

/// Where an API key goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum KeyPlace {
    /// A header.
    Header,
    /// A query parameter.
    Query,
}

/// Where a token request carries the client id and secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum CredentialsIn {
    /// Basic authentication.
    #[default]
    Header,
    /// Form members.
    Body,
}

/// How an HMAC is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum HmacEncoding {
    /// Lower-case hexadecimal.
    Hex,
    /// Standard base64 with padding.
    Base64,
}

/// The hash of an HMAC.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum HmacAlgorithm {
    /// HMAC-SHA-256.
    Sha256,
}

/// The method of a login request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum LoginMethod {
    /// The only one that carries credentials safely.
    Post,
}

/// The members that the three OAuth kinds share.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct OauthClient {
    /// The token endpoint.
    pub token_url: String,
    /// Issued by the provider.
    pub client_id: String,
    /// Issued by the provider.
    pub client_secret: Secret,
    /// Space-separated.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scope: Option<String>,
    /// For providers that ask for one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub audience: Option<String>,
    /// Where id and secret go.
    #[serde(default)]
    pub credentials_in: CredentialsIn,
}

/// A client that proves itself with a signed assertion, as NetSuite's certificate-based client credentials want it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct JwtClient {
    /// The token endpoint, which is the assertion's audience, too.
    pub token_url: String,
    /// Issued by the provider.
    pub client_id: String,
    /// The provider's id of the certificate that belongs to the key.
    pub certificate_id: String,
    /// In PEM: RSA signs with PS256, EC with ES256 or ES384.
    pub private_key: Secret,
    /// As the provider writes it.
    pub scope: String,
}

/// How requests of a client are authenticated. Serialises in the shown form, secrets masked; for the stored form see
/// [`Auth::to_stored_json`], for input from people `Auth::from_input`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "camelCase", rename_all_fields = "camelCase")]
#[expect(missing_docs, reason = "the members are those of the contract, by name")]
pub enum Auth {
    /// Nothing is added.
    None {},
    /// Basic authentication.
    Basic { username: String, password: Secret },
    /// A fixed token.
    Bearer { token: Secret },
    /// A fixed key.
    ApiKey {
        #[serde(rename = "in")]
        place: KeyPlace,
        name: String,
        value: Secret,
    },
    /// OAuth 2, client credentials grant.
    Oauth2ClientCredentials {
        #[serde(flatten)]
        oauth: OauthClient,
    },
    /// OAuth 2, password grant.
    Oauth2Password {
        #[serde(flatten)]
        oauth: OauthClient,
        username: String,
        password: Secret,
    },
    /// OAuth 2, refresh token grant; the refresh token may rotate.
    Oauth2RefreshToken {
        #[serde(flatten)]
        oauth: OauthClient,
        refresh_token: Secret,
    },
    /// OAuth 2, client credentials grant with a signed assertion in place of a secret; for connections only.
    Oauth2Jwt {
        #[serde(flatten)]
        jwt: JwtClient,
    },
    /// Credentials are posted as JSON, the answer holds a token.
    Login {
        url: String,
        method: LoginMethod,
        /// JSON text of the object to post.
        #[serde(deserialize_with = "object_as_secret")]
        body: Secret,
        token_path: String,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        expires_in_path: Option<String>,
        header: String,
        prefix: String,
    },
    /// The raw body is signed.
    Hmac {
        secret: Secret,
        header: String,
        algorithm: HmacAlgorithm,
        encoding: HmacEncoding,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        prefix: Option<String>,
    },
}

impl Auth {
    /// The form shown to people: secret members are `{"set":true,"fingerprint":"sha256:ab12cd34"}`.
    pub fn to_public_json(&self) -> Value {
        // Only maps with string keys are serialised, which cannot fail.
        serde_json::to_value(self).unwrap_or(Value::Null)
    }

    /// The whole, secrets in clear: to be encrypted at once and stored.
    pub fn to_stored_json(&self) -> Zeroizing<String> {
        Zeroizing::new(Value::Object(self.to_clear_map()).to_string())
    }

    /// Reads what [`Auth::to_stored_json`] wrote.
    pub fn from_stored_json(text: &str) -> Result<Auth, serde_json::Error> {
        serde_json::from_str(text)
    }

    /// The secret members by name.
    pub fn secrets(&self) -> Vec<(&'static str, &Secret)> {
        match self {
            Auth::None {} => Vec::new(),
            Auth::Basic { password, .. } => vec![("password", password)],
            Auth::Bearer { token } => vec![("token", token)],
            Auth::ApiKey { value, .. } => vec![("value", value)],
            Auth::Oauth2ClientCredentials { oauth } => vec![("clientSecret", &oauth.client_secret)],
            Auth::Oauth2Password { oauth, password, .. } => {
                vec![("clientSecret", &oauth.client_secret), ("password", password)]
            }
            Auth::Oauth2RefreshToken { oauth, refresh_token } => {
                vec![("clientSecret", &oauth.client_secret), ("refreshToken", refresh_token)]
            }
            Auth::Oauth2Jwt { jwt } => vec![("privateKey", &jwt.private_key)],
            Auth::Login { body, .. } => vec![("body", body)],
            Auth::Hmac { secret, .. } => vec![("secret", secret)],
        }
    }

    /// The value of the member `kind`.
    pub fn kind(&self) -> &'static str {
        match self {
            Auth::None {} => "none",
            Auth::Basic { .. } => "basic",
            Auth::Bearer { .. } => "bearer",
            Auth::ApiKey { .. } => "apiKey",
            Auth::Oauth2ClientCredentials { .. } => "oauth2ClientCredentials",
            Auth::Oauth2Password { .. } => "oauth2Password",
            Auth::Oauth2RefreshToken { .. } => "oauth2RefreshToken",
            Auth::Oauth2Jwt { .. } => "oauth2Jwt",
            Auth::Login { .. } => "login",
            Auth::Hmac { .. } => "hmac",
        }
    }

    /// True when requests need a token that is got first.
    pub fn needs_token(&self) -> bool {
        self.token_url().is_some()
    }

    /// Where the token comes from, for kinds that have one.
    pub fn token_url(&self) -> Option<&str> {
        match self {
            Auth::Oauth2ClientCredentials { oauth }
            | Auth::Oauth2Password { oauth, .. }
            | Auth::Oauth2RefreshToken { oauth, .. } => Some(&oauth.token_url),
            Auth::Oauth2Jwt { jwt } => Some(&jwt.token_url),
            Auth::Login { url, .. } => Some(url),
            _ => None,
        }
    }

    /// The header that the credentials travel in, if they do in one.
    pub(crate) fn header_name(&self) -> Option<&str> {
        match self {
            Auth::None {}
            | Auth::ApiKey {
                place: KeyPlace::Query, ..
            } => None,
            Auth::ApiKey {
                place: KeyPlace::Header,
                name,
                ..
            } => Some(name),
            Auth::Login { header, .. } | Auth::Hmac { header, .. } => Some(header),
            _ => Some("authorization"),
        }
    }

    /// The members with secrets in clear, as stored.
    pub(crate) fn to_clear_map(&self) -> Map<String, Value> {
        let mut members = match self.to_public_json() {
            Value::Object(members) => members,
            _ => Map::new(),
        };
        for (name, secret) in self.secrets() {
            let clear = match (self, serde_json::from_str(secret.expose())) {
                (Auth::Login { .. }, Ok(body)) => body,
                _ => Value::String(secret.expose().to_owned()),
            };
            members.insert(name.to_owned(), clear);
        }
        members
    }
}

impl ClientCredentials {
    /// A client without tenant and limits, for tests and trials.
    pub fn unnamed(auth: Auth) -> Arc<ClientCredentials> {
        Arc::new(ClientCredentials {
            tenant_id: Uuid::nil(),
            client_id: Uuid::new_v4(),
            version: 1,
            name: "unnamed".to_owned(),
            auth,
            limits: None,
        })
    }
}

fn object_as_secret<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Secret, D::Error> {
    Map::<String, Value>::deserialize(deserializer).map(|body| Secret::new(Value::Object(body).to_string()))
}
