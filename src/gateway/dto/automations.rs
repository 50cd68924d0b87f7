//! Bodies and answers of automations and their runs. Members of automations are snake_case, and all values that its clients know are
//! texts, also booleans and numbers; a member that has no value is null.

use jiff::Timestamp;
use serde::Serialize;
use serde_json::{Value, json};
use utoipa::ToSchema;
use uuid::Uuid;

use crate::{
    domain::automation::{
        CriteriaGroup,
        run::{RecordError, RunCounts},
        text,
    },
    engine::automations::{AutomationRun, AutomationShown, Explained},
};

/// An automation, as made. The wrapper `integration` may be left out, and all members may stand in one object. Booleans and numbers
/// may be texts; "" is the same as absent. For a PATCH every member is optional; groups of criteria are replaced as a whole.
#[derive(Serialize, ToSchema)]
pub struct AutomationBody {
    integration: AutomationParts,
}

/// See [`AutomationBody`].
#[derive(Serialize, ToSchema)]
pub struct AutomationParts {
    automation_details: AutomationDetails,
    additional_criteria_details: Vec<CriteriaGroupSchema>,
}

/// See [`AutomationBody`].
#[derive(Serialize, ToSchema)]
pub struct AutomationDetails {
    /// Unique in the connection.
    name: String,
    display_name: Option<String>,
    code: Option<String>,
    description_enabled: Option<bool>,
    description: Option<String>,
    /// Id or name of the automation that runs after a success of this one.
    another_automation: Option<String>,
    /// An entity of our records, such as supplier.
    applies_to: String,
    /// `new`, `update` or `new_and_update` (default).
    applies_to_function: Option<String>,
    /// `timerBased` or `eventBased`.
    automation_type: String,
    /// IMPORT or EXPORT.
    direction: String,
    /// `<n> minutes|hours|days` or `customDayTime`.
    check_on: Option<String>,
    /// An English weekday; absent: every day.
    custom_day: Option<String>,
    /// HH:MM:SS.
    custom_time: Option<String>,
    /// IANA zone of `custom_time` (UTC).
    time_zone: Option<String>,
    /// A local record that is newer than the remote one is left alone.
    do_not_over_write_latest_data: Option<bool>,
    /// Minutes of difference that do not count as newer.
    ignore_threshold: Option<u32>,
    /// Id or name of the partner function that does it.
    perform_action: String,
    /// Only what changed since the last successful run's start.
    since_last_look_up: Option<bool>,
    /// Whether the criteria count.
    additional_criteria: Option<bool>,
    /// For event-based ones: only changes of this member.
    property_name: Option<String>,
}

/// Rules that are met or not as one.
#[derive(Serialize, ToSchema)]
#[schema(as = CriteriaGroup)]
pub struct CriteriaGroupSchema {
    /// AND or OR with the groups before.
    group_condition: Option<String>,
    rules: Vec<RuleSchema>,
}

/// One comparison with a member of a record.
#[derive(Serialize, ToSchema)]
#[schema(as = Rule)]
pub struct RuleSchema {
    /// Without regard to case and blanks, with dots into nested members.
    field_name: String,
    /// EQUALS, NOT_EQUALS, CONTAINS, DOES_NOT_CONTAIN, STARTS_WITH, ENDS_WITH, HAS_VALUE, DOES_NOT_HAVE_VALUE, GREATER_THAN,
    /// GREATER_THAN_OR_EQUAL, LESS_THAN, LESS_THAN_OR_EQUAL, IN or NOT_IN.
    operator: String,
    /// With what; IN and NOT_IN have their values between commas.
    value: Option<String>,
    /// AND or OR with the rules before.
    condition: Option<String>,
}

/// What every answer about an automation begins with, and all that a POST is answered.
#[derive(Serialize, ToSchema)]
pub struct AutomationMembers {
    /// `<n> minutes|hours|days` or `customDayTime`.
    check_on: Option<String>,
    check_on_minutes: Option<String>,
    additional_criteria: String,
    applies_to: String,
    #[schema(value_type = String)]
    applies_to_function: Value,
    #[schema(value_type = String)]
    automation_type: Value,
    code: Option<String>,
    custom_day: Option<String>,
    custom_day_time: Option<String>,
    custom_time: Option<String>,
    description: Option<String>,
    direction: &'static str,
    display_name: String,
    name: String,
    /// The partner function, as it was named.
    perform_function: String,
    provider: &'static str,
    /// `ACTIVE` or `INACTIVE`.
    status: &'static str,
    uuid: Uuid,
    trigger_condition_text: String,
    #[serde(rename = "performActionText")]
    perform_action_text: String,
    #[serde(rename = "checkOnText")]
    check_on_text: String,
}

