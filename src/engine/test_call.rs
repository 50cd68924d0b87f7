//! Test URL and Run response: the steps of a run one at a time, in front of a person. Nothing is created.

use std::{collections::HashSet, sync::Arc};

use bytes::Bytes;
use serde::Serialize;
use serde_json::{json, value::RawValue};

use crate::{
    actors::api_call::{
        prepared::PreparedCall,
        sample::{error_json, headers, shown_body},
        steps::{self, RunContext, ScriptResult, StepError},
    },
    domain::{
        call_api::{CallApiDefinition, UrlKind},
        ids::CallApiId,
        rights::Right,
        transaction::NewTransaction,
    },
    engine::{
        call_apis::{CallApis, complete},
        caller::Caller,
    },
    error::{Code, Error, Result},
    http::{self, redacted_headers},
    script::{LogLine, RequestInfo, ResponseInfo},
    store::call_apis::StoredCallApi,
};

/// Longest body that Test URL shows, in bytes.
pub const SHOWN_BODY_BYTES_MAX: usize = 256 * 1024;

/// What Test URL shows.
#[derive(Clone, Debug, Serialize)]
pub struct Tested {
    /// What was sent, secrets redacted.
    pub request: ShownRequest,
    /// What came back.
    pub response: ShownResponse,
    /// What the URL and body scripts logged.
    pub logs: Vec<LogLine>,
}

/// A request that was sent, secrets redacted.
#[derive(Clone, Debug, Serialize)]
pub struct ShownRequest {
    /// Method.
    pub method: http::Method,
    /// Address.
    pub url: String,
    /// An object of names and values.
    pub headers: serde_json::Value,
    /// Body as text.
    pub body: Option<String>,
}

/// A response.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ShownResponse {
    /// Status.
    pub status_code: u16,
    /// An object of lower-case names and values.
    pub headers: serde_json::Value,
    /// Body as text, at most [`SHOWN_BODY_BYTES_MAX`].
    pub body: String,
    /// Whether the body is longer than what is shown.
    pub body_truncated: bool,
    /// From sending to the last byte, milliseconds.
    pub duration_ms: u64,
}

/// A response on which a response script is tried.
#[derive(Clone, Debug)]
pub struct GivenResponse {
    /// Status.
    pub status_code: u16,
    /// Names and values.
    pub headers: Vec<(String, String)>,
    /// Body as text.
    pub body: String,
}

/// What Run response shows.
#[derive(Clone, Debug, Serialize)]
pub struct Interpreted {
    /// How the script ended.
    pub outcome: ScriptOutcome,
    /// What a run would create.
    pub transactions: Vec<Candidate>,
    /// What the script logged.
    pub logs: Vec<LogLine>,
    /// `message`, `script`, `line`, `column`, `stack`.
    pub error: Option<serde_json::Value>,
}

/// How a response script ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ScriptOutcome {
    /// With transactions, or none.
    Transactions,
    /// With "Abort".
    Abort,
    /// With an error.
    Error,
}

/// A transaction that a run would create.
#[derive(Clone, Debug, Serialize)]
pub struct Candidate {
    /// Its identifier.
    pub identifier: String,
    /// The transaction object, digits as they are.
    pub data: Box<RawValue>,
    /// Whether it would be taken for a duplicate: created before by this call, or twice in this answer.
    pub exists: bool,
}

/// Longest time of a test, whatever the call says, milliseconds.
const TIMEOUT_MS_MAX: u64 = 60_000;
/// Largest answer of a test, whatever the call says, bytes.
const RESPONSE_BYTES_MAX: usize = 16 << 20;

