//! Choosing an entity, and its records by key.

use actix_web::{HttpResponse, web};
use maud::{Markup, html};
use serde::Deserialize;

use super::{ABOVE, HERE, WAY, of_entity, of_record};
use crate::{
    domain::record::ENTITY_CHARACTERS_MAX,
    engine::{Engine, records::Record},
    error::{Code, Error, Result},
    gateway::{
        console::{
            json_field,
            ui::{self, Wrong},
            view::View,
        },
        json::Query,
        page,
    },
};

/// So much of a record's data a row shows, bytes.
const GLIMPSE_BYTES_MAX: usize = 160;

#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct ListQuery {
    entity: String,
    key: String,
    cursor: Option<String>,
}

pub(super) async fn list(view: View, engine: web::Data<Engine>, query: Query<ListQuery>) -> Result<HttpResponse> {
    let ListQuery { entity, key, cursor } = query.0;
    let (entity, key) = (entity.trim(), key.trim());
    if entity.is_empty() {
        return choose(&view, &engine).await;
    }
    if !key.is_empty() {
        return Ok(view.redirect(&of_record("", entity, key)));
    }
    let page = page::page(None, cursor.filter(|cursor| !cursor.is_empty()))?;
    let cursor = page.cursor.clone();
    let found = match engine.records().list(view.caller(), entity, page).await {
        Ok(found) => found,
        Err(error) => return refused(&view, &engine, error, entity).await,
    };
    let rows: Vec<Markup> = found.items.iter().map(|record| row(&view, record)).collect();
    let new = format!("/records/new?entity={}", ui::encoded(entity));
    let query = format!("entity={}", ui::encoded(entity));
    let list = html! {
        @if rows.is_empty() {
            (ui::empty(&format!("There are no records of the entity {entity}"),
                "Automations and integrations bring them, programs put them, and you can make one by hand.",
                &ui::link_button(&view, &new, "New record")))
        } @else {
            (ui::table(&format!("Records of {entity}"), &["Key", "Data", "Version", "Counterparts", "Written"], &rows))
        }
        (ui::pager(&view, "/records", &query, cursor.as_deref(), found.next_cursor.as_deref()))
    };
    let title = format!("Records: {entity}");
    let content = html! {
        (ui::head(&view, WAY, &title, &ui::main_button(&view, &new, "New record")))
        form .filters method="get" action=(view.url("/records")) {
            input type="hidden" name="entity" value=(entity);
            div .field { label for="f-key" { "Key" } input #f-key type="text" name="key" required; }
            div .buttons { button type="submit" { "Open" } a href=(view.url("/records")) { "Other entities" } }
        }
        (ui::live("records", "record.created record.updated record.deleted", &list))
    };
    Ok(view.page(HERE, &title, &content))
}

fn row(view: &View, record: &Record) -> Markup {
    let (glimpse, is_cut) = json_field::cut(record.data.get(), GLIMPSE_BYTES_MAX);
    html! {
        tr {
            td .long { a href=(view.url(&of_record("", &record.entity, &record.key))) { (record.key) } }
            td .long { code { (glimpse) @if is_cut { "…" } } }
            td { (record.version) }
            td { @if record.links.is_empty() { (ui::dash()) } @else { (record.links.len()) } }
            td { (ui::time(record.updated_at)) }
        }
    }
}

async fn choose(view: &View, engine: &Engine) -> Result<HttpResponse> {
    let entities = engine.records().entities(view.caller()).await?;
    Ok(view.page(HERE, "Records", &chooser(view, &entities, "", &Wrong::default())))
}

async fn refused(view: &View, engine: &Engine, error: Error, entity: &str) -> Result<HttpResponse> {
    if error.code != Code::Invalid {
        return Err(error);
    }
    let entities = engine.records().entities(view.caller()).await?;
    view.again(error, HERE, "Records", |wrong| chooser(view, &entities, entity, wrong))
}

fn chooser(view: &View, entities: &[String], entered: &str, wrong: &Wrong) -> Markup {
    let rows: Vec<Markup> = entities
        .iter()
        .map(|entity| html! { tr { td { a href=(view.url(&of_entity(entity))) { (entity) } } } })
        .collect();
    let told = wrong.at("entity");
    html! {
        (ui::head(view, ABOVE, "Records", &ui::main_button(view, "/records/new", "New record")))
        (wrong.summary())
        form .filters method="get" action=(view.url("/records")) {
            div .field {
                label for="f-entity" { "Entity" }
                input #f-entity type="text" name="entity" value=(entered) required list="entities" maxlength=(ENTITY_CHARACTERS_MAX)
                    aria-invalid=[told.map(|_| "true")] aria-describedby=[told.map(|_| "f-entity-wrong")];
                @if let Some(told) = told { p #f-entity-wrong .wrong { (told) } }
                datalist #entities {
                    @for entity in known(entities) { option value=(entity) {} }
                }
            }
            div .buttons { button type="submit" { "Show" } }
        }
        @if rows.is_empty() {
            (ui::empty("There are no records yet", "Automations and integrations bring them, programs put them, and you can make one by hand.", &html! {}))
        } @else {
            (ui::table("Entities with records", &["Entity"], &rows))
        }
    }
}

/// Those that are there, and those that most people begin with.
fn known(entities: &[String]) -> Vec<&str> {
    let common = ["customer", "supplier", "item", "invoice"];
    let mut known: Vec<&str> = entities.iter().map(String::as_str).collect();
    known.extend(
        common
            .into_iter()
            .filter(|name| !entities.iter().any(|entity| entity == name)),
    );
    known
}
