//! The way of records between the two sides: what a partner function names, read once.

use std::sync::Arc;

use uuid::Uuid;

use crate::{
    actors::{automation::halt::Halt, services::Services},
    domain::{
        filter::Expr,
        ids::{ConnectionId, ScriptId, TenantId},
        mapping::{Mapping, Pairs},
        partner_function::{Direction, PartnerFunction},
    },
    providers::Object,
    store::records::Target,
};

/// See the module.
#[derive(Debug)]
pub(in crate::actors) struct Way {
    pub tenant_id: TenantId,
    /// The automation, or the client integration.
    pub user: Uuid,
    pub connection_id: ConnectionId,
    pub direction: Direction,
    pub object: Object,
    /// Of our records.
    pub entity: String,
    pub criteria: Option<Expr>,
    pub mapping: Mapped,
    pub pre_run: Option<Script>,
    pub post_run: Option<Script>,
}

/// How a record becomes what the other side has.
#[derive(Debug)]
pub(in crate::actors) enum Mapped {
    /// It stays as it is.
    AsItIs,
    /// Members are put where they belong.
    Pairs(Pairs),
    /// A script does it.
    Script(Script),
}

/// A script and what it is called in errors.
#[derive(Debug, Clone)]
pub(in crate::actors) struct Script {
    pub name: Arc<str>,
    pub source: Arc<str>,
}

/// Between what a way is.
#[derive(Debug)]
pub(in crate::actors) struct Ends {
    pub tenant_id: TenantId,
    pub user: Uuid,
    pub connection_id: ConnectionId,
    pub object: Object,
    pub entity: String,
}

impl Way {
    /// Puts together what the function names.
    ///
    /// # Errors
    /// Something that it names is not there, or the store does not answer.
    pub async fn load(
        services: &Services,
        ends: Ends,
        criteria: Option<Expr>,
        function: &PartnerFunction,
    ) -> Result<Self, Halt> {
        let Ends {
            tenant_id,
            user,
            connection_id,
            object,
            entity,
        } = ends;
        let scripts = Scripts { services, tenant_id };
        Ok(Self {
            tenant_id,
            user,
            connection_id,
            direction: function.direction,
            object,
            entity,
            criteria,
            mapping: scripts.mapping(connection_id, function).await?,
            pre_run: scripts.named("pre-run script", function.pre_run_script_id).await?,
            post_run: scripts.named("post-run script", function.post_run_script_id).await?,
        })
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
