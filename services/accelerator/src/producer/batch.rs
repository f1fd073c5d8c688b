//! A batch of records of one partition, and the settings that batches are sent with.

use std::time::{Duration, Instant};

use crate::kafka::record_batch::{self, Compression, Compressor, HEADER_BYTES, Sequence};

/// Bytes of a request for a partition besides its batch: its number and the batch's length.
pub const PARTITION_BYTES: usize = 8;

/// How to send. Sizes are in bytes.
#[derive(Clone)]
pub struct ProducerConfig {
    pub batch_bytes: usize,
    /// The most that one request holds, unless a single batch is larger.
    pub request_bytes: usize,
    /// The most that all batches may hold together.
    pub buffer_bytes: usize,
    pub linger: Duration,
    pub delivery_timeout: Duration,
    pub compression: Compression,
    /// As Kafka encodes it: -1 for all in-sync replicas.
    pub acks: i16,
    pub idempotent: bool,
    /// The most requests in flight to one broker, and the most batches of one partition.
    pub max_in_flight: usize,
}

/// Records of one partition that go to Kafka together.
pub struct Batch {
    pub records: Vec<u8>,
    pub base_ms: i64,
    pub max_ms: i64,
    pub created: Instant,
    /// Consecutive records of one request: its slot in the in-flight table, and how many records.
    pub runs: Vec<(u32, u32)>,
    /// Each record's position within its request.
    pub positions: Vec<u32>,
    /// The batch in Kafka's format, made when it is first sent; only its header if `records` follow as they are.
    pub(super) encoded: Vec<u8>,
    /// The producer id it is sent with and the sequence number of its first record, `Sequence::NONE` before it has one.
    pub sequence: Sequence,
    /// Whether the log may hold this batch although no broker has confirmed it.
    pub outcome_unknown: bool,
    pub attempts: u32,
}

impl Batch {
    pub fn new(created: Instant, created_ms: i64) -> Self {
        Self {
            records: Vec::new(),
            base_ms: created_ms,
            max_ms: created_ms,
            created,
            runs: Vec::new(),
            positions: Vec::new(),
            encoded: Vec::new(),
            sequence: Sequence::NONE,
            outcome_unknown: false,
            attempts: 0,
        }
    }

    pub fn count(&self) -> usize {
        self.positions.len()
    }

    /// Whether this batch's sequence numbers come before those of another batch of its partition. They start again at
    /// 0 after 2^31 - 1.
    pub fn precedes(&self, other: &Self) -> bool {
        let distance = other.sequence.base.wrapping_sub(self.sequence.base) & i32::MAX;
        self.sequence.base >= 0 && (1..i32::MAX / 2).contains(&distance)
    }

    /// How many bytes of a request it takes; before it is encoded, at most about so many.
    pub fn request_size(&self) -> usize {
        let encoded: usize = self.encoded().iter().map(|part| part.len()).sum();
        PARTITION_BYTES + if self.is_encoded() { encoded } else { HEADER_BYTES + self.records.len() }
    }

    /// Encode it as it is now.
    pub fn encode(&mut self, compressor: &mut Compressor) {
        let (count, ms) = (self.count() as i32, (self.base_ms, self.max_ms));
        self.encoded.clear();
        record_batch::encode_batch(&mut self.encoded, &self.records, count, ms, compressor, self.sequence);
    }

    pub fn is_encoded(&self) -> bool {
        !self.encoded.is_empty()
    }

    /// It has changed, and has to be encoded again.
    pub fn discard_encoding(&mut self) {
        self.encoded = Vec::new();
    }

    /// The batch in Kafka's format, in two parts.
    pub fn encoded(&self) -> [&[u8]; 2] {
        [&self.encoded, if self.encoded.len() == HEADER_BYTES { &self.records } else { &[] }]
    }

    #[inline]
    pub fn append(&mut self, record_id: u64, key: &[u8], value: &[u8], headers: &[u8], now_ms: i64) {
        let offset = self.positions.len() as i64;
        record_batch::append_record(&mut self.records, now_ms - self.base_ms, offset, key, value, headers);
        self.max_ms = self.max_ms.max(now_ms);
        self.positions.push(record_id as u32);
        let slot = (record_id >> 32) as u32;
        match self.runs.last_mut() {
            Some((last, count)) if *last == slot => *count += 1,
            _ => self.runs.push((slot, 1)),
        }
    }
}
