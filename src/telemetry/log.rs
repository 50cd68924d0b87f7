//! Where log lines go: standard error, as text or JSON.

use std::io::IsTerminal;

use tracing_subscriber::{EnvFilter, fmt, layer::SubscriberExt, util::SubscriberInitExt};

use crate::settings::{Log, LogFormat};

/// Crates whose own `info` lines say nothing to an operator; a filter in `log.level` may name them and win.
const QUIET: &str = "actix_server=warn,sqlx=warn,sea_orm_migration=warn,actix_http=warn";

/// Why log lines cannot be written as asked.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// `log.level` is not a filter.
    #[error(
        "The setting log.level is \"{level}\", which is no level: {reason}. Use error, warn, info, debug or trace, or a filter such as \
         orrery=debug,info."
    )]
    Level {
        /// As set.
        level: String,
        /// The parser's words.
        reason: String,
    },
    /// Another subscriber is there: the host app's own.
    #[error("Log lines are already taken care of by another subscriber of this process.")]
    Taken,
}

/// Sends log lines to standard error, for the whole process. Only the binary calls this; a host app brings its own subscriber.
pub fn init(settings: &Log) -> Result<(), Error> {
    let filter = filter(&settings.level)?;
    let registry = tracing_subscriber::registry().with(filter);
    let lines = fmt::layer().with_writer(std::io::stderr);
    let done = match settings.format {
        LogFormat::Text => {
            let colours = std::io::stderr().is_terminal();
            registry.with(lines.with_ansi(colours).with_target(false)).try_init()
        }
        LogFormat::Json => registry
            .with(
                lines
                    .json()
                    .flatten_event(true)
                    .with_current_span(true)
                    .with_span_list(false),
            )
            .try_init(),
    };
    done.map_err(|_| Error::Taken)
}

fn filter(level: &str) -> Result<EnvFilter, Error> {
    let refused = |reason: String| Error::Level {
        level: level.to_owned(),
        reason,
    };
    if level.trim().is_empty() {
        return Err(refused("it is empty".to_owned()));
    }
    // A word that is no level would otherwise be taken as the name of a crate, and silence everything.
    let levels = ["off", "error", "warn", "info", "debug", "trace"];
    let bare = level.split(',').map(str::trim).find(|part| {
        let name = part.to_ascii_lowercase();
        !part.contains(['=', ':', '[']) && !levels.contains(&name.as_str())
    });
    if let Some(bare) = bare {
        return Err(refused(format!("\"{bare}\" is unknown")));
    }
    EnvFilter::try_new(format!("{QUIET},{level}")).map_err(|error| refused(error.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn levels_and_filters_are_read() {
        for good in ["info", "WARN", "orrery=debug,info", "orrery::http=trace,warn"] {
            assert!(filter(good).is_ok(), "{good}");
        }
        for bad in ["", "loud", "orrery=loud", "info,verbose"] {
            let text = filter(bad).unwrap_err().to_string();
            assert!(text.contains("log.level") && text.contains("Use error, warn"), "{text}");
        }
    }
}
