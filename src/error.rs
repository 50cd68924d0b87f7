//! The engine's one error: a stable code, a message for the caller, and a source for the log. No HTTP here.

use std::{borrow::Cow, fmt, sync::Arc};

use crate::domain::{integration::rules::Rule, validate::FieldError};

/// What went wrong, as a stable word that clients may branch on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Code {
    /// No or a bad token.
    Unauthorized,
    /// A right is missing, or the tenant is not one of the caller's.
    Forbidden,
    /// Too many wrong passwords; see `retry_after_ms`.
    UserLocked,
    /// No such thing in this tenant.
    NotFound,
    /// The route exists, the method does not.
    MethodNotAllowed,
    /// A part of a protocol that is not offered.
    NotImplemented,
    /// Not readable: bad JSON, unknown member, bad parameter.
    BadRequest,
    /// Readable, but not acceptable; see `fields`.
    Invalid,
    /// As [`Code::Invalid`], by a rule that has a word of its own.
    Rule(Rule),
    /// The request did not arrive in time.
    RequestTimeout,
    /// Body not in a media type that is understood.
    UnsupportedMediaType,
    /// No media type that the caller takes can be answered.
    NotAcceptable,
    /// Body above the cap.
    TooLarge,
    /// The name is taken.
    NameInUse,
    /// The identifier is taken.
    IdentifierInUse,
    /// Something else still uses it.
    InUse,
    /// The call is active and cannot be changed.
    CallApiActive,
    /// Activation found something wrong; see `fields`.
    CannotActivate,
    /// The thing's state does not allow this.
    WrongState,
    /// `If-Match` names an older version.
    StaleVersion,
    /// The first request with this idempotency key still runs.
    IdempotencyInProgress,
    /// The idempotency key was used with another request.
    IdempotencyMismatch,
    /// Too many requests; see `retry_after_ms`.
    RateLimited,
    /// The engine is full or stopping; see `retry_after_ms`.
    Unavailable,
    /// The header `erp-api-background` cannot be understood or its receiver is refused.
    BadBackgroundHeader,
    /// It was there, and is no longer kept.
    Gone,
    /// An upstream gave no usable answer.
    BadGateway,
    /// An upstream did not answer in time.
    GatewayTimeout,
    /// An outbound request or a script of a test failed; see `step`.
    TestFailed,
    /// Our fault; details are in the log only.
    Internal,
}

impl Code {
    /// The word in the problem's `code`.
    pub fn as_str(self) -> &'static str {
        match self {
            Code::Unauthorized => "unauthorized",
            Code::Forbidden => "forbidden",
            Code::UserLocked => "user_locked",
            Code::NotFound => "not_found",
            Code::MethodNotAllowed => "method_not_allowed",
            Code::NotImplemented => "not_implemented",
            Code::BadRequest => "bad_request",
            Code::Invalid => "invalid",
            Code::Rule(rule) => rule.as_str(),
            Code::RequestTimeout => "request_timeout",
            Code::UnsupportedMediaType => "unsupported_media_type",
            Code::NotAcceptable => "not_acceptable",
            Code::TooLarge => "too_large",
            Code::NameInUse => "name_in_use",
            Code::IdentifierInUse => "identifier_in_use",
            Code::InUse => "in_use",
            Code::CallApiActive => "call_api_active",
            Code::CannotActivate => "cannot_activate",
            Code::WrongState => "wrong_state",
            Code::StaleVersion => "stale_version",
            Code::IdempotencyInProgress => "idempotency_in_progress",
            Code::IdempotencyMismatch => "idempotency_mismatch",
            Code::RateLimited => "rate_limited",
            Code::Unavailable => "unavailable",
            Code::BadBackgroundHeader => "bad_background_header",
            Code::Gone => "gone",
            Code::BadGateway => "bad_gateway",
            Code::GatewayTimeout => "gateway_timeout",
            Code::TestFailed => "test_failed",
            Code::Internal => "internal",
        }
    }
}

