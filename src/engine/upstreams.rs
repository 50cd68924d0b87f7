//! Upstreams: other APIs behind the gateway. Which path leads to which, what goes along, and what comes back.

use std::sync::Arc;

use actix_http::header::{HeaderName, HeaderValue};
use url::Url;

use self::places::{Full, Place, Places};
use crate::{
    actors::services::Services,
    domain::ids::TenantId,
    error::{Code, Error, Result},
    http::{self, ClientCredentials, Step},
    settings::{self, Settings},
};

mod headers;
mod places;
mod record;

pub use headers::keep_private;
pub use record::Record;

/// Carries our token where `Authorization` belongs to the upstream.
pub const TOKEN: &str = "x-orrery-token";
/// Asks for the background; means nothing to an upstream.
const BACKGROUND: &str = "erp-api-background";

/// Requests at the same time where the settings say nothing.
const AT_ONCE_MAX: usize = 100;

/// The upstreams of an engine. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct Upstreams {
    all: Arc<[Arc<Upstream>]>,
}

/// One upstream; see settings/base.toml for what its members mean.
#[derive(Debug)]
pub struct Upstream {
    /// Path here.
    pub prefix: String,
    /// Stands for the prefix.
    pub target: Url,
    /// Id or name of a client of the caller's tenant.
    pub client: Option<String>,
    /// Whether the caller's `Authorization` goes along.
    pub pass_credentials: bool,
    /// Deadline of a request that is passed on at once, milliseconds.
    pub timeout_ms: u64,
    /// Deadline of a request in the background, milliseconds.
    pub background_timeout_ms: u64,
    /// Whether it honours `Idempotency-Key`.
    pub idempotent: bool,
    /// Whether an answer 202 is followed in the background.
    pub follow_accepted: bool,
    /// Requests passed on at the same time.
    pub at_once_max: usize,
    /// Largest body of a request that is passed on at once, bytes.
    pub body_bytes_max: u64,
    at_once_given: bool,
    places: Places,
}

/// Where a request came from.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Forwarded {
    /// Address of the caller's connection.
    pub client_ip: Option<String>,
    /// The host that the caller named.
    pub host: Option<String>,
    /// `http` or `https`.
    pub proto: String,
}

/// Headers in order.
pub type Headers = Vec<(HeaderName, HeaderValue)>;

impl Upstreams {
    /// The upstreams of the settings.
    ///
    /// # Errors
    /// A target that is no URL, which `Settings::validate` refuses earlier.
    pub fn new(settings: &Settings) -> Result<Self> {
        let all: Result<Vec<_>> = settings
            .upstreams
            .iter()
            .map(|one| Upstream::new(one).map(Arc::new))
            .collect();
        Ok(Self { all: all?.into() })
    }

    /// The upstream that a path (without the place where the gateway is mounted) leads to.
    #[must_use]
    pub fn find(&self, path: &str) -> Option<&Arc<Upstream>> {
        self.all.iter().find(|one| below(path, &one.prefix).is_some())
    }

    /// The upstream with this prefix.
    #[must_use]
    pub fn by_prefix(&self, prefix: &str) -> Option<&Arc<Upstream>> {
        self.all.iter().find(|one| one.prefix == prefix)
    }

    /// All of them, in the order of the settings.
    #[must_use]
    pub fn all(&self) -> &[Arc<Upstream>] {
        &self.all
    }
}

impl Upstream {
    /// Of its settings.
    ///
    /// # Errors
    /// The target is no URL.
    pub fn new(settings: &settings::Upstream) -> Result<Self> {
        let at_once_max = settings.at_once_max.unwrap_or(AT_ONCE_MAX);
        Ok(Self {
            prefix: settings.prefix.clone(),
            target: Url::parse(&settings.target).map_err(Error::internal)?,
            client: settings.client.clone(),
            pass_credentials: settings.pass_credentials,
            timeout_ms: settings.timeout_ms,
            background_timeout_ms: settings.background_timeout_ms,
            idempotent: settings.idempotent,
            follow_accepted: settings.follow_accepted,
            at_once_max,
            body_bytes_max: settings.body_bytes_max,
            at_once_given: settings.at_once_max.is_some(),
            places: Places::new(at_once_max),
        })
    }

