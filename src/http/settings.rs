//! The limits and the egress exceptions of outbound HTTP.

use std::path::PathBuf;

use crate::settings::Egress;

/// Settings of one engine's outbound HTTP. `Default` is the shipped configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HttpSettings {
    /// Exceptions from the egress policy: `host`, `*.domain`, `host:port`, address or CIDR.
    pub allow: Vec<String>,
    /// Refused whatever `allow` says; same forms.
    pub deny: Vec<String>,
    /// Longest wait for name resolution, connection and TLS handshake together, milliseconds.
    pub connect_timeout_ms: u64,
    /// The total deadline where a request names none, milliseconds.
    pub timeout_ms_default: u64,
    /// Most redirects followed for one request.
    pub redirects_max: u32,
    /// Largest response head, bytes. The parser itself stops at 131,072.
    pub head_bytes_max: usize,
    /// Largest decompressed body where a request names no limit, bytes.
    pub response_bytes_max_default: usize,
    /// A body may be at most this many times larger than what was received.
    pub decompression_ratio_max: u32,
    /// PEM files with further trusted certificate authorities.
    pub ca_files: Vec<PathBuf>,
    /// Most connections in use at once to one host and port, over all threads of the engine.
    pub connections_per_host_max: usize,
    /// How long an unused connection is kept, milliseconds. Below the five seconds after which many servers close, so
    /// that a request rarely meets a connection that is just being closed.
    pub keep_alive_ms: u64,
    /// Most requests of one client that may wait for its budget at once.
    pub budget_waiters_max: usize,
    /// Longest token request, milliseconds. It goes on when the request that asked for it gives up.
    pub token_timeout_ms: u64,
    /// Most name resolutions at once. Each keeps a thread for as long as the system's resolver takes.
    pub lookups_max: usize,
    /// Sent as `User-Agent` where a request names none.
    pub user_agent: String,
}

impl HttpSettings {
    /// The deadline of a request, milliseconds; zero stands for the default.
    pub(super) fn timeout_ms(&self, wanted_ms: u64) -> u64 {
        match wanted_ms {
            0 => self.timeout_ms_default,
            given => given,
        }
    }
}

impl Default for HttpSettings {
    fn default() -> HttpSettings {
        HttpSettings {
            allow: Vec::new(),
            deny: Vec::new(),
            connect_timeout_ms: 10_000,
            timeout_ms_default: 30_000,
            redirects_max: 5,
            head_bytes_max: 65_536,
            response_bytes_max_default: 10 * 1024 * 1024,
            decompression_ratio_max: 200,
            ca_files: Vec::new(),
            connections_per_host_max: 100,
            keep_alive_ms: 4_000,
            budget_waiters_max: 1_000,
            token_timeout_ms: 30_000,
            lookups_max: 32,
            user_agent: concat!("orrery/", env!("CARGO_PKG_VERSION")).to_owned(),
        }
    }
}

impl From<&Egress> for HttpSettings {
    /// The section `[egress]`; what it does not have keeps its default.
    fn from(egress: &Egress) -> HttpSettings {
        HttpSettings {
            allow: egress.allow.clone(),
            deny: egress.deny.clone(),
            ca_files: egress.ca_files.clone(),
            connect_timeout_ms: egress.connect_timeout_ms,
            connections_per_host_max: egress.connections_per_host_max,
            redirects_max: egress.redirects_max,
            response_bytes_max_default: egress.response_bytes_max,
            ..HttpSettings::default()
        }
    }
}
