//! What a run needs, read once at its start: the definition, the partner function, criteria, mapping, scripts.

use std::sync::Arc;

use jiff::Timestamp;

use crate::{
    actors::{
        automation::{
            halt::Halt,
            way::{Ends, Way},
        },
        services::Services,
    },
    domain::{
        automation::{AppliesTo, Automation, criteria},
        ids::{AutomationId, ConnectionId, TenantId},
        partner_function::Direction,
        record::Policy,
    },
    providers::{Account, Provider},
    store::records::Target,
};

/// See the module.
#[derive(Debug)]
pub(super) struct Plan {
    pub tenant_id: TenantId,
    pub automation_id: AutomationId,
    pub automation: Automation,
    pub way: Arc<Way>,
    /// When the definition or the partner function was changed last.
    pub changed_at: Timestamp,
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
        let ends = Ends {
            tenant_id,
            user: automation_id.uuid(),
            connection_id,
            object,
            entity: automation.applies_to.clone(),
        };
        Ok(Self {
            tenant_id,
            automation_id,
            way: Arc::new(Way::load(services, ends, criteria, &function).await?),
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
        self.way.target()
    }

    pub fn policy(&self) -> Policy {
        Policy {
            applies_to: self.automation.applies_to_function,
            do_not_over_write: self.automation.do_not_over_write_latest_data,
            threshold_minutes: self.automation.ignore_threshold,
        }
    }
}
