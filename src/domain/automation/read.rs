//! Reading an automation from a request: the documented envelope or its members alone, whole or as a change.

use serde_json::Value;

use super::{AppliesTo, Automation, AutomationType, CheckOn, CriteriaGroup, criteria::compile_at, read_criteria};
use crate::domain::{
    cron::time_zone,
    lenient::{Given, Reader, folded, unwrapped},
    partner_function::{
        Direction,
        read::{DESCRIPTION_CHARACTERS_MAX, TEXT_CHARACTERS_MAX, name},
    },
    record::entity_name,
    validate::{FieldError, NAME_CHARACTERS_MAX},
};

/// Longest interval, minutes (365 days).
pub const CHECK_ON_MINUTES_MAX: u32 = 365 * 24 * 60;
/// Largest `ignore_threshold`, minutes (365 days).
pub const IGNORE_THRESHOLD_MINUTES_MAX: u32 = 365 * 24 * 60;
/// Members that answers show and that only the engine sets; a change may send them back.
const SHOWN_ONLY: [&str; 16] = [
    "uuid",
    "provider",
    "perform_function",
    "check_on_minutes",
    "custom_day_time",
    "trigger_condition_text",
    "performActionText",
    "checkOnText",
    "status_detail",
    "next_due",
    "last_run",
    "last_outcome",
    "created",
    "updated",
    "version",
    "warnings",
];
const CRITERIA: &str = "additional_criteria_details";
const DETAILS: &str = "automation_details";

/// Reads a new automation: `{"integration": {"automation_details": {..}, "additional_criteria_details": [..]}}`, the same without the
/// outer wrapper, or all members in one object.
///
/// # Errors
/// Everything that is wrong, by the paths of the members as they were given.
pub fn read_new(body: &Value) -> Result<Automation, Vec<FieldError>> {
    read(body, Draft::default(), &[])
}

/// Reads a change, member by member: what is absent stays, null or "" leaves a member without a value, the criteria are replaced as
/// a whole. Criteria that come without `additional_criteria` count from then on.
///
/// # Errors
/// As [`read_new`].
pub fn patch(current: &Automation, body: &Value) -> Result<Automation, Vec<FieldError>> {
    read(body, Draft::of(current.clone()), &SHOWN_ONLY)
}

/// An automation that may lack what it needs.
#[derive(Default)]
struct Draft {
    name: Option<String>,
    display_name: Option<String>,
    code: Option<String>,
    description_enabled: Option<bool>,
    description: Option<String>,
    another_automation: Option<String>,
    applies_to: Option<String>,
    applies_to_function: Option<AppliesTo>,
    automation_type: Option<AutomationType>,
    direction: Option<Direction>,
    check_on: Option<CheckOn>,
    custom_day: Option<String>,
    custom_time: Option<String>,
    time_zone: Option<String>,
    do_not_over_write_latest_data: Option<bool>,
    ignore_threshold: Option<u32>,
    perform_action: Option<String>,
    since_last_look_up: Option<bool>,
    additional_criteria: Option<bool>,
    property_name: Option<String>,
    criteria: Vec<CriteriaGroup>,
}

impl Draft {
    fn of(current: Automation) -> Self {
        Self {
            name: Some(current.name),
            display_name: current.display_name,
            code: current.code,
            description_enabled: Some(current.description_enabled),
            description: current.description,
            another_automation: current.another_automation,
            applies_to: Some(current.applies_to),
            applies_to_function: Some(current.applies_to_function),
            automation_type: Some(current.automation_type),
            direction: Some(current.direction),
            check_on: current.check_on,
            custom_day: current.custom_day,
            custom_time: current.custom_time,
            time_zone: current.time_zone,
            do_not_over_write_latest_data: Some(current.do_not_over_write_latest_data),
            ignore_threshold: Some(current.ignore_threshold),
            perform_action: Some(current.perform_action),
            since_last_look_up: Some(current.since_last_look_up),
            additional_criteria: Some(current.additional_criteria),
            property_name: current.property_name,
            criteria: current.criteria,
        }
    }

