//! The steps of one run: prepare the request, send it, interpret the answer. Test URL and Run response use the same ones.

use std::sync::Arc;

use bytes::Bytes;
use jiff::Timestamp;

use crate::{
    actors::{api_call::prepared::PreparedCall, services::Services},
    domain::{
        call_api::OnHttpError,
        identifier::identifier_of,
        ids::TransactionId,
        outcome::Outcome,
        settle::{Ended, Repeat},
        transaction::NewTransaction,
    },
    http::{self, RetryClass, classify_status},
    script::{self, Context, Job, Kind, LogLine, RequestInfo, ResponseInfo, ScriptError, Value},
};

/// What scripts are told about the run.
#[derive(Clone, Debug)]
pub struct RunContext {
    /// Runs of this call that have ended.
    pub run_count: u64,
    /// The run before: its start and its outcome.
    pub last_run: Option<(Timestamp, Outcome)>,
    /// The object that the last successful run left, as JSON.
    pub script_state: Option<Arc<str>>,
    /// When this run is due.
    pub due_at: Timestamp,
}

/// A request that is ready to be sent.
#[derive(Debug)]
pub struct Prepared {
    /// The request, with credentials named.
    pub request: http::Request,
    /// What the URL and body scripts logged.
    pub logs: Vec<LogLine>,
}

/// What the response script made of an answer.
#[derive(Debug)]
pub struct Interpreted {
    /// Its result.
    pub result: ScriptResult,
    /// What it logged.
    pub logs: Vec<LogLine>,
}

/// The result of a response script.
#[derive(Debug)]
pub enum ScriptResult {
    /// Transactions (or none), and the state to leave.
    Transactions {
        /// To be created, unless their identifiers exist.
        transactions: Vec<NewTransaction>,
        /// JSON of an object.
        state: Option<String>,
    },
    /// "Abort".
    Abort,
}

/// A step that failed.
#[derive(Debug)]
pub struct StepError {
    /// `url_script`, `body_script`, `response_script`, `client`, or a step of the outbound client (`connect`, `timeout`, ...).
    pub step: &'static str,
    /// For the person who reads it.
    pub message: String,
    /// Of a script.
    pub script: Option<Box<ScriptError>>,
    /// Of the outbound client.
    pub http: Option<Box<http::Error>>,
    /// What had been logged until then.
    pub logs: Vec<LogLine>,
    /// Ours, not the user's: no worker free, the store does not answer.
    pub passing: bool,
}

impl StepError {
    fn script(step: &'static str, error: script::Error, mut logs: Vec<LogLine>) -> Self {
        match error {
            script::Error::Script(error) => {
                logs.extend(error.logs.iter().cloned());
                let message = describe(&error);
                Self {
                    step,
                    message,
                    script: Some(error),
                    http: None,
                    logs,
                    passing: false,
                }
            }
            other => Self {
                step,
                message: other.to_string(),
                script: None,
                http: None,
                logs,
                passing: true,
            },
        }
    }

    fn http(error: http::Error) -> Self {
        let step = error.step.as_str();
        Self {
            step,
            message: error.message.clone(),
            script: None,
            http: Some(Box::new(error)),
            logs: Vec::new(),
            passing: false,
        }
    }

    /// How the run ends with this error.
    pub fn ended(&self) -> Ended {
        let reason = self.message.clone();
        match &self.http {
            _ if self.script.is_some() => Ended::ScriptFailed { reason },
            Some(error) => Ended::Unanswered {
                reason,
                repeat: repeat(error.retry, error.retry_after_ms),
            },
            None if self.passing => Ended::Unready { reason },
            None => Ended::Unanswered {
                reason,
                repeat: Repeat::Regular,
            },
        }
    }
}

/// Message, script, line and column in one sentence.
pub fn describe(error: &ScriptError) -> String {
    match (error.line, error.column) {
        (Some(line), Some(column)) => format!("{} ({}, line {line}, column {column})", error.message, error.script),
        (Some(line), None) => format!("{} ({}, line {line})", error.message, error.script),
        _ => format!("{} ({})", error.message, error.script),
    }
}

