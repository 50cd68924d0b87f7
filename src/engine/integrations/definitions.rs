//! Changing definitions: integrations, systems, schedules and actions; those that are managed are changed by their operator alone.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use zeroize::Zeroizing;

use super::{Integrations, checks};
use crate::{
    actors::integration::consent::link_rules,
    domain::{
        ids::TenantId,
        integration::{
            Action, Integration, IntegrationSchedule, Stamp, System,
            headers::SecretValues,
            read::{self, SystemChange},
        },
    },
    engine::{caller::Caller, refusal::body_refused},
    error::{Code, Error, Result},
    store::{
        self,
        audit::Entry,
        expect_version,
        integrations::changes::{Definition, ForOthers, Part, Readers},
    },
};

/// A definition as it is stored.
enum Known {
    Integration(Box<Integration>),
    System(System),
    Schedule(IntegrationSchedule),
    Action(Box<Action>),
}

impl Integrations<'_> {
    pub(super) async fn create_part(&self, caller: &Caller, part: Part, body: &Value) -> Result<i64> {
        let new = self.read(caller.tenant_id, part, None, body).await?;
        self.check(caller, None, &new).await?;
        let stamp = Stamp::new(caller.tenant_id, caller.user_id, self.engine.clock().now());
        let name = name_of(&new).to_owned();
        // The store names the number.
        let entry = caller.audit(words(part).create, words(part).kind, "", None, Some(shown(&new)));
        let created = self
            .engine
            .store()
            .create_definition(self.engine.sealer(), stamp, new, entry)
            .await;
        created.map_err(|error| refused(error, part, &name))
    }

    pub(super) async fn patch_part(
        &self,
        caller: &Caller,
        part: Part,
        id: i64,
        version: Option<i64>,
        body: &Value,
    ) -> Result<Readers> {
        let (stamp, before) = self.own(caller, part, id).await?;
        expect_version(version, stamp.version)?;
        let after = self.read(stamp.tenant_id, part, Some((id, &before)), body).await?;
        self.check(caller, Some(&before), &after).await?;
        let name = name_of(&after).to_owned();
        let before = before.written();
        let (was, is) = (shown(&before), shown(&after));
        let for_others = ForOthers {
            before: Some(shown_to_others(&before)),
            after: Some(shown_to_others(&after)),
        };
        let entry = caller.audit(words(part).update, words(part).kind, id, Some(was), Some(is));
        let written = self
            .engine
            .store()
            .update_definition(
                link_rules(self.engine.services()),
                id,
                stamp.next(self.engine.clock().now()),
                after,
                entry,
                for_others,
            )
            .await;
        written.map_err(|error| refused(error, part, &name))
    }

    pub(super) async fn delete_part(&self, caller: &Caller, part: Part, id: i64, version: Option<i64>) -> Result<()> {
        let (stamp, before) = self.own(caller, part, id).await?;
        let before = before.written();
        let entry: Entry = caller.audit(words(part).delete, words(part).kind, id, Some(shown(&before)), None);
        let deleted = self
            .engine
            .store()
            .delete_definition(stamp.tenant_id, part, id, version, entry)
            .await;
        deleted.map_err(|error| refused(error, part, name_of(&before)))
    }

    /// What the caller's tenant may change.
    ///
    /// # Errors
    /// `not_found`: it does not see it. `forbidden`: it sees it because it is managed.
    async fn own(&self, caller: &Caller, part: Part, id: i64) -> Result<(Stamp, Known)> {
        let (store, tenant) = (self.engine.store(), caller.tenant_id);
        let found = match part {
            Part::Integration => store
                .integration_visible(tenant, id.into())
                .await?
                .map(|found| (found.stamp, Known::Integration(Box::new(found.value)))),
            Part::System => store
                .system_visible(tenant, id.into())
                .await?
                .map(|found| (found.stamp, Known::System(found.value))),
            Part::Schedule => store
                .schedule_visible(tenant, id.into())
                .await?
                .map(|found| (found.stamp, Known::Schedule(found.value))),
            Part::Action => store
                .action_visible(tenant, id.into())
                .await?
                .map(|found| (found.stamp, Known::Action(Box::new(found.value)))),
        };
        let (stamp, value) = found.ok_or_else(|| Error::not_found(words(part).called, id))?;
        if stamp.tenant_id != tenant {
            return Err(Error::new(
                Code::Forbidden,
                format!(
                    "The {} {id} is managed by the operator for all tenants: it can be read and used here, and changed by the \
                     operator only.",
                    words(part).called
                ),
            ));
        }
        Ok((stamp, value))
    }

    /// Reads a body: a new definition, or a change of one.
    async fn read(
        &self,
        owner: TenantId,
        part: Part,
        before: Option<(i64, &Known)>,
        body: &Value,
    ) -> Result<Definition> {
        let id = before.map(|(id, _)| id);
        let known = before.map(|(_, known)| known);
        let read = match part {
            Part::Integration => {
                let before = match known {
                    Some(Known::Integration(value)) => Some(&**value),
                    _ => None,
                };
                read::integration(before, id, body).map(|read| Definition::Integration(Box::new(read)))
            }
            Part::System => {
                let before = match known {
                    Some(Known::System(value)) => Some(value),
                    _ => None,
                };
                let has_secret = match id {
                    Some(id) => self.has_secret(owner, id).await?,
                    None => false,
                };
                read::system(before, id, has_secret, body)
                    .map(|SystemChange { system, client_secret }| Definition::System(system, client_secret))
            }
            Part::Schedule => {
                let before = match known {
                    Some(Known::Schedule(value)) => Some(value),
                    _ => None,
                };
                read::schedule(before, id, body).map(Definition::Schedule)
            }
            Part::Action => {
                let before = match known {
                    Some(Known::Action(value)) => Some(&**value),
                    _ => None,
                };
                let kept = match id {
                    Some(id) => self.secrets_of(owner, id).await?,
                    None => BTreeMap::new(),
                };
                let read = read::action(before, id, &kept, body).map_err(body_refused)?;
                checks::check_servers(before, &read)?;
                return Ok(Definition::Action(Box::new(read.action), read.secrets));
            }
        };
        read.map_err(body_refused)
    }

    async fn has_secret(&self, owner: TenantId, id: i64) -> Result<bool> {
        let store = self.engine.store();
        let secret = store.system_secret(self.engine.sealer(), owner, id.into()).await?;
        Ok(secret.is_some())
    }

    async fn secrets_of(&self, owner: TenantId, id: i64) -> Result<SecretValues> {
        let store = self.engine.store();
        let secrets = store.action_secrets(self.engine.sealer(), owner, id.into()).await?;
        let clear = secrets
            .into_iter()
            .map(|(name, secret)| (name, Zeroizing::new(secret.expose().to_owned())));
        Ok(clear.collect())
    }

    /// What the body alone cannot say.
    async fn check(&self, caller: &Caller, before: Option<&Known>, after: &Definition) -> Result<()> {
        match after {
            Definition::Integration(value) => {
                let before = match before {
                    Some(Known::Integration(before)) => Some(&**before),
                    _ => None,
                };
                if value.managed && !self.is_operator(caller.tenant_id).await? {
                    return Err(Error::new(
                        Code::Forbidden,
                        "Managed can be set to true by the operator only: leave it out, or false.",
                    ));
                }
                checks::check_integration(before, value)
            }
            Definition::Action(value, secrets) => {
                let before = match before {
                    Some(Known::Action(before)) => Some(&**before),
                    _ => None,
                };
                checks::check_action(self.engine, before, value, secrets).await
            }
            Definition::System(system, _) => checks::check_system(self.engine, system),
            Definition::Schedule(_) => Ok(()),
        }
    }
}

