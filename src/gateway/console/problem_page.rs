//! Errors as a page: what happened, what to do, and the request id for whoever looks into the log.

use actix_web::{HttpResponse, HttpResponseBuilder, body::BoxBody, http::header};
use maud::html;

use super::{base_of, shell, view::POLICY};
use crate::{
    error::Error,
    gateway::problem::{Place, status_of},
};

/// The page for an error.
pub(in crate::gateway) fn render(error: &Error, place: &Place) -> HttpResponse<BoxBody> {
    let status = status_of(error.code);
    let base = base_of(place.instance.as_deref().unwrap_or_default());
    let title = status.canonical_reason().unwrap_or("Something went wrong");
    let content = html! {
        div .problem role="alert" {
            h1 { (title) }
            p { (error.message) }
            @if !error.fields.is_empty() {
                ul { @for field in &error.fields { li { (field) } } }
            }
            @if let Some(step) = error.step { p { "It failed at: " (step) "." } }
            p .quiet {
                "Code " code { (error.code.as_str()) }
                @if let Some(id) = &place.request_id { ", request " code { (id) } }
                "."
            }
            p { a .button href=(base) { "To the overview" } }
        }
    };
    let mut response = HttpResponseBuilder::new(status);
    response
        .insert_header((header::CONTENT_TYPE, "text/html; charset=utf-8"))
        .insert_header((header::CONTENT_SECURITY_POLICY, POLICY));
    if let Some(retry_after_ms) = error.retry_after_ms {
        response.insert_header((header::RETRY_AFTER, retry_after_ms.div_ceil(1_000).max(1)));
    }
    response.body(shell::bare(base, title, &content).into_string())
}