    /// Requests in the background at the same time: its own limit where it sets one, else `per_upstream_max`.
    #[must_use]
    pub fn background_at_once_max(&self, per_upstream_max: usize) -> usize {
        if self.at_once_given {
            self.at_once_max
        } else {
            per_upstream_max
        }
    }

    /// A place among the requests that are passed on at the same time; given back by dropping it. One tenant has at most
    /// half of them.
    ///
    /// # Errors
    /// [`Code::Unavailable`]: none came free in time.
    pub async fn place(&self, tenant_id: TenantId) -> Result<Place> {
        let full = match self.places.take(tenant_id).await {
            Ok(place) => return Ok(place),
            Err(full) => full,
        };
        let (prefix, most) = (&self.prefix, self.at_once_max);
        let full = match full {
            Full::Upstream => format!("The upstream {prefix} has {most} requests in progress, which is its limit."),
            Full::Tenant(share) => format!(
                "This tenant has {share} requests to the upstream {prefix} in progress, which is its share of the limit \
                 {most}."
            ),
        };
        let message = format!("{full} Try again, or send the request with the header {BACKGROUND}.");
        Err(Error::new(Code::Unavailable, message).with_retry_after_ms(1_000))
    }

    /// The URL behind a path and query that begin with the prefix. Never leads out of the target's own path.
    ///
    /// # Errors
    /// [`Code::NotFound`] for a path that does not begin with the prefix, [`Code::BadRequest`] for one with `..` in it.
    pub fn url_of(&self, path_and_query: &str) -> Result<String> {
        let (path, query) = match path_and_query.split_once('?') {
            Some((path, query)) => (path, Some(query)),
            None => (path_and_query, None),
        };
        let rest = below(path, &self.prefix)
            .ok_or_else(|| Error::new(Code::NotFound, format!("This path is not below {}.", self.prefix)))?;
        let refused = || {
            Error::new(
                Code::BadRequest,
                "A path to an upstream must not hold `..`, in whatever spelling.",
            )
        };
        if climbs(rest) {
            return Err(refused());
        }
        let base = self.target.as_str().trim_end_matches('/');
        let mut url = Url::parse(&format!("{base}{rest}"))
            .map_err(|error| Error::new(Code::BadRequest, "This path cannot be passed on.").with_source(error))?;
        url.set_query(query);
        url.set_fragment(None);
        // The second line: nothing above lets this happen.
        match self.rest_of(&url) {
            Some(_) => Ok(url.into()),
            None => Err(refused()),
        }
    }

    /// A place below the target as one below the prefix: absolute if it was, else from the root.
    fn moved(&self, place: &HeaderValue, requested: &str, base_url: &str) -> Option<HeaderValue> {
        let place = place.to_str().ok()?;
        let url = Url::parse(requested).ok()?.join(place).ok()?;
        let rest = self.rest_of(&url)?;
        let base_url = base_url.trim_end_matches('/');
        let base = if Url::parse(place).is_ok() {
            base_url.to_owned()
        } else {
            Url::parse(base_url).ok()?.path().trim_end_matches('/').to_owned()
        };
        let query = url.query().map(|query| format!("?{query}")).unwrap_or_default();
        let fragment = url
            .fragment()
            .map(|fragment| format!("#{fragment}"))
            .unwrap_or_default();
        HeaderValue::from_str(&format!("{base}{}{rest}{query}{fragment}", self.prefix)).ok()
    }

