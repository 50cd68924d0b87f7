//! Bodies and queries of `/api/v1/transactions`.

use jiff::Timestamp;
use serde::Deserialize;
use serde_json::value::RawValue;
use utoipa::{IntoParams, ToSchema};

use crate::{
    domain::{
        ids::{CallApiId, TransactionId},
        transaction::TransactionStatus,
    },
    engine::transactions::TransactionFilter,
    error::Result,
    gateway::page,
    store::Page,
};

/// The query of the list.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ListQuery {
    /// `preparation`, `ready` or `discarded`.
    #[param(value_type = Option<String>)]
    pub status: Option<TransactionStatus>,
    /// Created by this call.
    #[param(value_type = Option<uuid::Uuid>)]
    pub call_api_id: Option<CallApiId>,
    /// With exactly this identifier.
    pub identifier: Option<String>,
    /// Created after this time.
    #[param(value_type = Option<String>)]
    pub after: Option<Timestamp>,
    /// Created before this time.
    #[param(value_type = Option<String>)]
    pub before: Option<Timestamp>,
    /// Items at most, 1 to 200 (50).
    pub limit: Option<u64>,
    /// `nextCursor` of the answer before.
    pub cursor: Option<String>,
}

/// A transaction made by hand or by another system.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct NewBody {
    /// Unique among those made by hand.
    pub identifier: String,
    /// The transaction object; its digits are kept.
    #[schema(value_type = Object)]
    pub data: Box<RawValue>,
    /// Whether it waits for a person.
    #[serde(default)]
    pub preparation: bool,
}

/// An edit.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct EditBody {
    /// A merge patch (RFC 7396) for the transaction object.
    #[schema(value_type = Object)]
    pub data: Box<RawValue>,
}

/// Many to be committed.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CommitBody {
    /// 1 to 1,000 ids.
    #[schema(value_type = Vec<uuid::Uuid>)]
    pub ids: Vec<TransactionId>,
}

impl ListQuery {
    /// Filter and page.
    pub(crate) fn parts(self) -> Result<(TransactionFilter, Page)> {
        let filter = TransactionFilter {
            status: self.status,
            call_api_id: self.call_api_id,
            identifier: self.identifier,
            after: self.after,
            before: self.before,
        };
        Ok((filter, page::page(self.limit, self.cursor)?))
    }
}
