//! Consents of integrations from end to end: links that a browser follows, what comes back, credentials, approvals, and what becomes
//! of tokens.

mod bound;
mod fixture;
mod items;
mod links;
mod odata;
mod people;
mod tokens;
