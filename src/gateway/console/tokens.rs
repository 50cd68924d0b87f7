//! Settings → Tokens: the person's own API tokens, a part of their rights for programs.

use actix_web::{
    HttpResponse,
    http::StatusCode,
    web::{self, ServiceConfig},
};
use maud::{Markup, html};
use serde_json::{Value, json};

use super::{
    form::{self, Form},
    moment,
    shell::Here,
    ui::{self, Entry, Input, Tone, Wrong},
    view::View,
};
use crate::{
    domain::ids::ApiTokenId,
    engine::{
        Engine,
        tokens::{NewToken, Token},
    },
    error::Result,
    gateway::{
        dto::tokens::TokenBody,
        json::{PathId, Query},
        page::PageQuery,
    },
};

const HERE: Here = Here::Tokens;
/// The way to the list.
const ABOVE: &[(&str, &str)] = &[("Settings", "")];
/// The way to what the list holds.
const WAY: &[(&str, &str)] = &[("Settings", ""), ("Tokens", "/tokens")];

pub(super) fn routes(config: &mut ServiceConfig) {
    config
        .service(
            web::resource("/tokens")
                .route(web::get().to(list))
                .route(web::post().to(create)),
        )
        .service(web::resource("/tokens/new").route(web::get().to(new)))
        .service(web::resource("/tokens/{id}/delete").route(web::post().to(delete)));
}

async fn list(view: View, engine: web::Data<Engine>, query: Query<PageQuery>) -> Result<HttpResponse> {
    let page = query.0.page()?;
    let cursor = page.cursor.clone();
    let tokens = engine.tokens().list(view.caller(), page).await?;
    let rows: Vec<Markup> = tokens.items.iter().map(|token| row(&view, token)).collect();
    let add = ui::main_button(&view, "/tokens/new", "New token");
    let headings = ["Name", "Rights", "Ends", "Last used", "Made", "What to do"];
    let content = html! {
        (ui::head(&view, ABOVE, "Tokens", &add))
        @if rows.is_empty() && cursor.is_none() {
            (ui::empty("You have no tokens",
                "Programs sign in to the API with a token of yours, which has some of your rights.", &add))
        } @else {
            (ui::table("Your tokens", &headings, &rows))
        }
        (ui::pager(&view, "/tokens", "", cursor.as_deref(), tokens.next_cursor.as_deref()))
    };
    Ok(view.page(HERE, "Tokens", &content))
}

fn row(view: &View, token: &Token) -> Markup {
    let question = format!(
        "Delete the token {}? Programs that use it are refused at once.",
        token.name
    );
    html! {
        tr {
            td .long { (token.name) }
            td .long { (token.rights.unwrap_or_default()) }
            td { (end(view, token)) }
            td { @if let Some(at) = token.last_used_at { (ui::time(at)) } @else { "never" } }
            td { (ui::time(token.created_at)) }
            td { (ui::act_asking(view, &format!("/tokens/{}/delete", token.id), "Delete", &question, "danger")) }
        }
    }
}

fn end(view: &View, token: &Token) -> Markup {
    html! {
        @if let Some(at) = token.expires_at {
            (ui::time(at))
            @if at <= view.now() { " " (ui::badge(Tone::Warn, "ended")) }
        } @else { "never" }
    }
}

async fn new(view: View) -> HttpResponse {
    let content = page(&view, &json!({}), &Wrong::default());
    view.page(HERE, "New token", &content)
}

/// The token is in this answer and nowhere else: no answer of the console is stored by browsers or proxies.
async fn create(view: View, engine: web::Data<Engine>, form: Form) -> Result<HttpResponse> {
    let entered = entered(&form);
    let made = async {
        let body: TokenBody = form::body(&entered)?;
        engine.tokens().create(view.caller(), body.into()).await
    };
    match made.await {
        Ok(made) => Ok(view.answer(StatusCode::CREATED, HERE, "New token", &once(&view, &made))),
        Err(error) => view.again(error, HERE, "New token", |wrong| page(&view, &entered, wrong)),
    }
}

async fn delete(view: View, engine: web::Data<Engine>, id: PathId<ApiTokenId>) -> Result<HttpResponse> {
    engine.tokens().delete(view.caller(), id.0).await?;
    Ok(view.redirect_saying("/tokens", "The token is deleted."))
}

/// What an API client would send.
fn entered(form: &Form) -> Value {
    json!({
        "name": form.text("name"),
        "rights": form.all("rights").collect::<Vec<_>>(),
        "expiresAt": moment::read(form, "expiresAt"),
    })
}

fn page(view: &View, values: &Value, wrong: &Wrong) -> Markup {
    let entry = Entry {
        values,
        wrong,
        locked: false,
    };
    let own: Vec<&str> = view.caller().rights.iter().map(|right| right.as_str()).collect();
    html! {
        (ui::head(view, WAY, "New token", &html! {}))
        (wrong.summary())
        form .card.form method="post" action=(view.url("/tokens")) {
            (ui::token(view))
            (Input::text("name", "Name").required()
                .help(html! { "The program that uses it, so that you know it again." }).show(&entry))
            (moment::field("expiresAt", "Ends", "Empty: it never ends.", &entry))
            (ui::ticks("rights", "Rights", &own, &entry))
            p .help.wide { "Only rights that you have. If you lose one, the token loses it too." }
            div .buttons {
                button .primary type="submit" { "Make token" }
                a href=(view.url("/tokens")) { "Cancel" }
            }
        }
    }
}

fn once(view: &View, made: &NewToken) -> Markup {
    let token = &made.token;
    html! {
        (ui::head(view, WAY, "New token", &html! {}))
        section .card {
            p { strong { "Copy the token of " (token.name) " now: it is not shown again." } }
            div .secret-once {
                code #token-secret tabindex="0" { (made.secret.as_str()) }
                button type="button" data-copy="#token-secret" { "Copy" }
            }
            p { "Programs send it with each request, in the header " code { "Authorization: Bearer …" } "." }
            (ui::facts(&[
                ("Rights", html! { (token.rights.unwrap_or_default()) }),
                ("Ends", end(view, token)),
            ]))
            div .buttons { (ui::link_button(view, "/tokens", "To the tokens")) }
        }
    }
}
