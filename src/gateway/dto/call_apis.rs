//! Bodies and queries of `/api/v1/call-apis`.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Value, value::RawValue};
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use crate::{
    actors::registry::handle::RunNow,
    domain::call_api::CronDefinition,
    engine::{
        call_apis::{CallStatus, ListFilter, SchedulePreview},
        test_call::GivenResponse,
    },
    error::{Error, Result},
    gateway::page,
    store::Page,
};

/// Due times that a preview shows where the caller does not say.
const PREVIEW_COUNT_DEFAULT: usize = 10;

/// The query of the overview.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ListQuery {
    /// `inactive`, `idle`, `running` or `deactivated`.
    pub status: Option<CallStatus>,
    /// A part of the name, in any case.
    pub name: Option<String>,
    /// Items at most, 1 to 200 (50).
    pub limit: Option<u64>,
    /// `nextCursor` of the answer before.
    pub cursor: Option<String>,
}

/// What is asked of a preview.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PreviewBody {
    /// Interval in seconds.
    #[serde(default)]
    pub frequency_seconds: Option<u32>,
    /// Calendar rule: `cron` and `timeZone`; has precedence.
    #[serde(default)]
    #[schema(value_type = Option<Object>)]
    pub schedule: Option<CronDefinition>,
    /// How many due times, 1 to 100 (10).
    #[serde(default)]
    pub count: Option<usize>,
}

/// How a run on request ended.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct RunAnswer {
    /// The run.
    pub run_id: Uuid,
    /// `created`, `nothing_new`, `aborted`, `http_error`, `transport_error`, `script_error`, ...
    #[schema(value_type = String)]
    pub outcome: crate::domain::outcome::Outcome,
    /// Transactions created.
    pub created: u32,
    /// Identifiers that existed.
    pub duplicates: u32,
    /// Status of the answer.
    pub http_status: Option<u16>,
    /// What went wrong.
    pub error: Option<Value>,
}

/// A response on which a response script is tried: as Test URL shows it, or made up.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ResponseBody {
    /// 200 if absent.
    #[serde(default = "ok")]
    pub status_code: u16,
    /// Names and values.
    #[serde(default)]
    #[schema(value_type = Object)]
    pub headers: BTreeMap<String, HeaderText>,
    /// The body as text; anything else than a string is taken for JSON and its text is used.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    pub body: Option<Box<RawValue>>,
    /// As Test URL shows it; not used.
    #[serde(default, rename = "bodyTruncated")]
    pub _body_truncated: Option<bool>,
    /// As Test URL shows it; not used.
    #[serde(default, rename = "durationMs")]
    pub _duration_ms: Option<u64>,
}

/// A header's value, or several of them.
#[derive(Debug, Deserialize)]
#[serde(untagged, expecting = "a header's value is a string or an array of strings")]
pub enum HeaderText {
    /// One.
    One(String),
    /// Several.
    Many(Vec<String>),
}

/// Run response of a saved call.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SavedResponseBody {
    /// The response.
    pub response: ResponseBody,
    /// An edited script to try in place of the saved one.
    #[serde(default)]
    pub response_script: Option<String>,
}

/// Run response of a definition that is not saved.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct UnsavedResponseBody {
    /// The definition.
    #[schema(value_type = Object)]
    pub definition: Value,
    /// The response.
    pub response: ResponseBody,
}

impl ListQuery {
    /// Filter and page.
    pub(crate) fn parts(self) -> Result<(ListFilter, Page)> {
        let filter = ListFilter {
            status: self.status,
            name_contains: self.name.filter(|name| !name.is_empty()),
        };
        Ok((filter, page::page(self.limit, self.cursor)?))
    }
}

impl PreviewBody {
    pub(crate) fn preview(self) -> SchedulePreview {
        SchedulePreview {
            frequency_seconds: self.frequency_seconds,
            schedule: self.schedule,
            count: self.count.unwrap_or(PREVIEW_COUNT_DEFAULT),
        }
    }
}

impl From<RunNow> for RunAnswer {
    fn from(run: RunNow) -> Self {
        Self {
            run_id: run.run_id,
            outcome: run.outcome,
            created: run.created,
            duplicates: run.duplicates,
            http_status: run.http_status,
            error: run.error,
        }
    }
}

impl ResponseBody {
    /// The response as the script sees it.
    pub(crate) fn given(self) -> Result<GivenResponse> {
        if !(100..=999).contains(&self.status_code) {
            return Err(Error::invalid_field(
                "response.statusCode",
                format!("must be from 100 to 999, and is {}", self.status_code),
            ));
        }
        let headers = self.headers.into_iter().flat_map(|(name, text)| {
            let values = match text {
                HeaderText::One(value) => vec![value],
                HeaderText::Many(values) => values,
            };
            values.into_iter().map(move |value| (name.clone(), value))
        });
        Ok(GivenResponse {
            status_code: self.status_code,
            headers: headers.collect(),
            body: body_text(self.body.as_deref())?,
        })
    }
}

fn body_text(body: Option<&RawValue>) -> Result<String> {
    match body.map(RawValue::get) {
        None => Ok(String::new()),
        Some(text) if text.starts_with('"') => serde_json::from_str(text).map_err(Error::internal),
        Some(text) => Ok(text.to_owned()),
    }
}

const fn ok() -> u16 {
    200
}
