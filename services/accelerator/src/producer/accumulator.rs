//! Gathers records into batches by partition, and keeps them until they are delivered or have failed.

use std::collections::HashMap;
use std::ffi::c_int;
use std::time::{Duration, Instant};

use crate::kafka::record_batch::{ProducerId, max_record_size};
use crate::producer::batch::{Batch, ProducerConfig};
use crate::producer::in_flight::{Completed, InFlightTable};
use crate::producer::murmur2::partition_of;
use crate::producer::partition_queue::{PartitionQueue, Ready};

/// librdkafka's code for records that were not delivered in time; the Python side knows it.
pub const TIMED_OUT: c_int = -192;
/// How long the metadata must report fewer partitions before the producer believes it.
const SHRINK_CONFIRMATION: Duration = Duration::from_secs(30);
/// Bytes that a batch takes besides its records: its header and its records' positions.
const BATCH_OVERHEAD: usize = 128;

/// What the sender sleeps for: its next deadline, and the brokers to which it can send. A broker with as many requests
/// in flight as it may have is not among them: its response wakes the sender.
#[derive(Default)]
pub struct SenderSleep {
    pub until: Option<Instant>,
    pub idle: Vec<i32>,
    /// Those that have requests in flight: only a batch that is full is sent to them.
    pub busy: Vec<i32>,
}

impl SenderSleep {
    /// Whether the sender would sleep past the time when this broker is to be sent something.
    fn misses(&self, leader: i32, ready: &Ready) -> bool {
        let sends = self.idle.contains(&leader) || ready.full && self.busy.contains(&leader);
        sends && self.until.is_none_or(|until| ready.at < until)
    }
}

pub struct Accumulator<C> {
    pub config: ProducerConfig,
    partitions: Vec<PartitionQueue>,
    /// How many of `partitions` the topic has now.
    partition_count: usize,
    pub in_flight: InFlightTable<C>,
    /// Requests to report to the event loop.
    pub completed: Vec<Completed<C>>,
    /// Bytes of all records that have not completed.
    buffered_bytes: usize,
    /// The latest producer id, for partitions that need one.
    pub producer_id: Option<ProducerId>,
    /// By broker id, the partition to begin with after a request that was full.
    turns: HashMap<i32, usize>,
    /// Send without lingering.
    pub flushing: bool,
    /// Since when the metadata has reported fewer partitions.
    fewer_since: Option<Instant>,
    /// None while the sender looks for what is ready: it may already have passed the partition of a new record.
    pub sleep: Option<SenderSleep>,
    /// Whether something is ready before the sender wakes by itself.
    wake_sender: bool,
    /// Accept no record any more.
    pub closed: bool,
}

impl<C> Accumulator<C> {
    pub fn new(config: ProducerConfig) -> Self {
        Self {
            config,
            partitions: Vec::new(),
            partition_count: 0,
            in_flight: InFlightTable::default(),
            completed: Vec::new(),
            buffered_bytes: 0,
            producer_id: None,
            turns: HashMap::new(),
            flushing: false,
            fewer_since: None,
            sleep: None,
            wake_sender: false,
            closed: false,
        }
    }

    pub fn partition_count(&self) -> usize {
        self.partition_count
    }

    /// Queue one record. Returns false when there is no room, the topic's partitions are not known yet, or it is closed.
    #[inline]
    pub fn append(&mut self, record_id: u64, key: &[u8], value: &[u8], headers: &[u8], now: (Instant, i64)) -> bool {
        let size = max_record_size(key, value, headers);
        let config = &self.config;
        if self.partition_count == 0
            || self.closed
            || self.buffered_bytes + size > config.buffer_bytes
            || size + BATCH_OVERHEAD > config.batch_bytes * 2
        {
            return false;
        }
        let partition = &mut self.partitions[partition_of(key, self.partition_count)];
        let leader = partition.leader;
        let (batch, ready) = partition.batch_for(size + BATCH_OVERHEAD, now.0, config, || Batch::new(now.0, now.1));
        if let Some(ready) = ready {
            self.wake_sender |= self.sleep.as_ref().is_none_or(|sleep| sleep.misses(leader, &ready));
        }
        let before = batch.records.len();
        batch.append(record_id, key, value, headers, now.1);
        self.buffered_bytes += batch.records.len() - before;
        true
    }

    /// Set the leaders, by partition. A smaller number of partitions is believed only after a while: a broker that is
    /// starting learns of them one by one, and no key may move to another partition because of that. Queues of
    /// partitions that no longer exist keep their batches until these expire.
    pub fn update_leaders(&mut self, leaders: &[i32], now: Instant) {
        if leaders.len() >= self.partition_count {
            self.fewer_since = None;
        } else if now.duration_since(*self.fewer_since.get_or_insert(now)) < SHRINK_CONFIRMATION {
            for (partition, leader) in self.partitions.iter_mut().zip(leaders) {
                partition.leader = *leader;
            }
            return;
        }
        self.partition_count = leaders.len();
        while self.partitions.len() < leaders.len() {
            self.partitions.push(PartitionQueue::default());
        }
        for (at, partition) in self.partitions.iter_mut().enumerate() {
            partition.leader = leaders.get(at).copied().unwrap_or(-1);
        }
    }

