//! An item that is sent through a partner function: shaped as the function says, noted, sent through the connection's gate, linked to
//! its counterpart, so that the next version of it is an update. What was noted is sent again as it was, under the same
//! idempotency key, so that the provider takes it once.

use std::sync::Arc;

use ring::digest::{SHA256, digest};
use serde_json::Value;

use super::{Attempt, ended, row, row::Row};
use crate::{
    actors::{
        automation::{
            halt::Halt,
            shape::{Shaped, Shaper, Which},
            way::{Ends, Way},
        },
        connection::Gate,
        integration::work::Acted,
    },
    domain::{
        integration::{Action, IntegrationDirection, QueueItem, TRANSACTION},
        partner_function::{Direction, PartnerFunction},
        record::{TOO_DEEP, is_readable},
    },
    http::{Request, Response, redacted},
    providers::{Account, Outgoing, Provider, RemoteRef, Trouble, TroubleKind, Written},
    store::records::{Exported, PendingExport},
};

/// The function, ready to be used.
pub(super) struct Ready {
    pub gate: Gate,
    pub shaper: Shaper,
    pub way: Arc<Way>,
}

/// Why there is no usable answer.
pub(super) enum Missed {
    /// This record is refused.
    Record(String),
    /// Somebody changed the counterpart meanwhile.
    Stale(String),
    /// Another reason.
    Ended(Acted),
}

impl Missed {
    /// Where there is no single record that could be at fault.
    pub fn ended(self) -> Acted {
        match self {
            Self::Ended(acted) => acted,
            Self::Record(message) | Self::Stale(message) => ended::failed(message, false),
        }
    }
}

/// What is sent, and how it is known at the other side.
struct Parcel {
    remote: Option<RemoteRef>,
    export: PendingExport,
}

/// Sends the row of an item.
pub(super) async fn send(attempt: Attempt<'_>, action: &Action) -> Result<Acted, Acted> {
    let row = row::read(attempt).await?;
    let ready = ready(attempt, action).await?;
    let key = &attempt.item.item_id;
    let store = &attempt.services.store;
    let known = store.item_link(ready.way.target(), key.clone()).await;
    let known = known.map_err(|error| ended::of_store(attempt.services, &error))?;
    let mut synced = known.link.as_ref().map(|link| link.record_version);
    let mut remote = known.link.map(|link| RemoteRef {
        id: link.remote_id,
        version: link.remote_version,
    });
    if let Some(export) = known.pending {
        // An attempt was cut, or an automation has it on its way: that comes first, as it was noted.
        let version = export.record_version;
        match deliver(
            attempt,
            &ready,
            Parcel {
                remote: remote.clone(),
                export,
            },
        )
        .await
        {
            Ok((written, _)) => (remote, synced) = (Some(written), Some(version)),
            // What is newer may be taken.
            Err(Missed::Record(_) | Missed::Stale(_)) if version < row.version => {}
            Err(missed) => return Err(missed.ended()),
        }
    }
    let is_update = remote.is_some();
    // The other side has it: an attempt whose end was not written down. Continuous ones ask again nevertheless.
    if synced.is_some_and(|synced| synced >= row.version) && !attempt.work.integration.continuous {
        let id = remote.map(|remote| remote.id).unwrap_or_default();
        return Ok(done("Is there as", &id));
    }
    let export = match shaped(attempt, &ready, &row, remote.as_ref()).await? {
        Ok(export) => export,
        Err(acted) => return Ok(acted),
    };
    let export = note(attempt, &ready, export).await?;
    let sent = deliver(attempt, &ready, Parcel { remote, export }).await;
    let (_, shown) = sent.map_err(Missed::ended)?;
    Ok(done(if is_update { "Updated" } else { "Created as" }, &shown))
}

fn done(what: &str, id: &str) -> Acted {
    Acted::Done {
        result: Some(format!("{what} {id}")),
    }
}

