//! The description of a JSON API in `supporting_fields`: read, checked and completed with defaults.

use jiff::tz::TimeZone;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};
use url::Url;

use super::super::{Account, Object, Trouble, TroubleKind, common};
use super::text::{ObjectText, Paging, Since, SincePlace, Whole, WriteText};
use crate::domain::validate::FieldError;
use crate::http::{Method, check_header_name, check_header_value, is_secret_header};

const FIELD: &str = "supporting_fields";
const MUST_FOLLOW: &str = "must begin with a slash: it follows api_domain";
/// Members of the description that are not defaults of its objects.
const WHOLE: [&str; 5] = ["auth", "headers", "limits", "check_path", "objects"];

/// The whole description, complete.
pub(super) struct Description {
    /// Base of all paths, without a slash at its end.
    pub base: String,
    pub auth: Option<Map<String, Value>>,
    pub headers: Vec<(String, String)>,
    pub check_path: Option<String>,
    objects: Vec<Described>,
    defaults: ObjectText,
}

/// One object, complete.
#[derive(Debug, Clone)]
pub(super) struct Described {
    pub name: String,
    aliases: Vec<String>,
    pub list_path: String,
    pub query: Vec<(String, String)>,
    pub items: Option<String>,
    pub id: String,
    pub updated: Option<String>,
    pub version: Option<String>,
    pub deleted: Option<(String, String)>,
    pub zone: TimeZone,
    pub paging: Option<Paging>,
    pub since: Option<Since>,
    pub fetch_path: String,
    pub create: (Method, String),
    pub update: (Method, String),
    pub wrap: Option<String>,
    pub written: Option<String>,
    pub idempotency_header: Option<String>,
    pub if_match: bool,
}

impl Description {
    /// Reads the description of an account.
    ///
    /// # Errors
    /// What is wrong with it, by path.
    pub fn of(account: &Account) -> Result<Self, Vec<FieldError>> {
        let mut errors = Vec::new();
        let base = base(account).unwrap_or_else(|error| {
            errors.push(error);
            String::new()
        });
        let members = common::supporting(account).unwrap_or_else(|error| {
            errors.push(error);
            Map::new()
        });
        let (whole, defaults) = match read(members) {
            Ok(found) => found,
            Err(error) => {
                errors.push(error);
                return Err(errors);
            }
        };
        let headers: Vec<(String, String)> = whole.headers.into_iter().map(|(name, value)| (name, value.0)).collect();
        errors.extend(
            headers
                .iter()
                .filter_map(|(name, value)| check_header(name, value).err()),
        );
        if whole.check_path.as_ref().is_some_and(|path| !path.starts_with('/')) {
            errors.push(FieldError::new(format!("{FIELD}.check_path"), MUST_FOLLOW));
        }
        // They would lead to other paths; see `common::segment`.
        if matches!(account.profile.remote_instance_id.as_deref(), Some("." | "..")) {
            errors.push(FieldError::new("remote_instance_id", "must not be a part of a path"));
        }
        errors.extend(check_object("", &defaults));
        let mut objects = Vec::new();
        for (name, text) in whole.objects {
            errors.extend(check_object(&format!("objects.{name}."), &text));
            objects.push(Described::complete(name, text, &defaults));
        }
        let plain = Described::complete(String::new(), ObjectText::default(), &defaults);
        let all = if objects.is_empty() {
            std::slice::from_ref(&plain)
        } else {
            objects.as_slice()
        };
        errors.extend(
            all.iter()
                .filter(|one| one.if_match && one.version.is_none())
                .map(|one| {
                    let path = if one.name.is_empty() {
                        String::new()
                    } else {
                        format!("objects.{}.", one.name)
                    };
                    FieldError::new(
                        format!("{FIELD}.{path}if_match"),
                        "needs version: the member with the version of an object",
                    )
                }),
        );
        if errors.is_empty() {
            return Ok(Self {
                base,
                auth: whole.auth,
                headers,
                check_path: whole.check_path,
                objects,
                defaults,
            });
        }
        Err(errors)
    }

    /// The same where no person is there to correct it.
    ///
    /// # Errors
    /// [`TroubleKind::Unusable`].
    pub fn usable(account: &Account) -> Result<Self, Trouble> {
        Self::of(account).map_err(|errors| {
            let all: Vec<String> = errors.iter().map(ToString::to_string).collect();
            Trouble::new(
                TroubleKind::Unusable,
                format!("the connection is described wrongly: {}", all.join("; ")),
            )
        })
    }

