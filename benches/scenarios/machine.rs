//! What the operating system tells: the machine, the disk's flush rate, cores, and what processes use. Linux only.

use std::{
    fs::{self, File},
    io::{Seek, SeekFrom, Write},
    path::Path,
    process::Command,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail, ensure};

use crate::{ENGINE_CORE, LOAD_CORE};

const FLUSH_BYTES: usize = 4_096;
const FLUSHES_MEASURED: Duration = Duration::from_secs(2);
/// Of `/proc/<pid>/stat`; fixed in the kernel's interface to user space.
const TICKS_PER_SECOND: f64 = 100.0;

/// A program that is to run on one core, with everything that it starts.
pub fn pinned(program: &Path, core: usize) -> Command {
    let mut command = Command::new("taskset");
    command.arg("-c").arg(core.to_string()).arg(program);
    command
}

/// Puts this process on the core of the load.
pub fn pin_this_process() -> Result<()> {
    if cores() < 2 {
        eprintln!("bench: one core only: engine and load share it, and the figures are too low");
        return Ok(());
    }
    let pid = std::process::id().to_string();
    let done = Command::new("taskset")
        .args(["-cp", &LOAD_CORE.to_string(), &pid])
        .output()
        .context("taskset (package util-linux) cannot be started")?;
    ensure!(
        done.status.success(),
        "taskset: {}",
        String::from_utf8_lossy(&done.stderr)
    );
    Ok(())
}

/// The machine in three lines.
pub fn describe(dir: &Path) -> Result<String> {
    let cpus = fs::read_to_string("/proc/cpuinfo")?;
    let field = |name: &str| {
        let line = cpus.lines().find(|line| line.starts_with(name));
        line.and_then(|line| line.split(':').nth(1))
            .map_or("unknown", str::trim)
            .to_owned()
    };
    let kernel = fs::read_to_string("/proc/sys/kernel/osrelease")?;
    let (device, kind) = mount_of(dir)?;
    if kind == "tmpfs" || kind == "ramfs" {
        bail!(
            "{} is in memory ({kind}); give a directory on a disk with --dir",
            dir.display()
        );
    }
    let flush = flushes(dir)?;
    let jiffy = jiff::Timestamp::now().strftime("%Y-%m-%d %H:%M UTC").to_string();
    Ok(format!(
        "{jiffy}. CPU {} (family {}, model {}), {} cores, Linux {}; engine, script worker and SQLite on core {ENGINE_CORE}, \
         load on core {LOAD_CORE}.\nDisk {device} ({kind}): {:.0} flushes/s of 4 KiB (write + fdatasync, overwriting), p50 {:.2} ms, \
         p99 {:.2} ms. SQLite WAL, synchronous=FULL.",
        field("model name"),
        field("cpu family"),
        field("model\t"),
        cpus.lines().filter(|line| line.starts_with("processor")).count(),
        kernel.trim(),
        flush.per_second,
        flush.p50_ms,
        flush.p99_ms,
    ))
}

/// A part of sorted values, as in `quantile(&values, 0.99)`; 0 if there are none.
pub fn quantile<T: Copy + Default>(sorted: &[T], part: f64) -> T {
    let last = sorted.len().saturating_sub(1);
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "within the length"
    )]
    let at = (part * last as f64).ceil() as usize;
    sorted.get(at.min(last)).copied().unwrap_or_default()
}

/// What a process and the ones that it started use.
pub struct Usage {
    /// User and system time, milliseconds.
    pub cpu_ms: f64,
    /// Resident memory of the process itself, MiB.
    pub rss_mib: f64,
    /// Its share of memory and that of its children, pages that several use being split among them, MiB.
    pub pss_mib: f64,
}

/// User and system time of a process and its children, milliseconds.
pub fn cpu_ms(pid: u32) -> Result<f64> {
    let mut ticks = 0;
    for pid in family(pid)? {
        // A child may end meanwhile.
        ticks += stat(pid).map_or(0, |stat| stat.ticks);
    }
    Ok(ticks as f64 / TICKS_PER_SECOND * 1_000.0)
}

