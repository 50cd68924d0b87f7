//! Secrets that a change of a connection leaves as they are: they go to no other server, and an access token goes with what it
//! came with.

use std::collections::BTreeSet;

use serde_json::Value;
use url::Url;

use crate::{
    domain::{
        connection::{
            ProviderKind,
            read::{SecretChange, SecretChanges},
        },
        origin::origin,
        validate::FieldError,
    },
    http::Secret,
    providers::{self, Account},
};

/// Drops a kept access token where that for which it was given has changed. One that is used as it is stays: there is nothing
/// else to sign in with.
pub(super) fn drop_old_token(before: &Account, after: &mut Account, changes: &SecretChanges) {
    let (old, new) = (&before.profile, &after.profile);
    let same = old.client_id == new.client_id
        && old.account_server == new.account_server
        && old.api_domain == new.api_domain
        && old.remote_instance_id == new.remote_instance_id
        && before.secrets.client_secret == after.secrets.client_secret
        && before.secrets.refresh_token == after.secrets.refresh_token;
    if same || changes.access_token != SecretChange::Keep || after.secrets.access_token.is_none() {
        return;
    }
    let gets_tokens = |account: &Account| {
        let auth = providers::of(account.provider).auth(account);
        auth.is_ok_and(|auth| auth.needs_token())
    };
    let mut without = after.clone();
    without.secrets.access_token = None;
    if gets_tokens(after) && gets_tokens(&without) {
        *after = without;
    }
}

/// Refuses a change that would send secrets, which the caller need not know, to a server of the caller's choice.
///
/// # Errors
/// The members that name another server while secrets are kept.
pub(super) fn check_servers(before: &Account, after: &Account, changes: &SecretChanges) -> Result<(), Vec<FieldError>> {
    let kept = kept(after, changes);
    if kept.is_empty() {
        return Ok(());
    }
    let (old, new) = (Servers::of(before), Servers::of(after));
    let (profile, changed) = (&before.profile, &after.profile);
    let moved = |old: &Option<String>, new: &Option<String>| old.as_deref().map(origin) != new.as_deref().map(origin);
    let mut members = Vec::new();
    if moved(&profile.account_server, &changed.account_server) && old.accounts != new.accounts {
        members.push("account_server");
    }
    if moved(&profile.api_domain, &changed.api_domain) && old.api != new.api {
        members.push("api_domain");
    }
    let is_known = |server: &String| {
        let given = [&old.api, &old.accounts];
        old.described.contains(server) || given.into_iter().flatten().any(|known| known == server)
    };
    if !new.described.iter().all(is_known) {
        members.push("supporting_fields");
    }
    if members.is_empty() {
        return Ok(());
    }
    let message = format!("names another server; enter {} again with it", kept.join(", "));
    let refused = members
        .into_iter()
        .map(|member| FieldError::new(member, message.clone()));
    Err(refused.collect())
}

/// The secrets that are set and were not given anew, by their names in requests.
fn kept(after: &Account, changes: &SecretChanges) -> Vec<&'static str> {
    let secrets = &after.secrets;
    let is_set = |secret: &Option<Secret>| secret.as_ref().is_some_and(|secret| !secret.expose().trim().is_empty());
    [
        (
            "integration_client_secret",
            &secrets.client_secret,
            &changes.client_secret,
        ),
        ("integration_access_token", &secrets.access_token, &changes.access_token),
        (
            "integration_refresh_token",
            &secrets.refresh_token,
            &changes.refresh_token,
        ),
        ("user_password", &secrets.user_password, &changes.user_password),
    ]
    .into_iter()
    .filter(|(_, secret, change)| is_set(secret) && **change == SecretChange::Keep)
    .map(|(name, ..)| name)
    .collect()
}

/// Where the secrets of an account go, as origins: scheme, host, port.
struct Servers {
    /// As given, else as the provider has it.
    api: Option<String>,
    accounts: Option<String>,
    /// In the description of a REST API.
    described: BTreeSet<String>,
}

impl Servers {
    fn of(account: &Account) -> Self {
        let (profile, provider) = (&account.profile, providers::of(account.provider));
        let accounts = profile.account_server.as_deref().map(origin);
        let own = || Some(origin(provider.auth(account).ok()?.token_url()?));
        let api = profile.api_domain.as_deref().map(origin);
        Self {
            api: api.or_else(|| Some(origin(&provider.check(account).url))),
            accounts: accounts.or_else(own),
            described: described(account),
        }
    }
}

