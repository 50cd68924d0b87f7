//! `/api/v1/transactions`: reading, creating by hand, editing, committing and discarding.

use actix_web::{
    HttpResponse,
    web::{self, ServiceConfig},
};
use serde_json::json;

use super::{
    dto::{
        run_schema::{CommitResultsSchema, TransactionChangeSchema, TransactionSchema},
        transactions::{CommitBody, EditBody, ListQuery, NewBody},
    },
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

/// Transactions, newest first.
#[utoipa::path(get, path = "/api/v1/transactions", tag = "transactions", params(ListQuery), responses((status = 200, body = List<TransactionSchema>)))]
pub(super) async fn list(caller: Caller, engine: web::Data<Engine>, query: Query<ListQuery>) -> Result<HttpResponse> {
    let (filter, page) = query.0.parts()?;
    let paged = engine.transactions().list(&caller, filter, page).await?;
    Ok(HttpResponse::Ok().json(List::of(paged, |item| item)))
}

/// Makes a transaction by hand.
#[utoipa::path(post, path = "/api/v1/transactions", tag = "transactions", request_body = NewBody, responses((status = 201, body = TransactionSchema)))]
pub(super) async fn create(caller: Caller, engine: web::Data<Engine>, body: Json<NewBody>) -> Result<HttpResponse> {
    let new = NewByHand {
        identifier: body.0.identifier,
        data: body.0.data,
        preparation: body.0.preparation,
    };
    let created = engine.transactions().create(&caller, new).await?;
    let location = format!("/api/v1/transactions/{}", created.id);
    Ok(etag::created(&location, created.version, &created))
}

/// One transaction.
#[utoipa::path(get, path = "/api/v1/transactions/{id}", tag = "transactions", params(("id" = uuid::Uuid, Path)), responses((status = 200, body = TransactionSchema)))]
pub(super) async fn get(caller: Caller, engine: web::Data<Engine>, id: PathId<TransactionId>) -> Result<HttpResponse> {
    let found = engine.transactions().get(&caller, id.0).await?;
    Ok(etag::ok(found.version, &found))
}

/// Who changed what of a transaction, oldest first.
#[utoipa::path(get, path = "/api/v1/transactions/{id}/changes", tag = "transactions", params(("id" = uuid::Uuid, Path), PageQuery), responses((status = 200, body = List<TransactionChangeSchema>)))]
pub(super) async fn changes(
    caller: Caller,
    engine: web::Data<Engine>,
    id: PathId<TransactionId>,
    query: Query<PageQuery>,
) -> Result<HttpResponse> {
    let page = query.0.page()?;
    let paged = engine.transactions().changes(&caller, id.0, page).await?;
    Ok(HttpResponse::Ok().json(List::of(paged, |change| change)))
}

/// Applies a merge patch to the data of a transaction in preparation.
#[utoipa::path(patch, path = "/api/v1/transactions/{id}", tag = "transactions", params(("id" = uuid::Uuid, Path)), request_body = EditBody, responses((status = 200, body = TransactionSchema)))]
pub(super) async fn edit(
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

/// Makes a transaction in preparation final.
#[utoipa::path(post, path = "/api/v1/transactions/{id}/commit", tag = "transactions", params(("id" = uuid::Uuid, Path)), responses((status = 200, body = TransactionSchema)))]
pub(super) async fn commit(
    caller: Caller,
    engine: web::Data<Engine>,
    id: PathId<TransactionId>,
    version: IfMatch,
) -> Result<HttpResponse> {
    let committed = engine.transactions().commit(&caller, id.0, version.0).await?;
    Ok(etag::ok(committed.version, &committed))
}

/// Puts a transaction in preparation away.
#[utoipa::path(post, path = "/api/v1/transactions/{id}/discard", tag = "transactions", params(("id" = uuid::Uuid, Path)), responses((status = 200, body = TransactionSchema)))]
pub(super) async fn discard(
    caller: Caller,
    engine: web::Data<Engine>,
    id: PathId<TransactionId>,
    version: IfMatch,
) -> Result<HttpResponse> {
    let discarded = engine.transactions().discard(&caller, id.0, version.0).await?;
    Ok(etag::ok(discarded.version, &discarded))
}

/// Commits up to 1,000 transactions; answers for each.
#[utoipa::path(post, path = "/api/v1/transactions/commit", tag = "transactions", request_body = CommitBody, responses((status = 200, body = CommitResultsSchema)))]
pub(super) async fn commit_many(
    caller: Caller,
    engine: web::Data<Engine>,
    body: Json<CommitBody>,
) -> Result<HttpResponse> {
    let results = engine.transactions().commit_many(&caller, body.0.ids).await?;
    Ok(HttpResponse::Ok().json(json!({ "items": results })))
}
