//! The pages of records: choosing an entity, making, editing and deleting one.

use serde_json::json;

use crate::support::{
    engine::TestEngine,
    pages::{Pages, text},
    postgres::for_each_database,
};

const PAGE: &str = "/console/records";

#[tokio::test]
async fn entities_are_listed_and_any_can_be_typed() {
    for_each_database(|url| async move {
        let engine = TestEngine::on(&url).await;
        let pages = Pages::sign_in(engine.api.address).await;
        assert!(text(&pages.get(PAGE).await.expect(200)).contains("There are no records yet"));
        for (entity, key) in [("item", "1"), ("customer", "1"), ("customer", "2"), ("zone", "1")] {
            let path = format!("/api/v1/records/{entity}/{key}");
            engine.api.put(&path, &json!({ "name": "<b>" })).await.expect(201);
        }
        let page = text(&pages.get(PAGE).await.expect(200));
        let places: Vec<usize> = ["customer", "item", "zone"]
            .map(|entity| page.find(&format!("records?entity={entity}\"")).unwrap())
            .to_vec();
        assert!(places.is_sorted(), "{page}");
        let list = text(&pages.get(&format!("{PAGE}?entity=Customer")).await.expect(200));
        assert!(list.contains("{&quot;name&quot;:&quot;&lt;b&gt;&quot;}"), "{list}");
        assert!(
            text(&pages.get(&format!("{PAGE}?entity=none")).await.expect(200))
                .contains("There are no records of the entity none")
        );
        pages.get(&format!("{PAGE}?entity=no+entity!")).await.expect(422);
        let opened = pages.get(&format!("{PAGE}?entity=customer&key=2")).await.expect(303);
        assert_eq!(
            opened.header("location"),
            Some("/console/records/record?entity=customer&key=2")
        );
    })
    .await;
}

#[tokio::test]
async fn one_is_made_edited_and_deleted_under_any_key() {
    let engine = TestEngine::start().await;
    let pages = Pages::sign_in(engine.api.address).await;
    let key = "a/b?&=%<å>";
    pages.get(&format!("{PAGE}/new?entity=customer")).await.expect(200);
    let fields = [
        ("entity", "customer"),
        ("key", key),
        ("data", "{\n\"n\": 12345678901234567890.10\n}"),
    ];
    let made = pages.post(PAGE, &fields).await.expect(303);
    let place = made.header("location").unwrap().to_owned();
    let shown = text(&pages.get(&place).await.expect(200));
    assert!(
        shown.contains("a/b?&amp;=%&lt;å&gt;") && shown.contains("12345678901234567890.10"),
        "{shown}"
    );
    let again = text(&pages.post(PAGE, &fields).await.expect(409));
    assert!(
        again.contains("is taken") && again.contains("12345678901234567890.10"),
        "{again}"
    );

    let edit = place.replace("/record?", "/record/edit?");
    assert!(text(&pages.get(&edit).await.expect(200)).contains("12345678901234567890.10"));
    let same = [("_version", "1"), ("data", "{ \"n\": 12345678901234567890.10 }")];
    pages.post(&edit, &same).await.expect(303);
    assert!(text(&pages.get(&place).await).contains("Nothing was different"));
    pages
        .post(&edit, &[("_version", "1"), ("data", "{\"m\": null}")])
        .await
        .expect(303);
    for (version, data, status, part) in [
        ("1", "{\"x\":1}", 412, "As it is now (version 2)"),
        ("2", "{", 422, "data-error-line=\"1\""),
    ] {
        let refused = text(
            &pages
                .post(&edit, &[("_version", version), ("data", data)])
                .await
                .expect(status),
        );
        assert!(refused.contains(part), "{part}: {refused}");
    }
    let found = engine
        .api
        .get("/api/v1/records/customer/a%2Fb%3F%26%3D%25%3C%C3%A5%3E")
        .await
        .expect(200);
    assert_eq!(found.json["data"], json!({ "m": null }));
    let delete = place.replace("/record?", "/record/delete?");
    pages.post(&delete, &[("_version", "1")]).await.expect(412);
    pages.post(&delete, &[("_version", "2")]).await.expect(303);
    pages.get(&place).await.expect(404);
}
