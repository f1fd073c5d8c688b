//! Records on their way, by partition: gathered into batches, sent in turn, and kept until it is known what became of
//! them.

use std::collections::VecDeque;
use std::ffi::c_int;
use std::time::{Duration, Instant};

use crate::producer::batch::{Batch, Rules};
use crate::producer::in_flight::{Done, Tickets};
use crate::producer::record_batch as record;

/// librdkafka's number for records that were given up, which the Python side knows.
pub const TIMED_OUT: c_int = -192;
/// How long a topic has to be said to have fewer partitions.
const BELIEVE: Duration = Duration::from_secs(30);
/// What a batch's own head and the list of its places take, besides its records.
const SLACK: usize = 128;

/// Batches of one partition, oldest first: those to be sent again, those that are full, and the one that fills.
#[derive(Default)]
pub struct Partition {
    pub again: VecDeque<Batch>,
    full: VecDeque<Batch>,
    filling: Option<Batch>,
    pub in_flight: usize,
    /// The number that the next record gets.
    pub next: i32,
    pub leader: i32,
    /// Not to be sent again before this.
    pub pause: Option<Instant>,
    /// Whether the log has something of this producer. Until then the broker takes any number as the first, so that a
    /// second batch would get before a first one that it refused.
    known: bool,
}

impl Partition {
    fn full_house(&self, rules: &Rules) -> bool {
        self.in_flight >= if rules.idempotent && !self.known { 1 } else { rules.in_flight }
    }
}

/// What the sender sleeps for: until when, if nothing wakes it, and the brokers that can be sent something.
#[derive(Default)]
pub struct Sleep {
    pub until: Option<Instant>,
    pub open: Vec<i32>,
}

impl Sleep {
    /// Whether it has to be woken for what is due at this time at this broker.
    fn ends_for(&self, leader: i32, at: Instant) -> bool {
        self.open.contains(&leader) && self.until.is_none_or(|until| at < until)
    }
}

/// All of it, for both threads.
pub struct Log {
    pub rules: Rules,
    pub partitions: Vec<Partition>,
    /// How many of the partitions the topic has now.
    pub count: usize,
    pub tickets: Tickets,
    pub done: Vec<Done>,
    /// Bytes of records that wait.
    waiting: usize,
    pub flushing: bool,
    /// Since when the topic is said to have fewer partitions.
    fewer: Option<Instant>,
    /// None while the sender looks for what is due: it may already have looked where a record comes to.
    pub sleep: Option<Sleep>,
    /// Whether something is due before the sender wakes by itself.
    ring: bool,
}

impl Log {
    pub fn new(rules: Rules) -> Self {
        let (partitions, tickets, done) = (Vec::new(), Tickets::default(), Vec::new());
        let (waiting, flushing, fewer) = (0, false, None);
        Self { rules, partitions, count: 0, tickets, done, waiting, flushing, fewer, sleep: None, ring: false }
    }

    /// Queue one record; false when there is no room or the topic isn't known.
    #[inline]
    pub fn append(&mut self, number: u64, key: &[u8], value: &[u8], headers: &[u8], now: (Instant, i64)) -> bool {
        let most = record::most(key, value, headers);
        if self.count == 0 || self.waiting + most > self.rules.most_bytes || most + SLACK > self.rules.batch_bytes * 2 {
            return false;
        }
        let partition = &mut self.partitions[record::partition(key, self.count)];
        let mut due = None; // what this record makes due, and was not
        if let Some(batch) = &partition.filling
            && batch.records.len() + most + SLACK > self.rules.batch_bytes
        {
            partition.full.extend(partition.filling.take());
            due = Some(now.0);
        } else if partition.filling.is_none() {
            due = Some(now.0 + self.rules.linger);
        }
        if let Some(at) = due
            && partition.again.is_empty()
            && !partition.full_house(&self.rules)
        {
            self.ring |= self.sleep.as_ref().is_none_or(|sleep| sleep.ends_for(partition.leader, at));
        }
        let batch = partition.filling.get_or_insert_with(|| Batch {
            records: Vec::new(),
            base_ms: now.1,
            max_ms: now.1,
            born: now.0,
            runs: Vec::new(),
            places: Vec::new(),
            packed: Vec::new(),
            first: -1,
            unknown: false,
            attempts: 0,
        });
        let before = batch.records.len();
        batch.append(number, key, value, headers, now.1);
        self.waiting += batch.records.len() - before;
        true
    }

    /// The leaders as Kafka tells them now. Fewer partitions than there were are believed only after a while: a broker
    /// that starts learns of them one after the other, and no customer must be told to another partition for that.
    /// Partitions that are no more keep what they have until it is given up.
    pub fn lead(&mut self, leaders: &[i32], now: Instant) {
        if leaders.len() >= self.count {
            self.fewer = None;
        } else if now.duration_since(*self.fewer.get_or_insert(now)) < BELIEVE {
            for (partition, leader) in self.partitions.iter_mut().zip(leaders) {
                partition.leader = *leader;
            }
            return;
        }
        self.count = leaders.len();
        while self.partitions.len() < leaders.len() {
            self.partitions.push(Partition::default());
        }
        for (at, partition) in self.partitions.iter_mut().enumerate() {
            partition.leader = leaders.get(at).copied().unwrap_or(-1);
        }
    }

