//! Items of a run: claimed with permits, each processed by a task of its own, settled as they end.

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
};

use serde_json::json;
use tokio::task::{Id, JoinError, JoinSet};

use crate::{
    actors::{
        integration::{
            act::act,
            desk::Asked,
            permits::{Asking, ItemPermit},
            run::{Halt, Run, fail_on_purpose},
            work::{Acted, Work},
        },
        stored::until_stored,
    },
    domain::integration::{
        QueueItem, QueueItemId, QueueState,
        batch::{Batch, Next},
        settle::{Settled, cut},
    },
    store::integrations::{Disable, EndedAttempt, Turn},
};

/// Items that are on their way, and what belongs to them.
struct Going {
    batch: Batch,
    tasks: JoinSet<Acted>,
    /// Each with what it is processed by: that may change while it is on its way.
    items: HashMap<Id, (QueueItem, Arc<Work>)>,
    permits: Vec<ItemPermit>,
    asking: Option<Asking>,
    /// Attempts that have ended and are not stored.
    ended: Vec<(QueueItem, Settled)>,
    /// What people asked for and is not claimed.
    asked: Vec<Asked>,
    /// What they asked for and is on its way.
    waited_for: Vec<Asked>,
    /// Why nothing more is begun.
    halt: Option<Halt>,
}

/// Processes items until nothing is due any more.
pub(super) async fn process(run: &mut Run) -> Result<(), Halt> {
    let mut going = Going {
        batch: Batch::new(width(&run.work)),
        tasks: JoinSet::new(),
        items: HashMap::new(),
        permits: Vec::new(),
        asking: None,
        ended: Vec::new(),
        asked: Vec::new(),
        waited_for: Vec::new(),
        halt: None,
    };
    loop {
        going.hear(run).await;
        while let Some(joined) = going.tasks.try_join_next_with_id() {
            going.joined(run, joined);
        }
        match going.batch.next() {
            Next::Claim(count) => going.turn(run, count).await?,
            Next::Ask if going.has_permit(run) => {}
            // Nothing is kept from the store while others have their turn.
            _ if !going.ended.is_empty() => going.turn(run, 0).await?,
            Next::Ask | Next::Wait => going.wait(run).await,
            Next::GiveBack => {
                going.permits.clear();
                going.batch.gave_back();
            }
            Next::Over => break,
        }
    }
    match going.halt {
        Some(halt) => Err(halt),
        None => Ok(()),
    }
}

/// Items at once.
fn width(work: &Work) -> u32 {
    match work.integration.execute_in_parallel {
        true => work.integration.batch_size,
        false => 1,
    }
}

impl Going {
    /// What the actor and people have said, and whether the engine is on its way out.
    async fn hear(&mut self, run: &mut Run) {
        if self.halt.is_none() {
            let before = Arc::clone(&run.work);
            match run.go_on().await {
                Ok(()) if Arc::ptr_eq(&before, &run.work) => {}
                Ok(()) => self.batch.set_width(width(&run.work)),
                Err(halt) => {
                    self.batch.stop();
                    self.asking = None;
                    self.halt = Some(halt);
                }
            }
        }
        let room = usize::try_from(self.batch.room()).unwrap_or(usize::MAX);
        let asked = run.desk.take_asked(room.saturating_sub(self.asked.len()));
        if self.halt.is_some() {
            // Who asked sees that nobody answers.
            self.asked.clear();
        } else if !asked.is_empty() {
            self.asked.extend(asked);
            self.batch.look_again();
        }
    }

    /// Whether a permit has come, without waiting for it.
    fn has_permit(&mut self, run: &Run) -> bool {
        let tenant = run.whose.tenant_id;
        let asking = self.asking.get_or_insert_with(|| run.services.item_permits.ask(tenant));
        let Some(permit) = asking.try_now() else { return false };
        self.asking = None;
        self.permits.push(permit);
        self.batch.permitted();
        true
    }

