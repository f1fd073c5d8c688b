//! Producing, and fetching for a consumer, with the librdkafka of the confluent-kafka wheel.

pub mod fetcher;
mod ffi;
mod handle;
pub mod messages;
pub mod producer;
