//! The form of a connection: for each provider the same members, with the words of that provider.

use actix_web::{
    HttpResponse,
    web::{self, ServiceConfig},
};
use maud::{Markup, html};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{HERE, Of, WAY, gathered};
use crate::{
    domain::{
        connection::{ProviderKind, read::SUPPORTING_FIELDS_BYTES_MAX},
        ids::ConnectionId,
        json_text,
    },
    engine::{Engine, connections::Connection},
    error::{Error, Result},
    gateway::{
        console::{
            form::Form,
            ui::{self, Entry, Input, Wrong},
            view::View,
        },
        json::{PathId, Query},
    },
};

/// Members that are never sent to a browser: as a request names them, and as they are stored.
pub(super) const SECRETS: [(&str, &str); 4] = [
    ("integration_client_secret", "client_secret"),
    ("integration_access_token", "access_token"),
    ("integration_refresh_token", "refresh_token"),
    ("user_password", "user_password"),
];
/// What one field shows as a whole.
const SUPPORTING: &str = "supporting_fields";
const REMOVE: &str = "_remove";

/// The words of a provider.
struct Words {
    provider: ProviderKind,
    what: &'static str,
    /// Label and help of `remote_instance_id`.
    account: (&'static str, &'static str),
    client_secret: &'static str,
    credentials: &'static str,
    api_domain: &'static str,
    supporting: &'static str,
}

const WORDS: [Words; 4] = [
    Words {
        provider: ProviderKind::Xero,
        what: "Xero Accounting: contacts, invoices, payments, items, accounts.",
        account: (
            "Tenant id of the organisation",
            "As GET https://api.xero.com/connections shows it. A custom connection (client id and secret alone) needs none.",
        ),
        client_secret: "Client secret",
        credentials: "Client id, client secret and a refresh token; or client id and secret alone for a custom connection; or an access token.",
        api_domain: "https://api.xero.com",
        supporting: "A JSON object, for example {\"page_size\": 100}.",
    },
    Words {
        provider: ProviderKind::QuickBooks,
        what: "QuickBooks Online: customers, vendors, items, invoices, bills.",
        account: (
            "Realm id of the company",
            "The number that QuickBooks gives with the tokens.",
        ),
        client_secret: "Client secret",
        credentials: "Client id, client secret and a refresh token; or an access token.",
        api_domain: "https://quickbooks.api.intuit.com",
        supporting: "A JSON object. For a sandbox company set the API address above to https://sandbox-quickbooks.api.intuit.com.",
    },
    Words {
        provider: ProviderKind::NetSuite,
        what: "NetSuite with SuiteTalk REST: customers, vendors, items, transactions, custom records.",
        account: ("Account id", "Like 1234567 or 1234567_SB1."),
        client_secret: "Private key (PEM)",
        credentials: "Client id, the private key in PEM, and certificate_id among the supporting fields; or a refresh token; or an access token.",
        api_domain: "https://1234567.suitetalk.api.netsuite.com",
        supporting: "A JSON object, for example {\"certificate_id\": \"...\", \"time_zone\": \"America/Los_Angeles\"}.",
    },
    Words {
        provider: ProviderKind::Rest,
        what: "Any JSON API, described in supporting fields: its objects, their paths, paging, credentials.",
        account: ("Account id", "Only where the API's paths need one."),
        client_secret: "Client secret or API key",
        credentials: "Whatever the kind of credentials in the supporting fields needs: a user and a password, an access token (also the value \
            of an API key), client id and client secret, a refresh token.",
        api_domain: "https://api.example.com",
        supporting: "The API as a JSON object, for example {\"auth\": {\"kind\": \"apiKey\", \"name\": \"X-Api-Key\"}, \"check_path\": \
            \"/status\", \"objects\": {\"customer\": {\"list_path\": \"/customers\", \"items\": \"/data\", \"id\": \"id\", \"updated\": \
            \"updated_at\"}}}. Secrets must not stand here.",
    },
];

impl Words {
    fn of(provider: ProviderKind) -> &'static Self {
        let [.., rest] = &WORDS;
        let found = WORDS.iter().find(|words| words.provider == provider);
        found.unwrap_or(rest)
    }
}

/// Which provider a new connection is for.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct NewQuery {
    provider: Option<String>,
}

pub(super) fn routes(config: &mut ServiceConfig) {
    config
        .service(web::resource("/connections/new").route(web::get().to(new)))
        .service(web::resource("/connections/{id}/edit").route(web::get().to(edit)))
        .service(
            web::resource("/connections/{id}")
                .route(web::get().to(super::show::show))
                .route(web::post().to(update)),
        );
}

async fn new(view: View, query: Query<NewQuery>) -> HttpResponse {
    let chosen: Option<ProviderKind> = query.0.provider.and_then(|text| text.parse().ok());
    let content = match chosen {
        None => choice(&view),
        Some(provider) => {
            let values = json!({ "provider": provider.as_str(), "require_authentication": true });
            page(&view, None, provider, &values, &Wrong::default())
        }
    };
    view.page(HERE, "New connection", &content)
}

