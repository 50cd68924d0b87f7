//! The users and clients that a call can name, by name.

use super::View;
use crate::{
    domain::rights::Right,
    engine::{Engine, call_apis::CallApi},
    error::Result,
    store::{Page, page::LIMIT_MAX},
};

/// Most clients that the choice shows.
const CLIENTS_MAX: usize = 1_000;

/// Ids and names.
pub(super) struct Choices {
    pub(super) users: Vec<(String, String)>,
    pub(super) clients: Vec<(String, String)>,
}

impl Choices {
    /// What this person may choose among; what a call names already is shown as it is in any case.
    pub(super) async fn load(view: &View, engine: &Engine, call: Option<&CallApi>) -> Result<Self> {
        let chosen = call.map(|call| call.definition.run_as_user_id);
        let users = engine.call_apis().run_as(view.caller(), chosen).await?;
        Ok(Self {
            users: users.into_iter().map(|user| (user.id.to_string(), user.name)).collect(),
            clients: clients(view, engine, call).await?,
        })
    }
}

async fn clients(view: &View, engine: &Engine, call: Option<&CallApi>) -> Result<Vec<(String, String)>> {
    if !view.may(Right::CallsManage) && !view.may(Right::ClientsManage) {
        let chosen = call.and_then(|call| call.definition.client_id);
        let names = engine.names().clients(view.caller(), chosen).await?;
        return Ok(names.into_iter().map(|(id, name)| (id.to_string(), name)).collect());
    }
    let mut clients = Vec::new();
    let mut page = Page::new(Some(LIMIT_MAX), None);
    while clients.len() < CLIENTS_MAX {
        let paged = engine.clients().list(view.caller(), page).await?;
        clients.extend(
            paged
                .items
                .into_iter()
                .map(|client| (client.id.to_string(), client.name)),
        );
        let Some(cursor) = paged.next_cursor else { break };
        page = Page::new(Some(LIMIT_MAX), Some(cursor));
    }
    clients.sort_by_cached_key(|(_, name)| name.to_lowercase());
    Ok(clients)
}
