//! Where we are for a caller: the begin of links in answers to him, and where a request was meant to go. Links in notifications,
//! which others read, are made in `actors/delivery/notify.rs`.

use actix_web::{
    HttpRequest,
    dev::ServiceRequest,
    http::{header, uri::Authority},
    web::Data,
};

use crate::{
    domain::ids::BackgroundId,
    engine::{Engine, upstreams::Upstream},
    gateway::roots::{Root, V1},
};

/// Path of the states.
const STATES: &str = "/api/v1/background";

/// What the layers above have found in the path of a request.
pub(super) struct Mount {
    /// Path under which a host app has mounted the gateway; mostly empty.
    pub(super) path: String,
    /// What follows `/api/v1`, decoded as the router does it; none for an upstream and for the integration API.
    pub(super) own: Option<String>,
    /// The upstream.
    pub(super) upstream: Option<Data<Upstream>>,
}

impl Mount {
    pub(super) fn of(request: &ServiceRequest) -> Self {
        let upstream = request.app_data::<Data<Upstream>>().cloned();
        let (whole, rest) = (request.match_info().as_str(), request.match_info().unprocessed());
        let matched = whole.strip_suffix(rest).unwrap_or_default();
        let root = request.app_data::<Root>().copied().unwrap_or(V1);
        let below = upstream.as_ref().map_or(root.path, |upstream| upstream.prefix.as_str());
        Self {
            path: matched.strip_suffix(below).unwrap_or_default().to_owned(),
            own: (upstream.is_none() && root == V1).then(|| rest.to_owned()),
            upstream,
        }
    }

    /// Path and query of the request, as if we were mounted at the root.
    pub(super) fn target(&self, request: &ServiceRequest) -> String {
        let target = request.uri().path_and_query().map_or("/", |target| target.as_str());
        target.strip_prefix(self.path.as_str()).unwrap_or(target).to_owned()
    }
}

/// The state of an operation.
pub(super) fn state(base_url: &str, id: BackgroundId) -> String {
    format!("{base_url}{STATES}/{id}")
}

/// The content of an operation.
pub(super) fn content(base_url: &str, id: BackgroundId) -> String {
    format!("{base_url}{STATES}/{id}/content")
}

/// `http` or `https`, as the connection is.
pub(in crate::gateway) fn scheme(request: &HttpRequest) -> &'static str {
    if request.app_config().secure() { "https" } else { "http" }
}

/// Where links in an answer to this caller begin: `server.public_url`, else what the caller itself wrote, which is not to be
/// shown to anybody else. What a proxy says about that is not believed, because anybody can say it.
pub(in crate::gateway) fn base_url(engine: &Engine, request: &HttpRequest, mount: &str) -> String {
    let public_url = engine.settings().server.public_url.trim_end_matches('/');
    if !public_url.is_empty() {
        return public_url.to_owned();
    }
    let written = request.uri().authority().cloned().or_else(|| {
        let host = request.headers().get(header::HOST)?;
        host.to_str().ok()?.parse::<Authority>().ok()
    });
    let scheme = scheme(request);
    match written.filter(|authority| !authority.as_str().contains('@')) {
        Some(authority) => format!("{scheme}://{authority}{mount}"),
        None => format!("{scheme}://{}{mount}", request.app_config().local_addr()),
    }
}

/// As [`base_url`], for a request to the states themselves.
pub(super) fn base_url_of_states(engine: &Engine, request: &HttpRequest) -> String {
    let mount = request.path().rsplit_once(STATES).map_or("", |(mount, _)| mount);
    base_url(engine, request, mount)
}
