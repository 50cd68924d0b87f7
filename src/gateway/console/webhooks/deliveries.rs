//! How deliveries look: where each stands, its attempts, and the button to send it once more.

use maud::{Markup, html};

use crate::{
    domain::delivery::State,
    gateway::console::{
        json_field,
        ui::{self, Tone},
        view::View,
    },
    store::deliveries::{Attempt, Delivery},
};

/// So much of a receiver's answer is shown, bytes.
const ANSWER_BYTES_MAX: usize = 4_096;
/// So much of what is sent is shown, bytes.
const PAYLOAD_BYTES_MAX: usize = 16_384;

/// Deliveries with their attempts, and with the request of each where not all are of one. `replay_to` is the path that takes the field `delivery`; none where nothing can be sent.
pub(in crate::gateway::console) fn table(
    view: &View,
    deliveries: &[Delivery],
    of_many: bool,
    replay_to: Option<&str>,
) -> Markup {
    let rows: Vec<Markup> = deliveries
        .iter()
        .map(|delivery| row(view, delivery, of_many, replay_to))
        .collect();
    let mut headings = vec!["Made", "State", "Last answer", "Attempts", "Again"];
    if of_many {
        headings.insert(3, "Background request");
    }
    ui::table("Deliveries", &headings, &rows)
}

/// Where a delivery stands.
pub(in crate::gateway::console) fn badge(state: State) -> Markup {
    let tone = match state {
        State::Pending => Tone::Busy,
        State::Delivered => Tone::Good,
        State::Failed => Tone::Bad,
        State::Gone => Tone::Warn,
    };
    ui::badge(tone, state.as_str())
}

fn row(view: &View, delivery: &Delivery, of_many: bool, replay_to: Option<&str>) -> Markup {
    html! {
        tr id={ "delivery-" (delivery.id) } {
            td { (ui::time(delivery.created_at)) }
            td {
                (badge(delivery.state))
                @if let Some(next) = delivery.next_at { p .quiet { "next attempt " (ui::time(next)) } }
            }
            td .long { (answer(delivery.last_status, delivery.last_error.as_deref())) }
            @if of_many {
                td {
                    @match delivery.background_id {
                        Some(id) => a href=(view.url(&format!("/background/{id}"))) { "Request" },
                        None => (ui::dash()),
                    }
                }
            }
            td .long { (attempts(delivery)) }
            td {
                @match replay_to {
                    Some(to) if delivery.state != State::Pending => (replay(view, to, delivery)),
                    _ => (ui::dash()),
                }
            }
        }
    }
}

fn replay(view: &View, to: &str, delivery: &Delivery) -> Markup {
    html! {
        form .act method="post" action=(view.url(to)) {
            (ui::token(view))
            input type="hidden" name="delivery" value=(delivery.id);
            button type="submit" data-ask=(format!("Send this delivery to {} once more, under its old id?", delivery.url)) { "Replay" }
        }
    }
}

fn answer(status: Option<u16>, error: Option<&str>) -> Markup {
    html! {
        @match (status, error) {
            (None, None) => (ui::dash()),
            (Some(status), None) => { "HTTP " (status) }
            (None, Some(error)) => (error),
            (Some(status), Some(error)) => { "HTTP " (status) ": " (error) }
        }
    }
}

fn attempts(delivery: &Delivery) -> Markup {
    let (payload, is_cut) = json_field::cut(&delivery.payload, PAYLOAD_BYTES_MAX);
    html! {
        details #{ "d-" (delivery.id) } {
            summary { (delivery.attempt_count) @if delivery.attempt_count == 1 { " attempt" } @else { " attempts" } }
            ol .attempts { @for attempt in &delivery.attempts { (one(attempt)) } }
            p .quiet { "To " (delivery.url) ", webhook-id " code { (delivery.id) } ", with:" }
            (ui::code(&json_field::pretty(payload)))
            @if is_cut { p .quiet { "This is the beginning only." } }
        }
    }
}

fn one(attempt: &Attempt) -> Markup {
    html! {
        li {
            (attempt.number) ". " (ui::time(attempt.at)) ", " (ui::duration(attempt.duration_ms)) ": "
            (answer(attempt.status, attempt.error.as_deref()))
            @if let Some(text) = &attempt.response {
                @let (text, is_cut) = json_field::cut(text, ANSWER_BYTES_MAX);
                pre .code { code { (text) @if is_cut { "…" } } }
            }
        }
    }
}
