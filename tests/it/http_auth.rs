//! Credentials, tokens and budgets on the wire.

use std::sync::Arc;
use std::time::Duration;

use orrery::clock::Clock;
use orrery::http::{
    Auth, ClientCredentials, HttpSettings, Limits, MemoryVault, Merge, Outbound, Request, RetryClass, Step,
};
use serde_json::{Value, json};

use crate::support::outbound::{get, outbound, post, settings, with_settings};
use crate::support::upstream::{Behaviour, Upstream};

pub fn auth(given: Value) -> Auth {
    Auth::from_input(&given, None, Merge::Replace).unwrap()
}

pub fn client(given: Value) -> Arc<ClientCredentials> {
    ClientCredentials::unnamed(auth(given))
}

pub fn oauth(upstream: &Upstream, kind: &str, more: Value) -> Arc<ClientCredentials> {
    let mut given = json!({"kind":kind,"tokenUrl":upstream.url("/token"),"clientId":"me","clientSecret":"s3cret!"});
    for (name, value) in more.as_object().unwrap() {
        given[name] = value.clone();
    }
    client(given)
}

pub fn as_client(upstream: &Upstream, client: &Arc<ClientCredentials>) -> Request {
    Request {
        client: Some(Arc::clone(client)),
        ..get(upstream.url("/items"))
    }
}

/// A token endpoint and a resource that wants its tokens.
pub fn protected() -> Upstream {
    let upstream = Upstream::start();
    upstream
        .on("/token", Behaviour::Token)
        .on("/items", Behaviour::Protected(json!([1])));
    upstream
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
    let request = || Request {
        timeout_ms: 35_000,
        ..as_client(&upstream, &client)
    };
    for _ in 0..2 {
        outbound.send(request()).await.unwrap();
    }
    hand.advance(Duration::from_secs(20));
    let error = outbound.send(request()).await.unwrap_err();
    assert_eq!((error.step, error.retry), (Step::Budget, RetryClass::Throttled));
    assert!((40_000..40_100).contains(&error.retry_after_ms.unwrap()), "{error:?}");
    // Within the deadline it waits.
    hand.advance(Duration::from_secs(35));
    let waiting = outbound.send(request());
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
