//! Automations of a connection: to make, see, change, delete, enable, disable, explain and run them, and their runs.

use actix_web::{
    HttpRequest, HttpResponse,
    web::{self, ServiceConfig},
};
use serde_json::Value;

use super::{
    list::ListQuery,
    path::{Ids, either, own_url},
};
use crate::{
    domain::ids::{AutomationId, ConnectionId},
    engine::{Engine, caller::Caller},
    error::Result,
    gateway::{
        dto::{
            automations::{
                AutomationAnswer, AutomationBody, AutomationList, AutomationRunAnswer, CreatedAutomation,
                ExplainedAnswer, OneAutomation,
            },
            connections::Message,
        },
        etag::{self, IfMatch},
        json::{Json, PathId, Query},
        page::{List, PageQuery},
    },
    store::listing::OrderBy,
};

/// What lists can be ordered by.
const ORDERS: [(&str, OrderBy); 5] = [
    ("created", OrderBy::Created),
    ("updated", OrderBy::Updated),
    ("name", OrderBy::Name),
    ("direction", OrderBy::Kind),
    ("status", OrderBy::Enabled),
];

pub(super) fn routes(config: &mut ServiceConfig) {
    config
        .service(
            web::resource(either("/{connection}/automation"))
                .route(web::get().to(list))
                .route(web::post().to(create)),
        )
        .service(
            web::resource(either("/{connection}/automation/{id}"))
                .route(web::get().to(get))
                .route(web::patch().to(patch))
                .route(web::delete().to(delete)),
        )
        .service(
            web::resource(either("/{connection}/automation/{id}/enable"))
                .route(web::post().to(enable))
                .route(web::put().to(enable)),
        )
        .service(
            web::resource(either("/{connection}/automation/{id}/disable"))
                .route(web::post().to(disable))
                .route(web::put().to(disable)),
        )
        .service(web::resource(either("/{connection}/automation/{id}/explain")).route(web::post().to(explain)))
        .service(web::resource(either("/{connection}/automation/{id}/run")).route(web::post().to(run)))
        .service(web::resource(either("/{connection}/automation/{id}/runs")).route(web::get().to(runs)))
        .service(web::resource(either("/{connection}/automation/{id}/runs/{run}")).route(web::get().to(one_run)));
}

/// The automations of a connection.
#[utoipa::path(get, path = "/integration/{connection}/automation", tag = "automations", params(("connection" = uuid::Uuid, Path), ListQuery), responses((status = 200, body = AutomationList)))]
pub(in crate::gateway) async fn list(
    caller: Caller,
    engine: web::Data<Engine>,
    request: HttpRequest,
    connection: PathId<ConnectionId>,
    query: Query<ListQuery>,
) -> Result<HttpResponse> {
    let wanted = query.0.read()?;
    let window = wanted.window(&ORDERS)?;
    let listed = engine.automations().list(&caller, connection.0, window).await?;
    let (name, known) = ("integration_automations", &AutomationAnswer::FIELDS);
    wanted.answer::<AutomationAnswer, _>(&engine, &request, name, known, listed)
}

/// Makes an automation. `warnings` tells of a partner function or an automation that it names and that is not there.
#[utoipa::path(post, path = "/integration/{connection}/automation", tag = "automations", params(("connection" = uuid::Uuid, Path)), request_body = AutomationBody, responses((status = 201, body = CreatedAutomation)))]
pub(in crate::gateway) async fn create(
    caller: Caller,
    engine: web::Data<Engine>,
    request: HttpRequest,
    connection: PathId<ConnectionId>,
    body: Json<Value>,
) -> Result<HttpResponse> {
    let created = engine.automations().create(&caller, connection.0, &body.0).await?;
    let location = format!("{}/{}", own_url(&engine, &request), created.row.id);
    Ok(etag::created(
        &location,
        created.row.version,
        &CreatedAutomation::from(created),
    ))
}

/// One automation.
#[utoipa::path(get, path = "/integration/{connection}/automation/{id}", tag = "automations", params(("connection" = uuid::Uuid, Path), ("id" = uuid::Uuid, Path)), responses((status = 200, body = OneAutomation)))]
pub(in crate::gateway) async fn get(
    caller: Caller,
    engine: web::Data<Engine>,
    ids: Ids<AutomationId>,
) -> Result<HttpResponse> {
    let found = engine.automations().get(&caller, ids.0, ids.1).await?;
    Ok(etag::ok(found.row.version, &OneAutomation::from(found)))
}

/// Changes members of an automation; what is left out stays, groups of criteria are replaced as a whole.
#[utoipa::path(patch, path = "/integration/{connection}/automation/{id}", tag = "automations", params(("connection" = uuid::Uuid, Path), ("id" = uuid::Uuid, Path)), request_body = AutomationBody, responses((status = 200, body = OneAutomation)))]
pub(in crate::gateway) async fn patch(
    caller: Caller,
    engine: web::Data<Engine>,
    ids: Ids<AutomationId>,
    version: IfMatch,
    body: Json<Value>,
) -> Result<HttpResponse> {
    let changed = engine
        .automations()
        .patch(&caller, ids.0, ids.1, version.0, &body.0)
        .await?;
    Ok(etag::ok(changed.row.version, &OneAutomation::from(changed)))
}

