//! What may stand in a template's tags: values, filters, `if` and `for`. Whatever could make much of little (variables, joined
//! texts, repeated ones) is left out, so that the limits on steps and output bound the memory, too. For more there are scripts.

/// Statements that there are.
const STATEMENTS: [&str; 6] = ["if", "elif", "else", "endif", "for", "endfor"];

/// Where one is in a template.
struct Scan<'a> {
    rest: &'a str,
    line: usize,
}

/// Checks the tags of a template.
///
/// # Errors
/// What may not stand there, with the line.
pub(super) fn check(text: &str) -> Result<(), String> {
    let mut scan = Scan { rest: text, line: 1 };
    while let Some(start) = scan.rest.find('{') {
        scan.skip(start);
        if scan.rest.starts_with("{#") {
            scan.comment()?;
        } else if scan.rest.starts_with("{{") {
            scan.skip(2);
            scan.tag("}}", Place::Value)?;
        } else if scan.rest.starts_with("{%") {
            scan.skip(2);
            scan.statement()?;
        } else {
            scan.skip(1);
        }
    }
    Ok(())
}

/// Which kind of tag it is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    Value,
    Statement,
    /// One `in` belongs to it.
    Loop,
}

impl Scan<'_> {
    fn skip(&mut self, bytes: usize) {
        let (gone, rest) = self.rest.split_at_checked(bytes).unwrap_or((self.rest, ""));
        self.line += gone.matches('\n').count();
        self.rest = rest;
    }

    fn wrong<T>(&self, what: &str) -> Result<T, String> {
        Err(format!("line {}: {what}", self.line))
    }

    fn comment(&mut self) -> Result<(), String> {
        match self.rest.find("#}") {
            Some(end) => {
                self.skip(end + 2);
                Ok(())
            }
            None => self.wrong("the comment has no end; write #}"),
        }
    }

    fn statement(&mut self) -> Result<(), String> {
        let inner = self.rest.trim_start_matches(['-', '+']).trim_start();
        let word: String = inner.chars().take_while(|c| is_word(*c)).collect();
        if !STATEMENTS.contains(&word.as_str()) {
            return self.wrong(&format!(
                "there is no statement {word:?} in templates; there are {}. For more, use a script",
                STATEMENTS.join(", ")
            ));
        }
        let place = if word == "for" { Place::Loop } else { Place::Statement };
        self.tag("%}", place)
    }

    /// The rest of a tag.
    fn tag(&mut self, end: &str, place: Place) -> Result<(), String> {
        let mut loops_left = usize::from(place == Place::Loop);
        let mut is_first = true;
        loop {
            if self.rest.starts_with(end) {
                self.skip(end.len());
                return Ok(());
            }
            let Some(next) = self.rest.chars().next() else {
                return self.wrong(&format!("a tag has no end; write {end}"));
            };
            match next {
                '"' | '\'' => self.text(next)?,
                '{' | '}' => return self.wrong("an object cannot be written in a template; use a script"),
                ':' => return self.wrong("parts are not cut out with : in a template; use a script"),
                '~' => return self.wrong("texts are not joined with ~ in a template; write one value after the other"),
                '*' => return self.wrong("there is no * in a template; use the filter times, or a script"),
                // `+}}` and `{{+` keep blanks.
                '+' if is_first || self.rest.get(1..).is_some_and(|rest| rest.starts_with(end)) => self.skip(1),
                '+' => return self.wrong("there is no + in a template; use the filter plus, or a script"),
                _ if is_word(next) => {
                    let word: String = self.rest.chars().take_while(|c| is_word(*c)).collect();
                    if word == "in" {
                        if loops_left == 0 {
                            return self.wrong("there is no \"in\" but that of a for; compare with == and or");
                        }
                        loops_left -= 1;
                    }
                    self.skip(word.len());
                }
                _ => self.skip(next.len_utf8()),
            }
            is_first = false;
        }
    }

    fn text(&mut self, quote: char) -> Result<(), String> {
        let mut is_escaped = false;
        for (at, c) in self.rest.char_indices().skip(1) {
            match c {
                _ if is_escaped => is_escaped = false,
                '\\' => is_escaped = true,
                _ if c == quote => {
                    self.skip(at + 1);
                    return Ok(());
                }
                _ => {}
            }
        }
        self.wrong("a text has no end")
    }
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

#[cfg(test)]
mod tests {
    use super::check;

    #[test]
    fn values_filters_conditions_and_loops_may_stand_there() {
        for good in [
            "",
            "no tag { at } all {}",
            r#"{"name": {{ item.Name|tojson }}, "in": "a + b ~ c * d"}"#,
            "{% for line in item.Lines %}{{ loop.index }}: {{ line['in + *'] }}\n{% endfor %}",
            "{%- if item.Amount > 1000 and item.Status == \"ready\" -%}x{% elif not item.Paid %}y{% else %}z{% endif +%}",
            "{# whatever ~ * set #}{{ \"}}\" }}{{+ item.Name +}}",
            "{{ item.Lines[0].Amount|round(2) - 1 }}",
        ] {
            assert_eq!(check(good), Ok(()), "{good}");
        }
    }

    #[test]
    fn what_makes_much_of_little_is_refused() {
        for (wrong, said) in [
            ("{% set a = item.Name %}", "line 1: there is no statement \"set\""),
            ("\n\n{% macro a() %}", "line 3: there is no statement \"macro\""),
            ("{% raw %}", "\"raw\""),
            ("{%%}", "there is no statement \"\""),
            ("{{ a ~ a }}", "~"),
            ("{{ 'x' * 1000000 }}", "times"),
            ("{{ a + a }}", "plus"),
            ("{{ a +a }}", "plus"),
            ("{{ {'a': 1} }}", "object"),
            ("{{ [item] in 'a' }}", "\"in\""),
            ("{% for x in [y in 'z'] %}", "\"in\""),
            ("{% if 'a' in b %}", "\"in\""),
            ("{{ item", "no end"),
            ("{# item", "no end"),
            ("{{ 'item", "a text has no end"),
        ] {
            let found = check(wrong).unwrap_err();
            assert!(found.contains(said), "{wrong}: {found}");
        }
    }
}
