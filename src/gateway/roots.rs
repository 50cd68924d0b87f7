//! Under which paths our own resources are mounted: `/api/v1`, `/OData`, and the integration API, whose clients know it under several.

use super::problem::Form;

/// One such path. In the data of its scope, so that every layer knows where a request came in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Root {
    /// From the place on where the gateway is mounted.
    pub(super) path: &'static str,
    /// How errors are written for its clients.
    pub(super) form: Form,
}

/// Most resources.
pub(super) const V1: Root = Root {
    path: "/api/v1",
    form: Form::Problem,
};

/// Integrations and what belongs to them.
pub(super) const ODATA: Root = Root {
    path: "/OData",
    form: Form::OData,
};

/// Connections and what belongs to them; all six are the same.
pub(super) const INTEGRATION: [Root; 6] = [
    integration("/integration"),
    integration("/integration-connections"),
    integration("/api/v2/integration"),
    integration("/api/v2/integration-connections"),
    integration("/api/v3/integration"),
    integration("/api/v3/integration-connections"),
];

const fn integration(path: &'static str) -> Root {
    Root {
        path,
        form: Form::Listed,
    }
}

impl Root {
    /// The root that this path (without the place where the gateway is mounted) lies below; [`V1`] where it is none.
    pub(super) fn of(path: &str) -> Self {
        let below = |root: &Self| {
            path.strip_prefix(root.path)
                .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        };
        INTEGRATION.into_iter().chain([ODATA]).find(below).unwrap_or(V1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::{Settings, Upstream};

    #[test]
    fn paths_lie_below_their_own_root() {
        for (path, root) in [
            ("/integration", "/integration"),
            ("/integration/", "/integration"),
            ("/integration-connections/1/enable", "/integration-connections"),
            ("/api/v3/integration/1", "/api/v3/integration"),
            ("/OData", "/OData"),
            ("/OData/Integrations(5)", "/OData"),
            ("/ODatax", "/api/v1"),
            ("/api/v1/me", "/api/v1"),
            ("/api/v2/integrations", "/api/v1"),
        ] {
            assert_eq!(Root::of(path).path, root, "{path}");
        }
    }

    #[test]
    fn no_upstream_hides_one() {
        let mut settings = Settings::base().unwrap();
        for root in INTEGRATION.iter().chain([&V1, &ODATA]) {
            for prefix in [root.path.to_owned(), format!("{}/x", root.path)] {
                settings.upstreams = vec![Upstream::new(&prefix, "https://shop.example")];
                let refused = settings.validate().unwrap_err().to_string();
                assert!(refused.contains("of Orrery itself"), "{prefix}: {refused}");
            }
        }
    }
}
