//! `/api/v1/transactions`: reading, creating by hand, editing, committing and discarding.

use actix_web::{
    HttpResponse,
    web::{self, ServiceConfig},
};
use serde_json::json;

use super::{
    dto::transactions::{CommitBody, EditBody, ListQuery, NewBody},
    etag::{self, IfMatch},
    json::{Json, PathId, Query},
    page::{List, PageQuery},
};
use crate::{
    domain::ids::TransactionId,
    engine::{Engine, caller::Caller, transactions::NewByHand},
    error::Result,
};

pub(super) fn routes(config: &mut ServiceConfig) {
    config
        .service(
            web::resource("/transactions")
                .route(web::get().to(list))
                .route(web::post().to(create)),
        )
        .service(web::resource("/transactions/commit").route(web::post().to(commit_many)))
        .service(
            web::resource("/transactions/{id}")
                .route(web::get().to(get))
                .route(web::patch().to(edit)),
        )
        .service(web::resource("/transactions/{id}/changes").route(web::get().to(changes)))
        .service(web::resource("/transactions/{id}/commit").route(web::post().to(commit)))
        .service(web::resource("/transactions/{id}/discard").route(web::post().to(discard)));
}

async fn list(caller: Caller, engine: web::Data<Engine>, query: Query<ListQuery>) -> Result<HttpResponse> {
    let (filter, page) = query.0.parts()?;
    let paged = engine.transactions().list(&caller, filter, page).await?;
    Ok(HttpResponse::Ok().json(List::of(paged, |item| item)))
}

async fn create(caller: Caller, engine: web::Data<Engine>, body: Json<NewBody>) -> Result<HttpResponse> {
    let new = NewByHand {
        identifier: body.0.identifier,
        data: body.0.data,
        preparation: body.0.preparation,
    };
    let created = engine.transactions().create(&caller, new).await?;
    let location = format!("/api/v1/transactions/{}", created.id);
    Ok(etag::created(&location, created.version, &created))
}

async fn get(caller: Caller, engine: web::Data<Engine>, id: PathId<TransactionId>) -> Result<HttpResponse> {
    let found = engine.transactions().get(&caller, id.0).await?;
    Ok(etag::ok(found.version, &found))
}

async fn changes(
    caller: Caller,
    engine: web::Data<Engine>,
    id: PathId<TransactionId>,
    query: Query<PageQuery>,
) -> Result<HttpResponse> {
    let page = query.0.page()?;
    let paged = engine.transactions().changes(&caller, id.0, page).await?;
    Ok(HttpResponse::Ok().json(List::of(paged, |change| change)))
}

async fn edit(
    caller: Caller,
    engine: web::Data<Engine>,
    id: PathId<TransactionId>,
    version: IfMatch,
    body: Json<EditBody>,
) -> Result<HttpResponse> {
    let edited = engine
        .transactions()
        .edit(&caller, id.0, version.0, &body.0.data)
        .await?;
    Ok(etag::ok(edited.version, &edited))
}

async fn commit(
    caller: Caller,
    engine: web::Data<Engine>,
    id: PathId<TransactionId>,
    version: IfMatch,
) -> Result<HttpResponse> {
    let committed = engine.transactions().commit(&caller, id.0, version.0).await?;
    Ok(etag::ok(committed.version, &committed))
}

async fn discard(
    caller: Caller,
    engine: web::Data<Engine>,
    id: PathId<TransactionId>,
    version: IfMatch,
) -> Result<HttpResponse> {
    let discarded = engine.transactions().discard(&caller, id.0, version.0).await?;
    Ok(etag::ok(discarded.version, &discarded))
}

async fn commit_many(caller: Caller, engine: web::Data<Engine>, body: Json<CommitBody>) -> Result<HttpResponse> {
    let results = engine.transactions().commit_many(&caller, body.0.ids).await?;
    Ok(HttpResponse::Ok().json(json!({ "items": results })))
}
