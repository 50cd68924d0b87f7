//! `make bench`: the load scenarios, each with the real binary, its script workers and SQLite with `synchronous=FULL`, all on
//! one core, and the load on another. Prints one table; exit code 1 if a row is void.
#![expect(clippy::disallowed_methods, reason = "a bench measures real time and waits for it")]

mod client;
mod database;
mod engine;
mod load;
mod machine;
mod s1;
mod s2;
mod s2b;
mod s4;
mod s5;
mod s6;
mod s7;
mod s8;
mod table;
mod upstream;

use std::{path::PathBuf, process::ExitCode, time::Duration};

use anyhow::{Context, Result};
use clap::Parser;

use engine::Template;
use table::Table;

/// What is on which core.
pub const ENGINE_CORE: usize = 0;
/// The upstream server and whatever watches; the same as the engine's on a machine with one core.
pub const LOAD_CORE: usize = 1;

/// The load scenarios; see benches/RESULTS.md.
#[derive(Parser)]
struct Options {
    /// Short runs, for work on the engine; the figures say little
    #[arg(long)]
    quick: bool,
    /// Measure S2 with a million calls, too
    #[arg(long)]
    million: bool,
    /// Only these, as in `--only s1,s6`
    #[arg(long, value_delimiter = ',')]
    only: Vec<String>,
    /// Runs a second with which the search of S1 begins, and from which S2b takes its half where S1 is left out
    #[arg(long, default_value_t = 4_000)]
    rate: u32,
    /// One step of S1 at --rate for so many seconds, without a search: to look at with a profiler
    #[arg(long, value_name = "SECONDS")]
    hold: Option<u64>,
    /// Where databases are made; must be on a disk
    #[arg(long, default_value = concat!(env!("CARGO_TARGET_TMPDIR"), "/bench"))]
    dir: PathBuf,
    /// The engine
    #[arg(long, default_value = env!("CARGO_BIN_EXE_orrery"))]
    engine: PathBuf,
    /// Given by cargo
    #[arg(long, hide = true)]
    bench: bool,
    /// The part of S6 that runs on the engine's core
    #[arg(long, hide = true)]
    s6_on_this_core: bool,
}

/// How long things take.
#[derive(Clone, Copy)]
pub struct Spans {
    /// From the first due time to the measurement.
    pub warm_up: Duration,
    /// One step of a search.
    pub step: Duration,
    /// The measurement whose figures are shown.
    pub whole: Duration,
}

fn main() -> ExitCode {
    match run(&Options::parse()) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("bench: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(options: &Options) -> Result<ExitCode> {
    if options.s6_on_this_core {
        s6::on_this_core(&options.engine, options.quick)?;
        return Ok(ExitCode::SUCCESS);
    }
    // Before any thread is started, so that all of them stay there.
    machine::pin_this_process()?;
    std::fs::create_dir_all(&options.dir).with_context(|| format!("{} cannot be made", options.dir.display()))?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let mut table = Table::new(machine::describe(&options.dir)?);
    runtime.block_on(scenarios(options, &mut table))?;
    println!("\n{table}");
    Ok(if table.has_void() {
        ExitCode::FAILURE
    } else {
        ExitCode::SUCCESS
    })
}

async fn scenarios(options: &Options, table: &mut Table) -> Result<()> {
    let wanted = |id: &str| options.only.is_empty() || options.only.iter().any(|only| only.eq_ignore_ascii_case(id));
    let spans = Spans::of(options.quick);
    let template = Template::make(&options.engine, &options.dir).await?;
    if let Some(seconds) = options.hold {
        let spans = Spans {
            whole: Duration::from_secs(seconds),
            ..spans
        };
        let step = load::step(&template, "hold", options.rate, spans.warm_up, spans.whole).await?;
        table.push(step.row("S1"));
        return Ok(());
    }
    let mut rate = options.rate;
    if wanted("s1") {
        let best = s1::search(&template, options.rate, spans).await?;
        rate = (best.calls).min(options.rate);
        table.extend(s1::rows(&best));
    }
    if wanted("s2b") {
        table.extend(s2b::measure(&template, rate / 2, spans).await?);
    }
    if wanted("s2") {
        let calls = if options.quick { 20_000 } else { 100_000 };
        table.extend(s2::measure(&template, calls).await?);
    }
    if options.million {
        table.extend(s2::measure(&template, 1_000_000).await?);
    }
    if wanted("s4") {
        table.extend(s4::measure(&template, if options.quick { 4_000 } else { 20_000 }).await?);
    }
    if wanted("s5") {
        table.extend(s5::measure(&template, spans.whole).await?);
    }
    if wanted("s6") {
        table.extend(s6::measure(&options.engine, options.quick)?);
    }
    if wanted("s7") {
        table.extend(s7::measure(&template, if options.quick { 100_000 } else { 1_000_000 }).await?);
    }
    if wanted("s8") {
        table.extend(s8::measure(&template, if options.quick { 20_000 } else { 100_000 }).await?);
    }
    Ok(())
}

impl Spans {
    fn of(quick: bool) -> Self {
        let seconds = |short, long| Duration::from_secs(if quick { short } else { long });
        Self {
            warm_up: seconds(3, 6),
            step: seconds(4, 10),
            whole: seconds(5, 20),
        }
    }
}
