//! Connections to other systems as a service: to make, see, change, switch and delete them. Trying one is in `check`. What is
//! secret is sealed and never read back.

use serde_json::{Value, json};

use super::{
    Engine,
    caller::Caller,
    change::again_if_stale,
    refusal::{body_refused, tell},
};
use crate::{
    actors::observed::{KIND_AUTOMATION, KIND_CONNECTION},
    domain::{
        connection::{
            ProviderKind,
            read::{self, SecretChange, SecretChanges, SecretTexts},
        },
        ids::{AutomationId, ConnectionId},
        rights::Right,
        validate::FieldError,
    },
    error::{Error, Result},
    http::Secret,
    providers::{self, Account, Secrets},
    store::{
        self,
        connections::{ConnectionState, masked, open_secrets, seal_secrets},
        listing::{Listed, Window},
    },
};

mod check;
mod kept;

pub use crate::store::connections::Connection;
pub use check::CheckedConnection;

/// Connections of a caller's tenant.
pub struct Connections<'a> {
    engine: &'a Engine,
}

impl Engine {
    /// Connections.
    #[must_use]
    pub fn connections(&self) -> Connections<'_> {
        Connections { engine: self }
    }
}

impl Connections<'_> {
    /// Connections of the tenant.
    ///
    /// # Errors
    /// Without `connections.manage`.
    pub async fn list(&self, caller: &Caller, window: Window) -> Result<Listed<Connection>> {
        caller.require(Right::ConnectionsManage)?;
        Ok(self.engine.store().connections(caller.tenant_id, window).await?)
    }

    /// One connection of the tenant.
    ///
    /// # Errors
    /// Without `connections.manage`; `not_found`.
    pub async fn get(&self, caller: &Caller, id: ConnectionId) -> Result<Connection> {
        caller.require(Right::ConnectionsManage)?;
        let found = self.engine.store().connection(caller.tenant_id, id).await?;
        found.ok_or_else(|| Error::not_found("connection", id))
    }

    /// Makes a connection from the body of a request.
    ///
    /// # Errors
    /// Without `connections.manage`; `bad_request` for unknown members; `invalid` for what the provider cannot work with or what
    /// the egress policy refuses.
    pub async fn create(&self, caller: &Caller, body: &Value) -> Result<Connection> {
        caller.require(Right::ConnectionsManage)?;
        let read = read::read_new(body).map_err(body_refused)?;
        let clock = self.engine.clock();
        let (id, now) = (ConnectionId::from(clock.new_id()), clock.now());
        let account = Account {
            tenant_id: caller.tenant_id,
            id,
            version: 1,
            provider: read.provider,
            profile: read.profile,
            secrets: secrets_of(&read.secrets),
        };
        self.check_account(&account)?;
        let connection = Connection {
            id,
            tenant_id: caller.tenant_id,
            provider: account.provider,
            profile: account.profile.clone(),
            secrets_public: masked(&account.secrets),
            secrets: seal_secrets(self.engine.sealer(), caller.tenant_id, id, &account.secrets)?,
            enabled: read.enabled,
            created_by: caller.user_id,
            version: account.version,
            created_at: now,
            updated_at: now,
            state: ConnectionState::default(),
        };
        let entry = caller.audit("connection.create", "connection", id, None, Some(shown(&connection)));
        self.engine.store().create_connection(connection.clone(), entry).await?;
        self.refresh(caller, id, &[]).await;
        Ok(connection)
    }

    /// Changes members of a connection; what the body leaves out stays, secrets too. How it fares is found out anew.
    ///
    /// # Errors
    /// As [`Connections::create`]; `not_found`, `stale_version`.
    pub async fn patch(
        &self,
        caller: &Caller,
        id: ConnectionId,
        version: Option<i64>,
        body: &Value,
    ) -> Result<Connection> {
        caller.require(Right::ConnectionsManage)?;
        let changed = again_if_stale(version, || self.write(caller, id, version, body)).await?;
        let automations = self.engine.store().automation_ids_of(caller.tenant_id, id).await?;
        self.refresh(caller, id, &automations).await;
        Ok(changed)
    }

    /// Enables or disables a connection; answers its provider. Also one that is enabled already is tried anew.
    ///
    /// # Errors
    /// Without `connections.manage`; `not_found`, `stale_version`.
    pub async fn set_enabled(
        &self,
        caller: &Caller,
        id: ConnectionId,
        version: Option<i64>,
        enabled: bool,
    ) -> Result<ProviderKind> {
        let before = self.get(caller, id).await?;
        let action = if enabled {
            "connection.enable"
        } else {
            "connection.disable"
        };
        let state = |enabled: bool| Some(json!({ "enabled": enabled }));
        let entry = caller.audit(action, "connection", id, state(before.enabled), state(enabled));
        let store = self.engine.store();
        store
            .set_connection_enabled(caller.tenant_id, id, version, enabled, entry)
            .await
            .map_err(|error| gone(error, id))?;
        let automations = store.automation_ids_of(caller.tenant_id, id).await?;
        self.refresh(caller, id, &automations).await;
        Ok(before.provider)
    }

    /// Deletes a connection and all that belongs to it; records stay.
    ///
    /// # Errors
    /// Without `connections.manage`; `not_found`, `stale_version`.
    pub async fn delete(&self, caller: &Caller, id: ConnectionId, version: Option<i64>) -> Result<()> {
        let before = self.get(caller, id).await?;
        let entry = caller.audit("connection.delete", "connection", id, Some(shown(&before)), None);
        let store = self.engine.store();
        let deleted = store.delete_connection(caller.tenant_id, id, version, entry).await;
        let automations = deleted.map_err(|error| gone(error, id))?;
        self.refresh(caller, id, &automations).await;
        self.engine.outbound().forget_client(caller.tenant_id.uuid(), id.uuid());
        Ok(())
    }

    async fn write(&self, caller: &Caller, id: ConnectionId, version: Option<i64>, body: &Value) -> Result<Connection> {
        let before = self.get(caller, id).await?;
        store::expect_version(version, before.version)?;
        let change = read::patch(before.provider, &before.profile, body).map_err(body_refused)?;
        let known = open_secrets(self.engine.sealer(), caller.tenant_id, id, &before.secrets)?;
        let known = Account {
            tenant_id: caller.tenant_id,
            id,
            version: before.version,
            provider: before.provider,
            profile: before.profile.clone(),
            secrets: known,
        };
        let mut account = Account {
            version: before.version + 1,
            profile: change.profile,
            secrets: changed_secrets(known.secrets.clone(), &change.secrets),
            ..known.clone()
        };
        kept::drop_old_token(&known, &mut account, &change.secrets);
        kept::check_servers(&known, &account, &change.secrets).map_err(Error::invalid)?;
        self.check_account(&account)?;
        let after = Connection {
            profile: account.profile.clone(),
            secrets_public: masked(&account.secrets),
            secrets: seal_secrets(self.engine.sealer(), caller.tenant_id, id, &account.secrets)?,
            enabled: change.enabled.unwrap_or(before.enabled),
            version: account.version,
            updated_at: self.engine.clock().now(),
            state: ConnectionState::default(),
            ..before.clone()
        };
        let entry = caller.audit(
            "connection.update",
            "connection",
            id,
            Some(shown(&before)),
            Some(shown(&after)),
        );
        self.engine.store().update_connection(after.clone(), entry).await?;
        Ok(after)
    }

    /// Whether the provider can work with it on paper, and the egress policy lets its requests through.
    fn check_account(&self, account: &Account) -> Result<()> {
        let provider = providers::of(account.provider);
        let outbound = self.engine.outbound();
        let profile = &account.profile;
        let bases = [
            ("account_server", profile.account_server.as_deref()),
            ("api_domain", profile.api_domain.as_deref()),
        ];
        let refused = |field: &'static str, url: &str| {
            let refusal = outbound.check_url(url).err()?;
            Some(FieldError::new(field, refusal.message))
        };
        let bases = bases.into_iter().filter_map(|(field, url)| refused(field, url?));
        let mut wrong: Vec<FieldError> = bases.collect();
        let auth = provider.auth(account).map_err(|found| wrong.extend(found)).ok();
        let Some(auth) = auth.filter(|_| wrong.is_empty()) else {
            return Err(Error::invalid(wrong));
        };
        // What the settings and the supporting fields make of it.
        let api = if profile.api_domain.is_some() {
            "api_domain"
        } else {
            "supporting_fields"
        };
        wrong.extend(auth.token_url().and_then(|url| refused("account_server", url)));
        wrong.extend(refused(api, &provider.check(account).url));
        if wrong.is_empty() {
            Ok(())
        } else {
            Err(Error::invalid(wrong))
        }
    }

    /// After a commit: the connection's actor and those of its automations look at their rows.
    async fn refresh(&self, caller: &Caller, id: ConnectionId, automations: &[AutomationId]) {
        tell(self.engine, caller, KIND_CONNECTION, id.uuid()).await;
        for automation in automations {
            tell(self.engine, caller, KIND_AUTOMATION, automation.uuid()).await;
        }
    }
}

