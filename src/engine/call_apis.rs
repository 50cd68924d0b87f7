//! Call APIs as a service: how they are shown, and reading them. Changing them is in `changes`, what activation looks at in
//! `checks`, the form in which a definition comes in `input`.

use jiff::Timestamp;
use serde::Serialize;

use crate::{
    domain::{
        call_api::{CallApiDefinition, CronDefinition, Method, UrlKind, UrlSource, schedule_of},
        ids::{CallApiId, ClientId, TenantId, UserId},
        rights::Right,
        schedule::PREVIEW_COUNT_MAX,
    },
    engine::{Engine, caller::Caller},
    error::{Error, Result},
    store::{
        self, Page, Paged,
        call_apis::{CallApiFilter, Standing, StoredCallApi},
    },
};

pub use crate::store::call_apis::LastRun;
pub(crate) use changes::complete;
pub use input::CallApiInput;
pub use run_as::RunAs;

mod changes;
mod checks;
mod input;
mod run_as;

/// Longest script that the overview shows in place of an address, in characters.
const OVERVIEW_SCRIPT_CHARACTERS_MAX: usize = 2_000;
/// Running calls that a list knows of; of more it shows the rest as idle.
const RUNNING_MAX: usize = 1_000;

/// Call APIs of a caller's tenant.
pub struct CallApis<'a> {
    engine: &'a Engine,
}

/// A call API as it is shown.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct CallApi {
    /// Id.
    pub id: CallApiId,
    /// What the user said; secret header values are masked.
    #[serde(flatten)]
    pub definition: CallApiDefinition,
    /// Whether it runs by itself.
    pub active: bool,
    /// What it does.
    pub status: CallStatus,
    /// Why the engine deactivated it.
    pub status_reason: Option<String>,
    /// The last run.
    pub last_run: Option<LastRun>,
    /// When it runs next; none where it is not active.
    pub next_due_at: Option<Timestamp>,
    /// Who made it.
    pub created_by: Option<UserId>,
    /// When.
    pub created_at: Timestamp,
    /// Last change of the definition or of `active`.
    pub updated_at: Timestamp,
    /// Grows by one with each change.
    pub version: i64,
    /// What is acceptable but unwise.
    pub warnings: Vec<String>,
}

/// A line of the overview.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct CallApiOverview {
    /// Id.
    pub id: CallApiId,
    /// Name.
    pub name: String,
    /// Whether it runs by itself.
    pub active: bool,
    /// What it does.
    pub status: CallStatus,
    /// Why the engine deactivated it.
    pub status_reason: Option<String>,
    /// Interval in seconds.
    pub frequency_seconds: Option<u32>,
    /// Calendar rule instead of the interval.
    pub schedule: Option<CronDefinition>,
    /// HTTP method.
    pub method: Method,
    /// The address; a long script is cut.
    pub url: UrlSource,
    /// Whether transactions are created in preparation.
    pub preparation: bool,
    /// In whose name transactions are created.
    pub run_as_user_id: UserId,
    /// Whose credentials are added.
    pub client_id: Option<ClientId>,
    /// The last run.
    pub last_run: Option<LastRun>,
    /// When it runs next; none where it is not active.
    pub next_due_at: Option<Timestamp>,
    /// Who made it.
    pub created_by: Option<UserId>,
    /// Last change.
    pub updated_at: Timestamp,
    /// Grows by one with each change.
    pub version: i64,
}

/// What a call does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, serde::Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum CallStatus {
    /// Not activated.
    Inactive,
    /// Active, waiting for its due time.
    Idle,
    /// A run is going.
    Running,
    /// The engine deactivated it; the reason says why.
    Deactivated,
}

/// Which calls a list shows.
#[derive(Clone, Debug, Default)]
pub struct ListFilter {
    /// What they do.
    pub status: Option<CallStatus>,
    /// A part of the name, in any case.
    pub name_contains: Option<String>,
}

/// What is asked of a preview.
#[derive(Clone, Debug, Default)]
pub struct SchedulePreview {
    /// Interval in seconds.
    pub frequency_seconds: Option<u32>,
    /// Calendar rule, which has precedence.
    pub schedule: Option<CronDefinition>,
    /// How many due times, 1 to 100.
    pub count: usize,
}

impl Engine {
    /// Call APIs.
    pub fn call_apis(&self) -> CallApis<'_> {
        CallApis { engine: self }
    }
}

