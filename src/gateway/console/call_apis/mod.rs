//! Settings → Imports → Call APIs: the overview, the form with its tests, and the history of runs.

use actix_web::web::{self, ServiceConfig};

use super::{form, shell::Here, ui, view::View};
use crate::{
    domain::{ids::CallApiId, outcome::Outcome},
    engine::call_apis::CallStatus,
};
use ui::Tone;

mod choices;
mod draft;
mod fields;
mod headers;
mod help;
mod list;
mod page;
mod preview;
mod runs;
mod samples;
mod tested;
mod testing;

const HERE: Here = Here::CallApis;
const WAY: &[(&str, &str)] = &[("Settings", ""), ("Imports", ""), ("Call APIs", "/call-apis")];
/// The way to the list itself.
const ABOVE: &[(&str, &str)] = &[("Settings", ""), ("Imports", "")];
/// What changes how a call stands.
const EVENTS: &str = "run.finished call.activated call.deactivated";

/// The words that are no ids come first.
pub(super) fn routes(config: &mut ServiceConfig) {
    config
        .service(
            web::resource("/call-apis")
                .route(web::get().to(list::list))
                .route(web::post().to(page::create)),
        )
        .service(web::resource("/call-apis/new").route(web::get().to(page::new)))
        .service(web::resource("/call-apis/preview").route(web::post().to(preview::preview)))
        .service(web::resource("/call-apis/test").route(web::post().to(testing::test_new)))
        .service(web::resource("/call-apis/test/response").route(web::post().to(testing::respond_new)))
        .service(
            web::resource("/call-apis/{id}")
                .route(web::get().to(page::edit))
                .route(web::post().to(page::update)),
        )
        .service(web::resource("/call-apis/{id}/test").route(web::post().to(testing::test_saved)))
        .service(web::resource("/call-apis/{id}/test/response").route(web::post().to(testing::respond_saved)))
        .service(web::resource("/call-apis/{id}/activate").route(web::post().to(page::activate)))
        .service(web::resource("/call-apis/{id}/deactivate").route(web::post().to(page::deactivate)))
        .service(web::resource("/call-apis/{id}/run").route(web::post().to(page::run)))
        .service(web::resource("/call-apis/{id}/delete").route(web::post().to(page::delete)))
        .service(web::resource("/call-apis/{id}/runs").route(web::get().to(runs::list)))
        .service(web::resource("/call-apis/{id}/runs/{run}").route(web::get().to(runs::detail)));
}

/// The page of a call.
fn path(id: CallApiId) -> String {
    format!("/call-apis/{id}")
}

const fn status_badge(status: CallStatus) -> (Tone, &'static str) {
    match status {
        CallStatus::Inactive => (Tone::Quiet, "inactive"),
        CallStatus::Idle => (Tone::Good, "idle"),
        CallStatus::Running => (Tone::Busy, "running"),
        CallStatus::Deactivated => (Tone::Bad, "deactivated"),
    }
}

/// How a run ended; none while it is going.
fn outcome_badge(outcome: Option<Outcome>) -> maud::Markup {
    let Some(outcome) = outcome else {
        return ui::badge(Tone::Busy, "running");
    };
    let tone = match outcome {
        Outcome::Created => Tone::Good,
        Outcome::NothingNew | Outcome::Aborted | Outcome::Cancelled => Tone::Quiet,
        Outcome::Interrupted | Outcome::SkippedOverlap | Outcome::SkippedMisfire => Tone::Warn,
        Outcome::HttpError | Outcome::TransportError | Outcome::ScriptError => Tone::Bad,
    };
    ui::badge(tone, &outcome.as_str().replace('_', " "))
}
