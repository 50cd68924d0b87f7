//! `/health/live` and `/health/ready`: for load balancers and people who look first.

use std::time::Duration;

use actix_web::{
    HttpResponse,
    web::{self, ServiceConfig},
};
use serde::Serialize;
use utoipa::ToSchema;

use crate::{engine::Engine, error::Result};

/// How long the database and the script workers have to answer.
const ANSWER_WITHIN: Duration = Duration::from_secs(5);

/// What `/health/ready` found.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Ready {
    /// Work is taken.
    ready: bool,
    database: Part,
    scripts: Scripts,
    registry: Part,
}

/// One part of the engine.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Part {
    ok: bool,
    detail: String,
}

/// Script workers and the walls round them.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Scripts {
    ok: bool,
    /// Walls that this kernel does not give; scripts run all the same.
    missing_confinement: Vec<String>,
}

pub(super) fn routes(config: &mut ServiceConfig) {
    config
        .service(web::resource("/live").route(web::get().to(live)))
        .service(web::resource("/ready").route(web::get().to(ready)));
}

/// The process answers.
#[utoipa::path(get, path = "/health/live", tag = "health", security(()), responses((status = 200)))]
pub(super) async fn live() -> HttpResponse {
    HttpResponse::Ok().json(serde_json::json!({ "live": true }))
}

/// Database, script workers and actors are there.
#[utoipa::path(get, path = "/health/ready", tag = "health", security(()), responses((status = 200, body = Ready), (status = 503, body = Ready)))]
pub(super) async fn ready(engine: web::Data<Engine>) -> Result<HttpResponse> {
    let (database, scripts, registry) =
        futures_util::join!(database_part(&engine), scripts_part(&engine), registry_part(&engine));
    let report = Ready {
        ready: database.ok && scripts.ok && registry.ok,
        database,
        scripts,
        registry,
    };
    let mut answer = if report.ready {
        HttpResponse::Ok()
    } else {
        HttpResponse::ServiceUnavailable()
    };
    Ok(answer.json(report))
}

async fn database_part(engine: &Engine) -> Part {
    let name = engine.store().backend_name();
    match tokio::time::timeout(ANSWER_WITHIN, engine.store().ping()).await {
        Ok(Ok(())) => part(true, name),
        Ok(Err(error)) => {
            tracing::warn!(%error, "the database does not answer");
            part(false, &format!("{name} does not answer"))
        }
        Err(_) => part(false, &format!("{name} does not answer in time")),
    }
}

async fn scripts_part(engine: &Engine) -> Scripts {
    let answer = tokio::time::timeout(ANSWER_WITHIN, engine.scripts().confinement()).await;
    Scripts {
        ok: answer.is_ok() && engine.scripts().status().workers > 0,
        missing_confinement: answer
            .map(|walls| walls.missing().into_iter().map(str::to_owned).collect())
            .unwrap_or_default(),
    }
}

async fn registry_part(engine: &Engine) -> Part {
    if engine.services().is_draining() {
        return part(false, "draining");
    }
    match tokio::time::timeout(ANSWER_WITHIN, engine.registry().summary(None)).await {
        Ok(Ok(_)) => part(true, "running"),
        _ => part(false, "the registry does not answer"),
    }
}

fn part(ok: bool, detail: &str) -> Part {
    Part {
        ok,
        detail: detail.to_owned(),
    }
}