/// The function of the action in the connection of the client; in that of another tenant, the one with the same name.
pub(super) async fn ready(attempt: Attempt<'_>, action: &Action) -> Result<Ready, Acted> {
    let Attempt { services, work, .. } = attempt;
    let store = &services.store;
    let Some(id) = action.partner_function_id else {
        return Err(ended::failed("The action names no partner function.", true));
    };
    let found = store.partner_function_of(work.owner_id, id).await;
    let gone = || {
        ended::failed(
            format!("The partner function {id} of the action does not exist."),
            false,
        )
    };
    let named = found
        .map_err(|error| ended::of_store(services, &error))?
        .ok_or_else(gone)?;
    let own = Some(named.connection_id).filter(|_| work.owner_id == work.tenant_id);
    let Some(connection) = work.client.connection_id.or(own) else {
        return Err(ended::blocked(
            services,
            "The client integration has no connection. Name one in its ConnectionUuid.",
        ));
    };
    let function = if own == Some(connection) {
        named
    } else {
        let name = named.definition.name;
        let found = store.partner_function_named(work.tenant_id, connection, &name).await;
        found
            .map_err(|error| ended::of_store(services, &error))?
            .ok_or_else(|| {
                ended::failed(
                    format!("The connection of the client integration has no partner function {name:?}. Create it."),
                    false,
                )
            })?
    };
    if !function.enabled {
        let name = &function.definition.name;
        return Err(ended::blocked(
            services,
            format!("The partner function {name:?} is disabled. Enable it."),
        ));
    }
    check_direction(attempt, &function.definition)?;
    let gate = services.gates.gate(work.tenant_id, connection).await;
    let gate = gate.map_err(|refused| ended::of_refusal(services, refused))?;
    let account = gate.account();
    let object = gate.provider().object(&account, &function.definition.object_name);
    let object = object.map_err(|trouble| ended::failed(trouble.message, false))?;
    let ends = Ends {
        tenant_id: work.tenant_id,
        user: work.uuid,
        connection_id: connection,
        object,
        // No record has a name with a capital.
        entity: match attempt.is_of_transactions() {
            true => TRANSACTION.to_owned(),
            false => row::entity_of(attempt)?,
        },
    };
    let way = Way::load(services, ends, None, &function.definition).await;
    let way = Arc::new(way.map_err(|halt| of_halt(attempt, halt))?);
    Ok(Ready {
        gate,
        shaper: Shaper {
            services: services.clone(),
            way: way.clone(),
            account,
        },
        way,
    })
}

fn check_direction(attempt: Attempt<'_>, function: &PartnerFunction) -> Result<(), Acted> {
    let direction = attempt.work.integration.integration_direction_id;
    let wanted = match direction {
        IntegrationDirection::Inbound => Direction::Import,
        IntegrationDirection::Outbound => Direction::Export,
    };
    if function.direction == wanted {
        return Ok(());
    }
    let message = format!(
        "The integration is {direction}, its partner function {:?} is for {}; it must be for {}.",
        function.name,
        function.direction.as_str(),
        wanted.as_str()
    );
    Err(ended::failed(message, true))
}

/// What a halt means for an item.
pub(super) fn of_halt(attempt: Attempt<'_>, halt: Halt) -> Acted {
    match halt {
        Halt::Wait { until, reason } => Acted::Later { until, reason },
        Halt::Blocked(reason) => ended::blocked(attempt.services, reason),
        Halt::Leave => Acted::Left,
        Halt::Script(message) => ended::broken(message),
        Halt::End(_, reason) => ended::failed(reason, false),
        Halt::Store(error) => ended::of_store(attempt.services, &error),
    }
}

/// The row as the other side is to have it.
async fn shaped(
    attempt: Attempt<'_>,
    ready: &Ready,
    row: &Row,
    remote: Option<&RemoteRef>,
) -> Result<Result<PendingExport, Acted>, Acted> {
    let which = Which {
        key: Some(&attempt.item.item_id),
        remote_id: remote.map(|remote| remote.id.as_str()),
    };
    let shaped = ready.shaper.outgoing(row.data.clone(), which).await;
    let data = match shaped.map_err(|halt| of_halt(attempt, halt))? {
        Shaped::Out => {
            return Ok(Err(Acted::Done {
                result: Some("A script of the partner function left it out.".to_owned()),
            }));
        }
        Shaped::Failed(message) => return Err(ended::failed(message, true)),
        // The note has it as a member.
        Shaped::Data { data, .. } if !is_readable(&data, 1) => {
            return Err(ended::failed(format!("The record cannot be sent: {TOO_DEEP}."), true));
        }
        Shaped::Data { data, .. } => data,
    };
    Ok(Ok(PendingExport {
        record_version: row.version,
        idempotency_key: key_of(attempt, row.version, remote),
        data,
        at: attempt.services.clock.now(),
    }))
}

/// Notes what is about to be sent; gives what is to be sent, which is an earlier note if there is one.
async fn note(attempt: Attempt<'_>, ready: &Ready, export: PendingExport) -> Result<PendingExport, Acted> {
    let (store, key) = (&attempt.services.store, attempt.item.item_id.clone());
    let earlier = store.intend_item(ready.way.target(), key, export.clone()).await;
    let earlier = earlier.map_err(|error| ended::of_store(attempt.services, &error))?;
    Ok(earlier.unwrap_or(export))
}

/// Sends what is noted, and records what became of it; the counterpart, if it was taken, and its id as it may be shown.
async fn deliver(attempt: Attempt<'_>, ready: &Ready, mut parcel: Parcel) -> Result<(RemoteRef, String), Missed> {
    let answer = match transmit(attempt, ready, &parcel).await {
        Err(Missed::Stale(message)) => match refreshed(attempt, ready, &mut parcel, message).await {
            Ok(()) => transmit(attempt, ready, &parcel).await,
            Err(missed) => Err(missed),
        },
        answer => answer,
    };
    let services = attempt.services;
    let of_store = |error| Missed::Ended(ended::of_store(services, &error));
    let (written, secrets) = match answer {
        Ok(sent) => sent,
        Err(missed @ (Missed::Record(_) | Missed::Stale(_))) => {
            let refused = services
                .store
                .item_refused(ready.way.target(), attempt.item.item_id.clone());
            refused.await.map_err(of_store)?;
            return Err(missed);
        }
        Err(missed) => return Err(missed),
    };
    let exported = Exported {
        target: ready.way.target(),
        key: attempt.item.item_id.clone(),
        record_version: parcel.export.record_version,
        remote_id: written.remote.id.clone(),
        remote_version: written.remote.version.clone(),
        remote_updated_at: written.updated_at,
        at: services.clock.now(),
    };
    let news = services.store.item_exported(exported).await.map_err(of_store)?;
    services.tell_records(attempt.work.tenant_id, news);
    let which = Which {
        key: Some(&attempt.item.item_id),
        remote_id: Some(&written.remote.id),
    };
    let told = ready.shaper.sent(parcel.export.data, which).await;
    told.map_err(|halt| Missed::Ended(of_halt(attempt, halt)))?;
    let shown = redacted(written.remote.id.clone(), &secrets);
    Ok((written.remote, shown))
}

