//! Templates of addresses, headers and bodies: values put into a text, escaped for where they stand. Every render is bounded in
//! steps, in output and in what its filters make; nothing is loaded, and a name that is not there is an error that says so.

use minijinja::{AutoEscape, Environment, Error, ErrorKind, Output, State, UndefinedBehavior, Value, tests as checks};

use super::{
    escape::{Escape, Escaping},
    filters::{self, Bounded, OUTPUT_BYTES_MAX, too_much, write_json, write_plainly},
    syntax,
};

/// Longest template, bytes.
const TEMPLATE_BYTES_MAX: usize = 65_536;
/// Steps of one render.
const FUEL: u64 = 20_000;
/// Calls within calls.
const RECURSION_MAX: usize = 32;

/// Whether a text can be used as a template.
///
/// # Errors
/// What is wrong with it, in words.
pub fn check_template(text: &str) -> Result<(), String> {
    if text.len() > TEMPLATE_BYTES_MAX {
        return Err(format!(
            "must be at most {TEMPLATE_BYTES_MAX} bytes long, and has {}",
            text.len()
        ));
    }
    syntax::check(text)?;
    let environment = environment(Escape::Plain);
    let checked = environment.template_from_str(text);
    checked.map(|_| ()).map_err(|error| said(&error))
}

/// Puts values into a template.
///
/// # Errors
/// What is wrong, in words: another attempt with the same values fails in the same way.
pub(super) fn render(text: &str, escape: Escape, scope: &Value) -> Result<String, String> {
    let too_long = || format!("it becomes longer than {OUTPUT_BYTES_MAX} bytes");
    render_within(text, escape, scope, (OUTPUT_BYTES_MAX, &too_long))
}

/// As [`render`], to at most so many bytes, with what is said of more.
///
/// # Errors
/// As [`render`].
pub(super) fn render_within(
    text: &str,
    escape: Escape,
    scope: &Value,
    (bytes_max, too_long): (usize, &dyn Fn() -> String),
) -> Result<String, String> {
    // Most headers have no tag at all.
    if !text.contains('{') {
        return match text.len() > bytes_max {
            true => Err(too_long()),
            false => Ok(text.to_owned()),
        };
    }
    check_template(text)?;
    let environment = environment(escape);
    let template = environment.template_from_str(text).map_err(|error| said(&error))?;
    let mut out = Bounded::new(bytes_max);
    if let Err(error) = template.render_captured_to(scope.clone(), &mut out) {
        return Err(match error.kind() {
            _ if out.is_full => too_long(),
            ErrorKind::UndefinedError => missing(&template.undeclared_variables(true), scope, &error),
            _ => said(&error),
        });
    }
    String::from_utf8(out.bytes).map_err(|_| "it becomes no text".to_owned())
}

fn environment(escape: Escape) -> Environment<'static> {
    let mut environment = Environment::empty();
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    environment.set_fuel(Some(FUEL));
    environment.set_recursion_limit(RECURSION_MAX);
    environment.set_keep_trailing_newline(true);
    environment.set_auto_escape_callback(move |_| AutoEscape::Custom(escape.name()));
    environment.set_formatter(write_value);
    filters::install(&mut environment);
    environment.add_test("defined", checks::is_defined);
    environment.add_test("undefined", checks::is_undefined);
    environment.add_test("none", checks::is_none);
    environment.add_test("null", checks::is_none);
    environment.add_test("number", checks::is_number);
    environment.add_test("string", checks::is_string);
    environment.add_test("boolean", checks::is_boolean);
    environment.add_test("list", checks::is_sequence);
    environment.add_test("object", checks::is_mapping);
    environment
}

/// How a value is written where it stands.
fn write_value(out: &mut Output<'_>, state: &State<'_, '_>, value: &Value) -> Result<(), Error> {
    let escape = match state.auto_escape() {
        AutoEscape::Custom(name) => Escape::named(name),
        _ => Escape::Plain,
    };
    let done = match (value.as_str(), escape) {
        (Some(text), _) if value.is_safe() => out.write_str(text),
        (None, Escape::Json) => write_json(out, value),
        (_, escape) => write_plainly(&mut Escaping { out, escape }, value),
    };
    done.map_err(|_| too_much())
}

