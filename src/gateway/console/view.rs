//! Who looks at a page, and how what a page says becomes an answer: whole, as a part, or as a way to somewhere else.

use std::{cell::Cell, rc::Rc};

use actix_web::{
    FromRequest, HttpMessage, HttpRequest, HttpResponse,
    dev::Payload,
    http::{StatusCode, header},
};
use jiff::Timestamp;
use maud::{Markup, html};

use super::{
    base_of,
    session::{self, Jar},
    shell::{self, Here},
    ui::Wrong,
};
use crate::{
    domain::rights::Right,
    engine::{Engine, caller::Caller, me::Me},
    error::{Error, Result},
    gateway::problem::status_of,
};

/// Header with which our own modules ask for a part of a page.
const PART: &str = "x-part";
/// Everything comes from here, and nothing is inline.
pub(super) const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; \
                                 form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

/// See the module. Cheap to clone.
#[derive(Clone)]
pub(super) struct View(Rc<Looked>);

struct Looked {
    caller: Caller,
    me: Me,
    base: String,
    token: String,
    now: Timestamp,
    part: bool,
    said: Option<String>,
    spoken: Cell<bool>,
    jar: Jar,
}

impl View {
    pub(super) async fn new(engine: &Engine, request: &HttpRequest, caller: Caller, secret: &str) -> Result<Self> {
        let me = engine.me(&caller).await?;
        let base = base_of(request.path()).to_owned();
        let tenant = caller.tenant_id;
        Ok(Self(Rc::new(Looked {
            caller,
            me,
            base,
            token: session::form_token(secret, Some(tenant)),
            now: engine.clock().now(),
            part: Self::is_part(request),
            said: session::said(request),
            spoken: Cell::new(false),
            jar: Jar::of(engine, request),
        })))
    }

    /// Whether one of our modules asks for a part.
    pub(super) fn is_part(request: &HttpRequest) -> bool {
        request.headers().contains_key(PART)
    }

    /// For the engine's functions.
    pub(super) fn caller(&self) -> &Caller {
        &self.0.caller
    }

    /// The person, their tenants and rights.
    pub(super) fn me(&self) -> &Me {
        &self.0.me
    }

    /// For cookies of the console.
    pub(super) fn jar(&self) -> &Jar {
        &self.0.jar
    }

    /// The time at which the page is made.
    pub(super) fn now(&self) -> Timestamp {
        self.0.now
    }

    /// For the hidden field of every form.
    pub(super) fn token(&self) -> &str {
        &self.0.token
    }

    /// A link within the console; `path` begins with `/` or is empty.
    pub(super) fn url(&self, path: &str) -> String {
        format!("{}{path}", self.0.base)
    }

    /// Whether the person has this right in their tenant; buttons of what would be refused are not shown.
    pub(super) fn may(&self, right: Right) -> bool {
        self.0.caller.rights.contains(right)
    }

    /// What the page before wants said here, once.
    pub(super) fn said(&self) -> Option<&str> {
        self.0.spoken.set(true);
        self.0.said.as_deref()
    }

    /// Whether [`View::said`] had something to say and was asked.
    pub(super) fn has_spoken(&self) -> bool {
        self.0.spoken.get() && self.0.said.is_some()
    }

    /// A whole page.
    pub(super) fn page(&self, here: Here, title: &str, content: &Markup) -> HttpResponse {
        self.answer(StatusCode::OK, here, title, content)
    }

    /// A whole page with another status.
    pub(super) fn answer(&self, status: StatusCode, here: Here, title: &str, content: &Markup) -> HttpResponse {
        html(status, shell::page(self, here, title, content))
    }

    /// A part of a page, for a form with `data-into`. Without our modules it is a page of its own.
    pub(super) fn part(&self, here: Here, title: &str, content: &Markup) -> HttpResponse {
        if self.0.part {
            html(StatusCode::OK, content.clone())
        } else {
            self.page(here, title, &html! { h1 { (title) } (content) })
        }
    }

    /// To another page after a POST.
    pub(super) fn redirect(&self, path: &str) -> HttpResponse {
        HttpResponse::SeeOther()
            .insert_header((header::LOCATION, self.url(path)))
            .finish()
    }

    /// To another page, which says what was done.
    pub(super) fn redirect_saying(&self, path: &str, said: &str) -> HttpResponse {
        HttpResponse::SeeOther()
            .insert_header((header::LOCATION, self.url(path)))
            .cookie(self.0.jar.cookie(session::SAID, session::said_value(said)))
            .finish()
    }

    /// The form again with what is wrong with it, for refusals that the person can do something about.
    ///
    /// # Errors
    /// All others, for the page of errors.
    pub(super) fn again(
        &self,
        error: Error,
        here: Here,
        title: &str,
        form: impl FnOnce(&Wrong) -> Markup,
    ) -> Result<HttpResponse> {
        let status = status_of(error.code);
        let mendable = status.is_client_error() && !matches!(status, StatusCode::UNAUTHORIZED | StatusCode::NOT_FOUND);
        if !mendable {
            return Err(error);
        }
        Ok(self.answer(status, here, title, &form(&Wrong::of(&error))))
    }
}

impl FromRequest for View {
    type Error = Error;
    type Future = std::future::Ready<Result<Self>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let view = request.extensions().get::<Self>().cloned();
        std::future::ready(view.ok_or_else(|| Error::internal("a page of the console is mounted without its layer")))
    }
}

/// HTML with the policy of the console.
pub(super) fn html(status: StatusCode, markup: Markup) -> HttpResponse {
    HttpResponse::build(status)
        .insert_header((header::CONTENT_TYPE, "text/html; charset=utf-8"))
        .insert_header((header::CONTENT_SECURITY_POLICY, POLICY))
        .body(markup.into_string())
}
