//! `serve`: the engine and its gateway until a signal, then a drain that cuts nothing.

use std::{
    io::{ErrorKind, Write},
    net::{SocketAddr, TcpListener},
    process::ExitCode,
    time::Duration,
};

use actix_web::dev::ServerHandle;
use orrery::{Engine, Settings, clock::Clock, gateway};
use tokio::signal::unix::{Signal, SignalKind, signal};

use super::{Failure, Outcome, SettingsFiles, block_on};

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

/// How long the end waits for requests that are being answered before it drains the engine; event streams never end.
const REQUESTS_END: Duration = Duration::from_secs(1);
/// Signals so soon after the first are the same wish.
const ECHO: Duration = Duration::from_millis(300);
/// What a process that was told twice to stop ends with.
const EXIT_CODE_SECOND_SIGNAL: i32 = 1;

/// An engine that answers requests.
pub struct Server {
    /// The engine.
    pub engine: Engine,
    /// Where it answers.
    pub address: SocketAddr,
    handle: ServerHandle,
}

/// SIGTERM and SIGINT as one stream.
pub struct Signals {
    terminate: Signal,
    interrupt: Signal,
}

/// `orrery serve`
pub fn run(files: &SettingsFiles) -> Outcome {
    let settings = files.load()?;
    block_on(async {
        let mut signals = Signals::listen()?;
        // The port first: an engine that cannot answer should not have run a single call.
        let listener = bind(&settings.server.host, settings.server.port)?;
        let server = Server::start(settings, listener).await?;
        server.announce();
        let lost = tokio::select! {
            () = signals.next() => None,
            why = server.engine.lease_lost() => Some(why),
        };
        tracing::info!("stopping: no more requests, running work is let finish");
        server.stop().await;
        match lost {
            None => Ok(ExitCode::SUCCESS),
            Some(why) => Err(Failure::new(why)),
        }
    })
}

/// Takes the port, or says why not.
pub fn bind(host: &str, port: u16) -> Result<TcpListener, Failure> {
    TcpListener::bind((host, port)).map_err(|error| {
        Failure::new(match error.kind() {
            ErrorKind::AddrInUse => format!(
                "Port {port} of {host} is in use by another program. Stop that one, or choose another port with server.port (0: any free \
                 one)."
            ),
            ErrorKind::PermissionDenied => format!(
                "Port {port} of {host} needs rights that this program does not have. Choose one above 1023 with server.port."
            ),
            _ => format!("It cannot listen on {host}, port {port}: {error}. Check server.host and server.port."),
        })
    })
}

impl Server {
    /// Starts the engine and lets it answer on a port that is taken already.
    pub async fn start(mut settings: Settings, listener: TcpListener) -> Result<Self, Failure> {
        let address = listener.local_addr()?;
        // Links in answers name the port that was really chosen.
        settings.server.port = address.port();
        let engine = Engine::builder(settings).address(address).start().await?;
        let server = gateway::serve(&engine, listener)?;
        let handle = server.handle();
        actix_rt::spawn(server);
        Ok(Self {
            engine,
            address,
            handle,
        })
    }

    /// The ready line; before it, once in the life of a database, the first user's password.
    pub fn announce(&self) {
        if let Some(first) = self.engine.first_start()
            && let Some(password) = &first.password
        {
            eprintln!("The first user is {}, with the password {password}", first.username);
            eprintln!(
                "It is shown this once; change it with: orrery user password {}",
                first.username
            );
        }
        println!(
            "orrery listening on http://{} (console /console, docs /docs)",
            self.address
        );
        // A reader that waits for the line may be behind a pipe.
        let _ = std::io::stdout().flush();
    }

    /// Stops accepting, lets requests and runs end, closes everything. A further signal ends the process at once.
    pub async fn stop(self) {
        let grace = Duration::from_millis(self.engine.settings().engine.drain_ms);
        let end = async {
            // What is not answered by then is answered while the engine drains.
            let _ = tokio::time::timeout(REQUESTS_END, self.handle.stop(true)).await;
            self.engine.shutdown(grace).await
        };
        tokio::select! {
            whole = end => {
                if whole {
                    tracing::info!("stopped");
                } else {
                    tracing::warn!("stopped; runs that took longer than engine.drain_ms were cut and are settled at the next start");
                }
            }
            () = Signals::another(self.engine.clock()) => {
                tracing::warn!("stopped at once by a second signal");
                std::process::exit(EXIT_CODE_SECOND_SIGNAL);
            }
        }
    }
}

impl Signals {
    /// From now on signals no longer end the process by themselves.
    pub fn listen() -> Result<Self, Failure> {
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
        })
    }

    /// A further one, not the echo of the first: `timeout`, for one, tells the process and then its whole group.
    async fn another(clock: &Clock) {
        clock.sleep(ECHO).await;
        match Self::listen() {
            Ok(mut signals) => signals.next().await,
            // Without signals there is no second one.
            Err(_) => std::future::pending().await,
        }
    }

    /// The next one.
    pub async fn next(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}
