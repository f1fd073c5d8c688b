//! A batch of records while it fills, and how batches are sent.

use std::time::{Duration, Instant};

use crate::producer::record_batch::{self as record, Compression, Sequence};

/// How to send; sizes are bytes.
#[derive(Clone)]
pub struct Rules {
    pub batch_bytes: usize,
    pub most_bytes: usize,
    pub linger: Duration,
    pub give_up: Duration,
    pub packing: Compression,
    pub acks: i16,
    pub idempotent: bool,
    /// Requests under way to one broker, and batches of one partition.
    pub in_flight: usize,
}

/// Records of one partition that go to Kafka together.
pub struct Batch {
    pub records: Vec<u8>,
    pub base_ms: i64,
    pub max_ms: i64,
    pub born: Instant,
    /// Consecutive records of one ticket: its number, and how many.
    pub runs: Vec<(u32, u32)>,
    /// Each record's place in its ticket.
    pub places: Vec<u32>,
    /// What goes over the wire, made when it is first sent; its records are then gone.
    pub packed: Vec<u8>,
    pub first: i32,
    /// Whether it may be in the log without our having been told.
    pub unknown: bool,
    pub attempts: u32,
}

impl Batch {
    pub fn count(&self) -> usize {
        self.places.len()
    }

    /// Whether it comes before another one of its partition that was sent; numbers begin again at 2^31.
    pub fn before(&self, other: &Self) -> bool {
        self.first >= 0 && (1..i32::MAX / 2).contains(&(other.first.wrapping_sub(self.first) & i32::MAX))
    }

    /// Make what goes over the wire.
    pub fn pack(&mut self, packing: Compression, sequence: Sequence) {
        let (count, base, max) = (self.count() as i32, self.base_ms, self.max_ms);
        self.packed = record::batch(&self.records, count, base, max, packing, sequence);
    }

    #[inline]
    pub fn append(&mut self, number: u64, key: &[u8], value: &[u8], headers: &[u8], now_ms: i64) {
        let offset = self.places.len() as i64;
        record::record(&mut self.records, now_ms - self.base_ms, offset, key, value, headers);
        self.max_ms = self.max_ms.max(now_ms);
        self.places.push(number as u32);
        let ticket = (number >> 32) as u32;
        match self.runs.last_mut() {
            Some((last, count)) if *last == ticket => *count += 1,
            _ => self.runs.push((ticket, 1)),
        }
    }
}
