//! The rule on the map in README.md: it names every top folder and every module of `src`.

use std::collections::BTreeSet;

use super::rules::Complaint;

/// The heading that the map is under.
const HEADING: &str = "## Map of the code";

/// Everything that the map has to name, and does not.
pub fn map(readme: &str, paths: &[String]) -> Vec<Complaint> {
    let Some(start) = readme.find(HEADING) else {
        return vec![Complaint::new("README.md", 1, format!("has no part `{HEADING}`"))];
    };
    let after = &readme[start + HEADING.len()..];
    let map = &after[..after.find("\n## ").unwrap_or(after.len())];
    let line = 1 + readme[..start].matches('\n').count();
    let words: BTreeSet<&str> = map
        .split(|c: char| c.is_whitespace() || c == '`' || c == ',')
        .filter(|word| !word.is_empty())
        .collect();
    let missing = expected(paths)
        .into_iter()
        .filter(|name| !words.contains(name.as_str()));
    missing
        .map(|name| Complaint::new("README.md", line, format!("the map does not name {name}")))
        .collect()
}

/// `tests/` for a top folder, `store/` and `clock.rs` for modules of `src`.
fn expected(paths: &[String]) -> BTreeSet<String> {
    let part = |path: &str| match path.split_once('/') {
        Some((folder, _)) => format!("{folder}/"),
        None => path.to_owned(),
    };
    let folders = paths.iter().filter(|path| path.contains('/')).map(|path| part(path));
    let modules = paths.iter().filter_map(|path| path.strip_prefix("src/")).map(part);
    let mut names: BTreeSet<String> = folders.chain(modules).collect();
    // `telemetry.rs` and the folder `telemetry/` below it are one module.
    let parents: Vec<String> = names
        .iter()
        .filter_map(|name| Some(format!("{}/", name.strip_suffix(".rs")?)))
        .collect();
    parents.iter().for_each(|folder| {
        names.remove(folder);
    });
    names
}

#[test]
fn a_missing_name_is_found() {
    let paths: Vec<String> = [
        "src/clock.rs",
        "src/clock/x.rs",
        "src/store/mod.rs",
        "tests/it/a.rs",
        "Makefile",
        ".v8/x",
    ]
    .map(str::to_owned)
    .into();
    let readme = "# A\n\n## Map of the code\n\n    src/  `clock.rs`\n    .v8/\n\n## Next\n\ntests/ store/\n";
    let found: Vec<String> = map(readme, &paths).iter().map(ToString::to_string).collect();
    assert_eq!(
        found,
        [
            "README.md:3: the map does not name store/",
            "README.md:3: the map does not name tests/"
        ]
    );
    assert_eq!(map("# A", &paths).len(), 1);
}
