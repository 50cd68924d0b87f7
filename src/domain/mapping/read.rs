//! Reading object mappings: a list of pairs, or a script; and checking that no two pairs write to the same place.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::{Mapping, Pair, Pairs, Target, Transform, date::DateForm};
use crate::domain::{
    filter::Path,
    ids::ScriptId,
    lenient::{Given, Reader, in_words},
    validate::FieldError,
};

/// Most pairs of a mapping.
pub const PAIRS_MAX: usize = 500;
/// Longest script in a mapping, bytes.
pub const MAPPING_SCRIPT_BYTES_MAX: usize = 256 * 1024;
/// Most transforms of a pair.
const TRANSFORMS_MAX: usize = 10;
/// Most entries of a lookup table.
const ENTRIES_MAX: usize = 10_000;
/// Longest path, characters.
const PATH_CHARACTERS_MAX: usize = 256;
/// Most decimals of a number; a decimal holds 28 digits.
const DECIMALS_MAX: u32 = 20;
/// What may stand around a list of pairs.
const WRAPPERS: [&str; 4] = ["mapping", "mappings", "pairs", "object_mapping"];

const TRANSFORM_EXPECTED: &str = "must be \"upper\", \"lower\", \"trim\", \"text\", \"number\", \"date\", \"boolean\", or an object \
    with one of number, date, lookup, constant, each, or a list of these";

/// What is to be stored of a body: the list of pairs or the object with the script, without what stands around it.
#[must_use]
pub fn definition_of(body: &Value) -> &Value {
    let only = body.as_object().filter(|members| members.len() == 1);
    let inner = only.and_then(|members| WRAPPERS.iter().find_map(|name| members.get(*name)));
    inner.unwrap_or(body)
}

impl Mapping {
    /// Reads a mapping as it was given or stored: `[{"source", "target", "transform"?, "default"?}]`, `{"script": ".."}` or
    /// `{"script_id": ".."}`.
    ///
    /// # Errors
    /// Everything that is wrong, by its path below the definition (`[2].target`).
    pub fn read(body: &Value) -> Result<Self, Vec<FieldError>> {
        match definition_of(body) {
            Value::Array(pairs) => read_pairs("", pairs).map(Self::Pairs),
            definition @ Value::Object(_) => read_script(definition),
            other => Err(vec![FieldError::new(
                "body",
                format!(
                    "must be a list of pairs, or an object with script or script_id, and is {}",
                    in_words(other)
                ),
            )]),
        }
    }

    /// The stored script that it names.
    #[must_use]
    pub const fn script_id(&self) -> Option<ScriptId> {
        match self {
            Self::ScriptId(id) => Some(*id),
            Self::Pairs(_) | Self::Script(_) => None,
        }
    }
}

fn read_script(definition: &Value) -> Result<Mapping, Vec<FieldError>> {
    let mut reader = Reader::new("", definition).map_err(|error| vec![error])?;
    let id = reader.word(&["script_id"], |text| {
        let id = text.parse::<ScriptId>();
        id.map_err(|_| "must be the id of a script, a UUID as /api/v1/scripts shows it".to_owned())
    });
    let script = match reader.raw(&["script"]) {
        None | Some((_, Value::Null)) => None,
        Some((_, Value::String(script))) if script.trim().is_empty() => None,
        Some((_, Value::String(script))) if script.len() <= MAPPING_SCRIPT_BYTES_MAX => Some(script.clone()),
        Some((_, Value::String(_))) => {
            reader.refuse(
                "script",
                format!("must be at most {MAPPING_SCRIPT_BYTES_MAX} bytes long"),
            );
            None
        }
        Some((_, other)) => {
            reader.refuse(
                "script",
                format!("must be the text of a script, and is {}", in_words(other)),
            );
            None
        }
    };
    let mapping = match (id, script) {
        (Given::Set(id), None) => Some(Mapping::ScriptId(id)),
        (Given::Absent | Given::Empty, Some(script)) => Some(Mapping::Script(script)),
        (Given::Set(_), Some(_)) => {
            reader.refuse("script", "must not be given with script_id: give one of them");
            None
        }
        (Given::Absent | Given::Empty, None) => {
            reader.require(
                "script",
                reader.has("script_id"),
                "must be the text of a script, where there are no pairs",
            );
            None
        }
    };
    match (mapping, reader.finish()) {
        (Some(mapping), errors) if errors.is_empty() => Ok(mapping),
        (_, errors) if !errors.is_empty() => Err(errors),
        _ => Err(vec![FieldError::new("script_id", "must be the id of a script")]),
    }
}

