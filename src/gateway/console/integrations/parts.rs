//! Lists and forms of definitions and their parts: one shape for all of them, filled by `specs`.

use actix_web::{HttpResponse, web};
use maud::{Markup, html};
use serde::Deserialize;
use serde_json::{Map, Value};

use super::{
    choices::{self, Choice},
    filter, listed, number, one,
    specs::{self, Field, Kind, Spec},
    tabs, text, usage, values,
};
use crate::{
    domain::{
        integration::headers,
        odata::{Entity, EntitySet},
    },
    engine::Engine,
    error::{Code, Error, Result},
    gateway::{
        console::{
            clients,
            form::{self, Form},
            shell::Here,
            ui::{self, Entry, Input, Wrong},
            view::View,
        },
        json::Query,
    },
};

const HERE: Here = Here::Integrations;
/// Entities of a page.
const PAGE: u64 = 100;

/// Which page of a list.
#[derive(Debug, Default, Deserialize)]
pub(super) struct Asked {
    /// By name, behind this many.
    #[serde(default)]
    cursor: Option<u64>,
}

pub(super) async fn definitions(view: View, engine: web::Data<Engine>, asked: Query<Asked>) -> Result<HttpResponse> {
    page_of(&view, &engine, &specs::DEFINITIONS, &asked.0).await
}

pub(super) async fn list(
    view: View,
    engine: web::Data<Engine>,
    part: web::Path<String>,
    asked: Query<Asked>,
) -> Result<HttpResponse> {
    page_of(&view, &engine, spec(&part)?, &asked.0).await
}

async fn page_of(view: &View, engine: &Engine, spec: &Spec, asked: &Asked) -> Result<HttpResponse> {
    let skip = asked.cursor.unwrap_or(0);
    let mut options = vec![("$orderby", spec.name.to_owned()), ("$skip", skip.to_string())];
    if !spec.expand.is_empty() {
        options.push(("$expand", spec.expand.to_owned()));
    }
    let found = listed(view, engine, spec.set, &options, PAGE).await?;
    let mut headings = vec!["Name"];
    headings.extend(spec.columns.iter().map(|column| column.0));
    headings.push("Changed");
    let rows: Vec<Markup> = found.entities.iter().map(|entity| row(view, spec, entity)).collect();
    let new = format!("{}/new", path_of(spec));
    let button = ui::main_button(view, &new, &format!("New {}", spec.one));
    let next = found.more.then(|| skip.saturating_add(PAGE).to_string());
    let cursor = (skip > 0).then(|| skip.to_string());
    let here = list_path(spec);
    let content = html! {
        (ui::head(view, &[("Exchange", "")], spec.title, &button))
        (tabs(view, &here))
        @if rows.is_empty() && skip == 0 {
            (ui::empty(&format!("There is no {} yet.", spec.one), spec.hint, &ui::link_button(view, &new, &format!("Make the first {}", spec.one))))
        } @else {
            (ui::table(spec.title, &headings, &rows))
            (ui::pager(view, &here, "", cursor.as_deref(), next.as_deref()))
        }
    };
    Ok(view.page(HERE, spec.title, &content))
}

fn row(view: &View, spec: &Spec, entity: &Entity) -> Markup {
    html! {
        tr {
            td { a href=(view.url(&format!("{}/{}", path_of(spec), key(spec, entity)))) { (text(entity, spec.name)) } }
            @for column in spec.columns { td .long { ((column.1)(entity)) } }
            td { (ui::time_or_dash(super::moment(entity, "UpdatedAt").or_else(|| super::moment(entity, "CreatedAt")))) }
        }
    }
}

pub(super) async fn new(view: View, engine: web::Data<Engine>, part: web::Path<String>) -> Result<HttpResponse> {
    let spec = spec(&part)?;
    let begin = spec.begin.iter();
    let begin: Map<String, Value> = begin
        .map(|(name, value)| ((*name).to_owned(), Value::from(*value)))
        .collect();
    let offered = Offered::load(&view, &engine, spec).await?;
    let content = form_page(
        &view,
        spec,
        None,
        &Value::Object(begin),
        &offered,
        &Wrong::default(),
        &html! {},
    );
    Ok(view.page(HERE, &format!("New {}", spec.one), &content))
}

