//! A cluster on loopback for tests: its brokers answer the producer's requests, or as the test says.

use std::sync::{Arc, Mutex};

use crate::kafka::authentication::{SASL_AUTHENTICATE, SASL_HANDSHAKE};
use crate::kafka::fake_brokers::{self, Brokers, Call, Reaction, sasl_handshake, sasl_outcome, versions};
use crate::kafka::metadata::{METADATA, NO_UUID};
use crate::kafka::versions::API_VERSIONS;
use crate::kafka::wire::{RequestWriter, ResponseReader};
use crate::lock::lock;
use crate::producer::protocol::{INIT_PRODUCER_ID, PRODUCE};

/// What brokers offer unless the test says otherwise.
const OFFERED: [(i16, i16, i16); 3] =
    [(PRODUCE.key, PRODUCE.first, 8), (METADATA.key, METADATA.first, 7), (INIT_PRODUCER_ID.key, 0, 1)];

pub struct Received {
    pub broker: i32,
    /// Counts the broker's connections, from 1.
    pub connection: usize,
    pub api: i16,
    pub version: i16,
    /// The length of the whole request.
    pub size: usize,
    pub body: Vec<u8>,
    /// Of a produce request: partition and encoded batch.
    pub batches: Vec<(i32, Vec<u8>)>,
}

pub struct Cluster;

impl Cluster {
    /// With a broker 0, 1, … for each of the leaders' ids, by partition. The script says what a broker does with a
    /// request, None for the usual answer. These are of the versions that `metadata` and the others below make.
    pub fn start(leaders: &[i32], script: impl FnMut(&Received) -> Option<Reaction> + Send + 'static) -> Arc<Brokers> {
        Self::offering(OFFERED, leaders, script)
    }

    /// With brokers that offer these versions: of each request its key, the first and the last.
    pub fn offering(
        offered: [(i16, i16, i16); 3],
        leaders: &[i32],
        script: impl FnMut(&Received) -> Option<Reaction> + Send + 'static,
    ) -> Arc<Brokers> {
        let count = leaders.iter().max().unwrap() + 1;
        let partitions: Vec<_> = (0..).zip(leaders.iter().copied()).collect();
        let script = Mutex::new(script);
        Brokers::start(count as usize, |ports| {
            let ports = ports.to_vec();
            move |call: &Call| {
                let received = received(call);
                let scripted = lock(&script)(&received);
                scripted.unwrap_or_else(|| Reaction::Answer(usual(&received, &offered, &ports, &partitions)))
            }
        })
    }
}

fn usual(received: &Received, offered: &[(i16, i16, i16)], ports: &[u16], partitions: &[(i32, i32)]) -> Vec<u8> {
    let version = received.version;
    match received.api {
        api if api == API_VERSIONS.key => {
            let sasl = [SASL_HANDSHAKE, SASL_AUTHENTICATE].map(|each| (each.key, each.first, each.last));
            versions(&[offered, &sasl].concat())
        }
        api if api == METADATA.key => metadata_in(version, ports, partitions),
        api if api == INIT_PRODUCER_ID.key => producer_id_in(version, 0),
        api if api == SASL_HANDSHAKE.key => sasl_handshake(0, &[]),
        api if api == SASL_AUTHENTICATE.key => sasl_outcome(0, "", b"", 0),
        _ => produced(received, 0),
    }
}

/// The answer to a metadata request: brokers 0, 1, … at these ports, and (partition, leader) of the topic.
pub fn metadata(ports: &[u16], partitions: &[(i32, i32)]) -> Vec<u8> {
    metadata_in(7, ports, partitions)
}

fn metadata_in(version: i16, ports: &[u16], partitions: &[(i32, i32)]) -> Vec<u8> {
    let partitions: Vec<_> = partitions.iter().map(|(partition, leader)| (*partition, *leader, 0)).collect();
    fake_brokers::metadata(version, ports, &partitions, NO_UUID)
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
    producer_id_in(1, error)
}

fn producer_id_in(version: i16, error: i16) -> Vec<u8> {
    let compact = version >= 2;
    let mut out = RequestWriter::body();
    out.no_tags_as(compact);
    out.i32(0); // throttle time
    out.i16(error);
    let (id, epoch): (i64, i16) = if error == 0 { (7, 0) } else { (-1, -1) };
    out.i32((id >> 32) as i32);
    out.i32(id as i32);
    out.i16(epoch);
    out.no_tags_as(compact);
    out.into_body()
}

/// The answer to a produce request, with the same error code for all batches.
pub fn produced(received: &Received, error: i16) -> Vec<u8> {
    let codes: Vec<_> = received.batches.iter().map(|(partition, _)| (*partition, error)).collect();
    produced_in(received.version, &codes)
}

/// The answer to a produce request, with the error code of each partition's batch.
pub fn produced_each(codes: &[(i32, i16)]) -> Vec<u8> {
    produced_in(8, codes)
}

pub fn produced_in(version: i16, codes: &[(i32, i16)]) -> Vec<u8> {
    let compact = version >= 9;
    let mut out = RequestWriter::body();
    out.no_tags_as(compact);
    out.count_as(compact, 1);
    out.string_as(compact, "t");
    out.count_as(compact, codes.len());
    for (partition, error) in codes {
        out.i32(*partition);
        out.i16(*error);
        out.i64(0); // base offset
        out.i64(0); // append time
        if version >= 5 {
            out.i64(0); // log start offset
        }
        if version >= 8 {
            out.count_as(compact, 0); // record errors
            out.null_as(compact); // message
        }
        out.no_tags_as(compact);
    }
    out.no_tags_as(compact); // of the topic
    out.i32(0); // throttle time
    out.no_tags_as(compact);
    out.into_body()
}

fn received(call: &Call) -> Received {
    let (api, version) = (call.api(), call.version());
    let batches = if api == PRODUCE.key { batches(version, &call.body) } else { Vec::new() };
    let (broker, connection, body) = (call.broker, call.connection, call.body.clone());
    Received { broker, connection, api, version, size: body.len(), body, batches }
}

/// Partition and encoded batch of each that a produce request carries.
fn batches(version: i16, body: &[u8]) -> Vec<(i32, Vec<u8>)> {
    let compact = version >= 9;
    let mut request = ResponseReader::new(&body[8..]);
    request.string(); // client id
    request.skip_tags_as(compact);
    request.string_as(compact); // transactional id
    request.i16(); // acks
    request.i32(); // timeout
    let topics = request.array_as(compact, 1, |r| {
        r.string_as(compact)?;
        r.array_as(compact, 1000, |p| {
            let batch = (p.i32()?, if compact { p.compact_bytes()? } else { p.bytes()? }.to_vec());
            p.skip_tags_as(compact)?;
            Some(batch)
        })
    });
    topics.unwrap().remove(0)
}
