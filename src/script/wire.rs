//! The frames between parent and worker: a length (4 bytes, little-endian), then fields. Both sides read defensively.

use std::borrow::Cow;

use super::digits::quote_large_integers;
use super::job::{Context, Job, Kind, LogLevel, LogLine};

pub(super) const OP_RUN: u8 = 1;
pub(super) const OP_COMPILE: u8 = 2;
pub(super) const OP_HELLO: u8 = 1;
pub(super) const OP_DONE: u8 = 2;
pub(super) const OP_FAILED: u8 = 3;
const LENGTH_BYTES: usize = 4;

/// Reads fields one after the other; `None` when the frame is too short.
pub(super) struct Fields<'a>(pub &'a [u8]);

impl<'a> Fields<'a> {
    pub fn take(&mut self, length: usize) -> Option<&'a [u8]> {
        let (head, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(head)
    }
    pub fn u8(&mut self) -> Option<u8> {
        self.take(1)?.first().copied()
    }
    pub fn u32(&mut self) -> Option<u32> {
        self.take(4)?.try_into().ok().map(u32::from_le_bytes)
    }
    pub fn u64(&mut self) -> Option<u64> {
        self.take(8)?.try_into().ok().map(u64::from_le_bytes)
    }
    pub fn bytes(&mut self) -> Option<&'a [u8]> {
        let length = self.u32()?;
        self.take(length as usize)
    }
    pub fn optional_bytes(&mut self) -> Option<Option<&'a [u8]>> {
        if self.u8()? == 0 {
            Some(None)
        } else {
            self.bytes().map(Some)
        }
    }
}

/// The first whole frame in `buffer`, and how many bytes it takes with its length; `Err` for a frame over `limit_bytes`.
pub(super) fn first_frame(buffer: &[u8], limit_bytes: usize) -> Result<Option<usize>, ()> {
    let Some(length) = Fields(buffer).u32() else {
        return Ok(None);
    };
    let total = LENGTH_BYTES + length as usize;
    if length as usize > limit_bytes {
        return Err(());
    }
    Ok((buffer.len() >= total).then_some(total))
}

/// The content of a whole frame.
pub(super) fn content(frame: &[u8]) -> &[u8] {
    frame.get(LENGTH_BYTES..).unwrap_or_default()
}

pub(super) fn put_bytes(out: &mut Vec<u8>, bytes: &[u8]) {
    out.extend_from_slice(&u32::try_from(bytes.len()).unwrap_or(u32::MAX).to_le_bytes());
    out.extend_from_slice(bytes);
}

fn put_optional(out: &mut Vec<u8>, bytes: Option<&[u8]>) {
    out.push(u8::from(bytes.is_some()));
    if let Some(bytes) = bytes {
        put_bytes(out, bytes);
    }
}

/// Appends a frame whose content `write` appends.
pub(super) fn put_frame(out: &mut Vec<u8>, write: impl FnOnce(&mut Vec<u8>)) {
    let start = out.len();
    out.extend_from_slice(&[0; LENGTH_BYTES]);
    write(out);
    let length = u32::try_from(out.len() - start - LENGTH_BYTES).unwrap_or(u32::MAX);
    if let Some(place) = out.get_mut(start..start + LENGTH_BYTES) {
        place.copy_from_slice(&length.to_le_bytes());
    }
}

/// Appends the frame of a job.
pub(super) fn put_job(out: &mut Vec<u8>, operation: u8, number: u64, job: &Job) {
    put_frame(out, |out| {
        out.push(operation);
        out.extend_from_slice(&number.to_le_bytes());
        // One field, so that the worker can look the compiled function up by it.
        let key_length = 1 + 4 + job.name.len() + job.source.len();
        out.extend_from_slice(&u32::try_from(key_length).unwrap_or(u32::MAX).to_le_bytes());
        out.push(kind_number(job.kind));
        put_bytes(out, job.name.as_bytes());
        out.extend_from_slice(job.source.as_bytes());
        put_frame(out, |out| put_context(out, &job.context));
        put_optional(out, state_of(&job.context).as_ref().map(|state| state.as_bytes()));
        put_optional(out, body_of(&job.context));
    });
}

/// What travels in the place of the state: of scripts of integrations, what they see of the item.
fn state_of(context: &Context) -> Option<Cow<'_, str>> {
    match &context.item {
        Some(item) => Some(quote_large_integers(&item.scope).map_or(Cow::Borrowed(&*item.scope), Cow::Owned)),
        None => context.state.as_deref().map(Cow::Borrowed),
    }
}

/// What travels beside the small inputs: the answer's body, or the record.
fn body_of(context: &Context) -> Option<&[u8]> {
    match (&context.response, &context.record) {
        (Some(response), _) => Some(response.body.as_ref()),
        (None, Some(record)) => Some(record.data.as_ref()),
        (None, None) => None,
    }
}

