//! The layer of every page that needs a sign-in: the cookie becomes a [`View`], and a form is taken only with its session's token.

use actix_web::{
    Error as WebError, HttpMessage, HttpRequest, HttpResponse,
    body::{BoxBody, MessageBody},
    dev::{ServiceRequest, ServiceResponse},
    http::{Method, header},
    middleware::Next,
    web,
};
use url::form_urlencoded;

use super::{
    base_of,
    form::{Form, TOKEN_FIELD},
    session::{self, Jar, SAID, SESSION, TENANT},
    view::View,
};
use crate::{
    engine::{Engine, caller::Caller},
    error::{Code, Error, Result},
    gateway::{json::read_body, rate, request_id::RequestId},
};

/// Mounted with `middleware::from_fn`.
pub(super) async fn admit<B: MessageBody + 'static>(
    mut request: ServiceRequest,
    next: Next<B>,
) -> Result<ServiceResponse<BoxBody>, WebError> {
    let Some(engine) = request.app_data::<web::Data<Engine>>().cloned() else {
        return Err(Error::internal("the engine is not in the app's data").into());
    };
    match admitted(&engine, &mut request).await {
        Ok(Admitted { view, form }) => {
            request.extensions_mut().insert(view.caller().clone());
            request.extensions_mut().insert(view.clone());
            if let Some(form) = form {
                request.extensions_mut().insert(form);
            }
            let mut response = next.call(request).await?.map_into_boxed_body();
            if view.has_spoken() {
                let gone = view.jar().ended(SAID);
                response.response_mut().add_cookie(&gone).map_err(Error::internal)?;
            }
            Ok(response)
        }
        Err(error) if error.code == Code::Unauthorized && is_page(&request) => {
            let answer = to_sign_in(&engine, request.request());
            Ok(request.into_response(answer).map_into_boxed_body())
        }
        Err(error) => Ok(request.error_response(error)),
    }
}

struct Admitted {
    view: View,
    form: Option<Form>,
}

async fn admitted(engine: &Engine, request: &mut ServiceRequest) -> Result<Admitted> {
    let (secret, caller) = who(engine, request.request()).await?;
    rate::admit(engine, &caller)?;
    let form = match *request.method() {
        Method::GET | Method::HEAD => None,
        _ => Some(form_of(request, &secret, &caller).await?),
    };
    let view = View::new(engine, request.request(), caller, &secret).await?;
    Ok(Admitted { view, form })
}

/// Who is signed in, in the tenant that they chose if they still reach it.
async fn who(engine: &Engine, request: &HttpRequest) -> Result<(String, Caller)> {
    let cookie = request.cookie(SESSION).ok_or_else(no_session)?;
    let secret = cookie.value().to_owned();
    let identity = engine.access().identity();
    let request_id = RequestId::of(request);
    if let Some(tenant) = request.cookie(TENANT) {
        let chosen = identity
            .authenticate(&secret, Some(tenant.value()), request_id.clone())
            .await;
        match chosen {
            Err(error) if error.code == Code::Forbidden => {}
            chosen => return Ok((secret, of_a_person(chosen?)?)),
        }
    }
    let caller = identity.authenticate(&secret, None, request_id).await?;
    Ok((secret, of_a_person(caller)?))
}

/// A program's token in a cookie is somebody's mistake.
fn of_a_person(caller: Caller) -> Result<Caller> {
    if caller.is_part { Err(no_session()) } else { Ok(caller) }
}

fn no_session() -> Error {
    Error::new(
        Code::Unauthorized,
        "You are not signed in any more. Reload the page and sign in.",
    )
}

/// Reads the form and checks that one of our own pages sent it.
async fn form_of(request: &mut ServiceRequest, secret: &str, caller: &Caller) -> Result<Form> {
    refuse_other_sites(request.request())?;
    if !Form::is_sent(request.request()) {
        return Err(Error::new(
            Code::UnsupportedMediaType,
            "The console takes forms only; programs use the API.",
        ));
    }
    let payload = request.take_payload();
    let body = read_body(request.request(), payload).await?;
    let form = Form::parse(&body)?;
    if session::is_form_token(secret, Some(caller.tenant_id), form.text(TOKEN_FIELD)) {
        Ok(form)
    } else {
        Err(Error::new(
            Code::Forbidden,
            "This form belongs to another sign-in or another tenant, so nothing was done. Go back, reload the page and send it again.",
        ))
    }
}

/// Browsers say whose page sent a form. Checked besides the token, which other sites cannot know.
pub(super) fn refuse_other_sites(request: &HttpRequest) -> Result<()> {
    let site = request.headers().get("sec-fetch-site");
    match site.map(header::HeaderValue::as_bytes) {
        None | Some(b"same-origin" | b"none") => Ok(()),
        Some(_) => Err(Error::new(
            Code::Forbidden,
            "This form was sent from another site, so nothing was done.",
        )),
    }
}

/// Whether a person waits for a page: not for a part of one, and not for events.
fn is_page(request: &ServiceRequest) -> bool {
    let accept = request.headers().get(header::ACCEPT);
    let takes_pages = accept.is_none_or(|value| {
        value
            .to_str()
            .is_ok_and(|text| text.contains("html") || text.contains("*/*"))
    });
    *request.method() == Method::GET && takes_pages && !View::is_part(request.request())
}

fn to_sign_in(engine: &Engine, request: &HttpRequest) -> HttpResponse {
    let base = base_of(request.path());
    let wanted = request.uri().path_and_query().map_or("", |whole| whole.as_str());
    let next: String = form_urlencoded::byte_serialize(wanted.as_bytes()).collect();
    HttpResponse::SeeOther()
        .insert_header((header::LOCATION, format!("{base}/sign-in?next={next}")))
        .cookie(Jar::of(engine, request).ended(SESSION))
        .finish()
}
