//! Typed settings: base.toml in the binary, then files, then the environment, then `validate`. Nothing else reads them.

use std::path::{Path, PathBuf};

use config::{Config, Environment, File, FileFormat};
use serde::Deserialize;

mod limits;
mod net;
mod upstream;

pub use net::Net;
pub use upstream::Upstream;

/// Every key with its meaning and default.
pub const BASE: &str = include_str!("../settings/base.toml");

/// Prefix of environment variables, as in `ORRERY__SERVER__PORT`.
const PREFIX: &str = "ORRERY";

/// See settings/base.toml for the meaning, unit and limits of each key.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// Where the gateway listens.
    pub server: Server,
    /// Where everything is kept.
    pub database: Database,
    /// Files of the engine.
    pub data: Data,
    /// The first user.
    pub admin: Admin,
    /// The key that seals secrets.
    pub secrets: Secrets,
    /// Outbound requests.
    pub egress: Egress,
    /// Actors.
    pub engine: Engine,
    /// Script workers.
    pub script: Script,
    /// Background requests.
    pub background: Background,
    /// Notifications.
    pub webhooks: Webhooks,
    /// Automations.
    pub automations: Automations,
    /// Integrations.
    pub integrations: Integrations,
    /// History.
    pub runs: Runs,
    /// Transactions.
    pub transactions: Transactions,
    /// Audit rows.
    pub audit: Audit,
    /// Retention timer.
    pub purge: Purge,
    /// Limits of the HTTP API.
    pub gateway: Gateway,
    /// Log lines.
    pub log: Log,
    /// Other APIs behind the gateway.
    #[serde(default)]
    pub upstreams: Vec<Upstream>,
}

macro_rules! section {
    ($(#[$doc:meta])* $name:ident { $($(#[$field_doc:meta])* $field:ident: $type:ty,)* }) => {
        $(#[$doc])*
        #[derive(Clone, Debug, Deserialize)]
        #[serde(deny_unknown_fields)]
        pub struct $name { $($(#[$field_doc])* #[doc = concat!("`", stringify!($field), "` of settings/base.toml.")] pub $field: $type,)* }
    };
}

section!(
    /// `[server]`
    Server {
        host: String,
        port: u16,
        public_url: String,
        trusted_proxies: Vec<Net>,
        workers: usize,
        body_bytes_max: usize,
        request_timeout_ms: u64,
    }
);
section!(
    /// `[database]`
    Database { url: String, pool_max: u32, busy_timeout_ms: u64, statement_seconds: u64, }
);
section!(
    /// `[data]`
    Data { dir: PathBuf, }
);
section!(
    /// `[egress]`
    Egress {
        allow: Vec<String>,
        deny: Vec<String>,
        ca_files: Vec<PathBuf>,
        connect_timeout_ms: u64,
        connections_per_host_max: usize,
        redirects_max: u32,
        response_bytes_max: usize,
    }
);
section!(
    /// `[engine]`
    Engine {
        arbiters: usize,
        runs_at_once_max: usize,
        restart_budget: u32,
        misfire_all_max: usize,
        drain_ms: u64,
        sweep_seconds: u64,
    }
);
section!(
    /// `[script]`
    Script {
        workers: usize,
        wall_ms: u64,
        heap_mib: u32,
        input_bytes_max: usize,
        output_bytes_max: usize,
        log_bytes_max: usize,
        queue_jobs_max: usize,
    }
);
section!(
    /// `[background]`
    Background {
        workers: usize,
        per_tenant_max: usize,
        per_upstream_max: usize,
        queue_max: usize,
        queue_per_tenant_max: usize,
        body_bytes_max: usize,
        response_bytes_max: usize,
        attempts_max: u32,
        retention_hours: u64,
        gone_hours: u64,
    }
);
section!(
    /// `[webhooks]`
    Webhooks {
        workers: usize,
        per_receiver_max: usize,
        timeout_ms: u64,
        rotation_overlap_hours: u64,
        retention_hours: u64,
    }
);
section!(
    /// `[automations]`
    Automations {
        runs_at_once_max: usize,
        overlap_seconds: u64,
        wait_seconds_max: u64,
        errors_kept_max: usize,
    }
);
section!(
    /// `[integrations]`
    Integrations { items_at_once_max: usize, retention_days: u64, consent_link_seconds: u64, }
);
section!(
    /// `[runs]`
    Runs { retention_hours: u64, sample_bytes_max: usize, sample_interval_seconds: u64, }
);
section!(
    /// `[transactions]`
    Transactions { retention_days: u64, }
);
section!(
    /// `[audit]`
    Audit { retention_days: u64, }
);
section!(
    /// `[purge]`
    Purge { interval_minutes: u64, batch_rows: u64, }
);
section!(
    /// `[gateway]`
    Gateway {
        rate_per_second: u32,
        rate_burst: u32,
        token_hours: u64,
        sign_in_attempts_max: u32,
        sign_in_lock_seconds: u64,
        docs: bool,
        console: bool,
    }
);
section!(
    /// `[log]`
    Log { level: String, format: LogFormat, }
);

/// `[admin]`
#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Admin {
    /// Password of the first user; empty: a random one.
    pub password: String,
}

/// `[secrets]`
#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Secrets {
    /// Base64 of 32 bytes; empty: the key file.
    pub key: String,
    /// Path; empty: `<data.dir>/secret.key`.
    pub key_file: PathBuf,
}

impl std::fmt::Debug for Admin {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Admin { password: … }")
    }
}

impl std::fmt::Debug for Secrets {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Secrets")
            .field("key_file", &self.key_file)
            .finish_non_exhaustive()
    }
}

/// How log lines look.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// For people.
    Text,
    /// For machines: one JSON object a line.
    Json,
}

