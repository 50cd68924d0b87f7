//! What happens to an item of the queue: an HTTP request or a partner function, one way or the other.

use std::sync::Arc;

use crate::{
    actors::{
        integration::work::{Acted, Work},
        services::Services,
    },
    domain::integration::QueueItem,
};

/// Makes one attempt for an item. Must run on a thread of an actix runtime; may be dropped at any time.
pub async fn act(services: &Arc<Services>, work: &Arc<Work>, item: &QueueItem) -> Acted {
    if services.is_draining() {
        return Acted::Left;
    }
    let what = work.action.as_ref().map_or("none", |(_, action)| action.kind.as_str());
    Acted::Failed {
        message: format!("The action of item {} ({what}) is not done yet.", item.id),
        retry_after_ms: None,
        is_final: false,
    }
}