/// An automation.
#[derive(Serialize, ToSchema)]
#[schema(as = Automation)]
pub struct AutomationAnswer {
    #[serde(flatten)]
    members: AutomationMembers,
    /// The partner function, as it was named.
    perform_action: String,
    another_automation: Option<String>,
    description_enabled: String,
    time_zone: Option<String>,
    do_not_over_write_latest_data: String,
    ignore_threshold: String,
    since_last_look_up: String,
    property_name: Option<String>,
    #[schema(value_type = Vec<CriteriaGroupSchema>)]
    additional_criteria_details: Vec<CriteriaGroup>,
    /// Why the engine disabled it.
    status_detail: Option<String>,
    #[schema(value_type = Option<String>, format = DateTime)]
    next_due: Option<Timestamp>,
    #[schema(value_type = Option<String>, format = DateTime)]
    last_run: Option<Timestamp>,
    last_outcome: Option<&'static str>,
    version: i64,
    #[schema(value_type = String, format = DateTime)]
    created: Timestamp,
    #[schema(value_type = String, format = DateTime)]
    updated: Timestamp,
}

impl AutomationAnswer {
    /// What `fields` of a list may name.
    pub const FIELDS: [&'static str; 37] = [
        "check_on",
        "check_on_minutes",
        "additional_criteria",
        "applies_to",
        "applies_to_function",
        "automation_type",
        "code",
        "custom_day",
        "custom_day_time",
        "custom_time",
        "description",
        "direction",
        "display_name",
        "name",
        "perform_function",
        "provider",
        "status",
        "uuid",
        "trigger_condition_text",
        "performActionText",
        "checkOnText",
        "perform_action",
        "another_automation",
        "description_enabled",
        "time_zone",
        "do_not_over_write_latest_data",
        "ignore_threshold",
        "since_last_look_up",
        "property_name",
        "additional_criteria_details",
        "status_detail",
        "next_due",
        "last_run",
        "last_outcome",
        "version",
        "created",
        "updated",
    ];
}

/// The answer to a POST: what clients of this API know; a GET shows the rest.
#[derive(Serialize, ToSchema)]
pub struct CreatedAutomation {
    integration_automation: AutomationMembers,
    /// What is acceptable and will not work as it is: a partner function or an automation that is not there.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    warnings: Vec<String>,
}

/// One automation.
#[derive(Serialize, ToSchema)]
pub struct OneAutomation {
    integration_automation: AutomationAnswer,
    /// What is acceptable and will not work as it is: a partner function or an automation that is not there.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    warnings: Vec<String>,
}

/// Automations.
#[derive(Serialize, ToSchema)]
pub struct AutomationList {
    integration_automations: Vec<AutomationAnswer>,
    pagination: crate::gateway::connections::Pagination,
}

/// Why a record meets the criteria or not.
#[derive(Serialize, ToSchema)]
#[schema(as = Explained)]
pub struct ExplainedAnswer {
    matches: bool,
    /// The criteria as a tree, each part with its result and the value that was found; null where all records are met.
    #[schema(value_type = Object)]
    criteria: Value,
}

/// A run of an automation.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = AutomationRun)]
pub struct AutomationRunAnswer {
    id: Uuid,
    automation_id: Uuid,
    /// `schedule`, `event`, `manual`, `chained` or `resume`.
    trigger: &'static str,
    #[schema(value_type = String, format = DateTime)]
    started_at: Timestamp,
    /// Null while it runs or waits.
    #[schema(value_type = Option<String>, format = DateTime)]
    finished_at: Option<Timestamp>,
    /// `success`, `partial`, `failed`, `script_error`, `not_found`, `paused` or `cancelled`; null while it runs or waits.
    outcome: Option<&'static str>,
    /// Why it ended so, or why it waits.
    detail: Option<String>,
    /// Only what changed since then was asked for.
    #[schema(value_type = Option<String>, format = DateTime)]
    since: Option<Timestamp>,
    /// When it goes on, if it waits.
    #[schema(value_type = Option<String>, format = DateTime)]
    resume_at: Option<Timestamp>,
    pages: u64,
    #[schema(value_type = RunCountsSchema)]
    counts: RunCounts,
    /// The first of them.
    #[schema(value_type = Vec<RecordErrorSchema>)]
    errors: Vec<RecordError>,
    errors_total: u64,
}

