//! How long data is as JSON, and whether it can be read back.

use std::io;

use serde_json::Value;

/// Most levels of lists and objects that `serde_json` reads.
const LEVELS_MAX: usize = 127;

/// Why data that is not [`is_readable`] is refused, for people.
pub const TOO_DEEP: &str = "its lists and objects are nested too deep";

/// Counts what is written.
struct Counter(usize);

impl io::Write for Counter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0 = self.0.saturating_add(bytes.len());
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Bytes of the JSON text of a value, without making it.
#[must_use]
pub fn data_bytes(value: &Value) -> usize {
    let mut counter = Counter(0);
    match serde_json::to_writer(&mut counter, value) {
        Ok(()) => counter.0,
        // Neither a value nor the counter ever fails.
        Err(_) => usize::MAX,
    }
}

/// Whether the text of a value can be read again when it stands inside of `around` lists or objects.
#[must_use]
pub fn is_readable(value: &Value, around: usize) -> bool {
    fits(value, LEVELS_MAX.saturating_sub(around))
}

fn fits(value: &Value, levels: usize) -> bool {
    match (value, levels.checked_sub(1)) {
        (Value::Array(items), Some(below)) => items.iter().all(|item| fits(item, below)),
        (Value::Object(members), Some(below)) => members.values().all(|member| fits(member, below)),
        (Value::Array(_) | Value::Object(_), None) => false,
        _ => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn what_is_too_deep_for_serde_json_is_known_before() {
        let mut value = json!({});
        for levels in 1..140 {
            for around in 0..3 {
                let text = format!("{}{value}{}", "[".repeat(around), "]".repeat(around));
                let reads = serde_json::from_str::<Value>(&text).is_ok();
                assert_eq!(is_readable(&value, around), reads, "{levels} levels inside of {around}");
            }
            value = match levels % 2 {
                0 => json!({"a": value, "b": 1}),
                _ => json!([1, value]),
            };
        }
        assert!(!is_readable(&value, 0));
    }

    #[test]
    fn bytes_are_those_of_the_text() {
        for value in [json!({"a": [1, null, "ä\n\""]}), json!("x".repeat(1_000)), json!(1.5)] {
            assert_eq!(data_bytes(&value), value.to_string().len());
        }
    }
}
