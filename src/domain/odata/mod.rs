//! OData without transport: the entity sets and their model, query options, and how entities and errors are written.

mod sets;

pub use sets::EntitySet;