pub(super) async fn create(
    view: View,
    engine: web::Data<Engine>,
    part: web::Path<String>,
    form: Form,
) -> Result<HttpResponse> {
    let spec = spec(&part)?;
    let body = body(spec, &form);
    match engine.integrations().create(view.caller(), spec.set, &body).await {
        Ok(id) => {
            let said = format!("The {} {} is made.", spec.one, form.text(spec.name));
            Ok(view.redirect_saying(&format!("{}/{id}", path_of(spec)), &said))
        }
        Err(error) => {
            let offered = Offered::load(&view, &engine, spec).await?;
            view.again(error, HERE, &format!("New {}", spec.one), |wrong| {
                form_page(&view, spec, None, &entered(&form, None), &offered, wrong, &html! {})
            })
        }
    }
}

pub(super) async fn edit(
    view: View,
    engine: web::Data<Engine>,
    path: web::Path<(String, i64)>,
) -> Result<HttpResponse> {
    let (part, id) = path.into_inner();
    let spec = spec(&part)?;
    let entity = one(&view, &engine, spec.set, id, "").await?;
    let offered = Offered::load(&view, &engine, spec).await?;
    let below = below(&view, &engine, spec, &entity).await?;
    let content = form_page(
        &view,
        spec,
        Some(&entity),
        &values(&entity),
        &offered,
        &Wrong::default(),
        &below,
    );
    Ok(view.page(HERE, text(&entity, spec.name), &content))
}

pub(super) async fn update(
    view: View,
    engine: web::Data<Engine>,
    path: web::Path<(String, i64)>,
    form: Form,
) -> Result<HttpResponse> {
    let (part, id) = path.into_inner();
    let spec = spec(&part)?;
    let changed = engine
        .integrations()
        .patch(view.caller(), spec.set, id, form.version(), &body(spec, &form))
        .await;
    match changed {
        Ok(()) => {
            let said = format!("The {} {} is saved.", spec.one, form.text(spec.name));
            Ok(view.redirect_saying(&format!("{}/{id}", path_of(spec)), &said))
        }
        Err(error) => {
            let entity = one(&view, &engine, spec.set, id, "").await?;
            let offered = Offered::load(&view, &engine, spec).await?;
            let below = below(&view, &engine, spec, &entity).await?;
            view.again(error, HERE, text(&entity, spec.name), |wrong| {
                form_page(
                    &view,
                    spec,
                    Some(&entity),
                    &entered(&form, Some(&entity)),
                    &offered,
                    wrong,
                    &below,
                )
            })
        }
    }
}

pub(super) async fn delete(
    view: View,
    engine: web::Data<Engine>,
    path: web::Path<(String, i64)>,
) -> Result<HttpResponse> {
    let (part, id) = path.into_inner();
    let spec = spec(&part)?;
    engine.integrations().delete(view.caller(), spec.set, id, None).await?;
    Ok(view.redirect_saying(&list_path(spec), &format!("The {} is deleted.", spec.one)))
}

fn spec(part: &str) -> Result<&'static Spec> {
    specs::of(part).ok_or_else(|| Error::new(Code::NotFound, "There is nothing at this path."))
}

fn path_of(spec: &Spec) -> String {
    format!("/integrations/{}", spec.part)
}

fn list_path(spec: &Spec) -> String {
    if spec.set == EntitySet::Integrations {
        "/integrations".to_owned()
    } else {
        path_of(spec)
    }
}

fn key(spec: &Spec, entity: &Entity) -> i64 {
    number(entity, spec.set.entity_type().key().name).unwrap_or_default()
}

/// What an API client would send.
fn body(spec: &Spec, form: &Form) -> Value {
    let mut members = Map::new();
    for Field(name, _, kind) in spec.fields {
        let given = form.text(name);
        let value = match kind {
            Kind::Secret if given.is_empty() => continue,
            Kind::Text | Kind::Secret => Value::from(given),
            Kind::Number | Kind::Link(_) => form::number(given),
            Kind::Flag => Value::Bool(form.has(name)),
            Kind::Optional | Kind::Lines | Kind::Script | Kind::Words(_) | Kind::Client | Kind::Function => {
                form::optional(given)
            }
        };
        members.insert((*name).to_owned(), value);
    }
    Value::Object(members)
}

/// What was entered, to be shown again; headers may hold secrets, which are not sent back: then those that are stored show.
fn entered(form: &Form, entity: Option<&Entity>) -> Value {
    let mut tree = form.tree();
    let given = form.text("Headers");
    let names: Option<Map<String, Value>> = serde_json::from_str(given).ok();
    let is_plain = given.is_empty() || names.is_some_and(|names| !names.keys().any(|name| headers::is_secret(name)));
    if let (false, Some(members)) = (is_plain, tree.as_object_mut()) {
        let stored = entity.and_then(|entity| entity.value("Headers")).cloned();
        members.insert("Headers".to_owned(), stored.unwrap_or(Value::Null));
    }
    tree
}

