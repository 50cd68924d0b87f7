//! Transactions by hand: making one, and editing the data of one in preparation.

use actix_web::{HttpResponse, web};
use maud::{Markup, html};
use serde_json::{Value, json, value::RawValue};

use super::{HERE, WAY};
use crate::{
    domain::{ids::TransactionId, json_patch::patch_between, transaction::TransactionStatus},
    engine::{
        Engine,
        transactions::{NewByHand, Transaction},
    },
    error::{Code, Error, Result},
    gateway::{
        console::{
            form::Form,
            json_field::{self, Editing},
            ui::{self, Entry, Input, Wrong},
            view::View,
        },
        json::PathId,
    },
};

pub(super) async fn new(view: View) -> HttpResponse {
    let values = json!({ "data": "{\n  \n}" });
    let content = new_form(&view, &values, &Wrong::default(), None);
    view.page(HERE, "New transaction", &content)
}

pub(super) async fn create(view: View, engine: web::Data<Engine>, form: Form) -> Result<HttpResponse> {
    let made = async {
        let new = NewByHand {
            identifier: form.text("identifier").trim().to_owned(),
            data: json_field::object("data", form.text("data"))?,
            preparation: form.has("preparation"),
        };
        engine.transactions().create(view.caller(), new).await
    };
    match made.await {
        Ok(item) => {
            let said = format!("The transaction {} is made.", item.identifier);
            Ok(view.redirect_saying(&format!("/transactions/{}", item.id), &said))
        }
        Err(error) => {
            let line = json_field::line_of(&error);
            let values = json!({
                "identifier": form.text("identifier"), "data": form.text("data"), "preparation": form.has("preparation"),
            });
            view.again(error, HERE, "New transaction", |wrong| {
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
    html! {
        (ui::head(view, WAY, "New transaction", &html! {}))
        (wrong.summary())
        form .card .form method="post" action=(view.url("/transactions")) {
            (ui::token(view))
            (Input::text("identifier", "Identifier").required()
                .help(html! { "Unique among the transactions that are made by hand." }).show(&entry))
            (Input::tick("preparation", "In preparation")
                .help(html! { "It waits for somebody to commit it. Else it is final and announced at once." }).show(&entry))
            (Input::script("data", "Data").required().error_line(line).help(html! { "A JSON object. Its digits are kept as you write them." }).show(&entry))
            div .buttons {
                button .primary type="submit" { "Make" }
                a href=(view.url("/transactions")) { "Cancel" }
            }
        }
    }
}

pub(super) async fn edit(view: View, engine: web::Data<Engine>, id: PathId<TransactionId>) -> Result<HttpResponse> {
    let item = engine.transactions().get(view.caller(), id.0).await?;
    let Some(data) = editable(&item) else {
        let path = format!("/transactions/{}", item.id);
        return Ok(view.redirect_saying(
            &path,
            "It can be edited only in preparation, and while its data is kept.",
        ));
    };
    let shown = Editing {
        text: &json_field::pretty(data.get()),
        line: None,
        now: None,
    };
    Ok(view.page(
        HERE,
        &item.identifier,
        &edit_form(&view, &item, &shown, &Wrong::default()),
    ))
}

pub(super) async fn save(
    view: View,
    engine: web::Data<Engine>,
    id: PathId<TransactionId>,
    form: Form,
) -> Result<HttpResponse> {
    let item = engine.transactions().get(view.caller(), id.0).await?;
    let path = format!("/transactions/{}", item.id);
    let error = match write(&view, &engine, &item, &form).await {
        Ok(true) => return Ok(view.redirect_saying(&path, &format!("{} is saved.", item.identifier))),
        Ok(false) => return Ok(view.redirect_saying(&path, "Nothing was different, so nothing was changed.")),
        Err(error) => error,
    };
    let is_stale = error.code == Code::StaleVersion;
    let now = item
        .data
        .as_ref()
        .filter(|_| is_stale)
        .map(|data| json_field::pretty(data.get()));
    let shown = Editing {
        text: form.text("data"),
        line: json_field::line_of(&error),
        now: now.as_deref(),
    };
    view.again(error, HERE, &item.identifier, |wrong| {
        edit_form(&view, &item, &shown, wrong)
    })
}

/// Whether anything was changed. The engine takes a merge patch, so what others changed in the same version is a refusal, and
/// members that are the same keep their digits.
async fn write(view: &View, engine: &Engine, item: &Transaction, form: &Form) -> Result<bool> {
    let seen = form.version();
    if seen.is_some_and(|seen| seen != item.version) {
        return Err(Error::new(
            Code::StaleVersion,
            "Somebody changed it while you edited it. What you entered is kept, and below is what it is now: put into your text \
             what you want to keep of it, and save again.",
        ));
    }
    let after = json_field::object("data", form.text("data"))?;
    let before = item.data.as_ref().map_or("{}", |data| data.get());
    let patch = patch_between(before, after.get()).map_err(|wrong| Error::invalid_field("data", wrong.to_string()))?;
    let Some(patch) = patch else { return Ok(false) };
    let patch = RawValue::from_string(patch).map_err(Error::internal)?;
    engine
        .transactions()
        .edit(view.caller(), item.id, Some(item.version), &patch)
        .await?;
    Ok(true)
}

fn editable(item: &Transaction) -> Option<&RawValue> {
    item.data
        .as_deref()
        .filter(|_| item.status == TransactionStatus::Preparation)
}

fn edit_form(view: &View, item: &Transaction, shown: &Editing<'_>, wrong: &Wrong) -> Markup {
    let path = format!("/transactions/{}", item.id);
    let way = [WAY, &[(item.identifier.as_str(), path.as_str())]].concat();
    let help = html! { "A JSON object. Members that you take out are removed; null cannot be given to a member, only taken out." };
    html! {
        (ui::head(view, &way, "Edit the data", &html! {}))
        (json_field::editor(view, (&format!("{path}/edit"), &path), item.version, shown, wrong, help))
    }
}
