//! `migrate` and `purge`: work on the database without an engine.

use std::process::ExitCode;

use orrery::{
    clock::Clock,
    settings::Settings,
    store::{Store, purge::PurgeRules},
};

use super::{Failure, Outcome, SettingsFiles, block_on};

/// Opens the database and brings its tables up to date.
pub async fn open(settings: &Settings) -> Result<Store, Failure> {
    let store = Store::open(&settings.database, Clock::system()).await?;
    store.migrate().await?;
    Ok(store)
}

/// `orrery migrate`
pub fn migrate(files: &SettingsFiles) -> Outcome {
    let settings = files.load()?;
    block_on(async {
        let store = Store::open(&settings.database, Clock::system()).await?;
        let pending = store.pending_migrations().await?;
        store.migrate().await?;
        match pending {
            0 => println!("The {} database is up to date.", store.backend_name()),
            1 => println!("1 migration was run on the {} database.", store.backend_name()),
            many => println!("{many} migrations were run on the {} database.", store.backend_name()),
        }
        store.close().await?;
        Ok(ExitCode::SUCCESS)
    })
}

/// `orrery purge`
pub fn purge(files: &SettingsFiles) -> Outcome {
    let settings = files.load()?;
    block_on(async {
        let store = open(&settings).await?;
        let purged = store
            .purge(&PurgeRules::from_settings(&settings), Clock::system().now())
            .await;
        store.close().await?;
        let purged = purged?;
        println!(
            "Removed: {} runs, {} runs of automations, {} samples and logs, the data of {} transactions, {} audit rows, {} kept \
             answers, {} expired tokens, {} notifications.",
            purged.runs,
            purged.automation_runs,
            purged.bodies,
            purged.transactions_erased,
            purged.audit,
            purged.idempotency_keys,
            purged.tokens,
            purged.deliveries
        );
        let background = purged.background;
        println!(
            "Removed of requests in the background: {} answers, {} parts of bodies, {} keys, {} that were erased before.",
            background.erased, background.parts, background.keys, background.removed
        );
        let integrations = purged.integrations;
        println!(
            "Removed of integrations: {} items, the results of {} items, {} logs of runs.",
            integrations.items, integrations.bared, integrations.logs
        );
        Ok(ExitCode::SUCCESS)
    })
}
