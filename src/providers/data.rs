//! What `settings/providers/*.toml` say of a provider: addresses, budget, and its objects with their names and members.

use config::{Config, File, FileFormat};
use serde::Deserialize;
use serde_json::Value;

use super::{Object, Trouble, common};
use crate::http::Limits;

/// One provider, as its file describes it. A file is part of the program; tests see to it that each can be read.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ProviderData {
    /// For messages (`Xero`).
    pub name: String,
    /// Scheme and host of the API; `{account}` stands for the account at the provider. `api_domain` replaces it.
    pub api_base: String,
    /// What follows the base, also a replaced one.
    pub api_path: String,
    /// Scheme and host of the token endpoint; `{account}` as above. `account_server` replaces it.
    pub token_base: String,
    /// What follows that base, also a replaced one.
    pub token_path: String,
    /// Path of the request that shows whether credentials work, after the base of the API.
    pub check_path: String,
    /// Space-separated; asked for with client credentials where the provider wants one.
    #[serde(default)]
    pub scope: Option<String>,
    /// Records on one page.
    pub page_size: u32,
    /// The most records on one page that the provider gives.
    pub page_size_max: u32,
    /// The budget of one account.
    #[serde(default)]
    pub limits: Limits,
    /// Each kind of object.
    pub objects: Vec<ObjectData>,
}

/// One kind of object.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ObjectData {
    /// As the provider writes it; links are kept under this name.
    pub name: String,
    /// Further names, without regard to case, blanks, hyphens, underscores and a `Record` ending.
    #[serde(default)]
    pub aliases: Vec<String>,
    /// Path or table of the object where it is not its name.
    #[serde(default)]
    pub path: Option<String>,
    /// The member with the provider's id.
    pub id: String,
    /// The member with the time of the last change.
    #[serde(default)]
    pub updated: Option<String>,
    /// The member with the provider's version.
    #[serde(default)]
    pub version: Option<String>,
    /// False: the list comes whole, without pages.
    #[serde(default = "yes")]
    pub paged: bool,
    /// A condition that each listed object meets, in the provider's language.
    #[serde(default)]
    pub filter: Option<String>,
    /// Query parameters of each list request, `name=value`.
    #[serde(default)]
    pub query: Vec<String>,
    /// Query parameters of each request that makes or changes one, `name=value`.
    #[serde(default)]
    pub write_query: Vec<String>,
    /// The member and its value that mark an object as deleted, `name=value`.
    #[serde(default)]
    pub deleted: Option<String>,
    /// Members that an object to be made gets where it lacks them, `name=value`.
    #[serde(default)]
    pub members: Vec<String>,
    /// Members that hold dates, where the provider has to be asked for a form of them that can be read.
    #[serde(default)]
    pub dates: Vec<String>,
    /// How a known object is changed.
    #[serde(default)]
    pub change: Change,
}

/// How a known object is changed at the provider.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Change {
    /// With the id inside the object.
    #[default]
    Inside,
    /// At a path that ends with the id.
    AtPath,
    /// Only to delete it.
    DeleteOnly,
    /// Not at all.
    Never,
}

fn yes() -> bool {
    true
}

impl ProviderData {
    /// Reads a file's text.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn read(toml: &str) -> Result<Self, config::ConfigError> {
        Config::builder()
            .add_source(File::from_str(toml, FileFormat::Toml))
            .build()?
            .try_deserialize()
    }

    /// The object with any of its names.
    ///
    /// # Errors
    /// No object has it; the message lists the names that there are.
    pub fn object(&self, asked: &str) -> Result<Object, Trouble> {
        let wanted = common::object_word(asked);
        self.objects
            .iter()
            .find(|object| object.is_called(&wanted))
            .map(|object| Object {
                name: object.name.clone(),
            })
            .ok_or_else(|| common::unknown_object(&self.name, asked, self.objects.iter().map(|one| one.name.as_str())))
    }

    /// What is known of an object that [`ProviderData::object`] gave.
    ///
    /// # Errors
    /// It is none of these.
    pub fn object_data(&self, object: &Object) -> Result<&ObjectData, Trouble> {
        self.objects.iter().find(|one| one.name == object.name).ok_or_else(|| {
            common::unknown_object(
                &self.name,
                &object.name,
                self.objects.iter().map(|one| one.name.as_str()),
            )
        })
    }
}

impl ObjectData {
    /// Path or table of the object.
    #[must_use]
    pub fn place(&self) -> &str {
        self.path.as_deref().unwrap_or(&self.name)
    }

    /// Is this object marked as deleted?
    #[must_use]
    pub fn is_deleted(&self, object: &Value) -> bool {
        let mark = self.deleted.as_deref().map(pair);
        mark.is_some_and(|(member, value)| object.get(member).and_then(Value::as_str) == Some(value))
    }

    fn is_called(&self, wanted: &str) -> bool {
        std::iter::once(&self.name)
            .chain(&self.aliases)
            .any(|name| common::object_word(name) == wanted)
    }
}

/// The parts of `name=value`.
#[must_use]
pub fn pair(text: &str) -> (&str, &str) {
    text.split_once('=').unwrap_or((text, ""))
}

#[cfg(test)]
pub(super) mod tests {
    use std::collections::HashSet;

    use super::*;

    /// What must hold of every provider's file.
    pub fn check(toml: &str) -> ProviderData {
        let data = ProviderData::read(toml).unwrap();
        for base in [&data.api_base, &data.token_base] {
            assert!(base.starts_with("https://") && !base.ends_with('/'), "{base}");
        }
        for path in [&data.api_path, &data.token_path, &data.check_path] {
            assert!(
                path.is_empty() || (path.starts_with('/') && !path.ends_with('/')),
                "{path}"
            );
        }
        assert!((1..=data.page_size_max).contains(&data.page_size));
        let mut seen = HashSet::new();
        for object in &data.objects {
            let words: HashSet<String> = std::iter::once(&object.name)
                .chain(&object.aliases)
                .map(|name| common::object_word(name))
                .collect();
            for word in words {
                assert!(seen.insert(word.clone()), "{word} names two objects");
                assert_eq!(data.object(&word).unwrap().name, object.name);
            }
        }
        data
    }

    #[test]
    fn unknown_members_of_a_file_are_refused() {
        let good = "name='A'\napi_base='https://a'\napi_path=''\ntoken_base='https://a'\ntoken_path='/t'\ncheck_path='/c'\n\
                    page_size=1\npage_size_max=2\n[[objects]]\nname='Things'\nid='ID'\n";
        assert_eq!(check(good).object("ThingsRecord").unwrap().name, "Things");
        for wrong in ["colour='red'\n", "[limits]\nperCentury=1\n"] {
            let text = format!("{wrong}{good}");
            assert!(ProviderData::read(&text).is_err(), "{wrong}");
        }
    }
}
