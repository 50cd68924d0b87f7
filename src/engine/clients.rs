//! Clients: credentials and limits for outbound requests. What is secret is sealed and never read back.

use serde_json::{Value, json};
use zeroize::Zeroizing;

use super::{Engine, caller::Caller, change::again_if_stale};
use crate::{
    domain::{
        ids::ClientId,
        rights::Right,
        validate::{self, FieldError},
    },
    error::{Code, Error, Result},
    http::{Auth, Check, Limits, Merge},
    store::{self, Page, Paged, Place},
};

pub use crate::store::clients::Client;

/// The clients of an engine.
pub struct Clients<'a> {
    engine: &'a Engine,
}

/// What a client is made of.
#[derive(Clone, Debug)]
pub struct ClientInput {
    /// Unique in the tenant.
    pub name: Option<String>,
    /// As in the contract; secrets in clear.
    pub auth: Option<Value>,
    /// `Some(None)` removes them.
    pub limits: Option<Option<Limits>>,
}

impl Engine {
    /// The clients.
    #[must_use]
    pub fn clients(&self) -> Clients<'_> {
        Clients { engine: self }
    }
}

impl Clients<'_> {
    /// Clients of the tenant; who manages calls chooses among them.
    ///
    /// # Errors
    /// Without `clients.manage` and `calls.manage`.
    pub async fn list(&self, caller: &Caller, page: Page) -> Result<Paged<Client>> {
        caller.require_any(&[Right::ClientsManage, Right::CallsManage])?;
        Ok(self.engine.store().clients(caller.tenant_id, page).await?)
    }

    /// One client of the tenant.
    ///
    /// # Errors
    /// As [`Clients::list`]; `not_found`.
    pub async fn get(&self, caller: &Caller, id: ClientId) -> Result<Client> {
        caller.require_any(&[Right::ClientsManage, Right::CallsManage])?;
        self.find(caller, id).await
    }

    /// Adds a client.
    ///
    /// # Errors
    /// Without `clients.manage`; `invalid`, `name_in_use`.
    pub async fn create(&self, caller: &Caller, input: ClientInput) -> Result<Client> {
        caller.require(Right::ClientsManage)?;
        let clock = self.engine.clock();
        let (id, now) = (ClientId::from(clock.new_id()), clock.now());
        let mut wrong = Vec::new();
        let name = input.name.unwrap_or_else(|| {
            wrong.push(FieldError::new("name", "is missing"));
            "-".to_owned()
        });
        let given = input.auth.unwrap_or_else(|| json!({ "kind": "none" }));
        let limits = input.limits.flatten();
        let auth = check(&name, &given, None, Merge::Replace, limits, wrong)?;
        let client = Client {
            id,
            tenant_id: caller.tenant_id,
            name,
            auth_public: auth.to_public_json(),
            auth_sealed: self.seal(caller, id, &auth)?,
            limits: limits.map(|limits| json!(limits)),
            created_by: caller.user_id,
            version: 1,
            created_at: now,
            updated_at: now,
        };
        let entry = caller.audit("client.create", "client", id, None, Some(shown(&client)));
        let created = self.engine.store().create_client(client.clone(), entry).await;
        created.map_err(|error| name_in_use(error, &client.name))?;
        Ok(client)
    }

    /// Changes a client. With [`Merge::Replace`] the input is the whole, but absent secrets keep their value; with
    /// [`Merge::Patch`] everything that is absent does.
    ///
    /// # Errors
    /// As [`Clients::create`]; `stale_version`.
    pub async fn update(
        &self,
        caller: &Caller,
        id: ClientId,
        version: Option<i64>,
        merge: Merge,
        input: ClientInput,
    ) -> Result<Client> {
        caller.require(Right::ClientsManage)?;
        let client = again_if_stale(version, || self.write(caller, id, version, merge, &input)).await?;
        self.forget(caller, id);
        Ok(client)
    }

    /// Removes a client.
    ///
    /// # Errors
    /// Without `clients.manage`; `in_use` while a call uses it; `stale_version`.
    pub async fn delete(&self, caller: &Caller, id: ClientId, version: Option<i64>) -> Result<()> {
        caller.require(Right::ClientsManage)?;
        again_if_stale(version, || async move {
            let client = self.seen(caller, id, version).await?;
            let entry = caller.audit("client.delete", "client", id, Some(shown(&client)), None);
            let store = self.engine.store();
            Ok(store.delete_client(caller.tenant_id, id, client.version, entry).await?)
        })
        .await?;
        self.forget(caller, id);
        Ok(())
    }

    /// Tries the credentials: gets a token if the kind has one. Must run on a thread of an actix runtime.
    ///
    /// # Errors
    /// Without `clients.manage`; `not_found`. Credentials that do not work are an answer, not an error.
    pub async fn check(&self, caller: &Caller, id: ClientId) -> Result<Check> {
        caller.require(Right::ClientsManage)?;
        let services = self.engine.services();
        let credentials = services.clients.credentials(caller.tenant_id, id).await?;
        let check = self.engine.outbound().check_client(&credentials).await;
        let after = json!({ "ok": check.ok, "step": check.step });
        let entry = caller.audit("client.check", "client", id, None, Some(after));
        self.engine.store().record_audit(entry).await?;
        Ok(check)
    }

    async fn write(
        &self,
        caller: &Caller,
        id: ClientId,
        version: Option<i64>,
        merge: Merge,
        input: &ClientInput,
    ) -> Result<Client> {
        let before = self.seen(caller, id, version).await?;
        let known = self.open(caller, &before)?;
        let mut after = before.clone();
        let mut wrong = Vec::new();
        match (&input.name, merge) {
            (Some(name), _) => after.name.clone_from(name),
            (None, Merge::Replace) => wrong.push(FieldError::new("name", "is missing")),
            (None, Merge::Patch) => {}
        }
        let given = match (&input.auth, merge) {
            (Some(given), _) => given.clone(),
            (None, Merge::Replace) => json!({ "kind": "none" }),
            (None, Merge::Patch) => json!({}),
        };
        let limits = match (input.limits, merge) {
            (Some(limits), _) => limits,
            (None, Merge::Replace) => None,
            (None, Merge::Patch) => limits_of(&before)?,
        };
        let auth = check(&after.name, &given, Some(&known), merge, limits, wrong)?;
        after.auth_public = auth.to_public_json();
        after.auth_sealed = self.seal(caller, id, &auth)?;
        after.limits = limits.map(|limits| json!(limits));
        after.version += 1;
        after.updated_at = self.engine.clock().now();
        let entry = caller.audit("client.update", "client", id, Some(shown(&before)), Some(shown(&after)));
        let written = self.engine.store().update_client(after.clone(), entry).await;
        written.map_err(|error| name_in_use(error, &after.name))?;
        Ok(after)
    }

    async fn find(&self, caller: &Caller, id: ClientId) -> Result<Client> {
        let found = self.engine.store().client(caller.tenant_id, id).await?;
        found.ok_or_else(|| Error::not_found("client", id))
    }

    async fn seen(&self, caller: &Caller, id: ClientId, version: Option<i64>) -> Result<Client> {
        let client = self.find(caller, id).await?;
        store::expect_version(version, client.version)?;
        Ok(client)
    }

    fn seal(&self, caller: &Caller, id: ClientId, auth: &Auth) -> Result<Vec<u8>> {
        let place = Place::client_auth(caller.tenant_id, id);
        Ok(self.engine.sealer().seal(place, auth.to_stored_json().as_bytes())?)
    }

    fn open(&self, caller: &Caller, client: &Client) -> Result<Auth> {
        let place = Place::client_auth(caller.tenant_id, client.id);
        let opened: Zeroizing<Vec<u8>> = self.engine.sealer().open(place, &client.auth_sealed)?;
        let text = std::str::from_utf8(&opened).map_err(Error::internal)?;
        Auth::from_stored_json(text).map_err(Error::internal)
    }

    fn forget(&self, caller: &Caller, id: ClientId) {
        self.engine.services().clients.forget(id);
        self.engine.outbound().forget_client(caller.tenant_id.uuid(), id.uuid());
    }
}

