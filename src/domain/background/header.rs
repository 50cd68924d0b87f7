//! What the header `erp-api-background` says: who is told of the end of a request, and with which headers.

use url::{Host, Url};

/// The header's name.
pub const NAME: &str = "erp-api-background";
/// What a state document shows as webhook address where nobody is told.
pub const NONE: &str = "none";
/// What it shows where the tenant's subscriptions are told.
pub const SUBSCRIPTION: &str = "subscription";

/// Longest URL, bytes.
const URL_BYTES_MAX: usize = 2_048;
/// Most pairs.
const PAIRS_MAX: usize = 16;
/// Longest name of a pair, bytes.
const PAIR_NAME_BYTES_MAX: usize = 64;
/// Longest value of a pair, bytes.
const PAIR_VALUE_BYTES_MAX: usize = 512;
/// Longest text of all pairs, bytes.
const PAIRS_BYTES_MAX: usize = 2_048;
/// The pair whose value is the operation's reference, in any case.
const REFERENCE: &str = "reference";
/// Names that a notification carries itself, or that belong to a connection or to credentials.
const RESERVED: [&str; 17] = [
    "accept",
    "accept-encoding",
    "authorization",
    "connection",
    "cookie",
    "date",
    "expect",
    "forwarded",
    "host",
    "keep-alive",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "user-agent",
    "www-authenticate",
    NAME,
];
/// What reserved names begin with.
const RESERVED_PREFIXES: [&str; 4] = ["content-", "proxy-", "webhook-", "x-forwarded-"];

/// Who is told of the end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Notify {
    /// Nobody.
    Nobody,
    /// The receiver at this URL, as it was written.
    Url(String),
    /// The tenant's webhook subscriptions.
    Subscription(Pairs),
}

/// The pairs behind `subscription:`, which become headers of the notification.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Pairs {
    text: String,
    pairs: Vec<(String, String)>,
}

/// Why a value is refused, as a sentence for its sender that tells what is possible.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "The header {NAME} {0}. Send one of: the http or https URL that is notified of the end; none; subscription, with pairs \
     as in subscription:reference=42,name=value where the notification shall carry them as headers."
)]
pub struct Refused(String);

impl Notify {
    /// The address as the state document shows it, and as it is stored: the URL, `none` or `subscription`.
    #[must_use]
    pub fn address(&self) -> &str {
        match self {
            Self::Nobody => NONE,
            Self::Url(url) => url,
            Self::Subscription(_) => SUBSCRIPTION,
        }
    }

    /// The pairs, in their order.
    #[must_use]
    pub fn pairs(&self) -> &[(String, String)] {
        match self {
            Self::Subscription(pairs) => &pairs.pairs,
            Self::Nobody | Self::Url(_) => &[],
        }
    }

    /// The caller's own reference: the value of the pair `reference`, else the pairs as they were written.
    #[must_use]
    pub fn reference(&self) -> Option<&str> {
        let Self::Subscription(Pairs { text, pairs }) = self else {
            return None;
        };
        let named = pairs.iter().find(|(name, _)| name.eq_ignore_ascii_case(REFERENCE));
        match named {
            Some((_, value)) => Some(value),
            None => Some(text.as_str()).filter(|text| !text.is_empty()),
        }
    }
}

/// Reads all values that a request has under the header's name.
///
/// # Errors
/// [`Refused`], which never repeats a value.
pub fn parse<'a>(values: impl IntoIterator<Item = &'a [u8]>) -> Result<Notify, Refused> {
    let mut values = values.into_iter();
    let (Some(value), None) = (values.next(), values.next()) else {
        return Err(refused("was sent more than once"));
    };
    if !value
        .iter()
        .all(|byte| matches!(byte, b' ' | b'\t') || byte.is_ascii_graphic())
    {
        return Err(refused("has characters that are not ASCII"));
    }
    let Ok(text) = std::str::from_utf8(value).map(str::trim) else {
        return Err(refused("has characters that are not ASCII"));
    };
    if text.is_empty() {
        return Err(refused("is empty"));
    }
    if text.eq_ignore_ascii_case(NONE) {
        return Ok(Notify::Nobody);
    }
    if text.eq_ignore_ascii_case(SUBSCRIPTION) {
        return Ok(Notify::Subscription(Pairs::default()));
    }
    match text.split_once(':') {
        Some((word, pairs)) if word.eq_ignore_ascii_case(SUBSCRIPTION) => parse_pairs(pairs).map(Notify::Subscription),
        Some((scheme, _)) if ["http", "https"].iter().any(|known| scheme.eq_ignore_ascii_case(known)) => {
            check_url(text)?;
            Ok(Notify::Url(text.to_owned()))
        }
        _ => Err(refused("has a value that is not known")),
    }
}

