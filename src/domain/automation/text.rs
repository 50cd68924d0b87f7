//! What an automation does, in plain English.

use super::{AppliesTo, Automation, AutomationType, CheckOn, criteria};
use crate::domain::{connection::ProviderKind, filter::Expr, partner_function::Direction};

const HOUR_MINUTES: u32 = 60;
const DAY_MINUTES: u32 = 24 * HOUR_MINUTES;

/// The texts of an answer about an automation; "" where there is nothing to say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Texts {
    /// `8 hours`, `customDayTime`.
    pub check_on: String,
    /// `480`; "" where it is not due at an interval.
    pub check_on_minutes: String,
    /// `Thursday at 06:45:23 (UTC)`; "" unless it is due so.
    pub custom_day_time: String,
    /// `Every 8 hours`.
    pub check_on_text: String,
    /// `When Account Number equals "1QKGUL" and Contact ID has no value`.
    pub trigger_condition_text: String,
    /// `Import new suppliers from XERO with the partner function "Suppliers"`.
    pub perform_action_text: String,
}

/// All texts of an automation of a connection to `provider`, whose `perform_action` is called `function` for people.
#[must_use]
pub fn texts(automation: &Automation, provider: ProviderKind, function: &str) -> Texts {
    Texts {
        check_on: automation.check_on.map(check_on).unwrap_or_default(),
        check_on_minutes: match automation.check_on {
            Some(CheckOn::Every { minutes }) => minutes.to_string(),
            Some(CheckOn::CustomDayTime) | None => String::new(),
        },
        custom_day_time: match automation.check_on {
            Some(CheckOn::CustomDayTime) => day_time(automation),
            Some(CheckOn::Every { .. }) | None => String::new(),
        },
        check_on_text: check_on_text(automation),
        trigger_condition_text: trigger_condition_text(automation),
        perform_action_text: perform_action_text(automation, provider, function),
    }
}

/// `check_on` as it is written in requests.
#[must_use]
pub fn check_on(check_on: CheckOn) -> String {
    match check_on {
        CheckOn::CustomDayTime => "customDayTime".to_owned(),
        CheckOn::Every { minutes } => {
            let (number, unit) = interval(minutes);
            format!("{number} {unit}{}", if number == 1 { "" } else { "s" })
        }
    }
}

/// When it runs: `Every 8 hours`, `Every Thursday at 06:45:23 (UTC)`, `When a supplier changes`.
#[must_use]
pub fn check_on_text(automation: &Automation) -> String {
    if automation.automation_type == AutomationType::EventBased {
        let entity = words(&automation.applies_to);
        let article = article(&entity);
        return match &automation.property_name {
            None => format!("When {article} {entity} changes"),
            Some(property) => format!("When {} of {article} {entity} changes", member(property)),
        };
    }
    match automation.check_on {
        None => String::new(),
        Some(CheckOn::Every { minutes }) => match interval(minutes) {
            (1, unit) => format!("Every {unit}"),
            (number, unit) => format!("Every {number} {unit}s"),
        },
        Some(CheckOn::CustomDayTime) => format!("Every {}", day_time(automation)),
    }
}

/// For which records it is: `When Account Number equals "1QKGUL" and Contact ID has no value`, `For every supplier`.
#[must_use]
pub fn trigger_condition_text(automation: &Automation) -> String {
    if automation.additional_criteria
        && let Ok(expr) = criteria::compile(&automation.criteria)
        && expr != Expr::And(Vec::new())
    {
        return format!("When {expr}");
    }
    format!("For every {}", words(&automation.applies_to))
}

