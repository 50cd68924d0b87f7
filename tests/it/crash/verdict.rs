//! What must hold after the last end: the rows against what the shop has given and what was acknowledged.

use std::collections::{BTreeMap, HashMap, HashSet};

use entity::{call_api, run, transaction};
use orrery::domain::ids::CallApiId;
use sea_orm::{ColumnTrait, Database, DatabaseConnection, EntityTrait, QueryFilter};
use serde_json::Value;

use super::{
    Acknowledged,
    shop::{CALLS, Kept, Kind, MANUAL, Shop, kind},
};
use crate::support::scene;

const SECOND_US: i64 = 1_000_000;

/// One call with all its rows.
struct Case {
    number: usize,
    kept: Kept,
    anchor_us: i64,
    runs: Vec<run::Model>,
    /// How often each identifier was created.
    created: HashMap<String, u32>,
    next_due_us: Option<i64>,
    run_count: i64,
    deactivated: Option<String>,
    script_state: Value,
}

pub async fn judge(url: &str, shop: &Shop, ids: &[String], acknowledged: &Acknowledged) {
    let database = Database::connect(url).await.unwrap();
    let mut outcomes = BTreeMap::<String, u32>::new();
    for number in 0..=CALLS {
        let case = Case::read(&database, shop, ids, number).await;
        for run in &case.runs {
            *outcomes.entry(run.outcome.clone().unwrap_or_default()).or_default() += 1;
        }
        case.judge();
    }
    eprintln!("runs: {outcomes:?}");
    let manual = Case::read(&database, shop, ids, MANUAL).await;
    assert!(!acknowledged.runs.is_empty() && !acknowledged.by_hand.is_empty());
    for (id, created) in &acknowledged.runs {
        let run = manual.runs.iter().find(|run| run.id.to_string() == *id);
        let run = run.unwrap_or_else(|| panic!("the acknowledged run {id} is lost"));
        assert_eq!(
            (run.outcome.as_deref(), run.created as u64),
            (Some("created"), *created)
        );
    }
    let by_hand = transaction::Entity::find().filter(transaction::Column::CallApiId.is_null());
    let rows = by_hand.all(&database).await.unwrap();
    let rows: Vec<_> = rows.into_iter().map(|row| row.identifier).collect();
    let once: HashSet<_> = rows.iter().collect();
    assert_eq!(once.len(), rows.len(), "a transaction made by hand is there twice");
    for identifier in &acknowledged.by_hand {
        assert!(once.contains(identifier), "the acknowledged {identifier} is lost");
    }
    eprintln!(
        "acknowledged: {} transactions, {} runs on request",
        acknowledged.by_hand.len(),
        acknowledged.runs.len()
    );
    database.close().await.unwrap();
}

impl Case {
    async fn read(database: &DatabaseConnection, shop: &Shop, ids: &[String], number: usize) -> Self {
        let id: CallApiId = ids[number].parse().unwrap();
        let call = call_api::Entity::find_by_id(id.uuid())
            .one(database)
            .await
            .unwrap()
            .unwrap();
        let state = scene::state(database, id).await;
        let mut created = HashMap::new();
        for identifier in scene::identifiers(database, id).await {
            *created.entry(identifier).or_default() += 1;
        }
        Self {
            number,
            kept: shop.kept(number),
            anchor_us: call.anchor_at,
            runs: scene::runs(database, id).await,
            created,
            next_due_us: state.next_due_at,
            run_count: state.run_count,
            deactivated: state.status_reason,
            script_state: serde_json::from_str(state.script_state.as_deref().unwrap_or("null")).unwrap(),
        }
    }

    fn judge(&self) {
        let name = format!("call {} ({:?})", self.number, kind(self.number));
        assert_eq!(self.deactivated, None, "{name}");
        let twice: Vec<_> = self.created.iter().filter(|(_, count)| **count > 1).collect();
        assert!(twice.is_empty(), "{name}: created twice: {twice:?}");
        self.judge_runs(&name);
        match kind(self.number) {
            Kind::Post => self.judge_posts(&name),
            Kind::Cursor | Kind::All => self.judge_items(&name),
        }
    }

