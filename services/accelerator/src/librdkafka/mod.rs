//! What is done with the librdkafka of the confluent-kafka wheel: producing, and fetching for its consumer.

pub mod fetched_batch;
pub mod fetcher;
mod ffi;
mod handle;
pub mod producer;
