//! One connection to a broker: requests out, responses in, in the same order. Never blocks.

use std::collections::VecDeque;
use std::io::{self, ErrorKind, Write};
use std::os::fd::RawFd;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::kafka::access::Access;
use crate::kafka::transport::Transport;
use crate::kafka::versions::Versions;

/// The most bytes of one response of several that are read in one go.
const CHUNK_BYTES: usize = 16 << 10;
/// Bytes of a response before its body: its length and its correlation id.
const HEAD_BYTES: usize = 8;
/// The most bytes that are read before other connections have their turn.
const READ_BYTES: usize = 1 << 20;
/// A broker that has not answered for so long is asked nothing that another one can answer.
pub(crate) const SLOW: Duration = Duration::from_millis(500);

struct Pending<R> {
    correlation_id: i32,
    request: R,
    sent: Instant,
    /// When the response is overdue.
    until: Instant,
}

/// How the broker let us in, what for, and until when.
pub struct Admission {
    access: Arc<Access>,
    versions: Arc<Versions>,
    /// When to have another connection, before the broker stops believing who we are.
    renew_at: Option<Instant>,
}

impl Admission {
    /// `session` has its beginning and its length, None if it does not end.
    pub fn new(access: Arc<Access>, versions: Versions, session: Option<(Instant, Duration)>) -> Self {
        let versions = Arc::new(versions);
        Self { access, versions, renew_at: session.map(|(begun, lifetime)| begun + lifetime * 4 / 5) }
    }
}

/// `R` is a request without its encoding, and what it carries.
pub struct Connection<R> {
    transport: Transport,
    admission: Admission,
    /// The most bytes of one response.
    max_response: usize,
    unsent: Vec<u8>,
    /// How many bytes of `unsent` the transport has accepted.
    written: usize,
    /// What was received of the next responses, as long as `body` is None.
    received: Vec<u8>,
    /// The body of a response that has begun, and how long it will be.
    body: Option<(Vec<u8>, usize)>,
    /// Of the latest request.
    correlation_id: i32,
    pending: VecDeque<Pending<R>>,
}

impl<R> Connection<R> {
    pub fn new(transport: Transport, admission: Admission, max_response: usize) -> io::Result<Self> {
        transport.stream().set_nonblocking(true)?;
        transport.stream().set_nodelay(true)?;
        Ok(Self {
            transport,
            admission,
            max_response,
            unsent: Vec::new(),
            written: 0,
            received: Vec::new(),
            body: None,
            correlation_id: 0,
            pending: VecDeque::new(),
        })
    }

    pub fn fd(&self) -> RawFd {
        self.transport.fd()
    }

    /// The versions of requests to use.
    pub fn versions(&self) -> &Arc<Versions> {
        &self.admission.versions
    }

    /// Whether bytes are left that the socket has not accepted yet.
    pub fn has_unsent(&self) -> bool {
        self.written < self.unsent.len() || self.transport.has_unsent()
    }

    /// Whether it should be replaced by one with this access, which is the newest.
    pub fn is_outdated(&self, access: &Arc<Access>, now: Instant) -> bool {
        !Arc::ptr_eq(&self.admission.access, access) || self.admission.renew_at.is_some_and(|at| at <= now)
    }

    /// When it has to be replaced.
    pub fn renew_at(&self) -> Option<Instant> {
        self.admission.renew_at
    }

    /// The requests that have not been answered, and when they were sent, oldest first.
    pub fn pending(&self) -> impl DoubleEndedIterator<Item = (&R, Instant)> + ExactSizeIterator {
        self.pending.iter().map(|pending| (&pending.request, pending.sent))
    }

    /// Whether a request has gone unanswered for a while.
    pub fn is_slow(&self, now: Instant) -> bool {
        self.pending.front().is_some_and(|oldest| now >= oldest.sent + SLOW)
    }

    /// When the first response is overdue.
    pub fn deadline(&self) -> Option<Instant> {
        self.pending.iter().map(|pending| pending.until).min()
    }

