//! The subcommands: what they are called, what they take, and how they end.
//!
//! Results go to standard output, log lines and complaints to standard error. Exit codes: 0 done, 1 something was found wrong
//! (`check`, `demo --runs`), 2 it could not be done; then one sentence says why and what to do.

mod check;
mod database;
mod failure;
pub mod memory;
pub mod password;
pub mod serve;
mod user;

use std::{path::PathBuf, process::ExitCode};

use clap::{Args, Parser, Subcommand};
use orrery::settings::Settings;

pub use failure::Failure;

/// How a command ends.
pub type Outcome = Result<ExitCode, Failure>;

const ABOUT: &str =
    "Orrery calls HTTP APIs on schedules and turns their answers into transactions, each remote item once.";

const EXAMPLES: &str = "Examples:
  orrery demo                          look around: a sample shop, a client and an active call
  orrery check                         would it start here? settings, database, scripts, egress
  orrery serve                         start with the defaults: SQLite in ./data, port 8080
  orrery serve --settings prod.toml    start with settings of your own
  ORRERY__SERVER__PORT=9000 orrery serve
  orrery user add eva --group Operators

Settings: a file given with --settings wins over the defaults, a later file over an earlier one,
an environment variable ORRERY__SECTION__KEY over all files. `orrery settings` prints every key
with its meaning and default.
Exit codes: 0 done, 1 something was found wrong, 2 it could not be done.";

#[derive(Parser)]
#[command(name = "orrery", version, about = ABOUT, after_help = EXAMPLES, arg_required_else_help = true)]
struct CommandLine {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Start the engine and its HTTP API, until SIGTERM or Ctrl-C
    #[command(after_help = serve::HELP)]
    Serve(SettingsFiles),
    /// Look around: the engine in a fresh directory with a sample shop and an active call
    #[command(after_help = crate::demo::HELP)]
    Demo {
        /// End after so many runs, with a summary; the directory is removed
        #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..=100_000))]
        runs: Option<u64>,
    },
    /// Bring the database to the version of this program
    ///
    /// `serve` does this too; use `migrate` to do it apart, before a new version is started. It can be repeated.
    Migrate(SettingsFiles),
    /// Say whether the engine would start here: settings, database, V8 and sandbox, egress policy
    ///
    /// Prints one line each and starts nothing. Exit code 1 if something is wrong.
    Check(SettingsFiles),
    /// Remove history that is older than the settings keep it, once, now
    ///
    /// The engine does this by itself every `purge.interval_minutes`; this command may run beside it.
    Purge(SettingsFiles),
    /// Add a user, set a password, list the users
    #[command(subcommand, after_help = user::HELP)]
    User(user::UserCommand),
    /// Print every setting with its meaning and default, as a file to start from
    Settings,
}

/// Where settings come from.
#[derive(Args, Clone)]
pub struct SettingsFiles {
    /// A settings file; may be given several times, later ones win
    #[arg(long = "settings", value_name = "FILE")]
    files: Vec<PathBuf>,
}

impl SettingsFiles {
    /// Reads them, and sends log lines where they say.
    pub fn load(&self) -> Result<Settings, Failure> {
        let settings = Settings::load(&self.files)?;
        orrery::telemetry::log::init(&settings.log)?;
        Ok(settings)
    }
}

/// Reads the command line and does what it asks.
pub fn run() -> ExitCode {
    let outcome = match CommandLine::parse().command {
        Command::Serve(files) => serve::run(&files),
        Command::Demo { runs } => crate::demo::run(runs),
        Command::Migrate(files) => database::migrate(&files),
        Command::Check(files) => check::run(&files),
        Command::Purge(files) => database::purge(&files),
        Command::User(command) => user::run(command),
        Command::Settings => {
            print!("{}", orrery::settings::BASE);
            Ok(ExitCode::SUCCESS)
        }
    };
    outcome.unwrap_or_else(|failure| {
        eprintln!("orrery: {failure}");
        ExitCode::from(failure::EXIT_CODE)
    })
}

/// Runs a future where actors and HTTP servers can live.
pub fn block_on<F: Future<Output = Outcome>>(future: F) -> Outcome {
    actix_rt::System::new().block_on(future)
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_sound() {
        CommandLine::command().debug_assert();
    }
}