fn check(
    name: &str,
    given: &Value,
    known: Option<&Auth>,
    merge: Merge,
    limits: Option<Limits>,
    mut wrong: Vec<FieldError>,
) -> Result<Auth> {
    wrong.extend(validate::check_name("name", name).err());
    if let Some(Err(found)) = limits.map(|limits| limits.check()) {
        wrong.extend(found);
    }
    match Auth::from_input(given, known, merge) {
        Ok(auth) if wrong.is_empty() => Ok(auth),
        Ok(_) => Err(Error::invalid(wrong)),
        Err(found) => {
            wrong.extend(found);
            Err(refusal(wrong))
        }
    }
}

/// A member that does not exist is a bad request like everywhere; a value that cannot work is not.
fn refusal(wrong: Vec<FieldError>) -> Error {
    let unknown = |error: &FieldError| error.message.starts_with("is not a member of kind");
    if wrong.iter().any(unknown) {
        let mut error = Error::invalid(wrong);
        error.code = Code::BadRequest;
        error
    } else {
        Error::invalid(wrong)
    }
}

fn limits_of(client: &Client) -> Result<Option<Limits>> {
    let limits = client.limits.clone().map(serde_json::from_value).transpose();
    limits.map_err(Error::internal)
}

/// For the audit log: secrets are masked in `auth_public`.
fn shown(client: &Client) -> Value {
    json!({ "name": client.name, "auth": client.auth_public, "limits": client.limits })
}

fn name_in_use(error: store::Error, name: &str) -> Error {
    match error {
        store::Error::Unique(_) => Error::new(
            Code::NameInUse,
            format!("There is a client {name:?} in this tenant already."),
        ),
        other => other.into(),
    }
}
