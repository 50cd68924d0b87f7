//! Where the address of an action leads, as far as its template writes it out: no value can lead what is secret elsewhere.

use url::{Origin, Url};

/// Where tags begin.
const TAGS: [&str; 3] = ["{{", "{%", "{#"];

/// What a template of an address writes out, where that holds scheme and host: up to its first tag, or to the path before that.
#[must_use]
pub fn written_begin(template: &str) -> Option<&str> {
    let Some(first) = TAGS.into_iter().filter_map(|tag| template.find(tag)).min() else {
        // A path alone goes to the connection's host.
        let is_path = template.starts_with('/') && !template.starts_with("//");
        return (!is_path).then_some(template);
    };
    let written = template.get(..first)?;
    let (_, after_scheme) = written.split_once("://")?;
    after_scheme.contains(['/', '?', '#']).then_some(written)
}

/// Scheme, host and port, where the template writes them out.
#[must_use]
pub fn written_origin(template: &str) -> Option<Origin> {
    let url = Url::parse(written_begin(template.trim())?).ok()?;
    url.has_host().then(|| url.origin()).filter(Origin::is_tuple)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_origin_counts_only_where_it_is_written_out() {
        let origin = |text: &str| written_origin(text).map(|origin| origin.ascii_serialization());
        for (template, expected) in [
            ("https://a.example/x/{{ item.Id }}", Some("https://a.example")),
            ("https://a.example:8443?x={{ item.Id }}", Some("https://a.example:8443")),
            ("https://a.example/{% if a %}b{% endif %}", Some("https://a.example")),
            (" http://a.example ", Some("http://a.example")),
            ("https://a.example{{ item.Id }}/", None),
            ("https://a.example{# no #}.other.example/", None),
            ("https://{{ item.Host }}/x", None),
            ("https://a.example@{{ item.Host }}/x", None),
            ("{{ item.Url }}", None),
            ("{% if a %}https://a.example/{% endif %}", None),
            ("/relative/{{ item.Id }}", None),
            ("/orders", None),
            ("other://a.example/", None),
        ] {
            assert_eq!(origin(template).as_deref(), expected, "{template}");
        }
        assert_eq!(written_begin("//x.example/orders"), Some("//x.example/orders"));
        assert_eq!(written_begin("/orders"), None);
    }
}