impl CallApis<'_> {
    /// Sends the request of a saved call once and shows what came back.
    ///
    /// # Errors
    /// [`Code::Forbidden`] without `calls.run`, [`Code::NotFound`]; [`Code::TestFailed`] with the step that failed.
    pub async fn test(&self, caller: &Caller, id: CallApiId) -> Result<Tested> {
        caller.require(Right::CallsRun)?;
        let (call, context) = self.saved(caller, id, None).await?;
        self.send_once(caller, &call, &context).await
    }

    /// As [`Self::test`], for a definition that is not saved.
    ///
    /// # Errors
    /// As [`Self::test`], [`Code::Forbidden`] also without `calls.manage`, and [`Code::Invalid`].
    pub async fn test_definition(&self, caller: &Caller, definition: CallApiDefinition) -> Result<Tested> {
        caller.require(Right::CallsRun)?;
        // It names any client and any URL: who may send it might as well have saved it.
        caller.require(Right::CallsManage)?;
        let (call, context) = self.unsaved(caller, definition)?;
        self.send_once(caller, &call, &context).await
    }

    /// As [`Self::test_definition`], for a saved call as somebody is editing it: secret headers that come without a value
    /// have their stored one, and scripts see what those of its next run would see.
    ///
    /// # Errors
    /// As [`Self::test_definition`], and [`Code::NotFound`].
    pub async fn test_edited(&self, caller: &Caller, id: CallApiId, edited: CallApiDefinition) -> Result<Tested> {
        caller.require(Right::CallsRun)?;
        caller.require(Right::CallsManage)?;
        let (call, context) = self.edited(caller, id, edited).await?;
        self.send_once(caller, &call, &context).await
    }

    /// Runs the response script of a saved call, or another in its place, on a response.
    ///
    /// # Errors
    /// [`Code::Forbidden`] without `calls.run`, [`Code::NotFound`]. A script error is not one: it is in the answer.
    pub async fn run_response(
        &self,
        caller: &Caller,
        id: CallApiId,
        response_script: Option<String>,
        response: GivenResponse,
    ) -> Result<Interpreted> {
        caller.require(Right::CallsRun)?;
        if response_script.is_some() {
            caller.require(Right::CallsManage)?;
        }
        let (call, context) = self.saved(caller, id, response_script).await?;
        self.interpret(&call, &context, response).await
    }

    /// As [`Self::run_response`], for a definition that is not saved.
    ///
    /// # Errors
    /// As [`Self::run_response`], and [`Code::Invalid`].
    pub async fn run_response_of(
        &self,
        caller: &Caller,
        definition: CallApiDefinition,
        response: GivenResponse,
    ) -> Result<Interpreted> {
        caller.require(Right::CallsRun)?;
        caller.require(Right::CallsManage)?;
        let (call, context) = self.unsaved(caller, definition)?;
        self.interpret(&call, &context, response).await
    }

    /// As [`Self::run_response`], for a saved call as somebody is editing it.
    ///
    /// # Errors
    /// As [`Self::run_response_of`], and [`Code::NotFound`].
    pub async fn run_response_edited(
        &self,
        caller: &Caller,
        id: CallApiId,
        edited: CallApiDefinition,
        response: GivenResponse,
    ) -> Result<Interpreted> {
        caller.require(Right::CallsRun)?;
        caller.require(Right::CallsManage)?;
        let (call, context) = self.edited(caller, id, edited).await?;
        self.interpret(&call, &context, response).await
    }

    async fn edited(
        &self,
        caller: &Caller,
        id: CallApiId,
        edited: CallApiDefinition,
    ) -> Result<(PreparedCall, RunContext)> {
        let stored = self.stored(caller.tenant_id, id).await?;
        let secrets = self.secrets(caller.tenant_id, &stored)?;
        let definition = complete(edited, Some((&stored.definition.url, &secrets)))?;
        let call = PreparedCall::of_definition(caller.tenant_id, Some(id), stored.version, definition)?;
        Ok((call, self.context(Some(stored))))
    }

    async fn saved(
        &self,
        caller: &Caller,
        id: CallApiId,
        response_script: Option<String>,
    ) -> Result<(PreparedCall, RunContext)> {
        let stored = self.stored(caller.tenant_id, id).await?;
        let mut definition = self.with_secrets(caller.tenant_id, &stored)?;
        if let Some(script) = response_script {
            definition.response_script = script;
            definition = complete(definition, None)?;
        }
        let call = PreparedCall::of_definition(caller.tenant_id, Some(id), stored.version, definition)?;
        Ok((call, self.context(Some(stored))))
    }

    fn unsaved(&self, caller: &Caller, definition: CallApiDefinition) -> Result<(PreparedCall, RunContext)> {
        let definition = complete(definition, None)?;
        let call = PreparedCall::of_definition(caller.tenant_id, None, 0, definition)?;
        Ok((call, self.context(None)))
    }

    /// What the scripts of the next run would see.
    fn context(&self, stored: Option<StoredCallApi>) -> RunContext {
        let state = stored.map(|stored| stored.state).unwrap_or_default();
        let last_run = state.last_run.and_then(|run| Some((run.at, run.outcome?)));
        RunContext {
            run_count: u64::try_from(state.run_count).unwrap_or(0),
            last_run,
            script_state: state.script_state.map(Arc::from),
            due_at: self.engine().clock().now(),
        }
    }

    async fn send_once(&self, caller: &Caller, call: &PreparedCall, context: &RunContext) -> Result<Tested> {
        let services = self.engine().services();
        let resource = call
            .call_api_id
            .map_or_else(|| "unsaved".to_owned(), |id| id.to_string());
        let Ok(_place) = services.tests.try_acquire() else {
            let full = "Too many requests are being tested at once; try again in a moment.";
            return Err(Error::new(Code::RateLimited, full).with_retry_after_ms(1_000));
        };
        let definition = &call.definition;
        let about = json!({ "name": definition.name, "clientId": definition.client_id, "method": definition.method });
        let entry = caller.audit("call_api.test", "call_api", resource, None, Some(about));
        self.engine().store().record_audit(entry).await?;
        let mut prepared = steps::prepare(services, call, context).await.map_err(failed)?;
        // Somebody waits for it, and only the beginning of the body is shown.
        prepared.request.timeout_ms = prepared.request.timeout_ms.min(TIMEOUT_MS_MAX);
        prepared.request.response_bytes_max = prepared.request.response_bytes_max.min(RESPONSE_BYTES_MAX);
        let response = steps::send(services, prepared.request).await.map_err(failed)?;
        let sample = response.redacted_request();
        let secrets = response.sent.known_secrets();
        Ok(Tested {
            request: ShownRequest {
                method: sample.method,
                url: sample.url,
                headers: headers(&sample.headers),
                body: sample.body,
            },
            response: ShownResponse {
                status_code: response.status,
                headers: headers(&redacted_headers(&response.headers, &secrets)),
                body: shown_body(&response.body, SHOWN_BODY_BYTES_MAX, &secrets),
                body_truncated: response.body.len() > SHOWN_BODY_BYTES_MAX,
                duration_ms: response.duration_ms,
            },
            logs: prepared.logs,
        })
    }

    async fn interpret(
        &self,
        call: &PreparedCall,
        context: &RunContext,
        response: GivenResponse,
    ) -> Result<Interpreted> {
        let services = self.engine().services();
        let request = RequestInfo {
            method: call.definition.method.as_str().to_owned(),
            url: self.address(call, context).await,
        };
        let response = ResponseInfo {
            status_code: response.status_code,
            headers: response.headers,
            body: Bytes::from(response.body),
        };
        match steps::interpret(services, call, context, request, response).await {
            Ok(done) => {
                let (outcome, transactions) = match done.result {
                    ScriptResult::Abort => (ScriptOutcome::Abort, Vec::new()),
                    ScriptResult::Transactions { transactions, .. } => {
                        (ScriptOutcome::Transactions, self.candidates(call, transactions).await?)
                    }
                };
                let (logs, error) = (done.logs, None);
                Ok(Interpreted {
                    outcome,
                    transactions,
                    logs,
                    error,
                })
            }
            Err(error) if error.script.is_some() => Ok(Interpreted {
                outcome: ScriptOutcome::Error,
                transactions: Vec::new(),
                error: Some(error_json(&error)),
                logs: error.logs,
            }),
            Err(error) => Err(failed(error)),
        }
    }

    /// The address that the response script is told; empty where the URL script fails, which is Test URL's to show.
    async fn address(&self, call: &PreparedCall, context: &RunContext) -> String {
        if call.definition.url.kind == UrlKind::Text {
            return call.definition.url.value.clone();
        }
        match steps::prepare(self.engine().services(), call, context).await {
            Ok(prepared) => prepared.request.url,
            Err(_) => String::new(),
        }
    }

    async fn candidates(&self, call: &PreparedCall, transactions: Vec<NewTransaction>) -> Result<Vec<Candidate>> {
        let mut known: HashSet<String> = match call.call_api_id {
            None => HashSet::new(),
            Some(id) => {
                let identifiers = transactions.iter().map(|new| new.identifier.clone()).collect();
                let store = self.engine().store();
                let existing = store.existing_identifiers(call.tenant_id, id, identifiers).await?;
                existing.into_iter().collect()
            }
        };
        let mut candidates = Vec::with_capacity(transactions.len());
        for new in transactions {
            candidates.push(Candidate {
                exists: !known.insert(new.identifier.clone()),
                identifier: new.identifier,
                data: RawValue::from_string(new.data).map_err(Error::internal)?,
            });
        }
        Ok(candidates)
    }
}

/// The problem for a step that failed: 422 whatever the step, because the test itself was carried out.
fn failed(error: StepError) -> Error {
    if error.passing {
        return Error::new(Code::Unavailable, error.message).with_retry_after_ms(1_000);
    }
    let mut details = json!({ "logs": error.logs });
    if let Some(members) = details.as_object_mut() {
        if error.script.is_some() {
            members.insert("script".to_owned(), error_json(&error));
        }
        if let Some(sent) = error.http.as_ref().and_then(|error| error.sent.as_ref()) {
            let sample = sent.redacted();
            let shown = ShownRequest {
                method: sample.method,
                url: sample.url,
                headers: headers(&sample.headers),
                body: sample.body,
            };
            members.insert("request".to_owned(), json!(shown));
        }
    }
    Error::new(Code::TestFailed, error.message)
        .with_step(error.step)
        .with_details(details)
}
