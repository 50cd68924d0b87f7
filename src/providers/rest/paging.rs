//! Pages of a REST list: how the next one is asked for, and whether there is one.

use serde_json::Value;
use url::Url;

use super::super::{PagePlace, Trouble, TroubleKind};
use super::find;
use super::text::{Paging, PagingKind};
use crate::http::Response;

/// Records on a page, unless the description says otherwise.
const SIZE: u64 = 100;

impl Paging {
    /// A list that comes whole.
    pub const NONE: Self = Self {
        kind: PagingKind::None,
        parameter: None,
        first: None,
        size: None,
        size_parameter: None,
        next: None,
        total: None,
        pages: None,
        more: None,
    };

    fn size(&self) -> u64 {
        self.size.unwrap_or(SIZE)
    }

    fn first(&self) -> u64 {
        self.first.unwrap_or(u64::from(self.kind == PagingKind::Page))
    }

    /// The query parameter of the size, if one is sent.
    fn size_parameter(&self) -> Option<&str> {
        let usual = match self.kind {
            PagingKind::Page => "page_size",
            PagingKind::Offset | PagingKind::Cursor => "limit",
            PagingKind::None | PagingKind::Link | PagingKind::Next => "",
        };
        Some(self.size_parameter.as_deref().unwrap_or(usual)).filter(|name| !name.is_empty())
    }

    fn number(&self, place: Option<&PagePlace>) -> Result<u64, Trouble> {
        let Some(PagePlace(text)) = place else {
            return Ok(self.first());
        };
        text.parse()
            .map_err(|_| Trouble::new(TroubleKind::Unusable, format!("{text:?} is no place in this list")))
    }

    /// The query parameters of a page. Pages that have an address of their own are not asked for by parameters.
    ///
    /// # Errors
    /// [`TroubleKind::Unusable`]: the place is none of this list.
    pub fn parameters(&self, place: Option<&PagePlace>) -> Result<Vec<(String, String)>, Trouble> {
        let usual = match self.kind {
            PagingKind::Page => "page",
            PagingKind::Offset => "offset",
            PagingKind::Cursor => "cursor",
            PagingKind::None | PagingKind::Link | PagingKind::Next => "",
        };
        let name = self.parameter.as_deref().unwrap_or(usual).to_owned();
        let mut pairs = Vec::new();
        match (self.kind, place) {
            (PagingKind::Page | PagingKind::Offset, _) => pairs.push((name, self.number(place)?.to_string())),
            (PagingKind::Cursor, Some(PagePlace(cursor))) => pairs.push((name, cursor.clone())),
            _ => {}
        }
        pairs.extend(
            self.size_parameter()
                .map(|name| (name.to_owned(), self.size().to_string())),
        );
        Ok(pairs)
    }

    /// True where a place is an address.
    pub fn by_address(&self) -> bool {
        matches!(self.kind, PagingKind::Link | PagingKind::Next)
    }

    /// The place after a page with so many records.
    ///
    /// # Errors
    /// The answer leads elsewhere than to this list's own server, or back to the same page.
    pub fn next(
        &self,
        base: &str,
        place: Option<&PagePlace>,
        count: usize,
        body: &Value,
        answer: &Response,
    ) -> Result<Option<PagePlace>, Trouble> {
        let count = u64::try_from(count).unwrap_or(u64::MAX);
        let next = match self.kind {
            PagingKind::None => None,
            PagingKind::Page => {
                let page = self.number(place)?;
                let before = page.saturating_sub(self.first());
                let seen = before.saturating_mul(self.size()).saturating_add(count);
                self.has_more(body, count, seen, before + 1)
                    .then(|| (page + 1).to_string())
            }
            PagingKind::Offset => {
                let seen = self.number(place)?.saturating_add(count);
                let relative = seen.saturating_sub(self.first());
                self.has_more(body, count, relative, relative.div_ceil(self.size()))
                    .then(|| seen.to_string())
            }
            PagingKind::Cursor => self.pointed(body, "next_cursor"),
            PagingKind::Next => match self.pointed(body, "next") {
                Some(address) => Some(same_server(base, &answer.url, &address)?),
                None => None,
            },
            PagingKind::Link => match link_next(answer) {
                Some(address) => Some(same_server(base, &answer.url, &address)?),
                None => None,
            },
        };
        let next = next.map(PagePlace);
        if next.is_some() && next.as_ref() == place {
            return Err(Trouble::new(
                TroubleKind::Unusable,
                "the list leads from a page to the same page again; see paging in supporting_fields",
            ));
        }
        Ok(next)
    }

