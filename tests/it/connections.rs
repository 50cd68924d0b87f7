//! The integration API over HTTP: connections, partner functions, automations and object mappings, as their clients know them.

mod automations;
mod checks;
mod fixture;
mod lenient;
mod lists;
mod mappings;
mod rights;
mod seeds;
