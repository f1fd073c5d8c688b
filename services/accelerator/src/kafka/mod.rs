//! What every client of Kafka needs: connections with TLS and SASL, kept open and replaced in time, and the protocol's
//! encoding.

pub mod access;
pub mod authentication;
mod call;
mod compression;
pub mod connection;
pub mod failure;
#[cfg(test)]
pub mod fake_brokers;
pub mod metadata;
mod opening;
pub mod pool;
pub mod record_batch;
pub mod sasl;
pub mod target;
#[cfg(test)]
pub mod tls_peer;
mod transport;
pub mod versions;
pub mod waker;
pub mod wire;

use std::collections::HashMap;
use std::str::FromStr;

/// A property's number. The error names the property.
pub fn number<T: FromStr>(properties: &HashMap<String, String>, name: &str, default: T) -> Result<T, String> {
    let Some(value) = properties.get(name) else { return Ok(default) };
    value.parse().map_err(|_| format!("{name}={value}: not a number"))
}
