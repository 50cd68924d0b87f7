//! `/api/v1/background/{id}/content`: what an endpoint has answered, as it answered it, but never as a page of ours.

use actix_web::{
    HttpResponse,
    http::header::{self, HeaderValue},
    web,
};
use futures_util::StreamExt;

use crate::{
    domain::ids::BackgroundId,
    engine::{
        Engine,
        background::{Content, ContentBody},
        caller::Caller,
    },
    error::Result,
    gateway::{etag, json::PathId},
};

/// Without scripts, forms, frames and an origin, whatever a browser takes the content for.
const POLICY: &str = "sandbox; default-src 'none'; frame-ancestors 'none'";
/// What browsers may show. Everything else they are to save.
const SHOWN: [&str; 3] = ["application/json", "application/problem+json", "text/plain"];

/// The stored body of the answer, with its media type; 204 where it has none. Whoever sees the state sees it, but what an
/// administrator of all tenants was answered is only for such (403).
#[utoipa::path(get, path = "/api/v1/background/{id}/content", tag = "background", params(("id" = uuid::Uuid, Path)), responses((status = 200, body = Vec<u8>, content_type = "application/octet-stream"), (status = 204)))]
pub(in crate::gateway) async fn content(
    caller: Caller,
    engine: web::Data<Engine>,
    id: PathId<BackgroundId>,
) -> Result<HttpResponse> {
    let Some(content) = engine.background().content(&caller, id.0).await? else {
        return Ok(etag::no_content());
    };
    let Content {
        content_type,
        encoding,
        body,
    } = content;
    let media_type = content_type
        .and_then(|text| HeaderValue::from_str(&text).ok())
        .unwrap_or(HeaderValue::from_static("application/octet-stream"));
    let disposition = match is_shown(&media_type) {
        true => "inline".to_owned(),
        false => format!("attachment; filename=\"{}\"", id.0),
    };
    let mut response = HttpResponse::Ok();
    response
        .insert_header((header::CONTENT_TYPE, media_type))
        .insert_header((header::CONTENT_DISPOSITION, disposition))
        .insert_header((header::CONTENT_SECURITY_POLICY, POLICY));
    if let Some(encoding) = encoding.and_then(|text| HeaderValue::from_str(&text).ok()) {
        response.insert_header((header::CONTENT_ENCODING, encoding));
    }
    Ok(match body {
        ContentBody::Whole(bytes) => response.body(bytes),
        ContentBody::Parts(parts) => response.streaming(parts.map(|part| part.map_err(actix_web::Error::from))),
    })
}

fn is_shown(media_type: &HeaderValue) -> bool {
    let essence = media_type
        .to_str()
        .unwrap_or_default()
        .split(';')
        .next()
        .unwrap_or_default();
    SHOWN.iter().any(|shown| essence.trim().eq_ignore_ascii_case(shown))
}