/// What it does: `Import new suppliers from XERO with the partner function "Suppliers"`, and what comes after it.
#[must_use]
pub fn perform_action_text(automation: &Automation, provider: ProviderKind, function: &str) -> String {
    let (verb, preposition) = match automation.direction {
        Direction::Import => ("Import", "from"),
        Direction::Export => ("Export", "to"),
    };
    let which = match automation.applies_to_function {
        AppliesTo::New => "new ",
        AppliesTo::Update => "existing ",
        AppliesTo::NewAndUpdate => "new and existing ",
    };
    let entities = plural(&words(&automation.applies_to));
    let mut text = format!("{verb} {which}{entities} {preposition} {provider} with the partner function {function:?}");
    if automation.since_last_look_up {
        text.push_str(", those that changed since the last successful run");
    }
    if automation.do_not_over_write_latest_data && automation.direction == Direction::Import {
        text.push_str(", without overwriting newer data");
        if automation.ignore_threshold > 0 {
            let minutes = if automation.ignore_threshold == 1 {
                "minute"
            } else {
                "minutes"
            };
            text.push_str(&format!(
                " (newer by more than {} {minutes})",
                automation.ignore_threshold
            ));
        }
    }
    if let Some(another) = &automation.another_automation {
        text.push_str(&format!(", then run the automation {another:?}"));
    }
    text
}

/// `Thursday at 06:45:23 (UTC)`, `day at 23:00:00 (Europe/Oslo)`; whether it is due so `check_on` says.
#[must_use]
pub fn day_time(automation: &Automation) -> String {
    let day = automation
        .custom_day
        .as_deref()
        .map_or_else(|| "day".to_owned(), capitalised);
    let time = automation.custom_time.as_deref().unwrap_or("00:00:00");
    let zone = automation.time_zone.as_deref().unwrap_or("UTC");
    format!("{day} at {time} ({zone})")
}

/// The largest unit that an interval is a whole number of.
const fn interval(minutes: u32) -> (u32, &'static str) {
    if minutes > 0 && minutes.is_multiple_of(DAY_MINUTES) {
        (minutes / DAY_MINUTES, "day")
    } else if minutes > 0 && minutes.is_multiple_of(HOUR_MINUTES) {
        (minutes / HOUR_MINUTES, "hour")
    } else {
        (minutes, "minute")
    }
}

fn capitalised(word: &str) -> String {
    let mut letters = word.chars();
    letters
        .next()
        .map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}

/// An entity as people write it: `credit_note` is `credit note`.
fn words(entity: &str) -> String {
    entity.replace(['_', '-'], " ")
}

fn member(name: &str) -> String {
    crate::domain::filter::Path::parse(name).map_or_else(|_| name.to_owned(), |path| path.to_string())
}

fn article(noun: &str) -> &'static str {
    if noun.starts_with(['a', 'e', 'i', 'o', 'u']) {
        "an"
    } else {
        "a"
    }
}

