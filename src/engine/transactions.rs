//! Transactions as a service: reading, creating by hand, editing in preparation, committing and discarding.

use jiff::Timestamp;
use serde::Serialize;
use serde_json::{json, value::RawValue};

use crate::{
    domain::{
        identifier::IDENTIFIER_BYTES_MAX,
        ids::{CallApiId, RunId, TransactionId, UserId},
        rights::Right,
        transaction::{NewTransaction, TRANSACTION_BYTES_MAX, TransactionAction, TransactionStatus},
        validate::FieldError,
    },
    engine::{Engine, caller::Caller},
    error::{Code, Error, Result},
    store::{
        self, Page, Paged,
        transactions::{By, ChangeRefused, Changed, StoredChange, StoredTransaction},
    },
};

pub use crate::store::transactions::TransactionFilter;

/// Transactions that one request can commit.
pub const COMMIT_MANY_MAX: usize = 1_000;

/// Transactions of a caller's tenant.
pub struct Transactions<'a> {
    engine: &'a Engine,
}

/// A transaction as it is shown.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Transaction {
    /// Id.
    pub id: TransactionId,
    /// Where it stands.
    pub status: TransactionStatus,
    /// Unique in its call, or among those made by hand.
    pub identifier: String,
    /// The call that created it.
    pub call_api_id: Option<CallApiId>,
    /// The run that created it.
    pub run_id: Option<RunId>,
    /// The run-as user, or who posted it.
    pub created_by: Option<UserId>,
    /// When.
    pub created_at: Timestamp,
    /// Who committed it.
    pub committed_by: Option<UserId>,
    /// When.
    pub committed_at: Option<Timestamp>,
    /// The transaction object, digits as they came; null once its retention time is over.
    pub data: Option<Box<RawValue>>,
    /// Grows by one with each change.
    pub version: i64,
}

/// A change of a transaction as it is shown.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct TransactionChange {
    /// Id.
    pub id: uuid::Uuid,
    /// When.
    pub at: Timestamp,
    /// Who.
    pub user_id: Option<UserId>,
    /// `edit`, `commit` or `discard`.
    pub kind: String,
    /// The data before an edit.
    pub before: Option<Box<RawValue>>,
    /// The data after an edit.
    pub after: Option<Box<RawValue>>,
}

/// A transaction made by hand or by another system.
#[derive(Clone, Debug)]
pub struct NewByHand {
    /// Unique among those made by hand.
    pub identifier: String,
    /// JSON text of an object.
    pub data: Box<RawValue>,
    /// Whether it waits for a person.
    pub preparation: bool,
}

/// What became of one of many.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct CommitResult {
    /// Which.
    pub id: TransactionId,
    /// Whether it is committed now.
    pub committed: bool,
    /// Where it stands; null if there is no such transaction.
    pub status: Option<TransactionStatus>,
    /// Why it is not committed.
    pub error: Option<CommitError>,
}

/// What became of one of many that were to be discarded.
#[derive(Clone, Debug)]
pub struct DiscardResult {
    /// Which.
    pub id: TransactionId,
    /// Why it is not discarded.
    pub error: Option<CommitError>,
}

/// Why one of many is not committed, or not discarded.
#[derive(Clone, Debug, Serialize)]
pub struct CommitError {
    /// Stable word, as in problems.
    pub code: &'static str,
    /// In words.
    pub message: String,
}

impl Engine {
    /// Transactions.
    pub fn transactions(&self) -> Transactions<'_> {
        Transactions { engine: self }
    }
}

