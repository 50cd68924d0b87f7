//! What came becomes records or transactions: those that the filter lets through, a page at a time, and the count of them.

use serde_json::Value;

use super::{Attempt, ended};
use crate::{
    actors::integration::work::Acted,
    domain::{
        expression::{Row, matches},
        identifier::IDENTIFIER_BYTES_MAX,
        ids::TransactionId,
        record::Decision,
        transaction::{NewTransaction, TRANSACTION_BYTES_MAX},
    },
    http::redacted,
    store::records::{Arrival, Incoming, Target},
};

/// What became of what came.
#[derive(Debug, Default)]
pub(super) struct Counts {
    fetched: u64,
    created: u64,
    updated: u64,
    unchanged: u64,
    deleted: u64,
    left_out: u64,
    refused: u64,
    /// Which was refused first, and why.
    first: Option<String>,
    /// What must not be told, in case a server repeats it.
    secrets: Vec<String>,
}

impl Counts {
    /// They came, with an answer to a request that had these secrets.
    pub fn came(&mut self, count: usize, secrets: Vec<String>) {
        self.fetched += count as u64;
        self.secrets = secrets;
    }

    /// One cannot be taken.
    pub fn refuse(&mut self, which: &str, why: &str) {
        self.refused += 1;
        let told = || redacted(format!("{which}: {why}"), &self.secrets);
        self.first.get_or_insert_with(told);
    }

    /// One is none of those that are wanted.
    pub fn leave_out(&mut self) {
        self.left_out += 1;
    }

    /// The end of the attempt. That everything is refused is a failure; a part of it is not, since what is right is kept.
    pub fn concluded(self) -> Acted {
        let text = self.to_string();
        let taken = self.created + self.updated + self.unchanged + self.deleted + self.left_out;
        match self.refused > 0 && taken == 0 {
            true => ended::failed(text, false),
            false => Acted::Done { result: Some(text) },
        }
    }
}

impl std::fmt::Display for Counts {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self {
            fetched,
            created,
            updated,
            unchanged,
            ..
        } = self;
        write!(
            formatter,
            "{fetched} fetched: {created} created, {updated} updated, {unchanged} unchanged"
        )?;
        for (count, word) in [
            (self.deleted, "deleted"),
            (self.left_out, "left out"),
            (self.refused, "refused"),
        ] {
            if count > 0 {
                write!(formatter, ", {count} {word}")?;
            }
        }
        match &self.first {
            Some(first) => write!(formatter, " ({first})"),
            None => Ok(()),
        }
    }
}

/// Whether the integration's filter lets a record through.
pub(super) fn is_wanted(attempt: Attempt<'_>, key: &str, data: &Value) -> Result<bool, String> {
    let Some(filter) = &attempt.work.filter else {
        return Ok(true);
    };
    let row = Row::of_data(data);
    let row = match attempt.is_of_transactions() {
        true => row
            .with_text("Identifier", Some(key))
            .with_text("Status", Some("ready")),
        false => row.with_text("Key", Some(key)),
    };
    matches(filter, &row, attempt.services.clock.now()).map_err(|error| error.to_string())
}

/// Stores a page of records with their keys.
pub(super) async fn store(
    attempt: Attempt<'_>,
    entity: &str,
    records: Vec<(String, Value)>,
    counts: &mut Counts,
) -> Result<(), Acted> {
    if records.is_empty() {
        return Ok(());
    }
    if attempt.is_of_transactions() {
        return transactions(attempt, records, counts).await;
    }
    let Attempt { services, work, .. } = attempt;
    let arrival = Arrival {
        tenant_id: work.tenant_id,
        entity: entity.to_owned(),
        records,
        at: services.clock.now(),
    };
    let stored = services.store.take_records(arrival).await;
    let done = stored.map_err(|error| ended::of_store(services, &error))?;
    counts.created += done.created;
    counts.updated += done.updated;
    counts.unchanged += done.unchanged;
    for (key, why) in &done.refused {
        counts.refuse(key, why);
    }
    services.tell_records(work.tenant_id, done.news);
    Ok(())
}

