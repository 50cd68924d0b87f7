//! `$filter`, `$orderby`, `$select`, `$expand`, `$top`, `$skip`, `$count` and the links from part to part, on both databases.

use serde_json::{Value, json};

use super::fixture::{encoded, filled};
use crate::support::postgres::for_each_database;

#[actix_rt::test]
async fn filters_find_what_they_say() {
    for_each_database(async |url| {
        let filled = filled(&url).await;
        for (filter, expected) in [
            ("IntegrationQueueStateId eq 'Failed'", vec![2, 5]),
            (
                "IntegrationQueueStateId in ('Failed','Completed') and Attempt gt 1",
                vec![3, 6],
            ),
            ("IntegrationQueueStateId ne 'Pending'", vec![2, 3, 5, 6]),
            ("not (Attempt ge 1)", vec![1, 4, 7]),
            ("Result ne null", vec![2]),
            ("Result eq 'it did not answer'", vec![2]),
            ("Result ne 'x'", vec![1, 2, 3, 4, 5, 6, 7]),
            ("not (Result eq 'it did not answer')", vec![1, 3, 4, 5, 6, 7]),
            ("not contains(Result,'answer')", vec![1, 3, 4, 5, 6, 7]),
            ("contains(Result,'answer') eq false", vec![1, 3, 4, 5, 6, 7]),
            ("Result in (null,'x') and Attempt eq 0", vec![1, 4, 7]),
            ("ActionLogId eq null or ActionLogId lt 1", vec![1, 2, 4, 5, 6, 7]),
            ("ItemUpdatedOn ge 2026-02-03T10:20:30Z", vec![4, 5, 6, 7]),
            ("ItemUpdatedOn lt 2026-02-02T11:20:30+01:00", vec![1, 2]),
            ("ItemUpdatedOn gt now() sub duration'PT1S'", vec![]),
            ("date(ItemUpdatedOn) eq 2026-02-01", vec![2]),
            ("year(ItemUpdatedOn) eq 2026 and month(ItemUpdatedOn) eq 1", vec![1]),
            (
                "day(ItemUpdatedOn) eq 4 and hour(DueAt) eq 10 and minute(DueAt) eq 20 and second(DueAt) eq 30",
                vec![5],
            ),
            ("startswith(ItemName,'Row') and endswith(ItemId,'-3')", vec![4]),
            (
                "endswith(ItemId,'a longer text than that') or endswith(ItemId,'')",
                vec![1, 2, 3, 4, 5, 6, 7],
            ),
            (
                "tolower(ItemName) eq 'row 2' or toupper(ItemName) eq 'ROW 3'",
                vec![3, 4],
            ),
            ("length(ItemName) eq 5 and indexof(ItemName,'5') eq 4", vec![6]),
            ("substring(ItemId,4) eq '6' or substring(ItemId,0,2) eq 'x'", vec![7]),
            ("concat(ItemId,trim(' x ')) eq 'row-1x'", vec![2]),
            (
                "IntegrationQueueId add 1 eq 3 or IntegrationQueueId div 2 eq 2.5",
                vec![2, 5],
            ),
            ("IntegrationQueueId mod 4 eq 3", vec![3, 7]),
            ("IntegrationQueueId div 0 eq 1", vec![]),
            (
                "round(IntegrationQueueId div 2) eq 1 or floor(IntegrationQueueId div 2) eq 3",
                vec![1, 2, 6, 7],
            ),
            (
                "ceiling(IntegrationQueueId div 2) eq 4 and -IntegrationQueueId lt -6",
                vec![7],
            ),
            (
                "Integration/IntegrationSystem/IntegrationSystemName eq 'Bank' and Attempt eq 2",
                vec![3, 6],
            ),
            ("Integration/Managed and ActionLog/Trigger eq 'Schedule'", vec![3]),
            ("Integration/EntityId eq 'transaction' and Attempt eq 1", vec![2, 5]),
            ("ItemName gt 'Row 4'", vec![6, 7]),
            ("ItemId eq ItemName", vec![]),
            (
                "ClientIntegration/ConnectionUuid eq 00000000-0000-0000-0000-000000000001",
                vec![],
            ),
            (
                "ClientIntegration/ConnectionUuid ne 00000000-0000-0000-0000-000000000001 and Attempt eq 1",
                vec![2, 5],
            ),
            ("Attempt gt null or null eq Attempt", vec![]),
            ("ItemName eq 'x''; DROP TABLE integration_queue; --'", vec![]),
        ] {
            let path = encoded(&format!("IntegrationQueues?$filter={filter}"));
            let expected: Vec<Value> = expected.into_iter().map(|id: i64| json!(id)).collect();
            assert_eq!(filled.column(&path, "IntegrationQueueId").await, expected, "{filter}");
            let count = filled
                .get(&encoded(&format!("IntegrationQueues/$count?$filter={filter}")))
                .await
                .expect(200);
            assert_eq!(
                String::from_utf8(count.body).unwrap(),
                expected.len().to_string(),
                "{filter}"
            );
        }
        let path = encoded("Integrations?$filter=Comment eq 'it''s 100%25 Øre'");
        let path = path.replace("%2525", "%25");
        assert_eq!(filled.column(&path, "IntegrationId").await, [json!(2)]);
        let guid = encoded("Actions?$filter=ClientUuid eq 00000000-0000-0000-0000-000000000007");
        assert_eq!(filled.column(&guid, "ActionId").await, [json!(1), json!(2)]);
    })
    .await;
}