/// What an integration shows below its definition.
async fn below(view: &View, engine: &Engine, spec: &Spec, entity: &Entity) -> Result<Markup> {
    if spec.set != EntitySet::Integrations {
        return Ok(html! {});
    }
    usage::card(view, engine, entity).await
}

/// What the form's choices offer.
struct Offered(Vec<(&'static str, Vec<Choice>)>);

impl Offered {
    async fn load(view: &View, engine: &Engine, spec: &Spec) -> Result<Self> {
        let mut all = Vec::new();
        for Field(name, _, kind) in spec.fields {
            let offered = match kind {
                Kind::Link(set) => choices::entities(view, engine, *set).await?,
                Kind::Client => clients::choices(view, engine).await?.unwrap_or_default(),
                Kind::Function => choices::functions(view, engine).await?,
                _ => continue,
            };
            all.push((*name, offered));
        }
        Ok(Self(all))
    }

    fn of(&self, name: &str) -> &[Choice] {
        let found = self.0.iter().find(|(known, _)| *known == name);
        found.map_or(&[], |(_, offered)| offered)
    }
}

fn form_page(
    view: &View,
    spec: &Spec,
    entity: Option<&Entity>,
    shown: &Value,
    offered: &Offered,
    wrong: &Wrong,
    below: &Markup,
) -> Markup {
    let id = entity.map(|entity| key(spec, entity));
    let title = entity.map_or_else(
        || format!("New {}", spec.one),
        |entity| text(entity, spec.name).to_owned(),
    );
    let path = id.map_or_else(|| path_of(spec), |id| format!("{}/{id}", path_of(spec)));
    let entry = Entry {
        values: shown,
        wrong,
        locked: false,
    };
    let delete = html! {
        @if let Some(id) = id {
            (ui::act_asking(view, &format!("{}/{id}/delete", path_of(spec)), "Delete",
                &format!("Delete the {} {title}?", spec.one), "danger"))
        }
    };
    let list = list_path(spec);
    html! {
        (ui::head(view, &[("Exchange", ""), (spec.title, &list)], &title, &delete))
        (wrong.summary())
        form #definition .card .form method="post" action=(view.url(&path)) {
            (ui::token(view))
            (ui::version(entity.and_then(|entity| entity.version)))
            @for field in spec.fields { (control(field, spec, offered, &entry)) }
            @if spec.set == EntitySet::Integrations { (filter::tools(view)) }
            div .buttons {
                button .primary type="submit" { "Save" }
                a href=(view.url(&list)) { "Cancel" }
            }
        }
        (below)
    }
}

fn control(field: &Field, spec: &Spec, offered: &Offered, entry: &Entry<'_>) -> Markup {
    let Field(name, label, kind) = field;
    let property = spec.set.entity_type().property(name);
    let about = property.map_or("", |property| property.about);
    let is_optional = property.is_some_and(|property| property.nullable);
    let help = html! { (about) };
    let choose = || -> Vec<(&str, &str)> {
        let none = is_optional.then_some(("", "–"));
        let offered = offered.of(name).iter();
        none.into_iter()
            .chain(offered.map(|(value, words)| (value.as_str(), words.as_str())))
            .collect()
    };
    match kind {
        Kind::Text => Input::text(name, label).required().help(help).show(entry),
        Kind::Optional => Input::text(name, label).help(help).show(entry),
        Kind::Lines => Input::area(name, label, 4).help(help).show(entry),
        Kind::Script => Input::script(name, label).help(help).show(entry),
        Kind::Number => Input::line("number", name, label).help(help).show(entry),
        Kind::Flag => Input::tick(name, label).help(help).show(entry),
        Kind::Words(words) => Input::choice(name, label, words).help(help).show(entry),
        Kind::Secret => {
            let help = html! { (about) " What is stored is never shown; leave it empty to keep it." };
            Input::secret(name, label).help(help).show(entry)
        }
        Kind::Link(_) | Kind::Client | Kind::Function => Input::choice(name, label, &choose()).help(help).show(entry),
    }
}

/// Where a consent's form leads back to.
#[derive(Debug, Deserialize)]
pub(super) struct Back {
    /// Number of the integration.
    pub(super) integration: i64,
}
