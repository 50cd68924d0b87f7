//! What a demo with an end counts, and whether that is right.

use std::{collections::BTreeSet, fmt};

use orrery::Event;
use serde_json::Value;

/// Sums over the runs of the demo's call.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Runs that have ended.
    pub runs: u64,
    /// Runs that ended otherwise than well.
    pub failed: u64,
    /// Transactions that they created.
    pub created: u64,
    /// Items that were there already.
    pub duplicates: u64,
}

/// The tally beside what the shop showed and what the store holds.
pub struct Summary<'a> {
    /// Sums.
    pub tally: &'a Tally,
    /// Runs that were asked for.
    pub wanted: u64,
    /// Different orders that the shop showed.
    pub orders: BTreeSet<String>,
    /// Identifiers of the call's transactions, as they are in the store.
    pub identifiers: Vec<String>,
}

/// What a run's event says.
pub struct Run<'a> {
    /// `created`, `nothing_new`, ...
    pub outcome: &'a str,
    /// Transactions that it created.
    pub created: u64,
    /// Items that were there already.
    pub duplicates: u64,
    /// From its start to its commit.
    pub duration_ms: u64,
    /// Why it failed.
    pub error: Option<&'a Value>,
}

impl<'a> Run<'a> {
    /// Reads `run.finished`; `None` for other events.
    pub fn of(event: &'a Event) -> Option<Self> {
        let number = |name: &str| event.data.get(name).and_then(Value::as_u64).unwrap_or(0);
        (event.kind == "run.finished").then(|| Self {
            outcome: event.data.get("outcome").and_then(Value::as_str).unwrap_or("unknown"),
            created: number("created"),
            duplicates: number("duplicates"),
            duration_ms: number("durationMs"),
            error: event.data.get("error").filter(|error| !error.is_null()),
        })
    }
}

impl fmt::Display for Run<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{:<15} created {:<3} duplicates {:<3} {:>4} ms",
            self.outcome, self.created, self.duplicates, self.duration_ms
        )?;
        let message = self.error.and_then(|error| error.get("message").or(Some(error)));
        match message {
            Some(Value::String(text)) => write!(f, "  {text}"),
            Some(other) => write!(f, "  {other}"),
            None => Ok(()),
        }
    }
}

impl Tally {
    /// Counts a run.
    pub fn count(&mut self, run: &Run<'_>) {
        self.runs += 1;
        self.created += run.created;
        self.duplicates += run.duplicates;
        self.failed += u64::from(!matches!(run.outcome, "created" | "nothing_new"));
    }
}

impl Summary<'_> {
    /// Everything that is not as it should be.
    pub fn wrong(&self) -> Vec<String> {
        let stored: BTreeSet<&String> = self.identifiers.iter().collect();
        let shown: BTreeSet<&String> = self.orders.iter().collect();
        let mut wrong = Vec::new();
        if self.tally.runs < self.wanted {
            wrong.push(format!("only {} of {} runs ended", self.tally.runs, self.wanted));
        }
        if self.tally.failed > 0 {
            wrong.push(format!("{} runs did not end well", self.tally.failed));
        }
        if stored.len() != self.identifiers.len() {
            wrong.push("an identifier is in the store twice".to_owned());
        }
        let count = self.identifiers.len();
        if self.tally.created != count as u64 {
            wrong.push(format!(
                "the runs created {}, the store holds {count}",
                self.tally.created
            ));
        }
        let lost: Vec<String> = shown.difference(&stored).map(ToString::to_string).collect();
        if !lost.is_empty() {
            wrong.push(format!("lost: {}", lost.join(", ")));
        }
        let invented: Vec<String> = stored.difference(&shown).map(ToString::to_string).collect();
        if !invented.is_empty() {
            wrong.push(format!("never shown by the shop: {}", invented.join(", ")));
        }
        wrong
    }
}

impl fmt::Display for Summary<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Tally {
            runs,
            created,
            duplicates,
            ..
        } = self.tally;
        write!(
            f,
            "runs {runs}, created {created}, duplicates {duplicates}; the shop showed {} orders, the store holds {} transactions: ",
            self.orders.len(),
            self.identifiers.len()
        )?;
        match self.wrong().as_slice() {
            [] => f.write_str("right"),
            some => write!(f, "WRONG ({})", some.join("; ")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wrong(tally: &Tally, orders: &[&str], identifiers: &[&str]) -> String {
        let summary = Summary {
            tally,
            wanted: 2,
            orders: orders.iter().map(ToString::to_string).collect(),
            identifiers: identifiers.iter().map(ToString::to_string).collect(),
        };
        summary.wrong().join("; ")
    }

    #[test]
    fn right_is_right_and_everything_else_is_not() {
        let tally = Tally {
            runs: 2,
            failed: 0,
            created: 3,
            duplicates: 2,
        };
        assert_eq!(wrong(&tally, &["1", "2", "3"], &["1", "2", "3"]), "");
        assert_eq!(wrong(&tally, &["1", "2", "3", "4"], &["1", "2", "3"]), "lost: 4");
        assert_eq!(
            wrong(&tally, &["1", "2"], &["1", "2", "3"]),
            "never shown by the shop: 3"
        );
        assert_eq!(
            wrong(&tally, &["1", "2"], &["1", "2", "2"]),
            "an identifier is in the store twice"
        );
        let short = Tally {
            runs: 1,
            failed: 1,
            ..tally
        };
        assert_eq!(
            wrong(&short, &["1", "2", "3"], &["1", "2", "3"]),
            "only 1 of 2 runs ended; 1 runs did not end well"
        );
        let few = Tally {
            runs: 2,
            failed: 0,
            created: 2,
            duplicates: 0,
        };
        assert_eq!(wrong(&few, &["1"], &["1"]), "the runs created 2, the store holds 1");
    }
}
