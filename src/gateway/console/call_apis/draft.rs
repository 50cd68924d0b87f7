//! A call as it stands in the form: from what is stored or was sent, and as the JSON that an API client would send.

use serde_json::{Map, Value, json};

use super::form::{self, Form};
use crate::{
    domain::{
        call_api::{
            FAILURES_BEFORE_DEACTIVATION_DEFAULT, RESPONSE_BYTES_DEFAULT, SCRIPT_MS_DEFAULT, TIMEOUT_MS_DEFAULT,
        },
        ids::UserId,
        validate::FieldError,
    },
    engine::call_apis::{CallApi, CallApiInput},
    error::{Error, Result},
};

/// Settings that are numbers, and the most that their types hold.
const NUMBERS: &[(&str, u64)] = &[
    ("frequencySeconds", u32::MAX as u64),
    ("failuresBeforeDeactivation", u32::MAX as u64),
    ("timeoutMs", u32::MAX as u64),
    ("limits.scriptMs", u32::MAX as u64),
    ("limits.responseBytes", u64::MAX),
];
/// Settings that are one of several words.
const WORDS: [&str; 6] = [
    "method",
    "misfire",
    "overlap",
    "onScriptError",
    "onHttpError",
    "onInterrupted",
];

/// See the module.
pub(super) struct Draft {
    /// What the fields show. Secrets that were entered are not among it.
    pub(super) values: Value,
    json: Value,
}

impl Draft {
    /// A new call.
    pub(super) fn fresh(own: Option<UserId>) -> Self {
        let values = json!({
            "runAsUserId": own,
            "when": "interval",
            "frequencySeconds": 60,
            "schedule": { "timeZone": "UTC" },
            "method": "GET",
            "url": { "kind": "text" },
            "failuresBeforeDeactivation": FAILURES_BEFORE_DEACTIVATION_DEFAULT,
            "timeoutMs": TIMEOUT_MS_DEFAULT,
            "limits": { "scriptMs": SCRIPT_MS_DEFAULT, "responseBytes": RESPONSE_BYTES_DEFAULT },
        });
        Self {
            values,
            json: Value::Null,
        }
    }

    /// A call as it is stored.
    pub(super) fn of_call(call: &CallApi) -> Result<Self> {
        let json = serde_json::to_value(call).map_err(Error::internal)?;
        let mut values = json.clone();
        let Some(members) = values.as_object_mut() else {
            return Err(Error::internal("a call API is no JSON object"));
        };
        let is_cron = members.get("schedule").is_some_and(Value::is_object);
        members.insert("when".to_owned(), json!(if is_cron { "cron" } else { "interval" }));
        let url = &call.definition.url;
        let kind = json.pointer("/url/kind").and_then(Value::as_str).unwrap_or("text");
        members.insert("url".to_owned(), json!({ "kind": kind, kind: url.value }));
        for header in list(members, "headers") {
            if let Some(Value::Object(masked)) = header.remove("value").map(|value| keep_text(header, value)) {
                let fingerprint = masked.get("fingerprint").cloned().unwrap_or_default();
                header.insert("fingerprint".to_owned(), fingerprint);
            }
        }
        Ok(Self { values, json })
    }

    /// What was sent.
    pub(super) fn of_form(form: &Form) -> Self {
        let mut values = form.tree();
        if let Some(members) = values.as_object_mut() {
            drop_blank_rows(members);
        }
        let json = as_json(&values);
        if let Some(members) = values.as_object_mut() {
            for header in list(members, "headers") {
                // A secret is not sent back to the browser, also not the one that came from there a moment ago.
                let entered = header
                    .get("value")
                    .and_then(Value::as_str)
                    .is_some_and(|text| !text.is_empty());
                if header.contains_key("secret") && entered {
                    header.insert("value".to_owned(), Value::String(String::new()));
                    header.insert("again".to_owned(), Value::Bool(true));
                }
            }
        }
        Self { values, json }
    }

