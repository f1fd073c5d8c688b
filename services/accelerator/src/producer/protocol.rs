//! The requests of Kafka's protocol that a producer needs, in any version that brokers may have.

use std::collections::HashMap;

use crate::kafka::metadata::{self, METADATA};
use crate::kafka::record_batch::{Compression, ProducerId};
use crate::kafka::versions::Spoken;
use crate::kafka::wire::{Api, RequestWriter, ResponseReader};
use crate::producer::batch::{PARTITION_BYTES, ProducerConfig};

/// Before version 3, batches have another format.
pub const PRODUCE: Spoken = Spoken::new(0, "Produce", 3, 12);
pub const INIT_PRODUCER_ID: Spoken = Spoken::new(22, "InitProducerId", 0, 4);
/// Brokers take zstd from here on (KIP-110).
const PRODUCE_ZSTD: i16 = 7;
/// The first versions with compact fields (KIP-482).
const COMPACT_PRODUCE: i16 = 9;
const COMPACT_INIT: i16 = 2;

/// What every broker must have for a producer with this configuration.
pub fn spoken(config: &ProducerConfig) -> Vec<Spoken> {
    let first = if config.compression == Compression::Zstd { PRODUCE_ZSTD } else { PRODUCE.first };
    let mut spoken = vec![METADATA, Spoken { first, ..PRODUCE }];
    if config.idempotent {
        spoken.push(INIT_PRODUCER_ID);
    }
    spoken
}

/// The brokers, and the leader of each partition of the topic.
pub struct Metadata {
    /// Id, host and port.
    pub brokers: Vec<(i32, String, u16)>,
    pub error: i16,
    /// By partition, -1 for none.
    pub leaders: Vec<i32>,
}

pub fn metadata_response(version: i16, response: &mut ResponseReader<'_>) -> Option<Metadata> {
    let metadata::Metadata { brokers, error, leaders: found, .. } = metadata::metadata_response(version, response)?;
    let mut leaders = vec![-1; found.len()];
    for (partition, leader) in found {
        *leaders.get_mut(usize::try_from(partition).ok()?)? = leader.id;
    }
    Some(Metadata { brokers, error, leaders })
}

pub fn init_producer_request(api: Api, correlation: i32, client: &str) -> Vec<u8> {
    let compact = api.1 >= COMPACT_INIT;
    let mut request = RequestWriter::of(api, compact, correlation, client);
    request.null_as(compact);
    request.i32(60_000);
    if api.1 >= 3 {
        request.i64(-1); // a new producer id
        request.i16(-1);
    }
    request.no_tags_as(compact);
    request.finish()
}

/// The error code and the producer id.
pub fn init_producer_response(version: i16, response: &mut ResponseReader<'_>) -> Option<(i16, ProducerId)> {
    let compact = version >= COMPACT_INIT;
    response.skip_tags_as(compact)?;
    response.i32()?;
    let found = (response.i16()?, ProducerId { id: response.i64()?, epoch: response.i16()? });
    response.skip_tags_as(compact)?;
    Some(found)
}

/// One encoded batch for each of these partitions.
pub fn produce_request<'a>(
    api: Api,
    correlation: i32,
    client: &str,
    topic: &str,
    acks: i16,
    wait_ms: i32,
    batches: impl ExactSizeIterator<Item = (usize, [&'a [u8]; 2])> + Clone,
) -> Vec<u8> {
    let compact = api.1 >= COMPACT_PRODUCE;
    let mut request = RequestWriter::of(api, compact, correlation, client);
    request.null_as(compact);
    request.i16(acks);
    request.i32(wait_ms);
    request.count_as(compact, 1);
    request.string_as(compact, topic);
    request.count_as(compact, batches.len());
    // At once: a vector that grows to many megabytes is copied again and again, into memory that is new each time.
    request.reserve(batches.clone().map(|(_, [a, b])| a.len() + b.len() + PARTITION_BYTES).sum());
    for (partition, batch) in batches {
        request.i32(partition as i32);
        request.joined_as(compact, batch);
        request.no_tags_as(compact);
    }
    request.no_tags_as(compact); // of the topic
    request.no_tags_as(compact);
    request.finish()
}

/// The error code of each batch by partition, from the response to a request with so many `batches`.
pub fn produce_response(
    version: i16,
    response: &mut ResponseReader<'_>,
    batches: usize,
) -> Option<HashMap<usize, i16>> {
    let compact = version >= COMPACT_PRODUCE;
    response.skip_tags_as(compact)?;
    let topics = response.array_as(compact, 1, |r| {
        r.string_as(compact)?;
        let codes = r.array_as(compact, batches, |p| batch_response(version, p))?;
        r.skip_tags_as(compact)?;
        Some(codes)
    })?;
    Some(topics.into_iter().flatten().collect())
}

fn batch_response(version: i16, p: &mut ResponseReader<'_>) -> Option<(usize, i16)> {
    let compact = version >= COMPACT_PRODUCE;
    let outcome = (usize::try_from(p.i32()?).ok()?, p.i16()?);
    p.i64()?; // its first offset
    p.i64()?; // when it was appended
    if version >= 5 {
        p.i64()?; // the log's start
    }
    if version >= 8 {
        for _ in 0..p.count_as(compact)? {
            p.i32()?; // which record
            p.string_as(compact)?;
            p.skip_tags_as(compact)?;
        }
        p.string_as(compact)?;
    }
    p.skip_tags_as(compact)?;
    Some(outcome)
}

#[cfg(test)]
mod tests;