/// Reads pairs; `outer` is the path of their list.
fn read_pairs(outer: &str, list: &[Value]) -> Result<Pairs, Vec<FieldError>> {
    if list.len() > PAIRS_MAX {
        let message = format!("must hold at most {PAIRS_MAX} pairs, and holds {}", list.len());
        let field = if outer.is_empty() { "body" } else { outer };
        return Err(vec![FieldError::new(field, message)]);
    }
    let mut errors = Vec::new();
    let mut pairs = Vec::with_capacity(list.len());
    // Written to as the pairs will write, so that two that get in each other's way are found now.
    let mut trial = Value::Object(Map::new());
    for (index, value) in list.iter().enumerate() {
        let path = format!("{outer}[{index}]");
        match read_pair(&path, value) {
            Ok(pair) => match pair.target.put(&mut trial, Value::Bool(true)) {
                Ok(()) => pairs.push(pair),
                Err(message) => errors.push(FieldError::new(format!("{path}.target"), message)),
            },
            Err(wrong) => errors.extend(wrong),
        }
    }
    if errors.is_empty() {
        Ok(Pairs(pairs.into()))
    } else {
        Err(errors)
    }
}

fn read_pair(path: &str, value: &Value) -> Result<Pair, Vec<FieldError>> {
    let mut reader = Reader::new(path, value).map_err(|error| vec![error])?;
    let mut source = None;
    let given = reader.text(&["source"], PATH_CHARACTERS_MAX);
    if let Given::Set(text) = given {
        match Path::parse(&text) {
            Ok(path) => source = Some(path),
            Err(error) => reader.refuse("source", error.to_string()),
        }
    }
    let mut target = None;
    if let Given::Set(text) = reader.text(&["target"], PATH_CHARACTERS_MAX) {
        match Target::parse(&text) {
            Ok(path) => target = Some(path),
            Err(message) => reader.refuse("target", message),
        }
    }
    let transforms = match reader.raw(&["transform", "transforms"]) {
        None | Some((_, Value::Null)) => Vec::new(),
        Some((name, value)) => match read_transforms(&reader.path_of(name), value) {
            Ok(transforms) => transforms,
            Err(wrong) => {
                reader.add_errors(wrong);
                Vec::new()
            }
        },
    };
    let default = reader.raw(&["default"]).map(|(_, value)| value.clone());
    reader.require(
        "source",
        source.is_some() || matches!(transforms.first(), Some(Transform::Constant(_))),
        "must name a member of the source; only a constant needs none",
    );
    reader.require(
        "target",
        target.is_some(),
        "must name a member, like Name or Address.City",
    );
    match (reader.finish(), target) {
        (errors, Some(target)) if errors.is_empty() => Ok(Pair {
            source: source.filter(|_| !matches!(transforms.first(), Some(Transform::Constant(_)))),
            target,
            transforms: transforms.into(),
            default,
        }),
        (errors, _) => Err(errors),
    }
}

fn read_transforms(path: &str, value: &Value) -> Result<Vec<Transform>, Vec<FieldError>> {
    let Value::Array(list) = value else {
        return read_transform(path, value).map(|transform| vec![transform]);
    };
    if list.len() > TRANSFORMS_MAX {
        let message = format!("must hold at most {TRANSFORMS_MAX}, and holds {}", list.len());
        return Err(vec![FieldError::new(path, message)]);
    }
    let each = list.iter().enumerate();
    each.map(|(index, value)| read_transform(&format!("{path}[{index}]"), value))
        .collect()
}

