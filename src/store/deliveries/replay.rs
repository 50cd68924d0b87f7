//! Replays: what has ended is sent once more, under its old id.

use jiff::Timestamp;
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect, QueryTrait, sea_query::Expr};
use uuid::Uuid;

use crate::{
    domain::{
        delivery::State,
        ids::{DeliveryId, SubscriptionId, TenantId},
    },
    store::{
        Result, Store,
        audit::{self, Entry},
    },
};
use entity::webhook_delivery::{Column, Entity};

/// What is to be sent once more. All that is given has to hold.
#[derive(Clone, Debug)]
pub struct Replay {
    /// Tenant.
    pub tenant_id: TenantId,
    /// Of this subscription; none: of any, and of plain URLs.
    pub subscription_id: Option<SubscriptionId>,
    /// These.
    pub ids: Option<Vec<DeliveryId>>,
    /// Those whose ids come after this one.
    pub after: Option<DeliveryId>,
    /// Made at or after this.
    pub from: Option<Timestamp>,
    /// In this state. What is pending never is.
    pub state: Option<State>,
    /// At most so many, oldest first.
    pub rows_max: u64,
    /// Where they go; none: where they went before. With the lane of that URL.
    pub to: Option<(String, i64)>,
    /// When the attempt is due.
    pub now: Timestamp,
}

impl Store {
    /// Makes ended deliveries pending again; answers which. Their attempts go on counting, their table of waits begins anew.
    pub async fn replay_deliveries(&self, replay: Replay, entry: Entry) -> Result<Vec<DeliveryId>> {
        let clock = self.clock().clone();
        self.write(move |transaction| {
            Box::pin(async move {
                let found: Vec<Uuid> = Entity::find()
                    .select_only()
                    .column(Column::Id)
                    .filter(Column::TenantId.eq(replay.tenant_id.uuid()))
                    .filter(Column::State.ne(State::Pending.code()))
                    .apply_if(replay.subscription_id, |query, id| {
                        query.filter(Column::SubscriptionId.eq(id.uuid()))
                    })
                    .apply_if(replay.ids, |query, ids| {
                        query.filter(Column::Id.is_in(ids.into_iter().map(DeliveryId::uuid)))
                    })
                    .apply_if(replay.after, |query, after| query.filter(Column::Id.gt(after.uuid())))
                    .apply_if(replay.from, |query, from| {
                        query.filter(Column::CreatedAt.gte(from.as_microsecond()))
                    })
                    .apply_if(replay.state, |query, state| {
                        query.filter(Column::State.eq(state.code()))
                    })
                    .order_by_asc(Column::Id)
                    .limit(replay.rows_max)
                    .into_tuple()
                    .all(transaction)
                    .await?;
                if found.is_empty() {
                    return Ok(Vec::new());
                }
                let mut update = Entity::update_many()
                    .col_expr(Column::State, Expr::value(State::Pending.code()))
                    .col_expr(Column::AttemptsBefore, Expr::col(Column::Attempts))
                    .col_expr(Column::NextAt, Expr::value(replay.now.as_microsecond()))
                    .col_expr(Column::EndedAt, Expr::value(None::<i64>));
                if let Some((url, lane)) = replay.to {
                    update = update
                        .col_expr(Column::Url, Expr::value(url))
                        .col_expr(Column::Lane, Expr::value(lane));
                }
                update
                    .filter(Column::TenantId.eq(replay.tenant_id.uuid()))
                    .filter(Column::State.ne(State::Pending.code()))
                    .filter(Column::Id.is_in(found.iter().copied()))
                    .exec(transaction)
                    .await?;
                audit::record(transaction, &clock, entry).await?;
                Ok(found.into_iter().map(DeliveryId::from).collect())
            })
        })
        .await
    }
}
