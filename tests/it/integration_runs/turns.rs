//! What the store does when the answer of a transaction is lost and it is asked again, and with what comes late.

use jiff::{SignedDuration, Timestamp};
use orrery::{
    clock::Clock,
    domain::{
        ids::TenantId,
        integration::{
            ActionLogId, QueueItem, QueueItemId, QueueState, RunOutcome, RunTrigger,
            admit::{Again, Candidate},
            settle::Settled,
        },
    },
    settings::Settings,
    store::{
        Error, Lease, Store,
        integrations::{BeginRun, EndRun, EndedAttempt, QueuePage, TakenOver, Turn, Whose},
    },
};
use sea_orm::{Database, DatabaseConnection};

use super::fixture::{Definition, items, logs};
use crate::support::postgres::for_each_database;

/// A store, and a client integration in it.
struct Queue {
    store: Store,
    lease: Lease,
    database: DatabaseConnection,
    line: Definition,
    whose: Whose,
    now: Timestamp,
}

impl Queue {
    async fn open(url: &str) -> Self {
        let mut settings = Settings::base().unwrap();
        settings.database.url = url.to_owned();
        settings.database.pool_max = 2;
        let clock = Clock::system();
        let store = Store::open(&settings.database, clock.clone()).await.unwrap();
        store.migrate().await.unwrap();
        let lease = store.lease(clock.new_id()).await.unwrap();
        let line = Definition::of_records(1, TenantId::from(clock.new_id()), "http://nobody.example/");
        let database = Database::connect(url).await.unwrap();
        let now = clock.now();
        line.insert(&database, now).await;
        let whose = Whose {
            tenant_id: line.tenant.into(),
            integration_id: line.number.into(),
            id: line.number.into(),
            uuid: line.uuid,
        };
        Self {
            store,
            lease,
            database,
            line,
            whose,
            now,
        }
    }

    async fn begin(&self) -> ActionLogId {
        let begin = BeginRun {
            whose: self.whose,
            action_id: None,
            trigger: RunTrigger::Queue,
            started_at: self.now,
            scheduled: None,
        };
        let begun = self.store.begin_integration_run(begin, self.lease.epoch()).await;
        begun.unwrap()
    }

    async fn page(&self, run: ActionLogId, again: Again, rows: &[(&str, i64)]) -> u64 {
        let candidate = |(key, version): &(&str, i64)| Candidate {
            item_id: (*key).to_owned(),
            item_name: (*key).to_owned(),
            item_version: *version,
            item_updated_on: self.now,
        };
        let page = QueuePage {
            whose: self.whose,
            run,
            again,
            candidates: rows.iter().map(candidate).collect(),
            goes_on: None,
            now: self.now,
        };
        self.store.queue_page(page, self.lease.epoch()).await.unwrap()
    }

    fn turn(&self, run: ActionLogId, claim: u32) -> Turn {
        Turn {
            whose: self.whose,
            run,
            now: self.now,
            going: Vec::new(),
            settled: Vec::new(),
            asked: Vec::new(),
            claim,
        }
    }

    async fn take(&self, turn: &Turn) -> Vec<QueueItem> {
        let taken = self.store.take_turn(turn.clone(), self.lease.epoch()).await;
        taken.unwrap()
    }

    /// How an attempt of an item that was claimed ends, due again at once.
    fn ended(&self, item: &QueueItem, state: QueueState) -> EndedAttempt {
        let settled = Settled {
            state,
            attempt: if state == QueueState::Completed {
                0
            } else {
                item.attempt
            },
            due_at: self.now,
            result: Some(state.as_str().to_owned()),
        };
        EndedAttempt::of(item, settled)
    }

    /// Key, state and attempts of all items.
    async fn stands(&self) -> Vec<(String, String, i64)> {
        let items = items(&self.database, &self.line).await.into_iter();
        items.map(|item| (item.item_id, item.state, item.attempt)).collect()
    }

    async fn close(self) {
        self.database.close().await.unwrap();
        self.lease.release().await.unwrap();
        self.store.close().await.unwrap();
    }
}

fn is(key: &str, state: &str, attempt: i64) -> (String, String, i64) {
    (key.to_owned(), state.to_owned(), attempt)
}

fn ids(items: &[QueueItem]) -> Vec<QueueItemId> {
    items.iter().map(|item| item.id).collect()
}

#[tokio::test]
async fn a_turn_whose_answer_was_lost_is_taken_again_and_counts_once() {
    for_each_database(|url| async move {
        let queue = Queue::open(&url).await;
        let run = queue.begin().await;
        queue.page(run, Again::Never, &[("a", 1), ("b", 1), ("c", 1)]).await;
        let first = queue.turn(run, 2);
        let lost = queue.take(&first).await;
        let claimed = queue.take(&first).await;
        assert_eq!(
            ids(&claimed),
            ids(&lost),
            "what was claimed and not begun is claimed anew"
        );
        assert!(claimed.iter().all(|item| item.attempt == 1), "{claimed:?}");

        // One has ended, the other is on its way; the answer is lost once more.
        let turn = Turn {
            going: vec![claimed[1].id],
            settled: vec![queue.ended(&claimed[0], QueueState::Failed)],
            // A person wants the one that has just failed.
            asked: vec![claimed[0].id],
            ..queue.turn(run, 1)
        };
        for _ in 0..3 {
            let again = queue.take(&turn).await;
            assert_eq!((again[0].id, again[0].attempt), (claimed[0].id, 2));
        }
        let expected = [
            is("a", "Processing", 2),
            is("b", "Processing", 1),
            is("c", "Pending", 0),
        ];
        assert_eq!(queue.stands().await, expected);
        let log = logs(&queue.database, &queue.line).await.remove(0);
        assert_eq!((log.failed, log.completed), (1, 0), "{log:?}");
        queue.close().await;
    })
    .await;
}

