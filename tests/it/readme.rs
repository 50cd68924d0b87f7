//! README.md is run: every `sh` block, in order, in one bash against a real demo process.
//!
//! Behind a block, `<!-- expect: TEXT -->` is what its output must contain; with `<!-- until: TEXT -->` the block is repeated until it
//! does, as a reader would who looks again.

use std::{
    io::{BufRead, BufReader, Write},
    process::{Child, Command, Stdio},
};

use crate::support::{
    PATIENCE,
    process::{Deadline, Orrery, curl_is_here},
};

/// Printed after each block, so that its output has an end.
const END: &str = "--- end of block ---";

struct Block {
    line: usize,
    code: String,
    expected: String,
    repeat: bool,
}

/// The `sh` blocks with what is said behind them.
fn blocks(readme: &str) -> Vec<Block> {
    let mut blocks: Vec<Block> = Vec::new();
    let mut inside = false;
    for (index, line) in readme.lines().enumerate() {
        if line == "```sh" {
            inside = true;
            blocks.push(Block {
                line: index + 2,
                code: String::new(),
                expected: String::new(),
                repeat: false,
            });
        } else if line == "```" {
            inside = false;
        } else if let Some(block) = blocks.last_mut() {
            if inside {
                block.code += &format!("{line}\n");
            }
            for (mark, repeat) in [("<!-- expect: ", false), ("<!-- until: ", true)] {
                if let Some(text) = line.strip_prefix(mark).and_then(|rest| rest.strip_suffix(" -->")) {
                    (block.expected, block.repeat) = (text.to_owned(), repeat);
                }
            }
        }
    }
    blocks
}

/// A bash that keeps its variables from block to block.
struct Shell {
    child: Child,
    output: BufReader<std::process::ChildStdout>,
}

impl Shell {
    fn start(exports: &str) -> Self {
        let mut child = Command::new("bash")
            .args(["-c", "exec bash 2>&1"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let output = BufReader::new(child.stdout.take().unwrap());
        let mut shell = Self { child, output };
        shell.run(exports);
        shell
    }

    fn run(&mut self, code: &str) -> String {
        let input = self.child.stdin.as_mut().unwrap();
        writeln!(input, "{code}\nprintf '\\n%s\\n' '{END}'").unwrap();
        let mut text = String::new();
        loop {
            let mut line = String::new();
            assert!(self.output.read_line(&mut line).unwrap() > 0, "bash ended: {text}");
            if line.trim_end() == END {
                return text;
            }
            text += &line;
        }
    }
}

impl Drop for Shell {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn every_curl_line_of_the_readme_works() {
    if !curl_is_here() {
        return;
    }
    let readme = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/README.md")).unwrap();
    let blocks = blocks(&readme);
    assert!(blocks.len() > 10, "README.md lost its example");
    let mut demo = Orrery::start(&["demo"], &[]);
    let exports: Vec<String> = (0..3).map(|_| demo.stdout_line_with("export ")).collect();
    let mut shell = Shell::start(&exports.join("\n"));
    for block in &blocks {
        let deadline = Deadline::after(PATIENCE);
        loop {
            let shown = shell.run(&block.code);
            // A refusal says under which id it is in the log; it is fine where it is what is to be seen.
            let is_refused = shown
                .lines()
                .filter(|line| line.contains("\"requestId\":"))
                .any(|line| block.expected.is_empty() || !line.contains(&block.expected));
            let good = shown.contains(&block.expected) && (block.repeat || !is_refused);
            if good {
                break;
            }
            assert!(
                block.repeat && !deadline.is_over(),
                "README.md:{}: no {:?} in\n{shown}\n{}",
                block.line,
                block.expected,
                block.code
            );
            deadline.pause();
        }
    }
    assert_eq!(demo.terminate(), Some(0));
}

/// The one in src/lib.rs is compiled by `cargo test`.
#[test]
fn the_embedding_is_the_one_that_is_compiled() {
    let root = env!("CARGO_MANIFEST_DIR");
    let readme = std::fs::read_to_string(format!("{root}/README.md")).unwrap();
    let library = std::fs::read_to_string(format!("{root}/src/lib.rs")).unwrap();
    let block = readme
        .split("```rust\n")
        .nth(1)
        .and_then(|rest| rest.split("```").next())
        .unwrap();
    let lines = library.lines().filter_map(|line| line.strip_prefix("//!"));
    let docs: Vec<&str> = lines.map(|line| line.strip_prefix(' ').unwrap_or(line)).collect();
    assert!(
        docs.join("\n").contains(block.trim_end()),
        "README.md and src/lib.rs differ:\n{block}"
    );
}

#[test]
fn blocks_are_found_with_what_they_show() {
    let found = blocks(
        "a\n```sh\none\ntwo\n```\n<!-- expect: x -->\n\n```sh\nthree\n```\n<!-- until: y z -->\n```\nnot\n```\n",
    );
    let shown: Vec<_> = found
        .iter()
        .map(|block| (block.line, block.code.as_str(), block.expected.as_str(), block.repeat))
        .collect();
    assert_eq!(shown, [(3, "one\ntwo\n", "x", false), (9, "three\n", "y z", true)]);
}
