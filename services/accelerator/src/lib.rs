//! Orders to Kafka without a Python object for each: the optional compiled part of the order API.

mod client;
mod handle;
mod order;
mod orders;
mod rdkafka;
mod tickets;

use pyo3::prelude::*;

#[pymodule]
mod _native {
    #[pymodule_export]
    use super::client::{Client, library_version};
    #[pymodule_export]
    use super::orders::{Orders, read_array, read_lines};
}
