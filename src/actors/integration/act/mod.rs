//! What happens to an item of the queue: an HTTP request or a partner function, one way or the other.

use std::sync::Arc;

use crate::{
    actors::{
        integration::work::{Acted, Work},
        services::Services,
    },
    domain::integration::{ActionKind, IntegrationDirection, QueueItem, TRANSACTION},
};

mod arrive;
mod carrier;
mod ended;
mod escape;
mod filters;
mod function;
mod import;
mod inbound;
mod outbound;
mod records;
mod request;
mod row;
mod scope;
mod script;
mod syntax;
mod template;

pub use template::check_template;

/// What an attempt works with.
#[derive(Clone, Copy)]
struct Attempt<'a> {
    services: &'a Arc<Services>,
    work: &'a Arc<Work>,
    item: &'a QueueItem,
}

/// Makes one attempt for an item. Must run on a thread of an actix runtime; may be dropped at any time: what was sent is sent again
/// under the same idempotency key.
pub async fn act(services: &Arc<Services>, work: &Arc<Work>, item: &QueueItem) -> Acted {
    if services.is_draining() {
        return Acted::Left;
    }
    let attempt = Attempt { services, work, item };
    let Some((_, action)) = &work.action else {
        return ended::failed("The integration has no action. Name one in its ActionId.", true);
    };
    let direction = work.integration.integration_direction_id;
    let acted = match (action.kind, direction) {
        (ActionKind::Http, IntegrationDirection::Outbound) => outbound::send(attempt, action).await,
        (ActionKind::Http, IntegrationDirection::Inbound) => inbound::fetch(attempt, action).await,
        (ActionKind::PartnerFunction, IntegrationDirection::Outbound) => function::send(attempt, action).await,
        (ActionKind::PartnerFunction, IntegrationDirection::Inbound) => import::fetch(attempt, action).await,
    };
    let acted = acted.unwrap_or_else(|acted| acted);
    // What failed because everything ends is not the item's failure.
    match acted {
        Acted::Failed { is_final: false, .. } | Acted::Later { .. } if services.is_draining() => Acted::Left,
        acted => ended::shortened(acted),
    }
}

impl Attempt<'_> {
    /// Whether the items are transactions, not records.
    fn is_of_transactions(&self) -> bool {
        self.work.integration.entity_id.trim().eq_ignore_ascii_case(TRANSACTION)
    }
}
