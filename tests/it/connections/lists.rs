//! Lists: parts, order, chosen members, and links to the parts around.

use serde_json::{Value, json};

use super::fixture::{connection, first_message, uuid};
use crate::support::{
    engine::{Reply, TestEngine},
    postgres::for_each_database,
};

async fn functions(test: &TestEngine, connection: &str, names: &[&str]) {
    for name in names {
        let body = json!({ "name": name, "direction": "import", "object_name": "customer" });
        let path = format!("/integration/{connection}/partner-function");
        test.api.post(&path, &body).await.expect(201);
    }
}

fn names(reply: &Reply) -> Vec<&str> {
    let items = reply.json["partner_functions"].as_array().unwrap();
    items.iter().map(|item| item["name"].as_str().unwrap()).collect()
}

#[actix_rt::test]
async fn a_list_comes_in_parts() {
    for_each_database(|url| async move {
        let test = TestEngine::on(&url).await;
        let connection = connection(&test).await;
        functions(&test, &connection, &["b", "e", "a", "d", "c"]).await;
        let path = format!("/api/v2/integration/{connection}/partner-function");
        let whole = test.api.get(&path).await.expect(200);
        assert_eq!(names(&whole), ["b", "e", "a", "d", "c"]);
        let pagination = json!({ "records": 5, "limit": 50, "offset": 0, "previous_page": null, "next_page": null });
        assert_eq!(whole.json["pagination"], pagination);
        let query = "?limit=2&offset=2&order_by=name&direction=DESC&fields=name,uuid";
        let part = test.api.get(&format!("{path}{query}")).await.expect(200);
        assert_eq!(names(&part), ["c", "b"]);
        assert_eq!(part.json["partner_functions"][0].as_object().unwrap().len(), 2);
        // The links lead on with the same order and members.
        let origin = format!("http://{}", test.api.address);
        let follow = async |link: &Value| {
            let link = link.as_str().unwrap().to_owned();
            test.api.get(link.strip_prefix(&origin).unwrap()).await.expect(200)
        };
        let next = follow(&part.json["pagination"]["next_page"]).await;
        assert_eq!(names(&next), ["a"]);
        assert_eq!(next.json["pagination"]["next_page"], Value::Null);
        let previous = follow(&part.json["pagination"]["previous_page"]).await;
        assert_eq!(names(&previous), ["e", "d"]);
        assert_eq!(previous.json["partner_functions"][0].as_object().unwrap().len(), 2);
        let beyond = test.api.get(&format!("{path}?offset=7")).await.expect(200);
        assert_eq!(
            (names(&beyond).len(), &beyond.json["pagination"]["records"]),
            (0, &json!(5))
        );
    })
    .await;
}

#[actix_rt::test]
async fn what_a_list_cannot_do_is_refused_with_what_it_can() {
    let test = TestEngine::start().await;
    for (query, part) in [
        ("limit=0", "limit: must be from 1 to 200"),
        ("limit=201", "limit: must be from 1 to 200"),
        ("offset=18446744073709551615", "offset: must be from 0"),
        ("order_by=colour", "created, updated, remote_instance_name"),
        ("direction=up", "asc or desc"),
        ("fields=uuid,colour", "\"colour\" is not"),
        ("page=2", "page"),
        ("limit=x", "query string"),
    ] {
        let refused = test
            .api
            .get(&format!("/integration-connections?{query}"))
            .await
            .expect(400);
        assert!(first_message(&refused).contains(part), "{query}: {refused:?}");
    }
}

#[actix_rt::test]
async fn connections_are_ordered_by_their_members_and_every_field_can_be_chosen() {
    let test = TestEngine::start().await;
    let first = connection(&test).await;
    let other = json!({
        "provider": "rest", "remote_instance_name": "A shop", "api_domain": "https://shop.example", "integration_access_token": "t0ken",
        "state": "inactive", "supporting_fields": {"objects": {"customers": {"path": "/customers"}}},
    });
    let second = test.api.post("/api/v3/integration", &other).await.expect(201);
    let second = uuid(&second.json["integration"]["integration_connection"]);
    for (query, expected) in [
        ("", [&first, &second]),
        ("?direction=desc", [&second, &first]),
        ("?order_by=remote_instance_name", [&second, &first]),
        ("?order_by=integration_partner", [&first, &second]),
        ("?order_by=status", [&second, &first]),
    ] {
        let list = test
            .api
            .get(&format!("/integration-connections{query}"))
            .await
            .expect(200);
        let ids: Vec<String> = list.json["integration_connection"]
            .as_array()
            .unwrap()
            .iter()
            .map(uuid)
            .collect();
        assert_eq!(ids, expected.map(Clone::clone), "{query}");
    }
    let shown = test.api.get(&format!("/integration/{first}")).await.expect(200);
    let members: Vec<&String> = shown.json["integration_connection"]
        .as_object()
        .unwrap()
        .keys()
        .collect();
    for member in members {
        let list = test
            .api
            .get(&format!("/integration-connections?fields={member}"))
            .await
            .expect(200);
        assert_eq!(
            list.json["integration_connection"][0].as_object().unwrap().len(),
            1,
            "{member}"
        );
    }
}
