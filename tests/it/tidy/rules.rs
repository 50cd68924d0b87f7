//! The rules on Rust files, each with snippets that it refuses.

use std::fmt;

use super::source::{Source, is_word};

/// More lines than this are printed as a warning.
const FILE_LINES_WARN: usize = 300;
/// More lines than this are refused.
const FILE_LINES_MAX: usize = 500;
/// Longer functions are refused.
const FUNCTION_LINES_MAX: usize = 80;

/// Who may not use what: the paths that a folder of `src` must not name, and why.
const FORBIDDEN: [(&str, &[&str], &str); 6] = [
    (
        "src/domain/",
        &[
            "actix",
            "actix_web",
            "actix_rt",
            "actix_http",
            "awc",
            "tokio",
            "sea_orm",
            "std::fs",
            "std::net",
            "std::env",
            "std::process",
            "std::thread",
            "crate::actors",
            "crate::clock",
            "crate::engine",
            "crate::error",
            "crate::events",
            "crate::gateway",
            "crate::http",
            "crate::script",
            "crate::settings",
            "crate::store",
            "crate::telemetry",
        ],
        "domain is pure: no I/O, no clock, nothing of the other layers",
    ),
    (
        "src/store/",
        &[
            "actix_web",
            "actix_http",
            "awc",
            "crate::actors",
            "crate::engine",
            "crate::gateway",
            "crate::script",
        ],
        "the store knows the database and the domain, neither HTTP nor who calls it",
    ),
    (
        "src/http/",
        &[
            "crate::actors",
            "crate::engine",
            "crate::gateway",
            "crate::script",
            "crate::store",
        ],
        "the outbound client knows nothing of its callers",
    ),
    (
        "src/script/",
        &[
            "crate::actors",
            "crate::engine",
            "crate::gateway",
            "crate::http",
            "crate::store",
        ],
        "scripts know nothing of their callers",
    ),
    (
        "src/actors/",
        &["actix_web::web", "actix_web::App", "crate::gateway"],
        "actors do not know the gateway",
    ),
    (
        "src/error.rs",
        &["actix_web", "actix_http", "sea_orm"],
        "the error knows neither HTTP nor SQL",
    ),
];

/// Who alone may use what: paths, the places that may name them, and why.
const RESERVED: [(&[&str], &[&str], &str); 4] = [
    (
        &["sea_orm", "sea_orm_migration", "entity", "migration"],
        &["src/store/", "entity/", "migration/"],
        "only the store knows the database",
    ),
    (
        &["actix"],
        &["src/actors/", "src/engine/"],
        "only actors and the engine know actor types",
    ),
    (&["mini_v8"], &["src/script/"], "only the script worker knows V8"),
    (
        &["std::env"],
        &[
            "src/settings.rs",
            "src/main.rs",
            "src/command/",
            "src/demo/",
            "src/script/",
            "build.rs",
        ],
        "the environment is read in settings.rs only",
    ),
];

/// Calls that read the time.
const CLOCK_READS: [&str; 6] = [
    "SystemTime::now",
    "Instant::now",
    "Timestamp::now",
    "Zoned::now",
    "Utc::now",
    "Local::now",
];

/// Something that a rule refuses.
pub struct Complaint {
    path: String,
    line: usize,
    text: String,
}

impl Complaint {
    pub fn new(path: &str, line: usize, text: impl Into<String>) -> Self {
        let (path, text) = (path.to_owned(), text.into());
        Self { path, line, text }
    }
}

impl fmt::Display for Complaint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}", self.path, self.line, self.text)
    }
}

/// Imports go one way (README.md, "Map of the code").
pub fn imports(source: &Source) -> Vec<Complaint> {
    let mut banned: Vec<(&str, &str)> = Vec::new();
    for (folder, paths, why) in FORBIDDEN {
        if source.path.starts_with(folder) {
            banned.extend(paths.iter().map(|path| (*path, why)));
        }
    }
    // Tests may look into the database and the environment; they are no layer.
    let layered = ["src/", "entity/", "migration/"]
        .iter()
        .any(|place| source.path.starts_with(place));
    for (paths, places, why) in RESERVED {
        if layered && !places.iter().any(|place| source.path.starts_with(place)) {
            banned.extend(paths.iter().map(|path| (*path, why)));
        }
    }
    let in_tests = |path: &str| path != "std::env" && path != "std::fs" && path != "std::net" && path != "tokio";
    let mut complaints = Vec::new();
    for (path, why) in banned {
        for (line, code) in source.lines(in_tests(path)) {
            let already =
                |complaint: &Complaint| complaint.line == line && complaint.text.starts_with(&format!("uses {path}:"));
            if names(code, path) && !complaints.iter().any(already) {
                complaints.push(Complaint::new(&source.path, line, format!("uses {path}: {why}")));
            }
        }
    }
    complaints
}

