//! What activation looks at: everything that a run would need, as far as it can be known beforehand.

use std::sync::Arc;

use super::CallApis;
use crate::{
    domain::{
        call_api::{CallApiDefinition, UrlKind},
        ids::TenantId,
        rights::Right,
        validate::FieldError,
    },
    error::{Code, Result},
    script,
};

impl CallApis<'_> {
    /// All that stands in the way of this definition; empty if it can run.
    pub(super) async fn check(&self, tenant: TenantId, definition: &CallApiDefinition) -> Result<Vec<FieldError>> {
        let mut problems = Vec::new();
        self.check_scripts(definition, &mut problems).await;
        if definition.url.kind == UrlKind::Text
            && let Err(error) = self.engine.outbound().check_url(&definition.url.value)
        {
            problems.push(FieldError::new("url.value", error.message));
        }
        self.check_client(tenant, definition, &mut problems).await?;
        self.check_run_as_user(tenant, definition, &mut problems).await?;
        Ok(problems)
    }

    async fn check_scripts(&self, definition: &CallApiDefinition, problems: &mut Vec<FieldError>) {
        let url_script = (definition.url.kind == UrlKind::Script).then_some(definition.url.value.as_str());
        let scripts = [
            ("url.value", script::Kind::Url, url_script),
            ("bodyScript", script::Kind::Body, definition.body_script.as_deref()),
            (
                "responseScript",
                script::Kind::Response,
                Some(definition.response_script.as_str()),
            ),
        ];
        for (field, kind, source) in scripts {
            let Some(source) = source else { continue };
            let compiled = self
                .engine
                .scripts()
                .compile(kind, Arc::from(kind.script_name()), Arc::from(source))
                .await;
            if let Err(error) = compiled {
                problems.push(FieldError::new(field, error.to_string()));
            }
        }
    }

    async fn check_client(
        &self,
        tenant: TenantId,
        definition: &CallApiDefinition,
        problems: &mut Vec<FieldError>,
    ) -> Result<()> {
        let Some(client) = definition.client_id else {
            return Ok(());
        };
        match self.engine.services().clients.credentials(tenant, client).await {
            Ok(_) => Ok(()),
            Err(error) if error.code == Code::Internal => Err(error),
            Err(error) => {
                problems.push(FieldError::new("clientId", error.to_string()));
                Ok(())
            }
        }
    }

    async fn check_run_as_user(
        &self,
        tenant: TenantId,
        definition: &CallApiDefinition,
        problems: &mut Vec<FieldError>,
    ) -> Result<()> {
        let user = definition.run_as_user_id;
        match self.engine.services().access.identity().rights_of(tenant, user).await? {
            Some(rights) if rights.contains(Right::TransactionsCreate) => {}
            Some(_) => problems.push(FieldError::new(
                "runAsUserId",
                format!(
                    "needs the right {} in this tenant: add the user to a group that has it",
                    Right::TransactionsCreate
                ),
            )),
            None => problems.push(FieldError::new(
                "runAsUserId",
                "must be an active user of this tenant, and is not",
            )),
        }
        Ok(())
    }
}
