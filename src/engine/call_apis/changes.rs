//! Changing call APIs: create, replace, patch, delete, activate, deactivate, run once.

use std::time::Duration;

use serde_json::Value;

use super::{CallApi, CallApiInput, CallApis, not_found, whole_milliseconds};
use crate::{
    actors::registry::handle::RunNow,
    domain::{
        call_api::{CallApiDefinition, SecretHeader, UrlKind, UrlSource},
        ids::{CallApiId, TenantId},
        origin::origin,
        rights::Right,
        validate::FieldError,
    },
    engine::caller::Caller,
    error::{Code, Error, Result},
    store::{
        self, audit,
        call_apis::{Activation, Change, DefinitionRow, StoredCallApi},
        seal::Place,
    },
};

/// How often activation is tried where the definition is changed between checking it and switching it on.
const ACTIVATION_ATTEMPTS_MAX: u32 = 5;
/// How long an activation waits for the end of a run from before.
const EARLIER_RUN_WAIT: Duration = Duration::from_secs(5);
/// How long it waits for an event at most before it looks again.
const EARLIER_RUN_LOOK: Duration = Duration::from_millis(25);

impl CallApis<'_> {
    /// Creates a call; with `active` it is checked first, and nothing is created if a check fails.
    ///
    /// # Errors
    /// [`Code::Forbidden`] without `calls.manage`, [`Code::Invalid`], [`Code::NameInUse`], [`Code::CannotActivate`].
    pub async fn create(&self, caller: &Caller, input: CallApiInput) -> Result<CallApi> {
        caller.require(Right::CallsManage)?;
        let id = CallApiId::from(self.engine.clock().new_id());
        let definition = complete(input.definition, None)?;
        may_lend(caller, &definition, None)?;
        let activation = self.activation_if(caller, &definition, input.active).await?;
        let row = self.row(caller.tenant_id, id, definition)?;
        let entry = entry(caller, "call_api.create", id, None, Some(&row.definition));
        self.engine
            .store()
            .create_call_api(caller.tenant_id, id, row, caller.user_id, activation, entry)
            .await
            .map_err(|error| refused(error, id))?;
        self.changed(caller, id, activation.map(|_| "call.activated")).await
    }

    /// Replaces the definition of a call that is not active. Secret headers without a value keep theirs.
    ///
    /// # Errors
    /// [`Code::Forbidden`] without `calls.manage`, [`Code::NotFound`], [`Code::CallApiActive`], [`Code::StaleVersion`],
    /// [`Code::Invalid`], [`Code::NameInUse`], [`Code::CannotActivate`].
    pub async fn replace(
        &self,
        caller: &Caller,
        id: CallApiId,
        version: Option<i64>,
        input: CallApiInput,
    ) -> Result<CallApi> {
        caller.require(Right::CallsManage)?;
        let stored = self.to_change(caller, id, version).await?;
        self.write(caller, &stored, input, "call_api.update").await
    }

    /// Applies a merge patch (RFC 7396) to the definition of a call that is not active.
    ///
    /// # Errors
    /// As [`Self::replace`], and [`Code::BadRequest`] if the result is not a definition.
    pub async fn patch(&self, caller: &Caller, id: CallApiId, version: Option<i64>, patch: Value) -> Result<CallApi> {
        caller.require(Right::CallsManage)?;
        let stored = self.to_change(caller, id, version).await?;
        let input = CallApiInput::patched(&stored.definition, patch)?;
        self.write(caller, &stored, input, "call_api.update").await
    }

    /// Deletes a call that is not active; its transactions stay.
    ///
    /// # Errors
    /// [`Code::Forbidden`] without `calls.manage`, [`Code::NotFound`], [`Code::CallApiActive`], [`Code::StaleVersion`].
    pub async fn delete(&self, caller: &Caller, id: CallApiId, version: Option<i64>) -> Result<()> {
        caller.require(Right::CallsManage)?;
        let stored = self.stored(caller.tenant_id, id).await?;
        let entry = entry(caller, "call_api.delete", id, Some(&stored.definition), None);
        let change = self
            .engine
            .store()
            .delete_call_api(caller.tenant_id, id, version, entry)
            .await;
        match change.map_err(|error| refused(error, id))? {
            Change::Active => Err(active(&stored)),
            Change::Done => self.engine.registry().refresh(caller.tenant_id, id).await,
        }
    }

    /// Checks a call and makes it run by itself, first at once (with a calendar rule: at its next time). A call that is
    /// active already is left as it is.
    ///
    /// # Errors
    /// [`Code::Forbidden`] without `calls.manage`, [`Code::NotFound`], [`Code::StaleVersion`], [`Code::CannotActivate`].
    pub async fn activate(&self, caller: &Caller, id: CallApiId, version: Option<i64>) -> Result<CallApi> {
        caller.require(Right::CallsManage)?;
        for _ in 0..ACTIVATION_ATTEMPTS_MAX {
            let stored = self.stored(caller.tenant_id, id).await?;
            store::expect_version(version, stored.version)?;
            if stored.is_active() {
                return self.shown(caller, id).await;
            }
            self.earlier_run_ended(caller.tenant_id, id).await?;
            let definition = self.with_secrets(caller.tenant_id, &stored)?;
            let activation = self.activation(caller, &definition).await?;
            let entry = entry(caller, "call_api.activate", id, None, None);
            let done = self
                .engine
                .store()
                .activate_call_api(caller.tenant_id, id, stored.version, activation, entry)
                .await;
            match done {
                // Changed since it was read: what was checked is not what would run.
                Err(store::Error::Stale { .. }) if version.is_none() => {}
                Err(error) => return Err(refused(error, id)),
                Ok(()) => return self.changed(caller, id, Some("call.activated")).await,
            }
        }
        Err(Error::new(
            Code::WrongState,
            "The call API was changed again and again while it was being checked; try again.",
        ))
    }

    /// Waits for a run of the definition before: its end must not decide over the one that is activated now.
    async fn earlier_run_ended(&self, tenant_id: TenantId, id: CallApiId) -> Result<()> {
        let ended = async {
            while !self
                .engine
                .registry()
                .running(tenant_id, Some(vec![id]), 1)
                .await?
                .is_empty()
            {
                let mut events = self.engine.subscribe();
                let of_this_call =
                    async { while events.recv().await.is_ok_and(|event| event.subject_id != id.uuid()) {} };
                // Its event, a gap in the events and the time limit all mean: look again.
                let _ = tokio::time::timeout(EARLIER_RUN_LOOK, of_this_call).await;
            }
            Ok(())
        };
        if let Ok(ended) = tokio::time::timeout(EARLIER_RUN_WAIT, ended).await {
            return ended;
        }
        let busy =
            "A run of this call API from before its deactivation is still going; activate it when that has ended.";
        Err(Error::new(Code::WrongState, busy).with_retry_after_ms(1_000))
    }

    /// Makes a call run no more by itself; a run that is going ends in peace. A call that is inactive is left as it is.
    ///
    /// # Errors
    /// [`Code::Forbidden`] without `calls.manage`, [`Code::NotFound`], [`Code::StaleVersion`].
    pub async fn deactivate(&self, caller: &Caller, id: CallApiId, version: Option<i64>) -> Result<CallApi> {
        caller.require(Right::CallsManage)?;
        let stored = self.stored(caller.tenant_id, id).await?;
        store::expect_version(version, stored.version)?;
        if !stored.wanted_active && stored.state.deactivated_at.is_none() {
            return self.shown(caller, id).await;
        }
        let entry = entry(caller, "call_api.deactivate", id, None, None);
        self.engine
            .store()
            .deactivate_call_api(caller.tenant_id, id, version, entry)
            .await
            .map_err(|error| refused(error, id))?;
        self.changed(caller, id, Some("call.deactivated")).await
    }

    /// Runs a call once, now, whether it is active or not, and waits for the end.
    ///
    /// # Errors
    /// [`Code::Forbidden`] without `calls.run`, [`Code::NotFound`], [`Code::WrongState`] if a run is going.
    pub async fn run(&self, caller: &Caller, id: CallApiId) -> Result<RunNow> {
        caller.require(Right::CallsRun)?;
        self.stored(caller.tenant_id, id).await?;
        let entry = entry(caller, "call_api.run", id, None, None);
        self.engine.store().record_audit(entry).await?;
        self.engine.registry().run_now(caller.tenant_id, id).await
    }

    /// The definition of a stored call with the values of its secret headers.
    pub(crate) fn with_secrets(&self, tenant: TenantId, stored: &StoredCallApi) -> Result<CallApiDefinition> {
        let mut definition = stored.definition.clone();
        let secrets = self.secrets(tenant, stored)?;
        definition.merge_secret_headers(&secrets).map_err(|fields| {
            Error::internal(format!(
                "the call API {} lost {} secret header values",
                stored.id,
                fields.len()
            ))
        })?;
        Ok(definition)
    }

    /// The stored call, if it may be changed; that it still may is checked again by the change itself.
    async fn to_change(&self, caller: &Caller, id: CallApiId, version: Option<i64>) -> Result<StoredCallApi> {
        let stored = self.stored(caller.tenant_id, id).await?;
        store::expect_version(version, stored.version)?;
        if stored.is_active() {
            Err(active(&stored))
        } else {
            Ok(stored)
        }
    }

    async fn write(
        &self,
        caller: &Caller,
        stored: &StoredCallApi,
        input: CallApiInput,
        action: &'static str,
    ) -> Result<CallApi> {
        let definition = {
            let secrets = self.secrets(caller.tenant_id, stored)?;
            complete(input.definition, Some((&stored.definition.url, &secrets)))?
        };
        may_lend(caller, &definition, Some(&stored.definition))?;
        if input.active {
            self.earlier_run_ended(caller.tenant_id, stored.id).await?;
        }
        let activation = self.activation_if(caller, &definition, input.active).await?;
        let row = self.row(caller.tenant_id, stored.id, definition)?;
        let entry = entry(
            caller,
            action,
            stored.id,
            Some(&stored.definition),
            Some(&row.definition),
        );
        let change = self
            .engine
            .store()
            .update_call_api(caller.tenant_id, stored.id, row, stored.version, activation, entry)
            .await
            .map_err(|error| refused(error, stored.id))?;
        match change {
            Change::Active => Err(active(stored)),
            Change::Done => {
                self.changed(caller, stored.id, activation.map(|_| "call.activated"))
                    .await
            }
        }
    }

    /// After the commit: the actor learns of it, then the listeners, then the caller.
    async fn changed(&self, caller: &Caller, id: CallApiId, event: Option<&'static str>) -> Result<CallApi> {
        self.engine.registry().refresh(caller.tenant_id, id).await?;
        let shown = self.shown(caller, id).await?;
        if let Some(kind) = event {
            let data = serde_json::json!({
                "callApiId": id,
                "name": shown.definition.name,
                "reason": "A user asked for it.",
                "userId": caller.user_id,
            });
            self.engine
                .events()
                .publish(caller.tenant_id, self.engine.clock().now(), kind, id.uuid(), data);
        }
        Ok(shown)
    }

    async fn activation_if(
        &self,
        caller: &Caller,
        definition: &CallApiDefinition,
        active: bool,
    ) -> Result<Option<Activation>> {
        if active {
            self.activation(caller, definition).await.map(Some)
        } else {
            Ok(None)
        }
    }

    /// Checks everything, then says from when on the call is due.
    async fn activation(&self, caller: &Caller, definition: &CallApiDefinition) -> Result<Activation> {
        let mut problems = self.check(caller.tenant_id, definition).await?;
        let now = whole_milliseconds(self.engine.clock().now());
        let next_due_at = match definition.schedule(now) {
            Ok(schedule) if definition.schedule.is_some() => schedule.next_after(now),
            // An interval begins at once: who switches a call on wants to see it work.
            Ok(_) => Some(now),
            Err(error) => {
                problems.push(error);
                None
            }
        };
        if next_due_at.is_none() && problems.is_empty() {
            problems.push(FieldError::new("schedule.cron", "has no due time left"));
        }
        if problems.is_empty() {
            return Ok(Activation {
                anchor_at: now,
                next_due_at,
            });
        }
        let message = match problems.as_slice() {
            [one] => format!("The call API cannot be activated: {}: {}", one.field, one.message),
            many => format!(
                "The call API cannot be activated for {} reasons; see `errors`.",
                many.len()
            ),
        };
        Err(Error::new(Code::CannotActivate, message).with_fields(problems))
    }

    /// The values of its secret headers.
    pub(crate) fn secrets(&self, tenant: TenantId, stored: &StoredCallApi) -> Result<Vec<SecretHeader>> {
        match &stored.secret_headers {
            None => Ok(Vec::new()),
            Some(sealed) => {
                let opened = self
                    .engine
                    .sealer()
                    .open(Place::call_api_headers(tenant, stored.id), sealed)?;
                serde_json::from_slice(&opened).map_err(Error::internal)
            }
        }
    }

    /// Splits the secrets off and seals them.
    fn row(&self, tenant: TenantId, id: CallApiId, mut definition: CallApiDefinition) -> Result<DefinitionRow> {
        let secrets = definition.split_secret_headers();
        let secret_headers = if secrets.is_empty() {
            None
        } else {
            let text = serde_json::to_vec(&secrets).map_err(Error::internal)?;
            Some(self.engine.sealer().seal(Place::call_api_headers(tenant, id), &text)?)
        };
        Ok(DefinitionRow {
            definition,
            secret_headers,
        })
    }
}

