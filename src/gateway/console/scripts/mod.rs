//! Settings → Scripts: named scripts of partner functions and mappings, with every version of their sources.

use std::collections::HashMap;

use actix_web::{
    HttpResponse,
    web::{self, ServiceConfig},
};
use maud::{Markup, html};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{
    form::{self, Form},
    shell::Here,
    ui::{self, Entry, Input, Wrong},
    view::View,
};
use crate::{
    domain::ids::{ScriptId, UserId},
    engine::{
        Engine,
        scripts::{Script, WholeScript},
    },
    error::Result,
    gateway::{
        dto::scripts::ScriptBody,
        json::{PathId, Query},
        page::PageQuery,
    },
};

mod difference;
mod versions;

const HERE: Here = Here::Scripts;
/// The way to the list.
const ABOVE: &[(&str, &str)] = &[("Settings", "")];
/// The way to what the list holds.
const WAY: &[(&str, &str)] = &[("Settings", ""), ("Scripts", "/scripts")];
/// What a new script begins with.
const FIRST_SOURCE: &str = "return record;\n";

pub(super) fn routes(config: &mut ServiceConfig) {
    config
        .service(
            web::resource("/scripts")
                .route(web::get().to(list))
                .route(web::post().to(create)),
        )
        .service(web::resource("/scripts/new").route(web::get().to(new)))
        .service(
            web::resource("/scripts/{id}")
                .route(web::get().to(edit))
                .route(web::post().to(update)),
        )
        .service(web::resource("/scripts/{id}/delete").route(web::post().to(delete)))
        .service(web::resource("/scripts/{id}/versions").route(web::get().to(versions::list)))
        .service(web::resource("/scripts/{id}/versions/{version}").route(web::get().to(versions::one)));
}

/// Which source the form begins with: that of an older version, to bring it back.
#[derive(Deserialize)]
struct Begun {
    version: Option<i64>,
}

async fn list(view: View, engine: web::Data<Engine>, query: Query<PageQuery>) -> Result<HttpResponse> {
    let page = query.0.page()?;
    let cursor = page.cursor.clone();
    let scripts = engine.named_scripts().list(view.caller(), page).await?;
    let by = scripts.items.iter().filter_map(|script| script.created_by);
    let names = engine.names().users(view.caller(), by).await?;
    let rows: Vec<Markup> = scripts.items.iter().map(|script| row(&view, script, &names)).collect();
    let add = ui::main_button(&view, "/scripts/new", "New script");
    let content = html! {
        (ui::head(&view, ABOVE, "Scripts", &add))
        @if rows.is_empty() && cursor.is_none() {
            (ui::empty("No scripts yet",
                "Partner functions and mappings run named scripts on records. Every version of a script is kept.", &add))
        } @else {
            (ui::table("Scripts", &["Name", "Description", "Made by", "Changed"], &rows))
        }
        (ui::pager(&view, "/scripts", "", cursor.as_deref(), scripts.next_cursor.as_deref()))
    };
    Ok(view.page(HERE, "Scripts", &content))
}

fn row(view: &View, script: &Script, names: &Names) -> Markup {
    html! {
        tr {
            td .long { a href=(view.url(&path_of(script))) { (script.name) } }
            td .long { @if let Some(text) = &script.description { (text) } @else { (ui::dash()) } }
            td { (by(names, script.created_by)) }
            td { (ui::time(script.updated_at)) }
        }
    }
}

/// Names of users, asked for once for a page.
type Names = HashMap<UserId, String>;

/// Who did something; a dash for programs, and for people of other tenants.
fn by(names: &Names, user: Option<UserId>) -> Markup {
    let name = user.and_then(|id| names.get(&id));
    html! { @if let Some(name) = name { (name) } @else { (ui::dash()) } }
}

async fn new(view: View) -> HttpResponse {
    let values = json!({ "source": FIRST_SOURCE });
    let content = page(&view, None, &values, &Wrong::default());
    view.page(HERE, "New script", &content)
}

async fn create(view: View, engine: web::Data<Engine>, form: Form) -> Result<HttpResponse> {
    let entered = entered(&form);
    let made = async {
        let body: ScriptBody = form::body(&entered)?;
        engine.named_scripts().create(view.caller(), body.into()).await
    };
    match made.await {
        Ok(made) => Ok(view.redirect_saying("/scripts", &format!("The script {} is made.", made.script.name))),
        Err(error) => view.again(error, HERE, "New script", |wrong| page(&view, None, &entered, wrong)),
    }
}

async fn edit(
    view: View,
    engine: web::Data<Engine>,
    id: PathId<ScriptId>,
    query: Query<Begun>,
) -> Result<HttpResponse> {
    let whole = engine.named_scripts().get(view.caller(), id.0).await?;
    let mut values = shown(&whole);
    let older = query.0.version.filter(|version| *version != whole.current.version);
    if let Some(version) = older {
        let begun = engine.named_scripts().version(view.caller(), id.0, version).await?;
        if let Some(members) = values.as_object_mut() {
            members.insert("source".to_owned(), Value::from(begun.source));
        }
    }
    let content = html! {
        (page(&view, Some(&whole.script), &values, &Wrong::default()))
    };
    let content = match older {
        None => content,
        Some(version) => html! {
            p .note role="status" { "The source below is that of version " (version) ". Save it to bring it back as a new version." }
            (content)
        },
    };
    Ok(view.page(HERE, &whole.script.name, &content))
}

