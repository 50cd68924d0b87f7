//! Outbound HTTP against upstreams that misbehave: limits, deadlines, egress policy, TLS.

use orrery::http::{HttpSettings, Method, RetryClass, Step, classify_status};
use serde_json::{Value, json};

use crate::support::outbound::{closed_port, failure, get, outbound, post, settings, with_settings};
use crate::support::upstream::{Behaviour, Upstream};
use crate::support::upstream_tls::TlsUpstream;

fn body(bytes: &[u8]) -> Value {
    serde_json::from_slice(bytes).unwrap()
}

#[actix_rt::test]
async fn plain_requests_share_a_connection() {
    let upstream = Upstream::start();
    upstream.items("/items", json!([{"id":1}]));
    let outbound = outbound(&[&upstream]);
    for _ in 0..50 {
        let response = outbound.send(get(upstream.url("/items?x=1#top"))).await.unwrap();
        assert_eq!((response.status, body(&response.body)), (200, json!([{"id":1}])));
        assert_eq!(response.header("Content-Type"), Some("application/json"));
        assert_eq!(response.url, upstream.url("/items?x=1"));
    }
    assert_eq!(upstream.connections(), 1);
    let request = &upstream.requests()[0];
    assert_eq!(request.target, "/items?x=1");
    assert_eq!(request.header("host"), Some(upstream.address().as_str()));
    assert_eq!(request.header("accept-encoding"), Some("gzip, deflate"));
    assert!(request.header("user-agent").unwrap().starts_with("orrery/"));
}

#[actix_rt::test]
async fn every_method_with_and_without_a_body() {
    let upstream = Upstream::start();
    upstream.on("/echo", Behaviour::Echo);
    let outbound = outbound(&[&upstream]);
    for method in [Method::Get, Method::Delete, Method::Patch, Method::Post, Method::Put] {
        for sent in [None, Some("{\"a\":1}")] {
            let mut request = get(upstream.url("/echo"));
            (request.method, request.body) = (method, sent.map(Into::into));
            request.headers = vec![("X-Twice".into(), "1".into()), ("x-twice".into(), "2".into())];
            let response = outbound.send(request).await.unwrap();
            let echo = body(&response.body);
            assert_eq!(
                (echo["method"].as_str(), echo["body"].as_str()),
                (Some(method.as_str()), Some(sent.unwrap_or("")))
            );
            let recorded = upstream.requests().pop().unwrap();
            assert_eq!(recorded.headers.iter().filter(|(name, _)| name == "x-twice").count(), 2);
            let expects_length = sent.is_some() || !matches!(method, Method::Get | Method::Delete);
            assert_eq!(
                recorded.header("content-length").is_some(),
                expects_length,
                "{method:?} {sent:?}"
            );
        }
    }
}

#[actix_rt::test]
async fn every_status_is_an_answer() {
    let upstream = Upstream::start();
    let headers = vec![("Retry-After".to_owned(), "7".to_owned())];
    upstream.on(
        "/busy",
        Behaviour::Respond {
            status: 503,
            headers,
            body: b"later".to_vec(),
        },
    );
    upstream.status("/none", 204, "");
    let outbound = outbound(&[&upstream]);
    let busy = outbound.send(get(upstream.url("/busy"))).await.unwrap();
    assert_eq!((busy.status, &busy.body[..]), (503, &b"later"[..]));
    let refusal = classify_status(busy.status, &busy.headers, "2026-01-01T00:00:00Z".parse().unwrap()).unwrap();
    assert_eq!(
        (refusal.retry, refusal.retry_after_ms),
        (RetryClass::Throttled, Some(7_000))
    );
    assert_eq!(outbound.send(get(upstream.url("/absent"))).await.unwrap().status, 404);
    let none = outbound.send(get(upstream.url("/none"))).await.unwrap();
    assert_eq!((none.status, none.body.len()), (204, 0));
}

