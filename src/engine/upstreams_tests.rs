//! Tests of paths, headers and failures of upstreams.

use actix_http::header;

use super::*;

fn upstream(target: &str) -> Upstream {
    let settings = serde_json::json!({ "prefix": "/shop", "target": target });
    Upstream::new(&serde_json::from_value(settings).unwrap()).unwrap()
}

fn headers(list: &[(&'static str, &str)]) -> Headers {
    list.iter()
        .map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_str(value).unwrap()))
        .collect()
}

fn texts(headers: &Headers) -> Vec<(&str, &str)> {
    headers
        .iter()
        .map(|(name, value)| (name.as_str(), value.to_str().unwrap()))
        .collect()
}

#[test]
fn the_prefix_becomes_the_target() {
    for (target, asked, expected) in [
        ("https://a.example", "/shop", "https://a.example/"),
        ("https://a.example", "/shop/", "https://a.example/"),
        ("https://a.example/", "/shop/x?y=1&z", "https://a.example/x?y=1&z"),
        ("https://a.example/api", "/shop", "https://a.example/api"),
        ("https://a.example/api/", "/shop/x", "https://a.example/api/x"),
        (
            "https://a.example/api",
            "/shop//b.example/x",
            "https://a.example/api//b.example/x",
        ),
        (
            "https://a.example",
            "/shop//b.example/x",
            "https://a.example//b.example/x",
        ),
        ("https://a.example", "/shop/@b.example", "https://a.example/@b.example"),
        ("https://a.example:8443/api", "/shop?x", "https://a.example:8443/api?x"),
        (
            "https://a.example/api",
            "/shop/a%20b%2Fc",
            "https://a.example/api/a%20b%2Fc",
        ),
        (
            "https://a.example/api",
            "/shop/x?to=../y",
            "https://a.example/api/x?to=../y",
        ),
        (
            "https://a.example/api",
            "/shop/a..b/...",
            "https://a.example/api/a..b/...",
        ),
    ] {
        assert_eq!(upstream(target).url_of(asked).unwrap(), expected, "{target} {asked}");
    }
}

#[test]
fn no_path_leads_out_of_the_target() {
    let upstream = upstream("https://a.example/api");
    for asked in [
        "/shop/..",
        "/shop/../admin",
        "/shop/x/../../admin",
        "/shop/%2e%2e/admin",
        "/shop/.%2E/admin",
        "/shop/..%2fadmin",
        "/shop/x%5c..%5cadmin",
        "/shop/..;a=1/admin",
        "/shop/..%3b/admin",
    ] {
        assert_eq!(upstream.url_of(asked).unwrap_err().code, Code::BadRequest, "{asked}");
    }
    for asked in ["/shops", "/", "/shopping/x", "/sho", "shop", "@b.example/"] {
        assert_eq!(upstream.url_of(asked).unwrap_err().code, Code::NotFound, "{asked}");
    }
}

#[test]
fn a_path_finds_its_upstream() {
    let mut settings = Settings::base().unwrap();
    let one = |prefix: &str| serde_json::json!({ "prefix": prefix, "target": "https://a.example" });
    settings.upstreams = vec![
        serde_json::from_value(one("/shop")).unwrap(),
        serde_json::from_value(one("/shop-2/v1")).unwrap(),
    ];
    let upstreams = Upstreams::new(&settings).unwrap();
    let found = |path: &str| upstreams.find(path).map(|one| one.prefix.as_str());
    assert_eq!(found("/shop"), Some("/shop"));
    assert_eq!(found("/shop/x"), Some("/shop"));
    assert_eq!(found("/shop-2/v1/x"), Some("/shop-2/v1"));
    assert_eq!(found("/shop-2"), None);
    assert_eq!(found("/api/v1/me"), None);
    assert!(upstreams.by_prefix("/shop").is_some() && upstreams.by_prefix("/shop/x").is_none());
}

