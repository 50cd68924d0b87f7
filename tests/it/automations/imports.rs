//! Imports: the seed's automation, and what becomes of records that are known already.

use std::time::Duration;

use serde_json::{Value, json};

use super::fixture::{Books, counts, criteria};

const MINUTE: Duration = Duration::from_secs(60);

fn contact(name: &str, account: &str, email: &str) -> Value {
    json!({"Name": name, "AccountNumber": account, "EmailAddress": email, "IsSupplier": true})
}

/// Of five contacts two meet the criteria.
async fn seeded() -> (Books, String, Vec<String>) {
    let books = Books::open().await;
    let ids = books.xero.with(|xero| {
        [
            contact("Ada", "1QKGUL", "ada@example.com"),
            contact("Bob", "1QKGUL", ""),
            contact("Cid", "OTHER", "cid@example.com"),
            contact("Dee", "1QKGUL", "dee@example.com"),
            json!({"Name": "Eve"}),
        ]
        .map(|members| xero.put("Contacts", members))
    });
    let function = books.function("PartnerRole", "IMPORT", json!({})).await;
    let automation = books.automation("Suppliers", &function, json!({}), criteria()).await;
    (books, automation, ids.to_vec())
}

#[tokio::test]
async fn the_seeds_automation_takes_what_meets_its_criteria_and_each_change_once() {
    let (mut books, automation, ids) = seeded().await;
    let run = books.run(&automation).await;
    assert_eq!(run["outcome"], "success", "{run}");
    assert_eq!(counts(&run), [5, 2, 2, 0, 0, 0, 0]);
    assert_eq!(books.names("supplier", "Name").await, ["Ada", "Dee"]);

    // Within the overlap everything comes once more, and is the same.
    let run = books.run(&automation).await;
    assert_eq!(counts(&run)[2..], [0, 0, 2, 0, 0]);
    books.pass(10 * MINUTE).await;
    books.run(&automation).await;
    books.pass(10 * MINUTE).await;
    let run = books.run(&automation).await;
    assert_eq!(counts(&run), [0; 7], "nothing has changed since: {run}");

    books
        .xero
        .with(|xero| xero.change("Contacts", &ids[0], json!({"Name": "Ada Byron"})));
    books.pass(MINUTE).await;
    let run = books.run(&automation).await;
    assert_eq!(counts(&run), [1, 1, 0, 1, 0, 0, 0]);
    assert_eq!(books.names("supplier", "Name").await, ["Ada Byron", "Dee"]);
}

#[tokio::test]
async fn a_record_that_is_newer_here_is_left_alone_but_for_the_threshold() {
    let (mut books, automation, ids) = seeded().await;
    books.run(&automation).await;
    books.pass(60 * MINUTE).await;
    books.run(&automation).await;
    let key = |books: &[Value], name: &str| {
        let found = books.iter().find(|record| record["data"]["Name"] == name).unwrap();
        found["key"].as_str().unwrap().to_owned()
    };
    let records = books.records("supplier").await;
    let (ada, dee) = (key(&records, "Ada"), key(&records, "Dee"));

    // Ada changes there, and here five minutes later; Dee here half a minute later, which the threshold does not count.
    books.xero.with(|xero| {
        xero.change("Contacts", &ids[0], json!({"Name": "Ada there"}));
    });
    books.pass(5 * MINUTE).await;
    books
        .put("supplier", &ada, contact("Ada here", "1QKGUL", "ada@example.com"))
        .await;
    books.xero.with(|xero| {
        xero.change("Contacts", &ids[3], json!({"Name": "Dee there"}));
    });
    books.pass(MINUTE / 2).await;
    books
        .put("supplier", &dee, contact("Dee here", "1QKGUL", "dee@example.com"))
        .await;
    let run = books.run(&automation).await;
    assert_eq!(counts(&run), [2, 2, 0, 1, 0, 1, 0], "{run}");
    assert_eq!(books.names("supplier", "Name").await, ["Ada here", "Dee there"]);
}