impl Transactions<'_> {
    /// The transactions that fit, newest first.
    ///
    /// # Errors
    /// [`Code::Forbidden`] without `transactions.read`; [`Code::BadRequest`] for a foreign cursor.
    pub async fn list(&self, caller: &Caller, filter: TransactionFilter, page: Page) -> Result<Paged<Transaction>> {
        caller.require(Right::TransactionsRead)?;
        let paged = self.engine.store().transactions(caller.tenant_id, filter, page).await?;
        paged.try_map(shown)
    }

    /// One transaction.
    ///
    /// # Errors
    /// [`Code::Forbidden`] without `transactions.read`, [`Code::NotFound`].
    pub async fn get(&self, caller: &Caller, id: TransactionId) -> Result<Transaction> {
        caller.require(Right::TransactionsRead)?;
        let stored = self.engine.store().transaction(caller.tenant_id, id).await;
        shown(stored.map_err(|error| refused(error, id))?)
    }

    /// Who changed what of a transaction, oldest first.
    ///
    /// # Errors
    /// As [`Self::get`].
    pub async fn changes(&self, caller: &Caller, id: TransactionId, page: Page) -> Result<Paged<TransactionChange>> {
        self.get(caller, id).await?;
        let changes = self
            .engine
            .store()
            .transaction_changes(caller.tenant_id, id, page)
            .await?;
        changes.try_map(shown_change)
    }

    /// Creates a transaction by hand.
    ///
    /// # Errors
    /// [`Code::Forbidden`] without `transactions.create`, [`Code::Invalid`], [`Code::IdentifierInUse`].
    pub async fn create(&self, caller: &Caller, new: NewByHand) -> Result<Transaction> {
        caller.require(Right::TransactionsCreate)?;
        check(&new)?;
        let id = TransactionId::from(self.engine.clock().new_id());
        let status = TransactionStatus::initial(new.preparation);
        let about = json!({ "identifier": new.identifier, "status": status });
        let entry = caller.audit("transaction.create", "transaction", id, None, Some(about));
        let new = NewTransaction {
            id,
            identifier: new.identifier,
            data: new.data.get().to_owned(),
        };
        let created = self
            .engine
            .store()
            .create_transaction(caller.tenant_id, new, status, self.by(caller), entry)
            .await
            .map_err(|error| refused(error, id))?;
        self.announce(caller, &created);
        shown(created)
    }

    /// Applies a merge patch to the data of a transaction in preparation.
    ///
    /// # Errors
    /// [`Code::Forbidden`] without `transactions.commit`, [`Code::NotFound`], [`Code::StaleVersion`],
    /// [`Code::WrongState`] outside preparation, [`Code::Invalid`].
    pub async fn edit(
        &self,
        caller: &Caller,
        id: TransactionId,
        version: Option<i64>,
        patch: &RawValue,
    ) -> Result<Transaction> {
        caller.require(Right::TransactionsCommit)?;
        let entry = caller.audit("transaction.edit", "transaction", id, None, None);
        let patch = patch.get().to_owned();
        let edited = self
            .engine
            .store()
            .edit_transaction(caller.tenant_id, id, patch, version, self.by(caller), entry)
            .await
            .map_err(|error| refused(error, id))?;
        shown(edited.map_err(not_changed)?)
    }

    /// Makes a transaction in preparation final and announces it.
    ///
    /// # Errors
    /// [`Code::Forbidden`] without `transactions.commit`, [`Code::NotFound`], [`Code::StaleVersion`],
    /// [`Code::WrongState`].
    pub async fn commit(&self, caller: &Caller, id: TransactionId, version: Option<i64>) -> Result<Transaction> {
        self.settle(caller, id, version, TransactionAction::Commit).await
    }

    /// Puts a transaction in preparation away.
    ///
    /// # Errors
    /// As [`Self::commit`].
    pub async fn discard(&self, caller: &Caller, id: TransactionId, version: Option<i64>) -> Result<Transaction> {
        self.settle(caller, id, version, TransactionAction::Discard).await
    }

    /// Commits up to 1,000 transactions; answers for each, in the order of the ids (of one given twice, once).
    ///
    /// # Errors
    /// [`Code::Forbidden`] without `transactions.commit`, [`Code::Invalid`] for none or too many ids.
    pub async fn commit_many(&self, caller: &Caller, ids: Vec<TransactionId>) -> Result<Vec<CommitResult>> {
        let answers = self.settle_many(caller, ids, TransactionAction::Commit).await?;
        Ok(answers
            .into_iter()
            .map(|(id, answer)| commit_result(id, answer))
            .collect())
    }

    /// Puts up to 1,000 transactions away; answers for each, as [`Self::commit_many`].
    ///
    /// # Errors
    /// As [`Self::commit_many`].
    pub async fn discard_many(&self, caller: &Caller, ids: Vec<TransactionId>) -> Result<Vec<DiscardResult>> {
        let answers = self.settle_many(caller, ids, TransactionAction::Discard).await?;
        let results = answers.into_iter().map(|(id, answer)| {
            let error = commit_result(id, answer).error;
            DiscardResult { id, error }
        });
        Ok(results.collect())
    }

    async fn settle_many(
        &self,
        caller: &Caller,
        ids: Vec<TransactionId>,
        action: TransactionAction,
    ) -> Result<Vec<(TransactionId, Option<Changed>)>> {
        caller.require(Right::TransactionsCommit)?;
        if ids.is_empty() || ids.len() > COMMIT_MANY_MAX {
            return Err(Error::invalid_field(
                "ids",
                format!("must be from 1 to {COMMIT_MANY_MAX}, and are {}", ids.len()),
            ));
        }
        let mut seen = std::collections::HashSet::new();
        let ids: Vec<TransactionId> = ids.into_iter().filter(|id| seen.insert(*id)).collect();
        let name = match action {
            TransactionAction::Commit => "transaction.commit_many",
            TransactionAction::Discard | TransactionAction::Edit => "transaction.discard_many",
        };
        let entry = caller.audit(name, "transaction", "many", None, Some(json!({ "ids": ids })));
        let answers = self
            .engine
            .store()
            .settle_transactions(caller.tenant_id, ids, action, None, self.by(caller), entry)
            .await?;
        for (_, answer) in &answers {
            if let Some(Ok(settled)) = answer {
                self.announce(caller, settled);
            }
        }
        Ok(answers)
    }

    async fn settle(
        &self,
        caller: &Caller,
        id: TransactionId,
        version: Option<i64>,
        action: TransactionAction,
    ) -> Result<Transaction> {
        caller.require(Right::TransactionsCommit)?;
        let name = match action {
            TransactionAction::Commit => "transaction.commit",
            TransactionAction::Discard | TransactionAction::Edit => "transaction.discard",
        };
        let entry = caller.audit(name, "transaction", id, None, None);
        let mut answers = self
            .engine
            .store()
            .settle_transactions(caller.tenant_id, vec![id], action, version, self.by(caller), entry)
            .await
            .map_err(|error| refused(error, id))?;
        let answer = answers.pop().and_then(|(_, answer)| answer);
        let settled = answer.ok_or_else(|| refused(store::Error::NotFound, id))?;
        let settled = settled.map_err(not_changed)?;
        self.announce(caller, &settled);
        shown(settled)
    }

    /// After the commit of one that is ready.
    fn announce(&self, caller: &Caller, transaction: &StoredTransaction) {
        if transaction.status != TransactionStatus::Ready {
            return;
        }
        let data = json!({
            "transactionId": transaction.id,
            "identifier": transaction.identifier,
            "callApiId": transaction.call_api_id,
        });
        let now = self.engine.clock().now();
        let subject = transaction.id.uuid();
        self.engine
            .events()
            .publish(caller.tenant_id, now, "transaction.ready", subject, data);
    }

    fn by(&self, caller: &Caller) -> By {
        By {
            user_id: caller.user_id,
            at: self.engine.clock().now(),
        }
    }
}

