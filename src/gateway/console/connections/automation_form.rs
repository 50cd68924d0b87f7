//! The form of an automation: when, which records, what is done with them.

use maud::{Markup, html};
use serde_json::{Map, Value, json};

use super::{
    Of,
    automations::{REST, rest_of},
    criteria::{self, GROUPS},
    for_choice,
    functions::{DIRECTIONS, options},
};
use crate::{
    domain::{
        automation::{Automation, text},
        ids::{AutomationId, ConnectionId},
    },
    engine::{Engine, automations::AutomationShown},
    error::{Error, Result},
    gateway::console::{
        form::Form,
        ui::{self, Entry, Input, Wrong},
        view::View,
    },
};

/// Boxes; what is not ticked is sent as false.
const TICKS: [&str; 4] = [
    "description_enabled",
    "since_last_look_up",
    "do_not_over_write_latest_data",
    "additional_criteria",
];
/// A choice, and the field for what it does not offer.
const REFERENCES: [(&str, &str); 2] = [
    ("perform_action", "_perform_action"),
    ("another_automation", "_another_automation"),
];
const CUSTOM: &str = "customDayTime";
const UNITS: &[(&str, &str)] = &[
    ("minutes", "minutes"),
    ("hours", "hours"),
    ("days", "days"),
    (CUSTOM, "on the day, at the time below"),
];
const TYPES: &[(&str, &str)] = &[("timerBased", "At due times"), ("eventBased", "When records change")];
const APPLIES: &[(&str, &str)] = &[
    ("new_and_update", "new and existing ones"),
    ("new", "new ones"),
    ("update", "existing ones"),
];
const DAYS: &[(&str, &str)] = &[
    ("", "every day"),
    ("monday", "Monday"),
    ("tuesday", "Tuesday"),
    ("wednesday", "Wednesday"),
    ("thursday", "Thursday"),
    ("friday", "Friday"),
    ("saturday", "Saturday"),
    ("sunday", "Sunday"),
];

/// What a form says.
pub(super) struct Entered {
    /// As the form shows it again.
    pub values: Value,
    /// As an API client would send it.
    pub body: Value,
}

impl Entered {
    pub(super) fn of(form: &Form) -> Self {
        let mut members = match form.tree() {
            Value::Object(members) => members,
            _ => Map::new(),
        };
        for name in TICKS {
            members.insert(name.to_owned(), Value::Bool(form.has(name)));
        }
        for (name, other) in REFERENCES {
            let other = form.text(other).trim();
            if !other.is_empty() {
                members.insert(name.to_owned(), Value::String(other.to_owned()));
            }
        }
        // A change replaces the groups as a whole.
        members.entry(GROUPS).or_insert_with(|| Value::Array(Vec::new()));
        let mut body = members.clone();
        body.insert("check_on".to_owned(), Value::String(check_on(&members)));
        Self {
            values: Value::Object(members),
            body: Value::Object(body),
        }
    }
}

/// `8 hours`, `customDayTime`; nothing where no timer is asked for.
fn check_on(members: &Map<String, Value>) -> String {
    let text = |value: Option<&Value>| value.and_then(Value::as_str).unwrap_or_default().trim().to_owned();
    let part = |name: &str| text(members.get("check_on").and_then(|parts| parts.get(name)));
    if text(members.get("automation_type")) == "eventBased" {
        return String::new();
    }
    match part("unit") {
        unit if unit == CUSTOM => unit,
        unit => format!("{} {unit}", part("every")),
    }
}

