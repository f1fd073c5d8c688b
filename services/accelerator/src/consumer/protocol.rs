//! The requests of Kafka's protocol that fetching needs besides fetches, in versions that brokers have from 2.8 to 4.

use crate::consumer::fetch::FETCH;
use crate::kafka::wire::{Api, RequestWriter, ResponseReader, Uuid};

pub const LIST_OFFSETS: Api = Api(2, 4);
pub const METADATA: Api = Api(3, 10);
pub const API_VERSIONS: Api = Api(18, 0);
pub const OFFSET_FOR_LEADER_EPOCH: Api = Api(23, 3);
/// Each broker must have these.
const REQUIRED: [Api; 4] = [FETCH, LIST_OFFSETS, METADATA, OFFSET_FOR_LEADER_EPOCH];
pub const NO_UUID: Uuid = [0; 16];

const MAX_APIS: usize = 1000;
const MAX_BROKERS: usize = 10_000;
pub const MAX_PARTITIONS: usize = 100_000;
/// Where replicas have their id.
pub const CONSUMER: i32 = -1;
const EARLIEST: i64 = -2;
pub const READ_COMMITTED: i8 = 1;

/// The versions that a broker has: of each API the first and the last.
pub struct Versions(Vec<(i16, i16, i16)>);

impl Versions {
    pub fn has(&self, api: Api) -> bool {
        self.0.iter().any(|(key, first, last)| *key == api.0 && (*first..=*last).contains(&api.1))
    }

    /// What is needed and not there, as key and version.
    pub fn lacks(&self) -> Option<Api> {
        REQUIRED.into_iter().find(|api| !self.has(*api))
    }
}

pub fn api_versions_request(correlation: i32, client: &str) -> Vec<u8> {
    RequestWriter::new(API_VERSIONS, correlation, client).finish()
}

pub fn api_versions_response(response: &mut ResponseReader<'_>) -> Option<Versions> {
    let error = response.i16()?;
    let versions = response.array(MAX_APIS, |r| Some((r.i16()?, r.i16()?, r.i16()?)))?;
    (error == 0).then_some(Versions(versions))
}

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
    /// NO_UUID if the cluster has none.
    pub topic_id: Uuid,
    pub leaders: Vec<(i32, Leader)>,
}

pub fn metadata_request(correlation: i32, client: &str, topic: &str) -> Vec<u8> {
    let mut request = RequestWriter::flexible(METADATA, correlation, client);
    request.compact_count(1);
    request.uuid(&NO_UUID);
    request.compact_string(topic);
    request.no_tags();
    request.i8(0); // the operator creates topics
    request.i8(0);
    request.i8(0);
    request.no_tags();
    request.finish()
}

pub fn metadata_response(response: &mut ResponseReader<'_>) -> Option<Metadata> {
    response.skip_tags()?;
    response.i32()?;
    let brokers = response.compact_array(MAX_BROKERS, |r| {
        let broker = (r.i32()?, r.compact_string()?.to_string(), u16::try_from(r.i32()?).ok()?);
        r.compact_string()?;
        r.skip_tags()?;
        Some(broker)
    })?;
    response.compact_string()?;
    response.i32()?;
    let topics = response.compact_array(1, |r| {
        let error = r.i16()?;
        r.compact_string()?;
        let topic_id = r.uuid()?;
        r.i8()?;
        let leaders = r.compact_array(MAX_PARTITIONS, |p| {
            p.i16()?;
            let leader = (p.i32()?, Leader { id: p.i32()?, epoch: p.i32()? });
            for _ in 0..3 {
                p.skip_compact_array(size_of::<i32>())?; // replicas
            }
            p.skip_tags()?;
            Some(leader)
        })?;
        r.i32()?;
        r.skip_tags()?;
        Some((error, topic_id, leaders))
    })?;
    response.i32()?;
    response.skip_tags()?;
    let (error, topic_id, leaders) = topics.into_iter().next()?;
    Some(Metadata { brokers, error, topic_id, leaders })
}

/// Ask for the end of an epoch: by partition, the epoch of its leader, and the epoch asked for.
pub fn epoch_end_request(correlation: i32, client: &str, topic: &str, asked: &[(i32, i32, i32)]) -> Vec<u8> {
    let mut request = RequestWriter::new(OFFSET_FOR_LEADER_EPOCH, correlation, client);
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
    let mut request = RequestWriter::new(LIST_OFFSETS, correlation, client);
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