    /// The object with any of its names; without any description each name is one.
    ///
    /// # Errors
    /// [`TroubleKind::Unusable`].
    pub fn object(&self, asked: &str) -> Result<Described, Trouble> {
        let wanted = common::object_word(asked);
        if wanted.is_empty() {
            return Err(Trouble::new(TroubleKind::Unusable, "an object must have a name"));
        }
        if self.objects.is_empty() {
            return Ok(Described::complete(
                plain_name(asked),
                ObjectText::default(),
                &self.defaults,
            ));
        }
        let names = |one: &&Described, plural: bool| {
            let mut all = std::iter::once(&one.name).chain(&one.aliases);
            all.any(|name| {
                let word = common::object_word(name);
                word == wanted || (plural && word.trim_end_matches('s') == wanted.trim_end_matches('s'))
            })
        };
        let found = self.objects.iter().find(|one| names(one, false));
        found
            .or_else(|| self.objects.iter().find(|one| names(one, true)))
            .cloned()
            .ok_or_else(|| common::unknown_object("the API", asked, self.objects.iter().map(|one| one.name.as_str())))
    }

    /// What is known of an object that [`Description::object`] named.
    ///
    /// # Errors
    /// It is described no more.
    pub fn known(&self, object: &Object) -> Result<Described, Trouble> {
        self.object(&object.name)
    }

    /// The first described object, for a check without a path of its own.
    pub fn first(&self) -> Option<&Described> {
        self.objects.first()
    }
}

impl Described {
    fn complete(name: String, text: ObjectText, defaults: &ObjectText) -> Self {
        let or = |own: Option<String>, other: &Option<String>| own.or_else(|| other.clone()).filter(|t| !t.is_empty());
        let list_path = or(text.list_path, &defaults.list_path).unwrap_or_else(|| "/{object}".to_owned());
        let one = format!("{}/{{id}}", list_path.trim_end_matches('/'));
        let write = |own: Option<WriteText>, other: &Option<WriteText>, method: Method, path: &str| {
            let text = own.or_else(|| other.clone()).unwrap_or_default();
            (
                text.method.unwrap_or(method),
                text.path.unwrap_or_else(|| path.to_owned()),
            )
        };
        let query = text.query.or_else(|| defaults.query.clone()).unwrap_or_default();
        let deleted_value = text.deleted_value.or_else(|| defaults.deleted_value.clone());
        let zone = or(text.time_zone, &defaults.time_zone).and_then(|zone| TimeZone::get(&zone).ok());
        let idempotency_header = text
            .idempotency_header
            .or_else(|| defaults.idempotency_header.clone())
            .unwrap_or_else(|| "Idempotency-Key".to_owned());
        Self {
            name,
            aliases: text.aliases,
            query: query.into_iter().map(|(name, value)| (name, value.0)).collect(),
            // An empty pointer has a meaning: the whole answer.
            items: text.items.or_else(|| defaults.items.clone()),
            id: or(text.id, &defaults.id).unwrap_or_else(|| "id".to_owned()),
            updated: or(text.updated, &defaults.updated),
            version: or(text.version, &defaults.version),
            deleted: or(text.deleted, &defaults.deleted)
                .map(|member| (member, deleted_value.map_or_else(|| "true".to_owned(), |value| value.0))),
            zone: zone.unwrap_or(TimeZone::UTC),
            paging: text.paging.or_else(|| defaults.paging.clone()),
            since: text.modified_since.or_else(|| defaults.modified_since.clone()),
            fetch_path: or(text.fetch_path, &defaults.fetch_path).unwrap_or_else(|| one.clone()),
            create: write(text.create, &defaults.create, Method::Post, &list_path),
            update: write(text.update, &defaults.update, Method::Put, &one),
            wrap: or(text.wrap, &defaults.wrap),
            written: text.written.or_else(|| defaults.written.clone()),
            idempotency_header: Some(idempotency_header).filter(|name| !name.is_empty()),
            if_match: text.if_match.or(defaults.if_match).unwrap_or(false),
            list_path,
        }
    }
}

fn base(account: &Account) -> Result<String, FieldError> {
    let refused = |message: &str| Err(FieldError::new("api_domain", message));
    let Some(base) = common::given(account.profile.api_domain.as_deref()) else {
        return refused("is needed: the base of the API, like https://api.example.com/v1");
    };
    match Url::parse(base) {
        Ok(url) if !matches!(url.scheme(), "http" | "https") => refused("must be an http or https URL"),
        Ok(url) if url.query().is_some() || url.fragment().is_some() => refused("must have no query and no fragment"),
        Ok(_) => Ok(base.trim_end_matches('/').to_owned()),
        Err(cause) => refused(&format!("is not a URL: {cause}")),
    }
}

