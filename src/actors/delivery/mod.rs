//! The actor that sends notifications: one per engine, with lanes in which they wait, workers, and a timer for what is due
//! later. A notification may arrive more than once, after a crash for instance, and then under the same `webhook-id`.

pub mod actor;
pub mod attempt;
pub mod inbox;
pub mod notify;
pub mod targets;

pub use actor::DeliveryActor;
pub use inbox::DeliveryInbox;
