//! Integrations over OData: what is read and how it is written, on both databases, and with somebody else's client.

mod answers;
mod client;
mod fixture;
mod options;
mod refusals;
