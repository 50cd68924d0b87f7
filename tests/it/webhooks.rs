//! Webhooks: subscriptions and secrets over HTTP, and deliveries to real receivers on loopback.

mod damage;
mod deliveries;
mod fairness;
mod fixture;
mod subscriptions;
