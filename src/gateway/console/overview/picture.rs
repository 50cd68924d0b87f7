//! The engine as an orrery: the registry is the sun, kinds of actors are orbits, actors (or, where they are many, their phases) are
//! planets, and around all goes the dial of the next minute with what is due on it. Whatever lives, it has some hundred marks.

use std::f64::consts::PI;

use maud::{Markup, html};

use super::super::{
    kinds::{KINDS, actor_path, kind_word, phase_badge, phase_word, tone},
    ui::{self, Tone},
    view::View,
};
use crate::{
    actors::observed::{
        KIND_AUTOMATION, KIND_BACKGROUND, KIND_CALL_API, KIND_CLIENT_INTEGRATION, KIND_CONNECTION, KIND_DELIVERY,
        KIND_REGISTRY,
    },
    engine::overview::{Actor, Census, NAMED_MAX, Overview},
};

/// Side of the drawing and its middle.
const SIZE: f64 = 540.0;
const MIDDLE: f64 = SIZE / 2.0;
/// Kinds, how far from the sun they go around, and where on the way their first one is, degrees.
const ORBITS: [(&str, f64, f64); 4] = [
    (KIND_CONNECTION, 84.0, 20.0),
    (KIND_AUTOMATION, 121.0, 110.0),
    (KIND_CLIENT_INTEGRATION, 158.0, 190.0),
    (KIND_CALL_API, 195.0, 60.0),
];
/// The actors of which an engine has one are moons of the sun.
const MOONS: [(&str, f64); 2] = [(KIND_BACKGROUND, 300.0), (KIND_DELIVERY, 60.0)];
const MOON_ORBIT: f64 = 48.0;
const DIAL: f64 = 230.0;
/// Below stands the orbit's name: planets are on the rest of the way.
const FREE_FROM: f64 = 218.0;
const FREE: f64 = 284.0;

/// The picture, what its shapes mean, what is due next, and all of it as tables.
pub(super) fn picture(view: &View, overview: &Overview, census: &Census) -> Markup {
    html! {
        div .engine {
            (drawing(view, overview, census))
            div {
                (legend(census))
                (next(view, overview, census))
            }
        }
        details .more #engine-table {
            summary { "The picture as a table" }
            (counts(view, census))
        }
    }
}

fn drawing(view: &View, overview: &Overview, census: &Census) -> Markup {
    let summary = &census.summary;
    let said = format!(
        "The engine: {} actors, {} of them work, {} are due in the next minute. The table below says the same.",
        summary.actors, census.going.count, census.due.count
    );
    html! {
        svg .orrery role="group" aria-label=(said) viewBox={ "0 0 " (SIZE) " " (SIZE) } {
            (dial(view, overview, census))
            @for (kind, radius, shift) in ORBITS {
                circle .orbit cx=(MIDDLE) cy=(MIDDLE) r=(radius) {}
                (name_of(kind, radius, count_of(census, kind)))
                @if let Some(members) = census.members.get(kind) {
                    @for (index, actor) in members.iter().enumerate() {
                        (planet(view, overview, actor, spot(radius, shift, index, members.len())))
                    }
                } @else if let Some(phases) = summary.kinds.get(kind) {
                    @for (index, (phase, count)) in phases.iter().enumerate() {
                        (crowd(view, kind, phase, *count, spot(radius, shift, index, phases.len())))
                    }
                }
            }
            (sun(view, census))
        }
    }
}

/// The registry with the actors of which an engine has one.
fn sun(view: &View, census: &Census) -> Markup {
    let phase = census.summary.registry;
    html! {
        defs {
            radialGradient #sun-shine { stop .shine-in offset="0.2" {} stop .shine-out offset="1" {} }
        }
        circle .orbit cx=(MIDDLE) cy=(MIDDLE) r=(MOON_ORBIT) {}
        a href=(view.url(&format!("/actors?kind={KIND_REGISTRY}"))) aria-label={ "Registry: " (phase) } {
            title { "Registry: " (phase) }
            circle cx=(MIDDLE) cy=(MIDDLE) r="44" fill="url(#sun-shine)" {}
            circle .sun cx=(MIDDLE) cy=(MIDDLE) r="24" {}
        }
        @for (kind, degrees) in MOONS {
            @if let Some((phase, _)) = census.summary.kinds.get(kind).and_then(|phases| phases.iter().next()) {
                @let said = format!("{}: {}", kind_word(kind), phase_word(phase));
                a href=(view.url(&format!("/actors?kind={kind}"))) aria-label=(said) {
                    title { (said) }
                    (shape(at(MOON_ORBIT, degrees), 7.0, phase))
                }
            }
        }
    }
}

