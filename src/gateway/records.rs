//! `/api/v1/records/{entity}`: the local records of an entity.

use std::future::{Ready, ready};

use actix_web::{
    FromRequest, HttpRequest, HttpResponse,
    dev::Payload,
    web::{self, ServiceConfig},
};
use serde_json::value::RawValue;

use super::{
    dto::records::RecordSchema,
    etag::{self, IfMatch},
    json::{Json, Query},
    page::{List, PageQuery},
};
use crate::{
    engine::{Engine, caller::Caller},
    error::{Code, Error, Result},
};

pub(super) fn routes(config: &mut ServiceConfig) {
    config
        .service(web::resource("/records/{entity}").route(web::get().to(list)))
        .service(
            web::resource("/records/{entity}/{key}")
                .route(web::get().to(get))
                .route(web::put().to(put))
                .route(web::patch().to(patch))
                .route(web::delete().to(delete)),
        );
}

/// Which record: entity and key, percent-decoded, so that a key may hold a slash.
pub(super) struct At {
    entity: String,
    key: String,
}

impl FromRequest for At {
    type Error = Error;
    type Future = Ready<Result<Self>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let parts = request.match_info().load::<(String, String)>();
        ready(match parts {
            Ok((entity, key)) => Ok(Self { entity, key }),
            Err(error) => {
                Err(Error::new(Code::BadRequest, "The path of this record cannot be decoded.").with_source(error))
            }
        })
    }
}

/// The records of an entity, by key.
#[utoipa::path(get, path = "/api/v1/records/{entity}", tag = "records", params(("entity" = String, Path), PageQuery), responses((status = 200, body = List<RecordSchema>)))]
pub(super) async fn list(
    caller: Caller,
    engine: web::Data<Engine>,
    entity: web::Path<String>,
    query: Query<PageQuery>,
) -> Result<HttpResponse> {
    let paged = engine.records().list(&caller, &entity, query.0.page()?).await?;
    Ok(HttpResponse::Ok().json(List::of(paged, |record| record)))
}

/// One record.
#[utoipa::path(get, path = "/api/v1/records/{entity}/{key}", tag = "records", params(("entity" = String, Path), ("key" = String, Path)), responses((status = 200, body = RecordSchema)))]
pub(super) async fn get(caller: Caller, engine: web::Data<Engine>, at: At) -> Result<HttpResponse> {
    let found = engine.records().get(&caller, &at.entity, &at.key).await?;
    Ok(etag::ok(found.version, &found))
}

/// Makes a record, or replaces its data.
#[utoipa::path(put, path = "/api/v1/records/{entity}/{key}", tag = "records", params(("entity" = String, Path), ("key" = String, Path)), request_body = Object, responses((status = 200, body = RecordSchema), (status = 201, body = RecordSchema)))]
pub(super) async fn put(
    caller: Caller,
    engine: web::Data<Engine>,
    request: HttpRequest,
    at: At,
    version: IfMatch,
    body: Json<Box<RawValue>>,
) -> Result<HttpResponse> {
    let records = engine.records();
    let put = records.put(&caller, &at.entity, &at.key, version.0, &body.0).await?;
    if put.created {
        return Ok(etag::created(request.path(), put.record.version, &put.record));
    }
    Ok(etag::ok(put.record.version, &put.record))
}

/// Applies a merge patch (RFC 7396) to the data of a record.
#[utoipa::path(patch, path = "/api/v1/records/{entity}/{key}", tag = "records", params(("entity" = String, Path), ("key" = String, Path)), request_body = Object, responses((status = 200, body = RecordSchema)))]
pub(super) async fn patch(
    caller: Caller,
    engine: web::Data<Engine>,
    at: At,
    version: IfMatch,
    body: Json<Box<RawValue>>,
) -> Result<HttpResponse> {
    let records = engine.records();
    let patched = records.patch(&caller, &at.entity, &at.key, version.0, &body.0).await?;
    Ok(etag::ok(patched.version, &patched))
}

/// Deletes a record here; its counterparts stay as they are.
#[utoipa::path(delete, path = "/api/v1/records/{entity}/{key}", tag = "records", params(("entity" = String, Path), ("key" = String, Path)), responses((status = 204)))]
pub(super) async fn delete(
    caller: Caller,
    engine: web::Data<Engine>,
    at: At,
    version: IfMatch,
) -> Result<HttpResponse> {
    engine.records().delete(&caller, &at.entity, &at.key, version.0).await?;
    Ok(etag::no_content())
}
