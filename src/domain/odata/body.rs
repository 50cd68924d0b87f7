//! Bodies of changes: annotations and what callers cannot set are taken out, links become keys, what is unknown is refused.

use serde_json::{Map, Value};

use super::{
    EntitySet,
    model::{Access, EntityType, Link},
    resource::{self, Part, Resource},
    split,
};
use crate::domain::validate::FieldError;

/// What a body is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// A new entity.
    Create,
    /// A change.
    Patch,
}

/// The members that the engine is to see. As OData wants it, properties that callers cannot set are left out, not refused.
///
/// # Errors
/// What is no object, or not known, by member.
pub fn members(set: EntitySet, purpose: Purpose, body: Value) -> Result<Value, Vec<FieldError>> {
    let Value::Object(body) = body else {
        return Err(vec![FieldError::new("", "must be an object")]);
    };
    let of = set.entity_type();
    let mut kept = Map::new();
    let mut wrong = Vec::new();
    for (name, value) in body {
        match member(of, purpose, &name, value) {
            Ok(Some((name, value))) => {
                if kept.insert(name.clone(), value).is_some() {
                    wrong.push(FieldError::new(name, "is given both as a key and as a link"));
                }
            }
            Ok(None) => {}
            Err(message) => wrong.push(FieldError::new(split::cut(&name), message)),
        }
    }
    if wrong.is_empty() {
        Ok(Value::Object(kept))
    } else {
        Err(wrong)
    }
}

fn member(of: &EntityType, purpose: Purpose, name: &str, value: Value) -> Result<Option<(String, Value)>, String> {
    if let Some((navigation, annotation)) = name.split_once('@') {
        return match annotation {
            "odata.bind" => bind(of, navigation, &value).map(Some),
            // Other annotations only tell what we know.
            _ => Ok(None),
        };
    }
    if let Some(property) = of.property(name) {
        let is_set = match property.access {
            Access::Set | Access::WriteOnly => true,
            Access::SetOnce => purpose == Purpose::Create,
            Access::Computed => false,
        };
        return Ok(is_set.then(|| (name.to_owned(), value)));
    }
    match of.navigation(name) {
        Some(_) => Err(format!(
            "is an entity of its own, which is not changed from here; name it by its key, or with {name}@odata.bind"
        )),
        None => Err(format!("{} has no such property", of.name)),
    }
}

/// `"Schedule@odata.bind": "Schedules(5)"` is `"ScheduleId": 5`.
fn bind(of: &EntityType, name: &str, value: &Value) -> Result<(String, Value), String> {
    let Some((navigation, Link::One(property))) = of.navigation(name).map(|navigation| (navigation, navigation.link))
    else {
        return Err("is no link to one entity".to_owned());
    };
    if of
        .property(property)
        .is_none_or(|property| property.access == Access::Computed)
    {
        return Err("cannot be set".to_owned());
    }
    if value.is_null() {
        return Ok((property.to_owned(), Value::Null));
    }
    let form = || format!("must be the URL of one of {}", navigation.target);
    let url = value.as_str().ok_or_else(form)?;
    let path = url
        .rsplit_once("/OData/")
        .map_or(url, |(_, path)| path)
        .trim_start_matches('/');
    match resource::parse(path) {
        Ok(Resource::Entity(set, key, Part::Whole)) if set == navigation.target => {
            let key = match key {
                super::Key::Number(number) => Value::from(number),
                super::Key::Text(text) => Value::from(text),
            };
            Ok((property.to_owned(), key))
        }
        _ => Err(form()),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn annotations_and_what_cannot_be_set_are_left_out() {
        let body = json!({
            "@odata.type": "#Orrery.Integration", "IntegrationId": 9, "IntegrationName": "x", "Version": 3,
            "MaxAttempts@odata.type": "#Int32", "MaxAttempts": 2, "Comment": null,
            "Schedule@odata.bind": "http://x/OData/Schedules(5)", "Entity@odata.bind": "Entities('Transaction')",
        });
        assert_eq!(
            members(EntitySet::Integrations, Purpose::Create, body),
            Ok(
                json!({"IntegrationName": "x", "MaxAttempts": 2, "Comment": null, "ScheduleId": 5, "EntityId": "Transaction"})
            )
        );
        let once = json!({"IntegrationId": 4, "Enabled": true});
        let of = EntitySet::ClientIntegrations;
        assert_eq!(members(of, Purpose::Create, once.clone()), Ok(once.clone()));
        assert_eq!(members(of, Purpose::Patch, once), Ok(json!({"Enabled": true})));
    }

    #[test]
    fn what_is_unknown_is_refused_by_name() {
        for (body, field, part) in [
            (json!([]), "", "must be an object"),
            (json!({"Nope": 1}), "Nope", "no such property"),
            (json!({"Schedule": {"Kind": "Cron"}}), "Schedule", "Schedule@odata.bind"),
            (
                json!({"Schedule@odata.bind": "Actions(5)"}),
                "Schedule@odata.bind",
                "one of Schedules",
            ),
            (
                json!({"Schedule@odata.bind": 5}),
                "Schedule@odata.bind",
                "one of Schedules",
            ),
            (json!({"Nope@odata.bind": "x"}), "Nope@odata.bind", "no link"),
            (
                json!({"Schedule@odata.bind": "Schedules(5)", "ScheduleId": 5}),
                "ScheduleId",
                "both",
            ),
        ] {
            let wrong = members(EntitySet::Integrations, Purpose::Create, body.clone()).unwrap_err();
            assert_eq!(wrong[0].field, field, "{body}");
            assert!(wrong[0].message.contains(part), "{body}: {}", wrong[0].message);
        }
    }
}
