//! Bodies, query strings and path ids, read so that every refusal says what is wrong and where.

use std::{str::FromStr, time::Duration};

use actix_web::{
    FromRequest, HttpRequest,
    dev::Payload,
    http::header,
    web::{self, Bytes, BytesMut},
};
use futures_util::{StreamExt, future::LocalBoxFuture};
use serde::de::DeserializeOwned;

use crate::{
    domain::validate::FieldError,
    engine::Engine,
    error::{Code, Error, Result},
};

/// A JSON body. Unknown members must be refused by the type (`deny_unknown_fields`).
#[derive(Debug)]
pub struct Json<T>(pub T);

/// A JSON body of a PUT: as [`Json`], but the members that an answer has and nobody can set are left out, so that what was
/// read can be changed and sent back.
#[derive(Debug)]
pub struct Replacement<T>(pub T);

/// Members of answers that nobody can set.
const READ_ONLY: [&str; 9] = [
    "id",
    "version",
    "createdAt",
    "updatedAt",
    "createdBy",
    "allTenants",
    "tenantId",
    "disabledReason",
    "sourceVersion",
];

/// The parameters of the query string, likewise.
#[derive(Debug)]
pub struct Query<T>(pub T);

/// The first id in the path. What is not an id is a thing that does not exist.
#[derive(Debug)]
pub struct PathId<T>(pub T);

impl<T: DeserializeOwned + 'static> FromRequest for Json<T> {
    type Error = Error;
    type Future = LocalBoxFuture<'static, Result<Self>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let media_type = check_media_type(request);
        let read = read_body(request, payload.take());
        Box::pin(async move {
            media_type?;
            parse(&read.await?).map(Self)
        })
    }
}

impl<T: DeserializeOwned + 'static> FromRequest for Replacement<T> {
    type Error = Error;
    type Future = LocalBoxFuture<'static, Result<Self>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let whole = Json::<serde_json::Value>::from_request(request, payload);
        Box::pin(async move {
            let Json(mut whole) = whole.await?;
            if let Some(members) = whole.as_object_mut() {
                members.retain(|name, _| !READ_ONLY.contains(&name.as_str()));
            }
            serde_path_to_error::deserialize(whole)
                .map(Self)
                .map_err(|error| bad_json(&error.path().to_string(), error.inner()))
        })
    }
}

impl<T: DeserializeOwned> FromRequest for Query<T> {
    type Error = Error;
    type Future = std::future::Ready<Result<Self>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let parsed = web::Query::<T>::from_query(request.query_string()).map_err(|error| {
            let cause = match error {
                actix_web::error::QueryPayloadError::Deserialize(cause) => cause.to_string(),
                other => other.to_string(),
            };
            Error::new(Code::BadRequest, format!("The query string cannot be used: {cause}."))
        });
        std::future::ready(parsed.map(|query| Self(query.into_inner())))
    }
}

impl<T: FromStr> FromRequest for PathId<T> {
    type Error = Error;
    type Future = std::future::Ready<Result<Self>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let id = request.match_info().iter().next().map(|(_, text)| text.to_owned());
        let parsed = id.as_deref().and_then(|text| T::from_str(text).ok());
        std::future::ready(parsed.map(Self).ok_or_else(|| {
            Error::new(
                Code::NotFound,
                format!(
                    "There is nothing with the id {:?}: ids are UUIDs.",
                    id.unwrap_or_default()
                ),
            )
        }))
    }
}

/// Reads a JSON text; the error names the path of what is wrong.
///
/// # Errors
/// [`Code::BadRequest`].
pub fn parse<T: DeserializeOwned>(text: &[u8]) -> Result<T> {
    if text.iter().all(u8::is_ascii_whitespace) {
        return Err(Error::new(Code::BadRequest, "The request needs a JSON body."));
    }
    let mut deserializer = serde_json::Deserializer::from_slice(text);
    let value = serde_path_to_error::deserialize(&mut deserializer).map_err(|error| {
        let path = error.path().to_string();
        bad_json(&path, error.inner())
    })?;
    deserializer.end().map_err(|error| bad_json(".", &error))?;
    Ok(value)
}

