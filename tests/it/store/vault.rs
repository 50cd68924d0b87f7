//! Tokens of clients: sealed, journalled, and there after a restart.

use orrery::{
    http::{JournalEntry, Secret, Stored, StoredToken, TokenVault},
    store::{Sealer, StoreVault},
};
use uuid::Uuid;

use super::fixture::Fixture;
use crate::support::postgres::for_each_database;

#[tokio::test]
async fn a_token_is_kept_and_the_journal_shows_what_was_begun() {
    for_each_database(|url| async move {
        let fixture = Fixture::open(&url).await;
        let sealer = Sealer::from_key(&[5; 32]);
        let vault = StoreVault::new(fixture.store.clone(), sealer.clone());
        let (tenant, client) = (fixture.tenant.uuid(), Uuid::from_u128(1));
        assert_eq!(vault.load(tenant, client).await.unwrap(), Stored::default());
        let at = "2026-01-01T00:00:00Z".parse().unwrap();
        vault
            .journal(tenant, client, JournalEntry::RefreshStarted { at })
            .await
            .unwrap();
        let stored = vault.load(tenant, client).await.unwrap();
        assert_eq!((stored.token, stored.refresh_started_at), (None, Some(at)));
        let token = StoredToken {
            access_token: Secret::new("access"),
            refresh_token: Some(Secret::new("refresh")),
            expires_at: Some("2026-01-01T01:00:00Z".parse().unwrap()),
            obtained_at: at,
            auth_fingerprint: "a".to_owned(),
            seed_fingerprint: "b".to_owned(),
        };
        vault.save(tenant, client, token.clone()).await.unwrap();
        let stored = vault.load(tenant, client).await.unwrap();
        assert_eq!((stored.token.as_ref(), stored.refresh_started_at), (Some(&token), None));
        vault
            .journal(tenant, client, JournalEntry::RefreshStarted { at })
            .await
            .unwrap();
        let refused = JournalEntry::NeedsReauthorisation {
            at,
            version: 4,
            message: "revoked".to_owned(),
        };
        vault.journal(tenant, client, refused).await.unwrap();
        let stored = vault.load(tenant, client).await.unwrap();
        assert_eq!(stored.token, Some(token), "the journal does not touch the token");
        assert_eq!(stored.refused, Some((4, "revoked".to_owned())));
        let stranger = vault.load(Uuid::from_u128(9), client).await.unwrap();
        assert_eq!(stranger, Stored::default());
        let other = StoreVault::new(fixture.store.clone(), Sealer::from_key(&[6; 32]));
        let error = other.load(tenant, client).await.unwrap_err().to_string();
        assert!(error.contains("needs the key"), "{error}");
        fixture.store.close().await.unwrap();
    })
    .await;
}
