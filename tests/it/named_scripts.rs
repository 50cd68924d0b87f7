//! Named scripts over HTTP: checked, versioned, kept while something uses them.

use orrery::{
    domain::{
        connection::ProviderKind,
        ids::{ConnectionId, TenantId},
    },
    providers::{Profile, Secrets},
    store::{
        connections::{self, Connection, ConnectionState},
        object_mappings::NewMapping,
        partner_functions::StoredPartnerFunction,
    },
};
use serde_json::{Value, json};

use crate::support::{api::Api, postgres::for_each_database};

const PATH: &str = "/api/v1/scripts";

fn body(name: &str, source: &str) -> Value {
    json!({ "name": name, "description": "For people", "source": source })
}

#[tokio::test]
async fn each_source_that_was_in_force_is_kept() {
    for_each_database(|url| async move {
        let api = Api::start_on(Some(url), &[]).await;
        let made = api.post(PATH, body("Upper", "return record;")).await.expect(201);
        let path = format!("{PATH}/{}", made.id());
        assert_eq!(made.header("location"), Some(path.as_str()));
        assert_eq!(
            (&made.body["version"], &made.body["sourceVersion"]),
            (&json!(1), &json!(1))
        );
        let renamed = api
            .patch(&path, json!({ "name": "Big", "description": null }))
            .await
            .expect(200);
        assert_eq!(
            (
                &renamed.body["version"],
                &renamed.body["sourceVersion"],
                &renamed.body["description"]
            ),
            (&json!(2), &json!(1), &Value::Null)
        );
        let same = api
            .patch(&path, json!({ "source": "return record;" }))
            .await
            .expect(200);
        assert_eq!(same.body["sourceVersion"], 1, "the same source is no new version");
        let mut whole = same.body.clone();
        whole["source"] = json!("return {...record, name: record.name.toUpperCase()};");
        let replaced = api.put(&path, whole).await.expect(200);
        assert_eq!(
            (&replaced.body["version"], &replaced.body["sourceVersion"]),
            (&json!(4), &json!(4))
        );
        assert_eq!(api.get(&path).await.expect(200).body, replaced.body);
        let versions = api.get(&format!("{path}/versions?limit=1")).await.expect(200);
        assert_eq!(versions.each("version"), [4]);
        assert_eq!(versions.body["items"][0].get("source"), None);
        let cursor = versions.body["nextCursor"].as_str().unwrap();
        let older = api.get(&format!("{path}/versions?cursor={cursor}")).await.expect(200);
        assert_eq!(older.each("version"), [1]);
        let first = api.get(&format!("{path}/versions/1")).await.expect(200);
        assert_eq!(first.body["source"], "return record;");
        for missing in ["2", "-1", "x", "99999999999999999999"] {
            api.get(&format!("{path}/versions/{missing}"))
                .await
                .problem(404, "not_found");
        }
        let list = api.get(PATH).await.expect(200);
        assert_eq!(
            (list.each("name"), list.body["items"][0].get("source")),
            (vec![json!("Big")], None)
        );
        let stale = api
            .send("PATCH", &path, Some(json!({ "name": "x" })), &[("if-match", "\"2\"")])
            .await;
        stale.problem(412, "stale_version");
        let log = api.get("/api/v1/audit?resourceKind=script").await.expect(200);
        assert_eq!(log.body["items"].as_array().unwrap().len(), 4);
        api.delete(&path).await.expect(204);
        api.get(&path).await.problem(404, "not_found");
        api.get(&format!("{path}/versions/1")).await.problem(404, "not_found");
    })
    .await;
}

#[tokio::test]
async fn what_cannot_work_is_refused_with_its_place() {
    let api = Api::start(&[]).await;
    api.post(PATH, body("Upper", "return record;")).await.expect(201);
    api.post(PATH, body("Upper", "return 1;"))
        .await
        .problem(409, "name_in_use");
    let broken = api
        .post(PATH, body("Broken", "return record;\nlet = ;"))
        .await
        .expect(422);
    assert_eq!(broken.fields(), ["source"]);
    let message = broken.body["errors"][0]["message"].as_str().unwrap();
    assert!(message.contains("line 2"), "{message}");
    let long = format!("return 1; // {}", "x".repeat(300_000));
    let wrong = json!({ "name": "", "description": "d".repeat(1_001), "source": long });
    let all = api.post(PATH, wrong).await.expect(422);
    assert_eq!(all.fields(), ["name", "description", "source"]);
    let empty = api.post(PATH, body("Empty", "  ")).await.expect(422);
    assert_eq!(empty.fields(), ["source"]);
    api.post(PATH, json!({ "name": "x" })).await.expect(400);
    let unknown = api
        .post(PATH, json!({ "name": "x", "source": "return;", "code": 1 }))
        .await;
    unknown.expect(400);
    let list = api.get(PATH).await.expect(200);
    assert_eq!(list.each("name"), ["Upper"]);
}

