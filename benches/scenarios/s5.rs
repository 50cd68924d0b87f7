//! S5: how long after its 202 a request begins to be worked on: until its first byte is at the upstream.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use anyhow::{Context, Result, ensure};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};

use crate::{
    client::{self, Client},
    engine::Template,
    machine,
    table::{Bar, Integrity, Row},
};

const PER_SECOND: u32 = 20;
const DONE_WITHIN: Duration = Duration::from_secs(10);

/// When each request arrived, by its number; all arrivals are kept.
type Arrivals = Arc<Mutex<HashMap<u32, Vec<Instant>>>>;

/// Measures for so long.
pub async fn measure(template: &Template, whole: Duration) -> Result<Vec<Row>> {
    let home = template.home("s5")?;
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let upstream = format!(
        "[[upstreams]]\nprefix = \"/bench\"\ntarget = \"http://{}\"\n",
        listener.local_addr()?
    );
    home.set(&upstream)?;
    let arrivals = Arrivals::default();
    let server = tokio::spawn(serve(listener, arrivals.clone()));
    let running = home.start()?;
    let token = client::admin(running.address).await?;
    let mut client = Client::connect(running.address).await?;
    let mut ticks = tokio::time::interval(Duration::from_secs(1) / PER_SECOND);
    let count = PER_SECOND * u32::try_from(whole.as_secs())?;
    let mut accepted = Vec::new();
    for number in 0..count {
        ticks.tick().await;
        let request = client::in_background("GET", &format!("/bench/{number}"), &token);
        let (status, body) = client.exchange(&request).await?;
        accepted.push(Instant::now());
        client::id_of(status, &body)?;
    }
    let begun = Instant::now();
    while lock(&arrivals).len() < accepted.len() {
        ensure!(begun.elapsed() < DONE_WITHIN, "requests did not arrive at the upstream");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    running.stop()?;
    server.abort();
    let arrivals = lock(&arrivals);
    let mut waits_ms = Vec::with_capacity(accepted.len());
    for (number, at) in (0..).zip(&accepted) {
        let first = arrivals
            .get(&number)
            .and_then(|all| all.first())
            .context("an arrival")?;
        waits_ms.push(first.saturating_duration_since(*at).as_secs_f64() * 1_000.0);
    }
    waits_ms.sort_by(f64::total_cmp);
    let arrived: usize = arrivals.values().map(Vec::len).sum();
    let integrity = Integrity {
        lost: 0,
        duplicates: (arrived - accepted.len()) as u64,
    };
    let row = |what, part| Row::new("S5", what, machine::quantile(&waits_ms, part), "ms", Bar::None);
    let p50 = machine::quantile(&waits_ms, 0.5);
    Ok(vec![
        Row::new(
            "S5",
            "20 requests/s: 202 to start of work p50",
            p50,
            "ms",
            Bar::AtMost(5.0),
        )
        .with(integrity),
        row("202 to start of work p99", 0.99),
        row("202 to start of work largest", 1.0),
    ])
}

fn lock(arrivals: &Arrivals) -> std::sync::MutexGuard<'_, HashMap<u32, Vec<Instant>>> {
    arrivals.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Answers everything with 204.
async fn serve(listener: TcpListener, arrivals: Arrivals) {
    while let Ok((stream, _)) = listener.accept().await {
        let arrivals = arrivals.clone();
        tokio::spawn(async move {
            // A connection that the engine closes ends here.
            let _ = answer(stream, &arrivals).await;
        });
    }
}

async fn answer(mut stream: TcpStream, arrivals: &Arrivals) -> Result<()> {
    let mut input = Vec::with_capacity(1_024);
    loop {
        if stream.read_buf(&mut input).await? == 0 {
            return Ok(());
        }
        let at = Instant::now();
        while let Some(end) = input.windows(4).position(|part| part == b"\r\n\r\n") {
            let number = input
                .strip_prefix(b"GET /")
                .and_then(|rest| rest.split(|byte| *byte == b' ').next());
            let number = std::str::from_utf8(number.context("not a request of ours")?)?.parse()?;
            lock(arrivals).entry(number).or_default().push(at);
            stream.write_all(b"HTTP/1.1 204 No Content\r\n\r\n").await?;
            input.drain(..end + 4);
        }
    }
}
