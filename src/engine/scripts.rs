//! Named scripts, which partner functions and mappings run on records. Every source that was in force is kept.

use std::sync::Arc;

use serde_json::{Value, json};

use super::{Engine, caller::Caller, change::again_if_stale};
use crate::{
    domain::{
        call_api::check_script,
        ids::ScriptId,
        rights::Right,
        validate::{self, FieldError},
    },
    error::{Code, Error, Result},
    script::{Kind, ScriptErrorKind},
    store::{self, Page, Paged},
};

pub use crate::store::scripts::{Script, ScriptVersion, WrittenVersion};

/// Longest description, in characters.
const DESCRIPTION_CHARACTERS_MAX: usize = 1_000;

/// The scripts of an engine.
pub struct Scripts<'a> {
    engine: &'a Engine,
}

/// What a script is made of; absent members stay as they are.
#[derive(Clone, Debug, Default)]
pub struct ScriptInput {
    /// Unique in the tenant.
    pub name: Option<String>,
    /// For people; `Some(None)` removes it.
    pub description: Option<Option<String>>,
    /// JavaScript.
    pub source: Option<String>,
}

/// A script with its source in force.
#[derive(Clone, Debug)]
pub struct WholeScript {
    /// Without the source.
    pub script: Script,
    /// The source.
    pub current: ScriptVersion,
}

impl Engine {
    /// The named scripts.
    #[must_use]
    pub fn named_scripts(&self) -> Scripts<'_> {
        Scripts { engine: self }
    }
}

