//! The members of each kind of credentials: how a form shows them, how it becomes the member `auth`, and where a refusal goes.
//!
//! All kinds stand in the page, in parts of which the style sheet shows those of the chosen kind: what was entered stays when
//! the kind is changed, and nothing has to be asked of the server. A field is named for its part (`oauth.tokenUrl`).

use maud::{Markup, html};
use serde_json::{Map, Value, json};

use crate::{
    engine::clients::Client,
    error::Error,
    gateway::console::{
        form::Form,
        ui::{Entry, Input},
    },
};

/// The kinds, with their words.
pub(super) const KINDS: &[(&str, &str)] = &[
    ("none", "None"),
    ("basic", "Basic: user name and password"),
    ("bearer", "Bearer: a fixed token"),
    ("apiKey", "API key in a header or the query"),
    ("oauth2ClientCredentials", "OAuth 2: client credentials"),
    ("oauth2Password", "OAuth 2: user name and password"),
    ("oauth2RefreshToken", "OAuth 2: refresh token"),
    ("login", "Login request that answers a token"),
    ("hmac", "HMAC signature of the body"),
];

/// The field of the kind itself.
pub(super) const KIND: &str = "auth.kind";

const OAUTH_KINDS: &[&str] = &["oauth2ClientCredentials", "oauth2Password", "oauth2RefreshToken"];

enum What {
    Text,
    Url,
    /// Text that may be empty on purpose.
    Exact,
    Secret,
    /// A JSON object that is kept secret.
    SecretObject,
    Choice(&'static [(&'static str, &'static str)]),
}

struct Member {
    name: &'static str,
    label: &'static str,
    what: What,
    /// What a new form shows.
    fallback: &'static str,
    help: &'static str,
}

struct Part {
    name: &'static str,
    legend: &'static str,
    kinds: &'static [&'static str],
    members: &'static [Member],
}

const fn member(name: &'static str, label: &'static str, what: What) -> Member {
    Member {
        name,
        label,
        what,
        fallback: "",
        help: "",
    }
}

impl Member {
    const fn help(mut self, help: &'static str) -> Self {
        self.help = help;
        self
    }

    const fn fallback(mut self, fallback: &'static str) -> Self {
        self.fallback = fallback;
        self
    }

    const fn is_secret(&self) -> bool {
        matches!(self.what, What::Secret | What::SecretObject)
    }
}

const PARTS: &[Part] = &[
    Part {
        name: "oauth",
        legend: "Token endpoint",
        kinds: OAUTH_KINDS,
        members: &[
            member("tokenUrl", "Token URL", What::Url),
            member("clientId", "Client id", What::Text),
            member("clientSecret", "Client secret", What::Secret),
            member(
                "credentialsIn",
                "Client id and secret travel in",
                What::Choice(&[("header", "the header (Basic)"), ("body", "the body (form members)")]),
            ),
            member("scope", "Scope (optional)", What::Text).help("Several with blanks between them."),
            member("audience", "Audience (optional)", What::Text).help("For providers that ask for one."),
        ],
    },
    Part {
        name: "basic",
        legend: "User",
        kinds: &["basic", "oauth2Password"],
        members: &[
            member("username", "User name", What::Text),
            member("password", "Password", What::Secret),
        ],
    },
    Part {
        name: "refresh",
        legend: "Refresh token",
        kinds: &["oauth2RefreshToken"],
        members: &[member("refreshToken", "Refresh token", What::Secret)
            .help("Where the provider answers a new one, that is kept and used from then on.")],
    },
    Part {
        name: "bearer",
        legend: "Token",
        kinds: &["bearer"],
        members: &[member("token", "Token", What::Secret).help("Sent as Authorization: Bearer …")],
    },
    Part {
        name: "apiKey",
        legend: "Key",
        kinds: &["apiKey"],
        members: &[
            member(
                "in",
                "Sent in",
                What::Choice(&[("header", "a header"), ("query", "the query string")]),
            ),
            member("name", "Name of the header or parameter", What::Text),
            member("value", "Key", What::Secret),
        ],
    },
    Part {
        name: "login",
        legend: "Login request",
        kinds: &["login"],
        members: &[
            member("url", "URL", What::Url).help("The body below is posted to it as JSON."),
            member("tokenPath", "Path of the token in the answer", What::Text)
                .help("A JSON pointer, like /accessToken.")
                .fallback("/accessToken"),
            member("expiresInPath", "Path of its seconds (optional)", What::Text)
                .help("A JSON pointer, like /expiresIn. Without it, the token is used until it is refused."),
            member("header", "Header that carries the token", What::Text).fallback("Authorization"),
            member("prefix", "Before the token", What::Exact)
                .fallback("Bearer ")
                .help("With its blank, if it has one. May be empty."),
            member("body", "Body", What::SecretObject).help("A JSON object. All of it is kept secret."),
        ],
    },
    Part {
        name: "hmac",
        legend: "Signature",
        kinds: &["hmac"],
        members: &[
            member("secret", "Secret", What::Secret)
                .help("The body of each request is signed with it, by HMAC-SHA-256."),
            member("header", "Header that carries the signature", What::Text),
            member(
                "encoding",
                "Written as",
                What::Choice(&[("hex", "hexadecimal digits"), ("base64", "Base64")]),
            ),
            member("prefix", "Before the signature (optional)", What::Text).help("For example sha256="),
        ],
    },
];

