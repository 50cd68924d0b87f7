//! S2b: how late a run begins at half of the load of S1.

use anyhow::Result;

use crate::{
    Spans,
    engine::Template,
    load,
    table::{Bar, Row},
};

/// Measures with `calls` calls, T = 1 s.
pub async fn measure(template: &Template, calls: u32, spans: Spans) -> Result<Vec<Row>> {
    let step = load::step(template, "s2b", calls.max(1), spans.warm_up, spans.whole).await?;
    let what = format!("{calls} calls, T = 1 s: lateness p50");
    let drifted = step.written.drifted as f64;
    Ok(vec![
        Row::new("S2b", what, step.late_ms(0.5), "ms", Bar::AtMost(2.0)).with(step.integrity),
        Row::new("S2b", "lateness p99", step.late_ms(0.99), "ms", Bar::AtMost(15.0)),
        Row::new("S2b", "lateness largest", step.late_ms(1.0), "ms", Bar::None),
        Row::new("S2b", "due times off anchor + n * T", drifted, "runs", Bar::AtMost(0.0)),
        Row::new("S2b", "due runs done", step.done() * 100.0, "%", Bar::AtLeast(99.0)),
        Row::new(
            "S2b",
            "CPU per run, script worker included",
            step.cpu_ms_per_run(),
            "ms",
            Bar::None,
        ),
    ])
}
