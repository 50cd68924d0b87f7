//! How kinds and phases of actors are said, coloured and drawn, and where the pages of what they act for are.

use maud::{Markup, html};
use uuid::Uuid;

use super::{
    ui::{self, Tone},
    view::View,
};
use crate::{
    actors::observed::{
        KIND_AUTOMATION, KIND_BACKGROUND, KIND_CALL_API, KIND_CLIENT_INTEGRATION, KIND_CONNECTION, KIND_DELIVERY,
        KIND_REGISTRY,
    },
    domain::rights::Right,
    engine::overview::{Place, Thing},
};

/// Events after which what the engine does looks otherwise.
pub(super) const EVENTS: &str = "run.finished call.activated call.deactivated automation.finished automation.waits \
                                 automation.deactivated integration.run.started integration.run.finished \
                                 integration.disabled background.finished connection.ok connection.error \
                                 connection.needs_reauthorisation actor.given_up";
/// All kinds, in the order of lists: word in addresses, one of them, several.
pub(super) const KINDS: [(&str, &str, &str); 7] = [
    (KIND_CALL_API, "Call API", "Call APIs"),
    (KIND_CONNECTION, "Connection", "Connections"),
    (KIND_AUTOMATION, "Automation", "Automations"),
    (KIND_CLIENT_INTEGRATION, "Client integration", "Client integrations"),
    (KIND_REGISTRY, "Registry", "Registry"),
    (KIND_BACKGROUND, "Background requests", "Background requests"),
    (KIND_DELIVERY, "Notifications", "Notifications"),
];

/// All phases that a filter can ask for, and what they mean.
pub(super) const PHASES: [(&str, &str); 11] = [
    ("idle", "has nothing to do"),
    ("waiting", "waits for its due time"),
    ("running", "works"),
    ("stopping", "ends when its work has"),
    ("stopped", "has ended"),
    ("suspended", "its run goes on later"),
    ("paused", "its connection cannot be used"),
    ("active", "is ready"),
    ("held", "holds back: the other side fails"),
    ("needs_reauthorisation", "a person has to authorise it again"),
    ("error", "cannot be used"),
];

/// One of a kind, in words.
pub(super) fn kind_word(kind: &str) -> &str {
    let found = KINDS.iter().find(|(known, ..)| *known == kind);
    found.map_or(kind, |(_, one, _)| one)
}

/// A phase as it is read.
pub(super) fn phase_word(phase: &str) -> String {
    phase.replace('_', " ")
}

/// How a phase is coloured.
pub(super) fn tone(phase: &str) -> Tone {
    match phase {
        "running" | "stopping" | "booting" | "draining" => Tone::Busy,
        "waiting" | "active" | "serving" => Tone::Good,
        "suspended" | "paused" | "held" => Tone::Warn,
        "error" | "needs_reauthorisation" | "down" | "stopped" => Tone::Bad,
        _ => Tone::Quiet,
    }
}

/// A phase in a word, coloured.
pub(super) fn phase_badge(phase: &str) -> Markup {
    ui::badge(tone(phase), &phase_word(phase))
}

/// How a run ended, in words and colour.
pub(super) fn outcome_badge(outcome: &str) -> Markup {
    let tone = match outcome.to_ascii_lowercase().as_str() {
        "created" | "success" | "succeeded" | "nothing_new" => Tone::Good,
        "partial" | "interrupted" | "paused" | "skipped_overlap" | "skipped_misfire" => Tone::Warn,
        "aborted" | "cancelled" => Tone::Quiet,
        _ => Tone::Bad,
    };
    ui::badge(tone, &outcome.to_ascii_lowercase().replace('_', " "))
}

/// The path of an actor's page.
pub(super) fn actor_path(kind: &str, id: Uuid) -> String {
    format!("/actors/{kind}/{id}")
}

/// The path of a thing's page, for those who may see it.
pub(super) fn path_of(view: &View, place: Place) -> Option<String> {
    let (right, path) = match place {
        Place::Call(id) => (Right::CallsRead, format!("/call-apis/{id}")),
        Place::Connection(id) => (Right::ConnectionsManage, format!("/connections/{id}")),
        Place::Automation(connection, id) => (
            Right::ConnectionsManage,
            format!("/connections/{connection}/automations/{id}"),
        ),
        Place::Integration(number) => (Right::IntegrationsManage, format!("/integrations/definitions/{number}")),
    };
    view.may(right).then_some(path)
}

/// A thing's name, with a link to its page for those who may see it.
pub(super) fn thing_link(view: &View, thing: &Thing) -> Markup {
    html! {
        @if let Some(path) = path_of(view, thing.place) { a href=(view.url(&path)) { (thing.name) } } @else { (thing.name) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::actors::observed::{ChildStatus, list_key};

    #[test]
    fn every_phase_has_words() {
        let status = ChildStatus::default();
        for (phase, meaning) in PHASES {
            status.set_word(phase, None);
            assert_eq!(status.phase(), phase, "a phase that no actor has");
            assert!(!meaning.is_empty());
        }
        assert_eq!(phase_word("needs_reauthorisation"), "needs reauthorisation");
    }

    #[test]
    fn every_kind_has_words() {
        for (kind, one, many) in KINDS {
            assert_eq!(kind_word(kind), one);
            assert!(!many.is_empty());
        }
        assert_eq!(kind_word("other"), "other");
        assert_eq!(list_key(KIND_REGISTRY, uuid::Uuid::max()), uuid::Uuid::nil());
    }
}