    /// Waits for whatever comes first: a permit where one is asked for, the end of an item, a word from outside.
    async fn wait(&mut self, run: &mut Run) {
        let (asking, tasks, halted) = (&mut self.asking, &mut self.tasks, self.halt.is_some());
        let permit = async {
            match asking {
                Some(asking) => asking.await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            permit = permit => {
                self.asking = None;
                self.permits.push(permit);
                self.batch.permitted();
            }
            Some(joined) = tasks.join_next_with_id() => self.joined(run, joined),
            () = run.desk.told() => {}
            () = run.services.draining_began(), if !halted => {}
        }
    }

    fn joined(&mut self, run: &mut Run, joined: Result<(Id, Acted), JoinError>) {
        let (id, acted) = match joined {
            Ok(ended) => ended,
            Err(error) => {
                tracing::error!(client_integration.id = %run.whose.id, %error, "an item's task panicked");
                let message = "The engine failed while it processed this item; its log says where.".to_owned();
                let acted = Acted::Failed {
                    message,
                    retry_after_ms: None,
                    is_final: false,
                };
                (error.id(), acted)
            }
        };
        let Some((item, work)) = self.items.remove(&id) else {
            return;
        };
        self.batch.ended(1);
        if let (Acted::Broken { message }, Some(action), true) = (&acted, work.in_force(), self.halt.is_none())
            // Of an action that was changed meanwhile, the next item shows whether it is mended.
            && run.work.in_force() == Some(action)
        {
            // It would fail for the next item, too: a person has to look at the script first.
            let why = cut(message);
            self.halt = Some(Halt::Broken(Disable { why, action }));
            self.batch.stop();
            self.asking = None;
        }
        let is_written = matches!(acted, Acted::Written(_));
        let now = run.services.clock.now();
        let settled = acted.settled(&item, run.work.integration.max_attempts, now);
        run.services.metrics.integrations.settled(settled.state);
        if is_written {
            self.settled(run, &[(item, settled)]);
        } else {
            self.ended.push((item, settled));
        }
        // The place is free, and something may be due for it.
        self.batch.look_again();
    }

    /// Stores what has ended and begins what is due, at most `count`.
    async fn turn(&mut self, run: &mut Run, count: u32) -> Result<(), Halt> {
        let now = run.services.clock.now();
        let ended = std::mem::take(&mut self.ended);
        let asked = match count {
            0 => Vec::new(),
            _ => {
                let first = self.asked.len().min(usize::try_from(count).unwrap_or(usize::MAX));
                self.asked.drain(..first).collect::<Vec<_>>()
            }
        };
        let turn = Turn {
            whose: run.whose,
            run: run.id,
            now,
            going: self.items.values().map(|(item, _)| item.id).collect(),
            settled: ended
                .iter()
                .map(|(item, settled)| EndedAttempt::of(item, settled.clone()))
                .collect(),
            asked: asked.iter().map(|asked| asked.item).collect(),
            claim: count,
        };
        let (services, epoch) = (&run.services, run.services.epoch);
        let taken = until_stored(services, "items of an integration", async || {
            services.store.take_turn(turn.clone(), epoch).await
        });
        let claimed = taken.await?;
        self.settled(run, &ended);
        if count == 0 {
            return Ok(());
        }
        let got = u32::try_from(claimed.len()).unwrap_or(u32::MAX);
        self.batch.claimed(count, got);
        if !self.asked.is_empty() {
            // Not due, perhaps, and yet to be begun.
            self.batch.look_again();
        }
        let begun: HashSet<QueueItemId> = claimed.iter().map(|item| item.id).collect();
        // Who asked for what cannot be begun hears that at once: it stands as it stands.
        self.waited_for
            .extend(asked.into_iter().filter(|asked| begun.contains(&asked.item)));
        for item in claimed {
            self.begin(run, item);
        }
        Ok(())
    }

    fn begin(&mut self, run: &Run, item: QueueItem) {
        let (services, work, own, permit) = (run.services.clone(), run.work.clone(), item.clone(), self.permits.pop());
        let fail = run.desk.take_fail();
        let task = self.tasks.spawn_local(async move {
            fail_on_purpose(fail);
            let acted = act(&services, &work, &own).await;
            // Whose turn it is next need not wait until this is stored.
            drop(permit);
            acted
        });
        self.items.insert(task.id(), (item, run.work.clone()));
    }

    /// What has ended is stored: it is counted and told.
    fn settled(&mut self, run: &mut Run, ended: &[(QueueItem, Settled)]) {
        for (item, settled) in ended {
            match settled.state {
                QueueState::Completed => run.counts.completed += 1,
                QueueState::Failed => run.counts.failed += 1,
                QueueState::Abandoned => {
                    run.counts.abandoned += 1;
                    tell_abandoned(run, item, settled);
                }
                QueueState::Pending | QueueState::Processing | QueueState::Cancelled => {}
            }
            while let Some(place) = self.waited_for.iter().position(|asked| asked.item == item.id) {
                // Who asked may have gone.
                let _ = self.waited_for.swap_remove(place).done.send(());
            }
        }
    }
}

fn tell_abandoned(run: &Run, item: &QueueItem, settled: &Settled) {
    let (whose, id, item_id) = (run.whose, item.id, item.item_id.clone());
    let (attempts, why) = (settled.attempt, settled.result.clone());
    let now = run.services.clock.now();
    run.services.events.publish_with(
        whose.tenant_id,
        now,
        "integration.item.abandoned",
        whose.uuid,
        move || {
            json!({
                "clientIntegrationId": whose.id,
                "integrationId": whose.integration_id,
                "integrationQueueId": id,
                "itemId": item_id,
                "attempts": attempts,
                "result": why,
            })
        },
    );
}