    /// To be saved.
    pub(super) fn input(&self) -> Result<CallApiInput> {
        readable(&self.json)?;
        CallApiInput::from_shown_json(self.json.clone())
    }

    /// To be tested: what a test does not need may still be missing, and is made up.
    pub(super) fn to_test(&self, test: Test, own: Option<UserId>) -> Result<CallApiInput> {
        let mut json = self.json.clone();
        let Some(members) = json.as_object_mut() else {
            return self.input();
        };
        members.insert("active".to_owned(), Value::Bool(false));
        members.insert("frequencySeconds".to_owned(), json!(60));
        members.insert("schedule".to_owned(), Value::Null);
        if is_blank(members.get("name")) {
            members.insert("name".to_owned(), json!("unnamed"));
        }
        if is_blank(members.get("runAsUserId")) {
            members.insert("runAsUserId".to_owned(), json!(own));
        }
        if test == Test::Url {
            members.insert("identifier".to_owned(), json!([]));
            if is_blank(members.get("responseScript")) {
                members.insert("responseScript".to_owned(), json!("return [];"));
            }
        }
        readable(&json)?;
        CallApiInput::from_shown_json(json)
    }

    /// Interval or calendar rule, and how many due times to show.
    pub(super) fn preview(&self, count: usize) -> Value {
        let schedule = self.json.get("schedule").filter(|schedule| schedule.is_object());
        let frequency = self.json.get("frequencySeconds").filter(|_| schedule.is_none());
        json!({ "frequencySeconds": frequency, "schedule": schedule, "count": count })
    }

    /// Whether what stands in the form can be read at all; for what is made from [`Draft::preview`].
    pub(super) fn frequency_readable(&self) -> Result<()> {
        match self.preview(1).get("frequencySeconds") {
            Some(Value::String(_)) => Err(Error::invalid_field("frequencySeconds", "must be a whole number")),
            _ => Ok(()),
        }
    }

    /// The error with the names of the form's own fields.
    pub(super) fn renamed(&self, mut error: Error) -> Error {
        for wrong in &mut error.fields {
            if wrong.field == "url.value" || wrong.field == "url" {
                wrong.field = format!("url.{}", kind(&self.values));
            }
        }
        error
    }
}

/// Which test; each needs something else.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Test {
    Url,
    Response,
}

fn kind(values: &Value) -> &'static str {
    if text(values, "/url/kind") == "script" {
        "script"
    } else {
        "text"
    }
}

fn text<'a>(values: &'a Value, pointer: &str) -> &'a str {
    values.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
}

fn is_blank(value: Option<&Value>) -> bool {
    match value {
        None | Some(Value::Null) => true,
        Some(Value::String(text)) => text.trim().is_empty(),
        Some(_) => false,
    }
}

/// The objects of a list.
fn list<'a>(members: &'a mut Map<String, Value>, name: &str) -> impl Iterator<Item = &'a mut Map<String, Value>> {
    let items = members.get_mut(name).and_then(Value::as_array_mut);
    items.into_iter().flatten().filter_map(Value::as_object_mut)
}

/// Puts a text back; hands on what is none.
fn keep_text(header: &mut Map<String, Value>, value: Value) -> Value {
    if value.is_string() {
        header.insert("value".to_owned(), value);
        return Value::Null;
    }
    value
}

/// Rows that were added and left empty say nothing.
fn drop_blank_rows(members: &mut Map<String, Value>) {
    if let Some(headers) = members.get_mut("headers").and_then(Value::as_array_mut) {
        headers.retain(|row| {
            ["name", "value", "fingerprint"]
                .iter()
                .any(|name| !is_blank(row.get(name)))
        });
    }
    if let Some(pointers) = members.get_mut("identifier").and_then(Value::as_array_mut) {
        pointers.retain(|pointer| !is_blank(Some(pointer)));
    }
}

