//! A Rust file as the rules see it: its text with comments and literals blanked, which lines are tests, where functions are.

/// One Rust file.
pub struct Source {
    /// Relative to the root, with `/`.
    pub path: String,
    /// As it is on disk.
    pub text: String,
    /// The same lines and columns, with what is inside comments, strings and characters replaced by blanks.
    pub code: String,
    /// For each line of `code`: is it part of a test?
    test_lines: Vec<bool>,
}

/// A function with a body.
pub struct Function {
    /// Its name.
    pub name: String,
    /// Line of the word `fn`, from 1.
    pub line: usize,
    /// From there to the closing brace.
    pub lines: usize,
}

impl Source {
    pub fn new(path: &str, text: &str) -> Self {
        let code = blank_literals(text);
        let test_lines = test_lines(path, &code);
        Self {
            path: path.to_owned(),
            text: text.to_owned(),
            code,
            test_lines,
        }
    }

    /// Lines of code with their number from 1; tests only if asked.
    pub fn lines(&self, with_tests: bool) -> impl Iterator<Item = (usize, &str)> {
        let lines = self.code.lines().enumerate();
        let wanted = lines.filter(move |(index, _)| with_tests || !self.is_test(index + 1));
        wanted.map(|(index, line)| (index + 1, line))
    }

    /// Is this line (from 1) part of a test?
    pub fn is_test(&self, line: usize) -> bool {
        self.test_lines.get(line - 1).copied().unwrap_or(false)
    }

    /// Every function that has a body.
    pub fn functions(&self) -> Vec<Function> {
        let bytes = self.code.as_bytes();
        let starts = self.code.match_indices("fn ").map(|(at, _)| at);
        let words = starts.filter(|&at| at == 0 || !is_word(bytes[at - 1]));
        words
            .filter_map(|at| {
                let rest = &self.code[at + 3..];
                let name: String = rest.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
                let open = at + 3 + body_start(rest)?;
                let end = closing(&self.code, open)?;
                let line = 1 + newlines(&self.code[..at]);
                let lines = 1 + newlines(&self.code[at..end]);
                (!name.is_empty()).then_some(Function { name, line, lines })
            })
            .collect()
    }
}

/// May be part of an identifier.
pub fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_'
}

fn newlines(text: &str) -> usize {
    text.bytes().filter(|byte| *byte == b'\n').count()
}

/// Where a function's body opens; `None` for one without (a trait's, or the type `fn (..)`).
fn body_start(rest: &str) -> Option<usize> {
    let mut depth = 0_usize;
    for (at, c) in rest.char_indices() {
        match c {
            '(' | '[' => depth += 1,
            ')' | ']' => depth = depth.checked_sub(1)?,
            '{' if depth == 0 => return Some(at),
            ';' | ',' | '=' if depth == 0 && !inside_angles(&rest[..at], c) => return None,
            _ => {}
        }
    }
    None
}

/// Commas and equal signs are ordinary between `<` and `>` and in where clauses; `;` ends a declaration.
fn inside_angles(before: &str, c: char) -> bool {
    c != ';'
        && (before.matches('<').count() > before.replace("->", "").matches('>').count() || before.contains("where"))
}

/// The brace that closes the one at `open`.
fn closing(code: &str, open: usize) -> Option<usize> {
    let mut depth = 0_usize;
    for (at, c) in code[open..].char_indices() {
        match c {
            '{' => depth += 1,
            '}' => {
                depth -= 1;
                if depth == 0 {
                    return Some(open + at);
                }
            }
            _ => {}
        }
    }
    None
}

fn test_lines(path: &str, code: &str) -> Vec<bool> {
    let count = code.lines().count();
    let name = path.rsplit('/').next().unwrap_or(path);
    let folder = |name: &str| path.starts_with(&format!("{name}/")) || path.contains(&format!("/{name}/"));
    if folder("tests") || folder("benches") || name.ends_with("_tests.rs") || name == "tests.rs" {
        return vec![true; count];
    }
    let mut marked = vec![false; count];
    for (at, _) in code.match_indices("#[cfg(test)]") {
        let rest = &code[at..];
        let open = rest.find('{').unwrap_or(usize::MAX);
        // An item without a body (`use ..;`, `mod tests;`) ends at its semicolon.
        let end = match rest.find(';') {
            Some(semicolon) if semicolon < open => at + semicolon,
            _ => closing(code, at + open.min(rest.len() - 1)).unwrap_or(code.len()),
        };
        let first = newlines(&code[..at]);
        let last = newlines(&code[..end.min(code.len())]);
        marked
            .iter_mut()
            .take(last + 1)
            .skip(first)
            .for_each(|line| *line = true);
    }
    marked
}

