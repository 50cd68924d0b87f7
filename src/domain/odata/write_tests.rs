//! What is written at each level.

use serde_json::json;

use super::*;
use crate::domain::odata::{Asked, parse};

fn item(id: i64) -> Entity {
    let of = EntitySet::IntegrationQueues.entity_type();
    let value = |name: &str, value: Value| (of.property(name).unwrap(), value);
    Entity {
        set: EntitySet::IntegrationQueues,
        values: vec![
            value("IntegrationQueueId", json!(id)),
            value("ItemId", json!("a")),
            value("DueAt", json!("2026-01-31T00:00:00Z")),
        ],
        version: None,
        expanded: Vec::new(),
    }
}

fn writer(level: Level) -> Writer {
    Writer {
        root: "http://x/OData".to_owned(),
        level,
        wide_as_text: false,
    }
}

#[test]
fn levels_say_less_or_more() {
    let query = Query::all(EntitySet::IntegrationQueues);
    let text = |level| serde_json::to_string(&writer(level).entity(&item(7), &query)).unwrap();
    assert_eq!(
        text(Level::None),
        r#"{"IntegrationQueueId":7,"ItemId":"a","DueAt":"2026-01-31T00:00:00Z"}"#
    );
    assert!(text(Level::Minimal).starts_with(
        r#"{"@odata.context":"http://x/OData/$metadata#IntegrationQueues/$entity","IntegrationQueueId":7,"#
    ));
    let full = text(Level::Full);
    for part in [
        r##""@odata.type":"#Orrery.IntegrationQueue","@odata.id":"http://x/OData/IntegrationQueues(7)""##,
        r##""IntegrationQueueId@odata.type":"#Int64","IntegrationQueueId":7"##,
        r##""DueAt@odata.type":"#DateTimeOffset""##,
        r#""Integration@odata.navigationLink":"http://x/OData/IntegrationQueues(7)/Integration""#,
        r##""#Orrery.Retry":{"title":"Retry","target":"http://x/OData/IntegrationQueues(7)/Orrery.Retry"}"##,
    ] {
        assert!(full.contains(part), "{part} in {full}");
    }
}

#[test]
fn contexts_say_what_was_selected() {
    for (options, expected) in [
        ("", "#Integrations"),
        ("$select=IntegrationId,Comment", "#Integrations(IntegrationId,Comment)"),
        ("$expand=Schedule", "#Integrations"),
        ("$expand=Schedule($select=Kind)", "#Integrations(Schedule(Kind))"),
        ("$select=Comment&$expand=Schedule", "#Integrations(Comment,Schedule())"),
    ] {
        let query = parse(EntitySet::Integrations, Asked::Many, options).unwrap().query;
        assert_eq!(format!("#{}{}", query.set, shape(&query)), expected);
    }
}

#[test]
fn lists_have_counts_and_links() {
    let query = Query::all(EntitySet::IntegrationQueues);
    let listed = Listed {
        entities: vec![item(1)],
        count: Some(9),
        more: true,
    };
    let mut writer = writer(Level::None);
    writer.wide_as_text = true;
    let written = serde_json::to_value(writer.list(&listed, &query, Some("next".to_owned()))).unwrap();
    assert_eq!(written["@odata.count"], json!("9"));
    assert_eq!(written["@odata.nextLink"], json!("next"));
    assert_eq!(written["value"][0]["IntegrationQueueId"], json!("1"));
}

#[test]
fn the_rest_of_an_expanded_list_has_a_link() {
    let options = "$expand=IntegrationQueues($filter=Attempt gt 0;$top=5;$skip=1)";
    let query = parse(EntitySet::ClientIntegrations, Asked::Many, options)
        .unwrap()
        .query;
    let next = next_of_expanded(&query.expand[0], "http://x/OData/ClientIntegrations(1)", 2);
    assert_eq!(
        next,
        "http://x/OData/ClientIntegrations(1)/IntegrationQueues?$filter=Attempt%20gt%200&$top=3&$skip=3"
    );
}

#[test]
fn keys_stand_in_paths() {
    assert_eq!(Key::Number(5).in_path(), "(5)");
    assert_eq!(Key::Text("O'Neil/x".to_owned()).in_path(), "('O''Neil%2Fx')");
}
