//! Connections, and below each its partner functions, object mappings and automations.

use std::{str::FromStr, sync::LazyLock};

use actix_web::{FromRequest, HttpRequest, dev::Payload, web::ServiceConfig};
use maud::{Markup, html};
use serde::Deserialize;
use serde_json::Value;

use super::{
    shell::Here,
    ui::{self, Entry, Tone, Wrong},
    view::View,
};
use crate::{
    domain::{
        connection::{Health, status},
        ids::ConnectionId,
        validate::FieldError,
    },
    engine::{Engine, connections::Connection},
    error::{Code, Error, Result},
    store::{
        listing::{OrderBy, Window},
        page::{LIMIT_DEFAULT, LIMIT_MAX},
    },
};

mod automation_form;
mod automation_page;
mod automations;
mod criteria;
mod edit;
mod explain;
mod functions;
mod list;
mod mapping_form;
mod mapping_rows;
mod mappings;
mod runs;
mod show;

const HERE: Here = Here::Connections;
/// The way to the list.
const WAY: &[(&str, &str)] = &[("Exchange", ""), ("Connections", "/connections")];
/// The way to the list itself.
const ABOVE: &[(&str, &str)] = &[("Exchange", "")];
/// Furthest place in a list that is looked at.
const OFFSET_MAX: u64 = 1_000_000_000;
/// Events after which what is shown of connections has changed.
const EVENTS: &str = "connection.ok connection.needs_reauthorisation connection.error";

pub(super) fn routes(config: &mut ServiceConfig) {
    // Fixed words come before ids.
    list::routes(config);
    edit::routes(config);
    show::routes(config);
    functions::routes(config);
    mappings::routes(config);
    automations::routes(config);
    runs::routes(config);
}

/// A connection to which the things on a page belong.
struct Of {
    connection: Connection,
    name: String,
}

/// The pages of a connection.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Tab {
    Overview,
    Functions,
    Mappings,
    Automations,
}

const TABS: [(Tab, &str, &str); 4] = [
    (Tab::Overview, "", "Overview"),
    (Tab::Functions, "/functions", "Partner functions"),
    (Tab::Mappings, "/mappings", "Object mappings"),
    (Tab::Automations, "/automations", "Automations"),
];

impl Of {
    async fn get(view: &View, engine: &Engine, id: ConnectionId) -> Result<Self> {
        let connection = engine.connections().get(view.caller(), id).await?;
        Ok(Self {
            name: connection.name(),
            connection,
        })
    }

    /// A path of this connection; `rest` begins with a slash or is empty.
    fn path(&self, rest: &str) -> String {
        format!("/connections/{}{rest}", self.connection.id)
    }

    /// The head of a page below the connection; `way` is what lies between, as rests of paths.
    fn head(&self, view: &View, way: &[(&str, &str)], title: &str, actions: &Markup) -> Markup {
        let own = self.path("");
        let paths: Vec<String> = way.iter().map(|(_, rest)| self.path(rest)).collect();
        let mut whole = WAY.to_vec();
        whole.push((&self.name, &own));
        whole.extend(way.iter().zip(&paths).map(|((name, _), path)| (*name, path.as_str())));
        ui::head(view, &whole, title, actions)
    }

    /// The head of one of the connection's own pages, with the way to the others.
    fn tabbed(&self, view: &View, here: Tab, actions: &Markup) -> Markup {
        html! {
            (ui::head(view, WAY, &self.name, actions))
            nav .tabs aria-label="Connection" {
                @for (tab, rest, name) in TABS {
                    a href=(view.url(&self.path(rest))) aria-current=[(tab == here).then_some("page")] { (name) }
                }
            }
        }
    }

    /// What makes that nothing below the connection runs, and what to do.
    fn standing(&self, view: &View) -> Markup {
        let connection = &self.connection;
        let detail = connection.state.detail.as_deref().unwrap_or_default();
        let provider = connection.provider;
        html! {
            @match (connection.enabled, connection.state.health) {
                (false, _) => p .note { "This connection is disabled: nothing of it runs until it is enabled." },
                (true, Health::Ok) => {},
                (true, Health::NeedsReauthorisation) => div .note {
                    p { strong { (provider) " refuses the credentials of this connection, so nothing of it runs." } " " (detail) }
                    p {
                        "What to do: get new credentials at " (provider) ", "
                        a href=(view.url(&self.path("/edit"))) { "enter them here" }
                        ", then check the connection. Its automations go on by themselves."
                    }
                },
                (true, Health::Error) => div .note {
                    p { strong { "The last requests to " (provider) " failed." } " " (detail) }
                    p { "It is tried again by itself, less and less often. Check the connection to try it now." }
                },
            }
        }
    }
}

/// The state of a connection in a word.
fn state(connection: &Connection) -> Markup {
    let (tone, word) = match status(connection.enabled, connection.state.health) {
        "ACTIVE" => (Tone::Good, "Active"),
        "NEEDS_REAUTHORISATION" => (Tone::Bad, "Needs reauthorisation"),
        "ERROR" => (Tone::Bad, "Error"),
        _ => (Tone::Quiet, "Inactive"),
    };
    ui::badge(tone, word)
}

