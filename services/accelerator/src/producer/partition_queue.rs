//! The batches of one partition that wait to be sent, and their sequence numbers.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use crate::kafka::record_batch::{ProducerId, Sequence};
use crate::producer::batch::{Batch, ProducerConfig};

/// Oldest batches first: those to send again, those that are full, and the one that is filling.
#[derive(Default)]
pub struct PartitionQueue {
    retries: VecDeque<Batch>,
    full: VecDeque<Batch>,
    filling: Option<Batch>,
    /// The leader's broker id, -1 for none.
    pub leader: i32,
    /// Batches sent and not answered.
    in_flight: usize,
    /// The sequence number of the next record.
    next_sequence: i32,
    /// When `retries` may be sent.
    retry_at: Option<Instant>,
    /// Its producer id, None before it has one.
    producer: Option<ProducerId>,
    /// Whether sequence numbers start again, with another epoch, once nothing is in flight.
    renumbering: bool,
    /// Whether the log holds a batch of this producer id. Until then the broker accepts any sequence number as the
    /// first, so that a second batch would be appended ahead of a first one that the broker refused.
    acknowledged: bool,
}

/// When a queue becomes ready, and whether that is because of a batch that is full.
pub struct Ready {
    pub at: Instant,
    pub full: bool,
}

impl PartitionQueue {
    fn may_send(&self, config: &ProducerConfig) -> bool {
        !config.idempotent || self.producer.is_some() && !self.renumbering
    }

    fn at_in_flight_limit(&self, config: &ProducerConfig) -> bool {
        self.in_flight >= if config.idempotent && !self.acknowledged { 1 } else { config.max_in_flight }
    }

    /// The batch that is filling; `make` begins one. When `size` more bytes are too many for the one there is, that
    /// one is full. Also returns when the queue becomes ready through this, or None if it is blocked or was ready.
    #[inline]
    pub fn batch_for(
        &mut self,
        size: usize,
        now: Instant,
        config: &ProducerConfig,
        make: impl FnOnce() -> Batch,
    ) -> (&mut Batch, Option<Ready>) {
        let mut ready = None;
        if let Some(batch) = &self.filling
            && batch.records.len() + size > config.batch_bytes
        {
            self.full.extend(self.filling.take());
            ready = Some(Ready { at: now, full: true });
        } else if self.filling.is_none() {
            ready = Some(Ready { at: now + config.linger, full: false });
        }
        let open = self.retries.is_empty() && self.may_send(config) && !self.at_in_flight_limit(config);
        let ready = ready.filter(|_| open);
        (self.filling.get_or_insert_with(make), ready)
    }

    /// When there is a batch to send: now, later, or (None) not before something changes. One that is not full is sent
    /// after its `linger`, or not at all.
    pub fn ready_at(&self, now: Instant, linger: Option<Duration>, config: &ProducerConfig) -> Option<Instant> {
        if !self.may_send(config) {
            return None;
        }
        if !self.retries.is_empty() {
            return (self.in_flight == 0).then(|| self.retry_at.unwrap_or(now));
        }
        if self.at_in_flight_limit(config) {
            return None;
        }
        if !self.full.is_empty() {
            return Some(now);
        }
        self.filling.as_ref().zip(linger).map(|(batch, linger)| batch.created + linger)
    }

    /// The next batch to send, if any may be sent now.
    pub fn next(&self, now: Instant, config: &ProducerConfig) -> Option<&Batch> {
        if !self.may_send(config) {
            None
        } else if let Some(batch) = self.retries.front() {
            (self.in_flight == 0 && self.retry_at.is_none_or(|at| at <= now)).then_some(batch)
        } else if self.at_in_flight_limit(config) {
            None
        } else {
            self.full.front().or(self.filling.as_ref())
        }
    }

    /// Take what `next` returns. It counts as in flight from here on.
    pub fn pop(&mut self, now: Instant, config: &ProducerConfig) -> Option<Batch> {
        self.next(now, config)?;
        let retried = self.retries.pop_front();
        let mut batch = retried.or_else(|| self.full.pop_front()).or_else(|| self.filling.take())?;
        if let Some(producer) = self.producer.filter(|_| config.idempotent && batch.sequence.base < 0) {
            batch.sequence = Sequence { producer, base: self.next_sequence };
            self.next_sequence = self.next_sequence.wrapping_add(batch.count() as i32) & i32::MAX;
        }
        self.in_flight += 1;
        batch.attempts += 1;
        Some(batch)
    }

    /// Put back a batch that was sent, to be sent again in order.
    pub fn requeue(&mut self, batch: Batch, retry_at: Instant) {
        self.in_flight -= 1;
        self.retry_at = Some(retry_at);
        self.insert(batch);
    }

    /// The same for a batch that has become two, which may be sent at once.
    pub fn requeue_halves(&mut self, first: Batch, second: Batch) {
        self.in_flight -= 1;
        self.insert(second);
        self.insert(first);
    }

    fn insert(&mut self, batch: Batch) {
        // A batch without a sequence number has not been sent since the last reset, so it comes after.
        let place = self.retries.iter().position(|other| !other.precedes(&batch)).unwrap_or(self.retries.len());
        self.retries.insert(place, batch);
    }

    /// Whether a batch that is to be sent again comes before this one.
    pub fn retries_precede(&self, batch: &Batch) -> bool {
        self.retries.iter().any(|other| other.precedes(batch))
    }

    /// A batch that was sent is delivered or has failed.
    pub fn completed(&mut self, delivered: bool) {
        self.in_flight -= 1;
        self.acknowledged |= delivered;
    }

    /// Move batches past their delivery timeout to `expired`, except those in flight.
    pub fn expire(&mut self, now: Instant, config: &ProducerConfig, expired: &mut Vec<Batch>) {
        let old = |batch: &Batch| now.duration_since(batch.created) > config.delivery_timeout;
        while self.retries.front().is_some_and(old) {
            self.renumber(); // its sequence number stays unused
            expired.extend(self.retries.pop_front());
        }
        while self.full.front().is_some_and(old) {
            expired.extend(self.full.pop_front());
        }
        if self.filling.as_ref().is_some_and(old) {
            expired.extend(self.filling.take());
        }
    }

    #[cfg(test)]
    pub fn producer(&self) -> Option<ProducerId> {
        self.producer
    }

    /// Let sequence numbers start again once nothing is in flight; until then nothing is sent.
    pub fn renumber(&mut self) {
        self.renumbering = true;
    }

    /// Give the partition a producer id if it has none, or its next epoch if sequence numbers have to start again. Epochs
    /// of a partition only grow, so that the broker takes it for a new producer. Batches that the log may hold under
    /// their old numbers move to `expired`: sent again, they could be there twice. Returns false if there has to be a
    /// newer producer id than `newest` first.
    pub fn assign(&mut self, newest: Option<ProducerId>, expired: &mut Vec<Batch>) -> bool {
        self.producer = match self.producer {
            Some(_) if !self.renumbering || self.in_flight > 0 => return true,
            Some(ProducerId { id, epoch }) if epoch < i16::MAX => Some(ProducerId { id, epoch: epoch + 1 }),
            old => match newest.filter(|newest| old.is_none_or(|old| old.id != newest.id)) {
                None => return false,
                newer => newer,
            },
        };
        self.renumbering = false;
        self.next_sequence = 0;
        self.acknowledged = false;
        for mut batch in std::mem::take(&mut self.retries) {
            if batch.outcome_unknown {
                expired.push(batch);
            } else {
                batch.sequence = Sequence::NONE;
                batch.discard_encoding();
                self.retries.push_back(batch);
            }
        }
        true
    }
}
