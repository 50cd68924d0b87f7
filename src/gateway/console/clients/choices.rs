//! The clients that forms of other things offer.

use crate::{
    domain::rights::Right,
    engine::Engine,
    error::Result,
    gateway::console::view::View,
    store::{Page, page::LIMIT_MAX},
};

/// Most clients that a choice shows.
const CLIENTS_MAX: usize = 1_000;

/// Ids and names, by name; none where the person may not see clients.
pub(in crate::gateway::console) async fn choices(
    view: &View,
    engine: &Engine,
) -> Result<Option<Vec<(String, String)>>> {
    if !view.may(Right::CallsManage) && !view.may(Right::ClientsManage) {
        return Ok(None);
    }
    let mut clients = Vec::new();
    let mut page = Page::new(Some(LIMIT_MAX), None);
    while clients.len() < CLIENTS_MAX {
        let paged = engine.clients().list(view.caller(), page).await?;
        let found = paged.items.into_iter();
        clients.extend(found.map(|client| (client.id.to_string(), client.name)));
        let Some(cursor) = paged.next_cursor else { break };
        page = Page::new(Some(LIMIT_MAX), Some(cursor));
    }
    clients.sort_by_cached_key(|(_, name)| name.to_lowercase());
    Ok(Some(clients))
}
