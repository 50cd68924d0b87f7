//! The request of an action: templates filled, the body script run, headers put together.

use bytes::Bytes;
use serde_json::Value as Json;
use url::Origin;

use super::{
    Attempt,
    carrier::Carrier,
    ended,
    escape::Escape,
    scope::Scope,
    script,
    template::{render, render_within},
};
use crate::{
    actors::integration::work::Acted,
    domain::integration::{Action, address::written_origin},
    http::{Method, Request, Secret, is_secret_header},
    script::{Kind, Value},
};

/// Most headers of an action.
const HEADERS_MAX: usize = 100;
/// Most that all headers become together, names and values, bytes: no server takes as much.
const HEADERS_BYTES_MAX: usize = 65_536;

/// A request that can be sent.
pub(super) struct Built {
    pub request: Request,
    /// Scheme, host and port as the template writes them out.
    pub origin: Option<Origin>,
}

/// What is put into templates, and what they are.
struct Texts {
    url: String,
    /// Name, template, whether it is secret.
    headers: Vec<(String, String, bool)>,
    body: Option<(String, Escape)>,
}

/// Puts the request of an action together.
pub(super) async fn build(
    attempt: Attempt<'_>,
    action: &Action,
    scope: &Scope,
    carrier: &Carrier,
    method: Method,
    idempotency_key: &str,
) -> Result<Built, Acted> {
    let url = action.url.as_deref().unwrap_or_default().trim();
    if url.is_empty() {
        return Err(ended::failed("The action has no Url.", true));
    }
    let headers = headers(attempt, action).await?;
    let content_type = headers
        .iter()
        .find(|(name, ..)| name.eq_ignore_ascii_case("content-type"));
    let content_type = content_type.map(|(_, value, _)| value.clone());
    let scripted = match &action.body_script {
        Some(source) => Some(script::run(attempt, Kind::ItemBody, source, scope, None).await?),
        None => None,
    };
    let template = action
        .body
        .as_deref()
        .filter(|body| scripted.is_none() && !body.is_empty());
    let texts = Texts {
        url: url.to_owned(),
        headers,
        body: template.map(|body| (body.to_owned(), Escape::of_body(content_type.as_deref(), body))),
    };
    let kind = texts.body.as_ref().map(|(_, escape)| *escape);
    let filled = fill(texts, scope).await?;
    let (body, body_type) = match scripted {
        Some(Value::Json(text)) => (Some(text), Some("application/json")),
        Some(Value::Text(text)) => {
            let is_json = matches!(text.trim_ascii_start().as_bytes().first(), Some(b'{' | b'['));
            (Some(text), Some(if is_json { "application/json" } else { TEXT }))
        }
        _ => (filled.body.map(|(text, _)| text), kind.map(type_of)),
    };
    let (mut open, mut secret) = (Vec::new(), Vec::new());
    for (name, value, is_secret) in filled.headers {
        let list = if is_secret { &mut secret } else { &mut open };
        list.push((name, value));
    }
    if let Some(kind) = body_type.filter(|_| content_type.is_none()) {
        open.push(("Content-Type".to_owned(), kind.to_owned()));
    }
    let has_key = |(name, _): &(String, String)| name.eq_ignore_ascii_case("idempotency-key");
    if !open.iter().chain(&secret).any(has_key) {
        open.push(("Idempotency-Key".to_owned(), in_header(idempotency_key)));
    }
    let request = Request {
        method,
        url: absolute(filled.url, carrier)?,
        headers: open,
        secret_headers: secret,
        body: body.map(Bytes::from),
        ..Request::default()
    };
    Ok(Built {
        request,
        origin: written_origin(url),
    })
}

/// The method of an action.
pub(super) fn method_of(action: &Action, default: Method) -> Result<Method, Acted> {
    let Some(word) = action.method.as_deref().map(str::trim).filter(|word| !word.is_empty()) else {
        return Ok(default);
    };
    word.to_ascii_uppercase()
        .parse()
        .map_err(|wrong| ended::failed(format!("The action's Method {wrong}."), true))
}

const TEXT: &str = "text/plain; charset=utf-8";

const fn type_of(escape: Escape) -> &'static str {
    match escape {
        Escape::Json => "application/json",
        Escape::Xml => "application/xml",
        Escape::Url => "application/x-www-form-urlencoded",
        Escape::Plain => TEXT,
    }
}

