//! The automations of a connection: list, form, and the buttons that switch and delete one.

use actix_web::{
    HttpResponse,
    web::{self, ServiceConfig},
};
use maud::{Markup, html};

use super::{
    HERE, Ids, Of, Offset, Tab, at_name,
    automation_form::{self, Entered, Offered, stored},
    automation_page, explain, pager, runs, switched,
};
use crate::{
    domain::ids::{AutomationId, ConnectionId},
    engine::{Engine, automations::AutomationShown},
    error::Result,
    gateway::{
        console::{
            form::Form,
            ui::{self, Wrong},
            view::View,
        },
        json::{PathId, Query},
    },
};

/// Below the path of a connection.
pub(super) const REST: &str = "/automations";
/// Events after which what is shown of automations has changed.
pub(super) const EVENTS: &str = "automation.finished automation.waits automation.deactivated connection.ok \
                                 connection.needs_reauthorisation connection.error";

pub(super) fn routes(config: &mut ServiceConfig) {
    config
        .service(
            web::resource("/connections/{id}/automations")
                .route(web::get().to(list))
                .route(web::post().to(create)),
        )
        .service(web::resource("/connections/{id}/automations/new").route(web::get().to(new)))
        .service(
            web::resource("/connections/{id}/automations/{part}")
                .route(web::get().to(automation_page::show))
                .route(web::post().to(update)),
        )
        .service(web::resource("/connections/{id}/automations/{part}/edit").route(web::get().to(edit)))
        .service(web::resource("/connections/{id}/automations/{part}/enable").route(web::post().to(enable)))
        .service(web::resource("/connections/{id}/automations/{part}/disable").route(web::post().to(disable)))
        .service(web::resource("/connections/{id}/automations/{part}/delete").route(web::post().to(delete)))
        .service(web::resource("/connections/{id}/automations/{part}/explain").route(web::post().to(explain::explain)));
}

/// The path of an automation, below that of its connection.
pub(super) fn rest_of(id: AutomationId) -> String {
    format!("{REST}/{id}")
}

async fn list(
    view: View,
    engine: web::Data<Engine>,
    id: PathId<ConnectionId>,
    query: Query<Offset>,
) -> Result<HttpResponse> {
    let (of, window) = (Of::get(&view, &engine, id.0).await?, query.0.window());
    let listed = engine.automations().list(view.caller(), id.0, window).await?;
    let rows: Vec<Markup> = listed.items.iter().map(|shown| row(&view, &of, shown)).collect();
    let new = ui::main_button(&view, &of.path("/automations/new"), "New automation");
    let headings = ["Name", "When", "Which records", "What it does", "State", "Last run"];
    let content = html! {
        (of.tabbed(&view, Tab::Automations, &new))
        (ui::live("automations", EVENTS, &html! {
            (of.standing(&view))
            @if listed.total == 0 {
                (ui::empty("No automations yet",
                    "An automation runs a partner function at due times or when records change, for the records that meet its criteria. \
                     Make a partner function first.", &html! {}))
            } @else {
                (ui::table("Automations", &headings, &rows))
            }
        }))
        (pager(&view, &of.path(REST), window, listed.total))
    };
    Ok(view.page(HERE, &format!("Automations of {}", of.name), &content))
}

fn row(view: &View, of: &Of, shown: &AutomationShown) -> Markup {
    let (row, state, texts) = (&shown.row, &shown.state, &shown.texts);
    html! {
        tr {
            td { a href=(view.url(&of.path(&rest_of(row.id)))) { (automation_page::title(shown)) } }
            td {
                (texts.check_on_text)
                @if let Some(next) = state.next_due_at.filter(|_| row.enabled) { div .quiet { "next " (ui::time(next)) } }
            }
            td .long { (texts.trigger_condition_text) }
            td .long { (texts.perform_action_text) }
            td {
                (switched(row.enabled))
                @if let Some(reason) = row.disabled_reason.as_ref().filter(|_| !row.enabled) { " " (reason) }
            }
            td {
                (ui::time_or_dash(state.last_run_at))
                @if let Some(outcome) = state.last_outcome { " " (runs::outcome(Some(outcome))) }
            }
        }
    }
}

