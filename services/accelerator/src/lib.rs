//! Orders to and from Kafka without a Python object for each: the optional compiled part of the services.
//!
//! `consumer`, `kafka`, `orders`, `producer` and `token_bucket` need no Python. Without the feature `python` there is
//! nothing else, so that their tests need neither PyO3 nor a Python library to link with.

#![cfg_attr(not(feature = "python"), allow(dead_code))]

#[cfg(feature = "python")]
mod callback;
mod consumer;
#[cfg(test)]
mod counting_allocator;
#[cfg(feature = "python")]
mod direct_fetcher;
#[cfg(feature = "python")]
mod direct_producer;
#[cfg(feature = "python")]
mod fast_path;
#[cfg(feature = "python")]
mod fetched_batch;
#[cfg(feature = "python")]
mod in_flight_bytes;
mod kafka;
#[cfg(feature = "python")]
mod librdkafka;
mod lock;
mod orders;
mod producer;
#[cfg(test)]
mod random_numbers;
mod token_bucket;

#[cfg(feature = "python")]
#[pyo3::pymodule]
mod _native {
    #[pymodule_export]
    use super::direct_fetcher::DirectFetcher;
    #[pymodule_export]
    use super::direct_producer::DirectProducer;
    #[pymodule_export]
    use super::fast_path::FastPath;
    #[pymodule_export]
    use super::fetched_batch::FetchedBatch;
    #[pymodule_export]
    use super::in_flight_bytes::InFlightBytes;
    #[pymodule_export]
    use super::librdkafka::fetcher::Fetcher;
    #[pymodule_export]
    use super::librdkafka::producer::LibrdkafkaProducer;
    #[pymodule_export]
    use super::orders::sequence::{Orders, read_array, read_lines, read_order};
    #[pymodule_export]
    use super::token_bucket::TokenBucket;
}
