//! The key that seals secrets: it has to be the one that the database knows.

use orrery::store::Sealer;

use super::fixture::{Fixture, settings};
use crate::support::postgres::for_each_database;

#[tokio::test]
async fn a_wrong_key_is_refused_and_named() {
    for_each_database(|url| async move {
        let fixture = Fixture::open(&url).await;
        let directory = tempfile::tempdir().unwrap();
        let mut settings = settings(&url);
        settings.secrets.key_file = directory.path().join("first.key");
        let sealer = Sealer::load(&settings).unwrap();
        fixture.store.check_key(&sealer).await.unwrap();
        fixture
            .store
            .check_key(&Sealer::load(&settings).unwrap())
            .await
            .unwrap();
        settings.secrets.key_file = directory.path().join("second.key");
        let other = Sealer::load(&settings).unwrap();
        let text = fixture.store.check_key(&other).await.unwrap_err().to_string();
        assert!(text.contains("sealed with another key"), "{text}");
        assert!(text.contains("second.key"), "{text}");
        assert!(text.contains(&sealer.key_id()), "{text}");
        settings.secrets.key = "c2hvcnQ=".to_owned();
        let text = Sealer::load(&settings).unwrap_err().to_string();
        assert!(text.contains("secrets.key must be 32 bytes"), "{text}");
        fixture.store.close().await.unwrap();
    })
    .await;
}
