//! The words of integrations: direction, kinds, states, as they are answered and stored.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

/// A text that is none of the words it should be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("\"{given}\" is none of {expected}")]
pub struct UnknownWord {
    /// As it came.
    pub given: String,
    /// What would do.
    pub expected: String,
}

/// Defines enums whose names are their words; words are taken in any case.
macro_rules! words {
    ($($(#[$attribute:meta])* $name:ident { $($(#[$of_word:meta])* $word:ident,)+ })+) => {$(
        $(#[$attribute])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        pub enum $name { $($(#[$of_word])* $word,)+ }

        impl $name {
            /// All of them.
            pub const ALL: &'static [Self] = &[$(Self::$word,)+];

            /// The word.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$word => stringify!($word),)+ }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str(self.as_str())
            }
        }

        impl FromStr for $name {
            type Err = UnknownWord;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                let known = Self::ALL.iter().find(|word| word.as_str().eq_ignore_ascii_case(text.trim()));
                known.copied().ok_or_else(|| UnknownWord {
                    given: text.to_owned(),
                    expected: Self::ALL.iter().map(|word| word.as_str()).collect::<Vec<_>>().join(", "),
                })
            }
        }
    )+};
}

words! {
    /// Which way an integration goes.
    IntegrationDirection {
        /// From the other system to our records.
        Inbound,
        /// From our rows to the other system.
        Outbound,
    }

    /// How a schedule is said.
    ScheduleKind {
        /// Every so many seconds.
        Interval,
        /// A cron expression.
        Cron,
        /// A weekday (every day where none is named) and a time of day.
        Weekly,
    }

    /// What an action does.
    ActionKind {
        /// Sends an HTTP request.
        Http,
        /// Uses a partner function of a connection.
        PartnerFunction,
    }

    /// What a client has to do before an integration runs for it.
    ConsentType {
        /// Nothing.
        None,
        /// A person of the client follows a link and agrees at the other system.
        OAuth2,
        /// The client enters credentials.
        Credentials,
        /// A person who has the right approves.
        Manual,
    }

    /// Where a consent stands.
    ConsentState {
        /// Somebody has to do something.
        Pending,
        /// The integration may run.
        Granted,
        /// It was said no.
        Refused,
        /// It was granted, and taken back.
        Revoked,
    }

    /// Where an item of the queue stands.
    QueueState {
        /// Waits for its turn.
        Pending,
        /// Is being processed.
        Processing,
        /// Done.
        Completed,
        /// The last attempt failed; the next one comes.
        Failed,
        /// The last attempt that was allowed failed.
        Abandoned,
        /// Is not to be processed any more.
        Cancelled,
    }

    /// What began a run of a client integration.
    RunTrigger {
        /// Its schedule.
        Schedule,
        /// A failed item whose next attempt was due, or what an earlier run left.
        Queue,
        /// A person.
        Person,
    }

    /// How a run of a client integration ended.
    RunOutcome {
        /// Nothing failed.
        Succeeded,
        /// Something failed or was abandoned.
        Partial,
        /// The run itself failed: nothing could be selected or processed.
        Failed,
        /// The engine ended while it was going; the next run goes on.
        Interrupted,
    }
}