/// See [`Usage`].
pub fn usage(pid: u32) -> Result<Usage> {
    let kib = |file: &str, name: &str| -> Result<f64> {
        let text = fs::read_to_string(file)?;
        let line = text
            .lines()
            .find(|line| line.starts_with(name))
            .with_context(|| format!("{file} has no {name}"))?;
        Ok(line.split_whitespace().nth(1).unwrap_or("0").parse()?)
    };
    let mut pss = 0.0;
    for pid in family(pid)? {
        pss += kib(&format!("/proc/{pid}/smaps_rollup"), "Pss:").unwrap_or(0.0);
    }
    Ok(Usage {
        cpu_ms: cpu_ms(pid)?,
        rss_mib: kib(&format!("/proc/{pid}/status"), "VmRSS:")? / 1_024.0,
        pss_mib: pss / 1_024.0,
    })
}

fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, std::num::NonZero::get)
}

/// A process and its children.
fn family(parent: u32) -> Result<Vec<u32>> {
    let mut family = vec![parent];
    for entry in fs::read_dir("/proc")? {
        let Some(pid) = entry?.file_name().to_str().and_then(|name| name.parse().ok()) else {
            continue;
        };
        if stat(pid).is_some_and(|stat| stat.parent == parent) {
            family.push(pid);
        }
    }
    Ok(family)
}

struct Stat {
    parent: u32,
    ticks: u64,
}

fn stat(pid: u32) -> Option<Stat> {
    let text = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name before it may hold anything.
    let (_, fields) = text.rsplit_once(')')?;
    let fields: Vec<&str> = fields.split_whitespace().collect();
    let number = |at: usize| fields.get(at).and_then(|field| field.parse::<u64>().ok());
    Some(Stat {
        parent: u32::try_from(number(1)?).ok()?,
        ticks: number(11)? + number(12)?,
    })
}

/// Device and kind of the file system of a directory.
fn mount_of(dir: &Path) -> Result<(String, String)> {
    let dir = dir.canonicalize()?;
    let mounts = fs::read_to_string("/proc/mounts")?;
    let mut best = (0, "unknown", "unknown");
    for line in mounts.lines() {
        let mut fields = line.split(' ');
        if let (Some(device), Some(place), Some(kind)) = (fields.next(), fields.next(), fields.next())
            && dir.starts_with(place)
            && place.len() >= best.0
        {
            best = (place.len(), device, kind);
        }
    }
    Ok((best.1.to_owned(), best.2.to_owned()))
}

struct Flushes {
    per_second: f64,
    p50_ms: f64,
    p99_ms: f64,
}

/// As a write-ahead log does once it has its size: pages written over, each flushed.
fn flushes(dir: &Path) -> Result<Flushes> {
    const PAGES: u64 = 1_024;
    let path = dir.join("flush.tmp");
    let mut file = File::create(&path)?;
    let page = [7_u8; FLUSH_BYTES];
    for _ in 0..PAGES {
        file.write_all(&page)?;
    }
    file.sync_all()?;
    let mut times = Vec::new();
    let begun = Instant::now();
    for number in 0.. {
        if begun.elapsed() > FLUSHES_MEASURED {
            break;
        }
        let flush = Instant::now();
        file.seek(SeekFrom::Start(number % PAGES * FLUSH_BYTES as u64))?;
        file.write_all(&page)?;
        file.sync_data()?;
        times.push(flush.elapsed().as_secs_f64() * 1_000.0);
    }
    let per_second = times.len() as f64 / begun.elapsed().as_secs_f64();
    drop(file);
    fs::remove_file(&path)?;
    times.sort_by(f64::total_cmp);
    Ok(Flushes {
        per_second,
        p50_ms: quantile(&times, 0.5),
        p99_ms: quantile(&times, 0.99),
    })
}
