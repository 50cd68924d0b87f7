//! What a request carries that nobody may read back: a server that echoes it must not make us show or store it.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::Value;

use super::{
    auth::Auth,
    message::{REDACTED, SentRequest},
    secret::Secret,
};

/// Shorter secrets are not looked for: they would blacken half of the text.
const SECRET_BYTES_MIN: usize = 6;

impl SentRequest {
    /// The secrets of this request in the forms in which they are sent, the tokens that were fetched for it among them.
    pub fn known_secrets(&self) -> Vec<String> {
        let request = self.request();
        let mut secrets = Vec::new();
        for (_, value) in &request.secret_headers {
            secrets.push(value.clone());
            // Of `Bearer abc` a server repeats `abc` alone.
            secrets.extend(value.split_once(' ').map(|(_, rest)| rest.trim().to_owned()));
        }
        if let Some(client) = &request.client {
            secrets.extend(secrets_of(&client.auth));
        }
        secrets.extend(self.tokens().iter().flat_map(forms_of));
        secrets.retain(|secret| secret.len() >= SECRET_BYTES_MIN);
        secrets
    }
}

/// The secrets of credentials in the forms in which they are sent; short ones are left out.
pub(super) fn secrets_of(auth: &Auth) -> Vec<String> {
    let mut secrets = Vec::new();
    for (_, secret) in auth.secrets() {
        secrets.extend(forms_of(secret));
    }
    if let Auth::Basic { username, password } = auth {
        secrets.push(STANDARD.encode(format!("{username}:{}", password.expose())));
    }
    secrets.retain(|secret| secret.len() >= SECRET_BYTES_MIN);
    secrets
}

fn forms_of(secret: &Secret) -> Vec<String> {
    let text = secret.expose();
    let encoded: String = url::form_urlencoded::byte_serialize(text.as_bytes()).collect();
    let mut forms = vec![text.to_owned()];
    if encoded != text {
        forms.insert(0, encoded);
    }
    forms
}

/// The text with every secret replaced.
pub fn redacted(text: String, secrets: &[String]) -> String {
    secrets.iter().fold(text, |text, secret| {
        if text.contains(secret.as_str()) {
            text.replace(secret.as_str(), REDACTED)
        } else {
            text
        }
    })
}

/// JSON with every secret replaced in its texts and in the names of its members.
pub fn redacted_json(value: Value, secrets: &[String]) -> Value {
    match value {
        Value::String(text) => Value::String(redacted(text, secrets)),
        Value::Array(items) => items.into_iter().map(|item| redacted_json(item, secrets)).collect(),
        Value::Object(members) => members
            .into_iter()
            .map(|(name, value)| (redacted(name, secrets), redacted_json(value, secrets)))
            .collect(),
        other => other,
    }
}

/// Headers with every secret in their values replaced; names in lower case.
pub fn redacted_headers(headers: &[(String, String)], secrets: &[String]) -> Vec<(String, String)> {
    headers
        .iter()
        .map(|(name, value)| (name.to_ascii_lowercase(), redacted(value.clone(), secrets)))
        .collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn json_is_redacted_in_its_texts_and_names() {
        let secrets = ["sesame".to_owned()];
        let value = json!({"a": ["x sesame y", 1, null], "sesame-1": {"b": "\"sesame\""}, "c": true});
        let expected = json!({"a": ["x [redacted] y", 1, null], "[redacted]-1": {"b": "\"[redacted]\""}, "c": true});
        assert_eq!(redacted_json(value, &secrets), expected);
    }
}
