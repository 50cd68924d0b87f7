//! Reading a system, and where people consent for it.

use serde_json::Value;
use url::Url;
use zeroize::Zeroizing;

use super::{COMMENT_CHARACTERS_MAX, begin, name, whole};
use crate::domain::{
    integration::{System, SystemOauth},
    lenient::{Given, Reader},
    origin::origin,
    validate::FieldError,
};

/// Longest address and scope, characters.
const TEXT_CHARACTERS_MAX: usize = 2_000;
/// Longest id of ours at the other side, characters.
const CLIENT_ID_CHARACTERS_MAX: usize = 450;
/// Longest client secret, bytes.
const SECRET_BYTES_MAX: usize = 2_000;

/// What a body says of a secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SecretGiven {
    /// Nothing: one that is there stays.
    Keep,
    /// There is to be none.
    Remove,
    /// This.
    Set(Zeroizing<String>),
}

/// A system as a request wants it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SystemChange {
    /// Without its secret.
    pub system: System,
    /// `OAuthClientSecret`.
    pub client_secret: SecretGiven,
}

/// Reads a new system, or a change of `current`, whose number is `key`. `AuthorizeUrl`, `TokenUrl` and `OAuthClientId` are given
/// together or not at all. A secret goes to no server for which it was not entered: where the server of one of the two addresses
/// changes while `has_secret` and it is kept, the change is refused.
///
/// # Errors
/// Everything that is wrong, by the names of the members.
pub fn system(
    current: Option<&System>,
    key: Option<i64>,
    has_secret: bool,
    body: &Value,
) -> Result<SystemChange, Vec<FieldError>> {
    let mut reader = begin(body, "IntegrationSystemId", key)?;
    let mut system_name = current.map(|now| now.name.clone());
    let mut comment = current.and_then(|now| now.comment.clone());
    name(&mut reader, "IntegrationSystemName", &mut system_name);
    reader.long_text(&["Comment"], COMMENT_CHARACTERS_MAX).put(&mut comment);
    let before = current.and_then(|now| now.oauth.as_ref());
    let oauth = oauth(&mut reader, before);
    let client_secret = match reader.secret(&["OAuthClientSecret"]) {
        Given::Absent => SecretGiven::Keep,
        Given::Empty => SecretGiven::Remove,
        Given::Set(secret) => {
            if secret.len() > SECRET_BYTES_MAX {
                reader.refuse(
                    "OAuthClientSecret",
                    format!("must be at most {SECRET_BYTES_MAX} bytes long"),
                );
            }
            SecretGiven::Set(secret)
        }
    };
    if has_secret && client_secret == SecretGiven::Keep {
        check_servers(&mut reader, before, oauth.as_ref());
    }
    let system = system_name.map(|name| System { name, comment, oauth });
    let change = system.map(|system| SystemChange { system, client_secret });
    whole(reader, change)
}

fn oauth(reader: &mut Reader<'_>, before: Option<&SystemOauth>) -> Option<SystemOauth> {
    let mut authorize_url = before.map(|now| now.authorize_url.clone());
    let mut token_url = before.map(|now| now.token_url.clone());
    let mut client_id = before.map(|now| now.client_id.clone());
    let mut scope = before.and_then(|now| now.scope.clone());
    address(reader, "AuthorizeUrl", &mut authorize_url);
    address(reader, "TokenUrl", &mut token_url);
    reader
        .text(&["OAuthClientId"], CLIENT_ID_CHARACTERS_MAX)
        .put(&mut client_id);
    reader.text(&["OAuthScope"], TEXT_CHARACTERS_MAX).put(&mut scope);
    let given = [&authorize_url, &token_url, &client_id];
    if given.iter().any(|member| member.is_some()) {
        for (member, value) in ["AuthorizeUrl", "TokenUrl", "OAuthClientId"].into_iter().zip(given) {
            let message = "is missing: AuthorizeUrl, TokenUrl and OAuthClientId are given together or not at all";
            reader.require(member, value.is_some(), message);
        }
    }
    Some(SystemOauth {
        authorize_url: authorize_url?,
        token_url: token_url?,
        client_id: client_id?,
        scope,
    })
}

fn address(reader: &mut Reader<'_>, member: &'static str, place: &mut Option<String>) {
    let given = reader.text(&[member], TEXT_CHARACTERS_MAX);
    if let Given::Set(text) = &given {
        match Url::parse(text) {
            Ok(url) if !matches!(url.scheme(), "http" | "https") || !url.has_host() => {
                reader.refuse(member, "must begin with https:// or http://");
            }
            Ok(url) if !url.username().is_empty() || url.password().is_some() => {
                reader.refuse(member, "must not hold a username or password");
            }
            Ok(url) if url.fragment().is_some() => reader.refuse(member, "must not hold a fragment (#)"),
            Ok(_) => {}
            Err(error) => reader.refuse(
                member,
                format!("must be an address like https://example.com/oauth/token: {error}"),
            ),
        }
    }
    given.put(place);
}

fn check_servers(reader: &mut Reader<'_>, before: Option<&SystemOauth>, after: Option<&SystemOauth>) {
    let Some(after) = after else { return };
    let members = [
        (
            "AuthorizeUrl",
            before.map(|now| &now.authorize_url),
            &after.authorize_url,
        ),
        ("TokenUrl", before.map(|now| &now.token_url), &after.token_url),
    ];
    for (member, before, after) in members {
        if before.map(|text| origin(text)) != Some(origin(after)) {
            reader.refuse(member, "names another server; enter OAuthClientSecret again with it");
        }
    }
}