impl Known {
    /// As it would be written, without its secrets.
    fn written(self) -> Definition {
        match self {
            Self::Integration(value) => Definition::Integration(value),
            Self::System(value) => Definition::System(value, read::SecretGiven::Keep),
            Self::Schedule(value) => Definition::Schedule(value),
            Self::Action(value) => Definition::Action(value, BTreeMap::new()),
        }
    }
}

/// What a kind of definitions is called, for people and in the audit log.
struct Words {
    called: &'static str,
    kind: &'static str,
    create: &'static str,
    update: &'static str,
    delete: &'static str,
}

const fn words(part: Part) -> Words {
    match part {
        Part::Integration => Words {
            called: "integration",
            kind: "integration",
            create: "integration.create",
            update: "integration.update",
            delete: "integration.delete",
        },
        Part::System => Words {
            called: "system",
            kind: "integration_system",
            create: "integration_system.create",
            update: "integration_system.update",
            delete: "integration_system.delete",
        },
        Part::Schedule => Words {
            called: "schedule",
            kind: "integration_schedule",
            create: "integration_schedule.create",
            update: "integration_schedule.update",
            delete: "integration_schedule.delete",
        },
        Part::Action => Words {
            called: "action",
            kind: "integration_action",
            create: "integration_action.create",
            update: "integration_action.update",
            delete: "integration_action.delete",
        },
    }
}

