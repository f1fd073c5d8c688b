//! Which cluster and topic a client is for, from properties named as in librdkafka.

use std::collections::HashMap;

pub struct Target {
    pub topic: String,
    pub client_id: String,
    pub bootstrap: Vec<String>,
}

/// The error names the property that is missing.
pub fn target(properties: &HashMap<String, String>, topic: &str) -> Result<Target, String> {
    let bootstrap: Vec<String> = properties
        .get("bootstrap.servers")
        .map(|all| all.split(',').map(|one| one.trim().to_string()).filter(|one| !one.is_empty()).collect())
        .unwrap_or_default();
    if bootstrap.is_empty() {
        return Err("bootstrap.servers is missing".to_string());
    }
    let client_id = properties.get("client.id").cloned().unwrap_or_default();
    Ok(Target { topic: topic.to_string(), client_id, bootstrap })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kafka::tls_peer::properties;

    #[test]
    fn bootstrap_servers_are_separated_by_commas() {
        let target = target(&properties(&[("bootstrap.servers", "a:1, b:2,"), ("client.id", "c")]), "t").unwrap();
        assert_eq!(
            (target.bootstrap, target.client_id, target.topic),
            (vec!["a:1".into(), "b:2".into()], "c".into(), "t".into())
        );
    }

    #[test]
    fn there_has_to_be_one() {
        let error = |pairs: &[(&str, &str)]| target(&properties(pairs), "t").err().unwrap_or_default();
        assert!(error(&[]).starts_with("bootstrap.servers"));
        assert!(error(&[("bootstrap.servers", " ,")]).starts_with("bootstrap.servers"));
    }
}
