//! How to be let in by the brokers: TLS and credentials, from properties named as in librdkafka.

use std::collections::HashMap;
use std::sync::Arc;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ClientConfig, RootCertStore, SupportedProtocolVersion, version};

use crate::kafka::sasl::{Credentials, Mechanism};

type Properties = HashMap<String, String>;

const VERSIONS: [&SupportedProtocolVersion; 2] = [&version::TLS13, &version::TLS12];

/// What every new connection begins with.
#[derive(Clone, Default)]
pub struct Access {
    /// None for plain TCP.
    pub tls: Option<Arc<ClientConfig>>,
    pub credentials: Option<Credentials>,
}

impl Access {
    /// Reads the files that the properties name. The error names the property, and says what to do.
    pub fn new(properties: &Properties) -> Result<Self, String> {
        let protocol = properties.get("security.protocol").map_or("PLAINTEXT", String::as_str);
        let (tls, sasl) = match protocol {
            "PLAINTEXT" => (false, false),
            "SSL" => (true, false),
            "SASL_PLAINTEXT" => (false, true),
            "SASL_SSL" => (true, true),
            _ => return Err(format!("security.protocol={protocol}: PLAINTEXT, SSL, SASL_PLAINTEXT or SASL_SSL")),
        };
        Ok(Self {
            tls: tls.then(|| tls_config(properties)).transpose()?.map(Arc::new),
            credentials: sasl.then(|| credentials(properties)).transpose()?,
        })
    }
}

fn credentials(properties: &Properties) -> Result<Credentials, String> {
    let get = |name: &str| properties.get(name).cloned().ok_or(format!("{name} is missing; SASL needs it"));
    let name = get("sasl.mechanism")?;
    let mechanism = Mechanism::named(&name)
        .ok_or(format!("sasl.mechanism={name}: not supported; use SCRAM-SHA-512, SCRAM-SHA-256 or PLAIN"))?;
    Ok(Credentials { mechanism, username: get("sasl.username")?, password: get("sasl.password")? })
}

/// TLS 1.2 or newer, with the broker's host name checked against its certificate.
fn tls_config(properties: &Properties) -> Result<ClientConfig, String> {
    let builder = ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_protocol_versions(&VERSIONS)
        .map_err(|error| format!("security.protocol: {error}"))?
        .with_root_certificates(trusted(properties)?);
    let certificate = Pem::find(properties, "ssl.certificate")?;
    match (certificate, Pem::find(properties, "ssl.key")?) {
        (None, None) => Ok(builder.with_no_client_auth()),
        (Some(certificate), Some(key)) => builder
            .with_client_auth_cert(certificate.certificates()?, key.private_key()?)
            .map_err(|error| format!("{}: it does not fit {}: {error}", key.origin, certificate.origin)),
        (Some(certificate), None) => Err(format!("{}: it needs ssl.key.location, its key", certificate.origin)),
        (None, Some(key)) => Err(format!("{}: it needs ssl.certificate.location, its certificate", key.origin)),
    }
}

/// The CAs that may have issued the brokers' certificates: those of the system, unless there are others.
fn trusted(properties: &Properties) -> Result<RootCertStore, String> {
    let (all, origin) = match Pem::find(properties, "ssl.ca")? {
        Some(given) => (given.certificates()?, given.origin),
        None => (rustls_native_certs::load_native_certs().certs, "ssl.ca.location is not set: the system".to_string()),
    };
    let mut store = RootCertStore::empty();
    match store.add_parsable_certificates(all) {
        (0, _) => Err(format!("{origin}: it has no CA's certificate that can be read; name a file that has")),
        _ => Ok(store),
    }
}

/// Text in PEM, and where it is from.
struct Pem {
    text: Vec<u8>,
    origin: String,
}

impl Pem {
    /// The property `NAME.pem`, or the file that `NAME.location` names.
    fn find(properties: &Properties, name: &str) -> Result<Option<Self>, String> {
        let (pem, location) = (format!("{name}.pem"), format!("{name}.location"));
        if let Some(text) = properties.get(&pem) {
            return Ok(Some(Self { text: text.clone().into_bytes(), origin: pem }));
        }
        let Some(path) = properties.get(&location) else { return Ok(None) };
        let origin = format!("{location}={path}");
        match std::fs::read(path) {
            Ok(text) => Ok(Some(Self { text, origin })),
            Err(error) => Err(format!("{origin}: {error}")),
        }
    }

    fn certificates(&self) -> Result<Vec<CertificateDer<'static>>, String> {
        let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&self.text).collect();
        match found {
            Ok(found) if !found.is_empty() => Ok(found),
            Ok(_) => Err(format!("{}: there is no certificate in it; it has to be PEM", self.origin)),
            Err(error) => Err(format!("{}: it can't be read as PEM: {error}", self.origin)),
        }
    }

    fn private_key(&self) -> Result<PrivateKeyDer<'static>, String> {
        PrivateKeyDer::from_pem_slice(&self.text)
            .map_err(|error| format!("{}: there is no key in it that has no password: {error}", self.origin))
    }
}

#[cfg(test)]
mod tests;
