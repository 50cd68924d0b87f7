//! A run on request: begun by the automation's actor, and waited for as long as somebody who asked would wait.

use std::time::Duration;

use tokio::sync::broadcast::error::RecvError;

use super::{AutomationRun, Automations};
use crate::{
    actors::automation,
    domain::{
        ids::{AutomationId, ConnectionId, RunId},
        rights::Right,
    },
    engine::caller::Caller,
    error::{Code, Error, Result},
};

/// Longest wait for the end of a run; shorter than what proxies and clients wait for an answer.
const END_WAIT_MAX: Duration = Duration::from_secs(25);

impl Automations<'_> {
    /// Runs an automation now. Answers with the run when it has ended or waits for another time, else with the run so far.
    ///
    /// # Errors
    /// Without `connections.manage`; `not_found`; `wrong_state`: it is disabled, or a run of it goes on.
    pub async fn run(&self, caller: &Caller, connection: ConnectionId, id: AutomationId) -> Result<AutomationRun> {
        caller.require(Right::ConnectionsManage)?;
        self.find(caller, connection, id).await?;
        let entry = caller.audit("automation.run", "automation", id, None, None);
        self.engine.store().record_audit(entry).await?;
        // From before its begin, so that no end is missed.
        let mut events = self.engine.subscribe();
        let run = automation::run_now(self.engine.registry(), caller.tenant_id, id).await?;
        let about = run.to_string();
        let ended = async {
            loop {
                // Its row may say that it has ended before its actor knows; what is told of it comes after both. Having missed
                // something is worth a look too.
                match events.recv().await {
                    Ok(event)
                        if event.subject_id == id.uuid() && event.data.get("runId").is_some_and(|of| *of == about) => {}
                    Ok(_) => continue,
                    Err(RecvError::Lagged(_)) => {}
                    Err(RecvError::Closed) => return self.begun(caller, id, run).await,
                }
                let found = self.begun(caller, id, run).await?;
                // One that waits says for what.
                if found.finished_at.is_some() || found.detail.is_some() {
                    return Ok(found);
                }
            }
        };
        match tokio::time::timeout(END_WAIT_MAX, ended).await {
            Ok(ended) => ended,
            Err(_) => self.begun(caller, id, run).await,
        }
    }

    async fn begun(&self, caller: &Caller, id: AutomationId, run: RunId) -> Result<AutomationRun> {
        let found = self.engine.store().automation_run(caller.tenant_id, run).await?;
        found
            .filter(|found| found.automation_id == id)
            .ok_or_else(|| Error::new(Code::NotFound, format!("The run {run} is gone with its automation.")))
    }
}
