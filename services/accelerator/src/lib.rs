//! Orders to and from Kafka without a Python object for each: the optional compiled part of the services.

mod direct_producer;
mod fast_path;
mod librdkafka;
mod orders;
mod producer;

use pyo3::prelude::*;

#[pymodule]
mod _native {
    #[pymodule_export]
    use super::direct_producer::DirectProducer;
    #[pymodule_export]
    use super::fast_path::FastPath;
    #[pymodule_export]
    use super::librdkafka::fetched_batch::FetchedBatch;
    #[pymodule_export]
    use super::librdkafka::fetcher::Fetcher;
    #[pymodule_export]
    use super::librdkafka::producer::{LibrdkafkaProducer, library_version};
    #[pymodule_export]
    use super::orders::sequence::{Orders, read_array, read_lines};
}
