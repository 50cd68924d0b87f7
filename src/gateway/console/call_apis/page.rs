//! A call's own page: making, changing, activating, deactivating, running and deleting it.

use actix_web::{HttpResponse, web};
use maud::{Markup, html};

use super::{
    EVENTS, HERE, View, WAY,
    choices::Choices,
    draft::Draft,
    fields::{self, Shown},
    form::Form,
    outcome_badge, path, samples, status_badge,
    ui::{self, Wrong},
};
use crate::{
    actors::registry::handle::RunNow,
    domain::{ids::CallApiId, rights::Right},
    engine::{Engine, call_apis::CallApi},
    error::{Error, Result},
    gateway::json::PathId,
};

const NEW: &str = "New API Call";
/// Field of a button: where to go afterwards.
pub(super) const BACK: &str = "_back";

pub(super) async fn new(view: View, engine: web::Data<Engine>) -> Result<HttpResponse> {
    view.caller().require(Right::CallsManage)?;
    let draft = Draft::fresh(view.caller().user_id);
    let page = whole(&view, &engine, None, &draft, None).await?;
    Ok(view.page(HERE, NEW, &page(&Wrong::default())))
}

pub(super) async fn create(view: View, engine: web::Data<Engine>, form: Form) -> Result<HttpResponse> {
    let draft = Draft::of_form(&form);
    let made = async { engine.call_apis().create(view.caller(), draft.input()?).await };
    match made.await {
        Ok(call) => Ok(view.redirect_saying(&path(call.id), &saved(&call))),
        Err(error) => refused(&view, &engine, None, &draft, error).await,
    }
}

pub(super) async fn edit(view: View, engine: web::Data<Engine>, id: PathId<CallApiId>) -> Result<HttpResponse> {
    let call = engine.call_apis().get(view.caller(), id.0).await?;
    let draft = Draft::of_call(&call)?;
    let page = whole(&view, &engine, Some(&call), &draft, None).await?;
    Ok(view.page(HERE, &call.definition.name, &page(&Wrong::default())))
}

pub(super) async fn update(
    view: View,
    engine: web::Data<Engine>,
    id: PathId<CallApiId>,
    form: Form,
) -> Result<HttpResponse> {
    let draft = Draft::of_form(&form);
    let changed = async {
        let input = draft.input()?;
        engine
            .call_apis()
            .replace(view.caller(), id.0, form.version(), input)
            .await
    };
    match changed.await {
        Ok(call) => Ok(view.redirect_saying(&path(call.id), &saved(&call))),
        Err(error) => refused(&view, &engine, Some(id.0), &draft, error).await,
    }
}

pub(super) async fn activate(
    view: View,
    engine: web::Data<Engine>,
    id: PathId<CallApiId>,
    form: Form,
) -> Result<HttpResponse> {
    match engine.call_apis().activate(view.caller(), id.0, None).await {
        Ok(call) => {
            let said = format!("The call API {} is active.", call.definition.name);
            Ok(view.redirect_saying(&back(&form, id.0), &said))
        }
        Err(error) => {
            let call = engine.call_apis().get(view.caller(), id.0).await?;
            refused(&view, &engine, Some(id.0), &Draft::of_call(&call)?, error).await
        }
    }
}

pub(super) async fn deactivate(
    view: View,
    engine: web::Data<Engine>,
    id: PathId<CallApiId>,
    form: Form,
) -> Result<HttpResponse> {
    let call = engine.call_apis().deactivate(view.caller(), id.0, None).await?;
    let said = format!(
        "The call API {} is inactive. It can be edited now.",
        call.definition.name
    );
    Ok(view.redirect_saying(&back(&form, id.0), &said))
}

pub(super) async fn run(view: View, engine: web::Data<Engine>, id: PathId<CallApiId>) -> Result<HttpResponse> {
    let call = engine.call_apis().get(view.caller(), id.0).await?;
    let ended = engine.call_apis().run(view.caller(), id.0).await?;
    Ok(view.part(HERE, "Run", &ran(&view, &call, &ended)))
}

pub(super) async fn delete(view: View, engine: web::Data<Engine>, id: PathId<CallApiId>) -> Result<HttpResponse> {
    let name = engine.call_apis().get(view.caller(), id.0).await?.definition.name;
    engine.call_apis().delete(view.caller(), id.0, None).await?;
    Ok(view.redirect_saying("/call-apis", &format!("The call API {name} is deleted.")))
}

/// The call of a page; none for a new one.
pub(super) async fn found(view: &View, engine: &Engine, id: Option<CallApiId>) -> Result<Option<CallApi>> {
    match id {
        Some(id) => engine.call_apis().get(view.caller(), id).await.map(Some),
        None => Ok(None),
    }
}

