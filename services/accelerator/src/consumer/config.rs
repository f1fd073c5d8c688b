//! How to fetch, from properties named as in librdkafka.

use std::collections::HashMap;
use std::time::Duration;

use crate::consumer::fetch::FetchLimits;
use crate::kafka::number;

#[derive(Clone)]
pub struct FetchConfig {
    pub(crate) limits: FetchLimits,
    /// Nothing more is asked for while so many bytes, packed as they came, wait to be handed over.
    pub queue_bytes: usize,
    /// How long a broker may take to answer, besides the time for which it waits for records.
    pub timeout: Duration,
    /// How long a broker and we may not understand each other before another client is to try.
    pub refused_for: Duration,
}

const REFUSED_FOR: Duration = Duration::from_secs(20);

/// The error names the property that is not supported.
pub fn fetch_config(properties: &HashMap<String, String>) -> Result<FetchConfig, String> {
    let isolation = properties.get("isolation.level").map_or("read_committed", String::as_str);
    let max_bytes = number(properties, "fetch.max.bytes", 50 << 20)?;
    let limits = FetchLimits {
        wait_ms: number(properties, "fetch.wait.max.ms", 500)?,
        min_bytes: number(properties, "fetch.min.bytes", 1)?,
        max_bytes,
        partition_bytes: number(properties, "max.partition.fetch.bytes", 1 << 20)?,
        read_committed: match isolation {
            "read_committed" => true,
            "read_uncommitted" => false,
            _ => return Err(format!("isolation.level={isolation}: read_committed or read_uncommitted")),
        },
        rack: properties.get("client.rack").cloned().unwrap_or_default(),
    };
    let timeout = Duration::from_millis(number(properties, "socket.timeout.ms", 60_000)?);
    Ok(FetchConfig { limits, queue_bytes: max_bytes as usize, timeout, refused_for: REFUSED_FOR })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kafka::tls_peer::properties;

    #[test]
    fn properties_have_librdkafkas_units_and_defaults() {
        let config = fetch_config(&properties(&[])).unwrap();
        assert_eq!((config.limits.wait_ms, config.limits.min_bytes, config.limits.read_committed), (500, 1, true));
        assert_eq!(config.timeout, Duration::from_secs(60));
        let given = [
            ("fetch.max.bytes", "4000"),
            ("fetch.wait.max.ms", "7"),
            ("max.partition.fetch.bytes", "300"),
            ("socket.timeout.ms", "9000"),
            ("isolation.level", "read_uncommitted"),
            ("client.rack", "zone-a"),
        ];
        let config = fetch_config(&properties(&given)).unwrap();
        let limits = &config.limits;
        assert_eq!((limits.max_bytes, limits.wait_ms, limits.partition_bytes), (4000, 7, 300));
        assert_eq!((limits.read_committed, limits.rack.as_str(), config.queue_bytes), (false, "zone-a", 4000));
        assert_eq!(config.timeout, Duration::from_secs(9));
    }

    #[test]
    fn errors_name_the_property() {
        let error = |name, value| fetch_config(&properties(&[(name, value)])).err().unwrap_or_default();
        assert!(error("isolation.level", "none").starts_with("isolation.level=none: "));
        assert!(error("fetch.max.bytes", "much").starts_with("fetch.max.bytes=much: "));
    }
}
