//! The pool's own thread: starts workers, serves them, and looks at the runs' ages. It lives as long as any worker, because the kernel
//! ends a worker together with the thread that started it.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinSet;

use super::pool::Shared;
use super::process;
use super::slot::{KillReason, Slot};
use super::state::{State, refuse};

/// How often the age of runs is looked at: the precision of a deadline.
const TICK_MS: u64 = 10;
/// Ticks without any run until the ticker rests; a run then has to wake it.
const IDLE_TICKS: u64 = 200;
/// A run older than this has no others queued behind it.
const STALLED_TICKS: u64 = 5;
/// A worker may take so much longer to start, or to answer after its run, than the longest run takes.
const SILENT_TICKS: u64 = 1_000;

/// Starts the thread.
pub(super) fn start(shared: Arc<Shared>) -> io::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let body = move || runtime.block_on(supervise(shared));
    std::thread::Builder::new()
        .name("script-pool".to_owned())
        .spawn(body)
        .map(drop)
}

async fn supervise(shared: Arc<Shared>) {
    let ticker = tokio::spawn(tick(shared.clone()));
    let mut workers = JoinSet::new();
    loop {
        while shared.lock().is_start_due() {
            start_worker(&shared, &mut workers);
        }
        if shared.lock().closed && workers.is_empty() {
            break;
        }
        tokio::select! {
            () = shared.supervisor.notified() => {}
            Some(_) = workers.join_next(), if !workers.is_empty() => {}
        }
    }
    ticker.abort();
    shared.finished.send_replace(true);
}

fn start_worker(shared: &Arc<Shared>, workers: &mut JoinSet<()>) {
    let started = process::start(&shared.settings);
    let mut state = shared.lock();
    match started {
        Ok(process) => {
            let id = state.next_slot;
            state.next_slot += 1;
            let mut slot = Slot::new(id, &process);
            if state.closed {
                // Closed while it was being started: it would miss the dismissal of the others, and live for ever.
                slot.end(KillReason::Dismissed);
            }
            state.slots.push(slot);
            let _ = state.dispatch();
            drop(state);
            workers.spawn(process::serve(shared.clone(), id, process));
        }
        Err(error) => {
            let reason = format!("the script worker cannot be started: {error}");
            let refused = state.start_failed(reason.clone());
            let broken = state.broken.is_some();
            drop(state);
            if broken {
                shared.confinement.send_replace(Some(Err(reason.clone())));
            }
            refuse(refused, &super::error::Error::Unavailable(reason));
        }
    }
}

/// Counts the ticks of each run. Ticks that come late because the machine is busy only make a deadline later.
async fn tick(shared: Arc<Shared>) {
    let tick = Duration::from_millis(TICK_MS);
    let mut idle_ticks = 0;
    loop {
        let _ = tokio::time::timeout(tick, std::future::pending::<()>()).await;
        if is_to_rest(&shared, &mut idle_ticks) {
            shared.ticker.notified().await;
            idle_ticks = 0;
        }
    }
}

/// One tick; says whether there has been nothing to watch for long.
fn is_to_rest(shared: &Arc<Shared>, idle_ticks: &mut u64) -> bool {
    let mut state = shared.lock();
    let is_busy = |slot: &Slot| !slot.in_flight.is_empty() || !slot.ready || slot.page.current() != 0;
    let busy = !state.queue.is_empty() || state.slots.iter().any(is_busy);
    *idle_ticks = if busy { 0 } else { *idle_ticks + 1 };
    if *idle_ticks > IDLE_TICKS {
        state.ticking = false;
        return true;
    }
    if look(&mut state, shared.settings.wall_ms_max) {
        let _ = state.dispatch();
        drop(state);
        shared.supervisor.notify_one();
    }
    false
}

/// Looks at each worker once; says whether one has just stalled.
fn look(state: &mut State, wall_ms_max: u64) -> bool {
    let mut moved = Vec::new();
    let mut any_stalled = false;
    for slot in &mut state.slots {
        let executing = slot.page.current();
        let ticks = if executing != 0 && executing == slot.watched.0 {
            slot.watched.1 + 1
        } else {
            0
        };
        slot.watched = (executing, ticks);
        if executing != 0 {
            let own = slot.in_flight.iter().find(|pending| pending.number == executing);
            let wall_ms = own.map_or(wall_ms_max, |pending| pending.wall_ms);
            if ticks > wall_ms / TICK_MS {
                slot.end(KillReason::Deadline);
            } else if ticks >= STALLED_TICKS && !slot.stalled {
                slot.stalled = true;
                any_stalled = true;
                let own = slot.remove(executing);
                moved.extend(slot.in_flight.drain(..));
                slot.in_flight.extend(own);
            }
        }
        let waits = !slot.in_flight.is_empty() || !slot.ready;
        slot.silent_ticks = if waits { slot.silent_ticks + 1 } else { 0 };
        if slot.silent_ticks > SILENT_TICKS + wall_ms_max / TICK_MS {
            slot.end(KillReason::Silent);
        }
    }
    moved.sort_unstable_by_key(|pending| pending.number);
    // Being moved away from a slow run is nothing to count.
    let refused = state.put_back(moved.into_iter(), false);
    debug_assert!(refused.is_empty(), "moves that are not counted are never refused");
    any_stalled
}
