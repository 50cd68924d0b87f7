//! Requests and responses, and the redacted sample of what was sent.

use std::fmt;
use std::sync::Arc;

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::auth::ClientCredentials;
use super::secret::Secret;

/// What stands in a sample where a secret was.
pub const REDACTED: &str = "[redacted]";

/// Header names whose values are taken for secrets whoever sets them.
const SECRET_HEADERS: [&str; 8] = [
    "authorization",
    "cookie",
    "proxy-authorization",
    "x-api-key",
    "x-auth-token",
    "x-access-token",
    "api-key",
    "ocp-apim-subscription-key",
];

/// The methods that a call may use.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, Default)]
#[serde(rename_all = "UPPERCASE")]
pub enum Method {
    /// Read.
    #[default]
    Get,
    /// Remove.
    Delete,
    /// Change a part.
    Patch,
    /// Create or command.
    Post,
    /// Replace.
    Put,
}

impl Method {
    /// Upper-case name as on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Method::Get => "GET",
            Method::Delete => "DELETE",
            Method::Patch => "PATCH",
            Method::Post => "POST",
            Method::Put => "PUT",
        }
    }
}

impl From<Method> for actix_http::Method {
    fn from(method: Method) -> actix_http::Method {
        match method {
            Method::Get => actix_http::Method::GET,
            Method::Delete => actix_http::Method::DELETE,
            Method::Patch => actix_http::Method::PATCH,
            Method::Post => actix_http::Method::POST,
            Method::Put => actix_http::Method::PUT,
        }
    }
}

impl std::str::FromStr for Method {
    type Err = String;

    fn from_str(text: &str) -> Result<Method, String> {
        match text {
            "GET" => Ok(Method::Get),
            "DELETE" => Ok(Method::Delete),
            "PATCH" => Ok(Method::Patch),
            "POST" => Ok(Method::Post),
            "PUT" => Ok(Method::Put),
            other => Err(format!("{other} is not one of GET, DELETE, PATCH, POST, PUT")),
        }
    }
}

/// One outbound request. Zero in `timeout_ms` or `response_bytes_max` means the default of the settings, so that
/// `Request { method, url, ..Request::default() }` is a whole one.
#[derive(Clone, Default)]
pub struct Request {
    /// The method.
    pub method: Method,
    /// Absolute http or https URL.
    pub url: String,
    /// Headers in order; names in any case. Host, Content-Length and hop-by-hop headers are refused.
    pub headers: Vec<(String, String)>,
    /// Further headers whose values are secrets: redacted in samples and dropped across origins.
    pub secret_headers: Vec<(String, String)>,
    /// The body, sent as it is.
    pub body: Option<Bytes>,
    /// Whose credentials and budget.
    pub client: Option<Arc<ClientCredentials>>,
    /// One total deadline, milliseconds: budget, token, name, connection, redirects, body.
    pub timeout_ms: u64,
    /// Largest decompressed response body, bytes.
    pub response_bytes_max: usize,
}

/// For logs: no values of headers, no query, no body, since each may hold a secret.
impl fmt::Debug for Request {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<&str> = self
            .headers
            .iter()
            .chain(&self.secret_headers)
            .map(|(name, _)| name.as_str())
            .collect();
        formatter
            .debug_struct("Request")
            .field("method", &self.method)
            .field("url", &self.url.split('?').next().unwrap_or_default())
            .field("headers", &names)
            .field("body_bytes", &self.body.as_ref().map(Bytes::len))
            .field("client", &self.client.as_ref().map(|client| client.client_id))
            .finish_non_exhaustive()
    }
}

/// An answer; every status is one.
#[derive(Debug, Clone)]
pub struct Response {
    /// The status code.
    pub status: u16,
    /// Headers in order, names in lower case.
    pub headers: Vec<(String, String)>,
    /// The decompressed body.
    pub body: Bytes,
    /// The URL that answered, after redirects. An API key in the query is not in it.
    pub url: String,
    /// From `send` to the last byte, milliseconds.
    pub duration_ms: u64,
    /// What was sent; redacted on demand.
    pub sent: SentRequest,
}

impl Response {
    /// The first header of a name, in any case.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .find(|(key, _)| key.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.as_str())
    }

    /// The redacted sample of the request; built when asked for.
    pub fn redacted_request(&self) -> RequestSample {
        self.sent.redacted()
    }
}

/// A request that was (or would have been) sent: cheap to clone.
#[derive(Debug, Clone)]
pub struct SentRequest {
    request: Arc<Request>,
    /// The tokens with which it was sent, one after the other.
    tokens: Arc<[Secret]>,
}

impl SentRequest {
    pub(crate) fn new(request: Arc<Request>) -> SentRequest {
        SentRequest {
            request,
            tokens: Arc::default(),
        }
    }

    pub(super) fn with_tokens(self, tokens: Vec<Secret>) -> SentRequest {
        SentRequest {
            tokens: tokens.into(),
            ..self
        }
    }

    pub(super) fn tokens(&self) -> &[Secret] {
        &self.tokens
    }

    pub(super) fn request(&self) -> &Arc<Request> {
        &self.request
    }

    /// The sample with secrets replaced: secret headers, the client's credentials, secrets in the URL.
    pub fn redacted(&self) -> RequestSample {
        let request = &self.request;
        let mut headers: Vec<(String, String)> = request
            .headers
            .iter()
            .map(|(name, value)| {
                let shown = if is_secret_header(name) {
                    REDACTED
                } else {
                    value.as_str()
                };
                (name.clone(), shown.to_owned())
            })
            .collect();
        headers.extend(
            request
                .secret_headers
                .iter()
                .map(|(name, _)| (name.clone(), REDACTED.to_owned())),
        );
        let mut url = request.url.clone();
        if let Some(client) = &request.client {
            if let Some(name) = client.auth.header_name() {
                headers.push((name.to_owned(), REDACTED.to_owned()));
            }
            for (_, secret) in client.auth.secrets() {
                // Very short texts would match by chance and make the URL unreadable.
                if secret.expose().len() >= 6 {
                    url = url.replace(secret.expose(), REDACTED);
                }
            }
        }
        RequestSample {
            method: request.method,
            url,
            headers,
            body: request
                .body
                .as_ref()
                .map(|body| String::from_utf8_lossy(body).into_owned()),
        }
    }
}

/// What a person may see of a request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RequestSample {
    /// The method.
    pub method: Method,
    /// The URL as asked for.
    pub url: String,
    /// Headers, secrets replaced by `[redacted]`.
    pub headers: Vec<(String, String)>,
    /// The body as text.
    pub body: Option<String>,
}

/// True for headers that carry credentials by their name.
pub fn is_secret_header(name: &str) -> bool {
    SECRET_HEADERS.iter().any(|secret| name.eq_ignore_ascii_case(secret))
}