#[tokio::test]
async fn what_a_run_settles_late_is_not_written_over_what_the_next_one_does() {
    for_each_database(|url| async move {
        let queue = Queue::open(&url).await;
        let old = queue.begin().await;
        queue.page(old, Again::Never, &[("a", 1)]).await;
        let held = queue.take(&queue.turn(old, 1)).await.remove(0);
        // Its actor is gone; the next instance finds the item again and begins it.
        let epoch = queue.lease.epoch();
        queue
            .store
            .recover_integration(queue.whose, 9, queue.now, epoch)
            .await
            .unwrap();
        let new = queue.begin().await;
        let taken = queue.take(&queue.turn(new, 1)).await.remove(0);
        assert_eq!(taken.attempt, 2, "the attempt that was cut counts");
        // What the old one had on its way comes late.
        let turn = Turn {
            settled: vec![queue.ended(&held, QueueState::Completed)],
            ..queue.turn(old, 1)
        };
        let late = queue.store.take_turn(turn, epoch).await;
        assert!(matches!(late, Err(Error::NotFound)), "{late:?}");
        let turn = Turn {
            going: vec![taken.id],
            settled: vec![queue.ended(&held, QueueState::Completed)],
            ..queue.turn(new, 0)
        };
        queue.take(&turn).await;
        assert_eq!(queue.stands().await, [is("a", "Processing", 2)]);
        let late = queue
            .store
            .take_over_version(queue.whose, &held, 2, queue.now, epoch)
            .await;
        assert_eq!(late.unwrap(), TakenOver::Lost);
        let counts: Vec<_> = logs(&queue.database, &queue.line)
            .await
            .iter()
            .map(|log| (log.outcome.clone(), log.completed))
            .collect();
        assert_eq!(counts, [(Some("Interrupted".to_owned()), 0), (None, 0)]);
        queue.close().await;
    })
    .await;
}

#[tokio::test]
async fn a_begin_or_an_end_whose_answer_was_lost_leaves_no_open_log() {
    for_each_database(|url| async move {
        let queue = Queue::open(&url).await;
        queue.begin().await;
        let run = queue.begin().await;
        let open = logs(&queue.database, &queue.line).await;
        assert_eq!(open[0].outcome.as_deref(), Some("Interrupted"), "{open:?}");
        assert_eq!((open[1].id, open[1].finished_at), (run.get(), None));
        let end = EndRun {
            whose: queue.whose,
            id: run,
            outcome: RunOutcome::Succeeded,
            message: None,
            finished_at: queue.now,
            drop_selection: false,
            disable: None,
        };
        let epoch = queue.lease.epoch();
        for _ in 0..2 {
            let ended = queue.store.end_integration_run(end.clone(), epoch).await.unwrap();
            assert!(!ended.is_disabled);
        }
        let other = EndRun {
            finished_at: queue.now.checked_add(SignedDuration::from_secs(1)).unwrap(),
            ..end
        };
        let refused = queue.store.end_integration_run(other, epoch).await;
        assert!(matches!(refused, Err(Error::NotFound)), "{refused:?}");
        queue.close().await;
    })
    .await;
}

#[tokio::test]
async fn what_is_opened_again_begins_a_round_if_it_was_completed() {
    for_each_database(|url| async move {
        let queue = Queue::open(&url).await;
        let run = queue.begin().await;
        let rows = [("done", 1), ("failed", 1), ("given up", 1), ("going", 1)];
        queue.page(run, Again::Always, &rows).await;
        let claimed = queue.take(&queue.turn(run, 4)).await;
        let states = [QueueState::Completed, QueueState::Failed, QueueState::Abandoned];
        let mut settled: Vec<EndedAttempt> = claimed
            .iter()
            .zip(states)
            .map(|(item, state)| queue.ended(item, state))
            .collect();
        let later = queue.now.checked_add(SignedDuration::from_mins(5)).unwrap();
        settled[1].settled.due_at = later;
        let turn = Turn {
            going: vec![claimed[3].id],
            settled,
            ..queue.turn(run, 0)
        };
        queue.take(&turn).await;
        assert_eq!(queue.page(run, Again::Always, &rows).await, 2);
        let items = items(&queue.database, &queue.line).await;
        let stand: Vec<_> = items
            .iter()
            .map(|item| (item.state.as_str(), item.round, item.attempt))
            .collect();
        assert_eq!(
            stand,
            [
                ("Pending", 2, 0),
                ("Failed", 1, 1),
                ("Pending", 1, 0),
                ("Processing", 1, 1)
            ]
        );
        assert_eq!(items[1].due_at, later.as_microsecond(), "it waits for its next attempt");
        queue.close().await;
    })
    .await;
}
