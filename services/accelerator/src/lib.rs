//! Orders to and from Kafka without a Python object for each: the optional compiled part of the services.

mod answers;
mod appender;
mod batch;
mod bell;
mod client;
mod config;
mod desk;
mod fetch;
mod handle;
mod link;
mod links;
mod log;
mod lot;
mod murmur;
mod order;
mod orders;
mod protocol;
mod rdkafka;
mod record;
mod sender;
mod shared;
mod tickets;

use pyo3::prelude::*;

#[pymodule]
mod _native {
    #[pymodule_export]
    use super::appender::Appender;
    #[pymodule_export]
    use super::client::{Client, library_version};
    #[pymodule_export]
    use super::desk::Desk;
    #[pymodule_export]
    use super::fetch::Fetcher;
    #[pymodule_export]
    use super::lot::Lot;
    #[pymodule_export]
    use super::orders::{Orders, read_array, read_lines};
}
