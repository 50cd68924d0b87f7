//! Refresh tokens: stored before use, never spent twice by choice, never retried after a final refusal.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use orrery::clock::Clock;
use orrery::http::{
    ClientCredentials, JournalEntry, MemoryVault, Outbound, RetryClass, Step, Stored, StoredToken, TokenVault,
    VaultError, VaultFuture,
};
use serde_json::json;
use uuid::Uuid;

use crate::http_auth::{as_client, oauth, protected};
use crate::support::outbound::{failure, settings};
use crate::support::upstream::{Behaviour, Upstream};

fn rotating() -> (Upstream, Arc<ClientCredentials>) {
    let upstream = protected();
    upstream.issuer(|issuer| {
        issuer.rotates = true;
        issuer.refresh_token = Some("seed-token".into());
    });
    let client = oauth(&upstream, "oauth2RefreshToken", json!({"refreshToken":"seed-token"}));
    (upstream, client)
}

fn next_version(client: &ClientCredentials) -> Arc<ClientCredentials> {
    Arc::new(ClientCredentials {
        version: client.version + 1,
        ..client.clone()
    })
}

fn with_vault(upstream: &Upstream, vault: &Arc<MemoryVault>) -> Outbound {
    let vault: Arc<dyn TokenVault> = Arc::<MemoryVault>::clone(vault);
    Outbound::new(settings(&[upstream]), Clock::system(), vault).unwrap()
}

#[actix_rt::test]
async fn refresh_tokens_are_stored_before_use_and_survive_a_restart() {
    let (upstream, client) = rotating();
    let vault = Arc::new(MemoryVault::new());
    let outbound = with_vault(&upstream, &vault);
    assert_eq!(outbound.send(as_client(&upstream, &client)).await.unwrap().status, 200);
    let stored = vault.load(client.tenant_id, client.client_id).await.unwrap();
    let token = stored.token.unwrap();
    assert_eq!(
        (
            token.access_token.expose(),
            token.refresh_token.unwrap().expose().to_owned()
        ),
        ("access-1", "refresh-1".into())
    );
    assert_eq!(stored.refresh_started_at, None);
    assert!(matches!(
        vault.entries(client.tenant_id, client.client_id)[..],
        [JournalEntry::RefreshStarted { .. }]
    ));
    // After a restart the stored token goes on, also under a new version that changed only the name.
    let restarted = with_vault(&upstream, &vault);
    let renamed = next_version(&client);
    assert_eq!(
        restarted.send(as_client(&upstream, &renamed)).await.unwrap().status,
        200
    );
    assert_eq!(upstream.issued(), 1);
    upstream.revoke();
    assert_eq!(
        restarted.send(as_client(&upstream, &renamed)).await.unwrap().status,
        200
    );
    let form = upstream.requests_to("/token")[1].text();
    assert_eq!(form, "grant_type=refresh_token&refresh_token=refresh-1");
}

#[actix_rt::test]
async fn invalid_grant_is_final_until_the_client_changes() {
    let (upstream, client) = rotating();
    upstream.issuer(|issuer| issuer.refresh_token = Some("another".into()));
    let vault = Arc::new(MemoryVault::new());
    let first = with_vault(&upstream, &vault);
    for outbound in [&first, &first, &with_vault(&upstream, &vault)] {
        let error = outbound.send(as_client(&upstream, &client)).await.unwrap_err();
        assert_eq!(
            (error.step, error.retry, error.needs_reauthorisation),
            (Step::Token, RetryClass::Never, true)
        );
        assert!(error.message.contains("entered again"), "{}", error.message);
    }
    assert_eq!(
        (
            upstream.requests_to("/token").len(),
            upstream.requests_to("/items").len()
        ),
        (1, 0)
    );
    // By hand it is tried again, and a person who entered it anew is served.
    assert!(!first.check_client(&client).await.ok);
    assert_eq!(upstream.requests_to("/token").len(), 2);
    let entered = ClientCredentials {
        version: client.version + 1,
        auth: oauth(&upstream, "oauth2RefreshToken", json!({"refreshToken":"another"}))
            .auth
            .clone(),
        ..(*client).clone()
    };
    assert_eq!(
        first
            .send(as_client(&upstream, &Arc::new(entered)))
            .await
            .unwrap()
            .status,
        200
    );
}