/// What was written, and the secrets of the request.
async fn transmit(attempt: Attempt<'_>, ready: &Ready, parcel: &Parcel) -> Result<(Written, Vec<String>), Missed> {
    let outgoing = Outgoing {
        object: &ready.way.object,
        key: &attempt.item.item_id,
        data: &parcel.export.data,
        remote: parcel.remote.as_ref(),
        idempotency_key: &parcel.export.idempotency_key,
    };
    ask(
        attempt,
        &ready.gate,
        |provider, account| provider.write(account, outgoing),
        |provider, account, answer| {
            let written = provider.read_written(account, outgoing, answer)?;
            Ok((written, answer.sent.known_secrets()))
        },
    )
    .await
}

/// Somebody changed the counterpart meanwhile: ours goes on top of what it is now, under another key, since the provider may answer
/// the old one as it did before.
async fn refreshed(attempt: Attempt<'_>, ready: &Ready, parcel: &mut Parcel, message: String) -> Result<(), Missed> {
    let Some(remote) = &parcel.remote else {
        return Err(Missed::Record(message));
    };
    let (object, id) = (&ready.way.object, &remote.id);
    let fetched = ask(
        attempt,
        &ready.gate,
        |provider, account| {
            let cannot = || Trouble::new(TroubleKind::Record, message.as_str());
            provider.fetch(account, object, id).ok_or_else(cannot)
        },
        |provider, account, answer| provider.read_fetched(account, object, answer),
    );
    let found = fetched.await?;
    if found.deleted {
        return Err(Missed::Record(format!(
            "{message} It has been deleted at the other side."
        )));
    }
    let remote = RemoteRef {
        id: remote.id.clone(),
        version: found.version,
    };
    let fresh = PendingExport {
        idempotency_key: key_of(attempt, parcel.export.record_version, Some(&remote)),
        ..parcel.export.clone()
    };
    let (store, key) = (&attempt.services.store, attempt.item.item_id.clone());
    let ended = store.item_refused(ready.way.target(), key).await;
    ended.map_err(|error| Missed::Ended(ended::of_store(attempt.services, &error)))?;
    parcel.export = note(attempt, ready, fresh).await.map_err(Missed::Ended)?;
    parcel.remote = Some(remote);
    Ok(())
}

/// Sends what `make` makes through the gate, and gives what `read` reads.
pub(super) async fn ask<T>(
    attempt: Attempt<'_>,
    gate: &Gate,
    make: impl Fn(&dyn Provider, &Account) -> Result<Request, Trouble>,
    read: impl Fn(&dyn Provider, &Account, &Response) -> Result<T, Trouble>,
) -> Result<T, Missed> {
    let (provider, account) = (gate.provider(), gate.account());
    let request = make(provider, &account).map_err(of_trouble)?;
    let sent = gate.send(account.version, request).await;
    let answer = sent.map_err(|refused| Missed::Ended(ended::of_refusal(attempt.services, refused)))?;
    read(provider, &account, &answer).map_err(of_trouble)
}

fn of_trouble(trouble: Trouble) -> Missed {
    match trouble.kind {
        TroubleKind::Record => Missed::Record(trouble.message),
        TroubleKind::Stale => Missed::Stale(trouble.message),
        TroubleKind::Throttled | TroubleKind::Passing | TroubleKind::Account | TroubleKind::Unusable => {
            Missed::Ended(Acted::Failed {
                message: trouble.message,
                retry_after_ms: trouble.retry_after_ms,
                is_final: false,
            })
        }
    }
}

/// The name of this version of the row at the provider, which takes 50 characters at most; on top of a counterpart, that of this
/// update. Of the version that was queued it is that of the item.
fn key_of(attempt: Attempt<'_>, version: i64, remote: Option<&RemoteRef>) -> String {
    let queued = attempt.item.clone();
    let mut name = QueueItem {
        item_version: version,
        ..queued
    }
    .idempotency_key();
    if let Some(remote) = remote {
        name = Value::from(vec![Some(name), Some(remote.id.clone()), remote.version.clone()]).to_string();
    }
    let bytes = digest(&SHA256, name.as_bytes());
    bytes
        .as_ref()
        .iter()
        .take(16)
        .map(|byte| format!("{byte:02x}"))
        .collect()
}