#[test]
fn what_goes_along() {
    let inbound = headers(&[
        ("host", "orrery.example"),
        ("authorization", "Bearer ours"),
        ("accept-encoding", "br, gzip"),
        ("ipp-company-id", "7"),
        ("erp-api-background", "none"),
        ("ipp_company_id", "8"),
        ("cookie", "a=1"),
        ("connection", "keep-alive, X-Private, ipp-company-id"),
        ("x-private", "1"),
        ("keep-alive", "timeout=5"),
        ("te", "trailers"),
        ("upgrade", "h2c"),
        ("proxy-authorization", "Basic x"),
        ("transfer-encoding", "chunked"),
        ("content-length", "5"),
        ("expect", "100-continue"),
        ("x-forwarded-for", "10.0.0.1"),
        ("x-forwarded-proto", "https"),
        ("via", "1.1 edge"),
        ("accept", "a"),
        ("accept", "b"),
    ]);
    let forwarded = Forwarded {
        client_ip: Some("192.0.2.7".to_owned()),
        host: Some("orrery.example".to_owned()),
        proto: "http".to_owned(),
    };
    assert_eq!(
        texts(&upstream("https://a.example").outbound_headers(&inbound, &forwarded)),
        [
            ("accept-encoding", "br, gzip"),
            ("accept", "a"),
            ("accept", "b"),
            ("ipp-company-id", "7"),
            ("x-forwarded-for", "10.0.0.1, 192.0.2.7"),
            ("x-forwarded-host", "orrery.example"),
            ("x-forwarded-proto", "https, http"),
            ("via", "1.1 edge, 1.1 orrery"),
        ]
    );
}

#[test]
fn credentials_go_along_only_where_they_are_the_callers() {
    let (theirs, ours) = (("authorization", "Bearer theirs"), ("x-orrery-token", "ours"));
    for (passes, given, expected) in [
        (false, vec![theirs], None),
        (false, vec![theirs, ours], None),
        (true, vec![theirs], Some("Bearer theirs")),
        (true, vec![theirs, ours], Some("Bearer theirs")),
        (true, vec![ours], None),
    ] {
        let mut upstream = upstream("https://a.example");
        upstream.pass_credentials = passes;
        let sent = upstream.outbound_headers(&headers(&given), &Forwarded::default());
        let sent = texts(&sent);
        let found = sent
            .iter()
            .find(|(name, _)| *name == "authorization")
            .map(|(_, value)| *value);
        assert_eq!(found, expected, "{passes} {given:?}");
        assert!(!sent.iter().any(|(_, value)| value.contains("ours")));
    }
}

#[test]
fn places_are_moved_and_connections_kept_apart() {
    let upstream = upstream("https://a.example/api");
    let asked = "https://a.example/api/orders/7?x=1";
    let back = |name: &'static str, value: &str| {
        let found = upstream.response_headers(asked, "https://orrery.example/mounted", headers(&[(name, value)]));
        texts(&found).first().map(|(_, value)| (*value).to_owned())
    };
    for (place, expected) in [
        (
            "https://a.example/api/orders/8?y#z",
            "https://orrery.example/mounted/shop/orders/8?y#z",
        ),
        ("https://a.example:443/api", "https://orrery.example/mounted/shop"),
        ("/api/orders/8", "/mounted/shop/orders/8"),
        ("8", "/mounted/shop/orders/8"),
        ("?page=2", "/mounted/shop/orders/7?page=2"),
        ("//a.example/api/x", "/mounted/shop/x"),
        // Elsewhere stays elsewhere.
        ("https://b.example/api/x", "https://b.example/api/x"),
        ("http://a.example/api/x", "http://a.example/api/x"),
        ("/apis/x", "/apis/x"),
        ("/login", "/login"),
        ("http://[bad", "http://[bad"),
    ] {
        assert_eq!(back("location", place).as_deref(), Some(expected), "{place}");
    }
    assert_eq!(back("operation-location", "/api/x").as_deref(), Some("/mounted/shop/x"));
    assert_eq!(back("link", "/api/x").as_deref(), Some("/api/x"));
    let list = headers(&[
        ("connection", "x-hop"),
        ("x-hop", "1"),
        ("keep-alive", "5"),
        ("upgrade", "h2"),
        ("alt-svc", "h3=\":443\""),
        ("retry-after", "5"),
        ("cache-control", "max-age=5"),
    ]);
    let found = upstream.response_headers(asked, "https://orrery.example", list);
    assert_eq!(texts(&found), [("retry-after", "5"), ("cache-control", "max-age=5")]);
}

