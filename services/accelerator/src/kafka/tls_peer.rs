//! For tests: CAs, certificates, and the broker's end of a TLS connection.

use std::collections::HashMap;
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::thread::JoinHandle;

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig, ServerConnection, StreamOwned};

use crate::kafka::access::Access;

pub type Stream = StreamOwned<ServerConnection, TcpStream>;

pub struct Ca(CertifiedIssuer<'static, KeyPair>);

/// A certificate and its key, both in PEM.
pub struct Pair {
    pub certificate: String,
    pub key: String,
}

impl Ca {
    pub fn new(name: &str) -> Self {
        let mut params = CertificateParams::new(vec![name.to_string()]).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.distinguished_name.push(DnType::CommonName, name);
        Self(CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap())
    }

    /// The certificate that a server has made for itself.
    pub fn alone(name: &str) -> Self {
        let params = CertificateParams::new(vec![name.to_string()]).unwrap();
        Self(CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap())
    }

    pub fn pem(&self) -> String {
        self.0.pem()
    }

    /// For these names or addresses.
    pub fn issue(&self, names: &[&str]) -> Pair {
        let key = KeyPair::generate().unwrap();
        let params = CertificateParams::new(names.iter().map(ToString::to_string).collect::<Vec<_>>()).unwrap();
        Pair { certificate: params.signed_by(&key, &self.0).unwrap().pem(), key: key.serialize_pem() }
    }

    /// A server's side. With `clients`, it wants client certificates from that CA.
    pub fn server(&self, names: &[&str], clients: Option<&Self>) -> Arc<ServerConfig> {
        server(&self.issue(names), clients)
    }

    /// A server's side with the CA's own certificate.
    pub fn itself(&self) -> Arc<ServerConfig> {
        server(&Pair { certificate: self.0.pem(), key: self.0.key().serialize_pem() }, None)
    }
}

fn server(pair: &Pair, clients: Option<&Ca>) -> Arc<ServerConfig> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ServerConfig::builder_with_provider(provider.clone()).with_safe_default_protocol_versions();
    let builder = match clients {
        None => builder.unwrap().with_no_client_auth(),
        Some(ca) => {
            let mut roots = RootCertStore::empty();
            roots.add(ca.0.der().clone()).unwrap();
            let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider).build().unwrap();
            builder.unwrap().with_client_cert_verifier(verifier)
        }
    };
    let chain = vec![CertificateDer::from_pem_slice(pair.certificate.as_bytes()).unwrap()];
    let key = PrivateKeyDer::from_pem_slice(pair.key.as_bytes()).unwrap();
    Arc::new(builder.with_single_cert(chain, key).unwrap())
}

/// The access of a client that trusts these CAs.
pub fn trusting(cas: &[&Ca], more: &[(&str, &str)]) -> Access {
    let pem: String = cas.iter().map(|ca| ca.pem()).collect();
    let given = [("security.protocol", "SSL"), ("ssl.ca.pem", pem.as_str())];
    Access::new(&properties(&[&given, more].concat())).unwrap()
}

pub fn properties(pairs: &[(&str, &str)]) -> HashMap<String, String> {
    pairs.iter().map(|(name, value)| (name.to_string(), value.to_string())).collect()
}

/// Take one connection; the thread returns it once its handshake is done, or why it has failed.
pub fn accept(listener: TcpListener, config: Arc<ServerConfig>) -> JoinHandle<std::io::Result<Stream>> {
    std::thread::spawn(move || {
        let mut stream = StreamOwned::new(ServerConnection::new(config).unwrap(), listener.accept()?.0);
        while stream.conn.is_handshaking() {
            stream.conn.complete_io(&mut stream.sock)?;
        }
        Ok(stream)
    })
}
