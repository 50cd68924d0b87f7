//! Tests of reading connections.

use serde_json::json;

use super::*;

fn seed() -> Value {
    json!({
        "provider": "QuickBooks",
        "remote_instance_id": "tenant-9876543210",
        "remote_instance_code": "QB-TENANT-01",
        "remote_instance_name": "QuickBooks Demo Corp",
        "remote_instance_display": "QuickBooks Demo Corp (tenant-9876543210)",
        "integration_client_id": "qbclientid123",
        "integration_client_secret": "qbclientsecret456",
        "integration_access_token": "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9...",
        "integration_refresh_token": "qbrefreshtoken789",
        "token_type": "Bearer",
        "expires_in": "2026-12-31",
        "account_server": "https://api.quickbooks.com",
        "api_domain": "https://api.quickbooks.com",
        "supporting_fields": "{\"region\":\"US\",\"tax\":\"SalesTax\"}",
        "user_name": "qb_integration_user",
        "user_password": "Str0ngP@ssw0rd!",
        "require_authentication": true,
        "state": "active",
        "company_file": "abc12345-def6-7890-gh12-ijklmnopqrst",
        "company_name": "QuickBooks Demo Corp"
    })
}

fn refusals(body: &Value) -> Vec<String> {
    let errors = read_new(body).unwrap_err();
    errors.iter().map(ToString::to_string).collect()
}

#[test]
fn the_seed_is_read_as_it_stands() {
    let read = read_new(&seed()).unwrap();
    assert_eq!(read.provider, ProviderKind::QuickBooks);
    assert!(read.enabled);
    assert_eq!(
        read.profile,
        Profile {
            remote_instance_id: Some("tenant-9876543210".to_owned()),
            remote_instance_code: Some("QB-TENANT-01".to_owned()),
            remote_instance_name: Some("QuickBooks Demo Corp".to_owned()),
            remote_instance_display: Some("QuickBooks Demo Corp (tenant-9876543210)".to_owned()),
            client_id: Some("qbclientid123".to_owned()),
            token_type: Some("Bearer".to_owned()),
            expires_in: Some("2026-12-31".to_owned()),
            account_server: Some("https://api.quickbooks.com".to_owned()),
            api_domain: Some("https://api.quickbooks.com".to_owned()),
            supporting_fields: Some("{\"region\":\"US\",\"tax\":\"SalesTax\"}".to_owned()),
            user_name: Some("qb_integration_user".to_owned()),
            require_authentication: Some(true),
            state: Some("active".to_owned()),
            company_file: Some("abc12345-def6-7890-gh12-ijklmnopqrst".to_owned()),
            company_name: Some("QuickBooks Demo Corp".to_owned()),
        }
    );
    let secret = |text: &str| Some(Zeroizing::new(text.to_owned()));
    assert_eq!(read.secrets.client_secret, secret("qbclientsecret456"));
    assert_eq!(
        read.secrets.access_token,
        secret("eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9...")
    );
    assert_eq!(read.secrets.refresh_token, secret("qbrefreshtoken789"));
    assert_eq!(read.secrets.user_password, secret("Str0ngP@ssw0rd!"));
    assert_eq!(read_new(&json!({ "integration": seed() })).unwrap(), read);
    let shown = format!("{read:?}");
    assert!(
        !shown.contains("qbclientsecret456") && !shown.contains("Str0ng"),
        "{shown}"
    );
}

#[test]
fn values_are_read_leniently() {
    let read = read_new(&json!({
        "provider": "rest", "require_authentication": "False", "expires_in": 3600, "state": "Inactive", "user_name": "",
        "supporting_fields": {"base": {"list": "/x"}}, "client_secret": null
    }))
    .unwrap();
    assert_eq!(read.profile.require_authentication, Some(false));
    assert!(!read.profile.authenticates());
    assert_eq!(read.profile.expires_in.as_deref(), Some("3600"));
    assert_eq!(read.profile.user_name, None);
    assert_eq!(
        read.profile.supporting_fields.as_deref(),
        Some(r#"{"base":{"list":"/x"}}"#)
    );
    assert_eq!(read.secrets, SecretTexts::default());
    assert!(!read.enabled);
}

#[test]
fn what_is_wrong_is_said_by_member() {
    assert_eq!(
        refusals(&json!({})),
        ["provider: must be one of XERO, QUICKBOOKS, NETSUITE, REST"]
    );
    assert_eq!(
        refusals(&json!({
            "provider": "Sage", "expires_in": "soon", "api_domain": "api.example.com", "account_server": "https://u:p@x.example",
            "supporting_fields": "[1]", "integration_clientid": "x", "status": "ACTIVE", "require_authentication": "perhaps"
        })),
        [
            "status: cannot be set here: POST /integration-connections/{uuid}/enable or /disable changes it",
            "provider: must be one of XERO, QUICKBOOKS, NETSUITE, REST, and is \"Sage\"",
            "expires_in: must be a date like 2026-12-31, a time like 2026-12-31T10:00:00Z, or a number of seconds, and is \"soon\"",
            "account_server: must be the beginning of addresses, like https://api.example.com, without user, query and fragment",
            "api_domain: must be the beginning of addresses, like https://api.example.com, without user, query and fragment",
            "require_authentication: must be true or false, and is \"perhaps\"",
            "supporting_fields: must be a JSON object, or the text of one",
            "integration_clientid: is not known here; did you mean integration_client_id?",
        ]
    );
    assert_eq!(
        refusals(
            &json!({"integration": {"provider": "XERO", "supporting_fields": "{", "client_id": "a", "integration_client_id": "b"}})
        ),
        [
            "integration.client_id: says the same as integration_client_id: give one of them",
            "integration.supporting_fields: must be a JSON object, or the text of one: EOF while parsing an object at line 1 column 1",
        ]
    );
}

#[test]
fn a_change_touches_what_it_names() {
    let before = read_new(&seed()).unwrap().profile;
    let change = patch(
        ProviderKind::QuickBooks,
        &before,
        &json!({
            "provider": "QUICKBOOKS", "remote_instance_name": "New", "company_file": null, "company_name": "",
            "client_secret": {"set": true, "fingerprint": "sha256:00000000"}, "access_token": "new", "refresh_token": null, "user_password": ""
        }),
    )
    .unwrap();
    assert_eq!(
        change.profile,
        Profile {
            remote_instance_name: Some("New".to_owned()),
            company_file: None,
            company_name: None,
            ..before.clone()
        }
    );
    assert_eq!(
        change.secrets,
        SecretChanges {
            client_secret: SecretChange::Keep,
            access_token: SecretChange::Set(Zeroizing::new("new".to_owned())),
            refresh_token: SecretChange::Remove,
            user_password: SecretChange::Keep,
        }
    );
    assert_eq!(change.enabled, None);
    let nothing = patch(ProviderKind::QuickBooks, &before, &json!({})).unwrap();
    assert_eq!(
        (nothing.profile, nothing.secrets),
        (before.clone(), SecretChanges::default())
    );
    for (state, enabled) in [("disabled", false), ("development", true), ("", true)] {
        let change = patch(ProviderKind::QuickBooks, &before, &json!({ "state": state })).unwrap();
        assert_eq!(change.enabled, Some(enabled), "{state:?}");
    }
    let errors = patch(
        ProviderKind::QuickBooks,
        &before,
        &json!({"integration_partner": "xero"}),
    )
    .unwrap_err();
    assert_eq!(
        errors,
        [FieldError::new(
            "integration_partner",
            "cannot be changed from QUICKBOOKS to XERO: create another connection"
        )]
    );
}
