//! Which client integrations should have an actor.

use sea_orm::{ConnectionTrait, QueryResult, Statement, Value};
use uuid::Uuid;

use crate::{
    domain::ids::TenantId,
    store::{Result, Store, listing::LiveRow},
};

/// Enabled, of an active integration with an action, and consented to where that is asked for.
const LIVE: &str = "
SELECT c.uuid, c.tenant_id, i.name,
       c.version + i.version AS first,
       d.version + y.version + a.version + COALESCE(o.version, 0) + COALESCE(g.version, 0) AS second
FROM client_integration c
JOIN integration i ON i.id = c.integration_id AND (i.tenant_id = c.tenant_id OR i.managed)
JOIN integration_schedule d ON d.id = i.schedule_id AND d.tenant_id = i.tenant_id
JOIN integration_system y ON y.id = i.system_id AND y.tenant_id = i.tenant_id
JOIN integration_action a ON a.id = i.action_id AND a.tenant_id = i.tenant_id
LEFT JOIN integration_schedule o ON o.id = c.schedule_id AND o.tenant_id = c.tenant_id
LEFT JOIN integration_consent g ON g.id = c.consent_id AND g.tenant_id = c.tenant_id
WHERE c.enabled AND i.active
  AND (i.consent_type_id = 'None' OR (g.state = 'Granted' AND g.consent_type_id = i.consent_type_id))";

/// The versions of what a definition names count less than those of the definition: naming another thing of a lower version is still a
/// step up.
const STEP: i64 = 1 << 32;

impl Store {
    /// Client integrations of all tenants that should have an actor, after a UUID, by UUID. The version of a row grows with each
    /// change of anything that its actor reads.
    pub async fn client_integration_rows_page(&self, after: Option<Uuid>, limit: u64) -> Result<Vec<LiveRow>> {
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        self.read(move |db| async move {
            let (also, values): (&str, Vec<Value>) = match after {
                None => ("ORDER BY c.uuid LIMIT $1", vec![limit.into()]),
                Some(after) => (
                    "AND c.uuid > $1 ORDER BY c.uuid LIMIT $2",
                    vec![after.into(), limit.into()],
                ),
            };
            let sql = format!("{LIVE} {also}");
            let statement = Statement::from_sql_and_values(db.get_database_backend(), sql, values);
            db.query_all_raw(statement).await?.iter().map(live).collect()
        })
        .await
    }

    /// One client integration that should have an actor; none: it is gone, or may not run.
    pub async fn client_integration_row(&self, tenant_id: TenantId, uuid: Uuid) -> Result<Option<LiveRow>> {
        self.read(move |db| async move {
            let sql = format!("{LIVE} AND c.tenant_id = $1 AND c.uuid = $2");
            let values = [tenant_id.uuid().into(), uuid.into()];
            let statement = Statement::from_sql_and_values(db.get_database_backend(), sql, values);
            let row = db.query_one_raw(statement).await?;
            row.as_ref().map(live).transpose()
        })
        .await
    }
}

fn live(row: &QueryResult) -> Result<LiveRow> {
    let (first, second): (i64, i64) = (row.try_get("", "first")?, row.try_get("", "second")?);
    Ok(LiveRow {
        id: row.try_get("", "uuid")?,
        tenant_id: row.try_get::<Uuid>("", "tenant_id")?.into(),
        version: first.saturating_mul(STEP).saturating_add(second.min(STEP - 1)),
        name: row.try_get("", "name")?,
    })
}
