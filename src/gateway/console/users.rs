//! Settings → Users: people and programs that sign in, and the groups that give them rights.

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
    domain::ids::UserId,
    engine::{Engine, groups::Group, users::User},
    error::{Error, Result},
    gateway::{
        dto::identity::{UserBody, UserPatch},
        json::{PathId, Query},
        page::PageQuery,
    },
    store::page::{LIMIT_MAX, Page},
};

const HERE: Here = Here::Users;
/// The way to the list.
const ABOVE: &[(&str, &str)] = &[("Settings", "")];
/// The way to what the list holds.
const WAY: &[(&str, &str)] = &[("Settings", ""), ("Users", "/users")];
/// The field with the groups.
const GROUPS: &str = "groupIds";
/// Pages of groups that a form offers; whoever has more uses the API, and loses no membership here.
const GROUP_PAGES_MAX: usize = 5;

pub(super) fn routes(config: &mut ServiceConfig) {
    config
        .service(
            web::resource("/users")
                .route(web::get().to(list))
                .route(web::post().to(create)),
        )
        .service(web::resource("/users/new").route(web::get().to(new)))
        .service(
            web::resource("/users/{id}")
                .route(web::get().to(edit))
                .route(web::post().to(update)),
        )
        .service(web::resource("/users/{id}/delete").route(web::post().to(delete)));
}

/// The groups of the tenant, asked for once for a whole page.
async fn groups_of(view: &View, engine: &Engine) -> Result<Vec<Group>> {
    let mut groups = Vec::new();
    let mut page = Page::new(Some(LIMIT_MAX), None);
    for _ in 0..GROUP_PAGES_MAX {
        let paged = engine.groups().list(view.caller(), page).await?;
        groups.extend(paged.items);
        match paged.next_cursor {
            Some(next) => page = Page::new(Some(LIMIT_MAX), Some(next)),
            None => break,
        }
    }
    Ok(groups)
}

async fn list(view: View, engine: web::Data<Engine>, query: Query<PageQuery>) -> Result<HttpResponse> {
    let page = query.0.page()?;
    let cursor = page.cursor.clone();
    let users = engine.users().list(view.caller(), page).await?;
    let groups = groups_of(&view, &engine).await?;
    let rows: Vec<Markup> = users.items.iter().map(|user| row(&view, user, &groups)).collect();
    let headings = ["Username", "Name", "E-mail", "Groups", "State", "Changed"];
    let content = html! {
        (ui::head(&view, ABOVE, "Users", &ui::main_button(&view, "/users/new", "New user")))
        (ui::table("Users", &headings, &rows))
        (ui::pager(&view, "/users", "", cursor.as_deref(), users.next_cursor.as_deref()))
    };
    Ok(view.page(HERE, "Users", &content))
}

fn row(view: &View, user: &User, groups: &[Group]) -> Markup {
    let text = |text: &Option<String>| html! { @if let Some(text) = text { (text) } @else { (ui::dash()) } };
    html! {
        tr {
            td { a href=(view.url(&path_of(user))) { (user.username) }
                @if is_self(view, user) { " " (ui::badge(Tone::Quiet, "you")) } }
            td { (text(&user.display_name)) }
            td { (text(&user.email)) }
            td .long { (group_names(user, groups)) }
            td {
                @if user.active { (ui::badge(Tone::Good, "active")) } @else { (ui::badge(Tone::Quiet, "not active")) }
            }
            td { (ui::time(user.updated_at)) }
        }
    }
}

fn group_names(user: &User, groups: &[Group]) -> Markup {
    let here: Vec<&str> = groups
        .iter()
        .filter(|group| user.group_ids.contains(&group.id))
        .map(|group| group.name.as_str())
        .collect();
    let elsewhere = user.group_ids.len() - here.len();
    html! {
        @if here.is_empty() && elsewhere == 0 { "none: no rights" }
        (here.join(", "))
        @if elsewhere > 0 { @if !here.is_empty() { " " } span .quiet { "and " (elsewhere) " in other tenants" } }
    }
}

