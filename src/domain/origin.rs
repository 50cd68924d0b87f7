//! Where an address leads: what was entered for one server is not kept for another.

use url::Url;

/// Scheme, host and port; what is no address stands for itself.
#[must_use]
pub fn origin(text: &str) -> String {
    let text = text.trim();
    match Url::parse(text).map(|url| url.origin()) {
        Ok(origin) if origin.is_tuple() => origin.ascii_serialization(),
        _ => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_do_not_count_and_ports_do() {
        for (text, expected) in [
            ("https://a.example/x?y=1", "https://a.example"),
            (" https://a.example:443 ", "https://a.example"),
            ("https://a.example:8443/x", "https://a.example:8443"),
            ("http://a.example", "http://a.example"),
            (" a.example ", "a.example"),
            ("data:a", "data:a"),
        ] {
            assert_eq!(origin(text), expected, "{text}");
        }
    }
}