fn check_url(text: &str) -> Result<(), Refused> {
    if text.len() > URL_BYTES_MAX {
        return Err(refused(format!("has a URL of more than {URL_BYTES_MAX} bytes")));
    }
    let no_url = || refused("has something that looks like a URL and is none");
    // Parsers of browsers forgive more than a receiver's address should need.
    let authority = text.split_once("://").map(|(_, rest)| rest).ok_or_else(no_url)?;
    if text.contains([' ', '\t', '\\']) || authority.starts_with('/') {
        return Err(no_url());
    }
    let url = Url::parse(text).map_err(|_| no_url())?;
    if !url.username().is_empty() || url.password().is_some() {
        return Err(refused("has a URL with a user name or password in it"));
    }
    match url.host() {
        Some(Host::Domain(name)) if !name.bytes().all(is_of_host_name) => Err(no_url()),
        Some(_) => Ok(()),
        None => Err(no_url()),
    }
}

fn is_of_host_name(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_')
}

fn parse_pairs(text: &str) -> Result<Pairs, Refused> {
    let text = text.trim();
    if text.is_empty() {
        return Err(refused("has no pairs after the colon"));
    }
    if text.len() > PAIRS_BYTES_MAX {
        return Err(refused(format!("has pairs of more than {PAIRS_BYTES_MAX} bytes")));
    }
    let mut pairs: Vec<(String, String)> = Vec::new();
    for pair in text.split(',') {
        if pairs.len() == PAIRS_MAX {
            return Err(refused(format!("has more than {PAIRS_MAX} pairs")));
        }
        let (name, value) = parse_pair(pair)?;
        if pairs.iter().any(|(known, _)| known.eq_ignore_ascii_case(name)) {
            return Err(refused(format!("has the name {name} twice in its pairs")));
        }
        pairs.push((name.to_owned(), value.to_owned()));
    }
    Ok(Pairs {
        text: text.to_owned(),
        pairs,
    })
}

fn parse_pair(pair: &str) -> Result<(&str, &str), Refused> {
    let (name, value) = pair
        .split_once('=')
        .map(|(name, value)| (name.trim(), value.trim()))
        .ok_or_else(|| refused("has a pair without an equals sign"))?;
    if name.is_empty() || !name.bytes().all(is_of_token) {
        return Err(refused("has a pair whose name is no header name"));
    }
    if name.len() > PAIR_NAME_BYTES_MAX {
        return Err(refused(format!(
            "has a name of more than {PAIR_NAME_BYTES_MAX} bytes in its pairs"
        )));
    }
    let lower = name.to_ascii_lowercase();
    if RESERVED.contains(&lower.as_str()) || RESERVED_PREFIXES.iter().any(|prefix| lower.starts_with(prefix)) {
        return Err(refused(format!("has the pair {lower}, whose name is reserved")));
    }
    if value.is_empty() || value.len() > PAIR_VALUE_BYTES_MAX {
        let bounds = format!("1 to {PAIR_VALUE_BYTES_MAX} bytes");
        return Err(refused(format!("has the pair {lower}, whose value must have {bounds}")));
    }
    Ok((name, value))
}

/// RFC 9110, section 5.6.2.
fn is_of_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}

fn refused(why: impl Into<String>) -> Refused {
    Refused(why.into())
}

#[cfg(test)]
#[path = "header_tests.rs"]
mod tests;
