//! Finds the values at several JSON pointers in one pass over a text, without building a tree.

use std::fmt;

use serde::Deserialize;
use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

use super::{POINTERS_MAX, Pointer};

/// The JSON texts at the pointers (at most [`POINTERS_MAX`]), each at its pointer's place; none where there is nothing,
/// or where another pointer ends above.
pub(super) fn values_at<'de>(
    json_text: &'de str,
    pointers: &[Pointer],
) -> Result<[Option<&'de str>; POINTERS_MAX], serde_json::Error> {
    let mut found = [None; POINTERS_MAX];
    let active = pointers
        .iter()
        .take(POINTERS_MAX)
        .enumerate()
        .fold(0, |active, (index, _)| active | 1 << index);
    let mut deserializer = serde_json::Deserializer::from_str(json_text);
    Search {
        pointers,
        depth: 0,
        active,
        found: &mut found,
    }
    .deserialize(&mut deserializer)?;
    deserializer.end()?;
    Ok(found)
}

/// Walks into the values that the active pointers lead through, and skips the others.
struct Search<'p, 'f, 'de> {
    pointers: &'p [Pointer],
    /// How many tokens led here.
    depth: usize,
    /// Bit i: the tokens of pointer i led here.
    active: u16,
    found: &'f mut [Option<&'de str>; POINTERS_MAX],
}

impl<'p> Search<'p, '_, '_> {
    fn active_pointers(&self) -> impl Iterator<Item = (usize, &'p Pointer)> + use<'p> {
        let active = self.active;
        self.pointers
            .iter()
            .enumerate()
            .filter(move |(index, _)| active >> index & 1 == 1)
    }

    /// The active pointers whose next token is this name or index.
    fn active_under(&self, name: &str) -> u16 {
        self.active_pointers()
            .filter(|(_, pointer)| pointer.tokens.get(self.depth).is_some_and(|token| **token == *name))
            .fold(0, |active, (index, _)| active | 1 << index)
    }
}

impl<'de> DeserializeSeed<'de> for Search<'_, '_, 'de> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        let ends_here = self
            .active_pointers()
            .any(|(_, pointer)| pointer.tokens.len() == self.depth);
        if !ends_here {
            return deserializer.deserialize_any(self);
        }
        // A pointer that goes on from here finds nothing; the one that ends here is refused unless this is a scalar.
        let raw = <&RawValue>::deserialize(deserializer)?.get();
        for (index, pointer) in self.active_pointers() {
            if let Some(slot) = self.found.get_mut(index)
                && pointer.tokens.len() == self.depth
            {
                *slot = Some(raw);
            }
        }
        Ok(())
    }
}

impl<'de> Visitor<'de> for Search<'_, '_, 'de> {
    type Value = ();

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("any JSON value")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<(), A::Error> {
        while let Some(active) = members.next_key_seed(Key(&self))? {
            if active == 0 {
                members.next_value::<IgnoredAny>()?;
            } else {
                let Self { pointers, depth, .. } = self;
                members.next_value_seed(Search {
                    pointers,
                    depth: depth + 1,
                    active,
                    found: &mut *self.found,
                })?;
            }
        }
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut elements: A) -> Result<(), A::Error> {
        for index in 0_u32.. {
            let active = self.active_under(&index.to_string());
            let is_end = if active == 0 {
                elements.next_element::<IgnoredAny>()?.is_none()
            } else {
                let Self { pointers, depth, .. } = self;
                let search = Search {
                    pointers,
                    depth: depth + 1,
                    active,
                    found: &mut *self.found,
                };
                elements.next_element_seed(search)?.is_none()
            };
            if is_end {
                break;
            }
        }
        Ok(())
    }

    fn visit_bool<E>(self, _: bool) -> Result<(), E> {
        Ok(())
    }

    fn visit_i64<E>(self, _: i64) -> Result<(), E> {
        Ok(())
    }

    fn visit_u64<E>(self, _: u64) -> Result<(), E> {
        Ok(())
    }

    fn visit_f64<E>(self, _: f64) -> Result<(), E> {
        Ok(())
    }

    fn visit_str<E>(self, _: &str) -> Result<(), E> {
        Ok(())
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }
}

/// Reads a member's name without keeping it: which active pointers go on under it.
struct Key<'k, 'p, 'f, 'de>(&'k Search<'p, 'f, 'de>);

impl<'de> DeserializeSeed<'de> for Key<'_, '_, '_, '_> {
    type Value = u16;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<u16, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl Visitor<'_> for Key<'_, '_, '_, '_> {
    type Value = u16;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("the name of a member")
    }

    fn visit_str<E: serde::de::Error>(self, name: &str) -> Result<u16, E> {
        Ok(self.0.active_under(name))
    }
}
