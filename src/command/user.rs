//! `user`: add one, set a password, list them; for the first minutes and for lost passwords.

use clap::Subcommand;

use super::{Failure, Outcome, SettingsFiles, password};

/// Shown below the subcommands.
pub const HELP: &str = "Examples:
  orrery user add eva --display-name 'Eva Berg' --group Operators
  printf '%s\\n' \"$PASSWORD\" | orrery user password eva
  orrery user list";

/// The subcommands of `user`.
#[derive(Subcommand)]
pub enum UserCommand {
    /// Add a user; the password is asked for, or read from standard input, or made up and printed if that is empty
    Add {
        /// The name to sign in with
        name: String,
        /// The name that others see
        #[arg(long, value_name = "TEXT")]
        display_name: Option<String>,
        /// A group to be in, which gives the rights; may be given several times
        #[arg(long = "group", value_name = "GROUP")]
        groups: Vec<String>,
        #[command(flatten)]
        settings: SettingsFiles,
    },
    /// Set a user's password and unlock the user
    Password {
        /// The name to sign in with
        name: String,
        #[command(flatten)]
        settings: SettingsFiles,
    },
    /// List the users of this database
    List {
        #[command(flatten)]
        settings: SettingsFiles,
    },
}

/// `orrery user ..`
pub fn run(command: UserCommand) -> Outcome {
    match command {
        UserCommand::Add { name, settings, .. } | UserCommand::Password { name, settings } => {
            settings.load()?;
            let _ = password::read(&name)?;
        }
        UserCommand::List { settings } => {
            settings.load()?;
        }
    }
    Err(Failure::new("user is not there yet."))
}
