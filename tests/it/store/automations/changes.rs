//! Automations that are changed while they run, or look at other records afterwards.

use orrery::domain::automation::AppliesTo;

use super::*;

#[tokio::test]
async fn what_is_changed_during_a_run_outlives_its_end() {
    for_each_database(|url| async move {
        let fixture = Fixture::open(&url).await;
        let (store, tenant, epoch) = (&fixture.store, fixture.tenant, fixture.lease.epoch());
        let here = fixture.connect("Here").await.id;
        let mut automation = fixture.automate(here, timer("Suppliers")).await;
        let (id, anchor) = (automation.id, automation.anchor_at);
        let due = Some(fixture.clock.now());
        let run = fixture.begin(id).await;
        let mut finish = fixture.end_of(id, run).await;
        (finish.outcome, finish.failures, finish.next_due_at) = (RunOutcome::ScriptError, 1, due);
        (finish.cursor_at, finish.deactivate) = (due, Some("TypeError".to_owned()));
        automation.version = 2;
        automation.definition.description = Some("Mended".to_owned());
        let updated = store.update_automation(automation.clone(), fixture.audit_entry());
        updated.await.unwrap();
        assert!(store.finish_run(finish, epoch).await.unwrap().is_changed);
        let loaded = store.load_automation(tenant, id).await.unwrap().unwrap();
        assert!(loaded.row.enabled && loaded.row.version == 2);
        assert_eq!((loaded.state.failures, loaded.state.cursor_at), (0, None));
        assert_eq!(loaded.state.next_due_at, due, "its due times are the same");

        let run = fixture.begin(id).await;
        let mut finish = fixture.end_of(id, run).await;
        finish.next_due_at = due;
        automation.version = 3;
        automation.anchor_at = fixture.clock.now();
        let updated = store.update_automation(automation.clone(), fixture.audit_entry());
        updated.await.unwrap();
        assert!(store.finish_run(finish, epoch).await.unwrap().is_changed);
        assert_eq!(store.automation_state(tenant, id).await.unwrap().next_due_at, None);
        let late = store.set_automation_due(tenant, id, anchor, due, epoch).await;
        assert!(!late.unwrap(), "counted from where it was counted from before");
        assert_eq!(store.automation_state(tenant, id).await.unwrap().next_due_at, None);
        store.close().await.unwrap();
    })
    .await;
}

#[tokio::test]
async fn who_looks_at_other_records_looks_at_all_of_them() {
    for_each_database(|url| async move {
        let fixture = Fixture::open(&url).await;
        let (store, tenant, epoch) = (&fixture.store, fixture.tenant, fixture.lease.epoch());
        let here = fixture.connect("Here").await.id;
        let mut automation = fixture.automate(here, timer("Suppliers")).await;
        let id = automation.id;
        type Change = fn(&mut Automation);
        let changes: [(bool, Change); 5] = [
            (true, |changed| changed.description = Some("For people".to_owned())),
            (false, |changed| changed.perform_action.push('2')),
            (false, |changed| changed.applies_to.push('2')),
            (false, |changed| changed.applies_to_function = AppliesTo::Update),
            (false, |changed| {
                changed.additional_criteria = !changed.additional_criteria
            }),
        ];
        for (number, (stays, change)) in changes.into_iter().enumerate() {
            let run = fixture.begin(id).await;
            let mut finish = fixture.end_of(id, run).await;
            finish.cursor_at = Some(fixture.clock.now());
            store.finish_run(finish, epoch).await.unwrap();
            assert!(store.automation_state(tenant, id).await.unwrap().cursor_at.is_some());
            change(&mut automation.definition);
            automation.version += 1;
            let updated = store.update_automation(automation.clone(), fixture.audit_entry());
            updated.await.unwrap();
            let cursor = store.automation_state(tenant, id).await.unwrap().cursor_at;
            assert_eq!(cursor.is_some(), stays, "change {number}");
        }
        store.close().await.unwrap();
    })
    .await;
}