/// Which provider it shall be for.
fn choice(view: &View) -> Markup {
    html! {
        (ui::head(view, WAY, "New connection", &html! {}))
        div .cards {
            @for words in &WORDS {
                div .card {
                    h2 { (words.provider) }
                    p { (words.what) }
                    a .button .small href=(view.url(&format!("/connections/new?provider={}", words.provider))) { "Connect " (words.provider) }
                }
            }
        }
    }
}

pub(super) async fn create(view: View, engine: web::Data<Engine>, form: Form) -> Result<HttpResponse> {
    let body = entered(&form);
    let made = engine.connections().create(view.caller(), &body).await;
    match made {
        Ok(made) => Ok(view.redirect_saying(
            &format!("/connections/{}", made.id),
            &format!(
                "The connection {} is made. Check it, then add partner functions.",
                made.name()
            ),
        )),
        Err(error) => {
            let provider = form.text("provider").parse().unwrap_or(ProviderKind::Rest);
            view.again(gathered(error, SUPPORTING), HERE, "New connection", |wrong| {
                page(&view, None, provider, &without_secrets(body), wrong)
            })
        }
    }
}

async fn edit(view: View, engine: web::Data<Engine>, id: PathId<ConnectionId>) -> Result<HttpResponse> {
    let of = Of::get(&view, &engine, id.0).await?;
    let values = stored(&of.connection)?;
    let provider = of.connection.provider;
    let title = format!("Edit {}", of.name);
    Ok(view.page(
        HERE,
        &title,
        &page(&view, Some(&of), provider, &values, &Wrong::default()),
    ))
}

async fn update(view: View, engine: web::Data<Engine>, id: PathId<ConnectionId>, form: Form) -> Result<HttpResponse> {
    let of = Of::get(&view, &engine, id.0).await?;
    let body = entered(&form);
    let changed = engine
        .connections()
        .patch(view.caller(), id.0, form.version(), &body)
        .await;
    match changed {
        Ok(changed) => Ok(view.redirect_saying(&of.path(""), &format!("The connection {} is saved.", changed.name()))),
        Err(error) => {
            let (provider, title) = (of.connection.provider, format!("Edit {}", of.name));
            view.again(gathered(error, SUPPORTING), HERE, &title, |wrong| {
                page(&view, Some(&of), provider, &without_secrets(body), wrong)
            })
        }
    }
}

/// What an API client would send.
fn entered(form: &Form) -> Value {
    let mut body = form.tree();
    if let Some(members) = body.as_object_mut() {
        members.insert(
            "require_authentication".to_owned(),
            Value::Bool(form.has("require_authentication")),
        );
        for (name, _) in SECRETS {
            // Something new counts, also where the old one was to be taken away.
            let is_new = members
                .get(name)
                .and_then(Value::as_str)
                .is_some_and(|text| !text.trim().is_empty());
            if !is_new && form.all(REMOVE).any(|removed| removed == name) {
                members.insert(name.to_owned(), Value::Null);
            }
        }
    }
    body
}

/// What was entered, for the form again.
fn without_secrets(mut body: Value) -> Value {
    if let Some(members) = body.as_object_mut() {
        let removed: Vec<&str> = SECRETS
            .iter()
            .map(|(name, _)| *name)
            .filter(|name| members.get(*name).is_some_and(Value::is_null))
            .collect();
        members.insert(REMOVE.to_owned(), json!(removed));
        for (name, _) in SECRETS {
            members.remove(name);
        }
    }
    body
}

/// The members of a connection under the names of requests.
fn stored(connection: &Connection) -> Result<Value> {
    let mut values = serde_json::to_value(&connection.profile).map_err(Error::internal)?;
    if let Some(members) = values.as_object_mut() {
        if let Some(client_id) = members.remove("client_id") {
            members.insert("integration_client_id".to_owned(), client_id);
        }
        members.insert(
            "require_authentication".to_owned(),
            Value::Bool(connection.profile.authenticates()),
        );
        if let Some(text) = connection
            .profile
            .supporting_fields
            .as_deref()
            .filter(|text| !text.contains('\n'))
        {
            members.insert(SUPPORTING.to_owned(), Value::String(indented(text)));
        }
    }
    Ok(values)
}

/// For people, unless it would then be too long to be stored.
fn indented(text: &str) -> String {
    json_text::pretty(text, SUPPORTING_FIELDS_BYTES_MAX).unwrap_or_else(|| text.to_owned())
}

/// What is known of a stored secret; none: there is none.
pub(super) fn fingerprint<'a>(connection: &'a Connection, stored: &str) -> Option<&'a str> {
    let shown = connection.secrets_public.get(stored)?;
    shown.get("fingerprint").and_then(Value::as_str)
}

