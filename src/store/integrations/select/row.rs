//! A row that the database let through, and whether it meets the filter.

use jiff::Timestamp;
use sea_orm::QueryResult;
use uuid::Uuid;

use super::{Key, Table};
use crate::{
    domain::{
        expression::{Datum, Expr, Row, matches},
        integration::admit::Candidate,
    },
    store::{Result, call_apis::time},
};

/// See the module.
pub(super) struct Seen {
    pub(super) key: Key,
    pub(super) row: Candidate,
    /// What the filter may ask for, where the database has not decided.
    members: Option<Members>,
}

enum Members {
    Transaction {
        id: Uuid,
        status: Option<&'static str>,
        created_at: Timestamp,
        committed_at: Option<Timestamp>,
        call_api_id: Option<Uuid>,
        created_by: Option<Uuid>,
        data: String,
    },
    Record {
        created_at: Timestamp,
        updated_at: Timestamp,
        data: String,
    },
}

impl Seen {
    /// Reads a row; `bare`: without what the filter may ask for.
    pub(super) fn read(row: &QueryResult, table: Table, bare: bool) -> Result<Self> {
        let key = table.key(row)?;
        let item_version = row.try_get("", "version")?;
        match &key {
            Key::Uuid(id) => {
                let created_at = time(row.try_get("", "created_at")?)?;
                let committed_at = row.try_get::<Option<i64>>("", "committed_at")?.map(time).transpose()?;
                let members = match bare {
                    true => None,
                    false => Some(Members::Transaction {
                        id: *id,
                        status: Table::status_word(row.try_get("", "status")?),
                        created_at,
                        committed_at,
                        call_api_id: row.try_get("", "call_api_id")?,
                        created_by: row.try_get("", "created_by")?,
                        data: row.try_get("", "data")?,
                    }),
                };
                Ok(Self {
                    row: Candidate {
                        item_id: id.to_string(),
                        item_name: row.try_get("", "identifier")?,
                        item_version,
                        item_updated_on: committed_at.unwrap_or(created_at),
                    },
                    key,
                    members,
                })
            }
            Key::Text(text) => {
                let members = match bare {
                    true => None,
                    false => Some(Members::Record {
                        created_at: time(row.try_get("", "created_at")?)?,
                        updated_at: time(row.try_get("", "updated_at")?)?,
                        data: row.try_get("", "data")?,
                    }),
                };
                Ok(Self {
                    row: Candidate {
                        item_id: text.clone(),
                        item_name: text.clone(),
                        item_version,
                        item_updated_on: time(row.try_get("", "changed_at")?)?,
                    },
                    key,
                    members,
                })
            }
        }
    }

    /// Whether it meets the filter, or why nobody can tell.
    pub(super) fn meets(&self, filter: &Expr, now: Timestamp) -> std::result::Result<bool, String> {
        let (Members::Transaction { data, .. } | Members::Record { data, .. }) = match &self.members {
            Some(members) => members,
            None => return Ok(true),
        };
        let data = serde_json::from_str(data).map_err(|error| format!("its data cannot be read ({error})."))?;
        let texts: [Option<String>; 3];
        let row = Row::of_data(&data);
        let row = match self.members.as_ref() {
            Some(Members::Transaction {
                id,
                status,
                created_at,
                committed_at,
                call_api_id,
                created_by,
                ..
            }) => {
                texts = [Some(*id), *call_api_id, *created_by].map(|id| id.map(|id| id.to_string()));
                let [id, call_api_id, created_by] = texts.each_ref().map(Option::as_deref);
                row.with_text("Id", id)
                    .with_text("Identifier", Some(&self.row.item_name))
                    .with_text("Status", *status)
                    .with_time("CreatedAt", Some(*created_at))
                    .with_time("CommittedAt", *committed_at)
                    .with_text("CallApiId", call_api_id)
                    .with_text("CreatedBy", created_by)
            }
            Some(Members::Record {
                created_at, updated_at, ..
            }) => {
                #[expect(clippy::cast_precision_loss, reason = "numbers are doubles")]
                let version = Datum::Number(self.row.item_version as f64);
                row.with_text("Key", Some(&self.row.item_id))
                    .with("Version", version)
                    .with_time("CreatedAt", Some(*created_at))
                    .with_time("UpdatedAt", Some(*updated_at))
                    .with_time("ChangedAt", Some(self.row.item_updated_on))
            }
            None => row,
        };
        matches(filter, &row, now).map_err(|error| format!("{error}."))
    }
}
