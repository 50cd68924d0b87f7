//! `demo`: the engine on SQLite in a fresh directory, with a sample shop and an active call, for a first look.

mod books;
mod directory;
mod erp;
mod sample;
mod shop;
mod tally;

use std::{collections::HashMap, io::ErrorKind, net::TcpListener, process::ExitCode, time::Duration};

use orrery::{
    Caller, Event, Settings,
    clock::Clock,
    domain::ids::CallApiId,
    engine::call_apis::CallStatus,
    store::{Page, transactions::TransactionFilter},
};
use tokio::sync::broadcast::{Receiver, error::RecvError};

use crate::command::{
    Failure, Outcome, block_on, password,
    serve::{Server, Signals, bind},
};
use directory::Directory;
use sample::{CALL_NAME, EVERY_SECONDS};
use shop::Shop;
use tally::{Run, Summary, Tally};

/// Shown below the options.
pub const HELP: &str =
    "Everything is made anew in a directory of its own below TMPDIR: a SQLite database, the key that seals
secrets, a client, a user, a call. The sample shop answers on loopback, in the same process. The
port is server.port (8080), or the next free one.

Examples:
  orrery demo              until Ctrl-C; the directory is kept
  orrery demo --runs 5     ends after five runs with a summary; exit code 0 only if it is right";

/// Ports that are tried, from the one of the settings on.
const PORTS_TRIED_MAX: u16 = 100;
/// A demo with an end gives up so long after its last run was due.
const PATIENCE: Duration = Duration::from_secs(60);
/// Between two looks at a call that is being deactivated.
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// A demo that runs.
struct Demo {
    server: Server,
    shop: Shop,
    clock: Clock,
    caller: Caller,
    call: CallApiId,
    events: Receiver<Event>,
    names: HashMap<CallApiId, String>,
    tally: Tally,
}

/// `orrery demo`
pub fn run(runs: Option<u64>) -> Outcome {
    block_on(async {
        let mut signals = Signals::listen()?;
        let clock = Clock::system();
        let directory = Directory::fresh(&clock, runs.is_none())?;
        let mut demo = Demo::start(&clock, &directory).await?;
        let code = match runs {
            None => {
                demo.watch(&mut signals).await;
                println!("Stopping. The data is kept in {}.", directory.path().display());
                ExitCode::SUCCESS
            }
            Some(wanted) => demo.end_after(wanted, &mut signals).await?,
        };
        demo.server.stop().await;
        demo.shop.close().await;
        Ok(code)
    })
}

impl Demo {
    async fn start(clock: &Clock, directory: &Directory) -> Result<Self, Failure> {
        let mut settings = Settings::load(&[])?;
        if settings.log.level == "info" {
            // Each run has a line of its own already.
            settings.log.level = "warn".to_owned();
        }
        orrery::telemetry::log::init(&settings.log)?;
        let shop = Shop::open(clock.clone())?;
        let path = directory.path();
        settings.database.url = format!("sqlite://{}?mode=rwc", path.join("orrery.db").display());
        settings.data.dir = path.to_owned();
        settings.secrets.key = String::new();
        settings.secrets.key_file = path.join("secret.key");
        settings.egress.allow = vec![shop.address.to_string()];
        settings.upstreams = vec![shop.upstream()];
        if settings.admin.password.is_empty() {
            settings.admin.password = password::random()?;
        }
        let password = settings.admin.password.clone();
        let wanted = settings.server.port;
        let listener = bind_near(&settings.server.host, wanted)?;
        let server = Server::start(settings, listener).await?;
        if wanted != 0 && server.address.port() != wanted {
            println!("Port {wanted} is in use; this demo takes {}.", server.address.port());
        }
        let events = server.engine.subscribe();
        let (caller, call) = sample::configure(&server.engine, shop.address).await?;
        welcome(&server, &shop, directory, &password);
        Ok(Self {
            server,
            shop,
            clock: clock.clone(),
            caller,
            call,
            events,
            names: HashMap::new(),
            tally: Tally::default(),
        })
    }

    /// A line for each run, until a signal.
    async fn watch(&mut self, signals: &mut Signals) {
        loop {
            tokio::select! {
                event = self.events.recv() => if !self.show(event).await { return },
                () = signals.next() => return,
            }
        }
    }

