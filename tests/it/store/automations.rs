//! Automations: their definitions, their runs page by page, and what a run leaves behind, all of it or nothing.

use std::time::Duration;

use orrery::{
    clock::Clock,
    domain::{
        automation::{
            Automation, AutomationType,
            run::{RecordError, RunCounts, RunErrors, RunOutcome, RunTrigger},
        },
        ids::{AutomationId, RunId},
    },
    providers::PagePlace,
    store::{
        Error, Page, PurgeRules,
        automations::{AutomationRun, FinishRun, NewRun, RunEnd, Toggle},
        listing::Window,
        records::{PageStep, RunStep},
    },
};

use super::{
    connections::timer,
    fixture::{Fixture, settings},
};
use crate::support::postgres::{self, for_each_database};

mod changes;

impl Fixture {
    fn new_run(&self, automation: AutomationId, trigger: RunTrigger) -> NewRun {
        NewRun {
            id: self.clock.new_id().into(),
            tenant_id: self.tenant,
            automation_id: automation,
            trigger,
            started_at: self.clock.now(),
            since_at: None,
        }
    }

    async fn begin(&self, automation: AutomationId) -> RunId {
        let run = self.new_run(automation, RunTrigger::Schedule);
        self.store.begin_run(run.clone(), self.lease.epoch()).await.unwrap();
        run.id
    }

    /// The end of the page with this number, counted from 0, which brought a hundred records and one error.
    fn page(&self, automation: AutomationId, run: RunId, number: u64) -> RunStep {
        RunStep {
            automation_id: automation,
            run_id: run,
            epoch: self.lease.epoch(),
            page: Some(PageStep {
                number,
                next: Some(format!("page {}", number + 1)),
            }),
            counts: RunCounts {
                seen: 100,
                ..RunCounts::default()
            },
            errors: vec![error()],
            errors_kept_max: 100,
        }
    }

    /// The end of a run of the automation as it is now, with any version if it is gone.
    async fn end_of(&self, automation: AutomationId, run: RunId) -> FinishRun {
        let loaded = self.store.load_automation(self.tenant, automation).await.unwrap();
        let (version, anchor_at) = loaded.map_or((1, self.clock.now()), |loaded| {
            (loaded.row.version, loaded.row.anchor_at)
        });
        FinishRun {
            tenant_id: self.tenant,
            automation_id: automation,
            run_id: run,
            version,
            anchor_at,
            outcome: RunOutcome::Success,
            detail: None,
            finished_at: self.clock.now(),
            counts: RunCounts {
                seen: 200,
                ..RunCounts::default()
            },
            errors: RunErrors {
                kept: vec![error()],
                total: 3,
            },
            cursor_at: None,
            next_due_at: None,
            failures: 0,
            deactivate: None,
            chain: None,
        }
    }

    async fn stored_run(&self, run: RunId) -> AutomationRun {
        self.store.automation_run(self.tenant, run).await.unwrap().unwrap()
    }
}

fn error() -> RecordError {
    RecordError {
        key: Some("K1".to_owned()),
        message: "No.".to_owned(),
    }
}

fn on_events(name: &str, entity: &str) -> Automation {
    let mut automation = timer(name);
    automation.automation_type = AutomationType::EventBased;
    automation.check_on = None;
    entity.clone_into(&mut automation.applies_to);
    automation
}

