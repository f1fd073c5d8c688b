//! Opens a connection: TCP, then TLS and SASL if the access asks for them. It blocks, for a bounded time.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{TcpStream, ToSocketAddrs};
use std::sync::Arc;
use std::time::{Duration, Instant};

use base64::prelude::{BASE64_STANDARD, Engine};
use ring::rand::{SecureRandom, SystemRandom};
use rustls::pki_types::ServerName;
use rustls::{CertificateError, ClientConfig, ClientConnection, Stream};

use crate::kafka::access::Access;
use crate::kafka::authentication::authenticate;
use crate::kafka::connection::{Admission, Connection};
use crate::kafka::transport::Transport;

const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// How long TLS and SASL may take together.
const ADMISSION_TIMEOUT: Duration = Duration::from_secs(10);
/// How long to wait before trying again to reach a broker.
const UNREACHABLE_BACKOFF: Duration = Duration::from_millis(100);
/// The same for one that does not let us in, which takes both sides more.
const REFUSED_BACKOFF: Duration = Duration::from_secs(1);

/// Why there is no connection, and how long to wait before trying again.
pub struct Failure {
    pub why: String,
    pub backoff: Duration,
    /// Whether the two sides have disagreed about TLS, which they may not with another implementation of it.
    pub over_tls: bool,
}

impl Failure {
    pub fn unreachable(why: impl ToString) -> Self {
        Self { why: why.to_string(), backoff: UNREACHABLE_BACKOFF, over_tls: false }
    }

    fn refused(why: impl ToString) -> Self {
        Self { why: why.to_string(), backoff: REFUSED_BACKOFF, over_tls: false }
    }
}

/// A connection to `host:port` that is ready for requests, whose responses have at most so many bytes.
pub fn open<R>(
    address: &str,
    access: Arc<Access>,
    client: &str,
    max_response: usize,
) -> Result<Connection<R>, Failure> {
    let stream = connect(address).map_err(Failure::unreachable)?;
    let begun = Instant::now();
    let (transport, lifetime) = admit(stream, address, &access, client, begun + ADMISSION_TIMEOUT)?;
    let admission = Admission::new(access, lifetime.map(|lifetime| (begun, lifetime)));
    Connection::new(transport, admission, max_response).map_err(Failure::unreachable)
}

fn connect(address: &str) -> Result<TcpStream, String> {
    let mut outcome = Err("the name has no address".to_string());
    for one in address.to_socket_addrs().map_err(|error| error.to_string())? {
        outcome = TcpStream::connect_timeout(&one, CONNECT_TIMEOUT).map_err(|error| error.to_string());
        if outcome.is_ok() {
            break;
        }
    }
    outcome
}

/// Returns how long the broker lets us in for, None for as long as the connection lasts.
fn admit(
    stream: TcpStream,
    address: &str,
    access: &Access,
    client: &str,
    until: Instant,
) -> Result<(Transport, Option<Duration>), Failure> {
    let mut timed = Timed { stream: &stream, until };
    let session = access.tls.as_ref().map(|config| encrypt(&mut timed, config, address)).transpose()?;
    let Some(credentials) = &access.credentials else {
        return Ok((wrap(session, stream), None));
    };
    let nonce = nonce().map_err(Failure::unreachable)?;
    let Some(mut session) = session else {
        let lifetime = authenticate(&mut timed, credentials, client, nonce).map_err(Failure::refused)?;
        return Ok((Transport::Plain(stream), lifetime));
    };
    let lifetime = authenticate(&mut Stream::new(&mut session, &mut timed), credentials, client, nonce);
    Ok((Transport::tls(session, stream), lifetime.map_err(Failure::refused)?))
}

fn wrap(session: Option<ClientConnection>, stream: TcpStream) -> Transport {
    match session {
        Some(session) => Transport::tls(session, stream),
        None => Transport::Plain(stream),
    }
}

/// The handshake of TLS, which checks that the broker has a certificate for the host of `address`.
fn encrypt(timed: &mut Timed<'_>, config: &Arc<ClientConfig>, address: &str) -> Result<ClientConnection, Failure> {
    let name = server_name(address).map_err(Failure::refused)?;
    let mut session = ClientConnection::new(config.clone(), name).map_err(Failure::refused)?;
    while session.is_handshaking() {
        if let Err(error) = session.complete_io(timed) {
            while session.wants_write() && session.write_tls(timed).is_ok() {} // the alert that tells the broker why
            let why = match error.kind() {
                ErrorKind::UnexpectedEof => {
                    "the broker closes the connection; its listener may be one without TLS".into()
                }
                _ => explain(&error),
            };
            let over_tls = error.get_ref().is_some_and(|inner| inner.is::<rustls::Error>());
            return Err(Failure { over_tls, ..Failure::refused(format!("TLS: {why}")) });
        }
    }
    Ok(session)
}

/// The host of `host:port`, where an IPv6 address may be in brackets.
fn server_name(address: &str) -> Result<ServerName<'static>, String> {
    let host = address.rsplit_once(':').map_or(address, |(host, _)| host);
    let host = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
    let name = ServerName::try_from(host.trim_end_matches('.').to_string());
    name.map_err(|_| format!("{host} is not a host name that a certificate can have"))
}

/// What went wrong on a connection, and what to do if that is known.
pub fn explain(error: &io::Error) -> String {
    let text = error.to_string();
    let advice = match error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>()) {
        Some(rustls::Error::InvalidCertificate(CertificateError::UnknownIssuer)) => {
            "; none of the CAs in ssl.ca.pem or ssl.ca.location has issued the broker's certificate"
        }
        Some(rustls::Error::InvalidMessage(_)) => "; the listener may be one without TLS (security.protocol)",
        Some(rustls::Error::AlertReceived(_)) => {
            "; the broker refuses: it may want a client certificate of a CA that it trusts (ssl.certificate.location)"
        }
        // Only by its name, since its type is not rustls'.
        Some(_) if text.contains("CaUsedAsEndEntity") => {
            "; the broker's own certificate is a CA's; librdkafka may accept it, and the own client does not"
        }
        _ => "",
    };
    text + advice
}

/// Random, of printable characters without commas.
fn nonce() -> Result<String, String> {
    let mut bytes = [0; 24];
    SystemRandom::new().fill(&mut bytes).map_err(|_| "the system has no random numbers".to_string())?;
    Ok(BASE64_STANDARD.encode(bytes))
}

/// A stream that has to be done with at `until`, however slowly the other side sends.
struct Timed<'a> {
    stream: &'a TcpStream,
    until: Instant,
}

impl Timed<'_> {
    fn left(&self) -> io::Result<Option<Duration>> {
        match self.until.saturating_duration_since(Instant::now()) {
            Duration::ZERO => Err(late()),
            left => Ok(Some(left)),
        }
    }
}

impl Read for Timed<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.stream.set_read_timeout(self.left()?)?;
        self.stream.read(buffer).map_err(|error| if error.kind() == ErrorKind::WouldBlock { late() } else { error })
    }
}

impl Write for Timed<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.stream.set_write_timeout(self.left()?)?;
        self.stream.write(bytes).map_err(|error| if error.kind() == ErrorKind::WouldBlock { late() } else { error })
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn late() -> io::Error {
    io::Error::new(ErrorKind::TimedOut, format!("the broker does not answer within {ADMISSION_TIMEOUT:?}"))
}

#[cfg(test)]
mod tests;