async fn new(view: View, engine: web::Data<Engine>, id: PathId<ConnectionId>) -> Result<HttpResponse> {
    let of = Of::get(&view, &engine, id.0).await?;
    let offered = Offered::of(&view, &engine, id.0, None).await?;
    let values = automation_form::beginning();
    let content = automation_form::page(&view, &of, None, &offered, &values, &Wrong::default());
    Ok(view.page(HERE, "New automation", &content))
}

async fn create(view: View, engine: web::Data<Engine>, id: PathId<ConnectionId>, form: Form) -> Result<HttpResponse> {
    let of = Of::get(&view, &engine, id.0).await?;
    let Entered { values, body } = Entered::of(&form);
    match engine.automations().create(view.caller(), id.0, &body).await {
        Ok(made) => Ok(view.redirect_saying(
            &of.path(&rest_of(made.row.id)),
            &format!(
                "The automation {} is made, and runs from now on.",
                automation_page::title(&made)
            ),
        )),
        Err(error) => {
            let offered = Offered::of(&view, &engine, id.0, None).await?;
            let error = automation_form::at_fields(at_name(error));
            view.again(error, HERE, "New automation", |wrong| {
                automation_form::page(&view, &of, None, &offered, &values, wrong)
            })
        }
    }
}

async fn edit(view: View, engine: web::Data<Engine>, ids: Ids<AutomationId>) -> Result<HttpResponse> {
    let of = Of::get(&view, &engine, ids.0).await?;
    let shown = engine.automations().get(view.caller(), ids.0, ids.1).await?;
    let offered = Offered::of(&view, &engine, ids.0, Some(ids.1)).await?;
    let values = stored(&shown.row.definition)?;
    let content = automation_form::page(&view, &of, Some(&shown), &offered, &values, &Wrong::default());
    Ok(view.page(HERE, &format!("Edit {}", automation_page::title(&shown)), &content))
}

async fn update(view: View, engine: web::Data<Engine>, ids: Ids<AutomationId>, form: Form) -> Result<HttpResponse> {
    let of = Of::get(&view, &engine, ids.0).await?;
    let Entered { values, body } = Entered::of(&form);
    let automations = engine.automations();
    let changed = automations
        .patch(view.caller(), ids.0, ids.1, form.version(), &body)
        .await;
    match changed {
        Ok(changed) => Ok(view.redirect_saying(
            &of.path(&rest_of(ids.1)),
            &format!("The automation {} is saved.", automation_page::title(&changed)),
        )),
        Err(error) => {
            let shown = automations.get(view.caller(), ids.0, ids.1).await?;
            let offered = Offered::of(&view, &engine, ids.0, Some(ids.1)).await?;
            let title = format!("Edit {}", automation_page::title(&shown));
            let error = automation_form::at_fields(at_name(error));
            view.again(error, HERE, &title, |wrong| {
                automation_form::page(&view, &of, Some(&shown), &offered, &values, wrong)
            })
        }
    }
}

async fn enable(view: View, engine: web::Data<Engine>, ids: Ids<AutomationId>) -> Result<HttpResponse> {
    turn(&view, &engine, ids, true).await
}

async fn disable(view: View, engine: web::Data<Engine>, ids: Ids<AutomationId>) -> Result<HttpResponse> {
    turn(&view, &engine, ids, false).await
}

async fn turn(view: &View, engine: &Engine, ids: Ids<AutomationId>, enabled: bool) -> Result<HttpResponse> {
    let automations = engine.automations();
    automations
        .set_enabled(view.caller(), ids.0, ids.1, None, enabled)
        .await?;
    let said = if enabled {
        "The automation is enabled."
    } else {
        "The automation is disabled. A run that goes on may finish; no other begins."
    };
    Ok(view.redirect_saying(&format!("/connections/{}{}", ids.0, rest_of(ids.1)), said))
}

async fn delete(view: View, engine: web::Data<Engine>, ids: Ids<AutomationId>) -> Result<HttpResponse> {
    engine.automations().delete(view.caller(), ids.0, ids.1, None).await?;
    Ok(view.redirect_saying(&format!("/connections/{}{REST}", ids.0), "The automation is deleted."))
}
