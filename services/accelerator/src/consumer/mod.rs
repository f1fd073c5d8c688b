//! A Kafka client that fetches the records of partitions which others have assigned: no thread of its own, no group.

mod answers;
pub mod config;
mod connections;
#[cfg(test)]
mod fake_cluster;
mod fetch;
pub mod fetcher;
pub mod partition;
mod protocol;
mod record_batches;
pub mod records;
mod responses;
#[cfg(test)]
mod samples;
mod session;
