//! Fields of forms: label, control, help, and what is wrong with it.

use maud::{Markup, html};
use serde_json::Value;

use super::wrong::{Wrong, id_of};

/// What a form shows: the values by path, what is wrong with them, and whether they can be changed.
#[derive(Clone, Copy)]
pub(in crate::gateway::console) struct Entry<'a> {
    /// The JSON whose members the fields are named for.
    pub values: &'a Value,
    /// What is wrong.
    pub wrong: &'a Wrong,
    /// Read only.
    pub locked: bool,
}

impl Entry<'_> {
    /// The value at a path (`headers.0.name`) as a field shows it.
    pub(in crate::gateway::console) fn text(&self, name: &str) -> String {
        match self.at(name) {
            None | Some(Value::Null) => String::new(),
            Some(Value::String(text)) => text.clone(),
            Some(other) => other.to_string(),
        }
    }

    /// The value at a path.
    pub(in crate::gateway::console) fn at(&self, name: &str) -> Option<&Value> {
        name.split('.').try_fold(self.values, |value, part| match value {
            Value::Array(items) => items.get(part.parse::<usize>().ok()?),
            value => value.get(part),
        })
    }

    /// How many items the list at a path has.
    pub(in crate::gateway::console) fn count(&self, name: &str) -> usize {
        self.at(name).and_then(Value::as_array).map_or(0, Vec::len)
    }

    fn is_ticked(&self, name: &str) -> bool {
        matches!(self.at(name), Some(Value::Bool(true))) || matches!(self.text(name).as_str(), "on" | "true" | "1")
    }
}

enum Kind<'a> {
    Line(&'static str),
    Tick,
    Choice(&'a [(&'a str, &'a str)]),
    Area(u32),
    Script,
}

/// A field in the making; `show` ends it.
pub(in crate::gateway::console) struct Input<'a> {
    name: &'a str,
    label: &'a str,
    kind: Kind<'a>,
    help: Markup,
    required: bool,
    fallback: &'a str,
    placeholder: &'a str,
    error_line: Option<u32>,
}

impl<'a> Input<'a> {
    fn new(name: &'a str, label: &'a str, kind: Kind<'a>) -> Self {
        Self {
            name,
            label,
            kind,
            help: html! {},
            required: false,
            fallback: "",
            placeholder: "",
            error_line: None,
        }
    }

    /// A line of text.
    pub(in crate::gateway::console) fn text(name: &'a str, label: &'a str) -> Self {
        Self::new(name, label, Kind::Line("text"))
    }

    /// A line of another type: `number`, `email`, `url`, `datetime-local`.
    pub(in crate::gateway::console) fn line(kind: &'static str, name: &'a str, label: &'a str) -> Self {
        Self::new(name, label, Kind::Line(kind))
    }

    /// A secret: never filled in, since what is stored is not sent to browsers.
    pub(in crate::gateway::console) fn secret(name: &'a str, label: &'a str) -> Self {
        Self::new(name, label, Kind::Line("password"))
    }

    /// A box to tick.
    pub(in crate::gateway::console) fn tick(name: &'a str, label: &'a str) -> Self {
        Self::new(name, label, Kind::Tick)
    }

    /// One of several `(value, words)`.
    pub(in crate::gateway::console) fn choice(
        name: &'a str,
        label: &'a str,
        options: &'a [(&'a str, &'a str)],
    ) -> Self {
        Self::new(name, label, Kind::Choice(options))
    }

    /// Several lines of text.
    pub(in crate::gateway::console) fn area(name: &'a str, label: &'a str, rows: u32) -> Self {
        Self::new(name, label, Kind::Area(rows))
    }

    /// A script, with line numbers.
    pub(in crate::gateway::console) fn script(name: &'a str, label: &'a str) -> Self {
        Self::new(name, label, Kind::Script)
    }

    /// What to know about it, below.
    pub(in crate::gateway::console) fn help(mut self, help: Markup) -> Self {
        self.help = help;
        self
    }

    /// Must be filled in.
    pub(in crate::gateway::console) fn required(mut self) -> Self {
        self.required = true;
        self
    }

    /// What is shown where the values have nothing under this name.
    pub(in crate::gateway::console) fn fallback(mut self, fallback: &'a str) -> Self {
        self.fallback = fallback;
        self
    }

    /// An example.
    pub(in crate::gateway::console) fn placeholder(mut self, placeholder: &'a str) -> Self {
        self.placeholder = placeholder;
        self
    }

    /// The line of a script that is marked, from 1.
    pub(in crate::gateway::console) fn error_line(mut self, line: Option<u32>) -> Self {
        self.error_line = line;
        self
    }

