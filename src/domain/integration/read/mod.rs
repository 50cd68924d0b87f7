//! Reading what integrations are made of from requests: members in PascalCase, whole or as a change.
//!
//! A new entity gets the defaults of its members that are absent or null. A change leaves what is absent as it is; null takes a
//! member's value away, or gives it its default again. Numbers and booleans may come as texts; members that are not known are
//! refused; those that only the engine sets may be sent back and count for nothing.

use serde_json::Value;
use uuid::Uuid;

use crate::domain::{
    lenient::{Given, Reader},
    validate::FieldError,
};

mod action;
mod client;
mod integration;
mod schedule;
mod system;

pub use action::{ActionChange, action};
pub use client::{ClientChange, client_integration};
pub use integration::{BATCH_SIZE_DEFAULT, BATCH_SIZE_MAX, MAX_ATTEMPTS_DEFAULT, MAX_ATTEMPTS_MAX, integration};
pub use schedule::schedule;
pub use system::{SecretGiven, SystemChange, system};

/// Longest comment, characters.
pub const COMMENT_CHARACTERS_MAX: usize = 10_000;
/// Largest number that an id of an entity can be: they are 32 bits wide.
const ID_MAX: u32 = i32::MAX.unsigned_abs();
/// What answers show of every entity and only the engine sets.
const SHOWN_ONLY: [&str; 3] = ["Version", "CreatedAt", "UpdatedAt"];

/// Begins to read the body of an entity whose key has this name; `key` is its number where it is there already.
fn begin<'a>(body: &'a Value, key_name: &'static str, key: Option<i64>) -> Result<Reader<'a>, Vec<FieldError>> {
    let mut reader = Reader::new("", body).map_err(|error| vec![error])?;
    reader.skip(&SHOWN_ONLY);
    match (reader.number(&[key_name], u32::MAX), key) {
        // Some clients send 0 for a number that is still to be given.
        (Given::Absent | Given::Empty | Given::Set(0), None) => {}
        (Given::Set(_), None) => reader.refuse(key_name, "is given by the engine: leave it out"),
        (Given::Set(given), Some(key)) if i64::from(given) != key => {
            reader.refuse(
                key_name,
                format!("is the key of this entity, {key}, and cannot be changed"),
            );
        }
        (_, Some(_)) => {}
    }
    Ok(reader)
}

/// What was read, unless something is wrong.
fn whole<T>(reader: Reader<'_>, read: Option<T>) -> Result<T, Vec<FieldError>> {
    let errors = reader.finish();
    match read {
        Some(read) if errors.is_empty() => Ok(read),
        _ => Err(errors),
    }
}

/// A name of 1 to 128 characters, which must be there in the end.
fn name(reader: &mut Reader<'_>, member: &'static str, place: &mut Option<String>) {
    use crate::domain::validate::NAME_CHARACTERS_MAX;
    reader.text(&[member], NAME_CHARACTERS_MAX).put(place);
    reader.require(
        member,
        place.is_some(),
        &format!("must have 1 to {NAME_CHARACTERS_MAX} characters"),
    );
}

/// The number of another entity.
fn id<K: From<i64>>(reader: &mut Reader<'_>, member: &'static str, place: &mut Option<K>) {
    let given = match reader.number(&[member], ID_MAX) {
        Given::Absent => Given::Absent,
        Given::Empty => Given::Empty,
        Given::Set(number) => Given::Set(K::from(number.into())),
    };
    given.put(place);
}

/// The UUID of something else.
fn uuid<K: From<Uuid>>(reader: &mut Reader<'_>, member: &'static str, place: &mut Option<K>) {
    let read = |text: &str| match text.parse::<Uuid>() {
        Ok(uuid) => Ok(K::from(uuid)),
        Err(_) => Err("must be a UUID, like 0190b5a8-7c3e-7d10-8f00-0123456789ab".to_owned()),
    };
    reader.word(&[member], read).put(place);
}

/// A flag; null is its default.
fn flag(reader: &mut Reader<'_>, member: &'static str, default: bool, place: &mut bool) {
    match reader.boolean(&[member]) {
        Given::Absent => {}
        Given::Empty => *place = default,
        Given::Set(value) => *place = value,
    }
}

/// A word of an enum, in any case.
fn word<T>(reader: &mut Reader<'_>, member: &'static str, place: &mut Option<T>)
where
    T: std::str::FromStr<Err = super::UnknownWord>,
{
    reader
        .word(&[member], |text| {
            text.parse()
                .map_err(|unknown: super::UnknownWord| format!("must be one of {}", unknown.expected))
        })
        .put(place);
}

#[cfg(test)]
mod tests;
