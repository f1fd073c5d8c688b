//! Opens a connection: TCP, TLS if the access asks for it, the versions of requests to use, and SASL if the access asks
//! for it. It blocks, for a bounded time.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{TcpStream, ToSocketAddrs};
use std::sync::Arc;
use std::time::{Duration, Instant};

use base64::prelude::{BASE64_STANDARD, Engine};
use ring::rand::{SecureRandom, SystemRandom};
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ClientConnection, Stream};

use crate::kafka::access::Access;
use crate::kafka::authentication::{SASL_AUTHENTICATE, SASL_HANDSHAKE, authenticate};
use crate::kafka::connection::{Admission, Connection};
use crate::kafka::failure::{Failure, explain, is_over_tls};
use crate::kafka::transport::Transport;
use crate::kafka::versions::{Spoken, Versions, agree};

const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// How long TLS, the versions and SASL may take together.
const ADMISSION_TIMEOUT: Duration = Duration::from_secs(10);

/// A connection to `host:port` that is ready for the requests `spoken`, whose responses have at most so many bytes.
pub fn open<R>(
    address: &str,
    access: Arc<Access>,
    client: &str,
    spoken: &[Spoken],
    max_response: usize,
) -> Result<Connection<R>, Failure> {
    let stream = connect(address).map_err(Failure::unreachable)?;
    let begun = Instant::now();
    let mut spoken = spoken.to_vec();
    if access.credentials.is_some() {
        spoken.extend([SASL_HANDSHAKE, SASL_AUTHENTICATE]);
    }
    let newcomer = Newcomer { access: &access, client, spoken: &spoken };
    let (transport, versions, lifetime) = newcomer.admit(stream, address, begun + ADMISSION_TIMEOUT)?;
    let admission = Admission::new(access, versions, lifetime.map(|lifetime| (begun, lifetime)));
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

/// Who wants to be let in, and what for.
struct Newcomer<'a> {
    access: &'a Access,
    client: &'a str,
    spoken: &'a [Spoken],
}

/// What was agreed on, and for how long the broker lets us in, None for as long as the connection lasts.
type Terms = (Versions, Option<Duration>);

impl Newcomer<'_> {
    fn admit(
        &self,
        stream: TcpStream,
        address: &str,
        until: Instant,
    ) -> Result<(Transport, Versions, Option<Duration>), Failure> {
        let mut timed = Timed { stream: &stream, until };
        let mut session = self.access.tls.as_ref().map(|config| encrypt(&mut timed, config, address)).transpose()?;
        let (versions, lifetime) = match &mut session {
            Some(session) => self.introduce(&mut Stream::new(session, &mut timed)),
            None => self.introduce(&mut timed),
        }?;
        Ok((wrap(session, stream), versions, lifetime))
    }

    /// Ask what the broker offers, and prove who we are.
    fn introduce(&self, io: &mut (impl Read + Write)) -> Result<Terms, Failure> {
        let versions = agree(io, self.client, self.spoken)?;
        let Some(credentials) = &self.access.credentials else { return Ok((versions, None)) };
        let nonce = nonce().map_err(Failure::unreachable)?;
        let lifetime = authenticate(io, credentials, self.client, nonce, &versions).map_err(Failure::refused)?;
        Ok((versions, lifetime))
    }
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
            let why = format!("TLS: {why}");
            return Err(if is_over_tls(&error) { Failure::disagreement(why) } else { Failure::refused(why) });
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
