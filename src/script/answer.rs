//! Reads a worker's answer. The worker may be anything once user code has run in it: nothing in an answer is trusted.

use bytes::Bytes;
use serde::Deserialize;

use super::error::{Error, ScriptError, ScriptErrorKind};
use super::job::{Job, LogLine, Output, Value};
use super::wire::{Fields, OP_DONE, read_logs};

const SHOWN_FRAMES_MAX: usize = 10;

/// The fixed head of an answer frame.
pub(super) struct AnswerHead {
    pub operation: u8,
    pub number: u64,
    /// The worker ends after this answer.
    pub retiring: bool,
}

impl AnswerHead {
    pub fn read(content: &[u8]) -> Option<Self> {
        let mut fields = Fields(content);
        Some(Self {
            operation: fields.u8()?,
            number: fields.u64()?,
            retiring: fields.u8()? != 0,
        })
    }
}

/// The output, or the script's error, in the content of an answer frame.
pub(super) fn read_answer(content: &Bytes, job: &Job, heap_mib: u32) -> Result<Output, Error> {
    parse(content, job, heap_mib).unwrap_or_else(|| {
        let message = "The process that ran the script gave an answer that cannot be read.";
        Err(ScriptError::new(ScriptErrorKind::Crashed, &job.name, message).into())
    })
}

fn parse(content: &[u8], job: &Job, heap_mib: u32) -> Option<Result<Output, Error>> {
    let mut fields = Fields(content);
    let (operation, _number, _retiring) = (fields.u8()?, fields.u64()?, fields.u8()?);
    let log_truncated = fields.u8()? != 0;
    let logs = read_logs(fields.bytes()?);
    let text = std::str::from_utf8(fields.0).ok()?;
    if operation != OP_DONE {
        return Some(Err(read_failure(text, job, heap_mib, logs)?.into()));
    }
    let (letter, rest) = text.split_at_checked(1)?;
    let value = match letter {
        "T" => Value::Text(rest.to_owned()),
        "J" => Value::Json(rest.to_owned()),
        "A" => Value::Abort,
        "U" => Value::Unchanged,
        "S" => Value::Skip,
        "X" => {
            let (state, lines) = rest.split_once('\n')?;
            // JSON.stringify writes no line breaks: each line is one transaction.
            let items = if lines.is_empty() {
                Vec::new()
            } else {
                lines.split('\n').map(str::to_owned).collect()
            };
            Value::Transactions {
                items,
                state: (!state.is_empty()).then(|| state.to_owned()),
            }
        }
        _ => return None,
    };
    Some(Ok(Output {
        value,
        logs,
        log_truncated,
    }))
}

#[derive(Deserialize)]
struct Failure {
    kind: ScriptErrorKind,
    message: String,
    #[serde(default)]
    line: Option<u32>,
    #[serde(default)]
    column: Option<u32>,
    #[serde(default)]
    stack: Option<String>,
}

fn read_failure(text: &str, job: &Job, heap_mib: u32, logs: Vec<LogLine>) -> Option<ScriptError> {
    let failure: Failure = serde_json::from_str(text).ok()?;
    let stack = failure.stack.map(|stack| own_frames(&stack, &job.name));
    let mut error = match failure.kind {
        ScriptErrorKind::Memory => memory_error(&job.name, heap_mib, &failure.message),
        kind => ScriptError::new(kind, &job.name, failure.message),
    };
    let at = stack.as_deref().and_then(|stack| first_place(stack, &job.name));
    error.line = failure.line.or(at.map(|(line, _)| line));
    error.column = if failure.line.is_some() {
        failure.column
    } else {
        at.map(|(_, column)| column)
    };
    error.stack = stack;
    error.logs = logs;
    Some(error)
}

/// The error for a run that wanted more memory than there is.
pub(super) fn memory_error(script: &str, heap_mib: u32, detail: &str) -> ScriptError {
    let detail = if detail.is_empty() {
        String::new()
    } else {
        format!(" ({detail})")
    };
    let message = format!("The script used more memory than its limit of {heap_mib} MiB and was stopped{detail}.");
    ScriptError::new(ScriptErrorKind::Memory, script, message)
}

/// The stack without the frames of our own code.
fn own_frames(stack: &str, script: &str) -> String {
    let is_frame = |line: &str| line.trim_start().starts_with("at ");
    let mut lines: Vec<&str> = Vec::new();
    let mut frames = 0;
    for line in stack.lines() {
        if !is_frame(line) {
            lines.push(line);
        } else if frames < SHOWN_FRAMES_MAX && (line.contains(script) || line.contains("<anonymous>")) {
            frames += 1;
            lines.push(line);
        }
    }
    lines.join("\n")
}

/// Line and column of the innermost frame in the author's text.
fn first_place(stack: &str, script: &str) -> Option<(u32, u32)> {
    stack
        .lines()
        .filter(|line| line.trim_start().starts_with("at "))
        .find_map(|line| {
            let (_, place) = line.split_once(script)?;
            let mut numbers = place.trim_start_matches(':').trim_end_matches(')').split(':');
            Some((numbers.next()?.parse().ok()?, numbers.next()?.parse().ok()?))
        })
}

#[cfg(test)]
mod tests {
    use super::{first_place, own_frames};

    #[test]
    fn the_stack_shows_only_the_authors_frames() {
        let stack = "TypeError: x\n    at f (response script:3:7)\n    at response script:9:1\n    at run (orrery:worker:290:21)";
        let own = own_frames(stack, "response script");
        assert_eq!(
            own,
            "TypeError: x\n    at f (response script:3:7)\n    at response script:9:1"
        );
        assert_eq!(first_place(&own, "response script"), Some((3, 7)));
        assert_eq!(
            first_place("Error\n    at response script:9:1", "response script"),
            Some((9, 1))
        );
        assert_eq!(first_place("Error: x", "response script"), None);
    }
}