/// What the form shows of a stored automation.
///
/// # Errors
/// None that a person could do something about.
pub(super) fn stored(definition: &Automation) -> Result<Value> {
    let mut values = serde_json::to_value(definition).map_err(Error::internal)?;
    if let Some(members) = values.as_object_mut() {
        let groups = members.remove("criteria").unwrap_or_default();
        if groups.as_array().is_some_and(Vec::is_empty) {
            // Criteria that are added now shall count.
            members.insert("additional_criteria".to_owned(), Value::Bool(true));
        }
        members.insert(GROUPS.to_owned(), groups);
        let every = match definition.check_on.map(text::check_on) {
            None => json!({ "unit": "hours" }),
            Some(words) => match words.split_once(' ') {
                None => json!({ "unit": CUSTOM }),
                Some((number, unit)) => json!({ "every": number, "unit": format!("{}s", unit.trim_end_matches('s')) }),
            },
        };
        members.insert("check_on".to_owned(), every);
    }
    Ok(values)
}

/// What the form of a new one begins with.
pub(super) fn beginning() -> Value {
    json!({
        "check_on": { "every": "1", "unit": "hours" }, "since_last_look_up": true, "additional_criteria": true, "description_enabled": true
    })
}

/// A refusal by the fields of the form.
pub(super) fn at_fields(mut error: Error) -> Error {
    for wrong in &mut error.fields {
        if wrong.field == "check_on" {
            wrong.field.push_str(".every");
        }
    }
    error
}

/// What the form offers: id, name and words of partner functions and of other automations; the kinds of records that there are.
pub(super) struct Offered {
    entities: Vec<String>,
    functions: Vec<[String; 3]>,
    automations: Vec<[String; 3]>,
}

impl Offered {
    pub(super) async fn of(
        view: &View,
        engine: &Engine,
        id: ConnectionId,
        without: Option<AutomationId>,
    ) -> Result<Self> {
        let functions = engine.partner_functions().list(view.caller(), id, for_choice()).await?;
        let functions = functions.items.into_iter().map(|shown| {
            let (row, definition) = (shown.row.id, shown.row.definition);
            let (direction, object) = (definition.direction.as_str(), definition.object_name);
            let words = format!("{} ({direction} {object})", definition.name);
            [row.to_string(), definition.name, words]
        });
        let functions = functions.collect();
        let automations = engine.automations().list(view.caller(), id, for_choice()).await?;
        let others = automations
            .items
            .into_iter()
            .filter(|shown| Some(shown.row.id) != without);
        let automations = others.map(|shown| {
            let name = shown.row.definition.name;
            [shown.row.id.to_string(), name.clone(), name]
        });
        Ok(Self {
            functions,
            automations: automations.collect(),
            entities: engine.records().entities(view.caller()).await?,
        })
    }
}

/// The choices among things that are named by id or name: what is stored stays as it is.
fn references(first: &str, all: &[[String; 3]], stored: &str) -> Vec<(String, String)> {
    let by_id = all.iter().any(|[id, ..]| id == stored);
    let choice = |[id, name, words]: &[String; 3]| {
        let is_named = !by_id && name == stored;
        let value = if is_named { name } else { id };
        (value.clone(), words.clone())
    };
    let none = (String::new(), first.to_owned());
    std::iter::once(none).chain(all.iter().map(choice)).collect()
}

pub(super) fn page(
    view: &View,
    of: &Of,
    shown: Option<&AutomationShown>,
    offered: &Offered,
    values: &Value,
    wrong: &Wrong,
) -> Markup {
    let entry = Entry {
        values,
        wrong,
        locked: false,
    };
    let (title, path) = match shown {
        Some(shown) => (
            format!("Edit {}", shown.row.definition.name),
            of.path(&rest_of(shown.row.id)),
        ),
        None => ("New automation".to_owned(), of.path(REST)),
    };
    html! {
        (of.head(view, &[("Automations", REST)], &title, &html! {}))
        (wrong.summary())
        form .card .form .automation method="post" action=(view.url(&path)) {
            (ui::token(view))
            (ui::version(shown.map(|shown| shown.row.version)))
            (naming(&entry))
            (when(&entry))
            (which(offered, &entry))
            (criteria::builder(&entry))
            (what(offered, &entry))
            div .buttons {
                button .primary type="submit" { "Save" }
                a href=(view.url(&path)) { "Cancel" }
            }
        }
    }
}