/// The definition with its secrets filled in from those that are stored with an address, if it is acceptable. What was entered for one
/// server is not kept for another: who may change a call does not learn its secrets by sending them elsewhere.
pub(crate) fn complete(
    mut definition: CallApiDefinition,
    stored: Option<(&UrlSource, &[SecretHeader])>,
) -> Result<CallApiDefinition> {
    let secrets = stored.map_or(&[][..], |(_, secrets)| secrets);
    let moved = stored.is_some_and(|(url, _)| is_elsewhere(url, &definition.url));
    let kept = definition.headers.iter().enumerate();
    let kept = kept.filter(|(_, header)| moved && header.secret && header.value.text().is_none());
    let mut errors: Vec<FieldError> = kept
        .map(|(index, _)| {
            let message = "the URL names another server; enter the value again with it";
            FieldError::new(format!("headers[{index}].value"), message)
        })
        .collect();
    errors.extend(definition.merge_secret_headers(secrets).err().unwrap_or_default());
    for error in definition.validate() {
        if errors.iter().all(|earlier| earlier.field != error.field) {
            errors.push(error);
        }
    }
    if errors.is_empty() {
        Ok(definition)
    } else {
        Err(Error::invalid(errors))
    }
}

/// Whether the new address may lead to another server. Of scripts nobody can tell, so any change of one may.
fn is_elsewhere(old: &UrlSource, new: &UrlSource) -> bool {
    match (old.kind, new.kind) {
        (UrlKind::Text, UrlKind::Text) => origin(&old.value) != origin(&new.value),
        _ => old != new,
    }
}

