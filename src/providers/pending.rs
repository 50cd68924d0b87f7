//! Stands where a provider's dialect is still to come: says so, and does nothing else.

use super::{
    Account, ListQuery, Object, Outgoing, Provider, RemotePage, RemoteRecord, Trouble, TroubleKind, Written, common,
};
use crate::{
    domain::{connection::ProviderKind, validate::FieldError},
    http::{Auth, Limits, Request, Response},
};

/// A provider without a dialect.
pub struct Pending(pub ProviderKind);

impl Pending {
    fn trouble<T>(&self) -> Result<T, Trouble> {
        Err(Trouble::new(
            TroubleKind::Unusable,
            format!("connections to {} are not served by this build", self.0),
        ))
    }
}

impl Provider for Pending {
    fn kind(&self) -> ProviderKind {
        self.0
    }
    fn auth(&self, _: &Account) -> Result<Auth, Vec<FieldError>> {
        Err(vec![FieldError::new("provider", "is not served by this build")])
    }
    fn limits(&self, _: &Account) -> Option<Limits> {
        None
    }
    fn object(&self, _: &Account, _: &str) -> Result<Object, Trouble> {
        self.trouble()
    }
    fn check(&self, _: &Account) -> Request {
        common::get(String::new())
    }
    fn read_check(&self, _: &Account, _: &Response) -> Result<String, Trouble> {
        self.trouble()
    }
    fn list(&self, _: &Account, _: ListQuery<'_>) -> Result<Request, Trouble> {
        self.trouble()
    }
    fn read_list(&self, _: &Account, _: ListQuery<'_>, _: &Response) -> Result<RemotePage, Trouble> {
        self.trouble()
    }
    fn fetch(&self, _: &Account, _: &Object, _: &str) -> Option<Request> {
        None
    }
    fn read_fetched(&self, _: &Account, _: &Object, _: &Response) -> Result<RemoteRecord, Trouble> {
        self.trouble()
    }
    fn write(&self, _: &Account, _: Outgoing<'_>) -> Result<Request, Trouble> {
        self.trouble()
    }
    fn read_written(&self, _: &Account, _: Outgoing<'_>, _: &Response) -> Result<Written, Trouble> {
        self.trouble()
    }
}