/// What became of the records of a run.
#[derive(Serialize, ToSchema)]
#[schema(as = RunCounts)]
pub struct RunCountsSchema {
    seen: u64,
    matched: u64,
    created: u64,
    updated: u64,
    unchanged: u64,
    skipped_newer: u64,
    failed: u64,
}

/// What went wrong with one record.
#[derive(Serialize, ToSchema)]
#[schema(as = RecordError)]
pub struct RecordErrorSchema {
    key: Option<String>,
    message: String,
}

impl From<AutomationShown> for AutomationAnswer {
    fn from(shown: AutomationShown) -> Self {
        let AutomationShown {
            row,
            state,
            provider,
            texts,
            ..
        } = shown;
        let definition = row.definition;
        // Also where an interval counts: what was given is shown.
        let custom_day_time = definition.custom_time.is_some().then(|| text::day_time(&definition));
        let members = AutomationMembers {
            check_on: said(texts.check_on),
            check_on_minutes: said(texts.check_on_minutes),
            additional_criteria: definition.additional_criteria.to_string(),
            applies_to: definition.applies_to,
            applies_to_function: json!(definition.applies_to_function),
            automation_type: json!(definition.automation_type),
            code: definition.code,
            custom_day: definition.custom_day,
            custom_day_time,
            custom_time: definition.custom_time,
            description: definition.description,
            direction: definition.direction.as_str(),
            display_name: definition.display_name.unwrap_or_else(|| definition.name.clone()),
            name: definition.name,
            perform_function: definition.perform_action.clone(),
            provider: provider.as_str(),
            status: if row.enabled { "ACTIVE" } else { "INACTIVE" },
            uuid: row.id.uuid(),
            trigger_condition_text: texts.trigger_condition_text,
            perform_action_text: texts.perform_action_text,
            check_on_text: texts.check_on_text,
        };
        Self {
            members,
            perform_action: definition.perform_action,
            another_automation: definition.another_automation,
            description_enabled: definition.description_enabled.to_string(),
            time_zone: definition.time_zone,
            do_not_over_write_latest_data: definition.do_not_over_write_latest_data.to_string(),
            ignore_threshold: definition.ignore_threshold.to_string(),
            since_last_look_up: definition.since_last_look_up.to_string(),
            property_name: definition.property_name,
            additional_criteria_details: definition.criteria,
            status_detail: row.disabled_reason,
            next_due: state.next_due_at,
            last_run: state.last_run_at,
            last_outcome: state.last_outcome.map(|outcome| outcome.as_str()),
            version: row.version,
            created: row.created_at,
            updated: row.updated_at,
        }
    }
}

/// None where there is nothing to say.
fn said(text: String) -> Option<String> {
    Some(text).filter(|text| !text.is_empty())
}

impl From<AutomationShown> for OneAutomation {
    fn from(mut shown: AutomationShown) -> Self {
        Self {
            warnings: std::mem::take(&mut shown.warnings),
            integration_automation: shown.into(),
        }
    }
}

impl From<AutomationShown> for CreatedAutomation {
    fn from(mut shown: AutomationShown) -> Self {
        Self {
            warnings: std::mem::take(&mut shown.warnings),
            integration_automation: AutomationAnswer::from(shown).members,
        }
    }
}

impl From<Explained> for ExplainedAnswer {
    fn from(explained: Explained) -> Self {
        Self {
            matches: explained.matches,
            criteria: explained.criteria,
        }
    }
}

impl From<AutomationRun> for AutomationRunAnswer {
    fn from(run: AutomationRun) -> Self {
        Self {
            id: run.id.uuid(),
            automation_id: run.automation_id.uuid(),
            trigger: run.trigger.as_str(),
            started_at: run.started_at,
            finished_at: run.finished_at,
            outcome: run.outcome.map(|outcome| outcome.as_str()),
            detail: run.detail,
            since: run.since_at,
            resume_at: run.resume_at,
            pages: run.pages,
            counts: run.counts,
            errors: run.errors.kept,
            errors_total: run.errors.total,
        }
    }
}
