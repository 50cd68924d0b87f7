//! The one table that is printed, as Markdown, so that it can be kept as it is.

use std::fmt;

/// What a figure is measured against.
#[derive(Clone, Copy, Debug)]
pub enum Bar {
    /// At least this much.
    AtLeast(f64),
    /// At most this much.
    AtMost(f64),
    /// Only told.
    None,
}

/// One figure.
pub struct Row {
    pub scenario: &'static str,
    pub what: String,
    pub value: f64,
    pub unit: &'static str,
    pub bar: Bar,
    /// Lost and duplicate items; none where nothing can be lost.
    pub integrity: Option<Integrity>,
}

/// Both must be 0.
#[derive(Clone, Copy, Debug, Default)]
pub struct Integrity {
    pub lost: u64,
    pub duplicates: u64,
}

/// All figures under the machine they were measured on.
pub struct Table {
    machine: String,
    rows: Vec<Row>,
}

impl Row {
    /// A figure without items.
    pub fn new(scenario: &'static str, what: impl Into<String>, value: f64, unit: &'static str, bar: Bar) -> Self {
        Self {
            scenario,
            what: what.into(),
            value,
            unit,
            bar,
            integrity: None,
        }
    }

    /// The same with the count of its items.
    pub fn with(mut self, integrity: Integrity) -> Self {
        self.integrity = Some(integrity);
        self
    }

    fn verdict(&self) -> &'static str {
        let met = match self.bar {
            _ if self.is_void() => return "VOID",
            Bar::None => return "",
            Bar::AtLeast(bar) => self.value >= bar,
            Bar::AtMost(bar) => self.value <= bar,
        };
        if met { "met" } else { "MISSED" }
    }

    fn is_void(&self) -> bool {
        self.integrity
            .is_some_and(|integrity| integrity.lost > 0 || integrity.duplicates > 0)
    }
}

impl Table {
    pub fn new(machine: String) -> Self {
        Self {
            machine,
            rows: Vec::new(),
        }
    }

    pub fn push(&mut self, row: Row) {
        self.rows.push(row);
    }

    pub fn extend(&mut self, rows: impl IntoIterator<Item = Row>) {
        self.rows.extend(rows);
    }

    pub fn has_void(&self) -> bool {
        self.rows.iter().any(Row::is_void)
    }
}

impl fmt::Display for Bar {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::AtLeast(bar) => write!(f, ">= {}", short(*bar)),
            Self::AtMost(bar) => write!(f, "<= {}", short(*bar)),
            Self::None => Ok(()),
        }
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}\n", self.machine)?;
        let heads = ["id", "figure", "measured", "unit", "bar", "", "lost", "duplicates"].map(str::to_owned);
        let mut lines = vec![heads];
        for row in &self.rows {
            let count = |of: fn(&Integrity) -> u64| {
                row.integrity
                    .as_ref()
                    .map_or_else(String::new, |all| of(all).to_string())
            };
            lines.push([
                row.scenario.to_owned(),
                row.what.clone(),
                short(row.value),
                row.unit.to_owned(),
                row.bar.to_string(),
                row.verdict().to_owned(),
                count(|integrity| integrity.lost),
                count(|integrity| integrity.duplicates),
            ]);
        }
        let mut widths = [3_usize; 8];
        for line in &lines {
            for (width, cell) in widths.iter_mut().zip(line) {
                *width = (*width).max(cell.chars().count());
            }
        }
        for (number, line) in lines.iter().enumerate() {
            for (column, (cell, width)) in line.iter().zip(widths).enumerate() {
                // Numbers to the right.
                if number > 0 && matches!(column, 2 | 6 | 7) {
                    write!(f, "| {cell:>width$} ")?;
                } else {
                    write!(f, "| {cell:<width$} ")?;
                }
            }
            writeln!(f, "|")?;
            if number == 0 {
                for width in widths {
                    write!(f, "| {} ", "-".repeat(width))?;
                }
                writeln!(f, "|")?;
            }
        }
        Ok(())
    }
}

/// With as many places as say something.
fn short(value: f64) -> String {
    match value.abs() {
        size if size >= 100.0 || value.fract() == 0.0 => format!("{value:.0}"),
        size if size >= 10.0 => format!("{value:.1}"),
        size if size >= 1.0 => format!("{value:.2}"),
        _ => format!("{value:.3}"),
    }
}