/// One actor. Not on the way of the Tab key: the tables lead to the same pages, and there may be many.
fn planet(view: &View, overview: &Overview, actor: &Actor, spot: (f64, f64)) -> Markup {
    let said = format!("{}: {}", name(overview, actor), phase_word(actor.phase));
    html! {
        a href=(view.url(&actor_path(actor.kind, actor.id))) aria-label=(said) tabindex="-1" {
            title { (said) }
            (shape(spot, 8.0, actor.phase))
        }
    }
}

/// All of a kind in one phase.
fn crowd(view: &View, kind: &str, phase: &str, count: u64, spot: (f64, f64)) -> Markup {
    let said = format!("{count} × {}: {}", kind_word(kind), phase_word(phase));
    let (x, y) = spot;
    let digits = count.checked_ilog10().unwrap_or(0);
    // `down` is no phase that a list can be filtered by.
    let filter = if phase == "down" {
        String::new()
    } else {
        format!("&phase={phase}")
    };
    html! {
        a href=(view.url(&format!("/actors?kind={kind}{filter}"))) aria-label=(said) {
            title { (said) }
            (shape(spot, 13.0 + 1.6 * f64::from(digits), phase))
            text .count x=(round(x)) y=(round(y)) { (short(count)) }
        }
    }
}

/// The shape says the same as the colour.
fn shape((x, y): (f64, f64), r: f64, phase: &str) -> Markup {
    let (cx, cy) = (round(x), round(y));
    let points = |places: &[(f64, f64)]| {
        let points = places
            .iter()
            .map(|(dx, dy)| format!("{},{}", round(x + dx * r), round(y + dy * r)));
        points.collect::<Vec<_>>().join(" ")
    };
    match tone(phase) {
        Tone::Busy => html! {
            circle .halo cx=(cx) cy=(cy) r=(round(r + 4.5)) {}
            circle .body .busy cx=(cx) cy=(cy) r=(round(r)) {}
        },
        Tone::Good => html! { circle .body .good cx=(cx) cy=(cy) r=(round(r)) {} },
        Tone::Quiet => html! { circle .body .still cx=(cx) cy=(cy) r=(round(r)) {} },
        Tone::Warn => {
            let diamond = points(&[(0.0, -1.25), (1.25, 0.0), (0.0, 1.25), (-1.25, 0.0)]);
            html! { polygon .body .warn points=(diamond) {} }
        }
        Tone::Bad => {
            let triangle = points(&[(0.0, -1.35), (1.3, 0.95), (-1.3, 0.95)]);
            html! { polygon .body .bad points=(triangle) {} }
        }
    }
}

/// The next minute, now at the top; where few are due each has its mark, else each second has a ray.
fn dial(view: &View, overview: &Overview, census: &Census) -> Markup {
    html! {
        circle .dial cx=(MIDDLE) cy=(MIDDLE) r=(DIAL) {}
        @for second in (0..60).step_by(5) {
            @let degrees = f64::from(second) * 6.0;
            (ray(degrees, DIAL - 4.0, DIAL + 4.0, "tick"))
        }
        @for (second, word) in [(0_u32, "now"), (15, "15 s"), (30, "30 s"), (45, "45 s")] {
            @let (x, y) = at(DIAL + 26.0, f64::from(second) * 6.0);
            text .when x=(round(x)) y=(round(y)) { (word) }
        }
        @if census.due.first.len() < NAMED_MAX {
            @for actor in &census.due.first {
                @let ms = actor.due_us.unwrap_or(census.at_us).saturating_sub(census.at_us) / 1_000;
                @let (x, y) = at(DIAL, f64::from(u32::try_from(ms).unwrap_or(0)) * 0.006);
                @let said = format!("{} is due in {} s", name(overview, actor), ms / 1_000);
                a href=(view.url(&actor_path(actor.kind, actor.id))) aria-label=(said) tabindex="-1" {
                    title { (said) }
                    circle .due cx=(round(x)) cy=(round(y)) r="5.5" {}
                }
            }
        } @else {
            g .rays {
                title { (census.due.count) " are due in the next minute" }
                @for (second, count) in census.ahead.iter().enumerate() {
                    @if *count > 0 {
                        @let degrees = (f64::from(u32::try_from(second).unwrap_or(0)) + 0.5) * 6.0;
                        (ray(degrees, DIAL, DIAL + 4.0 + length(*count), "ray"))
                    }
                }
            }
        }
    }
}

