//! User scripts: the pool of worker processes (parent side) and the worker itself (child side).

/// Runs the worker loop when this process was started as a script worker; `None` otherwise. Call it first in `main`.
pub fn run_worker_if_asked() -> Option<std::process::ExitCode> {
    if std::env::args().nth(1).as_deref() != Some("script-worker") {
        return None;
    }
    let mv8 = mini_v8::MiniV8::new();
    match mv8.eval::<_, f64>("1 + 1") {
        Ok(_) => Some(std::process::ExitCode::SUCCESS),
        Err(_) => Some(std::process::ExitCode::FAILURE),
    }
}