fn naming(entry: &Entry<'_>) -> Markup {
    html! {
        (Input::text("name", "Name").required().show(entry))
        (Input::text("display_name", "Shown as").help(html! { "For people; the name if empty." }).show(entry))
        (Input::text("code", "Code").show(entry))
        (Input::area("description", "Description", 2).show(entry))
        (Input::tick("description_enabled", "Show the description").show(entry))
    }
}

fn when(entry: &Entry<'_>) -> Markup {
    html! {
        h2 { "When" }
        (Input::choice("automation_type", "Begins", TYPES).show(entry))
        (Input::line("number", "check_on.every", "Every").show(entry))
        (Input::choice("check_on.unit", "Unit", UNITS).show(entry))
        (Input::choice("custom_day", "Day", DAYS).show(entry))
        (Input::text("custom_time", "Time").placeholder("06:45:23").show(entry))
        (Input::text("time_zone", "Time zone").placeholder("Europe/Oslo").help(html! { "UTC if empty." }).show(entry))
        (Input::text("property_name", "Member that changes").placeholder("DueDate")
            .help(html! { "When records change: only changes of this member; of any if empty." }).show(entry))
    }
}

fn which(offered: &Offered, entry: &Entry<'_>) -> Markup {
    let known = offered.entities.join(", ");
    html! {
        h2 { "Which records" }
        (Input::choice("direction", "Direction", DIRECTIONS).show(entry))
        (Input::text("applies_to", "Applies to").required().placeholder("supplier")
            .help(html! {
                "The kind of our records: customer, supplier, item, invoice or any other."
                @if !known.is_empty() { " There are records of: " (known) "." }
            }).show(entry))
        (Input::choice("applies_to_function", "Of these", APPLIES).show(entry))
        (Input::tick("since_last_look_up", "Only what changed since the last successful run").show(entry))
        (Input::tick("do_not_over_write_latest_data", "Leave local records alone that are newer").show(entry))
        (Input::line("number", "ignore_threshold", "Minutes of difference that do not count as newer").show(entry))
    }
}

