//! Making a record by hand, and editing its data.

use actix_web::{HttpResponse, web};
use maud::{Markup, html};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{At, HERE, WAY, of_entity, of_record};
use crate::{
    domain::{
        json_text,
        record::{ENTITY_CHARACTERS_MAX, KEY_CHARACTERS_MAX},
    },
    engine::{Engine, records::Record},
    error::{Code, Error, Result},
    gateway::{
        console::{
            form::Form,
            json_field::{self, Editing},
            ui::{self, Entry, Input, Wrong},
            view::View,
        },
        json::Query,
    },
};

#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct NewQuery {
    entity: String,
}

pub(super) async fn new(view: View, query: Query<NewQuery>) -> HttpResponse {
    let values = json!({ "entity": query.0.entity, "data": "{\n  \n}" });
    let content = new_form(&view, &values, &Wrong::default(), None);
    view.page(HERE, "New record", &content)
}

pub(super) async fn create(view: View, engine: web::Data<Engine>, form: Form) -> Result<HttpResponse> {
    let (entity, key) = (form.text("entity").trim(), form.text("key").trim());
    let made = async {
        let data = json_field::object("data", form.text("data"))?;
        engine.records().create(view.caller(), entity, key, &data).await
    };
    match made.await {
        Ok(record) => {
            let path = of_record("", &record.entity, &record.key);
            Ok(view.redirect_saying(&path, &format!("The record {} is made.", record.key)))
        }
        Err(error) => {
            let line = json_field::line_of(&error);
            let values = json!({ "entity": form.text("entity"), "key": form.text("key"), "data": form.text("data") });
            view.again(of_the_data(error), HERE, "New record", |wrong| {
                new_form(&view, &values, wrong, line)
            })
        }
    }
}

fn new_form(view: &View, values: &Value, wrong: &Wrong, line: Option<u32>) -> Markup {
    let entry = Entry {
        values,
        wrong,
        locked: false,
    };
    let entity = entry.text("entity");
    let back = if entity.is_empty() {
        "/records".to_owned()
    } else {
        of_entity(&entity)
    };
    html! {
        (ui::head(view, WAY, "New record", &html! {}))
        (wrong.summary())
        form .card .form method="post" action=(view.url("/records")) {
            (ui::token(view))
            (Input::text("entity", "Entity").required().placeholder("customer")
                .help(html! { "Such as customer, supplier, item, invoice; any other, up to " (ENTITY_CHARACTERS_MAX) " letters." }).show(&entry))
            (Input::text("key", "Key").required().help(html! { "Unique in the entity, up to " (KEY_CHARACTERS_MAX) " letters." }).show(&entry))
            (Input::script("data", "Data").required().error_line(line).help(html! { "A JSON object. Its digits are kept as you write them." }).show(&entry))
            div .buttons {
                button .primary type="submit" { "Make" }
                a href=(view.url(&back)) { "Cancel" }
            }
        }
    }
}

pub(super) async fn edit(view: View, engine: web::Data<Engine>, at: Query<At>) -> Result<HttpResponse> {
    let record = engine.records().get(view.caller(), &at.0.entity, &at.0.key).await?;
    let shown = Editing {
        text: &json_field::pretty(record.data.get()),
        line: None,
        now: None,
    };
    Ok(view.page(HERE, &record.key, &edit_form(&view, &record, &shown, &Wrong::default())))
}

pub(super) async fn save(view: View, engine: web::Data<Engine>, at: Query<At>, form: Form) -> Result<HttpResponse> {
    let record = engine.records().get(view.caller(), &at.0.entity, &at.0.key).await?;
    let path = of_record("", &record.entity, &record.key);
    let error = match write(&view, &engine, &record, &form).await {
        Ok(true) => return Ok(view.redirect_saying(&path, &format!("The record {} is saved.", record.key))),
        Ok(false) => return Ok(view.redirect_saying(&path, "Nothing was different, so nothing was changed.")),
        Err(error) => of_the_data(error),
    };
    let is_stale = error.code == Code::StaleVersion;
    let now = is_stale.then(|| json_field::pretty(record.data.get()));
    let shown = Editing {
        text: form.text("data"),
        line: json_field::line_of(&error),
        now: now.as_deref(),
    };
    view.again(error, HERE, &record.key, |wrong| {
        edit_form(&view, &record, &shown, wrong)
    })
}

/// Whether anything was changed.
async fn write(view: &View, engine: &Engine, record: &Record, form: &Form) -> Result<bool> {
    if form.version().is_some_and(|seen| seen != record.version) {
        return Err(Error::new(
            Code::StaleVersion,
            "The record was changed while you edited it. What you entered is kept, and below is what it is now: put into your \
             text what you want to keep of it, and save again.",
        ));
    }
    let data = json_field::object("data", form.text("data"))?;
    if json_text::compact(record.data.get()).as_deref() == Some(data.get()) {
        return Ok(false);
    }
    let (entity, key) = (record.entity.as_str(), record.key.as_str());
    engine
        .records()
        .put(view.caller(), entity, key, Some(record.version), &data)
        .await?;
    Ok(true)
}

/// The API takes the data as its whole body; here it is a field.
fn of_the_data(mut error: Error) -> Error {
    for wrong in error.fields.iter_mut().filter(|wrong| wrong.field.is_empty()) {
        "data".clone_into(&mut wrong.field);
    }
    error
}

fn edit_form(view: &View, record: &Record, shown: &Editing<'_>, wrong: &Wrong) -> Markup {
    let (entity, key) = (record.entity.as_str(), record.key.as_str());
    let (list, path) = (of_entity(entity), of_record("", entity, key));
    let way = [WAY, &[(entity, list.as_str()), (key, path.as_str())]].concat();
    let help = html! { "A JSON object; it replaces the data of the record. Its digits are kept as you write them." };
    html! {
        (ui::head(view, &way, "Edit the data", &html! {}))
        (json_field::editor(view, (&of_record("/edit", entity, key), &path), record.version, shown, wrong, help))
    }
}
