//! `serve`: the engine and its gateway until a signal, then a drain that cuts nothing.

use super::{Failure, Outcome, SettingsFiles};

/// Shown below the options.
pub const HELP: &str = "When it is ready it prints one line on standard output:
  orrery listening on http://127.0.0.1:8080 (console /console, docs /docs)
Log lines go to standard error. At the first start a user `admin` is made; its password comes
from the setting admin.password or is printed once on standard error.

SIGTERM and Ctrl-C: no more requests, running work is let finish (engine.drain_ms), exit code 0
within ten seconds. A second signal ends it at once; nothing that was acknowledged is lost.

Examples:
  orrery serve
  orrery serve --settings base.toml --settings secrets.toml
  ORRERY__DATABASE__URL=postgres://orrery:secret@db/orrery orrery serve";

/// `orrery serve`
pub fn run(files: &SettingsFiles) -> Outcome {
    let _settings = files.load()?;
    Err(Failure::new("serve is not there yet."))
}
