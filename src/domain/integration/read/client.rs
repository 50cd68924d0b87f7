//! Reading what a client makes of an integration.

use serde_json::Value;

use super::{begin, flag, id, uuid, whole};
use crate::domain::{
    ids::ConnectionId,
    integration::{ClientIntegration, IntegrationId, ScheduleId},
    validate::FieldError,
};

/// A client integration as a request wants it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClientChange {
    /// Of what; cannot be changed.
    pub integration_id: IntegrationId,
    /// Whether it is used.
    pub enabled: bool,
    /// The client's own schedule.
    pub schedule_id: Option<ScheduleId>,
    /// Whose credentials and partner functions are used.
    pub connection_id: Option<ConnectionId>,
}

/// Reads a new client integration, or a change of `current`, whose number is `key`. `IntegrationId` must be given for a new one;
/// `Enabled` is true where it is absent: who makes one wants to use it.
///
/// # Errors
/// Everything that is wrong, by the names of the members.
pub fn client_integration(
    current: Option<&ClientIntegration>,
    key: Option<i64>,
    body: &Value,
) -> Result<ClientChange, Vec<FieldError>> {
    let mut reader = begin(body, "ClientIntegrationId", key)?;
    reader.skip(&["DisabledReason", "ConsentId", "NextDueAt", "LastRunAt", "LastOutcome"]);
    let before = current.map(|now| now.integration_id);
    let mut integration_id = before;
    let mut enabled = current.is_none_or(|now| now.enabled);
    let mut schedule_id = current.and_then(|now| now.schedule_id);
    let mut connection_id = current.and_then(|now| now.connection_id);
    id(&mut reader, "IntegrationId", &mut integration_id);
    reader.require(
        "IntegrationId",
        integration_id.is_some(),
        "must be the number of an integration",
    );
    if before.is_some() && integration_id.is_some() && integration_id != before {
        reader.refuse(
            "IntegrationId",
            "cannot be changed: make another client integration instead",
        );
    }
    flag(&mut reader, "Enabled", true, &mut enabled);
    id(&mut reader, "ScheduleId", &mut schedule_id);
    uuid(&mut reader, "ConnectionUuid", &mut connection_id);
    let read = integration_id.map(|integration_id| ClientChange {
        integration_id,
        enabled,
        schedule_id,
        connection_id,
    });
    whole(reader, read)
}