/// Splits the description into its own members and the defaults of its objects.
fn read(members: Map<String, Value>) -> Result<(Whole, ObjectText), FieldError> {
    let (mut whole, mut defaults) = (Map::new(), Map::new());
    for (name, value) in members {
        let own = WHOLE.contains(&name.as_str()) || name == "checkPath";
        if own { &mut whole } else { &mut defaults }.insert(name, value);
    }
    if let Some(Value::Object(objects)) = whole.get_mut("objects") {
        for object in objects.values_mut().filter_map(Value::as_object_mut) {
            write_out(object);
        }
    }
    write_out(&mut defaults);
    Ok((typed(whole)?, typed(defaults)?))
}

/// Short forms: `"paging":"page"` and `"modified_since":"updated_after"`.
fn write_out(object: &mut Map<String, Value>) {
    for (name, member) in [
        ("paging", "kind"),
        ("modified_since", "name"),
        ("modifiedSince", "name"),
    ] {
        if let Some(value) = object.get_mut(name).filter(|value| value.is_string()) {
            *value = serde_json::json!({ member: value.take() });
        }
    }
}

fn typed<T: DeserializeOwned>(members: Map<String, Value>) -> Result<T, FieldError> {
    serde_path_to_error::deserialize(Value::Object(members)).map_err(|error| {
        let path = error.path().to_string();
        let field = if path == "." {
            FIELD.to_owned()
        } else {
            format!("{FIELD}.{path}")
        };
        FieldError::new(field, error.into_inner().to_string())
    })
}

fn check_header(name: &str, value: &str) -> Result<(), FieldError> {
    let refused = |message: String| FieldError::new(format!("{FIELD}.headers.{name}"), message);
    check_header_name(name).map_err(refused)?;
    check_header_value(value).map_err(refused)?;
    // What people expect to be secret does not stand where everybody sees it.
    if is_secret_header(name) {
        return Err(refused(
            "must not stand here, since everybody sees it: use auth and the secret members of the connection"
                .to_owned(),
        ));
    }
    Ok(())
}

fn check_object(path: &str, text: &ObjectText) -> Vec<FieldError> {
    let mut errors = Vec::new();
    let mut refuse =
        |member: &str, message: &str| errors.push(FieldError::new(format!("{FIELD}.{path}{member}"), message));
    let paths = [
        ("list_path", &text.list_path),
        ("fetch_path", &text.fetch_path),
        (
            "create.path",
            &text.create.as_ref().and_then(|write| write.path.clone()),
        ),
        (
            "update.path",
            &text.update.as_ref().and_then(|write| write.path.clone()),
        ),
    ];
    for (member, value) in paths {
        if value.as_ref().is_some_and(|value| !value.starts_with('/')) {
            refuse(member, MUST_FOLLOW);
        }
    }
    if text.time_zone.as_ref().is_some_and(|zone| TimeZone::get(zone).is_err()) {
        refuse("time_zone", "must be a time zone like Europe/Oslo");
    }
    if text
        .create
        .as_ref()
        .is_some_and(|write| write.method == Some(Method::Get))
    {
        refuse("create.method", "must be POST, PUT or PATCH");
    }
    if text
        .update
        .as_ref()
        .is_some_and(|write| write.method == Some(Method::Get))
    {
        refuse("update.method", "must be POST, PUT or PATCH");
    }
    let headers = [text.idempotency_header.as_deref().filter(|name| !name.is_empty())];
    if headers
        .into_iter()
        .flatten()
        .any(|name| check_header_name(name).is_err())
    {
        refuse(
            "idempotency_header",
            "must be a header name: letters, digits and hyphens",
        );
    }
    if let Some(since) = &text.modified_since {
        if since.value.as_ref().is_some_and(|value| !value.contains("{since}")) {
            refuse("modified_since.value", "must hold {since}");
        }
        if since.place == SincePlace::Header && check_header_name(&since.name).is_err() {
            refuse(
                "modified_since.name",
                "must be a header name: letters, digits and hyphens",
            );
        }
    }
    if text.paging.as_ref().is_some_and(|paging| paging.size == Some(0)) {
        refuse("paging.size", "must be at least 1");
    }
    errors
}

/// A name as it stands in a path: lower case, without a `Record` ending.
fn plain_name(asked: &str) -> String {
    let name = asked.trim().to_lowercase();
    let short = name.strip_suffix("records").or_else(|| name.strip_suffix("record"));
    match short.map(|rest| rest.trim_end_matches(['-', '_', ' '])) {
        Some(rest) if !rest.is_empty() => rest.to_owned(),
        _ => name,
    }
}
