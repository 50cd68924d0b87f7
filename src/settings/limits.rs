//! Between which numbers each setting must be.

use super::{Error, Settings};

/// A key, its value, the least and the most that it may be.
type Limit = (&'static str, u64, u64, u64);

/// Refuses the first setting that is outside its limits, by its key.
pub(super) fn check(settings: &Settings) -> Result<(), Error> {
    let limits = of_engine(settings)
        .into_iter()
        .chain(of_background(settings))
        .chain(of_automations(settings))
        .chain(of_integrations(settings))
        .chain(of_gateway(settings));
    for (key, value, min, max) in limits {
        if !(min..=max).contains(&value) {
            return Err(Error(format!(
                "The setting {key} is {value}; it must be between {min} and {max}."
            )));
        }
    }
    Ok(())
}

fn of_engine(settings: &Settings) -> Vec<Limit> {
    let (engine, script) = (&settings.engine, &settings.script);
    vec![
        ("database.pool_max", settings.database.pool_max.into(), 1, 100),
        (
            "database.statement_seconds",
            settings.database.statement_seconds,
            0,
            86_400,
        ),
        ("engine.arbiters", engine.arbiters as u64, 0, 256),
        ("engine.runs_at_once_max", engine.runs_at_once_max as u64, 1, 100_000),
        ("engine.misfire_all_max", engine.misfire_all_max as u64, 1, 10_000),
        ("engine.sweep_seconds", engine.sweep_seconds, 1, 86_400),
        ("script.workers", script.workers as u64, 0, 256),
        ("script.wall_ms", script.wall_ms, 10, 60_000),
        ("script.heap_mib", script.heap_mib.into(), 16, 1_024),
        ("purge.batch_rows", settings.purge.batch_rows, 1, 100_000),
        ("runs.retention_hours", settings.runs.retention_hours, 1, 876_000),
    ]
}

fn of_background(settings: &Settings) -> Vec<Limit> {
    let (background, webhooks) = (&settings.background, &settings.webhooks);
    let queue_per_tenant_max = background.queue_per_tenant_max as u64;
    vec![
        ("background.workers", background.workers as u64, 1, 4_096),
        ("background.per_tenant_max", background.per_tenant_max as u64, 1, 4_096),
        (
            "background.per_upstream_max",
            background.per_upstream_max as u64,
            1,
            4_096,
        ),
        ("background.queue_max", background.queue_max as u64, 1, 1_000_000),
        ("background.queue_per_tenant_max", queue_per_tenant_max, 1, 1_000_000),
        (
            "background.body_bytes_max",
            background.body_bytes_max as u64,
            1,
            1 << 30,
        ),
        (
            "background.response_bytes_max",
            background.response_bytes_max as u64,
            1,
            1 << 30,
        ),
        ("background.attempts_max", background.attempts_max.into(), 1, 100),
        ("background.retention_hours", background.retention_hours, 1, 8_760),
        ("background.gone_hours", background.gone_hours, 1, 8_760),
        ("webhooks.workers", webhooks.workers as u64, 1, 1_024),
        ("webhooks.per_receiver_max", webhooks.per_receiver_max as u64, 1, 1_024),
        ("webhooks.timeout_ms", webhooks.timeout_ms, 100, 300_000),
        (
            "webhooks.rotation_overlap_hours",
            webhooks.rotation_overlap_hours,
            0,
            8_760,
        ),
        ("webhooks.retention_hours", webhooks.retention_hours, 1, 8_760),
    ]
}

fn of_automations(settings: &Settings) -> Vec<Limit> {
    let automations = &settings.automations;
    vec![
        (
            "automations.runs_at_once_max",
            automations.runs_at_once_max as u64,
            1,
            4_096,
        ),
        ("automations.overlap_seconds", automations.overlap_seconds, 0, 86_400),
        ("automations.wait_seconds_max", automations.wait_seconds_max, 1, 86_400),
        (
            "automations.errors_kept_max",
            automations.errors_kept_max as u64,
            1,
            10_000,
        ),
    ]
}

fn of_integrations(settings: &Settings) -> Vec<Limit> {
    let integrations = &settings.integrations;
    vec![
        (
            "integrations.items_at_once_max",
            integrations.items_at_once_max as u64,
            1,
            4_096,
        ),
        ("integrations.retention_days", integrations.retention_days, 1, 3_650),
        (
            "integrations.consent_link_seconds",
            integrations.consent_link_seconds,
            60,
            86_400,
        ),
    ]
}

fn of_gateway(settings: &Settings) -> Vec<Limit> {
    let (server, gateway) = (&settings.server, &settings.gateway);
    vec![
        ("server.workers", server.workers as u64, 1, 64),
        ("server.body_bytes_max", server.body_bytes_max as u64, 1_024, 1 << 30),
        ("server.request_timeout_ms", server.request_timeout_ms, 100, 3_600_000),
        ("gateway.rate_per_second", gateway.rate_per_second.into(), 1, 1_000_000),
        ("gateway.rate_burst", gateway.rate_burst.into(), 1, 1_000_000),
        ("gateway.token_hours", gateway.token_hours, 1, 8_760),
        (
            "gateway.sign_in_attempts_max",
            gateway.sign_in_attempts_max.into(),
            1,
            1_000,
        ),
    ]
}
