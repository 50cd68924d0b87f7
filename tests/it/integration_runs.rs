//! Integrations at work: real engines, a real target, rows that meet filters, items that fail, tenants that share.

mod batches;
mod crash;
mod cut;
mod disabled;
mod failures;
mod fairness;
mod filters;
mod fixture;
mod inbound;
mod obstacles;
mod panics;
mod retention;
mod selection;
mod slow;
mod turns;