    /// Is there a page behind one that ends after so many records and is so many pages from the front?
    fn has_more(&self, body: &Value, count: u64, seen: u64, pages: u64) -> bool {
        let number = |path: &Option<String>| {
            let value = find(body, path.as_deref()?)?;
            value.as_u64().or_else(|| value.as_str()?.trim().parse().ok())
        };
        if count == 0 {
            return false;
        }
        if let Some(more) = self.more.as_deref().and_then(|path| find(body, path)) {
            return more.as_bool().unwrap_or(more.as_str() == Some("true"));
        }
        if let Some(all) = number(&self.pages) {
            return pages < all;
        }
        if let Some(all) = number(&self.total) {
            // Where the API gives less on a page than it is asked for, the pages before this one had that many, too.
            let least = if self.kind == PagingKind::Page {
                pages.saturating_mul(count)
            } else {
                seen
            };
            return seen != all && least < all;
        }
        // Where no size is asked for, only an empty page is the end.
        self.size_parameter().is_none() || count >= self.size()
    }

    fn pointed(&self, body: &Value, usual: &str) -> Option<String> {
        if let Some(path) = self.more.as_deref()
            && find(body, path).and_then(Value::as_bool) == Some(false)
        {
            return None;
        }
        let value = find(body, self.next.as_deref().unwrap_or(usual))?;
        super::super::common::text_of(value).filter(|text| !text.is_empty() && !value.is_boolean())
    }
}

/// The address in a `Link` header with `rel="next"`.
fn link_next(answer: &Response) -> Option<String> {
    let lines = answer
        .headers
        .iter()
        .filter(|(name, _)| name.eq_ignore_ascii_case("link"));
    lines
        .flat_map(|(_, line)| links(line))
        .find_map(|(address, parameters)| {
            let next = parameters.split(';').any(|parameter| {
                let (name, value) = parameter.split_once('=').unwrap_or((parameter, ""));
                let value = value.trim().trim_matches('"');
                name.trim().eq_ignore_ascii_case("rel")
                    && value.split(' ').any(|word| word.eq_ignore_ascii_case("next"))
            });
            next.then(|| address.to_owned())
        })
}

/// The links of a header: address and parameters. Commas stand between links, and may stand within an address.
fn links(line: &str) -> impl Iterator<Item = (&str, &str)> {
    line.split('<').skip(1).filter_map(|link| {
        let (address, rest) = link.split_once('>')?;
        Some((address.trim(), rest.trim().trim_end_matches(',')))
    })
}

/// The address that a place is. One of another kind of paging, from before the description was changed, is none.
///
/// # Errors
/// [`TroubleKind::Unusable`]: the place is no whole address on the server of the API.
pub fn stored_address(base: &str, place: &PagePlace) -> Result<String, Trouble> {
    match Url::parse(&place.0) {
        Ok(_) => same_server(base, base, &place.0),
        Err(_) => Err(Trouble::new(
            TroubleKind::Unusable,
            format!("{:?} is no place in this list", place.0),
        )),
    }
}

/// An address on the server of the API, absolute: credentials must go nowhere else.
fn same_server(base: &str, answered: &str, address: &str) -> Result<String, Trouble> {
    let refused = || {
        Trouble::new(
            TroubleKind::Unusable,
            "the list names a next page that is not on the server of api_domain",
        )
    };
    let own = Url::parse(base).map_err(|_| refused())?;
    let from = Url::parse(answered).unwrap_or_else(|_| own.clone());
    let next = from.join(address).map_err(|_| refused())?;
    if next.origin() != own.origin() || !next.username().is_empty() || next.password().is_some() {
        return Err(refused());
    }
    Ok(next.into())
}
