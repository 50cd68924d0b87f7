//! `[[upstreams]]`: other APIs behind the gateway, and what their settings must look like.

use serde::Deserialize;
use url::Url;

use super::Error;

/// Paths of the gateway's own; no upstream may hide one of them or lie below it.
const OWN: [&str; 14] = [
    "/OData",
    "/api/v1",
    "/api/v2/integration",
    "/api/v2/integration-connections",
    "/api/v3/integration",
    "/api/v3/integration-connections",
    "/api/authentication",
    "/console",
    "/docs",
    "/health",
    "/integration",
    "/integration-connections",
    "/metrics",
    "/openapi.json",
];

/// One entry of `[[upstreams]]`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Upstream {
    /// The path under which it is reached here, such as `/shop`.
    pub prefix: String,
    /// What stands for the prefix: an absolute http or https URL.
    pub target: String,
    /// Id or name of a client of the caller's tenant, whose credentials and budget are used.
    #[serde(default)]
    pub client: Option<String>,
    /// Passes the caller's `Authorization` and cookies on, and cookies back; our token is then expected in `X-Orrery-Token`.
    #[serde(default)]
    pub pass_credentials: bool,
    /// Deadline of a request that is passed on at once, over both bodies, milliseconds.
    #[serde(default = "timeout_ms")]
    pub timeout_ms: u64,
    /// Deadline of a request in the background, milliseconds.
    #[serde(default = "background_timeout_ms")]
    pub background_timeout_ms: u64,
    /// Whether it honours `Idempotency-Key`, so that a request that was cut off may be sent again.
    #[serde(default)]
    pub idempotent: bool,
    /// Whether an answer 202 with a location is followed to its end, in the background.
    #[serde(default)]
    pub follow_accepted: bool,
    /// Requests at the same time; one tenant has at most half of them.
    #[serde(default)]
    pub at_once_max: Option<usize>,
    /// Largest body of a request that is passed on at once, bytes.
    #[serde(default = "body_bytes_max")]
    pub body_bytes_max: u64,
}

impl Upstream {
    /// With the defaults for everything else.
    #[must_use]
    pub fn new(prefix: &str, target: &str) -> Self {
        Self {
            prefix: prefix.to_owned(),
            target: target.to_owned(),
            client: None,
            pass_credentials: false,
            timeout_ms: timeout_ms(),
            background_timeout_ms: background_timeout_ms(),
            idempotent: false,
            follow_accepted: false,
            at_once_max: None,
            body_bytes_max: body_bytes_max(),
        }
    }
}

fn timeout_ms() -> u64 {
    60_000
}

fn background_timeout_ms() -> u64 {
    900_000
}

fn body_bytes_max() -> u64 {
    64 << 20
}

/// Refuses the first upstream that cannot be, by its prefix.
pub(super) fn check(upstreams: &[Upstream]) -> Result<(), Error> {
    for (index, upstream) in upstreams.iter().enumerate() {
        let prefix = &upstream.prefix;
        let wrong = |what: String| Err(Error(format!("The upstream with the prefix {prefix:?} {what}.")));
        check_prefix(prefix).or_else(wrong)?;
        check_target(&upstream.target).or_else(wrong)?;
        check_limits(upstream).or_else(wrong)?;
        if upstream.client.as_ref().is_some_and(|client| client.trim().is_empty()) {
            return wrong("has an empty client; leave it out, or give the id or name of one".to_owned());
        }
        let mut others = upstreams.iter().take(index).map(|other| other.prefix.as_str());
        if let Some(other) = others.find(|other| overlap(other, prefix)) {
            return wrong(format!(
                "lies on the path of the upstream {other:?}; each needs a path of its own"
            ));
        }
    }
    Ok(())
}

fn check_prefix(prefix: &str) -> Result<(), String> {
    let sane = |segment: &str| {
        let allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b'~');
        !segment.is_empty() && segment != "." && segment != ".." && segment.bytes().all(allowed)
    };
    let fits = prefix.strip_prefix('/').is_some_and(|rest| rest.split('/').all(sane));
    if !fits {
        return Err(
            "must have a prefix such as /shop: it starts with /, does not end with /, and has only letters, digits and -._~ \
             in its parts"
                .to_owned(),
        );
    }
    match OWN.iter().find(|own| overlap(own, prefix)) {
        Some(own) => Err(format!(
            "lies on the path {own} of Orrery itself; choose another prefix"
        )),
        None => Ok(()),
    }
}

