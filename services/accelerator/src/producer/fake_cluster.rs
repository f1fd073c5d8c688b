//! A cluster on loopback for tests: its brokers answer the producer's three requests, or as the test says.

use std::sync::{Arc, Mutex};

use crate::kafka::authentication::{SASL_AUTHENTICATE, SASL_HANDSHAKE};
use crate::kafka::fake_brokers::{Brokers, Call, Reaction, sasl_handshake, sasl_outcome};
use crate::kafka::wire::RequestWriter;
use crate::lock::lock;
use crate::producer::protocol::{INIT_PRODUCER_ID, METADATA, PRODUCE};

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

pub struct Cluster;

impl Cluster {
    /// With a broker 0, 1, … for each of the leaders' ids, by partition. The script says what a broker does with a
    /// request, None for the usual answer.
    pub fn start(leaders: &[i32], script: impl FnMut(&Received) -> Option<Reaction> + Send + 'static) -> Arc<Brokers> {
        let count = leaders.iter().max().unwrap() + 1;
        let partitions: Vec<_> = (0..).zip(leaders.iter().copied()).collect();
        let script = Mutex::new(script);
        Brokers::start(count as usize, |ports| {
            let ports = ports.to_vec();
            move |call: &Call| {
                let received = received(call);
                let scripted = lock(&script)(&received);
                scripted.unwrap_or_else(|| Reaction::Answer(usual(&received, &ports, &partitions)))
            }
        })
    }
}

fn usual(received: &Received, ports: &[u16], partitions: &[(i32, i32)]) -> Vec<u8> {
    match received.api {
        api if api == METADATA.0 => metadata(ports, partitions),
        api if api == INIT_PRODUCER_ID.0 => producer_id(0),
        api if api == SASL_HANDSHAKE.0 => sasl_handshake(0, &[]),
        api if api == SASL_AUTHENTICATE.0 => sasl_outcome(0, "", b"", 0),
        _ => produced(received, 0),
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

fn received(call: &Call) -> Received {
    let body = &call.body;
    let number = |at: usize, bytes: usize| body[at..at + bytes].iter().fold(0, |all, byte| all << 8 | *byte as usize);
    let api = call.api();
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
    let (broker, connection) = (call.broker, call.connection);
    Received { broker, connection, api, size: body.len(), body: body.clone(), batches }
}
