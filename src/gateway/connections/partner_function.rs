//! Partner functions of a connection: to make, see, change, delete, enable and disable them.

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
    domain::ids::{ConnectionId, PartnerFunctionId},
    engine::{Engine, caller::Caller},
    error::Result,
    gateway::{
        dto::{
            connections::Message,
            partner_functions::{
                ChangedPartnerFunction, CreatedPartnerFunction, OnePartnerFunction, PartnerFunctionAnswer,
                PartnerFunctionBody, PartnerFunctionList,
            },
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
    ("name", OrderBy::Name),
    ("direction", OrderBy::Kind),
    ("enabled", OrderBy::Enabled),
];

pub(super) fn routes(config: &mut ServiceConfig) {
    config
        .service(
            web::resource(either("/{connection}/partner-function"))
                .route(web::get().to(list))
                .route(web::post().to(create)),
        )
        .service(
            web::resource(either("/{connection}/partner-function/{id}"))
                .route(web::get().to(get))
                .route(web::patch().to(patch))
                .route(web::delete().to(delete)),
        )
        .service(
            web::resource(either("/{connection}/partner-function/{id}/enable"))
                .route(web::post().to(enable))
                .route(web::put().to(enable)),
        )
        .service(
            web::resource(either("/{connection}/partner-function/{id}/disable"))
                .route(web::post().to(disable))
                .route(web::put().to(disable)),
        );
}

/// The partner functions of a connection.
#[utoipa::path(get, path = "/integration/{connection}/partner-function", tag = "partner functions", params(("connection" = uuid::Uuid, Path), ListQuery), responses((status = 200, body = PartnerFunctionList)))]
pub(in crate::gateway) async fn list(
    caller: Caller,
    engine: web::Data<Engine>,
    request: HttpRequest,
    connection: PathId<ConnectionId>,
    query: Query<ListQuery>,
) -> Result<HttpResponse> {
    let wanted = query.0.read()?;
    let window = wanted.window(&ORDERS)?;
    let listed = engine.partner_functions().list(&caller, connection.0, window).await?;
    let (name, known) = ("partner_functions", &PartnerFunctionAnswer::FIELDS);
    wanted.answer::<PartnerFunctionAnswer, _>(&engine, &request, name, known, listed)
}

/// Makes a partner function.
#[utoipa::path(post, path = "/integration/{connection}/partner-function", tag = "partner functions", params(("connection" = uuid::Uuid, Path)), request_body = PartnerFunctionBody, responses((status = 201, body = CreatedPartnerFunction)))]
pub(in crate::gateway) async fn create(
    caller: Caller,
    engine: web::Data<Engine>,
    request: HttpRequest,
    connection: PathId<ConnectionId>,
    body: Json<Value>,
) -> Result<HttpResponse> {
    let created = engine
        .partner_functions()
        .create(&caller, connection.0, &body.0)
        .await?;
    let location = format!("{}/{}", own_url(&engine, &request), created.row.id);
    Ok(etag::created(
        &location,
        created.row.version,
        &CreatedPartnerFunction::from(created),
    ))
}

/// One partner function.
#[utoipa::path(get, path = "/integration/{connection}/partner-function/{id}", tag = "partner functions", params(("connection" = uuid::Uuid, Path), ("id" = uuid::Uuid, Path)), responses((status = 200, body = OnePartnerFunction)))]
pub(in crate::gateway) async fn get(
    caller: Caller,
    engine: web::Data<Engine>,
    ids: Ids<PartnerFunctionId>,
) -> Result<HttpResponse> {
    let found = engine.partner_functions().get(&caller, ids.0, ids.1).await?;
    Ok(etag::ok(found.row.version, &OnePartnerFunction::from(found)))
}

/// Changes members of a partner function; what is left out stays.
#[utoipa::path(patch, path = "/integration/{connection}/partner-function/{id}", tag = "partner functions", params(("connection" = uuid::Uuid, Path), ("id" = uuid::Uuid, Path)), request_body = PartnerFunctionBody, responses((status = 200, body = ChangedPartnerFunction)))]
pub(in crate::gateway) async fn patch(
    caller: Caller,
    engine: web::Data<Engine>,
    ids: Ids<PartnerFunctionId>,
    version: IfMatch,
    body: Json<Value>,
) -> Result<HttpResponse> {
    let changed = engine
        .partner_functions()
        .patch(&caller, ids.0, ids.1, version.0, &body.0)
        .await?;
    Ok(etag::ok(changed.row.version, &ChangedPartnerFunction::from(changed)))
}

/// Deletes a partner function. Automations that name it find it missing at their next run.
#[utoipa::path(delete, path = "/integration/{connection}/partner-function/{id}", tag = "partner functions", params(("connection" = uuid::Uuid, Path), ("id" = uuid::Uuid, Path)), responses((status = 204)))]
pub(in crate::gateway) async fn delete(
    caller: Caller,
    engine: web::Data<Engine>,
    ids: Ids<PartnerFunctionId>,
    version: IfMatch,
) -> Result<HttpResponse> {
    engine
        .partner_functions()
        .delete(&caller, ids.0, ids.1, version.0)
        .await?;
    Ok(etag::no_content())
}

/// Enables a partner function.
#[utoipa::path(post, path = "/integration/{connection}/partner-function/{id}/enable", tag = "partner functions", params(("connection" = uuid::Uuid, Path), ("id" = uuid::Uuid, Path)), responses((status = 200, body = Message)))]
pub(in crate::gateway) async fn enable(
    caller: Caller,
    engine: web::Data<Engine>,
    ids: Ids<PartnerFunctionId>,
    version: IfMatch,
) -> Result<HttpResponse> {
    engine
        .partner_functions()
        .set_enabled(&caller, ids.0, ids.1, version.0, true)
        .await?;
    Ok(switched("enabled"))
}

/// Disables a partner function: automations that name it do nothing until it is enabled.
#[utoipa::path(post, path = "/integration/{connection}/partner-function/{id}/disable", tag = "partner functions", params(("connection" = uuid::Uuid, Path), ("id" = uuid::Uuid, Path)), responses((status = 200, body = Message)))]
pub(in crate::gateway) async fn disable(
    caller: Caller,
    engine: web::Data<Engine>,
    ids: Ids<PartnerFunctionId>,
    version: IfMatch,
) -> Result<HttpResponse> {
    engine
        .partner_functions()
        .set_enabled(&caller, ids.0, ids.1, version.0, false)
        .await?;
    Ok(switched("disabled"))
}

/// In the words that clients of this API know.
fn switched(how: &str) -> HttpResponse {
    HttpResponse::Ok().json(Message {
        message: format!("Partner function has been {how} successfully"),
    })
}
