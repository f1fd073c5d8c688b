//! A Kafka producer: it gathers records into batches, and a thread sends these to the partitions' leaders.

pub mod access;
pub mod accumulator;
mod authentication;
pub mod batch;
pub mod config;
mod connection;
mod connections;
#[cfg(test)]
mod fake_cluster;
pub mod in_flight;
mod murmur2;
mod opening;
mod partition_queue;
mod protocol;
pub mod record_batch;
mod renewal;
mod responses;
mod sasl;
pub mod sender;
pub mod shared;
mod split;
#[cfg(test)]
mod tls_peer;
mod transport;
pub mod waker;
