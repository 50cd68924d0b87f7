//! When a call with the schedule that stands in the form would be due.

use actix_web::{HttpResponse, web};
use jiff::{Timestamp, tz::TimeZone};
use maud::{Markup, html};

use super::{
    HERE, View,
    draft::Draft,
    form::{self, Form},
    tested, ui,
};
use crate::{
    domain::call_api::FREQUENCY_SECONDS_ADVISED,
    engine::{Engine, call_apis::SchedulePreview},
    error::Result,
    gateway::dto::call_apis::PreviewBody,
};

/// Where the form is sent for it.
pub(super) const PATH: &str = "/call-apis/preview";
/// Due times that are shown.
const COUNT: usize = 10;

pub(super) async fn preview(view: View, engine: web::Data<Engine>, form: Form) -> Result<HttpResponse> {
    let draft = Draft::of_form(&form);
    let read = draft.frequency_readable();
    let asked = read.and_then(|()| form::body::<PreviewBody>(&draft.preview(COUNT)));
    let asked = asked.and_then(|body| {
        let preview = body.preview();
        let due_times = engine.call_apis().preview_schedule(view.caller(), &preview)?;
        Ok((preview, due_times))
    });
    let content = match asked {
        Ok((preview, due_times)) => shown(&preview, &due_times),
        Err(error) => tested::refused(error)?,
    };
    Ok(view.part(HERE, "Next due times", &content))
}

fn shown(preview: &SchedulePreview, due_times: &[Timestamp]) -> Markup {
    let zone = preview.schedule.as_ref().map(|rule| rule.time_zone.as_str());
    let zone = zone.filter(|name| *name != "UTC");
    let there = zone.and_then(|name| TimeZone::get(name).ok());
    let is_low = preview
        .frequency_seconds
        .filter(|seconds| *seconds < FREQUENCY_SECONDS_ADVISED);
    html! {
        @if let Some(seconds) = is_low {
            p .note { "Every " (seconds) " s is very often: intervals below " (FREQUENCY_SECONDS_ADVISED)
                " s may cause unnecessary load and excessive requests to the external API." }
        }
        @if due_times.is_empty() {
            p .note { "This rule is never due." }
        } @else {
            p .quiet { "If it were activated now, it would be due at:" }
            ol .due {
                @for at in due_times {
                    li {
                        (ui::time(*at))
                        @if let (Some(name), Some(there)) = (zone, &there) {
                            span .quiet { " · " (at.to_zoned(there.clone()).strftime("%a %H:%M:%S")) " in " (name) }
                        }
                    }
                }
            }
        }
    }
}