fn active(stored: &StoredCallApi) -> Error {
    Error::new(
        Code::CallApiActive,
        format!(
            "The call API {:?} is active and cannot be edited or deleted; deactivate it first.",
            stored.definition.name
        ),
    )
}

fn refused(error: store::Error, id: CallApiId) -> Error {
    match error {
        store::Error::NotFound => not_found(id),
        store::Error::Unique(_) => Error::new(Code::NameInUse, "Another call API of this tenant has this name.")
            .with_fields(vec![FieldError::new("name", "is taken")]),
        other => other.into(),
    }
}

/// Nobody lets a call create transactions in another user's name who could not create them himself.
fn may_lend(caller: &Caller, definition: &CallApiDefinition, before: Option<&CallApiDefinition>) -> Result<()> {
    let user_id = definition.run_as_user_id;
    let kept = before.is_some_and(|before| before.run_as_user_id == user_id);
    if kept || caller.user_id == Some(user_id) {
        return Ok(());
    }
    caller.require(Right::TransactionsCreate)
}

fn entry(
    caller: &Caller,
    action: &'static str,
    id: CallApiId,
    before: Option<&CallApiDefinition>,
    after: Option<&CallApiDefinition>,
) -> audit::Entry {
    let json = |definition: Option<&CallApiDefinition>| definition.and_then(|it| serde_json::to_value(it).ok());
    caller.audit(action, "call_api", id, json(before), json(after))
}
