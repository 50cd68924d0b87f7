//! The bodies of the seed, exactly as they stand there, and a tenant that has them.

use serde_json::Value;

use crate::support::engine::{Api, Reply, TestEngine};

/// Every path under which the integration API answers.
pub const ROOTS: [&str; 6] = [
    "/integration",
    "/integration-connections",
    "/api/v2/integration",
    "/api/v2/integration-connections",
    "/api/v3/integration",
    "/api/v3/integration-connections",
];

/// Create Integration Connection.
pub const CONNECTION: &str = r#"{
"provider": "QuickBooks",
"remote_instance_id": "tenant-9876543210",
"remote_instance_code": "QB-TENANT-01",
"remote_instance_name": "QuickBooks Demo Corp",
"remote_instance_display": "QuickBooks Demo Corp (tenant-9876543210)",
"integration_client_id": "qbclientid123",
"integration_client_secret": "qbclientsecret456",
"integration_access_token": "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9...",
"integration_refresh_token": "qbrefreshtoken789",
"token_type": "Bearer",
"expires_in": "2026-12-31",
"account_server": "https://api.quickbooks.com",
"api_domain": "https://api.quickbooks.com",
"supporting_fields": "{\"region\":\"US\",\"tax\":\"SalesTax\"}",
"user_name": "qb_integration_user",
"user_password": "Str0ngP@ssw0rd!",
"require_authentication": true,
"state": "active",
"company_file": "abc12345-def6-7890-gh12-ijklmnopqrst",
"company_name": "QuickBooks Demo Corp"
}"#;

/// What of it nobody may see again.
pub const SECRETS: [&str; 4] = [
    "qbclientsecret456",
    "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9",
    "qbrefreshtoken789",
    "Str0ngP@ssw0rd!",
];

/// Create Partner Function.
pub const PARTNER_FUNCTION: &str = r#"{
"partner_function": {
"name": "PartnerRole",
"direction": "IMPORT",
"description": "Handles partner data import operations",
"object_name": "CustomerRecord",
"object_mapping": "customer_to_partner",
"event_name": "updateEvent",
"tag": "import_inventory_process"
}
}"#;

/// Create Automation.
pub const AUTOMATION: &str = r#"{
"integration": {
"automation_details": {
"name": "Test auto 260",
"display_name": "Test auto 260",
"code": "test2",
"description_enabled": "true",
"description": "checking3578",
"another_automation": "Automation four",
"applies_to": "supplier",
"applies_to_function": "new",
"automation_type": "timerBased",
"direction": "IMPORT",
"check_on": "8 hours",
"custom_day": "thursday",
"custom_time": "06:45:23",
"do_not_over_write_latest_data": "true",
"ignore_threshold": "1",
"perform_action": "49f4b6b2-c3a5-4f74-a044-8452ffc52eec",
"since_last_look_up": "true",
"additional_criteria": "true",
"property_name": ""
},
"additional_criteria_details": [
{
"group_condition": "AND",
"rules": [
{
"field_name": "AccountNumber",
"operator": "EQUALS",
"value": "1QKGUL",
"condition": "AND"
},
{
"field_name": "ContactID",
"operator": "DOES_NOT_HAVE_VALUE",
"condition": "AND"
}
]
}
]
}
}"#;

/// Sends a text as JSON.
pub async fn send(api: &Api, method: &str, path: &str, body: &str) -> Reply {
    let ask = api.ask(method, path).header("content-type", "application/json");
    ask.text(body).send().await
}

/// The seed's connection; its id.
pub async fn connection(test: &TestEngine) -> String {
    connection_of(&test.api).await
}

/// As [`connection`], as somebody else.
pub async fn connection_of(api: &Api) -> String {
    let made = send(api, "POST", "/integration/", CONNECTION).await.expect(201);
    uuid(&made.json["integration"]["integration_connection"])
}

/// The seed's partner function; its id.
pub async fn partner_function(test: &TestEngine, connection: &str) -> String {
    let path = format!("/integration/{connection}/partner-function/");
    let made = send(&test.api, "POST", &path, PARTNER_FUNCTION).await.expect(201);
    uuid(&made.json["partner_function"])
}

/// The seed's automation; its id.
pub async fn automation(test: &TestEngine, connection: &str) -> String {
    let path = format!("/integration/{connection}/automation");
    let made = send(&test.api, "POST", &path, AUTOMATION).await.expect(201);
    uuid(&made.json["integration_automation"])
}

/// The member `uuid`.
#[track_caller]
pub fn uuid(shown: &Value) -> String {
    shown["uuid"].as_str().unwrap_or_else(|| panic!("{shown:#}")).to_owned()
}

/// The message of the first error: where clients of this API look.
#[track_caller]
pub fn first_message(reply: &Reply) -> &str {
    reply.json["errors"][0]["message"]
        .as_str()
        .unwrap_or_else(|| panic!("{reply:?}"))
}
