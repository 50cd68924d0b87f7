//! One automation: what it does in plain English, what stands in its way, its runs.

use actix_web::{HttpResponse, web};
use maud::{Markup, html};

use super::{
    HERE, Ids, Of,
    automations::{EVENTS, REST, rest_of},
    explain, runs, switch, switched, warnings,
};
use crate::{
    domain::ids::AutomationId,
    engine::{Engine, automations::AutomationShown},
    error::Result,
    gateway::{
        console::{ui, view::View},
        json::Query,
        page::PageQuery,
    },
};

/// Runs on a page.
const RUNS: u64 = 20;

pub(super) async fn show(
    view: View,
    engine: web::Data<Engine>,
    ids: Ids<AutomationId>,
    query: Query<PageQuery>,
) -> Result<HttpResponse> {
    let of = Of::get(&view, &engine, ids.0).await?;
    let automations = engine.automations();
    let shown = automations.get(view.caller(), ids.0, ids.1).await?;
    let mut page = query.0.page()?;
    page.limit = page.limit.min(RUNS);
    let cursor = page.cursor.clone();
    let listed = automations.runs(view.caller(), ids.0, ids.1, page).await?;
    let path = of.path(&rest_of(ids.1));
    let content = html! {
        (of.head(&view, &[("Automations", REST)], title(&shown), &ui::live_actions(EVENTS, &actions(&view, &of, &shown))))
        div #ran data-into-target aria-live="polite" {}
        (ui::live("automation", EVENTS, &html! {
            (of.standing(&view))
            (warnings(&shown.warnings))
            (reason(&shown))
            div .card { (facts(&shown)) }
            h2 { "Runs" }
            @if listed.items.is_empty() {
                (ui::empty("No runs yet", "Run it now, or wait until it is due.", &html! {}))
            } @else {
                (runs::table(&view, &path, &listed.items))
            }
            (ui::pager(&view, &path, "", cursor.as_deref(), listed.next_cursor.as_deref()))
        }))
        (explain::form(&view, &path, &shown.row.definition))
    };
    Ok(view.page(HERE, title(&shown), &content))
}

/// What it is called for people.
pub(super) fn title(shown: &AutomationShown) -> &str {
    let definition = &shown.row.definition;
    definition.display_name.as_deref().unwrap_or(&definition.name)
}

fn actions(view: &View, of: &Of, shown: &AutomationShown) -> Markup {
    let path = of.path(&rest_of(shown.row.id));
    let question = format!(
        "Delete the automation {}? Its runs are deleted with it. The records stay.",
        title(shown)
    );
    html! {
        form .act method="post" action=(view.url(&format!("{path}/run"))) {
            (ui::token(view))
            button .primary type="submit" data-into="#ran" { "Run now" }
        }
        (ui::link_button(view, &format!("{path}/edit"), "Edit"))
        (switch(view, &path, shown.row.enabled))
        (ui::act_asking(view, &format!("{path}/delete"), "Delete", &question, "danger"))
    }
}

fn reason(shown: &AutomationShown) -> Markup {
    html! {
        @if let Some(reason) = shown.row.disabled_reason.as_ref().filter(|_| !shown.row.enabled) {
            p .note { "The engine disabled this automation: " (reason) " Mend that, then enable it." }
        }
    }
}

fn facts(shown: &AutomationShown) -> Markup {
    let (row, state, texts) = (&shown.row, &shown.state, &shown.texts);
    let definition = &row.definition;
    let text = |text: &Option<String>| match text {
        Some(text) => html! { (text) },
        None => ui::dash(),
    };
    html! {
        @if definition.description_enabled && let Some(description) = &definition.description { p { (description) } }
        dl .sentences {
            div { dt { "When" } dd { (texts.check_on_text) } }
            div { dt { "Which records" } dd { (texts.trigger_condition_text) } }
            div { dt { "What it does" } dd { (texts.perform_action_text) } }
        }
        (ui::facts(&[
            ("State", switched(row.enabled)),
            ("Next due", ui::time_or_dash(state.next_due_at.filter(|_| row.enabled))),
            ("Last run", html! {
                (ui::time_or_dash(state.last_run_at))
                @if let Some(outcome) = state.last_outcome { " " (runs::outcome(Some(outcome))) }
            }),
            ("Runs", html! { (state.run_count) }),
            ("Failures in a row", html! { (state.failures) }),
            ("Looks for changes since", ui::time_or_dash(state.cursor_at.filter(|_| definition.since_last_look_up))),
            ("Code", text(&definition.code)),
            ("Changed", ui::time(row.updated_at)),
        ]))
    }
}
