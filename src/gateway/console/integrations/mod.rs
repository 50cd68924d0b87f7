//! Exchange → Integrations: definitions and their parts, what this tenant uses, consents, the queue and the logs.
//!
//! The pages ask for entities as OData has them (`domain/odata`), and send the same bodies, so that names of fields, checks and
//! refusals are those of the API.

use actix_web::web::{self, ServiceConfig};
use jiff::Timestamp;
use maud::{Markup, html};
use serde_json::{Map, Value};

use super::{
    ui::{self, Tone},
    view::View,
};
use crate::{
    domain::odata::{self, Asked, Entity, EntitySet, Expanded, Key, Listed, Query},
    engine::Engine,
    error::{Code, Error, Result},
};

mod choices;
mod filter;
mod logs;
mod parts;
mod queue;
mod specs;
mod usage;

pub(super) fn routes(config: &mut ServiceConfig) {
    config
        .service(web::resource("/integrations").route(web::get().to(parts::definitions)))
        .service(web::resource("/integrations/filter").route(web::post().to(filter::try_filter)))
        .service(web::resource("/integrations/logs").route(web::get().to(logs::list)))
        .service(web::resource("/integrations/definitions/{id}/use").route(web::post().to(usage::save)))
        .service(web::resource("/integrations/definitions/{id}/leave").route(web::post().to(usage::leave)))
        .service(web::resource("/integrations/consents/{id}/{action}").route(web::post().to(usage::consent)))
        .service(
            web::resource("/integrations/{part}")
                .route(web::get().to(parts::list))
                .route(web::post().to(parts::create)),
        )
        .service(web::resource("/integrations/{part}/new").route(web::get().to(parts::new)))
        .service(
            web::resource("/integrations/{part}/{id}")
                .route(web::get().to(parts::edit))
                .route(web::post().to(parts::update)),
        )
        .service(web::resource("/integrations/{part}/{id}/delete").route(web::post().to(parts::delete)))
        .service(
            web::resource("/queue")
                .route(web::get().to(queue::list))
                .route(web::post().to(queue::act_on_many)),
        )
        .service(web::resource("/queue/{id}").route(web::get().to(queue::show)))
        .service(web::resource("/queue/{id}/{action}").route(web::post().to(queue::act)));
}

/// The tabs of all pages here.
fn tabs(view: &View, here: &str) -> Markup {
    let all = [
        ("/integrations", "Integrations"),
        ("/integrations/actions", "Actions"),
        ("/integrations/systems", "Systems"),
        ("/integrations/schedules", "Schedules"),
        ("/integrations/logs", "Logs"),
    ];
    html! {
        nav .tabs aria-label="Integrations" {
            @for (path, name) in all { a href=(view.url(path)) aria-current=[(path == here).then_some("page")] { (name) } }
        }
    }
}

/// Entities of a set, by options as OData has them (`$filter=…&$top=…`, not encoded).
async fn listed(view: &View, engine: &Engine, set: EntitySet, options: &[(&str, String)], most: u64) -> Result<Listed> {
    let query = query(set, Asked::Many, options)?;
    engine.odata().list(view.caller(), &query, most).await
}

/// Entities of a set that meet all conditions, newest first, each with the name of its integration; below a number where the page
/// before ended.
async fn newest(
    view: &View,
    engine: &Engine,
    set: EntitySet,
    mut conditions: Vec<String>,
    below: Option<i64>,
    most: u64,
) -> Result<Listed> {
    let key = set.entity_type().key().name;
    conditions.extend(below.map(|below| format!("{key} lt {below}")));
    let mut options = vec![
        ("$orderby", format!("{key} desc")),
        ("$expand", "Integration($select=IntegrationName)".to_owned()),
    ];
    if !conditions.is_empty() {
        options.push(("$filter", conditions.join(" and ")));
    }
    listed(view, engine, set, &options, most).await
}

/// Where the page after one of [`newest`] begins.
fn next_cursor(found: &Listed) -> Option<String> {
    let last = found.entities.last().filter(|_| found.more)?;
    number(last, last.set.entity_type().key().name).map(|id| id.to_string())
}

/// One entity.
async fn one(view: &View, engine: &Engine, set: EntitySet, id: i64, expand: &str) -> Result<Entity> {
    let mut options = Vec::new();
    if !expand.is_empty() {
        options.push(("$expand", expand.to_owned()));
    }
    let query = query(set, Asked::One, &options)?;
    engine.odata().one(view.caller(), &query, &Key::Number(id)).await
}

fn query(set: EntitySet, asked: Asked, options: &[(&str, String)]) -> Result<Query> {
    let written: Vec<String> = options
        .iter()
        .map(|(name, value)| format!("{name}={}", ui::encoded(value)))
        .collect();
    let read = odata::parse(set, asked, &written.join("&"));
    Ok(read
        .map_err(|refused| Error::new(Code::BadRequest, refused.to_string()))?
        .query)
}

/// The members of an entity.
fn values(entity: &Entity) -> Value {
    let each = entity.values.iter();
    Value::Object(
        each.map(|(property, value)| (property.name.to_owned(), value.clone()))
            .collect::<Map<_, _>>(),
    )
}

fn text<'a>(entity: &'a Entity, name: &str) -> &'a str {
    entity.value(name).and_then(Value::as_str).unwrap_or_default()
}

fn number(entity: &Entity, name: &str) -> Option<i64> {
    entity.value(name).and_then(Value::as_i64)
}

fn flag(entity: &Entity, name: &str) -> bool {
    entity.value(name).and_then(Value::as_bool).unwrap_or(false)
}

fn moment(entity: &Entity, name: &str) -> Option<Timestamp> {
    text(entity, name).parse().ok()
}

/// The one entity that a link of this one leads to, where it was asked for.
fn inside<'a>(entity: &'a Entity, navigation: &str) -> Option<&'a Entity> {
    entity.expanded.iter().find_map(|(known, expanded)| match expanded {
        Expanded::One(Some(one)) if known.name == navigation => Some(&**one),
        _ => None,
    })
}

/// A text of OData's filters.
fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

/// The state of an item in a word.
fn item_badge(state: &str) -> Markup {
    let tone = match state {
        "Completed" => Tone::Good,
        "Processing" => Tone::Busy,
        "Failed" => Tone::Warn,
        "Abandoned" => Tone::Bad,
        _ => Tone::Quiet,
    };
    ui::badge(tone, state)
}

/// How a run ended in a word.
fn outcome_badge(outcome: &str) -> Markup {
    let tone = match outcome {
        "Succeeded" => Tone::Good,
        "" => return ui::badge(Tone::Busy, "Running"),
        "Partial" => Tone::Warn,
        _ => Tone::Bad,
    };
    ui::badge(tone, outcome)
}
