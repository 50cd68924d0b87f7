//! The object mappings of a connection: list and form. Their names stand in the query, since a name may be anything.

use actix_web::{
    HttpResponse,
    web::{self, ServiceConfig},
};
use maud::{Markup, html};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{
    HERE, Of, Offset, Tab, at_name, mapping_form,
    mapping_rows::{self, PAIRS},
    pager,
};
use crate::{
    domain::ids::ConnectionId,
    engine::{Engine, mappings::ObjectMapping},
    error::{Code, Error, Result},
    gateway::{
        console::{
            form::Form,
            ui::{self, Entry, Input, Wrong},
            view::View,
        },
        json::{PathId, Query},
    },
    store::page::{LIMIT_MAX, Page},
};

const REST: &str = "/mappings";

/// Which mapping.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Named {
    name: String,
}

pub(super) fn routes(config: &mut ServiceConfig) {
    config
        .service(
            web::resource("/connections/{id}/mappings")
                .route(web::get().to(list))
                .route(web::post().to(create)),
        )
        .service(web::resource("/connections/{id}/mappings/new").route(web::get().to(new)))
        .service(
            web::resource("/connections/{id}/mappings/one")
                .route(web::get().to(edit))
                .route(web::post().to(update)),
        )
        .service(web::resource("/connections/{id}/mappings/delete").route(web::post().to(delete)));
}

fn path_of(of: &Of, page: &str, name: &str) -> String {
    of.path(&format!("{REST}/{page}?name={}", ui::encoded(name)))
}

async fn list(
    view: View,
    engine: web::Data<Engine>,
    id: PathId<ConnectionId>,
    query: Query<Offset>,
) -> Result<HttpResponse> {
    let (of, window) = (Of::get(&view, &engine, id.0).await?, query.0.window());
    let listed = engine.mappings().list(view.caller(), id.0, window).await?;
    let rows: Vec<Markup> = listed.items.iter().map(|mapping| row(&view, &of, mapping)).collect();
    let new = ui::main_button(&view, &of.path("/mappings/new"), "New object mapping");
    let content = html! {
        (of.tabbed(&view, Tab::Mappings, &new))
        @if listed.total == 0 {
            (ui::empty("No object mappings yet",
                "An object mapping says which member of the provider's objects becomes which member of our records. A partner function \
                 without one takes records as they are.", &html! {}))
        } @else {
            (ui::table("Object mappings", &["Name", "Made of", "Changed"], &rows))
        }
        (pager(&view, &of.path(REST), window, listed.total))
    };
    Ok(view.page(HERE, &format!("Object mappings of {}", of.name), &content))
}

fn row(view: &View, of: &Of, mapping: &ObjectMapping) -> Markup {
    let definition = &mapping.definition;
    let made_of = match definition.as_array().map(Vec::len) {
        Some(1) => "1 pair".to_owned(),
        Some(pairs) => format!("{pairs} pairs"),
        None if definition.get("script_id").is_some_and(Value::is_string) => "a named script".to_owned(),
        None => "a script".to_owned(),
    };
    html! {
        tr {
            td { a href=(view.url(&path_of(of, "one", &mapping.name))) { (mapping.name) } }
            td { (made_of) }
            td { (ui::time(mapping.updated_at)) }
        }
    }
}

async fn scripts(view: &View, engine: &Engine) -> Result<Vec<(String, String)>> {
    let listed = engine.named_scripts();
    let listed = listed.list(view.caller(), Page::new(Some(LIMIT_MAX), None)).await?;
    let none = (String::new(), "Choose a script".to_owned());
    let all = listed
        .items
        .into_iter()
        .map(|script| (script.id.to_string(), script.name));
    Ok(std::iter::once(none).chain(all).collect())
}

async fn new(view: View, engine: web::Data<Engine>, id: PathId<ConnectionId>) -> Result<HttpResponse> {
    let of = Of::get(&view, &engine, id.0).await?;
    let scripts = scripts(&view, &engine).await?;
    let values = mapping_form::beginning();
    let content = page(&view, &of, None, &scripts, &values, &Wrong::default());
    Ok(view.page(HERE, "New object mapping", &content))
}

async fn create(view: View, engine: web::Data<Engine>, id: PathId<ConnectionId>, form: Form) -> Result<HttpResponse> {
    let of = Of::get(&view, &engine, id.0).await?;
    let (entered, name) = (form.tree(), form.text("name").trim());
    match put_new(&view, &engine, id.0, name, &entered).await {
        Ok(made) => Ok(view.redirect_saying(
            &path_of(&of, "one", &made.name),
            &format!(
                "The object mapping {} is made. Partner functions take it by its name.",
                made.name
            ),
        )),
        Err(error) => {
            let scripts = scripts(&view, &engine).await?;
            view.again(at_name(error), HERE, "New object mapping", |wrong| {
                page(&view, &of, None, &scripts, &entered, wrong)
            })
        }
    }
}

