//! The command line.

mod command;
mod demo;

use std::process::ExitCode;

fn main() -> ExitCode {
    // A script worker is this same binary; it must become one before anything else has started.
    if let Some(code) = orrery::script::run_worker_if_asked() {
        return code;
    }
    command::memory::bound_arenas();
    command::run()
}
