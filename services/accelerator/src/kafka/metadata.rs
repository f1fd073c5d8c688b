//! Which brokers a cluster has, and which of them lead the partitions of a topic.

use crate::kafka::versions::Spoken;
use crate::kafka::wire::{Api, RequestWriter, ResponseReader, Uuid};

/// Before version 4, asking for a topic may create it.
pub const METADATA: Spoken = Spoken::new(3, "Metadata", 4, 12);
/// Versions with compact fields (KIP-482).
const COMPACT: i16 = 9;
/// Topics have ids (KIP-516).
const WITH_IDS: i16 = 10;
pub const NO_UUID: Uuid = [0; 16];

/// The most brokers and partitions that are read.
pub const MAX_BROKERS: usize = 10_000;
pub const MAX_PARTITIONS: usize = 100_000;

/// A partition's leader, -1 for none, and the epoch in which it leads, -1 if unknown.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Leader {
    pub id: i32,
    pub epoch: i32,
}

pub struct Metadata {
    /// Id, host and port.
    pub brokers: Vec<(i32, String, u16)>,
    pub error: i16,
    /// NO_UUID if the cluster has none, or does not tell.
    pub topic_id: Uuid,
    pub leaders: Vec<(i32, Leader)>,
}

pub fn metadata_request(api: Api, correlation: i32, client: &str, topic: &str) -> Vec<u8> {
    let version = api.1;
    let compact = version >= COMPACT;
    let mut request = RequestWriter::of(api, compact, correlation, client);
    request.count_as(compact, 1);
    if version >= WITH_IDS {
        request.uuid(&NO_UUID);
    }
    request.string_as(compact, topic);
    request.no_tags_as(compact);
    request.i8(0); // the operator creates topics
    if (8..=10).contains(&version) {
        request.i8(0); // what we may do in the cluster
    }
    if version >= 8 {
        request.i8(0); // what we may do with the topic
    }
    request.no_tags_as(compact);
    request.finish()
}

pub fn metadata_response(version: i16, response: &mut ResponseReader<'_>) -> Option<Metadata> {
    let compact = version >= COMPACT;
    response.skip_tags_as(compact)?;
    response.i32()?;
    let brokers = response.array_as(compact, MAX_BROKERS, |r| {
        let broker = (r.i32()?, r.string_as(compact)?.to_string(), u16::try_from(r.i32()?).ok()?);
        r.string_as(compact)?;
        r.skip_tags_as(compact)?;
        Some(broker)
    })?;
    response.string_as(compact)?;
    response.i32()?;
    let topics = response.array_as(compact, 1, |r| {
        let error = r.i16()?;
        r.string_as(compact)?;
        let topic_id = if version >= WITH_IDS { r.uuid()? } else { NO_UUID };
        r.i8()?;
        let leaders = r.array_as(compact, MAX_PARTITIONS, |p| partition(version, p))?;
        if version >= 8 {
            r.i32()?;
        }
        r.skip_tags_as(compact)?;
        Some((error, topic_id, leaders))
    })?;
    if (8..=10).contains(&version) {
        response.i32()?;
    }
    response.skip_tags_as(compact)?;
    let (error, topic_id, leaders) = topics.into_iter().next()?;
    Some(Metadata { brokers, error, topic_id, leaders })
}

fn partition(version: i16, p: &mut ResponseReader<'_>) -> Option<(i32, Leader)> {
    let compact = version >= COMPACT;
    p.i16()?;
    let (number, id) = (p.i32()?, p.i32()?);
    let epoch = if version >= 7 { p.i32()? } else { -1 };
    for _ in 0..if version >= 5 { 3 } else { 2 } {
        p.skip_array_as(compact, size_of::<i32>())?; // replicas
    }
    p.skip_tags_as(compact)?;
    Some((number, Leader { id, epoch }))
}

#[cfg(test)]
mod tests;