fn page(view: &View, of: Option<&Of>, provider: ProviderKind, values: &Value, wrong: &Wrong) -> Markup {
    let words = Words::of(provider);
    let entry = Entry {
        values,
        wrong,
        locked: false,
    };
    let (head, path, back) = match of {
        Some(of) => (of.head(view, &[], "Edit", &html! {}), of.path(""), of.path("")),
        None => (
            ui::head(view, WAY, &format!("New connection to {provider}"), &html! {}),
            "/connections".to_owned(),
            "/connections".to_owned(),
        ),
    };
    html! {
        (head)
        (wrong.summary())
        form .card .form method="post" action=(view.url(&path)) {
            (ui::token(view))
            (ui::version(of.map(|of| of.connection.version)))
            @if of.is_none() { input type="hidden" name="provider" value=(provider); }
            (account(words, &entry))
            (credentials(words, of.map(|of| &of.connection), &entry))
            (addresses(words, &entry))
            @if of.is_none() {
                (Input::choice("state", "Begin as", &[("", "Active"), ("inactive", "Inactive")])
                    .help(html! { "An inactive connection runs nothing until it is enabled." }).show(&entry))
            }
            div .buttons {
                button .primary type="submit" { "Save" }
                a href=(view.url(&back)) { "Cancel" }
            }
        }
    }
}

fn account(words: &Words, entry: &Entry<'_>) -> Markup {
    html! {
        h2 { "Account" }
        (Input::text("remote_instance_display", "Name").help(html! { "For people. Without it the next two are shown." }).show(entry))
        (Input::text("remote_instance_name", "Name at the provider").show(entry))
        (Input::text("company_name", "Company").show(entry))
        (Input::text("remote_instance_id", words.account.0).help(html! { (words.account.1) }).show(entry))
        (Input::text("remote_instance_code", "Code").show(entry))
        (Input::text("company_file", "Company file").show(entry))
    }
}

fn credentials(words: &Words, connection: Option<&Connection>, entry: &Entry<'_>) -> Markup {
    let known = |stored: &str| connection.and_then(|connection| fingerprint(connection, stored));
    let kept = |stored: &str| {
        html! { @if let Some(fingerprint) = known(stored) { "Set, " code { (fingerprint) } ". Left empty, it stays." } }
    };
    let set: Vec<&str> = SECRETS
        .iter()
        .filter(|(_, stored)| known(stored).is_some())
        .map(|(name, _)| *name)
        .collect();
    let client_secret = if words.provider == ProviderKind::NetSuite {
        // A key has lines.
        Input::area("integration_client_secret", words.client_secret, 4)
    } else {
        Input::secret("integration_client_secret", words.client_secret)
    };
    html! {
        h2 { "Credentials" }
        p .wide .quiet { (words.credentials) " Secrets are stored sealed and never shown again." }
        (Input::text("integration_client_id", "Client id").show(entry))
        (client_secret.help(kept("client_secret")).show(entry))
        (Input::secret("integration_refresh_token", "Refresh token").help(kept("refresh_token")).show(entry))
        (Input::secret("integration_access_token", "Access token").help(kept("access_token")).show(entry))
        (Input::text("expires_in", "Access token ends")
            .help(html! { "A date, a time, or a number of seconds from now." }).show(entry))
        (Input::text("token_type", "Token type").placeholder("Bearer").show(entry))
        (Input::text("user_name", "User name").show(entry))
        (Input::secret("user_password", "Password").help(kept("user_password")).show(entry))
        @if !set.is_empty() { (ui::ticks(REMOVE, "Take away what is stored", &set, entry)) }
        (Input::tick("require_authentication", "Requests carry credentials").show(entry))
    }
}

fn addresses(words: &Words, entry: &Entry<'_>) -> Markup {
    let help = if words.provider == ProviderKind::Rest {
        "The beginning of all addresses of the API."
    } else {
        "In place of the provider's own; most need none."
    };
    html! {
        h2 { "Addresses and supporting fields" }
        (Input::line("url", "api_domain", "API address").placeholder(words.api_domain).help(html! { (help) }).show(entry))
        (Input::line("url", "account_server", "Account server")
            .help(html! { "The beginning of the address where tokens are got." }).show(entry))
        (Input::script(SUPPORTING, "Supporting fields").help(html! { (words.supporting) }).show(entry))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_stay_or_go_as_the_form_says_and_are_never_shown_again() {
        let form = Form::parse(
            b"provider=REST&integration_client_secret=&integration_access_token=new&user_password=\
              &_remove=user_password&_remove=integration_access_token&api_domain=x",
        )
        .unwrap();
        let body = entered(&form);
        assert_eq!(
            body,
            json!({
                "provider": "REST", "integration_client_secret": "", "integration_access_token": "new", "user_password": null,
                "api_domain": "x", "require_authentication": false
            })
        );
        let again = without_secrets(body);
        assert_eq!(again[REMOVE], json!(["user_password"]));
        assert!(!again.to_string().contains("new"), "{again}");
    }
}
