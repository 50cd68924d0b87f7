//! Orrery inside another actix-web app: the engine is mounted under a path of the host, a call is created through the library, and
//! its events are read. `cargo run --example embed` shows three runs and ends.

use std::{error::Error, net::TcpListener, process::ExitCode, time::Duration};

use actix_web::{App, HttpResponse, HttpServer, web};
use orrery::{
    Engine, Settings,
    engine::{call_apis::CallApiInput, identity::FIRST_COMPANY_ID, users::UserInput},
    store::{Page, transactions::TransactionFilter},
};
use serde_json::json;

/// Runs that are shown before the end.
const RUNS: usize = 3;
/// Longest wait for the next event.
const PATIENCE: Duration = Duration::from_secs(30);

fn main() -> ExitCode {
    // Scripts run in child processes of this same program; this makes a child one. It has to come first.
    if let Some(code) = orrery::script::run_worker_if_asked() {
        return code;
    }
    match actix_rt::System::new().block_on(host()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

async fn host() -> Result<(), Box<dyn Error>> {
    let listener = TcpListener::bind(("127.0.0.1", 0))?;
    let address = listener.local_addr()?;

    // The engine: settings as the host wants them, here with everything in a directory that goes at the end.
    let directory = tempfile::tempdir()?;
    let mut settings = Settings::base()?;
    settings.data.dir = directory.path().to_owned();
    settings.database.url = format!("sqlite://{}/orrery.db?mode=rwc", directory.path().display());
    settings.egress.allow = vec![address.to_string()];
    let engine = Engine::start(settings).await?;

    // The host app: a route of its own, and the engine under /orrery.
    let mounted = engine.clone();
    let server = HttpServer::new(move || {
        let engine = mounted.clone();
        App::new()
            .route("/prices", web::get().to(prices))
            .service(web::scope("/orrery").configure(move |config| engine.configure(config)))
    })
    .workers(1)
    .disable_signals()
    .listen(listener)?
    .run();
    let handle = server.handle();
    actix_rt::spawn(server);
    println!("host on http://{address}, Orrery below http://{address}/orrery");

    let done = import_prices(&engine, &format!("http://{address}/prices")).await;
    handle.stop(true).await;
    engine.shutdown(Duration::from_secs(5)).await;
    done
}

/// Creates a call through the library, reads its events, and shows what it created.
async fn import_prices(engine: &Engine, url: &str) -> Result<(), Box<dyn Error>> {
    // The caller stands for the host itself, with every right in the first company.
    let caller = engine.caller(FIRST_COMPANY_ID).await?;
    let groups = engine.groups().list(&caller, Page::default()).await?;
    let importer = UserInput {
        username: Some("importer".to_owned()),
        password: Some("only an example".to_owned()),
        display_name: None,
        email: None,
        active: Some(true),
        group_ids: Some(groups.items.iter().map(|group| group.id).collect()),
    };
    let importer = engine.users().create(&caller, importer).await?;
    let mut events = engine.subscribe();
    let call = CallApiInput::from_json(json!({
        "name": "Prices", "runAsUserId": importer.id, "clientId": null, "frequencySeconds": 1, "method": "GET",
        "url": {"kind": "text", "value": url}, "headers": [], "identifier": ["/item"],
        "responseScript": "return response.json;", "active": true,
    }))?;
    let call = engine.call_apis().create(&caller, call).await?;

    // What happens: bounded, so a listener that falls far behind misses some and is told so.
    let mut runs = 0;
    while runs < RUNS {
        let event = tokio::time::timeout(PATIENCE, events.recv()).await??;
        println!("{} {} {}", event.at, event.kind, event.data);
        runs += usize::from(event.kind == "run.finished");
    }
    let filter = TransactionFilter {
        call_api_id: Some(call.id),
        ..TransactionFilter::default()
    };
    let created = engine.transactions().list(&caller, filter, Page::default()).await?;
    for transaction in &created.items {
        let data = transaction.data.as_ref().map_or("erased", |data| data.get());
        println!("transaction {} {data}", transaction.identifier);
    }
    Ok(())
}

async fn prices() -> HttpResponse {
    HttpResponse::Ok().json(json!([{"item": "A-1", "price": 120}, {"item": "A-2", "price": 80}]))
}
