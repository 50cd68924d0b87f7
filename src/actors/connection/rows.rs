//! Which connections should have an actor: the enabled ones.

use futures_util::{FutureExt, future::BoxFuture};
use uuid::Uuid;

use crate::{
    actors::registry::family::{MemberRow, MemberRows},
    domain::ids::TenantId,
    error::Result,
    store::Store,
};

/// See the module.
pub struct ConnectionRows(pub Store);

impl MemberRows for ConnectionRows {
    fn page(&self, after: Option<Uuid>, limit: u64) -> BoxFuture<'_, Result<Vec<MemberRow>>> {
        async move {
            let rows = self.0.connection_rows_page(after.map(Into::into), limit).await?;
            Ok(rows.into_iter().map(MemberRow::from).collect())
        }
        .boxed()
    }

    fn one(&self, tenant: TenantId, id: Uuid) -> BoxFuture<'_, Result<Option<MemberRow>>> {
        async move { Ok(self.0.connection_row(tenant, id.into()).await?.map(MemberRow::from)) }.boxed()
    }
}
