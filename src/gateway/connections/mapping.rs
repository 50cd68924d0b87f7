//! Object mappings of a connection: the document that says which member of a record becomes which, by name.

use actix_web::{
    HttpRequest, HttpResponse,
    web::{self, ServiceConfig},
};
use serde_json::Value;

use super::{
    list::ListQuery,
    path::{Named, either, own_url},
};
use crate::{
    domain::ids::ConnectionId,
    engine::{Engine, caller::Caller},
    error::Result,
    gateway::{
        dto::mappings::{MappingAnswer, MappingList},
        etag::{self, IfMatch},
        json::{Json, PathId, Query},
    },
    store::listing::OrderBy,
};

/// What lists can be ordered by.
const ORDERS: [(&str, OrderBy); 2] = [("name", OrderBy::Name), ("updated", OrderBy::Updated)];

pub(super) fn routes(config: &mut ServiceConfig) {
    config
        .service(web::resource(either("/{connection}/mapping")).route(web::get().to(list)))
        .service(
            web::resource(either("/{connection}/mapping/{name}"))
                .route(web::get().to(get))
                .route(web::put().to(put))
                .route(web::delete().to(delete)),
        );
}

/// The object mappings of a connection.
#[utoipa::path(get, path = "/integration/{connection}/mapping", tag = "object mappings", params(("connection" = uuid::Uuid, Path), ListQuery), responses((status = 200, body = MappingList)))]
pub(in crate::gateway) async fn list(
    caller: Caller,
    engine: web::Data<Engine>,
    request: HttpRequest,
    connection: PathId<ConnectionId>,
    query: Query<ListQuery>,
) -> Result<HttpResponse> {
    let wanted = query.0.read()?;
    let window = wanted.window(&ORDERS)?;
    let listed = engine.mappings().list(&caller, connection.0, window).await?;
    let (name, known) = ("object_mappings", &MappingAnswer::FIELDS);
    wanted.answer::<MappingAnswer, _>(&engine, &request, name, known, listed)
}

/// One object mapping, as it was put.
#[utoipa::path(get, path = "/integration/{connection}/mapping/{name}", tag = "object mappings", params(("connection" = uuid::Uuid, Path), ("name" = String, Path)), responses((status = 200, body = Object)))]
pub(in crate::gateway) async fn get(caller: Caller, engine: web::Data<Engine>, place: Named) -> Result<HttpResponse> {
    let found = engine.mappings().get(&caller, place.0, &place.1).await?;
    Ok(etag::ok(found.version, &found.definition))
}

/// Makes or replaces an object mapping: an array of `{"source","target","transform"?,"default"?}`, or `{"script"}` or
/// `{"script_id"}`.
#[utoipa::path(put, path = "/integration/{connection}/mapping/{name}", tag = "object mappings", params(("connection" = uuid::Uuid, Path), ("name" = String, Path)), request_body = Object, responses((status = 200, body = Object), (status = 201, body = Object)))]
pub(in crate::gateway) async fn put(
    caller: Caller,
    engine: web::Data<Engine>,
    request: HttpRequest,
    place: Named,
    version: IfMatch,
    body: Json<Value>,
) -> Result<HttpResponse> {
    let (written, is_new) = engine
        .mappings()
        .put(&caller, place.0, &place.1, version.0, &body.0)
        .await?;
    if !is_new {
        return Ok(etag::ok(written.version, &written.definition));
    }
    let location = own_url(&engine, &request);
    Ok(etag::created(&location, written.version, &written.definition))
}

/// Deletes an object mapping. Partner functions that name it take records as they are.
#[utoipa::path(delete, path = "/integration/{connection}/mapping/{name}", tag = "object mappings", params(("connection" = uuid::Uuid, Path), ("name" = String, Path)), responses((status = 204)))]
pub(in crate::gateway) async fn delete(
    caller: Caller,
    engine: web::Data<Engine>,
    place: Named,
    version: IfMatch,
) -> Result<HttpResponse> {
    engine.mappings().delete(&caller, place.0, &place.1, version.0).await?;
    Ok(etag::no_content())
}
