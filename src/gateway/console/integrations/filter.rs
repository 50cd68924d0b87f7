//! Trying a filter before it is saved: is it one, and what does it make of a row?

use actix_web::{HttpResponse, web};
use maud::{Markup, html};
use serde_json::{Value, json};

use crate::{
    engine::Engine,
    error::{Error, Result},
    gateway::console::{
        form::Form,
        shell::Here,
        ui::{self, Entry, Input, Tone, Wrong},
        view::View,
    },
};

/// A row to begin with.
const SAMPLE: &str = r#"{
  "Identifier": "INV-1001",
  "Status": "ready",
  "CreatedAt": "2026-01-15T08:00:00Z",
  "Amount": 1500,
  "Customer": { "Country": "NO" }
}"#;

/// The part of the form below the filter.
pub(super) fn tools(view: &View) -> Markup {
    let values = json!({ "_sample": SAMPLE });
    let wrong = Wrong::default();
    let entry = Entry {
        values: &values,
        wrong: &wrong,
        locked: false,
    };
    html! {
        div .wide {
            details #filter-tools .more {
                summary { "Try the filter on a row" }
                (Input::script("_sample", "Sample row").help(html! { "JSON of a row; it is not stored." }).show(&entry))
                p { button type="submit" formaction=(view.url("/integrations/filter")) formnovalidate data-into="#tried" { "Explain" } }
                div #tried aria-live="polite" data-into-target {}
            }
        }
    }
}

pub(super) async fn try_filter(view: View, engine: web::Data<Engine>, form: Form) -> Result<HttpResponse> {
    let content = match tried(&view, &engine, &form) {
        Ok(explained) => shown(&explained),
        Err(error) if error.code != crate::error::Code::Internal => Wrong::of(&error).summary(),
        Err(error) => return Err(error),
    };
    Ok(view.part(Here::Integrations, "Filter", &content))
}

fn tried(view: &View, engine: &Engine, form: &Form) -> Result<Value> {
    let item: Value = serde_json::from_str(form.text("_sample"))
        .map_err(|error| Error::invalid_field("_sample", format!("is not JSON: {error}")))?;
    let integrations = engine.integrations();
    integrations.try_filter(view.caller(), form.text("EntityId"), form.text("Filter"), &item)
}

fn shown(explained: &Value) -> Markup {
    let parts = explained["parts"].as_array().map(Vec::as_slice).unwrap_or_default();
    let matches = explained["matches"] == true;
    let rows: Vec<Markup> = parts
        .iter()
        .map(|part| {
            let value = &part["value"];
            let said = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
            html! { tr { td .long { code { (part["expression"].as_str().unwrap_or_default()) } } td { (said) } } }
        })
        .collect();
    html! {
        p {
            @if matches { (ui::badge(Tone::Good, "matches")) " This row becomes an item." }
            @else { (ui::badge(Tone::Quiet, "does not match")) " This row does not become an item." }
        }
        @if !rows.is_empty() { (ui::table("Parts of the filter", &["Part", "Value for this row"], &rows)) }
    }
}
