//! Call APIs over HTTP: the seed's workflow, the rules of changing and activating, the test buttons, history.

mod lists;
mod rules;
mod testing;
mod workflow;
