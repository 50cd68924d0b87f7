//! What differs between two texts, line by line, with a few lines around.

use std::ops::Range;

use similar::{Algorithm, DiffOp, capture_diff_slices, group_diff_ops};

/// Most lines of a text that is compared.
const COMPARED_MAX: usize = 1_500;
/// Most lines of a difference.
const SHOWN_MAX: usize = 2_000;
/// Lines that are the same and shown around those that are not.
const AROUND: usize = 3;

/// See the module.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Difference<'a> {
    /// The lines, and whether there are more than are shown.
    Lines(Vec<Line<'a>>, bool),
    /// A page cannot wait for it.
    TooLong,
}

/// A line with its number in the old text, the new one, or both, from 1.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Line<'a> {
    Same(usize, usize, &'a str),
    Gone(usize, &'a str),
    Come(usize, &'a str),
    /// Same lines that are left out.
    Left,
}

/// What is gone from `old` and new in `new`.
pub(super) fn between<'a>(old: &'a str, new: &'a str) -> Difference<'a> {
    // Not `lines()`: a line end more at the end is a difference, too.
    let (old, new): (Vec<&str>, Vec<&str>) = (old.split('\n').collect(), new.split('\n').collect());
    if old.len() > COMPARED_MAX || new.len() > COMPARED_MAX {
        return Difference::TooLong;
    }
    let operations = capture_diff_slices(Algorithm::Myers, &old, &new);
    let mut lines = Vec::new();
    for group in group_diff_ops(operations, AROUND) {
        let begins_at = group.first().map_or(0, |operation| operation.old_range().start);
        if begins_at > 0 || !lines.is_empty() {
            lines.push(Line::Left);
        }
        for operation in group {
            add(&mut lines, &operation, &old, &new);
        }
    }
    let more = lines.len() > SHOWN_MAX;
    lines.truncate(SHOWN_MAX);
    Difference::Lines(lines, more)
}

fn add<'a>(lines: &mut Vec<Line<'a>>, operation: &DiffOp, old: &[&'a str], new: &[&'a str]) {
    let (before, after) = (operation.old_range(), operation.new_range());
    if let DiffOp::Equal { .. } = operation {
        let both = numbered(old, before).zip(after);
        lines.extend(both.map(|((number, text), at)| Line::Same(number, at + 1, text)));
        return;
    }
    lines.extend(numbered(old, before).map(|(number, text)| Line::Gone(number, text)));
    lines.extend(numbered(new, after).map(|(number, text)| Line::Come(number, text)));
}

fn numbered<'a>(lines: &[&'a str], range: Range<usize>) -> impl Iterator<Item = (usize, &'a str)> {
    let of_range = lines.get(range.clone()).unwrap_or_default();
    range.map(|at| at + 1).zip(of_range.iter().copied())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn changed_lines_stand_among_those_around_them() {
        let old = "a\nb\nc\nd\ne\nf\ng\n";
        let new = "a\nb\nc\nd\nE\nf\ng\nh\n";
        let Difference::Lines(lines, false) = between(old, new) else {
            panic!("short")
        };
        assert_eq!(
            lines,
            [
                Line::Left,
                Line::Same(2, 2, "b"),
                Line::Same(3, 3, "c"),
                Line::Same(4, 4, "d"),
                Line::Gone(5, "e"),
                Line::Come(5, "E"),
                Line::Same(6, 6, "f"),
                Line::Same(7, 7, "g"),
                Line::Come(8, "h"),
                Line::Same(8, 9, ""),
            ]
        );
        assert_eq!(between(old, old), Difference::Lines(Vec::new(), false));
    }

    #[test]
    fn texts_from_strangers_do_not_hold_a_page_up() {
        let line = |number: usize| format!("{number}\n");
        let old: String = (0..1_400).map(line).collect();
        let new: String = (5_000..6_400).map(line).collect();
        let Difference::Lines(lines, more) = between(&old, &new) else {
            panic!("short enough")
        };
        assert!(more && lines.len() == SHOWN_MAX);
        assert_eq!(between(&"\n".repeat(COMPARED_MAX), ""), Difference::TooLong);
    }
}