/// Reads `"upper"` or `{"number": {"decimals": 2}}`.
fn read_transform(path: &str, value: &Value) -> Result<Transform, Vec<FieldError>> {
    let nothing = Value::Object(Map::new());
    let (word, options) = match value {
        Value::String(word) => (word.as_str(), &nothing),
        Value::Object(members) if members.len() == 1 => match members.iter().next() {
            Some((word, options)) => (word.as_str(), options),
            None => ("", &nothing),
        },
        _ => return Err(vec![FieldError::new(path, TRANSFORM_EXPECTED)]),
    };
    let inner = format!("{path}.{word}");
    match word.to_ascii_lowercase().as_str() {
        "upper" => plain(&inner, options, Transform::Upper),
        "lower" => plain(&inner, options, Transform::Lower),
        "trim" => plain(&inner, options, Transform::Trim),
        "text" => plain(&inner, options, Transform::Text),
        "boolean" => plain(&inner, options, Transform::Boolean),
        "number" => read_number(&inner, options),
        "date" => read_date(&inner, options),
        "lookup" if value.is_object() => read_lookup(&inner, options),
        "constant" if value.is_object() => read_constant(&inner, options),
        "each" if value.is_object() => match options {
            Value::Array(pairs) => read_pairs(&inner, pairs).map(Transform::Each),
            other => {
                let message = format!("must be a list of pairs, and is {}", in_words(other));
                Err(vec![FieldError::new(inner, message)])
            }
        },
        _ => Err(vec![FieldError::new(path, TRANSFORM_EXPECTED)]),
    }
}

/// A transform without options; `true` and `null` are none.
fn plain(path: &str, options: &Value, transform: Transform) -> Result<Transform, Vec<FieldError>> {
    if matches!(options, Value::Null | Value::Bool(true)) {
        return Ok(transform);
    }
    let reader = Reader::new(path, options).map_err(|error| vec![error])?;
    done(reader, transform)
}

fn read_number(path: &str, options: &Value) -> Result<Transform, Vec<FieldError>> {
    let mut reader = Reader::new(path, options).map_err(|error| vec![error])?;
    let mut decimals = None;
    reader.number(&["decimals"], DECIMALS_MAX).put(&mut decimals);
    let separator = reader.word(&["separator"], |text| match text {
        "." => Ok('.'),
        "," => Ok(','),
        _ => Err("must be a point or a comma".to_owned()),
    });
    let separator = match separator {
        Given::Set(separator) => separator,
        Given::Absent | Given::Empty => '.',
    };
    done(reader, Transform::Number { decimals, separator })
}

fn read_date(path: &str, options: &Value) -> Result<Transform, Vec<FieldError>> {
    let mut reader = Reader::new(path, options).map_err(|error| vec![error])?;
    let mut form = |name| match reader.word(&[name], DateForm::parse) {
        Given::Set(form) => form,
        Given::Absent | Given::Empty => DateForm::Standard,
    };
    let (from, to) = (form("from"), form("to"));
    done(reader, Transform::Date { from, to })
}

fn read_lookup(path: &str, options: &Value) -> Result<Transform, Vec<FieldError>> {
    let mut reader = Reader::new(path, options).map_err(|error| vec![error])?;
    let table: BTreeMap<String, Value> = match reader.raw(&["table"]) {
        Some((_, Value::Object(entries))) if entries.len() <= ENTRIES_MAX => entries
            .iter()
            .map(|(key, value)| (key.clone(), value.clone()))
            .collect(),
        Some((_, Value::Object(entries))) => {
            let message = format!("must have at most {ENTRIES_MAX} entries, and has {}", entries.len());
            reader.refuse("table", message);
            BTreeMap::new()
        }
        _ => {
            reader.refuse(
                "table",
                "must be an object: for each value the one that takes its place",
            );
            BTreeMap::new()
        }
    };
    let default = reader.raw(&["default"]).map(|(_, value)| value.clone());
    done(reader, Transform::Lookup { table, default })
}

/// `{"constant": {"value": ..}}`, or `{"constant": ..}` where that is no object with this member.
fn read_constant(path: &str, options: &Value) -> Result<Transform, Vec<FieldError>> {
    let Value::Object(members) = options else {
        return Ok(Transform::Constant(options.clone()));
    };
    let value = members.get("value").filter(|_| members.len() == 1);
    value.cloned().map(Transform::Constant).ok_or_else(|| {
        vec![FieldError::new(
            path,
            "must be a value, or an object with the member value alone",
        )]
    })
}

fn done(reader: Reader<'_>, transform: Transform) -> Result<Transform, Vec<FieldError>> {
    match reader.finish() {
        errors if errors.is_empty() => Ok(transform),
        errors => Err(errors),
    }
}
