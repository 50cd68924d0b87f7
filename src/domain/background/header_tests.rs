//! The three forms of the header, and what is none of them.

use proptest::prelude::*;

use super::*;

fn one(text: &str) -> Result<Notify, Refused> {
    parse([text.as_bytes()])
}

#[test]
fn nobody_is_told_in_any_case() {
    for text in ["none", "None", "NONE", " nOnE\t"] {
        let notify = one(text).unwrap();
        assert_eq!(notify, Notify::Nobody, "{text}");
        assert_eq!((notify.address(), notify.reference()), ("none", None));
        assert!(notify.pairs().is_empty());
    }
}

#[test]
fn urls_are_taken_as_they_are_written() {
    for text in [
        "https://example.com",
        "http://example.com:8080/hook?key=a=b,c#part",
        "HTTPS://EXAMPLE.com/Hook",
        "https://[2001:db8::1]/x",
        "http://127.0.0.1:1/",
        "https://xn--rksmrgs-5wao1o.se/",
    ] {
        let notify = one(&format!(" {text} ")).unwrap();
        assert_eq!(notify.address(), text);
        assert_eq!(notify.reference(), None);
    }
}

#[test]
fn subscriptions_take_pairs() {
    let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    for text in ["subscription", "Subscription "] {
        let notify = one(text).unwrap();
        assert_eq!((notify.address(), notify.reference()), ("subscription", None));
        assert!(notify.pairs().is_empty());
    }
    let notify = one("subscription:invoice=42, batch = a=b ").unwrap();
    assert_eq!(notify.pairs(), [pair("invoice", "42"), pair("batch", "a=b")]);
    assert_eq!(notify.reference(), Some("invoice=42, batch = a=b"));
    assert_eq!(notify.address(), "subscription");
    let notify = one("subscription:a=1,Reference=order 7").unwrap();
    assert_eq!(notify.reference(), Some("order 7"));
}

#[test]
fn everything_else_is_refused_with_the_three_forms() {
    let many = (0..17).map(|index| format!("n{index}=1")).collect::<Vec<_>>().join(",");
    for (text, part) in [
        ("", "is empty"),
        (" \t ", "is empty"),
        ("yes", "is not known"),
        ("true", "is not known"),
        ("none,none", "is not known"),
        ("none; x", "is not known"),
        ("ftp://example.com", "is not known"),
        ("javascript:alert(1)", "is not known"),
        ("//example.com", "is not known"),
        ("example.com/hook", "is not known"),
        ("https:example.com", "is none"),
        ("https:/example.com", "is none"),
        ("https:///example.com", "is none"),
        ("https://", "is none"),
        ("https://a b", "is none"),
        ("https://a.com, https://b.com", "is none"),
        ("https://a.com,https://b.com", "is none"),
        ("https://a.com\\@b.com", "is none"),
        ("https://a.com:99999/", "is none"),
        ("https://user:secret@a.com/", "user name or password"),
        ("https://user@a.com/", "user name or password"),
        (&format!("https://a.com/{}", "x".repeat(2_048)), "more than 2048 bytes"),
        ("subscriptions", "is not known"),
        ("subscription=a", "is not known"),
        ("subscription:", "no pairs"),
        ("subscription: ", "no pairs"),
        ("subscription:a", "without an equals sign"),
        ("subscription:a=1,", "without an equals sign"),
        ("subscription:,a=1", "without an equals sign"),
        ("subscription:=1", "no header name"),
        ("subscription:a b=1", "no header name"),
        ("subscription:a:b=1", "no header name"),
        ("subscription:a=", "must have"),
        (&format!("subscription:a={}", "x".repeat(513)), "must have"),
        (&format!("subscription:{}=1", "x".repeat(65)), "more than 64 bytes"),
        (&format!("subscription:{many}"), "more than 16 pairs"),
        (&format!("subscription:a={}", "x".repeat(3_000)), "more than 2048 bytes"),
        ("subscription:a=1,A=2", "twice"),
        ("subscription:Host=a", "reserved"),
        ("subscription:Content-Type=a", "reserved"),
        ("subscription:content-length=0", "reserved"),
        ("subscription:Authorization=a", "reserved"),
        ("subscription:webhook-id=a", "reserved"),
        ("subscription:Webhook-Signature=a", "reserved"),
        ("subscription:transfer-encoding=chunked", "reserved"),
        ("subscription:x-forwarded-for=a", "reserved"),
        ("subscription:erp-api-background=none", "reserved"),
    ] {
        let refused = one(text).unwrap_err().to_string();
        assert!(refused.contains(part), "{text}: {refused}");
        for form in ["http or https URL", "none", "subscription:reference=42"] {
            assert!(refused.contains(form), "{refused}");
        }
        assert!(!refused.contains("secret"), "{refused}");
    }
}

#[test]
fn it_is_sent_once_and_in_ascii() {
    let [none, subscription]: [&[u8]; 2] = [b"none", b"subscription"];
    for values in [&[none, none][..], &[none, subscription], &[none, b""]] {
        let refused = parse(values.iter().copied()).unwrap_err().to_string();
        assert!(refused.contains("more than once"), "{refused}");
    }
    for value in [&b"subscription:a=\xc3\xa5"[..], b"https://\xff", b"no\0ne", b"none\x7f"] {
        let refused = parse([value]).unwrap_err().to_string();
        assert!(refused.contains("not ASCII"), "{refused}");
    }
}

proptest! {
    #[test]
    fn whatever_is_sent_is_read_or_refused_within_bounds(value in prop::collection::vec(any::<u8>(), 0..200)) {
        if let Ok(notify) = parse([value.as_slice()]) {
            prop_assert!(notify.address().len() <= URL_BYTES_MAX);
            prop_assert!(notify.pairs().len() <= PAIRS_MAX);
        }
    }

    #[test]
    fn pairs_never_hold_line_ends_or_reserved_names(text in "subscription:([a-zA-Z-]{1,12}=[ -~]{0,20},?){1,5}") {
        if let Ok(notify) = one(&text) {
            for (name, value) in notify.pairs() {
                prop_assert!(name.bytes().all(is_of_token) && !name.to_ascii_lowercase().starts_with("webhook-"));
                prop_assert!(value.bytes().all(|byte| byte == b' ' || byte.is_ascii_graphic()));
            }
        }
    }
}