/// Whether another try may help, by the class of the failure.
pub fn repeat(class: RetryClass, retry_after_ms: Option<u64>) -> Repeat {
    match class {
        RetryClass::Transport | RetryClass::Throttled | RetryClass::ServerError => Repeat::BackOff { retry_after_ms },
        RetryClass::ClientError | RetryClass::Never => Repeat::Regular,
    }
}

/// The end of a run whose answer has this status, where the response script is not to see it; none: it sees it.
pub fn refusal(call: &PreparedCall, response: &http::Response, now: Timestamp) -> Option<Ended> {
    let refusal = classify_status(response.status, &response.headers, now)?;
    if call.definition.on_http_error == OnHttpError::Script {
        return None;
    }
    let reason = format!("The answer of {} was HTTP {}.", host_of(&response.url), response.status);
    Some(Ended::Refused {
        reason,
        repeat: repeat(refusal.retry, refusal.retry_after_ms),
    })
}

/// Runs the URL and body scripts and puts the request together.
///
/// # Errors
/// A script failed, or the client is gone.
pub async fn prepare(services: &Services, call: &PreparedCall, context: &RunContext) -> Result<Prepared, StepError> {
    let definition = &call.definition;
    let mut logs = Vec::new();
    let url = match &call.url_script {
        None => definition.url.value.clone(),
        Some(source) => match run_script(services, call, context, Kind::Url, source, None).await {
            Ok((Value::Text(url), more)) => {
                logs.extend(more);
                url.trim().to_owned()
            }
            Ok((_, more)) => return Err(unexpected("url_script", more)),
            Err(error) => return Err(StepError::script("url_script", error, logs)),
        },
    };
    let (body, is_json) = match &call.body_script {
        None => (None, false),
        Some(source) => match run_script(services, call, context, Kind::Body, source, None).await {
            Ok((Value::Text(text), more)) => {
                logs.extend(more);
                (Some(Bytes::from(text)), false)
            }
            Ok((Value::Json(text), more)) => {
                logs.extend(more);
                (Some(Bytes::from(text)), true)
            }
            Ok((_, more)) => return Err(unexpected("body_script", more)),
            Err(error) => return Err(StepError::script("body_script", error, logs)),
        },
    };
    let client = match definition.client_id {
        None => None,
        Some(id) => match services.clients.credentials(call.tenant_id, id).await {
            Ok(credentials) => Some(credentials),
            Err(error) => {
                let message = format!("The client of this call cannot be used: {error}");
                let passing = matches!(
                    error.code,
                    crate::error::Code::Internal | crate::error::Code::Unavailable
                );
                return Err(StepError {
                    step: "client",
                    message,
                    script: None,
                    http: None,
                    logs,
                    passing,
                });
            }
        },
    };
    let (headers, secret_headers) = headers(call, body.as_deref(), is_json);
    let request = http::Request {
        method: method(definition.method),
        url,
        headers,
        secret_headers,
        body,
        client,
        timeout_ms: u64::from(definition.timeout_ms),
        response_bytes_max: usize::try_from(definition.limits.response_bytes).unwrap_or(usize::MAX),
    };
    Ok(Prepared { request, logs })
}

/// Sends a prepared request.
///
/// # Errors
/// There was no usable answer.
pub async fn send(services: &Services, request: http::Request) -> Result<http::Response, StepError> {
    services.outbound.send(request).await.map_err(StepError::http)
}

/// Runs the response script on an answer and finds the identifiers.
///
/// # Errors
/// The script threw or returned what it must not; an identifier is missing.
pub async fn interpret(
    services: &Services,
    call: &PreparedCall,
    context: &RunContext,
    request: RequestInfo,
    response: ResponseInfo,
) -> Result<Interpreted, StepError> {
    let about = Some((request, response));
    let (value, logs) = run_script(services, call, context, Kind::Response, &call.response_script, about)
        .await
        .map_err(|error| StepError::script("response_script", error, Vec::new()))?;
    match value {
        Value::Abort => Ok(Interpreted {
            result: ScriptResult::Abort,
            logs,
        }),
        Value::Transactions { items, state } => {
            let mut transactions = Vec::with_capacity(items.len());
            for (index, data) in items.into_iter().enumerate() {
                match identifier_of(&data, &call.pointers) {
                    Ok(identifier) => {
                        let id = TransactionId::from(services.clock.new_id());
                        transactions.push(NewTransaction { id, identifier, data });
                    }
                    Err(error) => return Err(no_identifier(index, &error.to_string(), logs)),
                }
            }
            Ok(Interpreted {
                result: ScriptResult::Transactions { transactions, state },
                logs,
            })
        }
        Value::Text(_) | Value::Json(_) | Value::Unchanged | Value::Skip => Err(unexpected("response_script", logs)),
    }
}