/// The error with its place.
fn said(error: &Error) -> String {
    let what = match (error.kind(), error.detail()) {
        (ErrorKind::OutOfFuel, _) => format!("it takes more than {FUEL} steps; use a script"),
        (_, Some(detail)) => detail.to_owned(),
        (kind, None) => kind.to_string(),
    };
    match error.line() {
        Some(line) => format!("line {line}: {what}"),
        None => what,
    }
}

/// Names what is not there.
fn missing(names: &std::collections::HashSet<String>, scope: &Value, error: &Error) -> String {
    let is_missing = |path: &&String| {
        let mut value = scope.clone();
        for name in path.split('.') {
            match value.get_attr(name) {
                Ok(found) if !found.is_undefined() => value = found,
                _ => return true,
            }
        }
        false
    };
    let mut missing: Vec<&str> = names.iter().filter(is_missing).map(String::as_str).collect();
    missing.sort_unstable();
    let line = error.line().map_or_else(String::new, |line| format!("line {line}: "));
    match missing.first() {
        Some(name) => format!(
            "{line}there is no {}; if it may be absent, write {{{{ {name}|default(\"\") }}}}",
            missing.join(", ")
        ),
        None => format!("{line}a value is not there"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn scope() -> Value {
        Value::from_serialize(json!({
            "item": {
                "Name": "A \"b\" & <c>/d", "Amount": 1000.5, "Count": 3, "Big": 9_223_372_036_854_775_807_i64, "Nothing": null,
                "Paid": true, "Lines": [{"No": 1, "Text": "x"}, {"No": 2, "Text": "y\"z"}], "Long": "x".repeat(1_000_000),
            },
            "now": "2026-11-22T12:00:00Z",
        }))
    }

    fn rendered(text: &str, escape: Escape) -> Result<String, String> {
        render(text, escape, &scope())
    }

    #[test]
    fn values_are_escaped_for_where_they_stand() {
        let all = r#"{{ item.Name }}|{{ item.Amount }}|{{ item.Count }}|{{ item.Nothing }}|{{ item.Paid }}"#;
        for (escape, expected) in [
            (Escape::Url, "A%20%22b%22%20%26%20%3Cc%3E%2Fd|1000.5|3||true"),
            (Escape::Json, r#"A \"b\" & <c>/d|1000.5|3|null|true"#),
            (Escape::Xml, "A &quot;b&quot; &amp; &lt;c&gt;/d|1000.5|3||true"),
            (Escape::Plain, "A \"b\" & <c>/d|1000.5|3||true"),
        ] {
            assert_eq!(rendered(all, escape).unwrap(), expected);
        }
        assert_eq!(
            rendered("{{ item.Name|safe }}", Escape::Url).unwrap(),
            "A \"b\" & <c>/d"
        );
        assert_eq!(
            rendered("{{ item.Name|urlencode }}", Escape::Plain).unwrap(),
            "A%20%22b%22%20%26%20%3Cc%3E%2Fd"
        );
        assert_eq!(rendered("{{ item.Big }}", Escape::Json).unwrap(), "9223372036854775807");
    }

    #[test]
    fn a_json_body_is_json_whatever_the_values_are() {
        let body = r#"{"name": "{{ item.Name }}", "again": {{ item.Name|tojson }}, "amount": {{ item.Amount }},
            "nothing": {{ item.Nothing }}, "lines": {{ item.Lines }},
            "texts": [{% for line in item.Lines %}{{ line.Text|tojson }}{% if not loop.last %},{% endif %}{% endfor %}]}"#;
        let parsed: serde_json::Value = serde_json::from_str(&rendered(body, Escape::Json).unwrap()).unwrap();
        let name = "A \"b\" & <c>/d";
        assert_eq!(
            parsed,
            json!({
                "name": name, "again": name, "amount": 1000.5, "nothing": null,
                "lines": [{"No": 1, "Text": "x"}, {"No": 2, "Text": "y\"z"}], "texts": ["x", "y\"z"],
            })
        );
    }

    #[test]
    fn filters_and_conditions() {
        for (text, expected) in [
            ("{{ item.Amount|times(100)|int }}", "100050"),
            ("{{ item.Count|plus(1) }} {{ item.Count|times(2) }}", "4 6"),
            ("{{ 1.005|round(2) }} {{ 2|round }} {{ \"-3.5\"|abs }}", "1.0 2 3.5"),
            (
                "{{ item.Nope|default(\"none\") }}{{ item.Nothing|default(\"null\") }}",
                "nonenull",
            ),
            (
                "{{ item.Lines|length }}{{ (item.Lines|first).No }}{{ (item.Lines|last).No }}",
                "212",
            ),
            (
                "{{ \" aB \"|trim|upper }}{{ \"aB\"|lower }}{{ \"aab\"|replace(\"a\", \"cc\") }}",
                "ABabccccb",
            ),
            (
                "{% if item.Nope is defined %}a{% elif item.Nothing is null %}b{% endif %}",
                "b",
            ),
            (
                "{% if item.Amount > 1000 and item.Paid %}yes{% else %}no{% endif %}",
                "yes",
            ),
            ("{{ [1, \"b\"]|join(\", \") }}", "1, b"),
            ("{ not a tag }", "{ not a tag }"),
        ] {
            assert_eq!(rendered(text, Escape::Plain).as_deref(), Ok(expected), "{text}");
        }
    }

    #[test]
    fn what_is_not_there_is_named() {
        for (text, said) in [
            (
                "a\n{{ item.Nmae }}",
                "line 2: there is no item.Nmae; if it may be absent",
            ),
            ("{{ itme.Name }}", "there is no itme"),
            ("{{ item.Nope.More }}", "item.Nope.More"),
            ("{{ credentials.key }}", "there is no credentials"),
            ("{{ item.Name|nope }}", "nope"),
            ("{{ range(10) }}", "range"),
            ("{{ item.Name.upper() }}", "line 1"),
        ] {
            let found = rendered(text, Escape::Plain).unwrap_err();
            assert!(found.contains(said), "{text}: {found}");
        }
    }

    #[test]
    fn hostile_templates_end() {
        let nested = "{% for a in item.Long %}{% for b in item.Long %}{{ b }}{% endfor %}{% endfor %}";
        let long = "{{ item.Long }}".repeat(3);
        let escaped = "{{ item.Long|replace(\"x\", \"\u{1}\") }}";
        let made = format!("{{{{ [{}]|length }}}}", vec!["item.Long|upper"; 20].join(","));
        let lists = format!("{{{{ [{}]|tojson }}}}", vec!["item"; 1000].join(","));
        let exponential = format!("{{{{ item.Long{} }}}}", "|replace(\"x\", \"xxxxxxxxxx\")".repeat(20));
        for (text, said) in [
            (nested, "line 1"),
            (long.as_str(), "longer than"),
            (escaped, "too long"),
            (made.as_str(), "too long"),
            (lists.as_str(), "too long"),
            (exponential.as_str(), "too long"),
        ] {
            let found = rendered(text, Escape::Json).map(|text| text.len()).unwrap_err();
            assert!(
                found.contains(said) || found.contains("longer than") || found.contains("steps"),
                "{found}"
            );
        }
        let steps = "{% for a in item.Lines %}".repeat(14) + "x" + &"{% endfor %}".repeat(14);
        assert!(rendered(&steps, Escape::Plain).unwrap_err().contains("steps"));
        assert!(check_template(&"x".repeat(TEMPLATE_BYTES_MAX + 1)).is_err());
        assert!(check_template(&format!("{{{{ {}1{} }}}}", "(".repeat(5_000), ")".repeat(5_000))).is_err());
        for wrong in ["{{ item", "{{ | }}", "{% if %}", "{% for x %}", "{{ item.Name|nope }}"] {
            let refused = check_template(wrong).is_err() || rendered(wrong, Escape::Plain).is_err();
            assert!(refused, "{wrong}");
        }
    }
}
