//! Which headers go along to an upstream, and which of its own come back.

use actix_http::header::{self, HeaderName, HeaderValue};

use super::{BACKGROUND, Forwarded, Headers, TOKEN, Upstream};
use crate::error::{Code, Error, Result};

/// Chooses the tenant; upstreams get what was checked here.
const COMPANY_ID: &str = "ipp-company-id";

/// Of one connection only (RFC 9110, 7.6.1), together with what `Connection` names.
const HOP_BY_HOP: [&str; 9] = [
    "connection",
    "keep-alive",
    "proxy-authenticate",
    "proxy-authorization",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];
/// Of a request to us only, or written anew.
const OURS: [&str; 10] = [
    "content-length",
    "expect",
    "host",
    "via",
    "x-forwarded-for",
    "x-forwarded-host",
    "x-forwarded-proto",
    BACKGROUND,
    COMPANY_ID,
    TOKEN,
];
/// Headers of an answer that name a place.
const PLACES: [&str; 3] = ["location", "content-location", "operation-location"];
/// What an upstream says about its host; here it would be said about ours, with everything else that is on it.
const OF_ITS_HOST: [&str; 4] = [
    "alt-svc",
    "clear-site-data",
    "service-worker-allowed",
    "strict-transport-security",
];
/// Credentials like others: they pass where the caller's do.
const COOKIES: [&str; 4] = ["cookie", "cookie2", "set-cookie", "set-cookie2"];
/// Schemes that make a connection somebody's. Ours are used by all callers.
const OF_CONNECTIONS: [&str; 2] = ["negotiate", "ntlm"];

impl Upstream {
    /// Refuses credentials that cannot be passed on; `authorization` are those that would be.
    ///
    /// # Errors
    /// [`Code::BadRequest`] for a scheme that authenticates a connection.
    pub fn check_credentials<'a>(&self, mut authorization: impl Iterator<Item = &'a HeaderValue>) -> Result<()> {
        if self.pass_credentials && authorization.any(|value| without_connections(value).is_some()) {
            return Err(Error::new(
                Code::BadRequest,
                format!(
                    "Authorization with NTLM or Negotiate is not passed on to the upstream {}: it would be valid for a whole \
                     connection, and connections to upstreams are shared. Use another scheme, such as Basic or Bearer.",
                    self.prefix
                ),
            ));
        }
        Ok(())
    }

    /// The headers of a request on their way to the upstream: without those of one connection, ours and our token, with
    /// the way that it came. `Authorization` and cookies go along only if the upstream takes the caller's; `inbound` must not
    /// have an `Authorization` that holds our own token, which is where none came in [`TOKEN`]. `ipp-company-id` goes along
    /// as it was checked, whatever `Connection` says of it.
    #[must_use]
    pub fn outbound_headers(&self, inbound: &[(HeaderName, HeaderValue)], forwarded: &Forwarded) -> Headers {
        let named = named_by_connection(inbound);
        let goes_along = |name: &HeaderName| {
            let name = name.as_str();
            !HOP_BY_HOP.contains(&name)
                && !is_ours(name)
                && !named.iter().any(|other| other == name)
                && (self.pass_credentials || name != "authorization" && !COOKIES.contains(&name))
        };
        let mut headers: Headers = inbound.iter().filter(|(name, _)| goes_along(name)).cloned().collect();
        // What was checked was the only one, without the space around it.
        let company_id = inbound.iter().find(|(name, _)| name == COMPANY_ID);
        let company_id = company_id.and_then(|(_, value)| value.to_str().ok()).map(str::trim);
        let way = [
            ("x-forwarded-for", forwarded.client_ip.as_deref()),
            ("x-forwarded-host", forwarded.host.as_deref()),
            ("x-forwarded-proto", Some(forwarded.proto.as_str())),
            ("via", Some("1.1 orrery")),
        ];
        headers.extend(appended(&[], COMPANY_ID, company_id));
        for (name, last) in way {
            headers.extend(appended(inbound, name, last));
        }
        headers
    }

    /// The headers of an answer on their way back: without those of one connection and those that speak of the whole host,
    /// and without cookies where the caller's do not go along either; places below the target become places below the
    /// prefix. `requested` is the URL that was asked, `base_url` where the gateway is mounted, for example
    /// `https://orrery.example`.
    #[must_use]
    pub fn response_headers(&self, requested: &str, base_url: &str, headers: Headers) -> Headers {
        let named = named_by_connection(&headers);
        let comes_back = |name: &HeaderName| {
            let name = name.as_str();
            !HOP_BY_HOP.contains(&name)
                && !OF_ITS_HOST.contains(&name)
                && !named.iter().any(|other| other == name)
                && (self.pass_credentials || !COOKIES.contains(&name))
        };
        headers
            .into_iter()
            .filter(|(name, _)| comes_back(name))
            .filter_map(|(name, value)| {
                let changed = match name.as_str() {
                    "www-authenticate" => without_connections(&value),
                    place if PLACES.contains(&place) => self.moved(&value, requested, base_url),
                    _ => None,
                };
                let value = changed.unwrap_or(value);
                (name != header::WWW_AUTHENTICATE || !value.is_empty()).then_some((name, value))
            })
            .collect()
    }
}

