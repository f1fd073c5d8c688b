//! Orders to and from Kafka without a Python object for each: the optional compiled part of the services.

mod client;
mod fetch;
mod handle;
mod lot;
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
    use super::fetch::Fetcher;
    #[pymodule_export]
    use super::lot::Lot;
    #[pymodule_export]
    use super::orders::{Orders, read_array, read_lines};
}
