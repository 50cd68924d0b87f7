//! What differs between Xero, QuickBooks, NetSuite and a plain REST source: how requests are written and answers read.
//!
//! Nothing here sends anything: a [`Provider`] is a pure description, driven by `settings/providers/*.toml`. Whoever sends takes
//! a permit of the connection's actor, adds its credentials and passes the one outbound client.

pub mod common;
pub mod data;
pub mod exact;
mod netsuite;
mod quickbooks;
mod rest;
mod xero;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{
    domain::{
        connection::ProviderKind,
        ids::{ConnectionId, TenantId},
        validate::FieldError,
    },
    http::{Auth, Limits, Request, Response, Secret},
};

pub use crate::domain::connection::Profile;

/// The members of a connection that are secrets.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Secrets {
    /// Issued by the provider; for NetSuite the private key in PEM.
    pub client_secret: Option<Secret>,
    /// The access token that came with it.
    pub access_token: Option<Secret>,
    /// The refresh token that came with it.
    pub refresh_token: Option<Secret>,
    /// Of `user_name`.
    pub user_password: Option<Secret>,
}

/// A connection, opened.
#[derive(Debug, Clone)]
pub struct Account {
    /// Whose.
    pub tenant_id: TenantId,
    /// Which.
    pub id: ConnectionId,
    /// Goes up with each change.
    pub version: i64,
    /// Which provider.
    pub provider: ProviderKind,
    /// What is no secret.
    pub profile: Profile,
    /// What is.
    pub secrets: Secrets,
}

/// The provider's name for a kind of object, found by any of its names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Object {
    /// As the provider writes it (`Contacts`, `Customer`, `vendor`).
    pub name: String,
}

/// Where a list goes on, in the provider's own terms; kept between pages, also over a restart.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct PagePlace(pub String);

/// What a list is asked for.
#[derive(Debug, Clone, Copy)]
pub struct ListQuery<'a> {
    /// Which objects.
    pub object: &'a Object,
    /// Only what changed at or after this time.
    pub since: Option<Timestamp>,
    /// None: the first page.
    pub place: Option<&'a PagePlace>,
}

/// One object as the provider has it.
#[derive(Debug, Clone, PartialEq)]
pub struct RemoteRecord {
    /// The provider's id.
    pub id: String,
    /// The provider's own version of it, where it has one.
    pub version: Option<String>,
    /// When the provider says that it was changed.
    pub updated_at: Option<Timestamp>,
    /// It was deleted there; `data` may then be little.
    pub deleted: bool,
    /// A JSON object, the provider's dates in RFC 3339.
    pub data: Value,
}

/// One page of a list.
#[derive(Debug, Clone, PartialEq)]
pub struct RemotePage {
    /// In the order of the list.
    pub records: Vec<RemoteRecord>,
    /// None: that was the last one.
    pub next: Option<PagePlace>,
}

/// A counterpart that is known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RemoteRef {
    /// The provider's id.
    pub id: String,
    /// The provider's own version of it, where it has one.
    pub version: Option<String>,
}

/// A record on its way to the provider.
#[derive(Debug, Clone, Copy)]
pub struct Outgoing<'a> {
    /// Which kind of object it becomes.
    pub object: &'a Object,
    /// The key of our record.
    pub key: &'a str,
    /// The mapped JSON object.
    pub data: &'a Value,
    /// Its counterpart; none: it is to be made.
    pub remote: Option<&'a RemoteRef>,
    /// The same for each try to send the same version of the same record; at most 128 characters of `[A-Za-z0-9-]`.
    pub idempotency_key: &'a str,
}

/// What the provider made of a record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Written {
    /// Its counterpart, as it is now.
    pub remote: RemoteRef,
    /// When the provider says that it was changed.
    pub updated_at: Option<Timestamp>,
}

/// What an unusable answer means for the one who asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TroubleKind {
    /// This record is refused (a validation error); others may go on.
    Record,
    /// Somebody changed the counterpart meanwhile: fetch it, then send again.
    Stale,
    /// Too many requests; see `retry_after_ms`.
    Throttled,
    /// May pass by itself: 5xx, a broken answer.
    Passing,
    /// The account or its rights are refused.
    Account,
    /// The connection or the partner function is described wrongly: an object that is unknown, an answer in another shape.
    Unusable,
}

/// An answer that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct Trouble {
    /// What follows.
    pub kind: TroubleKind,
    /// For the person who reads it, with the provider's own words, without secrets.
    pub message: String,
    /// When to try again, milliseconds.
    pub retry_after_ms: Option<u64>,
}

/// One provider's dialect. Requests come without a client; the credentials are added by whoever sends them.
pub trait Provider: Send + Sync {
    /// Which one.
    fn kind(&self) -> ProviderKind;
    /// How requests of this account are authenticated.
    ///
    /// # Errors
    /// Members of the connection that are missing or wrong, by their names in requests (`integration_client_id`, ...).
    fn auth(&self, account: &Account) -> Result<Auth, Vec<FieldError>>;
    /// The provider's budget for one account.
    fn limits(&self, account: &Account) -> Option<Limits>;
    /// The provider's object for any of its names, without regard to case and a `Record` ending.
    ///
    /// # Errors
    /// [`TroubleKind::Unusable`] with the names that are known.
    fn object(&self, account: &Account, name: &str) -> Result<Object, Trouble>;
    /// The cheapest request that shows whether the credentials work.
    fn check(&self, account: &Account) -> Request;
    /// What goes with every request for the account's data; requests that people write themselves get it as well.
    fn headers(&self, account: &Account) -> Vec<(String, String)> {
        self.check(account).headers
    }
    /// What the answer to [`Provider::check`] says, in a sentence.
    ///
    /// # Errors
    /// It says that they do not work.
    fn read_check(&self, account: &Account, answer: &Response) -> Result<String, Trouble>;
    /// The request for one page of a list, in an order that changes of records do not shift.
    ///
    /// # Errors
    /// [`TroubleKind::Unusable`].
    fn list(&self, account: &Account, query: ListQuery<'_>) -> Result<Request, Trouble>;
    /// Reads one page.
    ///
    /// # Errors
    /// See [`TroubleKind`].
    fn read_list(&self, account: &Account, query: ListQuery<'_>, answer: &Response) -> Result<RemotePage, Trouble>;
    /// The request for one object; `None` where the provider's writes need no fresh version.
    fn fetch(&self, account: &Account, object: &Object, id: &str) -> Option<Request>;
    /// Reads one object.
    ///
    /// # Errors
    /// See [`TroubleKind`].
    fn read_fetched(&self, account: &Account, object: &Object, answer: &Response) -> Result<RemoteRecord, Trouble>;
    /// The request that makes or changes one object.
    ///
    /// # Errors
    /// [`TroubleKind::Record`]: the data cannot be sent.
    fn write(&self, account: &Account, outgoing: Outgoing<'_>) -> Result<Request, Trouble>;
    /// Reads the answer to [`Provider::write`].
    ///
    /// # Errors
    /// See [`TroubleKind`].
    fn read_written(&self, account: &Account, outgoing: Outgoing<'_>, answer: &Response) -> Result<Written, Trouble>;
}

/// The dialect of a provider.
#[must_use]
pub fn of(kind: ProviderKind) -> &'static dyn Provider {
    match kind {
        ProviderKind::Xero => &xero::Xero,
        ProviderKind::QuickBooks => &quickbooks::QuickBooks,
        ProviderKind::NetSuite => &netsuite::NetSuite,
        ProviderKind::Rest => &rest::Rest,
    }
}
