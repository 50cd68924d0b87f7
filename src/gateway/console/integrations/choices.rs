//! What can be chosen in forms of integrations: other entities, connections, partner functions.

use super::{listed, number, text};
use crate::{
    domain::{odata::EntitySet, rights::Right},
    engine::{Engine, connections::Connection},
    error::Result,
    gateway::console::view::View,
    store::{listing::Window, page::LIMIT_MAX},
};

/// Most that a choice offers; whoever has more enters ids through the API.
const MOST: u64 = 500;
/// Most connections whose partner functions are offered.
const CONNECTIONS_MAX: u64 = 50;

/// A value and its words.
pub(super) type Choice = (String, String);

/// Entities of a set by name.
pub(super) async fn entities(view: &View, engine: &Engine, set: EntitySet) -> Result<Vec<Choice>> {
    let (key, name) = match set {
        EntitySet::IntegrationSystems => ("IntegrationSystemId", "IntegrationSystemName"),
        EntitySet::Schedules => ("ScheduleId", "ScheduleName"),
        EntitySet::Actions => ("ActionId", "ActionName"),
        _ => ("IntegrationId", "IntegrationName"),
    };
    let options = [("$select", format!("{key},{name}")), ("$orderby", name.to_owned())];
    let found = listed(view, engine, set, &options, MOST).await?;
    let each = found.entities.iter();
    Ok(each
        .map(|entity| {
            (
                number(entity, key).unwrap_or_default().to_string(),
                text(entity, name).to_owned(),
            )
        })
        .collect())
}

/// Connections of this tenant.
pub(super) async fn connections(view: &View, engine: &Engine) -> Result<Vec<Choice>> {
    if !view.may(Right::ConnectionsManage) {
        return Ok(Vec::new());
    }
    let found = engine
        .connections()
        .list(view.caller(), window(CONNECTIONS_MAX))
        .await?;
    Ok(found
        .items
        .into_iter()
        .map(|connection| (connection.id.to_string(), name_of(&connection)))
        .collect())
}

/// Partner functions of this tenant's connections.
pub(super) async fn functions(view: &View, engine: &Engine) -> Result<Vec<Choice>> {
    if !view.may(Right::ConnectionsManage) {
        return Ok(Vec::new());
    }
    let connections = engine
        .connections()
        .list(view.caller(), window(CONNECTIONS_MAX))
        .await?;
    let mut all = Vec::new();
    for connection in connections.items {
        let functions = engine.partner_functions();
        let found = functions.list(view.caller(), connection.id, window(LIMIT_MAX)).await?;
        for function in found.items {
            let words = format!("{}: {}", name_of(&connection), function.row.definition.name);
            all.push((function.row.id.to_string(), words));
        }
    }
    Ok(all)
}

fn window(limit: u64) -> Window {
    Window {
        limit,
        ..Window::default()
    }
}

fn name_of(connection: &Connection) -> String {
    let profile = &connection.profile;
    let name = profile
        .remote_instance_display
        .as_ref()
        .or(profile.remote_instance_name.as_ref());
    format!("{} {}", connection.provider, name.map_or("", String::as_str))
        .trim()
        .to_owned()
}
