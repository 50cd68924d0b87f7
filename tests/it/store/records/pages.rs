//! Pages of imports.

use super::*;

#[tokio::test]
async fn a_page_makes_changes_and_leaves_alone_and_twice_is_once() {
    for_each_database(|url| async move {
        let scene = Scene::open(&url).await;
        let first = vec![came("r1", 10, json!({"n": 1})), came("r2", 10, json!({"n": 2}))];
        let done = scene.commit(0, first.clone()).await;
        assert_eq!(
            decided(&done),
            [(Some("r1"), Ok(Decision::Create)), (Some("r2"), Ok(Decision::Create))]
        );
        assert_eq!(
            (done.progress.pages, done.progress.place.as_deref()),
            (1, Some("after 0"))
        );
        let made = scene.record("r1").await.unwrap();
        assert_eq!((made.record.version, made.record.changed_at), (1, at(10)));
        assert_eq!(made.record.origin, Some(scene.connection));
        let link = &made.links[0];
        assert_eq!(
            (
                link.object.as_str(),
                link.remote_id.as_str(),
                link.remote_version.as_deref(),
                link.record_version
            ),
            ("Contacts", "r1", Some("10"), 1)
        );
        // The answer got lost: the page comes again, and changes nothing.
        let again = scene.commit(0, vec![came("r1", 99, json!({"n": 99}))]).await;
        assert!(again.repeated && again.news.changes.is_empty());
        assert_eq!(again.progress, done.progress);
        assert_eq!(scene.data("r1").await.unwrap(), (json!({"n": 1}), 1));

        let second = vec![
            came("r1", 10, json!({"n": 1})),
            came("r2", 20, json!({"n": 22})),
            came("r3", 20, json!({"n": 3})),
            deleted("r9"),
        ];
        let done = scene.commit(1, second).await;
        assert_eq!(
            decided(&done),
            [
                (Some("r1"), Ok(Decision::Unchanged)),
                (Some("r2"), Ok(Decision::Update)),
                (Some("r3"), Ok(Decision::Create)),
                (None, Ok(Decision::Unchanged)),
            ]
        );
        let counts = done.progress.counts;
        assert_eq!(
            (counts.seen, counts.created, counts.updated, counts.unchanged),
            (6, 3, 1, 2)
        );
        assert_eq!(scene.data("r2").await.unwrap(), (json!({"n": 22}), 2));
        let run = scene
            .fixture
            .store
            .automation_run(scene.fixture.tenant, scene.run)
            .await;
        let run = run.unwrap().unwrap();
        assert_eq!((run.pages, run.counts), (2, counts));
    })
    .await;
}

#[tokio::test]
async fn newer_records_are_left_alone_and_remote_deletions_are_followed() {
    for_each_database(|url| async move {
        let scene = Scene::open(&url).await;
        let all = ["same", "newer", "gone", "changed"].map(|id| came(id, 10, json!({"n": 1})));
        scene.commit(0, all.to_vec()).await;
        scene.put("newer", json!({"n": 2})).await;
        scene.put("changed", json!({"n": 2})).await;
        let done = scene
            .commit(
                1,
                vec![
                    came("newer", 20, json!({"n": 3})),
                    deleted("gone"),
                    deleted("changed"),
                    deleted("gone"),
                ],
            )
            .await;
        assert_eq!(
            decided(&done),
            [
                (Some("newer"), Ok(Decision::SkippedNewer)),
                (Some("gone"), Ok(Decision::Delete)),
                (Some("changed"), Ok(Decision::SkippedNewer)),
                (None, Ok(Decision::Unchanged)),
            ]
        );
        let kinds: Vec<_> = done
            .news
            .changes
            .iter()
            .map(|change| (change.key.as_str(), change.kind))
            .collect();
        assert_eq!(kinds, [("gone", ChangeKind::Deleted)]);
        assert_eq!(scene.data("newer").await.unwrap(), (json!({"n": 2}), 2));
        // What is sent to the other side later needs its version; what both sides had last is still version 1.
        let link = &scene.record("newer").await.unwrap().links[0];
        assert_eq!((link.remote_version.as_deref(), link.record_version), (Some("20"), 1));
        assert!(scene.record("gone").await.is_none());
        assert!(scene.record("changed").await.unwrap().links.is_empty());
        let counts = done.progress.counts;
        assert_eq!((counts.skipped_newer, counts.updated, counts.unchanged), (2, 1, 1));
        // With a threshold in minutes, or without the wish to keep newer data, theirs counts.
        let mut page = scene.page(2, vec![came("newer", 20, json!({"n": 3}))]);
        page.policy.do_not_over_write = false;
        let done = scene.fixture.store.commit_page(page).await.unwrap();
        assert_eq!(decided(&done), [(Some("newer"), Ok(Decision::Update))]);
        assert_eq!(scene.data("newer").await.unwrap(), (json!({"n": 3}), 3));
    })
    .await;
}

