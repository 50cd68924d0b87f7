//! Upstreams behind the gateway, on real connections: what goes along, what comes back, what is kept apart.

mod bodies;
mod credentials;
mod failures;
mod passing;

use orrery::settings;
use serde_json::{Value, json};

use crate::support::{engine::TestEngine, raw::Raw, upstream::Upstream};

/// An upstream of the settings, with what is to differ from the defaults.
fn entry(prefix: &str, target: &str, more: Value) -> settings::Upstream {
    let mut entry = json!({ "prefix": prefix, "target": target });
    for (key, value) in more.as_object().unwrap() {
        entry[key] = value.clone();
    }
    serde_json::from_value(entry).unwrap()
}

/// An engine with one upstream at `/shop`, whose target has a path of its own.
async fn engine(upstream: &Upstream, more: Value) -> TestEngine {
    engine_with(vec![entry("/shop", &upstream.url("/api"), more)]).await
}

async fn engine_with(upstreams: Vec<settings::Upstream>) -> TestEngine {
    let mut start = TestEngine::prepare();
    start.settings.upstreams = upstreams;
    start.start().await
}

/// The head of a request, with the token of the first user.
async fn ask(engine: &TestEngine, line: &str, more: &[(&str, &str)]) -> Raw {
    let mut headers = engine.api.headers().to_vec();
    headers.extend(
        more.iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned())),
    );
    Raw::ask(engine.api.address, line, &headers).await
}
