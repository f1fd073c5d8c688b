//! A Kafka producer: it gathers records into batches, and a thread sends these to the partitions' leaders.

pub mod accumulator;
pub mod batch;
pub mod config;
mod connections;
#[cfg(test)]
mod fake_cluster;
pub mod in_flight;
mod murmur2;
mod partition_queue;
mod protocol;
mod request;
mod responses;
pub mod sender;
pub mod shared;
mod split;