#[tokio::test]
async fn what_was_changed_here_stays_to_be_sent_whatever_comes() {
    for_each_database(|url| async move {
        let scene = Scene::open(&url).await;
        let all = ["same", "other", "gone"].map(|id| came(id, 10, json!({"n": 1})));
        scene.commit(0, all.to_vec()).await;
        for key in ["same", "other", "gone", "unlinked"] {
            scene.put(key, json!({"n": 1, "mine": 2})).await;
        }
        let synced = async |key: &str| scene.record(key).await.unwrap().links[0].record_version;
        let items = vec![
            came("same", 10, json!({"n": 1})),
            came("gone", 10, json!({"n": 1})),
            came("unlinked", 10, json!({"n": 1})),
            came("other", 10, json!({"n": 3})),
        ];
        let mut page = scene.page(1, items);
        page.policy.do_not_over_write = false;
        let done = scene.fixture.store.commit_page(page).await.unwrap();
        use Decision::{LinkOnly, SkippedNewer, Unchanged, Update};
        let decisions: Vec<_> = decided(&done).into_iter().map(|(_, done)| done.unwrap()).collect();
        assert_eq!(decisions, [Unchanged, Unchanged, LinkOnly, Update]);
        assert_eq!(scene.data("other").await.unwrap(), (json!({"n": 3, "mine": 2}), 3));
        for (key, version) in [("same", 1), ("gone", 1), ("unlinked", 0), ("other", 1)] {
            assert_eq!(synced(key).await, version, "{key}");
        }
        // A deletion there does not take what was changed here with it.
        let done = scene.commit(2, vec![deleted("gone")]).await;
        assert_eq!(decided(&done), [(Some("gone"), Ok(SkippedNewer))]);
        // Once the other side has all of it, so it is.
        let all = json!({"n": 1, "mine": 2});
        scene.commit(3, vec![came("same", 11, all)]).await;
        assert_eq!(synced("same").await, 2);
        // Members that are only here, of which the other side was told, are no change.
        scene.commit(4, vec![came("same", 12, json!({"n": 4}))]).await;
        assert_eq!((scene.data("same").await.unwrap().1, synced("same").await), (3, 3));
    })
    .await;
}

#[tokio::test]
async fn keys_are_those_of_the_mapping_or_the_remote_ids_and_never_mix_records() {
    for_each_database(|url| async move {
        let scene = Scene::open(&url).await;
        scene.put("ACC-1", json!({"n": 0})).await;
        scene.put("7", json!({"mine": true})).await;
        let first = vec![
            keyed("r1", "ACC-1", json!({"n": 1})),
            keyed("r2", "ACC-2", json!({"n": 2})),
            keyed("r3", "ACC-2", json!({"n": 3})),
            keyed("r4", "", json!({})),
            came("7", 1, json!({"mine": true})),
            came("", 1, json!({})),
            came("r5", 1, json!([])),
        ];
        let done = scene.commit(0, first).await;
        assert_eq!(
            done.items.iter().map(|item| item.done.is_ok()).collect::<Vec<_>>(),
            [true, true, false, false, true, false, false]
        );
        // Ours was made later than theirs was changed; from now on they are known to be counterparts.
        assert_eq!(decided(&done)[0], (Some("ACC-1"), Ok(Decision::SkippedNewer)));
        assert_eq!(scene.record("ACC-1").await.unwrap().links[0].record_version, 0);
        assert_eq!(decided(&done)[1], (Some("ACC-2"), Ok(Decision::Create)));
        assert_eq!(decided(&done)[4], (Some("7"), Ok(Decision::LinkOnly)));
        let progress = done.progress;
        assert_eq!(
            (
                progress.counts.failed,
                progress.errors.total,
                progress.errors.kept.len()
            ),
            (4, 4, 2)
        );
        let message = &progress.errors.kept[0].message;
        assert!(message.contains("ACC-2") && message.contains("r2"), "{message}");
        // Its key stays, whatever the mapping says later.
        let renamed = scene.commit(1, vec![keyed("r2", "OTHER", json!({"n": 22}))]).await;
        assert_eq!(decided(&renamed), [(Some("ACC-2"), Ok(Decision::Update))]);

        let there = scene.elsewhere("There").await;
        let short: String = there.connection.uuid().simple().to_string().chars().take(8).collect();
        let done = there
            .commit(
                0,
                vec![came("ACC-2", 1, json!({"other": 1})), came("7", 1, json!({"other": 2}))],
            )
            .await;
        let taken = format!("ACC-2@{short}");
        assert_eq!(decided(&done)[0], (Some(taken.as_str()), Ok(Decision::Create)));
        // Nobody's import made this one: it is taken for the same, and is newer.
        assert_eq!(decided(&done)[1], (Some("7"), Ok(Decision::SkippedNewer)));
        assert_eq!(there.data("ACC-2").await.unwrap().0, json!({"n": 22}));
        let again = there.commit(1, vec![came("ACC-2", 2, json!({"other": 3}))]).await;
        assert_eq!(decided(&again), [(Some(taken.as_str()), Ok(Decision::Update))]);
        // A business key brings records of two systems together.
        let done = there.commit(2, vec![keyed("x", "ACC-2", json!({"n": 23}))]).await;
        assert_eq!(decided(&done)[0].0, Some("ACC-2"));
        assert_eq!(there.record("ACC-2").await.unwrap().links.len(), 2);
    })
    .await;
}