impl Scripts<'_> {
    /// Scripts of the tenant, without their sources.
    ///
    /// # Errors
    /// Without `connections.manage`.
    pub async fn list(&self, caller: &Caller, page: Page) -> Result<Paged<Script>> {
        caller.require(Right::ConnectionsManage)?;
        Ok(self.engine.store().scripts(caller.tenant_id, page).await?)
    }

    /// One script.
    ///
    /// # Errors
    /// Without `connections.manage`; `not_found`.
    pub async fn get(&self, caller: &Caller, id: ScriptId) -> Result<WholeScript> {
        caller.require(Right::ConnectionsManage)?;
        self.find(caller, id).await
    }

    /// The versions of its source, newest first.
    ///
    /// # Errors
    /// As [`Scripts::get`].
    pub async fn versions(&self, caller: &Caller, id: ScriptId, page: Page) -> Result<Paged<WrittenVersion>> {
        self.get(caller, id).await?;
        Ok(self.engine.store().script_versions(caller.tenant_id, id, page).await?)
    }

    /// One version of its source.
    ///
    /// # Errors
    /// As [`Scripts::get`].
    pub async fn version(&self, caller: &Caller, id: ScriptId, version: i64) -> Result<ScriptVersion> {
        self.get(caller, id).await?;
        let found = self.engine.store().script_version(caller.tenant_id, id, version);
        found.await?.ok_or_else(|| {
            Error::new(
                Code::NotFound,
                format!("The script {id} has no source of version {version}: see the list of its versions."),
            )
        })
    }

    /// The source that was in force before a version, if there was one.
    ///
    /// # Errors
    /// As [`Scripts::get`].
    pub async fn version_before(&self, caller: &Caller, id: ScriptId, version: i64) -> Result<Option<ScriptVersion>> {
        caller.require(Right::ConnectionsManage)?;
        let store = self.engine.store();
        Ok(store.script_version_before(caller.tenant_id, id, version).await?)
    }

    /// Adds a script.
    ///
    /// # Errors
    /// Without `connections.manage`; `invalid`, also where it does not compile; `name_in_use`.
    pub async fn create(&self, caller: &Caller, input: ScriptInput) -> Result<WholeScript> {
        caller.require(Right::ConnectionsManage)?;
        let missing = |field| FieldError::new(field, "is missing");
        let mut wrong = Vec::new();
        let name = input.name.unwrap_or_else(|| {
            wrong.push(missing("name"));
            "-".to_owned()
        });
        let source = input.source.unwrap_or_else(|| {
            wrong.push(missing("source"));
            "return;".to_owned()
        });
        let clock = self.engine.clock();
        let now = clock.now();
        let script = Script {
            id: clock.new_id().into(),
            tenant_id: caller.tenant_id,
            name,
            description: input.description.flatten(),
            created_by: caller.user_id,
            version: 1,
            created_at: now,
            updated_at: now,
        };
        self.check(&script, Some(&source), wrong).await?;
        let entry = caller.audit(
            "script.create",
            "script",
            script.id,
            None,
            Some(shown(&script, Some(&source))),
        );
        let created = self.engine.store().create_script(script.clone(), source.clone(), entry);
        created.await.map_err(|error| name_in_use(error, &script.name))?;
        Ok(WholeScript {
            current: ScriptVersion {
                version: script.version,
                source,
                created_by: script.created_by,
                created_at: now,
            },
            script,
        })
    }

    /// Changes a script. A source other than the one in force becomes a new version, which runs use from then on.
    ///
    /// # Errors
    /// As [`Scripts::create`]; `not_found`, `stale_version`.
    pub async fn update(
        &self,
        caller: &Caller,
        id: ScriptId,
        version: Option<i64>,
        input: ScriptInput,
    ) -> Result<WholeScript> {
        caller.require(Right::ConnectionsManage)?;
        again_if_stale(version, || self.write(caller, id, version, &input)).await
    }

    /// Removes a script and every version of its source.
    ///
    /// # Errors
    /// Without `connections.manage`; `in_use` while a partner function or mapping names it; `not_found`, `stale_version`.
    pub async fn delete(&self, caller: &Caller, id: ScriptId, version: Option<i64>) -> Result<()> {
        caller.require(Right::ConnectionsManage)?;
        let found = self.find(caller, id).await?;
        let before = shown(&found.script, Some(&found.current.source));
        let entry = caller.audit("script.delete", "script", id, Some(before), None);
        let deleted = self.engine.store().delete_script(caller.tenant_id, id, version, entry);
        Ok(deleted.await?)
    }

    async fn write(
        &self,
        caller: &Caller,
        id: ScriptId,
        version: Option<i64>,
        input: &ScriptInput,
    ) -> Result<WholeScript> {
        let WholeScript {
            script: before,
            current,
        } = self.find(caller, id).await?;
        store::expect_version(version, before.version)?;
        let mut after = before.clone();
        after.name = input.name.clone().unwrap_or(after.name);
        after.description = input.description.clone().unwrap_or(after.description);
        let source = input.source.clone().filter(|source| *source != current.source);
        self.check(&after, source.as_deref(), Vec::new()).await?;
        after.version += 1;
        after.updated_at = self.engine.clock().now();
        let entry = caller.audit(
            "script.update",
            "script",
            id,
            Some(shown(&before, source.as_ref().map(|_| current.source.as_str()))),
            Some(shown(&after, source.as_deref())),
        );
        let written = source.clone().map(|source| (source, caller.user_id));
        let updated = self.engine.store().update_script(after.clone(), written, entry);
        updated.await.map_err(|error| name_in_use(error, &after.name))?;
        let current = match source {
            None => current,
            Some(source) => ScriptVersion {
                version: after.version,
                source,
                created_by: caller.user_id,
                created_at: after.updated_at,
            },
        };
        Ok(WholeScript { script: after, current })
    }

    async fn find(&self, caller: &Caller, id: ScriptId) -> Result<WholeScript> {
        let found = self.engine.store().script(caller.tenant_id, id).await?;
        let (script, current) = found.ok_or_else(|| Error::not_found("script", id))?;
        Ok(WholeScript { script, current })
    }

    /// Refuses what cannot work; `source` where it is new.
    async fn check(&self, script: &Script, source: Option<&str>, mut wrong: Vec<FieldError>) -> Result<()> {
        wrong.extend(validate::check_name("name", &script.name).err());
        let too_long = |text: &String| text.chars().count() > DESCRIPTION_CHARACTERS_MAX;
        if script.description.as_ref().is_some_and(too_long) {
            wrong.push(FieldError::new(
                "description",
                format!("must be at most {DESCRIPTION_CHARACTERS_MAX} characters long"),
            ));
        }
        if let Some(source) = source {
            match check_script("source", source) {
                Ok(()) => wrong.extend(self.compile(source).await?),
                Err(error) => wrong.push(error),
            }
        }
        if wrong.is_empty() {
            Ok(())
        } else {
            Err(Error::invalid(wrong))
        }
    }

    /// What the compiler says against a source.
    async fn compile(&self, source: &str) -> Result<Option<FieldError>> {
        let name = Arc::from(Kind::Record.script_name());
        let compiled = self
            .engine
            .scripts()
            .compile(Kind::Record, name, Arc::from(source))
            .await;
        match compiled {
            Ok(()) => Ok(None),
            Err(error) if error.kind == ScriptErrorKind::Crashed => {
                Err(Error::new(Code::Unavailable, error.to_string()).with_retry_after_ms(2_000))
            }
            Err(error) => Ok(Some(FieldError::new("source", error.to_string()))),
        }
    }
}

/// For the audit log.
fn shown(script: &Script, source: Option<&str>) -> Value {
    let mut shown = json!({ "name": script.name, "description": script.description });
    if let (Some(members), Some(source)) = (shown.as_object_mut(), source) {
        members.insert("source".to_owned(), Value::from(source));
    }
    shown
}

fn name_in_use(error: store::Error, name: &str) -> Error {
    match error {
        store::Error::Unique(_) => Error::new(
            Code::NameInUse,
            format!("There is a script {name:?} in this tenant already."),
        ),
        other => other.into(),
    }
}
