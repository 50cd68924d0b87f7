//! How things are written: the service document, the model, entities, parts of them, levels of metadata, and what tenants see.

use serde_json::{Value, json};

use super::fixture::{encoded, filled};
use crate::support::{engine::TestEngine, postgres::for_each_database};

const MINIMAL: &str = "application/json;odata.metadata=minimal;odata.streaming=true;charset=utf-8";

#[actix_rt::test]
async fn the_service_describes_itself() {
    let test = TestEngine::start().await;
    for path in ["/OData", "/OData/"] {
        let service = test.api.get(path).await.expect(200);
        assert_eq!(service.header("odata-version"), Some("4.0"));
        assert_eq!(service.header("content-type"), Some(MINIMAL));
        let context = service.json["@odata.context"].as_str().unwrap();
        assert!(
            context.starts_with("http://127.0.0.1:") && context.ends_with("/OData/$metadata"),
            "{context}"
        );
        assert_eq!(service.json["value"].as_array().unwrap().len(), 12);
        assert_eq!(
            service.json["value"][0],
            json!({"name": "Integrations", "kind": "EntitySet", "url": "Integrations"})
        );
    }
    let model = test.api.get("/OData/$metadata").await.expect(200);
    assert_eq!(model.header("content-type"), Some("application/xml;charset=utf-8"));
    let text = String::from_utf8(model.body).unwrap();
    assert!(text.contains("<EntityType Name=\"ActionLog\">") && text.contains("</edmx:Edmx>"));
    test.api
        .get("/OData/$metadata?$format=application/xml")
        .await
        .expect(200);
    test.api.get("/OData/$metadata?$format=json").await.expect(406);
}

#[actix_rt::test]
async fn entities_and_their_parts_are_answered() {
    for_each_database(async |url| {
        let filled = filled(&url).await;
        let one = filled.get("Integrations(2)").await.expect(200);
        assert_eq!(one.header("etag"), Some("\"2\""));
        assert_eq!(one.header("content-type"), Some(MINIMAL));
        let text = String::from_utf8(one.body.clone()).unwrap();
        assert!(text.starts_with("{\"@odata.context\":\"http://"), "{text}");
        let context = one.json["@odata.context"].as_str().unwrap();
        assert!(context.ends_with("/OData/$metadata#Integrations/$entity"), "{context}");
        let mut members = one.json.as_object().unwrap().clone();
        members.remove("@odata.context");
        assert_eq!(
            Value::Object(members),
            json!({
                "@odata.etag": "\"2\"", "IntegrationId": 2, "IntegrationName": "Shop out", "EntityId": "Customer",
                "IntegrationDirectionId": "Outbound", "IntegrationSystemId": 2, "ActionId": 2, "ElementId": null,
                "Comment": "it's 100% Øre", "Filter": null, "ScheduleId": 2, "MaxAttempts": 5, "BatchSize": 20,
                "ExecuteInParallel": false, "IncludeUpdate": false, "Continuous": false, "Managed": false,
                "AllowScheduleChange": false, "ConsentTypeId": "None", "Active": false, "Version": 2,
                "CreatedAt": "2026-01-31T10:20:30Z", "UpdatedAt": "2026-01-31T10:20:30Z",
            })
        );
        assert_eq!(
            filled.read("Integrations(IntegrationId=2)").await["IntegrationId"],
            json!(2)
        );
        assert_eq!(filled.read("Integrations(2)/Comment").await["value"], "it's 100% Øre");
        let raw = filled.get("Integrations(2)/BatchSize/$value").await.expect(200);
        assert_eq!(
            (raw.body.as_slice(), raw.header("content-type")),
            (&b"20"[..], Some("text/plain;charset=utf-8"))
        );
        filled.get("Integrations(1)/Comment").await.expect(204);
        assert_eq!(
            filled.read("Integrations(2)/Schedule").await["ScheduleName"],
            "Shop hourly"
        );
        filled.get("IntegrationQueues(1)/ActionLog").await.expect(204);
        let queue = filled
            .read("ClientIntegrations(1)/IntegrationQueues?$top=1&$count=true")
            .await;
        assert_eq!(
            (&queue["@odata.count"], &queue["value"][0]["ItemId"]),
            (&json!(7), &json!("row-0"))
        );
        let count = filled
            .get("ClientIntegrations(1)/IntegrationQueues/$count")
            .await
            .expect(200);
        assert_eq!(count.body, b"7");
        let ask = filled
            .test
            .api
            .ask("GET", "/OData/Integrations(2)")
            .header("if-none-match", "\"2\"");
        ask.send().await.expect(304);
        let system = filled.read("IntegrationSystems(1)").await;
        assert!(!system.to_string().contains("ecret"), "{system}");
    })
    .await;
}