/// How many bytes of a job count against the input limit.
pub(super) fn input_bytes(job: &Job) -> usize {
    let context = &job.context;
    let body = context.response.as_ref().map_or(0, |response| {
        response.body.len()
            + response
                .headers
                .iter()
                .map(|(name, value)| name.len() + value.len())
                .sum::<usize>()
    });
    let record = context.record.as_ref().map_or(0, |record| record.data.len());
    let item = context.item.as_ref().map_or(0, |item| item.scope.len());
    job.source.len() + body + record + item + context.state.as_ref().map_or(0, |state| state.len())
}

/// A job as the worker reads it.
pub(super) struct JobFrame<'a> {
    pub operation: u8,
    pub number: u64,
    /// Kind, name and source together.
    pub key: &'a [u8],
    pub kind: u8,
    pub name: &'a [u8],
    pub source: &'a [u8],
    pub context: &'a [u8],
    pub state: Option<&'a [u8]>,
    pub body: Option<&'a [u8]>,
}

impl<'a> JobFrame<'a> {
    pub fn read(content: &'a [u8]) -> Option<Self> {
        let mut fields = Fields(content);
        let (operation, number, key) = (fields.u8()?, fields.u64()?, fields.bytes()?);
        let mut script = Fields(key);
        let (kind, name) = (script.u8()?, script.bytes()?);
        let source = script.0;
        let (context, state, body) = (fields.bytes()?, fields.optional_bytes()?, fields.optional_bytes()?);
        Some(Self {
            operation,
            number,
            key,
            kind,
            name,
            source,
            context,
            state,
            body,
        })
    }
}

fn kind_number(kind: Kind) -> u8 {
    match kind {
        Kind::Url => 1,
        Kind::Body => 2,
        Kind::Response => 3,
        Kind::Record => 4,
        Kind::ItemBody => 5,
        Kind::ItemResult => 6,
    }
}

/// The small inputs as JSON; body and state travel beside it as they are.
fn put_context(out: &mut Vec<u8>, context: &Context) {
    #[derive(serde::Serialize)]
    #[serde(rename_all = "camelCase")]
    struct Call<'a> {
        id: &'a str,
        name: &'a str,
        run_count: u64,
    }
    #[derive(serde::Serialize)]
    #[serde(rename_all = "camelCase")]
    struct Head<'a> {
        status_code: u16,
        headers: Headers<'a>,
    }
    #[derive(serde::Serialize)]
    #[serde(rename_all = "camelCase")]
    struct Inputs<'a> {
        call: Call<'a>,
        last_run: Option<&'a super::job::LastRun>,
        due_at: &'a str,
        now: &'a str,
        request: Option<&'a super::job::RequestInfo>,
        response: Option<Head<'a>>,
    }
    if let Some(record) = &context.record {
        // Writing strings to memory does not fail.
        let _ = serde_json::to_writer(out, &record.about);
        return;
    }
    let response = context.response.as_ref();
    let inputs = Inputs {
        call: Call {
            id: &context.call_id,
            name: &context.call_name,
            run_count: context.run_count,
        },
        last_run: context.last_run.as_ref(),
        due_at: &context.due_at,
        now: &context.now,
        request: context.request.as_ref(),
        response: response.map(|head| Head {
            status_code: head.status_code,
            headers: Headers(&head.headers),
        }),
    };
    // Writing strings and numbers to memory does not fail.
    let _ = serde_json::to_writer(out, &inputs);
}

struct Headers<'a>(&'a [(String, String)]);

impl serde::Serialize for Headers<'_> {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut joined: Vec<(String, std::borrow::Cow<'_, str>)> = Vec::with_capacity(self.0.len());
        for (name, value) in self.0 {
            let name = name.to_ascii_lowercase();
            match joined.iter_mut().find(|(known, _)| *known == name) {
                Some((_, values)) => *values = format!("{values}, {value}").into(),
                None => joined.push((name, value.as_str().into())),
            }
        }
        serializer.collect_map(joined)
    }
}

/// The entries of the log area (`v8_seam.cc` writes them): level, length, text. Stops at the first entry that makes no sense.
pub(super) fn read_logs(area: &[u8]) -> Vec<LogLine> {
    let mut fields = Fields(area);
    let mut lines = Vec::new();
    while let (Some(level), Some(text)) = (fields.u8(), fields.bytes()) {
        let level = match level {
            1 => LogLevel::Info,
            2 => LogLevel::Warn,
            3 => LogLevel::Error,
            _ => LogLevel::Log,
        };
        lines.push(LogLine {
            level,
            text: String::from_utf8_lossy(text).into_owned(),
        });
    }
    lines
}