async fn update(view: View, engine: web::Data<Engine>, id: PathId<ScriptId>, form: Form) -> Result<HttpResponse> {
    let before = engine.named_scripts().get(view.caller(), id.0).await?;
    let entered = entered(&form);
    let changed = async {
        let body: ScriptBody = form::body(&entered)?;
        let scripts = engine.named_scripts();
        scripts.update(view.caller(), id.0, form.version(), body.into()).await
    };
    match changed.await {
        Ok(after) => {
            let (name, version) = (&after.script.name, after.current.version);
            let said = if version == before.current.version {
                format!("The script {name} is saved. Its source is the same as before.")
            } else {
                format!("The script {name} is saved as version {version}. Runs use it from now on.")
            };
            Ok(view.redirect_saying(&path_of(&after.script), &said))
        }
        Err(error) => view.again(error, HERE, &before.script.name, |wrong| {
            page(&view, Some(&before.script), &entered, wrong)
        }),
    }
}

async fn delete(view: View, engine: web::Data<Engine>, id: PathId<ScriptId>) -> Result<HttpResponse> {
    let whole = engine.named_scripts().get(view.caller(), id.0).await?;
    match engine.named_scripts().delete(view.caller(), id.0, None).await {
        Ok(()) => Ok(view.redirect_saying("/scripts", &format!("The script {} is deleted.", whole.script.name))),
        Err(error) => view.again(error, HERE, &whole.script.name, |wrong| {
            page(&view, Some(&whole.script), &shown(&whole), wrong)
        }),
    }
}

fn path_of(script: &Script) -> String {
    format!("/scripts/{}", script.id)
}

/// What an API client would send.
fn entered(form: &Form) -> Value {
    json!({
        "name": form.text("name"),
        "description": form::optional(form.text("description")),
        "source": form.text("source"),
    })
}

fn shown(whole: &WholeScript) -> Value {
    json!({ "name": whole.script.name, "description": whole.script.description, "source": whole.current.source })
}

fn page(view: &View, script: Option<&Script>, values: &Value, wrong: &Wrong) -> Markup {
    let title = script.map_or("New script", |script| &script.name);
    let path = script.map_or_else(|| "/scripts".to_owned(), path_of);
    let entry = Entry {
        values,
        wrong,
        locked: false,
    };
    let delete = html! {
        @if let Some(script) = script {
            (ui::act_asking(view, &format!("{path}/delete"), "Delete",
                &format!("Delete the script {} with all its versions? They cannot be brought back.", script.name), "danger"))
        }
    };
    html! {
        (ui::head(view, WAY, title, &delete))
        @if let Some(script) = script { (tabs(view, script, false)) }
        (wrong.summary())
        form .card.form method="post" action=(view.url(&path)) {
            (ui::token(view))
            (ui::version(script.map(|script| script.version)))
            (Input::text("name", "Name").required().show(&entry))
            (Input::text("description", "Description").show(&entry))
            (Input::script("source", "Source").required().error_line(wrong.at("source").and_then(line_of)).show(&entry))
            div .wide { (help()) }
            div .buttons {
                button .primary type="submit" { "Save" }
                a href=(view.url("/scripts")) { "Cancel" }
            }
        }
    }
}

/// The two sides of a script.
fn tabs(view: &View, script: &Script, at_versions: bool) -> Markup {
    let path = path_of(script);
    html! {
        nav .tabs aria-label="Script" {
            a href=(view.url(&path)) aria-current=[(!at_versions).then_some("page")] { "Source" }
            a href=(view.url(&format!("{path}/versions"))) aria-current=[at_versions.then_some("page")] { "Versions" }
        }
    }
}

/// The line that a script error names: `… (line 3, column 5)`.
fn line_of(message: &str) -> Option<u32> {
    let (_, place) = message.rsplit_once("(line ")?;
    place.split([',', ')']).next()?.parse().ok()
}

fn help() -> Markup {
    html! {
        details #script-help .more {
            summary { "What the script sees and returns" }
            p { "It is the body of a strict-mode JavaScript function that runs once for each record." }
            (ui::facts(&[
                ("record", html! { "The record, an object. It may be changed." }),
                ("context", html! {
                    code { "connection" } ", " code { "provider" } ", " code { "automation" } ", " code { "direction" } ", "
                    code { "entity" } ", " code { "object" } ", " code { "key" } ", " code { "remoteId" } ", " code { "now" }
                }),
                ("now", html! { "The time of the run, an ISO text." }),
                ("console", html! { code { "log" } ", " code { "info" } ", " code { "warn" } ", " code { "error" } ": shown with the run." }),
            ]))
            p { "Return the record as it shall be, or nothing to keep it as it is, or " code { "null" } " or "
                code { "\"Skip\"" } " to leave it out. As a mapping, the script returns the mapped record." }
            p { "An error that is not caught disables the automation, with its line and column as the reason." }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line_of_an_error_is_found() {
        for (message, line) in [
            ("record script: Unexpected token '}' (line 3, column 5)", Some(3)),
            ("record script: odd (line 12)", Some(12)),
            ("must not be empty: a script has to return something", None),
            ("(line x)", None),
        ] {
            assert_eq!(line_of(message), line, "{message}");
        }
    }
}
