//! Reads orders, one or many in a body, without a Python object for each.

mod bodies;
pub mod ids;
pub mod json;
pub mod order;
#[cfg(feature = "python")]
pub mod sequence;
pub mod shape;
pub mod single;
