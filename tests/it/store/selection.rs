//! The selection of rows for integrations, on SQLite and on PostgreSQL.

use std::{collections::BTreeSet, sync::Arc};

use entity::{integration_queue, record, transaction};
use jiff::Timestamp;
use orrery::{
    domain::{
        expression::{Datum, Row, linq, matches},
        ids::TenantId,
        integration::admit::Again,
    },
    store::{
        Store,
        integrations::{SelectRows, SelectedPage},
    },
};
use sea_orm::{
    ActiveModelTrait, ConnectOptions, ConnectionTrait, Database, DatabaseConnection, DbBackend, EntityTrait,
    IntoActiveModel, Set,
};
use uuid::Uuid;

use super::fixture::Fixture;
use crate::support::postgres::for_each_database;

const CLIENT: i64 = 7;

/// A store, and a way past it.
struct Scene {
    store: Store,
    tenant: TenantId,
    db: DatabaseConnection,
    now: Timestamp,
}

impl Scene {
    async fn open(url: &str) -> Self {
        let fixture = Fixture::open(url).await;
        let mut options = ConnectOptions::new(url);
        options.max_connections(1).sqlx_logging(false);
        Self {
            db: Database::connect(options).await.unwrap(),
            tenant: fixture.tenant,
            store: fixture.store,
            now: "2026-11-22T12:00:00Z".parse().unwrap(),
        }
    }

    fn transaction(&self, number: u32, status: i16, data: &str) -> transaction::Model {
        transaction::Model {
            id: id(number),
            tenant_id: self.tenant.uuid(),
            owner_id: self.tenant.uuid(),
            identifier: format!("T-{number}"),
            status,
            data: Some(data.to_owned()),
            call_api_id: None,
            run_id: None,
            created_by: Some(Uuid::from_u128(9)),
            created_at: self.now.as_microsecond() + i64::from(number),
            committed_by: None,
            committed_at: (status == 1).then_some(self.now.as_microsecond() + 1_000 + i64::from(number)),
            version: 1,
        }
    }

    async fn put(&self, rows: Vec<transaction::Model>) {
        for rows in rows.chunks(500) {
            let rows = rows.iter().map(|row| row.clone().into_active_model().reset_all());
            transaction::Entity::insert_many(rows)
                .exec_without_returning(&self.db)
                .await
                .unwrap();
        }
    }

    async fn queue(&self, number: i64, client: i64, item: &str, version: i64) {
        let row = integration_queue::Model {
            id: number,
            tenant_id: self.tenant.uuid(),
            integration_id: 1,
            client_integration_id: client,
            item_id: item.to_owned(),
            item_name: item.to_owned(),
            item_version: version,
            item_updated_on: 0,
            attempt: 0,
            round: 1,
            state: "Completed".to_owned(),
            action_log_id: None,
            result: None,
            due_at: 0,
            bare: false,
            created_at: 0,
            updated_at: 0,
        };
        let row = row.into_active_model().reset_all();
        integration_queue::Entity::insert(row)
            .exec_without_returning(&self.db)
            .await
            .unwrap();
    }

    fn wanted(&self, entity: &str, filter: &str, again: Again) -> SelectRows {
        SelectRows {
            tenant: self.tenant,
            client_integration: CLIENT.into(),
            entity: entity.to_owned(),
            filter: (!filter.is_empty()).then(|| Arc::new(linq::parse(filter).unwrap())),
            again,
            after: None,
            limit: 3,
            now: self.now,
        }
    }

    /// All pages.
    async fn all(&self, mut wanted: SelectRows) -> Vec<SelectedPage> {
        let mut pages = Vec::new();
        loop {
            let page = self.store.select_rows(wanted.clone()).await.unwrap();
            assert!(
                page.rows.len() <= wanted.limit as usize,
                "no page has more than was asked for"
            );
            wanted.after = page.next.clone();
            pages.push(page);
            if wanted.after.is_none() {
                return pages;
            }
        }
    }

    async fn names(&self, entity: &str, filter: &str, again: Again) -> Vec<String> {
        let pages = self.all(self.wanted(entity, filter, again)).await;
        pages
            .into_iter()
            .flat_map(|page| page.rows)
            .map(|row| row.item_name)
            .collect()
    }
}

fn id(number: u32) -> Uuid {
    Uuid::from_u128(0x0190_d5f0_0000_7000_8000_0000_0000_0000 + u128::from(number))
}

