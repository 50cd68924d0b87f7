//! Credentials, tokens and budgets on the wire.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use orrery::clock::Clock;
use orrery::http::{
    Auth, ClientCredentials, HttpSettings, JournalEntry, Limits, MemoryVault, Merge, Outbound, Request, RetryClass,
    Step, Stored, StoredToken, TokenVault, VaultError, VaultFuture,
};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::support::outbound::{failure, get, outbound, post, settings, with_settings};
use crate::support::upstream::{Behaviour, Upstream};

fn auth(given: Value) -> Auth {
    Auth::from_input(&given, None, Merge::Replace).unwrap()
}

fn client(given: Value) -> Arc<ClientCredentials> {
    ClientCredentials::unnamed(auth(given))
}

fn oauth(upstream: &Upstream, kind: &str, more: Value) -> Arc<ClientCredentials> {
    let mut given = json!({"kind":kind,"tokenUrl":upstream.url("/token"),"clientId":"me","clientSecret":"s3cret!"});
    for (name, value) in more.as_object().unwrap() {
        given[name] = value.clone();
    }
    client(given)
}

fn as_client(upstream: &Upstream, client: &Arc<ClientCredentials>) -> Request {
    Request {
        client: Some(Arc::clone(client)),
        ..get(upstream.url("/items"))
    }
}

/// A token endpoint and a resource that wants its tokens.
fn protected() -> Upstream {
    let upstream = Upstream::start();
    upstream
        .on("/token", Behaviour::Token)
        .on("/items", Behaviour::Protected(json!([1])));
    upstream
}

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
async fn fixed_credentials() {
    let upstream = Upstream::start();
    upstream.on("/echo", Behaviour::Echo);
    let outbound = outbound(&[&upstream]);
    let rows = [
        (
            json!({"kind":"basic","username":"Aladdin","password":"open sesame"}),
            "authorization",
            "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==",
        ),
        (json!({"kind":"bearer","token":"t"}), "authorization", "Bearer t"),
        (
            json!({"kind":"apiKey","in":"header","name":"X-Key","value":"v"}),
            "x-key",
            "v",
        ),
        (
            json!({"kind":"hmac","secret":"Jefe","header":"X-Signature","prefix":"sha256="}),
            "x-signature",
            "sha256=5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843",
        ),
    ];
    for (given, name, expected) in rows {
        let mut request = post(upstream.url("/echo"), "what do ya want for nothing?");
        request.client = Some(client(given));
        request.headers = vec![("Authorization".into(), "from the definition".into())];
        outbound.send(request).await.unwrap();
        assert_eq!(upstream.requests().pop().unwrap().header(name), Some(expected));
    }
}

#[test]
fn one_token_request_for_all_threads() {
    let upstream = protected();
    upstream.on("/token", Behaviour::Gated(Box::new(Behaviour::Token)));
    let outbound = outbound(&[&upstream]);
    let client = oauth(&upstream, "oauth2ClientCredentials", json!({}));
    let threads: Vec<_> = (0..4)
        .map(|_| {
            let (outbound, request) = (outbound.clone(), as_client(&upstream, &client));
            std::thread::spawn(move || {
                actix_rt::System::new().block_on(async move {
                    let five = (0..5).map(|_| outbound.send(request.clone()));
                    futures_util::future::join_all(five).await
                })
            })
        })
        .collect();
    actix_rt::System::new().block_on(upstream.wait_for("/token", 1));
    upstream.open_gate();
    for thread in threads {
        for response in thread.join().unwrap() {
            assert_eq!(response.unwrap().status, 200);
        }
    }
    assert_eq!((upstream.issued(), upstream.requests_to("/items").len()), (1, 20));
}

