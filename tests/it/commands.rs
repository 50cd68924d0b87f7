//! The command line, tried on the real binary: help, exit codes, sentences, signals, the demo.

use std::{net::TcpListener, path::Path, time::Duration};

use crate::support::process::{Deadline, Finished, Orrery, orrery};

type Variables = Vec<(&'static str, String)>;

/// Settings of a fresh engine in a directory.
fn fresh(directory: &Path) -> Variables {
    let database = format!("sqlite://{}/orrery.db?mode=rwc", directory.display());
    vec![
        ("ORRERY__DATABASE__URL", database),
        ("ORRERY__DATA__DIR", directory.display().to_string()),
        ("ORRERY__SERVER__PORT", "0".to_owned()),
        ("ORRERY__SCRIPT__WORKERS", "1".to_owned()),
        ("ORRERY__ADMIN__PASSWORD", "correct horse".to_owned()),
    ]
}

fn with(mut variables: Variables, more: &[(&'static str, &str)]) -> Variables {
    variables.extend(more.iter().map(|(name, value)| (*name, (*value).to_owned())));
    variables
}

fn run(args: &[&str], variables: &Variables, input: &str) -> Finished {
    orrery(args, &borrowed(variables), input)
}

fn start(args: &[&str], variables: &Variables) -> Orrery {
    Orrery::start(args, &borrowed(variables))
}

fn borrowed(variables: &Variables) -> Vec<(&str, &str)> {
    variables.iter().map(|(name, value)| (*name, value.as_str())).collect()
}

/// It ended with 2 and one complaint, which holds these parts and no sign of a crash.
fn refused(finished: &Finished, parts: &[&str]) {
    assert_eq!(finished.code, Some(2), "{}", finished.stderr);
    let complaint = finished.stderr.lines().last().unwrap_or_default();
    for part in parts {
        assert!(complaint.contains(part), "no {part:?} in: {}", finished.stderr);
    }
    assert!(
        complaint.starts_with("orrery: ") && complaint.ends_with('.'),
        "{}",
        finished.stderr
    );
    for crash in ["panicked", "stack backtrace", "RUST_BACKTRACE"] {
        assert!(!finished.stderr.contains(crash), "{}", finished.stderr);
    }
    assert!(!finished.stdout.contains("listening"), "{}", finished.stdout);
}

#[test]
fn help_says_what_there_is() {
    let all = orrery(&["--help"], &[], "");
    assert_eq!(all.code, Some(0));
    for part in [
        "serve",
        "demo",
        "migrate",
        "check",
        "purge",
        "user",
        "Examples:",
        "ORRERY__SERVER__PORT",
        "Exit codes",
    ] {
        assert!(all.stdout.contains(part), "no {part} in {}", all.stdout);
    }
    assert!(!all.stdout.contains("script-worker"), "{}", all.stdout);
    for command in ["serve", "demo", "migrate", "check", "purge", "user", "settings"] {
        let help = orrery(&[command, "--help"], &[], "");
        assert_eq!(help.code, Some(0), "{command}");
        assert!(help.stdout.len() > 100, "{}", help.stdout);
    }
    let settings = orrery(&["settings"], &[], "");
    assert!(settings.stdout.contains("[server]") && settings.stdout.contains("port = 8080"));
    assert_eq!(orrery(&["sevre"], &[], "").code, Some(2));
    assert_eq!(orrery(&[], &[], "").code, Some(2));
}

#[test]
fn bad_settings_are_named() {
    let directory = tempfile::tempdir().unwrap();
    let serve = |name: &'static str, value: &str| run(&["serve"], &with(fresh(directory.path()), &[(name, value)]), "");
    refused(
        &serve("ORRERY__SCRIPT__WALL_MS", "1"),
        &["script.wall_ms is 1", "between 10 and 60000"],
    );
    refused(&serve("ORRERY__SERVER__PORT", "many"), &["port"]);
    refused(&serve("ORRERY__SERVER__PROT", "80"), &["prot"]);
    refused(
        &serve("ORRERY__LOG__LEVEL", "loud"),
        &["log.level", "Use error, warn, info"],
    );
    refused(&serve("ORRERY__SERVER__HOST", "no such host"), &["server.host"]);
    refused(&serve("ORRERY__SECRETS__KEY", "short"), &["secrets.key"]);
    let missing = orrery(&["serve", "--settings", "/nowhere/at-all.toml"], &[], "");
    refused(&missing, &["/nowhere/at-all.toml"]);
}

#[test]
fn a_port_in_use_is_named() {
    let directory = tempfile::tempdir().unwrap();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    let finished = run(
        &["serve"],
        &with(fresh(directory.path()), &[("ORRERY__SERVER__PORT", &port)]),
        "",
    );
    refused(&finished, &[&port, "server.port"]);
}

#[test]
fn a_directory_that_cannot_be_written_is_named() {
    let directory = tempfile::tempdir().unwrap();
    // Below a file no directory can be made, not even by root.
    let file = directory.path().join("file");
    std::fs::write(&file, "").unwrap();
    let inside = file.join("data");
    let database = format!("sqlite://{}/orrery.db?mode=rwc", inside.display());
    let shown = file.display().to_string();
    let finished = run(
        &["serve"],
        &with(fresh(directory.path()), &[("ORRERY__DATABASE__URL", &database)]),
        "",
    );
    refused(&finished, &[&shown, "database.url"]);
    let data = inside.display().to_string();
    let finished = run(
        &["serve"],
        &with(fresh(directory.path()), &[("ORRERY__DATA__DIR", &data)]),
        "",
    );
    refused(&finished, &[&shown]);
}

#[test]
fn a_database_that_does_not_answer_is_named_without_its_password() {
    let directory = tempfile::tempdir().unwrap();
    // Port 1 is privileged and nobody's: refused at once.
    let database = "postgres://orrery:hunter2@127.0.0.1:1/orrery";
    for command in ["serve", "migrate", "purge"] {
        let finished = run(
            &[command],
            &with(fresh(directory.path()), &[("ORRERY__DATABASE__URL", database)]),
            "",
        );
        refused(&finished, &["127.0.0.1:1", "database.url"]);
        assert!(!finished.stderr.contains("hunter2"), "{}", finished.stderr);
    }
}

#[test]
fn serve_says_when_it_is_ready_and_ends_on_a_signal() {
    let directory = tempfile::tempdir().unwrap();
    let variables = with(fresh(directory.path()), &[("ORRERY__ENGINE__DRAIN_MS", "30000")]);
    let mut server = start(&["serve"], &variables);
    let line = server.stdout_line_with("listening");
    let address = line.strip_prefix("orrery listening on http://127.0.0.1:").unwrap();
    let port = address.strip_suffix(" (console /console, docs /docs)").unwrap();
    assert!(port.parse::<u16>().unwrap() > 0);

    // The database is taken, and the second one says so.
    refused(&run(&["serve"], &variables, ""), &["another"]);

    let deadline = Deadline::after(Duration::from_secs(60));
    assert_eq!(server.terminate(), Some(0), "{}", server.stderr());
    assert!(!deadline.is_over(), "{}", server.stderr());
    // Ctrl-C is as good, and the data is still fine.
    let mut server = start(&["serve"], &variables);
    server.stdout_line_with("listening");
    server.signal("INT");
    assert_eq!(server.exit_code(), Some(0), "{}", server.stderr());
}

#[test]
fn another_key_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    let mut server = start(&["serve"], &fresh(directory.path()));
    server.stdout_line_with("listening");
    assert_eq!(server.terminate(), Some(0));
    let other = "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=";
    let finished = run(
        &["serve"],
        &with(fresh(directory.path()), &[("ORRERY__SECRETS__KEY", other)]),
        "",
    );
    refused(&finished, &["key"]);
    assert!(!finished.stderr.contains(other));
}

#[test]
fn check_says_what_is_right_and_what_is_wrong() {
    let directory = tempfile::tempdir().unwrap();
    let good = run(&["check"], &fresh(directory.path()), "");
    assert_eq!(good.code, Some(0), "{}{}", good.stdout, good.stderr);
    let starts: Vec<&str> = good
        .stdout
        .lines()
        .filter_map(|line| line.split_whitespace().next())
        .collect();
    assert_eq!(starts, ["settings", "database", "scripts", "egress"], "{}", good.stdout);
    assert!(!directory.path().join("orrery.db").exists(), "check makes nothing");

    let broken = [("ORRERY__DATABASE__URL", "postgres://a:b@127.0.0.1:1/c")];
    let bad = run(&["check"], &with(fresh(directory.path()), &broken), "");
    assert_eq!(bad.code, Some(1));
    assert!(
        bad.stdout.contains("database  WRONG") && bad.stdout.contains("scripts   ok"),
        "{}",
        bad.stdout
    );
    let bad = run(
        &["check"],
        &with(fresh(directory.path()), &[("ORRERY__SCRIPT__WALL_MS", "1")]),
        "",
    );
    assert_eq!(bad.code, Some(1));
    assert!(bad.stdout.contains("settings  WRONG"), "{}", bad.stdout);
}

#[test]
fn the_database_is_brought_up_to_date_and_purged() {
    let directory = tempfile::tempdir().unwrap();
    let variables = fresh(directory.path());
    let first = run(&["migrate"], &variables, "");
    assert_eq!(first.code, Some(0), "{}", first.stderr);
    assert!(first.stdout.contains("migrations were run"), "{}", first.stdout);
    assert!(run(&["migrate"], &variables, "").stdout.contains("up to date"));
    let purged = run(&["purge"], &variables, "");
    assert_eq!(purged.code, Some(0), "{}", purged.stderr);
    assert!(purged.stdout.contains("runs"), "{}", purged.stdout);
}

#[test]
fn users_are_added_listed_and_given_passwords() {
    let directory = tempfile::tempdir().unwrap();
    let variables = fresh(directory.path());
    let add = [
        "user",
        "add",
        "eva",
        "--display-name",
        "Eva Berg",
        "--group",
        "Administrators",
    ];
    let added = run(&add, &variables, "a long password\n");
    assert_eq!(added.code, Some(0), "{}", added.stderr);
    assert!(added.stdout.contains("eva") && !added.stdout.contains("a long password"));
    refused(&run(&add, &variables, "x y z x y z\n"), &["eva"]);
    refused(
        &run(&["user", "add", "ola", "--group", "Nobodies"], &variables, "\n"),
        &["Nobodies"],
    );

    let made_up = run(&["user", "password", "eva"], &variables, "");
    assert_eq!(made_up.code, Some(0), "{}", made_up.stderr);
    assert!(
        made_up.stdout.contains('-'),
        "the password is shown: {}",
        made_up.stdout
    );
    refused(
        &run(&["user", "password", "nobody"], &variables, "x y z x y z\n"),
        &["nobody"],
    );

    let list = run(&["user", "list"], &variables, "");
    assert_eq!(list.code, Some(0), "{}", list.stderr);
    assert!(
        list.stdout.contains("Eva Berg") && list.stdout.contains("admin"),
        "{}",
        list.stdout
    );
}

#[test]
fn a_demo_with_an_end_counts_right() {
    let directory = tempfile::tempdir().unwrap();
    let variables = vec![("TMPDIR", directory.path().display().to_string())];
    let demo = run(&["demo", "--runs", "3"], &variables, "");
    assert_eq!(demo.code, Some(0), "{}{}", demo.stdout, demo.stderr);
    assert!(demo.stdout.contains("runs 3"), "{}", demo.stdout);
    let left = std::fs::read_dir(directory.path()).unwrap().count();
    assert_eq!(left, 0, "the demo removes its directory");
}
