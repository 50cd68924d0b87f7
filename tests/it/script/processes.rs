//! Worker processes as processes: neighbours of a killed one, kill -9, overload, shutdown, start-up that fails.

use orrery::script::{Error, Kind, PoolSettings, ScriptErrorKind, ScriptPool, Value, WorkerCommand};

use super::{job, output, pool, script_error, settings, text};
use crate::support::{PATIENCE, scene};

/// The process ids of this process's children whose command line says script-worker and `mark` (a heap size of the test's own).
fn workers_of(mark: &str) -> Vec<i32> {
    let me = std::process::id().to_string();
    let processes = std::fs::read_dir("/proc")
        .unwrap()
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse::<i32>().ok());
    processes
        .filter(|id| {
            let stat = std::fs::read_to_string(format!("/proc/{id}/stat")).unwrap_or_default();
            let after_name = stat.rsplit_once(')').map(|(_, rest)| rest).unwrap_or_default();
            let command = std::fs::read(format!("/proc/{id}/cmdline")).unwrap_or_default();
            let args: Vec<_> = command.split(|byte| *byte == 0).collect();
            after_name.split_whitespace().nth(1) == Some(me.as_str()) && args.get(2) == Some(&mark.as_bytes())
        })
        .collect()
}

/// Waits for a fact that no event announces.
async fn eventually(what: &str, is_so: impl Fn() -> bool) {
    scene::eventually(what, || async { is_so() }).await;
}

fn kill(id: i32) {
    assert!(
        std::process::Command::new("kill")
            .args(["-9", &id.to_string()])
            .status()
            .unwrap()
            .success()
    );
}

#[tokio::test]
async fn neighbours_of_a_killed_worker_survive() {
    let pool = pool(1);
    let mut runs = Vec::new();
    for number in 0..200 {
        let is_bad = number % 50 == 10;
        let mut job = job(
            Kind::Url,
            if is_bad {
                "while (true) {}".to_owned()
            } else {
                format!("return 'n{number}'")
            }
            .as_str(),
        );
        job.wall_ms = is_bad.then_some(200);
        let pool = pool.clone();
        runs.push(tokio::spawn(async move { (number, is_bad, pool.run(job).await) }));
    }
    for run in runs {
        let (number, is_bad, outcome) = run.await.unwrap();
        match outcome {
            Err(Error::Script(error)) => {
                assert!(is_bad && error.kind == ScriptErrorKind::Deadline, "{number}: {error}")
            }
            other => assert_eq!(other.unwrap().value, Value::Text(format!("n{number}")), "{number}"),
        }
    }
    assert_eq!(pool.status().killed, 4);
    pool.shutdown().await;
}

#[tokio::test]
async fn a_long_run_does_not_hold_up_its_neighbours() {
    let pool = ScriptPool::start(PoolSettings {
        wall_ms_max: 120_000,
        ..settings(1)
    })
    .unwrap();
    text(&pool, "return 'warm'").await;
    let mut long = job(Kind::Url, "while (true) {}");
    long.wall_ms = Some(120_000);
    let long = tokio::spawn({
        let pool = pool.clone();
        async move { pool.run(long).await }
    });
    for _ in 0..20 {
        assert_eq!(text(&pool, "return 'quick'").await, "quick");
    }
    assert!(!long.is_finished(), "the others went on while one run took long");
    pool.shutdown().await;
    assert!(matches!(long.await.unwrap(), Err(Error::Unavailable(_))));
}

#[tokio::test]
async fn kill_9_of_a_worker_is_an_error_of_its_run_alone() {
    let pool = ScriptPool::start(PoolSettings {
        heap_mib: 101,
        wall_ms_max: 120_000,
        ..settings(1)
    })
    .unwrap();
    text(&pool, "return 'warm'").await;
    let bad = tokio::spawn({
        let pool = pool.clone();
        let mut job = job(Kind::Url, "console.log('started'); while (true) {}");
        job.wall_ms = Some(120_000);
        async move { script_error(&pool, job).await }
    });
    eventually("the run is being executed", || pool.status().busy == 1).await;
    let runs: Vec<_> = (0..10)
        .map(|_| {
            let pool = pool.clone();
            tokio::spawn(async move { text(&pool, "return 'fine'").await })
        })
        .collect();
    for run in runs {
        assert_eq!(run.await.unwrap(), "fine");
    }
    for id in workers_of("101") {
        kill(id);
    }
    let error = bad.await.unwrap();
    assert_eq!(error.kind, ScriptErrorKind::Crashed, "{error}");
    assert!(error.message.contains("signal 9"), "{error}");
    assert_eq!(error.logs.len(), 1);
    assert_eq!(text(&pool, "return 'again'").await, "again");
    pool.shutdown().await;
}