fn what(offered: &Offered, entry: &Entry<'_>) -> Markup {
    let functions = references(
        "Choose a partner function",
        &offered.functions,
        &entry.text("perform_action"),
    );
    let automations = references("None", &offered.automations, &entry.text("another_automation"));
    let (functions, automations) = (options(&functions), options(&automations));
    html! {
        h2 { "What it does" }
        div .wide .two {
            (Input::choice("perform_action", "Partner function", &functions)
                .help(html! { "It names the object, the mapping and the scripts." }).show(entry))
            (Input::text("_perform_action", "Or another partner function, by name or id")
                .help(html! { "One that is still to be made, for example." }).show(entry))
            (Input::choice("another_automation", "After a success, run", &automations).show(entry))
            (Input::text("_another_automation", "Or another automation, by name or id").show(entry))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::automation::read::{patch, read_new};

    fn seed() -> Automation {
        read_new(&json!({
            "name": "Test auto 260", "another_automation": "Automation four", "applies_to": "supplier", "applies_to_function": "new",
            "automation_type": "timerBased", "direction": "IMPORT", "check_on": "8 hours", "custom_day": "thursday",
            "custom_time": "06:45:23", "do_not_over_write_latest_data": "true", "ignore_threshold": "1", "perform_action": "f",
            "since_last_look_up": "true", "description_enabled": true,
            "additional_criteria_details": [{"group_condition": "AND", "rules": [
                {"field_name": "AccountNumber", "operator": "EQUALS", "value": "1QKGUL", "condition": "AND"},
                {"field_name": "ContactID", "operator": "DOES_NOT_HAVE_VALUE", "condition": "OR"}
            ]}, {"group_condition": "OR", "rules": [{"field_name": "A", "operator": "IN", "value": "1,2", "condition": "AND"}]}]
        }))
        .unwrap()
    }

    /// The fields of a form with these values, as a browser sends them.
    fn sent(path: &str, value: &Value, pairs: &mut Vec<(String, String)>) {
        let below = |name: &str| {
            if path.is_empty() {
                name.to_owned()
            } else {
                format!("{path}.{name}")
            }
        };
        match value {
            Value::Object(members) => members
                .iter()
                .for_each(|(name, value)| sent(&below(name), value, pairs)),
            // As after rows were taken away: the numbers have gaps.
            Value::Array(items) => {
                let items = items.iter().enumerate();
                items.for_each(|(index, value)| sent(&below(&(index * 1_000).to_string()), value, pairs));
            }
            Value::Null => pairs.push((path.to_owned(), String::new())),
            Value::Bool(false) => {}
            Value::String(text) => pairs.push((path.to_owned(), text.clone())),
            other => pairs.push((path.to_owned(), other.to_string())),
        }
    }

    fn through_the_form(automation: &Automation) -> Entered {
        let mut pairs = Vec::new();
        sent("", &stored(automation).unwrap(), &mut pairs);
        let body = url::form_urlencoded::Serializer::new(String::new())
            .extend_pairs(pairs)
            .finish();
        Entered::of(&Form::parse(body.as_bytes()).unwrap())
    }

    #[test]
    fn what_is_stored_survives_the_form() {
        let custom = patch(
            &seed(),
            &json!({"check_on": "customDayTime", "time_zone": "Europe/Oslo"}),
        )
        .unwrap();
        let changed = json!({"automation_type": "eventBased", "check_on": "", "property_name": "DueDate"});
        let events = patch(&seed(), &changed).unwrap();
        let unused = patch(
            &seed(),
            &json!({"additional_criteria": false, "since_last_look_up": false}),
        )
        .unwrap();
        let daily = patch(
            &seed(),
            &json!({"check_on": "1 day", "perform_action": "Suppliers \"new\""}),
        )
        .unwrap();
        for automation in [seed(), custom, events, unused, daily] {
            let body = through_the_form(&automation).body;
            assert_eq!(read_new(&body).unwrap(), automation, "{body:#}");
            assert_eq!(patch(&seed(), &body).unwrap(), automation);
        }
    }

    #[test]
    fn groups_that_were_all_taken_away_are_gone() {
        let form = Form::parse(b"name=a&check_on.every=2&check_on.unit=days&automation_type=timerBased").unwrap();
        let Entered { values, body } = Entered::of(&form);
        assert_eq!(body[GROUPS], json!([]));
        assert_eq!(body["check_on"], "2 days");
        assert_eq!(values["check_on"], json!({ "every": "2", "unit": "days" }));
        assert_eq!(body["since_last_look_up"], false);
    }

    #[test]
    fn a_free_text_goes_before_the_choice() {
        let form =
            Form::parse(b"perform_action=x&_perform_action=+Later+&another_automation=y&_another_automation=").unwrap();
        let body = Entered::of(&form).body;
        assert_eq!(
            (&body["perform_action"], &body["another_automation"]),
            (&json!("Later"), &json!("y"))
        );
    }

    #[test]
    fn what_is_stored_stays_in_the_choice_as_it_is() {
        let all = [
            ["id-1", "One", "One (IMPORT)"].map(str::to_owned),
            ["id-2", "Two", "Two (EXPORT)"].map(str::to_owned),
        ];
        let values = |stored: &str| -> Vec<String> {
            references("None", &all, stored)
                .into_iter()
                .map(|(value, _)| value)
                .collect()
        };
        assert_eq!(values("id-1"), ["", "id-1", "id-2"]);
        assert_eq!(values("Two"), ["", "id-1", "Two"]);
        assert_eq!(values("gone"), ["", "id-1", "id-2"]);
    }
}
