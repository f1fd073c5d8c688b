//! Brokers on loopback for tests: they answer the producer's three requests, or as the test says.

use std::collections::HashMap;
use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::os::fd::AsRawFd;
use std::sync::{Arc, Mutex};

use crate::producer::authentication::{SASL_AUTHENTICATE, SASL_HANDSHAKE};
use crate::producer::protocol::{Api, INIT_PRODUCER_ID, METADATA, PRODUCE, RequestWriter};
use crate::producer::shared::lock;

pub struct Received {
    pub broker: i32,
    /// Counts the broker's connections, from 1.
    pub connection: usize,
    pub api: i16,
    /// The length of the whole request.
    pub size: usize,
    pub body: Vec<u8>,
    /// Of a produce request: partition and encoded batch.
    pub batches: Vec<(i32, Vec<u8>)>,
}

/// What a broker does with a request. Answers come without their length and correlation id.
pub enum Reaction {
    Answer(Vec<u8>),
    /// Answer and reset the connection.
    AnswerAndReset(Vec<u8>),
    Reset,
    Silence,
}

/// What the test says about a request; None for the usual answer.
type Script = Box<dyn FnMut(&Received) -> Option<Reaction> + Send>;

pub struct Cluster {
    ports: Vec<u16>,
    /// By partition.
    leaders: Vec<i32>,
    script: Mutex<Script>,
    /// By broker, how many connections there were.
    connections: Mutex<HashMap<i32, usize>>,
}

impl Cluster {
    /// With a broker 0, 1, … for each of the leaders' ids.
    pub fn start(leaders: &[i32], script: impl FnMut(&Received) -> Option<Reaction> + Send + 'static) -> Arc<Self> {
        let count = leaders.iter().max().unwrap() + 1;
        let listeners: Vec<_> = (0..count).map(|_| TcpListener::bind("127.0.0.1:0").unwrap()).collect();
        let cluster = Arc::new(Self {
            ports: listeners.iter().map(|listener| listener.local_addr().unwrap().port()).collect(),
            leaders: leaders.to_vec(),
            script: Mutex::new(Box::new(script)),
            connections: Mutex::default(),
        });
        for (id, listener) in listeners.into_iter().enumerate() {
            let cluster = cluster.clone();
            std::thread::spawn(move || {
                while let Ok((stream, _)) = listener.accept() {
                    let mut connections = lock(&cluster.connections);
                    let count = connections.entry(id as i32).or_default();
                    *count += 1;
                    let (cluster, connection) = (cluster.clone(), *count);
                    std::thread::spawn(move || cluster.serve(id as i32, connection, stream));
                }
            });
        }
        cluster
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

    fn serve(&self, broker: i32, connection: usize, mut stream: TcpStream) -> Option<()> {
        loop {
            let mut length = [0; 4];
            stream.read_exact(&mut length).ok()?;
            let mut body = vec![0; u32::from_be_bytes(length) as usize];
            stream.read_exact(&mut body).ok()?;
            let received = received(broker, connection, &body);
            let scripted = lock(&self.script)(&received);
            let (answer, reset) = match scripted.unwrap_or_else(|| Reaction::Answer(self.usual(&received))) {
                Reaction::Answer(answer) => (Some(answer), false),
                Reaction::AnswerAndReset(answer) => (Some(answer), true),
                Reaction::Reset => (None, true),
                Reaction::Silence => (None, false),
            };
            if let Some(answer) = answer {
                let length = (answer.len() as u32 + 4).to_be_bytes();
                stream.write_all(&[&length, &body[4..8], &answer].concat()).ok()?;
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

    fn usual(&self, received: &Received) -> Vec<u8> {
        match Api(received.api, 0).0 {
            api if api == METADATA.0 => {
                let leaders: Vec<_> = self.leaders.iter().copied().zip(0..).map(|(leader, at)| (at, leader)).collect();
                metadata(&self.ports, &leaders)
            }
            api if api == INIT_PRODUCER_ID.0 => producer_id(0),
            api if api == SASL_HANDSHAKE.0 => sasl_handshake(0, &[]),
            api if api == SASL_AUTHENTICATE.0 => sasl_outcome(0, "", b"", 0),
            _ => produced(received, 0),
        }
    }
}

/// The answer to a metadata request: brokers 0, 1, … at these ports, and (partition, leader) of the topic.
pub fn metadata(ports: &[u16], partitions: &[(i32, i32)]) -> Vec<u8> {
    let mut out = RequestWriter::body();
    out.i32(0); // throttle time
    out.i32(ports.len() as i32);
    for (id, port) in (0..).zip(ports) {
        out.i32(id);
        out.string("127.0.0.1");
        out.i32((*port).into());
        out.null(); // rack
    }
    out.null(); // cluster id
    out.i32(0); // controller
    out.i32(1); // topics
    out.i16(0);
    out.string("t");
    out.i8(0);
    out.i32(partitions.len() as i32);
    for (partition, leader) in partitions {
        out.i16(0);
        out.i32(*partition);
        out.i32(*leader);
        out.i32(0); // leader epoch
        for _ in 0..3 {
            out.i32(1);
            out.i32(*leader);
        }
    }
    out.into_body()
}

/// The answer to a metadata request for a topic that the broker leaves out.
pub fn metadata_without_topic() -> Vec<u8> {
    let mut out = metadata(&[], &[]);
    let topics = out.len() - (4 + 2 + 3 + 1 + 4);
    out.truncate(topics);
    out.extend_from_slice(&[0; 4]);
    out
}

/// The answer to a request for a producer id.
pub fn producer_id(error: i16) -> Vec<u8> {
    let mut out = RequestWriter::body();
    out.i32(0); // throttle time
    out.i16(error);
    let (id, epoch): (i64, i16) = if error == 0 { (7, 0) } else { (-1, -1) };
    out.i32((id >> 32) as i32);
    out.i32(id as i32);
    out.i16(epoch);
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

/// The answer to a produce request, with the same error code for all batches.
pub fn produced(received: &Received, error: i16) -> Vec<u8> {
    produced_each(&received.batches.iter().map(|(partition, _)| (*partition, error)).collect::<Vec<_>>())
}

/// The answer to a produce request, with the error code of each partition's batch.
pub fn produced_each(codes: &[(i32, i16)]) -> Vec<u8> {
    let mut out = RequestWriter::body();
    out.i32(1);
    out.string("t");
    out.i32(codes.len() as i32);
    for (partition, error) in codes {
        out.i32(*partition);
        out.i16(*error);
        (0..6).for_each(|_| out.i32(0)); // base offset, append time, log start offset
        out.i32(0); // record errors
        out.null(); // message
    }
    out.i32(0); // throttle time
    out.into_body()
}

fn received(broker: i32, connection: usize, body: &[u8]) -> Received {
    let number = |at: usize, bytes: usize| body[at..at + bytes].iter().fold(0, |all, byte| all << 8 | *byte as usize);
    let api = number(0, 2) as i16;
    let mut batches = Vec::new();
    if api == PRODUCE.0 {
        let mut at = 10 + number(8, 2) + 2 + 2 + 4 + 4; // client id, transactional id, acks, timeout, topics
        at += 2 + number(at, 2);
        let count = number(at, 4);
        at += 4;
        for _ in 0..count {
            let size = number(at + 4, 4);
            batches.push((number(at, 4) as i32, body[at + 8..at + 8 + size].to_vec()));
            at += 8 + size;
        }
    }
    Received { broker, connection, api, size: body.len(), body: body.to_vec(), batches }
}