fn is_self(view: &View, user: &User) -> bool {
    view.caller().user_id == Some(user.id)
}

async fn new(view: View, engine: web::Data<Engine>) -> Result<HttpResponse> {
    let groups = groups_of(&view, &engine).await?;
    let values = json!({ "active": true });
    Ok(view.page(
        HERE,
        "New user",
        &page(&view, None, &groups, &values, &Wrong::default()),
    ))
}

async fn create(view: View, engine: web::Data<Engine>, form: Form) -> Result<HttpResponse> {
    let groups = groups_of(&view, &engine).await?;
    let entered = entered(&form, form.all(GROUPS));
    let made = async {
        let body: UserBody = form::body(&with_password(&entered, &form))?;
        engine.users().create(view.caller(), body.into()).await
    };
    match made.await {
        Ok(user) => Ok(view.redirect_saying("/users", &format!("The user {} is made.", user.username))),
        Err(error) => view.again(of_groups(error), HERE, "New user", |wrong| {
            page(&view, None, &groups, &entered, wrong)
        }),
    }
}

async fn edit(view: View, engine: web::Data<Engine>, id: PathId<UserId>) -> Result<HttpResponse> {
    let user = engine.users().get(view.caller(), id.0).await?;
    let groups = groups_of(&view, &engine).await?;
    let content = page(&view, Some(&user), &groups, &shown(&user), &Wrong::default());
    Ok(view.page(HERE, &user.username, &content))
}

async fn update(view: View, engine: web::Data<Engine>, id: PathId<UserId>, form: Form) -> Result<HttpResponse> {
    let user = engine.users().get(view.caller(), id.0).await?;
    let groups = groups_of(&view, &engine).await?;
    // Memberships that the form does not offer, those in other tenants, stay.
    let offered = |id: &String| groups.iter().any(|group| group.id.to_string() == *id);
    let kept: Vec<String> = user
        .group_ids
        .iter()
        .map(ToString::to_string)
        .filter(|id| !offered(id))
        .collect();
    let all = form.all(GROUPS).chain(kept.iter().map(String::as_str));
    let entered = entered(&form, all);
    let sent = if is_of_here(&view, &user) {
        with_password(&entered, &form)
    } else {
        json!({ "groupIds": entered.get(GROUPS) })
    };
    let changed = async {
        let body: UserPatch = form::body(&sent)?;
        let users = engine.users();
        users.update(view.caller(), id.0, form.version(), body.into()).await
    };
    match changed.await {
        Ok(user) => Ok(view.redirect_saying("/users", &format!("The user {} is saved.", user.username))),
        Err(error) => view.again(of_groups(error), HERE, &user.username, |wrong| {
            page(&view, Some(&user), &groups, &entered, wrong)
        }),
    }
}

async fn delete(view: View, engine: web::Data<Engine>, id: PathId<UserId>) -> Result<HttpResponse> {
    let user = engine.users().get(view.caller(), id.0).await?;
    match engine.users().delete(view.caller(), id.0, None).await {
        Ok(()) => Ok(view.redirect_saying("/users", &format!("The user {} is deleted.", user.username))),
        Err(error) => {
            let groups = groups_of(&view, &engine).await?;
            view.again(error, HERE, &user.username, |wrong| {
                page(&view, Some(&user), &groups, &shown(&user), wrong)
            })
        }
    }
}

/// Whether more than the groups can be changed here.
fn is_of_here(view: &View, user: &User) -> bool {
    user.tenant_id == view.caller().tenant_id || view.caller().all_tenants
}

fn path_of(user: &User) -> String {
    format!("/users/{}", user.id)
}

/// What an API client would send, without the password.
fn entered<'a>(form: &Form, groups: impl Iterator<Item = &'a str>) -> Value {
    json!({
        "username": form.text("username"),
        "displayName": form::optional(form.text("displayName")),
        "email": form::optional(form.text("email")),
        "active": form.has("active"),
        "groupIds": groups.collect::<Vec<_>>(),
    })
}