async fn run_script(
    services: &Services,
    call: &PreparedCall,
    context: &RunContext,
    kind: Kind,
    source: &Arc<str>,
    about: Option<(RequestInfo, ResponseInfo)>,
) -> Result<(Value, Vec<LogLine>), script::Error> {
    let (request, response) = about.map_or((None, None), |(request, response)| (Some(request), Some(response)));
    let context = Context {
        call_id: call.call_api_id.map_or_else(String::new, |id| id.to_string()),
        call_name: call.definition.name.clone(),
        run_count: context.run_count,
        last_run: context.last_run.map(|(at, outcome)| script::LastRun {
            at: at.to_string(),
            outcome: outcome.as_str().to_owned(),
        }),
        state: context.script_state.clone(),
        due_at: context.due_at.to_string(),
        now: services.clock.now().to_string(),
        request,
        response,
        record: None,
        item: None,
    };
    let wall_ms = Some(u64::from(call.definition.limits.script_ms));
    let job = Job {
        kind,
        name: Arc::from(kind.script_name()),
        source: source.clone(),
        context,
        wall_ms,
    };
    let started = services.clock.monotonic();
    let result = services.scripts.run(job).await;
    let seconds = (services.clock.monotonic() - started).as_secs_f64();
    services
        .metrics
        .script_seconds
        .with_label_values(&[kind.script_name()])
        .observe(seconds);
    result.map(|output| (output.value, output.logs))
}

type Headers = Vec<(String, String)>;

fn headers(call: &PreparedCall, body: Option<&[u8]>, is_json: bool) -> (Headers, Headers) {
    let mut open = Vec::with_capacity(call.definition.headers.len() + 1);
    let mut secret = Vec::new();
    for header in &call.definition.headers {
        let value = header.value.text().unwrap_or_default().to_owned();
        let list = if header.secret { &mut secret } else { &mut open };
        list.push((header.name.clone(), value));
    }
    let typed = call
        .definition
        .headers
        .iter()
        .any(|header| header.name.eq_ignore_ascii_case("content-type"));
    if let (Some(body), false) = (body, typed) {
        // A string that is JSON is meant as JSON: the documented example returns JSON.stringify(...).
        let json = is_json || matches!(body.trim_ascii_start().first(), Some(b'{' | b'['));
        let kind = if json {
            "application/json"
        } else {
            "text/plain; charset=utf-8"
        };
        open.push(("Content-Type".to_owned(), kind.to_owned()));
    }
    (open, secret)
}

fn unexpected(step: &'static str, logs: Vec<LogLine>) -> StepError {
    let message = format!("The {} gave a result of the wrong kind.", step.replace('_', " "));
    StepError {
        step,
        message,
        script: None,
        http: None,
        logs,
        passing: false,
    }
}

fn no_identifier(index: usize, why: &str, logs: Vec<LogLine>) -> StepError {
    let message = format!(
        "Transaction {} of the result has no usable identifier: {why}",
        index + 1
    );
    let error = ScriptError {
        kind: script::ScriptErrorKind::Result,
        message,
        script: Kind::Response.script_name().to_owned(),
        line: None,
        column: None,
        stack: None,
        logs: Vec::new(),
    };
    StepError::script("response_script", error.into(), logs)
}

fn method(method: crate::domain::call_api::Method) -> http::Method {
    use crate::domain::call_api::Method;
    match method {
        Method::Get => http::Method::Get,
        Method::Delete => http::Method::Delete,
        Method::Patch => http::Method::Patch,
        Method::Post => http::Method::Post,
        Method::Put => http::Method::Put,
    }
}

fn host_of(address: &str) -> String {
    url::Url::parse(address)
        .ok()
        .and_then(|url| url.host_str().map(str::to_owned))
        .unwrap_or_else(|| "the server".to_owned())
}