/// Keeps an answer out of caches that are shared, for requests whose token such caches do not know for one: `Authorization`
/// tells them, [`TOKEN`] does not. What else the answer says to caches stays.
pub fn keep_private(headers: &mut Headers) {
    // These are for one kind of shared cache (RFC 9213), and come before Cache-Control there.
    headers.retain(|(name, _)| !name.as_str().ends_with("-cache-control") && name != "surrogate-control");
    let lists = headers.iter().filter(|(name, _)| *name == header::CACHE_CONTROL);
    let mut directives: Vec<String> = lists
        .filter_map(|(_, value)| value.to_str().ok())
        .flat_map(elements)
        .map(ToOwned::to_owned)
        .collect();
    let name_of = |directive: &String| {
        let name = directive.split('=').next().unwrap_or_default();
        name.trim().to_ascii_lowercase()
    };
    if directives.iter().any(|directive| name_of(directive) == "no-store") {
        return;
    }
    directives.retain(|directive| !matches!(name_of(directive).as_str(), "private" | "public" | "s-maxage"));
    directives.insert(0, "private".to_owned());
    let value = HeaderValue::from_str(&directives.join(", "));
    headers.retain(|(name, _)| *name != header::CACHE_CONTROL);
    headers.push((
        header::CACHE_CONTROL,
        value.unwrap_or_else(|_| HeaderValue::from_static("private")),
    ));
}

/// Also in the spelling that servers behind CGI and the like take for the same.
fn is_ours(name: &str) -> bool {
    OURS.contains(&name) || name.contains('_') && OURS.contains(&name.replace('_', "-").as_str())
}

/// A list of challenges, or credentials, without the schemes that authenticate a connection; none if it has none of them.
fn without_connections(value: &HeaderValue) -> Option<HeaderValue> {
    let text = String::from_utf8_lossy(value.as_bytes());
    let (mut kept, mut dropped, mut dropping) = (Vec::new(), false, false);
    for element in elements(&text) {
        let end = element.find([' ', '\t', '=']).unwrap_or(element.len());
        let (name, rest) = element.split_at_checked(end).unwrap_or((element, ""));
        // Anything else than a parameter of the scheme before begins the next one.
        if !rest.trim_start().starts_with('=') {
            dropping = OF_CONNECTIONS.iter().any(|scheme| name.eq_ignore_ascii_case(scheme));
        }
        match dropping {
            true => dropped = true,
            false => kept.push(element),
        }
    }
    let rest = HeaderValue::from_bytes(kept.join(", ").as_bytes());
    dropped.then(|| rest.unwrap_or_else(|_| HeaderValue::from_static("")))
}

/// The elements of a list; commas within quotes belong to theirs.
fn elements(list: &str) -> impl Iterator<Item = &str> {
    let (mut quoted, mut escaped) = (false, false);
    let splits = move |character: char| {
        let literal = escaped;
        escaped = quoted && !literal && character == '\\';
        quoted ^= character == '"' && !literal;
        character == ',' && !quoted
    };
    list.split(splits).map(str::trim).filter(|element| !element.is_empty())
}

fn named_by_connection(headers: &[(HeaderName, HeaderValue)]) -> Vec<String> {
    headers
        .iter()
        .filter(|(name, _)| *name == header::CONNECTION)
        .filter_map(|(_, value)| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .map(|name| name.trim().to_ascii_lowercase())
        .filter(|name| !name.is_empty())
        .collect()
}

/// The list that a header already has, with one more entry.
fn appended(
    inbound: &[(HeaderName, HeaderValue)],
    name: &'static str,
    last: Option<&str>,
) -> Option<(HeaderName, HeaderValue)> {
    let before = inbound.iter().filter(|(known, _)| known == name);
    let list: Vec<&str> = before
        .filter_map(|(_, value)| value.to_str().ok())
        .chain(last)
        .collect();
    let value = HeaderValue::from_str(&list.join(", ")).ok()?;
    (!list.is_empty()).then(|| (HeaderName::from_static(name), value))
}