/// Does a line name this path: as `path::..`, `use path`, `{path`, and not as the end of another one?
fn names(code: &str, path: &str) -> bool {
    let crate_tail = path.strip_prefix("crate::");
    if let Some(tail) = crate_tail
        && let Some(group) = code.trim_start().strip_prefix("use crate::{")
    {
        // `use crate::{clock::Clock, store};`
        let mut depth = 0_i32;
        let top: String = group
            .chars()
            .map(|c| {
                depth += i32::from(c == '{') - i32::from(c == '}');
                if depth > 0 { ' ' } else { c }
            })
            .collect();
        if top
            .split(',')
            .any(|item| item.trim().trim_end_matches("};").split("::").next() == Some(tail))
        {
            return true;
        }
    }
    code.match_indices(path).any(|(at, _)| {
        let before = code[..at].bytes().next_back();
        let after = code[at + path.len()..].bytes().next();
        let starts = !before.is_some_and(|byte| is_word(byte) || byte == b':' || byte == b'.');
        let ends = !after.is_some_and(is_word);
        let is_path = code[at + path.len()..].starts_with("::")
            || code.trim_start().trim_start_matches("pub ").starts_with("use ");
        starts && ends && is_path
    })
}

/// Files of more than 500 lines are refused, tests included.
pub fn file_length(source: &Source) -> Vec<Complaint> {
    let lines = source.text.lines().count();
    if lines <= FILE_LINES_MAX {
        return Vec::new();
    }
    let text = format!("has {lines} lines; the most is {FILE_LINES_MAX}: split it by what it owns");
    vec![Complaint::new(&source.path, 1, text)]
}

/// A word about files that are getting long.
pub fn long_file_warning(source: &Source) -> Option<String> {
    let lines = source.text.lines().count();
    (lines > FILE_LINES_WARN).then(|| format!("{} has {lines} lines", source.path))
}

/// Functions of more than 80 lines are refused; a test's table of cases may be longer.
pub fn function_length(source: &Source) -> Vec<Complaint> {
    let long = source
        .functions()
        .into_iter()
        .filter(|function| function.lines > FUNCTION_LINES_MAX && !source.is_test(function.line));
    long.map(|function| {
        let text = format!(
            "fn {} has {} lines; the most is {FUNCTION_LINES_MAX}",
            function.name, function.lines
        );
        Complaint::new(&source.path, function.line, text)
    })
    .collect()
}

/// Only `src/clock.rs` reads the time, and the script worker, which is a process of its own. Outside `src`, clippy asks for a reason.
pub fn clock(source: &Source) -> Vec<Complaint> {
    let readers = ["src/clock.rs", "src/script/worker.rs"];
    if readers.contains(&source.path.as_str()) || !source.path.starts_with("src/") {
        return Vec::new();
    }
    find(
        source,
        true,
        &CLOCK_READS,
        "reads the time, which only src/clock.rs may",
    )
}

/// No `unwrap()`, no `expect("..")` outside tests.
pub fn unwraps(source: &Source) -> Vec<Complaint> {
    let why = "panics; return an error, or show by types that it cannot happen";
    let patterns = [".unwrap()", ".expect(\"", "unwrap_unchecked"];
    let mut complaints = find(source, false, &patterns, why);
    // In a constant it is the compiler that panics.
    let lines: Vec<&str> = source.code.lines().collect();
    let constant = |complaint: &Complaint| {
        let line = lines[complaint.line - 1].trim_start();
        line.starts_with("const ") || line.starts_with("pub const ")
    };
    complaints.retain(|complaint| !constant(complaint));
    complaints
}

/// `#[expect(.., reason = "..")]` in place of `#[allow(..)]`.
pub fn allows(source: &Source) -> Vec<Complaint> {
    let mut complaints = find(
        source,
        false,
        &["#[allow(", "#![allow("],
        "use #[expect(.., reason = \"..\")]",
    );
    let all: Vec<&str> = source.code.lines().collect();
    for (line, code) in source.lines(true) {
        if code.contains("#[expect(") || code.contains("#![expect(") {
            let attribute: String = all.iter().skip(line - 1).take(6).copied().collect();
            if !attribute
                .split(")]")
                .next()
                .is_some_and(|text| text.contains("reason ="))
            {
                complaints.push(Complaint::new(&source.path, line, "#[expect(..)] without a reason"));
            }
        }
    }
    complaints
}

/// A test that does not run is worse than none.
pub fn ignored_tests(source: &Source) -> Vec<Complaint> {
    find(source, true, &["#[ignore"], "a test must run")
}

/// The first line of a file says what it owns.
pub fn module_doc(source: &Source) -> Vec<Complaint> {
    let good = source.text.starts_with("//! ") && source.text.lines().next().is_some_and(|line| line.len() > 10);
    if good {
        return Vec::new();
    }
    vec![Complaint::new(
        &source.path,
        1,
        "does not start with `//! ` and what it owns",
    )]
}

fn find(source: &Source, with_tests: bool, patterns: &[&str], why: &str) -> Vec<Complaint> {
    let mut complaints = Vec::new();
    for (line, code) in source.lines(with_tests) {
        for pattern in patterns.iter().filter(|pattern| code.contains(**pattern)) {
            complaints.push(Complaint::new(&source.path, line, format!("{pattern} {why}")));
        }
    }
    complaints
}

#[cfg(test)]
fn count(rule: fn(&Source) -> Vec<Complaint>, path: &str, text: &str) -> usize {
    rule(&Source::new(path, text)).len()
}