#[tokio::test]
async fn a_run_moves_page_by_page_and_leaves_its_end() {
    for_each_database(|url| async move {
        let fixture = Fixture::open(&url).await;
        let (store, tenant, epoch) = (&fixture.store, fixture.tenant, fixture.lease.epoch());
        let here = fixture.connect("Here").await.id;
        let id = fixture.automate(here, timer("Suppliers")).await.id;
        let run = fixture.begin(id).await;
        let second = store.begin_run(fixture.new_run(id, RunTrigger::Manual), epoch).await;
        assert!(matches!(second, Err(Error::InUse(_))), "one run at a time: {second:?}");
        let stored = store.advance_run(tenant, fixture.page(id, run, 0)).await.unwrap();
        let again = store.advance_run(tenant, fixture.page(id, run, 0)).await.unwrap();
        assert_eq!(again, stored, "a page that is stored is not counted again");
        let resume_at = "2026-01-01T00:00:00.000001Z".parse().unwrap();
        let waits = store.suspend_run(tenant, id, run, Some(resume_at), "Too many requests.".to_owned(), epoch);
        waits.await.unwrap();
        let loaded = store.load_automation(tenant, id).await.unwrap().unwrap();
        let open = loaded.open_run.unwrap();
        assert_eq!(
            (open.place.clone(), open.pages, open.resume_at, open.detail.as_deref()),
            (
                Some(PagePlace("page 1".to_owned())),
                1,
                Some(resume_at),
                Some("Too many requests.")
            )
        );
        assert_eq!((open.counts, open.errors), (stored.counts, stored.errors));
        store.continue_run(tenant, id, run, epoch).await.unwrap();
        assert_eq!(fixture.stored_run(run).await.resume_at, None);
        store.advance_run(tenant, fixture.page(id, run, 1)).await.unwrap();
        let mut finish = fixture.end_of(id, run).await;
        finish.cursor_at = Some(open.started_at);
        finish.next_due_at = Some(resume_at);
        assert_eq!(
            store.finish_run(finish.clone(), epoch).await.unwrap(),
            RunEnd {
                is_chained: false,
                is_changed: false
            }
        );
        let twice = store.finish_run(finish, epoch).await;
        assert!(matches!(twice, Err(Error::NotFound)), "{twice:?}");
        let late = store.advance_run(tenant, fixture.page(id, run, 2)).await;
        assert!(matches!(late, Err(Error::AlreadyRecorded)), "{late:?}");
        let ended = fixture.stored_run(run).await;
        assert_eq!((ended.outcome, ended.counts.seen), (Some(RunOutcome::Success), 200));
        let state = store.automation_state(tenant, id).await.unwrap();
        assert_eq!(
            (state.cursor_at, state.next_due_at, state.run_count, state.last_outcome),
            (Some(open.started_at), Some(resume_at), 1, Some(RunOutcome::Success))
        );
        let next = fixture.begin(id).await;
        let mut failed = fixture.end_of(id, next).await;
        (failed.outcome, failed.failures) = (RunOutcome::Failed, 1);
        failed.detail = Some("The provider is down.".to_owned());
        store.finish_run(failed, epoch).await.unwrap();
        let state = store.automation_state(tenant, id).await.unwrap();
        assert_eq!(
            (state.cursor_at, state.run_count, state.failures),
            (Some(open.started_at), 2, 1),
            "the cursor stays"
        );
        let page = Page::new(Some(1), None);
        let newest = store.automation_runs(tenant, id, page).await.unwrap();
        assert_eq!(newest.items[0].id, next);
        let rest = store
            .automation_runs(tenant, id, Page::new(Some(1), newest.next_cursor))
            .await;
        let rest = rest.unwrap();
        assert_eq!((rest.items[0].id, rest.next_cursor), (run, None));
        let stranger = store
            .automation_runs(fixture.clock.new_id().into(), id, Page::default())
            .await;
        assert!(stranger.unwrap().items.is_empty());
        store.close().await.unwrap();
    })
    .await;
}

#[tokio::test]
async fn an_end_asks_the_next_automation_and_disables_this_one() {
    for_each_database(|url| async move {
        let fixture = Fixture::open(&url).await;
        let (store, tenant, epoch) = (&fixture.store, fixture.tenant, fixture.lease.epoch());
        let here = fixture.connect("Here").await.id;
        let (first, next) = (
            fixture.automate(here, timer("First")).await.id,
            fixture.automate(here, timer("Next")).await.id,
        );
        let run = fixture.begin(first).await;
        let mut finish = fixture.end_of(first, run).await;
        finish.chain = Some(next);
        assert!(store.finish_run(finish, epoch).await.unwrap().is_chained);
        let asked = store.automation_state(tenant, next).await.unwrap().requested_by;
        assert_eq!(asked, Some(run));
        let by_hand = fixture.new_run(next, RunTrigger::Manual);
        store.begin_run(by_hand.clone(), epoch).await.unwrap();
        let still = store.automation_state(tenant, next).await.unwrap().requested_by;
        assert_eq!(still, Some(run), "only the run that was asked for takes the request");
        store
            .finish_run(fixture.end_of(next, by_hand.id).await, epoch)
            .await
            .unwrap();
        let chained = fixture.new_run(next, RunTrigger::Chained);
        store.begin_run(chained.clone(), epoch).await.unwrap();
        assert_eq!(store.automation_state(tenant, next).await.unwrap().requested_by, None);
        let mut broken = fixture.end_of(next, chained.id).await;
        broken.outcome = RunOutcome::ScriptError;
        broken.deactivate = Some("TypeError: x is undefined".to_owned());
        broken.chain = Some(next);
        assert!(
            !store.finish_run(broken, epoch).await.unwrap().is_chained,
            "a disabled one is not asked"
        );
        let loaded = store.load_automation(tenant, next).await.unwrap().unwrap();
        assert_eq!(
            (
                loaded.row.enabled,
                loaded.row.disabled_reason.as_deref(),
                loaded.row.version
            ),
            (false, Some("TypeError: x is undefined"), 2)
        );
        assert_eq!(store.automation_row(tenant, next).await.unwrap(), None);
        let on = store.set_automation_enabled(tenant, here, next, Some(2), Toggle::On, fixture.audit_entry());
        assert_eq!(on.await.unwrap(), 3);
        let again = store.load_automation(tenant, next).await.unwrap().unwrap();
        assert_eq!(again.row.disabled_reason, None);
        assert!(
            again.row.anchor_at > loaded.row.anchor_at,
            "its due times are counted anew"
        );
        store.close().await.unwrap();
    })
    .await;
}