/// The plural of an entity's name; entities are often given in the plural already.
fn plural(noun: &str) -> String {
    let ends_in = |endings: &[&str]| endings.iter().any(|ending| noun.ends_with(ending));
    if ends_in(&["ss", "x", "ch", "sh"]) {
        format!("{noun}es")
    } else if noun.ends_with('s') {
        noun.to_owned()
    } else if let Some(stem) = noun
        .strip_suffix('y')
        .filter(|stem| !stem.ends_with(['a', 'e', 'i', 'o', 'u']))
    {
        format!("{stem}ies")
    } else {
        format!("{noun}s")
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::domain::automation::read::{patch, read_new};

    fn seed() -> Automation {
        read_new(&json!({
            "name": "Test auto 260", "another_automation": "Automation four", "applies_to": "supplier", "applies_to_function": "new",
            "automation_type": "timerBased", "direction": "IMPORT", "check_on": "8 hours", "custom_day": "thursday",
            "custom_time": "06:45:23", "do_not_over_write_latest_data": "true", "ignore_threshold": "1", "perform_action": "f",
            "since_last_look_up": "true",
            "additional_criteria_details": [{"group_condition": "AND", "rules": [
                {"field_name": "AccountNumber", "operator": "EQUALS", "value": "1QKGUL", "condition": "AND"},
                {"field_name": "ContactID", "operator": "DOES_NOT_HAVE_VALUE", "condition": "AND"}
            ]}]
        }))
        .unwrap()
    }

    fn with(members: Value) -> Texts {
        texts(&patch(&seed(), &members).unwrap(), ProviderKind::Xero, "Suppliers")
    }

    #[test]
    fn the_seed_in_words() {
        assert_eq!(
            texts(&seed(), ProviderKind::Xero, "Suppliers"),
            Texts {
                check_on: "8 hours".to_owned(),
                check_on_minutes: "480".to_owned(),
                custom_day_time: String::new(),
                check_on_text: "Every 8 hours".to_owned(),
                trigger_condition_text: "When Account Number equals \"1QKGUL\" and Contact ID has no value".to_owned(),
                perform_action_text: "Import new suppliers from XERO with the partner function \"Suppliers\", those that changed \
                    since the last successful run, without overwriting newer data (newer by more than 1 minute), then run the \
                    automation \"Automation four\""
                    .to_owned(),
            }
        );
    }

    #[test]
    fn due_times_in_words() {
        for (members, check_on, check_on_text, day_time) in [
            (json!({"check_on": "60 minutes"}), "1 hour", "Every hour", ""),
            (json!({"check_on": "90 minutes"}), "90 minutes", "Every 90 minutes", ""),
            (json!({"check_on": "1 minute"}), "1 minute", "Every minute", ""),
            (json!({"check_on": "48 hours"}), "2 days", "Every 2 days", ""),
            (
                json!({"check_on": "customDayTime"}),
                "customDayTime",
                "Every Thursday at 06:45:23 (UTC)",
                "Thursday at 06:45:23 (UTC)",
            ),
            (
                json!({"check_on": "customDayTime", "custom_day": "", "time_zone": "Europe/Oslo"}),
                "customDayTime",
                "Every day at 06:45:23 (Europe/Oslo)",
                "day at 06:45:23 (Europe/Oslo)",
            ),
            (
                json!({"automation_type": "eventBased", "check_on": ""}),
                "",
                "When a supplier changes",
                "",
            ),
            (
                json!({"automation_type": "eventBased", "check_on": "", "applies_to": "invoice", "property_name": "DueDate"}),
                "",
                "When Due Date of an invoice changes",
                "",
            ),
        ] {
            let found = with(members.clone());
            assert_eq!(
                (
                    found.check_on.as_str(),
                    found.check_on_text.as_str(),
                    found.custom_day_time.as_str()
                ),
                (check_on, check_on_text, day_time),
                "{members}"
            );
            // What is shown can be sent back.
            if !found.check_on.is_empty() {
                let again = patch(
                    &patch(&seed(), &members).unwrap(),
                    &json!({ "check_on": found.check_on }),
                )
                .unwrap();
                assert_eq!(again, patch(&seed(), &members).unwrap());
            }
        }
    }

    #[test]
    fn conditions_and_actions_in_words() {
        assert_eq!(
            with(json!({"additional_criteria": "false"})).trigger_condition_text,
            "For every supplier"
        );
        assert_eq!(
            with(json!({"additional_criteria_details": []})).trigger_condition_text,
            "For every supplier"
        );
        let plain = json!({
            "since_last_look_up": false, "do_not_over_write_latest_data": false, "another_automation": "", "direction": "export",
            "applies_to_function": "new_and_update", "applies_to": "credit_note"
        });
        let found = with(plain);
        assert_eq!(
            found.perform_action_text,
            "Export new and existing credit notes to XERO with the partner function \"Suppliers\""
        );
        let update = json!({
            "since_last_look_up": false, "another_automation": "", "applies_to_function": "update", "ignore_threshold": 0
        });
        assert_eq!(
            with(update).perform_action_text,
            "Import existing suppliers from XERO with the partner function \"Suppliers\", without overwriting newer data"
        );
    }

    #[test]
    fn plurals() {
        for (one, many) in [
            ("supplier", "suppliers"),
            ("company", "companies"),
            ("journal entry", "journal entries"),
            ("address", "addresses"),
            ("tax", "taxes"),
            ("items", "items"),
            ("day", "days"),
        ] {
            assert_eq!(plural(one), many);
        }
    }
}