#[test]
fn what_an_upstream_says_of_its_host_stays_behind() {
    let list = [
        ("strict-transport-security", "max-age=1"),
        ("clear-site-data", "\"*\""),
        ("service-worker-allowed", "/"),
        ("set-cookie", "a=1"),
        ("etag", "1"),
    ];
    let mut upstream = upstream("https://a.example");
    for (passes, expected) in [(false, vec!["etag"]), (true, vec!["set-cookie", "etag"])] {
        upstream.pass_credentials = passes;
        let found = upstream.response_headers("https://a.example/x", "https://orrery.example", headers(&list));
        let names: Vec<_> = texts(&found).iter().map(|(name, _)| *name).collect();
        assert_eq!(names, expected);
        let sent = upstream.outbound_headers(&headers(&[("cookie", "a=1")]), &Forwarded::default());
        assert_eq!(texts(&sent).contains(&("cookie", "a=1")), passes);
    }
}

#[test]
fn schemes_of_connections_stay_behind() {
    let mut upstream = upstream("https://a.example");
    for (value, expected) in [
        ("Basic realm=\"a, Negotiate\"", Some("Basic realm=\"a, Negotiate\"")),
        ("NTLM", None),
        ("negotiate YII==", None),
        ("Negotiate, NTLM", None),
        (
            "Negotiate, Basic realm=\"a\", charset=\"UTF-8\"",
            Some("Basic realm=\"a\", charset=\"UTF-8\""),
        ),
        (
            "Digest realm = \"\\\", NTLM\", ntlm=1, nTLM x=1, y=2, Bearer",
            Some("Digest realm = \"\\\", NTLM\", ntlm=1, Bearer"),
        ),
    ] {
        let list = headers(&[("www-authenticate", value)]);
        let found = upstream.response_headers("https://a.example/x", "https://orrery.example", list);
        assert_eq!(texts(&found).first().map(|(_, value)| *value), expected, "{value}");
    }
    for (value, right) in [
        ("Basic bnRsbQ==", true),
        ("Bearer negotiate", true),
        ("Digest username=\"ntlm\", realm=\"a\"", true),
        ("NTLM TlRMTVNTUAAB", false),
        ("  negotiate YII=", false),
        ("Negotiate", false),
    ] {
        let list = headers(&[("authorization", value)]);
        upstream.pass_credentials = true;
        let found = upstream.check_credentials(list.iter().map(|(_, value)| value));
        assert_eq!(
            found.map_err(|error| error.code),
            right.then_some(()).ok_or(Code::BadRequest),
            "{value}"
        );
        upstream.pass_credentials = false;
        upstream.check_credentials(list.iter().map(|(_, value)| value)).unwrap();
    }
}

#[test]
fn answers_are_kept_out_of_shared_caches() {
    for (given, expected) in [
        (vec![], "private"),
        (vec!["max-age=60"], "private, max-age=60"),
        (vec!["public, max-age=60", "s-maxage=9"], "private, max-age=60"),
        (vec!["private=\"a, b\", no-cache"], "private, no-cache"),
        (vec!["no-cache, No-Store"], "no-cache, No-Store"),
        (vec!["x=\"no-store, no-store\""], "private, x=\"no-store, no-store\""),
    ] {
        let mut list: Vec<_> = given.iter().map(|value| ("cache-control", *value)).collect();
        list.extend([("cdn-cache-control", "public"), ("surrogate-control", "max-age=60")]);
        let mut found = headers(&list);
        keep_private(&mut found);
        assert_eq!(texts(&found), [(header::CACHE_CONTROL.as_str(), expected)], "{given:?}");
    }
}

#[test]
fn failures_tell_nothing_of_what_is_behind() {
    let upstream = upstream("https://10.1.2.3:8443/api");
    for (step, code) in [
        (Step::Dns, Code::BadGateway),
        (Step::Connect, Code::BadGateway),
        (Step::Tls, Code::BadGateway),
        (Step::Egress, Code::BadGateway),
        (Step::Token, Code::BadGateway),
        (Step::Protocol, Code::BadGateway),
        (Step::TooLarge, Code::BadGateway),
        (Step::Timeout, Code::GatewayTimeout),
        (Step::Budget, Code::Unavailable),
    ] {
        let error = upstream.failure(&http::Error::new(step, "cannot connect to 10.1.2.3:8443"), 60_000);
        assert_eq!(error.code, code, "{step}");
        assert!(
            error.message.contains("/shop") && !error.message.contains("10.1.2.3"),
            "{error}"
        );
    }
}