#[tokio::test]
async fn scripts_are_the_tenants_own_and_need_the_right() {
    let api = Api::start(&[]).await;
    let id = api.post(PATH, body("Upper", "return record;")).await.expect(201).id();
    let path = format!("{PATH}/{id}");
    let reader = api.with_rights(&["calls.manage", "clients.manage"]).await;
    for answer in [
        reader.get(PATH).await,
        reader.get(&path).await,
        reader.get(&format!("{path}/versions")).await,
        reader.post(PATH, body("Mine", "return record;")).await,
        reader.patch(&path, json!({ "name": "Mine" })).await,
        reader.delete(&path).await,
    ] {
        let refused = answer.problem(403, "forbidden");
        assert!(refused.body["detail"].as_str().unwrap().contains("connections.manage"));
    }
    let other = api.in_other_tenant().await;
    assert!(other.get(PATH).await.expect(200).each("id").is_empty());
    other.get(&path).await.problem(404, "not_found");
    other
        .patch(&path, json!({ "name": "Mine" }))
        .await
        .problem(404, "not_found");
    other.delete(&path).await.problem(404, "not_found");
    other.post(PATH, body("Upper", "return record;")).await.expect(201);
    let manager = api.with_rights(&["connections.manage"]).await;
    manager.get(&path).await.expect(200);
}

#[tokio::test]
async fn a_script_in_use_stays() {
    for_each_database(|url| async move {
        let api = Api::start_on(Some(url), &[]).await;
        let id = api.post(PATH, body("Upper", "return record;")).await.expect(201).id();
        let me = api.get("/api/v1/me").await.expect(200);
        let tenant: TenantId = me.body["tenant"]["id"].as_str().unwrap().parse().unwrap();
        let connection = connect(&api, tenant).await;
        let (clock, store) = (api.engine.clock(), api.engine.store());
        let function = StoredPartnerFunction {
            id: clock.new_id().into(),
            tenant_id: tenant,
            connection_id: connection,
            definition: serde_json::from_value(json!({
                "name": "Suppliers", "direction": "IMPORT", "object_name": "supplier", "post_run_script_id": id,
            }))
            .unwrap(),
            enabled: true,
            created_by: None,
            version: 1,
            created_at: clock.now(),
            updated_at: clock.now(),
        };
        let created = store.create_partner_function(function.clone(), entry(tenant));
        created.await.unwrap();
        let mapping = NewMapping {
            tenant_id: tenant,
            connection_id: connection,
            name: "customer".to_owned(),
            definition: json!({ "script_id": id }),
            script_id: Some(id.parse().unwrap()),
        };
        store.put_object_mapping(mapping, None, entry(tenant)).await.unwrap();
        let path = format!("{PATH}/{id}");
        let refused = api.delete(&path).await.problem(409, "in_use");
        let detail = refused.body["detail"].as_str().unwrap();
        assert!(
            detail.contains("\"Suppliers\"") && detail.contains("\"customer\""),
            "{detail}"
        );
        store
            .delete_connection(tenant, connection, None, entry(tenant))
            .await
            .unwrap();
        api.delete(&path).await.expect(204);
    })
    .await;
}

async fn connect(api: &Api, tenant: TenantId) -> ConnectionId {
    let (clock, secrets) = (api.engine.clock(), Secrets::default());
    let id = clock.new_id().into();
    let connection = Connection {
        id,
        tenant_id: tenant,
        provider: ProviderKind::Rest,
        profile: Profile::default(),
        secrets_public: connections::masked(&secrets),
        secrets: connections::seal_secrets(api.engine.sealer(), tenant, id, &secrets).unwrap(),
        enabled: false,
        created_by: None,
        version: 1,
        created_at: clock.now(),
        updated_at: clock.now(),
        state: ConnectionState::default(),
    };
    api.engine
        .store()
        .create_connection(connection, entry(tenant))
        .await
        .unwrap();
    id
}

fn entry(tenant: TenantId) -> orrery::store::audit::Entry {
    orrery::engine::caller::Caller::embedded(tenant).audit("test.create", "test", "", None, None)
}
