//! Errors as RFC 9457 problem documents, or as OData has them: one table from code to status, one shape for everything that goes wrong.

use actix_web::{
    HttpResponse, HttpResponseBuilder, ResponseError,
    body::BoxBody,
    http::{StatusCode, header},
};
use serde_json::{Map, Value, json};

use super::console::problem_page;
use crate::error::{Code, Error};

/// Media type of problems.
pub const MEDIA_TYPE: &str = "application/problem+json";

/// What the problem document says besides the error itself.
#[derive(Clone, Debug, Default)]
pub struct Place {
    /// Path of the request.
    pub instance: Option<String>,
    /// Request id.
    pub request_id: Option<String>,
    /// How it is written.
    pub form: Form,
}

/// How errors are written for the clients of a root.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Form {
    /// A problem document.
    #[default]
    Problem,
    /// The same; `errors` always has an element, and each says everything in its message: for clients that read nothing else.
    Listed,
    /// As OData has errors.
    OData,
    /// A page for people.
    Page,
}

/// Header with the version of OData.
pub const ODATA_VERSION: &str = "odata-version";

impl Form {
    /// The media type of errors.
    #[must_use]
    pub const fn media_type(self) -> &'static str {
        match self {
            Self::Problem | Self::Listed => MEDIA_TYPE,
            Self::OData => "application/json;odata.metadata=minimal;odata.streaming=true;charset=utf-8",
            Self::Page => "text/html; charset=utf-8",
        }
    }

    /// Whether an error with this media type is written already.
    #[must_use]
    pub fn is_written_as(self, media_type: &[u8]) -> bool {
        let own = match self {
            Self::Problem | Self::Listed => MEDIA_TYPE,
            Self::OData => "application/json",
            Self::Page => "text/html",
        };
        media_type.starts_with(own.as_bytes())
    }
}

/// The HTTP status of a code.
#[must_use]
pub fn status_of(code: Code) -> StatusCode {
    match code {
        Code::Unauthorized => StatusCode::UNAUTHORIZED,
        Code::Forbidden => StatusCode::FORBIDDEN,
        Code::NotFound => StatusCode::NOT_FOUND,
        Code::MethodNotAllowed => StatusCode::METHOD_NOT_ALLOWED,
        Code::BadRequest | Code::BadBackgroundHeader => StatusCode::BAD_REQUEST,
        Code::NotImplemented => StatusCode::NOT_IMPLEMENTED,
        Code::Gone => StatusCode::GONE,
        Code::BadGateway => StatusCode::BAD_GATEWAY,
        Code::GatewayTimeout => StatusCode::GATEWAY_TIMEOUT,
        Code::RequestTimeout => StatusCode::REQUEST_TIMEOUT,
        Code::UnsupportedMediaType => StatusCode::UNSUPPORTED_MEDIA_TYPE,
        Code::NotAcceptable => StatusCode::NOT_ACCEPTABLE,
        Code::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
        Code::NameInUse
        | Code::IdentifierInUse
        | Code::InUse
        | Code::CallApiActive
        | Code::CannotActivate
        | Code::WrongState
        | Code::IdempotencyInProgress => StatusCode::CONFLICT,
        Code::StaleVersion => StatusCode::PRECONDITION_FAILED,
        Code::Invalid | Code::Rule(_) | Code::IdempotencyMismatch | Code::TestFailed => {
            StatusCode::UNPROCESSABLE_ENTITY
        }
        Code::UserLocked | Code::RateLimited => StatusCode::TOO_MANY_REQUESTS,
        Code::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
        Code::Internal => StatusCode::INTERNAL_SERVER_ERROR,
    }
}

/// The answer for an error.
#[must_use]
pub fn render(error: &Error, place: &Place) -> HttpResponse<BoxBody> {
    if place.form == Form::Page {
        return problem_page::render(error, place);
    }
    let status = status_of(error.code);
    let mut response = HttpResponseBuilder::new(status);
    response.insert_header((header::CONTENT_TYPE, place.form.media_type()));
    if place.form == Form::OData {
        response.insert_header((ODATA_VERSION, "4.0"));
    }
    if let Some(retry_after_ms) = error.retry_after_ms {
        response.insert_header((header::RETRY_AFTER, retry_after_ms.div_ceil(1_000).max(1)));
    }
    if status == StatusCode::UNAUTHORIZED {
        response.insert_header((header::WWW_AUTHENTICATE, "Bearer"));
    }
    let document = match place.form {
        Form::OData => odata_document(error, place),
        _ => document(error, place),
    };
    response.body(document.to_string())
}

/// An error as OData has it: members that are wrong are `details`, each with the member as `target`.
fn odata_document(error: &Error, place: &Place) -> Value {
    let code = error.code.as_str();
    let mut members = Map::new();
    members.insert("code".to_owned(), json!(code));
    members.insert("message".to_owned(), json!(error.message));
    if let [one] = error.fields.as_slice() {
        members.insert("target".to_owned(), json!(one.field));
    }
    if !error.fields.is_empty() {
        let each = error.fields.iter();
        let each = each.map(|one| json!({ "code": code, "message": one.message, "target": one.field }));
        members.insert("details".to_owned(), each.collect());
    }
    let mut inner = match error.details.as_deref() {
        Some(Value::Object(details)) => details.clone(),
        _ => Map::new(),
    };
    if let Some(request_id) = &place.request_id {
        inner.insert("requestId".to_owned(), json!(request_id));
    }
    if let Some(step) = error.step {
        inner.insert("step".to_owned(), json!(step));
    }
    if !inner.is_empty() {
        members.insert("innererror".to_owned(), Value::Object(inner));
    }
    json!({ "error": members })
}