/// Deletes an automation and its runs.
#[utoipa::path(delete, path = "/integration/{connection}/automation/{id}", tag = "automations", params(("connection" = uuid::Uuid, Path), ("id" = uuid::Uuid, Path)), responses((status = 204)))]
pub(in crate::gateway) async fn delete(
    caller: Caller,
    engine: web::Data<Engine>,
    ids: Ids<AutomationId>,
    version: IfMatch,
) -> Result<HttpResponse> {
    engine.automations().delete(&caller, ids.0, ids.1, version.0).await?;
    Ok(etag::no_content())
}

/// Enables an automation.
#[utoipa::path(post, path = "/integration/{connection}/automation/{id}/enable", tag = "automations", params(("connection" = uuid::Uuid, Path), ("id" = uuid::Uuid, Path)), responses((status = 200, body = Message)))]
pub(in crate::gateway) async fn enable(
    caller: Caller,
    engine: web::Data<Engine>,
    ids: Ids<AutomationId>,
    version: IfMatch,
) -> Result<HttpResponse> {
    engine
        .automations()
        .set_enabled(&caller, ids.0, ids.1, version.0, true)
        .await?;
    Ok(switched("enabled"))
}

/// Disables an automation: no run of it begins until it is enabled; one that goes on may finish.
#[utoipa::path(post, path = "/integration/{connection}/automation/{id}/disable", tag = "automations", params(("connection" = uuid::Uuid, Path), ("id" = uuid::Uuid, Path)), responses((status = 200, body = Message)))]
pub(in crate::gateway) async fn disable(
    caller: Caller,
    engine: web::Data<Engine>,
    ids: Ids<AutomationId>,
    version: IfMatch,
) -> Result<HttpResponse> {
    engine
        .automations()
        .set_enabled(&caller, ids.0, ids.1, version.0, false)
        .await?;
    Ok(switched("disabled"))
}

/// Whether a record, the body, meets the criteria, and why: rule by rule with the value that was found.
#[utoipa::path(post, path = "/integration/{connection}/automation/{id}/explain", tag = "automations", params(("connection" = uuid::Uuid, Path), ("id" = uuid::Uuid, Path)), request_body = Object, responses((status = 200, body = ExplainedAnswer)))]
pub(in crate::gateway) async fn explain(
    caller: Caller,
    engine: web::Data<Engine>,
    ids: Ids<AutomationId>,
    body: Json<Value>,
) -> Result<HttpResponse> {
    let explained = engine.automations().explain(&caller, ids.0, ids.1, &body.0).await?;
    Ok(HttpResponse::Ok().json(ExplainedAnswer::from(explained)))
}

/// Runs an automation now. Answers 200 with the run if it ends soon, else 202 with the run so far; `Location` is where it is
/// found.
#[utoipa::path(post, path = "/integration/{connection}/automation/{id}/run", tag = "automations", params(("connection" = uuid::Uuid, Path), ("id" = uuid::Uuid, Path)), responses((status = 200, body = AutomationRunAnswer), (status = 202, body = AutomationRunAnswer)))]
pub(in crate::gateway) async fn run(
    caller: Caller,
    engine: web::Data<Engine>,
    request: HttpRequest,
    ids: Ids<AutomationId>,
) -> Result<HttpResponse> {
    let run = engine.automations().run(&caller, ids.0, ids.1).await?;
    let mut response = match run.finished_at {
        Some(_) => HttpResponse::Ok(),
        None => HttpResponse::Accepted(),
    };
    let location = format!("{}s/{}", own_url(&engine, &request), run.id);
    response.insert_header((actix_web::http::header::LOCATION, location));
    Ok(response.json(AutomationRunAnswer::from(run)))
}

/// The runs of an automation, newest first.
#[utoipa::path(get, path = "/integration/{connection}/automation/{id}/runs", tag = "automations", params(("connection" = uuid::Uuid, Path), ("id" = uuid::Uuid, Path), PageQuery), responses((status = 200, body = List<AutomationRunAnswer>)))]
pub(in crate::gateway) async fn runs(
    caller: Caller,
    engine: web::Data<Engine>,
    ids: Ids<AutomationId>,
    query: Query<PageQuery>,
) -> Result<HttpResponse> {
    let paged = engine
        .automations()
        .runs(&caller, ids.0, ids.1, query.0.page()?)
        .await?;
    Ok(HttpResponse::Ok().json(List::of(paged, AutomationRunAnswer::from)))
}

/// One run of an automation.
#[utoipa::path(get, path = "/integration/{connection}/automation/{id}/runs/{run}", tag = "automations", params(("connection" = uuid::Uuid, Path), ("id" = uuid::Uuid, Path), ("run" = uuid::Uuid, Path)), responses((status = 200, body = AutomationRunAnswer)))]
pub(in crate::gateway) async fn one_run(
    caller: Caller,
    engine: web::Data<Engine>,
    request: HttpRequest,
    ids: Ids<AutomationId>,
) -> Result<HttpResponse> {
    let run = super::path::id(&request, "run")?;
    let found = engine.automations().one_run(&caller, ids.0, ids.1, run).await?;
    Ok(HttpResponse::Ok().json(AutomationRunAnswer::from(found)))
}

/// In the words that clients of this API know.
fn switched(how: &str) -> HttpResponse {
    HttpResponse::Ok().json(Message {
        message: format!("Automation has been {how} successfully"),
    })
}
