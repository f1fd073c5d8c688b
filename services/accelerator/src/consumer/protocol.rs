//! The requests of Kafka's protocol that fetching needs besides fetches, in versions that brokers have from 2.8 to 4.

use crate::consumer::fetch::FETCH;
use crate::kafka::metadata::MAX_PARTITIONS;
use crate::kafka::versions::Spoken;
use crate::kafka::wire::{RequestWriter, ResponseReader};

pub const LIST_OFFSETS: Spoken = Spoken::new(2, "ListOffsets", 4, 4);
/// Topics have ids from version 10 on.
pub const METADATA: Spoken = Spoken { first: 10, ..crate::kafka::metadata::METADATA };
pub const OFFSET_FOR_LEADER_EPOCH: Spoken = Spoken::new(23, "OffsetForLeaderEpoch", 3, 3);
/// What every broker must have.
pub const SPOKEN: [Spoken; 4] = [FETCH, LIST_OFFSETS, METADATA, OFFSET_FOR_LEADER_EPOCH];

/// Where replicas have their id.
pub const CONSUMER: i32 = -1;
const EARLIEST: i64 = -2;
pub const READ_COMMITTED: i8 = 1;

/// Ask for the end of an epoch: by partition, the epoch of its leader, and the epoch asked for.
pub fn epoch_end_request(correlation: i32, client: &str, topic: &str, asked: &[(i32, i32, i32)]) -> Vec<u8> {
    let mut request = RequestWriter::new(OFFSET_FOR_LEADER_EPOCH.newest(), correlation, client);
    request.i32(CONSUMER);
    request.i32(1);
    request.string(topic);
    request.i32(asked.len() as i32);
    for (partition, leader_epoch, epoch) in asked {
        request.i32(*partition);
        request.i32(*leader_epoch);
        request.i32(*epoch);
    }
    request.finish()
}

/// One partition's answer.
#[derive(Debug, PartialEq)]
pub struct OffsetAnswer {
    pub partition: i32,
    pub error: i16,
    /// -1 if unknown.
    pub epoch: i32,
    /// -1 if unknown.
    pub offset: i64,
}

/// The largest epoch that is not above the one asked for, and where it ends.
pub fn epoch_end_response(response: &mut ResponseReader<'_>) -> Option<Vec<OffsetAnswer>> {
    response.i32()?;
    let topics = response.array(1, |r| {
        r.string()?;
        r.array(MAX_PARTITIONS, |p| {
            let (error, partition) = (p.i16()?, p.i32()?);
            Some(OffsetAnswer { partition, error, epoch: p.i32()?, offset: p.i64()? })
        })
    })?;
    Some(topics.into_iter().flatten().collect())
}

/// Ask for the first offset that the log has: by partition, the epoch of its leader.
pub fn earliest_request(correlation: i32, client: &str, topic: &str, asked: &[(i32, i32)]) -> Vec<u8> {
    let mut request = RequestWriter::new(LIST_OFFSETS.newest(), correlation, client);
    request.i32(CONSUMER);
    request.i8(READ_COMMITTED);
    request.i32(1);
    request.string(topic);
    request.i32(asked.len() as i32);
    for (partition, leader_epoch) in asked {
        request.i32(*partition);
        request.i32(*leader_epoch);
        request.i64(EARLIEST);
    }
    request.finish()
}

pub fn earliest_response(response: &mut ResponseReader<'_>) -> Option<Vec<OffsetAnswer>> {
    response.i32()?;
    let topics = response.array(1, |r| {
        r.string()?;
        r.array(MAX_PARTITIONS, |p| {
            let (partition, error) = (p.i32()?, p.i16()?);
            p.i64()?; // its timestamp
            Some(OffsetAnswer { partition, error, offset: p.i64()?, epoch: p.i32()? })
        })
    })?;
    Some(topics.into_iter().flatten().collect())
}

#[cfg(test)]
mod tests;
