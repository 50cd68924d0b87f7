//! `demo`: the engine on SQLite in a fresh directory, with a sample shop and an active call, for a first look.

pub mod shop;