    /// When a broker is to be sent something: now, later, or (None) not before anything changes.
    pub fn due(&self, leader: i32, now: Instant) -> Option<Instant> {
        let linger = if self.flushing { Duration::ZERO } else { self.rules.linger };
        let of_one = |p: &Partition| {
            if !p.again.is_empty() {
                return (p.in_flight == 0).then(|| p.pause.unwrap_or(now));
            }
            if p.full_house(&self.rules) {
                return None;
            }
            if !p.full.is_empty() {
                return Some(now);
            }
            p.filling.as_ref().map(|batch| batch.born + linger)
        };
        self.partitions.iter().filter(|p| p.leader == leader).filter_map(of_one).min()
    }

    /// What goes to a broker that is due: at most one batch of each partition, so that they stay in turn.
    pub fn take(&mut self, leader: i32, now: Instant) -> Vec<(usize, Batch)> {
        let mut out = Vec::new();
        for (at, p) in self.partitions.iter_mut().enumerate().filter(|(_, p)| p.leader == leader) {
            let batch = if !p.again.is_empty() {
                if p.in_flight > 0 || p.pause.is_some_and(|pause| pause > now) { None } else { p.again.pop_front() }
            } else if !p.full_house(&self.rules) {
                p.full.pop_front().or_else(|| p.filling.take())
            } else {
                None
            };
            if let Some(mut batch) = batch {
                if batch.first < 0 && self.rules.idempotent {
                    batch.first = p.next;
                    p.next = p.next.wrapping_add(batch.count() as i32) & i32::MAX;
                }
                p.in_flight += 1;
                batch.attempts += 1;
                out.push((at, batch));
            }
        }
        out
    }

    /// A batch that was sent is to be sent again, in its turn.
    pub fn again(&mut self, partition: usize, batch: Batch, pause: Instant) {
        let p = &mut self.partitions[partition];
        p.in_flight -= 1;
        p.pause = Some(pause);
        // Those without a number have not been sent since all were numbered anew, so they come after.
        let place = p.again.iter().position(|other| !other.before(&batch)).unwrap_or(p.again.len());
        p.again.insert(place, batch);
    }

    /// A batch that was sent has come to its end: delivered (0) or failed.
    pub fn end(&mut self, partition: usize, batch: Batch, code: c_int) {
        let p = &mut self.partitions[partition];
        p.in_flight -= 1;
        p.known |= code == 0;
        self.settle(batch, code);
    }

    fn settle(&mut self, batch: Batch, code: c_int) {
        self.waiting -= batch.records.len();
        let mut places = batch.places.iter();
        for (ticket, count) in batch.runs {
            let failed = places.by_ref().take(count as usize);
            let failed = if code == 0 {
                failed.for_each(drop);
                Vec::new()
            } else {
                failed.map(|at| (*at, code)).collect()
            };
            self.done.extend(self.tickets.settle_run(ticket as usize, count as usize, failed));
        }
    }

    /// Give up what is too old and not under way. True when one of them had a number, which leaves a gap.
    pub fn expire(&mut self, now: Instant) -> bool {
        let old = |batch: &Batch, rules: &Rules| now.duration_since(batch.born) > rules.give_up;
        let mut gap = false;
        let mut gone = Vec::new();
        for p in &mut self.partitions {
            while p.again.front().is_some_and(|batch| old(batch, &self.rules)) {
                gap |= self.rules.idempotent;
                gone.extend(p.again.pop_front());
            }
            while p.full.front().is_some_and(|batch| old(batch, &self.rules)) {
                gone.extend(p.full.pop_front());
            }
            if p.filling.as_ref().is_some_and(|batch| old(batch, &self.rules)) {
                gone.extend(p.filling.take());
            }
        }
        for batch in gone {
            self.settle(batch, TIMED_OUT);
        }
        gap
    }

    /// Number all anew under a new producer id. What may be in the log under its old number is given up: sent again, it
    /// could be there twice.
    pub fn renumber(&mut self) {
        let mut gone = Vec::new();
        for p in &mut self.partitions {
            p.next = 0;
            p.known = false;
            for mut batch in std::mem::take(&mut p.again) {
                if batch.unknown {
                    gone.push(batch);
                } else {
                    batch.first = -1;
                    batch.packed = Vec::new();
                    p.again.push_back(batch);
                }
            }
        }
        for batch in gone {
            self.settle(batch, TIMED_OUT);
        }
    }

    /// Whether the sender has to be woken, which is then as good as done.
    pub fn rings(&mut self) -> bool {
        if self.ring {
            self.sleep = Some(Sleep::default());
        }
        std::mem::take(&mut self.ring)
    }

    pub fn idle(&self) -> bool {
        self.partitions.iter().all(|p| p.in_flight == 0)
    }

    /// When the oldest of these has to be given up.
    pub fn patience<'a>(&self, batches: impl Iterator<Item = &'a Batch>) -> Option<Instant> {
        batches.map(|batch| batch.born).min().map(|born| born + self.rules.give_up)
    }
}
