//! The pool's settings and the confinement that its workers report.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

/// How many workers, and what one run may use.
#[derive(Debug, Clone)]
pub struct PoolSettings {
    /// Worker processes at most (a spare and workers busy with a long run come on top). At least 1.
    pub workers: usize,
    /// Wall-clock limit of a run that names none, in milliseconds.
    pub wall_ms: u64,
    /// What a run may name at most, in milliseconds.
    pub wall_ms_max: u64,
    /// Heap of one worker, in MiB.
    pub heap_mib: u32,
    /// Source, state and response body of one run together.
    pub input_bytes_max: usize,
    /// What one run may return.
    pub output_bytes_max: usize,
    /// What one run may write to the console.
    pub log_bytes_max: usize,
    /// Runs that may wait for a worker; one more is answered with `QueueFull`.
    pub queue_jobs_max: usize,
    /// How a worker is started.
    pub worker_command: WorkerCommand,
}

impl Default for PoolSettings {
    fn default() -> Self {
        Self {
            workers: std::thread::available_parallelism().map_or(1, usize::from),
            wall_ms: 1_000,
            wall_ms_max: 10_000,
            heap_mib: 128,
            input_bytes_max: 8 << 20,
            output_bytes_max: 8 << 20,
            log_bytes_max: 64 << 10,
            queue_jobs_max: 10_000,
            worker_command: WorkerCommand::default(),
        }
    }
}

/// The program that becomes a worker: its `main` must call [`run_worker_if_asked`](super::run_worker_if_asked) first.
#[derive(Debug, Clone)]
pub struct WorkerCommand {
    /// Absolute path of the program; `None`: the running program, also when its file has been replaced meanwhile.
    pub program: Option<PathBuf>,
    /// Its arguments; the pool appends the limits.
    pub args: Vec<String>,
}

impl Default for WorkerCommand {
    fn default() -> Self {
        Self {
            program: None,
            args: vec![super::WORKER_ARGUMENT.to_owned()],
        }
    }
}

/// Which walls stand around the workers. Start-up and `/health/ready` show what is missing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Confinement {
    /// No program that a worker could start gains rights.
    pub no_new_privs: bool,
    /// DATA, NOFILE, NPROC, FSIZE and CORE are limited.
    pub rlimits: bool,
    /// The Landlock version that denies files and sockets; `None`: the kernel has none.
    pub landlock_abi: Option<u32>,
    /// System calls are limited to what V8 needs.
    pub seccomp: bool,
    /// A worker has no environment variables.
    pub empty_environment: bool,
    /// A worker has no descriptor but its own socket.
    pub closed_descriptors: bool,
}

impl Confinement {
    /// The names of the walls that are missing; empty when all stand.
    pub fn missing(&self) -> Vec<&'static str> {
        let walls = [
            ("no_new_privs", self.no_new_privs),
            ("rlimits", self.rlimits),
            ("landlock", self.landlock_abi.is_some()),
            ("seccomp", self.seccomp),
            ("empty_environment", self.empty_environment),
            ("closed_descriptors", self.closed_descriptors),
        ];
        walls
            .into_iter()
            .filter(|(_, stands)| !stands)
            .map(|(name, _)| name)
            .collect()
    }
}

/// The pool at one moment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PoolStatus {
    /// Worker processes alive, the spare among them.
    pub workers: usize,
    /// Workers with at least one run.
    pub busy: usize,
    /// Runs that wait for a worker.
    pub queued: usize,
    /// Workers that the pool has killed since it began (deadline, silence).
    pub killed: u64,
    /// Workers that were replaced since the pool began, for whatever reason.
    pub restarted: u64,
}