fn ray(degrees: f64, from: f64, to: f64, class: &str) -> Markup {
    let ((x1, y1), (x2, y2)) = (at(from, degrees), at(to, degrees));
    html! { line .(class) x1=(round(x1)) y1=(round(y1)) x2=(round(x2)) y2=(round(y2)) {} }
}

/// Ten times as many are 4 units more.
fn length(count: u64) -> f64 {
    f64::from(count.checked_ilog2().unwrap_or(0).min(12)) * 1.25
}

/// Along the lower part of the orbit.
fn name_of(kind: &str, radius: f64, count: u64) -> Markup {
    let ((x1, y1), (x2, y2)) = (at(radius, 270.0), at(radius, 90.0));
    let many = KINDS
        .iter()
        .find(|(known, ..)| *known == kind)
        .map_or(kind, |(.., many)| many);
    let r = round(radius);
    html! {
        path #{ "orbit-" (kind) } fill="none" d={ "M" (round(x1)) " " (round(y1)) " A" (r) " " (r) " 0 0 0 " (round(x2)) " " (round(y2)) } {}
        // Twice: a broad one below, in the colour of the ground, lets the orbit end before the name.
        @for class in ["under", "name"] {
            text .(class) aria-hidden=[(class == "under").then_some("true")] {
                textPath href={ "#orbit-" (kind) } startOffset="50%" { (many) " · " (grouped(count)) }
            }
        }
    }
}

fn legend(census: &Census) -> Markup {
    let phases = census.summary.kinds.values().flatten().map(|(phase, _)| *phase);
    let mut seen: Vec<(Tone, Vec<&str>)> = Vec::new();
    for phase in phases {
        match seen.iter_mut().find(|(known, _)| *known == tone(phase)) {
            Some((_, words)) if words.contains(&phase) => {}
            Some((_, words)) => words.push(phase),
            None => seen.push((tone(phase), vec![phase])),
        }
    }
    html! {
        ul .legend .shapes {
            @for (_, words) in &seen {
                @if let Some(first) = words.first() {
                    li {
                        svg .key viewBox="0 0 24 24" width="20" height="20" aria-hidden="true" { (shape((12.0, 12.0), 6.0, first)) }
                        (words.iter().map(|word| phase_word(word)).collect::<Vec<_>>().join(", "))
                    }
                }
            }
            li { svg .key viewBox="0 0 24 24" width="20" height="20" aria-hidden="true" { circle .due cx="12" cy="12" r="5" {} } "due" }
        }
    }
}

/// Who is due next, with names.
fn next(view: &View, overview: &Overview, census: &Census) -> Markup {
    html! {
        h3 { "Due in the next minute: " (grouped(census.due.count)) }
        @if census.due.first.is_empty() {
            p .quiet { "Nothing is due before the minute is over." }
        } @else {
            ol .next {
                @for actor in census.due.first.iter().take(8) {
                    li {
                        span .in { (due_in(census, actor)) }
                        a href=(view.url(&actor_path(actor.kind, actor.id))) { (name(overview, actor)) }
                    }
                }
            }
            @if census.due.count > 8 { p .quiet { "and " (grouped(census.due.count - 8)) " more" } }
        }
    }
}

