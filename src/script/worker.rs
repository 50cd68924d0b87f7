//! The worker process: one isolate, one thread, one socket. The only code that knows mini-v8. The protocol is in `wire.rs`, the rules
//! for what scripts see and return are in `bootstrap.js`.

use std::fs::File;
use std::io::{self, Read, Write};
use std::num::NonZeroUsize;
use std::os::fd::AsFd;
use std::process::ExitCode;

use lru::LruCache;
use mini_v8::{Array, Function, MiniV8, Script, ScriptOrigin, Value, Values};

use super::digits::quote_large_integers;
use super::page::SharedPage;
use super::wire::{self, JobFrame};
use super::{sandbox, seam};

/// Compiled scripts kept at most, and the source text that they may have together.
const CACHE_SCRIPTS_MAX: NonZeroUsize = NonZeroUsize::new(512).expect("not zero");
const CACHE_SOURCE_BYTES_MAX: usize = 4 << 20;
/// Answers are held back while more jobs are at hand, but not longer or larger than this.
const ANSWERS_HELD_US_MAX: u128 = 300;
const ANSWERS_HELD_BYTES_MAX: usize = 64 << 10;
const READ_BYTES: usize = 64 << 10;
const TRANSACTION_BYTES_MAX: usize = 1 << 20;
/// The exit code after a run that came near the heap limit: its garbage, and what it left to do, end with the process.
pub(super) const EXIT_RETIRED: u8 = 78;

/// What the parent passes on the command line, in this order.
pub(super) struct WorkerLimits {
    pub heap_mib: u32,
    pub output_bytes_max: usize,
    pub log_bytes_max: usize,
    pub frame_bytes_max: usize,
}

impl WorkerLimits {
    pub fn to_args(&self) -> [String; 4] {
        [
            self.heap_mib.to_string(),
            self.output_bytes_max.to_string(),
            self.log_bytes_max.to_string(),
            self.frame_bytes_max.to_string(),
        ]
    }
    fn from_args(args: &[String]) -> Option<Self> {
        let [.., heap, output, log, frame] = args else {
            return None;
        };
        Some(Self {
            heap_mib: heap.parse().ok()?,
            output_bytes_max: output.parse().ok()?,
            log_bytes_max: log.parse().ok()?,
            frame_bytes_max: frame.parse().ok()?,
        })
    }
}

/// Runs until the parent closes the socket.
pub(super) fn run(args: &[String]) -> ExitCode {
    let Some(limits) = WorkerLimits::from_args(args) else {
        eprintln!("script-worker is started by the engine itself, not by hand");
        return ExitCode::from(2);
    };
    match serve(&limits) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("script worker: {error}");
            ExitCode::FAILURE
        }
    }
}

fn serve(limits: &WorkerLimits) -> io::Result<ExitCode> {
    // Descriptors: 0 is the socket, 1 the shared page, 2 the engine's stderr until the walls stand.
    let page = SharedPage::open(io::stdout().as_fd().try_clone_to_owned()?)?;
    let page: &'static SharedPage = Box::leak(Box::new(page));
    let early = sandbox::enter_early();
    let socket = File::from(io::stdin().as_fd().try_clone_to_owned()?);

    let flags = format!(
        "--single-threaded --no-expose-wasm --max-old-space-size={}\0",
        limits.heap_mib
    );
    seam::prepare(std::ffi::CStr::from_bytes_with_nul(flags.as_bytes()).map_err(io::Error::other)?);
    let mv8 = MiniV8::new();
    let mut engine = Engine::new(&mv8, page, limits).map_err(io::Error::other)?;
    let confinement = sandbox::enter_late(early, limits.heap_mib);

    let mut answers = Vec::new();
    wire::put_frame(&mut answers, |out| {
        out.push(wire::OP_HELLO);
        let _ = serde_json::to_writer(out, &confinement);
    });
    engine.serve(socket, answers, limits.frame_bytes_max)
}

struct Engine<'a> {
    mv8: &'a MiniV8,
    page: &'static SharedPage,
    prepare: Function<'a>,
    cache: LruCache<Box<[u8]>, Function<'a>>,
    cached_bytes: usize,
    output_bytes_max: usize,
}