/// The words for a kind.
pub(super) fn words(kind: &str) -> &str {
    let found = KINDS.iter().find(|(known, _)| *known == kind);
    found.map_or(kind, |(_, words)| words)
}

/// The parts that a kind has.
fn parts_of(kind: &str) -> impl Iterator<Item = &'static Part> {
    let of_kind = PARTS.iter().filter(move |part| part.kinds.contains(&kind));
    of_kind.collect::<Vec<_>>().into_iter()
}

/// The member `auth` that an API client would send; empty secrets are left out, so they stay.
pub(super) fn auth_of(form: &Form) -> Value {
    let kind = form.text(KIND);
    let mut auth = Map::from_iter([("kind".to_owned(), Value::from(kind))]);
    for part in parts_of(kind) {
        for member in part.members {
            let text = form.text(&format!("{}.{}", part.name, member.name));
            let value = match member.what {
                What::Exact => Value::from(text),
                What::Url | What::Text | What::Choice(_) if text.trim().is_empty() => continue,
                What::Url => Value::from(text.trim()),
                What::Text | What::Choice(_) => Value::from(text),
                What::Secret | What::SecretObject if text.is_empty() => continue,
                What::Secret => Value::from(text),
                What::SecretObject => serde_json::from_str(text).unwrap_or_else(|_| Value::from(text)),
            };
            auth.insert(member.name.to_owned(), value);
        }
    }
    Value::Object(auth)
}

/// The values that a form shows for what is stored, without secrets: those of parts that other kinds share too, so that they
/// are there when the kind is changed.
pub(super) fn shown(client: &Client) -> Value {
    let kind = client.auth_public.get("kind").and_then(Value::as_str).unwrap_or("none");
    let mut values = json!({ "name": client.name, "auth": { "kind": kind }, "limits": client.limits });
    for part in parts_of(kind) {
        let open = part.members.iter().filter(|member| !member.is_secret());
        let members: Map<String, Value> = open
            .map(|member| {
                let stored = client.auth_public.get(member.name);
                // Empty, not absent: what is not stored is not the fallback of a new form.
                (member.name.to_owned(), stored.cloned().unwrap_or(Value::Null))
            })
            .collect();
        if let Some(all) = values.as_object_mut() {
            all.insert(part.name.to_owned(), Value::Object(members));
        }
    }
    values
}

