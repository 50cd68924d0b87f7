//! `/api/authentication/gettoken`: a password becomes a token.

use actix_web::{
    HttpRequest, HttpResponse,
    web::{self, ServiceConfig},
};

use super::{
    dto::tokens::{SignInAnswer, SignInBody},
    json::Json,
    rate,
    request_id::RequestId,
};
use crate::{engine::Engine, error::Result};

pub(super) fn routes(config: &mut ServiceConfig) {
    config.service(web::resource("/gettoken").route(web::post().to(get_token)));
}

/// Signs in. Five wrong passwords in a row lock the user for a while.
#[utoipa::path(
    post, path = "/api/authentication/gettoken", tag = "sign-in", request_body = SignInBody, security(()),
    responses((status = 200, body = SignInAnswer), (status = 401), (status = 429))
)]
pub(super) async fn get_token(
    request: HttpRequest,
    engine: web::Data<Engine>,
    body: Json<SignInBody>,
) -> Result<HttpResponse> {
    rate::admit_sign_in(&engine, &request)?;
    let SignInBody { username, password } = body.0;
    let password = zeroize::Zeroizing::new(password);
    let signed_in = engine.sign_in(&username, &password, RequestId::of(&request)).await?;
    Ok(HttpResponse::Ok().json(SignInAnswer {
        access_token: signed_in.access_token.to_string(),
        token_type: "Bearer",
        expires_in: signed_in.expires_in,
    }))
}