    /// Send a request whose response is due at `until`. `encode` makes its bytes from its correlation id.
    pub fn send(&mut self, request: R, until: Instant, encode: impl FnOnce(i32, &R) -> Vec<u8>) -> io::Result<()> {
        self.correlation_id = self.correlation_id.wrapping_add(1) & i32::MAX;
        let bytes = encode(self.correlation_id, &request);
        self.pending.push_back(Pending { correlation_id: self.correlation_id, request, sent: Instant::now(), until });
        if self.written < self.unsent.len() {
            self.unsent.extend_from_slice(&bytes);
        } else {
            self.unsent = bytes;
            self.written = 0;
        }
        self.write()
    }

    /// Write what the socket accepts now.
    pub fn write(&mut self) -> io::Result<()> {
        while self.written < self.unsent.len() {
            match self.transport.write(&self.unsent[self.written..]) {
                Ok(0) => return Err(ErrorKind::WriteZero.into()),
                Ok(count) => self.written += count,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        self.unsent = Vec::new();
        self.written = 0;
        match self.transport.flush() {
            Err(error) if error.kind() == ErrorKind::WouldBlock => Ok(()),
            outcome => outcome,
        }
    }

    /// The bodies of the responses that have arrived, each with its request, and an error if no more can arrive. What the
    /// socket still has after `READ_BYTES` is left to the next call.
    pub fn responses(&mut self) -> (Vec<(R, Vec<u8>)>, io::Result<()>) {
        let mut found = Vec::new();
        let mut count = 0;
        // What the transport holds must not stay there: nothing tells that it is there.
        while count < READ_BYTES || self.transport.has_received() {
            match self.read(READ_BYTES.saturating_sub(count).max(CHUNK_BYTES)) {
                Ok(0) => {
                    return (found, Err(io::Error::new(ErrorKind::UnexpectedEof, "the broker closed the connection")));
                }
                Ok(read) => count += read,
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                Err(error) => return (found, Err(error)),
            }
            if let Err(error) = self.split(&mut found) {
                return (found, Err(error));
            }
        }
        (found, Ok(()))
    }

    /// Read once, at most so many bytes. The body of a large response is read to where it stays.
    fn read(&mut self, most: usize) -> io::Result<usize> {
        if let Some((body, length)) = &mut self.body {
            let wanted = (*length - body.len()).min(most);
            return self.transport.read_to(body, wanted);
        }
        self.transport.read_to(&mut self.received, CHUNK_BYTES)
    }

    /// Take the responses that are whole, and begin with the one after them.
    fn split(&mut self, found: &mut Vec<(R, Vec<u8>)>) -> io::Result<()> {
        if let Some((body, _)) = self.body.take_if(|(body, length)| body.len() == *length) {
            found.extend(self.pending.pop_front().map(|pending| (pending.request, body)));
        }
        let mut at = 0;
        while let Some((head, rest)) = self.received[at..].split_first_chunk::<HEAD_BYTES>() {
            let length = self.check(head)?;
            let Some(body) = rest.get(..length) else {
                let mut body = Vec::with_capacity(length);
                body.extend_from_slice(rest);
                self.body = Some((body, length));
                at = self.received.len();
                break;
            };
            found.extend(self.pending.pop_front().map(|pending| (pending.request, body.to_vec())));
            at += HEAD_BYTES + length;
        }
        if let Some(head) = self.received[at..].first_chunk::<4>() {
            self.check_length(head)?;
        }
        self.received.drain(..at);
        Ok(())
    }

    /// The length of a body, by what precedes it.
    fn check(&self, head: &[u8; HEAD_BYTES]) -> io::Result<usize> {
        let [a, b, c, d, correlation @ ..] = *head;
        let length = self.check_length(&[a, b, c, d])?;
        let expected = self.pending.front().map(|oldest| oldest.correlation_id);
        if expected != Some(i32::from_be_bytes(correlation)) {
            return Err(io::Error::new(ErrorKind::InvalidData, "a response to another request"));
        }
        Ok(length)
    }

    fn check_length(&self, head: &[u8; 4]) -> io::Result<usize> {
        let length = u32::from_be_bytes(*head) as usize;
        if !(4..=self.max_response).contains(&length) {
            return Err(io::Error::new(ErrorKind::InvalidData, "a response of an impossible length"));
        }
        Ok(length - 4)
    }

    /// The requests that will never be answered.
    pub fn into_pending(self) -> impl Iterator<Item = R> {
        self.pending.into_iter().map(|pending| pending.request)
    }
}

#[cfg(test)]
mod tests;
