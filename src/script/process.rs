//! One worker process, from its start to its last answer: reads its answers, sends what is waiting, kills it when told, reaps it.

use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream as StdUnixStream;
use std::path::Path;
use std::process::{ExitStatus, Stdio};
use std::sync::Arc;

use bytes::BytesMut;
use tokio::io::Interest;
use tokio::net::UnixStream;
use tokio::process::{Child, Command};
use tokio::sync::Notify;

use super::limits::PoolSettings;
use super::page::SharedPage;
use super::pool::Shared;
use super::wire;
use super::worker::WorkerLimits;

const READ_BYTES: usize = 64 << 10;
/// What frames hold beyond the input or output they carry.
const FRAME_BYTES_BEYOND: usize = 1 << 20;

/// A started worker.
pub(super) struct Process {
    pub child: Child,
    pub stream: Arc<UnixStream>,
    pub page: Arc<SharedPage>,
    /// Woken when there is something to send or the process is to be killed.
    pub wake: Arc<Notify>,
}

/// Starts a worker; from the pool's own thread, because the kernel ends the worker together with the thread that started it.
pub(super) fn start(settings: &PoolSettings) -> io::Result<Process> {
    let (ours, theirs) = StdUnixStream::pair()?;
    ours.set_nonblocking(true)?;
    let (page, descriptor) = SharedPage::create(settings.log_bytes_max)?;
    // Not current_exe: after an upgrade in place that path is another program, whose frames may differ.
    let program = settings
        .worker_command
        .program
        .as_deref()
        .unwrap_or(Path::new("/proc/self/exe"));
    let limits = WorkerLimits {
        heap_mib: settings.heap_mib,
        output_bytes_max: settings.output_bytes_max,
        log_bytes_max: settings.log_bytes_max,
        frame_bytes_max: settings.input_bytes_max + FRAME_BYTES_BEYOND,
    };
    let child = Command::new(program)
        .args(&settings.worker_command.args)
        .args(limits.to_args())
        .env_clear()
        .current_dir("/")
        .stdin(Stdio::from(OwnedFd::from(theirs)))
        .stdout(Stdio::from(descriptor))
        .kill_on_drop(true)
        .spawn()?;
    let stream = Arc::new(UnixStream::from_std(ours)?);
    Ok(Process {
        child,
        stream,
        page: Arc::new(page),
        wake: Arc::new(Notify::new()),
    })
}

/// Serves slot `id` until the process is gone.
pub(super) async fn serve(shared: Arc<Shared>, id: u64, mut process: Process) {
    let mut buffer = BytesMut::with_capacity(READ_BYTES);
    loop {
        let waiting = shared.lock().has_unsent(id);
        let interest = if waiting {
            Interest::READABLE | Interest::WRITABLE
        } else {
            Interest::READABLE
        };
        let ready = tokio::select! {
            ready = process.stream.ready(interest) => ready,
            () = process.wake.notified() => {
                if shared.lock().is_to_be_killed(id) {
                    let _ = process.child.start_kill();
                }
                continue;
            }
        };
        let Ok(ready) = ready else { break };
        if ready.is_writable() && waiting {
            shared.lock().send(id);
        }
        if ready.is_readable() && !read(&shared, id, &process.stream, &mut buffer) {
            break;
        }
    }
    let status = end(&mut process.child).await;
    shared.worker_ended(id, status);
}

/// Takes what has come; `false` at the end of the stream, or after a frame that no worker of ours sends.
fn read(shared: &Arc<Shared>, id: u64, stream: &UnixStream, buffer: &mut BytesMut) -> bool {
    let frame_bytes_max = shared.settings.output_bytes_max + shared.settings.log_bytes_max + FRAME_BYTES_BEYOND;
    let mut frames = Vec::new();
    let goes_on = loop {
        buffer.reserve(READ_BYTES);
        match stream.try_read_buf(buffer) {
            Ok(0) => break false,
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => break true,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(_) => break false,
        }
        let whole = loop {
            match wire::first_frame(buffer, frame_bytes_max) {
                Ok(Some(length)) => frames.push(buffer.split_to(length).freeze()),
                Ok(None) => break true,
                Err(()) => break false,
            }
        };
        if !whole {
            break false;
        }
    };
    if !frames.is_empty() {
        shared.answered(id, frames);
    }
    goes_on
}

async fn end(child: &mut Child) -> Option<ExitStatus> {
    // A worker that closed its socket is done for, whatever it does now; one that exited keeps its status.
    if let Ok(Ok(status)) = tokio::time::timeout(EXIT_GRACE, child.wait()).await {
        return Some(status);
    }
    let _ = child.start_kill();
    child.wait().await.ok()
}

const EXIT_GRACE: std::time::Duration = std::time::Duration::from_millis(200);
