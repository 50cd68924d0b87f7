//! What a run needs, read once at its start: the definition, the partner function, criteria, mapping, scripts.

use std::sync::Arc;

use jiff::Timestamp;

use crate::{
    actors::{automation::halt::Halt, services::Services},
    domain::{
        automation::{AppliesTo, Automation, criteria},
        filter::Expr,
        ids::{AutomationId, ConnectionId, ScriptId, TenantId},
        mapping::{Mapping, Pairs},
        partner_function::{Direction, PartnerFunction},
        record::Policy,
    },
    providers::{Account, Object, Provider},
    store::records::Target,
};

/// See the module.
#[derive(Debug)]
pub(super) struct Plan {
    pub tenant_id: TenantId,
    pub automation_id: AutomationId,
    pub connection_id: ConnectionId,
    pub automation: Automation,
    pub object: Object,
    pub entity: String,
    pub criteria: Option<Expr>,
    pub mapping: Mapped,
    pub pre_run: Option<Script>,
    pub post_run: Option<Script>,
    /// When the definition or the partner function was changed last.
    pub changed_at: Timestamp,
}

/// How a record becomes what the other side has.
#[derive(Debug)]
pub(super) enum Mapped {
    /// It stays as it is.
    AsItIs,
    /// Members are put where they belong.
    Pairs(Pairs),
    /// A script does it.
    Script(Script),
}

/// A script and what it is called in errors.
#[derive(Debug, Clone)]
pub(super) struct Script {
    pub name: Arc<str>,
    pub source: Arc<str>,
}

/// Whose plan is made.
#[derive(Debug, Clone)]
pub(super) struct Whose {
    pub tenant_id: TenantId,
    pub automation_id: AutomationId,
    pub connection_id: ConnectionId,
}

impl Plan {
    /// Puts together what the definition names.
    ///
    /// # Errors
    /// Something that it names is not there, or the store does not answer.
    pub async fn load(
        services: &Services,
        whose: Whose,
        automation: Automation,
        changed_at: Timestamp,
        provider: &dyn Provider,
        account: &Account,
    ) -> Result<Self, Halt> {
        let Whose {
            tenant_id,
            automation_id,
            connection_id,
        } = whose;
        let wanted = &automation.perform_action;
        let found = services
            .store
            .partner_function_named(tenant_id, connection_id, wanted)
            .await?;
        let Some(row) = found else {
            let reason = format!(
                "The partner function {wanted:?} does not exist in this connection. Create it, or name another."
            );
            return Err(Halt::not_found(reason));
        };
        if !row.enabled {
            let reason = format!("The partner function {:?} is disabled. Enable it.", row.definition.name);
            return Err(Halt::not_found(reason));
        }
        let function = row.definition;
        if function.direction != automation.direction {
            let reason = format!(
                "The automation is for {}, its partner function {:?} for {}. Make them the same.",
                automation.direction.as_str(),
                function.name,
                function.direction.as_str(),
            );
            return Err(Halt::failed(reason));
        }
        let object = provider
            .object(account, &function.object_name)
            .map_err(|trouble| Halt::not_found(trouble.message))?;
        let criteria = match automation.additional_criteria && !automation.criteria.is_empty() {
            true => Some(criteria::compile(&automation.criteria).map_err(|errors| {
                let said: Vec<String> = errors.iter().map(ToString::to_string).collect();
                Halt::failed(format!("The criteria cannot be used: {}.", said.join("; ")))
            })?),
            false => None,
        };
        let scripts = Scripts { services, tenant_id };
        Ok(Self {
            tenant_id,
            automation_id,
            connection_id,
            object,
            entity: automation.applies_to.clone(),
            criteria,
            mapping: scripts.mapping(connection_id, &function).await?,
            pre_run: scripts.named("pre-run script", function.pre_run_script_id).await?,
            post_run: scripts.named("post-run script", function.post_run_script_id).await?,
            changed_at: changed_at.max(row.updated_at),
            automation,
        })
    }

    pub fn is_import(&self) -> bool {
        self.automation.direction == Direction::Import
    }

    /// Whether it is for a record whose counterpart is there or is not.
    pub fn is_for(&self, has_counterpart: bool) -> bool {
        match self.automation.applies_to_function {
            AppliesTo::New => !has_counterpart,
            AppliesTo::Update => has_counterpart,
            AppliesTo::NewAndUpdate => true,
        }
    }

    /// From where to where exports go, and of which link imports are.
    pub fn target(&self) -> Target {
        Target {
            tenant_id: self.tenant_id,
            connection_id: self.connection_id,
            object: self.object.name.clone(),
            entity: self.entity.clone(),
        }
    }

    pub fn policy(&self) -> Policy {
        Policy {
            applies_to: self.automation.applies_to_function,
            do_not_over_write: self.automation.do_not_over_write_latest_data,
            threshold_minutes: self.automation.ignore_threshold,
        }
    }
}

/// Finds the texts of scripts.
struct Scripts<'a> {
    services: &'a Services,
    tenant_id: TenantId,
}

impl Scripts<'_> {
    async fn named(&self, what: &str, id: Option<ScriptId>) -> Result<Option<Script>, Halt> {
        let Some(id) = id else { return Ok(None) };
        match self.services.store.script_source(self.tenant_id, id).await? {
            Some((version, source)) => Ok(Some(Script {
                name: format!("{what}, version {version}").into(),
                source: source.into(),
            })),
            None => Err(Halt::not_found(format!(
                "The {what} {id} does not exist. Name another in the partner function, or none."
            ))),
        }
    }

    async fn mapping(&self, connection: ConnectionId, function: &PartnerFunction) -> Result<Mapped, Halt> {
        let Some(name) = &function.object_mapping else {
            return Ok(Mapped::AsItIs);
        };
        // A name without a mapping changes nothing: clients name some that nobody made.
        let Some(row) = self
            .services
            .store
            .object_mapping(self.tenant_id, connection, name)
            .await?
        else {
            return Ok(Mapped::AsItIs);
        };
        let mapping = Mapping::read(&row.definition).map_err(|errors| {
            let said: Vec<String> = errors.iter().map(ToString::to_string).collect();
            Halt::failed(format!("The mapping {name:?} cannot be used: {}.", said.join("; ")))
        })?;
        match mapping {
            Mapping::Script(source) => Ok(Mapped::Script(Script {
                name: format!("mapping script {name:?}").into(),
                source: source.into(),
            })),
            Mapping::ScriptId(id) => {
                let script = self.named("mapping script", Some(id)).await?;
                Ok(script.map_or(Mapped::AsItIs, Mapped::Script))
            }
            Mapping::Pairs(pairs) => Ok(Mapped::Pairs(pairs)),
        }
    }
}
