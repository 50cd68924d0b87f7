//! What the rows of integrations say, as the types of the domain, and back.

use std::str::FromStr;

use sea_orm::ActiveValue::Set;
use uuid::Uuid;

use crate::{
    domain::{
        ids::{ClientId, ConnectionId, PartnerFunctionId, UserId},
        integration::{
            Action, ActionId, ClientIntegration, ClientIntegrationId, Consent, ConsentId, Integration, IntegrationId,
            IntegrationSchedule, ScheduleId, Stamp, System, SystemId, SystemOauth, UnknownWord,
        },
    },
    store::{Error, Result, call_apis::shard_of, tenants::timestamp},
};
use entity::{
    client_integration, integration, integration_action, integration_consent, integration_schedule, integration_system,
};

/// What is stored under a number.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stored<K, T> {
    /// Number.
    pub id: K,
    /// Whose, and since when.
    pub stamp: Stamp,
    /// What it is.
    pub value: T,
}

/// An integration's definition.
pub type StoredIntegration = Stored<IntegrationId, Integration>;
/// A system.
pub type StoredSystem = Stored<SystemId, System>;
/// A schedule.
pub type StoredSchedule = Stored<ScheduleId, IntegrationSchedule>;
/// An action; secret headers are masked.
pub type StoredAction = Stored<ActionId, Action>;
/// A consent.
pub type StoredConsent = Stored<ConsentId, Consent>;

/// What a client makes of an integration, with the id of its actor.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredClientIntegration {
    /// Number.
    pub id: ClientIntegrationId,
    /// The actor's, and of the tokens in the vault.
    pub uuid: Uuid,
    /// Whose, and since when.
    pub stamp: Stamp,
    /// What it is.
    pub value: ClientIntegration,
}

/// A change that keeps a sealed value, or writes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Sealed {
    /// As it is.
    Keep,
    /// Another one, or none.
    Write(Option<Vec<u8>>),
}

/// The columns that every definition has.
macro_rules! stamp_of {
    ($row:expr) => {
        Stamp {
            tenant_id: $row.tenant_id.into(),
            created_by: $row.created_by.map(UserId::from),
            version: $row.version,
            created_at: timestamp($row.created_at)?,
            updated_at: timestamp($row.updated_at)?,
        }
    };
}

fn word<T: FromStr<Err = UnknownWord>>(what: &str, id: i64, text: &str) -> Result<T> {
    text.parse()
        .map_err(|error| Error::Content(format!("the {what} of {id}: {error}")))
}

fn number(what: &str, id: i64, number: i64) -> Result<u32> {
    u32::try_from(number).map_err(|_| Error::Content(format!("the {what} of {id}: {number}")))
}

/// Reads a row.
pub(in crate::store) fn integration(row: integration::Model) -> Result<StoredIntegration> {
    Ok(Stored {
        id: row.id.into(),
        stamp: stamp_of!(row),
        value: Integration {
            integration_direction_id: word("direction of the integration", row.id, &row.direction_id)?,
            max_attempts: number("attempts of the integration", row.id, row.max_attempts)?,
            batch_size: number("batch size of the integration", row.id, row.batch_size)?,
            consent_type_id: word("type of consent of the integration", row.id, &row.consent_type_id)?,
            integration_name: row.name,
            entity_id: row.entity_id,
            integration_system_id: row.system_id.into(),
            action_id: row.action_id.map(ActionId::from),
            element_id: row.element_id,
            comment: row.comment,
            filter: row.filter,
            schedule_id: row.schedule_id.into(),
            execute_in_parallel: row.execute_in_parallel,
            include_update: row.include_update,
            continuous: row.continuous,
            managed: row.managed,
            allow_schedule_change: row.allow_schedule_change,
            active: row.active,
        },
    })
}

