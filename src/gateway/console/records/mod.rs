//! Data → Records: the local records of entities. `list` chooses an entity and pages through it, `detail` shows a record with its
//! counterparts, `edit` makes and edits them. Entity and key are in the query: a key may hold any letter.

use actix_web::{
    HttpResponse,
    web::{self, ServiceConfig},
};
use serde::Deserialize;

use super::{form::Form, shell::Here, ui, view::View};
use crate::{engine::Engine, error::Result, gateway::json::Query};

mod detail;
mod edit;
mod list;

const HERE: Here = Here::Records;
/// The way to the list.
const ABOVE: &[(&str, &str)] = &[("Data", "")];
/// The way to what the list holds.
const WAY: &[(&str, &str)] = &[("Data", ""), ("Records", "/records")];

pub(super) fn routes(config: &mut ServiceConfig) {
    config
        .service(
            web::resource("/records")
                .route(web::get().to(list::list))
                .route(web::post().to(edit::create)),
        )
        .service(web::resource("/records/new").route(web::get().to(edit::new)))
        .service(web::resource("/records/record").route(web::get().to(detail::detail)))
        .service(web::resource("/records/record/data").route(web::get().to(detail::data)))
        .service(
            web::resource("/records/record/edit")
                .route(web::get().to(edit::edit))
                .route(web::post().to(edit::save)),
        )
        .service(web::resource("/records/record/delete").route(web::post().to(delete)));
}

/// Which record.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct At {
    entity: String,
    key: String,
}

async fn delete(view: View, engine: web::Data<Engine>, at: Query<At>, form: Form) -> Result<HttpResponse> {
    let At { entity, key } = at.0;
    engine
        .records()
        .delete(view.caller(), &entity, &key, form.version())
        .await?;
    Ok(view.redirect_saying(&of_entity(&entity), &format!("The record {key} is deleted here.")))
}

/// The list of an entity.
fn of_entity(entity: &str) -> String {
    format!("/records?entity={}", ui::encoded(entity))
}

/// A page of a record; `page` is empty or begins with a slash.
fn of_record(page: &str, entity: &str, key: &str) -> String {
    format!(
        "/records/record{page}?entity={}&key={}",
        ui::encoded(entity),
        ui::encoded(key)
    )
}
