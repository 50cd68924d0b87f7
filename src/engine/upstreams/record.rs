//! The audit log of requests to upstreams: one row for each that may change something.

use serde_json::{Value, json};
use tokio::{runtime::Handle, task::JoinHandle};

use super::Upstream;
use crate::{
    domain::background::is_safe,
    engine::{Engine, caller::Caller},
    store::{Store, audit},
};

/// A request that is about to be sent, until its row is written. Dropped before its answer is known, because the caller is
/// gone, it is recorded without a status: the upstream may have done what it says.
pub struct Record {
    store: Store,
    entry: Option<audit::Entry>,
}

impl Record {
    /// None for a safe method. `path` is the one here; of its query nothing is kept, as it may hold secrets.
    #[must_use]
    pub fn of(engine: &Engine, caller: &Caller, upstream: &Upstream, method: &str, path: &str) -> Option<Self> {
        if is_safe(method) {
            return None;
        }
        let path = path.split('?').next().unwrap_or_default();
        let after = json!({ "method": method, "path": path, "status": null });
        Some(Self {
            store: engine.store().clone(),
            entry: Some(caller.audit("upstream.request", "upstream", &upstream.prefix, None, Some(after))),
        })
    }

    /// Writes the row, with the status that the caller gets. That it cannot be written is logged and does not break the
    /// answer: the upstream has acted already, and who is told otherwise would send the request again.
    pub async fn answered(mut self, status: u16) {
        let after = self.entry.as_mut().and_then(|entry| entry.after.as_mut());
        if let Some(members) = after.and_then(Value::as_object_mut) {
            members.insert("status".to_owned(), status.into());
        }
        if let Some(writing) = self.write() {
            // Failures are logged where they happen.
            let _ended = writing.await;
        }
    }

    /// A task of its own: it goes on when the caller goes away meanwhile.
    fn write(&mut self) -> Option<JoinHandle<()>> {
        let (entry, store) = (self.entry.take()?, self.store.clone());
        let runtime = Handle::try_current().ok()?;
        Some(runtime.spawn(async move {
            if let Err(cause) = store.record_audit(entry).await {
                tracing::error!(%cause, "a request to an upstream is missing in the audit log");
            }
        }))
    }
}

impl Drop for Record {
    fn drop(&mut self) {
        self.write();
    }
}
