//! Connections: to make, see, change, delete, enable, disable and try them.

use actix_web::{
    HttpRequest, HttpResponse,
    web::{self, ServiceConfig},
};
use serde_json::Value;

use super::{
    list::ListQuery,
    path::{either, own_url},
};
use crate::{
    domain::{connection::ProviderKind, ids::ConnectionId},
    engine::{Engine, caller::Caller},
    error::Result,
    gateway::{
        dto::connections::{
            ConnectionAnswer, ConnectionBody, ConnectionCheckAnswer, ConnectionList, CreatedConnection, Message,
            OneConnection,
        },
        etag::{self, IfMatch},
        json::{Json, PathId, Query},
    },
    store::listing::OrderBy,
};

/// What lists can be ordered by.
const ORDERS: [(&str, OrderBy); 5] = [
    ("created", OrderBy::Created),
    ("updated", OrderBy::Updated),
    ("remote_instance_name", OrderBy::Name),
    ("integration_partner", OrderBy::Kind),
    ("status", OrderBy::Enabled),
];

pub(super) fn routes(config: &mut ServiceConfig) {
    config
        .service(
            web::resource(["", "/"])
                .route(web::get().to(list))
                .route(web::post().to(create)),
        )
        .service(
            web::resource(either("/{connection}"))
                .route(web::get().to(get))
                .route(web::patch().to(patch))
                .route(web::delete().to(delete)),
        )
        .service(
            web::resource(either("/{connection}/enable"))
                .route(web::post().to(enable))
                .route(web::put().to(enable)),
        )
        .service(
            web::resource(either("/{connection}/disable"))
                .route(web::post().to(disable))
                .route(web::put().to(disable)),
        )
        .service(web::resource(either("/{connection}/check-connection")).route(web::post().to(check)));
}

/// The connections of the tenant.
#[utoipa::path(get, path = "/integration-connections", tag = "connections", params(ListQuery), responses((status = 200, body = ConnectionList)))]
pub(in crate::gateway) async fn list(
    caller: Caller,
    engine: web::Data<Engine>,
    request: HttpRequest,
    query: Query<ListQuery>,
) -> Result<HttpResponse> {
    let wanted = query.0.read()?;
    let window = wanted.window(&ORDERS)?;
    let listed = engine.connections().list(&caller, window).await?;
    let (name, known) = ("integration_connection", &ConnectionAnswer::FIELDS);
    wanted.answer::<ConnectionAnswer, _>(&engine, &request, name, known, listed)
}

/// Makes a connection.
#[utoipa::path(post, path = "/integration", tag = "connections", request_body = ConnectionBody, responses((status = 201, body = CreatedConnection)))]
pub(in crate::gateway) async fn create(
    caller: Caller,
    engine: web::Data<Engine>,
    request: HttpRequest,
    body: Json<Value>,
) -> Result<HttpResponse> {
    let created = engine.connections().create(&caller, &body.0).await?;
    let location = format!("{}/{}", own_url(&engine, &request), created.id);
    Ok(etag::created(
        &location,
        created.version,
        &CreatedConnection::from(created),
    ))
}

/// One connection.
#[utoipa::path(get, path = "/integration-connections/{connection}", tag = "connections", params(("connection" = uuid::Uuid, Path)), responses((status = 200, body = OneConnection)))]
pub(in crate::gateway) async fn get(
    caller: Caller,
    engine: web::Data<Engine>,
    id: PathId<ConnectionId>,
) -> Result<HttpResponse> {
    let found = engine.connections().get(&caller, id.0).await?;
    Ok(etag::ok(found.version, &OneConnection::from(found)))
}

/// Changes members of a connection; what is left out stays, secrets too.
#[utoipa::path(patch, path = "/integration/{connection}", tag = "connections", params(("connection" = uuid::Uuid, Path)), request_body = ConnectionBody, responses((status = 200, body = OneConnection)))]
pub(in crate::gateway) async fn patch(
    caller: Caller,
    engine: web::Data<Engine>,
    id: PathId<ConnectionId>,
    version: IfMatch,
    body: Json<Value>,
) -> Result<HttpResponse> {
    let changed = engine.connections().patch(&caller, id.0, version.0, &body.0).await?;
    Ok(etag::ok(changed.version, &OneConnection::from(changed)))
}

/// Deletes a connection and everything that belongs to it: partner functions, mappings, automations, links of records.
#[utoipa::path(delete, path = "/integration/{connection}", tag = "connections", params(("connection" = uuid::Uuid, Path)), responses((status = 204)))]
pub(in crate::gateway) async fn delete(
    caller: Caller,
    engine: web::Data<Engine>,
    id: PathId<ConnectionId>,
    version: IfMatch,
) -> Result<HttpResponse> {
    engine.connections().delete(&caller, id.0, version.0).await?;
    Ok(etag::no_content())
}

/// Enables a connection.
#[utoipa::path(post, path = "/integration-connections/{connection}/enable", tag = "connections", params(("connection" = uuid::Uuid, Path)), responses((status = 200, body = Message)))]
pub(in crate::gateway) async fn enable(
    caller: Caller,
    engine: web::Data<Engine>,
    id: PathId<ConnectionId>,
    version: IfMatch,
) -> Result<HttpResponse> {
    let provider = engine.connections().set_enabled(&caller, id.0, version.0, true).await?;
    Ok(switched(provider, "enable"))
}

/// Disables a connection: nothing of it runs until it is enabled; what runs may finish.
#[utoipa::path(post, path = "/integration-connections/{connection}/disable", tag = "connections", params(("connection" = uuid::Uuid, Path)), responses((status = 200, body = Message)))]
pub(in crate::gateway) async fn disable(
    caller: Caller,
    engine: web::Data<Engine>,
    id: PathId<ConnectionId>,
    version: IfMatch,
) -> Result<HttpResponse> {
    let provider = engine
        .connections()
        .set_enabled(&caller, id.0, version.0, false)
        .await?;
    Ok(switched(provider, "disable"))
}

/// Tries the provider and says what it answered. A refusal is a problem 422 with the provider's own answer in `backend`.
#[utoipa::path(post, path = "/integration/{connection}/check-connection", tag = "connections", params(("connection" = uuid::Uuid, Path)), responses((status = 200, body = ConnectionCheckAnswer)))]
pub(in crate::gateway) async fn check(
    caller: Caller,
    engine: web::Data<Engine>,
    id: PathId<ConnectionId>,
) -> Result<HttpResponse> {
    let checked = engine.connections().check(&caller, id.0).await?;
    Ok(HttpResponse::Ok().json(ConnectionCheckAnswer::from(checked)))
}

/// In the words that clients of this API know.
fn switched(provider: ProviderKind, how: &str) -> HttpResponse {
    HttpResponse::Ok().json(Message {
        message: format!("{provider} integration has been {how} successfully"),
    })
}