/// Whether one of two paths is the other or lies below it.
fn overlap(one: &str, other: &str) -> bool {
    let below = |path: &str, above: &str| {
        path.strip_prefix(above)
            .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    };
    below(one, other) || below(other, one)
}

fn check_target(target: &str) -> Result<(), String> {
    let usable = |url: &Url| {
        matches!(url.scheme(), "http" | "https")
            && url.has_host()
            && url.username().is_empty()
            && url.password().is_none()
            && url.query().is_none()
            && url.fragment().is_none()
    };
    // The text itself is not repeated: it may hold a password.
    match Url::parse(target) {
        Ok(url) if usable(&url) => Ok(()),
        _ => Err(
            "must have a target such as https://shop.example/api: an absolute http or https URL without user, query and \
             fragment"
                .to_owned(),
        ),
    }
}

fn check_limits(upstream: &Upstream) -> Result<(), String> {
    let limits = [
        ("timeout_ms", upstream.timeout_ms, 3_600_000),
        ("background_timeout_ms", upstream.background_timeout_ms, 86_400_000),
        (
            "at_once_max",
            upstream.at_once_max.map_or(1, |most| most as u64),
            100_000,
        ),
        ("body_bytes_max", upstream.body_bytes_max, 1 << 40),
    ];
    match limits.into_iter().find(|(_, value, max)| !(1..=*max).contains(value)) {
        Some((key, value, max)) => Err(format!("has {key} {value}; it must be between 1 and {max}")),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn upstream(prefix: &str, target: &str) -> Upstream {
        let text = serde_json::json!({ "prefix": prefix, "target": target });
        serde_json::from_value(text).unwrap()
    }

    #[test]
    fn only_paths_of_their_own_are_prefixes() {
        for (prefix, right) in [
            ("/shop", true),
            ("/erp/v2", true),
            ("/api/v2/shop", true),
            ("/integrations", true),
            ("/api/v10", true),
            ("/healthy", true),
            ("", false),
            ("/", false),
            ("shop", false),
            ("/shop/", false),
            ("/a//b", false),
            ("/a/../b", false),
            ("/a b", false),
            ("/{id}", false),
            ("/%73hop", false),
            ("/api", false),
            ("/api/v2", false),
            ("/api/v3/integration/x", false),
            ("/integration", false),
            ("/api/v1", false),
            ("/api/v1/shop", false),
            ("/health", false),
            ("/docs/x", false),
            ("/console", false),
            ("/OData/x", false),
            ("/odata", true),
        ] {
            let found = check(&[upstream(prefix, "https://shop.example")]);
            assert_eq!(found.is_ok(), right, "{prefix}: {found:?}");
        }
    }

    #[test]
    fn no_upstream_lies_on_the_path_of_another() {
        let target = "https://shop.example";
        for (one, other, right) in [
            ("/shop", "/shops", true),
            ("/shop", "/shop", false),
            ("/shop", "/shop/a", false),
            ("/shop/a", "/shop", false),
            ("/shop/a", "/shop/b", true),
        ] {
            let found = check(&[upstream(one, target), upstream(other, target)]);
            assert_eq!(found.is_ok(), right, "{one} {other}");
        }
    }

    #[test]
    fn targets_are_plain_urls() {
        for (target, right) in [
            ("https://shop.example", true),
            ("http://10.0.0.1:8080/api/", true),
            ("shop.example", false),
            ("/api", false),
            ("ftp://shop.example", false),
            ("https://user@shop.example", false),
            ("https://user:hush@shop.example", false),
            ("https://shop.example/?a=1", false),
            ("https://shop.example/#a", false),
        ] {
            let found = check(&[upstream("/shop", target)]).map_err(|error| error.to_string());
            assert_eq!(found.is_ok(), right, "{target}");
            assert!(!format!("{found:?}").contains("hush"));
        }
    }

    #[test]
    fn limits_and_clients_are_checked() {
        let mut one = upstream("/shop", "https://shop.example");
        check(&[one.clone()]).unwrap();
        one.timeout_ms = 0;
        assert!(check(&[one.clone()]).unwrap_err().to_string().contains("timeout_ms 0"));
        one.timeout_ms = 1;
        one.at_once_max = Some(0);
        assert!(check(&[one.clone()]).is_err());
        one.at_once_max = None;
        one.client = Some(" ".to_owned());
        assert!(check(&[one]).unwrap_err().to_string().contains("empty client"));
    }
}
