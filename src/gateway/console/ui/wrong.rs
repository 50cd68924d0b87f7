//! What is wrong with a form, by field.

use maud::{Markup, html};

use crate::error::Error;

/// The refusal of a form; empty before it is sent.
#[derive(Clone, Debug, Default)]
pub(in crate::gateway::console) struct Wrong {
    message: String,
    fields: Vec<(String, String)>,
}

impl Wrong {
    /// What an error says; paths such as `headers[0].name` become names of fields.
    pub(in crate::gateway::console) fn of(error: &Error) -> Self {
        let fields = error.fields.iter();
        Self {
            message: error.message.to_string(),
            fields: fields
                .map(|wrong| (as_name(&wrong.field), wrong.message.clone()))
                .collect(),
        }
    }

    /// What is wrong with this field itself.
    pub(in crate::gateway::console) fn at(&self, name: &str) -> Option<&str> {
        let found = self.fields.iter().find(|(known, _)| known == name);
        found.map(|(_, message)| message.as_str())
    }

    /// Everything that is wrong, with links to the fields; nothing where nothing is.
    pub(in crate::gateway::console) fn summary(&self) -> Markup {
        html! {
            @if !self.message.is_empty() || !self.fields.is_empty() {
                div .refusal role="alert" tabindex="-1" data-focus {
                    @if self.fields.is_empty() {
                        p { (self.message) }
                    } @else {
                        p { "This cannot be done as it is:" }
                        ul { @for (name, message) in &self.fields { li {
                            @if name.is_empty() { (message) } @else { a href={ "#" (id_of(name)) } { (name) } ": " (message) }
                        } } }
                    }
                }
            }
        }
    }
}

/// The name of the field for a JSON path: `headers[0].name` is `headers.0.name`.
fn as_name(path: &str) -> String {
    path.replace('[', ".").replace(']', "")
}

/// The id of the field with this name.
pub(super) fn id_of(name: &str) -> String {
    format!("f-{}", name.replace('.', "-"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::validate::FieldError;

    #[test]
    fn paths_find_their_fields() {
        let error = Error::invalid(vec![
            FieldError::new("headers[1].name", "must not be empty"),
            FieldError::new("", "odd"),
        ]);
        let wrong = Wrong::of(&error);
        assert_eq!(wrong.at("headers.1.name"), Some("must not be empty"));
        assert_eq!(wrong.at("headers"), None);
        let said = wrong.summary().into_string();
        assert!(said.contains("href=\"#f-headers-1-name\""), "{said}");
        assert_eq!(Wrong::default().summary().into_string(), "");
    }
}
