//! `/docs`: the API to read and try in a browser, from files in the binary.

use std::sync::Arc;

use actix_web::{
    HttpRequest, HttpResponse,
    http::header,
    web::{self, ServiceConfig},
};
use utoipa_swagger_ui::Config;

use crate::error::{Code, Error, Result};

/// The page loads its own scripts, styles and pictures, and talks to this server.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; \
                      font-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

pub(super) fn routes(config: &mut ServiceConfig) {
    let pages = Arc::new(Config::from("../openapi.json").try_it_out_enabled(true));
    config
        .app_data(web::Data::from(pages))
        .service(web::resource("").route(web::get().to(slash)))
        .service(web::resource("/{file:.*}").route(web::get().to(file)));
}

/// The page's own links are relative to the folder.
async fn slash(request: HttpRequest) -> HttpResponse {
    HttpResponse::PermanentRedirect()
        .insert_header((header::LOCATION, format!("{}/", request.path())))
        .finish()
}

async fn file(path: web::Path<String>, pages: web::Data<Config<'static>>) -> Result<HttpResponse> {
    let found =
        utoipa_swagger_ui::serve(&path, pages.into_inner()).map_err(|error| Error::internal(error.to_string()))?;
    let Some(file) = found else {
        return Err(Error::new(Code::NotFound, "The documentation has no such file."));
    };
    Ok(HttpResponse::Ok()
        .insert_header((header::CONTENT_TYPE, file.content_type))
        .insert_header((header::CONTENT_SECURITY_POLICY, POLICY))
        .insert_header((header::CACHE_CONTROL, "no-cache"))
        .body(file.bytes.into_owned()))
}
