//! Test URL and Run response: the form as it stands, not saved, with the secrets that are stored.

use actix_web::{HttpRequest, HttpResponse, web};
use maud::{Markup, html};
use serde_json::json;

use super::{
    HERE, View,
    draft::{Draft, Test},
    fields::SAVED,
    form::{self, Form},
    page, tested,
    ui::Wrong,
};
use crate::{
    domain::ids::CallApiId,
    engine::{
        Engine,
        test_call::{GivenResponse, Interpreted, Tested},
    },
    error::Result,
    gateway::{dto::call_apis::ResponseBody, json::PathId},
};

/// A response as the form carries it from Test URL to Run response.
pub(super) struct Received {
    pub(super) status: String,
    /// JSON.
    pub(super) headers: String,
    pub(super) body: String,
}

impl Received {
    pub(super) fn of(tested: &Tested) -> Self {
        Self {
            status: tested.response.status_code.to_string(),
            headers: tested.response.headers.to_string(),
            body: tested.response.body.clone(),
        }
    }

    fn of_form(form: &Form) -> Self {
        let text = |name: &str| form.text(name).to_owned();
        Self {
            status: text("_response.status"),
            headers: text("_response.headers"),
            body: text("_response.body"),
        }
    }

    fn given(&self) -> Result<GivenResponse> {
        let headers = serde_json::from_str(&self.headers).unwrap_or_else(|_| json!({}));
        let body: ResponseBody =
            form::body(&json!({ "statusCode": form::number(&self.status), "headers": headers, "body": self.body }))?;
        body.given()
    }
}

pub(super) async fn test_new(
    view: View,
    engine: web::Data<Engine>,
    form: Form,
    request: HttpRequest,
) -> Result<HttpResponse> {
    test(&view, &engine, None, &form, &request).await
}

pub(super) async fn test_saved(
    view: View,
    engine: web::Data<Engine>,
    id: PathId<CallApiId>,
    form: Form,
    request: HttpRequest,
) -> Result<HttpResponse> {
    test(&view, &engine, Some(id.0), &form, &request).await
}

pub(super) async fn respond_new(
    view: View,
    engine: web::Data<Engine>,
    form: Form,
    request: HttpRequest,
) -> Result<HttpResponse> {
    respond(&view, &engine, None, &form, &request).await
}

pub(super) async fn respond_saved(
    view: View,
    engine: web::Data<Engine>,
    id: PathId<CallApiId>,
    form: Form,
    request: HttpRequest,
) -> Result<HttpResponse> {
    respond(&view, &engine, Some(id.0), &form, &request).await
}

async fn test(
    view: &View,
    engine: &Engine,
    id: Option<CallApiId>,
    form: &Form,
    request: &HttpRequest,
) -> Result<HttpResponse> {
    let draft = Draft::of_form(form);
    let content = match tested(view, engine, id, form, &draft).await {
        Ok(done) => tested::answered(view, &path(id), &done),
        Err(error) => tested::refused(draft.renamed(error))?,
    };
    answer(view, engine, id, draft, form, request, "Test URL", &content, &content).await
}

async fn tested(view: &View, engine: &Engine, id: Option<CallApiId>, form: &Form, draft: &Draft) -> Result<Tested> {
    let (caller, calls) = (view.caller(), engine.call_apis());
    match id {
        // What is active shows its form read only: nothing was edited.
        Some(id) if form.has(SAVED) => calls.test(caller, id).await,
        Some(id) => {
            let edited = draft.to_test(Test::Url, caller.user_id)?.definition;
            calls.test_edited(caller, id, edited).await
        }
        None => {
            let unsaved = draft.to_test(Test::Url, caller.user_id)?.definition;
            calls.test_definition(caller, unsaved).await
        }
    }
}

async fn respond(
    view: &View,
    engine: &Engine,
    id: Option<CallApiId>,
    form: &Form,
    request: &HttpRequest,
) -> Result<HttpResponse> {
    let draft = Draft::of_form(form);
    let received = Received::of_form(form);
    let content = match interpreted(view, engine, id, form, &draft, &received).await {
        Ok(done) => tested::interpreted(&done),
        Err(error) => tested::refused(draft.renamed(error))?,
    };
    let whole = html! {
        section .card .result aria-label="Result of the test" { (tested::trial(view, &path(id), &received, false, Some(&content))) }
    };
    answer(view, engine, id, draft, form, request, "Run response", &content, &whole).await
}

async fn interpreted(
    view: &View,
    engine: &Engine,
    id: Option<CallApiId>,
    form: &Form,
    draft: &Draft,
    received: &Received,
) -> Result<Interpreted> {
    let (caller, calls) = (view.caller(), engine.call_apis());
    let given = received.given()?;
    match id {
        Some(id) if form.has(SAVED) => calls.run_response(caller, id, None, given).await,
        Some(id) => {
            let edited = draft.to_test(Test::Response, caller.user_id)?.definition;
            calls.run_response_edited(caller, id, edited, given).await
        }
        None => {
            let unsaved = draft.to_test(Test::Response, caller.user_id)?.definition;
            calls.run_response_of(caller, unsaved, given).await
        }
    }
}

/// The part for our modules; without them the page with what was entered, and `whole` in it.
#[expect(
    clippy::too_many_arguments,
    reason = "two call sites; what an answer of a test is made of"
)]
async fn answer(
    view: &View,
    engine: &Engine,
    id: Option<CallApiId>,
    draft: Draft,
    form: &Form,
    request: &HttpRequest,
    title: &str,
    content: &Markup,
    whole: &Markup,
) -> Result<HttpResponse> {
    if View::is_part(request) {
        return Ok(view.part(HERE, title, content));
    }
    let call = page::found(view, engine, id).await?;
    let draft = match &call {
        Some(call) if form.has(SAVED) => Draft::of_call(call)?,
        _ => draft,
    };
    let markup = page::whole(view, engine, call.as_ref(), &draft, Some(whole)).await?;
    Ok(view.page(HERE, title, &markup(&Wrong::default())))
}

fn path(id: Option<CallApiId>) -> String {
    id.map_or_else(|| "/call-apis/test".to_owned(), |id| format!("/call-apis/{id}/test"))
}
