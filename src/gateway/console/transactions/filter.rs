//! Which transactions the list shows: the query of its address, the form that makes it, and what follows for the engine.

use jiff::Timestamp;
use maud::{Markup, html};
use serde::Deserialize;
use serde_json::json;
use url::form_urlencoded::Serializer;

use crate::{
    domain::{ids::CallApiId, rights::Right, transaction::TransactionStatus, validate::FieldError},
    engine::{Engine, call_apis::ListFilter, transactions::TransactionFilter},
    error::{Code, Error, Result},
    gateway::console::{
        moment,
        ui::{self, Entry, Input, Wrong},
        view::View,
    },
    store::Page,
};

/// Calls that are looked at for one of this very name.
const NAMED_MAX: u64 = 200;

/// The query, as a form sends it: what is not wanted is empty.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct ListQuery {
    status: String,
    #[serde(alias = "callApiId")]
    call: String,
    identifier: String,
    after: String,
    before: String,
    pub cursor: Option<String>,
}

impl ListQuery {
    pub fn cursor(&self) -> Option<String> {
        self.cursor.clone().filter(|cursor| !cursor.is_empty())
    }

    fn parts(&self) -> [(&'static str, &str); 5] {
        [
            ("status", &self.status),
            ("call", &self.call),
            ("identifier", &self.identifier),
            ("after", &self.after),
            ("before", &self.before),
        ]
    }

    /// Whether everything is listed.
    pub fn is_plain(&self) -> bool {
        self.parts().iter().all(|(_, value)| value.trim().is_empty())
    }

    /// Whether something in preparation may be listed.
    pub fn has_waiting(&self) -> bool {
        self.status.is_empty() || self.status == TransactionStatus::Preparation.as_str()
    }

    /// What of it is given, without the cursor, as it stands in an address.
    pub fn text(&self) -> String {
        let given = self.parts().into_iter().filter(|(_, value)| !value.trim().is_empty());
        Serializer::new(String::new()).extend_pairs(given).finish()
    }

    /// What the engine is asked.
    ///
    /// # Errors
    /// `invalid` for what cannot be looked for, with the field.
    pub async fn filter(&self, view: &View, engine: &Engine) -> Result<TransactionFilter> {
        let mut wrong = Vec::new();
        let mut filter = TransactionFilter::default();
        if !self.status.is_empty() {
            filter.status = TransactionStatus::parse(&self.status);
            if filter.status.is_none() {
                wrong.push(FieldError::new("status", "must be preparation, ready or discarded"));
            }
        }
        for (field, text, place) in [
            ("after", &self.after, &mut filter.after),
            ("before", &self.before, &mut filter.before),
        ] {
            match read_moment(text) {
                Ok(at) => *place = at,
                Err(message) => wrong.push(FieldError::new(field, message)),
            }
        }
        match self.call_id(view, engine).await? {
            Ok(id) => filter.call_api_id = id,
            Err(message) => wrong.push(FieldError::new("call", message)),
        }
        filter.identifier = Some(self.identifier.trim().to_owned()).filter(|text| !text.is_empty());
        if wrong.is_empty() {
            Ok(filter)
        } else {
            Err(Error::invalid(wrong))
        }
    }

    /// The call that is meant by its id or its name.
    async fn call_id(&self, view: &View, engine: &Engine) -> Result<Result<Option<CallApiId>, String>> {
        let text = self.call.trim();
        if text.is_empty() {
            return Ok(Ok(None));
        }
        if let Ok(id) = text.parse() {
            return Ok(Ok(Some(id)));
        }
        if !view.may(Right::CallsRead) {
            return Ok(Err(
                "must be the call's id: seeing names needs the right calls.read".to_owned()
            ));
        }
        let named = ListFilter {
            name_contains: Some(text.to_owned()),
            ..ListFilter::default()
        };
        let found = engine
            .call_apis()
            .list(view.caller(), named, Page::new(Some(NAMED_MAX), None))
            .await;
        let found = match found {
            Ok(found) => found.items,
            Err(error) if error.code == Code::Invalid => Vec::new(),
            Err(error) => return Err(error),
        };
        let exact = found.iter().find(|call| call.name.eq_ignore_ascii_case(text));
        Ok(match (exact, found.as_slice()) {
            (Some(call), _) => Ok(Some(call.id)),
            (None, [only]) => Ok(Some(only.id)),
            (None, []) => Err(format!("no call has {text:?} in its name")),
            (None, several) => Err(format!(
                "{} calls or more have {text:?} in their names: write one whole",
                several.len()
            )),
        })
    }

    pub fn form(&self, view: &View, wrong: &Wrong) -> Markup {
        let values = json!({
            "status": self.status, "call": self.call, "identifier": self.identifier,
        });
        let entry = Entry {
            values: &values,
            wrong,
            locked: false,
        };
        let statuses = [
            ("", "any"),
            ("preparation", "in preparation"),
            ("ready", "ready"),
            ("discarded", "discarded"),
        ];
        html! {
            form .filters method="get" action=(view.url("/transactions")) {
                (Input::choice("status", "Status", &statuses).show(&entry))
                (Input::text("call", "Call API (name or id)").show(&entry))
                (Input::text("identifier", "Identifier").show(&entry))
                (moment_field("after", "Created after", &self.after, wrong))
                (moment_field("before", "Created before", &self.before, wrong))
                div .buttons {
                    button type="submit" { "Filter" }
                    @if !self.is_plain() { a href=(view.url("/transactions")) { "Show all" } }
                }
            }
        }
    }

    /// What stands where no transaction fits.
    pub fn empty(&self, view: &View) -> Markup {
        if self.is_plain() {
            let action = html! {
                @if view.may(Right::CallsRead) { (ui::link_button(view, "/call-apis", "To the Call APIs")) }
            };
            let hint =
                "They appear here by themselves as runs of Call APIs create them; you can also make one by hand.";
            return ui::empty("There are no transactions yet", hint, &action);
        }
        let action = ui::link_button(view, "/transactions", "Show all");
        ui::empty(
            "No transaction fits this filter",
            "An identifier must fit exactly, capitals included.",
            &action,
        )
    }
}

/// A field for a time; our module turns it into one for the viewer's zone.
fn moment_field(name: &str, label: &str, value: &str, wrong: &Wrong) -> Markup {
    let (id, wrong_id) = (format!("f-{name}"), format!("f-{name}-wrong"));
    let wrong = wrong.at(name);
    html! {
        div .field {
            label for=(id) { (label) span data-moment-utc=(name) { " (UTC)" } }
            input type="text" id=(id) name=(name) value=(value) placeholder="2026-01-31T12:00" data-moment
                aria-invalid=[wrong.map(|_| "true")] aria-describedby=[wrong.map(|_| &wrong_id)];
            @if let Some(wrong) = wrong { p .wrong id=(wrong_id) { (wrong) } }
        }
    }
}

/// None where nothing was entered.
fn read_moment(text: &str) -> std::result::Result<Option<Timestamp>, &'static str> {
    match text.trim() {
        "" => Ok(None),
        text => match moment::at(text) {
            Some(at) => Ok(Some(at)),
            None => Err("must be a time such as 2026-01-31T12:00:00Z"),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_of_utc_unless_they_say_otherwise() {
        for (text, expected) in [
            ("2026-01-31T12:00:00Z", Some("2026-01-31T12:00:00Z")),
            ("2026-01-31T12:00:00.5+01:00", Some("2026-01-31T11:00:00.5Z")),
            ("2026-01-31T12:00", Some("2026-01-31T12:00:00Z")),
            (" 2026-01-31 ", Some("2026-01-31T00:00:00Z")),
            ("", None),
        ] {
            let expected = expected.map(|text| text.parse::<Timestamp>().unwrap());
            assert_eq!(read_moment(text), Ok(expected), "{text}");
        }
        assert!(read_moment("yesterday").is_err());
    }

    #[test]
    fn only_what_is_given_stands_in_addresses() {
        let query = ListQuery {
            identifier: "A&B=1 å".to_owned(),
            status: "ready".to_owned(),
            cursor: Some("x".to_owned()),
            ..ListQuery::default()
        };
        assert_eq!(query.text(), "status=ready&identifier=A%26B%3D1+%C3%A5");
        assert!(!query.is_plain() && ListQuery::default().is_plain());
    }
}