#[actix_rt::test]
async fn lists_are_ordered_and_cut() {
    for_each_database(async |url| {
        let filled = filled(&url).await;
        for (options, expected) in [
            ("$orderby=IntegrationQueueId desc&$top=2", vec![7, 6]),
            ("$orderby=Attempt desc,ItemName desc&$top=3", vec![6, 3, 5]),
            ("$orderby=Result,IntegrationQueueId&$top=2", vec![1, 3]),
            ("$orderby=Result desc,IntegrationQueueId&$top=2", vec![2, 1]),
            ("$orderby=tolower(ItemName) desc&$skip=1&$top=2", vec![6, 5]),
            ("$orderby=ActionLog/StartedAt desc&$top=1", vec![3]),
            ("$skip=5", vec![6, 7]),
            ("$top=0", vec![]),
        ] {
            let list = filled
                .read(&encoded(&format!("IntegrationQueues?{options}&$count=true")))
                .await;
            let ids: Vec<i64> = list["value"]
                .as_array()
                .unwrap()
                .iter()
                .map(|item| item["IntegrationQueueId"].as_i64().unwrap())
                .collect();
            assert_eq!(ids, expected, "{options}");
            assert_eq!(list["@odata.count"], json!(7), "{options}");
            assert_eq!(list["@odata.nextLink"], Value::Null, "{options}");
        }
    })
    .await;
}

#[actix_rt::test]
async fn next_links_lead_through_all_and_end() {
    for_each_database(async |url| {
        let filled = filled(&url).await;
        for (options, expected) in [
            ("", vec![1, 2, 3, 4, 5, 6, 7]),
            ("$top=5&$skip=1", vec![2, 3, 4, 5, 6]),
            ("$orderby=Attempt desc&$filter=Attempt ge 0", vec![3, 6, 2, 5, 1, 4, 7]),
            (
                "$filter=ItemName ne 'a%26b'&$count=true&$select=IntegrationQueueId",
                vec![1, 2, 3, 4, 5, 6, 7],
            ),
        ] {
            let mut path = encoded(&format!("/OData/IntegrationQueues?{options}")).replace("%2526", "%26");
            let mut seen = Vec::new();
            for _ in 0..expected.len() {
                let ask = filled
                    .test
                    .api
                    .ask("GET", &path)
                    .header("prefer", "odata.maxpagesize=2");
                let reply = ask.send().await.expect(200);
                assert_eq!(reply.header("preference-applied"), Some("odata.maxpagesize=2"));
                let items = reply.json["value"].as_array().unwrap().clone();
                assert!(items.len() <= 2, "{options}: {}", reply.json);
                seen.extend(items.iter().map(|item| item["IntegrationQueueId"].as_i64().unwrap()));
                let Some(next) = reply.json["@odata.nextLink"].as_str() else {
                    break;
                };
                path = format!("/OData/{}", next.split_once("/OData/").unwrap().1);
            }
            assert_eq!(seen, expected, "{options}");
        }
    })
    .await;
}

