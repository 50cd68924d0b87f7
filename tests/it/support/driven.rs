//! An account at a fake provider, driven as an automation drives it: the dialect's requests through the outbound client.

use std::sync::Arc;

use jiff::Timestamp;
use orrery::clock::Clock;
use orrery::domain::connection::ProviderKind;
use orrery::domain::ids::{ConnectionId, TenantId};
use orrery::http::{ClientCredentials, Error, HttpSettings, MemoryVault, Outbound, Request, Response};
use orrery::providers::{
    self, Account, ListQuery, Object, Outgoing, PagePlace, Profile, Provider, RemotePage, RemoteRecord, RemoteRef,
    Secrets, Trouble, Written,
};
use serde_json::Value;
use uuid::Uuid;

/// One account, and what sends for it.
pub struct Driven {
    pub account: Account,
    pub provider: &'static dyn Provider,
    outbound: Outbound,
}

impl Driven {
    /// An account of the client `app` with the secret `app-secret`, whose API and token endpoint are at a fake.
    pub fn new(kind: ProviderKind, url: &str, change: impl FnOnce(&mut Account)) -> Driven {
        let mut account = Account {
            tenant_id: TenantId::from(Uuid::new_v4()),
            id: ConnectionId::from(Uuid::new_v4()),
            version: 1,
            provider: kind,
            profile: Profile {
                client_id: Some("app".to_owned()),
                api_domain: Some(url.to_owned()),
                account_server: Some(url.to_owned()),
                ..Profile::default()
            },
            secrets: Secrets {
                client_secret: Some("app-secret".into()),
                ..Secrets::default()
            },
        };
        change(&mut account);
        let settings = HttpSettings {
            allow: vec![url.trim_start_matches("http://").to_owned()],
            ..HttpSettings::default()
        };
        Driven {
            provider: providers::of(kind),
            account,
            outbound: Outbound::new(settings, Clock::system(), Arc::new(MemoryVault::new())).unwrap(),
        }
    }

    /// The provider's object with any of its names.
    pub fn object(&self, name: &str) -> Object {
        self.provider.object(&self.account, name).unwrap()
    }

    /// Sends with the account's credentials.
    pub async fn try_send(&self, request: Request) -> Result<Response, Error> {
        let client = ClientCredentials {
            tenant_id: self.account.tenant_id.uuid(),
            client_id: self.account.id.uuid(),
            version: self.account.version,
            name: "the account under test".to_owned(),
            auth: self.provider.auth(&self.account).unwrap(),
            limits: self.provider.limits(&self.account),
        };
        let request = Request {
            client: Some(Arc::new(client)),
            timeout_ms: 60_000,
            ..request
        };
        self.outbound.send(request).await
    }

    /// Sends what has to be answered.
    pub async fn send(&self, request: Request) -> Response {
        self.try_send(request).await.unwrap()
    }

    /// What the check of the credentials says.
    pub async fn check(&self) -> Result<String, Trouble> {
        let answer = self.send(self.provider.check(&self.account)).await;
        self.provider.read_check(&self.account, &answer)
    }

    /// One page.
    pub async fn page(
        &self,
        object: &Object,
        since: Option<Timestamp>,
        place: Option<&PagePlace>,
    ) -> Result<RemotePage, Trouble> {
        let query = ListQuery { object, since, place };
        let request = self.provider.list(&self.account, query)?;
        let answer = self.send(request).await;
        self.provider.read_list(&self.account, query, &answer)
    }

    /// Every page, until one fails.
    pub async fn pages(&self, object: &Object, since: Option<Timestamp>) -> (Vec<RemotePage>, Option<Trouble>) {
        let (mut pages, mut place): (Vec<RemotePage>, Option<PagePlace>) = (Vec::new(), None);
        loop {
            assert!(pages.len() < 500, "the list has no end");
            match self.page(object, since, place.as_ref()).await {
                Ok(page) => {
                    place = page.next.clone();
                    pages.push(page);
                }
                Err(trouble) => return (pages, Some(trouble)),
            }
            if place.is_none() {
                return (pages, None);
            }
        }
    }

    /// Every record of a list.
    pub async fn all(&self, object: &Object, since: Option<Timestamp>) -> Vec<RemoteRecord> {
        let (pages, trouble) = self.pages(object, since).await;
        assert_eq!(trouble, None);
        pages.into_iter().flat_map(|page| page.records).collect()
    }

    /// Writes a record and reads what became of it.
    pub async fn write(
        &self,
        object: &Object,
        key: &str,
        data: &Value,
        remote: Option<&RemoteRef>,
        idempotency_key: &str,
    ) -> Result<Written, Trouble> {
        let outgoing = Outgoing {
            object,
            key,
            data,
            remote,
            idempotency_key,
        };
        let answer = self.send(self.provider.write(&self.account, outgoing)?).await;
        self.provider.read_written(&self.account, outgoing, &answer)
    }

    /// The request that writes a record.
    pub fn writing(&self, object: &Object, key: &str, data: &Value, idempotency_key: &str) -> Request {
        let outgoing = Outgoing {
            object,
            key,
            data,
            remote: None,
            idempotency_key,
        };
        self.provider.write(&self.account, outgoing).unwrap()
    }
}

/// The ids of records, in their order.
pub fn ids(records: &[RemoteRecord]) -> Vec<&str> {
    records.iter().map(|record| record.id.as_str()).collect()
}
