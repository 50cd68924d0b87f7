//! Engine → Actors: what lives, what it does now, what it did last; and a fresh start on request.

use actix_web::{
    HttpResponse,
    web::{self, ServiceConfig},
};
use maud::{Markup, html};
use serde::Deserialize;
use uuid::Uuid;

use super::{
    kinds::{
        EVENTS, KINDS, PHASES, actor_path, kind_word, outcome_badge, path_of, phase_badge, phase_word, thing_link,
    },
    shell::Here,
    ui,
    view::View,
};
use crate::{
    actors::observed::{KIND_REGISTRY, Observed, list_key},
    engine::{Engine, overview::Thing},
    error::{Error, Result},
    gateway::{json::Query, page},
};

const HERE: Here = Here::Actors;
const WAY: &[(&str, &str)] = &[("Engine", ""), ("Actors", "/actors")];
const WAY_HERE: &[(&str, &str)] = &[("Engine", "")];
pub(super) fn routes(config: &mut ServiceConfig) {
    config
        .service(web::resource("/actors").route(web::get().to(list)))
        .service(web::resource("/actors/{kind}/{id}").route(web::get().to(detail)))
        .service(web::resource("/actors/{kind}/{id}/restart").route(web::post().to(restart)));
}

/// As that of the API; a choice of all comes as an empty text.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Asked {
    kind: String,
    phase: String,
    limit: Option<u64>,
    cursor: Option<String>,
}

impl Asked {
    fn query(&self) -> String {
        let limit = self.limit.map(|limit| limit.to_string()).unwrap_or_default();
        ui::query(&[("kind", &self.kind), ("phase", &self.phase), ("limit", &limit)])
    }
}

async fn list(view: View, engine: web::Data<Engine>, asked: Query<Asked>) -> Result<HttpResponse> {
    let asked = asked.0;
    let page = page::page(asked.limit, asked.cursor.clone())?;
    let some = |text: &str| (!text.is_empty()).then(|| text.to_owned());
    let caller = view.caller();
    let actors = engine
        .actors()
        .list(caller, some(&asked.kind), some(&asked.phase), page)
        .await?;
    let rows: Vec<Markup> = actors.items.iter().map(|actor| row(&view, actor)).collect();
    let found = html! {
        @if rows.is_empty() {
            (ui::empty("No such actor", "No actor of this kind is in this phase just now. Calls, connections, automations and integrations have \
                      an actor while they are active or enabled.", &html! { (ui::link_button(&view, "/actors", "All actors")) }))
        } @else {
            (ui::table("Actors", &["Name", "Kind", "Phase", "Since", "Next due", "Last run", "Restarts"], &rows))
        }
        span data-live-clock hidden {}
        (ui::pager(&view, "/actors", &asked.query(), asked.cursor.as_deref(), actors.next_cursor.as_deref()))
    };
    let content = html! {
        (ui::head(&view, WAY_HERE, "Actors", &html! {}))
        (filters(&view, &asked))
        (ui::live("actors", EVENTS, &found))
    };
    Ok(view.page(HERE, "Actors", &content))
}

fn filters(view: &View, asked: &Asked) -> Markup {
    html! {
        form .filters method="get" action=(view.url("/actors")) {
            div {
                label for="f-kind" { "Kind" }
                select #f-kind name="kind" {
                    option value="" { "all" }
                    @for (kind, _, many) in KINDS { option value=(kind) selected[asked.kind == kind] { (many) } }
                }
            }
            div {
                label for="f-phase" { "Phase" }
                select #f-phase name="phase" {
                    option value="" { "all" }
                    @for (phase, meaning) in PHASES {
                        option value=(phase) selected[asked.phase == phase] { (phase_word(phase)) " – " (meaning) }
                    }
                }
            }
            button type="submit" { "Show" }
        }
    }
}

fn row(view: &View, actor: &Observed) -> Markup {
    let path = actor_path(actor.kind, actor.id);
    html! {
        tr {
            th scope="row" { a href=(view.url(&path)) { (actor.name) } }
            td { (kind_word(actor.kind)) }
            td {
                (phase_badge(actor.phase))
                @if let Some(run) = &actor.current { div .quiet { (run.step) " for " (ui::duration(run.since_ms)) } }
                @else if let Some(queued) = actor.queued.filter(|queued| *queued > 0) { div .quiet { (queued) " wait" } }
            }
            td { (ui::time(actor.since)) }
            td { (ui::time_or_dash(actor.next_due_at)) }
            td { @if let Some(run) = &actor.last_run { (outcome_badge(run.outcome)) " " (ui::time(run.at)) } @else { (ui::dash()) } }
            td { (actor.restarts) }
        }
    }
}

