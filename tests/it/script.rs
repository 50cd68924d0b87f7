//! User scripts in real worker processes: what they may return, what they may not do, what survives what.

mod attacks;
mod items;
mod processes;
mod records;
mod results;
mod surroundings;

use std::sync::Arc;

use orrery::script::{
    Context, Error, Job, Kind, Output, PoolSettings, RequestInfo, ResponseInfo, ScriptError, ScriptPool, Value,
    WorkerCommand,
};

fn settings(workers: usize) -> PoolSettings {
    PoolSettings {
        workers,
        worker_command: worker_command(),
        // What is to end has a deadline of its own in its test; this machine may be slow.
        wall_ms: 10_000,
        ..PoolSettings::default()
    }
}

fn worker_command() -> WorkerCommand {
    WorkerCommand {
        program: Some(env!("CARGO_BIN_EXE_orrery").into()),
        ..WorkerCommand::default()
    }
}

fn pool(workers: usize) -> ScriptPool {
    ScriptPool::start(settings(workers)).expect("the pool starts")
}

fn job(kind: Kind, source: &str) -> Job {
    let response = ResponseInfo {
        status_code: 200,
        headers: vec![("Content-Type".to_owned(), "application/json".to_owned())],
        body: bytes::Bytes::from_static(b"{\"items\":[{\"id\":1},{\"id\":2}]}"),
    };
    let is_response = kind == Kind::Response;
    let context = Context {
        call_id: "c1".to_owned(),
        call_name: "RFQ import".to_owned(),
        run_count: 7,
        due_at: "2026-01-01T00:00:00Z".to_owned(),
        now: "2026-01-01T00:00:01Z".to_owned(),
        request: is_response.then(|| RequestInfo {
            method: "GET".to_owned(),
            url: "https://example.com/rfq".to_owned(),
        }),
        response: is_response.then_some(response),
        ..Context::default()
    };
    Job {
        kind,
        name: kind.script_name().into(),
        source: source.into(),
        context,
        wall_ms: None,
    }
}

fn with_body(source: &str, body: &str) -> Job {
    let mut job = job(Kind::Response, source);
    if let Some(response) = &mut job.context.response {
        response.body = bytes::Bytes::copy_from_slice(body.as_bytes());
    }
    job
}

async fn output(pool: &ScriptPool, job: Job) -> Output {
    let source = job.source.clone();
    pool.run(job).await.unwrap_or_else(|error| panic!("{source}: {error}"))
}

/// The value of a URL script: the shortest way to ask a script something.
async fn text(pool: &ScriptPool, source: &str) -> String {
    match output(pool, job(Kind::Url, source)).await.value {
        Value::Text(text) => text,
        other => panic!("{source}: {other:?}"),
    }
}

async fn script_error(pool: &ScriptPool, job: Job) -> ScriptError {
    let source: Arc<str> = job.source.clone();
    match pool.run(job).await {
        Err(Error::Script(error)) => *error,
        other => panic!("{source}: {other:?}"),
    }
}

async fn error_of(pool: &ScriptPool, source: &str) -> ScriptError {
    script_error(pool, job(Kind::Response, source)).await
}

fn transactions(items: &[&str], state: Option<&str>) -> Value {
    Value::Transactions {
        items: items.iter().map(|item| (*item).to_owned()).collect(),
        state: state.map(str::to_owned),
    }
}