fn as_json(values: &Value) -> Value {
    let url = if kind(values) == "script" {
        json!({ "kind": "script", "value": text(values, "/url/script") })
    } else {
        json!({ "kind": "text", "value": text(values, "/url/text").trim() })
    };
    let schedule = (text(values, "/when") == "cron").then(|| {
        let zone = text(values, "/schedule/timeZone").trim();
        json!({ "cron": text(values, "/schedule/cron").trim(), "timeZone": if zone.is_empty() { "UTC" } else { zone } })
    });
    let headers = values.get("headers").and_then(Value::as_array);
    let headers: Vec<Value> = headers.into_iter().flatten().map(header).collect();
    let pointers = values.get("identifier").and_then(Value::as_array);
    let mut json = json!({
        "name": text(values, "/name"),
        "active": values.get("active").is_some(),
        "preparation": values.get("preparation").is_some(),
        "runAsUserId": form::optional(text(values, "/runAsUserId")),
        "frequencySeconds": form::number(text(values, "/frequencySeconds")),
        "schedule": schedule,
        "clientId": form::optional(text(values, "/clientId")),
        "url": url,
        "headers": headers,
        "bodyScript": form::optional(text(values, "/bodyScript")),
        "responseScript": text(values, "/responseScript"),
        "identifier": pointers.cloned().unwrap_or_default(),
        "failuresBeforeDeactivation": form::number(text(values, "/failuresBeforeDeactivation")),
        "limits": numbers(values, &[("scriptMs", "/limits/scriptMs"), ("responseBytes", "/limits/responseBytes")]),
    });
    if let Some(members) = json.as_object_mut() {
        members.extend(numbers(values, &[("timeoutMs", "/timeoutMs")]));
        let words = WORDS
            .iter()
            .filter_map(|word| Some(((*word).to_owned(), values.get(word)?.clone())));
        members.extend(words);
    }
    json
}

/// Says of what a form can hold and a definition cannot what it must be, of all at once.
fn readable(json: &Value) -> Result<()> {
    let mut wrong = Vec::new();
    if is_blank(json.get("runAsUserId")) {
        wrong.push(FieldError::new("runAsUserId", "is missing: choose a user"));
    }
    for (name, most) in NUMBERS {
        let pointer = format!("/{}", name.replace('.', "/"));
        let problem = match json.pointer(&pointer) {
            None | Some(Value::Null) => continue,
            Some(number) => match number.as_i64().map(u64::try_from) {
                None => "must be a whole number".to_owned(),
                Some(Err(_)) => "must not be negative".to_owned(),
                Some(Ok(number)) if number > *most => format!("must be at most {most}"),
                Some(Ok(_)) => continue,
            },
        };
        wrong.push(FieldError::new(*name, problem));
    }
    if wrong.is_empty() {
        Ok(())
    } else {
        Err(Error::invalid(wrong))
    }
}

/// Numbers that were entered; the others have defaults of their own.
fn numbers(values: &Value, names: &[(&str, &str)]) -> Map<String, Value> {
    let entered = names
        .iter()
        .map(|(name, pointer)| ((*name).to_owned(), form::number(text(values, pointer))));
    entered.filter(|(_, number)| !number.is_null()).collect()
}

fn header(row: &Value) -> Value {
    let (value, fingerprint) = (text(row, "/value"), text(row, "/fingerprint"));
    let secret = row.get("secret").is_some();
    // Left empty, a stored secret is kept; a value that was secret and is to be shown has to be entered.
    let value = match (value.is_empty(), secret, fingerprint.is_empty()) {
        (true, true, false) => json!({ "set": true, "fingerprint": fingerprint }),
        (true, true, true) | (true, false, false) => Value::Null,
        _ => json!(value),
    };
    json!({ "name": text(row, "/name").trim(), "value": value, "secret": secret })
}

#[cfg(test)]
#[path = "draft_tests.rs"]
mod tests;
