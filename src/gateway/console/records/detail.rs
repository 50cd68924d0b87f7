//! One record: its data, its version, and its counterparts behind connections.

use std::collections::HashMap;

use actix_web::{HttpResponse, http::header, web};
use maud::{Markup, html};

use super::{At, HERE, WAY, of_entity, of_record};
use crate::{
    domain::ids::ConnectionId,
    engine::{
        Engine,
        records::{Record, RecordLink},
    },
    error::Result,
    gateway::{
        console::{
            json_field,
            ui::{self, Tone},
            view::View,
        },
        json::Query,
    },
};

pub(super) async fn detail(view: View, engine: web::Data<Engine>, at: Query<At>) -> Result<HttpResponse> {
    let record = engine.records().get(view.caller(), &at.0.entity, &at.0.key).await?;
    let connections = record.links.iter().map(|link| ConnectionId::from(link.connection_id));
    let names = engine.names().connections(view.caller(), connections).await?;
    let (entity, key) = (record.entity.as_str(), record.key.as_str());
    let list = of_entity(entity);
    let way = [WAY, &[(entity, list.as_str())]].concat();
    let live = html! {
        (ui::facts(&[
            ("Entity", html! { (entity) }),
            ("Key", html! { (key) }),
            ("Version", html! { (record.version) }),
            ("Written", ui::time(record.updated_at)),
        ]))
        h2 { "Data" }
        (json_field::shown(record.data.get(), &view.url(&of_record("/data", entity, key))))
        h2 { "Counterparts" }
        (counterparts(&view, &record, &names))
    };
    let content = html! {
        (ui::head(&view, &way, key, &actions(&view, &record)))
        (ui::live("record", "record.created record.updated record.deleted", &live))
    };
    Ok(view.page(HERE, key, &content))
}

/// The data as a file.
pub(super) async fn data(view: View, engine: web::Data<Engine>, at: Query<At>) -> Result<HttpResponse> {
    let record = engine.records().get(view.caller(), &at.0.entity, &at.0.key).await?;
    Ok(HttpResponse::Ok()
        .insert_header((header::CONTENT_TYPE, "application/json"))
        .insert_header((header::CONTENT_DISPOSITION, "attachment; filename=\"record.json\""))
        .body(record.data.get().to_owned()))
}

fn actions(view: &View, record: &Record) -> Markup {
    let (entity, key) = (record.entity.as_str(), record.key.as_str());
    let question = if record.links.is_empty() {
        format!("Delete the record {key} of the entity {entity}?")
    } else {
        format!(
            "Delete the record {key} of the entity {entity} here? Its counterparts in other systems stay as they are."
        )
    };
    html! {
        (ui::link_button(view, &of_record("/edit", entity, key), "Edit"))
        form .act method="post" action=(view.url(&of_record("/delete", entity, key))) {
            (ui::token(view))
            (ui::version(Some(record.version)))
            button .danger type="submit" data-ask=(question) { "Delete" }
        }
    }
}

fn counterparts(view: &View, record: &Record, names: &HashMap<ConnectionId, String>) -> Markup {
    if record.links.is_empty() {
        return html! { p .quiet { "It is known nowhere else: no import brought it, and no export has sent it." } };
    }
    let rows: Vec<Markup> = record
        .links
        .iter()
        .map(|link| counterpart(view, record, link, names))
        .collect();
    ui::table(
        "Counterparts behind connections",
        &[
            "Connection",
            "Object",
            "Id there",
            "Version there",
            "Changed there",
            "In step",
        ],
        &rows,
    )
}

fn counterpart(view: &View, record: &Record, link: &RecordLink, names: &HashMap<ConnectionId, String>) -> Markup {
    let id = ConnectionId::from(link.connection_id);
    html! {
        tr {
            td {
                @match names.get(&id) {
                    Some(name) => a href=(view.url(&format!("/connections/{id}"))) { (name) },
                    None => span .quiet title=(id) { "a connection that is gone" },
                }
            }
            td { (link.object) }
            td .long { code { (link.remote_id) } }
            td { @match &link.remote_version { Some(version) => (version), None => (ui::dash()) } }
            td { (ui::time_or_dash(link.remote_updated_at)) }
            td {
                @if link.record_version == record.version { (ui::badge(Tone::Good, "yes")) }
                @else if link.record_version == 0 { (ui::badge(Tone::Quiet, "never was")) }
                @else { (ui::badge(Tone::Warn, "no")) " last at version " (link.record_version) }
            }
        }
    }
}