#[tokio::test]
async fn definitions_are_written_under_their_version_and_live_with_their_connection() {
    for_each_database(|url| async move {
        let fixture = Fixture::open(&url).await;
        let (store, tenant) = (&fixture.store, fixture.tenant);
        let (here, there) = (fixture.connect("Here").await.id, fixture.connect("There").await.id);
        let automation = fixture.automate(here, timer("Suppliers")).await;
        let id = automation.id;
        let taken = store
            .create_automation(fixture.automation(here, timer("Suppliers")), fixture.audit_entry())
            .await;
        assert!(matches!(taken, Err(Error::Unique(_))), "{taken:?}");
        let mut chained = timer("After");
        chained.another_automation = Some("Suppliers".to_owned());
        let after = fixture.automate(there, chained).await;
        let named = async |text: &str| {
            store
                .automation_named(tenant, here, text)
                .await
                .unwrap()
                .map(|found| found.id)
        };
        assert_eq!(named("Suppliers").await, Some(id));
        assert_eq!(named("After").await, None, "names are those of the connection");
        assert_eq!(named(&after.id.to_string()).await, Some(after.id), "ids are not");
        let chains = store.chains_of(tenant).await.unwrap();
        let chains: Vec<_> = chains.iter().map(|link| (link.id, link.another.as_deref())).collect();
        assert_eq!(chains, [(id, None), (after.id, Some("Suppliers"))]);
        let due = fixture.clock.now();
        let epoch = fixture.lease.epoch();
        let written = store.set_automation_due(tenant, id, automation.anchor_at, Some(due), epoch);
        assert!(written.await.unwrap());
        let mut changed = automation.clone();
        changed.version = 2;
        changed.definition.description = Some("For people".to_owned());
        let update = |automation| store.update_automation(automation, fixture.audit_entry());
        update(changed.clone()).await.unwrap();
        let state = store.automation_state(tenant, id).await.unwrap();
        assert_eq!(state.next_due_at, Some(due), "what changes no due time keeps it");
        assert!(matches!(
            update(changed.clone()).await,
            Err(Error::Stale { current: 2 })
        ));
        changed.version = 3;
        changed.anchor_at = fixture.clock.now();
        update(changed.clone()).await.unwrap();
        assert_eq!(store.automation_state(tenant, id).await.unwrap().next_due_at, None);
        assert_eq!(store.automation(tenant, here, id).await.unwrap(), Some(changed));
        assert_eq!(store.automation(tenant, there, id).await.unwrap(), None);
        let page = store.automation_rows_page(None, 10).await.unwrap();
        assert_eq!(
            page.iter().map(|row| row.id).collect::<Vec<_>>(),
            [id.uuid(), after.id.uuid()]
        );
        let off = store.set_connection_enabled(tenant, here, None, false, fixture.audit_entry());
        off.await.unwrap();
        let page = store.automation_rows_page(None, 10).await.unwrap();
        assert_eq!(page.iter().map(|row| row.id).collect::<Vec<_>>(), [after.id.uuid()]);
        assert_eq!(store.automation_row(tenant, id).await.unwrap(), None);
        let run = fixture.begin(id).await;
        let deleted = store.delete_automation(tenant, here, id, Some(3), fixture.audit_entry());
        deleted.await.unwrap();
        assert_eq!(fixture.stored_run(run).await.outcome, Some(RunOutcome::Cancelled));
        let late = store.finish_run(fixture.end_of(id, run).await, epoch).await;
        assert!(matches!(late, Err(Error::NotFound)), "{late:?}");
        let begun = store.begin_run(fixture.new_run(id, RunTrigger::Schedule), epoch).await;
        assert!(matches!(begun, Err(Error::NotFound)), "{begun:?}");
        let left = store.automations(tenant, here, Window::default()).await.unwrap();
        assert_eq!(left.total, 0);
        store.close().await.unwrap();
    })
    .await;
}

