//! OData without transport: the entity sets and their model, query options, and how entities and errors are written.

mod body;
mod check;
mod instance;
mod metadata;
mod model;
mod options;
mod resource;
mod sets;
mod split;
mod table;
mod write;

pub use body::{Purpose, members};
pub use check::{Path, Type, check, path};
pub use instance::{Entity, Expanded, Key, Listed};
pub use metadata::document;
pub use model::{Access, BoundAction, Changes, Edm, EntityType, Link, NAMESPACE, Navigation, Parameter, Property};
pub use options::{Asked, Expand, Options, Order, Query, Refused, parse};
pub use resource::{Nothing, Part, Resource, parse as parse_path, unsupported};
pub use sets::EntitySet;
pub use split::percent_encoded;
pub use write::{Json, Level, Writer};
