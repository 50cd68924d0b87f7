//! S8: how long the pages of the console take with many calls in the store, none of them due.

use std::time::Instant;

use anyhow::{Result, ensure};

use crate::{
    client::{self, Client},
    database::{self, Seed},
    engine::Template,
    machine,
    table::{Bar, Row},
};

/// Looks at each page, after a first one.
const LOOKS: usize = 50;
/// The bar, milliseconds.
const PAGE_MS_MAX: f64 = 50.0;
const PAGES: [(&str, &str); 8] = [
    ("/console", "overview"),
    ("/console/call-apis", "call APIs"),
    ("/console/call-apis/new", "new call API"),
    ("/console/transactions", "transactions"),
    ("/console/actors", "actors"),
    ("/console/audit", "audit"),
    ("/console/queue", "queue"),
    ("/console/clients", "clients"),
];

/// Looks at pages of an engine on a database with so many active calls.
pub async fn measure(template: &Template, calls: u32) -> Result<Vec<Row>> {
    let home = template.home("s8")?;
    let url = home.database_url();
    let seed = Seed::idle(calls)?;
    eprintln!("bench: s8: writing {calls} calls");
    database::seed(&url, &seed, |call| format!("http://127.0.0.1:9/c/{call}")).await?;
    // One person does not look as often as this does.
    home.set("[gateway]\nrate_per_second = 100000\nrate_burst = 100000\n")?;
    let running = home.start()?;
    let token = client::admin(running.address).await?;
    let mut client = Client::connect(running.address).await?;
    let thousands = calls / 1_000;
    let mut rows = Vec::new();
    for (path, name) in PAGES {
        let mut times = Vec::with_capacity(LOOKS);
        for look in 0..=LOOKS {
            let begun = Instant::now();
            let (status, page) = client.exchange(&client::page(path, &token)).await?;
            let ms = begun.elapsed().as_secs_f64() * 1_000.0;
            ensure!(status == 200 && page.ends_with(b"</html>"), "{path} answers {status}");
            if look > 0 {
                times.push(ms);
            }
        }
        times.sort_by(f64::total_cmp);
        let p95 = machine::quantile(&times, 0.95);
        eprintln!(
            "bench: s8: {path}: p50 {:.1} ms, p95 {p95:.1} ms",
            machine::quantile(&times, 0.5)
        );
        rows.push(Row::new(
            "S8",
            format!("{thousands}k calls: page {name}, p95"),
            p95,
            "ms",
            Bar::AtMost(PAGE_MS_MAX),
        ));
    }
    running.stop()?;
    Ok(rows)
}
