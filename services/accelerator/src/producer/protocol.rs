//! The three requests of Kafka's protocol that a producer needs, in versions that brokers support from 2.4 on.

use std::collections::HashMap;

use crate::kafka::record_batch::ProducerId;
use crate::kafka::wire::{Api, RequestWriter, ResponseReader};

pub const PRODUCE: Api = Api(0, 8);
pub const METADATA: Api = Api(3, 7);
pub const INIT_PRODUCER_ID: Api = Api(22, 1);

/// The most brokers and partitions that are read.
const MAX_BROKERS: usize = 10_000;
const MAX_PARTITIONS: usize = 100_000;

/// The brokers, and the leader of each partition of the topic.
pub struct Metadata {
    /// Id, host and port.
    pub brokers: Vec<(i32, String, u16)>,
    pub error: i16,
    /// By partition, -1 for none.
    pub leaders: Vec<i32>,
}

pub fn metadata_request(correlation: i32, client: &str, topic: &str) -> Vec<u8> {
    let mut request = RequestWriter::new(METADATA, correlation, client);
    request.i32(1);
    request.string(topic);
    request.i8(0); // the operator creates topics
    request.finish()
}

pub fn metadata_response(response: &mut ResponseReader<'_>) -> Option<Metadata> {
    response.i32()?;
    let brokers = response.array(MAX_BROKERS, |r| {
        let broker = (r.i32()?, r.string()?.to_string(), u16::try_from(r.i32()?).ok()?);
        r.string()?;
        Some(broker)
    })?;
    response.string()?;
    response.i32()?;
    let topics = response.array(1, |r| {
        let error = r.i16()?;
        r.string()?;
        r.i8()?;
        let partitions = r.array(MAX_PARTITIONS, |p| {
            p.i16()?;
            let place = (p.i32()?, p.i32()?);
            p.i32()?;
            for _ in 0..3 {
                p.skip_array(size_of::<i32>())?; // replicas
            }
            Some(place)
        })?;
        Some((error, partitions))
    })?;
    let (error, partitions) = topics.into_iter().next()?;
    let mut leaders = vec![-1; partitions.len()];
    for (partition, leader) in partitions {
        *leaders.get_mut(usize::try_from(partition).ok()?)? = leader;
    }
    Some(Metadata { brokers, error, leaders })
}

pub fn init_producer_request(correlation: i32, client: &str) -> Vec<u8> {
    let mut request = RequestWriter::new(INIT_PRODUCER_ID, correlation, client);
    request.null();
    request.i32(60_000);
    request.finish()
}

/// The error code and the producer id.
pub fn init_producer_response(response: &mut ResponseReader<'_>) -> Option<(i16, ProducerId)> {
    response.i32()?;
    Some((response.i16()?, ProducerId { id: response.i64()?, epoch: response.i16()? }))
}

/// One encoded batch for each of these partitions.
pub fn produce_request<'a>(
    correlation: i32,
    client: &str,
    topic: &str,
    acks: i16,
    wait_ms: i32,
    batches: impl ExactSizeIterator<Item = (usize, &'a [u8])>,
) -> Vec<u8> {
    let mut request = RequestWriter::new(PRODUCE, correlation, client);
    request.null();
    request.i16(acks);
    request.i32(wait_ms);
    request.i32(1);
    request.string(topic);
    request.i32(batches.len() as i32);
    for (partition, batch) in batches {
        request.i32(partition as i32);
        request.bytes(batch);
    }
    request.finish()
}

/// The error code of each batch by partition, from the response to a request with so many `batches`.
pub fn produce_response(response: &mut ResponseReader<'_>, batches: usize) -> Option<HashMap<usize, i16>> {
    let topics = response.array(1, |r| {
        r.string()?;
        r.array(batches, |p| {
            let outcome = (usize::try_from(p.i32()?).ok()?, p.i16()?);
            for _ in 0..3 {
                p.i64()?;
            }
            for _ in 0..p.count()? {
                p.i32()?; // which record
                p.string()?;
            }
            p.string()?;
            Some(outcome)
        })
    })?;
    Some(topics.into_iter().flatten().collect())
}

#[cfg(test)]
mod tests;