fn check(new: &NewByHand) -> Result<()> {
    let mut errors = Vec::new();
    let identifier = &new.identifier;
    if identifier.trim().is_empty() {
        errors.push(FieldError::new("identifier", "must not be empty"));
    } else if identifier.len() > IDENTIFIER_BYTES_MAX {
        let message = format!(
            "must be at most {IDENTIFIER_BYTES_MAX} bytes long, and has {}",
            identifier.len()
        );
        errors.push(FieldError::new("identifier", message));
    } else if identifier.contains('\0') {
        errors.push(FieldError::new("identifier", "must not hold the character U+0000"));
    }
    let data = new.data.get();
    if !data.starts_with('{') {
        errors.push(FieldError::new("data", "must be an object"));
    } else if data.len() > TRANSACTION_BYTES_MAX {
        let message = format!(
            "must be at most {TRANSACTION_BYTES_MAX} bytes long, and has {}",
            data.len()
        );
        errors.push(FieldError::new("data", message));
    }
    if errors.is_empty() {
        Ok(())
    } else {
        Err(Error::invalid(errors))
    }
}

fn commit_result(id: TransactionId, answer: Option<Changed>) -> CommitResult {
    let (status, error) = match answer {
        None => {
            let error = refused(store::Error::NotFound, id);
            (None, Some((error.code, error.message.into_owned())))
        }
        Some(Ok(committed)) => (Some(committed.status), None),
        Some(Err(refused)) => {
            let status = match &refused {
                ChangeRefused::Transition(refused) => Some(refused.status),
                ChangeRefused::Edit(_) | ChangeRefused::Erased => None,
            };
            let error = not_changed(refused);
            (status, Some((error.code, error.message.into_owned())))
        }
    };
    CommitResult {
        id,
        committed: error.is_none(),
        status,
        error: error.map(|(code, message)| CommitError {
            code: code.as_str(),
            message,
        }),
    }
}

fn not_changed(refused: ChangeRefused) -> Error {
    let code = match &refused {
        ChangeRefused::Transition(_) | ChangeRefused::Erased => Code::WrongState,
        ChangeRefused::Edit(error) => return Error::invalid_field("data", error.to_string()),
    };
    let mut text = refused.to_string();
    if let Some(first) = text.get_mut(..1) {
        first.make_ascii_uppercase();
    }
    Error::new(code, format!("{text}."))
}

fn refused(error: store::Error, id: TransactionId) -> Error {
    match error {
        store::Error::NotFound => Error::not_found("transaction", id),
        store::Error::Unique(_) => Error::new(
            Code::IdentifierInUse,
            "A transaction made by hand has this identifier already.",
        )
        .with_fields(vec![FieldError::new("identifier", "is taken")]),
        other => other.into(),
    }
}

fn shown(stored: StoredTransaction) -> Result<Transaction> {
    Ok(Transaction {
        id: stored.id,
        status: stored.status,
        identifier: stored.identifier,
        call_api_id: stored.call_api_id,
        run_id: stored.run_id,
        created_by: stored.created_by,
        created_at: stored.created_at,
        committed_by: stored.committed_by,
        committed_at: stored.committed_at,
        data: raw(stored.data)?,
        version: stored.version,
    })
}

fn shown_change(stored: StoredChange) -> Result<TransactionChange> {
    Ok(TransactionChange {
        id: stored.id,
        at: stored.at,
        user_id: stored.user_id,
        kind: stored.kind,
        before: raw(stored.before)?,
        after: raw(stored.after)?,
    })
}

fn raw(text: Option<String>) -> Result<Option<Box<RawValue>>> {
    text.map(RawValue::from_string).transpose().map_err(Error::internal)
}