#[actix_rt::test]
async fn a_refresh_outlives_the_request_that_asked_for_it() {
    let (upstream, client) = rotating();
    upstream.on("/token", Behaviour::Gated(Box::new(Behaviour::Token)));
    let outbound = with_vault(&upstream, &Arc::new(MemoryVault::new()));
    let mut impatient = as_client(&upstream, &client);
    impatient.timeout_ms = 3_000;
    let (step, message) = failure(outbound.send(impatient).await);
    assert!(step == Step::Timeout && message.contains("a token"), "{message}");
    upstream.open_gate();
    assert_eq!(outbound.send(as_client(&upstream, &client)).await.unwrap().status, 200);
    assert_eq!(upstream.issued(), 1);
}

#[actix_rt::test]
async fn a_lost_answer_is_remembered() {
    let (upstream, client) = rotating();
    upstream.on_each("/token", vec![Behaviour::CloseAtOnce, Behaviour::Token]);
    let vault = Arc::new(MemoryVault::new());
    let outbound = with_vault(&upstream, &vault);
    let error = outbound.send(as_client(&upstream, &client)).await.unwrap_err();
    assert_eq!(
        (error.step, error.retry, error.needs_reauthorisation),
        (Step::Token, RetryClass::Transport, false)
    );
    assert!(
        vault
            .load(client.tenant_id, client.client_id)
            .await
            .unwrap()
            .refresh_started_at
            .is_some()
    );
    // The issuer had taken it: the old refresh token is void now.
    upstream.issuer(|issuer| issuer.refresh_token = Some("never seen".into()));
    let error = outbound.send(as_client(&upstream, &client)).await.unwrap_err();
    assert!(
        error.needs_reauthorisation && error.message.contains("was lost"),
        "{}",
        error.message
    );
}

#[derive(Default)]
struct BrokenVault {
    inner: MemoryVault,
    broken: AtomicBool,
}

impl TokenVault for BrokenVault {
    fn load(&self, tenant_id: Uuid, client_id: Uuid) -> VaultFuture<'_, Stored> {
        self.inner.load(tenant_id, client_id)
    }

    fn save(&self, tenant_id: Uuid, client_id: Uuid, token: StoredToken) -> VaultFuture<'_, ()> {
        if self.broken.load(Ordering::SeqCst) {
            return Box::pin(async { Err(VaultError("the disk is full".into())) });
        }
        self.inner.save(tenant_id, client_id, token)
    }

    fn journal(&self, tenant_id: Uuid, client_id: Uuid, entry: JournalEntry) -> VaultFuture<'_, ()> {
        self.inner.journal(tenant_id, client_id, entry)
    }
}

#[actix_rt::test]
async fn a_token_that_cannot_be_stored_is_neither_used_nor_lost() {
    let (upstream, client) = rotating();
    let vault = Arc::new(BrokenVault::default());
    vault.broken.store(true, Ordering::SeqCst);
    let kept: Arc<dyn TokenVault> = Arc::<BrokenVault>::clone(&vault);
    let outbound = Outbound::new(settings(&[&upstream]), Clock::system(), kept).unwrap();
    let (step, message) = failure(outbound.send(as_client(&upstream, &client)).await);
    assert!(step == Step::Token && message.contains("disk is full"), "{message}");
    assert_eq!(upstream.requests_to("/items").len(), 0);
    vault.broken.store(false, Ordering::SeqCst);
    assert_eq!(outbound.send(as_client(&upstream, &client)).await.unwrap().status, 200);
    assert_eq!(upstream.issued(), 1);
}