/// Names and templates, the secret ones opened.
async fn headers(attempt: Attempt<'_>, action: &Action) -> Result<Vec<(String, String, bool)>, Acted> {
    let Attempt { services, work, .. } = attempt;
    let text = action.headers.as_deref().unwrap_or_default().trim();
    if text.is_empty() {
        return Ok(Vec::new());
    }
    let Ok(Json::Object(members)) = serde_json::from_str(text) else {
        return Err(ended::failed("The action's Headers are no JSON object.", true));
    };
    if members.len() > HEADERS_MAX {
        return Err(ended::failed(
            format!("The action has more than {HEADERS_MAX} headers."),
            true,
        ));
    }
    let secrets = match &work.action {
        Some((id, _)) => {
            services
                .store
                .action_secrets(&services.sealer, work.owner_id, *id)
                .await
        }
        None => Ok(Default::default()),
    };
    let secrets = secrets.map_err(|error| ended::of_store(services, &error))?;
    let secret_of = |name: &str| {
        let found = secrets.iter().find(|(known, _)| known.eq_ignore_ascii_case(name));
        found.map(|(_, secret): (_, &Secret)| secret.expose().to_owned())
    };
    let each = |(name, value): (String, Json)| {
        let (value, is_sealed) = match (secret_of(&name), value) {
            (Some(secret), _) => (secret, true),
            (None, Json::String(text)) => (text, false),
            (None, Json::Null) => (String::new(), false),
            (None, other) => (other.to_string(), false),
        };
        let is_secret = is_sealed || is_secret_header(&name);
        (name, value, is_secret)
    };
    Ok(members.into_iter().map(each).collect())
}

/// Fills the templates, away from the threads that requests run on.
async fn fill(texts: Texts, scope: &Scope) -> Result<Texts, Acted> {
    let shown = scope.shown.clone();
    let work = move || -> Result<Texts, String> {
        let named = |what: &str| {
            let what = what.to_owned();
            move |why: String| format!("The template of the {what} cannot be used: {why}.")
        };
        // Counted while they are made: values are long, and there may be many of them.
        let mut left = HEADERS_BYTES_MAX;
        let headers = texts.headers.into_iter().map(|(name, template, is_secret)| {
            left = left.saturating_sub(name.len());
            let too_long = || format!("with it all headers together become longer than {HEADERS_BYTES_MAX} bytes");
            let value = render_within(&template, Escape::Plain, &shown, (left, &too_long));
            let value = value.map_err(named(&format!("header {name}")))?;
            left = left.saturating_sub(value.len());
            Ok((name, value, is_secret))
        });
        Ok(Texts {
            url: render(&texts.url, Escape::Url, &shown).map_err(named("Url"))?,
            headers: headers.collect::<Result<_, String>>()?,
            body: match texts.body {
                Some((template, escape)) => {
                    let body = render(&template, escape, &shown).map_err(named("Body"))?;
                    Some((body, escape))
                }
                None => None,
            },
        })
    };
    match tokio::task::spawn_blocking(work).await {
        Ok(filled) => filled.map_err(|message| ended::failed(message, true)),
        Err(_) => Err(ended::failed("The templates of the action could not be filled.", false)),
    }
}

/// A path alone goes to the connection's host.
fn absolute(url: String, carrier: &Carrier) -> Result<String, Acted> {
    if !url.starts_with('/') || url.starts_with("//") {
        return Ok(url);
    }
    match carrier.base().and_then(|base| base.join(&url).ok()) {
        Some(url) => Ok(url.into()),
        None => Err(ended::failed(
            "The Url has no host. That is for client integrations with a connection; name scheme and host.",
            true,
        )),
    }
}

/// A key of a record may hold what no header can.
fn in_header(key: &str) -> String {
    let is_plain = |c: char| c.is_ascii_graphic() && c != '%' || c == ' ';
    key.chars().fold(String::with_capacity(key.len()), |mut out, c| {
        if is_plain(c) {
            out.push(c);
        } else {
            let mut bytes = [0; 4];
            for byte in c.encode_utf8(&mut bytes).bytes() {
                out.push_str(&format!("%{byte:02X}"));
            }
        }
        out
    })
}

#[cfg(test)]
mod tests {
    use super::in_header;

    #[test]
    fn keys_fit_into_headers() {
        assert_eq!(in_header("7:INV 1/2:3"), "7:INV 1/2:3");
        assert_eq!(in_header("7:ä%\n:3"), "7:%C3%A4%25%0A:3");
    }
}
