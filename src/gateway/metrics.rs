//! `/metrics`: what the engine counts, for Prometheus.

use actix_web::{HttpResponse, http::header, web};

use crate::{
    engine::Engine,
    error::{Error, Result},
};

/// Media type of Prometheus' text form.
const MEDIA_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// Counters and histograms.
#[utoipa::path(get, path = "/metrics", tag = "health", security(()), responses((status = 200, content_type = "text/plain")))]
pub(super) async fn metrics(engine: web::Data<Engine>) -> Result<HttpResponse> {
    engine.refresh_gauges().await;
    let text = engine.metrics().to_text().map_err(Error::internal)?;
    Ok(HttpResponse::Ok()
        .insert_header((header::CONTENT_TYPE, MEDIA_TYPE))
        .body(text))
}
