//! Which fields and columns the definitions of integrations and their parts have.

use maud::{Markup, html};

use super::{flag, inside, number, text};
use crate::{
    domain::odata::{Entity, EntitySet},
    gateway::console::ui::{self, Tone},
};

/// How a field is entered, and what its text becomes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// A text that must be there.
    Text,
    /// A text; none where it is blank.
    Optional,
    /// The same, several lines.
    Lines,
    /// The same, in an editor.
    Script,
    /// A whole number.
    Number,
    /// A box.
    Flag,
    /// One of these words.
    Words(&'static [(&'static str, &'static str)]),
    /// The number of an entity of this set; optional where the property may be null.
    Link(EntitySet),
    /// The id of a client of this tenant.
    Client,
    /// The id of a partner function.
    Function,
    /// Written, never read; kept where it is blank.
    Secret,
}

/// A field; what it means stands in the model.
pub(super) struct Field(pub(super) &'static str, pub(super) &'static str, pub(super) Kind);

/// A column of the list.
pub(super) struct Column(pub(super) &'static str, pub(super) fn(&Entity) -> Markup);

/// Pages of one set.
pub(super) struct Spec {
    pub(super) set: EntitySet,
    /// In paths.
    pub(super) part: &'static str,
    /// Of the list.
    pub(super) title: &'static str,
    /// Of one.
    pub(super) one: &'static str,
    /// The member with its name.
    pub(super) name: &'static str,
    pub(super) expand: &'static str,
    pub(super) columns: &'static [Column],
    pub(super) fields: &'static [Field],
    /// What new ones begin with.
    pub(super) begin: &'static [(&'static str, &'static str)],
    /// What an empty list says.
    pub(super) hint: &'static str,
}

/// The spec of a part by its word in paths.
pub(super) fn of(part: &str) -> Option<&'static Spec> {
    [&DEFINITIONS, &SYSTEMS, &SCHEDULES, &ACTIONS]
        .into_iter()
        .find(|spec| spec.part == part)
}

pub(super) static DEFINITIONS: Spec = Spec {
    set: EntitySet::Integrations,
    part: "definitions",
    title: "Integrations",
    one: "integration",
    name: "IntegrationName",
    expand: "IntegrationSystem($select=IntegrationSystemName),Schedule($select=ScheduleName)",
    columns: &[
        Column("State", |entity| {
            let (tone, word) = if flag(entity, "Active") {
                (Tone::Good, "active")
            } else {
                (Tone::Quiet, "inactive")
            };
            html! { (ui::badge(tone, word)) @if flag(entity, "Managed") { " " (ui::badge(Tone::Busy, "managed")) } }
        }),
        Column("Direction", |entity| html! { (text(entity, "IntegrationDirectionId")) }),
        Column("Entity", |entity| html! { (text(entity, "EntityId")) }),
        Column("System", |entity| {
            named(entity, "IntegrationSystem", "IntegrationSystemName")
        }),
        Column("Schedule", |entity| named(entity, "Schedule", "ScheduleName")),
        Column("Filter", |entity| html! { code { (text(entity, "Filter")) } }),
    ],
    fields: &[
        Field("IntegrationName", "Name", Kind::Text),
        Field("Active", "Active", Kind::Flag),
        Field(
            "IntegrationDirectionId",
            "Direction",
            Kind::Words(&[("Outbound", "Outbound"), ("Inbound", "Inbound")]),
        ),
        Field("EntityId", "Entity", Kind::Text),
        Field(
            "IntegrationSystemId",
            "System",
            Kind::Link(EntitySet::IntegrationSystems),
        ),
        Field("ActionId", "Action", Kind::Link(EntitySet::Actions)),
        Field("ScheduleId", "Schedule", Kind::Link(EntitySet::Schedules)),
        Field("AllowScheduleChange", "Clients may choose another schedule", Kind::Flag),
        Field(
            "ConsentTypeId",
            "Consent",
            Kind::Words(&[
                ("None", "None is needed"),
                ("OAuth2", "OAuth2: a link to the other system"),
                ("Credentials", "Credentials are entered"),
                ("Manual", "A person approves"),
            ]),
        ),
        Field("MaxAttempts", "Attempts at most", Kind::Number),
        Field("BatchSize", "Batch size", Kind::Number),
        Field("ExecuteInParallel", "Execute in parallel", Kind::Flag),
        Field("IncludeUpdate", "Include updates", Kind::Flag),
        Field("Continuous", "Continuous", Kind::Flag),
        Field("Managed", "Managed for all tenants", Kind::Flag),
        Field("ElementId", "Element id", Kind::Optional),
        Field("Comment", "Comment", Kind::Optional),
        Field("Filter", "Filter", Kind::Lines),
    ],
    begin: &[
        ("IntegrationDirectionId", "Outbound"),
        ("EntityId", "Transaction"),
        ("ConsentTypeId", "None"),
        ("MaxAttempts", "3"),
        ("BatchSize", "1"),
    ],
    hint: "An integration sends rows that meet a filter to another system, or fetches records from one. It needs a system, a schedule \
           and an action: make those first.",
};