/// The page, once it is known what is wrong with its form.
pub(super) async fn whole<'a>(
    view: &'a View,
    engine: &Engine,
    call: Option<&'a CallApi>,
    draft: &'a Draft,
    tested: Option<&'a Markup>,
) -> Result<impl FnOnce(&Wrong) -> Markup + use<'a>> {
    let choices = Choices::load(view, engine, call).await?;
    Ok(move |wrong: &Wrong| {
        let choices = &choices;
        let shown = Shown {
            call,
            choices,
            draft,
            tested,
        };
        markup(view, &shown, wrong)
    })
}

/// What deleting asks.
pub(super) fn delete_question(name: &str) -> String {
    format!("Delete the call API {name}? It runs no more and its settings and scripts are gone. Its transactions stay.")
}

async fn refused(
    view: &View,
    engine: &Engine,
    id: Option<CallApiId>,
    draft: &Draft,
    error: Error,
) -> Result<HttpResponse> {
    let call = found(view, engine, id).await?;
    let title = call.as_ref().map_or(NEW, |call| &call.definition.name);
    let page = whole(view, engine, call.as_ref(), draft, None).await?;
    view.again(draft.renamed(error), HERE, title, page)
}

fn saved(call: &CallApi) -> String {
    let name = &call.definition.name;
    if call.active {
        format!("The call API {name} is saved and active: it runs by itself.")
    } else {
        format!("The call API {name} is saved. It runs by itself once it is activated.")
    }
}

fn back(form: &Form, id: CallApiId) -> String {
    if form.text(BACK) == "list" {
        "/call-apis".to_owned()
    } else {
        path(id)
    }
}

/// How a run on request ended.
fn ran(view: &View, call: &CallApi, ended: &RunNow) -> Markup {
    html! {
        div .card .result {
            p {
                "The run of " strong { (call.definition.name) } " ended: " (outcome_badge(Some(ended.outcome)))
                " " (ended.created) " created, " (ended.duplicates) " known already. "
                a href=(view.url(&format!("{}/runs/{}", path(call.id), ended.run_id))) { "To the run" }
            }
            @if let Some(error) = &ended.error { (samples::error(error)) }
        }
    }
}

fn markup(view: &View, shown: &Shown<'_>, wrong: &Wrong) -> Markup {
    let title = shown.call.map_or(NEW, |call| &call.definition.name);
    html! {
        (ui::head(view, WAY, title, &html! { @if let Some(call) = shown.call { (ui::live_actions(EVENTS, &actions(view, call))) } }))
        @if let Some(call) = shown.call {
            div #ran data-into-target aria-live="polite" {}
            (ui::live("call-state", EVENTS, &state(view, call)))
            @if call.active && view.may(Right::CallsManage) {
                div .note .locked {
                    p { "This call API is active and cannot be edited. Deactivate it to change it." }
                    (ui::act(view, &format!("{}/deactivate", path(call.id)), "Deactivate"))
                }
            }
            @for warning in &call.warnings { p .note { (warning) } }
        }
        (wrong.summary())
        (fields::form(view, shown, wrong))
    }
}

fn actions(view: &View, call: &CallApi) -> Markup {
    let path = path(call.id);
    html! {
        @if view.may(Right::CallsRun) {
            form .act method="post" action=(view.url(&format!("{path}/run"))) data-into="#ran" {
                (ui::token(view))
                button type="submit" { "Run now" }
            }
        }
        (ui::link_button(view, &format!("{path}/runs"), "Runs"))
        @if view.may(Right::TransactionsRead) {
            (ui::link_button(view, &format!("/transactions?callApiId={}", call.id), "Transactions"))
        }
        @if view.may(Right::CallsManage) && !call.active {
            (ui::act_asking(view, &format!("{path}/delete"), "Delete", &delete_question(&call.definition.name), "danger"))
        }
    }
}

fn state(view: &View, call: &CallApi) -> Markup {
    let (tone, word) = status_badge(call.status);
    let last = call.last_run.as_ref();
    let last = html! {
        @if let Some(run) = last {
            (ui::time(run.at)) " " (outcome_badge(run.outcome)) " "
            @if let Some(id) = run.run_id { a href=(view.url(&format!("{}/runs/{id}", path(call.id)))) { "to the run" } }
        } @else { span .quiet { "never" } }
    };
    html! {
        @if let Some(reason) = &call.status_reason {
            div .refusal { p { strong { "Deactivated: " } (reason) } }
        }
        div .card {
            (ui::facts(&[
                ("Status", ui::badge(tone, word)),
                ("Last execution", last),
                ("Next due", ui::time_or_dash(call.next_due_at)),
                ("Changed", ui::time(call.updated_at)),
            ]))
        }
    }
}