fn counts(view: &View, census: &Census) -> Markup {
    let rows: Vec<Markup> = census
        .summary
        .kinds
        .iter()
        .flat_map(|(kind, phases)| phases.iter().map(move |(phase, count)| (*kind, *phase, *count)))
        .map(|(kind, phase, count)| {
            html! {
                tr {
                    th scope="row" { a href=(view.url(&format!("/actors?kind={kind}"))) { (kind_word(kind)) } }
                    td { (phase_badge(phase)) }
                    td { (grouped(count)) }
                }
            }
        })
        .collect();
    ui::table("Actors by kind and phase", &["Kind", "Phase", "Actors"], &rows)
}

fn count_of(census: &Census, kind: &str) -> u64 {
    census.summary.kinds.get(kind).map_or(0, |phases| phases.values().sum())
}

fn due_in(census: &Census, actor: &Actor) -> String {
    let us = actor.due_us.unwrap_or(census.at_us).saturating_sub(census.at_us);
    format!("{} s", us.max(0) / 1_000_000)
}

/// The name of what an actor acts for.
pub(super) fn name(overview: &Overview, actor: &Actor) -> String {
    let thing = overview.things.get(&actor.id);
    thing.map_or_else(|| kind_word(actor.kind).to_owned(), |thing| thing.name.clone())
}

/// A place on an orbit: 0 degrees is above the middle, and it goes with the clock.
fn at(radius: f64, degrees: f64) -> (f64, f64) {
    let angle = degrees / 180.0 * PI;
    (MIDDLE + radius * angle.sin(), MIDDLE - radius * angle.cos())
}

fn spot(radius: f64, shift: f64, index: usize, count: usize) -> (f64, f64) {
    let part = |number: usize| f64::from(u32::try_from(number).unwrap_or(u32::MAX));
    let along = (part(index) + 0.5) / part(count.max(1)) * FREE;
    at(radius, FREE_FROM + (along + shift) % FREE)
}

fn round(value: f64) -> f64 {
    (value * 10.0).round() / 10.0
}

/// A number that has little room.
fn short(count: u64) -> String {
    match count {
        0..1_000 => count.to_string(),
        1_000..10_000 => format!("{}.{}k", count / 1_000, count % 1_000 / 100),
        10_000..1_000_000 => format!("{}k", count / 1_000),
        _ => format!("{}M", count / 1_000_000),
    }
}

/// A number with its thousands apart.
pub(super) fn grouped(count: u64) -> String {
    let digits = count.to_string();
    let mut text = String::with_capacity(digits.len() * 2);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::overview::AHEAD_SECONDS;

    #[test]
    fn places_are_on_the_orbit_and_leave_room_for_its_name() {
        assert_eq!(at(100.0, 0.0), (MIDDLE, MIDDLE - 100.0));
        let (x, y) = at(100.0, 90.0);
        assert!((x - MIDDLE - 100.0).abs() < 1e-9 && (y - MIDDLE).abs() < 1e-9);
        for (_, radius, shift) in ORBITS {
            for count in 1..=NAMED_MAX {
                for index in 0..count {
                    let (x, y) = spot(radius, shift, index, count);
                    let below = y - MIDDLE > radius * 0.95;
                    assert!(
                        !below || (x - MIDDLE).abs() > radius * 0.3,
                        "{index} of {count}: {x} {y}"
                    );
                }
            }
        }
    }

    #[test]
    fn numbers_are_short_or_grouped() {
        for (count, small, whole) in [
            (0, "0", "0"),
            (999, "999", "999"),
            (1_234, "1.2k", "1,234"),
            (100_000, "100k", "100,000"),
            (2_500_000, "2M", "2,500,000"),
        ] {
            assert_eq!(short(count), small);
            assert_eq!(grouped(count), whole);
        }
        assert_eq!(AHEAD_SECONDS, 60, "the dial is a minute");
    }

    #[test]
    fn each_tone_has_a_shape_of_its_own() {
        let shapes =
            ["running", "waiting", "idle", "paused", "error"].map(|phase| shape((0.0, 0.0), 1.0, phase).into_string());
        for (index, one) in shapes.iter().enumerate() {
            assert!(shapes.iter().skip(index + 1).all(|other| other != one), "{one}");
        }
    }
}
