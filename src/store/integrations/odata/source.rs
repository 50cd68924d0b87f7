//! What the entity sets are in the database: tables, columns, and who sees which rows.
//!
//! In these texts `{t}` stands for the alias of the row, and `$1` is always the tenant. They are ours: nothing of a caller is in them.

use crate::domain::{
    integration::{ConsentType, IntegrationDirection, QueueState},
    odata::EntitySet,
};

/// Where a set's rows are.
pub(super) enum From {
    /// A table.
    Table(&'static str),
    /// Words that are not stored, with their descriptions, as `id` and `description`.
    Words(fn() -> Vec<(&'static str, &'static str)>),
    /// Entities: the usual ones, and those of the tenant's records.
    Entities,
}

/// See [`of`].
pub(super) struct Source {
    /// Where the rows are.
    pub(super) from: From,
    /// Which of them the tenant sees.
    pub(super) visible: &'static str,
    /// What the properties are, by name.
    columns: &'static [(&'static str, &'static str)],
}

/// A tenant's own rows.
const OWN: &str = "{t}.tenant_id = $1";
/// For all tenants.
const ALL: &str = "1 = 1";

/// Columns that most definitions have.
macro_rules! stamped {
    ($($column:expr),* $(,)?) => {
        &[
            $($column,)*
            ("Version", "{t}.version"),
            ("CreatedAt", "{t}.created_at"),
            ("UpdatedAt", "{t}.updated_at"),
        ]
    };
}

/// Its own, and what is named by what is managed.
macro_rules! named_by_managed {
    ($column:literal) => {
        concat!(
            "({t}.tenant_id = $1 OR EXISTS (SELECT 1 FROM integration m WHERE m.managed AND m.",
            $column,
            " = {t}.id AND m.tenant_id = {t}.tenant_id))"
        )
    };
}

/// Only for whom the row belongs to.
macro_rules! own {
    ($column:literal) => {
        concat!("CASE WHEN {t}.tenant_id = $1 THEN {t}.", $column, " END")
    };
}

/// Of the state that the actor writes.
macro_rules! state {
    ($column:literal) => {
        concat!(
            "(SELECT s.",
            $column,
            " FROM client_integration_state s WHERE s.client_integration_id = {t}.id AND s.tenant_id = {t}.tenant_id)"
        )
    };
}

const INTEGRATIONS: Source = Source {
    from: From::Table("integration"),
    visible: "({t}.tenant_id = $1 OR {t}.managed)",
    columns: stamped![
        ("IntegrationId", "{t}.id"),
        ("IntegrationName", "{t}.name"),
        ("EntityId", "{t}.entity_id"),
        ("IntegrationDirectionId", "{t}.direction_id"),
        ("IntegrationSystemId", "{t}.system_id"),
        ("ActionId", "{t}.action_id"),
        ("ElementId", "{t}.element_id"),
        ("Comment", "{t}.comment"),
        ("Filter", "{t}.filter"),
        ("ScheduleId", "{t}.schedule_id"),
        ("MaxAttempts", "{t}.max_attempts"),
        ("BatchSize", "{t}.batch_size"),
        ("ExecuteInParallel", "{t}.execute_in_parallel"),
        ("IncludeUpdate", "{t}.include_update"),
        ("Continuous", "{t}.continuous"),
        ("Managed", "{t}.managed"),
        ("AllowScheduleChange", "{t}.allow_schedule_change"),
        ("ConsentTypeId", "{t}.consent_type_id"),
        ("Active", "{t}.active"),
    ],
};

const SYSTEMS: Source = Source {
    from: From::Table("integration_system"),
    visible: named_by_managed!("system_id"),
    columns: stamped![
        ("IntegrationSystemId", "{t}.id"),
        ("IntegrationSystemName", "{t}.name"),
        ("Comment", "{t}.comment"),
        ("AuthorizeUrl", "{t}.authorize_url"),
        ("TokenUrl", "{t}.token_url"),
        ("OAuthClientId", "{t}.oauth_client_id"),
        ("OAuthScope", "{t}.oauth_scope"),
    ],
};

const SCHEDULES: Source = Source {
    from: From::Table("integration_schedule"),
    visible: named_by_managed!("schedule_id"),
    columns: stamped![
        ("ScheduleId", "{t}.id"),
        ("ScheduleName", "{t}.name"),
        ("Kind", "{t}.kind"),
        ("IntervalSeconds", "{t}.interval_seconds"),
        ("Cron", "{t}.cron"),
        ("DayOfWeek", "{t}.day_of_week"),
        ("TimeOfDay", "{t}.time_of_day"),
        ("TimeZone", "{t}.time_zone"),
    ],
};

/// What the operator's actions send, and where to, is not shown to clients, nor to be found out with a filter.
const ACTIONS: Source = Source {
    from: From::Table("integration_action"),
    visible: named_by_managed!("action_id"),
    columns: stamped![
        ("ActionId", "{t}.id"),
        ("ActionName", "{t}.name"),
        ("Kind", "{t}.kind"),
        ("Method", own!("method")),
        ("Url", own!("url")),
        ("Headers", own!("headers")),
        ("Body", own!("body")),
        ("BodyScript", own!("body_script")),
        ("ResultScript", own!("result_script")),
        ("ClientUuid", own!("client_id")),
        ("PartnerFunctionUuid", own!("partner_function_id")),
    ],
};

const CLIENT_INTEGRATIONS: Source = Source {
    from: From::Table("client_integration"),
    visible: OWN,
    columns: stamped![
        ("ClientIntegrationId", "{t}.id"),
        ("IntegrationId", "{t}.integration_id"),
        ("Enabled", "{t}.enabled"),
        ("DisabledReason", "{t}.disabled_reason"),
        ("ScheduleId", "{t}.schedule_id"),
        ("ConnectionUuid", "{t}.connection_id"),
        ("ConsentId", "{t}.consent_id"),
        ("NextDueAt", state!("next_due_at")),
        ("LastRunAt", state!("last_run_at")),
        ("LastOutcome", state!("last_outcome")),
    ],
};

const CONSENTS: Source = Source {
    from: From::Table("integration_consent"),
    visible: OWN,
    columns: stamped![
        ("ConsentId", "{t}.id"),
        ("ClientIntegrationId", "{t}.client_integration_id"),
        ("ConsentTypeId", "{t}.consent_type_id"),
        ("State", "{t}.state"),
        ("AuthorizeUrl", "{t}.authorize_url"),
        ("GrantedBy", "{t}.granted_by"),
        ("GrantedAt", "{t}.granted_at"),
        ("ExpiresAt", "{t}.expires_at"),
        ("Detail", "{t}.detail"),
    ],
};

const QUEUE: Source = Source {
    from: From::Table("integration_queue"),
    // What is bare is only kept so that its row is not sent again.
    visible: "{t}.tenant_id = $1 AND NOT {t}.bare",
    columns: &[
        ("IntegrationQueueId", "{t}.id"),
        ("IntegrationId", "{t}.integration_id"),
        ("ClientIntegrationId", "{t}.client_integration_id"),
        ("ItemId", "{t}.item_id"),
        ("ItemName", "{t}.item_name"),
        ("ItemVersion", "{t}.item_version"),
        ("ItemUpdatedOn", "{t}.item_updated_on"),
        ("Attempt", "{t}.attempt"),
        ("IntegrationQueueStateId", "{t}.state"),
        ("ActionLogId", "{t}.action_log_id"),
        ("Result", "{t}.result"),
        ("DueAt", "{t}.due_at"),
        ("CreatedAt", "{t}.created_at"),
        ("UpdatedAt", "{t}.updated_at"),
    ],
};

const LOGS: Source = Source {
    from: From::Table("action_log"),
    visible: OWN,
    columns: &[
        ("ActionLogId", "{t}.id"),
        ("IntegrationId", "{t}.integration_id"),
        ("ClientIntegrationId", "{t}.client_integration_id"),
        ("ActionId", "{t}.action_id"),
        ("Trigger", "{t}.\"trigger\""),
        ("StartedAt", "{t}.started_at"),
        ("FinishedAt", "{t}.finished_at"),
        ("Outcome", "{t}.outcome"),
        ("Message", "{t}.message"),
        ("Selected", "{t}.selected"),
        ("Completed", "{t}.completed"),
        ("Failed", "{t}.failed"),
        ("Abandoned", "{t}.abandoned"),
    ],
};

macro_rules! words {
    ($key:literal, $words:expr) => {
        Source {
            from: $words,
            visible: ALL,
            columns: &[($key, "{t}.id"), ("Description", "{t}.description")],
        }
    };
}

const CONSENT_TYPES: Source = words!("ConsentTypeId", From::Words(consent_types));
const DIRECTIONS: Source = words!("IntegrationDirectionId", From::Words(directions));
const QUEUE_STATES: Source = words!("IntegrationQueueStateId", From::Words(queue_states));
const ENTITIES: Source = words!("EntityId", From::Entities);

/// What a set is in the database.
pub(super) const fn of(set: EntitySet) -> &'static Source {
    match set {
        EntitySet::Integrations => &INTEGRATIONS,
        EntitySet::IntegrationSystems => &SYSTEMS,
        EntitySet::Schedules => &SCHEDULES,
        EntitySet::Actions => &ACTIONS,
        EntitySet::ClientIntegrations => &CLIENT_INTEGRATIONS,
        EntitySet::Consents => &CONSENTS,
        EntitySet::ConsentTypes => &CONSENT_TYPES,
        EntitySet::IntegrationDirections => &DIRECTIONS,
        EntitySet::Entities => &ENTITIES,
        EntitySet::IntegrationQueues => &QUEUE,
        EntitySet::IntegrationQueueStates => &QUEUE_STATES,
        EntitySet::ActionLogs => &LOGS,
    }
}

