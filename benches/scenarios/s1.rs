//! S1: the most calls with an interval of a second that the engine keeps up with.

use anyhow::Result;

use crate::{
    Spans,
    engine::Template,
    load::{self, Step},
    table::{Bar, Row},
};

/// The search ends when what holds and what does not are this close; so the figure may be this much too low.
const CLOSE: f64 = 1.05;
/// Below this nothing is worth searching for.
const CALLS_MIN: u32 = 50;
/// Measurements at most, the last one not counted.
const STEPS_MAX: u32 = 9;

/// Finds the most calls by halving, then measures them for longer.
pub async fn search(template: &Template, from: u32, spans: Spans) -> Result<Step> {
    let (mut holds, mut fails) = (0_u32, u32::MAX);
    let mut calls = from;
    for _ in 0..STEPS_MAX {
        let step = load::step(template, "s1", calls, spans.warm_up, spans.step).await?;
        if step.keeps_up() {
            holds = calls;
        } else {
            fails = calls;
        }
        calls = match (holds, fails) {
            (0, fails) if fails <= CALLS_MIN => break,
            // What was done at too many calls is near what can be done.
            (0, _) => guess(&step).clamp(CALLS_MIN, calls - calls / 20),
            (holds, u32::MAX) => holds + holds / 4,
            (holds, fails) if f64::from(fails) / f64::from(holds) <= CLOSE => break,
            (holds, fails) => holds.midpoint(fails),
        };
    }
    let mut calls = holds.max(CALLS_MIN);
    loop {
        let step = load::step(template, "s1", calls, spans.warm_up, spans.whole).await?;
        if step.keeps_up() || calls <= CALLS_MIN {
            return Ok(step);
        }
        calls = (calls - calls / 20).max(CALLS_MIN);
    }
}

/// The rows of the best step.
pub fn rows(best: &Step) -> Vec<Row> {
    let what = format!(
        "{} calls, T = 1 s: runs done ({:.1} % of the due ones)",
        best.calls,
        best.done() * 100.0
    );
    vec![
        Row::new("S1", what, best.runs_per_second(), "runs/s", Bar::AtLeast(4_000.0)).with(best.integrity),
        Row::new(
            "S1",
            "CPU per run, script worker included",
            best.cpu_ms_per_run(),
            "ms",
            Bar::AtMost(0.25),
        ),
        Row::new("S1", "lateness p50", best.late_ms(0.5), "ms", Bar::None),
        Row::new("S1", "lateness p99", best.late_ms(0.99), "ms", Bar::AtMost(1_000.0)),
        Row::new(
            "S1",
            "memory, script worker included (PSS)",
            best.pss_mib,
            "MiB",
            Bar::None,
        ),
    ]
}

fn guess(step: &Step) -> u32 {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a rate is small and not negative"
    )]
    let rate = (step.runs_per_second() * 0.9) as u32;
    rate
}
