//! A Kafka producer of its own: records are gathered into batches, and a thread sends them to the partitions' leaders.

pub mod accumulator;
pub mod batch;
pub mod config;
mod connection;
mod connections;
pub mod in_flight;
mod murmur2;
mod protocol;
pub mod record_batch;
mod responses;
pub mod sender;
pub mod shared;
pub mod waker;