impl Source {
    /// A property of the row with this alias; none: it is never read.
    pub(super) fn column(&self, property: &str, alias: &str) -> Option<String> {
        let found = self.columns.iter().find(|(name, _)| *name == property);
        found.map(|(_, sql)| sql.replace("{t}", alias))
    }

    /// Whether the tenant sees the row with this alias.
    pub(super) fn visible(&self, alias: &str) -> String {
        self.visible.replace("{t}", alias)
    }

    /// The rows, under this alias, for `FROM`.
    pub(super) fn rows(&self, alias: &str) -> String {
        match &self.from {
            From::Table(table) => format!("{table} {alias}"),
            From::Words(words) => format!("({}) {alias}", union(&words())),
            From::Entities => format!("({}) {alias}", entities()),
        }
    }
}

fn union(words: &[(&str, &str)]) -> String {
    let rows = words
        .iter()
        .map(|(word, about)| format!("SELECT '{}' AS id, '{}' AS description", quoted(word), quoted(about)));
    rows.collect::<Vec<_>>().join(" UNION ALL ")
}

fn quoted(text: &str) -> String {
    text.replace('\'', "''")
}

/// Names of records are looked up one after the other in their index: there may be a million records of each.
fn entities() -> String {
    let usual = union(&USUAL);
    let known: Vec<String> = USUAL.iter().map(|(word, _)| format!("'{}'", quoted(word))).collect();
    format!(
        "WITH RECURSIVE kept(id) AS (\
         SELECT MIN(r.entity) FROM record r WHERE r.tenant_id = $1 \
         UNION ALL SELECT (SELECT MIN(r.entity) FROM record r WHERE r.tenant_id = $1 AND r.entity > kept.id) \
         FROM kept WHERE kept.id IS NOT NULL) \
         {usual} UNION ALL SELECT kept.id, 'Records of this tenant.' FROM kept \
         WHERE kept.id IS NOT NULL AND kept.id NOT IN ({})",
        known.join(", ")
    )
}

