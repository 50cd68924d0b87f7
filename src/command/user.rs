//! `user`: add one, set a password, list them; for the first minutes and for lost passwords.

use std::process::ExitCode;

use clap::Subcommand;
use orrery::engine::operator::Operator;

use super::{
    Failure, Outcome, SettingsFiles, block_on, database,
    password::{self, NewPassword},
};

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
        UserCommand::Add {
            name,
            display_name,
            groups,
            settings,
        } => with_operator(&settings, async |operator| {
            let password = password::read(&name)?;
            operator.add_user(&name, display_name, &groups, &password.text).await?;
            println!("User {name} was added.");
            show(&password);
            if groups.is_empty() {
                println!("It is in no group yet and has no rights.");
            }
            Ok(())
        }),
        UserCommand::Password { name, settings } => with_operator(&settings, async |operator| {
            let password = password::read(&name)?;
            operator.set_password(&name, &password.text).await?;
            println!("User {name} has a new password; earlier sign-ins are over.");
            show(&password);
            Ok(())
        }),
        UserCommand::List { settings } => with_operator(&settings, async |operator| {
            println!(
                "{:<24} {:<24} {:<8} {:<10} groups",
                "name", "shown as", "company", "state"
            );
            for user in operator.users().await? {
                let state = if user.active { "active" } else { "inactive" };
                let shown = user.display_name.unwrap_or_default();
                let groups = user.groups.join(", ");
                println!(
                    "{:<24} {shown:<24} {:<8} {state:<10} {groups}",
                    user.username, user.company_id
                );
            }
            Ok(())
        }),
    }
}

fn show(password: &NewPassword) {
    if password.made_up {
        println!("Its password is {}", password.text);
    }
}

/// Opens the database, does the work, closes it.
fn with_operator(files: &SettingsFiles, work: impl AsyncFnOnce(&Operator) -> Result<(), Failure>) -> Outcome {
    let settings = files.load()?;
    block_on(async {
        let store = database::open(&settings).await?;
        let (operator, first) = Operator::new(store.clone(), &settings).await?;
        if let Some(first) = first
            && let Some(password) = first.password
        {
            eprintln!(
                "The first user {} was made, with the password {password}",
                first.username
            );
        }
        let done = work(&operator).await;
        store.close().await?;
        done.map(|()| ExitCode::SUCCESS)
    })
}