    /// Takes over what the reader has.
    fn take(&mut self, reader: &mut Reader<'_>) {
        let text = |reader: &mut Reader<'_>, name: &'static str, characters_max: usize, place: &mut Option<String>| {
            reader.text(&[name], characters_max).put(place);
        };
        name(reader, "name").put(&mut self.name);
        text(reader, "display_name", NAME_CHARACTERS_MAX, &mut self.display_name);
        text(reader, "code", TEXT_CHARACTERS_MAX, &mut self.code);
        reader
            .boolean(&["description_enabled"])
            .put(&mut self.description_enabled);
        reader
            .long_text(&["description"], DESCRIPTION_CHARACTERS_MAX)
            .put(&mut self.description);
        text(
            reader,
            "another_automation",
            NAME_CHARACTERS_MAX,
            &mut self.another_automation,
        );
        reader.word(&["applies_to"], entity).put(&mut self.applies_to);
        reader
            .word(&["applies_to_function"], applies_to_function)
            .put(&mut self.applies_to_function);
        reader
            .word(&["automation_type"], automation_type)
            .put(&mut self.automation_type);
        reader.word(&["direction"], Direction::read).put(&mut self.direction);
        reader.word(&["check_on"], check_on).put(&mut self.check_on);
        weekday(reader).put(&mut self.custom_day);
        reader.word(&["custom_time"], time_of_day).put(&mut self.custom_time);
        reader.word(&["time_zone"], zone).put(&mut self.time_zone);
        reader
            .boolean(&["do_not_over_write_latest_data", "do_not_overwrite_latest_data"])
            .put(&mut self.do_not_over_write_latest_data);
        reader
            .number(&["ignore_threshold"], IGNORE_THRESHOLD_MINUTES_MAX)
            .put(&mut self.ignore_threshold);
        text(reader, "perform_action", NAME_CHARACTERS_MAX, &mut self.perform_action);
        reader
            .boolean(&["since_last_look_up", "since_last_lookup"])
            .put(&mut self.since_last_look_up);
        text(reader, "property_name", TEXT_CHARACTERS_MAX, &mut self.property_name);
        reader
            .boolean(&["additional_criteria"])
            .put(&mut self.additional_criteria);
    }

    /// Refuses what is missing.
    fn require(&self, reader: &mut Reader<'_>) {
        reader.require("name", self.name.is_some(), "must have a name");
        reader.require(
            "applies_to",
            self.applies_to.is_some(),
            "must name the kind of our records, like customer or supplier",
        );
        reader.require(
            "automation_type",
            self.automation_type.is_some(),
            "must be timerBased or eventBased",
        );
        reader.require("direction", self.direction.is_some(), "must be IMPORT or EXPORT");
        reader.require(
            "perform_action",
            self.perform_action.is_some(),
            "must be the uuid or the name of a partner function",
        );
        if self.automation_type == Some(AutomationType::TimerBased) {
            reader.require("check_on", self.check_on.is_some(), CHECK_ON_EXPECTED);
        }
        if self.check_on == Some(CheckOn::CustomDayTime) {
            reader.require(
                "custom_time",
                self.custom_time.is_some(),
                "must be given with check_on customDayTime, like 06:45:23",
            );
        }
    }

    fn complete(self) -> Option<Automation> {
        Some(Automation {
            name: self.name?,
            display_name: self.display_name,
            code: self.code,
            description_enabled: self.description_enabled.unwrap_or_default(),
            description: self.description,
            another_automation: self.another_automation,
            applies_to: self.applies_to?,
            applies_to_function: self.applies_to_function.unwrap_or_default(),
            automation_type: self.automation_type?,
            direction: self.direction?,
            check_on: self.check_on,
            custom_day: self.custom_day,
            custom_time: self.custom_time,
            time_zone: self.time_zone,
            do_not_over_write_latest_data: self.do_not_over_write_latest_data.unwrap_or_default(),
            ignore_threshold: self.ignore_threshold.unwrap_or_default(),
            perform_action: self.perform_action?,
            since_last_look_up: self.since_last_look_up.unwrap_or_default(),
            // Whoever gives criteria and does not say otherwise means them.
            additional_criteria: self.additional_criteria.unwrap_or(!self.criteria.is_empty()),
            property_name: self.property_name,
            criteria: self.criteria,
        })
    }
}

