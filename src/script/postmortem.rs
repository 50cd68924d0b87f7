//! Why a worker died, in words.

use std::os::unix::process::ExitStatusExt;
use std::process::ExitStatus;

use super::answer::memory_error;
use super::error::{ScriptError, ScriptErrorKind};
use super::slot::{KillReason, Pending, Slot};
use super::wire::read_logs;

/// The exit code of a worker whose V8 found no memory at all (`v8_seam.cc`).
const EXIT_OUT_OF_MEMORY: i32 = 77;

/// The error of the run that a worker died of, with what the run had logged.
pub(super) fn of_run(culprit: &Pending, slot: &Slot, status: Option<ExitStatus>, heap_mib: u32) -> ScriptError {
    let script = &culprit.job.name;
    let exit_code = status.and_then(|status| status.code());
    let mut error = match (slot.kill, exit_code) {
        (Some(KillReason::Deadline), _) => {
            let message = format!(
                "The script ran longer than its limit of {} ms and was stopped.",
                culprit.wall_ms
            );
            ScriptError::new(ScriptErrorKind::Deadline, script, message)
        }
        (_, Some(EXIT_OUT_OF_MEMORY)) => memory_error(script, heap_mib, ""),
        _ => {
            let message = format!("The process that ran the script died ({}).", how(status));
            ScriptError::new(ScriptErrorKind::Crashed, script, message)
        }
    };
    error.logs = read_logs(&slot.page.log().0);
    error
}

/// Why a worker did not start.
pub(super) fn of_start(status: Option<ExitStatus>) -> String {
    format!(
        "the script worker does not start ({}); its reason is in the engine's error output",
        how(status)
    )
}

fn how(status: Option<ExitStatus>) -> String {
    match status.map(|status| (status.code(), status.signal())) {
        Some((Some(code), _)) => format!("exit code {code}"),
        Some((_, Some(signal))) => format!("signal {signal}"),
        _ => "for an unknown reason".to_owned(),
    }
}
