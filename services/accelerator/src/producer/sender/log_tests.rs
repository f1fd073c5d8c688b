//! What is in the log after brokers have answered in every way they can: orders that are acknowledged are there once, and
//! no order is there twice.

use std::collections::{HashMap, VecDeque};
use std::ffi::c_int;
use std::sync::Mutex;

use super::tests::{Running, config, key, wait_until};
use super::*;
use crate::kafka::fake_brokers::Reaction;
use crate::kafka::record_batch::HEADER_BYTES;
use crate::producer::fake_cluster::{Cluster, Received, produced_each};
use crate::producer::protocol::PRODUCE;
use crate::random_numbers::Numbers;

const PARTITIONS: usize = 3;
/// Kafka knows so many batches of a producer again.
const REMEMBERED: usize = 5;

/// What a broker knows of the producer on one partition, and the names of the orders in its log.
#[derive(Default)]
struct Log {
    epoch: i16,
    next: i32,
    latest: VecDeque<i32>,
    orders: Vec<u64>,
}

impl Log {
    /// Append a batch as Kafka does; returns the error code.
    fn append(&mut self, batch: &[u8]) -> i16 {
        let epoch = i16::from_be_bytes(batch[51..53].try_into().unwrap());
        let base = i32::from_be_bytes(batch[53..57].try_into().unwrap());
        let count = i32::from_be_bytes(batch[57..61].try_into().unwrap());
        if epoch < self.epoch {
            return 47;
        }
        let known = epoch == self.epoch;
        if known && self.latest.contains(&base) {
            return 0;
        }
        if base != if known { self.next } else { 0 } {
            return 45;
        }
        if !known {
            self.latest.clear();
        }
        (self.epoch, self.next) = (epoch, base + count);
        self.latest.push_back(base);
        if self.latest.len() > REMEMBERED {
            self.latest.pop_front();
        }
        self.orders.extend(values(batch, count));
        0
    }
}

/// The values of a batch's records, which are numbers.
fn values(batch: &[u8], count: i32) -> Vec<u64> {
    let mut rest = &batch[HEADER_BYTES..];
    let mut found = Vec::new();
    for _ in 0..count {
        let end = varint(&mut rest);
        let mut record = &rest[1..end]; // behind its attributes
        rest = &rest[end..];
        varint(&mut record);
        varint(&mut record);
        let key = varint(&mut record);
        record = &record[key..];
        assert_eq!(varint(&mut record), 8);
        found.push(u64::from_be_bytes(record[..8].try_into().unwrap()));
    }
    found
}

fn varint(bytes: &mut &[u8]) -> usize {
    let (mut folded, mut shift) = (0, 0);
    loop {
        let byte = bytes[0];
        *bytes = &bytes[1..];
        folded |= usize::from(byte & 0x7f) << shift;
        shift += 7;
        if byte < 0x80 {
            return folded >> 1; // lengths are not negative
        }
    }
}

type Logs = Arc<Mutex<HashMap<i32, Log>>>;

/// Appends or not, answers truly or not, or not at all.
fn react(logs: &Logs, numbers: &mut Numbers, received: &Received) -> Option<Reaction> {
    if received.api != PRODUCE.key {
        return None;
    }
    let fate = numbers.below(100);
    if fate < 2 {
        return Some(Reaction::Reset);
    }
    let mut logs = lock(logs);
    let codes: Vec<_> = received
        .batches
        .iter()
        .map(|(partition, batch)| {
            let log = logs.entry(*partition).or_default();
            let code = match numbers.below(100) {
                0..8 => 10, // too large
                8..12 => [6, 19][numbers.below(2)],
                12..20 => Some([3, 6, 7, 20, 56][numbers.below(5)]).filter(|_| log.append(batch) == 0).unwrap_or(6),
                _ => log.append(batch),
            };
            (*partition, code)
        })
        .collect();
    if fate < 4 {
        return Some(Reaction::Reset); // appended, and no answer
    }
    Some(Reaction::Answer(produced_each(&codes)))
}

#[test]
fn no_order_is_in_the_log_twice_and_none_that_is_acknowledged_is_missing() {
    let logs = Logs::default();
    let (known, mut numbers) = (logs.clone(), Numbers::new(7));
    let cluster = Cluster::start(&[0; PARTITIONS], move |received| react(&known, &mut numbers, received));
    let one_each = ProducerConfig { batch_bytes: 200, ..config() };
    let running = Running::start(&cluster, one_each);
    let names: Vec<u64> = (0..600).collect();
    let keys: Vec<String> = (0..PARTITIONS).map(|partition| key(partition, PARTITIONS)).collect();
    let mut completed: Vec<(u64, c_int)> = Vec::new();
    for (name, sent) in names.iter().zip(1..) {
        running.send(*name, &keys[*name as usize % PARTITIONS], &name.to_be_bytes());
        wait_until("some have completed", || {
            completed.extend(running.completed());
            sent - completed.len() < 40
        });
    }
    wait_until("all have completed", || {
        completed.extend(running.completed());
        completed.len() == names.len()
    });
    let acknowledged: Vec<u64> = completed.iter().filter(|(_, code)| *code == 0).map(|(name, _)| *name).collect();
    let mut all = Vec::new();
    for log in lock(&logs).values() {
        assert!(log.orders.is_sorted(), "the order of a partition is kept: {:?}", log.orders);
        all.extend(&log.orders);
    }
    all.sort();
    let count = all.len();
    all.dedup();
    assert_eq!(all.len(), count, "none is there twice");
    assert!(acknowledged.iter().all(|name| all.binary_search(name).is_ok()), "all that are acknowledged are there");
    assert!(acknowledged.len() > names.len() / 2, "{} are acknowledged", acknowledged.len());
}
