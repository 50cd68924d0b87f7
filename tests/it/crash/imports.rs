//! kill -9 in the middle of a long import: it goes on where it was, loses nothing, doubles nothing, and needs little memory.

use std::{
    sync::{Arc, Condvar, Mutex},
    time::Duration,
};

use entity::{record, record_link};
use sea_orm::{ColumnTrait, Database, EntityTrait, PaginatorTrait, QueryFilter};
use serde_json::{Value, json};

use super::start;
use crate::support::{
    engine::Api,
    postgres,
    process::{Deadline, Orrery},
    upstream::{Behaviour, Recorded, Upstream},
};

const PAGE: u64 = 100;
/// Each life ends with a kill after so many parts of the whole.
const KILLS: u64 = 6;
/// Memory that an import may need beyond what the idle engine has, bytes: a page, not the list.
const MEMORY_MAX: u64 = 96 << 20;
const WHOLE: Duration = Duration::from_secs(1_800);
/// Pages that the list gives beyond the one at which a kill is due, so that a fast machine does not outrun it.
const PAGES_AHEAD: u64 = 5;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_import_of_100_000_contacts_survives_kill_9_on_sqlite() {
    let directory = tempfile::tempdir().unwrap();
    let url = format!("sqlite://{}/orrery.db?mode=rwc", directory.path().display());
    survive(&url, 100_000).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_import_survives_kill_9_on_postgres() {
    if let Some(url) = postgres::database() {
        survive(&url, 5_000).await;
    }
}

async fn survive(url: &str, contacts: u64) {
    let whole = Deadline::after(WHOLE);
    let data = tempfile::tempdir().unwrap();
    let brake = Arc::new(Brake::default());
    let warehouse = warehouse(contacts, brake.clone());
    let (orrery, address) = start(url, data.path());
    let api = Api::anonymous(address).sign_in("admin", super::PASSWORD).await;
    let path = automation(&api, &warehouse).await;
    let idle_bytes = orrery.resident_bytes();
    let (asking, run) = (api.clone(), format!("{path}/run"));
    drop(tokio::spawn(async move { asking.ask("POST", &run).attempt().await }));

    let (mut orrery, mut api) = (orrery, api);
    let mut most_bytes = 0;
    for life in 1..=KILLS {
        let until = contacts * life / (KILLS + 1);
        brake.let_go_to(until / PAGE + PAGES_AHEAD);
        loop {
            let run = latest(&api, &path).await;
            most_bytes = most_bytes.max(orrery.resident_bytes());
            if run["counts"]["seen"].as_u64().is_some_and(|seen| seen >= until) {
                assert_eq!(run["finishedAt"], Value::Null, "it ended before it was killed: {run}");
                break;
            }
            assert!(!whole.is_over(), "not done in time: {run}");
            whole.pause();
        }
        orrery.kill();
        let (next, address) = start(url, data.path());
        api = api.at(address);
        orrery = next;
    }
    brake.let_go_to(u64::MAX);
    let run = to_its_end(&api, &path, &orrery, &whole, &mut most_bytes).await;
    assert_eq!(run["outcome"], "success", "{run}");
    let all = json!({"seen": contacts, "matched": contacts, "created": contacts, "updated": 0, "unchanged": 0,
        "skipped_newer": 0, "failed": 0});
    assert_eq!(run["counts"], all);
    let runs = api.get(&format!("{path}/runs")).await.expect(200);
    assert_eq!(
        runs.json["items"].as_array().unwrap().len(),
        1,
        "one run over all lives"
    );
    eprintln!("{} MiB at most, {} MiB before", most_bytes >> 20, idle_bytes >> 20);
    assert!(
        most_bytes < idle_bytes + MEMORY_MAX,
        "{} MiB, and {} MiB before",
        most_bytes >> 20,
        idle_bytes >> 20
    );
    assert_eq!(orrery.terminate(), Some(0), "{}", orrery.stderr());
    judge(url, contacts).await;
    let asked = u64::try_from(warehouse.requests().len()).unwrap();
    let pages = contacts / PAGE;
    assert!(
        (pages..=pages + 2 * KILLS).contains(&asked),
        "{asked} requests for {pages} pages"
    );
}

async fn to_its_end(api: &Api, path: &str, orrery: &Orrery, whole: &Deadline, most_bytes: &mut u64) -> Value {
    loop {
        let run = latest(api, path).await;
        *most_bytes = (*most_bytes).max(orrery.resident_bytes());
        if run["finishedAt"] != Value::Null {
            return run;
        }
        assert!(!whole.is_over(), "not done in time: {run}");
        whole.pause();
    }
}

async fn latest(api: &Api, path: &str) -> Value {
    let runs = api.get(&format!("{path}/runs")).await.expect(200);
    runs.json["items"][0].clone()
}

/// Every contact is there once, as it was made.
async fn judge(url: &str, contacts: u64) {
    let db = Database::connect(url).await.unwrap();
    let records = record::Entity::find().count(&db).await.unwrap();
    let first = record::Entity::find().filter(record::Column::Version.eq(1));
    let links = record_link::Entity::find().filter(record_link::Column::RemoteId.is_not_null());
    assert_eq!(records, contacts);
    assert_eq!(first.count(&db).await.unwrap(), contacts);
    assert_eq!(links.count(&db).await.unwrap(), contacts);
    db.close().await.unwrap();
}

/// Holds the list back.
#[derive(Default)]
struct Brake {
    /// Pages up to this one are given.
    until: Mutex<u64>,
    moved: Condvar,
}

impl Brake {
    fn let_go_to(&self, page: u64) {
        *self.until.lock().unwrap() = page;
        self.moved.notify_all();
    }

    fn wait_for(&self, page: u64) {
        let until = self.until.lock().unwrap();
        drop(self.moved.wait_while(until, |until| page > *until).unwrap());
    }
}

/// A list of contacts in pages, without credentials.
fn warehouse(contacts: u64, brake: Arc<Brake>) -> Upstream {
    let upstream = Upstream::start();
    let answer = move |request: &Recorded| {
        let url = url::Url::parse(&format!("http://warehouse{}", request.target)).unwrap();
        let (_, page) = url.query_pairs().find(|(name, _)| name == "page").unwrap();
        let page: u64 = page.parse().unwrap();
        brake.wait_for(page);
        let first = (page - 1) * PAGE + 1;
        let items: Vec<Value> = (first..first + PAGE)
            .filter(|number| *number <= contacts)
            .map(contact)
            .collect();
        json!({"items": items, "pages": contacts.div_ceil(PAGE)})
    };
    upstream.on("/contacts", Behaviour::Computed(Arc::new(answer)));
    upstream
}

fn contact(number: u64) -> Value {
    json!({
        "id": format!("c-{number:06}"),
        "name": format!("Contact {number}"),
        "email": format!("contact{number}@example.com"),
        "updated_at": "2026-01-01T00:00:00Z",
        // So much that a list which is kept whole would be seen.
        "note": "A note of some length. ".repeat(80),
        "addresses": [{"kind": "street", "line": format!("{number} Long Street"), "city": "Oslo"}],
    })
}

/// A connection to the warehouse and an automation that takes all contacts; gives the automation's path.
async fn automation(api: &Api, warehouse: &Upstream) -> String {
    let description = json!({
        "auth": {"kind": "none"},
        "updated": "updated_at",
        "items": "items",
        "paging": {"kind": "page", "size": PAGE, "pages": "pages"},
        "objects": {"contacts": {}},
    });
    let connection = json!({
        "provider": "REST",
        "remote_instance_name": "Warehouse",
        "require_authentication": false,
        "api_domain": format!("http://{}", warehouse.address()),
        "supporting_fields": description.to_string(),
    });
    let made = api.post("/integration/", &connection).await.expect(201);
    let uuid = made.json["integration"]["integration_connection"]["uuid"]
        .as_str()
        .unwrap();
    let function =
        json!({"partner_function": {"name": "All contacts", "direction": "IMPORT", "object_name": "contacts"}});
    let path = format!("/integration/{uuid}/partner-function/");
    api.post(&path, &function).await.expect(201);
    let details = json!({
        "name": "Contacts", "applies_to": "customer", "automation_type": "timerBased", "direction": "IMPORT",
        "check_on": "8 hours", "perform_action": "All contacts",
    });
    let body = json!({"integration": {"automation_details": details}});
    let made = api
        .post(&format!("/integration/{uuid}/automation"), &body)
        .await
        .expect(201);
    let id = made.json["integration_automation"]["uuid"].as_str().unwrap();
    format!("/integration/{uuid}/automation/{id}")
}
