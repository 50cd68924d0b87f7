//! Managed integrations with partner functions: the operator's definition, the client's own connection.

use orrery::{clock::Clock, domain::odata::EntitySet::ClientIntegrations};
use serde_json::json;

use super::fixture::{Acts, Line, result};
use crate::support::{fake_xero, postgres::for_each_database};

#[tokio::test]
async fn a_partner_function_is_found_by_its_name_in_the_connection_of_the_client() {
    for_each_database(|url| async move {
        let (operators, clients, others) = (
            fake_xero::start(Clock::system()),
            fake_xero::start(Clock::system()),
            fake_xero::start(Clock::system()),
        );
        let mut acts = Acts::on(&url).await;
        let company = json!({"companyId": "2", "name": "Client"});
        acts.api.post("/api/v1/tenants", &company).await.expect(201);
        let connection = acts.connect(&operators).await;
        let function = acts.function(&connection, "EXPORT").await;
        let made = acts
            .line(
                json!({"Kind": "PartnerFunction", "PartnerFunctionUuid": function}),
                json!({"EntityId": "supplier", "IncludeUpdate": true, "Managed": true}),
                json!({"ConnectionUuid": connection}),
            )
            .await;

        // From now on as the client, which has a connection that it does not name as well.
        let store = acts.engine.engine.store();
        acts.tenant = store.tenant_by_company_id("2").await.unwrap().unwrap().id;
        acts.api = acts.api.in_tenant("2");
        let other = acts.connect(&others).await;
        acts.function(&other, "EXPORT").await;
        let own = acts.connect(&clients).await;
        let client = json!({"IntegrationId": made.integration, "ConnectionUuid": own, "Enabled": true});
        let line = Line {
            client: acts.create(ClientIntegrations, client).await,
            ..made
        };
        acts.put("supplier", "S-1", json!({"Name": "Ada"})).await;
        let item = acts.send(line, "S-1", 1).await;
        assert_eq!(item.state, "Failed", "{item:?}");
        assert!(
            result(&item).contains("no partner function \"EXPORT suppliers\""),
            "{item:?}"
        );

        acts.function(&own, "EXPORT").await;
        let item = acts.execute(item.id).await;
        assert_eq!(item.state, "Completed", "{item:?}");
        let count = |xero: &fake_xero::FakeXero| xero.with(|xero| xero.count("Contacts"));
        assert_eq!((count(&clients), count(&operators), count(&others)), (1, 0, 0));
        for elsewhere in [&operators, &others] {
            assert!(elsewhere.requests_to("/Contacts").is_empty());
        }
        let record = acts.api.get("/api/v1/records/supplier/S-1").await.expect(200);
        let link = &record.json["links"][0];
        let remote = link["remoteId"].as_str().unwrap();
        assert_eq!(result(&item), format!("Created as {remote}"));
        assert!(record.json["links"].to_string().contains(&own), "{link}");
        // The client sees of the action that it is one, and not what it does.
        let actions = acts.api.get("/OData/Actions").await.expect(200);
        let action = &actions.json["value"][0];
        assert_eq!(
            (&action["Kind"], &action["PartnerFunctionUuid"]),
            (&json!("PartnerFunction"), &json!(null)),
            "{actions:?}"
        );
    })
    .await;
}