fn name_of(definition: &Definition) -> &str {
    match definition {
        Definition::Integration(value) => &value.integration_name,
        Definition::System(value, _) => &value.name,
        Definition::Schedule(value) => &value.name,
        Definition::Action(value, _) => &value.name,
    }
}

/// For the audit log: secret headers are masked, a client secret is not there.
fn shown(definition: &Definition) -> Value {
    match definition {
        Definition::Integration(value) => json!(value),
        Definition::System(value, secret) => {
            let oauth = value.oauth.as_ref();
            let mut shown = json!({
                "IntegrationSystemName": value.name,
                "Comment": value.comment,
                "AuthorizeUrl": oauth.map(|oauth| &oauth.authorize_url),
                "TokenUrl": oauth.map(|oauth| &oauth.token_url),
                "OAuthClientId": oauth.map(|oauth| &oauth.client_id),
                "OAuthScope": oauth.and_then(|oauth| oauth.scope.as_ref()),
            });
            let done = match secret {
                read::SecretGiven::Keep => None,
                read::SecretGiven::Remove => Some("removed"),
                read::SecretGiven::Set(_) => Some("set"),
            };
            if let (Some(members), Some(done)) = (shown.as_object_mut(), done) {
                members.insert("OAuthClientSecret".to_owned(), Value::from(done));
            }
            shown
        }
        Definition::Schedule(value) => json!({
            "ScheduleName": value.name,
            "Kind": value.kind,
            "IntervalSeconds": value.interval_seconds,
            "Cron": value.cron,
            "DayOfWeek": value.day_of_week,
            "TimeOfDay": value.time_of_day,
            "TimeZone": value.time_zone,
        }),
        Definition::Action(value, _) => json!({
            "ActionName": value.name,
            "Kind": value.kind,
            "Method": value.method,
            "Url": value.url,
            "Headers": value.headers,
            "Body": value.body,
            "BodyScript": value.body_script,
            "ResultScript": value.result_script,
            "ClientUuid": value.client_id,
            "PartnerFunctionUuid": value.partner_function_id,
        }),
    }
}

/// As [`shown`], for tenants that use what is managed: of actions they see no more than what these are called.
fn shown_to_others(definition: &Definition) -> Value {
    match definition {
        Definition::Action(value, _) => json!({ "ActionName": value.name, "Kind": value.kind }),
        other => shown(other),
    }
}

fn refused(error: store::Error, part: Part, name: &str) -> Error {
    match error {
        store::Error::Unique(_) => Error::new(
            Code::NameInUse,
            format!("There is a {} {name:?} in this tenant already.", words(part).called),
        ),
        other => other.into(),
    }
}