async fn detail(view: View, engine: web::Data<Engine>, path: web::Path<(String, String)>) -> Result<HttpResponse> {
    let (kind, id) = which(path)?;
    let actor = engine.actors().get(view.caller(), &kind, id).await?;
    let things = engine.things_of_actors(view.caller(), vec![id]).await?;
    let thing = things.get(&id);
    let content = html! {
        (ui::head(&view, WAY, &actor.name, &actions(&view, &actor, thing)))
        (ui::live("actor", EVENTS, &shown(&view, &actor, thing)))
    };
    Ok(view.page(HERE, &actor.name, &content))
}

fn actions(view: &View, actor: &Observed, thing: Option<&Thing>) -> Markup {
    let works_for_all = list_key(actor.kind, Uuid::max()) != Uuid::max();
    let question = format!(
        "Restart the actor {}? A run that is going ends first; then it starts anew from what is stored. Nothing that is committed is lost.",
        actor.name
    );
    let path = format!("{}/restart", actor_path(actor.kind, actor.id));
    html! {
        @if let Some(path) = thing.and_then(|thing| path_of(view, thing.place)) {
            (ui::link_button(view, &path, &format!("Open {}", actor.kind.replace('_', " ").replace("call api", "call API"))))
        }
        // The registry ends with the engine only.
        @if actor.kind != KIND_REGISTRY && (!works_for_all || view.caller().all_tenants) {
            (ui::act_asking(view, &path, "Restart", &question, ""))
        }
    }
}

fn shown(view: &View, actor: &Observed, thing: Option<&Thing>) -> Markup {
    let counters = actor.counters;
    html! {
        span data-live-clock hidden {}
        div .card {
            (ui::facts(&[
                ("Phase", phase_badge(actor.phase)),
                ("Since", ui::time(actor.since)),
                ("Next due", ui::time_or_dash(actor.next_due_at)),
                ("Kind", html! { (kind_word(actor.kind)) }),
                ("Acts for", html! { @if let Some(thing) = thing { (thing_link(view, thing)) } @else { (actor.name) } }),
                ("Waiting for it", html! { @if let Some(queued) = actor.queued { (queued) } @else { (ui::dash()) } }),
            ]))
        }
        (current(actor))
        (last(actor))
        h2 { "Since it was started" }
        div .card {
            (ui::facts(&[
                ("Runs", html! { (counters.runs) }),
                ("Failures", html! { (counters.failures) }),
                ("Created", html! { (counters.created) }),
                ("Due times passed over", html! { (counters.skipped) }),
                ("Messages heard", html! { (actor.messages) }),
            ]))
        }
        h2 { "Supervision" }
        div .card {
            (ui::facts(&[
                ("Restarts after panics", html! { (actor.restarts) }),
                ("Last exit", html! { @if let Some(exit) = &actor.last_exit { (exit) } @else { (ui::dash()) } }),
                ("Generation of its timer", html! { (actor.generation) }),
                ("Arbiter", html! { (actor.arbiter) }),
                ("Id", html! { code { (actor.id) } }),
            ]))
        }
    }
}

/// Its room is there whether a run goes or not: nothing below moves.
fn current(actor: &Observed) -> Markup {
    let run = actor.current.as_ref();
    html! {
        h2 { "Current run" }
        div .card {
            (ui::facts(&[
                ("Step", html! { @if let Some(run) = run { (run.step) } @else { span .quiet { "no run is going" } } }),
                ("Going for", html! { @if let Some(run) = run { (ui::duration(run.since_ms)) } @else { (ui::dash()) } }),
                ("Run", html! { @if let Some(run) = run { code { (run.run_id) } } @else { (ui::dash()) } }),
            ]))
        }
    }
}

fn last(actor: &Observed) -> Markup {
    html! {
        h2 { "Last run" }
        @if let Some(run) = &actor.last_run {
            div .card {
                (ui::facts(&[
                    ("Ended as", outcome_badge(run.outcome)),
                    ("Began", ui::time(run.at)),
                    ("Took", html! { (ui::duration(run.duration_ms)) }),
                    ("Created", html! { (run.created) }),
                ]))
            }
        } @else { p .quiet { "It has run nothing since it was started." } }
    }
}

async fn restart(view: View, engine: web::Data<Engine>, path: web::Path<(String, String)>) -> Result<HttpResponse> {
    let (kind, id) = which(path)?;
    engine.actors().restart(view.caller(), &kind, id).await?;
    let said = "The actor was told to end after its run; it starts anew from what is stored.";
    // For a moment nobody may be there: the list always is.
    Ok(view.redirect_saying(&format!("/actors?kind={}", ui::encoded(&kind)), said))
}

fn which(path: web::Path<(String, String)>) -> Result<(String, Uuid)> {
    let (kind, id) = path.into_inner();
    match id.parse() {
        Ok(uuid) => Ok((kind, uuid)),
        Err(_) => Err(Error::not_found("actor", format!("{kind}/{id}"))),
    }
}