/// The values that a refused form shows again: everything but what is secret.
pub(super) fn entered(form: &Form) -> Value {
    let mut values = form.tree();
    for part in PARTS {
        let members = values.get_mut(part.name).and_then(Value::as_object_mut);
        if let Some(members) = members {
            members.retain(|name, _| {
                part.members
                    .iter()
                    .any(|member| member.name == name && !member.is_secret())
            });
        }
    }
    values
}

/// A refusal whose members are named as the form's fields are.
pub(super) fn as_in_form(mut error: Error, kind: &str) -> Error {
    for wrong in &mut error.fields {
        let Some(name) = wrong.field.strip_prefix("auth.") else {
            continue;
        };
        let mut parts = parts_of(kind);
        if let Some(part) = parts.find(|part| part.members.iter().any(|member| member.name == name)) {
            wrong.field = format!("{}.{name}", part.name);
        }
    }
    error
}

/// All parts; the style sheet shows those of the chosen kind. `sent` is the form that was refused.
pub(super) fn parts(entry: &Entry<'_>, stored: Option<&Client>, sent: Option<&Form>) -> Markup {
    html! {
        @for part in PARTS {
            fieldset class={ "form auth-part " (classes(part)) } {
                legend { (part.legend) }
                @for member in part.members { (field(part, member, entry, stored, sent)) }
            }
        }
    }
}

fn classes(part: &Part) -> String {
    let each: Vec<String> = part.kinds.iter().map(|kind| format!("for-{kind}")).collect();
    each.join(" ")
}