/// Stores a page of records with their counterparts behind a connection.
pub(super) async fn store_linked(
    attempt: Attempt<'_>,
    target: Target,
    items: Vec<Incoming>,
    counts: &mut Counts,
) -> Result<(), Acted> {
    if items.is_empty() {
        return Ok(());
    }
    let Attempt { services, work, .. } = attempt;
    let ids: Vec<String> = items.iter().map(|item| item.remote_id.clone()).collect();
    let stored = services.store.take_linked(target, items, services.clock.now()).await;
    let taken = stored.map_err(|error| ended::of_store(services, &error))?;
    for (id, item) in ids.iter().zip(&taken.items) {
        match &item.done {
            Ok(Decision::Create) => counts.created += 1,
            Ok(Decision::Update) => counts.updated += 1,
            Ok(Decision::Delete) => counts.deleted += 1,
            Ok(_) => counts.unchanged += 1,
            Err(why) => counts.refuse(item.key.as_deref().unwrap_or(id), why),
        }
    }
    services.tell_records(work.tenant_id, taken.news);
    Ok(())
}

/// Those that are new become transactions; identifiers are unique in the client integration.
async fn transactions(attempt: Attempt<'_>, records: Vec<(String, Value)>, counts: &mut Counts) -> Result<(), Acted> {
    let Attempt { services, work, .. } = attempt;
    let mut new = Vec::with_capacity(records.len());
    for (identifier, data) in records {
        let text = data.to_string();
        if identifier.len() > IDENTIFIER_BYTES_MAX || identifier.chars().any(char::is_control) {
            let why = format!("an identifier has at most {IDENTIFIER_BYTES_MAX} bytes and no control characters");
            counts.refuse(identifier.get(..40).unwrap_or("one"), &why);
        } else if !data.is_object() || text.len() > TRANSACTION_BYTES_MAX {
            counts.refuse(
                &identifier,
                &format!("it is no object of at most {TRANSACTION_BYTES_MAX} bytes"),
            );
        } else {
            let id = TransactionId::from(services.clock.new_id());
            new.push(NewTransaction {
                id,
                identifier,
                data: text,
            });
        }
    }
    let identifiers: Vec<(TransactionId, String)> = new.iter().map(|new| (new.id, new.identifier.clone())).collect();
    let (now, all) = (services.clock.now(), new.len() as u64);
    let stored = services
        .store
        .take_transactions(work.tenant_id, work.uuid, new, now)
        .await;
    let created = stored.map_err(|error| ended::of_store(services, &error))?;
    counts.created += created.len() as u64;
    counts.unchanged += all - created.len() as u64;
    let created: std::collections::HashSet<TransactionId> = created.into_iter().collect();
    for (id, identifier) in identifiers.into_iter().filter(|(id, _)| created.contains(id)) {
        let data = serde_json::json!({ "transactionId": id, "identifier": identifier, "callApiId": null });
        services
            .events
            .publish(work.tenant_id, now, "transaction.ready", id.uuid(), data);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_are_told() {
        let counts = |refused, created| {
            let mut counts = Counts {
                fetched: 5,
                created,
                unchanged: created,
                ..Counts::default()
            };
            for n in 0..refused {
                counts.refuse(&format!("r{n}"), "why");
            }
            counts
        };
        assert_eq!(counts(0, 2).to_string(), "5 fetched: 2 created, 0 updated, 2 unchanged");
        let mut echoed = Counts::default();
        echoed.came(1, vec!["sesame".to_owned()]);
        echoed.refuse("sesame", "it is sesame");
        assert!(
            echoed.to_string().contains("([redacted]: it is [redacted])"),
            "{echoed}"
        );
        let some = counts(2, 1);
        assert_eq!(
            some.to_string(),
            "5 fetched: 1 created, 0 updated, 1 unchanged, 2 refused (r0: why)"
        );
        assert!(matches!(some.concluded(), Acted::Done { .. }));
        assert!(matches!(
            counts(1, 0).concluded(),
            Acted::Failed { is_final: false, .. }
        ));
        assert!(matches!(counts(0, 0).concluded(), Acted::Done { .. }));
    }
}
