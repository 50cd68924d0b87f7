//! What a definition has to be besides well read: its filter, its rules, its templates, scripts and addresses.

use std::{collections::BTreeMap, sync::Arc};

use serde_json::json;

use crate::{
    actors::integration::check_template,
    domain::{
        expression::{Place, Problem, Schema, linq, mentions_time},
        integration::{
            Action, Integration, System, TRANSACTION,
            address::{written_begin, written_origin},
            headers::SecretValues,
            read::ActionChange,
            rules::{self, Broken},
        },
        validate::FieldError,
    },
    engine::Engine,
    error::{Code, Error, Result},
    script::{Kind, ScriptErrorKind},
};

/// Rules of the flags, and the filter.
pub(super) fn check_integration(before: Option<&Integration>, after: &Integration) -> Result<()> {
    if let Some(broken) = rules::flags(before, after) {
        return Err(rule(broken));
    }
    let mentions_time = check_filter(after)?;
    rules::expiry(after, mentions_time).map_or(Ok(()), |broken| Err(rule(broken)))
}

fn rule(broken: Broken) -> Error {
    Error::invalid_field(broken.member, broken.message).with_rule(broken.rule)
}

/// Reads the filter and checks it against the members of the entity; whether it mentions a time.
fn check_filter(integration: &Integration) -> Result<bool> {
    let Some(text) = &integration.filter else {
        return Ok(false);
    };
    let schema = schema_of(&integration.entity_id);
    let expr = linq::compile(text, &schema).map_err(|problems| filter_refused(text, &problems))?;
    Ok(mentions_time(&expr, &schema))
}

/// The members that rows of an entity have.
pub(super) fn schema_of(entity: &str) -> Schema {
    if entity.eq_ignore_ascii_case(TRANSACTION) {
        Schema::transactions()
    } else {
        Schema::records()
    }
}

fn filter_refused(text: &str, problems: &[Problem]) -> Error {
    let fields = problems
        .iter()
        .map(|problem| FieldError::new("Filter", problem.told(text)));
    let places: Vec<_> = problems
        .iter()
        .map(|problem| {
            let place = Place::of(text, problem.span.start);
            json!({ "character": place.character, "line": place.line, "column": place.column })
        })
        .collect();
    Error::invalid(fields.collect()).with_details(json!({ "positions": places }))
}

/// Where the caller may let people consent.
pub(super) fn check_system(engine: &Engine, system: &System) -> Result<()> {
    let Some(oauth) = &system.oauth else {
        return Ok(());
    };
    // People go to the other address with their browsers; this one we ask ourselves.
    match engine.outbound().check_url(&oauth.token_url) {
        Ok(()) => Ok(()),
        Err(error) => Err(Error::invalid_field("TokenUrl", error.message)),
    }
}

/// Templates, scripts, and the address as far as it is written out.
pub(super) async fn check_action(
    engine: &Engine,
    before: Option<&Action>,
    after: &Action,
    secrets: &SecretValues,
) -> Result<()> {
    if let Some(broken) = rules::secret_headers(after, !secrets.is_empty()) {
        return Err(rule(broken));
    }
    let mut wrong = Vec::new();
    if let Some(url) = &after.url
        && let Some(begin) = written_begin(url)
        && let Err(error) = engine.outbound().check_url(begin)
    {
        wrong.push(FieldError::new("Url", error.message));
    }
    wrong.extend(check_templates(after, secrets));
    let scripts = [
        (
            "BodyScript",
            Kind::ItemBody,
            &after.body_script,
            before.and_then(|before| before.body_script.as_ref()),
        ),
        (
            "ResultScript",
            Kind::ItemResult,
            &after.result_script,
            before.and_then(|before| before.result_script.as_ref()),
        ),
    ];
    for (member, kind, source, known) in scripts {
        // One that is there was compiled when it was written.
        if let Some(source) = source.as_ref().filter(|source| known != Some(*source)) {
            wrong.extend(compile(engine, member, kind, source).await?);
        }
    }
    if wrong.is_empty() {
        Ok(())
    } else {
        Err(Error::invalid(wrong))
    }
}

/// What the compiler says against a source.
async fn compile(engine: &Engine, member: &'static str, kind: Kind, source: &str) -> Result<Option<FieldError>> {
    let name = Arc::from(kind.script_name());
    let compiled = engine.scripts().compile(kind, name, Arc::from(source)).await;
    match compiled {
        Ok(()) => Ok(None),
        Err(error) if error.kind == ScriptErrorKind::Crashed => {
            Err(Error::new(Code::Unavailable, error.to_string()).with_retry_after_ms(2_000))
        }
        Err(error) => Ok(Some(FieldError::new(member, error.to_string()))),
    }
}

/// Whether the texts can be used as templates; of secret ones nothing is repeated.
fn check_templates(action: &Action, secrets: &SecretValues) -> Vec<FieldError> {
    let mut wrong = Vec::new();
    for (member, template) in [("Url", &action.url), ("Body", &action.body)] {
        if let Some(Err(why)) = template.as_deref().map(check_template) {
            wrong.push(FieldError::new(member, format!("cannot be used as a template: {why}")));
        }
    }
    let headers = action
        .headers
        .as_deref()
        .and_then(|text| serde_json::from_str(text).ok());
    let open: BTreeMap<String, serde_json::Value> = headers.unwrap_or_default();
    let open = open.iter().filter_map(|(name, value)| Some((name, value.as_str()?)));
    for (name, template) in open.chain(secrets.iter().map(|(name, value)| (name, value.as_str()))) {
        if let Err(why) = check_template(template) {
            wrong.push(FieldError::new(
                "Headers",
                format!("{name} cannot be used as a template: {why}"),
            ));
        }
    }
    wrong
}

/// Refuses a change that would send secret headers, which the caller need not know, to a server of the caller's choice.
pub(super) fn check_servers(before: Option<&Action>, change: &ActionChange) -> Result<()> {
    let Some(before) = before.filter(|_| change.keeps_secrets) else {
        return Ok(());
    };
    let (old, new) = (before.url.as_deref(), change.action.url.as_deref());
    if old == new
        || (old.and_then(written_origin).is_some() && old.and_then(written_origin) == new.and_then(written_origin))
    {
        return Ok(());
    }
    Err(Error::invalid_field(
        "Url",
        "names another server; enter the values of the secret headers again with it",
    ))
}
