//! Reading orders, alone or many in one body, without a Python object for each.

pub mod reader;
pub mod sequence;
