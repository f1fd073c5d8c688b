//! What the client is told, by the names that librdkafka's configuration has.

use std::collections::HashMap;
use std::time::Duration;

use crate::producer::batch::Rules;
use crate::producer::record_batch::Compression;
use crate::producer::sender::Names;

/// Record headers as Python gives them.
pub type Headers = Vec<(String, Vec<u8>)>;

type Config = HashMap<String, String>;

/// How to send. The error names the property that can't be carried out.
pub fn rules(config: &Config) -> Result<Rules, String> {
    let protocol = config.get("security.protocol").map_or("PLAINTEXT", String::as_str);
    if protocol != "PLAINTEXT" {
        return Err(format!("security.protocol={protocol}: only plain connections"));
    }
    let compression = config.get("compression.type").map_or("none", String::as_str);
    let idempotent = config.get("enable.idempotence").is_some_and(|value| value == "true");
    let acks = config.get("acks").map_or("all", String::as_str);
    Ok(Rules {
        batch_bytes: number(config, "batch.size", 1_000_000)?,
        most_bytes: number(config, "queue.buffering.max.kbytes", 1 << 20)?.saturating_mul(1024),
        linger: Duration::from_millis(number(config, "linger.ms", 5)? as u64),
        give_up: Duration::from_millis(number(config, "delivery.timeout.ms", 300_000)? as u64),
        packing: Compression::named(compression).ok_or(format!("compression.type={compression}: not offered"))?,
        acks: if acks == "all" { -1 } else { number(config, "acks", 1)? as i16 },
        idempotent,
        in_flight: number(config, "max.in.flight.requests.per.connection", 5)?.clamp(1, 5),
    })
}

/// Who is who. The error names the property that is missing.
pub fn names(config: &Config, topic: &str) -> Result<Names, String> {
    let bootstrap: Vec<String> = config
        .get("bootstrap.servers")
        .map(|all| all.split(',').map(|one| one.trim().to_string()).filter(|one| !one.is_empty()).collect())
        .unwrap_or_default();
    if bootstrap.is_empty() {
        return Err("bootstrap.servers is missing".to_string());
    }
    let client = config.get("client.id").cloned().unwrap_or_default();
    Ok(Names { topic: topic.to_string(), client, bootstrap })
}

fn number(config: &Config, name: &str, default: usize) -> Result<usize, String> {
    let Some(value) = config.get(name) else { return Ok(default) };
    value.parse().map_err(|_| format!("{name}={value}: not a number"))
}
