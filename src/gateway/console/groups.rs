//! Settings → Groups: who may do what in this tenant.

use actix_web::{
    HttpResponse,
    web::{self, ServiceConfig},
};
use maud::{Markup, html};
use serde_json::{Value, json};

use super::{
    form::{self, Form},
    shell::Here,
    ui::{self, Entry, Input, Tone, Wrong},
    view::View,
};
use crate::{
    domain::{ids::GroupId, rights::Right},
    engine::{Engine, groups::Group},
    error::Result,
    gateway::{
        dto::identity::{GroupBody, GroupPatch},
        json::{PathId, Query},
        page::PageQuery,
    },
};

const HERE: Here = Here::Groups;
/// The way to the list.
const ABOVE: &[(&str, &str)] = &[("Settings", "")];
/// The way to what the list holds.
const WAY: &[(&str, &str)] = &[("Settings", ""), ("Groups", "/groups")];

pub(super) fn routes(config: &mut ServiceConfig) {
    config
        .service(
            web::resource("/groups")
                .route(web::get().to(list))
                .route(web::post().to(create)),
        )
        .service(web::resource("/groups/new").route(web::get().to(new)))
        .service(
            web::resource("/groups/{id}")
                .route(web::get().to(edit))
                .route(web::post().to(update)),
        )
        .service(web::resource("/groups/{id}/delete").route(web::post().to(delete)));
}

async fn list(view: View, engine: web::Data<Engine>, query: Query<PageQuery>) -> Result<HttpResponse> {
    let page = query.0.page()?;
    let cursor = page.cursor.clone();
    let groups = engine.groups().list(view.caller(), page).await?;
    let rows: Vec<Markup> = groups.items.iter().map(|group| row(&view, group)).collect();
    let content = html! {
        (ui::head(&view, ABOVE, "Groups", &ui::main_button(&view, "/groups/new", "New group")))
        @if rows.is_empty() && cursor.is_none() {
            (ui::empty("No groups yet", "A group gives rights in this tenant to its members. Make one, then put users into it.",
                &ui::main_button(&view, "/groups/new", "New group")))
        } @else {
            (ui::table("Groups", &["Name", "Rights", "Changed"], &rows))
        }
        (ui::pager(&view, "/groups", "", cursor.as_deref(), groups.next_cursor.as_deref()))
    };
    Ok(view.page(HERE, "Groups", &content))
}

fn row(view: &View, group: &Group) -> Markup {
    html! {
        tr {
            td { a href=(view.url(&format!("/groups/{}", group.id))) { (group.name) } }
            td .long {
                @if group.all_tenants { (ui::badge(Tone::Good, "all rights in all tenants")) } @else { (group.rights) }
            }
            td { (ui::time(group.updated_at)) }
        }
    }
}

async fn new(view: View) -> HttpResponse {
    let content = page(&view, None, &json!({}), &Wrong::default());
    view.page(HERE, "New group", &content)
}

async fn create(view: View, engine: web::Data<Engine>, form: Form) -> Result<HttpResponse> {
    let entered = entered(&form);
    let made = async {
        let body: GroupBody = form::body(&entered)?;
        engine.groups().create(view.caller(), None, body.into()).await
    };
    match made.await {
        Ok(group) => Ok(view.redirect_saying("/groups", &format!("The group {} is made.", group.name))),
        Err(error) => view.again(error, HERE, "New group", |wrong| page(&view, None, &entered, wrong)),
    }
}

async fn edit(view: View, engine: web::Data<Engine>, id: PathId<GroupId>) -> Result<HttpResponse> {
    let group = engine.groups().get(view.caller(), id.0).await?;
    let content = page(&view, Some(&group), &shown(&group), &Wrong::default());
    Ok(view.page(HERE, &group.name, &content))
}

async fn update(view: View, engine: web::Data<Engine>, id: PathId<GroupId>, form: Form) -> Result<HttpResponse> {
    let group = engine.groups().get(view.caller(), id.0).await?;
    let entered = entered(&form);
    let changed = async {
        // The rights of the administrators are not for anybody to change, so their form has none.
        let body: GroupPatch = if group.all_tenants {
            form::body(&json!({ "name": entered.get("name") }))?
        } else {
            form::body(&entered)?
        };
        let groups = engine.groups();
        groups.update(view.caller(), id.0, form.version(), body.into()).await
    };
    match changed.await {
        Ok(group) => Ok(view.redirect_saying("/groups", &format!("The group {} is saved.", group.name))),
        Err(error) => view.again(error, HERE, &group.name, |wrong| {
            page(&view, Some(&group), &entered, wrong)
        }),
    }
}

async fn delete(view: View, engine: web::Data<Engine>, id: PathId<GroupId>) -> Result<HttpResponse> {
    let group = engine.groups().get(view.caller(), id.0).await?;
    match engine.groups().delete(view.caller(), id.0, None).await {
        Ok(()) => Ok(view.redirect_saying("/groups", "The group is deleted.")),
        Err(error) => view.again(error, HERE, &group.name, |wrong| {
            page(&view, Some(&group), &shown(&group), wrong)
        }),
    }
}

fn shown(group: &Group) -> Value {
    json!({ "name": group.name, "rights": group.rights })
}

/// What an API client would send.
fn entered(form: &Form) -> Value {
    json!({ "name": form.text("name"), "rights": form.all("rights").collect::<Vec<_>>() })
}

fn page(view: &View, group: Option<&Group>, values: &Value, wrong: &Wrong) -> Markup {
    let title = group.map_or("New group", |group| &group.name);
    let path = group.map_or_else(|| "/groups".to_owned(), |group| format!("/groups/{}", group.id));
    let entry = Entry {
        values,
        wrong,
        locked: false,
    };
    let rights: Vec<&str> = Right::ALL.iter().map(|right| right.as_str()).collect();
    let delete = html! {
        @if let Some(group) = group.filter(|group| !group.all_tenants) {
            (ui::act_asking(view, &format!("/groups/{}/delete", group.id), "Delete",
                &format!("Delete the group {}? Its members lose its rights at once.", group.name), "danger"))
        }
    };
    html! {
        (ui::head(view, WAY, title, &delete))
        (wrong.summary())
        form .card .form method="post" action=(view.url(&path)) {
            (ui::token(view))
            (ui::version(group.map(|group| group.version)))
            (Input::text("name", "Name").required().show(&entry))
            @if group.is_some_and(|group| group.all_tenants) {
                p .wide { "Its members have every right in every tenant. That cannot be changed." }
            } @else {
                (ui::ticks("rights", "Rights", &rights, &entry))
            }
            div .buttons {
                button .primary type="submit" { "Save" }
                a href=(view.url("/groups")) { "Cancel" }
            }
        }
    }
}
