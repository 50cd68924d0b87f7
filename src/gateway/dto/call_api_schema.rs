//! How call APIs look in the API's description. Reading and writing them is the work of `domain::call_api` and
//! `engine::call_apis`; these types only describe.

use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::engine::call_apis::CallStatus;

/// What a user says about a call API.
#[derive(Serialize, ToSchema)]
#[schema(as = CallApiInput)]
#[serde(rename_all = "camelCase")]
pub struct CallApiInputSchema {
    /// Unique within the tenant.
    #[schema(max_length = 128)]
    pub name: String,
    /// Whether it is to run by itself; checked first.
    #[schema(default = false)]
    pub active: Option<bool>,
    /// Transactions are created in preparation.
    #[schema(default = false)]
    pub preparation: Option<bool>,
    /// The user in whose name transactions are created.
    pub run_as_user_id: Uuid,
    /// Interval in seconds; needed where there is no schedule.
    #[schema(minimum = 1, maximum = 31_536_000)]
    pub frequency_seconds: Option<u32>,
    /// The client whose credentials are added.
    pub client_id: Option<Uuid>,
    /// HTTP method.
    pub method: MethodSchema,
    /// The address.
    pub url: UrlSchema,
    /// Additional headers.
    pub headers: Option<Vec<HeaderSchema>>,
    /// Script that returns the request's body.
    pub body_script: Option<String>,
    /// Script that turns the response into transactions.
    pub response_script: String,
    /// JSON pointers to the values that identify a transaction; none: its member `identifier`.
    pub identifier: Option<Vec<String>>,
    /// Calendar rule instead of an interval.
    pub schedule: Option<ScheduleSchema>,
    /// `latest`, `skip` or `all`: what to do about due times missed while the engine was down.
    #[schema(default = "latest")]
    pub misfire: Option<String>,
    /// `skip` or `once`: what to do when a run is due while one is going.
    #[schema(default = "skip")]
    pub overlap: Option<String>,
    /// `deactivate` or `continue`.
    #[schema(default = "deactivate")]
    pub on_script_error: Option<String>,
    /// `retry`, `deactivate` or `script`.
    #[schema(default = "retry")]
    pub on_http_error: Option<String>,
    /// Failures in a row; null: never.
    #[schema(default = 20)]
    pub failures_before_deactivation: Option<u32>,
    /// `skip` or `resend`: what to do about a request that a crash cut.
    #[schema(default = "skip")]
    pub on_interrupted: Option<String>,
    /// Total time of one request.
    #[schema(default = 30_000, minimum = 1, maximum = 600_000)]
    pub timeout_ms: Option<u32>,
    /// Limits.
    pub limits: Option<LimitsSchema>,
}

/// A call API.
#[derive(Serialize, ToSchema)]
#[schema(as = CallApi)]
#[serde(rename_all = "camelCase")]
pub struct CallApiSchema {
    /// Id.
    pub id: Uuid,
    /// Everything of `CallApiInput`, secret header values masked.
    #[serde(flatten)]
    pub definition: CallApiInputSchema,
    /// Status.
    pub status: CallStatus,
    /// Why the engine deactivated it.
    pub status_reason: Option<String>,
    /// The last run.
    pub last_run: Option<LastRunSchema>,
    /// When it runs next.
    #[schema(format = DateTime)]
    pub next_due_at: Option<String>,
    /// Who made it.
    pub created_by: Option<Uuid>,
    /// When.
    #[schema(format = DateTime)]
    pub created_at: String,
    /// Last change.
    #[schema(format = DateTime)]
    pub updated_at: String,
    /// As in the `ETag`.
    pub version: i64,
    /// What is acceptable but unwise.
    pub warnings: Vec<String>,
}

/// HTTP methods.
#[derive(Serialize, ToSchema)]
#[schema(as = CallMethod)]
#[serde(rename_all = "UPPERCASE")]
#[expect(missing_docs, reason = "the names say it")]
pub enum MethodSchema {
    Get,
    Delete,
    Patch,
    Post,
    Put,
}

/// The address, as text or as a script that returns it.
#[derive(Serialize, ToSchema)]
#[schema(as = CallUrl)]
pub struct UrlSchema {
    /// `text` or `script`.
    pub kind: String,
    /// The address or the script.
    pub value: String,
}

/// An additional header.
#[derive(Serialize, ToSchema)]
#[schema(as = CallHeader)]
pub struct HeaderSchema {
    /// Name.
    pub name: String,
    /// Value; of a secret header answers show `{"set":true,"fingerprint":"sha256:..."}`, and a request without it keeps it.
    pub value: Option<Value>,
    /// Encrypted and never shown again.
    #[schema(default = false)]
    pub secret: Option<bool>,
}

/// A calendar rule.
#[derive(Serialize, ToSchema)]
#[schema(as = CallSchedule)]
#[serde(rename_all = "camelCase")]
pub struct ScheduleSchema {
    /// Cron expression.
    #[schema(examples("0 6 * * 1-5"))]
    pub cron: String,
    /// IANA time zone.
    #[schema(default = "UTC", examples("Europe/Oslo"))]
    pub time_zone: Option<String>,
}

/// Limits of one call.
#[derive(Serialize, ToSchema)]
#[schema(as = CallLimits)]
#[serde(rename_all = "camelCase")]
pub struct LimitsSchema {
    /// Time of each script.
    #[schema(default = 1_000, minimum = 1, maximum = 30_000)]
    pub script_ms: Option<u32>,
    /// Largest response body.
    #[schema(default = 10_485_760, minimum = 1, maximum = 104_857_600)]
    pub response_bytes: Option<u64>,
}

/// The last run in short.
#[derive(Serialize, ToSchema)]
#[schema(as = CallLastRun)]
#[serde(rename_all = "camelCase")]
pub struct LastRunSchema {
    /// Its id.
    pub run_id: Option<Uuid>,
    /// Its start.
    #[schema(format = DateTime)]
    pub at: String,
    /// How it ended.
    pub outcome: Option<String>,
    /// Status of the answer.
    pub http_status: Option<i32>,
    /// Transactions created.
    pub created: Option<i32>,
    /// Milliseconds.
    pub duration_ms: Option<i64>,
    /// What went wrong.
    pub error: Option<Value>,
}

/// A line of the overview.
#[derive(Serialize, ToSchema)]
#[schema(as = CallApiOverview)]
#[serde(rename_all = "camelCase")]
pub struct OverviewSchema {
    id: Uuid,
    name: String,
    active: bool,
    status: CallStatus,
    status_reason: Option<String>,
    frequency_seconds: Option<u32>,
    schedule: Option<ScheduleSchema>,
    method: MethodSchema,
    /// A long script is cut.
    url: UrlSchema,
    preparation: bool,
    run_as_user_id: Uuid,
    client_id: Option<Uuid>,
    last_run: Option<LastRunSchema>,
    #[schema(format = DateTime)]
    next_due_at: Option<String>,
    created_by: Option<Uuid>,
    #[schema(format = DateTime)]
    updated_at: String,
    version: i64,
}

/// Due times.
#[derive(Serialize, ToSchema)]
#[schema(as = DueTimes)]
#[serde(rename_all = "camelCase")]
pub struct DueTimesSchema {
    #[schema(format = DateTime)]
    due_times: Vec<String>,
}
