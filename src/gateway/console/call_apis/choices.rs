//! The users and clients that a call can name, by name.

use super::View;
use crate::{
    engine::{Engine, call_apis::CallApi},
    error::Result,
    gateway::console::clients,
};

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
    if let Some(clients) = clients::choices(view, engine).await? {
        return Ok(clients);
    }
    let chosen = call.and_then(|call| call.definition.client_id);
    let names = engine.names().clients(view.caller(), chosen).await?;
    Ok(names.into_iter().map(|(id, name)| (id.to_string(), name)).collect())
}
