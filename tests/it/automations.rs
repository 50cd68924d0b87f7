//! Automations from end to end: over HTTP, against a fake Xero on loopback, with a clock that is moved by hand.

mod chains;
mod events;
mod exports;
mod fixture;
mod imports;
mod pauses;
mod scripts;
mod supervision;
mod timers;