#[tokio::test]
async fn one_page_may_name_a_record_twice() {
    for_each_database(|url| async move {
        let scene = Scene::open(&url).await;
        let done = scene
            .commit(
                0,
                vec![
                    came("r", 1, json!({"n": 1})),
                    came("r", 2, json!({"n": 2})),
                    came("r", 2, json!({"n": 2})),
                    came("s", 1, json!({"n": 1})),
                    deleted("s"),
                ],
            )
            .await;
        let decisions: Vec<_> = decided(&done).into_iter().map(|(_, done)| done.unwrap()).collect();
        use Decision::{Create, Delete, Unchanged, Update};
        assert_eq!(decisions, [Create, Update, Unchanged, Create, Delete]);
        assert_eq!(scene.data("r").await.unwrap(), (json!({"n": 2}), 2));
        assert!(scene.record("s").await.is_none());
        let changes: Vec<_> = done
            .news
            .changes
            .iter()
            .map(|change| (change.key.as_str(), change.kind))
            .collect();
        assert_eq!(changes, [("r", ChangeKind::Created)]);
    })
    .await;
}

#[tokio::test]
async fn a_record_that_was_deleted_here_comes_back_under_its_key_with_a_higher_version() {
    for_each_database(|url| async move {
        let scene = Scene::open(&url).await;
        scene.commit(0, vec![keyed("r1", "A", json!({"n": 1}))]).await;
        scene.commit(1, vec![keyed("r1", "A", json!({"n": 2}))]).await;
        scene.delete("A").await;
        let done = scene.commit(2, vec![came("r1", 3, json!({"n": 2}))]).await;
        assert_eq!(decided(&done), [(Some("A"), Ok(Decision::Create))]);
        assert_eq!(scene.data("A").await.unwrap(), (json!({"n": 2}), 3));
        scene.delete("A").await;
        assert_eq!(scene.put("A", json!({})).await.record.version, 4);
    })
    .await;
}

#[tokio::test]
async fn a_page_is_stored_only_for_an_open_run_of_the_owner_of_its_shard() {
    for_each_database(|url| async move {
        let scene = Scene::open(&url).await;
        let mut page = scene.page(0, vec![came("r", 1, json!({}))]);
        page.step.run_id = scene.fixture.clock.new_id().into();
        let done = scene.fixture.store.commit_page(page).await;
        assert!(matches!(done, Err(Error::NotFound)), "{done:?}");
        if url.starts_with("postgres") {
            let mut page = scene.page(0, vec![came("r", 1, json!({}))]);
            page.step.epoch -= 1;
            let done = scene.fixture.store.commit_page(page).await;
            assert!(matches!(done, Err(Error::Lease(_))), "{done:?}");
        }
        assert!(scene.record("r").await.is_none());
    })
    .await;
}

