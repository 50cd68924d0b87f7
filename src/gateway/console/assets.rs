//! The style sheets, modules and the icon: part of the binary, asked for again only when they change.

use actix_web::{
    HttpRequest, HttpResponse,
    http::header,
    web::{self, ServiceConfig},
};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use sha2::{Digest, Sha256};

use crate::error::{Code, Error, Result};

const CSS: &str = "text/css; charset=utf-8";
const MODULE: &str = "text/javascript; charset=utf-8";
const ICON: &str = "image/svg+xml";

/// Name, media type, text.
const FILES: &[(&str, &str, &str)] = &[
    ("base.css", CSS, include_str!("assets/base.css")),
    ("charts.css", CSS, include_str!("assets/charts.css")),
    ("parts.css", CSS, include_str!("assets/parts.css")),
    ("calls.css", CSS, include_str!("assets/calls.css")),
    ("settings.css", CSS, include_str!("assets/settings.css")),
    ("data.css", CSS, include_str!("assets/data.css")),
    ("connections.css", CSS, include_str!("assets/connections.css")),
    ("icon.svg", ICON, include_str!("assets/icon.svg")),
    ("app.js", MODULE, include_str!("assets/app.js")),
    ("ask.js", MODULE, include_str!("assets/ask.js")),
    ("editor.js", MODULE, include_str!("assets/editor.js")),
    ("lists.js", MODULE, include_str!("assets/lists.js")),
    ("live.js", MODULE, include_str!("assets/live.js")),
    ("marks.js", MODULE, include_str!("assets/marks.js")),
    ("parts.js", MODULE, include_str!("assets/parts.js")),
    ("patch.js", MODULE, include_str!("assets/patch.js")),
    ("rows.js", MODULE, include_str!("assets/rows.js")),
    ("small.js", MODULE, include_str!("assets/small.js")),
    ("times.js", MODULE, include_str!("assets/times.js")),
    ("zones.js", MODULE, include_str!("assets/zones.js")),
];

pub(super) fn routes(config: &mut ServiceConfig) {
    config.service(web::resource("/{file}").route(web::get().to(file)));
}

async fn file(request: HttpRequest, name: web::Path<String>) -> Result<HttpResponse> {
    let found = FILES.iter().find(|(known, ..)| known == name.as_ref());
    let Some((_, media_type, text)) = found else {
        return Err(Error::new(Code::NotFound, "The console has no such file."));
    };
    let tag = format!("\"{}\"", URL_SAFE_NO_PAD.encode(Sha256::digest(text)));
    let known = request.headers().get(header::IF_NONE_MATCH);
    if known.is_some_and(|value| value.as_bytes() == tag.as_bytes()) {
        return Ok(HttpResponse::NotModified().insert_header((header::ETAG, tag)).finish());
    }
    Ok(HttpResponse::Ok()
        .insert_header((header::CONTENT_TYPE, *media_type))
        .insert_header((header::ETAG, tag))
        .insert_header((header::CACHE_CONTROL, "no-cache"))
        .body(*text))
}