    /// What a URL has below the target's path; none if it leads elsewhere.
    fn rest_of<'a>(&self, url: &'a Url) -> Option<&'a str> {
        if url.origin() != self.target.origin() {
            return None;
        }
        below(url.path(), self.target.path().trim_end_matches('/'))
    }

    /// What the caller learns of a request that got no answer: the upstream by its prefix, and nothing of what is behind
    /// it. The cause is for the log.
    #[must_use]
    pub fn failure(&self, cause: &http::Error, timeout_ms: u64) -> Error {
        let prefix = &self.prefix;
        let (code, message) = match cause.step {
            Step::Request => (
                Code::BadRequest,
                format!(
                    "The request cannot be passed on to the upstream {prefix}: {}.",
                    cause.message
                ),
            ),
            Step::Body => (
                Code::RequestTimeout,
                format!("The body of the request to the upstream {prefix} did not come to its end."),
            ),
            Step::Budget => (
                Code::Unavailable,
                format!("The budget of the client of the upstream {prefix} has no room now. Try again later."),
            ),
            Step::Token => (
                Code::BadGateway,
                format!(
                    "The credentials for the upstream {prefix} do not work: no token was got. Check its client \
                     (POST /api/v1/clients/{{id}}/check)."
                ),
            ),
            Step::Egress => (
                Code::BadGateway,
                format!(
                    "Orrery may not send requests to the upstream {prefix}: its target is not a public address, or is denied. \
                     Whoever runs Orrery can allow it in the settings (egress.allow)."
                ),
            ),
            Step::Dns => (
                Code::BadGateway,
                format!("The upstream {prefix} cannot be reached: the name of its host is not known."),
            ),
            Step::Connect => (
                Code::BadGateway,
                format!("The upstream {prefix} cannot be reached: it takes no connection."),
            ),
            Step::Tls => (
                Code::BadGateway,
                format!("The upstream {prefix} cannot be reached: no trusted TLS connection to it can be made."),
            ),
            Step::Timeout => (
                Code::GatewayTimeout,
                format!("The upstream {prefix} did not answer within {timeout_ms} ms."),
            ),
            Step::TooLarge => (
                Code::BadGateway,
                format!("The head of the answer of the upstream {prefix} is too large."),
            ),
            Step::Redirect | Step::Protocol => (
                Code::BadGateway,
                format!("The upstream {prefix} ended the connection without an answer, or did not answer in HTTP."),
            ),
        };
        let error = Error::new(code, message).with_source(cause.clone());
        match (cause.step, cause.retry_after_ms) {
            (Step::Budget, known) => error.with_retry_after_ms(known.unwrap_or(1_000)),
            _ => error,
        }
    }
}

/// The credentials with which requests of a tenant go to an upstream.
///
/// # Errors
/// [`Code::BadGateway`]: the tenant has no such client; the store does not answer.
pub async fn client_of(
    services: &Services,
    tenant_id: TenantId,
    upstream: &Upstream,
) -> Result<Option<Arc<ClientCredentials>>> {
    let Some(client) = &upstream.client else {
        return Ok(None);
    };
    match services.clients.find(tenant_id, client).await? {
        Some(found) => Ok(Some(found)),
        None => Err(Error::new(
            Code::BadGateway,
            format!(
                "The upstream {} needs the client {client:?}, which this tenant does not have. Create it \
                 (POST /api/v1/clients).",
                upstream.prefix
            ),
        )),
    }
}

/// What a path has below another: empty, or beginning with a slash.
fn below<'a>(path: &'a str, above: &str) -> Option<&'a str> {
    path.strip_prefix(above)
        .filter(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// Whether a path has a part that servers may take for `..`: encoded, between backslashes, with parameters.
fn climbs(path: &str) -> bool {
    let plain = path
        .to_ascii_lowercase()
        .replace("%2e", ".")
        .replace("%2f", "/")
        .replace("%5c", "/")
        .replace("%3b", ";");
    plain
        .split(['/', '\\'])
        .any(|part| part.split(';').next().is_some_and(|name| name.trim() == ".."))
}

#[cfg(test)]
#[path = "upstreams_tests.rs"]
mod tests;
