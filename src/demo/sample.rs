//! What the demo configures through the library: a client, a run-as user, and an active call to the sample shop.

use std::net::SocketAddr;

use orrery::{
    Caller, Engine,
    domain::{ids::CallApiId, rights::Right},
    engine::{call_apis::CallApiInput, clients::ClientInput, groups::GroupInput, identity, users::UserInput},
};
use serde_json::json;

use super::shop;
use crate::command::{Failure, password};

/// The demo's call.
pub const CALL_NAME: &str = "Sample orders";
/// Its interval.
pub const EVERY_SECONDS: u32 = 2;

/// The script that reads the shop's answer; README.md shows the same.
const RESPONSE_SCRIPT: &str = "return response.json.map(order => ({
    rfqId: order.rfqId,
    customer: order.name,
    at: order.createdTime,
    comment: order.comment,
}));";

/// Makes all of it and returns the call, which is active from then on.
pub async fn configure(engine: &Engine, shop: SocketAddr) -> Result<(Caller, CallApiId), Failure> {
    let caller = engine.caller(identity::FIRST_COMPANY_ID).await?;
    let client = ClientInput {
        name: Some("Sample shop".to_owned()),
        auth: Some(json!({"kind": "apiKey", "in": "header", "name": shop::KEY_HEADER, "value": shop::KEY})),
        limits: None,
    };
    let client = engine.clients().create(&caller, client).await?;
    let group = GroupInput {
        name: Some("Importers".to_owned()),
        rights: Some(Right::TransactionsCreate.into()),
    };
    let group = engine.groups().create(&caller, None, group).await?;
    let user = UserInput {
        username: Some("importer".to_owned()),
        // Nobody signs in as this user.
        password: Some(password::random()?),
        display_name: Some(Some("Imports orders".to_owned())),
        email: None,
        active: Some(true),
        group_ids: Some(vec![group.id]),
    };
    let user = engine.users().create(&caller, user).await?;
    let call = CallApiInput::from_json(json!({
        "name": CALL_NAME, "runAsUserId": user.id, "clientId": client.id, "frequencySeconds": EVERY_SECONDS,
        "method": "GET", "url": {"kind": "text", "value": format!("http://{shop}/orders")}, "headers": [],
        "identifier": ["/rfqId"], "responseScript": RESPONSE_SCRIPT, "active": true,
    }))?;
    let call = engine.call_apis().create(&caller, call).await?;
    Ok((caller, call.id))
}
