//! Exports: noted, sent, linked.

use super::*;

fn query(scene: &Scene, applies_to: AppliesTo) -> ExportQuery {
    ExportQuery {
        target: scene.target(),
        applies_to,
        since: None,
        after: None,
        limit: 100,
    }
}

async fn candidates(scene: &Scene, applies_to: AppliesTo) -> Vec<String> {
    let found = scene
        .fixture
        .store
        .export_candidates(query(scene, applies_to))
        .await
        .unwrap();
    found.into_iter().map(|candidate| candidate.record.key).collect()
}

fn pending(version: i64) -> PendingExport {
    PendingExport {
        record_version: version,
        data: json!({"Name": "x", "n": 1.5}),
        idempotency_key: format!("key-{version}"),
        at: at(5),
    }
}

fn exported(scene: &Scene, key: &str, record_version: i64, remote_id: &str) -> Exported {
    Exported {
        target: scene.target(),
        key: key.to_owned(),
        record_version,
        remote_id: remote_id.to_owned(),
        remote_version: Some("0".to_owned()),
        remote_updated_at: Some(at(9)),
        at: scene.fixture.clock.now(),
    }
}

async fn intend(scene: &Scene, key: &str, export: PendingExport) -> Option<PendingExport> {
    let by = (scene.automation, scene.fixture.lease.epoch());
    let noted = scene
        .fixture
        .store
        .intend_export(scene.target(), by, key.to_owned(), export);
    noted.await.unwrap()
}

#[tokio::test]
async fn what_is_sent_is_noted_first_and_linked_afterwards() {
    for_each_database(|url| async move {
        let scene = Scene::open(&url).await;
        let store = &scene.fixture.store;
        scene.put("a", json!({"n": 1})).await;
        scene.put("b", json!({"n": 2})).await;
        assert_eq!(candidates(&scene, AppliesTo::New).await, ["a", "b"]);
        assert!(candidates(&scene, AppliesTo::Update).await.is_empty());
        assert_eq!(intend(&scene, "a", pending(1)).await, None);
        assert_eq!(
            intend(&scene, "a", pending(1)).await,
            None,
            "the same note twice is one"
        );
        assert_eq!(
            intend(&scene, "a", pending(2)).await,
            Some(pending(1)),
            "the earlier one goes first"
        );
        let noted = store.pending_exports(scene.target(), None, 10).await.unwrap();
        assert_eq!(
            (noted.len(), noted[0].key.as_str(), &noted[0].export),
            (1, "a", &pending(1))
        );
        assert!(noted[0].link.is_none() && scene.record("a").await.unwrap().links.is_empty());
        assert_eq!(
            candidates(&scene, AppliesTo::Update).await,
            ["a"],
            "whatever it applies to, it may have been sent"
        );

        let mut step = scene.step(None);
        (step.counts.seen, step.counts.created) = (1, 1);
        let done = store.exported(exported(&scene, "a", 1, "R1"), step).await.unwrap();
        assert_eq!((done.progress.counts.created, done.progress.pages), (1, 0));
        let link = scene.record("a").await.unwrap().links[0].clone();
        assert_eq!(
            (
                link.remote_id.as_str(),
                link.remote_version.as_deref(),
                link.record_version
            ),
            ("R1", Some("0"), 1)
        );
        assert!(
            store
                .pending_exports(scene.target(), None, 10)
                .await
                .unwrap()
                .is_empty()
        );
        assert_eq!(candidates(&scene, AppliesTo::NewAndUpdate).await, ["b"]);
        // The import that follows finds its own counterpart, and nothing to do.
        let came = scene.commit(0, vec![came("R1", 9, json!({"n": 1}))]).await;
        assert_eq!(decided(&came), [(Some("a"), Ok(Decision::Unchanged))]);

        scene.put("a", json!({"n": 3})).await;
        assert_eq!(candidates(&scene, AppliesTo::Update).await, ["a"]);
        assert_eq!(candidates(&scene, AppliesTo::New).await, ["b"]);
        let of = store
            .export_candidates_of(scene.target(), vec!["a".to_owned(), "zzz".to_owned()])
            .await
            .unwrap();
        assert!(of.len() == 1 && of[0].is_due() && of[0].link.as_ref().unwrap().remote_id == "R1");
        let mut later = query(&scene, AppliesTo::NewAndUpdate);
        later.since = Some(scene.fixture.clock.now() + std::time::Duration::from_secs(60));
        assert!(store.export_candidates(later).await.unwrap().is_empty());
        let mut after = query(&scene, AppliesTo::NewAndUpdate);
        (after.after, after.limit) = (Some("a".to_owned()), 1);
        assert_eq!(store.export_candidates(after).await.unwrap()[0].record.key, "b");
    })
    .await;
}