/// A setting that cannot be used, with the key and what to do.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct Error(String);

impl Settings {
    /// Reads base.toml, the files in their order, then the process environment.
    pub fn load(files: &[PathBuf]) -> Result<Self, Error> {
        Self::load_with(files, std::env::vars().collect())
    }

    /// As [`Settings::load`], with variables given: tests need no process-wide state.
    pub fn load_with(files: &[PathBuf], variables: Vec<(String, String)>) -> Result<Self, Error> {
        let mut builder = Config::builder().add_source(File::from_str(BASE, FileFormat::Toml));
        for file in files {
            builder = builder.add_source(file_source(file)?);
        }
        let environment = Environment::with_prefix(PREFIX)
            .prefix_separator("__")
            .separator("__")
            .try_parsing(true)
            .list_separator(",")
            .with_list_parse_key("server.trusted_proxies")
            .with_list_parse_key("egress.allow")
            .with_list_parse_key("egress.deny")
            .with_list_parse_key("egress.ca_files")
            .ignore_empty(true)
            .source(Some(variables.into_iter().collect()));
        // Values that are text by nature must not turn into numbers: `ORRERY__ADMIN__PASSWORD=12345`.
        let settings: Self = builder
            .add_source(environment)
            .build()
            .and_then(Config::try_deserialize)
            .map_err(|error| {
                Error(format!(
                    "The settings cannot be read: {error}. See settings/base.toml for the keys."
                ))
            })?;
        settings.validate()?;
        Ok(settings)
    }

    /// The defaults, as the starting point of a library user's or a test's own settings.
    pub fn base() -> Result<Self, Error> {
        Self::load_with(&[], Vec::new())
    }

    /// Checks limits; the error names the key.
    pub fn validate(&self) -> Result<(), Error> {
        limits::check(self)?;
        upstream::check(&self.upstreams)?;
        let url = &self.database.url;
        if !(url.starts_with("sqlite:") || url.starts_with("postgres://") || url.starts_with("postgresql://")) {
            return Err(Error(
                "The setting database.url must start with sqlite: or postgres://, for example \
                 sqlite://data/orrery.db?mode=rwc or postgres://user:password@host/db."
                    .to_owned(),
            ));
        }
        Ok(())
    }

    /// Where the key file is.
    pub fn key_file(&self) -> PathBuf {
        if self.secrets.key_file.as_os_str().is_empty() {
            self.data.dir.join("secret.key")
        } else {
            self.secrets.key_file.clone()
        }
    }
}

fn file_source(path: &Path) -> Result<File<config::FileSourceString, FileFormat>, Error> {
    let text = std::fs::read_to_string(path)
        .map_err(|error| Error(format!("The settings file {} cannot be read: {error}.", path.display())))?;
    Ok(File::from_str(&text, FileFormat::Toml))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(variables: &[(&str, &str)]) -> Result<Settings, Error> {
        Settings::load_with(
            &[],
            variables
                .iter()
                .map(|(k, v)| ((*k).to_owned(), (*v).to_owned()))
                .collect(),
        )
    }

    #[test]
    fn the_base_is_complete_and_valid() {
        let settings = Settings::base().unwrap();
        assert_eq!(settings.server.port, 8080);
        assert_eq!(settings.key_file(), PathBuf::from("data/secret.key"));
    }

    #[test]
    fn the_environment_wins_and_lists_have_commas() {
        let settings = with(&[
            ("ORRERY__SERVER__PORT", "0"),
            ("ORRERY__EGRESS__ALLOW", "127.0.0.1:9000,10.0.0.0/8"),
            ("ORRERY__ADMIN__PASSWORD", "12345"),
        ])
        .unwrap();
        assert_eq!(settings.server.port, 0);
        assert_eq!(settings.egress.allow, ["127.0.0.1:9000", "10.0.0.0/8"]);
        assert_eq!(settings.admin.password, "12345");
    }

    #[test]
    fn one_entry_is_a_list_too() {
        assert_eq!(
            with(&[("ORRERY__EGRESS__ALLOW", "shop.example")]).unwrap().egress.allow,
            ["shop.example"]
        );
    }

    #[test]
    fn bad_settings_name_the_key() {
        for (key, value, expected) in [
            (
                "ORRERY__SCRIPT__WALL_MS",
                "1",
                "script.wall_ms is 1; it must be between 10 and 60000",
            ),
            ("ORRERY__DATABASE__URL", "mysql://x", "database.url must start with"),
            ("ORRERY__SERVER__PROT", "1", "prot"),
            ("ORRERY__SERVER__PORT", "many", "port"),
            (
                "ORRERY__SERVER__TRUSTED_PROXIES",
                "10.0.0.0/8,proxy",
                "\"proxy\" is no address",
            ),
        ] {
            let text = with(&[(key, value)]).unwrap_err().to_string();
            assert!(text.contains(expected), "{text}");
        }
    }

    #[test]
    fn secrets_do_not_show() {
        let settings = with(&[
            ("ORRERY__ADMIN__PASSWORD", "hunter2"),
            ("ORRERY__SECRETS__KEY", "sesame"),
        ])
        .unwrap();
        let shown = format!("{settings:?}");
        assert!(!shown.contains("hunter2") && !shown.contains("sesame"));
    }
}
