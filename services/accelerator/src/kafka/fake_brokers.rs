//! Brokers on loopback for tests, which answer as the test says.

use std::collections::HashMap;
use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::os::fd::AsRawFd;
use std::sync::{Arc, Mutex};

use crate::kafka::wire::{RequestWriter, Uuid};
use crate::lock::lock;

/// A request, `body` without its length.
pub struct Call {
    pub broker: i32,
    /// Counts the broker's connections, from 1.
    pub connection: usize,
    pub body: Vec<u8>,
}

impl Call {
    pub fn api(&self) -> i16 {
        i16::from_be_bytes([self.body[0], self.body[1]])
    }

    pub fn version(&self) -> i16 {
        i16::from_be_bytes([self.body[2], self.body[3]])
    }
}

/// What a broker does with a request. Answers come without their length and correlation id.
pub enum Reaction {
    Answer(Vec<u8>),
    /// Answer and reset the connection.
    AnswerAndReset(Vec<u8>),
    Reset,
    Silence,
}

type Answer = dyn Fn(&Call) -> Reaction + Send + Sync;

/// Brokers 0, 1, …
pub struct Brokers {
    ports: Vec<u16>,
    /// By broker, how many connections there were.
    connections: Mutex<HashMap<i32, usize>>,
}

impl Brokers {
    /// So many brokers. `answer` is made from their ports.
    pub fn start<A>(count: usize, answer: impl FnOnce(&[u16]) -> A) -> Arc<Self>
    where
        A: Fn(&Call) -> Reaction + Send + Sync + 'static,
    {
        let listeners: Vec<_> = (0..count).map(|_| TcpListener::bind("127.0.0.1:0").unwrap()).collect();
        let ports: Vec<_> = listeners.iter().map(|listener| listener.local_addr().unwrap().port()).collect();
        let answer: Arc<Answer> = Arc::new(answer(&ports));
        let brokers = Arc::new(Self { ports, connections: Mutex::default() });
        for (id, listener) in (0..).zip(listeners) {
            let (brokers, answer) = (brokers.clone(), answer.clone());
            std::thread::spawn(move || {
                while let Ok((stream, _)) = listener.accept() {
                    let mut connections = lock(&brokers.connections);
                    let count = connections.entry(id).or_default();
                    *count += 1;
                    let (answer, connection) = (answer.clone(), *count);
                    std::thread::spawn(move || serve(id, connection, stream, &*answer));
                }
            });
        }
        brokers
    }

    pub fn bootstrap(&self) -> Vec<String> {
        self.ports.iter().map(|port| format!("127.0.0.1:{port}")).collect()
    }

    pub fn ports(&self) -> &[u16] {
        &self.ports
    }

    pub fn connections(&self, broker: i32) -> usize {
        lock(&self.connections).get(&broker).copied().unwrap_or(0)
    }
}

fn serve(broker: i32, connection: usize, mut stream: TcpStream, answer: &Answer) -> Option<()> {
    loop {
        let mut length = [0; 4];
        stream.read_exact(&mut length).ok()?;
        let mut body = vec![0; u32::from_be_bytes(length) as usize];
        stream.read_exact(&mut body).ok()?;
        let call = Call { broker, connection, body };
        let (answer, reset) = match answer(&call) {
            Reaction::Answer(answer) => (Some(answer), false),
            Reaction::AnswerAndReset(answer) => (Some(answer), true),
            Reaction::Reset => (None, true),
            Reaction::Silence => (None, false),
        };
        if let Some(answer) = answer {
            let length = (answer.len() as u32 + 4).to_be_bytes();
            stream.write_all(&[&length, &call.body[4..8], &answer].concat()).ok()?;
        }
        if reset {
            // Closing with a linger time of 0 resets, so that the client's next write fails.
            let linger = libc::linger { l_onoff: 1, l_linger: 0 };
            let size = size_of::<libc::linger>() as libc::socklen_t;
            // SAFETY: the option's value lives during the call.
            unsafe {
                libc::setsockopt(
                    stream.as_raw_fd(),
                    libc::SOL_SOCKET,
                    libc::SO_LINGER,
                    (&raw const linger).cast(),
                    size,
                )
            };
            std::thread::sleep(std::time::Duration::from_millis(30)); // what was answered has been read
            return stream.shutdown(Shutdown::Read).ok();
        }
    }
}

/// The answer to a question for versions: of each request its key, its first and its last version.
pub fn versions(offered: &[(i16, i16, i16)]) -> Vec<u8> {
    let mut out = RequestWriter::body();
    out.i16(0);
    out.i32(offered.len() as i32);
    for (key, first, last) in offered {
        out.i16(*key);
        out.i16(*first);
        out.i16(*last);
    }
    out.into_body()
}

/// The answer to a metadata request of a version: brokers 0, 1, … at these ports, and partition, leader and epoch of the
/// topic.
pub fn metadata(version: i16, ports: &[u16], partitions: &[(i32, i32, i32)], topic_id: Uuid) -> Vec<u8> {
    let compact = version >= 9;
    let mut out = RequestWriter::body();
    out.no_tags_as(compact);
    out.i32(0); // throttle time
    out.count_as(compact, ports.len());
    for (id, port) in (0..).zip(ports) {
        out.i32(id);
        out.string_as(compact, "127.0.0.1");
        out.i32((*port).into());
        out.null_as(compact); // rack
        out.no_tags_as(compact);
    }
    out.null_as(compact); // cluster id
    out.i32(0); // controller
    out.count_as(compact, 1);
    out.i16(0);
    out.string_as(compact, "t");
    if version >= 10 {
        out.uuid(&topic_id);
    }
    out.i8(0);
    out.count_as(compact, partitions.len());
    for (partition, leader, epoch) in partitions {
        out.i16(0);
        out.i32(*partition);
        out.i32(*leader);
        if version >= 7 {
            out.i32(*epoch);
        }
        for _ in 0..if version >= 5 { 3 } else { 2 } {
            out.count_as(compact, 1);
            out.i32(*leader);
        }
        out.no_tags_as(compact);
    }
    if version >= 8 {
        out.i32(0);
    }
    out.no_tags_as(compact);
    if (8..=10).contains(&version) {
        out.i32(0);
    }
    out.no_tags_as(compact);
    out.into_body()
}

/// The answer to a request for a SASL mechanism, with those that the broker has.
pub fn sasl_handshake(error: i16, mechanisms: &[&str]) -> Vec<u8> {
    let mut out = RequestWriter::body();
    out.i16(error);
    out.i32(mechanisms.len() as i32);
    mechanisms.iter().for_each(|name| out.string(name));
    out.into_body()
}

/// The answer to a message of SASL, with the session's lifetime in milliseconds.
pub fn sasl_outcome(error: i16, text: &str, message: &[u8], lifetime: i32) -> Vec<u8> {
    let mut out = RequestWriter::body();
    out.i16(error);
    if text.is_empty() {
        out.null()
    } else {
        out.string(text)
    }
    out.bytes(message);
    out.i32(lifetime >> 31);
    out.i32(lifetime);
    out.into_body()
}