    /// When there is something to send to a broker: now, later, or (None) not before something changes. A `busy` one
    /// has not answered a request; what comes meanwhile goes with the next, unless it fills a batch.
    pub fn ready_at(&self, leader: i32, now: Instant, busy: bool) -> Option<Instant> {
        let linger = if self.flushing { Duration::ZERO } else { self.config.linger };
        let of_leader = self.partitions.iter().filter(|partition| partition.leader == leader);
        of_leader.filter_map(|partition| partition.ready_at(now, (!busy).then_some(linger), &self.config)).min()
    }

    /// Take what a broker is to be sent in one request: at most one batch per partition, so that its batches stay in
    /// order. Batches that are still lingering go along. What does not fit comes first in the next request.
    pub fn drain(&mut self, leader: i32, now: Instant) -> Vec<(usize, Batch)> {
        let (count, first) = (self.partitions.len(), self.turns.remove(&leader).unwrap_or(0));
        let mut batches = Vec::new();
        let mut size = 0;
        for at in (0..count).map(|step| (first + step) % count) {
            let partition = &mut self.partitions[at];
            if partition.leader != leader {
                continue;
            }
            let Some(next) = partition.next(now, &self.config) else { continue };
            size += next.request_size();
            if size > self.config.request_bytes && !batches.is_empty() {
                self.turns.insert(leader, at);
                break;
            }
            batches.extend(partition.pop(now, &self.config).map(|batch| (at, batch)));
        }
        batches
    }

    /// Put back a batch that was sent, to be sent again in order.
    pub fn requeue(&mut self, partition: usize, batch: Batch, retry_at: Instant) {
        self.partitions[partition].requeue(batch, retry_at);
    }

    /// Put back a batch that was refused as too large, in two halves, to be sent again in order.
    pub fn split(&mut self, partition: usize, batch: Batch) {
        self.buffered_bytes -= batch.records.len();
        let (first, second) = batch.split();
        self.buffered_bytes += first.records.len() + second.records.len();
        self.partitions[partition].requeue_halves(first, second);
    }

    /// Whether a batch that is to be sent again comes before this one of the same partition.
    pub fn retries_precede(&self, partition: usize, batch: &Batch) -> bool {
        self.partitions[partition].retries_precede(batch)
    }

    /// Complete a batch that was sent, with an error code or 0.
    pub fn complete(&mut self, partition: usize, batch: Batch, code: c_int) {
        self.partitions[partition].completed(code == 0);
        self.finish(batch, code);
    }

    /// Fail batches past their delivery timeout, except those in flight.
    pub fn expire(&mut self, now: Instant) {
        let mut expired = Vec::new();
        for partition in &mut self.partitions {
            partition.expire(now, &self.config, &mut expired);
        }
        self.finish_all(expired);
    }

    /// Let a partition's sequence numbers start again once it has nothing in flight. Other partitions go on.
    pub fn renumber(&mut self, partition: usize) {
        self.partitions[partition].renumber();
    }

    /// Give partitions the producer id or epoch that they need. Batches fail that the log may hold under their old
    /// sequence numbers. Returns whether a new producer id is needed.
    pub fn assign_producer_ids(&mut self) -> bool {
        let mut expired = Vec::new();
        let mut needed = false;
        for partition in self.partitions.iter_mut().filter(|_| self.config.idempotent) {
            needed |= !partition.assign(self.producer_id, &mut expired);
        }
        self.finish_all(expired);
        needed
    }

    #[cfg(test)]
    pub fn epoch(&self, partition: usize) -> i16 {
        self.partitions[partition].producer().map_or(-1, |producer| producer.epoch)
    }

    /// Whether to wake the sender. Once true, it counts as woken.
    pub fn claim_wakeup(&mut self) -> bool {
        if self.wake_sender {
            self.sleep = Some(SenderSleep::default());
        }
        std::mem::take(&mut self.wake_sender)
    }

    /// When the oldest of these batches expires.
    pub fn oldest_deadline<'a>(&self, batches: impl Iterator<Item = &'a Batch>) -> Option<Instant> {
        batches.map(|batch| batch.created).min().map(|created| created + self.config.delivery_timeout)
    }

    fn finish_all(&mut self, expired: Vec<Batch>) {
        for batch in expired {
            self.finish(batch, TIMED_OUT);
        }
    }

    fn finish(&mut self, batch: Batch, code: c_int) {
        self.buffered_bytes -= batch.records.len();
        let mut positions = batch.positions.iter();
        for (slot, count) in batch.runs {
            let records = positions.by_ref().take(count as usize);
            let failed = if code == 0 {
                records.for_each(drop);
                Vec::new()
            } else {
                records.map(|position| (*position, code)).collect()
            };
            self.completed.extend(self.in_flight.complete_many(slot as usize, count as usize, failed));
        }
    }
}

#[cfg(test)]
mod tests;