/// Reads a whole body, within the limits of the settings for size and time.
pub(super) fn read_body(request: &HttpRequest, mut payload: Payload) -> impl Future<Output = Result<Bytes>> + 'static {
    let limits = request.app_data::<web::Data<Engine>>().map(|engine| {
        let server = &engine.settings().server;
        (server.body_bytes_max, Duration::from_millis(server.request_timeout_ms))
    });
    let announced = request
        .headers()
        .get(header::CONTENT_LENGTH)
        .and_then(|value| value.to_str().ok()?.parse::<usize>().ok());
    async move {
        let (bytes_max, timeout) = limits.ok_or_else(|| Error::internal("the engine is not in the app's data"))?;
        let too_large = || {
            Error::new(
                Code::TooLarge,
                format!("The body is larger than {bytes_max} bytes (server.body_bytes_max)."),
            )
        };
        if announced.is_some_and(|bytes| bytes > bytes_max) {
            return Err(too_large());
        }
        let read = async {
            let mut body = BytesMut::with_capacity(announced.unwrap_or(0));
            while let Some(chunk) = payload.next().await {
                let chunk = chunk.map_err(|error| {
                    Error::new(Code::BadRequest, "The body ended early or cannot be decoded.").with_source(error)
                })?;
                if body.len() + chunk.len() > bytes_max {
                    return Err(too_large());
                }
                body.extend_from_slice(&chunk);
            }
            Ok(body.freeze())
        };
        tokio::time::timeout(timeout, read).await.unwrap_or_else(|_| {
            Err(Error::new(
                Code::RequestTimeout,
                "The body did not arrive in time (server.request_timeout_ms).",
            ))
        })
    }
}

pub(super) fn check_media_type(request: &HttpRequest) -> Result<()> {
    let given = request.headers().get(header::CONTENT_TYPE);
    let essence = given
        .and_then(|value| value.to_str().ok())
        .map(|text| text.split(';').next().unwrap_or(text).trim().to_ascii_lowercase());
    match essence.as_deref() {
        Some("application/json" | "application/merge-patch+json") => Ok(()),
        _ => Err(Error::new(
            Code::UnsupportedMediaType,
            "Send the body as JSON, with the header Content-Type: application/json.",
        )),
    }
}

fn bad_json(path: &str, error: &serde_json::Error) -> Error {
    let text = error.to_string();
    if error.classify() != serde_json::error::Category::Data {
        return Error::new(Code::BadRequest, format!("The body is not valid JSON: {text}."));
    }
    // serde says where in the text; the path says it better.
    let message = text.split(" at line ").next().unwrap_or(&text).to_owned();
    let parent = if path == "." { "" } else { path };
    let field = match between_ticks(&message, "unknown field `").or_else(|| between_ticks(&message, "missing field `"))
    {
        // The path may or may not hold the member's own name, depending on where the error arose.
        Some(name) if parent == name || parent.ends_with(&format!(".{name}")) => parent.to_owned(),
        Some(name) if parent.is_empty() => name.to_owned(),
        Some(name) => format!("{parent}.{name}"),
        None => parent.to_owned(),
    };
    let detail = if field.is_empty() {
        format!("The body cannot be used: {message}.")
    } else {
        format!("{field}: {message}")
    };
    Error::new(Code::BadRequest, detail).with_fields(vec![FieldError::new(field, message)])
}

fn between_ticks<'a>(text: &'a str, opening: &str) -> Option<&'a str> {
    text.strip_prefix(opening)?.split('`').next()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde::Deserialize;

    #[derive(Debug, Deserialize)]
    #[serde(rename_all = "camelCase", deny_unknown_fields)]
    struct Outer {
        #[expect(dead_code, reason = "read by serde only")]
        name: String,
        #[serde(default)]
        #[expect(dead_code, reason = "read by serde only")]
        inner_parts: Vec<Inner>,
    }

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Inner {
        #[expect(dead_code, reason = "read by serde only")]
        count: u32,
    }

    #[test]
    fn refusals_name_the_path() {
        for (text, field, part) in [
            (r#"{"name":"a","nmae":"b"}"#, "nmae", "unknown field"),
            (r#"{"name":1}"#, "name", "invalid type"),
            (r#"{}"#, "name", "missing field"),
            (
                r#"{"name":"a","innerParts":[{"count":1},{"count":"x"}]}"#,
                "innerParts[1].count",
                "invalid type",
            ),
            (
                r#"{"name":"a","innerParts":[{"count":1,"more":2}]}"#,
                "innerParts[0].more",
                "unknown field",
            ),
            (
                r#"{"name":"a","innerParts":[{}]}"#,
                "innerParts[0].count",
                "missing field",
            ),
        ] {
            let error = parse::<Outer>(text.as_bytes()).unwrap_err();
            assert_eq!(error.code, Code::BadRequest, "{text}");
            assert_eq!(error.fields[0].field, field, "{text}");
            assert!(error.fields[0].message.contains(part), "{text}: {error}");
        }
    }

    #[test]
    fn what_is_not_json_is_said_so() {
        for text in ["{", "", "  ", "{\"name\":\"a\"} x", "\u{0}"] {
            let error = parse::<Outer>(text.as_bytes()).unwrap_err();
            assert_eq!(error.code, Code::BadRequest, "{text}");
            assert!(error.fields.is_empty());
        }
    }
}