#[actix_web::test]
async fn transactions_are_selected_once_or_with_updates() {
    for_each_database(|url| async move {
        let scene = Scene::open(&url).await;
        let data =
            |amount: &str, country: &str| format!(r#"{{"amount":{amount},"Customer":{{"Country":"{country}"}}}}"#);
        let mut rows = vec![
            scene.transaction(1, 1, &data("1000.01", "NO")),
            scene.transaction(2, 1, &data("1000", "NO")),
            scene.transaction(3, 0, &data("5000", "NO")),
            scene.transaction(4, 1, &data("5000", "SE")),
            scene.transaction(5, 1, &data("5000", "DK")),
            scene.transaction(6, 1, &data("\"5000\"", "NO")),
            scene.transaction(7, 1, &data("null", "NO")),
            scene.transaction(8, 1, r#"{"Amount":5000}"#),
            scene.transaction(9, 1, r#"{"Amount":5000,"Amount":1,"Customer":{"Country":"NO"}}"#),
            scene.transaction(10, 1, &data("2e3", "SE")),
            scene.transaction(11, 2, &data("5000", "SE")),
            scene.transaction(12, 1, &data("123456789012345678901234567890", "NO")),
        ];
        let mut erased = scene.transaction(13, 1, "{}");
        erased.data = None;
        let mut of_others = scene.transaction(14, 1, &data("5000", "NO"));
        of_others.tenant_id = Uuid::from_u128(1);
        rows.extend([erased, of_others]);
        scene.put(rows).await;
        let filter = r#"Status == "ready" and Amount > 1000 and Customer.Country in ("NO","SE")"#;
        let expected = ["T-1", "T-4", "T-10", "T-12"];
        for entity in ["Transaction", "transaction", "TRANSACTION"] {
            assert_eq!(scene.names(entity, filter, Again::Never).await, expected);
        }
        assert_eq!(scene.names("transaction", "", Again::Never).await.len(), 12);
        assert_eq!(scene.names("Transaction", "false", Again::Never).await.len(), 0);
        let first = scene
            .store
            .select_rows(scene.wanted("Transaction", filter, Again::Never))
            .await
            .unwrap();
        let first = &first.rows[0];
        let at = Timestamp::from_microsecond(scene.now.as_microsecond() + 1_001).unwrap();
        assert_eq!(
            (&first.item_id, first.item_version, first.item_updated_on),
            (&id(1).to_string(), 1, at)
        );

        // What the queue of this client integration has, and of another, and other versions.
        scene.queue(1, CLIENT, &id(1).to_string(), 1).await;
        scene.queue(2, CLIENT, &id(4).to_string(), 0).await;
        scene.queue(3, CLIENT + 1, &id(10).to_string(), 1).await;
        assert_eq!(scene.names("Transaction", filter, Again::Never).await, ["T-10", "T-12"]);
        assert_eq!(
            scene.names("Transaction", filter, Again::Updates).await,
            ["T-4", "T-10", "T-12"]
        );
        assert_eq!(scene.names("Transaction", filter, Again::Always).await, expected);

        let mut wanted = scene.wanted("Transaction", filter, Again::Always);
        wanted.after = Some("no place".to_owned());
        scene.store.select_rows(wanted.clone()).await.unwrap_err();
        wanted.after = Some(id(4).to_string());
        let page = scene.store.select_rows(wanted).await.unwrap();
        assert_eq!((page.rows.len(), page.next), (2, None));
        scene.store.close().await.unwrap();
    })
    .await;
}

#[actix_web::test]
async fn records_are_selected_by_their_entity() {
    for_each_database(|url| async move {
        let scene = Scene::open(&url).await;
        let keys = ["b", "A", "ä", "10", "9", "it's", "z%"];
        for (number, (entity, key)) in keys
            .iter()
            .map(|key| ("supplier", key))
            .chain([("customer", &"b")])
            .enumerate()
        {
            let model = record::Model {
                tenant_id: scene.tenant.uuid(),
                entity: entity.to_owned(),
                key: (*key).to_owned(),
                data: format!(r#"{{"Name":"{key}","Version":99,"Rank":{number}}}"#),
                version: number as i64,
                changed_at: scene.now.as_microsecond(),
                created_at: 5,
                updated_at: 6,
                origin: None,
            };
            let model = model.into_active_model().reset_all();
            record::Entity::insert(model)
                .exec_without_returning(&scene.db)
                .await
                .unwrap();
        }
        let of = async |filter| scene.names("Supplier", filter, Again::Never).await;
        assert_eq!(of("").await.iter().collect::<BTreeSet<_>>().len(), keys.len());
        assert_eq!(of("Name.Contains(\"%\") or Key == \"it's\"").await, ["it's", "z%"]);
        assert_eq!(of("Version == 2 and Data.Version == 99").await, ["ä"]);
        assert_eq!(
            of("Rank == 1 && ChangedAt >= DateTime.UtcNow && CreatedAt < UpdatedAt").await,
            ["A"]
        );
        let next = scene
            .store
            .select_rows(scene.wanted("supplier", "", Again::Never))
            .await
            .unwrap()
            .next;
        assert!(next.is_some());
        scene.queue(1, CLIENT, "A", 1).await;
        assert_eq!(of("Rank == 1").await.len(), 0);
        scene.store.close().await.unwrap();
    })
    .await;
}

#[actix_web::test]
async fn rows_that_nobody_can_read_are_left_out_and_told() {
    for_each_database(|url| async move {
        let scene = Scene::open(&url).await;
        let deep = format!("{{\"Amount\":{}{}}}", "[".repeat(50_000), "]".repeat(50_000));
        let rows = [
            r#"{"Amount":1e400}"#,
            deep.as_str(),
            r#"{"Text":"\ud800","Amount":5}"#,
            r#"{"Text":"\u0000","Amount":5}"#,
            r#"{"Text":"'; DROP TABLE transactions; --","Amount":5}"#,
        ];
        let rows = rows
            .iter()
            .zip(1..)
            .map(|(data, number)| scene.transaction(number, 1, data));
        scene.put(rows.collect()).await;
        let pages = scene
            .all(scene.wanted("Transaction", "Amount == 5", Again::Never))
            .await;
        let names: Vec<_> = pages
            .iter()
            .flat_map(|page| &page.rows)
            .map(|row| row.item_name.as_str())
            .collect();
        assert_eq!(names, ["T-4", "T-5"]);
        let refused: u64 = pages.iter().map(|page| page.refused).sum();
        let told = pages.iter().find_map(|page| page.refusal.as_deref()).unwrap();
        assert!(refused >= 2 && told.contains("data cannot be read"), "{refused} {told}");
        // A filter that needs no data is not held up by it.
        assert_eq!(
            scene
                .names("Transaction", "Status == \"ready\"", Again::Never)
                .await
                .len(),
            5
        );
        for filter in [
            r#"Text == "'; DROP TABLE transactions; --""#,
            r#"Text.Contains("DROP TABLE") and Text != "$1" and Text != "?" and Identifier != "@""#,
        ] {
            assert_eq!(
                scene.names("Transaction", filter, Again::Never).await,
                ["T-5"],
                "{filter}"
            );
        }
        scene.store.close().await.unwrap();
    })
    .await;
}

const FILTERS: [&str; 16] = [
    "Amount > 500",
    "!(Amount > 500)",
    "Amount % 7 == 3 or Country == \"NO\"",
    "Amount * 2 - 10 <= 100 and not Paid",
    "Paid == true || Paid == null",
    "Customer.Country in (\"NO\", \"SE\", null)",
    "Customer.Country not in (\"NO\", \"SE\")",
    "Name.ToLower() == \"åse\" or Name.StartsWith(\"O\")",
    "Name.Length > 3 and Name.Substring(1, 2) == \"la\"",
    "Due < DateTime.UtcNow.AddDays(-7)",
    "!(Due < DateTime.UtcNow.AddDays(-7))",
    "Due >= CreatedAt or CreatedAt > DateTime.UtcNow",
    "Lines.Any(Amount > 5)",
    "Lines.Sum(Amount) > 5 and Status == \"ready\"",
    "(Discount ?? 0) + Amount > 800",
    "iif(Paid, Amount, 0 - Amount) > 100",
];

/// A row that only its number decides.
fn random(number: u32) -> String {
    let pick = |choices: &[&str], by: u32| {
        choices[(number.wrapping_mul(2_654_435_761) >> by) as usize % choices.len()].to_owned()
    };
    format!(
        r#"{{"Amount":{},"Country":{},"Paid":{},"Customer":{{"country":{}}},"Name":{},"Due":{},"Lines":{},"Discount":{}}}"#,
        pick(
            &["1", "500", "501.5", "1000", "7", "10", "\"x\"", "null", "1e3", "3"],
            3
        ),
        pick(&["\"NO\"", "\"no\"", "1"], 5),
        pick(&["true", "false", "null", "\"true\""], 7),
        pick(&["\"NO\"", "\"SE\"", "\"DK\"", "null", "{}"], 9),
        pick(&["\"Åse\"", "\"Ola\"", "\"Olav\"", "\"\"", "null", "\"Klas\""], 11),
        pick(
            &[
                "\"2026-01-01\"",
                "\"2026-11-15T11:59:59Z\"",
                "\"2026-11-15T12:00:00Z\"",
                "\"2027-01-01T00:00:00+02:00\"",
                "\"soon\"",
                "null"
            ],
            13
        ),
        pick(
            &["[]", "[{\"Amount\":3},{\"amount\":6}]", "[{\"Amount\":3}]", "null"],
            15
        ),
        pick(&["null", "1", "300"], 17),
    )
}

#[actix_web::test]
async fn filters_select_what_the_evaluator_accepts() {
    for_each_database(|url| async move {
        let scene = Scene::open(&url).await;
        let rows: Vec<_> = (0..600)
            .map(|number| scene.transaction(number, (number % 3) as i16, &random(number)))
            .collect();
        scene.put(rows.clone()).await;
        for filter in FILTERS {
            let parsed = linq::parse(filter).unwrap();
            let met = rows.iter().filter(|row| {
                let data = serde_json::from_str(row.data.as_deref().unwrap()).unwrap();
                let status = ["preparation", "ready", "discarded"][row.status as usize];
                let row = Row::of_data(&data)
                    .with_text("Status", Some(status))
                    .with("CreatedAt", Datum::Time(row.created_at));
                matches(&parsed, &row, scene.now).unwrap()
            });
            let expected: Vec<_> = met.map(|row| row.identifier.clone()).collect();
            let mut wanted = scene.wanted("Transaction", filter, Again::Never);
            wanted.limit = 50;
            let pages = scene.all(wanted).await;
            let found: Vec<_> = pages
                .into_iter()
                .flat_map(|page| page.rows)
                .map(|row| row.item_name)
                .collect();
            assert_eq!(found, expected, "{filter}");
            assert!(
                !expected.is_empty() && expected.len() < rows.len(),
                "{filter} tells rows apart"
            );
        }
        scene.store.close().await.unwrap();
    })
    .await;
}

/// However many rows there are, a call looks at a bounded number of them, and a selective filter finds its few.
#[actix_web::test]
async fn a_selective_filter_over_many_rows_works_in_bounded_steps() {
    const ROWS: u32 = 60_000;
    for_each_database(|url| async move {
        let scene = Scene::open(&url).await;
        let sqlite = scene.db.get_database_backend() == DbBackend::Sqlite;
        let tenant = scene.tenant.uuid().simple().to_string();
        let (uuid, tenant, series) = match sqlite {
            true => (
                "unhex(printf('%032x', n))",
                format!("x'{tenant}'"),
                format!("WITH RECURSIVE s(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM s WHERE n < {ROWS})"),
            ),
            false => (
                "lpad(to_hex(n), 32, '0')::uuid",
                format!("'{tenant}'::uuid"),
                format!("WITH s(n) AS (SELECT * FROM generate_series(1, {ROWS}))"),
            ),
        };
        let insert = format!(
            "INSERT INTO transactions (tenant_id, id, owner_id, identifier, status, data, created_at, version) {series} \
             SELECT {tenant}, {uuid}, {tenant}, 'T-' || n, 1, '{{\"Amount\":' || n || ',\"Note\":\"' || (n % 100) || '\"}}', n, 1 FROM s"
        );
        scene.db.execute_unprepared(&insert).await.unwrap();
        let mut wanted = scene.wanted("Transaction", "Amount > 100 and Amount % 20000 == 0 and Note == \"0\"", Again::Never);
        wanted.limit = 100;
        let pages = scene.all(wanted.clone()).await;
        let names: Vec<_> = pages.iter().flat_map(|page| &page.rows).map(|row| row.item_name.as_str()).collect();
        assert_eq!(names, ["T-20000", "T-40000", "T-60000"]);
        assert_eq!(pages.len(), 2, "50,000 rows are looked at by one call");
        // The writer is free meanwhile.
        let (selected, written) = tokio::join!(scene.store.select_rows(wanted), async {
            let mut row = scene.transaction(70_000, 1, "{\"Amount\":1}").into_active_model().reset_all();
            row.identifier = Set("written".to_owned());
            transaction::Entity::insert(row).exec_without_returning(&scene.db).await
        });
        written.unwrap();
        assert_eq!(selected.unwrap().rows.len(), 2);
        scene.store.close().await.unwrap();
    })
    .await;
}