/// See the module.
#[derive(Debug)]
pub struct Error {
    /// Stable word.
    pub code: Code,
    /// For the caller: what happened, to which thing, what to do.
    pub message: Cow<'static, str>,
    /// Members that are wrong.
    pub fields: Vec<FieldError>,
    /// When to try again, milliseconds.
    pub retry_after_ms: Option<u64>,
    /// Which step of a test failed (`url_script`, `connect`, ...).
    pub step: Option<&'static str>,
    /// More members for the problem document (a JSON object), for example a script error.
    pub details: Option<Box<serde_json::Value>>,
    // Arc: the gateway's outer layer takes a copy of an error that a response only lends out.
    source: Option<Arc<dyn std::error::Error + Send + Sync>>,
}

/// Results of the engine.
pub type Result<T, E = Error> = std::result::Result<T, E>;

impl Error {
    /// An error with a message for the caller.
    pub fn new(code: Code, message: impl Into<Cow<'static, str>>) -> Self {
        let message = message.into();
        Self {
            code,
            message,
            fields: Vec::new(),
            retry_after_ms: None,
            step: None,
            details: None,
            source: None,
        }
    }

    /// Our fault: the caller learns nothing but the request id, the log everything.
    pub fn internal(source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        let mut error = Self::new(
            Code::Internal,
            "Something went wrong inside Orrery; the log has it under this request id.",
        );
        error.source = Some(Arc::from(source.into()));
        error
    }

    /// `kind` (for example "call API") `id` is not in this tenant.
    pub fn not_found(kind: &str, id: impl fmt::Display) -> Self {
        Self::new(Code::NotFound, format!("There is no {kind} {id} in this tenant."))
    }

    /// Wrong members of a body.
    pub fn invalid(fields: Vec<FieldError>) -> Self {
        let message = match fields.as_slice() {
            [one] => format!("{}: {}", one.field, one.message),
            many => format!("{} members are not acceptable; see `errors`.", many.len()),
        };
        Self::new(Code::Invalid, message).with_fields(fields)
    }

    /// One wrong member of a body.
    pub fn invalid_field(field: impl Into<String>, message: impl Into<String>) -> Self {
        Self::invalid(vec![FieldError {
            field: field.into(),
            message: message.into(),
        }])
    }

    /// Adds the members that are wrong.
    pub fn with_fields(mut self, fields: Vec<FieldError>) -> Self {
        self.fields = fields;
        self
    }

    /// Names the rule that forbids it.
    pub fn with_rule(mut self, rule: Rule) -> Self {
        self.code = Code::Rule(rule);
        self
    }

    /// Adds when to try again.
    pub fn with_retry_after_ms(mut self, retry_after_ms: u64) -> Self {
        self.retry_after_ms = Some(retry_after_ms);
        self
    }

    /// Adds which step failed.
    pub fn with_step(mut self, step: &'static str) -> Self {
        self.step = Some(step);
        self
    }

    /// Adds members for the problem document.
    pub fn with_details(mut self, details: serde_json::Value) -> Self {
        self.details = Some(Box::new(details));
        self
    }

    /// The chain of causes in one line, for the log only.
    #[must_use]
    pub fn causes(&self) -> String {
        let mut text = String::new();
        let mut cause = std::error::Error::source(self);
        while let Some(error) = cause {
            if !text.is_empty() {
                text.push_str(": ");
            }
            text.push_str(&error.to_string());
            cause = error.source();
        }
        text
    }

    /// A copy that shares the source.
    #[must_use]
    pub fn duplicate(&self) -> Self {
        Self {
            code: self.code,
            message: self.message.clone(),
            fields: self.fields.clone(),
            retry_after_ms: self.retry_after_ms,
            step: self.step,
            details: self.details.clone(),
            source: self.source.clone(),
        }
    }

    /// Adds what the log should see.
    pub fn with_source(mut self, source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        self.source = Some(Arc::from(source.into()));
        self
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.source
            .as_deref()
            .map(|source| source as &(dyn std::error::Error + 'static))
    }
}