#[actix_rt::test]
async fn one_deadline_for_everything() {
    let upstream = Upstream::start();
    upstream
        .on("/hang", Behaviour::Hang)
        .on("/head", Behaviour::HangAfterHead);
    upstream
        .on("/slow", Behaviour::Drip(vec![b'x'; 100_000]))
        .on("/drip", Behaviour::Drip(b"[1,2]".to_vec()));
    let outbound = outbound(&[&upstream]);
    let late = [
        ("/hang", "an answer"),
        ("/head", "the rest of the answer"),
        ("/slow", "the rest"),
    ];
    let sent = late.map(|(path, _)| {
        let mut request = get(upstream.url(path));
        request.timeout_ms = 10_000;
        outbound.send(request)
    });
    let ends = futures_util::future::join_all(sent).await;
    for ((path, words), end) in late.into_iter().zip(ends) {
        let error = end.unwrap_err();
        assert_eq!(
            (error.step, error.retry),
            (Step::Timeout, RetryClass::Transport),
            "{path}"
        );
        assert!(
            error.message.contains("10000 ms") && error.message.contains(words),
            "{}",
            error.message
        );
        assert_eq!(error.sent.unwrap().redacted().url, upstream.url(path));
    }
    let dripped = outbound.send(get(upstream.url("/drip"))).await.unwrap();
    assert_eq!(body(&dripped.body), json!([1, 2]));
}

#[actix_rt::test]
async fn bodies_over_the_limit_are_not_read() {
    let upstream = Upstream::start();
    let gigabyte = 1 << 30;
    upstream.on(
        "/announced",
        Behaviour::Endless {
            bytes: gigabyte,
            announced: true,
        },
    );
    upstream.on(
        "/endless",
        Behaviour::Endless {
            bytes: gigabyte,
            announced: false,
        },
    );
    upstream.on("/bomb", Behaviour::GzipBomb { inflated: 64 << 20 });
    let outbound = outbound(&[&upstream]);
    for path in ["/announced", "/endless", "/bomb"] {
        let error = outbound.send(get(upstream.url(path))).await.unwrap_err();
        assert_eq!((error.step, error.retry), (Step::TooLarge, RetryClass::Never), "{path}");
    }
    let mut request = get(upstream.url("/endless"));
    request.response_bytes_max = 1_000;
    let (_, message) = failure(outbound.send(request).await);
    assert!(message.contains("1000 bytes"), "{message}");
    // A generous limit still leaves the ratio.
    let mut request = get(upstream.url("/bomb"));
    request.response_bytes_max = 1 << 30;
    let (step, message) = failure(outbound.send(request).await);
    assert!(step == Step::TooLarge && message.contains("200-fold"), "{message}");
}

#[actix_rt::test]
async fn answers_that_end_early_are_errors() {
    let upstream = Upstream::start();
    upstream
        .on("/at-once", Behaviour::CloseAtOnce)
        .on("/body", Behaviour::CloseMidBody);
    upstream
        .on("/chunks", Behaviour::CloseMidChunks)
        .on("/smtp", Behaviour::NotHttp);
    let outbound = outbound(&[&upstream]);
    for path in ["/at-once", "/body", "/chunks", "/smtp"] {
        let error = outbound.send(get(upstream.url(path))).await.unwrap_err();
        assert_eq!(
            (error.step, error.retry),
            (Step::Protocol, RetryClass::Transport),
            "{path}: {}",
            error.message
        );
    }
    let (_, message) = failure(outbound.send(get(upstream.url("/body"))).await);
    assert!(message.contains("7 of 100 bytes"), "{message}");
    upstream.on("/old", Behaviour::UntilClose(b"[1]".to_vec()));
    let old = outbound.send(get(upstream.url("/old"))).await.unwrap();
    assert_eq!(body(&old.body), json!([1]));
}

#[actix_rt::test]
async fn interim_answers_are_skipped() {
    let upstream = Upstream::start();
    upstream.on("/hints", Behaviour::Interim(Box::new(Behaviour::Json(json!([1])))));
    let outbound = outbound(&[&upstream]);
    for _ in 0..3 {
        let response = outbound.send(get(upstream.url("/hints"))).await.unwrap();
        assert_eq!((response.status, body(&response.body)), (200, json!([1])));
    }
    assert_eq!(upstream.connections(), 1);
}

#[actix_rt::test]
async fn huge_heads_are_refused() {
    let upstream = Upstream::start();
    let outbound = outbound(&[&upstream]);
    for bytes in [70_000, 300_000] {
        upstream.on("/huge", Behaviour::HugeHead { bytes });
        assert_eq!(
            failure(outbound.send(get(upstream.url("/huge"))).await).0,
            Step::TooLarge,
            "{bytes}"
        );
    }
}

