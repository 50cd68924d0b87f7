//! `check`: would the engine start here? One line for each thing that it needs.

use super::{Failure, Outcome, SettingsFiles};

/// `orrery check`
pub fn run(files: &SettingsFiles) -> Outcome {
    let _settings = files.load()?;
    Err(Failure::new("check is not there yet."))
}