#[tokio::test]
async fn what_is_only_for_new_records_creates_and_never_changes() {
    let (mut books, _, ids) = seeded().await;
    let more =
        json!({"applies_to_function": "new", "since_last_look_up": "false", "do_not_over_write_latest_data": "false"});
    let automation = books.automation("New ones", "PartnerRole", more, criteria()).await;
    assert_eq!(counts(&books.run(&automation).await)[2..4], [2, 0]);
    books.xero.with(|xero| {
        xero.change("Contacts", &ids[0], json!({"Name": "Ada Byron"}));
        xero.put("Contacts", contact("Fay", "1QKGUL", "fay@example.com"));
    });
    books.pass(MINUTE).await;
    assert_eq!(counts(&books.run(&automation).await)[2..4], [1, 0]);
    assert_eq!(books.names("supplier", "Name").await, ["Ada", "Dee", "Fay"]);
}

#[tokio::test]
async fn pages_follow_each_other_to_the_last() {
    let mut books = Books::open().await;
    books.xero.with(|xero| {
        for number in 0..250 {
            xero.put(
                "Contacts",
                contact(&format!("Contact {number}"), "1QKGUL", "a@example.com"),
            );
        }
    });
    let function = books
        .function("All", "IMPORT", json!({"object_name": "CustomerRecord"}))
        .await;
    let more = json!({"applies_to": "Customer", "additional_criteria": "false"});
    let automation = books.automation("Customers", &function, more, json!([])).await;
    let run = books.run(&automation).await;
    assert_eq!(counts(&run), [250, 250, 250, 0, 0, 0, 0]);
    assert_eq!(books.records("customer").await.len(), 250);
}

#[tokio::test]
async fn a_function_that_is_not_there_is_said_and_cured() {
    let mut books = Books::open().await;
    books
        .xero
        .with(|xero| xero.put("Contacts", contact("Ada", "1QKGUL", "a@example.com")));
    let automation = books.automation("Early", "Later", json!({}), criteria()).await;
    let run = books.run(&automation).await;
    assert_eq!(run["outcome"], "not_found");
    assert!(
        run["errors"][0]["message"]
            .as_str()
            .unwrap()
            .contains("\"Later\" does not exist"),
        "{run}"
    );
    let function = books.function("Later", "IMPORT", json!({})).await;
    let run = books.run(&automation).await;
    assert_eq!(
        (&run["outcome"], counts(&run)[2]),
        (&json!("success"), 1),
        "the cursor had not moved"
    );
    let disable = books.at(&format!("/partner-function/{function}/disable"));
    books.api.post(&disable, &json!({})).await.expect(200);
    let run = books.run(&automation).await;
    assert!(
        run["errors"][0]["message"].as_str().unwrap().contains("is disabled"),
        "{run}"
    );
}

#[tokio::test]
async fn a_mapping_puts_members_where_they_belong_and_gives_the_key() {
    let mut books = Books::open().await;
    books.xero.with(|xero| {
        xero.put("Contacts", contact("Ada", "A-1", "ADA@example.com"));
        xero.put("Contacts", contact("Bob", "", "bob@example.com"));
    });
    let mapping = json!([
        {"source": "AccountNumber", "target": "$key"},
        {"source": "Name", "target": "company.name", "transform": "upper"},
        {"source": "EmailAddress", "target": "email", "transform": "lower"},
    ]);
    books.api.put(&books.at("/mapping/supplier_supplier"), &mapping).await;
    let function = books
        .function("Mapped", "IMPORT", json!({"object_mapping": "supplier_supplier"}))
        .await;
    let automation = books
        .automation("Mapped", &function, json!({"additional_criteria": "false"}), json!([]))
        .await;
    let run = books.run(&automation).await;
    assert_eq!(counts(&run), [2, 2, 2, 0, 0, 0, 0], "{run}");
    let record = books.api.get("/api/v1/records/supplier/A-1").await.expect(200);
    assert_eq!(
        record.json["data"],
        json!({"company": {"name": "ADA"}, "email": "ada@example.com"})
    );
}
