//! Producing, and fetching for a consumer, with the librdkafka of the confluent-kafka wheel.

pub mod fetched_batch;
pub mod fetcher;
mod ffi;
mod handle;
pub mod producer;