impl<'a> Engine<'a> {
    fn new(mv8: &'a MiniV8, page: &'static SharedPage, limits: &WorkerLimits) -> Result<Self, String> {
        let words = |error: mini_v8::Error<'_>| format!("the bootstrap script failed: {error}");
        mv8.create_function(move |_| {
            seam::install(page);
            Ok(())
        })
        .call::<_, ()>(())
        .map_err(words)?;
        let origin = ScriptOrigin {
            name: "orrery:worker".to_owned(),
            ..ScriptOrigin::default()
        };
        let script = Script {
            source: include_str!("bootstrap.js").to_owned(),
            timeout: None,
            origin: Some(origin),
        };
        let entries: Array<'_> = mv8.eval(script).map_err(|error| {
            let text = match &error {
                mini_v8::Error::Value(value) => mv8.coerce_string(value.clone()).map(|text| text.to_string()).ok(),
                _ => None,
            };
            format!("the bootstrap script failed: {}", text.unwrap_or_default())
        })?;
        let prepare: Function<'_> = entries.get(0).map_err(words)?;
        let set_limits: Function<'_> = entries.get(1).map_err(words)?;
        let number = |value: usize| Value::Number(value as f64);
        set_limits
            .call::<_, ()>(Values::from_vec(vec![
                number(limits.log_bytes_max),
                number(limits.output_bytes_max),
            ]))
            .map_err(words)?;
        let cache = LruCache::new(CACHE_SCRIPTS_MAX);
        Ok(Self {
            mv8,
            page,
            prepare,
            cache,
            cached_bytes: 0,
            output_bytes_max: limits.output_bytes_max,
        })
    }

    fn serve(&mut self, mut socket: File, mut answers: Vec<u8>, frame_bytes_max: usize) -> io::Result<ExitCode> {
        let mut buffer = Vec::new();
        let mut start = 0;
        let mut held_since = None;
        loop {
            let rest = buffer.get(start..).unwrap_or_default();
            match wire::first_frame(rest, frame_bytes_max) {
                Ok(Some(length)) => {
                    let frame = rest.get(..length).unwrap_or_default();
                    let job =
                        JobFrame::read(wire::content(frame)).ok_or_else(|| io::Error::other("a job cannot be read"))?;
                    let since = *held_since.get_or_insert_with(monotonic);
                    self.answer(&job, &mut answers);
                    start += length;
                    if seam::memory_exceeded() {
                        socket.write_all(&answers)?;
                        return Ok(ExitCode::from(EXIT_RETIRED));
                    }
                    if answers.len() < ANSWERS_HELD_BYTES_MAX && since.elapsed().as_micros() < ANSWERS_HELD_US_MAX {
                        continue;
                    }
                }
                Ok(None) => {}
                Err(()) => return Err(io::Error::other("a job is larger than the limit")),
            }
            if !answers.is_empty() {
                socket.write_all(&answers)?;
                answers.clear();
                answers.shrink_to(ANSWERS_HELD_BYTES_MAX);
            }
            held_since = None;
            let rest = buffer.get(start..).unwrap_or_default();
            if matches!(wire::first_frame(rest, frame_bytes_max), Ok(Some(_))) {
                continue;
            }
            buffer.drain(..start);
            start = 0;
            if !read_more(&mut socket, &mut buffer)? {
                return Ok(ExitCode::SUCCESS);
            }
        }
    }

    fn answer(&mut self, job: &JobFrame<'_>, answers: &mut Vec<u8>) {
        if !self.page.log_is_empty() {
            self.page.clear_log();
        }
        self.page.set_current(job.number);
        let mut outcome = self.outcome(job);
        // It is this run's doing: the process ends after the answer.
        let exceeded = seam::memory_exceeded();
        if exceeded && outcome.is_err() {
            outcome = Err(self.ended());
        }
        wire::put_frame(answers, |out| {
            let (operation, text) = match &outcome {
                Ok(text) => (wire::OP_DONE, text.as_str()),
                Err(text) => (wire::OP_FAILED, text.as_str()),
            };
            out.push(operation);
            out.extend_from_slice(&job.number.to_le_bytes());
            out.push(u8::from(exceeded));
            let (entries, truncated) = if self.page.log_is_empty() {
                (Vec::new(), false)
            } else {
                self.page.log()
            };
            out.push(u8::from(truncated));
            wire::put_bytes(out, &entries);
            out.extend_from_slice(text.as_bytes());
        });
        self.page.set_current(0);
    }

    /// The letter and content of a good answer, or the JSON of a failure; `bootstrap.js` makes both.
    fn outcome(&mut self, job: &JobFrame<'_>) -> Result<String, String> {
        let function = self.function(job)?;
        if job.operation == wire::OP_COMPILE {
            return Ok("A".to_owned());
        }
        let text = |bytes: &[u8]| Value::String(self.mv8.create_string(&String::from_utf8_lossy(bytes)));
        let mut inputs = vec![text(job.context), job.state.map_or(Value::Undefined, text)];
        if let Some(body) = job.body {
            let body = String::from_utf8_lossy(body);
            let json = body.strip_prefix('\u{feff}').unwrap_or(&body);
            inputs.push(Value::String(self.mv8.create_string(&body)));
            inputs.push(match quote_large_integers(json) {
                Some(quoted) => Value::String(self.mv8.create_string(&quoted)),
                None if json.len() < body.len() => Value::String(self.mv8.create_string(json)),
                None => Value::Undefined,
            });
        }
        let answer = function.call::<_, Value<'_>>(Values::from_vec(inputs));
        self.checked(answer)
    }

    fn checked(&self, answer: mini_v8::Result<'a, Value<'a>>) -> Result<String, String> {
        let Ok(Value::String(text)) = answer else {
            return Err(self.ended());
        };
        let text = text.to_string();
        match text.strip_prefix('E') {
            Some(failure) => Err(failure.to_owned()),
            None if text.len() > self.output_bytes_max + 1 => Err(too_large(&format!(
                "The output of the script is larger than the limit of {} bytes.",
                self.output_bytes_max
            ))),
            // Characters were counted so far; here are the bytes.
            None if text.starts_with('X') && text.len() > TRANSACTION_BYTES_MAX => {
                let large = text
                    .split('\n')
                    .skip(1)
                    .position(|item| item.len() > TRANSACTION_BYTES_MAX);
                match large {
                    Some(index) => Err(too_large(&format!(
                        "Element {index} of the transactions is larger than the limit of {TRANSACTION_BYTES_MAX} bytes."
                    ))),
                    None => Ok(text),
                }
            }
            None => Ok(text),
        }
    }

    /// The words for a run that ended without an answer of its own.
    fn ended(&self) -> String {
        if seam::memory_exceeded() {
            return r#"{"kind":"memory","message":""}"#.to_owned();
        }
        r#"{"kind":"crashed","message":"The script ended without an answer."}"#.to_owned()
    }

    fn function(&mut self, job: &JobFrame<'_>) -> Result<Function<'a>, String> {
        if let Some(function) = self.cache.get(job.key) {
            return Ok(function.clone());
        }
        let text = |bytes: &[u8]| Value::String(self.mv8.create_string(&String::from_utf8_lossy(bytes)));
        let inputs = vec![Value::Number(f64::from(job.kind)), text(job.name), text(job.source)];
        let function = match self.prepare.call::<_, Value<'_>>(Values::from_vec(inputs)) {
            Ok(Value::Function(function)) => function,
            other => return self.checked(other).and_then(|_| Err(self.ended())),
        };
        self.cached_bytes += job.key.len();
        if let Some((replaced, _)) = self.cache.push(job.key.into(), function.clone()) {
            self.cached_bytes -= replaced.len();
        }
        while self.cached_bytes > CACHE_SOURCE_BYTES_MAX {
            let Some((removed, _)) = self.cache.pop_lru() else {
                break;
            };
            self.cached_bytes -= removed.len();
        }
        Ok(function)
    }
}

fn too_large(message: &str) -> String {
    format!(r#"{{"kind":"tooLarge","message":"{message}"}}"#)
}

/// Reads what has come, at least one byte; `false` when the parent has closed the socket.
fn read_more(socket: &mut File, buffer: &mut Vec<u8>) -> io::Result<bool> {
    let length = buffer.len();
    buffer.resize(length + READ_BYTES, 0);
    let outcome = socket.read(buffer.get_mut(length..).unwrap_or_default());
    buffer.truncate(length + *outcome.as_ref().unwrap_or(&0));
    match outcome {
        Err(error) if error.kind() == io::ErrorKind::Interrupted => Ok(true),
        other => Ok(other? > 0),
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "this process has no Clock; the time only says when held answers are sent"
)]
fn monotonic() -> std::time::Instant {
    std::time::Instant::now()
}
