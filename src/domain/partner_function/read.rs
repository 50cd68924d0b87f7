//! Reading a partner function from a request: `{"partner_function": {..}}` or its members alone.

use serde_json::Value;

use super::{Direction, PartnerFunction};
use crate::domain::{
    ids::ScriptId,
    lenient::{Given, Reader, unwrapped},
    validate::{FieldError, NAME_CHARACTERS_MAX, check_name},
};

/// Longest description, characters.
pub const DESCRIPTION_CHARACTERS_MAX: usize = 4_000;
/// Longest of the other texts, characters.
pub const TEXT_CHARACTERS_MAX: usize = 200;
/// Members that answers show and that only the engine sets; a change may send them back.
const SHOWN_ONLY: [&str; 7] = [
    "uuid",
    "provider_name",
    "mapping_id",
    "created",
    "updated",
    "version",
    "warnings",
];

/// Reads a new partner function.
///
/// # Errors
/// Everything that is wrong, by the paths of the members as they were given.
pub fn read_new(body: &Value) -> Result<PartnerFunction, Vec<FieldError>> {
    let (path, value) = unwrapped(body, &["partner_function"]);
    let reader = Reader::new(&path, value).map_err(|error| vec![error])?;
    read(reader, Draft::default())
}

/// Reads a change, member by member: what is absent stays, null or "" leaves a member without a value.
///
/// # Errors
/// As [`read_new`].
pub fn patch(current: &PartnerFunction, body: &Value) -> Result<PartnerFunction, Vec<FieldError>> {
    let (path, value) = unwrapped(body, &["partner_function"]);
    let mut reader = Reader::new(&path, value).map_err(|error| vec![error])?;
    reader.skip(&SHOWN_ONLY);
    let current = current.clone();
    read(
        reader,
        Draft {
            name: Some(current.name),
            direction: Some(current.direction),
            description: current.description,
            object_name: Some(current.object_name),
            object_mapping: current.object_mapping,
            event_name: current.event_name,
            tag: current.tag,
            pre_run_script_id: current.pre_run_script_id,
            post_run_script_id: current.post_run_script_id,
        },
    )
}

/// A partner function that may lack what it needs.
#[derive(Default)]
struct Draft {
    name: Option<String>,
    direction: Option<Direction>,
    description: Option<String>,
    object_name: Option<String>,
    object_mapping: Option<String>,
    event_name: Option<String>,
    tag: Option<String>,
    pre_run_script_id: Option<ScriptId>,
    post_run_script_id: Option<ScriptId>,
}

fn read(mut reader: Reader<'_>, mut draft: Draft) -> Result<PartnerFunction, Vec<FieldError>> {
    reader.forbid(
        &["enabled", "status"],
        "cannot be set here: POST .../partner-function/{uuid}/enable or /disable changes it",
    );
    name(&mut reader, "name").put(&mut draft.name);
    reader.word(&["direction"], Direction::read).put(&mut draft.direction);
    reader
        .long_text(&["description"], DESCRIPTION_CHARACTERS_MAX)
        .put(&mut draft.description);
    reader
        .text(&["object_name"], TEXT_CHARACTERS_MAX)
        .put(&mut draft.object_name);
    reader
        .text(&["object_mapping"], NAME_CHARACTERS_MAX)
        .put(&mut draft.object_mapping);
    reader
        .text(&["event_name"], TEXT_CHARACTERS_MAX)
        .put(&mut draft.event_name);
    reader.text(&["tag"], TEXT_CHARACTERS_MAX).put(&mut draft.tag);
    reader
        .word(&["pre_run_script_id"], script_id)
        .put(&mut draft.pre_run_script_id);
    reader
        .word(&["post_run_script_id"], script_id)
        .put(&mut draft.post_run_script_id);
    reader.require("name", draft.name.is_some(), "must have a name");
    reader.require("direction", draft.direction.is_some(), "must be IMPORT or EXPORT");
    reader.require(
        "object_name",
        draft.object_name.is_some(),
        "must name the provider's object, like customer or Contacts",
    );
    match (reader.finish(), draft.name, draft.direction, draft.object_name) {
        (errors, Some(name), Some(direction), Some(object_name)) if errors.is_empty() => Ok(PartnerFunction {
            name,
            direction,
            description: draft.description,
            object_name,
            object_mapping: draft.object_mapping,
            event_name: draft.event_name,
            tag: draft.tag,
            pre_run_script_id: draft.pre_run_script_id,
            post_run_script_id: draft.post_run_script_id,
        }),
        (errors, ..) => Err(errors),
    }
}