/// Whole addresses among those that `supporting_fields.auth` names.
fn described(account: &Account) -> BTreeSet<String> {
    let text = account.profile.supporting_fields.as_deref();
    let text = text.filter(|_| account.provider == ProviderKind::Rest);
    let members = text.and_then(|text| serde_json::from_str::<Value>(text).ok());
    let auth = members.as_ref().and_then(|members| members.get("auth")?.as_object());
    let addresses = auth.into_iter().flatten().filter_map(|(name, value)| {
        let name = name.replace('_', "").to_lowercase();
        let text = value.as_str()?;
        let is_whole = matches!(name.as_str(), "url" | "tokenurl" | "tokenpath") && Url::parse(text.trim()).is_ok();
        is_whole.then(|| origin(text))
    });
    addresses.collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use uuid::Uuid;

    use super::*;
    use crate::{domain::connection::Profile, providers::Secrets};

    fn account(provider: ProviderKind, api: Option<&str>) -> Account {
        Account {
            tenant_id: Uuid::from_u128(1).into(),
            id: Uuid::from_u128(2).into(),
            version: 1,
            provider,
            profile: Profile {
                client_id: Some("me".to_owned()),
                remote_instance_id: Some("42".to_owned()),
                api_domain: api.map(str::to_owned),
                ..Profile::default()
            },
            secrets: Secrets {
                client_secret: Some("hushhush".into()),
                access_token: Some("token-1".into()),
                refresh_token: Some("seed-1".into()),
                user_password: None,
            },
        }
    }

    fn refused(before: &Account, change: impl FnOnce(&mut Profile)) -> Vec<String> {
        let mut after = before.clone();
        change(&mut after.profile);
        let refused = check_servers(before, &after, &SecretChanges::default()).err();
        let refused = refused.unwrap_or_default().into_iter();
        refused.map(|error| error.field).collect()
    }

    #[test]
    fn kept_secrets_go_to_no_other_server() {
        let xero = account(ProviderKind::Xero, None);
        let none: [&str; 0] = [];
        let moved = |to: &str| Some(to.to_owned());
        assert_eq!(
            refused(&xero, |new| new.api_domain = moved("https://x.example")),
            ["api_domain"]
        );
        assert_eq!(
            refused(&xero, |new| new.account_server = moved("https://x.example")),
            ["account_server"]
        );
        assert_eq!(
            refused(&xero, |new| new.api_domain = moved("https://api.xero.com/")),
            none
        );
        assert_eq!(refused(&xero, |new| new.company_name = moved("Books")), none);
        // Not in two steps either: what is switched off keeps its secrets, too.
        let mut off = xero.clone();
        off.profile.require_authentication = Some(false);
        assert_eq!(
            refused(&off, |new| new.account_server = moved("https://x.example")),
            ["account_server"]
        );
        let mut rest = account(ProviderKind::Rest, Some("https://api.example/v1"));
        assert_eq!(
            refused(&rest, |new| new.api_domain = moved("https://api.example:443/v2")),
            none
        );
        assert_eq!(
            refused(&rest, |new| new.api_domain = moved("http://api.example/v1")),
            ["api_domain"]
        );
        for (url, expected) in [
            ("https://x.example/token", &["supporting_fields"] as &[&str]),
            ("https://api.example/other", &[]),
        ] {
            for name in ["token_url", "tokenUrl", "token_path", "url"] {
                let fields =
                    json!({ "auth": { "kind": "oauth2_refresh_token", name: url, "audience": "https://y.example" } });
                assert_eq!(
                    refused(&rest, |new| new.supporting_fields = moved(&fields.to_string())),
                    expected
                );
            }
        }
        rest.profile.supporting_fields = moved(r#"{"auth":{"kind":"login","url":"https://id.example/in"}}"#);
        let same = r#"{"auth":{"kind":"login","url":"https://id.example/login"}}"#;
        assert_eq!(refused(&rest, |new| new.supporting_fields = moved(same)), none);
    }

    #[test]
    fn who_enters_all_secrets_may_name_another_server() {
        let before = account(ProviderKind::Xero, None);
        let mut after = before.clone();
        after.profile.api_domain = Some("https://x.example".to_owned());
        let new = || SecretChange::Set("another".to_owned().into());
        let mut changes = SecretChanges {
            access_token: new(),
            ..SecretChanges::default()
        };
        let errors = check_servers(&before, &after, &changes).unwrap_err();
        assert_eq!(
            errors[0].message,
            "names another server; enter integration_client_secret, integration_refresh_token again with it"
        );
        (changes.client_secret, changes.refresh_token) = (new(), new());
        assert_eq!(check_servers(&before, &after, &changes), Ok(()));
    }

    #[test]
    fn an_access_token_goes_with_what_it_came_with() {
        let before = account(ProviderKind::Xero, None);
        let keeps = |before: &Account, change: &dyn Fn(&mut Account)| {
            let mut after = before.clone();
            change(&mut after);
            drop_old_token(before, &mut after, &SecretChanges::default());
            after.secrets.access_token.is_some()
        };
        assert!(keeps(&before, &|new| new.profile.company_name = Some("Books".to_owned())));
        assert!(!keeps(&before, &|new| new.profile.client_id = Some("you".to_owned())));
        assert!(!keeps(&before, &|new| new.profile.remote_instance_id = Some("43".to_owned())));
        assert!(!keeps(&before, &|new| new.secrets.refresh_token = Some("seed-2".into())));
        assert!(!keeps(&before, &|new| new.secrets.client_secret = Some("other".into())));
        let mut alone = before;
        (alone.secrets.refresh_token, alone.secrets.client_secret) = (None, None);
        assert!(keeps(&alone, &|new| new.profile.remote_instance_id = Some("43".to_owned())));
    }
}
