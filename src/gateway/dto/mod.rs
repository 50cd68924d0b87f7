//! Bodies and answers, one file for each group of resources. Bodies refuse unknown members; answers hold no secrets.

use serde::{Deserialize, Deserializer};

pub mod automations;
pub mod background;
pub mod call_api_schema;
pub mod call_apis;
pub mod clients;
pub mod connections;
pub mod identity;
pub mod mappings;
pub mod partner_functions;
pub mod records;
pub mod run_schema;
pub mod scripts;
pub mod tokens;
pub mod transactions;
pub mod webhooks;

/// For members of a PATCH that may be null: absent is `None`, null is `Some(None)`.
pub(super) fn given<'de, T: Deserialize<'de>, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<Option<T>>, D::Error> {
    Option::<T>::deserialize(deserializer).map(Some)
}