#[actix_rt::test]
async fn what_belongs_to_an_entity_is_expanded() {
    for_each_database(async |url| {
        let filled = filled(&url).await;
        let path = "Integrations?$select=IntegrationName&$expand=IntegrationSystem($select=IntegrationSystemName),Entity,\
                    IntegrationDirection,ConsentType,ClientIntegrations($expand=IntegrationQueues($top=2;\
                    $orderby=Attempt desc;$select=ItemId)),Action,Schedule";
        let list = filled.read(&encoded(path)).await;
        let first = &list["value"][0];
        assert_eq!(first["IntegrationName"], "Bank out");
        assert_eq!(first["IntegrationId"], Value::Null, "only what was selected: {first}");
        assert_eq!(first["IntegrationSystem"], json!({"@odata.etag": "\"1\"", "IntegrationSystemName": "Bank"}));
        assert_eq!(first["Entity"]["EntityId"], "Transaction");
        assert_eq!(list["value"][1]["Entity"]["EntityId"], "customer");
        assert_eq!(first["IntegrationDirection"]["IntegrationDirectionId"], "Outbound");
        assert_eq!(first["ConsentType"]["ConsentTypeId"], "None");
        assert_eq!(first["Schedule"]["ScheduleName"], "Bank hourly");
        assert_eq!(first["Action"]["Url"], "https://bank.example/items");
        let clients = first["ClientIntegrations"].as_array().unwrap();
        assert_eq!(clients.len(), 1, "the other tenant's are its own: {first}");
        assert_eq!(clients[0]["NextDueAt"], "2026-01-31T10:20:30Z");
        let queue = &clients[0];
        assert_eq!(queue["IntegrationQueues"], json!([{"ItemId": "row-2"}, {"ItemId": "row-5"}]));
        let next = queue["IntegrationQueues@odata.nextLink"].as_str();
        assert_eq!(next, None, "two were asked for, two are there");
        assert_eq!(list["value"][1]["ClientIntegrations"], json!([]));
        let one = filled.read("IntegrationQueues(3)?$expand=*").await;
        assert_eq!(one["ActionLog"]["Selected"], json!(7));
        assert_eq!(one["IntegrationQueueState"]["Description"], "Done.");
        assert_eq!(one["Integration"]["IntegrationId"], json!(1));
        let none = filled.read("IntegrationQueues(1)?$expand=ActionLog").await;
        assert_eq!(none["ActionLog"], Value::Null);
    })
    .await;
}

#[actix_rt::test]
async fn words_and_entities_are_sets_like_others() {
    for_each_database(async |url| {
        let filled = filled(&url).await;
        let entities = filled.column("Entities", "EntityId").await;
        for name in ["Transaction", "customer", "invoice", "widget"] {
            assert_eq!(
                entities.iter().filter(|known| *known == name).count(),
                1,
                "{name} in {entities:?}"
            );
        }
        let others = filled.other.get("/OData/Entities").await.expect(200).json;
        assert!(!others.to_string().contains("widget"), "{others}");
        assert_eq!(
            filled.read("Entities('Transaction')").await["Description"],
            "What call APIs make."
        );
        let found = encoded("Entities?$filter=startswith(EntityId,'wid')&$count=true");
        assert_eq!(filled.read(&found).await["@odata.count"], json!(1));
        let types = filled
            .column("ConsentTypes?$orderby=ConsentTypeId", "ConsentTypeId")
            .await;
        assert_eq!(types, ["Credentials", "Manual", "None", "OAuth2"]);
        assert_eq!(
            filled.column("IntegrationDirections", "IntegrationDirectionId").await,
            ["Inbound", "Outbound"]
        );
        assert_eq!(
            filled
                .column("IntegrationQueueStates", "IntegrationQueueStateId")
                .await
                .len(),
            6
        );
        let of = filled
            .column("Entities('customer')/Integrations", "IntegrationId")
            .await;
        assert_eq!(of, [json!(2)], "names of entities are compared without case");
        let expanded = filled
            .read(&encoded(
                "Entities?$filter=EntityId eq 'Transaction'&$expand=Integrations",
            ))
            .await;
        assert_eq!(expanded["value"][0]["Integrations"][0]["IntegrationId"], json!(1));
    })
    .await;
}
