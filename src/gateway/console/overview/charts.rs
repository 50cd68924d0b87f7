//! The last hour as two small charts, drawn here: runs per minute, and how late they began; each with its table.

use maud::{Markup, html};

use super::{super::ui, picture::grouped};
use crate::engine::overview::Minute;

/// Units of a chart's drawing; the sheet says how large it is shown.
const WIDTH: u64 = 600;
const HEIGHT: u64 = 120;

/// Both charts.
pub(super) fn charts(hour: &[Minute]) -> Markup {
    html! {
        div .charts {
            (runs(hour))
            (lateness(hour))
        }
    }
}

fn runs(hour: &[Minute]) -> Markup {
    let (total, failed) = hour.iter().fold((0, 0), |(runs, failed), minute| {
        (runs + minute.runs, failed + minute.failures)
    });
    let most = nice(hour.iter().map(|minute| minute.runs).max().unwrap_or(0));
    let said = format!(
        "Runs per minute over the last hour: {}, {failed} of them failed.",
        runs_of(total)
    );
    let bars = html! {
        @for (at, minute) in hour.iter().enumerate() {
            @let (x, width) = place(at, hour.len());
            @let (whole, bad) = (share(minute.runs, most), share(minute.failures, most));
            @if minute.is_known {
                g .bar {
                    title { (clock(minute)) " UTC: " (runs_of(minute.runs)) ", " (minute.failures) " failed" }
                    rect .hit x=(x) y="0" width=(width) height=(HEIGHT) {}
                    rect .well x=(x) y=(HEIGHT - whole) width=(width) height=(whole - bad) {}
                    rect .ill x=(x) y=(HEIGHT - bad) width=(width) height=(bad) {}
                }
            } @else { (unknown(x, width)) }
        }
    };
    let legend = html! {
        li { span .key .well {} "went well" }
        li { span .key .ill {} "failed" }
    };
    let table = ui::table(
        "Runs per minute",
        &["Minute", "Runs", "Failed"],
        &lines(hour, |minute| html! { td { (minute.runs) } td { (minute.failures) } }),
    );
    let top = html! { (most) " a minute" };
    let head = html! { strong { (runs_of(total)) } ", " strong { (failed) } " failed" };
    figure(
        "runs",
        "Runs per minute",
        &head,
        &said,
        &top,
        &bars,
        &legend,
        hour,
        &table,
    )
}

fn lateness(hour: &[Minute]) -> Markup {
    let latest = hour.iter().map(|minute| minute.latest_us).max().unwrap_or(0);
    let most = nice(latest.div_ceil(1_000)).saturating_mul(1_000);
    let said = format!(
        "How late scheduled calls began over the last hour: at most {}.",
        span(latest)
    );
    let bars = html! {
        @for (at, minute) in hour.iter().enumerate() {
            @let (x, width) = place(at, hour.len());
            @let (longest, usual) = (share(minute.latest_us, most), share(minute.late_us.unwrap_or(0), most));
            @if minute.is_known {
                g .bar {
                    title {
                        (clock(minute)) " UTC: "
                        @match minute.late_us {
                            Some(late) => { "on average " (span(late)) ", at most " (span(minute.latest_us)) }
                            None => { "nothing was due" }
                        }
                    }
                    rect .hit x=(x) y="0" width=(width) height=(HEIGHT) {}
                    rect .longest x=(x) y=(HEIGHT - longest) width=(width) height=(longest) {}
                    rect .usual x=(x) y=(HEIGHT - usual) width=(width) height=(usual) {}
                }
            } @else { (unknown(x, width)) }
        }
    };
    let legend = html! {
        li { span .key .usual {} "on average" }
        li { span .key .longest {} "at most" }
    };
    let table = ui::table(
        "Lateness by minute",
        &["Minute", "On average", "At most"],
        &lines(hour, |minute| {
            html! {
                td { @if let Some(late) = minute.late_us { (span(late)) } @else { (ui::dash()) } }
                td { (span(minute.latest_us)) }
            }
        }),
    );
    let head = html! { "at most " strong { (span(latest)) } };
    let top = html! { (span(most)) };
    figure("lateness", "Lateness", &head, &said, &top, &bars, &legend, hour, &table)
}