fn read(body: &Value, mut draft: Draft, shown_only: &[&'static str]) -> Result<Automation, Vec<FieldError>> {
    let (path, value) = unwrapped(body, &["integration", "integration_automation"]);
    let mut outer = Reader::new(&path, value).map_err(|error| vec![error])?;
    let details = outer.raw(&[DETAILS]).map(|(_, value)| value);
    let criteria = outer
        .raw(&[CRITERIA])
        .map(|(_, value)| (outer.path_of(CRITERIA), value));
    // With an envelope the members are inside of it, else they are here.
    let mut inner = match details {
        Some(details) => Reader::new(&outer.path_of(DETAILS), details).map_err(|error| vec![error])?,
        None => {
            let mut bare = Reader::new(&path, value).map_err(|error| vec![error])?;
            bare.skip(&[CRITERIA]);
            bare
        }
    };
    inner.forbid(
        &["enabled", "status"],
        "cannot be set here: POST .../automation/{uuid}/enable or /disable changes it",
    );
    inner.skip(shown_only);
    draft.take(&mut inner);
    if let Some((path, criteria)) = criteria {
        let read = read_criteria::groups(&path, criteria);
        match read.and_then(|groups| compile_at(&path, &groups).map(|_| groups)) {
            Ok(groups) => {
                // A change that brings criteria brings them to be used.
                if !groups.is_empty() && !inner.has("additional_criteria") {
                    draft.additional_criteria = Some(true);
                }
                draft.criteria = groups;
            }
            Err(errors) => inner.add_errors(errors),
        }
    }
    draft.require(&mut inner);
    let mut errors = inner.finish();
    if details.is_some() {
        errors.extend(outer.finish());
    }
    match draft.complete() {
        Some(automation) if errors.is_empty() => Ok(automation),
        _ => Err(errors),
    }
}

const CHECK_ON_EXPECTED: &str =
    "must be a number of minutes, hours or days, like \"8 hours\", at most 365 days, or customDayTime";

fn entity(text: &str) -> Result<String, String> {
    entity_name("applies_to", text).map_err(|error| error.message)
}

fn applies_to_function(text: &str) -> Result<AppliesTo, String> {
    match folded(text).as_str() {
        "new" => Ok(AppliesTo::New),
        "update" => Ok(AppliesTo::Update),
        "newandupdate" => Ok(AppliesTo::NewAndUpdate),
        _ => Err("must be new, update or new_and_update".to_owned()),
    }
}

fn automation_type(text: &str) -> Result<AutomationType, String> {
    match folded(text).as_str() {
        "timerbased" => Ok(AutomationType::TimerBased),
        "eventbased" => Ok(AutomationType::EventBased),
        _ => Err("must be timerBased or eventBased".to_owned()),
    }
}

fn check_on(text: &str) -> Result<CheckOn, String> {
    let expected = || CHECK_ON_EXPECTED.to_owned();
    if folded(text) == "customdaytime" {
        return Ok(CheckOn::CustomDayTime);
    }
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = text.split_at(digits);
    let unit_minutes = match unit.trim().to_ascii_lowercase().as_str() {
        "minute" | "minutes" => 1,
        "hour" | "hours" => 60,
        "day" | "days" => 24 * 60,
        _ => return Err(expected()),
    };
    let number: u32 = number.parse().map_err(|_| expected())?;
    let minutes = number.checked_mul(unit_minutes).ok_or_else(expected)?;
    if !(1..=CHECK_ON_MINUTES_MAX).contains(&minutes) {
        return Err(expected());
    }
    Ok(CheckOn::Every { minutes })
}

/// Weekdays as jiff and cron expressions count them, from Monday.
pub(super) const WEEKDAYS: [&str; 7] = [
    "monday",
    "tuesday",
    "wednesday",
    "thursday",
    "friday",
    "saturday",
    "sunday",
];

fn weekday(reader: &mut Reader<'_>) -> Given<String> {
    let given = reader.word(&["custom_day"], |text| {
        let word = folded(text);
        if matches!(word.as_str(), "everyday" | "daily") {
            return Ok(None);
        }
        let matches = |day: &&&str| **day == word || word.len() == 3 && day.starts_with(&word);
        match WEEKDAYS.iter().find(matches) {
            Some(day) => Ok(Some((*day).to_owned())),
            None => Err("must be a day of the week, like thursday, or empty for every day".to_owned()),
        }
    });
    match given {
        Given::Absent => Given::Absent,
        Given::Empty | Given::Set(None) => Given::Empty,
        Given::Set(Some(day)) => Given::Set(day),
    }
}

fn time_of_day(text: &str) -> Result<String, String> {
    let parts: Vec<&str> = text.split(':').collect();
    let part = |text: &str, below: u8| {
        let fits = matches!(text.len(), 1 | 2) && text.bytes().all(|byte| byte.is_ascii_digit());
        text.parse::<u8>().ok().filter(|number| fits && *number < below)
    };
    let read = match parts.as_slice() {
        [hour, minute] => Some((part(hour, 24), part(minute, 60), Some(0))),
        [hour, minute, second] => Some((part(hour, 24), part(minute, 60), part(second, 60))),
        _ => None,
    };
    match read {
        Some((Some(hour), Some(minute), Some(second))) => Ok(format!("{hour:02}:{minute:02}:{second:02}")),
        _ => Err("must be a time of day from 00:00:00 to 23:59:59, like 06:45:23".to_owned()),
    }
}

fn zone(text: &str) -> Result<String, String> {
    match time_zone(text) {
        Ok(zone) => Ok(zone.iana_name().unwrap_or(text).to_owned()),
        Err(_) => Err("must be a time zone of the IANA database, such as Europe/Oslo or UTC".to_owned()),
    }
}

#[cfg(test)]
#[path = "read_tests.rs"]
mod tests;

#[cfg(test)]
#[path = "read_properties_tests.rs"]
mod properties;
