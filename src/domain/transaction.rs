//! Transactions: their states with the one table of transitions, and what a run hands over to be created.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::domain::ids::TransactionId;
use crate::domain::json_patch::{PatchError, merge_patch_text};

/// Largest data of one transaction, in bytes of JSON text.
pub const TRANSACTION_BYTES_MAX: usize = 1024 * 1024;

/// Where a transaction stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TransactionStatus {
    /// Waits for a person: may be edited, then committed or discarded.
    Preparation,
    /// Final, and announced to integrations.
    Ready,
    /// Put away; never announced.
    Discarded,
}

impl TransactionStatus {
    /// Every status.
    pub const ALL: [Self; 3] = [Self::Preparation, Self::Ready, Self::Discarded];

    /// The status of a transaction that is just created.
    #[must_use]
    pub const fn initial(preparation: bool) -> Self {
        if preparation { Self::Preparation } else { Self::Ready }
    }

    /// The word used in JSON and in the store.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Preparation => "preparation",
            Self::Ready => "ready",
            Self::Discarded => "discarded",
        }
    }

    /// The status with this word, if there is one.
    #[must_use]
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|status| status.as_str() == word)
    }

    /// The status after `action`: the whole table of transitions.
    ///
    /// # Errors
    /// The action is not possible in this status (409 for the caller).
    pub const fn after(self, action: TransactionAction) -> Result<Self, TransitionError> {
        match (self, action) {
            (Self::Preparation, TransactionAction::Edit) => Ok(Self::Preparation),
            (Self::Preparation, TransactionAction::Commit) => Ok(Self::Ready),
            (Self::Preparation, TransactionAction::Discard) => Ok(Self::Discarded),
            (Self::Ready | Self::Discarded, _) => Err(TransitionError { status: self, action }),
        }
    }
}

impl fmt::Display for TransactionStatus {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

/// A word that is not a status of transactions.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("\"{0}\" is not a status of transactions; those are preparation, ready and discarded")]
pub struct UnknownTransactionStatus(pub String);

impl FromStr for TransactionStatus {
    type Err = UnknownTransactionStatus;

    fn from_str(word: &str) -> Result<Self, Self::Err> {
        Self::parse(word).ok_or_else(|| UnknownTransactionStatus(word.to_owned()))
    }
}

/// What may be done to a transaction.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum TransactionAction {
    /// Change its data.
    Edit,
    /// Make it final.
    Commit,
    /// Put it away.
    Discard,
}

impl TransactionAction {
    /// Every action.
    pub const ALL: [Self; 3] = [Self::Edit, Self::Commit, Self::Discard];

    const fn participle(self) -> &'static str {
        match self {
            Self::Edit => "edited",
            Self::Commit => "committed",
            Self::Discard => "discarded",
        }
    }
}

/// An action that the transaction's status does not allow.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the transaction is {status}: it can be {} only in preparation", .action.participle())]
pub struct TransitionError {
    /// Where the transaction stands.
    pub status: TransactionStatus,
    /// What was asked for.
    pub action: TransactionAction,
}

/// A transaction to be created, as it goes to the ledger.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewTransaction {
    /// Its id, given before it is written.
    pub id: TransactionId,
    /// What makes it unique within its call API.
    pub identifier: String,
    /// The transaction object as JSON text, digits and member order as they came.
    pub data: String,
}

/// The data of a transaction before and after an edit, as JSON texts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DataChange {
    /// As it was.
    pub before: String,
    /// As it is now.
    pub after: String,
}

/// Why an edit was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EditError {
    /// The transaction is not in preparation.
    #[error(transparent)]
    Transition(#[from] TransitionError),
    /// The patch is not an object, so that the data would not be one either.
    #[error("the data of a transaction must be an object")]
    NotAnObject,
    /// The patch cannot be applied.
    #[error(transparent)]
    Patch(#[from] PatchError),
    /// The data would be too large.
    #[error("the data would be {bytes} bytes long; at most {TRANSACTION_BYTES_MAX} are possible")]
    TooLarge {
        /// Its length.
        bytes: usize,
    },
}

/// Edits the data of a transaction by a merge patch; both are JSON texts, and what the patch does not name stays as it
/// is written.
///
/// # Errors
/// The transaction is not in preparation, or the patch does not lead to acceptable data.
pub fn edit(status: TransactionStatus, data: &str, patch: &str) -> Result<DataChange, EditError> {
    status.after(TransactionAction::Edit)?;
    if !patch.trim_start().starts_with('{') {
        return Err(EditError::NotAnObject);
    }
    let after = merge_patch_text(data, patch)?;
    if after.len() > TRANSACTION_BYTES_MAX {
        return Err(EditError::TooLarge { bytes: after.len() });
    }
    Ok(DataChange {
        before: data.to_owned(),
        after,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use TransactionAction::{Commit, Discard, Edit};
    use TransactionStatus::{Discarded, Preparation, Ready};

    #[test]
    fn every_transition() {
        let table = [
            (Preparation, Edit, Some(Preparation)),
            (Preparation, Commit, Some(Ready)),
            (Preparation, Discard, Some(Discarded)),
            (Ready, Edit, None),
            (Ready, Commit, None),
            (Ready, Discard, None),
            (Discarded, Edit, None),
            (Discarded, Commit, None),
            (Discarded, Discard, None),
        ];
        assert_eq!(table.len(), TransactionStatus::ALL.len() * TransactionAction::ALL.len());
        for (from, action, expected) in table {
            assert_eq!(from.after(action).ok(), expected, "{from} {action:?}");
        }
    }

    #[test]
    fn a_refused_action_says_why() {
        assert_eq!(
            Ready.after(Edit).unwrap_err().to_string(),
            "the transaction is ready: it can be edited only in preparation"
        );
    }

    #[test]
    fn edits() {
        let data = r#"{"rfqId":12345678901234567890,"lines":[1],"note":"x"}"#;
        let change = edit(Preparation, data, r#"{"note":null,"lines":[]}"#).unwrap();
        assert_eq!(change.before, data);
        assert_eq!(change.after, r#"{"rfqId":12345678901234567890,"lines":[]}"#);
        let large = format!(r#"{{"note":"{}"}}"#, "x".repeat(TRANSACTION_BYTES_MAX));
        let table = [
            (Ready, "{}", "only in preparation"),
            (Discarded, "{}", "only in preparation"),
            (Preparation, "[]", "must be an object"),
            (Preparation, "null", "must be an object"),
            (Preparation, "{", "not valid JSON"),
            (Preparation, &large, "at most 1048576"),
        ];
        for (status, patch, part) in table {
            let text = edit(status, data, patch).unwrap_err().to_string();
            assert!(text.contains(part), "{status}: {text}");
        }
    }

    #[test]
    fn words_round_trip() {
        for status in TransactionStatus::ALL {
            assert_eq!(status.as_str().parse(), Ok(status));
            assert_eq!(serde_json::to_string(&status).unwrap(), format!("\"{status}\""));
        }
        assert!("Ready".parse::<TransactionStatus>().is_err());
        assert_eq!(TransactionStatus::initial(true), Preparation);
        assert_eq!(TransactionStatus::initial(false), Ready);
    }
}