/// The document for an error.
#[must_use]
pub fn document(error: &Error, place: &Place) -> Value {
    let status = status_of(error.code);
    let mut members = match error.details.as_deref() {
        Some(Value::Object(details)) => details.clone(),
        _ => Map::new(),
    };
    members.insert("type".to_owned(), json!("about:blank"));
    members.insert("title".to_owned(), json!(status.canonical_reason()));
    members.insert("status".to_owned(), json!(status.as_u16()));
    members.insert("detail".to_owned(), json!(error.message));
    members.insert("code".to_owned(), json!(error.code.as_str()));
    members.insert("errors".to_owned(), errors(error, place));
    if let Some(instance) = &place.instance {
        members.insert("instance".to_owned(), json!(instance));
    }
    if let Some(request_id) = &place.request_id {
        members.insert("requestId".to_owned(), json!(request_id));
    }
    if let Some(step) = error.step {
        members.insert("step".to_owned(), json!(step));
    }
    Value::Object(members)
}

fn errors(error: &Error, place: &Place) -> Value {
    if place.form != Form::Listed {
        return json!(error.fields);
    }
    if error.fields.is_empty() {
        return json!([{ "message": error.message }]);
    }
    let each = error.fields.iter().map(|one| match one.field.as_str() {
        "" => json!({ "field": "", "message": one.message }),
        field => json!({ "field": field, "message": one.to_string() }),
    });
    each.collect()
}

/// The error behind a status that some layer below us answered without a problem document.
#[must_use]
pub fn from_status(status: StatusCode, detail: Option<String>) -> Error {
    let (code, message) = match status {
        StatusCode::NOT_FOUND => (Code::NotFound, "There is nothing at this path."),
        StatusCode::METHOD_NOT_ALLOWED => (
            Code::MethodNotAllowed,
            "This path does not know this method; the header Allow lists those that it knows.",
        ),
        StatusCode::PAYLOAD_TOO_LARGE => (Code::TooLarge, "The body is too large."),
        StatusCode::UNSUPPORTED_MEDIA_TYPE => (Code::UnsupportedMediaType, "Send the body as application/json."),
        StatusCode::REQUEST_TIMEOUT => (Code::RequestTimeout, "The request did not arrive in time."),
        StatusCode::UNAUTHORIZED => (Code::Unauthorized, "This needs a token."),
        StatusCode::FORBIDDEN => (Code::Forbidden, "This is not allowed."),
        StatusCode::SERVICE_UNAVAILABLE => (Code::Unavailable, "The engine cannot answer now; try again."),
        status if status.is_server_error() => {
            return Error::internal(detail.unwrap_or_else(|| format!("a layer below answered {status}")));
        }
        _ => (Code::BadRequest, "The request cannot be read."),
    };
    match detail {
        Some(detail) if code == Code::BadRequest && !detail.is_empty() => Error::new(code, detail),
        _ => Error::new(code, message),
    }
}

impl ResponseError for Error {
    fn status_code(&self) -> StatusCode {
        status_of(self.code)
    }

    /// Without request id; the outer layer of the gateway renders it again with one.
    fn error_response(&self) -> HttpResponse<BoxBody> {
        render(self, &Place::default())
    }
}

/// An error that is rendered already: for what cannot be given to the outer layer as a response.
#[derive(Debug)]
pub(super) struct Rendered {
    pub(super) error: Error,
    pub(super) place: Place,
    pub(super) headers: Vec<(&'static str, String)>,
}

impl std::fmt::Display for Rendered {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.error.fmt(formatter)
    }
}

impl ResponseError for Rendered {
    fn status_code(&self) -> StatusCode {
        status_of(self.error.code)
    }

    fn error_response(&self) -> HttpResponse<BoxBody> {
        let mut response = render(&self.error, &self.place);
        for (name, value) in &self.headers {
            if let Ok(value) = header::HeaderValue::from_str(value) {
                response
                    .headers_mut()
                    .insert(header::HeaderName::from_static(name), value);
            }
        }
        response
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_document_has_all_members_and_details_cannot_replace_them() {
        let error = Error::invalid_field("name", "must not be empty")
            .with_details(json!({"code": "mine", "script": "url"}))
            .with_step("url_script");
        let place = Place {
            instance: Some("/api/v1/me".to_owned()),
            request_id: Some("r-1".to_owned()),
            form: Form::Problem,
        };
        assert_eq!(
            document(&error, &place),
            json!({
                "type": "about:blank", "title": "Unprocessable Entity", "status": 422,
                "detail": "name: must not be empty", "instance": "/api/v1/me", "code": "invalid", "requestId": "r-1",
                "errors": [{"field": "name", "message": "must not be empty"}], "step": "url_script", "script": "url",
            })
        );
    }

    #[test]
    fn where_only_messages_are_read_there_is_one_and_it_says_all() {
        let listed = Place {
            form: Form::Listed,
            ..Place::default()
        };
        let errors = |error: &Error| document(error, &listed)["errors"].clone();
        assert_eq!(
            errors(&Error::not_found("connection", 7)),
            json!([{ "message": "There is no connection 7 in this tenant." }])
        );
        assert_eq!(
            errors(&Error::invalid_field("name", "must not be empty")),
            json!([{ "field": "name", "message": "name: must not be empty" }])
        );
        assert_eq!(
            document(&Error::not_found("x", 7), &Place::default())["errors"],
            json!([])
        );
    }

    #[test]
    fn server_errors_tell_the_caller_nothing() {
        let error = Error::internal("select * from secret");
        assert!(!document(&error, &Place::default()).to_string().contains("secret"));
        assert_eq!(status_of(error.code), StatusCode::INTERNAL_SERVER_ERROR);
    }
}
