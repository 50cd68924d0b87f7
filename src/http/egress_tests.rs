//! Tests of the egress policy: every refused range, every way to write an address, both lists.

use super::*;

fn policy(allow: &[&str], deny: &[&str]) -> EgressPolicy {
    let owned = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>();
    EgressPolicy::new(&owned(allow), &owned(deny)).unwrap()
}

fn on_paper(policy: &EgressPolicy, url: &str) -> Result<(), String> {
    policy.check_url(&Url::parse(url).unwrap()).map_err(|error| {
        assert_eq!(error.step, Step::Egress);
        error.message
    })
}

#[test]
fn refused_addresses() {
    let rows = [
        "0.0.0.0",
        "0.1.2.3",
        "10.0.0.1",
        "10.255.255.255",
        "100.64.0.1",
        "100.127.255.255",
        "127.0.0.1",
        "127.9.9.9",
        "169.254.169.254",
        "172.16.0.1",
        "172.31.255.255",
        "192.0.0.8",
        "192.0.2.1",
        "192.88.99.1",
        "192.168.1.1",
        "198.18.0.1",
        "198.19.255.255",
        "198.51.100.1",
        "203.0.113.1",
        "224.0.0.1",
        "239.1.1.1",
        "240.0.0.1",
        "255.255.255.255",
        "::",
        "::1",
        "::127.0.0.1",
        "::ffff:127.0.0.1",
        "::ffff:8.8.8.8",
        "64:ff9b::7f00:1",
        "64:ff9b:1::1",
        "100::1",
        "2001::1",
        "2001:0:53aa:64c::1",
        "2001:2::1",
        "2001:db8::1",
        "2002:7f00:1::",
        "3fff::1",
        "5f00::1",
        "fc00::1",
        "fd12:3456::1",
        "fe80::1",
        "febf::1",
        "fec0::1",
        "ff02::1",
        "4000::1",
    ];
    for text in rows {
        assert!(why_refused(text.parse().unwrap()).is_some(), "{text}");
    }
}

#[test]
fn public_addresses() {
    let rows = [
        "1.1.1.1",
        "8.8.8.8",
        "9.255.255.255",
        "11.0.0.1",
        "100.63.255.255",
        "100.128.0.0",
        "126.255.255.255",
        "128.0.0.1",
        "172.15.255.255",
        "172.32.0.1",
        "192.0.1.1",
        "192.167.1.1",
        "198.17.1.1",
        "198.20.0.1",
        "223.255.255.255",
        "2606:4700::1111",
        "2a00:1450::1",
        "2003::1",
        "3ffe::1",
    ];
    for text in rows {
        assert_eq!(why_refused(text.parse().unwrap()), None, "{text}");
    }
}

#[test]
fn every_way_to_write_loopback() {
    let policy = policy(&[], &[]);
    let rows = [
        "http://127.0.0.1/",
        "http://127.1/",
        "http://2130706433/",
        "http://0x7f000001/",
        "http://0177.0.0.1/",
        "http://0x7f.1/",
        "http://[::1]/",
        "http://[::ffff:127.0.0.1]/",
        "http://[::ffff:7f00:1]/",
        "http://0/",
        "http://localhost/",
        "http://LOCALHOST./",
        "http://a.localhost/",
        "https://127.0.0.1:8443/",
        "http://１２７.0.0.1/",
        "http://127.0.0.1./",
    ];
    for url in rows {
        assert!(on_paper(&policy, url).is_err(), "{url}");
    }
}

#[test]
fn schemes_and_user_information() {
    let policy = policy(&[], &[]);
    for url in [
        "ftp://a.example/",
        "file:///etc/passwd",
        "data:,x",
        "gopher://a.example",
        "javascript:1",
    ] {
        assert!(on_paper(&policy, url).is_err(), "{url}");
    }
    for url in [
        "http://user@a.example/",
        "http://user:password@a.example/",
        "http://:password@a.example/",
    ] {
        let message = on_paper(&policy, url).unwrap_err();
        assert!(
            message.contains("user name") && !message.contains("user:password"),
            "{message}"
        );
    }
    assert_eq!(on_paper(&policy, "https://api.example/a?b=c"), Ok(()));
}

#[test]
fn allow_lets_through_what_it_names() {
    let lists = policy(
        &[
            "10.1.0.0/16",
            "127.0.0.1:8080",
            "intern.example:8443",
            "*.lab.example",
            "[::1]:9000",
        ],
        &[],
    );
    assert_eq!(on_paper(&lists, "http://10.1.2.3/"), Ok(()));
    assert!(on_paper(&lists, "http://10.2.2.3/").is_err());
    assert_eq!(on_paper(&lists, "http://127.0.0.1:8080/"), Ok(()));
    assert!(on_paper(&lists, "http://127.0.0.1:8081/").is_err());
    assert_eq!(on_paper(&lists, "http://localhost:8080/"), Ok(()));
    assert_eq!(on_paper(&lists, "http://[::1]:9000/"), Ok(()));
    let address = |text: &str| text.parse().unwrap();
    assert!(
        lists
            .check_address(address("192.168.0.9:8443"), Some("intern.example"))
            .is_ok()
    );
    assert!(
        lists
            .check_address(address("192.168.0.9:8443"), Some("INTERN.example."))
            .is_ok()
    );
    assert!(
        lists
            .check_address(address("192.168.0.9:443"), Some("intern.example"))
            .is_err()
    );
    assert!(
        lists
            .check_address(address("192.168.0.9:443"), Some("a.lab.example"))
            .is_ok()
    );
    assert!(
        lists
            .check_address(address("192.168.0.9:443"), Some("lab.example"))
            .is_err()
    );
    assert!(
        lists
            .check_address(address("192.168.0.9:443"), Some("evillab.example"))
            .is_err()
    );
}

#[test]
fn deny_wins() {
    let lists = policy(
        &["10.0.0.0/8", "a.example"],
        &["10.0.0.5", "a.example", "8.8.8.0/24", "*.bad.example"],
    );
    assert!(on_paper(&lists, "http://10.0.0.5/").is_err());
    assert_eq!(on_paper(&lists, "http://10.0.0.6/"), Ok(()));
    assert!(on_paper(&lists, "http://a.example/").is_err());
    assert!(on_paper(&lists, "http://x.bad.example/").is_err());
    assert!(on_paper(&lists, "http://8.8.8.8/").is_err());
    assert!(
        lists
            .check_address("8.8.8.8:443".parse().unwrap(), Some("dns.example"))
            .is_err()
    );
    let mapped = policy(&["::ffff:0:0/96"], &["8.8.8.0/24"]);
    assert!(on_paper(&mapped, "http://[::ffff:8.8.8.8]/").is_err());
}

#[test]
fn unclear_rules_are_named() {
    for rule in ["", "a b", "host:port", "10.0.0.0/40", "http://a.example"] {
        let error = EgressPolicy::new(&[rule.to_owned()], &[]).unwrap_err();
        assert!(error.message.contains(rule), "{rule}: {}", error.message);
    }
}
