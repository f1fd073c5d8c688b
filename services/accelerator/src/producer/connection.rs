//! One connection to a broker: requests out, responses in, in the same order. Never blocks.

use std::collections::VecDeque;
use std::io::{self, ErrorKind, Read, Write};
use std::os::fd::RawFd;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::producer::access::Access;
use crate::producer::batch::Batch;
use crate::producer::protocol::ResponseReader;
use crate::producer::transport::Transport;

/// The most bytes of one response. The largest expected one, metadata of 100,000 partitions, has about half of it.
const MAX_RESPONSE_BYTES: usize = 16 << 20;
/// The most bytes that are read before other connections have their turn.
const READ_BYTES: usize = 1 << 20;
/// A broker that has not answered for so long is asked nothing that another one can answer.
pub(crate) const SLOW: Duration = Duration::from_millis(500);

/// What any broker can answer.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Question {
    Metadata,
    ProducerId,
}

/// A request without its encoding, and what it carries: by partition, the batches to complete or to send again.
pub enum Request {
    Ask(Question),
    Produce(Vec<(usize, Batch)>),
}

struct Pending {
    correlation_id: i32,
    request: Request,
    sent: Instant,
    /// When the response is overdue.
    until: Instant,
}

/// How the broker let us in, and until when.
pub struct Admission {
    access: Arc<Access>,
    /// When to have another connection, before the broker stops believing who we are.
    renew_at: Option<Instant>,
}

impl Admission {
    /// `session` has its beginning and its length, None if it does not end.
    pub fn new(access: Arc<Access>, session: Option<(Instant, Duration)>) -> Self {
        Self { access, renew_at: session.map(|(begun, lifetime)| begun + lifetime * 4 / 5) }
    }
}

pub struct Connection {
    transport: Transport,
    admission: Admission,
    unsent: Vec<u8>,
    /// How many bytes of `unsent` the transport has accepted.
    written: usize,
    received: Vec<u8>,
    /// Of the latest request.
    correlation_id: i32,
    pending: VecDeque<Pending>,
}

impl Connection {
    pub fn new(transport: Transport, admission: Admission) -> io::Result<Self> {
        transport.stream().set_nonblocking(true)?;
        transport.stream().set_nodelay(true)?;
        Ok(Self {
            transport,
            admission,
            unsent: Vec::new(),
            written: 0,
            received: Vec::new(),
            correlation_id: 0,
            pending: VecDeque::new(),
        })
    }

    pub fn fd(&self) -> RawFd {
        self.transport.fd()
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

    /// How many requests have not been answered.
    pub fn requests(&self) -> usize {
        self.pending.len()
    }

    /// How many produce requests are in flight.
    pub fn produce_requests(&self) -> usize {
        self.pending.iter().filter(|pending| matches!(pending.request, Request::Produce(_))).count()
    }

    /// When the broker was asked this, None if it has answered or was not asked.
    pub fn asked_at(&self, question: Question) -> Option<Instant> {
        let asks = |pending: &&Pending| matches!(pending.request, Request::Ask(asked) if asked == question);
        self.pending.iter().rfind(asks).map(|pending| pending.sent)
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
    pub fn send(
        &mut self,
        request: Request,
        until: Instant,
        encode: impl FnOnce(i32, &Request) -> Vec<u8>,
    ) -> io::Result<()> {
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

    /// The responses that have arrived, each with its request, and an error if no more can arrive. What the socket still
    /// has after `READ_BYTES` is left to the next call.
    pub fn responses(&mut self) -> (Vec<(Request, Vec<u8>)>, io::Result<()>) {
        let end = self.read();
        let mut out = Vec::new();
        let mut at = 0;
        while let Some((head, body)) = self.received[at..].split_first_chunk::<4>() {
            let length = u32::from_be_bytes(*head) as usize;
            if length > MAX_RESPONSE_BYTES {
                return (out, Err(io::Error::new(ErrorKind::InvalidData, "a response of an impossible length")));
            }
            let Some(response) = body.get(..length) else { break };
            let mut reader = ResponseReader::new(response);
            let expected = self.pending.front().map(|oldest| oldest.correlation_id);
            if expected.is_none() || reader.i32() != expected {
                return (out, Err(io::Error::new(ErrorKind::InvalidData, "a response to another request")));
            }
            out.extend(self.pending.pop_front().map(|pending| (pending.request, reader.rest().to_vec())));
            at += 4 + length;
        }
        self.received.drain(..at);
        (out, end)
    }

    fn read(&mut self) -> io::Result<()> {
        let mut chunk = [0; 16384];
        let most = self.received.len() + READ_BYTES;
        // What the transport holds must not stay there: nothing tells that it is there.
        while self.received.len() < most || self.transport.has_received() {
            match self.transport.read(&mut chunk) {
                Ok(0) => return Err(io::Error::new(ErrorKind::UnexpectedEof, "the broker closed the connection")),
                Ok(count) => self.received.extend_from_slice(&chunk[..count]),
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// The requests that will never be answered.
    pub fn into_pending(self) -> impl Iterator<Item = Request> {
        self.pending.into_iter().map(|pending| pending.request)
    }
}

#[cfg(test)]
mod tests;