    /// The field with its value.
    pub(in crate::gateway::console) fn show(self, entry: &Entry<'_>) -> Markup {
        let wrong = entry.wrong.at(self.name);
        let id = id_of(self.name);
        let (help_id, wrong_id) = (format!("{id}-help"), format!("{id}-wrong"));
        let helped = !self.help.0.is_empty();
        let told: Vec<&str> = [(helped, help_id.as_str()), (wrong.is_some(), wrong_id.as_str())]
            .into_iter()
            .filter_map(|(is, id)| is.then_some(id))
            .collect();
        let told = (!told.is_empty()).then(|| told.join(" "));
        let control = self.control(entry, &id, told.as_deref(), wrong.is_some());
        html! {
            div .field .tick[matches!(self.kind, Kind::Tick)] .wide[matches!(self.kind, Kind::Script | Kind::Area(_))] {
                @if matches!(self.kind, Kind::Tick) {
                    span { (control) label for=(id) { (self.label) } }
                } @else {
                    label for=(id) { (self.label) @if self.required { span .must title="required" aria-hidden="true" { " *" } } }
                    (control)
                }
                @if helped { div .help id=(help_id) { (self.help) } }
                @if let Some(wrong) = wrong { p .wrong id=(wrong_id) { (wrong) } }
            }
        }
    }

    fn control(&self, entry: &Entry<'_>, id: &str, told: Option<&str>, is_wrong: bool) -> Markup {
        let (name, required, locked) = (self.name, self.required, entry.locked);
        let invalid = is_wrong.then_some("true");
        let mut value = entry.text(name);
        if value.is_empty() && entry.at(name).is_none() {
            self.fallback.clone_into(&mut value);
        }
        match &self.kind {
            Kind::Line(kind) => {
                let is_secret = *kind == "password";
                html! {
                    input type=(kind) id=(id) name=(name) value=[(!is_secret).then_some(&value)] required[required]
                        readonly[locked] placeholder=(self.placeholder) aria-describedby=[told] aria-invalid=[invalid]
                        autocomplete=[is_secret.then_some("new-password")] spellcheck="false";
                }
            }
            Kind::Tick => html! {
                input type="checkbox" id=(id) name=(name) value="true" checked[entry.is_ticked(name)] disabled[locked]
                    aria-describedby=[told] aria-invalid=[invalid];
            },
            Kind::Choice(options) => html! {
                select id=(id) name=(name) required[required] disabled[locked] aria-describedby=[told] aria-invalid=[invalid] {
                    // What is stored and no option any more is shown as it is, not silently changed.
                    @if !value.is_empty() && !options.iter().any(|(known, _)| *known == value) {
                        option value=(value) selected { (value) }
                    }
                    @for (known, words) in *options { option value=(known) selected[*known == value] { (words) } }
                }
            },
            Kind::Area(rows) => html! {
                textarea id=(id) name=(name) rows=(rows) required[required] readonly[locked] placeholder=(self.placeholder)
                    aria-describedby=[told] aria-invalid=[invalid] spellcheck="false" { (first_line_kept(&value)) }
            },
            Kind::Script => html! {
                textarea .script id=(id) name=(name) rows="10" required[required] readonly[locked] data-editor
                    data-error-line=[self.error_line] aria-describedby=[told] aria-invalid=[invalid] spellcheck="false"
                    autocapitalize="off" autocomplete="off" wrap="off" { (first_line_kept(&value)) }
            },
        }
    }
}

/// HTML drops a line end right after `<textarea>`.
fn first_line_kept(text: &str) -> String {
    if text.starts_with('\n') {
        format!("\n{text}")
    } else {
        text.to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn fields_show_values_by_path_and_escape_them() {
        let values =
            json!({"name": "<b>\"x\"", "headers": [{"name": "A"}], "active": true, "limits": {"scriptMs": 10}});
        let wrong = Wrong::default();
        let entry = Entry {
            values: &values,
            wrong: &wrong,
            locked: false,
        };
        let shown = Input::text("name", "Name").required().show(&entry).into_string();
        assert!(shown.contains("value=\"&lt;b&gt;&quot;x&quot;\""), "{shown}");
        assert_eq!(entry.text("headers.0.name"), "A");
        assert_eq!(entry.text("headers.1.name"), "");
        assert_eq!(entry.text("limits.scriptMs"), "10");
        assert_eq!(entry.count("headers"), 1);
        assert!(
            Input::tick("active", "Active")
                .show(&entry)
                .into_string()
                .contains(" checked")
        );
    }

    #[test]
    fn secrets_are_never_filled_in() {
        let values = json!({"password": "hunter2"});
        let wrong = Wrong::default();
        let entry = Entry {
            values: &values,
            wrong: &wrong,
            locked: false,
        };
        let shown = Input::secret("password", "Password").show(&entry).into_string();
        assert!(!shown.contains("hunter2"), "{shown}");
    }
}
