//! Checks that many resources share, and the form in which a refused field is reported.

use serde::{Deserialize, Serialize};

/// Longest name of anything that has one, in characters.
pub const NAME_CHARACTERS_MAX: usize = 128;
/// Longest company id, in characters.
pub const COMPANY_ID_CHARACTERS_MAX: usize = 64;
/// Longest username, in characters.
pub const USERNAME_CHARACTERS_MAX: usize = 128;
/// Longest e-mail address, in bytes (RFC 5321 leaves 254 for the address itself).
pub const EMAIL_BYTES_MAX: usize = 254;

/// One field that was refused, and why. `field` is its JSON path, like `headers[0].name`; the message is for the person
/// who sent it.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize, thiserror::Error)]
#[error("{field}: {message}")]
pub struct FieldError {
    /// JSON path of the field, like `headers[0].name`.
    pub field: String,
    /// What is wrong with it and what is expected.
    pub message: String,
}

impl FieldError {
    /// A refusal of `field`.
    pub fn new(field: impl Into<String>, message: impl Into<String>) -> Self {
        Self {
            field: field.into(),
            message: message.into(),
        }
    }
}

/// Checks a name: 1 to 128 characters, no control characters, no blanks at either end.
///
/// # Errors
/// What is wrong with it.
pub fn check_name(field: &str, name: &str) -> Result<(), FieldError> {
    check_text(field, name, NAME_CHARACTERS_MAX)?;
    if name.trim() != name {
        return Err(FieldError::new(field, "must not begin or end with a blank"));
    }
    Ok(())
}

/// Checks a company id: 1 to 64 letters, digits, dots, hyphens and underscores, since it travels in a header.
///
/// # Errors
/// What is wrong with it.
pub fn check_company_id(field: &str, company_id: &str) -> Result<(), FieldError> {
    check_text(field, company_id, COMPANY_ID_CHARACTERS_MAX)?;
    match company_id
        .chars()
        .find(|c| !(c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_')))
    {
        Some(bad) => Err(FieldError::new(
            field,
            format!("may hold the letters a to z, digits, dots, hyphens and underscores, not {bad:?}"),
        )),
        None => Ok(()),
    }
}

/// Checks a username: 1 to 128 characters without blanks and control characters.
///
/// # Errors
/// What is wrong with it.
pub fn check_username(field: &str, username: &str) -> Result<(), FieldError> {
    check_text(field, username, USERNAME_CHARACTERS_MAX)?;
    if username.chars().any(char::is_whitespace) {
        return Err(FieldError::new(field, "must not hold blanks"));
    }
    Ok(())
}

/// Checks that an e-mail address has the form `name@domain`. Whether it exists only a mail can tell.
///
/// # Errors
/// What is wrong with it.
pub fn check_email(field: &str, email: &str) -> Result<(), FieldError> {
    let refused = || FieldError::new(field, "must be an e-mail address, like name@example.com");
    if email.len() > EMAIL_BYTES_MAX || email.chars().any(|c| c.is_control() || c.is_whitespace()) {
        return Err(refused());
    }
    let (local, domain) = email.rsplit_once('@').ok_or_else(refused)?;
    if local.is_empty() || local.contains('@') || domain.split('.').any(str::is_empty) {
        return Err(refused());
    }
    Ok(())
}

/// Checks that a text is there, is not too long and has no control characters.
fn check_text(field: &str, text: &str, characters_max: usize) -> Result<(), FieldError> {
    if text.trim().is_empty() {
        return Err(FieldError::new(field, "must not be empty"));
    }
    let characters = text.chars().count();
    if characters > characters_max {
        return Err(FieldError::new(
            field,
            format!("must be at most {characters_max} characters long, and has {characters}"),
        ));
    }
    if text.chars().any(char::is_control) {
        return Err(FieldError::new(
            field,
            "must not hold control characters, such as line ends",
        ));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// (input, None if it is fine or a part of the message)
    type Row<'a> = (&'a str, Option<&'a str>);

    fn check_table(check: fn(&str, &str) -> Result<(), FieldError>, table: &[Row<'_>]) {
        for (input, expected) in table {
            match (check("field", input), expected) {
                (Ok(()), None) => {}
                (Err(error), Some(part)) => {
                    assert!(error.message.contains(part), "{input:?}: {error}");
                    assert_eq!(error.field, "field");
                }
                (found, _) => panic!("{input:?}: {found:?}, expected {expected:?}"),
            }
        }
    }

    #[test]
    fn names() {
        let longest = "å".repeat(NAME_CHARACTERS_MAX);
        let too_long = "å".repeat(NAME_CHARACTERS_MAX + 1);
        check_table(
            check_name,
            &[
                ("RFQ import", None),
                (&longest, None),
                (&too_long, Some("at most 128 characters long, and has 129")),
                ("", Some("empty")),
                ("   ", Some("empty")),
                (" a", Some("blank")),
                ("a\t", Some("control")),
                ("a\nb", Some("control")),
                ("a\u{0}b", Some("control")),
            ],
        );
    }

    #[test]
    fn company_ids() {
        check_table(
            check_company_id,
            &[
                ("1", None),
                ("acme-no.2_x", None),
                ("", Some("empty")),
                ("a b", Some("' '")),
                ("ø", Some("'ø'")),
            ],
        );
    }

    #[test]
    fn usernames() {
        check_table(
            check_username,
            &[
                ("admin", None),
                ("kari@example.com", None),
                ("Åse", None),
                ("", Some("empty")),
                ("a b", Some("blanks")),
            ],
        );
    }

    #[test]
    fn email_addresses() {
        let long = format!("{}@example.com", "a".repeat(EMAIL_BYTES_MAX));
        check_table(
            check_email,
            &[
                ("name@example.com", None),
                ("a.b+c@localhost", None),
                ("", Some("e-mail")),
                ("name", Some("e-mail")),
                ("@example.com", Some("e-mail")),
                ("name@", Some("e-mail")),
                ("name@.com", Some("e-mail")),
                ("a@b@c", Some("e-mail")),
                ("a b@c.no", Some("e-mail")),
                (&long, Some("e-mail")),
            ],
        );
    }

    #[test]
    fn a_refusal_reads_as_one_line() {
        assert_eq!(
            FieldError::new("headers[0].name", "must not be empty").to_string(),
            "headers[0].name: must not be empty"
        );
    }
}