#[actix_rt::test]
async fn tokens_are_renewed_before_they_end() {
    let upstream = protected();
    let (clock, hand) = Clock::manual("2026-01-01T00:00:00Z".parse().unwrap());
    let outbound = Outbound::new(settings(&[&upstream]), clock, Arc::new(MemoryVault::new())).unwrap();
    let client = oauth(
        &upstream,
        "oauth2Password",
        json!({"username":"u","password":"secret pw"}),
    );
    for (wait_s, issued) in [(0, 1), (3_500, 1), (39, 1), (1, 2), (3_000, 2)] {
        hand.advance(Duration::from_secs(wait_s));
        assert_eq!(outbound.send(as_client(&upstream, &client)).await.unwrap().status, 200);
        assert_eq!(upstream.issued(), issued, "after {wait_s} s");
    }
    let form = upstream.requests_to("/token")[0].text();
    assert_eq!(form, "grant_type=password&username=u&password=secret+pw");
}

#[actix_rt::test]
async fn after_401_one_refresh_and_one_repetition() {
    let upstream = protected();
    let outbound = outbound(&[&upstream]);
    let client = oauth(&upstream, "oauth2ClientCredentials", json!({}));
    assert_eq!(outbound.send(as_client(&upstream, &client)).await.unwrap().status, 200);
    upstream.revoke();
    assert_eq!(outbound.send(as_client(&upstream, &client)).await.unwrap().status, 200);
    assert_eq!((upstream.issued(), upstream.requests_to("/items").len()), (2, 3));
    // A resource that wants something else: one more try, then the 401 is the answer.
    upstream.status("/items", 401, "no");
    assert_eq!(outbound.send(as_client(&upstream, &client)).await.unwrap().status, 401);
    assert_eq!((upstream.issued(), upstream.requests_to("/items").len()), (3, 5));
    // Fixed credentials are not tried twice.
    let fixed = client_with_bearer();
    assert_eq!(outbound.send(as_client(&upstream, &fixed)).await.unwrap().status, 401);
    assert_eq!(upstream.requests_to("/items").len(), 6);
}

