//! Resource paths: what the part of a URL behind the service's root names.

use super::{
    EntitySet, Key,
    model::{BoundAction, Edm, EntityType, Link, Navigation, Property},
    split,
};

/// Longest path, bytes.
const BYTES_MAX: usize = 2_048;

/// What a path names.
#[derive(Debug, Clone, PartialEq)]
pub enum Resource {
    /// The service document.
    Service,
    /// The model.
    Metadata,
    /// A set.
    Set(EntitySet),
    /// How many entities a set has.
    Count(EntitySet),
    /// An entity, or what belongs to it.
    Entity(EntitySet, Key, Part),
}

/// What of an entity.
#[derive(Debug, Clone, PartialEq)]
pub enum Part {
    /// All of it.
    Whole,
    /// A property; with `/$value` as plain text.
    Property(&'static Property, bool),
    /// What a navigation leads to.
    Navigation(&'static Navigation),
    /// How many a navigation leads to.
    Count(&'static Navigation),
    /// An action.
    Action(&'static BoundAction),
}

/// There is nothing at this path; the text says why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Nothing(pub String);

/// Reads a path, still percent-encoded, without the slash at its begin.
///
/// # Errors
/// [`Nothing`].
pub fn parse(path: &str) -> Result<Resource, Nothing> {
    if path.len() > BYTES_MAX {
        return Err(Nothing(format!("the path is longer than {BYTES_MAX} bytes")));
    }
    // Encoded slashes are part of a key, so that the parts are decoded one by one.
    let parts =
        split::at(path, '/').ok_or_else(|| Nothing("parentheses or quotes in the path do not match".to_owned()))?;
    let decode = |part: &&str| split::percent_decoded(part);
    let parts: Option<Vec<String>> = parts.iter().map(decode).collect();
    let parts = parts.ok_or_else(|| Nothing("the path is not percent-encoded UTF-8".to_owned()))?;
    let mut parts: Vec<&str> = parts.iter().map(String::as_str).collect();
    if parts.last().is_some_and(|last| last.is_empty()) {
        parts.pop();
    }
    match parts.as_slice() {
        [] => Ok(Resource::Service),
        ["$metadata"] => Ok(Resource::Metadata),
        [set, rest @ ..] => of_set(set, rest),
    }
}

/// What OData puts at the root of a service and this one has not, and what to do instead; none: the path is nothing of that kind.
#[must_use]
pub fn unsupported(path: &str) -> Option<(&'static str, &'static str)> {
    const PARTS: [(&str, &str); 4] = [
        ("$batch", "send its requests one by one"),
        ("$all", "read the entity sets one by one"),
        ("$crossjoin", "read one entity set, with $expand"),
        ("$entity", "read the entity at its own path"),
    ];
    let first = split::percent_decoded(path.split(['/', '(']).next()?)?;
    PARTS.into_iter().find(|(name, _)| *name == first)
}

fn of_set(first: &str, rest: &[&str]) -> Result<Resource, Nothing> {
    let (name, key) = match first.split_once('(') {
        Some((name, key)) => (
            name,
            Some(
                key.strip_suffix(')')
                    .ok_or_else(|| Nothing(format!("\"{first}\" has no end")))?,
            ),
        ),
        None => (first, None),
    };
    if name.starts_with('$') {
        return Err(Nothing(format!("{} is not supported here", split::cut(name))));
    }
    let set: EntitySet = name.parse().map_err(|_| {
        Nothing(format!(
            "there is no entity set \"{}\"; the service document lists them",
            split::cut(name)
        ))
    })?;
    let Some(key) = key.filter(|key| !key.is_empty()) else {
        return match rest {
            [] => Ok(Resource::Set(set)),
            ["$count"] => Ok(Resource::Count(set)),
            [other, ..] => Err(Nothing(format!("there is no \"{}\" of a whole set", split::cut(other)))),
        };
    };
    let of = set.entity_type();
    let key = read_key(of, key)?;
    Ok(Resource::Entity(set, key, part(of, rest)?))
}

fn part(of: &EntityType, rest: &[&str]) -> Result<Part, Nothing> {
    let (name, more) = match rest {
        [] => return Ok(Part::Whole),
        [name, more @ ..] => (*name, more),
    };
    if let Some(property) = of.readable().find(|property| property.name == name) {
        return match more {
            [] => Ok(Part::Property(property, false)),
            ["$value"] => Ok(Part::Property(property, true)),
            _ => Err(Nothing(format!("there is nothing below {name}"))),
        };
    }
    if let Some(navigation) = of.navigation(name) {
        return match (more, navigation.link) {
            ([], _) => Ok(Part::Navigation(navigation)),
            (["$count"], Link::Many(_)) => Ok(Part::Count(navigation)),
            _ => Err(Nothing(format!(
                "paths end behind {name}; begin a new one at {}",
                navigation.target
            ))),
        };
    }
    match of.action(name).filter(|_| more.is_empty()) {
        Some(action) => Ok(Part::Action(action)),
        None => Err(Nothing(format!(
            "{} has neither property, navigation nor action \"{}\"",
            of.name,
            split::cut(name)
        ))),
    }
}

/// `5`, `'x'`, or either behind the name of the key.
fn read_key(of: &EntityType, text: &str) -> Result<Key, Nothing> {
    let key = of.key();
    let named = text.split_once('=').filter(|(name, _)| name.trim() == key.name);
    let value = named.map_or(text, |(_, value)| value).trim();
    let read = match key.edm {
        Edm::String => quoted(value).map(Key::Text),
        _ => value.parse().ok().map(Key::Number),
    };
    read.ok_or_else(|| {
        let form = if key.edm == Edm::String { "'word'" } else { "number" };
        Nothing(format!("\"{}\" is no key: {}({form}) is one", split::cut(text), of.set))
    })
}

fn quoted(text: &str) -> Option<String> {
    let inner = text.strip_prefix('\'')?.strip_suffix('\'')?;
    let bare = inner.replace("''", "");
    (!bare.contains('\'') && !bare.contains('\0')).then(|| inner.replace("''", "'"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_name_what_they_name() {
        let whole = |set, key| Resource::Entity(set, key, Part::Whole);
        for (path, expected) in [
            ("", Resource::Service),
            ("$metadata", Resource::Metadata),
            ("Integrations", Resource::Set(EntitySet::Integrations)),
            ("Integrations/", Resource::Set(EntitySet::Integrations)),
            ("Integrations()", Resource::Set(EntitySet::Integrations)),
            ("Integrations/$count", Resource::Count(EntitySet::Integrations)),
            ("Integrations(5)", whole(EntitySet::Integrations, Key::Number(5))),
            ("Integrations(-5)", whole(EntitySet::Integrations, Key::Number(-5))),
            (
                "Integrations(IntegrationId=5)",
                whole(EntitySet::Integrations, Key::Number(5)),
            ),
            (
                "Entities('Transaction')",
                whole(EntitySet::Entities, Key::Text("Transaction".to_owned())),
            ),
            (
                "Entities(%27a''b%2Fc%27)",
                whole(EntitySet::Entities, Key::Text("a'b/c".to_owned())),
            ),
            (
                "Entities('a/b')",
                whole(EntitySet::Entities, Key::Text("a/b".to_owned())),
            ),
        ] {
            assert_eq!(parse(path), Ok(expected), "{path}");
        }
        let part = |path: &str| match parse(path) {
            Ok(Resource::Entity(_, _, part)) => part,
            other => panic!("{path}: {other:?}"),
        };
        assert!(matches!(part("Integrations(5)/Comment"), Part::Property(comment, false) if comment.name == "Comment"));
        assert!(matches!(
            part("Integrations(5)/Comment/$value"),
            Part::Property(_, true)
        ));
        assert!(matches!(part("Integrations(5)/Schedule"), Part::Navigation(_)));
        assert!(matches!(
            part("Integrations(5)/ClientIntegrations/$count"),
            Part::Count(_)
        ));
        assert!(matches!(part("Integrations(5)/Orrery.Explain"), Part::Action(_)));
        assert!(matches!(part("IntegrationQueues(7)/Retry"), Part::Action(retry) if retry.name == "Retry"));
    }

    #[test]
    fn what_is_not_supported_is_known() {
        for path in [
            "$batch",
            "%24batch",
            "$batch/",
            "$crossjoin(Integrations,Actions)",
            "$all",
        ] {
            assert!(unsupported(path).is_some(), "{path}");
        }
        for path in ["", "Integrations", "$metadata", "$batches", "Integrations/$batch"] {
            assert_eq!(unsupported(path), None, "{path}");
        }
    }

    #[test]
    fn what_is_nothing_is_said() {
        for (path, why) in [
            ("Nope", "no entity set \"Nope\""),
            ("integrations", "no entity set"),
            ("$batch", "not supported"),
            ("Integrations(x)", "is no key: Integrations(number) is one"),
            ("Integrations('5')", "is no key"),
            ("Integrations(5", "do not match"),
            ("Integrations(99999999999999999999)", "is no key"),
            ("Entities(Transaction)", "Entities('word')"),
            ("Integrations(5)/Nope", "neither property"),
            ("Integrations(5)/Schedule/ScheduleName", "begin a new one at Schedules"),
            ("Integrations/Nope", "of a whole set"),
            ("IntegrationSystems(1)/OAuthClientSecret", "neither property"),
            ("Entities('%00')", "is no key"),
            ("Integrations(%zz)", "percent-encoded"),
        ] {
            let Nothing(text) = parse(path).unwrap_err();
            assert!(text.contains(why), "{path}: {text}");
        }
    }
}