#[test]
fn imports_the_wrong_way_are_refused() {
    for (path, text) in [
        ("src/domain/a.rs", "use tokio::sync::mpsc;"),
        ("src/domain/a.rs", "use crate::store::Store;"),
        ("src/domain/a.rs", "use crate::{clock::Clock, domain::x};"),
        ("src/domain/a.rs", "fn a() -> std::fs::File {}"),
        ("src/gateway/a.rs", "use sea_orm::EntityTrait;"),
        ("src/actors/a.rs", "let a = entity::user::Entity;"),
        ("src/gateway/a.rs", "use actix::Addr;"),
        ("src/http/a.rs", "use actix::{Actor, Context};"),
        ("src/store/a.rs", "use actix_web::HttpResponse;"),
        ("src/store/a.rs", "use crate::{gateway, settings};"),
        ("src/http/a.rs", "use crate::store::Store;"),
        ("src/script/a.rs", "use crate::engine::Engine;"),
        ("src/actors/a.rs", "use mini_v8::MiniV8;"),
        ("src/actors/a.rs", "use crate::gateway::serve;"),
        ("src/store/a.rs", "let a = std::env::var(name);"),
        ("src/error.rs", "impl From<sea_orm::DbErr> for Error {}"),
    ] {
        assert_eq!(count(imports, path, text), 1, "{path}: {text}");
    }
    for (path, text) in [
        ("src/domain/a.rs", "use crate::domain::{ids::UserId, schedule};"),
        ("src/store/a.rs", "use entity::user; // and actix_web"),
        ("src/gateway/a.rs", "use actix_web::web; let text = \"sea_orm::x\";"),
        (
            "src/gateway/a.rs",
            "use crate::{domain::{store_like, x}, engine::Engine};",
        ),
        ("src/engine/mod.rs", "use actix::Addr;"),
        ("tests/it/a.rs", "use sea_orm::Database;"),
        (
            "src/actors/a.rs",
            "let kind = self.entity::<u8>(); automation::entity::x();",
        ),
    ] {
        assert_eq!(count(imports, path, text), 0, "{path}: {text}");
    }
}

#[test]
fn long_files_and_functions_are_refused() {
    assert_eq!(count(file_length, "tests/it/a.rs", &"//! x\n".repeat(501)), 1);
    assert_eq!(count(file_length, "tests/it/a.rs", &"//! x\n".repeat(500)), 0);
    assert!(long_file_warning(&Source::new("src/a.rs", &"\n".repeat(301))).is_some());
    let function = |lines: usize| format!("fn a() {{\n{}}}\n", "    x();\n".repeat(lines - 2));
    assert_eq!(count(function_length, "src/a.rs", &function(81)), 1);
    assert_eq!(count(function_length, "src/a.rs", &function(80)), 0);
    assert_eq!(count(function_length, "src/a_tests.rs", &function(81)), 0);
}

#[test]
fn reading_the_time_is_refused() {
    assert_eq!(count(clock, "src/actors/a.rs", "let a = std::time::Instant::now();"), 1);
    assert_eq!(count(clock, "src/domain/a.rs", "let a = Timestamp::now();"), 1);
    assert_eq!(count(clock, "src/clock.rs", "let a = Timestamp::now();"), 0);
    assert_eq!(
        count(clock, "src/store/a.rs", "let a = clock.now(); // Timestamp::now()"),
        0
    );
}

#[test]
fn unwraps_allows_and_ignores_are_refused() {
    assert_eq!(
        count(unwraps, "src/a.rs", "let a = b.unwrap();\nlet c = d.expect(\"no\");"),
        2
    );
    assert_eq!(
        count(unwraps, "src/a.rs", "let a = b.unwrap_or(0); parser.expect('(');"),
        0
    );
    assert_eq!(
        count(
            unwraps,
            "src/a.rs",
            "#[cfg(test)]\nmod tests {\n  fn a() { b.unwrap(); }\n}\n"
        ),
        0
    );
    assert_eq!(
        count(unwraps, "src/a.rs", "const A: X = X::new(1).expect(\"not zero\");"),
        0
    );
    assert_eq!(count(allows, "src/a.rs", "#[allow(dead_code)]\nfn a() {}"), 1);
    assert_eq!(count(allows, "src/a.rs", "#[expect(dead_code)]\nfn a() {}"), 1);
    assert_eq!(
        count(
            allows,
            "src/a.rs",
            "#[expect(\n    dead_code,\n    reason = \"soon\"\n)]\nfn a() {}"
        ),
        0
    );
    assert_eq!(
        count(
            ignored_tests,
            "tests/it/a.rs",
            "#[test]\n#[ignore = \"slow\"]\nfn a() {}"
        ),
        1
    );
}

#[test]
fn a_file_without_module_doc_is_refused() {
    assert_eq!(count(module_doc, "src/a.rs", "use x;\n//! late"), 1);
    assert_eq!(count(module_doc, "src/a.rs", "//! x"), 1);
    assert_eq!(count(module_doc, "src/a.rs", "//! Owns the clock.\n"), 0);
}
