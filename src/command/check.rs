//! `check`: would the engine start here? One line for each thing that it needs; nothing is made or started for good.

use std::{
    path::{Path, PathBuf},
    process::ExitCode,
    sync::Arc,
};

use orrery::{
    clock::Clock,
    http::EgressPolicy,
    script::{Context, Job, Kind, PoolSettings, ScriptPool, Value},
    settings::{Settings, Upstream},
    store::Store,
};
use url::Url;

use super::{Failure, Outcome, SettingsFiles, block_on};

/// `orrery check`
pub fn run(files: &SettingsFiles) -> Outcome {
    block_on(async {
        let settings = files.load();
        let mut all_right = report(
            "settings",
            settings.as_ref().map(|_| sources(files)).map_err(ToString::to_string),
        );
        let Ok(settings) = settings else {
            return Ok(ExitCode::FAILURE);
        };
        all_right &= report("database", database(&settings).await);
        all_right &= report("scripts", scripts(&settings).await);
        all_right &= report("egress", egress(&settings));
        for upstream in &settings.upstreams {
            all_right &= report("upstream", reach(&settings, upstream));
        }
        Ok(if all_right {
            ExitCode::SUCCESS
        } else {
            ExitCode::FAILURE
        })
    })
}

fn report(what: &str, found: Result<String, String>) -> bool {
    match &found {
        Ok(words) => println!("{what:<9} ok: {words}"),
        Err(words) => println!("{what:<9} WRONG: {words}"),
    }
    found.is_ok()
}

fn sources(files: &SettingsFiles) -> String {
    let named: Vec<String> = files.files.iter().map(|file| file.display().to_string()).collect();
    match named.as_slice() {
        [] => "defaults and environment".to_owned(),
        some => format!("defaults, {} and environment", some.join(", ")),
    }
}

async fn database(settings: &Settings) -> Result<String, String> {
    let failed = |failure: Failure| failure.to_string();
    if let Some(file) = missing_sqlite_file(&settings.database.url) {
        let folder = can_be_written(&file)?;
        return Ok(format!(
            "SQLite; {} will be made ({folder} can be written)",
            file.display()
        ));
    }
    let store = Store::open(&settings.database, Clock::system())
        .await
        .map_err(|error| failed(error.into()))?;
    let pending = store.pending_migrations().await.map_err(|error| failed(error.into()))?;
    let name = store.backend_name();
    store.close().await.map_err(|error| failed(error.into()))?;
    Ok(match pending {
        0 => format!("{name}, up to date"),
        some => format!("{name}; {some} migrations will be run at the start"),
    })
}

/// The file of a SQLite database that is not there yet.
fn missing_sqlite_file(url: &str) -> Option<PathBuf> {
    let path = url.strip_prefix("sqlite:")?;
    let path = path.strip_prefix("//").unwrap_or(path);
    let file = PathBuf::from(path.split('?').next().unwrap_or(path));
    (!file.as_os_str().is_empty() && path != ":memory:" && !file.exists()).then_some(file)
}

/// The nearest folder that exists, if a file can be made in it.
fn can_be_written(file: &Path) -> Result<String, String> {
    let parents = file.ancestors().skip(1);
    let here = |folder: &Path| {
        if folder.as_os_str().is_empty() {
            PathBuf::from(".")
        } else {
            folder.to_owned()
        }
    };
    let folder = parents
        .map(here)
        .find(|folder| folder.exists())
        .unwrap_or_else(|| PathBuf::from("/"));
    let probe = folder.join(format!(".orrery-check-{}", std::process::id()));
    let made = std::fs::File::create_new(&probe);
    let removed = made.and_then(|_| std::fs::remove_file(&probe));
    match removed {
        Ok(()) => Ok(folder.display().to_string()),
        Err(error) => Err(format!(
            "no file can be made in {}: {error}. Change its owner, or choose another place with database.url.",
            folder.display()
        )),
    }
}

/// Starts one worker and runs a script in it.
async fn scripts(settings: &Settings) -> Result<String, String> {
    let pool = ScriptPool::start(PoolSettings {
        workers: 1,
        heap_mib: settings.script.heap_mib,
        ..PoolSettings::default()
    })
    .map_err(|error| error.to_string())?;
    let answer = pool
        .run(Job {
            kind: Kind::Url,
            name: Arc::from("check"),
            source: Arc::from("return `${6 * 7}`;"),
            context: Context::default(),
            wall_ms: None,
        })
        .await;
    let confinement = pool.confinement().await;
    pool.shutdown().await;
    match answer {
        Ok(output) if output.value == Value::Text("42".to_owned()) => {}
        Ok(_) => return Err("V8 answered, but wrongly".to_owned()),
        Err(error) => return Err(format!("a script worker did not run a script: {error}")),
    }
    match confinement.missing().as_slice() {
        [] => Ok("V8 runs; all walls of the sandbox stand".to_owned()),
        some => Err(format!(
            "V8 runs, but this kernel or container gives no {}; scripts would run with fewer walls around them",
            some.join(", ")
        )),
    }
}

fn egress(settings: &Settings) -> Result<String, String> {
    EgressPolicy::new(&settings.egress.allow, &settings.egress.deny).map_err(|error| error.to_string())?;
    for file in &settings.egress.ca_files {
        std::fs::read(file)
            .map_err(|error| format!("the file {} in egress.ca_files cannot be read: {error}", file.display()))?;
    }
    let list = |names: &[String]| names.join(", ");
    Ok(
        match (settings.egress.allow.as_slice(), settings.egress.deny.as_slice()) {
            ([], []) => "public addresses only".to_owned(),
            (allow, []) => format!("public addresses and {}", list(allow)),
            ([], deny) => format!("public addresses without {}", list(deny)),
            (allow, deny) => format!("public addresses and {}, without {}", list(allow), list(deny)),
        },
    )
}

/// Whether requests may go to an upstream. Resolves its name, but asks it nothing.
fn reach(settings: &Settings, upstream: &Upstream) -> Result<String, String> {
    let named = format!("{} leads to {}", upstream.prefix, upstream.target);
    let refused = |error: orrery::http::Error| format!("{named}, but {error}");
    let policy = EgressPolicy::new(&settings.egress.allow, &settings.egress.deny).map_err(refused)?;
    let target = Url::parse(&upstream.target).map_err(|error| format!("{named}, but {error}"))?;
    policy.check_url(&target).map_err(refused)?;
    let Ok(addresses) = target.socket_addrs(|| None) else {
        return Ok(format!("{named}; its name is not known here now"));
    };
    for address in addresses {
        policy.check_address(address, target.domain()).map_err(refused)?;
    }
    Ok(match &upstream.client {
        Some(client) => format!("{named} with the client {client:?} of each tenant"),
        None if upstream.pass_credentials => format!("{named} with the credentials of the caller"),
        None => format!("{named} without credentials"),
    })
}
