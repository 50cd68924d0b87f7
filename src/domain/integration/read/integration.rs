//! Reading an integration's definition.

use serde_json::Value;

use super::{COMMENT_CHARACTERS_MAX, begin, flag, id, name, whole, word};
use crate::domain::{
    integration::{ActionId, ConsentType, Integration, IntegrationDirection, ScheduleId, SystemId, TRANSACTION},
    lenient::{Given, Reader},
    record::entity_name,
    validate::FieldError,
};

/// Attempts for an item where the definition does not say.
pub const MAX_ATTEMPTS_DEFAULT: u32 = 5;
/// Most attempts for an item.
pub const MAX_ATTEMPTS_MAX: u32 = 1_000;
/// Items at once where the definition does not say.
pub const BATCH_SIZE_DEFAULT: u32 = 1;
/// Most items at once.
pub const BATCH_SIZE_MAX: u32 = 1_000;
/// Longest `EntityId`, characters.
const ENTITY_CHARACTERS_MAX: usize = 450;
/// Longest `ElementId`, characters.
const ELEMENT_CHARACTERS_MAX: usize = 256;
/// Longest filter, characters; what reads it has its own limits too.
const FILTER_CHARACTERS_MAX: usize = 10_000;

/// Reads a new definition, or a change of `current`, whose number is `key`.
///
/// Must be given in the end: `IntegrationName`, `EntityId`, `IntegrationDirectionId`, `IntegrationSystemId`, `ScheduleId`. Defaults:
/// `MaxAttempts` 5, `BatchSize` 1, `ConsentTypeId` None, `Active` true, all other flags false.
///
/// # Errors
/// Everything that is wrong, by the names of the members.
pub fn integration(
    current: Option<&Integration>,
    key: Option<i64>,
    body: &Value,
) -> Result<Integration, Vec<FieldError>> {
    let mut reader = begin(body, "IntegrationId", key)?;
    let read = read(&mut reader, current);
    whole(reader, read)
}

fn read(reader: &mut Reader<'_>, current: Option<&Integration>) -> Option<Integration> {
    let now = current.cloned();
    let now = now.as_ref();
    let mut integration_name = now.map(|now| now.integration_name.clone());
    let mut entity_id = now.map(|now| now.entity_id.clone());
    let mut direction: Option<IntegrationDirection> = now.map(|now| now.integration_direction_id);
    let mut system: Option<SystemId> = now.map(|now| now.integration_system_id);
    let mut action: Option<ActionId> = now.and_then(|now| now.action_id);
    let mut element = now.and_then(|now| now.element_id.clone());
    let mut comment = now.and_then(|now| now.comment.clone());
    let mut filter = now.and_then(|now| now.filter.clone());
    let mut schedule: Option<ScheduleId> = now.map(|now| now.schedule_id);
    let mut consent: Option<ConsentType> = now.map(|now| now.consent_type_id);
    let mut flags = Flags::of(now);

    name(reader, "IntegrationName", &mut integration_name);
    word(reader, "IntegrationDirectionId", &mut direction);
    reader.require(
        "IntegrationDirectionId",
        direction.is_some(),
        "must be Inbound or Outbound",
    );
    entity(reader, direction, &mut entity_id);
    id(reader, "IntegrationSystemId", &mut system);
    reader.require(
        "IntegrationSystemId",
        system.is_some(),
        "must be the number of a system",
    );
    id(reader, "ActionId", &mut action);
    reader.text(&["ElementId"], ELEMENT_CHARACTERS_MAX).put(&mut element);
    reader.long_text(&["Comment"], COMMENT_CHARACTERS_MAX).put(&mut comment);
    reader.long_text(&["Filter"], FILTER_CHARACTERS_MAX).put(&mut filter);
    id(reader, "ScheduleId", &mut schedule);
    reader.require("ScheduleId", schedule.is_some(), "must be the number of a schedule");
    let max_attempts = count(
        reader,
        "MaxAttempts",
        now.map(|now| now.max_attempts),
        MAX_ATTEMPTS_DEFAULT,
        MAX_ATTEMPTS_MAX,
    );
    let batch_size = count(
        reader,
        "BatchSize",
        now.map(|now| now.batch_size),
        BATCH_SIZE_DEFAULT,
        BATCH_SIZE_MAX,
    );
    word(reader, "ConsentTypeId", &mut consent);
    flags.read(reader);
    Some(Integration {
        integration_name: integration_name?,
        entity_id: entity_id?,
        integration_direction_id: direction?,
        integration_system_id: system?,
        action_id: action,
        element_id: element,
        comment,
        filter,
        schedule_id: schedule?,
        max_attempts,
        batch_size,
        execute_in_parallel: flags.execute_in_parallel,
        include_update: flags.include_update,
        continuous: flags.continuous,
        managed: flags.managed,
        allow_schedule_change: flags.allow_schedule_change,
        consent_type_id: consent.unwrap_or(ConsentType::None),
        active: flags.active,
    })
}