impl CallApis<'_> {
    /// The overview, by name.
    ///
    /// # Errors
    /// `forbidden` without `calls.read`; `bad_request` for a foreign cursor.
    pub async fn list(&self, caller: &Caller, filter: ListFilter, page: Page) -> Result<Paged<CallApiOverview>> {
        caller.require(Right::CallsRead)?;
        let mut rows = CallApiFilter {
            name_contains: filter.name_contains,
            ..CallApiFilter::default()
        };
        let tenant = caller.tenant_id;
        let registry = self.engine.registry();
        if let Some(status) = filter.status {
            let running = registry.running(tenant, None, RUNNING_MAX).await?;
            match status {
                CallStatus::Running => rows.only = Some(running),
                other => (rows.standing, rows.without) = (other.standing(), running),
            }
        }
        let paged = self.engine.store().call_apis(tenant, rows, page).await?;
        let shown_ids = paged.items.iter().map(|stored| stored.id).collect();
        let running = registry.running(tenant, Some(shown_ids), usize::MAX).await?;
        Ok(paged.map(|stored| {
            let is_running = running.contains(&stored.id);
            overview(shown(stored, is_running))
        }))
    }

    /// One call.
    ///
    /// # Errors
    /// `forbidden` without `calls.read`, `not_found`.
    pub async fn get(&self, caller: &Caller, id: CallApiId) -> Result<CallApi> {
        caller.require(Right::CallsRead)?;
        self.shown(caller, id).await
    }

    /// When a call with this schedule would be due, from now on.
    ///
    /// # Errors
    /// `forbidden` without `calls.read`, `invalid`.
    pub fn preview_schedule(&self, caller: &Caller, preview: &SchedulePreview) -> Result<Vec<Timestamp>> {
        caller.require(Right::CallsRead)?;
        if !(1..=PREVIEW_COUNT_MAX).contains(&preview.count) {
            return Err(Error::invalid_field(
                "count",
                format!("must be from 1 to {PREVIEW_COUNT_MAX}, and is {}", preview.count),
            ));
        }
        let now = whole_milliseconds(self.engine.clock().now());
        let schedule = schedule_of(preview.frequency_seconds, preview.schedule.as_ref(), now)
            .map_err(|error| Error::invalid(vec![error]))?;
        Ok(schedule.preview(now, preview.count))
    }

    pub(crate) fn engine(&self) -> &Engine {
        self.engine
    }

    /// The row of a call of the tenant.
    pub(crate) async fn stored(&self, tenant: TenantId, id: CallApiId) -> Result<StoredCallApi> {
        self.engine
            .store()
            .call_api(tenant, id)
            .await
            .map_err(|error| match error {
                store::Error::NotFound => not_found(id),
                other => other.into(),
            })
    }

    /// The call as it is shown, without asking for a right again.
    async fn shown(&self, caller: &Caller, id: CallApiId) -> Result<CallApi> {
        let stored = self.stored(caller.tenant_id, id).await?;
        let running = self
            .engine
            .registry()
            .running(caller.tenant_id, Some(vec![id]), 1)
            .await?;
        Ok(shown(stored, !running.is_empty()))
    }
}

impl CallStatus {
    /// What the rows say of a call with this status.
    const fn standing(self) -> Option<Standing> {
        match self {
            Self::Inactive => Some(Standing::Inactive),
            Self::Idle => Some(Standing::Active),
            Self::Deactivated => Some(Standing::Deactivated),
            Self::Running => None,
        }
    }
}

fn shown(stored: StoredCallApi, is_running: bool) -> CallApi {
    CallApi {
        id: stored.id,
        active: stored.is_active(),
        status: status(&stored, is_running),
        next_due_at: stored.state.next_due_at.filter(|_| stored.is_active()),
        warnings: stored.definition.warnings(),
        definition: stored.definition,
        status_reason: stored.state.status_reason,
        last_run: stored.state.last_run,
        created_by: stored.created_by,
        created_at: stored.created_at,
        updated_at: stored.updated_at,
        version: stored.version,
    }
}

fn overview(shown: CallApi) -> CallApiOverview {
    let definition = shown.definition;
    CallApiOverview {
        id: shown.id,
        name: definition.name,
        active: shown.active,
        status: shown.status,
        status_reason: shown.status_reason,
        frequency_seconds: definition.frequency_seconds,
        schedule: definition.schedule,
        method: definition.method,
        url: in_short(definition.url),
        preparation: definition.preparation,
        run_as_user_id: definition.run_as_user_id,
        client_id: definition.client_id,
        last_run: shown.last_run,
        next_due_at: shown.next_due_at,
        created_by: shown.created_by,
        updated_at: shown.updated_at,
        version: shown.version,
    }
}

fn status(stored: &StoredCallApi, is_running: bool) -> CallStatus {
    match (is_running, stored.standing()) {
        (true, _) => CallStatus::Running,
        (false, Standing::Active) => CallStatus::Idle,
        (false, Standing::Inactive) => CallStatus::Inactive,
        (false, Standing::Deactivated) => CallStatus::Deactivated,
    }
}

fn in_short(url: UrlSource) -> UrlSource {
    if url.kind == UrlKind::Text || url.value.chars().nth(OVERVIEW_SCRIPT_CHARACTERS_MAX).is_none() {
        return url;
    }
    let mut value: String = url.value.chars().take(OVERVIEW_SCRIPT_CHARACTERS_MAX).collect();
    value.push('…');
    UrlSource { kind: url.kind, value }
}

/// Due times are counted from whole milliseconds, so that they read well and survive every clock's resolution.
fn whole_milliseconds(at: Timestamp) -> Timestamp {
    Timestamp::from_millisecond(at.as_millisecond()).unwrap_or(at)
}

fn not_found(id: CallApiId) -> Error {
    Error::not_found("call API", id)
}