#[actix_rt::test]
async fn levels_and_wide_numbers_are_as_asked_for() {
    let directory = tempfile::tempdir().unwrap();
    let filled = filled(&format!("sqlite://{}/orrery.db?mode=rwc", directory.path().display())).await;
    let ask = |accept: &str| {
        filled
            .test
            .api
            .ask("GET", "/OData/IntegrationQueues(3)")
            .header("accept", accept)
    };
    let full = ask("application/json;odata.metadata=full").send().await.expect(200);
    assert!(
        full.header("content-type")
            .unwrap()
            .starts_with("application/json;odata.metadata=full;")
    );
    assert_eq!(full.json["@odata.type"], "#Orrery.IntegrationQueue");
    assert!(
        full.json["@odata.id"]
            .as_str()
            .unwrap()
            .ends_with("/OData/IntegrationQueues(3)")
    );
    assert_eq!(full.json["ItemUpdatedOn@odata.type"], "#DateTimeOffset");
    let link = full.json["ActionLog@odata.navigationLink"].as_str().unwrap();
    let link = format!("/OData/{}", link.split_once("/OData/").unwrap().1);
    assert_eq!(
        filled.test.api.get(&link).await.expect(200).json["ActionLogId"],
        json!(1)
    );
    let none = ask("application/json;odata.metadata=none").send().await.expect(200);
    assert!(!none.json.to_string().contains("odata"), "{}", none.json);
    let wide = ask("application/json;IEEE754Compatible=true").send().await.expect(200);
    assert_eq!(
        (&wide.json["IntegrationQueueId"], &wide.json["Attempt"]),
        (&json!("3"), &json!(2))
    );
    let option = filled
        .get("IntegrationQueues(3)?$format=application/json;odata.metadata=none")
        .await
        .expect(200);
    assert_eq!(option.json["@odata.context"], Value::Null);
    ask("text/html").send().await.expect(406);
}

#[actix_rt::test]
async fn tenants_see_their_own_and_what_is_managed() {
    for_each_database(async |url| {
        let filled = filled(&url).await;
        let other = async |path: &str| filled.other.get(&format!("/OData/{}", encoded(path))).await;
        let ids = |list: &Value, name: &str| -> Vec<Value> {
            list["value"]
                .as_array()
                .unwrap()
                .iter()
                .map(|item| item[name].clone())
                .collect()
        };
        let definitions = other("Integrations").await.expect(200).json;
        assert_eq!(ids(&definitions, "IntegrationId"), [json!(1), json!(3)]);
        for (set, key) in [
            ("IntegrationSystems", "IntegrationSystemId"),
            ("Schedules", "ScheduleId"),
            ("Actions", "ActionId"),
        ] {
            let list = other(set).await.expect(200).json;
            assert_eq!(ids(&list, key), [json!(1), json!(3)], "{set}");
            other(&format!("{set}(2)")).await.expect(404);
        }
        let action = other("Actions(1)").await.expect(200).json;
        assert_eq!(
            (&action["ActionName"], &action["Kind"]),
            (&json!("Bank send"), &json!("Http"))
        );
        assert_eq!(
            (&action["Url"], &action["ClientUuid"]),
            (&Value::Null, &Value::Null),
            "{action}"
        );
        let own = other("Actions(3)").await.expect(200).json;
        assert_eq!(own["Url"], "https://bank.example/items");
        let guess = other("Actions?$filter=contains(Url,'bank')").await.expect(200).json;
        assert_eq!(
            ids(&guess, "ActionId"),
            [json!(3)],
            "what is not shown is not found out either"
        );
        let guess = other("Integrations?$filter=startswith(Action/Url,'https')")
            .await
            .expect(200)
            .json;
        assert_eq!(ids(&guess, "IntegrationId"), [json!(3)]);
        let queue = other("IntegrationQueues").await.expect(200).json;
        assert_eq!(ids(&queue, "IntegrationQueueId"), [json!(8)]);
        other("IntegrationQueues(1)").await.expect(404);
        other("ActionLogs(1)").await.expect(404);
        let clients = other("Integrations(1)?$expand=ClientIntegrations,IntegrationQueues")
            .await
            .expect(200)
            .json;
        assert_eq!(clients["ClientIntegrations"][0]["ClientIntegrationId"], json!(2));
        assert_eq!(clients["IntegrationQueues"].as_array().unwrap().len(), 1);
        other("Integrations(2)/Schedule").await.expect(404);
        other("ClientIntegrations(1)/IntegrationQueues").await.expect(404);
    })
    .await;
}
