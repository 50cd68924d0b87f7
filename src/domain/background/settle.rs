//! What becomes of a request that a crash cut: it was claimed, and whoever executed it is gone.

/// What is known of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cut {
    /// Its method has no effect that a second time would double.
    pub is_safe: bool,
    /// Its upstream honours `Idempotency-Key`, and was sent one.
    pub is_idempotent: bool,
    /// The other side had accepted it, and a place to ask for its end is noted.
    pub is_followed: bool,
    /// How often it was claimed.
    pub attempts: u32,
}

/// What to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AfterCrash {
    /// Put it back into the queue.
    SendAgain,
    /// Go on asking for its end.
    GoOnAsking,
    /// It ends as failed, with this message.
    Fail(String),
}

/// The rules: what is followed is only asked for again, which does no harm; what may be repeated is, up to `attempts_max`
/// times; of everything else nobody knows whether it arrived.
#[must_use]
pub fn after_crash(cut: Cut, attempts_max: u32) -> AfterCrash {
    match cut {
        Cut { is_followed: true, .. } => AfterCrash::GoOnAsking,
        Cut { is_safe: false, is_idempotent: false, .. } => AfterCrash::Fail(
            "The engine ended while this request was being executed; nobody knows whether it arrived. It is not sent again, \
             because its method may have an effect and its receiver is not known to honour Idempotency-Key."
                .to_owned(),
        ),
        Cut { attempts, .. } if attempts >= attempts_max => AfterCrash::Fail(format!(
            "The engine ended while this request was being executed, {attempts} times by now; it is not sent again."
        )),
        _ => AfterCrash::SendAgain,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_does_no_harm_is_repeated() {
        let cut = |is_safe, is_idempotent, is_followed, attempts| {
            let cut = Cut {
                is_safe,
                is_idempotent,
                is_followed,
                attempts,
            };
            match after_crash(cut, 3) {
                AfterCrash::SendAgain => "again",
                AfterCrash::GoOnAsking => "ask",
                AfterCrash::Fail(message) if message.contains("times") => "too often",
                AfterCrash::Fail(_) => "unknown",
            }
        };
        for (row, expected) in [
            ((true, false, false, 1), "again"),
            ((false, true, false, 2), "again"),
            ((true, true, false, 3), "too often"),
            ((false, false, false, 1), "unknown"),
            ((false, false, true, 9), "ask"),
            ((true, true, true, 9), "ask"),
        ] {
            assert_eq!(cut(row.0, row.1, row.2, row.3), expected, "{row:?}");
        }
    }
}