fn field(part: &Part, member: &Member, entry: &Entry<'_>, stored: Option<&Client>, sent: Option<&Form>) -> Markup {
    let name = format!("{}.{}", part.name, member.name);
    let input = match member.what {
        What::Text | What::Exact => Input::text(&name, member.label),
        What::Url => Input::line("url", &name, member.label).placeholder("https://"),
        What::Secret => Input::secret(&name, member.label),
        What::SecretObject => Input::area(&name, member.label, 4).placeholder(r#"{"user":"…","password":"…"}"#),
        What::Choice(options) => Input::choice(&name, member.label, options),
    };
    let input = input.fallback(member.fallback);
    let was_sent = sent.is_some_and(|form| member.is_secret() && !form.text(&name).is_empty());
    let kept = stored.and_then(|client| fingerprint(client, part, member));
    let help = html! {
        @if was_sent {
            strong { "What you entered is not shown again: enter it once more." } " "
        } @else if let Some(fingerprint) = kept {
            "Set, " code { (fingerprint) } ". Left empty, it stays, unless the kind or the server changes. "
        }
        (member.help)
    };
    // Without a hint the field must not have an empty line below it.
    let is_told = was_sent || kept.is_some() || !member.help.is_empty();
    if is_told {
        input.help(help).show(entry)
    } else {
        input.show(entry)
    }
}

/// What is shown of a secret that is stored.
fn fingerprint<'a>(client: &'a Client, part: &Part, member: &Member) -> Option<&'a str> {
    let kind = client.auth_public.get("kind").and_then(Value::as_str)?;
    if !member.is_secret() || !part.kinds.contains(&kind) {
        return None;
    }
    client.auth_public.get(member.name)?.get("fingerprint")?.as_str()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        domain::validate::FieldError,
        http::{Auth, Merge},
    };

    fn form(pairs: &[(&str, &str)]) -> Form {
        let mut body = url::form_urlencoded::Serializer::new(String::new());
        body.extend_pairs(pairs);
        Form::parse(body.finish().as_bytes()).unwrap()
    }

    #[test]
    fn each_kind_becomes_what_the_engine_takes() {
        let oauth = [
            ("oauth.tokenUrl", " https://a.example/token "),
            ("oauth.clientId", "id"),
            ("oauth.clientSecret", "s"),
            ("oauth.credentialsIn", "body"),
            ("oauth.scope", ""),
        ];
        let user = [("basic.username", "u"), ("basic.password", "p")];
        let of_kind: [(&str, Vec<(&str, &str)>); 9] = [
            ("none", vec![]),
            ("basic", user.to_vec()),
            ("bearer", vec![("bearer.token", "t")]),
            (
                "apiKey",
                vec![("apiKey.in", "query"), ("apiKey.name", "key"), ("apiKey.value", "v")],
            ),
            ("oauth2ClientCredentials", oauth.to_vec()),
            ("oauth2Password", [&oauth[..], &user[..]].concat()),
            (
                "oauth2RefreshToken",
                [&oauth[..], &[("refresh.refreshToken", "r")]].concat(),
            ),
            (
                "login",
                vec![
                    ("login.url", "https://a.example/login"),
                    ("login.body", r#"{"user":"u"}"#),
                    ("login.tokenPath", "/t"),
                    ("login.header", "X-Token"),
                    ("login.prefix", ""),
                ],
            ),
            (
                "hmac",
                vec![
                    ("hmac.secret", "s"),
                    ("hmac.header", "X-Sign"),
                    ("hmac.encoding", "base64"),
                ],
            ),
        ];
        for (kind, mut pairs) in of_kind {
            // What stands in the fields of other kinds does not matter.
            pairs.extend([("auth.kind", kind), ("bearer.token", "t"), ("hmac.prefix", "")]);
            let auth = auth_of(&form(&pairs));
            let read =
                Auth::from_input(&auth, None, Merge::Replace).unwrap_or_else(|wrong| panic!("{kind}: {wrong:?}"));
            assert_eq!(read.kind(), kind);
        }
        let login = auth_of(&form(&[
            ("auth.kind", "login"),
            ("login.prefix", ""),
            ("login.body", "{"),
        ]));
        assert_eq!((&login["prefix"], &login["body"]), (&json!(""), &json!("{")));
    }

    #[test]
    fn every_kind_of_the_engine_has_words_and_secrets_are_marked() {
        for (kind, _) in KINDS {
            let missing = Auth::from_input(&json!({ "kind": kind }), None, Merge::Replace);
            for wrong in missing.err().unwrap_or_default() {
                let name = wrong.field.strip_prefix("auth.").unwrap();
                let has = parts_of(kind).any(|part| part.members.iter().any(|member| member.name == name));
                assert!(has, "{kind} has no field for {}", wrong.field);
            }
        }
        for (kind, secret) in [
            ("basic", "password"),
            ("bearer", "token"),
            ("apiKey", "value"),
            ("oauth2Password", "clientSecret"),
            ("oauth2RefreshToken", "refreshToken"),
            ("login", "body"),
            ("hmac", "secret"),
        ] {
            let mut members = parts_of(kind).flat_map(|part| part.members);
            assert!(
                members.any(|member| member.name == secret && member.is_secret()),
                "{kind}.{secret}"
            );
        }
    }

    #[test]
    fn a_refused_form_shows_everything_but_secrets() {
        let sent = form(&[
            ("name", "Shop"),
            ("auth.kind", "login"),
            ("login.url", "x"),
            ("login.body", "hunter2"),
            ("basic.password", "hunter2"),
            ("limits.perSecond", "5"),
        ]);
        let values = entered(&sent);
        assert!(!values.to_string().contains("hunter2"), "{values}");
        assert_eq!(
            (&values["login"]["url"], &values["limits"]["perSecond"]),
            (&json!("x"), &json!("5"))
        );
        let error = Error::invalid(vec![
            FieldError::new("auth.url", "is not a URL"),
            FieldError::new("auth.kind", "odd"),
            FieldError::new("name", "odd"),
        ]);
        let fields: Vec<String> = as_in_form(error, "login")
            .fields
            .into_iter()
            .map(|wrong| wrong.field)
            .collect();
        assert_eq!(fields, ["login.url", "auth.kind", "name"]);
    }
}