#[expect(clippy::too_many_arguments, reason = "two call sites; each is one part of a chart")]
fn figure(
    id: &str,
    title: &str,
    head: &Markup,
    said: &str,
    top: &Markup,
    bars: &Markup,
    legend: &Markup,
    hour: &[Minute],
    table: &Markup,
) -> Markup {
    html! {
        figure .card .chart {
            figcaption { h2 { (title) } span .total { (head) } }
            div .plot {
                span .peak aria-hidden="true" { (top) }
                svg role="img" aria-label=(said) viewBox={ "0 0 " (WIDTH) " " (HEIGHT) } preserveAspectRatio="none" {
                    @for y in [0, HEIGHT / 2] { line .grid x1="0" y1=(y) x2=(WIDTH) y2=(y) {} }
                    (bars)
                    line .base x1="0" y1=(HEIGHT) x2=(WIDTH) y2=(HEIGHT) {}
                }
                div .axis aria-hidden="true" { span { "an hour ago" } span { "30 min" } span { "now" } }
            }
            ul .legend {
                (legend)
                @if hour.iter().any(|minute| !minute.is_known) { li { span .key .unknown {} "not known: before this start" } }
            }
            details .more id={ "table-" (id) } { summary { "As a table" } (table) }
        }
    }
}

/// The minutes in which something was, the last one first.
fn lines(hour: &[Minute], cells: impl Fn(&Minute) -> Markup) -> Vec<Markup> {
    let some = hour.iter().rev().filter(|minute| minute.runs > 0);
    let rows: Vec<Markup> = some
        .map(|minute| html! { tr { td { (ui::time(minute.at)) } (cells(minute)) } })
        .collect();
    if rows.is_empty() {
        return vec![html! { tr { td colspan="3" { "Nothing ran in the last hour." } } }];
    }
    rows
}

fn unknown(x: u64, width: u64) -> Markup {
    html! { rect .unknown x=(x) y="0" width=(width) height=(HEIGHT) {} }
}

/// Where a bar is, and how wide.
fn place(at: usize, count: usize) -> (u64, u64) {
    let step = WIDTH / u64::try_from(count.max(1)).unwrap_or(1).max(1);
    (u64::try_from(at).unwrap_or(0) * step + 1, step.saturating_sub(2).max(1))
}

/// The height of a value; what is there at all is seen.
fn share(value: u64, most: u64) -> u64 {
    if value == 0 || most == 0 {
        return 0;
    }
    let height = u128::from(value) * u128::from(HEIGHT) / u128::from(most);
    u64::try_from(height).unwrap_or(HEIGHT).clamp(2, HEIGHT)
}

/// The next round number: 1, 2 or 5 with noughts.
fn nice(value: u64) -> u64 {
    let mut unit: u64 = 1;
    loop {
        for step in [1, 2, 5] {
            let round = unit.saturating_mul(step);
            if round >= value.max(1) || round == u64::MAX {
                return round;
            }
        }
        unit = unit.saturating_mul(10);
    }
}

fn runs_of(count: u64) -> String {
    let word = if count == 1 { "run" } else { "runs" };
    format!("{} {word}", grouped(count))
}

fn clock(minute: &Minute) -> String {
    minute.at.strftime("%H:%M").to_string()
}

/// Microseconds as people say them.
pub(super) fn span(us: u64) -> String {
    match us {
        0 => "0 ms".to_owned(),
        1..1_000 => "< 1 ms".to_owned(),
        _ => ui::duration(us / 1_000),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn minute(runs: u64, failures: u64, is_known: bool) -> Minute {
        Minute {
            at: "2026-01-01T10:00:00Z".parse().unwrap(),
            is_known,
            runs,
            failures,
            late_us: (runs > 0).then_some(1_500),
            latest_us: runs * 2_000,
        }
    }

    #[test]
    fn axes_end_at_round_numbers() {
        for (value, round) in [
            (0, 1),
            (1, 1),
            (3, 5),
            (5, 5),
            (6, 10),
            (11, 20),
            (99, 100),
            (101, 200),
            (u64::MAX, u64::MAX),
        ] {
            assert_eq!(nice(value), round, "{value}");
        }
    }

    #[test]
    fn what_is_there_is_seen_and_nothing_leaves_the_drawing() {
        assert_eq!(share(0, 100), 0);
        assert_eq!(share(1, 1_000_000), 2);
        assert_eq!(share(50, 100), HEIGHT / 2);
        assert_eq!(share(200, 100), HEIGHT);
        assert_eq!(place(59, 60), (591, 8));
    }

    #[test]
    fn charts_say_in_words_what_they_show() {
        let mut hour = vec![minute(0, 0, false); 30];
        hour.extend(vec![minute(10, 1, true); 30]);
        let shown = charts(&hour).into_string();
        assert!(shown.contains("300 runs, 30 of them failed."), "{shown}");
        assert!(shown.contains("at most 20 ms"), "{shown}");
        assert_eq!(shown.matches("class=\"unknown\"").count(), 60);
        assert!(shown.contains("not known: before this start"));
        assert!(!shown.contains("style="));
    }

    #[test]
    fn an_idle_hour_says_so() {
        let shown = charts(&vec![minute(0, 0, true); 60]).into_string();
        assert!(shown.contains("Nothing ran in the last hour."), "{shown}");
        assert!(!shown.contains("not known"));
    }
}