fn secrets_of(texts: &SecretTexts) -> Secrets {
    let secret = |text: &Option<zeroize::Zeroizing<String>>| text.as_ref().map(|text| Secret::new(text.as_str()));
    Secrets {
        client_secret: secret(&texts.client_secret),
        access_token: secret(&texts.access_token),
        refresh_token: secret(&texts.refresh_token),
        user_password: secret(&texts.user_password),
    }
}

fn changed_secrets(known: Secrets, change: &SecretChanges) -> Secrets {
    Secrets {
        client_secret: changed(known.client_secret, &change.client_secret),
        access_token: changed(known.access_token, &change.access_token),
        refresh_token: changed(known.refresh_token, &change.refresh_token),
        user_password: changed(known.user_password, &change.user_password),
    }
}

fn changed(known: Option<Secret>, change: &SecretChange) -> Option<Secret> {
    match change {
        SecretChange::Keep => known,
        SecretChange::Remove => None,
        SecretChange::Set(text) => Some(Secret::new(text.as_str())),
    }
}

/// For the audit log: secrets are masked.
fn shown(connection: &Connection) -> Value {
    json!({
        "provider": connection.provider,
        "profile": connection.profile,
        "secrets": connection.secrets_public,
        "enabled": connection.enabled,
    })
}

/// Somebody else was faster.
fn gone(error: store::Error, id: ConnectionId) -> Error {
    match error {
        store::Error::NotFound => Error::not_found("connection", id),
        other => other.into(),
    }
}