#[actix_rt::test]
async fn invalid_json_and_damaged_gzip() {
    let upstream = Upstream::start();
    upstream.status("/json", 200, "{\"a\":");
    let headers = vec![("content-encoding".to_owned(), "gzip".to_owned())];
    upstream.on(
        "/gzip",
        Behaviour::Respond {
            status: 200,
            headers,
            body: b"not gzip at all".to_vec(),
        },
    );
    let outbound = outbound(&[&upstream]);
    assert_eq!(
        &outbound.send(get(upstream.url("/json"))).await.unwrap().body[..],
        b"{\"a\":"
    );
    assert_eq!(
        failure(outbound.send(get(upstream.url("/gzip"))).await).0,
        Step::Protocol
    );
}

#[actix_rt::test]
async fn loopback_is_refused_unless_allowed() {
    let upstream = Upstream::start();
    upstream.items("/items", json!([]));
    let strict = with_settings(HttpSettings::default());
    let port = upstream.port();
    let hosts = [
        "127.0.0.1",
        "localhost",
        "2130706433",
        "0x7f.1",
        "[::1]",
        "[::ffff:127.0.0.1]",
        "0",
    ];
    for host in hosts {
        let url = format!("http://{host}:{port}/items");
        assert_eq!(strict.check_url(&url).unwrap_err().step, Step::Egress, "{url}");
        let error = strict.send(get(&url)).await.unwrap_err();
        assert_eq!((error.step, error.retry), (Step::Egress, RetryClass::Never), "{url}");
    }
    // Fine on paper, refused where the name resolves.
    let denied = HttpSettings {
        allow: vec![format!("localhost:{port}")],
        deny: vec!["127.0.0.0/8".into(), "::1".into()],
        ..HttpSettings::default()
    };
    let denied = with_settings(denied);
    let url = format!("http://localhost:{port}/items");
    assert!(denied.check_url(&url).is_ok());
    let (step, message) = failure(denied.send(get(&url)).await);
    assert!(
        step == Step::Egress && message.contains("localhost resolves to"),
        "{message}"
    );
    assert_eq!(upstream.connections(), 0);
    let named = HttpSettings {
        allow: vec![format!("localhost:{port}")],
        ..HttpSettings::default()
    };
    assert_eq!(with_settings(named).send(get(&url)).await.unwrap().status, 200);
}

#[actix_rt::test]
async fn unreachable_and_unknown_hosts() {
    let (_nobody, closed) = closed_port();
    let outbound = with_settings(HttpSettings {
        allow: vec!["127.0.0.1".into()],
        ..HttpSettings::default()
    });
    let (step, message) = failure(outbound.send(get(format!("http://{closed}/"))).await);
    assert!(
        step == Step::Connect && message.contains(&closed.to_string()),
        "{message}"
    );
    let (step, message) = failure(outbound.send(get("http://nothing.invalid/")).await);
    assert!(step == Step::Dns && message.contains("nothing.invalid"), "{message}");
}

#[actix_rt::test]
async fn requests_that_are_not_valid() {
    let upstream = Upstream::start();
    let outbound = outbound(&[&upstream]);
    let with_header = |name: &str, value: &str| {
        let mut request = get(upstream.url("/"));
        request.headers = vec![(name.to_owned(), value.to_owned())];
        request
    };
    let rows = [
        with_header("Host", "other.example"),
        with_header("Content-Length", "5"),
        with_header("Transfer-Encoding", "chunked"),
        with_header("x-a", "1\r\nx-b: 2"),
        with_header("x\r\na", "1"),
        get("not a url"),
    ];
    for request in rows {
        let shown = format!("{:?}", request.headers);
        assert_eq!(failure(outbound.send(request).await).0, Step::Request, "{shown}");
    }
    for url in ["ftp://a.example/", "http://user:password@a.example/"] {
        assert_eq!(failure(outbound.send(get(url)).await).0, Step::Egress, "{url}");
    }
    assert_eq!(upstream.requests().len(), 0);
}

