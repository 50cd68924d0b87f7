//! One record on its way to the provider: shaped, noted, sent, linked. What was noted is sent again after a crash as it was, under
//! the same idempotency key, so that the provider takes it once.

use ring::digest::{Context, SHA256};
use serde_json::{Value, json};

use crate::{
    actors::automation::{
        halt::Halt,
        line::Missed,
        run::{Run, Step},
        shape::{Shaped, Which},
    },
    domain::{
        automation::run::RunCounts,
        record::{TOO_DEEP, is_readable},
    },
    providers::{Outgoing, RemoteRef, Trouble, TroubleKind, Written},
    store::records::{ExportCandidate, Exported, Pending, PendingExport},
};

/// What is sent, and how it is known at the other side.
struct Parcel {
    key: String,
    remote: Option<RemoteRef>,
    export: PendingExport,
}

/// Sends a record, unless the criteria or a script leave it out.
pub(super) async fn send(run: &mut Run, candidate: ExportCandidate) -> Result<(), Halt> {
    run.go_on()?;
    let remote = candidate.link.map(|link| RemoteRef {
        id: link.remote_id,
        version: link.remote_version,
    });
    let key = candidate.record.key;
    let remote = match candidate.pending {
        None => remote,
        // Another run has noted it meanwhile, or has been cut: that comes first.
        Some(export) => {
            let record_version = export.record_version;
            let parcel = Parcel {
                key: key.clone(),
                remote: remote.clone(),
                export,
            };
            let written = deliver(run, parcel).await?;
            // The counterpart is there now: what is newer here may be none of the automation's business.
            if record_version >= candidate.record.version || written.is_none() || !run.plan.is_for(true) {
                return Ok(());
            }
            written
        }
    };
    run.progress.at(Step::Shaping);
    let seen = RunCounts {
        seen: 1,
        ..RunCounts::default()
    };
    let failed = RunCounts {
        matched: 1,
        failed: 1,
        ..seen
    };
    let data: Value = match serde_json::from_str(&candidate.record.data) {
        Ok(data) => data,
        Err(error) => {
            let message = format!("The record cannot be read: {error}.");
            return add(run, failed, Some((key, message))).await;
        }
    };
    let which = Which {
        key: Some(&key),
        remote_id: remote.as_ref().map(|remote| remote.id.as_str()),
    };
    let data = match run.shaper.outgoing(data, which).await? {
        // The note has it as a member.
        Shaped::Data { data, .. } if !is_readable(&data, 1) => {
            let message = format!("The record cannot be sent: {TOO_DEEP}.");
            return add(run, failed, Some((key, message))).await;
        }
        Shaped::Data { data, .. } => data,
        Shaped::Out => return add(run, seen, None).await,
        Shaped::Failed(message) => return add(run, failed, Some((key, message))).await,
    };
    let export = PendingExport {
        record_version: candidate.record.version,
        idempotency_key: idempotency_key(run, &key, candidate.record.version, remote.as_ref(), &data),
        data,
        at: run.services.clock.now(),
    };
    let export = note(run, &key, export).await?;
    deliver(run, Parcel { key, remote, export }).await?;
    Ok(())
}

/// Sends what may have been sent before, as it was.
pub(super) async fn again(run: &mut Run, pending: Pending) -> Result<(), Halt> {
    run.go_on()?;
    let parcel = Parcel {
        key: pending.key,
        remote: pending.link.map(|link| RemoteRef {
            id: link.remote_id,
            version: link.remote_version,
        }),
        export: pending.export,
    };
    deliver(run, parcel).await?;
    Ok(())
}

/// Notes what is about to be sent; gives what is to be sent, which is an earlier note if there is one.
async fn note(run: &Run, key: &str, export: PendingExport) -> Result<PendingExport, Halt> {
    let owner = (run.plan.automation_id, run.services.epoch);
    let store = &run.services.store;
    let earlier = store.intend_export(run.plan.target(), owner, key.to_owned(), export.clone());
    Ok(earlier.await?.unwrap_or(export))
}

/// Sends a parcel that is noted, and records what became of it; the counterpart, if it was taken.
async fn deliver(run: &mut Run, mut parcel: Parcel) -> Result<Option<RemoteRef>, Halt> {
    run.progress.at(Step::Sending);
    let answer = match transmit(run, &parcel).await {
        Err(Missed::Stale(message)) => match refreshed(run, &mut parcel, message).await? {
            Ok(()) => transmit(run, &parcel).await,
            Err(missed) => Err(missed),
        },
        answer => answer,
    };
    match answer {
        Ok(written) => taken(run, parcel, written).await.map(Some),
        Err(Missed::Halt(halt)) => Err(halt),
        Err(Missed::Record(message) | Missed::Stale(message)) => {
            let counts = RunCounts {
                seen: 1,
                matched: 1,
                failed: 1,
                ..RunCounts::default()
            };
            let error = run.error(Some(parcel.key.clone()), message);
            let step = run.step(None, counts, vec![error]);
            let progress = run
                .services
                .store
                .export_failed(run.plan.target(), parcel.key, step)
                .await?;
            run.moved_on(progress);
            Ok(None)
        }
    }
}