#[tokio::test]
async fn no_child_is_left_after_shutdown_or_drop() {
    let pool = ScriptPool::start(PoolSettings {
        heap_mib: 102,
        ..settings(2)
    })
    .unwrap();
    text(&pool, "return ''").await;
    let stuck = tokio::spawn({
        let pool = pool.clone();
        let mut job = job(Kind::Url, "while (true) {}");
        job.wall_ms = Some(10_000);
        async move { pool.run(job).await }
    });
    eventually("a run is being executed", || pool.status().busy > 0).await;
    assert!(!workers_of("102").is_empty());
    pool.shutdown().await;
    assert_eq!(workers_of("102"), Vec::<i32>::new());
    assert!(stuck.await.unwrap().is_err());
    assert!(matches!(
        pool.run(job(Kind::Url, "return ''")).await,
        Err(Error::Unavailable(_))
    ));
    assert_eq!(pool.status().workers, 0);

    let dropped = ScriptPool::start(PoolSettings {
        heap_mib: 103,
        ..settings(2)
    })
    .unwrap();
    text(&dropped, "return ''").await;
    drop(dropped);
    eventually("the workers of a dropped pool end", || workers_of("103").is_empty()).await;
}

#[tokio::test]
async fn overload_is_an_answer() {
    let pool = ScriptPool::start(PoolSettings {
        queue_jobs_max: 10,
        ..settings(1)
    })
    .unwrap();
    let runs = (0..100).map(|_| {
        pool.run(job(
            Kind::Url,
            "let n = 0; for (let i = 0; i < 2e6; i++) n += i; return ''",
        ))
    });
    let outcomes = futures_util::future::join_all(runs).await;
    let full = outcomes
        .iter()
        .filter(|outcome| matches!(outcome, Err(Error::QueueFull { retry_after_ms: 1.. })))
        .count();
    let done = outcomes.iter().filter(|outcome| outcome.is_ok()).count();
    assert!(
        full > 0 && done >= 10 && full + done == 100,
        "{full} refused, {done} done"
    );
    pool.shutdown().await;
}

#[tokio::test]
async fn a_worker_that_cannot_start_is_said() {
    for program in ["/nonexistent/orrery", "/bin/false"] {
        let command = WorkerCommand {
            program: Some(program.into()),
            ..WorkerCommand::default()
        };
        let pool = ScriptPool::start(PoolSettings {
            worker_command: command,
            ..settings(1)
        })
        .unwrap();
        let outcome = tokio::time::timeout(PATIENCE, pool.run(job(Kind::Url, "return ''")))
            .await
            .expect("an answer");
        assert!(
            matches!(&outcome, Err(Error::Unavailable(reason)) if reason.contains("start")),
            "{outcome:?}"
        );
        assert_eq!(pool.confinement().await.missing().len(), 6);
        pool.shutdown().await;
    }
}

#[tokio::test]
async fn many_runs_on_several_workers_keep_their_answers_apart() {
    let pool = pool(2);
    let body = "x".repeat(100_000);
    let runs = (0..500).map(|number| {
        let mut job = super::with_body(
            "return {n: call.runCount, length: response.body.length}",
            if number % 7 == 0 { &body } else { "{}" },
        );
        job.context.run_count = number;
        let pool = &pool;
        async move { (number, output(pool, job).await.value) }
    });
    for (number, value) in futures_util::future::join_all(runs).await {
        let length = if number % 7 == 0 { 100_000 } else { 2 };
        assert_eq!(
            value,
            super::transactions(&[&format!(r#"{{"n":{number},"length":{length}}}"#)], None)
        );
    }
    pool.shutdown().await;
}

#[test]
fn the_pool_can_be_awaited_on_any_executor() {
    let pool = pool(1);
    let value = futures_util::FutureExt::now_or_never(async {})
        .map(|()| actix_rt::System::new().block_on(text(&pool, "return 'actix'")));
    assert_eq!(value.as_deref(), Some("actix"));
    actix_rt::System::new().block_on(pool.shutdown());
}