/// Entities that are there for every tenant, with or without records.
const USUAL: [(&str, &str); 10] = [
    ("Transaction", "What call APIs make."),
    ("account", "Records: accounts of a ledger."),
    ("bill", "Records: invoices of suppliers."),
    ("credit_note", "Records: credit notes."),
    ("customer", "Records: customers."),
    ("invoice", "Records: invoices to customers."),
    ("item", "Records: what is sold and bought."),
    ("payment", "Records: payments."),
    ("purchase_order", "Records: orders to suppliers."),
    ("supplier", "Records: suppliers."),
];

fn consent_types() -> Vec<(&'static str, &'static str)> {
    let about = |word: &ConsentType| match word {
        ConsentType::None => "Nothing has to be done.",
        ConsentType::OAuth2 => "A person of the client follows a link and agrees at the other system.",
        ConsentType::Credentials => "The client enters credentials.",
        ConsentType::Manual => "A person who has the right approves.",
    };
    ConsentType::ALL
        .iter()
        .map(|word| (word.as_str(), about(word)))
        .collect()
}

fn directions() -> Vec<(&'static str, &'static str)> {
    let about = |word: &IntegrationDirection| match word {
        IntegrationDirection::Inbound => "From the other system to transactions or records.",
        IntegrationDirection::Outbound => "From transactions or records to the other system.",
    };
    IntegrationDirection::ALL
        .iter()
        .map(|word| (word.as_str(), about(word)))
        .collect()
}

fn queue_states() -> Vec<(&'static str, &'static str)> {
    let about = |word: &QueueState| match word {
        QueueState::Pending => "Waits for its turn.",
        QueueState::Processing => "Is being processed.",
        QueueState::Completed => "Done.",
        QueueState::Failed => "The last attempt failed; the next one comes.",
        QueueState::Abandoned => "The last attempt that was allowed failed.",
        QueueState::Cancelled => "Is not to be processed any more.",
    };
    QueueState::ALL
        .iter()
        .map(|word| (word.as_str(), about(word)))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::odata::Access;

    #[test]
    fn every_property_that_is_answered_has_a_column_and_no_secret_has_one() {
        for set in EntitySet::ALL {
            for property in set.entity_type().properties {
                let column = of(set).column(property.name, "t");
                assert_eq!(
                    column.is_some(),
                    property.access != Access::WriteOnly,
                    "{set}/{}",
                    property.name
                );
            }
            assert_eq!(of(set).columns.len(), set.entity_type().readable().count(), "{set}");
        }
    }
}
