//! `/api/v1/events`: what happens in the tenant, as server-sent events.

use actix_web::{
    HttpRequest, HttpResponse,
    http::header,
    web::{self, Bytes, ServiceConfig},
};
use futures_util::{StreamExt, stream};

use crate::{
    engine::{Engine, caller::Caller, event_stream::Heard},
    error::Result,
};

pub(super) fn routes(config: &mut ServiceConfig) {
    config.service(web::resource("/events").route(web::get().to(events)));
}

/// What happens in the tenant, as server-sent events; `Last-Event-ID` resumes.
#[utoipa::path(get, path = "/api/v1/events", tag = "inspection", params(("Last-Event-ID" = Option<u64>, Header)), responses((status = 200, body = String, content_type = "text/event-stream")))]
pub(super) async fn events(caller: Caller, engine: web::Data<Engine>, request: HttpRequest) -> Result<HttpResponse> {
    let last_event_id = request
        .headers()
        .get("Last-Event-ID")
        .and_then(|value| value.to_str().ok()?.trim().parse().ok());
    let heard = engine.event_stream(&caller, last_event_id)?;
    // The first comment sends the head, so that the listener knows at once that it is connected.
    let opening = stream::once(async { Bytes::from_static(b": connected\n\n") });
    let body = opening
        .chain(heard.map(|heard| text_of(&heard)))
        .map(Ok::<_, actix_web::Error>);
    Ok(HttpResponse::Ok()
        .insert_header((header::CONTENT_TYPE, "text/event-stream"))
        .insert_header((header::CACHE_CONTROL, "no-store"))
        // Proxies such as nginx would otherwise collect the events.
        .insert_header(("X-Accel-Buffering", "no"))
        .streaming(body))
}

fn text_of(heard: &Heard) -> Bytes {
    match heard {
        Heard::Quiet => Bytes::from_static(b": still here\n\n"),
        Heard::Lost(count) => Bytes::from(format!("event: events.lost\ndata: {{\"count\":{count}}}\n\n")),
        Heard::Event(event) => match serde_json::to_string(event) {
            // JSON of serde_json has no line ends.
            Ok(data) => Bytes::from(format!("id: {}\nevent: {}\ndata: {data}\n\n", event.id, event.kind)),
            Err(_) => Bytes::new(),
        },
    }
}
