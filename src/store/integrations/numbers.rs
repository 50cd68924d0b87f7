//! Numbers for rows that OData knows by one.

use sea_orm::{ConnectionTrait, DatabaseTransaction, Statement};

use crate::store::{Error, Result};

/// A table whose rows are numbered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::store) enum Series {
    Integration,
    System,
    Schedule,
    Action,
    ClientIntegration,
    Consent,
    QueueItem,
    ActionLog,
}

impl Series {
    const fn name(self) -> &'static str {
        match self {
            Self::Integration => "integration",
            Self::System => "integration_system",
            Self::Schedule => "integration_schedule",
            Self::Action => "integration_action",
            Self::ClientIntegration => "client_integration",
            Self::Consent => "integration_consent",
            Self::QueueItem => "integration_queue",
            Self::ActionLog => "action_log",
        }
    }
}

/// Takes the next `count` numbers of a series; the first of them. The row of the series is locked until the transaction ends, so that
/// a number is seen by nobody before those below it; numbers of a transaction that fails are free again.
pub(in crate::store) async fn next_numbers(txn: &DatabaseTransaction, series: Series, count: u32) -> Result<i64> {
    let sql = "INSERT INTO number_series (name, last) VALUES ($1, $2) \
               ON CONFLICT (name) DO UPDATE SET last = number_series.last + excluded.last RETURNING last";
    let values = [series.name().into(), i64::from(count).into()];
    let statement = Statement::from_sql_and_values(txn.get_database_backend(), sql, values);
    let row = txn.query_one_raw(statement).await?;
    let last: i64 = row
        .ok_or_else(|| Error::Content("a series gave no number".to_owned()))?
        .try_get("", "last")?;
    Ok(last - i64::from(count) + 1)
}