    /// Each due time once, on the grid, all ended; the state is that of the last run.
    fn judge_runs(&self, name: &str) {
        let due_times: HashSet<_> = self.runs.iter().map(|run| run.due_at).collect();
        assert_eq!(due_times.len(), self.runs.len(), "{name}: a due time is there twice");
        let mut accounted = 0;
        for run in &self.runs {
            let outcome = run.outcome.as_deref().unwrap_or("none");
            let known = [
                "created",
                "nothing_new",
                "interrupted",
                "skipped_overlap",
                "skipped_misfire",
            ];
            assert!(known.contains(&outcome) && run.finished_at.is_some(), "{name}: {run:?}");
            if self.number != MANUAL {
                assert_eq!((run.due_at - self.anchor_us) % SECOND_US, 0, "{name}: {run:?}");
                assert_eq!(run.trigger, "schedule", "{name}: {run:?}");
                accounted += run.skipped + i64::from(!outcome.starts_with("skipped"));
            }
        }
        let ran = self
            .runs
            .iter()
            .filter(|run| !run.outcome.as_deref().unwrap().starts_with("skipped"));
        assert_eq!(
            self.run_count,
            ran.count() as i64,
            "{name}: the state counts other runs"
        );
        if self.number == MANUAL {
            return;
        }
        let next_due_us = self
            .next_due_us
            .unwrap_or_else(|| panic!("{name}: nothing is due any more"));
        assert_eq!(
            (next_due_us - self.anchor_us) % SECOND_US,
            0,
            "{name}: next due off the grid"
        );
        assert!(
            self.runs.iter().all(|run| run.due_at < next_due_us),
            "{name}: due again"
        );
        let due = (next_due_us - self.anchor_us) / SECOND_US;
        if kind(self.number) == Kind::Post {
            // What was skipped before an interrupted run is not counted.
            assert!(accounted <= due, "{name}: {accounted} of {due} due times");
        } else {
            assert_eq!(
                accounted, due,
                "{name}: each due time ran or is counted as skipped: {:#?}",
                self.runs
            );
        }
    }

    /// What was sent was sent once; what was recorded as done is there.
    fn judge_posts(&self, name: &str) {
        let outcomes: HashMap<_, _> = self.runs.iter().map(|run| (run.due_at, run)).collect();
        for (due_us, count) in &self.kept.posts {
            assert_eq!(*count, 1, "{name}: sent twice for {due_us}");
            assert!(
                outcomes.contains_key(due_us),
                "{name}: sent for {due_us}, which is not in the history"
            );
        }
        let mut expected = HashSet::new();
        for run in self.runs.iter().filter(|run| run.outcome.as_deref() == Some("created")) {
            assert!(self.kept.posts.contains_key(&run.due_at), "{name}: never sent: {run:?}");
            expected.insert(format!("due {}", run.due_at));
        }
        let created: HashSet<_> = self.created.keys().cloned().collect();
        assert_eq!(created, expected, "{name}");
    }

    /// What a recorded run was given is there, and nothing else.
    fn judge_items(&self, name: &str) {
        let mut expected = HashSet::new();
        let (mut succeeded, mut last) = (0, 0);
        let ran = |run: &&run::Model| matches!(run.outcome.as_deref(), Some("created" | "nothing_new"));
        for run in self.runs.iter().filter(ran) {
            let answer = self.kept.answers.get(&run.due_at);
            let (from, to) = answer.unwrap_or_else(|| panic!("{name}: never asked: {run:?}"));
            if kind(self.number) == Kind::Cursor {
                assert_eq!(*from, last + 1, "{name}: items were left out or given again: {run:?}");
            }
            expected.extend((*from..=*to).map(|id| id.to_string()));
            last = *to;
            succeeded += 1;
        }
        let created: HashSet<_> = self.created.keys().cloned().collect();
        assert_eq!(created, expected, "{name}");
        if kind(self.number) == Kind::Cursor {
            assert_eq!(
                self.script_state["after"], last,
                "{name}: items and cursor are one commit"
            );
        }
        assert_eq!(
            self.script_state["runs"], succeeded,
            "{name}: runs and state are one commit"
        );
    }
}