/// The columns of a definition that a change may write.
pub(in crate::store) fn integration_columns(stamp: &Stamp, value: Integration) -> integration::ActiveModel {
    integration::ActiveModel {
        name: Set(value.integration_name),
        entity_id: Set(value.entity_id),
        direction_id: Set(value.integration_direction_id.as_str().to_owned()),
        system_id: Set(value.integration_system_id.get()),
        action_id: Set(value.action_id.map(ActionId::get)),
        element_id: Set(value.element_id),
        comment: Set(value.comment),
        filter: Set(value.filter),
        schedule_id: Set(value.schedule_id.get()),
        max_attempts: Set(value.max_attempts.into()),
        batch_size: Set(value.batch_size.into()),
        execute_in_parallel: Set(value.execute_in_parallel),
        include_update: Set(value.include_update),
        continuous: Set(value.continuous),
        managed: Set(value.managed),
        allow_schedule_change: Set(value.allow_schedule_change),
        consent_type_id: Set(value.consent_type_id.as_str().to_owned()),
        active: Set(value.active),
        version: Set(stamp.version),
        updated_at: Set(stamp.updated_at.as_microsecond()),
        ..Default::default()
    }
}

/// Reads a row; its secret stays sealed.
pub(in crate::store) fn system(row: integration_system::Model) -> Result<StoredSystem> {
    let stamp = stamp_of!(row);
    let oauth = match (row.authorize_url, row.token_url, row.oauth_client_id) {
        (Some(authorize_url), Some(token_url), Some(client_id)) => Some(SystemOauth {
            authorize_url,
            token_url,
            client_id,
            scope: row.oauth_scope,
        }),
        _ => None,
    };
    let value = System {
        name: row.name,
        comment: row.comment,
        oauth,
    };
    Ok(Stored {
        id: row.id.into(),
        stamp,
        value,
    })
}

/// The columns of a system that a change may write.
pub(in crate::store) fn system_columns(
    stamp: &Stamp,
    value: System,
    client_secret: Sealed,
) -> integration_system::ActiveModel {
    let mut row = integration_system::ActiveModel {
        name: Set(value.name),
        comment: Set(value.comment),
        version: Set(stamp.version),
        updated_at: Set(stamp.updated_at.as_microsecond()),
        ..Default::default()
    };
    let (authorize_url, token_url, client_id, scope) = match value.oauth {
        None => (None, None, None, None),
        Some(oauth) => (
            Some(oauth.authorize_url),
            Some(oauth.token_url),
            Some(oauth.client_id),
            oauth.scope,
        ),
    };
    row.authorize_url = Set(authorize_url);
    row.token_url = Set(token_url);
    row.oauth_client_id = Set(client_id);
    row.oauth_scope = Set(scope);
    if let Sealed::Write(sealed) = client_secret {
        row.oauth_client_secret = Set(sealed);
    }
    row
}

/// Reads a row.
pub(in crate::store) fn schedule(row: integration_schedule::Model) -> Result<StoredSchedule> {
    let interval = row.interval_seconds;
    Ok(Stored {
        id: row.id.into(),
        stamp: stamp_of!(row),
        value: IntegrationSchedule {
            kind: word("kind of the schedule", row.id, &row.kind)?,
            interval_seconds: interval
                .map(|seconds| number("interval of the schedule", row.id, seconds))
                .transpose()?,
            name: row.name,
            cron: row.cron,
            day_of_week: row.day_of_week,
            time_of_day: row.time_of_day,
            time_zone: row.time_zone,
        },
    })
}

/// The columns of a schedule that a change may write.
pub(in crate::store) fn schedule_columns(
    stamp: &Stamp,
    value: IntegrationSchedule,
) -> integration_schedule::ActiveModel {
    integration_schedule::ActiveModel {
        name: Set(value.name),
        kind: Set(value.kind.as_str().to_owned()),
        interval_seconds: Set(value.interval_seconds.map(i64::from)),
        cron: Set(value.cron),
        day_of_week: Set(value.day_of_week),
        time_of_day: Set(value.time_of_day),
        time_zone: Set(value.time_zone),
        version: Set(stamp.version),
        updated_at: Set(stamp.updated_at.as_microsecond()),
        ..Default::default()
    }
}

/// Reads a row; its secret headers stay sealed.
pub(in crate::store) fn action(row: integration_action::Model) -> Result<StoredAction> {
    Ok(Stored {
        id: row.id.into(),
        stamp: stamp_of!(row),
        value: Action {
            kind: word("kind of the action", row.id, &row.kind)?,
            name: row.name,
            method: row.method,
            url: row.url,
            headers: row.headers,
            body: row.body,
            body_script: row.body_script,
            result_script: row.result_script,
            client_id: row.client_id.map(ClientId::from),
            partner_function_id: row.partner_function_id.map(PartnerFunctionId::from),
        },
    })
}