#[tokio::test]
async fn what_is_refused_is_no_longer_on_its_way() {
    for_each_database(|url| async move {
        let scene = Scene::open(&url).await;
        let store = &scene.fixture.store;
        scene.put("new", json!({})).await;
        scene.commit(0, vec![came("known", 1, json!({"n": 1}))]).await;
        scene.put("known", json!({"n": 2})).await;
        for key in ["new", "known"] {
            assert_eq!(intend(&scene, key, pending(2)).await, None);
            let mut step = scene.step(None);
            step.counts.failed = 1;
            step.errors.push(RecordError {
                key: Some(key.to_owned()),
                message: "The name is missing.".to_owned(),
            });
            store.export_failed(scene.target(), key.to_owned(), step).await.unwrap();
        }
        assert!(
            store
                .pending_exports(scene.target(), None, 10)
                .await
                .unwrap()
                .is_empty()
        );
        assert_eq!(scene.record("known").await.unwrap().links.len(), 1);
        assert_eq!(candidates(&scene, AppliesTo::NewAndUpdate).await, ["known", "new"]);
        let progress = store
            .advance_run(scene.fixture.tenant, scene.step(Some(1)))
            .await
            .unwrap();
        assert_eq!(
            (progress.counts.failed, progress.errors.total, progress.pages),
            (2, 2, 2)
        );
        let again = store
            .advance_run(scene.fixture.tenant, scene.step(Some(1)))
            .await
            .unwrap();
        assert_eq!(again, progress);
    })
    .await;
}

#[tokio::test]
async fn an_import_at_the_same_time_does_not_keep_an_export_from_being_recorded() {
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
        let begun = scene.fixture.store.begin_run(run, scene.fixture.lease.epoch());
        begun.await.unwrap();
        for number in 0..20 {
            let (key, remote) = (format!("k{number}"), format!("R{number}"));
            scene.put(&key, json!({"n": 1})).await;
            assert_eq!(intend(&scene, &key, pending(1)).await, None);
            let mut page = scene.page(number, vec![came(&remote, 9, json!({"n": 1}))]);
            (page.step.automation_id, page.step.run_id) = (other, other_run);
            let store = &scene.fixture.store;
            let (page, done) = tokio::join!(
                store.commit_page(page),
                store.exported(exported(&scene, &key, 1, &remote), scene.step(None))
            );
            page.unwrap();
            done.unwrap();
            assert!(scene.record(&remote).await.is_none(), "no second record {number}");
            assert_eq!(scene.record(&key).await.unwrap().links[0].remote_id, remote);
        }
    })
    .await;
}

#[tokio::test]
async fn what_an_import_took_for_new_meanwhile_is_no_second_record() {
    for_each_database(|url| async move {
        let scene = Scene::open(&url).await;
        scene.put("a", json!({"n": 1})).await;
        scene.put("b", json!({"n": 2})).await;
        for key in ["a", "b"] {
            assert_eq!(intend(&scene, key, pending(1)).await, None);
        }
        // Both were sent, the answers are not recorded yet, and an import comes by.
        scene
            .commit(0, vec![came("R1", 9, json!({"n": 1})), came("R2", 9, json!({"n": 2}))])
            .await;
        scene.put("R2", json!({"edited": true})).await;
        let store = &scene.fixture.store;
        let done = store
            .exported(exported(&scene, "a", 1, "R1"), scene.step(None))
            .await
            .unwrap();
        let kinds: Vec<_> = done
            .news
            .changes
            .iter()
            .map(|change| (change.key.as_str(), change.kind))
            .collect();
        assert_eq!(kinds, [("R1", ChangeKind::Deleted)]);
        assert!(scene.record("R1").await.is_none());
        let done = store
            .exported(exported(&scene, "b", 1, "R2"), scene.step(None))
            .await
            .unwrap();
        assert!(done.news.changes.is_empty(), "what somebody changed is not removed");
        assert!(scene.record("R2").await.unwrap().links.is_empty());
        for (key, remote) in [("a", "R1"), ("b", "R2")] {
            assert_eq!(scene.record(key).await.unwrap().links[0].remote_id, remote);
        }
    })
    .await;
}
