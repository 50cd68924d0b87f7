//! The command line.

fn main() -> std::process::ExitCode {
    if let Some(code) = orrery::script::run_worker_if_asked() {
        return code;
    }
    std::process::ExitCode::SUCCESS
}
