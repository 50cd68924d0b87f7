//! A definition made ready to run: pointers parsed, scripts shared, nothing left to check per run.

use std::sync::Arc;

use crate::{
    domain::{
        call_api::{CallApiDefinition, UrlKind},
        identifier::Pointer,
        ids::{CallApiId, TenantId},
    },
    error::{Error, Result},
    store::call_state::LoadedCall,
};

/// See the module.
#[derive(Debug)]
pub struct PreparedCall {
    /// Whose.
    pub tenant_id: TenantId,
    /// Which; none for a definition that is not saved.
    pub call_api_id: Option<CallApiId>,
    /// At which version of the row.
    pub version: i64,
    /// The definition, secret headers included.
    pub definition: CallApiDefinition,
    /// Where the identifier is.
    pub pointers: Vec<Pointer>,
    /// The URL script, where it is one.
    pub url_script: Option<Arc<str>>,
    /// The body script.
    pub body_script: Option<Arc<str>>,
    /// The response script.
    pub response_script: Arc<str>,
}

impl PreparedCall {
    /// Of a stored row.
    ///
    /// # Errors
    /// The definition has a wrong pointer.
    pub fn of_row(row: LoadedCall) -> Result<Self> {
        Self::of_definition(row.tenant_id, Some(row.id), row.version, row.definition)
    }

    /// Of a definition, saved or not.
    ///
    /// # Errors
    /// The definition has a wrong pointer.
    pub fn of_definition(
        tenant_id: TenantId,
        call_api_id: Option<CallApiId>,
        version: i64,
        definition: CallApiDefinition,
    ) -> Result<Self> {
        let pointers = definition.pointers().map_err(Error::invalid)?;
        let shared = |text: &str| -> Arc<str> { Arc::from(text) };
        Ok(Self {
            tenant_id,
            call_api_id,
            version,
            pointers,
            url_script: (definition.url.kind == UrlKind::Script).then(|| shared(&definition.url.value)),
            body_script: definition.body_script.as_deref().map(shared),
            response_script: shared(&definition.response_script),
            definition,
        })
    }
}