/// Other than the API's PUT, the form of a new one does not write over one that is there.
async fn put_new(view: &View, engine: &Engine, id: ConnectionId, name: &str, entered: &Value) -> Result<ObjectMapping> {
    if name.is_empty() {
        return Err(Error::invalid_field("name", "must have a name"));
    }
    let there = engine.mappings().get(view.caller(), id, name).await;
    if there.is_ok() {
        let message = format!("There is an object mapping {name:?} in this connection already.");
        return Err(Error::new(Code::NameInUse, message));
    }
    put(view, engine, id, name, None, entered).await
}

async fn edit(
    view: View,
    engine: web::Data<Engine>,
    id: PathId<ConnectionId>,
    named: Query<Named>,
) -> Result<HttpResponse> {
    let of = Of::get(&view, &engine, id.0).await?;
    let mapping = engine.mappings().get(view.caller(), id.0, &named.0.name).await?;
    let scripts = scripts(&view, &engine).await?;
    let values = values_of(&mapping.definition);
    let content = page(&view, &of, Some(&mapping), &scripts, &values, &Wrong::default());
    Ok(view.page(HERE, &mapping.name, &content))
}

async fn update(
    view: View,
    engine: web::Data<Engine>,
    id: PathId<ConnectionId>,
    named: Query<Named>,
    form: Form,
) -> Result<HttpResponse> {
    let of = Of::get(&view, &engine, id.0).await?;
    let mapping = engine.mappings().get(view.caller(), id.0, &named.0.name).await?;
    let entered = form.tree();
    match put(&view, &engine, id.0, &mapping.name, form.version(), &entered).await {
        Ok(written) => Ok(view.redirect_saying(
            &path_of(&of, "one", &written.name),
            &format!("The object mapping {} is saved.", written.name),
        )),
        Err(error) => {
            let scripts = scripts(&view, &engine).await?;
            view.again(error, HERE, &mapping.name, |wrong| {
                page(&view, &of, Some(&mapping), &scripts, &entered, wrong)
            })
        }
    }
}

/// What was entered, stored; refusals come back by the fields of the form.
async fn put(
    view: &View,
    engine: &Engine,
    id: ConnectionId,
    name: &str,
    version: Option<i64>,
    entered: &Value,
) -> Result<ObjectMapping> {
    let text = |name: &str| entered.get(name).and_then(Value::as_str).unwrap_or_default();
    let rows = entered.get(PAIRS);
    let (body, by_pairs) = match text("kind") {
        "script" => (json!({ "script": text("script") }), false),
        "script_id" => (json!({ "script_id": text("script_id") }), false),
        _ => (mapping_rows::pairs(rows).map_err(Error::invalid)?, true),
    };
    let written = engine.mappings().put(view.caller(), id, name, version, &body).await;
    written.map(|(written, _)| written).map_err(|error| match by_pairs {
        true => mapping_rows::at_rows(error, rows),
        false => error,
    })
}

async fn delete(
    view: View,
    engine: web::Data<Engine>,
    id: PathId<ConnectionId>,
    named: Query<Named>,
) -> Result<HttpResponse> {
    let name = &named.0.name;
    engine.mappings().delete(view.caller(), id.0, name, None).await?;
    Ok(view.redirect_saying(
        &format!("/connections/{}{REST}", id.0),
        &format!("The object mapping {name} is deleted."),
    ))
}

/// What the form shows of a stored mapping.
fn values_of(definition: &Value) -> Value {
    match definition {
        Value::Array(_) => json!({ "kind": "pairs", PAIRS: mapping_rows::rows(definition) }),
        other => {
            let kind = if other.get("script_id").is_some_and(Value::is_string) {
                "script_id"
            } else {
                "script"
            };
            json!({ "kind": kind, "script": other.get("script"), "script_id": other.get("script_id") })
        }
    }
}

fn page(
    view: &View,
    of: &Of,
    mapping: Option<&ObjectMapping>,
    scripts: &[(String, String)],
    values: &Value,
    wrong: &Wrong,
) -> Markup {
    let entry = Entry {
        values,
        wrong,
        locked: false,
    };
    let (title, path) = match mapping {
        Some(mapping) => (mapping.name.as_str(), path_of(of, "one", &mapping.name)),
        None => ("New object mapping", of.path(REST)),
    };
    let actions = html! {
        @if let Some(mapping) = mapping {
            (ui::act_asking(view, &path_of(of, "delete", &mapping.name), "Delete",
                &format!("Delete the object mapping {}? Partner functions that name it take records as they are from then on.", mapping.name),
                "danger"))
        }
    };
    html! {
        (of.head(view, &[("Object mappings", REST)], title, &actions))
        (wrong.summary())
        form .card .form .mapping method="post" action=(view.url(&path)) {
            (ui::token(view))
            (ui::version(mapping.map(|mapping| mapping.version)))
            @if mapping.is_none() {
                (Input::text("name", "Name").required()
                    .help(html! { "Partner functions take it by this name; it cannot be changed later." }).show(&entry))
            }
            (mapping_form::fields(&entry, scripts))
            div .buttons {
                button .primary type="submit" { "Save" }
                a href=(view.url(&of.path(REST))) { "Cancel" }
            }
        }
    }
}
