//! Statements that take too long are stopped, and who asked is told so.

use sea_orm::Database;
use serde_json::json;

use crate::support::{
    engine::TestEngine,
    postgres::for_each_database,
    slow::{as_before, slow_down},
};

#[tokio::test]
async fn a_query_that_takes_too_long_is_stopped_and_says_so() {
    for_each_database(|url| async move {
        let mut start = TestEngine::prepare();
        url.clone_into(&mut start.settings.database.url);
        start.settings.database.statement_seconds = 5;
        let test = start.start().await;
        let system = json!({"IntegrationSystemName": "Bank"});
        test.api.post("/OData/IntegrationSystems", &system).await.expect(201);
        let database = Database::connect(&url).await.unwrap();
        slow_down(&database, "integration_system").await;
        for _ in 0..2 {
            let refused = test.api.get("/OData/IntegrationSystems").await.expect(503);
            let body = refused.json.to_string();
            assert!(body.contains("took too long") && body.contains("unavailable"), "{body}");
        }
        as_before(&database, "integration_system").await;
        // The connections are as good as before.
        let list = test.api.get("/OData/IntegrationSystems").await.expect(200);
        assert_eq!(list.json["value"][0]["IntegrationSystemName"], "Bank", "{list:?}");
    })
    .await;
}
