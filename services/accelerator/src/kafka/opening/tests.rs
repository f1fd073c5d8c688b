use std::net::TcpListener;

use super::*;
use crate::kafka::failure::REFUSED_BACKOFF;
use crate::kafka::sasl::{Credentials, Mechanism};
use crate::kafka::tls_peer::{Ca, Stream as Peer, accept, trusting};

const SOON: Duration = Duration::from_millis(50);

/// Who wants nothing but to be let in.
fn alone(access: &Access) -> Newcomer<'_> {
    Newcomer { access, client: "c", spoken: &[] }
}

fn listener() -> (TcpListener, u16) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    (listener, port)
}

/// Open a connection to a server of `ca` with a certificate for `names`, under the host name `host`.
fn opened(
    server: Arc<rustls::ServerConfig>,
    host: &str,
    access: &Access,
) -> (Result<Transport, String>, io::Result<Peer>) {
    let (listener, port) = listener();
    let peer = accept(listener, server);
    let stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
    let until = Instant::now() + Duration::from_secs(120);
    let outcome = alone(access).admit(stream, &format!("{host}:{port}"), until);
    (outcome.map(|(transport, ..)| transport).map_err(|failure| failure.why), peer.join().unwrap())
}

#[test]
fn a_broker_is_believed_under_the_names_of_its_certificate() {
    let (ca, former) = (Ca::new("ca"), Ca::new("former"));
    let access = trusting(&[&former, &ca], &[]);
    let server = ca.server(&["kafka-0.kafka.svc", "127.0.0.1", "::1"], None);
    for host in ["kafka-0.kafka.svc", "kafka-0.kafka.svc.", "KAFKA-0.kafka.svc", "127.0.0.1", "[::1]", "::1"] {
        opened(server.clone(), host, &access).0.map(drop).unwrap();
    }
    for host in ["kafka-1.kafka.svc", "kafka.svc", "127.0.0.2", "localhost"] {
        let why = opened(server.clone(), host, &access).0.err().unwrap();
        assert!(why.starts_with("TLS: ") && why.contains(host), "{why}");
    }
    assert!(opened(server, "two words", &access).0.err().unwrap().contains("two words"));
}

#[test]
fn a_broker_of_another_ca_is_not_believed() {
    let (ca, other) = (Ca::new("ca"), Ca::new("other"));
    let (why, peer) = opened(other.server(&["localhost"], None), "localhost", &trusting(&[&ca], &[]));
    assert!(why.err().unwrap().contains("ssl.ca.pem"));
    let told = peer.err().unwrap().downcast::<rustls::Error>().unwrap();
    assert_eq!(told, rustls::Error::AlertReceived(rustls::AlertDescription::UnknownCA));
}

#[test]
fn a_broker_may_have_a_certificate_of_its_own_that_is_trusted_unless_that_is_a_cas() {
    let alone = Ca::alone("localhost");
    opened(alone.itself(), "localhost", &trusting(&[&alone], &[])).0.map(drop).unwrap();
    assert!(opened(alone.itself(), "localhost", &trusting(&[&Ca::new("ca")], &[])).0.is_err());
    let ca = Ca::new("localhost");
    let why = opened(ca.itself(), "localhost", &trusting(&[&ca], &[])).0.err().unwrap();
    assert!(why.contains("CA's"), "{why}");
}

#[test]
fn a_broker_may_want_a_client_certificate() {
    let (ca, clients) = (Ca::new("ca"), Ca::new("clients"));
    let server = ca.server(&["localhost"], Some(&clients));
    let pair = clients.issue(&["me"]);
    let access = trusting(&[&ca], &[("ssl.certificate.pem", &pair.certificate), ("ssl.key.pem", &pair.key)]);
    assert!(opened(server.clone(), "localhost", &access).1.unwrap().conn.peer_certificates().is_some());
    // With TLS 1.3 the broker refuses after the handshake, when it is first asked something.
    let (transport, peer) = opened(server, "localhost", &trusting(&[&ca], &[]));
    drop(peer);
    let why = transport.unwrap().read(&mut [0; 1]).unwrap_err();
    assert!(explain(&why).contains("ssl.certificate.location"), "{why}");
}

#[test]
fn a_listener_of_another_kind_is_told() {
    let ca = Ca::new("ca");
    let (listener, port) = listener();
    let peer = std::thread::spawn(move || {
        let mut stream = listener.accept().unwrap().0;
        stream.read_exact(&mut [0; 100]).unwrap();
        stream.write_all(b"\0\0\0\x08 no TLS here").unwrap();
    });
    let stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
    let until = Instant::now() + Duration::from_secs(120);
    let failure = alone(&trusting(&[&ca], &[])).admit(stream, &format!("localhost:{port}"), until).err().unwrap();
    assert!(failure.why.contains("security.protocol"), "{}", failure.why);
    assert_eq!(failure.backoff, REFUSED_BACKOFF);
    peer.join().unwrap();
}

#[test]
fn silence_ends_in_time() {
    let credentials = Credentials { mechanism: Mechanism::Plain, username: "me".into(), password: "x".into() };
    let tls = trusting(&[&Ca::new("ca")], &[]);
    let sasl = Access { tls: None, credentials: Some(credentials) };
    let cases: [(_, &[Spoken]); 3] = [(tls, &[]), (sasl, &[]), (Access::default(), &[SASL_HANDSHAKE])];
    for (access, spoken) in cases {
        let (_listener, port) = listener();
        let stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
        let newcomer = Newcomer { spoken, ..alone(&access) };
        let failure = newcomer.admit(stream, &format!("localhost:{port}"), Instant::now() + SOON).err().unwrap();
        assert!(failure.why.contains("does not answer"), "{}", failure.why);
    }
}

#[test]
fn nonces_are_random_and_printable() {
    let all: Vec<_> = (0..100).map(|_| nonce().unwrap()).collect();
    assert_eq!(all.iter().collect::<std::collections::HashSet<_>>().len(), 100);
    assert!(
        all.iter().all(|each| each.len() == 32 && each.bytes().all(|byte| byte.is_ascii_graphic() && byte != b','))
    );
}
