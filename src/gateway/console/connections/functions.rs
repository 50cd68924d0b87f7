//! The partner functions of a connection: list and form.

use actix_web::{
    HttpResponse,
    web::{self, ServiceConfig},
};
use maud::{Markup, html};
use serde_json::{Value, json};

use super::{HERE, Ids, Of, Offset, Tab, at_name, for_choice, pager, switch, switched, warnings};
use crate::{
    domain::ids::{ConnectionId, PartnerFunctionId},
    engine::{Engine, partner_functions::PartnerFunctionShown},
    error::{Error, Result},
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

const REST: &str = "/functions";
pub(super) const DIRECTIONS: &[(&str, &str)] = &[
    ("IMPORT", "Import into our records"),
    ("EXPORT", "Export to the provider"),
];

pub(super) fn routes(config: &mut ServiceConfig) {
    config
        .service(
            web::resource("/connections/{id}/functions")
                .route(web::get().to(list))
                .route(web::post().to(create)),
        )
        .service(web::resource("/connections/{id}/functions/new").route(web::get().to(new)))
        .service(
            web::resource("/connections/{id}/functions/{part}")
                .route(web::get().to(edit))
                .route(web::post().to(update)),
        )
        .service(web::resource("/connections/{id}/functions/{part}/enable").route(web::post().to(enable)))
        .service(web::resource("/connections/{id}/functions/{part}/disable").route(web::post().to(disable)))
        .service(web::resource("/connections/{id}/functions/{part}/delete").route(web::post().to(delete)));
}

async fn list(
    view: View,
    engine: web::Data<Engine>,
    id: PathId<ConnectionId>,
    query: Query<Offset>,
) -> Result<HttpResponse> {
    let (of, window) = (Of::get(&view, &engine, id.0).await?, query.0.window());
    let listed = engine.partner_functions().list(view.caller(), id.0, window).await?;
    let rows: Vec<Markup> = listed.items.iter().map(|shown| row(&view, &of, shown)).collect();
    let new = ui::main_button(&view, &of.path("/functions/new"), "New partner function");
    let headings = [
        "Name",
        "Direction",
        "Object",
        "Object mapping",
        "Tag",
        "State",
        "Changed",
    ];
    let content = html! {
        (of.tabbed(&view, Tab::Functions, &new))
        (of.standing(&view))
        @if listed.total == 0 {
            (ui::empty("No partner functions yet",
                "A partner function says which object of the provider is imported or exported, through which mapping and scripts. \
                 Automations say when.", &html! {}))
        } @else {
            (ui::table("Partner functions", &headings, &rows))
        }
        (pager(&view, &of.path(REST), window, listed.total))
    };
    Ok(view.page(HERE, &format!("Partner functions of {}", of.name), &content))
}

fn row(view: &View, of: &Of, shown: &PartnerFunctionShown) -> Markup {
    let (row, definition) = (&shown.row, &shown.row.definition);
    html! {
        tr {
            td { a href=(view.url(&of.path(&format!("{REST}/{}", row.id)))) { (definition.name) } }
            td { (definition.direction.as_str()) }
            td { (definition.object_name) }
            td {
                @match (&definition.object_mapping, shown.mapping_id) {
                    (None, _) => (ui::dash()),
                    (Some(name), Some(_)) => (name),
                    (Some(name), None) => { (name) " " span .quiet { "(not there yet)" } },
                }
            }
            td { @if let Some(tag) = &definition.tag { (tag) } @else { (ui::dash()) } }
            td { (switched(row.enabled)) }
            td { (ui::time(row.updated_at)) }
        }
    }
}

/// What the form offers: object mappings and scripts.
struct Offered {
    mappings: Vec<(String, String)>,
    scripts: Vec<(String, String)>,
}

impl Offered {
    async fn of(view: &View, engine: &Engine, id: ConnectionId) -> Result<Self> {
        let none = |words: &str| vec![(String::new(), words.to_owned())];
        let mut mappings = none("None: records are taken as they are");
        let listed = engine.mappings().list(view.caller(), id, for_choice()).await?;
        mappings.extend(listed.items.into_iter().map(|one| (one.name.clone(), one.name)));
        let mut scripts = none("None");
        let page = Page::new(Some(LIMIT_MAX), None);
        let listed = engine.named_scripts().list(view.caller(), page).await?;
        scripts.extend(listed.items.into_iter().map(|one| (one.id.to_string(), one.name)));
        Ok(Self { mappings, scripts })
    }
}

async fn new(view: View, engine: web::Data<Engine>, id: PathId<ConnectionId>) -> Result<HttpResponse> {
    let of = Of::get(&view, &engine, id.0).await?;
    let offered = Offered::of(&view, &engine, id.0).await?;
    let content = page(&view, &of, None, &offered, &json!({}), &Wrong::default());
    Ok(view.page(HERE, "New partner function", &content))
}

async fn create(view: View, engine: web::Data<Engine>, id: PathId<ConnectionId>, form: Form) -> Result<HttpResponse> {
    let of = Of::get(&view, &engine, id.0).await?;
    let body = form.tree();
    match engine.partner_functions().create(view.caller(), id.0, &body).await {
        Ok(made) => Ok(view.redirect_saying(
            &of.path(&format!("{REST}/{}", made.row.id)),
            &format!("The partner function {} is made.", made.row.definition.name),
        )),
        Err(error) => {
            let offered = Offered::of(&view, &engine, id.0).await?;
            view.again(at_name(error), HERE, "New partner function", |wrong| {
                page(&view, &of, None, &offered, &body, wrong)
            })
        }
    }
}

async fn edit(view: View, engine: web::Data<Engine>, ids: Ids<PartnerFunctionId>) -> Result<HttpResponse> {
    let of = Of::get(&view, &engine, ids.0).await?;
    let shown = engine.partner_functions().get(view.caller(), ids.0, ids.1).await?;
    let values = serde_json::to_value(&shown.row.definition).map_err(Error::internal)?;
    let offered = Offered::of(&view, &engine, ids.0).await?;
    let content = page(&view, &of, Some(&shown), &offered, &values, &Wrong::default());
    Ok(view.page(HERE, &shown.row.definition.name, &content))
}

async fn update(
    view: View,
    engine: web::Data<Engine>,
    ids: Ids<PartnerFunctionId>,
    form: Form,
) -> Result<HttpResponse> {
    let of = Of::get(&view, &engine, ids.0).await?;
    let body = form.tree();
    let changed = engine
        .partner_functions()
        .patch(view.caller(), ids.0, ids.1, form.version(), &body)
        .await;
    match changed {
        Ok(changed) => Ok(view.redirect_saying(
            &of.path(&format!("{REST}/{}", ids.1)),
            &format!("The partner function {} is saved.", changed.row.definition.name),
        )),
        Err(error) => {
            let shown = engine.partner_functions().get(view.caller(), ids.0, ids.1).await?;
            let offered = Offered::of(&view, &engine, ids.0).await?;
            view.again(at_name(error), HERE, &shown.row.definition.name, |wrong| {
                page(&view, &of, Some(&shown), &offered, &body, wrong)
            })
        }
    }
}

async fn enable(view: View, engine: web::Data<Engine>, ids: Ids<PartnerFunctionId>) -> Result<HttpResponse> {
    turn(&view, &engine, ids, true).await
}

async fn disable(view: View, engine: web::Data<Engine>, ids: Ids<PartnerFunctionId>) -> Result<HttpResponse> {
    turn(&view, &engine, ids, false).await
}

async fn turn(view: &View, engine: &Engine, ids: Ids<PartnerFunctionId>, enabled: bool) -> Result<HttpResponse> {
    let functions = engine.partner_functions();
    functions
        .set_enabled(view.caller(), ids.0, ids.1, None, enabled)
        .await?;
    let said = if enabled {
        "The partner function is enabled."
    } else {
        "The partner function is disabled: automations that name it do nothing until it is enabled."
    };
    Ok(view.redirect_saying(&format!("/connections/{}{REST}/{}", ids.0, ids.1), said))
}

async fn delete(view: View, engine: web::Data<Engine>, ids: Ids<PartnerFunctionId>) -> Result<HttpResponse> {
    engine
        .partner_functions()
        .delete(view.caller(), ids.0, ids.1, None)
        .await?;
    Ok(view.redirect_saying(
        &format!("/connections/{}{REST}", ids.0),
        "The partner function is deleted.",
    ))
}

fn page(
    view: &View,
    of: &Of,
    shown: Option<&PartnerFunctionShown>,
    offered: &Offered,
    values: &Value,
    wrong: &Wrong,
) -> Markup {
    let name = shown.map(|shown| shown.row.definition.name.as_str());
    let path = match shown {
        Some(shown) => of.path(&format!("{REST}/{}", shown.row.id)),
        None => of.path(REST),
    };
    let actions = html! {
        @if let Some(shown) = shown {
            (switched(shown.row.enabled))
            (switch(view, &path, shown.row.enabled))
            (ui::act_asking(view, &format!("{path}/delete"), "Delete",
                &format!("Delete the partner function {}? Runs of automations that name it fail until there is one of its name.",
                    shown.row.definition.name), "danger"))
        }
    };
    html! {
        (of.head(view, &[("Partner functions", REST)], name.unwrap_or("New partner function"), &actions))
        @if let Some(shown) = shown { (warnings(&shown.warnings)) }
        (wrong.summary())
        form .card .form method="post" action=(view.url(&path)) {
            (ui::token(view))
            (ui::version(shown.map(|shown| shown.row.version)))
            (fields(offered, &Entry { values, wrong, locked: false }))
            div .buttons {
                button .primary type="submit" { "Save" }
                a href=(view.url(&of.path(REST))) { "Cancel" }
            }
        }
    }
}

fn fields(offered: &Offered, entry: &Entry<'_>) -> Markup {
    let (mappings, scripts) = (options(&offered.mappings), options(&offered.scripts));
    html! {
        (Input::text("name", "Name").required().show(entry))
        (Input::choice("direction", "Direction", DIRECTIONS).show(entry))
        (Input::text("object_name", "Object of the provider").required().placeholder("customer")
            .help(html! { "In any of its names: customer, CustomerRecord, Contacts." }).show(entry))
        (Input::choice("object_mapping", "Object mapping", &mappings)
            .help(html! { "Which members become which." }).show(entry))
        (Input::choice("pre_run_script_id", "Script before", &scripts)
            .help(html! { "Runs on each record before the criteria (import) or the mapping (export)." }).show(entry))
        (Input::choice("post_run_script_id", "Script after", &scripts)
            .help(html! { "Runs on each record after the mapping (import) or after it was sent (export)." }).show(entry))
        (Input::text("event_name", "Event name").show(entry))
        (Input::text("tag", "Tag").show(entry))
        (Input::area("description", "Description", 3).show(entry))
    }
}

/// As a choice takes them.
pub(super) fn options(pairs: &[(String, String)]) -> Vec<(&str, &str)> {
    pairs
        .iter()
        .map(|(value, words)| (value.as_str(), words.as_str()))
        .collect()
}
