//! Signing in and out, and choosing the tenant.

use actix_web::{
    HttpRequest, HttpResponse,
    http::{StatusCode, header},
    web::{self, ServiceConfig},
};
use maud::{Markup, html};
use serde::Deserialize;

use super::{
    admit::refuse_other_sites,
    base_of,
    form::{Form, TOKEN_FIELD},
    session::{self, Jar, SAID, SESSION, TENANT, VISITOR},
    shell,
    view::{self, View},
};
use crate::{
    engine::{Engine, password::random_text},
    error::{Code, Error, Result},
    gateway::{
        json::{Query, read_body},
        problem::status_of,
        rate,
        request_id::RequestId,
    },
};

/// Needs no sign-in.
pub(super) fn routes(config: &mut ServiceConfig) {
    config.service(
        web::resource("")
            .route(web::get().to(ask))
            .route(web::post().to(sign_in)),
    );
}

/// For who is signed in.
pub(super) fn leaving(config: &mut ServiceConfig) {
    config
        .service(web::resource("/sign-out").route(web::post().to(sign_out)))
        .service(web::resource("/tenant").route(web::post().to(choose_tenant)));
}

#[derive(Default, Deserialize)]
struct Asked {
    #[serde(default)]
    next: String,
}

async fn ask(request: HttpRequest, engine: web::Data<Engine>, asked: Query<Asked>) -> Result<HttpResponse> {
    let base = base_of(request.path());
    answer(
        &engine,
        &request,
        StatusCode::OK,
        &within(base, &asked.0.next),
        "",
        None,
    )
}

async fn sign_in(request: HttpRequest, engine: web::Data<Engine>, body: web::Payload) -> Result<HttpResponse> {
    rate::admit_sign_in(&engine, &request)?;
    refuse_other_sites(&request)?;
    let form = Form::parse(&read_body(&request, body.into_inner()).await?)?;
    let jar = Jar::of(&engine, &request);
    let base = base_of(request.path());
    let next = within(base, form.text("next"));
    let visitor = request.cookie(VISITOR);
    let ours = visitor.is_some_and(|secret| session::is_form_token(secret.value(), None, form.text(TOKEN_FIELD)));
    let username = form.text("username").to_owned();
    if !ours {
        let why = "The page was too old, or the browser keeps no cookies. Try once more.";
        return answer(&engine, &request, StatusCode::FORBIDDEN, &next, &username, Some(why));
    }
    let password = zeroize::Zeroizing::new(form.text("password").to_owned());
    match engine.sign_in(&username, &password, RequestId::of(&request)).await {
        Ok(signed_in) => Ok(HttpResponse::SeeOther()
            .insert_header((header::LOCATION, next))
            .cookie(jar.cookie(SESSION, signed_in.access_token.to_string()))
            .cookie(jar.ended(VISITOR))
            .cookie(jar.ended(TENANT))
            .cookie(jar.ended(SAID))
            .finish()),
        Err(error) if matches!(error.code, Code::Unauthorized | Code::UserLocked | Code::RateLimited) => answer(
            &engine,
            &request,
            status_of(error.code),
            &next,
            &username,
            Some(&error.message),
        ),
        Err(error) => Err(error),
    }
}

async fn sign_out(view: View, engine: web::Data<Engine>) -> Result<HttpResponse> {
    engine.tokens().sign_out(view.caller()).await?;
    Ok(HttpResponse::SeeOther()
        .insert_header((header::LOCATION, view.url("/sign-in")))
        .cookie(view.jar().ended(SESSION))
        .cookie(view.jar().ended(TENANT))
        .finish())
}

/// From now on everything happens in another tenant. To the overview: what the person looks at is not there.
async fn choose_tenant(view: View, form: Form) -> Result<HttpResponse> {
    let company_id = form.text("companyId");
    let tenants = &view.me().tenants;
    if !tenants.iter().any(|tenant| tenant.company_id == company_id) {
        return Err(Error::new(Code::Forbidden, "That tenant is not one of yours."));
    }
    let chosen = view.jar().cookie(TENANT, company_id.to_owned());
    Ok(HttpResponse::SeeOther()
        .insert_header((header::LOCATION, view.url("")))
        .cookie(chosen)
        .finish())
}

/// A page of this console, or its first: a link from elsewhere must not lead a person who has just signed in away.
fn within(base: &str, next: &str) -> String {
    let inside = next
        .strip_prefix(base)
        .is_some_and(|rest| rest.is_empty() || rest.starts_with(['/', '?']));
    let plain = next.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'\\');
    if inside && plain && !next.starts_with("//") {
        next.to_owned()
    } else {
        base.to_owned()
    }
}

fn answer(
    engine: &Engine,
    request: &HttpRequest,
    status: StatusCode,
    next: &str,
    username: &str,
    wrong: Option<&str>,
) -> Result<HttpResponse> {
    let base = base_of(request.path());
    let known = request.cookie(VISITOR).map(|cookie| cookie.value().to_owned());
    let secret = match known.filter(|secret| !secret.is_empty()) {
        Some(secret) => secret,
        None => random_text()?,
    };
    let content = page(base, &session::form_token(&secret, None), next, username, wrong);
    let mut response = view::html(status, shell::bare(base, "Sign in", &content));
    let visitor = Jar::of(engine, request).cookie(VISITOR, secret);
    response.add_cookie(&visitor).map_err(Error::internal)?;
    Ok(response)
}

fn page(base: &str, token: &str, next: &str, username: &str, wrong: Option<&str>) -> Markup {
    html! {
        form .sign-in method="post" action={ (base) "/sign-in" } {
            h1 { "Sign in" }
            @if let Some(wrong) = wrong { p .refusal role="alert" { (wrong) } }
            input type="hidden" name=(TOKEN_FIELD) value=(token);
            input type="hidden" name="next" value=(next);
            div .field {
                label for="f-username" { "Username" }
                input #f-username name="username" autocomplete="username" required autofocus[username.is_empty()] value=(username);
            }
            div .field {
                label for="f-password" { "Password" }
                input #f-password type="password" name="password" autocomplete="current-password" required
                    autofocus[!username.is_empty()];
            }
            button .primary type="submit" { "Sign in" }
            p .quiet { "The first user is " code { "admin" } ", with the password of the setting " code { "admin.password" }
                ", or the one that the first start printed." }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_is_led_away() {
        for (next, to) in [
            ("/console/actors?kind=call", "/console/actors?kind=call"),
            ("/console", "/console"),
            ("/console?x=1", "/console?x=1"),
            ("https://evil.example/console", "/console"),
            ("//evil.example/console", "/console"),
            ("/console\\evil", "/console"),
            ("/consolex", "/console"),
            ("/console/a\nb", "/console"),
            ("", "/console"),
        ] {
            assert_eq!(within("/console", next), to, "{next}");
        }
    }
}