#[tokio::test]
async fn changes_come_into_the_inboxes_of_those_who_listen_and_become_one() {
    for_each_database(|url| async move {
        let scene = Scene::open(&url).await;
        let there = scene.fixture.connect("There").await.id;
        let out = scene.listener(there, "Out", Direction::Export).await;
        let back = scene.listener(scene.connection, "Back", Direction::Export).await;
        let inward = scene.listener(scene.connection, "In", Direction::Import).await;
        let done = scene
            .commit(0, vec![came("r", 1, json!({"a": 1, "b": {"c": 1}}))])
            .await;
        let mut woken = done.news.woken.clone();
        let mut expected = vec![out, inward];
        woken.sort();
        expected.sort();
        assert_eq!(woken, expected, "what came from a connection is not sent back there");
        assert!(scene.inbox(back).await.is_empty());
        scene
            .commit(1, vec![came("r", 2, json!({"a": 1, "b": {"c": 2}}))])
            .await;
        let events = scene.inbox(out).await;
        let [event] = &events[..] else { panic!("{events:?}") };
        assert_eq!(
            (event.key.as_str(), event.kind, event.record_version),
            ("r", ChangeKind::Created, 2)
        );
        let changed = ["a", "b", "b.c"].map(str::to_owned).to_vec();
        assert_eq!(event.changed, Some(changed));
        // A change by hand is for everyone.
        scene.put("r", json!({"a": 1, "b": {"c": 3}})).await;
        let events = scene.inbox(back).await;
        assert_eq!((events[0].kind, events[0].record_version), (ChangeKind::Updated, 3));
        assert_eq!(events[0].changed, Some(vec!["b".to_owned(), "b.c".to_owned()]));
        // What changed while it was looked at stays.
        let (store, tenant) = (&scene.fixture.store, scene.fixture.tenant);
        store.events_done(tenant, out, vec![("r".to_owned(), 2)]).await.unwrap();
        assert!(store.has_events(tenant, out).await.unwrap());
        store.events_done(tenant, out, vec![("r".to_owned(), 3)]).await.unwrap();
        assert!(!store.has_events(tenant, out).await.unwrap());
        scene.delete("r").await;
        assert_eq!(scene.inbox(out).await[0].kind, ChangeKind::Deleted);
        // A page that changes nothing wakes nobody.
        scene.commit(2, vec![came("s", 1, json!({}))]).await;
        let done = scene.commit(3, vec![came("s", 1, json!({}))]).await;
        assert!(done.news.woken.is_empty() && done.news.changes.is_empty());
    })
    .await;
}

#[tokio::test]
async fn two_runs_that_store_the_same_records_at_once_make_each_once() {
    for_each_database(|url| async move {
        let scene = Scene::open(&url).await;
        let other = scene.fixture.automate(scene.connection, timer("Other")).await.id;
        let run = NewRun {
            id: scene.fixture.clock.new_id().into(),
            tenant_id: scene.fixture.tenant,
            automation_id: other,
            trigger: RunTrigger::Schedule,
            started_at: scene.fixture.clock.now(),
            since_at: None,
        };
        let other_run = run.id;
        scene
            .fixture
            .store
            .begin_run(run, scene.fixture.lease.epoch())
            .await
            .unwrap();
        for number in 0..5 {
            let items: Vec<_> = (0..50)
                .map(|n| came(&format!("{number}-{n}"), 1, json!({"n": n})))
                .collect();
            let mut second = scene.page(number, items.iter().rev().cloned().collect());
            (second.step.automation_id, second.step.run_id) = (other, other_run);
            let store = &scene.fixture.store;
            let (one, two) = tokio::join!(store.commit_page(scene.page(number, items)), store.commit_page(second));
            let (one, two) = (one.unwrap(), two.unwrap());
            assert_eq!(one.news.changes.len() + two.news.changes.len(), 50);
        }
    })
    .await;
}

#[tokio::test]
async fn a_long_import_is_stored_in_pages_and_listed_by_key() {
    for_each_database(|url| async move {
        let scene = Scene::open(&url).await;
        let pages = 10;
        for number in 0..pages {
            let items = (0..100).map(|n| {
                came(
                    &format!("{:05}", number * 100 + n),
                    1,
                    json!({"n": n, "text": "x".repeat(500)}),
                )
            });
            scene.commit(number, items.collect()).await;
        }
        let mut page = Page::new(Some(200), None);
        let mut keys = Vec::new();
        loop {
            let found = scene
                .fixture
                .store
                .records(scene.fixture.tenant, "supplier".to_owned(), page)
                .await
                .unwrap();
            keys.extend(found.items.iter().map(|found| found.record.key.clone()));
            assert!(found.items.iter().all(|found| found.links.len() == 1));
            match found.next_cursor {
                Some(cursor) => page = Page::new(Some(200), Some(cursor)),
                None => break,
            }
        }
        assert_eq!(keys.len() as u64, pages * 100);
        assert!(keys.is_sorted());
    })
    .await;
}
