//! The list of connections, and the choice of a provider for a new one.

use actix_web::{
    HttpResponse,
    web::{self, ServiceConfig},
};
use maud::{Markup, html};

use super::{EVENTS, HERE, Offset, edit, pager, state};
use crate::{
    engine::{Engine, connections::Connection},
    error::Result,
    gateway::{
        console::{ui, view::View},
        json::Query,
    },
};

pub(super) fn routes(config: &mut ServiceConfig) {
    config.service(
        web::resource("/connections")
            .route(web::get().to(list))
            .route(web::post().to(edit::create)),
    );
}

async fn list(view: View, engine: web::Data<Engine>, query: Query<Offset>) -> Result<HttpResponse> {
    let window = query.0.window();
    let listed = engine.connections().list(view.caller(), window).await?;
    let rows: Vec<Markup> = listed.items.iter().map(|connection| row(&view, connection)).collect();
    let new = ui::main_button(&view, "/connections/new", "New connection");
    let content = html! {
        (ui::head(&view, super::ABOVE, "Connections", &new))
        (ui::live("connections", EVENTS, &html! {
            @if listed.total == 0 {
                (ui::empty("No connections yet",
                    "A connection holds the account and the credentials for Xero, QuickBooks, NetSuite or any JSON API. Partner functions \
                     and automations of it then exchange records.", &html! {}))
            } @else {
                (ui::table("Connections", &["Name", "Provider", "State", "Health", "Account", "Changed"], &rows))
            }
        }))
        (pager(&view, "/connections", window, listed.total))
    };
    Ok(view.page(HERE, "Connections", &content))
}

fn row(view: &View, connection: &Connection) -> Markup {
    let health = &connection.state;
    html! {
        tr {
            td { a href=(view.url(&format!("/connections/{}", connection.id))) { (connection.name()) } }
            td { (connection.provider) }
            td { (state(connection)) }
            td .long {
                @match health.detail.as_deref() {
                    Some(detail) => { (detail) " (since " (ui::time_or_dash(health.since)) ")" },
                    None if connection.enabled => "OK",
                    None => (ui::dash()),
                }
            }
            td .long {
                @match connection.profile.remote_instance_id.as_deref() {
                    Some(id) => code { (id) },
                    None => (ui::dash()),
                }
            }
            td { (ui::time(connection.updated_at)) }
        }
    }
}
