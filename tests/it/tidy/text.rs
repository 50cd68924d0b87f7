//! Rules on files that are not Rust: no places outside the repository, every setting explained.

use super::rules::Complaint;

/// Folders of the people who write this; split, so that this file does not complain about itself.
const OUTSIDE: [[&str; 2]; 2] = [["/work/", "shared"], ["../", "shared"]];

/// A path that exists on one person's machine only.
pub fn outside_places(path: &str, text: &str) -> Vec<Complaint> {
    let lines = text.lines().enumerate();
    let bad = lines.filter(|(_, line)| OUTSIDE.iter().any(|place| line.contains(&place.concat())));
    bad.map(|(index, _)| Complaint::new(path, index + 1, "refers to a folder outside the repository"))
        .collect()
}

/// Every `key = value` has a comment behind it or on the line above.
pub fn uncommented_settings(path: &str, text: &str) -> Vec<Complaint> {
    let mut before = "";
    let mut complaints = Vec::new();
    for (index, line) in text.lines().enumerate() {
        let key = line.split_once('=').map(|(key, _)| key.trim()).filter(|key| {
            !key.is_empty()
                && key
                    .bytes()
                    .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_')
        });
        if let Some(key) = key
            && !line.contains("# ")
            && !before.starts_with('#')
        {
            complaints.push(Complaint::new(
                path,
                index + 1,
                format!("the setting {key} has no comment"),
            ));
        }
        before = line.trim();
    }
    complaints
}

#[test]
fn an_outside_place_is_found() {
    let bad = format!("# see\n# {} for more\n# {}/x", OUTSIDE[0].concat(), OUTSIDE[1].concat());
    assert_eq!(outside_places("a.toml", &bad).len(), 2);
    assert!(outside_places("a.toml", "# shared with all").is_empty());
}

#[test]
fn a_setting_without_comment_is_found() {
    let text = "# all about a\n\n[a]\nfirst = 1   # yes\nsecond = 2\n# above\nthird = 3\n";
    let found = uncommented_settings("base.toml", text);
    assert_eq!(found.len(), 1);
    assert!(found[0].to_string().contains("base.toml:5: the setting second"));
}