/// A name, checked.
pub(in crate::domain) fn name(reader: &mut Reader<'_>, member: &'static str) -> Given<String> {
    let given = reader.text(&[member], NAME_CHARACTERS_MAX);
    if let Given::Set(name) = &given
        && let Err(error) = check_name(member, name)
    {
        reader.refuse(member, error.message);
        return Given::Absent;
    }
    given
}

fn script_id(text: &str) -> Result<ScriptId, String> {
    text.parse()
        .map_err(|_| "must be the id of a script, a UUID as /api/v1/scripts shows it".to_owned())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn seed() -> Value {
        json!({
            "partner_function": {
                "name": "PartnerRole",
                "direction": "IMPORT",
                "description": "Handles partner data import operations",
                "object_name": "CustomerRecord",
                "object_mapping": "customer_to_partner",
                "event_name": "updateEvent",
                "tag": "import_inventory_process"
            }
        })
    }

    #[test]
    fn the_seed_is_read_as_it_stands() {
        let read = read_new(&seed()).unwrap();
        assert_eq!(
            read,
            PartnerFunction {
                name: "PartnerRole".to_owned(),
                direction: Direction::Import,
                description: Some("Handles partner data import operations".to_owned()),
                object_name: "CustomerRecord".to_owned(),
                object_mapping: Some("customer_to_partner".to_owned()),
                event_name: Some("updateEvent".to_owned()),
                tag: Some("import_inventory_process".to_owned()),
                pre_run_script_id: None,
                post_run_script_id: None,
            }
        );
        assert_eq!(read_new(seed().get("partner_function").unwrap()).unwrap(), read);
        let stored = serde_json::to_value(&read).unwrap();
        assert_eq!(serde_json::from_value::<PartnerFunction>(stored).unwrap(), read);
    }

    #[test]
    fn a_change_touches_what_it_names() {
        let before = read_new(&seed()).unwrap();
        let id = "0190b5a8-7c3e-7d10-8f00-0123456789ab";
        let change = json!({"partner_function": {
            "uuid": "x", "direction": "export", "tag": "", "description": null, "pre_run_script_id": id, "created": "2026-01-01T00:00:00Z"
        }});
        assert_eq!(
            patch(&before, &change).unwrap(),
            PartnerFunction {
                direction: Direction::Export,
                tag: None,
                description: None,
                pre_run_script_id: Some(id.parse().unwrap()),
                ..before.clone()
            }
        );
        assert_eq!(patch(&before, &json!({})).unwrap(), before);
    }

    #[test]
    fn what_is_wrong_is_said_by_member() {
        let refusals = |errors: Vec<FieldError>| errors.iter().map(ToString::to_string).collect::<Vec<_>>();
        assert_eq!(
            refusals(read_new(&json!({"partner_function": {}})).unwrap_err()),
            [
                "partner_function.name: must have a name",
                "partner_function.direction: must be IMPORT or EXPORT",
                "partner_function.object_name: must name the provider's object, like customer or Contacts",
            ]
        );
        let before = read_new(&seed()).unwrap();
        assert_eq!(
            refusals(
                patch(
                    &before,
                    &json!({"name": "", "direction": "both", "post_run_script_id": "7", "enabled": "false", "event": "x"})
                )
                .unwrap_err()
            ),
            [
                "enabled: cannot be set here: POST .../partner-function/{uuid}/enable or /disable changes it",
                "direction: must be IMPORT or EXPORT, and is \"both\"",
                "post_run_script_id: must be the id of a script, a UUID as /api/v1/scripts shows it, and is \"7\"",
                "name: must have a name",
                "event: is not known here",
            ]
        );
        assert_eq!(
            refusals(read_new(&json!("x")).unwrap_err()),
            ["body: must be a JSON object, and is a text"]
        );
    }
}
