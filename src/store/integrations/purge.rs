//! Retention of the queue and of the logs of runs.
//!
//! A finished item is more than history: that its row is in the queue is why the row is not sent again. So an item is removed when its
//! time is over only where nothing asks for it again: an item of a later version is there, it was a pull before the last one that was
//! completed (which says from when on the next one asks), or its client integration is gone. The others are kept bare, without their
//! result; when the row comes in a later version, they go.

use std::time::Duration;

use jiff::Timestamp;

use crate::store::{Result, Store};

/// What a purge has removed of integrations.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct IntegrationsPurged {
    /// Items.
    pub items: u64,
    /// Items that are kept without their results.
    pub bared: u64,
    /// Logs of runs.
    pub logs: u64,
}

pub(in crate::store) const ITEMS: &str = "DELETE FROM integration_queue WHERE id IN (\
     SELECT q.id FROM integration_queue q \
     WHERE q.updated_at < $1 AND NOT q.bare AND q.state IN ('Completed', 'Cancelled', 'Abandoned') AND (\
        NOT EXISTS (SELECT 1 FROM client_integration c JOIN integration i ON i.id = c.integration_id \
            WHERE c.id = q.client_integration_id) \
        OR EXISTS (SELECT 1 FROM integration_queue n WHERE n.client_integration_id = q.client_integration_id \
            AND n.item_id = q.item_id AND n.item_version > q.item_version) \
        OR (EXISTS (SELECT 1 FROM integration i WHERE i.id = q.integration_id AND i.direction_id = 'Inbound') \
            AND EXISTS (SELECT 1 FROM integration_queue l WHERE l.client_integration_id = q.client_integration_id \
                AND l.state = 'Completed' AND l.item_updated_on > q.item_updated_on))) \
     ORDER BY q.updated_at LIMIT $2) \
     AND updated_at < $1 AND state IN ('Completed', 'Cancelled', 'Abandoned')";

/// Runs after [`ITEMS`]: what is left over must stay.
pub(in crate::store) const BARED: &str = "UPDATE integration_queue SET bare = TRUE, result = NULL WHERE id IN (\
     SELECT id FROM integration_queue \
     WHERE updated_at < $1 AND NOT bare AND state IN ('Completed', 'Cancelled', 'Abandoned') \
     ORDER BY updated_at LIMIT $2) \
     AND updated_at < $1 AND state IN ('Completed', 'Cancelled', 'Abandoned')";

pub(in crate::store) const LOGS: &str = "DELETE FROM action_log WHERE id IN (\
     SELECT id FROM action_log WHERE started_at < $1 AND finished_at IS NOT NULL ORDER BY started_at LIMIT $2)";

impl Store {
    /// Removes what is over its time.
    pub(in crate::store) async fn purge_integrations(
        &self,
        kept: Duration,
        now: Timestamp,
        rows: i64,
    ) -> Result<IntegrationsPurged> {
        let before = now.checked_sub(kept).unwrap_or(Timestamp::MIN).as_microsecond();
        Ok(IntegrationsPurged {
            items: self.repeat(ITEMS, vec![before.into()], rows).await?,
            bared: self.repeat(BARED, vec![before.into()], rows).await?,
            logs: self.repeat(LOGS, vec![before.into()], rows).await?,
        })
    }
}
