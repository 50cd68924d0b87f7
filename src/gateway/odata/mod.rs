//! The OData service under `/OData`: integrations and what belongs to them.
