//! The criteria of an automation on a sample record: which rule is met, and what it found.

use actix_web::{HttpResponse, web};
use maud::{Markup, html};
use serde_json::Value;

use super::{HERE, Ids, criteria, refusal};
use crate::{
    domain::{automation::Automation, ids::AutomationId},
    engine::Engine,
    error::{Code, Error, Result},
    gateway::console::{
        form::Form,
        ui::{self, Entry, Input, Tone, Wrong},
        view::View,
    },
};

/// The field with the sample.
const RECORD: &str = "record";

/// A sample that names the fields of the criteria, and the button that explains it.
pub(super) fn form(view: &View, path: &str, definition: &Automation) -> Markup {
    let sample = criteria::sample(&definition.criteria);
    let text = serde_json::to_string_pretty(&sample).unwrap_or_default();
    let (values, wrong) = (serde_json::json!({ RECORD: text }), Wrong::default());
    let entry = Entry {
        values: &values,
        wrong: &wrong,
        locked: false,
    };
    html! {
        @if !definition.criteria.is_empty() {
            h2 { "Explain the criteria" }
            form .card .form method="post" action=(view.url(&format!("{path}/explain"))) data-into="#explained" {
                (ui::token(view))
                (Input::script(RECORD, "Sample record")
                    .help(html! { "A record as it is when the criteria are looked at, as JSON. Nothing is stored." }).show(&entry))
                div .buttons { button type="submit" { "Explain on this record" } }
                div #explained .wide data-into-target aria-live="polite" {}
            }
        }
    }
}

pub(super) async fn explain(
    view: View,
    engine: web::Data<Engine>,
    ids: Ids<AutomationId>,
    form: Form,
) -> Result<HttpResponse> {
    let content = match explained(&view, &engine, &ids, form.text(RECORD)).await {
        Ok(content) => content,
        Err(error) if error.code == Code::Invalid => refusal(&error.message),
        Err(error) => return Err(error),
    };
    Ok(view.part(HERE, "Explain the criteria", &content))
}

async fn explained(view: &View, engine: &Engine, ids: &Ids<AutomationId>, text: &str) -> Result<Markup> {
    let record: Value = serde_json::from_str(text)
        .map_err(|error| Error::new(Code::Invalid, format!("The sample is not JSON: {error}.")))?;
    let explained = engine
        .automations()
        .explain(view.caller(), ids.0, ids.1, &record)
        .await?;
    Ok(html! {
        p {
            @if explained.matches { (ui::badge(Tone::Good, "Met")) " The automation takes this record." }
            @else { (ui::badge(Tone::Warn, "Not met")) " The automation leaves this record out." }
        }
        @if explained.criteria.is_null() {
            p { "The criteria do not count as the automation is set: every record is taken." }
        } @else {
            ul .explained { (part(&explained.criteria)) }
        }
    })
}

/// One part of the criteria with its parts. How deep they are the criteria bound.
fn part(explained: &Value) -> Markup {
    let is_met = explained.get("result").and_then(Value::as_bool).unwrap_or_default();
    let expression = explained.get("expression").and_then(Value::as_str).unwrap_or_default();
    let parts = explained.get("parts").and_then(Value::as_array);
    html! {
        li {
            @if is_met { (ui::badge(Tone::Good, "met")) } @else { (ui::badge(Tone::Warn, "not met")) }
            " " (expression)
            @if let Some(value) = explained.get("value") { " " span .quiet { "found " code { (value) } } }
            @else if parts.is_none() { " " span .quiet { "found nothing" } }
            @if let Some(parts) = parts { ul { @for inner in parts { (part(inner)) } } }
        }
    }
}
