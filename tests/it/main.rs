//! One integration-test binary: fewer links, one set of support code.
#![allow(missing_docs)]

mod script;
mod support;
mod tidy;