fn client_with_bearer() -> Arc<ClientCredentials> {
    client(json!({"kind":"bearer","token":"wrong"}))
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
    impatient.timeout_ms = 100;
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

#[actix_rt::test]
async fn everybody_who_waited_gets_the_same_failure() {
    let upstream = protected();
    upstream.on(
        "/token",
        Behaviour::Gated(Box::new(Behaviour::Respond {
            status: 500,
            headers: Vec::new(),
            body: Vec::new(),
        })),
    );
    let outbound = outbound(&[&upstream]);
    let client = oauth(&upstream, "oauth2ClientCredentials", json!({}));
    let gate = async {
        upstream.wait_for("/token", 1).await;
        upstream.open_gate();
    };
    let all = futures_util::future::join_all((0..10).map(|_| outbound.send(as_client(&upstream, &client))));
    let (results, ()) = futures_util::future::join(all, gate).await;
    for result in results {
        let error = result.unwrap_err();
        assert_eq!((error.step, error.retry), (Step::Token, RetryClass::ServerError));
    }
    assert_eq!(
        (
            upstream.requests_to("/token").len(),
            upstream.requests_to("/items").len()
        ),
        (1, 0)
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

#[actix_rt::test]
async fn login_posts_credentials_and_takes_the_token() {
    let upstream = protected();
    let client = client(
        json!({"kind":"login","url":upstream.url("/token"),"body":{"user":"u","password":"p"},
        "tokenPath":"/accessToken","expiresInPath":"/expires_in"}),
    );
    let outbound = outbound(&[&upstream]);
    assert_eq!(outbound.send(as_client(&upstream, &client)).await.unwrap().status, 200);
    let login = &upstream.requests_to("/token")[0];
    assert_eq!(login.header("content-type"), Some("application/json"));
    assert_eq!(
        serde_json::from_slice::<Value>(&login.body).unwrap(),
        json!({"user":"u","password":"p"})
    );
    let check = outbound.check_client(&client).await;
    assert!(check.ok && check.expires_at.is_some(), "{check:?}");
    assert_eq!(upstream.issued(), 1);
}

#[actix_rt::test]
async fn checks_say_what_is_wrong() {
    let upstream = protected();
    let outbound = outbound(&[&upstream]);
    let check = outbound.check_client(&client_with_bearer()).await;
    assert!(check.ok && check.detail.contains("nothing was sent"), "{check:?}");
    let inside = client(json!({"kind":"login","url":"http://10.0.0.1/","body":{},"tokenPath":"/t"}));
    assert_eq!(outbound.check_client(&inside).await.step, Some(Step::Egress));
    upstream.issuer(|issuer| issuer.refuses_with = Some((401, json!({"error":"invalid_client"}))));
    let check = outbound
        .check_client(&oauth(&upstream, "oauth2ClientCredentials", json!({})))
        .await;
    assert!(
        check.step == Some(Step::Token) && check.detail.contains("401: invalid_client"),
        "{check:?}"
    );
    // What a token request carries must not follow a redirect.
    upstream.on(
        "/token",
        Behaviour::Redirect {
            status: 307,
            location: upstream.url("/elsewhere"),
        },
    );
    let check = outbound
        .check_client(&oauth(&upstream, "oauth2ClientCredentials", json!({})))
        .await;
    assert!(check.detail.contains("/elsewhere; enter that address"), "{check:?}");
    assert_eq!(upstream.requests_to("/elsewhere").len(), 0);
}

fn limited(limits: Limits) -> Arc<ClientCredentials> {
    let client = client(json!({"kind":"none"}));
    Arc::new(ClientCredentials {
        limits: Some(limits),
        ..(*client).clone()
    })
}

#[actix_rt::test]
async fn a_rate_that_cannot_be_met_is_refused_at_once() {
    let upstream = Upstream::start();
    upstream.items("/items", json!([]));
    let (clock, hand) = Clock::manual("2026-01-01T00:00:00Z".parse().unwrap());
    let outbound = Outbound::new(settings(&[&upstream]), clock, Arc::new(MemoryVault::new())).unwrap();
    let client = limited(Limits {
        per_minute: Some(2),
        ..Limits::default()
    });
    for _ in 0..2 {
        outbound.send(as_client(&upstream, &client)).await.unwrap();
    }
    hand.advance(Duration::from_secs(20));
    let error = outbound.send(as_client(&upstream, &client)).await.unwrap_err();
    assert_eq!((error.step, error.retry), (Step::Budget, RetryClass::Throttled));
    assert!((40_000..40_100).contains(&error.retry_after_ms.unwrap()), "{error:?}");
    // Within the deadline it waits.
    hand.advance(Duration::from_secs(35));
    let waiting = outbound.send(as_client(&upstream, &client));
    let advance = async { hand.advance(Duration::from_secs(5)) };
    let (response, ()) = futures_util::future::join(waiting, advance).await;
    assert_eq!(response.unwrap().status, 200);
    assert_eq!(upstream.requests().len(), 3);
}

#[actix_rt::test]
async fn concurrent_requests_of_a_client_are_bounded() {
    let upstream = Upstream::start();
    upstream.on("/items", Behaviour::Gated(Box::new(Behaviour::Json(json!([])))));
    let outbound = with_settings(HttpSettings {
        budget_waiters_max: 1,
        ..settings(&[&upstream])
    });
    let client = limited(Limits {
        concurrent: Some(2),
        ..Limits::default()
    });
    let tasks: Vec<_> = (0..2)
        .map(|_| {
            let (outbound, request) = (outbound.clone(), as_client(&upstream, &client));
            actix_rt::spawn(async move { outbound.send(request).await })
        })
        .collect();
    upstream.wait_for("/items", 2).await;
    let mut third = as_client(&upstream, &client);
    third.timeout_ms = 100;
    let (one, two) = futures_util::future::join(outbound.send(third.clone()), outbound.send(third)).await;
    for result in [one, two] {
        let error = result.unwrap_err();
        assert_eq!(
            (error.step, error.retry),
            (Step::Budget, RetryClass::Throttled),
            "{}",
            error.message
        );
    }
    upstream.open_gate();
    for task in tasks {
        assert_eq!(task.await.unwrap().unwrap().status, 200);
    }
    assert_eq!(outbound.send(as_client(&upstream, &client)).await.unwrap().status, 200);
    assert_eq!(upstream.requests().len(), 3);
}
