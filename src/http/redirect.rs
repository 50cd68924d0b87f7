//! Where a redirect leads and what goes along. Pure.

use url::Url;

use super::error::{Error, Step};
use super::message::Method;

/// The next request of a chain.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Next {
    pub url: Url,
    pub method: Method,
    /// False when the method became GET: body and its headers are left behind.
    pub keeps_body: bool,
    /// False when the origin changed: credentials and secret headers are left behind.
    pub same_origin: bool,
}

/// What an answer with this status leads to; `None` when it is the answer itself. As browsers do: 301 and 302 turn POST
/// into GET, 303 turns everything into GET, 307 and 308 change nothing.
pub(super) fn next(status: u16, location: Option<&str>, current: &Url, method: Method) -> Option<Result<Next, Error>> {
    if !matches!(status, 301 | 302 | 303 | 307 | 308) {
        return None;
    }
    let location = location?;
    let becomes_get = match status {
        301 | 302 => method == Method::Post,
        303 => method != Method::Get,
        _ => false,
    };
    Some(match current.join(location) {
        Ok(mut url) => {
            url.set_fragment(None);
            Ok(Next {
                same_origin: url.origin() == current.origin(),
                url,
                method: if becomes_get { Method::Get } else { method },
                keeps_body: !becomes_get,
            })
        }
        Err(cause) => Err(Error::new(
            Step::Redirect,
            format!("the answer {status} redirects to no usable URL: {cause}"),
        )),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lead(status: u16, location: &str, method: Method) -> Next {
        let current = Url::parse("https://a.example/x/y?q=1").unwrap();
        next(status, Some(location), &current, method).unwrap().unwrap()
    }

    #[test]
    fn methods_and_bodies() {
        let rows = [
            (301, Method::Get, Method::Get, true),
            (301, Method::Post, Method::Get, false),
            (302, Method::Post, Method::Get, false),
            (302, Method::Put, Method::Put, true),
            (303, Method::Put, Method::Get, false),
            (303, Method::Get, Method::Get, true),
            (307, Method::Post, Method::Post, true),
            (308, Method::Delete, Method::Delete, true),
        ];
        for (status, method, expected, keeps_body) in rows {
            let found = lead(status, "/z", method);
            assert_eq!(
                (found.method, found.keeps_body),
                (expected, keeps_body),
                "{status} {method:?}"
            );
        }
    }

    #[test]
    fn origins() {
        let rows = [
            ("/z", "https://a.example/z", true),
            ("z#top", "https://a.example/x/z", true),
            ("?q=2", "https://a.example/x/y?q=2", true),
            ("//a.example:443/z", "https://a.example/z", true),
            ("http://a.example/z", "http://a.example/z", false),
            ("https://a.example:8443/z", "https://a.example:8443/z", false),
            ("https://b.example/z", "https://b.example/z", false),
        ];
        for (location, expected, same_origin) in rows {
            let found = lead(302, location, Method::Get);
            assert_eq!(
                (found.url.as_str(), found.same_origin),
                (expected, same_origin),
                "{location}"
            );
        }
    }

    #[test]
    fn what_is_no_redirect() {
        let current = Url::parse("https://a.example/").unwrap();
        assert!(next(200, Some("/z"), &current, Method::Get).is_none());
        assert!(next(304, Some("/z"), &current, Method::Get).is_none());
        assert!(next(302, None, &current, Method::Get).is_none());
        assert!(next(302, Some("http://[bad"), &current, Method::Get).unwrap().is_err());
    }
}