pub(super) static SYSTEMS: Spec = Spec {
    set: EntitySet::IntegrationSystems,
    part: "systems",
    title: "Systems",
    one: "system",
    name: "IntegrationSystemName",
    expand: "",
    columns: &[Column("Comment", |entity| html! { (text(entity, "Comment")) })],
    fields: &[
        Field("IntegrationSystemName", "Name", Kind::Text),
        Field("Comment", "Comment", Kind::Optional),
        Field("AuthorizeUrl", "Authorize URL", Kind::Optional),
        Field("TokenUrl", "Token URL", Kind::Optional),
        Field("OAuthClientId", "OAuth client id", Kind::Optional),
        Field("OAuthClientSecret", "OAuth client secret", Kind::Secret),
        Field("OAuthScope", "OAuth scope", Kind::Optional),
    ],
    begin: &[],
    hint: "A system is whatever an integration talks to: a bank, a shop, a tax office.",
};

pub(super) static SCHEDULES: Spec = Spec {
    set: EntitySet::Schedules,
    part: "schedules",
    title: "Schedules",
    one: "schedule",
    name: "ScheduleName",
    expand: "",
    columns: &[
        Column("Kind", |entity| html! { (text(entity, "Kind")) }),
        Column("When", |entity| {
            html! {
                @match text(entity, "Kind") {
                    "Interval" => { "every " (number(entity, "IntervalSeconds").unwrap_or_default()) " s" }
                    "Cron" => code { (text(entity, "Cron")) }
                    _ => { (text(entity, "DayOfWeek")) " " (text(entity, "TimeOfDay")) }
                }
            }
        }),
        Column("Time zone", |entity| html! { (text(entity, "TimeZone")) }),
    ],
    fields: &[
        Field("ScheduleName", "Name", Kind::Text),
        Field(
            "Kind",
            "Kind",
            Kind::Words(&[
                ("Interval", "Interval: every so many seconds"),
                ("Cron", "Cron expression"),
                ("Weekly", "Weekly: a day and a time"),
            ]),
        ),
        Field("IntervalSeconds", "Interval, seconds", Kind::Number),
        Field("Cron", "Cron expression", Kind::Optional),
        Field(
            "DayOfWeek",
            "Day of the week",
            Kind::Words(&[
                ("", "every day"),
                ("Monday", "Monday"),
                ("Tuesday", "Tuesday"),
                ("Wednesday", "Wednesday"),
                ("Thursday", "Thursday"),
                ("Friday", "Friday"),
                ("Saturday", "Saturday"),
                ("Sunday", "Sunday"),
            ]),
        ),
        Field("TimeOfDay", "Time of day", Kind::Optional),
        Field("TimeZone", "Time zone", Kind::Text),
    ],
    begin: &[("Kind", "Interval"), ("IntervalSeconds", "300"), ("TimeZone", "UTC")],
    hint: "A schedule says when integrations look for rows.",
};

pub(super) static ACTIONS: Spec = Spec {
    set: EntitySet::Actions,
    part: "actions",
    title: "Actions",
    one: "action",
    name: "ActionName",
    expand: "",
    columns: &[
        Column("Kind", |entity| html! { (text(entity, "Kind")) }),
        Column(
            "Request",
            |entity| html! { (text(entity, "Method")) " " code { (text(entity, "Url")) } },
        ),
    ],
    fields: &[
        Field("ActionName", "Name", Kind::Text),
        Field(
            "Kind",
            "Kind",
            Kind::Words(&[("Http", "HTTP request"), ("PartnerFunction", "Partner function")]),
        ),
        Field("PartnerFunctionUuid", "Partner function", Kind::Function),
        Field(
            "Method",
            "Method",
            Kind::Words(&[
                ("", "–"),
                ("GET", "GET"),
                ("POST", "POST"),
                ("PUT", "PUT"),
                ("PATCH", "PATCH"),
                ("DELETE", "DELETE"),
            ]),
        ),
        Field("Url", "URL", Kind::Optional),
        Field("ClientUuid", "Client", Kind::Client),
        Field("Headers", "Headers", Kind::Lines),
        Field("Body", "Body", Kind::Lines),
        Field("BodyScript", "Body script", Kind::Script),
        Field("ResultScript", "Result script", Kind::Script),
    ],
    begin: &[("Kind", "Http"), ("Method", "POST")],
    hint: "An action is what happens to an item: a request to another system, or a partner function of a connection.",
};

fn named(entity: &Entity, navigation: &str, name: &str) -> Markup {
    html! { @if let Some(one) = inside(entity, navigation) { (text(one, name)) } @else { (ui::dash()) } }
}