async fn transmit(run: &Run, parcel: &Parcel) -> Result<Written, Missed> {
    let outgoing = Outgoing {
        object: &run.plan.way.object,
        key: &parcel.key,
        data: &parcel.export.data,
        remote: parcel.remote.as_ref(),
        idempotency_key: &parcel.export.idempotency_key,
    };
    let sent = run.line.ask(
        |provider, account| provider.write(account, outgoing),
        |provider, account, answer| provider.read_written(account, outgoing, answer),
    );
    sent.await
}

/// Somebody changed the counterpart meanwhile: our record goes on top of what it is now. The note is written anew, since the
/// provider may answer the old idempotency key as it did before.
async fn refreshed(run: &mut Run, parcel: &mut Parcel, message: String) -> Result<Result<(), Missed>, Halt> {
    let Some(remote) = &parcel.remote else {
        return Ok(Err(Missed::Record(message)));
    };
    let (object, id) = (&run.plan.way.object, &remote.id);
    let fetched = run.line.ask(
        |provider, account| {
            let cannot = || Trouble::new(TroubleKind::Record, message.as_str());
            provider.fetch(account, object, id).ok_or_else(cannot)
        },
        |provider, account, answer| provider.read_fetched(account, object, answer),
    );
    let version = match fetched.await {
        Ok(record) if record.deleted => {
            let gone = format!("{message} It has been deleted at the other side.");
            return Ok(Err(Missed::Record(gone)));
        }
        Ok(record) => record.version,
        Err(missed) => return Ok(Err(missed)),
    };
    let remote = RemoteRef {
        id: remote.id.clone(),
        version,
    };
    let export = &parcel.export;
    let fresh = PendingExport {
        idempotency_key: idempotency_key(run, &parcel.key, export.record_version, Some(&remote), &export.data),
        ..export.clone()
    };
    let nothing = run.step(None, RunCounts::default(), Vec::new());
    let store = &run.services.store;
    store
        .export_failed(run.plan.target(), parcel.key.clone(), nothing)
        .await?;
    parcel.export = note(run, &parcel.key, fresh).await?;
    parcel.remote = Some(remote);
    Ok(Ok(()))
}

/// The other side has it.
async fn taken(run: &mut Run, parcel: Parcel, written: Written) -> Result<RemoteRef, Halt> {
    let is_new = parcel.remote.is_none();
    let exported = Exported {
        target: run.plan.target(),
        key: parcel.key.clone(),
        record_version: parcel.export.record_version,
        remote_id: written.remote.id.clone(),
        remote_version: written.remote.version.clone(),
        remote_updated_at: written.updated_at,
        at: run.services.clock.now(),
    };
    let counts = RunCounts {
        seen: 1,
        matched: 1,
        created: u64::from(is_new),
        updated: u64::from(!is_new),
        ..RunCounts::default()
    };
    let step = run.step(None, counts, Vec::new());
    let done = run.services.store.exported(exported, step).await?;
    run.moved_on(done.progress);
    run.services.tell_records(run.plan.tenant_id, done.news);
    let which = Which {
        key: Some(&parcel.key),
        remote_id: Some(&written.remote.id),
    };
    run.shaper.sent(parcel.export.data, which).await?;
    Ok(written.remote)
}

async fn add(run: &mut Run, counts: RunCounts, error: Option<(String, String)>) -> Result<(), Halt> {
    let errors = error.map(|(key, message)| run.error(Some(key), message));
    let step = run.step(None, counts, errors.into_iter().collect());
    let progress = run.services.store.advance_run(run.plan.tenant_id, step).await?;
    run.moved_on(progress);
    Ok(())
}

/// The same for each try to send the same content of the same version of a record on top of the same counterpart.
fn idempotency_key(run: &Run, key: &str, version: i64, remote: Option<&RemoteRef>, data: &Value) -> String {
    let plan = &run.plan;
    let what = json!([
        plan.way.connection_id,
        plan.way.object.name,
        plan.way.entity,
        key,
        version,
        remote.map(|remote| (&remote.id, &remote.version)),
        data,
    ]);
    let mut digest = Context::new(&SHA256);
    digest.update(what.to_string().as_bytes());
    // QuickBooks takes 50 characters.
    let bytes = digest.finish();
    bytes
        .as_ref()
        .iter()
        .take(16)
        .map(|byte| format!("{byte:02x}"))
        .collect()
}
