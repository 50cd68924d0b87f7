//! Automations: what one is made of. How it is read from a request, when it is due, what it does with a record and how it
//! says so in words is in the files beside this one.

use serde::{Deserialize, Serialize};

use crate::domain::partner_function::Direction;

pub mod chain;
pub mod criteria;
pub mod machine;
pub mod read;
pub mod run;
pub mod schedule;
pub mod text;

mod read_criteria;

/// What starts a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum AutomationType {
    /// A due time.
    #[serde(rename = "timerBased")]
    TimerBased,
    /// A change of a local record.
    #[serde(rename = "eventBased")]
    EventBased,
}

/// Which records it is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AppliesTo {
    /// Those that the other side does not have yet.
    New,
    /// Those that it has.
    Update,
    /// Both.
    #[default]
    NewAndUpdate,
}

/// When a timer-based automation is due.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CheckOn {
    /// `"<n> minutes|hours|days"`.
    Every {
        /// The whole interval, minutes.
        minutes: u32,
    },
    /// `customDayTime`: on `custom_day` at `custom_time`.
    CustomDayTime,
}

/// How a rule or a group joins with what stands before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Joint {
    /// Both.
    #[default]
    And,
    /// Either.
    Or,
}

/// A rule's comparison.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
#[expect(missing_docs, reason = "the names say it")]
pub enum RuleOperator {
    Equals,
    NotEquals,
    Contains,
    DoesNotContain,
    StartsWith,
    EndsWith,
    HasValue,
    DoesNotHaveValue,
    GreaterThan,
    GreaterThanOrEqual,
    LessThan,
    LessThanOrEqual,
    In,
    NotIn,
}

/// One comparison with a member of a record.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rule {
    /// A member's name, without regard to case and blanks, with dots into nested members.
    pub field_name: String,
    /// How it is compared.
    pub operator: RuleOperator,
    /// With what; IN and NOT_IN have their values between commas.
    #[serde(default)]
    pub value: Option<String>,
    /// How it joins with the rules before it in its group.
    #[serde(default)]
    pub condition: Joint,
}

/// Rules that are met or not as one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CriteriaGroup {
    /// How it joins with the groups before it.
    #[serde(default)]
    pub group_condition: Joint,
    /// From left to right.
    pub rules: Vec<Rule>,
}

/// What an automation is made of, checked; texts as they were given. Stored as JSON.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Automation {
    /// Unique within the connection.
    pub name: String,
    /// For people; the name if absent.
    pub display_name: Option<String>,
    /// Free text.
    pub code: Option<String>,
    /// Whether the description is shown.
    pub description_enabled: bool,
    /// For people.
    pub description: Option<String>,
    /// Id or name of the automation that runs after a success of this one.
    pub another_automation: Option<String>,
    /// Which entity of our records.
    pub applies_to: String,
    /// Which of them.
    pub applies_to_function: AppliesTo,
    /// What starts a run.
    pub automation_type: AutomationType,
    /// Which way records go.
    pub direction: Direction,
    /// When, for timers.
    pub check_on: Option<CheckOn>,
    /// Lower-case English weekday; absent: every day.
    pub custom_day: Option<String>,
    /// `HH:MM:SS`.
    pub custom_time: Option<String>,
    /// IANA zone of `custom_time`; UTC if absent.
    pub time_zone: Option<String>,
    /// A local record that is newer than the remote one is left alone.
    pub do_not_over_write_latest_data: bool,
    /// Minutes of difference that do not count as newer.
    pub ignore_threshold: u32,
    /// Id or name of the partner function that does it.
    pub perform_action: String,
    /// Only what changed since the last successful look.
    pub since_last_look_up: bool,
    /// Whether `criteria` count.
    pub additional_criteria: bool,
    /// For event-based ones: only changes of this member; none: of any.
    pub property_name: Option<String>,
    /// From left to right.
    pub criteria: Vec<CriteriaGroup>,
}