/// Whether a person lets it run.
fn switched(enabled: bool) -> Markup {
    if enabled {
        ui::badge(Tone::Good, "Active")
    } else {
        ui::badge(Tone::Quiet, "Inactive")
    }
}

/// The button that switches a thing, whose path is given.
fn switch(view: &View, path: &str, enabled: bool) -> Markup {
    if enabled {
        ui::act(view, &format!("{path}/disable"), "Disable")
    } else {
        ui::act(view, &format!("{path}/enable"), "Enable")
    }
}

/// What is acceptable and will not work as it is.
fn warnings(warnings: &[String]) -> Markup {
    html! { @for warning in warnings { p .note { (warning) } } }
}

/// A refusal within a part of a page.
fn refusal(message: &str) -> Markup {
    html! { div .refusal role="alert" { p { (message) } } }
}

/// For templates of rows: what nobody has filled in.
fn blank() -> Entry<'static> {
    static NOTHING: Value = Value::Null;
    static NO_WRONG: LazyLock<Wrong> = LazyLock::new(Wrong::default);
    Entry {
        values: &NOTHING,
        wrong: &NO_WRONG,
        locked: false,
    }
}

/// The ids in a path: the connection's `{id}`, and that of `{part}` of it.
struct Ids<T>(ConnectionId, T);

impl<T: FromStr> FromRequest for Ids<T> {
    type Error = Error;
    type Future = std::future::Ready<Result<Self>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let ids = id_at(request, "id").and_then(|id| Ok(Self(id, id_at(request, "part")?)));
        std::future::ready(ids)
    }
}

/// An id in the path. What is not an id is a thing that does not exist.
fn id_at<T: FromStr>(request: &HttpRequest, name: &str) -> Result<T> {
    let text = request.match_info().get(name).unwrap_or_default();
    text.parse()
        .map_err(|_| Error::new(Code::NotFound, format!("There is nothing with the id {text:?}.")))
}

/// Where in a list a page begins.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Offset {
    offset: Option<u64>,
}

impl Offset {
    fn window(&self) -> Window {
        Window {
            limit: LIMIT_DEFAULT,
            offset: self.offset.unwrap_or_default().min(OFFSET_MAX),
            order_by: OrderBy::Name,
            descending: false,
        }
    }
}

/// As many as a choice offers.
fn for_choice() -> Window {
    Window {
        limit: LIMIT_MAX,
        order_by: OrderBy::Name,
        ..Window::default()
    }
}

/// The way through a list of `total` rows.
fn pager(view: &View, path: &str, window: Window, total: u64) -> Markup {
    let (from, to) = (window.offset, window.offset.saturating_add(window.limit));
    let link = |offset: u64| match offset {
        0 => view.url(path),
        offset => view.url(&format!("{path}?offset={offset}")),
    };
    html! {
        @if from > 0 || to < total {
            nav .pager aria-label="Pages" {
                @if from > 0 { a .button rel="prev" href=(link(from.saturating_sub(window.limit))) { "Previous page" } }
                @if to < total { a .button rel="next" href=(link(to)) { "Next page" } }
                span .quiet { (from.saturating_add(1).min(total)) " to " (to.min(total)) " of " (total) }
            }
        }
    }
}

/// The refusal of a name that another has, at the field of the name.
fn at_name(mut error: Error) -> Error {
    if error.code == Code::NameInUse && error.fields.is_empty() {
        error.fields.push(FieldError::new("name", error.message.to_string()));
    }
    error
}

/// What is wrong within a member that a form shows as one field is said at that field.
fn gathered(mut error: Error, member: &str) -> Error {
    let mut within = Vec::new();
    error.fields.retain(|wrong| match wrong.field.strip_prefix(member) {
        Some(rest) if rest.starts_with(['.', '[']) => {
            within.push(format!("{} {}", rest.trim_start_matches('.'), wrong.message));
            false
        }
        _ => true,
    });
    if !within.is_empty() {
        error.fields.push(FieldError::new(member, within.join("; ")));
    }
    error
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_wrong_within_a_field_is_said_at_it() {
        let error = Error::invalid(vec![
            FieldError::new("supporting_fields.auth.kind", "is needed"),
            FieldError::new("supporting_fields.objects[0]", "is odd"),
            FieldError::new("supporting_fields_too", "stays"),
            FieldError::new("api_domain", "stays"),
        ]);
        let said: Vec<String> = gathered(error, "supporting_fields")
            .fields
            .iter()
            .map(ToString::to_string)
            .collect();
        assert_eq!(
            said,
            [
                "supporting_fields_too: stays",
                "api_domain: stays",
                "supporting_fields: auth.kind is needed; objects[0] is odd",
            ]
        );
    }

    #[test]
    fn a_name_in_use_is_said_at_the_name() {
        let error = at_name(Error::new(Code::NameInUse, "There is one."));
        assert_eq!(error.fields, [FieldError::new("name", "There is one.")]);
        assert!(at_name(Error::new(Code::WrongState, "No.")).fields.is_empty());
    }
}