/// Replaces what is inside comments, strings and characters by blanks; quotes, line breaks and columns stay.
fn blank_literals(text: &str) -> String {
    let chars: Vec<char> = text.chars().collect();
    let at = |index: usize| chars.get(index).copied().unwrap_or('\0');
    let blank = |c: char| if c == '\n' { '\n' } else { ' ' };
    let mut code = String::with_capacity(text.len());
    let mut i = 0;
    while i < chars.len() {
        let literal_end = match at(i) {
            '/' if at(i + 1) == '/' => Some((until(&chars, i, "\n"), false)),
            '/' if at(i + 1) == '*' => Some((comment_end(&chars, i), false)),
            '"' => Some((string_end(&chars, i + 1), true)),
            'r' if !follows_word(&chars, i) => raw_string_end(&chars, i).map(|end| (end, true)),
            '\'' if at(i + 1) == '\\' || at(i + 2) == '\'' => Some((char_end(&chars, i + 1), true)),
            _ => None,
        };
        let Some((end, quoted)) = literal_end else {
            code.push(at(i));
            i += 1;
            continue;
        };
        for (index, c) in chars.iter().enumerate().take(end).skip(i) {
            let edge = index == i || index + 1 == end;
            code.push(if quoted && edge { *c } else { blank(*c) });
        }
        i = end.max(i + 1);
    }
    code
}

/// `r` as the end of a name, as in `for`, is no raw string; `br` is one.
fn follows_word(chars: &[char], i: usize) -> bool {
    i > 0 && (chars[i - 1].is_alphanumeric() || chars[i - 1] == '_') && !(chars[i - 1] == 'b' && i == 1)
}

fn until(chars: &[char], from: usize, stop: &str) -> usize {
    (from..chars.len())
        .find(|&index| stop.contains(chars[index]))
        .unwrap_or(chars.len())
}

fn comment_end(chars: &[char], from: usize) -> usize {
    let mut depth = 0_usize;
    let mut i = from;
    while i + 1 < chars.len() {
        match (chars[i], chars[i + 1]) {
            ('/', '*') => (depth, i) = (depth + 1, i + 2),
            ('*', '/') => (depth, i) = (depth - 1, i + 2),
            _ => i += 1,
        }
        if depth == 0 {
            return i;
        }
    }
    chars.len()
}

fn string_end(chars: &[char], from: usize) -> usize {
    let mut i = from;
    while i < chars.len() {
        match chars[i] {
            '\\' => i += 2,
            '"' => return i + 1,
            _ => i += 1,
        }
    }
    chars.len()
}

fn raw_string_end(chars: &[char], from: usize) -> Option<usize> {
    let hashes = chars[from + 1..].iter().take_while(|c| **c == '#').count();
    let mut i = from + 1 + hashes;
    if chars.get(i) != Some(&'"') {
        return None;
    }
    loop {
        i += 1;
        match chars.get(i) {
            None => return Some(chars.len()),
            Some('"') if chars[i + 1..].iter().take(hashes).filter(|c| **c == '#').count() == hashes => {
                return Some(i + 1 + hashes);
            }
            Some(_) => {}
        }
    }
}

fn char_end(chars: &[char], from: usize) -> usize {
    let mut i = from;
    while i < chars.len() {
        match chars[i] {
            '\\' => i += 2,
            '\'' => return i + 1,
            _ => i += 1,
        }
    }
    chars.len()
}

#[test]
fn comments_and_literals_are_blanked() {
    let text = "let a = \"x // y\"; // z.unwrap()\nlet b = r#\"q\" .unwrap()\"#; let c = 'x'; let d: &'static str = \"\\\"\";\n/* a /* b */ c */ e";
    let source = Source::new("src/a.rs", text);
    for gone in ["unwrap", "//", "q", "/*", " b ", "x"] {
        assert!(
            !source.code.replace("let b", "").contains(gone),
            "{gone}: {}",
            source.code
        );
    }
    assert!(
        source.code.contains("&'static str") && source.code.ends_with(" e"),
        "{}",
        source.code
    );
    assert_eq!(source.code.lines().count(), 3);
    assert_eq!(source.code.chars().count(), text.chars().count());
}

#[test]
fn test_modules_are_found() {
    let text = "fn a() {}\n#[cfg(test)]\nuse x;\nfn b() {}\n#[cfg(test)]\nmod tests {\n  fn c() {}\n}\nfn d() {}";
    let source = Source::new("src/a.rs", text);
    let kept: Vec<usize> = source.lines(false).map(|(number, _)| number).collect();
    assert_eq!(kept, [1, 4, 9]);
    assert_eq!(Source::new("src/x_tests.rs", text).lines(false).count(), 0);
    assert_eq!(Source::new("tests/it/x.rs", text).lines(false).count(), 0);
}

#[test]
fn functions_are_measured() {
    let text = "trait T { fn none(&self) -> u8; }\npub async fn one<A: Into<B>, B>(f: fn(u8) -> u8) -> Vec<A>\nwhere\n    A: X,\n{\n    if x { y }\n}\nfn two() { \"{\" }";
    let found: Vec<(String, usize, usize)> = Source::new("src/a.rs", text)
        .functions()
        .into_iter()
        .map(|function| (function.name, function.line, function.lines))
        .collect();
    assert_eq!(found, [("one".to_owned(), 2, 6), ("two".to_owned(), 8, 1)]);
}