/// The columns of an action that a change may write.
pub(in crate::store) fn action_columns(
    stamp: &Stamp,
    value: Action,
    headers_secret: Sealed,
) -> integration_action::ActiveModel {
    let mut row = integration_action::ActiveModel {
        name: Set(value.name),
        kind: Set(value.kind.as_str().to_owned()),
        method: Set(value.method),
        url: Set(value.url),
        headers: Set(value.headers),
        body: Set(value.body),
        body_script: Set(value.body_script),
        result_script: Set(value.result_script),
        client_id: Set(value.client_id.map(ClientId::uuid)),
        partner_function_id: Set(value.partner_function_id.map(PartnerFunctionId::uuid)),
        version: Set(stamp.version),
        updated_at: Set(stamp.updated_at.as_microsecond()),
        ..Default::default()
    };
    if let Sealed::Write(sealed) = headers_secret {
        row.headers_secret = Set(sealed);
    }
    row
}

/// Reads a row.
pub(in crate::store) fn client_integration(row: client_integration::Model) -> Result<StoredClientIntegration> {
    Ok(StoredClientIntegration {
        id: row.id.into(),
        uuid: row.uuid,
        stamp: stamp_of!(row),
        value: ClientIntegration {
            integration_id: row.integration_id.into(),
            enabled: row.enabled,
            disabled_reason: row.disabled_reason,
            schedule_id: row.schedule_id.map(ScheduleId::from),
            connection_id: row.connection_id.map(ConnectionId::from),
            consent_id: row.consent_id.map(ConsentId::from),
            anchor_at: timestamp(row.anchor_at)?,
        },
    })
}

/// The columns of a client integration that a change may write; not its integration, nor its consent, which consents write.
pub(in crate::store) fn client_integration_columns(
    stamp: &Stamp,
    value: ClientIntegration,
) -> client_integration::ActiveModel {
    client_integration::ActiveModel {
        enabled: Set(value.enabled),
        disabled_reason: Set(value.disabled_reason),
        schedule_id: Set(value.schedule_id.map(ScheduleId::get)),
        connection_id: Set(value.connection_id.map(ConnectionId::uuid)),
        anchor_at: Set(value.anchor_at.as_microsecond()),
        version: Set(stamp.version),
        updated_at: Set(stamp.updated_at.as_microsecond()),
        ..Default::default()
    }
}

/// All columns of a new client integration.
pub(in crate::store) fn new_client_integration(
    id: ClientIntegrationId,
    uuid: Uuid,
    stamp: &Stamp,
    value: ClientIntegration,
) -> client_integration::ActiveModel {
    client_integration::ActiveModel {
        id: Set(id.get()),
        uuid: Set(uuid),
        tenant_id: Set(stamp.tenant_id.uuid()),
        integration_id: Set(value.integration_id.get()),
        shard: Set(shard_of(uuid)),
        consent_id: Set(value.consent_id.map(ConsentId::get)),
        created_by: Set(stamp.created_by.map(UserId::uuid)),
        created_at: Set(stamp.created_at.as_microsecond()),
        ..client_integration_columns(stamp, value)
    }
}

/// Reads a row; its secrets stay sealed.
pub(in crate::store) fn consent(row: integration_consent::Model) -> Result<StoredConsent> {
    Ok(Stored {
        id: row.id.into(),
        stamp: stamp_of!(row),
        value: Consent {
            uuid: row.uuid,
            client_integration_id: row.client_integration_id.into(),
            consent_type_id: word("type of the consent", row.id, &row.consent_type_id)?,
            state: word("state of the consent", row.id, &row.state)?,
            authorize_url: row.authorize_url,
            granted_by: row.granted_by.map(UserId::from),
            granted_at: row.granted_at.map(timestamp).transpose()?,
            expires_at: row.expires_at.map(timestamp).transpose()?,
            detail: row.detail,
        },
    })
}
