//! The real binary as a child process: its lines as they come, its end, signals. Nothing it starts outlives the test.

use std::{
    io::{BufRead, BufReader, Read, Write},
    process::{Command, ExitStatus, Stdio},
    sync::{
        Arc, Mutex,
        mpsc::{Receiver, RecvTimeoutError, channel},
    },
    thread,
    time::{Duration, Instant},
};

use super::PATIENCE;

/// A running `orrery`.
pub struct Orrery {
    pid: u32,
    lines: Receiver<String>,
    stderr: Arc<Mutex<String>>,
    end: Receiver<ExitStatus>,
    ended: bool,
}

/// See [`Orrery::aim`].
pub struct Aimed {
    go: Option<std::process::ChildStdin>,
    shell: std::process::Child,
}

impl Aimed {
    /// Kills.
    pub fn fire(mut self) {
        self.go.take().unwrap().write_all(b"go\n").unwrap();
        assert!(self.shell.wait().unwrap().success());
    }
}

/// What a command left behind.
pub struct Finished {
    pub code: Option<i32>,
    pub stdout: String,
    pub stderr: String,
}

/// An end of patience in real time.
pub struct Deadline(Instant);

fn command(args: &[&str], variables: &[(&str, &str)]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_orrery"));
    command.args(args);
    for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("ORRERY__")) {
        command.env_remove(name);
    }
    command.envs(variables.iter().copied());
    command.env("RUST_BACKTRACE", "1");
    command
}

/// Runs a command to its end, which has to come in time.
pub fn orrery(args: &[&str], variables: &[(&str, &str)], input: &str) -> Finished {
    let mut child = command(args, variables)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // A command that does not read its input closes the pipe; that is no failure.
    let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
    let pid = child.id();
    let (sender, end) = channel();
    thread::spawn(move || sender.send(child.wait_with_output().unwrap()));
    let Ok(output) = end.recv_timeout(PATIENCE) else {
        kill("KILL", pid);
        panic!("orrery {args:?} does not end; {:?}", end.recv_timeout(PATIENCE));
    };
    Finished {
        code: output.status.code(),
        stdout: String::from_utf8(output.stdout).unwrap(),
        stderr: String::from_utf8(output.stderr).unwrap(),
    }
}

fn kill(signal: &str, pid: u32) -> bool {
    let sent = Command::new("sh")
        .args(["-c", &format!("kill -{signal} {pid}")])
        .status();
    sent.is_ok_and(|status| status.success())
}

impl Orrery {
    /// Starts it and returns at once.
    pub fn start(args: &[&str], variables: &[(&str, &str)]) -> Self {
        let mut child = command(args, variables)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let (line_sender, lines) = channel();
        let stdout = BufReader::new(child.stdout.take().unwrap());
        thread::spawn(move || {
            for line in stdout.lines().map_while(Result::ok) {
                if line_sender.send(line).is_err() {
                    // Read on: a process whose output nobody takes would stand still.
                }
            }
        });
        let stderr = Arc::new(Mutex::new(String::new()));
        let mut errors = BufReader::new(child.stderr.take().unwrap());
        let shared = stderr.clone();
        thread::spawn(move || {
            let mut line = String::new();
            while errors.by_ref().read_line(&mut line).is_ok_and(|bytes| bytes > 0) {
                shared.lock().unwrap().push_str(&std::mem::take(&mut line));
            }
        });
        let pid = child.id();
        let (end_sender, end) = channel();
        thread::spawn(move || end_sender.send(child.wait().unwrap()));
        Self {
            pid,
            lines,
            stderr,
            end,
            ended: false,
        }
    }

    /// The next line of standard output that contains a text.
    pub fn stdout_line_with(&self, part: &str) -> String {
        let deadline = Deadline::after(PATIENCE);
        loop {
            match self.lines.recv_timeout(deadline.left()) {
                Ok(line) if line.contains(part) => return line,
                Ok(_) => {}
                Err(RecvTimeoutError::Timeout) => panic!("no line with {part:?} in time; {}", self.stderr()),
                Err(RecvTimeoutError::Disconnected) => panic!("ended without a line with {part:?}; {}", self.stderr()),
            }
        }
    }

    /// What came on standard error so far.
    pub fn stderr(&self) -> String {
        self.stderr.lock().unwrap().clone()
    }

    /// Sends a signal, as `TERM`.
    pub fn signal(&self, name: &str) {
        assert!(kill(name, self.pid));
    }

    /// Its children's process ids.
    pub fn children(&self) -> Vec<u32> {
        let tasks = std::fs::read_dir(format!("/proc/{}/task", self.pid)).unwrap();
        let lists = tasks.filter_map(|task| std::fs::read_to_string(task.ok()?.path().join("children")).ok());
        let ids = lists.flat_map(|list| list.split_whitespace().map(str::to_owned).collect::<Vec<_>>());
        ids.map(|id| id.parse().unwrap()).collect()
    }

    /// Bytes of memory that it has in use.
    pub fn resident_bytes(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.pid)).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
        line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() * 1_024
    }

    /// Kills it, as a loss of power would, and waits until it is gone.
    pub fn kill(mut self) {
        self.signal("KILL");
        self.exit_code();
    }

    /// A kill -9 that waits to be let off, so that it comes at once and not after the start of a shell.
    pub fn aim(&self) -> Aimed {
        let mut shell = Command::new("sh")
            .args(["-c", &format!("read -r go; kill -KILL {}", self.pid)])
            .stdin(Stdio::piped())
            .spawn()
            .unwrap();
        Aimed {
            go: shell.stdin.take(),
            shell,
        }
    }

    /// Waits until it is gone, after [`Aimed::fire`].
    pub fn gone(mut self) {
        self.exit_code();
    }

    /// Asks it to end and waits until it has.
    pub fn terminate(&mut self) -> Option<i32> {
        self.signal("TERM");
        self.exit_code()
    }

    /// Waits for its end.
    pub fn exit_code(&mut self) -> Option<i32> {
        match self.end.recv_timeout(PATIENCE) {
            Ok(status) => {
                self.ended = true;
                status.code()
            }
            Err(_) => panic!("it does not end; {}", self.stderr()),
        }
    }
}

impl Drop for Orrery {
    fn drop(&mut self) {
        if !self.ended && self.end.try_recv().is_err() {
            kill("KILL", self.pid);
            let _ = self.end.recv_timeout(PATIENCE);
        }
    }
}

impl Deadline {
    #[expect(clippy::disallowed_methods, reason = "a real limit on a real process")]
    pub fn after(patience: Duration) -> Self {
        Self(Instant::now() + patience)
    }

    #[expect(clippy::disallowed_methods, reason = "a real limit on a real process")]
    pub fn left(&self) -> Duration {
        self.0.saturating_duration_since(Instant::now())
    }

    pub fn is_over(&self) -> bool {
        self.left().is_zero()
    }

    /// Between two looks at a process that tells nothing by itself.
    pub fn pause(&self) {
        let (_keep, nothing) = channel::<()>();
        let _ = nothing.recv_timeout(self.left().min(Duration::from_millis(200)));
    }
}

/// Is there a curl? Without one, tests that need it are skipped, which CI refuses.
pub fn curl_is_here() -> bool {
    let here = Command::new("curl")
        .arg("--version")
        .stdout(Stdio::null())
        .status()
        .is_ok();
    assert!(here || std::env::var_os("CI").is_none(), "CI needs curl");
    if !here {
        println!("SKIPPED: there is no curl on this machine");
    }
    here
}
