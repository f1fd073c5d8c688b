//! Fetch requests of Kafka's protocol and their answers.
//!
//! Version 12 tells of logs that have diverged (KIP-595), and 13 names topics by their ids.

use crate::consumer::protocol::{CONSUMER, READ_COMMITTED};
use crate::kafka::metadata::MAX_PARTITIONS;
use crate::kafka::versions::Spoken;
use crate::kafka::wire::{Api, RequestWriter, ResponseReader, Uuid};

pub const FETCH: Spoken = Spoken::new(1, "Fetch", 12, 13);
const FETCH_BY_NAME: Api = Api(1, 12);
pub const FETCH_BY_ID: Api = Api(1, 13);
const MAX_ABORTED: usize = 1_000_000;

/// What to fetch of a partition.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct FetchPartition {
    pub partition: i32,
    pub leader_epoch: i32,
    pub offset: i64,
    /// The leader epoch of the record before `offset`, -1 if unknown.
    pub last_epoch: i32,
}

/// A fetch request without the topic.
pub struct FetchRequest {
    /// The session's id and epoch.
    pub session: (i32, i32),
    pub partitions: Vec<FetchPartition>,
    /// Partitions that are no longer part of the session.
    pub forgotten: Vec<i32>,
}

/// The most that is fetched at once, and for how long a broker may wait for it.
#[derive(Clone)]
pub struct FetchLimits {
    pub wait_ms: i32,
    pub min_bytes: i32,
    pub max_bytes: i32,
    pub partition_bytes: i32,
    pub read_committed: bool,
    /// The consumer's rack, empty if it has none.
    pub rack: String,
}

/// The topic's name, and its id if it is to be named by that.
pub type Topic<'a> = (&'a str, Option<Uuid>);

pub fn fetch_request(
    correlation: i32,
    client: &str,
    topic: Topic<'_>,
    limits: &FetchLimits,
    what: &FetchRequest,
) -> Vec<u8> {
    let api = if topic.1.is_some() { FETCH_BY_ID } else { FETCH_BY_NAME };
    let mut request = RequestWriter::flexible(api, correlation, client);
    request.i32(CONSUMER);
    request.i32(limits.wait_ms);
    request.i32(limits.min_bytes);
    request.i32(limits.max_bytes);
    request.i8(if limits.read_committed { READ_COMMITTED } else { 0 });
    request.i32(what.session.0);
    request.i32(what.session.1);
    request.compact_count(usize::from(!what.partitions.is_empty()));
    if !what.partitions.is_empty() {
        write_topic(&mut request, topic);
        request.compact_count(what.partitions.len());
        for each in &what.partitions {
            request.i32(each.partition);
            request.i32(each.leader_epoch);
            request.i64(each.offset);
            request.i32(each.last_epoch);
            request.i64(-1);
            request.i32(limits.partition_bytes);
            request.no_tags();
        }
        request.no_tags();
    }
    request.compact_count(usize::from(!what.forgotten.is_empty()));
    if !what.forgotten.is_empty() {
        write_topic(&mut request, topic);
        request.compact_count(what.forgotten.len());
        what.forgotten.iter().for_each(|partition| request.i32(*partition));
        request.no_tags();
    }
    request.compact_string(&limits.rack);
    request.no_tags();
    request.finish()
}

fn write_topic(request: &mut RequestWriter, topic: Topic<'_>) {
    match topic.1 {
        Some(id) => request.uuid(&id),
        None => request.compact_string(topic.0),
    }
}

pub struct FetchResponse<'a> {
    pub throttle_ms: i32,
    pub error: i16,
    pub session: i32,
    pub partitions: Vec<FetchedPartition<'a>>,
}

pub struct FetchedPartition<'a> {
    pub partition: i32,
    pub error: i16,
    /// The end of what may be read.
    pub end: i64,
    /// Producer id and first offset of each aborted transaction.
    pub aborted: Vec<(i64, i64)>,
    /// The broker to read from instead, -1 for none.
    pub preferred_replica: i32,
    /// Record batches; the last one may be cut.
    pub records: &'a [u8],
    /// The last epoch that the leader's log has in common with us at most, and where it ends.
    pub diverging: Option<(i32, i64)>,
}

/// The partitions of other topics are left out.
pub fn fetch_response<'a>(
    response: &mut ResponseReader<'a>,
    topic: Topic<'_>,
    read_committed: bool,
) -> Option<FetchResponse<'a>> {
    response.skip_tags()?;
    let (throttle_ms, error, session) = (response.i32()?, response.i16()?, response.i32()?);
    let topics = response.compact_array(MAX_PARTITIONS, |r| {
        let ours = match topic.1 {
            Some(id) => r.uuid()? == id,
            None => r.compact_string()? == topic.0,
        };
        let partitions = r.compact_array(MAX_PARTITIONS, |p| fetched_partition(p, read_committed))?;
        r.skip_tags()?;
        Some(if ours { partitions } else { Vec::new() })
    })?;
    response.skip_tags()?;
    Some(FetchResponse { throttle_ms, error, session, partitions: topics.into_iter().flatten().collect() })
}

fn fetched_partition<'a>(p: &mut ResponseReader<'a>, read_committed: bool) -> Option<FetchedPartition<'a>> {
    let (partition, error) = (p.i32()?, p.i16()?);
    let (high_watermark, last_stable) = (p.i64()?, p.i64()?);
    p.i64()?; // the log's start
    let aborted = p.compact_array(MAX_ABORTED, |a| {
        let transaction = (a.i64()?, a.i64()?);
        a.skip_tags()?;
        Some(transaction)
    })?;
    let preferred_replica = p.i32()?;
    let records = p.compact_bytes()?;
    let mut diverging = None;
    p.tags(|tag, mut content| {
        if tag == 0 {
            diverging = Some((content.i32()?, content.i64()?));
        }
        Some(())
    })?;
    let end = if read_committed && last_stable >= 0 { last_stable } else { high_watermark };
    Some(FetchedPartition { partition, error, end, aborted, preferred_replica, records, diverging })
}