    /// A line for each run until there were enough, then the summary.
    async fn end_after(&mut self, wanted: u64, signals: &mut Signals) -> Outcome {
        let patience = PATIENCE
            + Duration::from_secs(u64::from(EVERY_SECONDS)).saturating_mul(u32::try_from(wanted).unwrap_or(u32::MAX));
        let until = self.clock.monotonic() + patience;
        while self.tally.runs < wanted {
            let left = until.saturating_sub(self.clock.monotonic());
            tokio::select! {
                event = self.events.recv() => if !self.show(event).await { break },
                () = self.clock.sleep(left) => break,
                () = signals.next() => {
                    println!("Ended by a signal before its {wanted} runs.");
                    return Ok(ExitCode::FAILURE);
                }
            }
        }
        self.deactivate().await?;
        while let Ok(event) = self.events.try_recv() {
            self.show(Ok(event)).await;
        }
        let summary = Summary {
            tally: &self.tally,
            wanted,
            orders: self.shop.orders_served().iter().map(ToString::to_string).collect(),
            identifiers: self.identifiers().await?,
        };
        println!("{summary}");
        let right = summary.wrong().is_empty();
        Ok(if right { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    }

    /// Prints and counts a run; false when no event will follow.
    async fn show(&mut self, event: Result<Event, RecvError>) -> bool {
        let event = match event {
            Ok(event) => event,
            Err(RecvError::Lagged(_)) => return true,
            Err(RecvError::Closed) => return false,
        };
        if let Some(run) = Run::of(&event) {
            let call = CallApiId::from(event.subject_id);
            let name = self.name(call).await;
            println!("{}  {name}  {run}", event.at.strftime("%H:%M:%S"));
            if call == self.call {
                self.tally.count(&run);
            }
        }
        true
    }

    /// A call's name; those that a visitor made are shown too.
    async fn name(&mut self, call: CallApiId) -> String {
        if let Some(name) = self.names.get(&call) {
            return name.clone();
        }
        let found = self.server.engine.call_apis().get(&self.caller, call).await;
        let name = found.map_or_else(|_| call.to_string(), |call| call.definition.name);
        self.names.insert(call, name.clone());
        name
    }

    /// Stops the call and waits for a run that is going.
    async fn deactivate(&self) -> Result<(), Failure> {
        let calls = self.server.engine.call_apis();
        calls.deactivate(&self.caller, self.call, None).await?;
        let until = self.clock.monotonic() + PATIENCE;
        while calls.get(&self.caller, self.call).await?.status == CallStatus::Running {
            if self.clock.monotonic() > until {
                return Err(Failure::new(format!("The last run of {CALL_NAME} does not end.")));
            }
            self.clock.sleep(LOOK_EVERY).await;
        }
        Ok(())
    }

    /// The identifiers of all transactions that the call created.
    async fn identifiers(&self) -> Result<Vec<String>, Failure> {
        let mut found = Vec::new();
        let mut cursor = None;
        loop {
            let filter = TransactionFilter {
                call_api_id: Some(self.call),
                ..TransactionFilter::default()
            };
            let page = Page::new(Some(200), cursor);
            let page = self
                .server
                .engine
                .transactions()
                .list(&self.caller, filter, page)
                .await?;
            found.extend(page.items.into_iter().map(|transaction| transaction.identifier));
            cursor = page.next_cursor;
            if cursor.is_none() {
                return Ok(found);
            }
        }
    }
}

/// The port of the settings, or the next one that is free.
fn bind_near(host: &str, first: u16) -> Result<TcpListener, Failure> {
    let last = if first == 0 {
        0
    } else {
        first.saturating_add(PORTS_TRIED_MAX)
    };
    for port in first..last {
        match TcpListener::bind((host, port)) {
            Ok(listener) => return Ok(listener),
            Err(error) if error.kind() == ErrorKind::AddrInUse => {}
            // Another error is the same for all ports; `bind` has the words for it.
            Err(_) => break,
        }
    }
    bind(host, last)
}

fn welcome(server: &Server, shop: &Shop, directory: &Directory, password: &str) {
    let (address, orders) = (server.address, shop.address);
    println!("orrery listening on http://{address} (console /console, docs /docs)");
    println!();
    println!("  sign in      admin, password {password}");
    println!(
        "  sample shop  http://{orders}/orders (wants the header {}: {})",
        shop::KEY_HEADER,
        shop::KEY
    );
    println!(
        "  sample ERP   http://{address}{} (goes through the gateway to http://{orders}{})",
        erp::PREFIX,
        erp::PREFIX
    );
    println!("  data         {}", directory.path().display());
    println!();
    println!("For curl, paste this into another terminal (README.md goes on from here):");
    println!();
    println!("  export ORRERY=http://{address}");
    println!("  export SHOP=http://{orders}");
    println!("  export PASSWORD={password}");
    println!();
    println!("Three lines to try:");
    println!();
    println!("  TOKEN=$(curl -s $ORRERY/api/authentication/gettoken -H 'Content-Type: application/json' \\");
    println!(
        r#"    -d "{{\"username\":\"admin\",\"password\":\"$PASSWORD\"}}" | sed 's/.*"accessToken":"\([^"]*\)".*/\1/')"#
    );
    println!(r#"  curl -s $ORRERY/api/v1/call-apis -H "Authorization: Bearer $TOKEN""#);
    println!(r#"  curl -s "$ORRERY/api/v1/transactions?limit=3" -H "Authorization: Bearer $TOKEN""#);
    println!();
    println!("The call \"{CALL_NAME}\" runs every {EVERY_SECONDS} s; one line for each run. Ctrl-C ends the demo.");
    println!();
}
