//! S2: many calls that have nothing to do yet: how long until all are armed, and what they take.

use std::time::{Duration, Instant};

use anyhow::{Result, ensure};

use crate::{
    database::{self, Seed},
    engine::{Running, Template},
    machine,
    table::{Bar, Row},
};

/// An engine that uses less than this of its core has nothing more to do.
const QUIET_PART: f64 = 0.1;
const LOOK_EVERY: Duration = Duration::from_millis(200);
const QUIET_WITHIN: Duration = Duration::from_secs(120);

/// Starts an engine on a database with so many active calls.
pub async fn measure(template: &Template, calls: u32) -> Result<Vec<Row>> {
    let home = template.home("s2")?;
    let url = home.database_url();
    let seed = Seed::idle(calls)?;
    eprintln!("bench: s2: writing {calls} calls");
    database::seed(&url, &seed, |call| format!("http://127.0.0.1:9/c/{call}")).await?;
    ensure!(
        database::active_calls(&url).await? == u64::from(calls),
        "the calls are not there"
    );
    let begun = Instant::now();
    let running = home.start()?;
    let ready_s = running.ready_after.as_secs_f64();
    let quiet_s = quiet(&running, begun).await?;
    let usage = machine::usage(running.pid())?;
    running.stop()?;
    eprintln!(
        "bench: s2: {calls} calls: ready {ready_s:.2} s, quiet {quiet_s:.2} s, {:.0} MiB",
        usage.pss_mib
    );
    let (mib_max, seconds_max) = match calls {
        0..=100_000 => (250.0, 3.0),
        _ => (2_048.0, 30.0),
    };
    let thousands = calls / 1_000;
    Ok(vec![
        Row::new(
            "S2",
            format!("{thousands}k calls, T = 1 h: start to ready line"),
            ready_s,
            "s",
            Bar::AtMost(seconds_max),
        ),
        Row::new(
            "S2",
            format!("{thousands}k calls: start to an idle core"),
            quiet_s,
            "s",
            Bar::AtMost(seconds_max),
        ),
        Row::new(
            "S2",
            format!("{thousands}k calls: engine's VmRSS"),
            usage.rss_mib,
            "MiB",
            Bar::AtMost(mib_max),
        ),
        Row::new(
            "S2",
            format!("{thousands}k calls: PSS with script workers"),
            usage.pss_mib,
            "MiB",
            Bar::AtMost(mib_max),
        ),
    ])
}

/// When the engine has become idle after its start, seconds: actors that arm themselves after the ready line count, too.
async fn quiet(running: &Running, begun: Instant) -> Result<f64> {
    let mut before = (begun.elapsed(), machine::cpu_ms(running.pid())?);
    loop {
        tokio::time::sleep(LOOK_EVERY).await;
        let now = (begun.elapsed(), machine::cpu_ms(running.pid())?);
        let span_ms = (now.0 - before.0).as_secs_f64() * 1_000.0;
        if (now.1 - before.1) / span_ms < QUIET_PART {
            return Ok(before.0.as_secs_f64());
        }
        ensure!(now.0 < QUIET_WITHIN, "the engine does not become idle");
        before = now;
    }
}
