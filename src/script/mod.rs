//! User scripts: the pool of worker processes (parent side) and the worker itself (child side). V8 never runs in the engine's process.
//!
//! Parent: `pool` (the door), `state` (who runs what), `slot` and `process` (one worker), `supervisor` (starts, deadlines), `answer`,
//! `postmortem`. Child: `worker` (the only code that knows mini-v8), `bootstrap.js` (what scripts see and may return), `digits`,
//! `sandbox`, `seam` with `v8_seam.cc`. Both: `wire`, `page`.

mod answer;
mod digits;
mod error;
mod job;
mod limits;
mod page;
mod pool;
mod postmortem;
mod process;
mod sandbox;
mod seam;
mod slot;
mod state;
mod supervisor;
mod wire;
mod worker;

pub use error::{Error, ScriptError, ScriptErrorKind};
pub use job::{
    Context, ItemInfo, Job, Kind, LastRun, LogLevel, LogLine, Output, RecordAbout, RecordInfo, RequestInfo,
    ResponseInfo, Value,
};
pub use limits::{Confinement, PoolSettings, PoolStatus, WorkerCommand};
pub use pool::ScriptPool;

/// The first argument of a worker process.
const WORKER_ARGUMENT: &str = "script-worker";

/// Runs the worker loop when this process was started as a script worker; `None` otherwise. Call it first in `main`, before any thread
/// is started: `if let Some(code) = orrery::script::run_worker_if_asked() { return code; }`.
pub fn run_worker_if_asked() -> Option<std::process::ExitCode> {
    let mut args = std::env::args_os().skip(1);
    if args.next()? != WORKER_ARGUMENT {
        return None;
    }
    let args: Vec<String> = args.filter_map(|argument| argument.into_string().ok()).collect();
    Some(worker::run(&args))
}