#[actix_rt::test]
async fn tls_errors_have_their_own_step() {
    let upstream = TlsUpstream::start(&["localhost"], false);
    let url = format!("https://localhost:{}/", upstream.port());
    let by_address = format!("https://127.0.0.1:{}/", upstream.port());
    let allow = vec!["127.0.0.0/8".to_owned(), "localhost".to_owned()];
    let untrusting = with_settings(HttpSettings {
        allow: allow.clone(),
        ..HttpSettings::default()
    });
    let (step, message) = failure(untrusting.send(get(&url)).await);
    assert!(step == Step::Tls && message.contains("localhost"), "{message}");
    let ca_files = vec![upstream.certificate()];
    let trusting = with_settings(HttpSettings {
        allow,
        ca_files,
        ..HttpSettings::default()
    });
    for _ in 0..3 {
        let response = trusting.send(get(&url)).await.unwrap();
        assert_eq!(body(&response.body), json!({"secure":true}));
    }
    assert_eq!(failure(trusting.send(get(&by_address)).await).0, Step::Tls);
    let plain = Upstream::start();
    let impatient = with_settings(HttpSettings {
        allow: vec!["localhost".into()],
        ..HttpSettings::default()
    });
    let (step, message) = failure(
        impatient
            .send(get(format!("https://localhost:{}/", plain.port())))
            .await,
    );
    assert!(step == Step::Tls && message.contains("10000 ms"), "{message}");
}

#[actix_rt::test]
async fn a_tls_answer_cut_off_is_not_a_whole_one() {
    let upstream = TlsUpstream::start(&["localhost"], true);
    let settings = HttpSettings {
        allow: vec!["localhost".into()],
        ca_files: vec![upstream.certificate()],
        ..HttpSettings::default()
    };
    let outbound = with_settings(settings);
    let (step, _) = failure(
        outbound
            .send(get(format!("https://localhost:{}/", upstream.port())))
            .await,
    );
    assert_eq!(step, Step::Protocol);
}

#[actix_rt::test]
async fn connections_to_a_host_are_bounded() {
    let upstream = Upstream::start();
    upstream.on("/gate", Behaviour::Gated(Box::new(Behaviour::Json(json!(1)))));
    let outbound = with_settings(HttpSettings {
        connections_per_host_max: 2,
        ..settings(&[&upstream])
    });
    let tasks: Vec<_> = (0..5)
        .map(|_| {
            let (outbound, request) = (outbound.clone(), get(upstream.url("/gate")));
            actix_rt::spawn(async move { outbound.send(request).await })
        })
        .collect();
    upstream.wait_for("/gate", 2).await;
    assert_eq!(upstream.requests().len(), 2);
    upstream.open_gate();
    for task in tasks {
        assert_eq!(task.await.unwrap().unwrap().status, 200);
    }
    assert_eq!((upstream.requests().len(), upstream.connections()), (5, 2));
}

#[test]
fn one_client_on_many_threads_and_runtimes() {
    let upstream = Upstream::start();
    upstream.items("/items", json!([1]));
    let outbound = outbound(&[&upstream]);
    let ask = |outbound: orrery::http::Outbound, url: String| {
        actix_rt::System::new().block_on(async move { outbound.send(get(url)).await.unwrap().status })
    };
    // The same thread under one runtime after the other: sockets of the first are dead in the second.
    for _ in 0..3 {
        assert_eq!(ask(outbound.clone(), upstream.url("/items")), 200);
    }
    let threads: Vec<_> = (0..4)
        .map(|_| {
            let (outbound, url) = (outbound.clone(), upstream.url("/items"));
            std::thread::spawn(move || ask(outbound, url))
        })
        .collect();
    for thread in threads {
        assert_eq!(thread.join().unwrap(), 200);
    }
}

#[actix_rt::test]
async fn samples_hold_no_secrets() {
    let upstream = Upstream::start();
    upstream.on("/echo", Behaviour::Echo);
    let auth = orrery::http::Auth::ApiKey {
        place: orrery::http::KeyPlace::Query,
        name: "key".into(),
        value: "topsecret".into(),
    };
    let mut request = post(upstream.url("/echo?k=topsecret"), "{}");
    request.client = Some(orrery::http::ClientCredentials::unnamed(auth));
    request.headers = vec![
        ("x-plain".into(), "shown".into()),
        ("Cookie".into(), "topsecret".into()),
    ];
    request.secret_headers = vec![("x-hidden".into(), "topsecret".into())];
    assert!(!format!("{request:?}").contains("topsecret"), "{request:?}");
    let response = outbound(&[&upstream]).send(request).await.unwrap();
    let echo = body(&response.body);
    assert_eq!(echo["target"], "/echo?k=topsecret&key=topsecret");
    let sample = response.redacted_request();
    let shown = serde_json::to_string(&sample).unwrap();
    assert!(!shown.contains("topsecret") && shown.contains("shown"), "{shown}");
    assert_eq!(sample.headers.len(), 3);
}
