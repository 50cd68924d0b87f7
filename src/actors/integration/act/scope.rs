//! What templates and scripts see.

use std::sync::Arc;

use jiff::Timestamp;
use minijinja::Value as Shown;
use serde_json::{Value, json};

use super::Attempt;

/// See the module.
pub(super) struct Scope {
    /// For templates.
    pub shown: Shown,
    /// For scripts: JSON text.
    pub text: Arc<str>,
    /// RFC 3339.
    pub now: String,
}

impl Scope {
    /// Of an item's row; of an item that fetches, `item` is null, and `clientIntegration.lastCompletedAt` says since when.
    pub fn new(attempt: Attempt<'_>, row: Option<&Value>, last_completed_at: Option<Timestamp>) -> Self {
        let Attempt { services, work, item } = attempt;
        let now = services.clock.now().to_string();
        let mut scope = json!({
            "item": row,
            "integration": {
                "id": work.integration_id,
                "name": work.integration.integration_name,
                "elementId": work.integration.element_id,
                "entityId": work.integration.entity_id,
            },
            "clientIntegration": { "id": work.id, "lastCompletedAt": last_completed_at },
            "queueItem": {
                "id": item.id,
                "itemId": item.item_id,
                "itemName": item.item_name,
                "version": item.item_version,
                "attempt": item.attempt,
                "idempotencyKey": item.idempotency_key(),
            },
        });
        let text: Arc<str> = scope.to_string().into();
        if let Some(members) = scope.as_object_mut() {
            members.insert("now".to_owned(), json!(now));
        }
        Self {
            shown: Shown::from_serialize(&scope),
            text,
            now,
        }
    }
}
