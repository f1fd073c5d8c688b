//! The producer's configuration, from properties named as in librdkafka.

use std::collections::HashMap;
use std::time::Duration;

use crate::kafka::number;
use crate::kafka::record_batch::Compression;
use crate::producer::batch::ProducerConfig;

type Properties = HashMap<String, String>;

/// By default, brokers close a connection with a request of more than 100 MiB (`socket.request.max.bytes`), and hold
/// each request in memory as a whole.
const REQUEST_BYTES: usize = 8 << 20;

/// How to send. The error names the property that is not supported.
pub fn producer_config(properties: &Properties) -> Result<ProducerConfig, String> {
    let codec = properties.get("compression.type").map_or("none", String::as_str);
    let idempotent = properties.get("enable.idempotence").is_some_and(|value| value == "true");
    let acks = properties.get("acks").map_or("all", String::as_str);
    Ok(ProducerConfig {
        batch_bytes: number(properties, "batch.size", 1_000_000)?,
        request_bytes: number(properties, "max.request.size", REQUEST_BYTES)?,
        buffer_bytes: number(properties, "queue.buffering.max.kbytes", 1usize << 20)?.saturating_mul(1024),
        linger: Duration::from_millis(number(properties, "linger.ms", 5)?),
        delivery_timeout: Duration::from_millis(number(properties, "delivery.timeout.ms", 300_000)?),
        compression: Compression::named(codec).ok_or(format!("compression.type={codec}: not supported"))?,
        acks: if acks == "all" { -1 } else { number(properties, "acks", 1)? },
        idempotent,
        max_in_flight: number(properties, "max.in.flight.requests.per.connection", 5usize)?.clamp(1, 5),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn properties(pairs: &[(&str, &str)]) -> Properties {
        pairs.iter().map(|(name, value)| (name.to_string(), value.to_string())).collect()
    }

    #[test]
    fn properties_have_librdkafkas_units() {
        let given = [
            ("batch.size", "1000"),
            ("max.request.size", "3000"),
            ("queue.buffering.max.kbytes", "2"),
            ("linger.ms", "7"),
            ("delivery.timeout.ms", "8000"),
            ("acks", "1"),
            ("enable.idempotence", "true"),
            ("max.in.flight.requests.per.connection", "9"),
        ];
        let config = producer_config(&properties(&given)).unwrap();
        assert_eq!((config.batch_bytes, config.request_bytes, config.buffer_bytes), (1000, 3000, 2048));
        assert_eq!((config.linger, config.delivery_timeout), (Duration::from_millis(7), Duration::from_secs(8)));
        assert_eq!((config.acks, config.idempotent, config.max_in_flight), (1, true, 5));
    }

    #[test]
    fn all_in_sync_replicas_acknowledge_by_default() {
        assert_eq!(producer_config(&Properties::new()).unwrap().acks, -1);
    }

    #[test]
    fn a_request_fits_into_what_brokers_take_by_default() {
        assert!(producer_config(&Properties::new()).unwrap().request_bytes < 100 << 20);
    }

    #[test]
    fn errors_name_the_property() {
        let error = |name, value| producer_config(&properties(&[(name, value)])).err().unwrap_or_default();
        assert!(error("compression.type", "brotli").starts_with("compression.type=brotli: "));
        assert!(error("linger.ms", "soon").starts_with("linger.ms=soon: "));
    }
}