fn with_password(entered: &Value, form: &Form) -> Value {
    let mut whole = entered.clone();
    let password = form.text("password");
    if let Some(members) = whole.as_object_mut().filter(|_| !password.is_empty()) {
        members.insert("password".to_owned(), Value::from(password));
    }
    whole
}

fn shown(user: &User) -> Value {
    json!({
        "username": user.username, "displayName": user.display_name, "email": user.email,
        "active": user.active, "groupIds": user.group_ids,
    })
}

/// What is wrong with one of the groups is shown at them all.
fn of_groups(mut error: Error) -> Error {
    for wrong in &mut error.fields {
        if wrong.field.starts_with(GROUPS) {
            GROUPS.clone_into(&mut wrong.field);
        }
    }
    error
}

fn page(view: &View, user: Option<&User>, groups: &[Group], values: &Value, wrong: &Wrong) -> Markup {
    let title = user.map_or("New user", |user| &user.username);
    let path = user.map_or_else(|| "/users".to_owned(), path_of);
    let entry = Entry {
        values,
        wrong,
        locked: user.is_some_and(|user| !is_of_here(view, user)),
    };
    html! {
        (ui::head(view, WAY, title, &delete_button(view, user, &path)))
        (wrong.summary())
        @if entry.locked {
            p .note { "This user belongs to another tenant. Here, only the groups of this tenant can be changed." }
        }
        form .card.form method="post" action=(view.url(&path)) autocomplete="off" {
            (ui::token(view))
            (ui::version(user.map(|user| user.version)))
            (Input::text("username", "Username").required()
                .help(html! { "Signs in with it, in any case. Unique over all tenants." }).show(&entry))
            (Input::text("displayName", "Name").show(&entry))
            (Input::line("email", "email", "E-mail address").show(&entry))
            (password(user, &entry))
            (Input::tick("active", "Active").help(html! { "May sign in, and calls may run as this user." }).show(&entry))
            (ticks(groups, &entry))
            div .buttons {
                button .primary type="submit" { "Save" }
                a href=(view.url("/users")) { "Cancel" }
            }
        }
    }
}

fn delete_button(view: &View, user: Option<&User>, path: &str) -> Markup {
    let Some(user) = user.filter(|user| is_of_here(view, user)) else {
        return html! {};
    };
    let question = if is_self(view, user) {
        format!("Delete {}? This is you: you are signed out at once.", user.username)
    } else {
        format!(
            "Delete the user {}? Their sign-ins and tokens end at once, and calls that run as them fail.",
            user.username
        )
    };
    ui::act_asking(view, &format!("{path}/delete"), "Delete", &question, "danger")
}

fn password(user: Option<&User>, entry: &Entry<'_>) -> Markup {
    let input = Input::secret("password", if user.is_some() { "New password" } else { "Password" });
    match user {
        None => input
            .required()
            .help(html! { "At least eight characters." })
            .show(entry),
        Some(_) => input
            .help(html! { "Set. Left empty, it stays. A new one ends all sign-ins of the user, and a lock after wrong passwords." })
            .show(entry),
    }
}

/// The groups by name; they stay changeable where the rest is locked.
fn ticks(groups: &[Group], entry: &Entry<'_>) -> Markup {
    let chosen = entry.at(GROUPS).and_then(Value::as_array);
    let is_chosen = |id: &str| chosen.is_some_and(|all| all.iter().any(|one| one == id));
    html! {
        fieldset #f-groupIds .ticks tabindex="-1" {
            legend { "Groups" }
            @for group in groups {
                @let id = group.id.to_string();
                label {
                    input type="checkbox" name=(GROUPS) value=(id) checked[is_chosen(&id)]; " " (group.name)
                    @if group.all_tenants { " " span .quiet { "(all rights)" } }
                }
            }
            @if groups.is_empty() { p .quiet { "There are no groups in this tenant yet." } }
            @if let Some(wrong) = entry.wrong.at(GROUPS) { p .wrong { (wrong) } }
        }
    }
}
