//! The rules of this code base that a compiler does not hold, run on the whole tree. Each rule is shown to fail in `tidy/rules.rs`.

mod readme;
mod rules;
mod source;
mod text;

use std::{
    fs,
    path::{Path, PathBuf},
};

use rules::Complaint;
use source::Source;

/// Folders that hold nothing of ours: build output, git's own files, a local engine's data.
const SKIPPED: [&str; 3] = ["target", ".git", "data"];

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// Every text file of the tree, its path relative to the root with `/`, in order.
fn files() -> Vec<(String, String)> {
    fn walk(folder: &Path, found: &mut Vec<PathBuf>) {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            if path.is_dir() {
                // A key or a database may lie in a folder that a developer's engine made; it is not ours to read.
                if !SKIPPED.contains(&name.as_str()) {
                    walk(&path, found);
                }
            } else if path.is_file() {
                found.push(path);
            }
        }
    }
    let root = root();
    let mut found = Vec::new();
    walk(&root, &mut found);
    found.sort();
    let relative = |path: &PathBuf| path.strip_prefix(&root).unwrap().to_string_lossy().into_owned();
    found
        .iter()
        // What is not UTF-8 is an image or a database: no rule is about those.
        .filter_map(|path| Some((relative(path), fs::read_to_string(path).ok()?)))
        .collect()
}

fn sources() -> Vec<Source> {
    let rust = files().into_iter().filter(|(path, _)| path.ends_with(".rs"));
    rust.map(|(path, text)| Source::new(&path, &text)).collect()
}

fn refuse(complaints: Vec<Complaint>) {
    let list: Vec<String> = complaints.iter().map(ToString::to_string).collect();
    assert!(list.is_empty(), "\n\n{}\n\n{} in all", list.join("\n"), list.len());
}

fn check(rule: fn(&Source) -> Vec<Complaint>) {
    refuse(sources().iter().flat_map(rule).collect());
}

#[test]
fn imports_go_one_way() {
    check(rules::imports);
}

#[test]
fn files_are_short() {
    for source in sources() {
        if let Some(warning) = rules::long_file_warning(&source) {
            println!("warning: {warning}");
        }
    }
    check(rules::file_length);
}

#[test]
fn functions_are_short() {
    check(rules::function_length);
}

#[test]
fn only_the_clock_reads_the_time() {
    check(rules::clock);
}

#[test]
fn nothing_unwraps_outside_tests() {
    check(rules::unwraps);
}

#[test]
fn lints_are_expected_with_a_reason_never_allowed() {
    check(rules::allows);
}

#[test]
fn no_test_is_ignored() {
    check(rules::ignored_tests);
}

#[test]
fn every_file_says_what_it_owns() {
    check(rules::module_doc);
}

#[test]
fn nothing_refers_to_places_outside_the_repository() {
    refuse(
        files()
            .iter()
            .flat_map(|(path, content)| text::outside_places(path, content))
            .collect(),
    );
}

#[test]
fn every_setting_has_a_comment() {
    let path = "settings/base.toml";
    refuse(text::uncommented_settings(
        path,
        &fs::read_to_string(root().join(path)).unwrap(),
    ));
}

#[test]
fn the_map_in_the_readme_is_complete() {
    let readme = fs::read_to_string(root().join("README.md")).unwrap();
    let paths: Vec<String> = files().into_iter().map(|(path, _)| path).collect();
    refuse(readme::map(&readme, &paths));
}
