//! Retention of requests in the background: first the answer goes, later the row, and parts of bodies that nobody wants.

use std::time::Duration;

use jiff::Timestamp;
use sea_orm::{FromQueryResult, Statement, Value};
use uuid::Uuid;

use super::KEY_KEPT_US;
use crate::store::{
    PurgeRules, Result, Store,
    purge::{BackgroundPurged, first_id_at},
};

/// Requests whose bodies are looked at by one query.
const WINDOW_REQUESTS: i64 = 2_000;
/// Parts of bodies that one transaction removes: each may be as long as the pages of a thousand rows.
const PARTS_ROWS_MAX: i64 = 100;
/// Parts of a body whose request was never stored: its caller may still be sending the rest.
const PARTS_KEPT: Duration = Duration::from_secs(24 * 3_600);

/// Erases what was answered, and what tells of persons; what is left answers that there was such a request.
pub(in crate::store) const ERASE: &str = "UPDATE background_request SET erased_at = $2, response = NULL, \
     response_headers = NULL, content_type = NULL, error = NULL, notify_pairs = NULL, reference = NULL, \
     original_uri = '', webhook_address = '' WHERE (tenant_id, id) IN \
     (SELECT tenant_id, id FROM background_request WHERE erased_at IS NULL AND finished_at < $1 \
     ORDER BY erased_at, finished_at LIMIT $3)";
pub(in crate::store) const REMOVE: &str = "DELETE FROM background_request WHERE (tenant_id, id) IN \
     (SELECT tenant_id, id FROM background_request WHERE finished_at IS NOT NULL AND erased_at < $1 \
     ORDER BY erased_at LIMIT $2)";
/// The age is asked twice, because a key may be taken over while PostgreSQL deletes.
pub(in crate::store) const KEYS: &str = "DELETE FROM background_key WHERE (tenant_id, user_id, \"key\") IN \
     (SELECT tenant_id, user_id, \"key\" FROM background_key WHERE received_at < $1 ORDER BY received_at LIMIT $2) \
     AND received_at < $1";
/// The body of a request is wanted until its end; that of an answer until it is erased, if the end names it.
pub(in crate::store) const WINDOW: &str = "SELECT b.request_id, b.tenant_id, \
     COALESCE(r.status < 2, b.request_id >= $2) AS keep_request, \
     COALESCE(r.status < 2 OR (r.response_chunks > 0 AND r.erased_at IS NULL), b.request_id >= $2) AS keep_response \
     FROM (SELECT DISTINCT request_id, tenant_id FROM background_body WHERE request_id > $1 \
     ORDER BY request_id LIMIT $3) AS b \
     LEFT JOIN background_request AS r ON r.tenant_id = b.tenant_id AND r.id = b.request_id ORDER BY b.request_id";
const PARTS: &str = "DELETE FROM background_body WHERE (request_id, tenant_id, kind, seq) IN \
     (SELECT request_id, tenant_id, kind, seq FROM background_body \
     WHERE request_id = $1 AND tenant_id = $2 AND kind = $3 LIMIT $4)";

#[derive(FromQueryResult)]
struct Row {
    request_id: Uuid,
    tenant_id: Uuid,
    keep_request: bool,
    keep_response: bool,
}

impl Store {
    /// Removes what is over its time at `now`, up to `rows` rows in one transaction.
    pub(in crate::store) async fn purge_background(
        &self,
        rules: &PurgeRules,
        now: Timestamp,
        rows: i64,
    ) -> Result<BackgroundPurged> {
        let before = |kept: Duration| now.checked_sub(kept).unwrap_or(Timestamp::MIN).as_microsecond();
        let erase = vec![before(rules.background).into(), now.as_microsecond().into()];
        let keys_before = now.as_microsecond().saturating_sub(KEY_KEPT_US);
        Ok(BackgroundPurged {
            erased: self.repeat(ERASE, erase, rows).await?,
            // With the answers that were just erased.
            parts: self.purge_parts(now, rows.min(PARTS_ROWS_MAX)).await?,
            removed: self
                .repeat(REMOVE, vec![before(rules.background_gone).into()], rows)
                .await?,
            keys: self.repeat(KEYS, vec![keys_before.into()], rows).await?,
        })
    }

    /// Removes parts of bodies that nobody wants any more. A reader looks for them, so that the writer is free meanwhile.
    async fn purge_parts(&self, now: Timestamp, rows: i64) -> Result<u64> {
        let kept_from = first_id_at(now.checked_sub(PARTS_KEPT).unwrap_or(Timestamp::MIN));
        let mut after = Uuid::nil();
        let mut total = 0;
        loop {
            let values: [Value; 3] = [after.into(), kept_from.into(), WINDOW_REQUESTS.into()];
            let window = self
                .read(move |db| async move {
                    let statement = Statement::from_sql_and_values(db.get_database_backend(), WINDOW, values);
                    Ok(Row::find_by_statement(statement).all(&db).await?)
                })
                .await?;
            for row in &window {
                for (keep, kind) in [(row.keep_request, 0_i16), (row.keep_response, 1)] {
                    if !keep {
                        let values = vec![row.request_id.into(), row.tenant_id.into(), kind.into()];
                        total += self.repeat(PARTS, values, rows).await?;
                    }
                }
            }
            match window.last() {
                Some(last) => after = last.request_id,
                None => return Ok(total),
            }
        }
    }
}