#[expect(clippy::struct_excessive_bools, reason = "they are the flags of the definition")]
struct Flags {
    execute_in_parallel: bool,
    include_update: bool,
    continuous: bool,
    managed: bool,
    allow_schedule_change: bool,
    active: bool,
}

impl Flags {
    fn of(now: Option<&Integration>) -> Self {
        let is = |flag: fn(&Integration) -> bool| now.is_some_and(flag);
        Self {
            execute_in_parallel: is(|now| now.execute_in_parallel),
            include_update: is(|now| now.include_update),
            continuous: is(|now| now.continuous),
            managed: is(|now| now.managed),
            allow_schedule_change: is(|now| now.allow_schedule_change),
            active: now.is_none_or(|now| now.active),
        }
    }

    fn read(&mut self, reader: &mut Reader<'_>) {
        flag(reader, "ExecuteInParallel", false, &mut self.execute_in_parallel);
        flag(reader, "IncludeUpdate", false, &mut self.include_update);
        flag(reader, "Continuous", false, &mut self.continuous);
        flag(reader, "Managed", false, &mut self.managed);
        flag(reader, "AllowScheduleChange", false, &mut self.allow_schedule_change);
        flag(reader, "Active", true, &mut self.active);
    }
}

/// A number of at least 1; null is the default.
fn count(reader: &mut Reader<'_>, member: &'static str, now: Option<u32>, default: u32, max: u32) -> u32 {
    match reader.number(&[member], u32::MAX) {
        Given::Absent => now.unwrap_or(default),
        Given::Empty => default,
        Given::Set(number) => {
            if !(1..=max).contains(&number) {
                reader.refuse(member, format!("must be from 1 to {max}, and is {number}"));
            }
            number
        }
    }
}

/// A source may have any name that an entity can have; only what is written has to fit into ours.
fn entity(reader: &mut Reader<'_>, direction: Option<IntegrationDirection>, place: &mut Option<String>) {
    const MEMBER: &str = "EntityId";
    reader.text(&[MEMBER], ENTITY_CHARACTERS_MAX).put(place);
    let expected =
        format!("must have 1 to {ENTITY_CHARACTERS_MAX} characters: {TRANSACTION}, or the name of a record entity");
    reader.require(MEMBER, place.is_some(), &expected);
    let Some(name) = place else { return };
    if direction == Some(IntegrationDirection::Inbound) && !name.eq_ignore_ascii_case(TRANSACTION) {
        if let Err(error) = entity_name(MEMBER, name) {
            reader.refuse(MEMBER, error.message);
        }
    } else if !name.starts_with(|c: char| c.is_ascii_alphabetic())
        || !name
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-'))
    {
        reader.refuse(
            MEMBER,
            "may hold letters, digits, underscores and hyphens, beginning with a letter",
        );
    }
}
