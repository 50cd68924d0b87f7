//! Nobody waits behind somebody else's 50,000 items.

use serde_json::json;

use super::fixture::{Definition, another_tenant, count, large, made, many, transaction};
use crate::support::{
    scene::{Place, eventually},
    upstream::{Behaviour, Upstream},
};

const MANY: u64 = 50_000;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_single_item_does_not_wait_for_50_000_of_another_tenant() {
    let (busy, quiet) = (Upstream::start(), Upstream::start());
    busy.on("/hook", Behaviour::Json(json!({})));
    quiet.on("/hook", Behaviour::Json(json!({})));
    let mut place = Place::new(&[&busy, &quiet]);
    place.settings.integrations.items_at_once_max = 4;
    let (tenant, place) = made(place).await;
    let database = place.database().await;
    let other = another_tenant(&database).await;
    let data = r#"'{"Amount": 1500, "Customer": {"Country": "NO"}}'"#;
    many(&database, tenant.uuid(), MANY, data).await;
    let busy_line = Definition {
        interval: 1,
        batch_size: 100,
        parallel: true,
        ..Definition::new(1, tenant, &busy.url("/hook"))
    };
    let one = Definition {
        interval: 1,
        ..Definition::new(2, other, &quiet.url("/hook"))
    };
    for definition in [&busy_line, &one] {
        definition.insert(&database, orrery::clock::Clock::system().now()).await;
    }
    let scene = place.start().await;
    for so_many in (1..=10).map(|part| part * MANY / 10) {
        eventually("they come into the queue", || async {
            let waiting = count(&database, &busy_line, "Pending").await;
            waiting >= so_many || !busy.requests_to("/hook").is_empty()
        })
        .await;
    }
    busy.wait_for("/hook", 20).await;
    let mut all = 0;
    for state in ["Pending", "Processing", "Completed", "Failed"] {
        all += count(&database, &busy_line, state).await;
    }
    // Between two counts an item may come into a state that was counted already.
    assert!(all + 64 >= MANY, "{all}");
    transaction(&scene, other, "single", large()).await;
    quiet.wait_for("/hook", 1).await;
    eventually("it is done", || async {
        count(&database, &one, "Completed").await == 1
    })
    .await;
    let waiting = count(&database, &busy_line, "Pending").await;
    assert!(
        waiting > MANY / 2,
        "the other's single item came long before the end of the many: {waiting} wait"
    );
    scene.stop().await;
    assert_eq!(
        count(&database, &busy_line, "Processing").await,
        0,
        "what was on its way has ended"
    );
}
