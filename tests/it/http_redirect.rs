//! Redirects: followed under the policy, secrets left behind, circles ended.

use orrery::http::{Auth, ClientCredentials, HttpSettings, Step};
use serde_json::json;

use crate::support::outbound::{failure, get, outbound, post, settings, with_settings};
use crate::support::upstream::{Behaviour, Upstream};

fn redirect(status: u16, location: impl Into<String>) -> Behaviour {
    Behaviour::Redirect {
        status,
        location: location.into(),
    }
}

#[actix_rt::test]
async fn methods_change_as_in_browsers() {
    let upstream = Upstream::start();
    upstream.items("/end", json!([]));
    let outbound = outbound(&[&upstream]);
    for (status, method, body) in [
        (301, "GET", ""),
        (302, "GET", ""),
        (303, "GET", ""),
        (307, "POST", "b"),
        (308, "POST", "b"),
    ] {
        upstream.on("/start", redirect(status, "/end?x=1"));
        let mut request = post(upstream.url("/start"), "b");
        request.headers = vec![
            ("content-type".into(), "text/plain".into()),
            ("x-kept".into(), "1".into()),
        ];
        let response = outbound.send(request).await.unwrap();
        assert_eq!((response.status, response.url.clone()), (200, upstream.url("/end?x=1")));
        let last = upstream.requests().pop().unwrap();
        assert_eq!((last.method.as_str(), last.text().as_str()), (method, body), "{status}");
        assert_eq!(last.header("content-type").is_some(), method == "POST", "{status}");
        assert_eq!(last.header("x-kept"), Some("1"));
    }
}

#[actix_rt::test]
async fn circles_and_long_chains_end() {
    let upstream = Upstream::start();
    upstream.on("/self", redirect(302, "/self"));
    upstream.on("/a", redirect(302, "/b")).on("/b", redirect(302, "/a"));
    for n in 0..7 {
        upstream.on(&format!("/{n}"), redirect(302, format!("/{}", n + 1)));
    }
    upstream.items("/7", json!([]));
    let outbound = outbound(&[&upstream]);
    for path in ["/self", "/a"] {
        let (step, message) = failure(outbound.send(get(upstream.url(path))).await);
        assert!(step == Step::Redirect && message.contains("circle"), "{message}");
    }
    assert_eq!(upstream.requests_to("/self").len(), 1);
    let (step, message) = failure(outbound.send(get(upstream.url("/0"))).await);
    assert!(step == Step::Redirect && message.contains("more than 5"), "{message}");
    assert_eq!(outbound.send(get(upstream.url("/2"))).await.unwrap().status, 200);
    let none = with_settings(HttpSettings {
        redirects_max: 0,
        ..settings(&[&upstream])
    });
    assert_eq!(failure(none.send(get(upstream.url("/6"))).await).0, Step::Redirect);
}

#[actix_rt::test]
async fn the_policy_holds_for_every_hop() {
    let upstream = Upstream::start();
    let other = Upstream::start();
    let outbound = outbound(&[&upstream]);
    let targets = [
        "http://169.254.169.254/latest/meta-data/".to_owned(),
        "http://[::ffff:169.254.169.254]/".to_owned(),
        "http://10.0.0.1/".to_owned(),
        other.url("/"),
        "file:///etc/passwd".to_owned(),
        "http://user:password@a.example/".to_owned(),
    ];
    for target in targets {
        upstream.on("/start", redirect(302, target.clone()));
        let (step, message) = failure(outbound.send(get(upstream.url("/start"))).await);
        assert_eq!(step, Step::Egress, "{target}");
        assert!(!message.contains("password@"), "{message}");
    }
    assert_eq!(other.connections(), 0);
    upstream.on("/start", redirect(302, "http://[broken"));
    assert_eq!(
        failure(outbound.send(get(upstream.url("/start"))).await).0,
        Step::Redirect
    );
}

#[actix_rt::test]
async fn secrets_stay_with_their_origin() {
    let home = Upstream::start();
    let away = Upstream::start();
    away.on("/away", redirect(307, home.url("/back")))
        .items("/key", json!([]));
    home.on("/start", redirect(307, "/same"))
        .on("/same", redirect(307, away.url("/away")))
        .items("/back", json!([]));
    let outbound = outbound(&[&home, &away]);
    let mut request = post(home.url("/start"), "b");
    request.client = Some(ClientCredentials::unnamed(Auth::Basic {
        username: "u".into(),
        password: "p".into(),
    }));
    request.headers = vec![("x-plain".into(), "1".into()), ("Cookie".into(), "a=b".into())];
    request.secret_headers = vec![("x-secret".into(), "s".into())];
    assert_eq!(outbound.send(request).await.unwrap().status, 200);
    for path in ["/start", "/same"] {
        let request = &home.requests_to(path)[0];
        for name in ["authorization", "cookie", "x-secret", "x-plain"] {
            assert!(request.header(name).is_some(), "{path} {name}");
        }
    }
    // Also on the way back: what another origin asks for is not sent with our name on it.
    for request in [&away.requests_to("/away")[0], &home.requests_to("/back")[0]] {
        for name in ["authorization", "cookie", "x-secret"] {
            assert_eq!(request.header(name), None, "{} {name}", request.target);
        }
        assert_eq!((request.header("x-plain"), request.text().as_str()), (Some("1"), "b"));
    }
}

#[actix_rt::test]
async fn a_key_in_the_query_follows_its_origin_only() {
    let home = Upstream::start();
    let away = Upstream::start();
    home.on("/start", redirect(302, "/same?x=1"))
        .on("/same", redirect(302, away.url("/key")));
    away.items("/key", json!([]));
    let place = orrery::http::KeyPlace::Query;
    let auth = Auth::ApiKey {
        place,
        name: "key".into(),
        value: "a b&c".into(),
    };
    let mut request = get(home.url("/start"));
    request.client = Some(ClientCredentials::unnamed(auth));
    let response = outbound(&[&home, &away]).send(request).await.unwrap();
    assert_eq!(home.requests()[0].target, "/start?key=a+b%26c");
    assert_eq!(home.requests()[1].target, "/same?x=1&key=a+b%26c");
    assert_eq!(away.requests()[0].target, "/key");
    assert_eq!(response.url, away.url("/key"));
}
