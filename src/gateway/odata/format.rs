//! Which JSON a caller wants: `Accept`, `$format` and `Prefer`, and answers written that way.

use actix_web::{
    HttpRequest, HttpResponse,
    http::{StatusCode, header},
};

use crate::{
    domain::odata::{Json, Level, Writer},
    error::{Code, Error, Result},
};

/// Most elements of `Accept` that are looked at.
const ACCEPTED_MAX: usize = 32;

/// A form of JSON.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Format {
    level: Level,
    wide_as_text: bool,
}

/// What a caller prefers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Prefer {
    /// No entity in the answer to a change.
    pub(super) minimal: bool,
    /// An entity in the answer to a change, said expressly.
    pub(super) representation: bool,
    /// Entities in a part of a list.
    pub(super) page: Option<u64>,
}

impl Format {
    /// The form that this request asks for.
    ///
    /// # Errors
    /// [`Code::NotAcceptable`].
    pub(super) fn of(request: &HttpRequest, option: Option<&str>) -> Result<Self> {
        if let Some(option) = option {
            let media_type = if option == "json" { "application/json" } else { option };
            return Self::read(media_type)
                .map(|(format, _)| format)
                .ok_or_else(not_acceptable);
        }
        let values = request.headers().get_all(header::ACCEPT);
        let text: Vec<&str> = values.filter_map(|value| value.to_str().ok()).collect();
        Self::accepted(&text.join(",")).ok_or_else(not_acceptable)
    }

    fn accepted(text: &str) -> Option<Self> {
        if text.trim().is_empty() {
            return Some(Self::default());
        }
        let mut best: Option<(Self, f32)> = None;
        for (format, quality) in text.split(',').take(ACCEPTED_MAX).filter_map(Self::read) {
            if quality > 0.0 && best.is_none_or(|(_, so_far)| quality > so_far) {
                best = Some((format, quality));
            }
        }
        best.map(|(format, _)| format)
    }

    /// A media type that can be answered, and how much it is wanted.
    fn read(media_type: &str) -> Option<(Self, f32)> {
        let mut parts = media_type.split(';').map(str::trim);
        let essence = parts.next()?.to_ascii_lowercase();
        if !matches!(essence.as_str(), "application/json" | "application/*" | "*/*") {
            return None;
        }
        let (mut format, mut quality) = (Self::default(), 1.0);
        for part in parts {
            let (name, value) = part.split_once('=').unwrap_or((part, ""));
            let value = value.trim().trim_matches('"').to_ascii_lowercase();
            match name.trim().to_ascii_lowercase().as_str() {
                "odata.metadata" | "metadata" => {
                    format.level = match value.as_str() {
                        "none" => Level::None,
                        "minimal" => Level::Minimal,
                        "full" => Level::Full,
                        _ => return None,
                    };
                }
                "ieee754compatible" => format.wide_as_text = value == "true",
                "charset" if value != "utf-8" => return None,
                "q" => quality = value.parse().unwrap_or(0.0),
                _ => {}
            }
        }
        Some((format, quality))
    }

    pub(super) fn writer(self, root: String) -> Writer {
        Writer {
            root,
            level: self.level,
            wide_as_text: self.wide_as_text,
        }
    }

    fn media_type(self) -> String {
        let level = match self.level {
            Level::None => "none",
            Level::Minimal => "minimal",
            Level::Full => "full",
        };
        let wide = if self.wide_as_text {
            ";IEEE754Compatible=true"
        } else {
            ""
        };
        format!("application/json;odata.metadata={level};odata.streaming=true{wide};charset=utf-8")
    }

    /// An answer in this form.
    ///
    /// # Errors
    /// `internal`.
    pub(super) fn answer(self, status: StatusCode, json: &Json) -> Result<HttpResponse> {
        let body = serde_json::to_vec(json).map_err(Error::internal)?;
        let mut response = HttpResponse::build(status);
        Ok(response
            .insert_header((header::CONTENT_TYPE, self.media_type()))
            .body(body))
    }
}

impl Prefer {
    pub(super) fn of(request: &HttpRequest) -> Self {
        let mut prefer = Self::default();
        let values = request
            .headers()
            .get_all("prefer")
            .filter_map(|value| value.to_str().ok());
        for part in values.flat_map(|value| value.split([',', ';'])).take(ACCEPTED_MAX) {
            let (name, value) = part.split_once('=').unwrap_or((part, ""));
            let value = value.trim().trim_matches('"');
            match name.trim().to_ascii_lowercase().as_str() {
                "return" if value == "minimal" => prefer.minimal = true,
                "return" if value == "representation" => prefer.representation = true,
                "odata.maxpagesize" | "maxpagesize" => prefer.page = value.parse().ok().filter(|page| *page > 0),
                _ => {}
            }
        }
        prefer
    }
}

fn not_acceptable() -> Error {
    Error::new(
        Code::NotAcceptable,
        "Answers are application/json, with odata.metadata=minimal, full or none; ask for that in Accept or $format.",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_form_that_is_wanted_most_is_answered() {
        for (text, expected) in [
            ("", Some((Level::Minimal, false))),
            ("*/*", Some((Level::Minimal, false))),
            ("application/json", Some((Level::Minimal, false))),
            (
                "application/json;odata.metadata=full;odata.streaming=true",
                Some((Level::Full, false)),
            ),
            (
                "application/json; odata.metadata=NONE; IEEE754Compatible=true",
                Some((Level::None, true)),
            ),
            (
                "application/xml, application/json;metadata=full;q=0.5",
                Some((Level::Full, false)),
            ),
            (
                "application/json;odata.metadata=full;q=0.5, application/json",
                Some((Level::Minimal, false)),
            ),
            ("text/html", None),
            ("application/json;q=0", None),
            ("application/json;odata.metadata=much", None),
            ("application/json;charset=latin1", None),
        ] {
            let found = Format::accepted(text).map(|format| (format.level, format.wide_as_text));
            assert_eq!(found, expected, "{text}");
        }
    }
}