#[tokio::test]
async fn another_entity_empties_the_inbox() {
    use entity::automation_event::{ActiveModel, Entity};
    use sea_orm::{ActiveValue::Set, Database, EntityTrait, PaginatorTrait};
    for_each_database(|url| async move {
        let fixture = Fixture::open(&url).await;
        let here = fixture.connect("Here").await.id;
        let mut automation = fixture.automate(here, on_events("Suppliers", "Supplier")).await;
        let database = Database::connect(&url).await.unwrap();
        let event = ActiveModel {
            automation_id: Set(automation.id.uuid()),
            key: Set("1".to_owned()),
            tenant_id: Set(fixture.tenant.uuid()),
            entity: Set("supplier".to_owned()),
            kind: Set("updated".to_owned()),
            record_version: Set(1),
            changed: Set(None),
            at: Set(1),
        };
        Entity::insert(event).exec_without_returning(&database).await.unwrap();
        let row = entity::automation::Entity::find_by_id(automation.id.uuid())
            .one(&database)
            .await;
        assert_eq!(row.unwrap().unwrap().event_entity.as_deref(), Some("supplier"));
        for (version, entity, left) in [(2, "supplier", 1), (3, "customer", 0)] {
            automation.version = version;
            automation.definition = on_events("Suppliers", entity);
            let updated = fixture
                .store
                .update_automation(automation.clone(), fixture.audit_entry());
            updated.await.unwrap();
            assert_eq!(Entity::find().count(&database).await.unwrap(), left);
        }
        database.close().await.unwrap();
        fixture.store.close().await.unwrap();
    })
    .await;
}

#[tokio::test]
async fn whoever_lost_the_lease_writes_nothing_of_a_run() {
    let Some(url) = postgres::database() else { return };
    let first = Fixture::hanging(&url).await;
    let here = first.connect("Here").await.id;
    let id = first.automate(here, timer("Suppliers")).await.id;
    let run = first.begin(id).await;
    let (store, tenant, epoch) = (&first.store, first.tenant, first.lease.epoch());
    postgres::execute(&url, "UPDATE shard_lease SET expires_at = 0");
    let second = Fixture::open(&url).await;
    let lost = |result: Result<(), Error>| assert!(matches!(result, Err(Error::Lease(_))), "{result:?}");
    lost(store.advance_run(tenant, first.page(id, run, 0)).await.map(drop));
    lost(store.suspend_run(tenant, id, run, None, "w".to_owned(), epoch).await);
    lost(store.finish_run(first.end_of(id, run).await, epoch).await.map(drop));
    lost(store.begin_run(first.new_run(id, RunTrigger::Manual), epoch).await);
    lost(
        store
            .set_automation_due(tenant, id, first.clock.now(), None, epoch)
            .await
            .map(drop),
    );
    let seen = orrery::store::connections::SeenHealth {
        version: 1,
        health: orrery::domain::connection::Health::Error,
        detail: None,
        at: first.clock.now(),
    };
    lost(store.set_health(tenant, here, seen, epoch).await);
    let open = second
        .store
        .load_automation(tenant, id)
        .await
        .unwrap()
        .unwrap()
        .open_run
        .unwrap();
    assert_eq!((open.pages, open.detail), (0, None));
    let mut page = first.page(id, run, 0);
    page.epoch = second.lease.epoch();
    second.store.advance_run(tenant, page).await.unwrap();
    second.store.close().await.unwrap();
}

#[tokio::test]
async fn old_runs_go_and_open_ones_stay() {
    for_each_database(|url| async move {
        let (clock, manual) = Clock::manual("2026-01-01T00:00:00Z".parse().unwrap());
        let fixture = Fixture::open_with(&url, clock.clone()).await;
        let (store, epoch) = (&fixture.store, fixture.lease.epoch());
        let here = fixture.connect("Here").await.id;
        let id = fixture.automate(here, timer("Suppliers")).await.id;
        for _ in 0..3 {
            let run = fixture.begin(id).await;
            store.finish_run(fixture.end_of(id, run).await, epoch).await.unwrap();
        }
        let open = fixture.begin(id).await;
        let rules = PurgeRules::from_settings(&settings(&url));
        assert_eq!(store.purge(&rules, clock.now()).await.unwrap().automation_runs, 0);
        manual.advance(rules.runs + Duration::from_secs(1));
        assert_eq!(store.purge(&rules, clock.now()).await.unwrap().automation_runs, 3);
        let left = store
            .automation_runs(fixture.tenant, id, Page::default())
            .await
            .unwrap();
        assert_eq!(left.items.iter().map(|run| run.id).collect::<Vec<_>>(), [open]);
        store.close().await.unwrap();
    })
    .await;
}
