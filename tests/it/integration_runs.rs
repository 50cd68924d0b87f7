//! Integrations at work: real engines, a real target, rows that meet filters, items that fail, tenants that share.

mod batches;
mod crash;
mod failures;
mod fairness;
mod fixture;
mod retention;
mod selection;
