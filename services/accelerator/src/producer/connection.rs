//! One connection to a broker: requests out, replies in, in turn; never waits.

use std::collections::VecDeque;
use std::io::{self, ErrorKind, Read, Write};
use std::net::TcpStream;
use std::os::fd::{AsRawFd, RawFd};
use std::time::Instant;

use crate::producer::batch::Batch;
use crate::producer::protocol::Reply;

/// Most bytes of one reply; ours are far smaller.
const MAX_REPLY: usize = 64 << 20;

/// What a request asks for, with what has to be done when its answer comes or never comes.
pub enum Asked {
    Metadata,
    ProducerId,
    Produce(Vec<(usize, Batch)>),
}

pub struct Link {
    stream: TcpStream,
    out: Vec<u8>,
    sent: usize,
    read: Vec<u8>,
    next: i32,
    asked: VecDeque<(i32, Asked, Instant)>,
}

impl Link {
    pub fn new(stream: TcpStream) -> io::Result<Self> {
        stream.set_nonblocking(true)?;
        stream.set_nodelay(true)?;
        Ok(Self { stream, out: Vec::new(), sent: 0, read: Vec::new(), next: 0, asked: VecDeque::new() })
    }

    pub fn fd(&self) -> RawFd {
        self.stream.as_raw_fd()
    }

    /// Whether there is something that could not be sent yet.
    pub fn stuck(&self) -> bool {
        self.sent < self.out.len()
    }

    /// Requests under way that carry orders.
    pub fn producing(&self) -> usize {
        self.asked.iter().filter(|(_, asked, _)| matches!(asked, Asked::Produce(_))).count()
    }

    /// When the first of the answers has to be here.
    pub fn deadline(&self) -> Option<Instant> {
        self.asked.iter().map(|(_, _, until)| *until).min()
    }

    /// Ask; `request` makes the bytes from the request's number.
    pub fn ask(
        &mut self,
        asked: Asked,
        until: Instant,
        request: impl FnOnce(i32, &Asked) -> Vec<u8>,
    ) -> io::Result<()> {
        self.next = self.next.wrapping_add(1) & i32::MAX;
        let bytes = request(self.next, &asked);
        self.asked.push_back((self.next, asked, until));
        if self.stuck() {
            self.out.extend_from_slice(&bytes);
        } else {
            self.out = bytes;
            self.sent = 0;
        }
        self.write()
    }

    pub fn write(&mut self) -> io::Result<()> {
        while self.stuck() {
            match self.stream.write(&self.out[self.sent..]) {
                Ok(0) => return Err(ErrorKind::WriteZero.into()),
                Ok(count) => self.sent += count,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        self.out = Vec::new();
        self.sent = 0;
        Ok(())
    }

    /// The answers that are here, each with what was asked, and whether there can be more.
    pub fn answers(&mut self) -> (Vec<(Asked, Vec<u8>)>, io::Result<()>) {
        let end = self.read();
        let mut out = Vec::new();
        let mut at = 0;
        while let Some((head, body)) = self.read[at..].split_first_chunk::<4>() {
            let length = u32::from_be_bytes(*head) as usize;
            if length > MAX_REPLY {
                return (out, Err(io::Error::new(ErrorKind::InvalidData, "an answer that is no answer")));
            }
            let Some(answer) = body.get(..length) else { break };
            let mut reply = Reply(answer);
            if reply.i32() != self.asked.front().map(|(number, _, _)| *number) {
                return (out, Err(io::Error::new(ErrorKind::InvalidData, "an answer to another question")));
            }
            out.extend(self.asked.pop_front().map(|(_, asked, _)| (asked, reply.0.to_vec())));
            at += 4 + length;
        }
        self.read.drain(..at);
        (out, end)
    }

    fn read(&mut self) -> io::Result<()> {
        let mut chunk = [0; 16384];
        loop {
            match self.stream.read(&mut chunk) {
                Ok(0) => return Err(io::Error::new(ErrorKind::UnexpectedEof, "the broker closed the connection")),
                Ok(count) => self.read.extend_from_slice(&chunk[..count]),
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }

    /// What was asked and never will be answered.
    pub fn unanswered(self) -> impl Iterator<Item = Asked> {
        self.asked.into_iter().map(|(_, asked, _)| asked)
    }
}
